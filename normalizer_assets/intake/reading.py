"""From the bytes of a landed file, or from SQL, to rows of text.

Belongs here: encodings, csv, ndjson, parquet and SQL; which rows of a source that
many partitions share belong to one of them. Does not belong here: finding and
keeping files (``landing``), or what a cell means (``listings``): every cell leaves
here as the text that landed.
"""

import codecs
import csv
import io
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import date, datetime
from decimal import Decimal
from itertools import chain, count
from typing import Any

import polars as pl

from normalizer_assets.config import SourceConfig
from normalizer_assets.intake.errors import IntakeError, LayoutError
from normalizer_assets.intake.text import fold

ROW_NUMBER = "row_number"
READING_ERROR = "reading_error"
"""Why a row could not be read; null in rows that could."""
UNREAD_TEXT = "unread_text"
"""The text of a row that could not be split into cells."""

_RESERVED = (ROW_NUMBER, READING_ERROR, UNREAD_TEXT)
_FORMATS = {
    "csv": "csv",
    "tsv": "csv",
    "txt": "csv",
    "ndjson": "ndjson",
    "jsonl": "ndjson",
    "parquet": "parquet",
}
_BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_SHOWN_CHARACTERS = 200

# How a typed number is written, so that its dot is the fraction in any declared style:
# 123.0 is 123 (a SKU that some program made a float), 976.984 is 976.9840, which
# cannot be taken for grouped thousands.
_WHOLE = r"\.0+$"
_THREE_DECIMALS = r"(\.\d{3})$"


def is_shared(source: SourceConfig) -> bool:
    """Tells whether one file (or database) of the source holds many partitions."""
    return bool(
        source.sql or source.day_column or source.retailer_column or source.day_price_columns
    )


def read_source(
    content: bytes, source: SourceConfig, retailer: str, day: date, suffix: str
) -> pl.DataFrame:
    """Reads the rows of one partition from a landed file.

    Args:
        content: The file.
        source: How it is laid out.
        retailer: Slug of the shop.
        day: Scrape day.
        suffix: Ending of the file's name (``csv``), used where the source declares no
            format.

    Returns:
        One row per landed row: ``row_number`` (Int64, 1-based data row in the file),
        ``reading_error`` and ``unread_text`` (String, null in rows that could be read),
        then the file's own columns, all String. No row where nothing landed for the
        partition. A row of a shared file whose partition cannot be read from it is
        returned for every partition, because it might belong to any.

    Raises:
        LayoutError: The file is not laid out as declared.
    """
    return select_partition(read_rows(content, source, suffix), source, retailer, day)


def read_rows(content: bytes, source: SourceConfig, suffix: str) -> pl.DataFrame:
    """Reads all rows of a landed file, whatever their partition; see ``read_source``."""
    file_format = source.format or _FORMATS.get(suffix.lower().lstrip("."))
    if file_format is None:
        raise LayoutError(
            f"the ending {suffix!r} names no format that can be read; declare `format` "
            f'("csv", "ndjson" or "parquet") in the source'
        )
    if file_format == "parquet":
        return _read_parquet(content)
    text, is_damaged = _decode(content, source.encoding)
    rows = _read_csv(text, source) if file_format == "csv" else _read_ndjson(text)
    if is_damaged:
        is_unread = pl.any_horizontal(
            pl.exclude(ROW_NUMBER, READING_ERROR).str.contains("\ufffd", literal=True)
        )
        reason = (
            f"the row holds bytes that are not {source.encoding}; if most rows do, declare the "
            f'source\'s `encoding` (often "cp1252")'
        )
        rows = _with_error(rows, is_unread.fill_null(value=False), pl.lit(reason))
    return rows


def read_sql(
    source: SourceConfig, retailer: str, day: date, environ: Mapping[str, str]
) -> pl.DataFrame:
    """Runs the source's query for one partition.

    Args:
        source: With ``sql``, whose bound parameters are ``:day`` (ISO date) and
            ``:retailer`` (the shop's slug, or its value in ``retailer_values``).
        retailer: Slug of the shop.
        day: Scrape day.
        environ: Holds the database's URL under ``source.database_url_variable``.

    Returns:
        As ``read_source``; ``row_number`` counts the rows of the result.

    Raises:
        IntakeError: No URL, or the database refused the query.
    """
    names, rows = _query(source, retailer, day, environ, limit=None)
    return _frame(names, [[_cell(value) for value in row] for row in rows])


def has_sql_rows(
    source: SourceConfig, retailer: str, day: date, environ: Mapping[str, str]
) -> bool:
    """Tells whether the source's query has a row for the partition; fetches only one."""
    _, rows = _query(source, retailer, day, environ, limit=1)
    return bool(rows)


