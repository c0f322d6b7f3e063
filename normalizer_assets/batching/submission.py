"""From open questions to created batches: claim, plan, send, and return.

Belongs here: what a submission plans, in which order it leaves, and finding a batch again
after a crash or a lost reply. Does not belong here: waiting (``polling``), results
(``harvest``).
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import polars as pl
import sqlalchemy as sa
from upath import UPath

from normalizer_assets.batching import accumulation, budget, call_ledger, ledger, life, questions
from normalizer_assets.batching.calls import blocker, never_left
from normalizer_assets.batching.canary import run_canary
from normalizer_assets.batching.errors import BlockedError
from normalizer_assets.batching.individual import resume
from normalizer_assets.batching.partition import Partition
from normalizer_assets.batching.preflight import check_requests
from normalizer_assets.batching.replies import UnreadableReplyError, expect, pages
from normalizer_assets.batching.requests import build_requests
from normalizer_assets.batching.shards import Shard, cut_shards, file_name, token_limit
from normalizer_assets.batching.work import PartitionWork
from normalizer_assets.config import NormalizerConfig
from normalizer_assets.db.tables import batches
from normalizer_assets.prompting.bodies import CHAT, EMBEDDINGS, Endpoint

if TYPE_CHECKING:
    from openai import APIStatusError

SHARD_METADATA = "normalizer_shard"
"""Key of the batch's metadata under which its shard hash is found again."""

METADATA_CHARACTERS = 512
"""So long a value of a batch's metadata may be."""

CLOCK_MARGIN = timedelta(hours=1)
"""By how much the API's clock may differ from ours when its list is searched."""


NONE_AGAIN: Mapping[str, datetime | None] = {}

Prepare = Callable[[PartitionWork, pl.DataFrame], tuple[PartitionWork, pl.DataFrame]]
"""Makes of the work and the listings whose questions are open what is sent."""


@dataclass(frozen=True)
class Submitted:
    """What a submission did.

    Attributes:
        in_batches: Questions planned in batches now.
        individually: Own questions left for individual calls.
        waiting: Questions that another partition asks.
        canary: Questions that the canary answered.
        estimated_usd: Estimate of the planned batches.
        batch_ids: Batches that are known to exist since now.
        switched: Which models were replaced by their successors, for people.
        alike: Questions that were answered by the answer to a like question.
        audited: Of such questions, those that are asked all the same.
    """

    in_batches: int = 0
    individually: int = 0
    waiting: int = 0
    canary: int = 0
    estimated_usd: Decimal = Decimal(0)
    batch_ids: list[str] = field(default_factory=list)
    switched: tuple[str, ...] = ()
    alike: int = 0
    audited: int = 0


def submit(
    work: PartitionWork,
    routed: pl.DataFrame,
    *,
    again: Mapping[str, datetime | None] = NONE_AGAIN,
    prepare: Prepare = lambda work, listings: (work, listings),
) -> Submitted:
    """Claims the partition's open questions and sends those that belong in batches.

    Asking again is harmless: what is answered, asked or claimed by another partition is
    left out.

    Args:
        work: The partition.
        routed: The routed_products frame.
        again: Questions to ask although they have answers -> the moment whose answers are
            too old, ``None`` for now: somebody may have paid for a newer one.
        prepare: Called once there is something to ask, such as for a look into the cache
            or at the API's models. The questions are claimed before: where it fails, the
            claims tell the sensor to try again.

    Raises:
        BlockedError: Over budget, no room at the API, or a create whose reply was lost;
            what is planned stays planned.
        HeldError: The canary is red.
    """
    resume(work)
    paid_again = pl.col("question_key").is_in(list(again))
    asked = routed.filter((pl.col("route") != "cache") | paid_again).unique(
        "question_key", keep="first", maintain_order=True
    )
    with work.begin() as connection:
        for force in (False, True):
            keys = asked.filter(paid_again == force)["question_key"]
            since = {key: moment for key, moment in again.items() if moment is not None}
            questions.claim(connection, work.partition, keys, force=force, since=since)
        questions.forget_others(connection, work.partition, routed["question_key"])
        asks = questions.any_open(connection, work.partition)
        if asks:
            # Whatever it was before, such as published: should this process die here, the
            # sensor submits it again, and nobody waits for its questions for ever.
            life.enter(connection, work.partition, "landed")
    if asks:
        work, asked = prepare(work, asked)
    to_ask = _first_round(work, asked)
    in_batches, estimated_usd = 0, Decimal(0)
    if accumulation.makes_batch(work.config, work.partition, to_ask.height):
        if to_ask.height > work.config.canary.min_products:
            send_canary(work, to_ask)
        until = accumulation.gathers_until(work.config, work.partition, to_ask.height)
        planned = plan_batches(work, _first_round(work, asked), 1, gathers_until=until)
        in_batches, estimated_usd = planned.height, _total(planned)
    with work.begin() as connection:
        life.enter(connection, work.partition, "submitted")
        waiting = sum(questions.waited_for(connection, work.partition).values())
    return Submitted(
        in_batches=in_batches,
        canary=to_ask.height - in_batches if in_batches else 0,
        individually=0 if in_batches else to_ask.height,
        waiting=waiting,
        estimated_usd=estimated_usd,
        batch_ids=send(work),
    )


