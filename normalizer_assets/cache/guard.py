"""The guard of the semantic cache: whether two listings are the same product, by their words.

Belongs here: what must agree, and which differences are proven harmless. Does not belong
here: the words themselves (``lexicon``), finding candidates by similarity (``semantic``), and
what is done with a hit.

Similarity says nothing about 128GB v 256GB (facts on semantic caches: 5.6 to 9.2 % of the
hits of others are wrong), so everything is denied by default: brand, quantities, counts,
codes, numbers and every word must agree, and a word that only one of the two has must be
known to be harmless in their category group. A word that nobody knows is a difference.
"""

import polars as pl

from normalizer_assets.answers.groups import COMPUTING
from normalizer_assets.cache.lexicon import BUILT_IN, KINDS, MEMORY_WORDS, Lexicon, synonyms
from normalizer_assets.grammar.brands import brand_of, stated_brand
from normalizer_assets.grammar.text import fold, words
from normalizer_assets.routing.canonical import canonical_name

_WORDS = pl.List(pl.String)
VERDICT: dict[str, pl.DataType | type[pl.DataType]] = {
    "hit": pl.Boolean,
    "reason": pl.String,
    "forgiven": _WORDS,
}


def judge_pairs(pairs: pl.DataFrame, lexicon: Lexicon = BUILT_IN) -> pl.DataFrame:
    """Says of pairs of listings whether they are proven to be the same product.

    Args:
        pairs: Columns name_a, brand_a, group_a, name_b, brand_b, group_b (String; brands are
            the rows' own fields and may be null); optional ean_a, ean_b.
        lexicon: Words beside the built-in ones.

    Returns:
        Row for row: hit (Boolean), reason (what decided, null for a hit), and forgiven (the
        words that stand in one of them alone, empty for a miss).
    """
    described = _described(pairs, lexicon)
    # Group by group: chosen inside one expression, each group's words would double it.
    judged = [
        _judged(part, str(group), lexicon)
        for (group,), part in described.partition_by("group_a", as_dict=True).items()
    ]
    if not judged:
        return pl.DataFrame(schema=VERDICT)
    return pl.concat(judged).sort("index").select(*VERDICT)


def _described(pairs: pl.DataFrame, lexicon: Lexicon) -> pl.DataFrame:
    """Adds to each side its maker, canonical text and words of the maker."""
    sides = [
        pairs.select(
            pl.col(f"name_{side}").alias("name"),
            pl.col(f"brand_{side}").alias("brand"),
            pl.col(f"group_{side}").alias("group"),
        )
        for side in "ab"
    ]
    # A listing may stand in many pairs, and reading one takes longer than comparing two.
    listings = pl.concat(sides).unique().rechunk()
    read = listings.with_columns(
        maker=pl.coalesce(stated_brand(pl.col("brand")), brand_of(pl.col("name"), pl.col("group"))),
        text=canonical_name(pl.col("name"), pl.col("brand"), lexicon.noise_words),
    ).with_columns(said=words(fold(pl.col("maker"))).str.extract_all(r"[^ ]+"))
    frame = pairs.with_row_index()
    for side in "ab":
        frame = frame.join(
            read.rename({column: f"{column}_{side}" for column in read.columns}),
            on=[f"name_{side}", f"brand_{side}", f"group_{side}"],
            how="left",
            nulls_equal=True,
            maintain_order="left",
        )
    return frame


def _judged(pairs: pl.DataFrame, group: str, lexicon: Lexicon) -> pl.DataFrame:
    """Judges pairs whose first listing is of one category group: index and ``VERDICT``."""
    kinds = pl.lit([kind[0] for kind in KINDS.get(group, ())], dtype=_WORDS)
    with_eans = {"ean_a", "ean_b"} <= {*pairs.columns}
    eans_differ = pl.col("ean_a") != pl.col("ean_b") if with_eans else pl.lit(value=False)
    one_maker = pl.col("said_a") == pl.col("said_b")
    frame = pairs.with_columns(
        _tokens(pl.col(f"text_{side}"), group).alias(f"tokens_{side}") for side in "ab"
    ).with_columns(
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
        harmless=_harmless(group, lexicon),
    ).with_columns(alone=pl.concat_list("only_a", "only_b"))
    frame = frame.with_columns(
        differs=pl.col("alone").list.set_difference("harmless"),
        two_kinds=pl.all_horizontal(
            pl.col(f"only_{side}").list.set_intersection(kinds).list.len() > 0 for side in "ab"
        ),
        ordered=pl.any_horizontal(
            pl.col(f"text_{side}").str.contains(_ORDER_COUNTS) for side in "ab"
        ),
    )
    number = pl.col("differs").list.filter(pl.element().str.contains("[0-9]")).list.sort()
    token = pl.coalesce(number.list.first(), pl.col("differs").list.sort().list.first())
    reason = (
        pl.when(pl.col("group_a") != pl.col("group_b"))
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
        .then(pl.lit("nothing in common"))
    )
    return frame.with_columns(reason=reason).select(
        "index",
        "reason",
        hit=pl.col("reason").is_null(),
        forgiven=pl.when(pl.col("reason").is_null())
        .then(pl.col("alone").list.sort())
        .otherwise(pl.lit([], dtype=_WORDS)),
    )


_ORDER_COUNTS = r";|[0-9]un [^,;]*[0-9]un(?-u:\b)"
"""Where order tells which count goes with which content, sets of tokens do not suffice."""


def _tokens(canonical: pl.Expr, group: str) -> pl.Expr:
    """Words, quantities in base units, counts and codes, each once; synonyms are one."""
    return (
        canonical.str.replace_all(r"[,;]", " ")
        .str.extract_all(r"[^ ]+")
        .list.eval(pl.element().replace(synonyms(group)))
        .list.unique(maintain_order=True)
    )


def _harmless(group: str, lexicon: Lexicon) -> pl.Expr:
    """The words that may stand in one of two names alone."""
    telling = lexicon.telling.get(group, frozenset())

    def known(*groups_of_words: str) -> pl.Expr:
        return pl.lit(sorted({*groups_of_words} - telling), dtype=_WORDS)

    kinds = [kind[0] for kind in KINDS.get(group, ())]
    always = known(*kinds, *lexicon.harmless.get(group, ()))
    if group not in COMPUTING:
        return always
    sizes = pl.col("tokens_a").list.eval(pl.element().str.contains(r"^[0-9.]+[gt]b$")).list.sum()
    return pl.when(sizes > 1).then(pl.concat_list(always, known(*MEMORY_WORDS))).otherwise(always)
