"""What a person does with a batch: cancel, adopt or release it.

Belongs here: what may be done with a batch in which state, and what that does to its
partitions. Does not belong here: finding and showing one (``inspection``), printing
(``cli.batches``), what the sensor does by itself (``automation.sweep``).

All of it is safe to repeat and beside a daemon. A batch that exists at the API is nobody's
alone: its looks only record what the API says, its harvest has a lock of its own. A batch
that was not sent yet belongs to whoever sends it, so that one is touched only by who holds
its partition's lock.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import cached_property
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from upath import UPath

from normalizer_assets.batching import ledger, life, polling, questions
from normalizer_assets.batching.accumulation import in_santiago
from normalizer_assets.batching.errors import OperationError
from normalizer_assets.batching.harvest import explain_errors, harvest
from normalizer_assets.batching.inspection import find, name_of, request_states
from normalizer_assets.batching.partition import Partition
from normalizer_assets.batching.replies import UnreadableReplyError, expect
from normalizer_assets.batching.submission import SHARD_METADATA, record_created
from normalizer_assets.batching.work import PartitionWork
from normalizer_assets.config import NormalizerConfig
from normalizer_assets.db.tables import (
    PASSING_STATES,
    TERMINAL_BATCH_STATES,
    UNSENT_BATCH_STATES,
    batch_requests,
    batches,
    partitions,
)

if TYPE_CHECKING:
    from openai import OpenAI
    from openai.types import Batch

LOOK_SECONDS = 5.0
"""A person waits for a cancel: longest pause between two looks."""


@dataclass(frozen=True)
class Desk:
    """What an operator's work needs.

    Attributes:
        config: All settings.
        engine: The normaliser's database.
        connect_api: Makes the API's client; called only by what needs it.
    """

    config: NormalizerConfig
    engine: sa.Engine
    connect_api: Callable[[], "OpenAI"]

    @cached_property
    def client(self) -> "OpenAI":
        """The API."""
        return self.connect_api()

    @property
    def storage(self) -> UPath:
        """Where request and result files are kept."""
        return UPath(self.config.paths.storage)


# --- cancelling -----------------------------------------------------------------------


def cancel(desk: Desk, name: str) -> sa.Row[Any]:
    """Withdraws a batch that was never sent, or asks the API to cancel it.

    Args:
        desk: What the work needs.
        name: As ``find`` takes it.

    Returns:
        The batch as it stands then; ``is_terminal`` says whether it has to be waited for.

    Raises:
        OperationError: It may or may not exist, or its partition is being worked on.
        openai.OpenAIError: The API refused or could not be reached.
    """
    with desk.engine.connect() as connection:
        batch = find(connection, name)
        owners = ledger.partitions_in(connection, batch.shard_hash)
    if batch.state == "creating":
        raise OperationError(
            f"{name_of(batch)} may exist: the reply to its creation was lost. "
            f"`{_run(owners[0])}`, or the sensor, looks for it and then knows its id; cancel it "
            f"after that"
        )
    if batch.state in UNSENT_BATCH_STATES:
        return _withdraw(desk, batch, owners[0])
    if batch.state not in TERMINAL_BATCH_STATES and batch.state != "cancelling":
        polling.cancel(desk.engine, desk.client, batch)
    return _fresh(desk, batch)


def is_terminal(batch: sa.Row[Any]) -> bool:
    """Returns whether a batch has ended."""
    return batch.state in TERMINAL_BATCH_STATES


def wait_until_ended(
    desk: Desk, wanted: Sequence[sa.Row[Any]], timeout_seconds: float, say: Callable[[str], None]
) -> list[sa.Row[Any]]:
    """Looks at the API's list until these batches have ended or the time is over.

    Args:
        desk: What the work needs.
        wanted: The batches.
        timeout_seconds: How long.
        say: Told what changed. A look that failed says nothing about a batch, and is told
            and repeated.

    Returns:
        The batches as they stand then.
    """
    import openai

    ids = {batch.batch_id for batch in wanted}
    end, pause = time.monotonic() + timeout_seconds, 0.0
    while True:
        now = [_fresh(desk, batch) for batch in wanted]
        if all(map(is_terminal, now)) or time.monotonic() >= end:
            return now
        time.sleep(pause)
        pause = min(LOOK_SECONDS, desk.config.polling.interval_seconds)
        try:
            for change in polling.poll(desk.engine, desk.client):
                if change.batch_id in ids:
                    say(f"{change.batch_id} {change.state} {change.done}/{change.total}")
        except (openai.APIError, UnreadableReplyError) as error:
            say(f"the list of batches could not be read, the next look tries again: {error}")


def settle(desk: Desk, batch: sa.Row[Any]) -> str:
    """Harvests a batch that has ended, if nobody has, and says what it gave.

    Returns:
        For people.

    Raises:
        OperationError: It has not ended.
        openai.OpenAIError: A file could not be fetched; nothing is settled.
    """
    name = name_of(batch)
    with desk.engine.connect() as connection:
        owners = ledger.partitions_in(connection, batch.shard_hash)
        asked = sum(request_states(connection, batch.shard_hash).values())
    keys = ", ".join(owner.key for owner in owners)
    if not is_terminal(batch):
        raise OperationError(
            f"{name} is still {batch.state}; the sensor goes on looking and harvests it. Typing "
            f"this again goes on waiting"
        )
    if batch.batch_id is None:
        return (
            f"{name} was never sent and is withdrawn; nothing was billed, and the next submit of "
            f"{keys} asks its {asked} questions again"
        )
    if batch.state == "failed":
        # Who collects it marks the partition failed, and says why.
        return f"{name} failed, nothing of it was executed: {explain_errors(batch.errors)}"
    harvested = None
    if batch.harvested_at is None:
        harvested = harvest(desk.config, desk.engine, desk.client, desk.storage, batch)
    with desk.engine.connect() as connection:
        states = request_states(connection, batch.shard_hash)
    answered = states.get("ok", 0)
    ended = f"{name} is {batch.state} and {'harvested' if harvested else 'was harvested before'}"
    left = asked - answered
    rest = f"; {left} have none: {_what_the_chain_does(desk, states)}" if left else ""
    return f"{ended}: {answered} of {asked} requests are answered and kept{rest}"


def _withdraw(desk: Desk, batch: sa.Row[Any], partition: Partition) -> sa.Row[Any]:
    """Withdraws a batch that was never sent, while nobody can be sending it."""
    with _turn(desk, partition) as work:
        with desk.engine.connect() as connection:
            unsent = ledger.batches_of(
                connection, partition, batches.c.shard_hash == batch.shard_hash
            )
        # Gone where it was joined with others of its day.
        state = unsent[0].state if unsent else "in a batch with others"
        if state not in ("planned", "uploaded"):
            raise OperationError(
                f"{name_of(batch)} was {state} by the time its partition was free; type the "
                f"command again"
            )
        with work.begin() as connection:
            if not ledger.withdraw_batch(
                connection, batch.shard_hash, "a person withdrew its batch"
            ):
                raise OperationError(
                    f"{name_of(batch)} is being sent, or joined with others of its day; type the "
                    f"command again"
                )
            # Who waits for these questions may ask them now.
            questions.let_go(connection, partition)
    return _fresh(desk, batch)


# --- adopting -------------------------------------------------------------------------


def adopt(desk: Desk, batch_id: str) -> str:
    """Takes in a batch that exists at the API, while the ledger thinks its shard unsent.

    Returns:
        What was done, for people.

    Raises:
        OperationError: The API does not know it, it is none of ours, or its shard is
            another batch already.
        openai.OpenAIError: The API refused or could not be reached.
    """
    import openai
    from openai.types import Batch

    with desk.engine.connect() as connection:
        known = _of_id(connection, batch_id)
    if known is not None:
        return f"{batch_id} is in the ledger already ({known.state}); nothing to do"
    try:
        shown = expect(Batch, desk.client.batches.retrieve(batch_id))
    except openai.NotFoundError:
        raise OperationError(
            f"the API knows no batch {batch_id!r}; its list of batches shows those of this key's "
            f"project"
        ) from None
    with desk.engine.connect() as connection:
        shard = _shard_of(connection, shown)
        partition = ledger.partitions_in(connection, shard.shard_hash)[0]
    with _turn(desk, partition) as work:
        if _fresh(desk, shard).batch_id == batch_id:
            return f"{batch_id} was taken in meanwhile; nothing to do"
        with desk.engine.connect() as connection:
            # Who had the partition until now may have created or withdrawn it.
            shard = _shard_of(connection, shown)
        with ledger.turn_at(desk.engine, shard) as mine:
            if not mine:
                raise OperationError(
                    f"{shard.file_name} is being sent by another of its partitions; type the "
                    f"command again"
                )
            record_created(work, shard.shard_hash, batch_id)
        with work.begin() as connection:
            polling.record(connection, shard.shard_hash, shown)
            row = life.read(connection, partition)
            unsent = ledger.unsent_batches(connection, partition)
            if row is not None and row.state == "submitted" and not unsent:
                life.enter(connection, partition, "waiting")
    return (
        f"{batch_id} is adopted as {shard.file_name} of {partition.key} ({shown.status}); the "
        f"sensor, or `{_run(partition)}`, goes on with it"
    )


def _shard_of(connection: sa.Connection, shown: "Batch") -> sa.Row[Any]:
    """Returns the unsent batch of the ledger that a batch of the API is.

    Raises:
        OperationError: It is none of them.
    """
    shard_hash = (shown.metadata or {}).get(SHARD_METADATA)
    by_file = sa.and_(
        batches.c.input_file_id == shown.input_file_id, batches.c.state.in_(UNSENT_BATCH_STATES)
    )
    row = connection.execute(
        sa.select(batches)
        .where(sa.or_(batches.c.shard_hash == shard_hash, by_file))
        .order_by(batches.c.shard_hash != shard_hash)
    ).first()
    cancels = f"cancel it at the API if nobody needs it: it costs money ({shown.status})"
    if row is None:
        raise OperationError(
            f"{shown.id} is none of this database's batches: no shard in the ledger is "
            f"{shard_hash or 'named in its metadata'}; nothing was changed"
        )
    if row.batch_id is not None:
        raise OperationError(
            f"the shard of {shown.id} is {row.batch_id} already ({row.state}), and one shard is "
            f"one batch; {cancels}"
        )
    if row.state not in UNSENT_BATCH_STATES:
        raise OperationError(
            f"{row.file_name}, the shard of {shown.id}, was withdrawn, and its questions are "
            f"asked elsewhere; {cancels}"
        )
    return row


# --- releasing ------------------------------------------------------------------------


def resubmit(desk: Desk, name: str, *, agreed: bool) -> list[str]:
    """Lets questions of a batch be asked again where the chain does not do so by itself.

    Args:
        desk: What the work needs.
        name: As ``find`` takes it.
        agreed: Whether a person agreed that lines may be paid twice.

    Returns:
        What was done and what happens now, for people.

    Raises:
        OperationError: It would be wrong, or needs ``agreed``.
        openai.OpenAIError: The API could not be asked how the batch stands.
    """
    with desk.engine.connect() as connection:
        batch = find(connection, name)
        owners = ledger.partitions_in(connection, batch.shard_hash)
    if batch.state in UNSENT_BATCH_STATES:
        when = batch.gathers_until and f" once it has company, {in_santiago(batch.gathers_until)}"
        raise OperationError(
            f"{name_of(batch)} was never sent ({batch.state}): `{_run(owners[0])}`, or the sensor, "
            f"sends it{when or ''}; `normalizer batches cancel` withdraws it"
        )
    if not is_terminal(batch):
        polling.poll(desk.engine, desk.client)
        batch = _fresh(desk, batch)
    said = []
    if not is_terminal(batch) and batch.released_at is None:
        said.append(_release(desk, batch, agreed=agreed))
    elif not is_terminal(batch):
        said.append(
            f"{name_of(batch)} was released before ({batch.released_at:%Y-%m-%d %H:%M} UTC)"
        )
    with desk.engine.connect() as connection:
        states = request_states(connection, batch.shard_hash)
    asked = sum(states.values())
    left = asked - states.get("ok", 0)
    if not left:
        return [f"every request of {name_of(batch)} has an answer; there is nothing to ask again"]
    said.append(
        f"{left} of {asked} requests of {name_of(batch)} ({batch.state}) have no answer: "
        f"{_what_the_chain_does(desk, states)}"
    )
    return said + [_make_due(desk, owner) for owner in owners]


def _release(desk: Desk, batch: sa.Row[Any], *, agreed: bool) -> str:
    """Gives up a batch that does not end, if it had its time and a person agreed."""
    name, patience = name_of(batch), desk.config.polling.cancelling_hours
    if batch.cancel_requested_at is None:
        raise OperationError(
            f"{name} is {batch.state}: its lines are being worked on, and asked again they would "
            f"be paid twice. To end it type `normalizer batches cancel {name}`"
        )
    patient_until = batch.cancel_requested_at + timedelta(hours=patience)
    if datetime.now(UTC) < patient_until:
        raise OperationError(
            f"{name} is {batch.state}; its cancel was asked for at "
            f"{batch.cancel_requested_at:%H:%M} UTC and has until {patient_until:%Y-%m-%d %H:%M} "
            f"UTC (`polling.cancelling_hours`). Until then its lines may still be executed"
        )
    with desk.engine.connect() as connection:
        count, bound = connection.execute(
            sa.select(
                sa.func.count(), sa.func.coalesce(sa.func.sum(batch_requests.c.bound_usd), 0)
            ).where(
                batch_requests.c.shard_hash == batch.shard_hash, batch_requests.c.state == "sent"
            )
        ).one()
    price = f"{count} requests may be paid twice, which costs at most {Decimal(bound):.6f} USD more"
    if not agreed:
        raise OperationError(
            f"{name} is still {batch.state} {patience:g} h after its cancel. If the API executes "
            f"it after all, its {price}; add --yes to release them"
        )
    with desk.engine.begin() as connection:
        released = ledger.give_up_batch(connection, batch.shard_hash)
    return (
        f"{name} is given up, {released} requests are released: if it ends after all, its {price}"
    )


def _make_due(desk: Desk, partition: Partition) -> str:
    """Lets a failed or stuck partition go on; any other is left alone."""
    going_on = {"blocked_by": None, "blocked_reason": None, "attempts": 0, "next_attempt_at": None}
    unsent = (
        sa.select(sa.literal(1))
        .where(
            partition.of(batch_requests),
            batch_requests.c.shard_hash == batches.c.shard_hash,
            batches.c.state.in_(UNSENT_BATCH_STATES),
        )
        .exists()
    )
    # Conditions and change are one statement: whoever works on the partition is not disturbed.
    failed = partitions.c.state == "failed"
    with desk.engine.begin() as connection:
        moved = connection.execute(
            sa.update(partitions)
            .where(partition.of(partitions), sa.or_(failed, partitions.c.blocked_by == "stuck"))
            .values(
                state=sa.case(
                    (~failed, partitions.c.state), (unsent, "submitted"), else_="waiting"
                ),
                **going_on,
            )
        ).rowcount
        row = life.read(connection, partition)
    state = "unknown" if row is None else row.state
    if moved:
        return f"{partition.key} is {state} again: the sensor, or `{_run(partition)}`, goes on"
    if state == "published":
        return f"{partition.key} is published: its chain has ended these questions"
    if state == "held":
        return f"{partition.key} is held: only `{_run(partition)}` goes on with it"
    return f"{partition.key} is {state}: it goes on by itself"


# --- shared ---------------------------------------------------------------------------


def _what_the_chain_does(desk: Desk, states: dict[str, int]) -> str:
    """Says what becomes of lines without an answer when their partition is collected."""
    passing = sum(states.get(state, 0) for state in PASSING_STATES)
    new = states.get("not_executed", 0)
    under_way = states.get("sent", 0)
    rest = sum(states.values()) - states.get("ok", 0) - passing - new - under_way
    few = desk.config.batching.min_products
    second = f"as a batch where they are over {few} and there is time, else one by one"
    does = [
        (under_way, "wait for it"),
        (new, "are sent in a new batch"),
        (passing, f"go to the next round when the partition is collected, {second}"),
        (rest, "are asked one by one when the partition is collected"),
    ]
    return ", ".join(f"{count} {text}" for count, text in does if count)


@contextmanager
def _turn(desk: Desk, partition: Partition) -> Iterator[PartitionWork]:
    """Holds the partition's lock.

    Raises:
        OperationError: Somebody else does.
    """
    with life.locked(desk.engine, partition, "batches command") as hold:
        if hold.holder is not None:
            raise OperationError(
                f"{partition.key} is being worked on by {hold.holder}; type the command again when "
                f"that has ended"
            )
        yield PartitionWork(
            partition=partition,
            config=desk.config,
            engine=desk.engine,
            connect_api=lambda: desk.client,
            storage=desk.storage,
            epoch=hold.epoch,
        )


def _of_id(connection: sa.Connection, batch_id: str) -> sa.Row[Any] | None:
    return connection.execute(sa.select(batches).where(batches.c.batch_id == batch_id)).first()


def _fresh(desk: Desk, batch: sa.Row[Any]) -> sa.Row[Any]:
    with desk.engine.connect() as connection:
        return ledger.batch(connection, batch.shard_hash)


def _run(partition: Partition) -> str:
    return f"normalizer run --day {partition.day} --retailer {partition.retailer} --wait"
