"""The guard of the semantic cache: whether two listings are the same product, by their words.

Belongs here: what must agree, and which differences are proven harmless. Does not belong
here: the words themselves (``lexicon``), finding candidates by similarity (``semantic``), and
what is done with a hit.

Similarity says nothing about 128GB v 256GB (facts on semantic caches: 5.6 to 9.2 % of the
hits of others are wrong), so everything is denied by default: brand, quantities, counts,
codes, numbers and every word must agree, and a word that only one of the two has must be
known to be harmless in their category group. A word that nobody knows is a difference.
"""

from collections.abc import Callable, Iterable, Mapping

import polars as pl

from normalizer_assets.answers.groups import CARE, COMPUTING, FOOD, HOUSEHOLD
from normalizer_assets.cache.lexicon import (
    BUILT_IN,
    COLOUR_FORMS,
    CUT_LETTERS,
    FITTINGS,
    MEANS,
    MEMORY_WORDS,
    PARTS,
    Lexicon,
    aliases,
    all_kinds,
    beginnings,
    flavour_beginnings,
    harmless_words,
    holdings,
    kind_beginnings,
    one_number,
    owners,
    stem,
    stems,
    talk,
    talk_clauses,
    vocabulary,
)
from normalizer_assets.grammar.brands import brand_of, stated_brand
from normalizer_assets.grammar.colours import COLOUR_WORDS
from normalizer_assets.grammar.products import FLAVOUR_WORDS
from normalizer_assets.grammar.quantities import COUNT_UNITS, NUMBER, UNITS
from normalizer_assets.grammar.text import any_of, fold, words
from normalizer_assets.routing.canonical import canonical_name

_WORDS = pl.List(pl.String)
VERDICT: dict[str, pl.DataType | type[pl.DataType]] = {
    "hit": pl.Boolean,
    "reason": pl.String,
    "forgiven": _WORDS,
}
FEWEST_COMMON = 3
"""Words that two listings of different category groups must share at least."""


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
    if pairs.is_empty():
        return pl.DataFrame(schema=VERDICT)
    frame = _compared(pairs, lexicon)
    return (
        frame.with_columns(reason=_reason())
        .with_columns(hit=pl.col("reason").is_null())
        .select(
            "hit",
            "reason",
            forgiven=pl.when("hit")
            .then(pl.col("alone").list.sort())
            .otherwise(pl.lit([], dtype=_WORDS)),
        )
    )


def differences(pairs: pl.DataFrame, lexicon: Lexicon = BUILT_IN) -> pl.Series:
    """Returns row for row the words that one of two listings has alone, harmless ones left out.

    Args:
        pairs: As ``judge_pairs`` takes them.
        lexicon: Words beside the built-in ones.
    """
    if pairs.is_empty():
        return pl.Series("differs", [], dtype=_WORDS)
    return _compared(pairs, lexicon)["differs"]


def _compared(pairs: pl.DataFrame, lexicon: Lexicon) -> pl.DataFrame:
    """Reads both listings of each pair and adds what they differ in."""
    without = [name for name in ("ean_a", "ean_b") if name not in pairs.columns]
    pairs = pairs.with_columns(
        *(pl.lit(None, dtype=pl.String).alias(name) for name in without), spoken=_spoken()
    )
    frame = _joined(pairs, _described(pairs, lexicon))
    return _with_differences(_with_makers(frame), lexicon)


def _spoken() -> pl.Expr:
    """The category group in whose words both names are read.

    It is one, though shops divide goods differently, and one that knows their words where
    there is one.
    """
    groups = [pl.col(f"group_{side}") for side in "ab"]
    return (
        pl.when(groups[0] == "other").then(groups[1])
        .when(groups[1] == "other").then(groups[0])
        .otherwise(pl.min_horizontal(groups))
    )  # fmt: skip


# --- one listing ----------------------------------------------------------------------


