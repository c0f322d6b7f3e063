"""Fetching what a terminal batch left, and settling every one of its requests.

Belongs here: output and error file to states, answers and costs, for all partitions in
the batch at once. Does not belong here: reading one line (``answers.parsing``), what is
done about requests without an answer (``collection``).
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import astuple, dataclass, field
from decimal import ROUND_HALF_EVEN, Decimal
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import polars as pl
import sqlalchemy as sa
from upath import UPath

from normalizer_assets.answers.parsing import ParsedLine, parse_batch_line
from normalizer_assets.answers.schemas import Answer
from normalizer_assets.batching import ledger, settlement
from normalizer_assets.batching.replies import expect
from normalizer_assets.batching.shards import requests_by_line
from normalizer_assets.batching.stored_answers import ANSWER_SCHEMA
from normalizer_assets.config import ModelConfig, NormalizerConfig
from normalizer_assets.db.tables import batches
from normalizer_assets.pricing.costs import Usage, cost_usd, usage_from_response

if TYPE_CHECKING:
    from openai import OpenAI

LINES_AT_ONCE = 5_000
CHARACTERS_AT_ONCE = 64_000_000
"""What is in memory and settled together; a batch has up to 50,000 lines, or some with thousands
of vectors each."""

WAITING_CODES = {"token_limit_exceeded"}
"""The API's reasons for failing a batch that mean: later."""


@dataclass(frozen=True)
class Harvest:
    """What one batch gave.

    Attributes:
        batch_id: The batch.
        state: Its terminal state.
        answered: Requests with a usable answer.
        unanswered: Requests without one.
        strange_lines: Lines with an id that is not in the batch, repeated, or unreadable, and
            answers in a line under a number that it did not ask; they are kept in the result
            file.
        refusal: Why the API refused the batch as a whole, ``None`` where it did not, or
            only for a momentary lack of room.
        unplaced_usd: What the API says to have billed beyond the lines; 0 if it agrees.
    """

    batch_id: str
    state: str
    answered: int
    unanswered: int
    strange_lines: int
    refusal: str | None = None
    unplaced_usd: Decimal = Decimal(0)


@dataclass
class Tally:
    """What was seen while the lines of a batch went by.

    Attributes:
        seen: Custom id of a request -> whether it has an answer.
        strange: Lines that nobody asked for, repeated or unreadable.
        strangers: Answers in a line under a number that it did not ask.
        strange_usd: What strange lines say to have cost.
        parameters: Refused parameter -> the API's words.
        refused: Requests that a refused parameter ended.
        executed: Requests that a model replied to, whatever it said.
    """

    seen: dict[str, bool] = field(default_factory=dict)
    strange: int = 0
    strangers: int = 0
    strange_usd: Decimal = Decimal(0)
    parameters: dict[str, str] = field(default_factory=dict)
    refused: int = 0
    executed: int = 0

    @property
    def answered(self) -> int:
        """Requests with a usable answer."""
        return sum(self.seen.values())


def harvest(
    config: NormalizerConfig, engine: sa.Engine, client: "OpenAI", storage: UPath, row: sa.Row[Any]
) -> Harvest | None:
    """Harvests one terminal batch for every partition in it.

    Args:
        config: Prices of the models.
        engine: The normaliser's database.
        client: The API.
        storage: Where result files are kept.
        row: The batch.

    Returns:
        ``None`` where another process did it meanwhile.

    Raises:
        OSError: A result file is shorter than the API says; nothing is settled.
        openai.OpenAIError: A file could not be fetched; nothing is settled.
    """
    # Files are fetched and kept before any of their lines is parsed: the API deletes them
    # after 30 days, and parsing again must never cost a second batch.
    files = [
        _fetch(client, file_id, storage / "results" / f"{row.batch_id}.{kind}.jsonl")
        for kind, file_id in (("output", row.output_file_id), ("error", row.error_file_id))
        if file_id
    ]
    model = config.models[row.llm_model]
    with engine.begin() as connection:
        connection.execute(
            sa.text("select pg_advisory_xact_lock(hashtextextended(:batch, 0))"),
            {"batch": f"batch {row.batch_id}"},
        )
        done = connection.execute(
            sa.select(batches.c.harvested_at).where(batches.c.shard_hash == row.shard_hash)
        ).scalar()
        if done is not None:
            return None
        ids = ledger.custom_ids_of(connection, row.shard_hash)
        asked, tally = requests_by_line(ids), Tally()
        for settled in settle_lines(_lines(files), asked, model, tally):
            settlement.settle_lines(connection, row.shard_hash, settled)
        settlement.settle_missing(
            connection, row.shard_hash, "not_executed" if row.state == "failed" else "missing"
        )
        parameter = _parameter(tally)
        if parameter is not None:
            # They were refused before any work: once the cause is mended, they are new.
            settlement.mark_not_executed(connection, row.shard_hash)
        silent = sum(requests[0] not in tally.seen for requests in asked.values())
        unplaced = _reconcile(connection, row, model, tally, silent)
        refusal = _refusal(row, parameter)
        ledger.record_batch(
            connection,
            row.shard_hash,
            harvested_at=sa.func.now(),
            unplaced_usd=unplaced,
            alert=refusal,
        )
    return Harvest(
        batch_id=row.batch_id,
        state=row.state,
        answered=tally.answered,
        unanswered=len(ids) - tally.answered,
        strange_lines=tally.strange + tally.strangers,
        refusal=refusal,
        unplaced_usd=unplaced,
    )


