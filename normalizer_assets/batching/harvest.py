"""Fetching what a terminal batch left, and settling every one of its requests.

Belongs here: output and error file to states, answers and costs, for all partitions in
the batch at once. Does not belong here: reading one line (``answers.parsing``), what is
done about requests without an answer (``answers.chain``).
"""

import json
from collections.abc import Container, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import polars as pl
import sqlalchemy as sa
from upath import UPath

from normalizer_assets.answers.parsing import ParsedLine, parse_batch_line
from normalizer_assets.answers.schemas import Answer
from normalizer_assets.batching import ledger
from normalizer_assets.batching.work import PartitionWork
from normalizer_assets.config import ModelConfig
from normalizer_assets.db.tables import TERMINAL_BATCH_STATES, batches
from normalizer_assets.pricing.costs import cost_usd

if TYPE_CHECKING:
    from openai import OpenAI

SETTLED_SCHEMA: dict[str, pl.DataType | type[pl.DataType]] = {
    "custom_id": pl.String,
    "state": pl.String,
    "reason": pl.String,
    "raw": pl.String,
    "input_tokens": pl.Int64,
    "cached_tokens": pl.Int64,
    "output_tokens": pl.Int64,
    "reasoning_tokens": pl.Int64,
    "cost_usd": pl.Decimal(18, 9),
    "llm_model": pl.String,
    "brand": pl.String,
    "model": pl.String,
    "attributes": pl.String,
    "normalized_name": pl.String,
    "category_suggestion": pl.String,
    "model_confidence": pl.Float64,
}


@dataclass(frozen=True)
class Harvest:
    """What one batch gave.

    Attributes:
        batch_id: The batch.
        state: Its terminal state.
        answered: Requests with a usable answer.
        unanswered: Requests without one.
        strange_lines: Lines with an id that is not in the batch, repeated, or unreadable;
            they are kept in the result file.
        errors: Why the batch failed as a whole, for people; empty if it did not.
    """

    batch_id: str
    state: str
    answered: int
    unanswered: int
    strange_lines: int
    errors: str


def harvest_due(work: PartitionWork) -> list[Harvest]:
    """Harvests every terminal batch that carries requests of the partition, once."""
    with work.engine.connect() as connection:
        due = ledger.batches_of(
            connection,
            work.partition,
            batches.c.state.in_(TERMINAL_BATCH_STATES),
            batches.c.harvested_at.is_(None),
        )
    return [harvest for row in due if (harvest := _harvest(work, row)) is not None]


def _harvest(work: PartitionWork, row: sa.Row[Any]) -> Harvest | None:
    """Harvests one batch; ``None`` where another process did it meanwhile."""
    # Files are fetched and kept before any of their lines is parsed: the API deletes them
    # after 30 days, and parsing again must never cost a second batch.
    files = [
        _fetch(work.client, file_id, work.storage / "results" / f"{row.batch_id}.{kind}.jsonl")
        for kind, file_id in (("output", row.output_file_id), ("error", row.error_file_id))
        if file_id
    ]
    with work.engine.connect() as connection:
        asked = ledger.custom_ids_of(connection, row.shard_hash)
    settled, strange = settle_lines(_lines(files), asked, work.config.models[row.llm_model])
    with work.engine.begin() as connection:
        connection.execute(
            sa.text("select pg_advisory_xact_lock(hashtextextended(:batch, 0))"),
            {"batch": f"batch {row.batch_id}"},
        )
        done = connection.execute(
            sa.select(batches.c.harvested_at).where(batches.c.shard_hash == row.shard_hash)
        ).scalar()
        if done is not None:
            return None
        missing = "not_executed" if row.state == "failed" else "missing"
        ledger.settle_batch(connection, row.shard_hash, settled, missing)
        ledger.record_batch(connection, row.shard_hash, harvested_at=sa.func.now())
    answered = settled.filter(pl.col("state") == "ok").height
    return Harvest(
        batch_id=row.batch_id,
        state=row.state,
        answered=answered,
        unanswered=row.line_count - answered,
        strange_lines=strange,
        errors=_explain(row.errors) if row.state == "failed" else "",
    )


def settle_lines(
    lines: Iterable[str], asked: Container[str], model: ModelConfig
) -> tuple[pl.DataFrame, int]:
    """Parses result lines into one row a custom id.

    Args:
        lines: Lines of output and error file, in any order.
        asked: The custom ids of the batch.
        model: Prices of the model that was asked.

    Returns:
        A frame of ``SETTLED_SCHEMA``, and how many lines were unreadable, repeated an id
        or had one that was not asked; of a repeated id the first usable line counts.
    """
    rows: dict[str, tuple[Any, ...]] = {}
    strange = 0
    for text in lines:
        line = parse_batch_line(text)
        if line.custom_id is None or line.custom_id not in asked:
            strange += 1
            continue
        known = rows.get(line.custom_id)
        if known is not None:
            strange += 1
            if known[1] == "ok":
                continue
        rows[line.custom_id] = _row(line, text, model)
    return pl.DataFrame(list(rows.values()), schema=SETTLED_SCHEMA, orient="row"), strange


def answer_values(answer: Answer | None) -> dict[str, Any]:
    """Returns an answer's fields as columns of the table ``answers``."""
    if answer is None:
        return dict.fromkeys(ledger.ANSWER_FIELDS)
    return {
        "brand": answer.brand,
        "model": answer.model,
        "attributes": answer.attributes,
        "normalized_name": answer.normalized_name,
        "category_suggestion": answer.category_suggestion,
        "model_confidence": answer.model_confidence,
    }


def _row(line: ParsedLine, text: str, model: ModelConfig) -> tuple[Any, ...]:
    answer = answer_values(line.answer)
    attributes = answer.pop("attributes")
    usage = line.usage
    return (
        line.custom_id,
        "invalid" if line.state == "unreadable" else line.state,
        line.reason or None,
        text,
        usage.input_tokens,
        usage.cached_tokens,
        usage.output_tokens,
        usage.reasoning_tokens,
        cost_usd(usage, model, batch=True),
        line.llm_model,
        answer["brand"],
        answer["model"],
        None if attributes is None else json_text(attributes),
        answer["normalized_name"],
        answer["category_suggestion"],
        answer["model_confidence"],
    )


def json_text(attributes: dict[str, str]) -> str:
    """Returns attributes as JSON text with sorted keys."""
    return json.dumps(attributes, ensure_ascii=False, sort_keys=True)


def _fetch(client: "OpenAI", file_id: str, path: UPath) -> UPath:
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_name(path.name + ".partial")
        with (
            client.files.with_streaming_response.content(file_id) as response,
            partial.open("wb") as file,
        ):
            for chunk in response.iter_bytes():
                file.write(chunk)
        partial.rename(path)
    return path


def _lines(files: list[UPath]) -> Iterator[str]:
    for path in files:
        # One broken byte must not keep every other line of a paid batch out.
        with path.open("r", encoding="utf-8", errors="replace", newline="\n") as file:
            for line in file:
                if line.strip():
                    yield line.rstrip("\n")


def _explain(errors: dict[str, Any] | None) -> str:
    entries = (errors or {}).get("data") or []
    return "; ".join(
        f"{entry.get('code')}: {entry.get('message')}"
        + (f" (line {entry['line']})" if entry.get("line") else "")
        for entry in entries
    )