def _described(pairs: pl.DataFrame, lexicon: Lexicon) -> pl.DataFrame:
    """Reads every listing once, in however many pairs it stands.

    Returns:
        name, brand, spoken; text (canonical), tokens (stems, quantities, codes), pieces (its
        words as they follow one another), stems (of these), field and stated (the brand that the
        row's field and the name say, as words), lines (of owners, that it names).
    """
    sides = [pairs.select("spoken", name=f"name_{side}", brand=f"brand_{side}") for side in "ab"]
    listings = pl.concat(sides).unique().rechunk()
    # Group by group: chosen inside one expression, each group's words would double it.
    rewritten = pl.concat(
        [
            part.with_columns(plain=_rewritten(pl.col("name"), str(group)))
            for (group,), part in listings.partition_by("spoken", as_dict=True).items()
        ]
    ).rechunk()
    field = stated_brand(pl.col("brand"))
    one_spelling = _exchanged(
        words(fold(field)).str.replace_all(" ", "  ", literal=True), aliases()
    ).str.replace_all(" +", " ")
    read = rewritten.with_columns(
        # A brand that the name carries is not put in front of it: of "Red Bull" twice the
        # colours would be counted.
        text=canonical_name(
            pl.col("plain"),
            pl.when(~words(pl.col("plain")).str.contains(one_spelling, literal=True)).then(
                one_spelling
            ),
            lexicon.noise_words,
        ),
        pieces=_pieces(words(pl.col("plain"))),
        field=_pieces(one_spelling),
        stated=_pieces(words(fold(brand_of(pl.col("plain"), pl.col("spoken"))))),
        lines=_lines(words(fold(pl.concat_str("brand", "name", separator=" ", ignore_nulls=True)))),
    )
    return pl.concat(
        [
            part.with_columns(
                tokens=_tokens(pl.col("text"), str(group)),
                stems=_stemmed(pl.col("pieces"), str(group)),
            )
            for (group,), part in read.partition_by("spoken", as_dict=True).items()
        ]
    )


_ORDINALS = r"ra|da|er|ro|do|ta|to|ma|va|na|a|st|nd|rd|th"
SCENTS = ("lavanda", "eucalipto", "pino", "floral", "citrico", "bebe", "primavera")
_COUNTED = any_of(spelling for unit in COUNT_UNITS for spelling in UNITS[unit])
_COLOURS = any_of(word for colour, row in COLOUR_FORMS.items() for word in (colour, *row.split()))
_ABBREVIATIONS: tuple[tuple[str, str], ...] = (
    (r"([a-z])-([a-z])", "$1 $2"),
    (r"\bc/ ?([a-z]{2})", "con $1"),
    (r"\bs/ ?([a-z]{2})", "sin $1"),
    (r"\bp/ ?([a-z]{2})", "para $1"),
    (r"\b([dmt])/ ?([a-z]{3})", "$1 $2"),
    # What a full stop cuts is looked up without it.
    (r"([a-z])\.($|[ /,])", "$1 $2"),
    (r"([0-9])°", "$1 grados"),
    (r"'s\b", "s"),
    # Initials: "M.A.C", "L.A. Girl".
    (r"\b([a-z])\.([a-z])\.?([a-z])?\b", "$1$2$3"),
    (r" (sabor|aroma) a ", " $1 "),
    (rf" a ({MEANS})\b", " $1"),
    (rf"\bcolor (?:de )?({any_of(COLOUR_WORDS)})\b", "$1"),
    # Apart, each is translated.
    (rf"\b({_COLOURS})/({_COLOURS})\b", "$1 $2"),
    (r"\bt\.? *([0-9]{2}(?:[.,]5)?|x*[sl]|m)$", "talla $1"),
    (rf" (?:sabor|aroma|fragancia) (?:a |de )?({any_of((*FLAVOUR_WORDS, *SCENTS))})\b", " $1"),
    (rf" x ?([0-9]+ ?{_COUNTED})\b", " $1"),
    # Chile's copy of a device: "RT29K571JS8/ZS".
    (r"\b([a-z]+[0-9][a-z0-9]{3,})/(?:zs|cl)\b", "$1"),
    (r"[()\[\]|!¡?¿*]", " "),
    (r"[,;:] |[,;:]$| [-/] ", " , "),
    # "3ra generacion" and "generacion 3" are one, and so is "3rd gen".
    (rf"\b([0-9]{{1,2}})(?:{_ORDINALS}) (?:gen|generacion|generation)\b",
     "generacion$1"),
    (r"\b(?:gen|generacion|generation) ([0-9]{1,2})\b", "generacion$1"),
)  # fmt: skip


