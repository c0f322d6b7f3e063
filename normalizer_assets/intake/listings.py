"""From rows of text to listings, and to quarantine what is none.

Belongs here: which column is which field, what makes a row a listing, stable SKUs
for rows without one, duplicates, and the account of every row. Does not belong here:
reading files (``reading``), numbers (``prices``), category groups (``categories``).
"""

import hashlib
from dataclasses import dataclass
from datetime import date

import polars as pl

from normalizer_assets.config import IntakeConfig, SourceConfig
from normalizer_assets.intake.categories import category_group
from normalizer_assets.intake.errors import EmptyLandingError, IntakeError, LayoutError
from normalizer_assets.intake.prices import read_price
from normalizer_assets.intake.reading import READING_ERROR, ROW_NUMBER, UNREAD_TEXT
from normalizer_assets.intake.text import clean_text, cut_at_word, fold

LISTINGS_SCHEMA: dict[str, type[pl.DataType]] = {
    "row_number": pl.Int64,
    "retailer": pl.String,
    "day": pl.Date,
    "sku": pl.String,
    "name": pl.String,
    "brand": pl.String,
    "category": pl.String,
    "category_group": pl.String,
    "price": pl.Int64,
    "unit_price": pl.String,
    "ean": pl.String,
    "url": pl.String,
}
QUARANTINE_SCHEMA: dict[str, type[pl.DataType]] = {
    "row_number": pl.Int64,
    "reason": pl.String,
    "raw": pl.String,
}
DUPLICATES_SCHEMA: dict[str, type[pl.DataType]] = {"row_number": pl.Int64, "same_as": pl.Int64}

_FIELDS = ("name", "category", "price", "sku", "brand", "ean", "url", "unit_price")
_REQUIRED = ("name", "price")
_PLACEHOLDER = r"\{([^{}]+)\}"
_URL = r"(?i)^(?:https?://|www\.)\S+$"
_WHOLE_AS_FLOAT = r"^(\d+)\.0$"
_EAN = r"^\d{8,14}$"
_TRACKING = r"(?:#.*|[?&](?:utm_\w+|gclid|fbclid)=[^&#]*)"
_SENTENCE = r"^\p{L}{3,}(?:\s+\S+){2,}$"
_SHOWN_CHARACTERS = 80
_SEPARATORS = (";", "\t", "|", "$", ",")


@dataclass(frozen=True)
class Intake:
    """What became of the rows of one partition.

    Attributes:
        listings: One row per listing, ``LISTINGS_SCHEMA``, in the order of the file.
        quarantined: One row per rejected row, ``QUARANTINE_SCHEMA``; ``reason`` is for a
            person, ``raw`` is a JSON object of the cells as they landed.
        raw_count: Rows landed.
        duplicates: One row per row that repeated a listing, ``DUPLICATES_SCHEMA``;
            ``same_as`` is the row number of the listing that stayed.
    """

    listings: pl.DataFrame
    quarantined: pl.DataFrame
    raw_count: int
    duplicates: pl.DataFrame

    @property
    def collapsed_count(self) -> int:
        """Rows that repeated a listing of the same partition."""
        return self.duplicates.height

    def __post_init__(self) -> None:
        """Checks that no row was lost (DESIGN.md, "Always").

        Raises:
            IntakeError: The rows do not add up.
        """
        parts = (self.listings.height, self.quarantined.height, self.collapsed_count)
        if self.raw_count != sum(parts):
            raise IntakeError(
                f"rows were lost: {self.raw_count} landed, but {parts[0]} listings + {parts[1]} "
                f"quarantined + {parts[2]} collapsed; this is a defect of the intake, report it"
            )