def _first_round(work: PartitionWork, listings: pl.DataFrame) -> pl.DataFrame:
    """Returns the listings whose questions are the partition's and in no batch yet."""
    with work.engine.connect() as connection:
        idle = questions.to_ask(connection, work.partition)
    new = idle.filter(pl.col("rounds") == 0)["question_key"].to_list()
    return listings.filter(pl.col("question_key").is_in(new))


def send_canary(work: PartitionWork, listings: pl.DataFrame) -> int:
    """Sends the canary, if the budget reaches for all of the submission.

    Args:
        work: The partition.
        listings: Routed listings that are about to leave, one a question.

    Returns:
        How many questions it answered.

    Raises:
        BlockedError: Over budget, a wrong key, a used-up quota.
        HeldError: The canary is red.
    """
    with work.engine.connect() as connection:
        tries = call_ledger.tries(connection, work.partition)
    tried = [key for (key, _), states in tries.items() if set(states) != {"unavailable"}]
    # A canary before this one may have been killed, or red: nothing is paid a second time.
    chosen = listings.filter(~pl.col("question_key").is_in(tried)).head(work.config.canary.size)
    if chosen.is_empty():
        return 0
    first = build_requests(work.config, chosen, "individual")
    rest = build_requests(
        work.config, listings.join(chosen, on="question_key", how="anti"), "batch"
    )
    check_requests(first, work.config.models)
    check_requests(rest, work.config.models)
    with work.begin() as connection:
        budget.reserve(connection, work.partition, work.config.budget, _total(first) + _total(rest))
    return run_canary(work, first)


def plan_batches(
    work: PartitionWork,
    listings: pl.DataFrame,
    round_number: int,
    *,
    gathers_until: datetime | None = None,
) -> pl.DataFrame:
    """Reserves money and writes batches and requests to the ledger, in one transaction.

    Args:
        work: The partition.
        listings: Routed listings, one a question.
        round_number: 1 or 2.
        gathers_until: Until when the batches wait for company; ``None``: they leave at once.

    Returns:
        The planned requests.

    Raises:
        BlockedError: Over budget; nothing is planned.
    """
    partition = work.partition
    requests = build_requests(work.config, listings, "batch")
    check_requests(requests, work.config.models)
    with work.engine.connect() as connection:
        number = len(ledger.batches_of(connection, partition))
        refusals = ledger.refusals_for_room(connection, partition)
    if refusals:
        gathers_until = None  # it was too much for the queue, and would be more with company
    salt = f"{partition.key}#{number}"
    limits, models = work.config.batching, work.config.models
    shards = [
        (shard, keep_request_file(work, shard))
        for shard in cut_shards(requests, limits, models, salt, refusals)
    ]
    with work.begin() as connection:
        budget.reserve(connection, partition, work.config.budget, _total(requests))
        for shard, name in shards:
            ledger.plan_batch(connection, partition, shard, name, round_number, gathers_until)
        life.enter(connection, partition, "submitted")
        life.record(connection, partition, round=round_number)
    return requests


