"""What in a listing speaks for each field of an answer, and against it.

Belongs here: the evidence for a field (supported, inferred, contradicted), the features
that confidence is computed from, and the reasons in words. Does not belong here: reading
listings (``grammar``, ``rules``), what a feature weighs (``confidence``), and the verdict
on a confidence (``verdicts``).

A field falls into the first of its cases that holds. A feature is a kind of field in a
case ("brand agreed", "quantity contradicted") with the value 1, or a number:

- brand: absent, completed (the answer lacks what the listing states: taken from it), fitted
  ("para Samsung"), agreed (so do rules or the row's brand field), stated (in the name alone),
  disputed (in the name, and another is stated), contradicted (another is stated), unsupported;
  and whether nobody knows it as a brand.
- model: absent, missing, contradicted (another number is stated), agreed, stated (all its
  words are in the name), disputed (so they are, and the rules read more or less), elsewhere
  (so they are, and the rules read other words), partial, unsupported; as numbers the shares
  of its words that are in the name, that the rules lack, and of theirs that it lacks, and
  whether it has a product word, leaves out a word that tells variants apart (Pro, Max, FE)
  or has a number or a code that the name lacks; a device without model, and a missing one that
  the rules read with a number.
- words of the name that neither the answer nor the vocabulary explains: how many, as log, and
  whether there are some beside an answer without model.
- attributes, by kind (quantity, colour, flavour, kind for gender and type, part for what a
  device consists of, further for those that no convention knows), and as any for all of these
  but the further ones: misplaced (its group has
  no such attribute: dropped), completed (the answer lacks what the listing states: taken
  from it), agreed, contradicted (dropped), stated, inferred.
- price: implausible for the group.
- name: gives orders to a language model, unreadable (letters that no word list has).
- whether nothing at all is answered.
- neighbour: whether the cache's answer to a variant of the product agreed (brand and model are
  the same) or disagreed.
- the number that the model claims for itself, as log-odds.
"""

import json
from typing import Any, NamedTuple

import polars as pl

from normalizer_assets.answers.orders import gives_orders, has_strange_letters
from normalizer_assets.grammar.brands import gazetteer, stated_brand
from normalizer_assets.grammar.colours import COLOUR_WORDS, colours, colours_of_things
from normalizer_assets.grammar.electronics import SCREEN_WORDS
from normalizer_assets.grammar.noise import NOISE_WORDS, STOP_WORDS
from normalizer_assets.grammar.products import DEVICE_WORDS, FLAVOUR_WORDS, GOODS_WORDS
from normalizer_assets.grammar.quantities import COUNT_UNITS, UNITS, measured, quantities
from normalizer_assets.grammar.text import fold, fold_word, words

QUANTITY_FIELDS = {
    "capacity": "",
    "ram": "",
    "volume_ml": " ml",
    "weight_g": " g",
    "size": " pulgadas",
    "pack_count": " un",
}
"""Quantity-like attribute -> the unit that its bare digits stand for."""

CLOSED_FIELDS = ("color", "gender", "type")
"""Attributes with one right value: another reading of the listing contradicts it."""

WORDED_FIELDS = ("network", "screen_type", "processor", "graphics", "flavor")
"""Attributes of several words: "i5-1335U" is an "Intel Core i5-1335U", but no "i7-1355U"."""

DECISIVE_ATTRIBUTES = (*QUANTITY_FIELDS, *CLOSED_FIELDS, *WORDED_FIELDS)
"""Attributes with a convention of their own (DESIGN.md, "Labelling")."""

_KINDS = {
    **dict.fromkeys(QUANTITY_FIELDS, "quantity"),
    **dict.fromkeys(("network", "screen_type", "processor", "graphics"), "part"),
    **dict.fromkeys(("gender", "type"), "kind"),
    "color": "colour",
    "flavor": "flavour",
}