def select_partition(
    rows: pl.DataFrame, source: SourceConfig, retailer: str, day: date
) -> pl.DataFrame:
    """Keeps the rows of one partition; see ``read_source``."""
    if rows.is_empty():
        return rows
    if source.day_price_columns:
        rows = _take_day_column(rows, source, day)
    if source.day_column:
        rows = _keep_day(rows, source, source.day_column, day)
    if source.retailer_column:
        rows = _keep_retailer(rows, source, source.retailer_column, retailer)
    return rows


def has_read_rows(rows: pl.DataFrame) -> bool:
    """Tells whether any row could be read, so that a shared file holds the partition."""
    return not rows.filter(pl.col(READING_ERROR).is_null()).is_empty()


# --- formats -------------------------------------------------------------------------


def _decode(content: bytes, encoding: str) -> tuple[str, bool]:
    """Decodes a file; a byte order mark wins over the declared encoding.

    Returns:
        The text, and whether some bytes had to be replaced by U+FFFD.
    """
    for mark, marked_encoding in _BYTE_ORDER_MARKS:
        if content.startswith(mark):
            encoding = marked_encoding
    try:
        try:
            return content.decode(encoding), False
        except UnicodeDecodeError:
            return content.decode(encoding, errors="replace"), True
    except LookupError as error:
        raise LayoutError(
            f"`encoding` names {encoding!r}, which is no known encoding; common ones are "
            f'"utf-8" and "cp1252"'
        ) from error


def _read_csv(text: str, source: SourceConfig) -> pl.DataFrame:
    records = _csv_records(text, source.separator, len(source.header) or None)
    first: list[str] | str | None = next(records, None) if source.has_header else None
    if source.has_header and first is None:
        return _frame([], [])
    rows: list[list[str] | str] = list(records)
    if source.header:
        names = list(source.header)
    elif isinstance(first, list):
        names = first
    else:
        widths = [len(row) for row in rows if isinstance(row, list)]
        names = [""] * max(widths, default=0, key=widths.count)
    return _csv_frame(names, rows, source.separator, (first, list(source.header)))


def _csv_frame(
    names: Sequence[str],
    rows: Sequence[list[str] | str],
    separator: str,
    headers: Sequence[list[str] | str | None],
) -> pl.DataFrame:
    """Puts records of the header's width into columns; the others are kept unread."""
    width = len(names)
    cells: list[list[str | None]] = []
    unread: dict[int, tuple[str, str]] = {}
    for index, row in enumerate(rows):
        if isinstance(row, str):
            unread[index] = ("a quotation mark opens in the row and is not closed", row)
            cells.append([None] * width)
        elif row in headers:
            # As in files that were put together from others.
            unread[index] = ("the row repeats the header", separator.join(row))
            cells.append([None] * width)
        elif len(row) >= width and not any(cell.strip() for cell in row[width:]):
            cells.append(list(row[:width]))
        else:
            reason = f"the row has {len(row)} columns where the header has {width}"
            unread[index] = (reason, separator.join(row))
            cells.append([None] * width)
    if rows and len(unread) == len(rows):
        reason, example = unread[0]
        raise LayoutError(
            f"no row of the file fits its header: {reason} (row 1: {example[:_SHOWN_CHARACTERS]!r})"
            f"; declare the source's `separator` (now {separator!r}) or `header`"
        )
    return _frame(names, cells, unread)


def _csv_records(text: str, separator: str, width: int | None) -> Iterator[list[str] | str]:
    """Splits csv text into records, none lost to a stray quotation mark.

    A quotation mark that is opened and never closed makes csv readers swallow every
    line up to the next one. Where a record breaks the rules of quoting, or spans
    several lines and has not the width of the others, reading goes back: its first
    line alone is split literally, and the rest is read anew from the second line on.

    Yields:
        The cells of a record, or the line itself where it cannot be split.
    """
    lines = list(io.StringIO(text.replace("\x00", ""), newline=""))
    start = 0
    while start < len(lines):
        reader = csv.reader(
            map(lines.__getitem__, range(start, len(lines))), delimiter=separator, strict=True
        )
        begun = start
        try:
            for record in reader:
                ended = start + reader.line_num
                if record:
                    width = width or len(record)
                    if ended - begun > 1 and len(record) != width:
                        break
                    yield record
                begun = ended
            else:
                return
        except csv.Error:
            pass
        line = lines[begun].rstrip("\r\n")
        literal = [_unquoted(cell) for cell in line.split(separator)]
        yield literal if len(literal) == width else line
        start = begun + 1


def _unquoted(cell: str) -> str:
    stripped = cell.strip()
    is_quoted = len(stripped) > 1 and stripped[0] == stripped[-1] == '"'
    return stripped[1:-1] if is_quoted else cell