def keep_request_file(work: PartitionWork, shard: Shard) -> str:
    """Keeps the file of a shard and returns its name.

    Before the ledger's row: a row whose file is missing could never be sent, a file without a
    row is only a few bytes too many.
    """
    name = file_name(shard.shard_hash, datetime.now(UTC))
    _write(work.storage / "requests" / name, shard.content)
    return name


def send(work: PartitionWork) -> list[str]:
    """Uploads and creates every planned batch of the partition that there is room for.

    A batch that was created, but not recorded, is found by its metadata and adopted
    instead of bought twice. What gathers is joined with that of other partitions first, if it
    is time.

    Returns:
        Ids of the batches that are known since now, in order; the partition is waiting.

    Raises:
        BlockedError: Some batches have to wait: for room, for the second look at the list
            after a lost reply, or for company. The partition stays submitted.
        openai.OpenAIError: The API refused or could not be reached; the rest stays
            planned, and sending again goes on where it stopped.
    """
    unsent = _unsent(work)
    blocked: BlockedError | None = None
    if any(row.gathers_until for row in unsent):
        lacking = accumulation.join(work)
        blocked = BlockedError("company", lacking) if lacking else None
        unsent = [row for row in _unsent(work) if row.gathers_until is None]
    existing = _find(work, [row for row in unsent if row.state == "creating"])
    created: list[str] = []
    for row in unsent:
        try:
            batch_id = _adopt_or_create(work, row, existing)
        except BlockedError as waits:
            if waits.by not in ("room", "doubt", "company"):
                raise
            if blocked is None or blocked.by == "company":
                blocked = waits
            continue
        created.append(batch_id)
    if blocked is not None:
        raise blocked
    with work.begin() as connection:
        life.enter(connection, work.partition, "waiting")
    return created


def _unsent(work: PartitionWork) -> Sequence[sa.Row[Any]]:
    with work.engine.connect() as connection:
        return ledger.unsent_batches(connection, work.partition)


def _adopt_or_create(work: PartitionWork, row: sa.Row[Any], existing: dict[str, str]) -> str:
    with _alone(work, row):
        batch_id = existing.get(row.shard_hash)
        if batch_id is None and row.state == "creating":
            _look_twice(work, row)
        if batch_id is None:
            _wait_for_room(work, row)
            batch_id = _create(work, row)
        record_created(work, row.shard_hash, batch_id)
        return batch_id


@contextmanager
def _alone(work: PartitionWork, row: sa.Row[Any]) -> Iterator[None]:
    """Keeps the processes of other partitions in the batch from sending it as well.

    Raises:
        BlockedError: One of them does, or has done so.
    """
    with ledger.turn_at(work.engine, row) as mine:
        if not mine:
            raise BlockedError(
                "company",
                f"{accumulation.WAITS}: another of its partitions sends {row.file_name}",
            )
        yield


def find_doubted(work: PartitionWork, row: sa.Row[Any]) -> bool:
    """Adopts a batch in ``creating`` that exists; false where two looks did not show it.

    Raises:
        BlockedError: It is too early to say that it does not exist.
    """
    with _alone(work, row):
        batch_id = _find(work, [row]).get(row.shard_hash)
        if batch_id is None:
            _look_twice(work, row)
            return False
        record_created(work, row.shard_hash, batch_id)
        return True


def record_created(work: PartitionWork, shard_hash: str, batch_id: str) -> None:
    """Records that a batch exists; in the first round, its partitions' deadline runs.

    Partitions that had no more than this batch to wait for are waiting with it: no run of
    theirs has to find that out.
    """
    deadline = datetime.now(UTC) + timedelta(hours=work.config.batching.deadline_hours)
    with work.engine.begin() as connection:
        carried = ledger.lock_partitions(connection, shard_hash)
        life.check_epoch(connection, work.partition, work.epoch)
        ledger.record_created(connection, shard_hash, batch_id)
        ledger.set_deadline(connection, shard_hash, deadline)
        for partition in carried:
            row = life.read(connection, partition)
            in_company = row is not None and (row.state, row.blocked_by) == ("submitted", "company")
            if in_company and not ledger.unsent_batches(connection, partition):
                life.enter(connection, partition, "waiting")