_DIGITAL = ("smartphones", "notebooks", "tablets", "consoles", "storage", "other")
_EATEN = ("beverages", "groceries", "dairy", "pet_food", "pharmacy", "baby", "other")
_FILLED = (*_EATEN, "cleaning", "personal_care", "perfumes", "cosmetics")
GROUPS_OF_FIELD = {
    "capacity": (*_DIGITAL, *_EATEN),
    "volume_ml": _FILLED,
    "weight_g": _FILLED,
    "ram": _DIGITAL,
    "flavor": (*_EATEN, "personal_care"),
    "type": ("perfumes", "dairy", "groceries", "other"),
}
"""Where these attributes are of the product: a fridge's litres are no capacity (DESIGN.md)."""

DEVICE_GROUPS = (
    *("smartphones", "notebooks", "tablets", "televisions", "monitors", "storage", "consoles"),
    *("headphones", "appliances", "small_appliances", "tools"),
)
"""Groups whose products hardly ever lack a model."""

PLAUSIBLE_CLP = {
    "smartphones": (15_000, 3_000_000),
    "notebooks": (80_000, 6_000_000),
    "tablets": (40_000, 3_000_000),
    "televisions": (60_000, 10_000_000),
    "monitors": (40_000, 3_000_000),
    "appliances": (30_000, 5_000_000),
    "consoles": (30_000, 1_500_000),
}
"""Group -> prices between which its products are sold in Chile, generous: below them a
"Notebook" is its bag."""

VARIANT_WORDS = (
    *("pro", "max", "plus", "ultra", "lite", "fe", "mini", "air", "se", "slim", "prime", "edge"),
    *("fold", "flip", "neo", "elite", "premium", "light", "zero", "junior", "senior", "kids"),
    *("intense", "sport", "gold", "black", "white", "night", "absolu", "elixir", "digital", "oled"),
)
"""Words behind a line that make another product of it."""

_VOCABULARY = {
    word
    for word in map(fold_word, (*DEVICE_WORDS, *GOODS_WORDS, *NOISE_WORDS, *FLAVOUR_WORDS))
    if " " not in word
}
_PRODUCT_WORDS = {word for word in _VOCABULARY if len(word) > len("pro")} - set(VARIANT_WORDS)
"""Words that say what a thing is, or nothing at all; a model that has one that the rules left
out may be the listing's noise."""

_QUANTITY = rf" [0-9.x]+(?:{'|'.join(UNITS)}) "

NOTHING = "nothing answered"
"""The feature of an answer without any field, which nothing can make sure of."""

MOST_CODES = 4
"""Words with a digit of a model that are looked for in the name."""

_EXPLAINED = pl.lit(
    sorted({*_VOCABULARY, *COLOUR_WORDS, *SCREEN_WORDS, *STOP_WORDS, *"+,yaexcsn"}),
    pl.List(pl.String),
)
"""Words of a name that need no answer."""

_FITS = ("para", "compatible con", "compatible", "for")
"""Before a brand: the listing is an accessory to its products."""

SURE = 0.999
"""What a model claims counts up to here: 1.0 has no log-odds."""
CLAIMED_BY_DEFAULT = 0.9


class Evidence(NamedTuple):
    """What was found.

    Attributes:
        rows: The rows in their order, with ``attributes`` without contradicted fields and
            with what the listing states and the answer lacks, and
            ``evidence`` (JSON object: field -> supported, inferred, contradicted) and
            ``reasons`` (why the confidence is not full, empty where nothing speaks
            against the answer).
        features: Columns ``row`` (0-based), ``feature``, ``value``; each feature once a row.
    """

    rows: pl.DataFrame
    features: pl.DataFrame