def clean_listings(
    raw: pl.DataFrame,
    source: SourceConfig,
    settings: IntakeConfig,
    retailer: str,
    day: date,
    origin: str | None = None,
    *,
    may_hold_none: bool = False,
) -> Intake:
    """Turns the rows of one partition into listings.

    * A price of 0 means out of stock: the listing stays, without a price. So does one
      whose price cell says no price. Negative and absurd prices are quarantined.
    * A missing SKU is derived from the URL (``url-<10 hex>``), else from name and brand
      (``name-<10 hex>``), so that the next crawl derives the same.
    * Rows with the same SKU and the same name (case, accents and punctuation ignored)
      are one listing: the first row with a price stays. The same SKU with another
      name is another product: it gets ``<sku>~<6 hex of the name>``.

    Args:
        raw: Rows from ``reading.read_source`` or ``reading.read_sql``.
        source: Its column names and decimal sign.
        settings: Limits and the mapping of raw categories.
        retailer: Slug of the shop.
        day: Scrape day.
        origin: What to call the file in errors; by default the source's path.
        may_hold_none: Whether all rows may be quarantined; in a file that means that its
            layout is not as declared.

    Returns:
        Listings, quarantine and the account of rows.

    Raises:
        EmptyLandingError: No row at all, as after a failed scrape.
        LayoutError: A declared or required column is missing, or no row is a listing.
    """
    where = f"{origin or source.path or 'the SQL source'} ({retailer}, {day})"
    if raw.is_empty():
        raise EmptyLandingError(
            f"{where} holds no listing: it is empty or has only a header, as after a failed "
            f"scrape; scrape again, replace the file and run the partition again"
        )
    rows = _fields(raw, source, where).with_columns(
        cut_at_word(pl.col("name"), settings.max_name_characters),
        pl.col("sku", "ean").str.replace(_WHOLE_AS_FLOAT, "$1"),
        read_price(pl.col("price"), source.decimal_sign).alias("value"),
    )
    rows = rows.with_columns(_rejection(settings.max_price_clp).alias("reason"))
    rejected = rows["reason"].is_not_null()
    quarantined = rows.filter(rejected).select(*QUARANTINE_SCHEMA)
    if rejected.all() and not may_hold_none:
        reason = quarantined["reason"].mode().sort()[0]
        raise LayoutError(
            f"{where}: none of the {raw.height} rows is a listing, most often because {reason}; "
            f"check `columns`, `header` and `separator` of the source"
        )
    kept = _with_sku(rows.filter(~rejected))
    distinct, duplicates = _collapsed(kept)
    listings = distinct.with_columns(
        pl.lit(retailer).alias("retailer"),
        pl.lit(day).alias("day"),
        category_group(pl.col("category"), pl.col("name"), settings.category_groups).alias(
            "category_group"
        ),
        pl.when(pl.col("value") > 0).then(pl.col("value").round().cast(pl.Int64)).alias("price"),
        pl.when(pl.col("ean").str.contains(_EAN)).then("ean").alias("ean"),
    ).select(pl.col(name).cast(dtype) for name, dtype in LISTINGS_SCHEMA.items())
    return Intake(listings, quarantined, raw.height, duplicates)


def _fields(raw: pl.DataFrame, source: SourceConfig, where: str) -> pl.DataFrame:
    """Picks and cleans our fields, and keeps each row's raw JSON."""
    landed = [name for name in raw.columns if name not in {ROW_NUMBER, READING_ERROR, UNREAD_TEXT}]
    shown = ", ".join(repr(name) for name in landed[:20])
    fields = []
    for field in _FIELDS:
        declared = source.columns.get(field)
        if field in source.constants:
            cell = pl.lit(source.constants[field], dtype=pl.String)
        elif declared is None and field not in landed:
            if field in _REQUIRED:
                raise LayoutError(
                    f"{where}: no column {field!r}, and the source's `columns` names no other for "
                    f"it; the file's columns are {shown}{_separator_hint(landed)}"
                )
            cell = pl.lit(None, dtype=pl.String)
        else:
            cell = _cell(
                declared or field, field, landed, f"{where}: the file's columns are {shown}"
            )
        fields.append(clean_text(cell).alias(field))
    as_object = pl.struct(landed) if landed else pl.struct(UNREAD_TEXT)
    return raw.select(
        ROW_NUMBER,
        READING_ERROR,
        pl.when(pl.col(UNREAD_TEXT).is_null())
        .then(as_object.struct.json_encode())
        .otherwise(pl.struct(text=UNREAD_TEXT).struct.json_encode())
        .alias("raw"),
        *fields,
    )


def _separator_hint(landed: list[str]) -> str:
    """Names the sign that seems to separate the cells of a header read as one column."""
    whole = landed[0] if len(landed) == 1 else ""
    likely = max(_SEPARATORS, key=whole.count)
    return f"; declare `separator = {likely!r}` in the source?" if likely in whole else ""


