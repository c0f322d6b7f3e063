"""The review queue as a CSV file, for people who work in spreadsheets.

Belongs here: columns, cells, and what a filled-in file says. Does not belong here: what a
decision does (``decisions``).
"""

import csv
import io
import re
from collections.abc import Mapping, Sequence

import sqlalchemy as sa

from normalizer_assets.review import queue
from normalizer_assets.review.decisions import Verdict, corrected
from normalizer_assets.review.queue import ReviewError, Waiting

DECISIONS = ("accept", "correct", "reject")
FILLED_IN = ("decision", "note")
EDITABLE = ("brand", "model", "attributes", "normalized_name")
COLUMNS = (
    *FILLED_IN, "retailer", "day", "sku", "name", "category", "price", "listing_brand",
    *EDITABLE, "confidence", "reasons", "answered_by", "llm_model", "question",
)  # fmt: skip

_FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""A spreadsheet runs a cell that begins so, and listings are strangers' text."""

MANY_ERRORS = 20


def write_csv(rows: Sequence[Waiting]) -> str:
    """Returns the file: one question a line, to be filled in under ``decision``."""
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\r\n")
    writer.writeheader()
    for one in rows:
        writer.writerow({name: _cell(value) for name, value in _cells(one).items()})
    return text.getvalue()


def read_csv(connection: sa.Connection, text: str) -> list[Verdict]:
    """Reads a filled-in file; lines without a decision are left for another time.

    Reads comma and semicolon, with or without a byte order mark, as spreadsheets save.

    Raises:
        ReviewError: Lines that cannot be understood, each named; then nothing is decided.
    """
    text = text.removeprefix("\ufeff")
    header = text.partition("\n")[0]
    separator = ";" if header.count(";") > header.count(",") else ","
    reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=separator)
    try:
        lines = list(reader)
    except csv.Error as error:
        raise ReviewError(f"line {reader.line_num} cannot be read: {error}") from None
    missing = {"decision", "question"} - set(reader.fieldnames or ())
    if missing:
        raise ReviewError(
            f"the column {' and '.join(sorted(missing))} is missing; write the file with "
            f"`normalizer review export` and keep its header"
        )
    filled = [(number, line) for number, line in enumerate(lines, 2) if _stripped(line)]
    known = queue.by_key(connection, [_key(line) for _, line in filled])
    verdicts, errors = [], []
    seen: dict[str, int] = {}
    for number, line in filled:
        key = _key(line)
        first = seen.setdefault(key, number)
        if first != number:
            errors.append(f"line {number}: the question of line {first} again")
            continue
        try:
            verdicts.append(_verdict(line, known.get(key)))
        except ReviewError as error:
            errors.append(f"line {number}: {error}")
    if errors:
        shown = errors[:MANY_ERRORS]
        if len(errors) > len(shown):
            shown.append(f"and {len(errors) - len(shown)} more")
        raise ReviewError("\n".join(["nothing was decided:", *shown]))
    return verdicts


def _key(line: Mapping[str, str | None]) -> str:
    return (line["question"] or "").strip()


def _stripped(line: Mapping[str, str | None]) -> bool:
    return bool((line.get("decision") or "").strip())


def _verdict(line: Mapping[str, str | None], about: Waiting | None) -> Verdict:
    word = (line["decision"] or "").strip().lower()
    if word not in DECISIONS:
        raise ReviewError(f"{word!r} is no decision; write accept, correct or reject")
    if about is None:
        raise ReviewError(
            "nobody waits for this question: it was decided meanwhile, or its row is gone"
        )
    shown = {name: _cell(value) for name, value in _cells(about).items()}
    changed = {
        name: _bare(line[name] or "")
        for name in EDITABLE
        if line.get(name) is not None and (line[name] or "").strip() != shown[name].strip()
    }
    note = (line.get("note") or "").strip() or None
    if word == "correct":
        return Verdict(about, "correct", _corrected(about, changed), note)
    if changed:
        raise ReviewError(f"{', '.join(changed)} was changed; write correct instead of {word}")
    return Verdict(about, "accept" if word == "accept" else "reject", note=note)


def _corrected(about: Waiting, changed: dict[str, str]) -> dict[str, object]:
    attributes: dict[str, str | None] = {}
    if "attributes" in changed:
        attributes = dict.fromkeys(about.row["attributes"])
        attributes |= read_attributes(changed.pop("attributes"))
    return corrected(about, changed, attributes)


def read_attributes(cell: str) -> dict[str, str | None]:
    """Reads "capacity=256GB; color=negro"; an empty value removes the attribute.

    Raises:
        ReviewError: A part is no pair.
    """
    found: dict[str, str | None] = {}
    for part in re.split(r";\s*(?=[a-z_]+\s*=|$)", cell.strip()):
        if not part.strip():
            continue
        name, sign, value = part.partition("=")
        if not sign or not name.strip():
            raise ReviewError(
                f"{part.strip()!r} is no attribute; write capacity=256GB; color=negro"
            )
        found[name.strip().lower()] = value.strip() or None
    return found


def _cells(one: Waiting) -> dict[str, str]:
    row = one.row | {
        "decision": "",
        "note": "",
        "question": one.question_key,
        "confidence": f"{one.row['confidence']:.3f}",
        "attributes": "; ".join(
            f"{name}={value}" for name, value in sorted(one.row["attributes"].items())
        ),
    }
    return {name: "" if row[name] is None else str(row[name]) for name in COLUMNS}


def _cell(value: str) -> str:
    return f"'{value}" if value.startswith(_FORMULA) else value


def _bare(value: str) -> str:
    return value.strip().removeprefix("'")