def gather_evidence(rows: pl.DataFrame) -> Evidence:
    """Judges every field of the answers.

    Args:
        rows: ``name``, ``listing_brand`` (the row's own brand field), ``category_group``,
            ``price`` (CLP), the answer's ``brand``, ``model``, ``attributes`` (JSON text),
            ``model_confidence`` and the rules' reading of the same listing: ``rules_brand``,
            ``rules_model``, ``rules_attributes``; and what the cache knows of a variant:
            ``has_neighbour`` (Boolean, may be null), ``neighbour_brand``, ``neighbour_model``.
            Further columns pass through. For an answer of the rules themselves give nulls as
            their reading: a reading does not confirm itself.
    """
    models = _model_texts(rows)
    said = _pairs(rows["attributes"], "value")
    attributes = _attributes(rows, said)
    brands = _brands(rows)
    fields = pl.concat(
        [
            brands.drop("stated"),
            _models(models),
            attributes.drop("read"),
            _prices(rows),
            _names(rows),
            _neighbours(rows),
        ]
    )
    dropped = (pl.col("evidence") == "contradicted") & ~pl.col("field").is_in(["brand", "model"])
    completed = (
        attributes.filter(pl.col("case").is_in(["completed", "contradicted"]))
        .group_by("row")
        .agg(added=pl.struct("field", "read"))
    )
    judged = (
        fields.sort("row", maintain_order=True)
        .group_by("row", maintain_order=True)
        .agg(
            reasons=pl.col("reason").drop_nulls().str.join("; "),
            stated=pl.struct("field", "evidence").filter(pl.col("evidence").is_not_null()),
            dropped=pl.col("field").filter(dropped),
        )
        .join(completed, on="row", how="left", maintain_order="left")
    )
    stated = [
        {item["field"]: item["evidence"] for item in items} for items in judged["stated"].to_list()
    ]
    kept = [
        {name: value for name, value in said.items() if name not in gone}
        | {item["field"]: item["read"] for item in added or ()}
        for said, gone, added in zip(
            map(_object, rows["attributes"]),
            judged["dropped"].to_list(),
            judged["added"].to_list(),
            strict=True,
        )
    ]
    cases = fields.select(
        "row", pl.format("{} {}", "kind", "case").alias("feature"), pl.lit(1.0).alias("value")
    )
    any_attribute = attributes.filter(pl.col("kind") != "further").select(
        "row", pl.format("any {}", "case").alias("feature"), pl.lit(1.0).alias("value")
    )
    features = pl.concat(
        [
            cases,
            any_attribute,
            _unknown_brands(rows),
            _model_numbers(models),
            _unexplained(rows, said),
            _claims(rows),
            _empty(rows, kept),
        ]
    )
    return Evidence(
        rows.with_columns(
            pl.coalesce(rows["brand"], brands["stated"]),
            pl.Series("attributes", [_json(item) for item in kept], pl.String),
            pl.Series("evidence", [_json(item) for item in stated], pl.String),
            judged["reasons"],
        ),
        features.unique(["row", "feature"]),
    )


class _Case(NamedTuple):
    """One way in which a listing speaks for a field; the first that holds counts.

    Attributes:
        holds: Boolean expression.
        case: Its name.
        evidence: The word for it, ``None`` where the answer lacks the field.
        reason: What speaks against the answer, an expression; ``None`` if nothing does.
    """

    holds: pl.Expr
    case: str
    evidence: str | None
    reason: pl.Expr | None = None


def _first(cases: list[_Case]) -> pl.Expr:
    """Returns name, evidence and reason of the first case that holds."""
    found = pl.lit(None)
    for case in reversed(cases):
        judged = pl.struct(
            case=pl.lit(case.case),
            evidence=pl.lit(case.evidence, pl.String),
            reason=pl.lit(None, pl.String) if case.reason is None else case.reason,
        )
        # A comparison with a missing reading is null: then the case does not hold.
        found = pl.when(case.holds.fill_null(value=False)).then(judged).otherwise(found)
    return found


def _judged(texts: pl.DataFrame, field: pl.Expr, kind: pl.Expr, cases: list[_Case]) -> pl.DataFrame:
    """Returns a frame with one judged field a row, the same columns for every field."""
    return texts.select(
        "row", field.alias("field"), kind.alias("kind"), _first(cases).alias("judged")
    ).unnest("judged")


# --- brand and model --------------------------------------------------------------


