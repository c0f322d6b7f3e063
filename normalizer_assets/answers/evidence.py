"""What in a listing speaks for each field of an answer, and the confidence from it.

Belongs here: the evidence for a field (supported, inferred, contradicted), the first
form of evidence -> confidence, and the reasons in words. Does not belong here: reading
listings (``grammar``, ``rules``), and the verdict on a confidence (``verdicts``).

The confidence is a plain formula, not yet a probability: calibration on labels follows
(issue 4). The model's own number has no part in it, because it separates right from
wrong hardly better than a coin (DESIGN.md, "Decisions").

    confidence = weighted mean of the fields' support
                 x (0.65 + 0.35 x support of the brand)
                 x (0.65 + 0.35 x support of the model)
                 x 0.6 for each attribute that the listing contradicts
                 x 0.65 where no field at all is supported

- Support of a brand: 1 if the rules or the row's brand field state it too, 0.9 if only
  the name does (0.5 if those state another one), 0 if nothing does.
- Support of a model: the share of its words that are in the name, averaged with the
  share of words it has in common with the rules' reading (none: 0.9 of the former).
- Support of an attribute: 1 if the rules read the same, 0.9 if only the name states it,
  0.5 inferred, 0 contradicted.
- 0.3 for a field that the listing states and the answer lacks, if every template asks
  for it. 0.85 for a brand or a model that neither answer nor listing has.
- Weights: brand and model 3, quantities, colour, gender and type 1, other attributes 0.5.

So an answer whose brand or model has no support in the listing stays under 0.7.
"""

import json
from typing import Any, NamedTuple

import polars as pl

from normalizer_assets.grammar.brands import stated_brand
from normalizer_assets.grammar.colours import colours
from normalizer_assets.grammar.quantities import COUNT_UNITS, measured, quantities
from normalizer_assets.grammar.text import fold, words

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

ASKED_BY_EVERY_TEMPLATE = ("capacity", "color")

UNCONFIRMED = 0.9
DISPUTED = 0.5
INFERRED = 0.5
MISSING = 0.3
AGREED_ABSENCE = 0.85
MAIN_WEIGHT = 3.0
DECISIVE_WEIGHT = 1.0
OTHER_WEIGHT = 0.5
CONTRADICTION_FACTOR = 0.6
NO_SUPPORT_FACTOR = 0.65
"""Under the default threshold (0.70): such an answer is always looked at."""


def gather_evidence(rows: pl.DataFrame) -> pl.DataFrame:
    """Adds to each answer its evidence, its confidence and the reasons.

    Args:
        rows: ``name``, ``listing_brand`` (the row's own brand field), the answer's
            ``brand``, ``model``, ``attributes`` (JSON text) and the rules' reading of
            the same listing: ``rules_brand``, ``rules_model``, ``rules_attributes``.
            Further columns pass through. For an answer of the rules themselves give
            nulls as their reading: a reading does not confirm itself.

    Returns:
        The rows in their order, with ``attributes`` without contradicted fields, and

        - ``evidence`` String: JSON object, field -> supported, inferred, contradicted;
        - ``confidence`` Float64, 0 to 1;
        - ``reasons`` String: why the confidence is not full, empty where it is.
    """
    fields = pl.concat([_brands(rows), _models(rows), _attributes(rows)])
    is_main = pl.col("field").is_in(["brand", "model"])
    contradicted = pl.col("evidence") == "contradicted"
    nothing_supported = ~(pl.col("evidence") == "supported").any()
    factor = (
        pl.when(is_main)
        .then(NO_SUPPORT_FACTOR + (1 - NO_SUPPORT_FACTOR) * pl.col("support"))
        .when(contradicted)
        .then(CONTRADICTION_FACTOR)
        .otherwise(1.0)
    )
    judged = (
        fields.sort("row", maintain_order=True)
        .group_by("row", maintain_order=True)
        .agg(
            confidence=pl.col("support").dot("weight")
            / pl.col("weight").sum()
            * factor.product()
            * pl.when(nothing_supported).then(NO_SUPPORT_FACTOR).otherwise(1.0),
            reasons=pl.col("reason").drop_nulls().str.join("; "),
            stated=pl.struct("field", "evidence").filter(pl.col("evidence").is_not_null()),
            dropped=pl.col("field").filter(contradicted & ~is_main),
        )
    )
    stated = [
        {item["field"]: item["evidence"] for item in items} for items in judged["stated"].to_list()
    ]
    kept = [
        {name: value for name, value in attributes.items() if name not in dropped}
        for attributes, dropped in zip(
            map(_object, rows["attributes"]), judged["dropped"].to_list(), strict=True
        )
    ]
    return rows.with_columns(
        pl.Series("attributes", [_json(item) for item in kept], pl.String),
        pl.Series("evidence", [_json(item) for item in stated], pl.String),
        judged["confidence"].clip(0.0, 1.0),
        judged["reasons"],
    )


