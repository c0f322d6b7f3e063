"""Collecting a partition: harvest, second round, and an end for every question that is left.

Belongs here: the order of these steps and what a partition waits for. Does not belong
here: each step (``polling``, ``harvest``, ``submission``, ``chain``).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import polars as pl
import sqlalchemy as sa

from normalizer_assets.answers.parsing import error_record
from normalizer_assets.batching import call_ledger, cascade, ledger, life, questions
from normalizer_assets.batching.chain import ChainResult, end_questions
from normalizer_assets.batching.errors import BatchFailedError, BlockedError, NotReady
from normalizer_assets.batching.harvest import Harvest, harvest, json_text
from normalizer_assets.batching.individual import Progress, resume
from normalizer_assets.batching.polling import cancel, poll
from normalizer_assets.batching.submission import (
    find_doubted,
    pending_summary,
    plan_batches,
    send,
    send_canary,
)
from normalizer_assets.batching.work import PartitionWork
from normalizer_assets.db.tables import PASSING_STATES, UNSENT_BATCH_STATES

ROUNDS = 2
"""The second round is the last one: what is left then is asked individually."""

AGAIN_IN_A_BATCH = (*PASSING_STATES, "outcome_unknown")
"""Ends of a batch line that go to the second round; a person released the last kind."""

TOO_LATE = "the deadline passed"

BATCHES_REFUSED = "the API refused"
"""Begins why a partition failed of which the API refused whole batches."""


@dataclass(frozen=True)
class Collected:
    """What collecting a partition gave.

    Attributes:
        records: One row a request: custom_id, sku, question_key, step, llm_model, state,
            reason, record (the reply as it came, or for a request without a usable answer
            ``{"error": ..., "confidence": 0.0, "_custom_id": ...}``).
        harvests: Batches harvested now.
        chain: Questions ended by the chain now.
        second_opinions: Answers of mini that a call at full replaced now.
        cost_usd: What the partition has cost so far.
    """

    records: pl.DataFrame
    harvests: list[Harvest]
    chain: ChainResult
    second_opinions: int
    cost_usd: Decimal


def collect(
    work: PartitionWork,
    routed: pl.DataFrame,
    progress: Progress | None = None,
    doubtful: cascade.Doubtful = cascade.nobody,
) -> Collected:
    """Harvests terminal batches and ends the partition's open questions.

    Args:
        work: The partition.
        routed: The routed_products frame.
        progress: Called with (questions ended, questions in all) during the chain.
        doubtful: Names the questions that are to be asked once more, at full.

    Raises:
        NotReady: A batch or another partition's question is under way; the partition is
            waiting again.
        BlockedError: Over budget, no room at the API, a wrong key or a used-up quota.
        HeldError: The canary is red.
        BatchFailedError: The API refused a batch; its requests were never executed, and
            materialising the partition again sends them anew.
    """
    with work.begin() as connection:
        life.enter(connection, work.partition, "collecting")
    resume(work)
    _look(work)
    harvests = harvest_due(work)
    refuse_failed(work)
    _take_over(work)
    listings = routed.unique("question_key", keep="first", maintain_order=True)
    with work.begin() as connection:
        questions.claim(connection, work.partition, _waiting(connection, work))
        questions.forget_others(connection, work.partition, routed["question_key"])
        under_way = ledger.batches_under_way(connection, work.partition)
    if under_way:
        raise _not_ready(work)
    _try_a_few(work, listings)
    with work.engine.connect() as connection:
        idle = questions.to_ask(connection, work.partition)
    _ask_in_batches(work, listings, idle, doubtful)
    cut = set(idle.filter(pl.col("line_state") == "truncated")["question_key"])
    left = listings.filter(pl.col("question_key").is_in(idle["question_key"].to_list()))
    ended = ChainResult()
    if left.height:
        ended = end_questions(work, left, cut, routed.height, progress)
    with work.engine.connect() as connection:
        still_open = questions.any_open(connection, work.partition)
    if still_open:
        raise _not_ready(work)
    second_opinions = _ask_again(work, listings, doubtful)
    with work.engine.connect() as connection:
        records = ledger.records_of(connection, work.partition)
        cost = ledger.cost_of(connection, work.partition)
    return Collected(_with_error_records(records), harvests, ended, second_opinions, cost)


def _look(work: PartitionWork) -> None:
    """Looks at the partition's batches, and cancels them at its deadline."""
    with work.engine.connect() as connection:
        under_way = ledger.batches_under_way(connection, work.partition)
    if any(row.batch_id for row in under_way):
        poll(work.engine, work.client)
    if _hours_left(work) < 0:
        _end_doubts(work, [row for row in under_way if row.state == "creating"])
    with work.engine.connect() as connection:
        overdue = ledger.overdue_batches(connection, work.partition)
    for row in overdue:
        if row.state in UNSENT_BATCH_STATES:
            with work.begin() as connection:
                ledger.withdraw_batch(connection, row.shard_hash, TOO_LATE)
        else:
            cancel(work.engine, work.client, row)