def _brands(rows: pl.DataFrame) -> pl.DataFrame:
    row_field = stated_brand(pl.col("listing_brand"))
    texts = _numbered(rows).select(
        "row",
        "brand",
        name=words(fold(pl.col("name"))),
        phrase=words(fold(pl.col("brand"))),
        key=_key(pl.col("brand")),
        keys=pl.concat_list(_key(pl.col("rules_brand")), _key(row_field)),
        stated=pl.coalesce("rules_brand", row_field),
    )
    brand, stated = pl.col("brand"), pl.col("stated")
    in_name = _contains(pl.col("name"), pl.col("phrase")) | _contains(
        pl.col("name"), pl.format(" {} ", "key")
    )
    fits = pl.any_horizontal(
        _contains(pl.col("name"), pl.format(" {}{}", pl.lit(word), "phrase")) for word in _FITS
    )
    cases = [
        _Case(brand.is_null() & stated.is_null(), "absent", None, pl.lit("no brand found")),
        _Case(brand.is_null(), "completed", "supported"),
        _Case(
            fits,
            "fitted",
            "inferred",
            pl.format("the listing is for a product of {}, maybe not by it", brand),
        ),
        _Case(pl.col("keys").list.contains(pl.col("key")), "agreed", "supported"),
        _Case(in_name & stated.is_null(), "stated", "supported"),
        _Case(
            in_name,
            "disputed",
            "supported",
            pl.format("the listing states the brand {} as well", stated),
        ),
        _Case(
            stated.is_not_null(),
            "contradicted",
            "contradicted",
            pl.format("the brand {} is not in the listing, which states {}", brand, stated),
        ),
        _Case(
            brand.is_not_null(),
            "unsupported",
            "inferred",
            pl.format("the brand {} is not in the listing", brand),
        ),
    ]
    return _judged(texts, pl.lit("brand"), pl.lit("brand"), cases).with_columns(texts["stated"])


def _unknown_brands(rows: pl.DataFrame) -> pl.DataFrame:
    """Returns which answers' brands no gazetteer and no brand field of the row knows."""
    known = [spelling.replace(" ", "") for spelling in gazetteer().spellings]
    key, row_key = _key(pl.col("brand")), _key(stated_brand(pl.col("listing_brand")))
    unknown = ~key.is_in(known) & key.ne_missing(row_key)
    return (
        _numbered(rows)
        .filter(unknown.fill_null(value=False))
        .select("row", pl.lit("brand unknown").alias("feature"), pl.lit(1.0).alias("value"))
    )


def _model_texts(rows: pl.DataFrame) -> pl.DataFrame:
    """Returns the words of each answer's model, and what they share with the listing."""
    return (
        _numbered(rows)
        .select(
            "row",
            "model",
            "rules_model",
            "category_group",
            said=_model_words(pl.col("model")),
            read=_model_words(pl.col("rules_model")).fill_null([]),
            name=_model_words(pl.col("name")),
            codes=words(fold(pl.col("model"))).str.extract_all(r"[^ ]*[0-9][^ ]*"),
            name_key=_key(pl.col("name")),
            equal=_key(pl.col("model")) == _key(pl.col("rules_model")),
        )
        .with_columns(
            in_name=_share(pl.col("said"), pl.col("name")),
            known=_share(pl.col("said"), pl.col("read")),
            covered=_share(pl.col("read"), pl.col("said")),
            numbers=_numbers(pl.col("said")),
            numbers_read=_numbers(pl.col("read")),
        )
    )