def _find(work: PartitionWork, doubted: list[sa.Row[Any]]) -> dict[str, str]:
    """Looks for doubted batches in the API's list: shard hash -> batch id."""
    from openai.types import Batch

    if not doubted:
        return {}
    by_hash = {row.shard_hash: row for row in doubted}
    by_file = {row.input_file_id: row.shard_hash for row in doubted}
    oldest = min(row.planned_at for row in doubted) - CLOCK_MARGIN
    found: dict[str, str] = {}
    for batch in pages(Batch, lambda: work.client.batches.list(limit=100)):
        shard = (batch.metadata or {}).get(SHARD_METADATA) or by_file.get(batch.input_file_id)
        if shard in by_hash:
            found.setdefault(str(shard), batch.id)
        if len(found) == len(by_hash) or batch.created_at < oldest.timestamp():
            break
    return found


def _look_twice(work: PartitionWork, row: sa.Row[Any]) -> None:
    """Makes sure that a doubted batch was looked for twice, some time apart.

    Raises:
        BlockedError: It is too early to create it anew.
    """
    pause = work.config.batching.doubt_seconds
    if row.missed_at is None:
        with work.begin() as connection:
            ledger.record_batch(connection, row.shard_hash, missed_at=sa.func.now())
    elif datetime.now(UTC) - row.missed_at >= timedelta(seconds=pause):
        return
    raise BlockedError(
        "doubt",
        f"the reply to creating {row.file_name} was lost, and the list does not show the batch; "
        f"it is looked for again after {pause:g} s before it is created anew",
    )


def _wait_for_room(work: PartitionWork, row: sa.Row[Any]) -> None:
    with work.engine.connect() as connection:
        lacking = lacking_room(connection, work.config, row)
    if lacking is not None:
        raise BlockedError("room", lacking)


def lacking_room(
    connection: sa.Connection, config: NormalizerConfig, row: sa.Row[Any]
) -> str | None:
    """Says why a planned batch cannot be created now, ``None`` where it can.

    Args:
        connection: To the normaliser's database.
        config: Limits of models and of creations.
        row: The batch.
    """
    now = datetime.now(UTC)
    tokens, refused_at = ledger.enqueued(connection, row.llm_model)
    limit = token_limit(config.batching, config.models[row.llm_model])
    if limit is not None and tokens and tokens + row.prompt_tokens > limit:
        return (
            f"{row.llm_model} has {tokens:,} of {limit:,} enqueued prompt tokens; a batch of "
            f"{row.prompt_tokens:,} waits for room"
        )
    pause = timedelta(seconds=config.batching.backlog_seconds)
    if refused_at is not None and now - refused_at < pause:
        return f"the API's queue for {row.llm_model} was full at {refused_at:%H:%M:%S} UTC"
    if ledger.creations_since(connection, now - timedelta(hours=1)) >= (
        config.batching.creations_per_hour
    ):
        return f"{config.batching.creations_per_hour} batches were created within an hour"
    return None