def _rewritten(name: pl.Expr, group: str) -> pl.Expr:
    """A folded name without shop talk, and with one phrase for several that mean the same."""
    text = fold(name)
    for pattern, replacement in _ABBREVIATIONS:
        text = text.str.replace_all(pattern, replacement)
    text = text.str.replace_all(" +", " ").str.strip_chars_end(" ,")
    for pattern, replacement in talk_clauses(group):
        text = text.str.replace_all(pattern, replacement)
    text = _spaced(text)
    known = vocabulary(group)
    for replaced in (dict.fromkeys(talk(group), ""), aliases(), known.short, known.phrases):
        text = _spaced(_exchanged(text, replaced))
    return text.str.replace_all(" +", " ").str.strip_chars(" ,")


def _spaced(text: pl.Expr) -> pl.Expr:
    """Doubled spaces let neighbours be found that would share one."""
    return pl.concat_str(pl.lit("  "), text.str.replace_all(" +", "  "), pl.lit("  "))


def _exchanged(spaced: pl.Expr, exchanged: Mapping[str, str]) -> pl.Expr:
    """Puts one phrase for another, in text with doubled spaces."""
    if not exchanged:
        return spaced

    def framed(phrases: Iterable[str]) -> pl.Expr:
        # As one literal: Polars takes a list of a single phrase for text.
        found = [f" {phrase.replace(' ', '  ')} " for phrase in phrases]
        return pl.lit(found, dtype=_WORDS)

    return spaced.str.replace_many(framed(exchanged), framed(exchanged.values()), leftmost=True)


def _tokens(canonical: pl.Expr, group: str) -> pl.Expr:
    """Stems, quantities in base units, counts and codes, each once; synonyms are one.

    Of goods, "x30" is a count. What is counted stays: capsules are no ampoules.
    """
    spaced = pl.concat_str(pl.lit(" "), canonical)
    if group in GOODS:
        spaced = spaced.str.replace(r" x_([0-9]+)($| |,)", " ${1}un$2")
        spaced = spaced.str.replace_all(r" x,? ([0-9]+un)", " $1")
    return _stemmed(_pieces(spaced.str.replace_all(r"[,;]", " ")), group).list.unique(
        maintain_order=True
    )


def _stemmed(pieces: pl.Expr, group: str) -> pl.Expr:
    """The stems of words, one of several synonyms for all of them."""
    synonyms = vocabulary(group).synonyms
    known = stem(pl.element()).replace_strict(dict(synonyms), default=None, return_dtype=pl.String)
    # Where anything may stand, a glass and glasses are two.
    stemmed = (one_number if group == "other" else stem)(pl.element())
    return pieces.list.eval(pl.coalesce(known, stemmed))


def _pieces(spaced: pl.Expr) -> pl.Expr:
    """Words as they follow one another, null where there are none to take apart."""
    return spaced.str.extract_all(r"[^ ]+")


def _lines(spaced: pl.Expr) -> pl.Expr:
    """The lines and sub-brands that a text names, whose owner is known."""
    text = spaced.str.replace_all(" ", "  ", literal=True)
    known = [f" {line.replace(' ', '  ')} " for line in sorted(owners(), key=len, reverse=True)]
    return text.str.extract_many(known, leftmost=True).list.eval(
        pl.element().str.replace_all(" +", " ").str.strip_chars(" ")
    )


# --- two listings ---------------------------------------------------------------------


def _joined(pairs: pl.DataFrame, read: pl.DataFrame) -> pl.DataFrame:
    frame = pairs
    for side in "ab":
        frame = frame.join(
            read.rename(
                {column: f"{column}_{side}" for column in read.columns if column != "spoken"}
            ),
            on=[f"name_{side}", f"brand_{side}", "spoken"],
            how="left",
            nulls_equal=True,
            maintain_order="left",
        )
    return frame