def _end_doubts(work: PartitionWork, doubted: Sequence[sa.Row[Any]]) -> None:
    """Finds or withdraws batches whose create was lost: after the deadline nobody sends them."""
    for row in doubted:
        try:
            found = find_doubted(work, row)
        except BlockedError:
            with work.begin() as connection:
                life.enter(connection, work.partition, "submitted")
            raise
        if not found:
            with work.begin() as connection:
                ledger.withdraw_batch(connection, row.shard_hash, TOO_LATE)


def harvest_due(work: PartitionWork) -> list[Harvest]:
    """Harvests every terminal batch with requests, or awaited questions, of the partition."""
    with work.engine.connect() as connection:
        due = ledger.due_for_harvest(connection, work.partition, _waiting(connection, work))
    found = [harvest(work.config, work.engine, work.client, work.storage, row) for row in due]
    return [one for one in found if one is not None]


def _take_over(work: PartitionWork) -> None:
    """Frees questions that another partition asks, but never sent, and does not work on.

    Its process may be dead, and nobody else looking after it. What may be at the API stays
    with it until it is found there or not (DESIGN.md, "Two keys").
    """
    with work.engine.connect() as connection:
        askers = questions.resting_askers(connection, work.partition, work.config.polling)
    for asker in askers:
        with work.begin() as connection:
            if life.seize(connection, asker):
                ledger.stand_down(connection, asker)


def _waiting(connection: sa.Connection, work: PartitionWork) -> pl.Series:
    """Returns the open questions that the partition waits for."""
    mine = questions.of_partition(connection, work.partition)
    return mine.filter((pl.col("state") == "open") & pl.col("waits"))["question_key"]


def refuse_failed(work: PartitionWork) -> None:
    """Stops where the API refused a whole batch of the partition, and tells it once.

    Whoever harvested it: a partition that only waited for one of its questions is not to
    blame.
    """
    with work.begin() as connection:
        refused = ledger.refused_batches(connection, work.partition)
        for row in refused:
            ledger.tell_refusal(connection, work.partition, row)
    reasons = [f"{row.batch_id}: {row.alert}" for row in refused]
    if reasons:
        raise BatchFailedError(
            f"{BATCHES_REFUSED} {len(reasons)} batch(es): {'; '.join(reasons)}; nothing of them "
            f"was executed or billed: correct the cause and materialise the partition again"
        )


def _try_a_few(work: PartitionWork, listings: pl.DataFrame) -> None:
    """Sends a canary where another partition has let go of many questions.

    At the partition's submission they were another's, and so its own canary never was.
    """
    with work.engine.connect() as connection:
        had_canary = call_ledger.answered(connection, work.partition, "canary")
        idle = questions.to_ask(connection, work.partition)
    never = idle.filter(pl.col("rounds") == 0)["question_key"].to_list()
    fewest = max(work.config.batching.min_products, work.config.canary.min_products)
    if len(never) > fewest and not had_canary:
        send_canary(work, listings.filter(pl.col("question_key").is_in(never)))