class _Case(NamedTuple):
    """One way in which a listing speaks for a field; the first that holds counts.

    Attributes:
        holds: Boolean expression.
        evidence: The word for it, ``None`` where the answer lacks the field.
        support: Number from 0 to 1, or an expression.
        reason: Why confidence is lost, an expression; ``None`` if none is.
    """

    holds: pl.Expr
    evidence: str | None
    support: float | pl.Expr
    reason: pl.Expr | None = None


def _first(cases: list[_Case]) -> pl.Expr:
    """Returns evidence, support and reason of the first case that holds."""
    found = pl.lit(None)
    for case in reversed(cases):
        judged = pl.struct(
            evidence=pl.lit(case.evidence, pl.String),
            support=case.support if isinstance(case.support, pl.Expr) else pl.lit(case.support),
            reason=pl.lit(None, pl.String) if case.reason is None else case.reason,
        )
        # A comparison with a missing reading is null: then the case does not hold.
        found = pl.when(case.holds.fill_null(value=False)).then(judged).otherwise(found)
    return found


def _judged(
    texts: pl.DataFrame, field: pl.Expr, weight: pl.Expr, cases: list[_Case]
) -> pl.DataFrame:
    """Returns a frame with one judged field a row, the same columns for every field."""
    return texts.select(
        "row",
        field.alias("field"),
        weight.alias("weight"),
        _first(cases).alias("judged"),
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
    cases = [
        _Case(
            brand.is_null() & stated.is_null(),
            None,
            AGREED_ABSENCE,
            pl.lit("no brand found"),
        ),
        _Case(
            brand.is_null(),
            None,
            MISSING,
            pl.format("no brand, though the listing states {}", stated),
        ),
        _Case(pl.col("keys").list.contains(pl.col("key")), "supported", 1.0),
        _Case(in_name & stated.is_null(), "supported", UNCONFIRMED),
        _Case(
            in_name,
            "supported",
            DISPUTED,
            pl.format("the listing states the brand {} as well", stated),
        ),
        _Case(
            stated.is_not_null(),
            "contradicted",
            0.0,
            pl.format("the brand {} is not in the listing, which states {}", brand, stated),
        ),
        _Case(
            brand.is_not_null(),
            "inferred",
            0.0,
            pl.format("the brand {} is not in the listing", brand),
        ),
    ]
    return _judged(texts, pl.lit("brand"), pl.lit(MAIN_WEIGHT), cases)


def _models(rows: pl.DataFrame) -> pl.DataFrame:
    texts = (
        _numbered(rows)
        .select(
            "row",
            "model",
            "rules_model",
            said=_words(pl.col("model")),
            read=_words(pl.col("rules_model")),
            name=_words(pl.col("name")),
        )
        .with_columns(
            in_name=_share(pl.col("said"), pl.col("name")),
            alike=_share(pl.col("said"), pl.col("read"), union=True),
            numbers=_numbers(pl.col("said")),
            numbers_read=_numbers(pl.col("read")),
        )
    )
    model, read = pl.col("model"), pl.col("rules_model")
    in_name, alike = pl.col("in_name"), pl.col("alike")
    another_number = (
        (pl.col("numbers").list.len() > 0)
        & (pl.col("numbers_read").list.len() > 0)
        & (_shared(pl.col("numbers"), pl.col("numbers_read")) == 0)
        & (_shared(pl.col("numbers"), pl.col("name")) == 0)
    )
    cases = [
        _Case(model.is_null() & read.is_null(), None, AGREED_ABSENCE, pl.lit("no model found")),
        _Case(
            model.is_null(),
            None,
            MISSING,
            pl.format("no model, though the listing states {}", read),
        ),
        # "iPhone 14" for an iPhone 15: the words agree, the generation does not.
        _Case(
            another_number,
            "contradicted",
            0.0,
            pl.format("the model {} is not in the listing, which states {}", model, read),
        ),
        _Case(alike == 1, "supported", 1.0),
        _Case((in_name == 1) & read.is_null(), "supported", UNCONFIRMED),
        _Case(
            in_name == 1,
            "supported",
            (in_name + alike) / 2,
            pl.format("the rules read another model: {}", read),
        ),
        _Case(
            in_name + alike.fill_null(0.0) > 0,
            "inferred",
            pl.when(read.is_null()).then(in_name * UNCONFIRMED).otherwise((in_name + alike) / 2),
            pl.format("not all of the model {} is in the listing", model),
        ),
        _Case(
            model.is_not_null(),
            "inferred",
            0.0,
            pl.format("nothing of the model {} is in the listing", model),
        ),
    ]
    return _judged(texts, pl.lit("model"), pl.lit(MAIN_WEIGHT), cases)


# --- attributes -------------------------------------------------------------------


def _attributes(rows: pl.DataFrame) -> pl.DataFrame:
    """Judges every attribute of the answers, and those that all templates ask for."""
    listings = _numbered(rows).select(
        "row",
        name=measured(pl.col("name")),
        name_tokens=_quantity_tokens(pl.col("name")),
        name_colours=colours(words(fold(pl.col("name")))),
    )
    said = _pairs(rows["attributes"], "value")
    read_by_rules = _pairs(rows["rules_attributes"], "read")
    # A value is read once however many rows have it: a day has 40,000, mostly the same.
    values = _values(pl.concat([said, read_by_rules.rename({"read": "value"})]))
    field, value, read = pl.col("field"), pl.col("value"), pl.col("read")
    texts = (
        said.join(read_by_rules, on=["row", "field"], how="full", coalesce=True)
        .filter(value.is_not_null() | field.is_in(ASKED_BY_EVERY_TEMPLATE))
        .join(listings, on="row", maintain_order="left")
        .join(values, on=["field", "value"], how="left")
        .join(values.rename({"value": "read"}), on=["field", "read"], how="left", suffix="_read")
    )
    tokens, tokens_read = pl.col("tokens"), pl.col("tokens_read")
    is_quantity = field.is_in(list(QUANTITY_FIELDS))
    measurable = is_quantity & (tokens.list.len() > 0)
    comparable = measurable & (tokens_read.list.len() > 0)
    same = (
        pl.when(comparable)
        .then(_shared(tokens, tokens_read) > 0)
        .otherwise(pl.col("key") == pl.col("key_read"))
    )
    has_one_value = comparable | field.is_in(CLOSED_FIELDS)
    # A garment's size is a word, a screen's is a quantity; "8" in a name is no 8GB.
    is_word = ~is_quantity | (field == "size")
    in_name = (
        (measurable & (_shared(tokens, pl.col("name_tokens")) == tokens.list.len()))
        | (is_word & _contains(pl.col("name"), pl.col("phrase")))
        | ((field == "color") & pl.col("name_colours").list.contains(value))
    )
    cases = [
        _Case(
            value.is_null(),
            None,
            MISSING,
            pl.format("no {}, though the listing states {}", field, read),
        ),
        _Case(same, "supported", 1.0),
        _Case(
            read.is_not_null() & has_one_value,
            "contradicted",
            0.0,
            pl.format("{} {} contradicts the listing, which states {}", field, value, read),
        ),
        _Case(in_name, "supported", UNCONFIRMED),
        _Case(
            value.is_not_null(),
            "inferred",
            INFERRED,
            pl.format("{} {} is not in the listing", field, value),
        ),
    ]
    decisive = is_quantity | field.is_in(CLOSED_FIELDS)
    weight = pl.when(decisive).then(DECISIVE_WEIGHT).otherwise(OTHER_WEIGHT)
    return _judged(texts.sort("field"), field, weight, cases)


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


def _numbers(tokens: pl.Expr) -> pl.Expr:
    return tokens.list.eval(pl.element().filter(pl.element().str.contains(r"[0-9]")))


def _shared(these: pl.Expr, those: pl.Expr) -> pl.Expr:
    return these.list.set_intersection(those).list.len()


def _share(these: pl.Expr, those: pl.Expr, *, union: bool = False) -> pl.Expr:
    """Share of the words of ``these``, or of both, that both hold."""
    whole = these.list.set_union(those) if union else these
    return _shared(these, those) / whole.list.len()


def _quantity_tokens(text: pl.Expr) -> pl.Expr:
    """Canonical quantities of a text; rolls, sachets and the like are units of a pack."""
    counted = pl.element().str.replace(rf"^([0-9]+)(?:{'|'.join(COUNT_UNITS)})$", "${1}un")
    return quantities(text).list.eval(counted)