def _model_numbers(texts: pl.DataFrame) -> pl.DataFrame:
    """Returns the features of models that are numbers."""
    variant_words = pl.lit(list(VARIANT_WORDS), pl.List(pl.String))
    # Of the words behind the answer's last one only a variant's counts; "Black" alone is a
    # colour, so a word counts where the rules took it into the model, too.
    left_out = (
        pl.col("read").list.set_difference("said").list.set_intersection(variant_words).list.len()
        > 0
    )
    # "NV2" is not in "NV3 M.2": its letters and its number are, apart.
    codes_stated = pl.concat_list(
        pl.col("name_key").str.contains(
            pl.col("codes").list.get(place, null_on_oob=True), literal=True
        )
        for place in range(MOST_CODES)
    )
    invented = _shared(pl.col("numbers"), pl.col("name")) < pl.col("numbers").list.len()
    product_words = pl.lit(sorted(_PRODUCT_WORDS), pl.List(pl.String))
    product_word = pl.col("said").list.set_difference("read")
    product_word = product_word.list.set_intersection(product_words).list.len() > 0
    differs = pl.col("model").is_not_null() & ~pl.col("equal").fill_null(value=False)
    values = {
        "model in name": pl.when(differs).then("in_name"),
        "model beyond rules": pl.when(differs).then(1 - pl.col("known")),
        "model short of rules": pl.when(differs).then(1 - pl.col("covered")),
        "model product word": pl.when(differs).then(product_word.cast(pl.Float64)),
        "model variant left out": pl.when(differs).then(left_out.cast(pl.Float64)),
        "model number not stated": pl.when(differs).then(invented.cast(pl.Float64)),
        "model code not stated": pl.when(differs).then(
            codes_stated.list.contains(False).cast(pl.Float64)
        ),
        "device without model": (
            pl.col("model").is_null() & pl.col("category_group").is_in(DEVICE_GROUPS)
        ).cast(pl.Float64),
        "numbered model missing": (
            pl.col("model").is_null() & (pl.col("numbers_read").list.len() > 0)
        ).cast(pl.Float64),
    }
    return (
        texts.select("row", **values)
        .unpivot(index="row", variable_name="feature")
        .filter(pl.col("value").fill_null(0.0) != 0)
        .select("row", "feature", "value")
    )


def _unexplained(rows: pl.DataFrame, said: pl.DataFrame) -> pl.DataFrame:
    """Returns how many words of each name neither its answer nor the vocabulary explains.

    A model that lacks a word ("Hydro Power" for "Hydro Power Plus") and an answer without the
    model leave words over; product words and quantities tell nothing.
    """
    of_attributes = said.group_by("row").agg(pl.col("value").str.join(" ").alias("attribute_words"))
    brand = pl.concat_str("brand", "rules_brand", "listing_brand", separator=" ", ignore_nulls=True)
    left = pl.col("name")
    for part in ("model", "brand", "attribute_words"):
        left = left.list.set_difference(pl.col(part))
    # Doubled spaces let neighbours be found that would share one.
    without_quantities = (
        measured(pl.col("name"))
        .str.replace_all(" ", "  ", literal=True)
        .str.replace_all(_QUANTITY, " ")
    )
    texts = (
        _numbered(rows)
        .join(of_attributes, on="row", how="left", maintain_order="left")
        .select(
            "row",
            no_model=pl.col("model").is_null(),
            name=_model_words(without_quantities),
            model=_model_words(pl.col("model").fill_null("")),
            brand=_model_words(brand.fill_null("")),
            attribute_words=_model_words(pl.col("attribute_words").fill_null("")),
        )
        .select("row", "no_model", left=left.list.set_difference(_EXPLAINED).list.len())
        .filter(pl.col("left") > 0)
    )
    features = {
        "words unexplained": (pl.col("left") + 1).log(),
        "words unexplained without model": pl.col("no_model").cast(pl.Float64),
    }
    return (
        texts.select("row", **features)
        .unpivot(index="row", variable_name="feature")
        .filter(pl.col("value") != 0)
        .select("row", "feature", "value")
    )


def _empty(rows: pl.DataFrame, kept: list[dict[str, Any]]) -> pl.DataFrame:
    """Returns which answers have no field, not even one taken from the listing."""
    return (
        _numbered(rows)
        .filter(
            pl.Series([not attributes for attributes in kept], dtype=pl.Boolean),
            pl.all_horizontal(pl.col("brand", "rules_brand", "listing_brand", "model").is_null()),
        )
        .select("row", pl.lit(NOTHING).alias("feature"), pl.lit(1.0).alias("value"))
    )


def _claims(rows: pl.DataFrame) -> pl.DataFrame:
    """Returns what each answer's model claims for itself, as log-odds."""
    claimed = (
        pl.col("model_confidence").fill_nan(None).fill_null(CLAIMED_BY_DEFAULT).clip(1 - SURE, SURE)
    )
    return _numbered(rows).select(
        "row", pl.lit("claimed").alias("feature"), (claimed / (1 - claimed)).log().alias("value")
    )