def _with_makers(pairs: pl.DataFrame) -> pl.DataFrame:
    """Adds whether both say one maker (null where one says none), and how each says it.

    A row's field counts before the name. A line that both name may stand with its owner in
    one of them.
    """
    frame = pairs.with_columns(
        *(_maker(side).alias(f"maker_{side}") for side in "ab"),
        shared=pl.col("lines_a").list.set_intersection("lines_b"),
    )
    frame = frame.with_columns(
        owners=_word_lists(pl.col("shared").list.eval(pl.element().replace(owners())))
    ).with_columns(owned=pl.concat_list(_word_lists("shared"), "owners"))
    # Where both name a line, a name that says no maker says the line's.
    both_owned = (pl.col("owned").list.len() > 0) & pl.all_horizontal(
        pl.col(f"maker_{side}").fill_null([]).list.set_difference("owned").list.len() == 0
        for side in "ab"
    )
    fittings = pl.lit(stems(FITTINGS), dtype=_WORDS)
    fits_others = pl.any_horizontal(
        pl.col(f"tokens_{side}").list.set_intersection(fittings).list.len() > 0 for side in "ab"
    )
    glued = [pl.col(f"maker_{side}").list.join("") for side in "ab"]
    # What a field says is in front of a name that lacks it; what a name says tells brands of
    # one owner apart: Fanta and Sprite, whose field says Coca-Cola.
    # It may be written as one word in one of them ("RoyalGuard").
    fields = [pl.col(f"field_{side}").fill_null([]) for side in "ab"]
    named = [*fields, *(words.list.join("") for words in fields)]
    return frame.with_columns(
        one_maker=pl.when(both_owned)
        .then(True)
        .otherwise((glued[0] == glued[1]) | _in_full("a", "b") | _in_full("b", "a")),
        **{
            f"named_{side}": pl.when(fits_others)
            .then(pl.lit([], dtype=_WORDS))
            .otherwise(pl.concat_list(*named, "owners").list.set_difference(_partly_said(side)))
            for side in "ab"
        },
    )


def _maker(side: str) -> pl.Expr:
    """The brand that a row's field says, or its name where the field says a holding alone."""
    field, stated = pl.col(f"field_{side}"), pl.col(f"stated_{side}")
    held = field.list.join(" ").is_in(list(holdings()))
    return pl.when(held).then(pl.coalesce(stated, field)).otherwise(pl.coalesce(field, stated))


def _in_full(short: str, full: str) -> pl.Expr:
    """Whether one field says a brand in full and the other name goes on in the same words.

    "Monster" is "Monster Energy" where the name says so.
    """
    brand, longer = pl.col(f"maker_{short}"), pl.col(f"maker_{full}")
    further = longer.list.set_difference(brand)
    return (
        (brand.list.len() > 0)
        & (longer.list.head(brand.list.len()) == brand)
        & (further.list.set_difference(f"pieces_{short}").list.len() == 0)
    )


def _partly_said(side: str) -> pl.Expr:
    """Words of a brand field of which the name has some: "Polo" and "Ralph" of Ralph Lauren."""
    common = pl.col(f"field_{side}").list.set_intersection(f"pieces_{side}")
    some = common.list.len() < pl.col(f"field_{side}").list.len()
    return pl.when(some).then(common).otherwise(pl.lit([], dtype=_WORDS)).fill_null([])


def _word_lists(lists: pl.Expr | str) -> pl.Expr:
    """The single words of phrases."""
    column = pl.col(lists) if isinstance(lists, str) else lists
    return _pieces(column.list.join(" "))


def _with_differences(pairs: pl.DataFrame, lexicon: Lexicon) -> pl.DataFrame:
    """Adds what stands in one alone, what of it is harmless, and what is common."""
    # Names of the maker are no difference where there is one maker.
    own = [
        pl.when("one_maker")
        .then(
            pl.col(f"tokens_{side}").list.set_difference(
                pl.col(f"named_{side}").list.eval(stem(pl.element()))
            )
        )
        .otherwise(f"tokens_{side}")
        .alias(f"tokens_{side}")
        for side in "ab"
    ]
    frame = pairs.with_columns(own, known=_known_of_both())
    frame = _without_cut_words(_without_count_words(_without_compounds(frame)))
    frame = _without_equals(frame, _like_words)
    parts = [
        part.with_columns(**_known_of_group(str(group), lexicon))
        for (group,), part in frame.partition_by("spoken", as_dict=True).items()
    ]
    frame = pl.concat(parts).sort("pair")
    return frame.with_columns(
        alone=pl.concat_list("only_a", "only_b"),
        two_kinds=pl.all_horizontal(
            pl.col(f"only_{side}").list.set_intersection("kinds").list.len() > 0 for side in "ab"
        ),
        # "Licuadora vaso vidrio" is a blender, and "Vaso vidrio licuadora" its jar.
        two_heads=(pl.col("head_a") != pl.col("head_b")).fill_null(value=False)
        & pl.all_horizontal(
            pl.col("common").list.contains(pl.col(f"head_{side}")) for side in "ab"
        ),
        # A kind beside one that both name is no kind: the biscuits in an ice cream.
        omissible=pl.when(pl.col("common").list.set_intersection("kinds").list.len() > 0)
        .then(pl.col("implied").list.set_difference("kinds"))
        .when("one_maker")
        .then(pl.concat_list("implied", "assumed"))
        .otherwise("implied"),
    ).with_columns(
        differs=pl.col("alone")
        .list.set_difference("harmless")
        .list.set_difference("omissible")
        .list.set_difference("follows")
    )


