"""The guard of the semantic cache: whether two listings are the same product, by their words.

Belongs here: what must agree, and which differences are proven harmless. Does not belong
here: finding candidates by similarity, and what is done with a hit.

Similarity says nothing about 128GB v 256GB (facts on semantic caches: 5.6 to 9.2 % of the
hits of others are wrong), so everything is denied by default: brand, quantities, counts,
codes, numbers and every word must agree, and a word that only one of the two has must be
known to be harmless in their category group. A word that nobody knows is a difference.
"""

from collections.abc import Sequence

import polars as pl

from normalizer_assets.answers.groups import COLOURED, COMPUTING
from normalizer_assets.grammar.brands import brand_of, stated_brand
from normalizer_assets.grammar.text import fold, words
from normalizer_assets.routing.canonical import canonical_name

KINDS: dict[str, tuple[tuple[str, ...], ...]] = {
    "smartphones": (("smartphone", "celular", "telefono", "movil", "cel"),),
    "notebooks": (("notebook", "laptop", "portatil", "computador"),),
    "tablets": (("tablet",),),
    "televisions": (("televisor", "tv", "television", "televisores"),),
    "monitors": (("monitor",),),
    "consoles": (("consola",),),
    "headphones": (("audifonos", "audifono", "auriculares", "auricular"),),
    "beverages": (("bebida", "gaseosa", "refresco"), ("cerveza", "cervezas"), ("vino",), ("jugo",),
                  ("nectar",), ("agua",), ("pisco",)),
    "groceries": (("galletas", "galleta"), ("arroz",), ("fideos", "fideo", "pasta", "pastas"),
                  ("cereal", "cereales"), ("chocolate",), ("papas",), ("cafe",), ("te",),
                  ("aceite",), ("atun",), ("mayonesa",), ("ketchup",), ("mermelada",)),
    "dairy": (("yoghurt", "yogurt", "yogur"), ("leche",), ("queso",), ("mantequilla",),
              ("margarina",)),
    "cleaning": (("detergente",), ("suavizante",), ("lavalozas", "lavaloza"), ("cloro",),
                 ("limpiador",)),
    "personal_care": (("shampoo", "champu"), ("acondicionador", "balsamo"), ("jabon",),
                      ("desodorante", "antitranspirante"), ("pasta_dental", "dentifrico")),
    "perfumes": (("perfume", "fragancia"), ("colonia",)),
    "clothing": (("polera", "poleras"), ("polo",), ("pantalon", "pantalones"), ("chaqueta",),
                 ("parka",), ("jeans", "jean")),
    "footwear": (("zapatilla", "zapatillas"), ("zapato", "zapatos"), ("bota", "botas"),
                 ("botin", "botines"), ("sandalia", "sandalias")),
    "appliances": (("refrigerador",), ("lavadora",), ("secadora",), ("cocina",), ("freezer",)),
    "small_appliances": (("licuadora",), ("batidora",), ("hervidor",), ("microondas",),
                         ("aspiradora",), ("cafetera",), ("freidora",)),
    "tools": (("taladro",), ("esmeril",), ("sierra",), ("lijadora",)),
    "pet_food": (("alimento", "comida"),),
}  # fmt: skip
"""Category group -> words for kinds of its products, synonyms together.

A name may lack the word for its kind ("Tucapel Grado 1"); two names with words for two kinds
are two products ("jugo" and "néctar")."""

SYNONYMS: dict[str, str] = {
    "chocolatada": "chocolate",
    "semidesc": "semidescremada",
    "descrem": "descremada",
    "champu": "shampoo",
    "yogurt": "yoghurt",
    "yogur": "yoghurt",
}
"""Token -> the one that means the same in every group."""

MEMORY_WORDS = ("ram", "rom", "memoria", "almacenamiento", "interna", "interno")
"""Harmless where both names state two memories: which is which shows in their size."""

_COLOUR_FORMS: dict[str, str] = {
    "negro": "negra negros negras black",
    "blanco": "blanca blancos blancas white",
    "gris": "grises gray grey",
    "azul": "azules blue",
    "rojo": "roja rojos rojas red",
    "verde": "verdes green",
    "amarillo": "amarilla amarillos amarillas yellow",
    "rosado": "rosada rosados rosadas rosa rosas pink",
    "morado": "morada morados moradas purpura purple",
    "naranjo": "naranja naranjas anaranjado anaranjada orange",
    "plateado": "plateada plateados plata silver",
    "grafito": "graphite",
    "celeste": "celestes",
    "beis": "beige",
}
"""Colour -> other forms and the English word: translations, no neighbours. Navy is not blue."""


def judge_pairs(pairs: pl.DataFrame, noise_words: Sequence[str] = ()) -> pl.DataFrame:
    """Says of pairs of listings whether they are proven to be the same product.

    Args:
        pairs: Columns name_a, brand_a, group_a, name_b, brand_b, group_b (String; brands are
            the rows' own fields and may be null); optional ean_a, ean_b.
        noise_words: A user's own noise.

    Returns:
        Row for row: hit (Boolean) and reason, what decided: null for a hit.
    """
    # Group by group: chosen inside one expression, each group's words would double it.
    judged = [
        _judged(part, str(group), noise_words)
        for (group,), part in pairs.with_row_index().partition_by("group_a", as_dict=True).items()
    ]
    if not judged:
        return pl.DataFrame(schema={"hit": pl.Boolean, "reason": pl.String})
    return (
        pl.concat(judged)
        .sort("index")
        .select(hit=pl.col("reason").is_null(), reason=pl.col("reason"))
    )