def _models(texts: pl.DataFrame) -> pl.DataFrame:
    model, read = pl.col("model"), pl.col("rules_model")
    in_name, known = pl.col("in_name"), pl.col("known")
    another_number = (
        (pl.col("numbers").list.len() > 0)
        & (pl.col("numbers_read").list.len() > 0)
        & (_shared(pl.col("numbers"), pl.col("numbers_read")) == 0)
        & (_shared(pl.col("numbers"), pl.col("name")) == 0)
    )
    cases = [
        _Case(model.is_null() & read.is_null(), "absent", None, pl.lit("no model found")),
        _Case(
            model.is_null(),
            "missing",
            None,
            pl.format("no model, though the listing states {}", read),
        ),
        _Case((known == 1) & (pl.col("covered") == 1) | pl.col("equal"), "agreed", "supported"),
        # "iPhone 14" for an iPhone 15: the words agree, the generation does not.
        _Case(
            another_number,
            "contradicted",
            "contradicted",
            pl.format("the model {} is not in the listing, which states {}", model, read),
        ),
        _Case((in_name == 1) & read.is_null(), "stated", "supported"),
        _Case(
            (in_name == 1) & (known == 0),
            "elsewhere",
            "supported",
            pl.format("the rules read another model: {}", read),
        ),
        _Case(
            in_name == 1,
            "disputed",
            "supported",
            pl.format("the rules read another model: {}", read),
        ),
        _Case(
            in_name + known.fill_null(0.0) > 0,
            "partial",
            "inferred",
            pl.format("not all of the model {} is in the listing", model),
        ),
        _Case(
            model.is_not_null(),
            "unsupported",
            "inferred",
            pl.format("nothing of the model {} is in the listing", model),
        ),
    ]
    return _judged(texts, pl.lit("model"), pl.lit("model"), cases)


# --- attributes -------------------------------------------------------------------


def _attributes(rows: pl.DataFrame, said: pl.DataFrame) -> pl.DataFrame:
    """Judges every attribute of the answers, and what of the listing they lack."""
    listings = _numbered(rows).select(
        "row",
        "category_group",
        name=measured(pl.col("name")),
        name_tokens=_quantity_tokens(pl.col("name")),
        name_colours=_colours(pl.col("name")),
        # "Light Blue" is a perfume, and no colour of it.
        model_colours=_colours(pl.col("model")).fill_null([]),
    )
    read_by_rules = _pairs(rows["rules_attributes"], "read")
    # A value is read once however many rows have it: a day has 40,000, mostly the same.
    values = _values(pl.concat([said, read_by_rules.rename({"read": "value"})]))
    field, value, read = pl.col("field"), pl.col("value"), pl.col("read")

    def of_model(colour: pl.Expr) -> pl.Expr:
        return (field == "color") & pl.col("model_colours").list.contains(colour)

    texts = (
        said.join(read_by_rules, on=["row", "field"], how="full", coalesce=True)
        .filter(value.is_not_null() | field.is_in(DECISIVE_ATTRIBUTES))
        .join(listings, on="row", maintain_order="left")
        .filter(value.is_not_null() | ~of_model(read))
        .join(values, on=["field", "value"], how="left")
        .join(values.rename({"value": "read"}), on=["field", "read"], how="left", suffix="_read")
    )
    tokens, tokens_read = pl.col("tokens"), pl.col("tokens_read")
    is_quantity = field.is_in(list(QUANTITY_FIELDS))
    measurable = is_quantity & (tokens.list.len() > 0)
    comparable = measurable & (tokens_read.list.len() > 0)
    is_worded = field.is_in(WORDED_FIELDS)
    common = _shared(pl.col("words"), pl.col("words_read"))
    same = (
        pl.when(comparable)
        .then(_shared(tokens, tokens_read) > 0)
        .when(is_worded)
        .then(
            common == pl.min_horizontal(pl.col("words").list.len(), pl.col("words_read").list.len())
        )
        .otherwise(pl.col("key") == pl.col("key_read"))
    )
    has_one_value = (
        comparable | field.is_in(CLOSED_FIELDS) | (is_worded & _tells_apart(field, common))
    )
    misplaced = pl.any_horizontal(
        *(
            (field == name) & ~pl.col("category_group").is_in(groups)
            for name, groups in GROUPS_OF_FIELD.items()
        )
    )
    # A garment's size is a word, a screen's is a quantity; "8" in a name is no 8GB.
    is_word = ~is_quantity | (field == "size")
    in_name = (
        (measurable & (_shared(tokens, pl.col("name_tokens")) == tokens.list.len()))
        | (is_word & _contains(pl.col("name"), pl.col("phrase")))
        | ((field == "color") & pl.col("name_colours").list.contains(value))
    ) & ~of_model(value)
    cases = [
        _Case(value.is_null(), "completed", "supported"),
        _Case(same, "agreed", "supported"),
        _Case(
            misplaced & read.is_null(),
            "misplaced",
            "contradicted",
            pl.format("{} {} is no attribute of {}", field, value, "category_group"),
        ),
        _Case(
            read.is_not_null() & has_one_value,
            "contradicted",
            "contradicted",
            pl.format("{} {} contradicts the listing, which states {}", field, value, read),
        ),
        _Case(in_name, "stated", "supported"),
        _Case(
            value.is_not_null(),
            "inferred",
            "inferred",
            pl.format("{} {} is not in the listing", field, value),
        ),
    ]
    # Rare fields are weighed together: each alone has too few answers to learn from.
    kind = field.replace_strict(_KINDS, default="further", return_dtype=pl.String)
    texts = texts.sort("field")
    return _judged(texts, field, kind, cases).with_columns(texts["read"])