def _known_of_group(group: str, lexicon: Lexicon) -> dict[str, pl.Expr]:
    """What a group's words say of those that stand in one alone, and what each is a name of."""
    known, telling = vocabulary(group), _telling(lexicon, group)

    def untold(words: frozenset[str]) -> pl.Expr:
        return pl.lit(sorted(words - telling), dtype=_WORDS)

    implied = pl.col("known").list.eval(
        pl.element().replace_strict(known.implied, default=None, return_dtype=pl.String)
    )
    return {
        "harmless": _harmless(group, lexicon),
        "assumed": untold(known.assumed),
        "kinds": untold(known.kinds),
        "head_a": _head("a", group),
        "head_b": _head("b", group),
        "follows": pl.when(_coded()).then(untold(known.coded)).otherwise(untold(frozenset())),
        "implied": _word_lists(implied).list.set_difference(pl.lit(sorted(telling), dtype=_WORDS)),
    }


def _head(side: str, group: str) -> pl.Expr:
    """The first word for a kind of goods or a part of some: what a name is a name of."""
    heads = sorted(vocabulary(group).kinds | {*stems(PARTS)})
    return (
        pl.col(f"stems_{side}")
        .list.eval(pl.element().filter(pl.element().is_in(heads)))
        .list.first()
    )


def _coded() -> pl.Expr:
    """Whether both names say a model code."""
    return pl.col("common").list.eval(pl.element().str.contains(_MODEL_CODE)).list.any()


_MODEL_CODE = r"^(?:[a-z]+[0-9]{3,}|[a-z]{2,}[0-9]{2,}[a-z]|[0-9]{2}[a-z]+[0-9]{3,})[a-z0-9]*$"
"""Of a device: "un65du7000", "55ur7800", "s5500"."""


def _known_of_both() -> pl.Expr:
    """What both say: their common words, and their maker where it is one."""
    maker = pl.when("one_maker").then(pl.coalesce("maker_a", "maker_b").list.join(" "))
    return pl.concat_list(
        pl.col("tokens_a").list.set_intersection("tokens_b"),
        pl.concat_list(maker).list.drop_nulls(),
    )


def _without_compounds(pairs: pl.DataFrame) -> pl.DataFrame:
    """Adds common, only_a and only_b; what is only written together or apart is common.

    "lava lozas" is "lavalozas" and "wh 1000xm5" is "wh1000xm5": the words that follow one
    another in one name, joined, are a word of the other. Quantities and bare numbers never
    join: "1 5 l" may be two things.
    """
    frame = pairs.with_row_index("pair").with_columns(
        common=pl.col("tokens_a").list.set_intersection("tokens_b"),
        only_a=pl.col("tokens_a").list.set_difference("tokens_b"),
        only_b=pl.col("tokens_b").list.set_difference("tokens_a"),
    )
    return _without_equals(frame, _compounds)


def _without_equals(
    pairs: pl.DataFrame, find: Callable[[pl.DataFrame, str, str], pl.DataFrame]
) -> pl.DataFrame:
    """Takes away from both names what is found to be one thing, either way round.

    Args:
        pairs: With pair, only_a and only_b.
        find: Takes them and two sides; returns pair, ours (words of the first side) and theirs
            (what they are in the second).
    """
    frame = pairs
    for one, other in (("a", "b"), ("b", "a")):
        frame = (
            frame.join(find(frame, one, other), on="pair", how="left", maintain_order="left")
            .with_columns(
                pl.col(f"only_{one}").list.set_difference(pl.col("ours").fill_null([])),
                pl.col(f"only_{other}").list.set_difference(pl.col("theirs").fill_null([])),
            )
            .drop("ours", "theirs")
        )
    return frame