def settle_lines(
    lines: Iterable[str], asked: Mapping[str, Sequence[str]], model: ModelConfig, tally: Tally
) -> Iterator[pl.DataFrame]:
    """Parses result lines into one row a request, those of some thousand lines at once.

    Several requests may share a line. What its reply says of each decides about that one
    alone; usage and cost of the line are shared out evenly, to the last token and nano-USD.

    Args:
        lines: Lines of output and error file, in any order.
        asked: Custom id of each line of the batch -> those of its requests.
        model: Prices of the model that was asked.
        tally: Counts what goes by. Of a repeated id the first usable line counts.

    Yields:
        Frames of ``settlement.SETTLED_SCHEMA``; an id comes again only with a better line. The
        line as it came is the ``raw`` of its first request; the others have their own part of
        the reply, because 50 copies of a long line would fill the database. Vectors stay in
        the file alone.
    """
    packed = {line: len(requests) for line, requests in asked.items() if len(requests) > 1}
    for chunk in _chunks(lines):
        rows: dict[str, tuple[Any, ...]] = {}
        for text in chunk:
            line = parse_batch_line(text, packed)
            requests = asked.get(line.custom_id or "")
            if requests is None:
                tally.strange += 1
                tally.strange_usd += cost_usd(line.usage, model, batch=True)
                continue
            tally.strange += requests[0] in tally.seen
            tally.strangers += line.strangers
            parts = line.parts or [line] * len(requests)
            shares = _shares(line.usage, cost_usd(line.usage, model, batch=True), len(requests))
            for custom_id, part, share in zip(requests, parts, shares, strict=True):
                known = tally.seen.get(custom_id)
                if known or (known is False and part.state != "ok"):
                    continue
                tally.seen[custom_id] = part.state == "ok"
                tally.executed += line.status_code == HTTPStatus.OK
                if line.parameter is not None:
                    tally.refused += 1
                    tally.parameters.setdefault(line.parameter, line.reason)
                raw = text if custom_id == requests[0] else part.content
                if part.state == "ok" and part.answer is None:
                    raw = None
                rows[custom_id] = _row(custom_id, part, raw, *share)
        if rows:
            yield pl.DataFrame(list(rows.values()), schema=settlement.SETTLED_SCHEMA, orient="row")


def _chunks(lines: Iterable[str]) -> Iterator[list[str]]:
    chunk: list[str] = []
    characters = 0
    for line in lines:
        chunk.append(line)
        characters += len(line)
        if len(chunk) == LINES_AT_ONCE or characters >= CHARACTERS_AT_ONCE:
            yield chunk
            chunk, characters = [], 0
    if chunk:
        yield chunk


def _shares(usage: Usage, cost: Decimal, count: int) -> Iterable[tuple[Usage, Decimal]]:
    """Shares out what a line used and cost; the sums are exact, in nano-USD for the cost."""
    if count == 1:
        return [(usage, cost)]
    nanos = (cost / settlement.NANO_USD).to_integral_value(ROUND_HALF_EVEN)
    tokens = zip(*(even_shares(total, count) for total in astuple(usage)), strict=True)
    usd = [share * settlement.NANO_USD for share in even_shares(int(nanos), count)]
    return zip((Usage(*share) for share in tokens), usd, strict=True)


def even_shares(total: int, count: int) -> list[int]:
    """Shares a number out among ``count``; the first ones get 1 more where it leaves a rest."""
    each, rest = divmod(total, count)
    return [each + (place < rest) for place in range(count)]


def _refusal(row: sa.Row[Any], parameter: str | None) -> str | None:
    """Says what the API refused in all of a batch; a full queue is no refusal."""
    if parameter is not None:
        return f"every line was refused for {parameter}"
    codes = {str(entry.get("code")) for entry in _entries(row.errors)}
    if row.state == "failed" and (not codes or codes - WAITING_CODES):
        return explain_errors(row.errors) or "the API gives no reason"
    return None