def _ask_in_batches(
    work: PartitionWork, listings: pl.DataFrame, idle: pl.DataFrame, doubtful: cascade.Doubtful
) -> None:
    """Plans and sends a batch where one makes sense, and then waits for it.

    Questions that never were in a batch are as many as a batch needs when they were
    refused for lack of room, or were another partition's, which let go of them. Lines that
    expired or failed for passing reasons go to the second round, and with them answers of
    mini that are not sure enough: it is the last one.

    Raises:
        NotReady: A batch was made.
    """
    never = idle.filter(pl.col("rounds") == 0)
    passing = idle.filter(
        pl.col("line_state").is_in(AGAIN_IN_A_BATCH) & (pl.col("rounds") < ROUNDS)
    )
    for number, chosen in ((1, never), (ROUNDS, passing)):
        if chosen.height <= work.config.batching.min_products:
            continue
        if number == ROUNDS and not _has_second_round(work):
            continue
        if number == ROUNDS:
            _plan_again(work, cascade.second_opinions(work, listings, doubtful))
        keys = chosen["question_key"].to_list()
        plan_batches(work, listings.filter(pl.col("question_key").is_in(keys)), number)
    _send_planned(work)


def _ask_again(work: PartitionWork, listings: pl.DataFrame, doubtful: cascade.Doubtful) -> int:
    """Asks answers of mini that are not sure enough once more, at full.

    Returns:
        How many individual calls answered.

    Raises:
        NotReady: They are in a batch.
    """
    weak = cascade.second_opinions(work, listings, doubtful)
    if _has_second_round(work):
        _plan_again(work, weak)
        _send_planned(work)
    return cascade.ask_individually(work, weak)


def _plan_again(work: PartitionWork, weak: pl.DataFrame) -> None:
    if weak.height > work.config.batching.min_products:
        plan_batches(work, weak, ROUNDS)


def _has_second_round(work: PartitionWork) -> bool:
    """Returns whether there is time for a second round, and it was not opened yet."""
    with work.engine.connect() as connection:
        row = life.read(connection, work.partition)
    opened = row is not None and row.round >= ROUNDS
    return not opened and _hours_left(work) >= work.config.batching.second_round_min_hours


def _send_planned(work: PartitionWork) -> None:
    """Sends what is planned.

    Raises:
        NotReady: Something was.
    """
    with work.engine.connect() as connection:
        planned = ledger.unsent_batches(connection, work.partition)
    if planned:
        send(work)
        raise _not_ready(work)


def _hours_left(work: PartitionWork) -> float:
    """Returns the hours until the partition's deadline, infinite where it does not run yet."""
    with work.engine.connect() as connection:
        row = life.read(connection, work.partition)
    if row is None or row.deadline_at is None:
        return math.inf
    left: timedelta = row.deadline_at - datetime.now(UTC)
    return left / timedelta(hours=1)


def _not_ready(work: PartitionWork) -> NotReady:
    """Records that the partition waits again, and says for what."""
    with work.begin() as connection:
        waiting_for = pending_summary(connection, work.partition)
        unsent = ledger.unsent_batches(connection, work.partition)
        life.enter(connection, work.partition, "submitted" if unsent else "waiting")
    return NotReady(waiting_for)


def _with_error_records(requests: pl.DataFrame) -> pl.DataFrame:
    """Puts the error record in the place of replies that cannot be used."""
    records = [
        raw if state == "ok" else json_text(error_record(custom_id, reason or state))
        for custom_id, state, reason, raw in requests.select(
            "custom_id", "state", "reason", "raw"
        ).iter_rows()
    ]
    return requests.drop("raw").with_columns(pl.Series("record", records, dtype=pl.String))