_NO_COMPOUND = rf"^(?:[0-9.]*|{NUMBER}(?:{'|'.join(UNITS)}))$"


def _compounds(frame: pl.DataFrame, apart: str, together: str) -> pl.DataFrame:
    """Finds words of one name that are a word of the other when they are joined.

    Returns:
        pair, ours (stems of the words), theirs (the stem of what they make).
    """
    candidates = frame.filter(
        (pl.col(f"only_{apart}").list.len() > 1) & (pl.col(f"only_{together}").list.len() > 0)
    ).select(
        "pair",
        pieces=f"pieces_{apart}",
        # "ginger" is "jengibre", and all the same a part of "gingerale".
        stem=f"stems_{apart}",
        left=f"only_{apart}",
        right=f"only_{together}",
    )
    one = candidates.explode("pieces", "stem", empty_as_null=True, keep_nulls=True).filter(
        pl.col("pieces").is_not_null()
    )
    found = []
    for length in (2, 3):
        following = [pl.col("pieces").shift(-n).over("pair") for n in range(length)]
        parts = [pl.col("stem").shift(-n).over("pair") for n in range(length)]
        found.append(
            one.with_columns(
                whole=stem(pl.concat_str(following)), parts=pl.concat_list(parts)
            ).filter(
                pl.col("right").list.contains(pl.col("whole"))
                & (pl.col("parts").list.set_difference("left").list.len() == 0)
                & ~pl.col("whole").str.contains(_NO_COMPOUND)
            )
        )
    return (
        pl.concat(found)
        .group_by("pair")
        .agg(ours=pl.col("parts").explode(empty_as_null=True, keep_nulls=True), theirs="whole")
    )


COUNTED = (
    "rollos", "capsulas", "comprimidos", "tabletas", "sobres", "pares", "panales", "toallitas",
    "huevos", "barras", "parches", "pastillas", "grageas", "panuelos", "tampones", "discos",
    "pilas", "mascarillas",
)  # fmt: skip
"""What units of a pack are. Containers are not among them: a can and a bottle are two."""


def _without_count_words(pairs: pl.DataFrame) -> pl.DataFrame:
    """Makes one count of "24 un" in one name and "24 rollos" in the other."""
    frame = pairs
    for plain, named in (("a", "b"), ("b", "a")):
        counts = [
            pl.col(f"only_{side}").list.eval(pl.element().str.extract(f"^([0-9]+)(?:{of})$"))
            for side, of in ((plain, "un"), (named, "|".join(COUNTED)))
        ]
        frame = frame.with_columns(
            counts=counts[0].list.drop_nulls().list.set_intersection(counts[1].list.drop_nulls())
        )
        for side, of in ((plain, ("un",)), (named, COUNTED)):
            said = pl.concat_list(pl.col("counts").list.eval(pl.element() + word) for word in of)
            frame = frame.with_columns(pl.col(f"only_{side}").list.set_difference(said))
    return frame.drop("counts")


def _like_words(frame: pl.DataFrame, one: str, other: str) -> pl.DataFrame:
    """Finds words in two numbers, and kinds of which one is the other and more.

    Where anything may stand "olla" and "ollas" are one where the count is said (5 pieces);
    "impresora" and "impresora multifuncional" where a model code says which device it is.

    Returns:
        pair, ours (as the first side says them), theirs (as the second does).
    """
    counted = pl.col("common").list.eval(pl.element().str.contains(_COUNT)).list.any()
    ours, theirs = pl.col("ours"), pl.col("theirs")
    return (
        frame.select(
            "pair",
            counted=(pl.col("spoken") == "other") & counted,
            coded=_coded(),
            ours=f"only_{one}",
            theirs=f"only_{other}",
        )
        .filter(pl.col("counted") | pl.col("coded"))
        .explode("ours", empty_as_null=False, keep_nulls=False)
        .explode("theirs", empty_as_null=False, keep_nulls=False)
        .filter(
            (pl.col("counted") & (stem(ours) == stem(theirs)))
            | (
                pl.col("coded")
                & ours.is_in(all_kinds())
                & theirs.is_in(all_kinds())
                & theirs.str.starts_with(ours + "_")
            )
        )
        .group_by("pair")
        .agg("ours", "theirs")
    )


