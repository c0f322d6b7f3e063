"""Money is reserved before it is spent, and never more than there is."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from normalizer_assets.batching import budget, call_ledger, ledger, settlement
from normalizer_assets.batching.errors import BlockedError
from normalizer_assets.batching.work import PartitionWork
from normalizer_assets.config import BudgetConfig
from normalizer_assets.db.tables import SANTIAGO_DAY, batch_requests
from normalizer_assets_tests.batching.listings import (
    land,
    on_a_day_of_its_own,
    plan,
    plan_request,
    routed_listings,
)

WIDE = BudgetConfig(partition_usd=1_000_000, day_usd=1_000_000)


def left(work: PartitionWork, config: BudgetConfig) -> tuple[Decimal, Decimal]:
    """Returns what is left of the partition's and of the day's budget."""
    with work.engine.connect() as connection:
        of_partition, of_day = budget.limits(connection, work.partition, config)
    assert (of_partition.key, of_day.key) == ("budget.partition_usd", "budget.day_usd")
    return of_partition.left_usd, of_day.left_usd


def spend(work: PartitionWork, config: BudgetConfig, usd: str) -> int:
    """Reserves an amount and writes its request, as every paid call does."""
    amount = Decimal(usd)
    request = {
        "custom_id": "x",
        "llm_model": "gpt-5-mini",
        "body_hash": "x",
        "estimated_usd": amount,
        "bound_usd": 10 * amount,
    }
    with work.begin() as connection:
        budget.reserve(connection, work.partition, config, amount)
        [request_id] = call_ledger.plan_requests(
            connection, work.partition, "individual", [request]
        )
    return request_id


def settle(work: PartitionWork, request_id: int, **values: Any) -> None:
    with work.begin() as connection:
        call_ledger.settle_request(connection, request_id, values)


# --- what counts ----------------------------------------------------------------------


def test_nothing_is_spent_at_first(work: PartitionWork) -> None:
    assert left(work, BudgetConfig(partition_usd=0.1, day_usd=0.3)) == (
        Decimal("0.1"),
        Decimal("0.3"),
    )


@pytest.mark.parametrize(
    ("values", "counted"),
    [
        ({"state": "planned"}, "1"),
        ({"state": "sent"}, "1"),
        ({"state": "received", "raw": "{}"}, "1"),
        ({"state": "ok", "cost_usd": Decimal("0.25")}, "0.25"),
        ({"state": "invalid", "cost_usd": Decimal("0.75")}, "0.75"),
        ({"state": "truncated", "cost_usd": Decimal(3)}, "3"),
        ({"state": "unavailable", "cost_usd": 0}, "0"),
        ({"state": "http_error", "cost_usd": 0}, "0"),
        ({"state": "expired", "cost_usd": 0}, "0"),
        ({"state": "not_executed", "cost_usd": 0}, "0"),
        ({"state": "outcome_unknown", "cost_usd": call_ledger.BOUND}, "10"),
    ],
)
def test_open_rows_count_their_estimate_and_settled_ones_their_cost(
    work: PartitionWork, values: dict[str, Any], counted: str
) -> None:
    land(work)
    config = BudgetConfig(partition_usd=50, day_usd=100)
    settle(work, spend(work, config, "1"), **values)
    assert left(work, config) == (50 - Decimal(counted), 100 - Decimal(counted))


def test_a_call_whose_process_died_counts_with_its_bound(work: PartitionWork) -> None:
    land(work)
    config = BudgetConfig(partition_usd=50, day_usd=50)
    request_id = spend(work, config, "1")
    spend(work, config, "1")
    with work.begin() as connection:
        call_ledger.record_sent(connection, request_id)
        call_ledger.abandon(connection, work.partition)
    # The other one was planned and never left.
    assert left(work, config) == (Decimal(40), Decimal(40))


def test_lines_of_a_batch_count_until_they_are_settled(scripted_work: PartitionWork) -> None:
    work = scripted_work
    land(work)
    planned = plan(work, routed_listings(5))
    estimate = planned["estimated_usd"].sum()
    assert left(work, WIDE)[0] == 1_000_000 - estimate
    with work.begin() as connection:
        [row] = ledger.batches_of(connection, work.partition)
        ledger.record_created(connection, row.shard_hash, "batch_1")
    assert left(work, WIDE)[0] == 1_000_000 - estimate
    with work.begin() as connection:
        settlement.settle_missing(connection, row.shard_hash, "expired")
    assert left(work, WIDE) == (Decimal(1_000_000), Decimal(1_000_000))


def test_lines_that_a_person_released_count_with_their_bound(
    scripted_work: PartitionWork,
) -> None:
    work = scripted_work
    land(work)
    planned = plan(work, routed_listings(5))
    with work.begin() as connection:
        [row] = ledger.batches_of(connection, work.partition)
        ledger.record_created(connection, row.shard_hash, "batch_1")
        assert ledger.give_up_batch(connection, row.shard_hash) == 5
    bound = planned["bound_usd"].sum()
    assert bound > planned["estimated_usd"].sum()
    assert left(work, WIDE)[0] == 1_000_000 - bound


def test_the_day_is_the_one_on_which_money_is_reserved(work: PartitionWork) -> None:
    first, second = on_a_day_of_its_own(work), on_a_day_of_its_own(work)
    config = BudgetConfig(partition_usd=50, day_usd=100)
    for one in (first, second):
        land(one)
        spend(one, config, "10")
    # Whatever the partition's day, today's budget pays.
    assert left(first, config) == (Decimal(40), Decimal(80))
    with work.engine.begin() as connection:
        yesterday = sa.text(f"{SANTIAGO_DAY} - 1")
        connection.execute(
            sa.update(batch_requests)
            .where(first.partition.of(batch_requests))
            .values(reserved_on=yesterday)
        )
    assert left(first, config) == (Decimal(40), Decimal(90))
    assert left(second, config) == (Decimal(40), Decimal(90))


def test_the_day_ends_at_midnight_in_santiago(work: PartitionWork) -> None:
    land(work)
    spend(work, WIDE, "1")
    with work.engine.connect() as connection:
        [reserved] = connection.execute(sa.select(batch_requests.c.reserved_on)).scalars()
        today = connection.execute(
            sa.text("select (now() at time zone 'America/Santiago')::date")
        ).scalar_one()
    assert isinstance(reserved, date)
    assert today - reserved in (timedelta(0), timedelta(days=1))


# --- refusing -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("limits", "key", "limit"),
    [
        (BudgetConfig(partition_usd=2, day_usd=90), "budget.partition_usd", "2.0 USD"),
        (BudgetConfig(partition_usd=90, day_usd=2), "budget.day_usd", "2.0 USD"),
    ],
)
def test_a_refusal_says_the_estimate_the_limit_and_the_key(
    work: PartitionWork, limits: BudgetConfig, key: str, limit: str
) -> None:
    land(work)
    spend(work, limits, "1.5")
    with pytest.raises(BlockedError) as caught:
        spend(work, limits, "0.6")
    blocked = caught.value
    assert (blocked.by, blocked.usd) == ("budget", Decimal("0.6"))
    for said in ("0.600000 USD", limit, "0.500000 USD are left", f"`{key}`", "nothing was sent"):
        assert said in str(blocked)
    assert (work.partition.key if "partition" in key else "in Santiago") in str(blocked)
    with work.engine.connect() as connection:
        assert ledger.cost_of(connection, work.partition) == 0
        count = sa.select(sa.func.count()).select_from(batch_requests)
        assert connection.execute(count).scalar() == 1


def test_the_last_cent_may_be_spent(work: PartitionWork) -> None:
    land(work)
    config = BudgetConfig(partition_usd=0.3, day_usd=0.3)
    for _ in range(3):
        spend(work, config, "0.1")
    assert left(work, config) == (Decimal(0), Decimal(0))
    with pytest.raises(BlockedError):
        spend(work, config, "0.000000001")


def test_what_was_spent_beyond_a_lowered_limit_is_no_debt_in_the_message(
    work: PartitionWork,
) -> None:
    land(work)
    spend(work, WIDE, "9")
    with pytest.raises(BlockedError, match=r"0\.000000 USD are left"):
        spend(work, BudgetConfig(partition_usd=5, day_usd=5), "0.1")


def test_a_limit_of_nothing_sends_nothing_that_costs(work: PartitionWork) -> None:
    land(work)
    nothing = BudgetConfig(partition_usd=0, day_usd=0)
    spend(work, nothing, "0")
    with pytest.raises(BlockedError):
        spend(work, nothing, "0.000000001")


AMOUNTS = st.lists(st.decimals("0", "2", places=9), max_size=12)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(amounts=AMOUNTS, limit=st.decimals("0", "6", places=3))
def test_the_affordable_ones_are_the_longest_start_within_the_limit(
    work: PartitionWork, amounts: list[Decimal], limit: Decimal
) -> None:
    config = BudgetConfig(partition_usd=float(limit), day_usd=100)
    with work.begin() as connection:
        count = budget.affordable(connection, work.partition, config, amounts)
    assert sum(amounts[:count]) <= limit
    assert count == len(amounts) or sum(amounts[: count + 1]) > limit


# --- at the same moment ---------------------------------------------------------------


def race(works: list[PartitionWork], config: BudgetConfig, usd: str) -> list[bool]:
    """Lets each work reserve at the same moment; returns who could."""
    together = threading.Barrier(len(works))

    def run(work: PartitionWork) -> bool:
        together.wait()
        try:
            spend(work, config, usd)
        except BlockedError:
            return False
        return True

    with ThreadPoolExecutor(len(works)) as pool:
        return list(pool.map(run, works))


def test_partitions_at_once_cannot_overspend_the_day_together(work: PartitionWork) -> None:
    config = BudgetConfig(partition_usd=10, day_usd=3)
    works = [on_a_day_of_its_own(work) for _ in range(8)]
    for one in works:
        land(one)
    assert race(works, config, "1").count(True) == 3
    assert left(work, config)[1] == 0


def test_calls_of_a_partition_at_once_cannot_overspend_its_budget(work: PartitionWork) -> None:
    config = BudgetConfig(partition_usd=3, day_usd=10)
    land(work)
    assert race([work] * 8, config, "1").count(True) == 3
    assert left(work, config) == (Decimal(0), Decimal(7))


def test_who_reserves_waits_for_the_rows_of_who_reserved_before(work: PartitionWork) -> None:
    config = BudgetConfig(partition_usd=10, day_usd=1)
    first, second = on_a_day_of_its_own(work), on_a_day_of_its_own(work)
    for one in (first, second):
        land(one)
    with ThreadPoolExecutor(1) as pool:
        with first.begin() as connection:
            budget.reserve(connection, first.partition, config, Decimal(1))
            other = pool.submit(spend, second, config, "1")
            with pytest.raises(TimeoutError):
                other.result(timeout=0.3)
            # No row was written after all: the money is there for the other one.
        assert other.result(timeout=10)


def test_requests_of_embeddings_and_the_canary_count_like_all_others(
    work: PartitionWork,
) -> None:
    land(work)
    for step in call_ledger.SYNCHRONOUS_STEPS:
        plan_request(work, "q", step, estimated_usd=Decimal(1))
    assert left(work, BudgetConfig(partition_usd=10, day_usd=10)) == (Decimal(6), Decimal(6))