def _colours(text: pl.Expr) -> pl.Expr:
    found = words(fold(text))
    return pl.concat_list(colours(found), colours_of_things(found))


def _tells_apart(field: pl.Expr, common: pl.Expr) -> pl.Expr:
    """Whether two wordings of an attribute exclude each other.

    "Core i5-1235U" and "Core i7-1355U" have a word in common, and two flavours may be one
    mixture.
    """
    return field.is_in(("processor", "graphics")) | (common == 0)


def _prices(rows: pl.DataFrame) -> pl.DataFrame:
    """Judges prices; a row whose price is plausible, or missing, is left out."""
    price, group = pl.col("price").cast(pl.Float64), pl.col("category_group")
    bounds = [
        group.replace_strict(
            list(PLAUSIBLE_CLP),
            [bound[place] for bound in PLAUSIBLE_CLP.values()],
            default=None,
            return_dtype=pl.Float64,
        )
        for place in (0, 1)
    ]
    odd = (price < bounds[0]) | (price > bounds[1])
    reason = pl.format("a price of {} CLP is unusual for {}", price.cast(pl.Int64), group)
    texts = _numbered(rows).filter(odd.fill_null(value=False))
    cases = [_Case(pl.lit(value=True), "implausible", None, reason)]
    return _judged(texts, pl.lit("price"), pl.lit("price"), cases)


def _names(rows: pl.DataFrame) -> pl.DataFrame:
    """Judges names; a row whose name only names a product is left out."""
    folded = pl.col("folded")
    cases = [
        _Case(
            gives_orders(folded),
            "gives orders",
            None,
            pl.lit("the name gives orders to a language model, so it supports no answer"),
        ),
        _Case(
            has_strange_letters(folded),
            "unreadable",
            None,
            pl.lit("the name has letters that no listing here is written with"),
        ),
    ]
    texts = _numbered(rows).select("row", folded=fold(pl.col("name")))
    odd = texts.filter(gives_orders(folded) | has_strange_letters(folded))
    return _judged(odd, pl.lit("name"), pl.lit("name"), cases)