def _parameter(tally: Tally) -> str | None:
    """Returns the parameter that the whole shard was refused for.

    A parameter is the same in all lines: it would be refused 50,000 times. Where others
    of the lines were executed, the refusal is about a line.
    """
    if not tally.refused or tally.executed:
        return None
    return "; ".join(f"`{name}`: {reason}" for name, reason in tally.parameters.items())


def _reconcile(
    connection: sa.Connection, row: sa.Row[Any], model: ModelConfig, tally: Tally, silent: int
) -> Decimal:
    """Books what was billed for lines that never arrived; returns what nobody can place.

    A line may be missing although it was executed and billed, or come with an id that
    nobody asked. ``batch.usage`` counts it.

    Args:
        connection: In a transaction that holds the batch's lock.
        row: The batch.
        model: Prices.
        tally: What its lines said.
        silent: Lines that were asked, and are in neither file.
    """
    placed = ledger.cost_of_batch(connection, row.shard_hash)
    usage = usage_from_response({"usage": row.usage})
    missing = len(settlement.missing_ids(connection, row.shard_hash))
    # Older batches have no usage. Zeros say that nothing was billed, unless lines were.
    counted = row.usage is not None and (usage.input_tokens > 0 or placed == 0)
    if counted:
        rest = cost_usd(usage, model, batch=True) - placed
    elif missing and silent > tally.strange:
        # No usage, and lines of which nothing came: nobody knows whether they were billed.
        settlement.book_missing(connection, row.shard_hash, None)
        return Decimal(0)
    else:
        rest = tally.strange_usd
    if missing and rest > 0:
        settlement.book_missing(connection, row.shard_hash, rest)
        return Decimal(0)
    return rest if counted else Decimal(0)


def answer_values(answer: Answer | None) -> dict[str, Any]:
    """Returns an answer's fields as columns of the table ``answers``."""
    if answer is None:
        return dict.fromkeys(ANSWER_SCHEMA)
    return {
        "brand": answer.brand,
        "model": answer.model,
        "attributes": answer.attributes,
        "normalized_name": answer.normalized_name,
        "category_suggestion": answer.category_suggestion,
        "model_confidence": answer.model_confidence,
    }


def _row(
    custom_id: str, line: ParsedLine, raw: str | None, usage: Usage, cost: Decimal
) -> tuple[Any, ...]:
    answer = answer_values(line.answer)
    attributes = answer.pop("attributes")
    return (
        custom_id,
        "invalid" if line.state == "unreadable" else line.state,
        line.reason or None,
        raw,
        usage.input_tokens,
        usage.cached_tokens,
        usage.output_tokens,
        usage.reasoning_tokens,
        cost,
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
    """Keeps a file of the API, once and whole."""
    if path.exists():
        return path
    path.parent.mkdir(parents=True, exist_ok=True)
    # A name of its own: another partition of the batch may fetch the same file meanwhile.
    partial = path.with_name(f"{path.name}.{uuid4().hex}.partial")
    try:
        _download(client, file_id, partial)
        partial.rename(path)
    finally:
        partial.unlink(missing_ok=True)
    return path


def _download(client: "OpenAI", file_id: str, path: UPath) -> None:
    import httpx2
    from openai.types import FileObject

    size = 0
    try:
        with (
            client.files.with_streaming_response.content(file_id) as response,
            path.open("wb") as file,
        ):
            for chunk in response.iter_bytes():
                size += file.write(chunk)
    except httpx2.TransportError as error:  # the SDK translates none while it streams
        raise OSError(
            f"{file_id}: cut after {size} bytes ({error}); fetched again later"
        ) from error
    # A connection that was cut can look like an end, and every line behind it like a
    # request without an answer.
    expected = expect(FileObject, client.files.retrieve(file_id)).bytes
    if size != expected:
        raise OSError(f"{file_id}: {size} of {expected} bytes came; it is fetched again later")


def _lines(files: list[UPath]) -> Iterator[str]:
    for path in files:
        # One broken byte must not keep every other line of a paid batch out.
        with path.open("r", encoding="utf-8", errors="replace", newline="\n") as file:
            for line in file:
                if line.strip():
                    yield line.rstrip("\n")


def _entries(errors: dict[str, Any] | None) -> list[dict[str, Any]]:
    return (errors or {}).get("data") or []


def explain_errors(errors: dict[str, Any] | None) -> str:
    """Puts what the API says against a whole batch into words; empty if it says nothing."""
    return "; ".join(
        f"{entry.get('code')}: {entry.get('message')}"
        + (f" (line {entry['line']})" if entry.get("line") else "")
        for entry in _entries(errors)
    )