def _create(work: PartitionWork, row: sa.Row[Any]) -> str:
    import openai
    from openai.types import Batch

    file_id, carried = row.input_file_id or _upload(work, row), _carried(work, row)
    # Written before it leaves: found after a crash it means that the batch may exist.
    known = (
        (batches.c.state == (row.state if row.input_file_id else "uploaded"))
        & (batches.c.input_file_id == file_id)
        & batches.c.missed_at.is_not_distinct_from(row.missed_at)
    )
    with work.begin() as connection:
        ledger.advance_batch(connection, row.shard_hash, known, state="creating", missed_at=None)
    try:
        # No retry by the SDK: it sends no idempotency key, so a repeated create after a lost
        # reply buys the batch twice (facts/openai_batch.md, 1, "Idempotency").
        reply = work.client.with_options(max_retries=0).batches.create(
            input_file_id=file_id,
            endpoint=_endpoint(work, row),
            completion_window="24h",
            metadata={SHARD_METADATA: row.shard_hash, "partition": carried},
        )
        return expect(Batch, reply).id
    except openai.APIConnectionError as error:
        if never_left(error):
            _not_created(work, row, state="uploaded")
            raise
        return _after_lost_reply(work, row)
    except openai.APIStatusError as error:
        if error.status_code >= 500:  # noqa: PLR2004 - it may have been created all the same
            return _after_lost_reply(work, row)
        _refused(work, row, error)
        raise
    except (openai.APIError, UnreadableReplyError):
        return _after_lost_reply(work, row)


def _endpoint(work: PartitionWork, row: sa.Row[Any]) -> Endpoint:
    this = batches.c.shard_hash == row.shard_hash
    with work.engine.connect() as connection:
        return EMBEDDINGS if ledger.embedding_batches(connection, this) else CHAT


def _carried(work: PartitionWork, row: sa.Row[Any]) -> str:
    """Names the partitions in a batch, for people who look at it at the API."""
    with work.engine.connect() as connection:
        keys = [partition.key for partition in ledger.partitions_in(connection, row.shard_hash)]
    return ", ".join(keys)[:METADATA_CHARACTERS]


def _upload(work: PartitionWork, row: sa.Row[Any]) -> str:
    from openai.types import FileObject

    with (work.storage / "requests" / row.file_name).open("rb") as file:
        reply = work.client.files.create(file=(row.file_name, file), purpose="batch")
    file_id = expect(FileObject, reply).id
    known = batches.c.input_file_id.is_(None)
    with work.begin() as connection:
        ledger.advance_batch(
            connection, row.shard_hash, known, input_file_id=file_id, state="uploaded"
        )
    return file_id


def _after_lost_reply(work: PartitionWork, row: sa.Row[Any]) -> str:
    """Takes the first look at the list; the second comes with the next run."""
    with work.engine.connect() as connection:
        current = ledger.batch(connection, row.shard_hash)
    found = _find(work, [current]).get(row.shard_hash)
    if found is None:
        _look_twice(work, current)
        raise AssertionError  # the first look never ends the doubt
    return found


def _refused(work: PartitionWork, row: sa.Row[Any], error: "APIStatusError") -> None:
    """Records that the API refused a create: nothing exists."""
    if error.param == "input_file_id" or "file" in str(error.message).lower():
        # It expired, or is not visible yet: uploading it anew costs nothing.
        _not_created(work, row, state="planned", input_file_id=None)
    else:
        _not_created(work, row, state="uploaded")
    blocked = blocker(error)
    if blocked is not None:
        raise blocked
    if error.status_code == 429:  # noqa: PLR2004
        raise BlockedError("room", f"the API takes no more batches for now: {error}")


def _not_created(work: PartitionWork, row: sa.Row[Any], **values: object) -> None:
    with work.begin() as connection:
        ledger.record_batch(connection, row.shard_hash, **values)


def _total(requests: pl.DataFrame) -> Decimal:
    return Decimal(requests["estimated_usd"].sum() or 0)


def _write(path: UPath, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def pending_summary(connection: sa.Connection, partition: Partition) -> str:
    """Says in words what the partition waits for."""
    return "; ".join(
        [
            *describe(ledger.batches_under_way(connection, partition)),
            *(
                f"{count} questions that {asker} asks"
                for asker, count in questions.waited_for(connection, partition).items()
            ),
        ]
    )


def describe(rows: Iterable[sa.Row[Any]]) -> list[str]:
    """Puts batches into words, such as ``batch_1 in_progress 12/150``."""
    return [
        f"{row.batch_id or row.file_name} {row.state} "
        f"{row.completed_count + row.failed_count}/{row.line_count}"
        for row in rows
    ]