def _neighbours(rows: pl.DataFrame) -> pl.DataFrame:
    """Compares with the cache's answers to variants; rows without one are left out."""
    brand = pl.coalesce("brand", "rules_brand", stated_brand(pl.col("listing_brand")))
    pairs = ((brand, "neighbour_brand"), (pl.col("model"), "neighbour_model"))
    same = pl.all_horizontal(_key(said).eq_missing(_key(pl.col(known))) for said, known in pairs)
    known = pl.concat_str("neighbour_brand", "neighbour_model", separator=" ", ignore_nulls=True)
    reason = pl.format("the cache has {} for a variant of it", known)
    cases = [
        _Case(same, "agreed", None),
        _Case(pl.lit(value=True), "disagreed", None, reason),
    ]
    texts = _numbered(rows).filter(pl.col("has_neighbour").fill_null(value=False))
    return _judged(texts, pl.lit("neighbour"), pl.lit("neighbour"), cases)


def _pairs(attributes: pl.Series, value: str) -> pl.DataFrame:
    """Returns one row for each attribute; JSON with open keys has no Polars schema."""
    found = [
        (row, name, str(text))
        for row, pairs in enumerate(map(_object, attributes))
        for name, text in pairs.items()
    ]
    schema = {"row": pl.UInt32, "field": pl.String, value: pl.String}
    return pl.DataFrame(found, schema=schema, orient="row")


def _values(pairs: pl.DataFrame) -> pl.DataFrame:
    """Reads each distinct field and value: its words, its quantities, its bare letters."""
    value = pl.col("value")
    unit = pl.col("field").replace_strict(QUANTITY_FIELDS, default=None, return_dtype=pl.String)
    bare = value.str.contains(r"^[0-9.]+$") & unit.is_not_null()
    return (
        pairs.select("field", "value")
        .unique()
        .with_columns(
            phrase=measured(value),
            words=_model_words(value),
            tokens=_quantity_tokens(pl.when(bare).then(value + unit).otherwise(value)),
            key=_key(value),
        )
    )


def _object(text: str | None) -> dict[str, Any]:
    return json.loads(text) if text else {}


def _json(value: dict[str, Any]) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True)


# --- words and quantities ---------------------------------------------------------


def _numbered(rows: pl.DataFrame) -> pl.DataFrame:
    return rows.with_columns(pl.int_range(pl.len(), dtype=pl.UInt32).alias("row"))


def _contains(name: pl.Expr, phrase: pl.Expr) -> pl.Expr:
    """Whether a padded phrase stands in padded words, never inside another word."""
    return name.str.contains(phrase, literal=True) & (phrase.str.strip_chars(" ") != "")


def _key(text: pl.Expr) -> pl.Expr:
    """Text without case, accents and punctuation, as values are compared (DESIGN.md)."""
    return words(fold(text)).str.replace_all(" ", "", literal=True)


def _words(text: pl.Expr) -> pl.Expr:
    """The distinct words of a text, quantities as one word."""
    return measured(text).str.strip_chars(" ").str.split(" ").list.unique()


def _model_words(text: pl.Expr) -> pl.Expr:
    """The distinct words of a text, letters and digits apart: "WH-1000XM5" is "WH1000XM5"."""
    apart = words(fold(text)).str.replace_all(r"([a-z])([0-9])", "${1} ${2}")
    apart = apart.str.replace_all(r"([0-9])([a-z])", "${1} ${2}")
    return apart.str.strip_chars(" ").str.split(" ").list.unique()


def _numbers(tokens: pl.Expr) -> pl.Expr:
    return tokens.list.eval(pl.element().filter(pl.element().str.contains(r"[0-9]")))


def _shared(these: pl.Expr, those: pl.Expr) -> pl.Expr:
    return these.list.set_intersection(those).list.len()


def _share(these: pl.Expr, those: pl.Expr) -> pl.Expr:
    """Share of the words of ``these`` that ``those`` hold, null where there are none."""
    return (_shared(these, those) / these.list.len()).fill_nan(None)


def _quantity_tokens(text: pl.Expr) -> pl.Expr:
    """Canonical quantities of a text; rolls, sachets and the like are units of a pack."""
    counted = pl.element().str.replace(rf"^([0-9]+)(?:{'|'.join(COUNT_UNITS)})$", "${1}un")
    return quantities(text).list.eval(counted)