def _read_ndjson(text: str) -> pl.DataFrame:
    names: dict[str, None] = {}
    objects: list[dict[str, str | None]] = []
    unread: dict[int, tuple[str, str]] = {}
    for line in io.StringIO(text):
        stripped = line.strip().strip("\x00")
        if not stripped:
            continue
        values: Any = None
        with suppress(ValueError, RecursionError):
            values = json.loads(stripped, parse_float=Decimal)
        if isinstance(values, dict):
            objects.append({key: _cell(value) for key, value in values.items()})
            names.update(dict.fromkeys(values))
        else:
            unread[len(objects)] = ("the line is no JSON object", stripped)
            objects.append({})
    if objects and len(unread) == len(objects):
        raise LayoutError(
            f"no line of the file is a JSON object (line 1: "
            f"{unread[0][1][:_SHOWN_CHARACTERS]!r}); ndjson holds one object a line, without "
            f"brackets around them"
        )
    return _frame(list(names), [[row.get(name) for name in names] for row in objects], unread)


def _read_parquet(content: bytes) -> pl.DataFrame:
    try:
        frame = pl.read_parquet(io.BytesIO(content))
    except (pl.exceptions.PolarsError, OSError) as error:
        raise LayoutError(
            f"the file cannot be read as parquet ({error}); it is damaged or has another "
            f"format: land it again, or declare the source's `format`"
        ) from error
    columns = [_column_text(frame[name]) for name in frame.columns]
    return _with_row_numbers(frame.columns, columns, frame.height, {})


def _column_text(column: pl.Series) -> pl.Series:
    if column.dtype == pl.String:
        return column.str.replace_all("\x00", "", literal=True)
    if column.dtype.is_float() or column.dtype.is_decimal():
        text = column.cast(pl.String)
        return text.str.replace(_WHOLE, "").str.replace(_THREE_DECIMALS, "${1}0")
    if column.dtype.is_nested() or column.dtype == pl.Binary:
        return pl.Series([_cell(value) for value in column.to_list()], dtype=pl.String)
    return column.cast(pl.String)


def _cell(value: Any) -> str | None:
    """Writes one value of a typed source (JSON, SQL) as the text of a cell."""
    if value is None:
        return None
    if isinstance(value, str):
        # Half of a surrogate pair, as from cut-off JSON, is no text that can be stored.
        return value.replace("\x00", "").encode("utf-8", "replace").decode("utf-8")
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float | Decimal):
        plain = f"{Decimal(str(value)):f}"
        return re.sub(_THREE_DECIMALS, r"\g<1>0", re.sub(_WHOLE, "", plain))
    if isinstance(value, dict | list | tuple):
        return json.dumps(value, ensure_ascii=False, default=str)
    return str(value)


# --- SQL -----------------------------------------------------------------------------


def _query(
    source: SourceConfig,
    retailer: str,
    day: date,
    environ: Mapping[str, str],
    limit: int | None,
) -> tuple[list[str], Sequence[Sequence[Any]]]:
    import sqlalchemy

    url = environ.get(source.database_url_variable)
    if not url:
        raise IntakeError(
            f"the environment variable {source.database_url_variable} is not set; it must hold "
            f"the URL of the database that the source's `sql` is asked of"
        )
    statement = sqlalchemy.text(source.sql or "")
    values = {"day": day.isoformat(), "retailer": source.retailer_values.get(retailer, retailer)}
    bound = {name: values.get(name) for name in statement.compile().params}
    try:
        engine = sqlalchemy.create_engine(url, poolclass=sqlalchemy.NullPool)
        with engine.connect() as connection:
            result = connection.execution_options(stream_results=True).execute(statement, bound)
            names = list(result.keys())
            return names, result.fetchmany(limit) if limit else result.fetchall()
    except sqlalchemy.exc.SQLAlchemyError as error:
        cause = str(getattr(error, "orig", None) or error).strip().partition("\n")[0]
        raise IntakeError(
            f"the source's `sql` failed for {retailer} on {day}: {cause} (database of "
            f"{source.database_url_variable})"
        ) from error


# --- shared sources ------------------------------------------------------------------


def _take_day_column(rows: pl.DataFrame, source: SourceConfig, day: date) -> pl.DataFrame:
    """Makes the day's column of prices the price, and drops the other days' columns.

    A row without a price in the day's column was not listed on that day.
    """
    days = {name: _day_of(name, source.day_format) for name in _landed_columns(rows)}
    if not any(days.values()):
        raise LayoutError(
            f"no column is a day written as `day_format` {source.day_format!r}; the file's "
            f"columns are {_listed(rows)}"
        )
    todays = [name for name, column_day in days.items() if column_day == day]
    if not todays:
        return rows.clear()
    price = source.columns.get("price", "price")
    others = [name for name, column_day in days.items() if column_day and name != todays[0]]
    return (
        rows.drop(others)
        .rename({price: f"{price}_landed"} if price in rows.columns else {})
        .rename({todays[0]: price})
        .filter(_is_filled(pl.col(price)) | pl.col(READING_ERROR).is_not_null())
    )