_COUNT = r"^[0-9]+(?:un|piezas?)$"
_CUT = r"(?-u:\b)([a-z]{3,})\.(?:$|[ /,])"


def _without_cut_words(pairs: pl.DataFrame) -> pl.DataFrame:
    """A word that is cut by a full stop in one name is the one of the other that begins so.

    "Ital." is "Italiana" beside a name that has it, where only one word of the other begins
    so and no other known word does: beside "Limón" "Lim." may still be lima. At least half of
    the word must be there where nobody knows it, and of any medicine's: "Clor." is many.
    """
    return _without_equals(pairs, _cut_words)


def _cut_words(frame: pl.DataFrame, cut: str, whole: str) -> pl.DataFrame:
    """Finds words of one name that are cut words of the other.

    Returns:
        pair, ours (stems of what stands before full stops), theirs (stems of the words).
    """
    candidates = (
        frame.filter(
            (pl.col(f"only_{cut}").list.len() > 0) & (pl.col(f"only_{whole}").list.len() > 0)
        )
        .select(
            "pair",
            "spoken",
            left=f"only_{cut}",
            whole=f"only_{whole}",
            name=fold(pl.col(f"name_{cut}")),
            first=fold(pl.col(f"name_{whole}")),
            cut=fold(pl.col(f"name_{cut}")).str.extract_all(_CUT),
        )
        .explode("cut", empty_as_null=False, keep_nulls=False)
        .with_columns(pl.col("cut").str.extract(_CUT))
        .with_columns(stem=stem(pl.col("cut")))
        .filter(pl.col("left").list.contains(pl.col("stem")))
        .explode("whole", empty_as_null=False, keep_nulls=False)
        .filter(pl.col("whole").str.starts_with(pl.col("cut")))
    )
    # What a name begins with is the kind where it may be one: "Lic. Oster" is no liquor.
    kind = (pl.col("name").str.starts_with(pl.col("cut"))) & (
        pl.col("first").str.starts_with(pl.col("cut"))
    )
    candidates = pl.concat(
        [
            part.with_columns(
                known=pl.coalesce(
                    pl.when(kind).then(
                        pl.col("cut").replace_strict(
                            kind_beginnings(str(group)), default=None, return_dtype=pl.String
                        )
                    ),
                    pl.col("cut").replace_strict(
                        beginnings(str(group)), default=None, return_dtype=pl.String
                    ),
                )
            )
            for (group,), part in candidates.partition_by("spoken", as_dict=True).items()
        ]
        or [candidates.with_columns(known=pl.lit(None, dtype=pl.String))]
    )
    flavour = pl.col("cut").replace_strict(
        flavour_beginnings(), default=None, return_dtype=pl.String
    )
    letters = pl.col("cut").str.len_chars()
    half = letters * 2 >= pl.col("whole").str.len_chars()
    clear = (
        pl.when((flavour == pl.col("whole")).fill_null(value=False))
        .then(pl.lit(value=True))
        .when(pl.col("known").is_null())
        .then(half & (letters > CUT_LETTERS))
        .otherwise((pl.col("known") == pl.col("whole")) & (half | (pl.col("spoken") != "pharmacy")))
    )
    return (
        candidates.filter(
            clear & (pl.len().over("pair", "cut") == 1) & (pl.len().over("pair", "whole") == 1)
        )
        .group_by("pair")
        .agg(ours="stem", theirs="whole")
    )


GOODS = (*FOOD, *CARE)
"""Groups of goods that come in packs, and whose names hold no X30."""
FAMILIES: tuple[frozenset[str], ...] = (
    frozenset({*FOOD, "baby", "pharmacy", "other"} - {"pet_food"}),
    frozenset({*CARE, "small_appliances", "dairy", "groceries", "clothing"}),
    frozenset({*HOUSEHOLD, "other", "cleaning", "toys", "baby"}),
    frozenset({"notebooks", "tablets"}),
    frozenset({"televisions", "monitors"}),
    frozenset({"headphones", "consoles", "storage", "other"}),
)
"""Category groups that shops divide differently: an air fryer stands on the shelf of kitchen
appliances here and of small ones there. "other" is no family of phones: there it may be a case."""