def _cell(declared: str, field: str, landed: list[str], shown: str) -> pl.Expr:
    """Reads ``columns.<field>``: a column's name, or a text with names in braces."""
    names = [declared]
    is_template = declared not in landed and "{" in declared
    if is_template:
        names = (
            pl.Series([declared]).str.extract_all(_PLACEHOLDER)[0].str.strip_chars("{}").to_list()
        )
    for name in names:
        if name not in landed:
            raise LayoutError(
                f"`columns.{field}` names the column {name!r}, which the file has not. {shown}"
            )
    if not is_template:
        return pl.col(declared)
    template = pl.Series([declared]).str.replace_all(_PLACEHOLDER, "{}")[0]
    return pl.format(template, *(pl.col(name).fill_null("") for name in names))


def _rejection(max_price: int) -> pl.Expr:
    """Says why a row is no listing; null where it is one. The first reason counts."""
    name, price, sku, value = (pl.col(field) for field in ("name", "price", "sku", "value"))
    shifted = "the row's columns are probably shifted"
    reasons = (
        (pl.col(READING_ERROR).is_not_null(), "{}", pl.col(READING_ERROR)),
        (name.is_null(), "the name is missing", None),
        (name.str.contains(_URL), f"the name is a URL ({{}}): {shifted}", name),
        (
            ~name.str.contains(r"\p{L}"),
            f"the name is a number, such as a price or a SKU ({{}}): {shifted}",
            name,
        ),
        (price.str.contains(_URL), f"the price is a URL ({{}}): {shifted}", price),
        (
            sku.str.contains(_SENTENCE) & (fold(sku) != fold(name)),
            f"the SKU is a text ({{}}): {shifted}",
            sku,
        ),
        (value < 0, "the price is negative ({})", price),
        (value > max_price, f"the price is absurd ({{}}), above {max_price} CLP", price),
    )
    return pl.coalesce(
        pl.when(condition).then(
            pl.lit(template)
            if shown is None
            # Cells are cut; a reading error is advice, and cut advice is none.
            else pl.format(
                template, shown if template == "{}" else shown.str.head(_SHOWN_CHARACTERS)
            )
        )
        for condition, template, shown in reasons
    )


def _with_sku(rows: pl.DataFrame) -> pl.DataFrame:
    """Gives rows without a SKU one that the next crawl gives them again."""
    name_key = pl.concat_str(
        fold(pl.col("name")), fold(pl.col("brand")).fill_null(""), separator="|"
    )
    keys = rows.with_columns(
        pl.col("url").str.replace_all(_TRACKING, "").alias("url_key"),
        name_key.alias("name_key"),
    )
    return keys.with_columns(
        pl.coalesce(
            "sku",
            pl.lit("url-") + _digest(pl.when(pl.col("sku").is_null()).then("url_key"), 10),
            pl.lit("name-") + _digest(pl.when(pl.col("sku").is_null()).then("name_key"), 10),
        ).alias("sku")
    )


def _collapsed(rows: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Keeps one row per product, and says of the others which; see ``clean_listings``.

    About a quarter of a supermarket's rows repeat a SKU, one for each aisle; a shop
    that gives one SKU to several products must not lose all but the first.
    """
    folded = pl.col("folded")
    grouped = rows.with_columns(fold(pl.col("name")).alias("folded")).with_columns(
        pl.col(ROW_NUMBER).first().over("sku", "folded").alias("position"),
        (folded != folded.first().over("sku")).alias("is_other"),
    )
    distinct = grouped.sort(
        "position", (pl.col("value") > 0).fill_null(value=False).not_(), ROW_NUMBER
    ).unique("position", keep="first", maintain_order=True)
    duplicates = (
        grouped.join(
            distinct.select("position", pl.col(ROW_NUMBER).alias("same_as")), on="position"
        )
        .filter(pl.col(ROW_NUMBER) != pl.col("same_as"))
        .select(*DUPLICATES_SCHEMA)
    )
    suffix = pl.lit("~") + _digest(pl.when("is_other").then("folded"), 6)
    listings = distinct.with_columns((pl.col("sku") + suffix.fill_null("")).alias("sku"))
    return listings, duplicates


def _digest(text: pl.Expr, characters: int) -> pl.Expr:
    """Shortens text to hex digits that stay the same for ever (unlike Polars' hash)."""

    def digest(value: str) -> str:
        return hashlib.sha256(value.encode()).hexdigest()[:characters]

    return text.map_elements(digest, return_dtype=pl.String, skip_nulls=True)