def _day_of(text: str, day_format: str) -> date | None:
    try:
        return datetime.strptime(text, day_format).date()  # noqa: DTZ007 - a day has no zone
    except ValueError:
        return None


def _keep_day(rows: pl.DataFrame, source: SourceConfig, column: str, day: date) -> pl.DataFrame:
    _require(rows, column, "day_column")
    written = rows[column].unique().drop_nulls()
    days = [_day_of(value.strip(), source.day_format) for value in written]
    known = pl.col(column).replace_strict(
        written, pl.Series(days, dtype=pl.Date), default=None, return_dtype=pl.Date
    )
    reason = pl.format(
        "the day in column {} cannot be read as {}: {}",
        pl.lit(repr(column)),
        pl.lit(repr(source.day_format)),
        pl.col(column).fill_null(""),
    )
    marked = _with_error(rows, known.is_null(), reason)
    return marked.filter((known == day) | pl.col(READING_ERROR).is_not_null())


def _keep_retailer(
    rows: pl.DataFrame, source: SourceConfig, column: str, retailer: str
) -> pl.DataFrame:
    _require(rows, column, "retailer_column")
    wanted = pl.lit(source.retailer_values.get(retailer, retailer))
    reason = pl.lit(f"the shop in column {column!r} is missing")
    marked = _with_error(rows, ~_is_filled(pl.col(column)), reason)
    return marked.filter(
        (fold(pl.col(column)) == fold(wanted)) | pl.col(READING_ERROR).is_not_null()
    )


def _is_filled(cell: pl.Expr) -> pl.Expr:
    return cell.str.strip_chars().ne("").fill_null(value=False)


# --- frames --------------------------------------------------------------------------


def _frame(
    names: Sequence[str],
    rows: Sequence[Sequence[str | None]] = (),
    unread: Mapping[int, tuple[str, str]] | None = None,
) -> pl.DataFrame:
    """Builds the frame of text columns, with row numbers and what could not be read.

    Args:
        names: The source's column names.
        rows: Cells, as many in each row as there are names.
        unread: Row index -> (reason, text) of rows that could not be read.
    """
    columns = list(zip(*rows, strict=True)) if rows else [()] * len(names)
    series = [pl.Series(cells, dtype=pl.String) for cells in columns]
    return _with_row_numbers(names, series, len(rows), unread or {})


def _with_row_numbers(
    names: Sequence[str],
    columns: Sequence[pl.Series],
    height: int,
    unread: Mapping[int, tuple[str, str]],
) -> pl.DataFrame:
    errors: list[str | None] = [None] * height
    texts: list[str | None] = [None] * height
    for index, (reason, text) in unread.items():
        errors[index], texts[index] = reason, text
    return pl.DataFrame(
        [
            pl.Series(ROW_NUMBER, range(1, height + 1), pl.Int64),
            pl.Series(READING_ERROR, errors, pl.String),
            pl.Series(UNREAD_TEXT, texts, pl.String),
            *(column.alias(name) for name, column in zip(_unique(names), columns, strict=True)),
        ]
    )


def _unique(names: Sequence[str]) -> list[str]:
    """Names every column once: ``column_3`` for no name, ``Precio_2`` for a second one."""
    taken: dict[str, None] = dict.fromkeys(_RESERVED)
    for position, name in enumerate(names, start=1):
        wanted = name.strip() or f"column_{position}"
        copies = (f"{wanted}_{copy}" for copy in count(2))
        taken[next(free for free in chain([wanted], copies) if free not in taken)] = None
    return list(taken)[len(_RESERVED) :]


def _with_error(rows: pl.DataFrame, is_unread: pl.Expr, reason: pl.Expr) -> pl.DataFrame:
    """Gives a reading error to rows that have none yet."""
    error = pl.when(is_unread).then(reason)
    return rows.with_columns(pl.coalesce(READING_ERROR, error).alias(READING_ERROR))


def _landed_columns(rows: pl.DataFrame) -> list[str]:
    return [name for name in rows.columns if name not in _RESERVED]


def _listed(rows: pl.DataFrame) -> str:
    return ", ".join(repr(name) for name in _landed_columns(rows)[:20]) or "none"


def _require(rows: pl.DataFrame, column: str, key: str) -> None:
    if column not in rows.columns:
        raise LayoutError(
            f"`{key}` names the column {column!r}, which the file has not; its columns are "
            f"{_listed(rows)}"
        )