def _of_one_family() -> pl.Expr:
    """Whether shops divide these two groups differently, or both names say what it is."""
    said = pl.col("common").list.set_intersection("kinds").list.len() > 0
    return said | pl.any_horizontal(
        pl.col("group_a").is_in(list(family)) & pl.col("group_b").is_in(list(family))
        for family in FAMILIES
    )


def _reason() -> pl.Expr:
    """What decides against a hit, null where nothing does."""
    number = pl.col("differs").list.filter(pl.element().str.contains("[0-9]")).list.sort()
    token = pl.coalesce(number.list.first(), pl.col("differs").list.sort().list.first())
    groups_differ = pl.col("group_a") != pl.col("group_b")
    ordered = pl.any_horizontal(pl.col(f"text_{side}").str.contains(_ORDER_COUNTS) for side in "ab")
    telling = (
        pl.col("common").list.set_difference("harmless").list.set_difference("kinds").list.len()
    )
    makers = [pl.col(f"maker_{side}").list.join(" ").str.to_uppercase() for side in "ab"]
    return (
        pl.when(groups_differ & ~_of_one_family())
        .then(pl.lit("category groups differ"))
        .when(_eans_differ())
        .then(pl.lit("EANs differ"))
        .when(~pl.col("one_maker").fill_null(value=True))
        .then(pl.format("brands differ: {} v {}", *makers))
        .when(ordered & (pl.col("text_a") != pl.col("text_b")))
        .then(pl.lit("a bundle, or several counts"))
        .when(
            (_numbers("a").list.sort() == _numbers("b").list.sort())
            & (_numbers("a") != _numbers("b"))
            & (_numbers("a").list.len() > 1)
        )
        .then(pl.lit("numbers in another order"))
        .when("two_kinds")
        .then(pl.lit("two kinds of products"))
        .when("two_heads")
        .then(pl.lit("one may be a part of the other"))
        .when(token.is_not_null())
        .then(pl.format("only one of them has: {}", token))
        .when(telling == 0)
        .then(pl.lit("nothing in common"))
        .when(
            groups_differ
            & (
                (pl.col("alone").list.len() > 0)
                | (pl.col("common").list.len() < FEWEST_COMMON)
                | pl.col("one_maker").is_null()
            )
        )
        .then(pl.lit("category groups differ"))
    )


_ORDER_COUNTS = r";|[0-9]un [^,;]*[0-9]un(?-u:\b)"
"""Where order tells which count goes with which content, sets of tokens do not suffice."""


def _numbers(side: str) -> pl.Expr:
    """Bare numbers, and quantities of which several stand in order, in their order."""
    found = pl.col(f"text_{side}").str.extract_all(r"[^ ,;]+")
    return found.list.filter(pl.element().str.contains(r"^[0-9.]+(?:un|v|mm|in|cm)?$"))


def _eans_differ() -> pl.Expr:
    """Two known EANs that are not one; a UPC is an EAN without its leading zero."""
    bare = [
        pl.col(f"ean_{side}").str.replace_all(r"\D", "").str.strip_chars_start("0") for side in "ab"
    ]
    return (bare[0] != bare[1]).fill_null(value=False)


def _telling(lexicon: Lexicon, group: object) -> set[str]:
    return set(stems(lexicon.telling.get(str(group), ())))


def _harmless(group: str, lexicon: Lexicon) -> pl.Expr:
    """The stems that may stand in one of two names alone."""
    telling = _telling(lexicon, group)

    def known(*spoken: str) -> pl.Expr:
        return pl.lit(sorted({*stems(spoken)} - telling), dtype=_WORDS)

    always = known(*harmless_words(group), *lexicon.harmless.get(group, ()))
    if group not in COMPUTING:
        return always
    sizes = pl.col("tokens_a").list.eval(pl.element().str.contains(r"^[0-9.]+[gt]b$")).list.sum()
    return pl.when(sizes > 1).then(pl.concat_list(always, known(*MEMORY_WORDS))).otherwise(always)