def _judged(pairs: pl.DataFrame, group: str, noise_words: Sequence[str]) -> pl.DataFrame:
    """Judges pairs whose first listing is of one category group: index and reason."""
    kinds = pl.lit([kind[0] for kind in KINDS.get(group, ())], dtype=pl.List(pl.String))
    with_eans = {"ean_a", "ean_b"} <= {*pairs.columns}
    eans_differ = pl.col("ean_a") != pl.col("ean_b") if with_eans else pl.lit(value=False)
    frame = pairs.with_columns(
        pl.coalesce(
            stated_brand(pl.col(f"brand_{side}")),
            brand_of(pl.col(f"name_{side}"), pl.col(f"group_{side}")),
        ).alias(f"maker_{side}")
        for side in "ab"
    ).with_columns(
        canonical_name(pl.col(f"name_{side}"), pl.col(f"brand_{side}"), noise_words).alias(
            f"text_{side}"
        )
        for side in "ab"
    )
    frame = frame.with_columns(
        *(_tokens(pl.col(f"text_{side}"), group).alias(f"tokens_{side}") for side in "ab"),
        *(
            words(fold(pl.col(f"maker_{side}"))).str.extract_all(r"[^ ]+").alias(f"said_{side}")
            for side in "ab"
        ),
    )
    one_maker = pl.col("said_a") == pl.col("said_b")
    frame = frame.with_columns(
        pl.when(one_maker)
        .then(pl.col(f"tokens_{side}").list.set_difference(f"said_{side}"))
        .otherwise(f"tokens_{side}")
        .alias(f"tokens_{side}")
        for side in "ab"
    )
    frame = frame.with_columns(
        common=pl.col("tokens_a").list.set_intersection("tokens_b"),
        only_a=pl.col("tokens_a").list.set_difference("tokens_b"),
        only_b=pl.col("tokens_b").list.set_difference("tokens_a"),
        harmless=_harmless(kinds, group),
    )
    frame = frame.with_columns(
        differs=pl.concat_list("only_a", "only_b").list.set_difference("harmless"),
        two_kinds=pl.all_horizontal(
            pl.col(f"only_{side}").list.set_intersection(kinds).list.len() > 0 for side in "ab"
        ),
        ordered=pl.any_horizontal(
            pl.col(f"text_{side}").str.contains(_ORDER_COUNTS) for side in "ab"
        ),
    )
    number = pl.col("differs").list.filter(pl.element().str.contains("[0-9]")).list.sort()
    token = pl.coalesce(number.list.first(), pl.col("differs").list.sort().list.first())
    return frame.select(
        "index",
        reason=pl.when(pl.col("group_a") != pl.col("group_b"))
        .then(pl.lit("category groups differ"))
        .when(eans_differ.fill_null(value=False))
        .then(pl.lit("EANs differ"))
        .when(~one_maker.fill_null(value=True))
        .then(pl.format("brands differ: {} v {}", "maker_a", "maker_b"))
        .when(pl.col("ordered") & (pl.col("text_a") != pl.col("text_b")))
        .then(pl.lit("a bundle, or several counts"))
        .when(token.is_not_null())
        .then(pl.format("only one of them has: {}", token))
        .when("two_kinds")
        .then(pl.lit("two kinds of products"))
        .when(pl.col("common").list.set_difference("harmless").list.len() == 0)
        .then(pl.lit("nothing in common")),
    )


_ORDER_COUNTS = r";|[0-9]un [^,;]*[0-9]un(?-u:\b)"
"""Where order tells which count goes with which content, sets of tokens do not suffice."""


def _tokens(canonical: pl.Expr, group: str) -> pl.Expr:
    """Words, quantities in base units, counts and codes, each once.

    Synonyms are one token, and so are a colour's forms where things have colours: oranges are
    a flavour, and Red Label is no red label.
    """
    same = dict(SYNONYMS)
    if group in COLOURED:
        same |= {form: colour for colour, row in _COLOUR_FORMS.items() for form in row.split()}
    same |= {word: kind[0] for kind in KINDS.get(group, ()) for word in kind}
    return (
        canonical.str.replace_all(r"[,;]", " ")
        .str.extract_all(r"[^ ]+")
        .list.eval(pl.element().replace(same))
        .list.unique(maintain_order=True)
    )


def _harmless(kinds: pl.Expr, group: str) -> pl.Expr:
    """The words that may stand in one of two names alone."""
    if group not in COMPUTING:
        return kinds
    sizes = pl.col("tokens_a").list.eval(pl.element().str.contains(r"^[0-9.]+[gt]b$")).list.sum()
    memory_words = pl.lit([*MEMORY_WORDS], dtype=pl.List(pl.String))
    return pl.when(sizes > 1).then(pl.concat_list(kinds, memory_words)).otherwise(kinds)
