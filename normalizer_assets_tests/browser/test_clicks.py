"""One partition from the click to its end, in the real UI, with the real daemon.

Seconds are printed, not checked: they depend on what else the machine does.
"""

from collections.abc import Iterator

import pytest
from playwright.sync_api import expect

from normalizer_assets.standin.faults import LineFault
from normalizer_assets_tests.browser.served import (
    BATCH_SECONDS,
    ENDS,
    Run,
    Served,
    wait_until,
)
from normalizer_assets_tests.browser.shelf import land, listings
from normalizer_assets_tests.browser.ui import Ui
from normalizer_assets_tests.scene import STATIONS

pytestmark = pytest.mark.slow

DAY = "2024-10-01"
ROWS = 300
BAD_ROWS = 110
"""More than ``batching.min_products``: they make a batch."""
COURSE_SECONDS = 300.0
BLOCKING = ("schema_valid", "share_accepted", "rows_accounted_for", "unique_keys")


def collected(stack: Served, partition: str) -> list[Run]:
    """Returns the partition's collect runs once the partition has an end."""
    state = """
        select state from normalizer.partitions
        where day = cast(:day as date) and retailer = :retailer
    """
    day, retailer = partition.split("|")

    def ended() -> bool:
        states = [row["state"] for row in stack.rows(state, day=day, retailer=retailer)]
        over = not {"published", "held", "failed"}.isdisjoint(states)
        return over and all(run.status in ENDS for run in stack.runs(partition))

    wait_until(f"{partition} is published, held or failed", ended, COURSE_SECONDS)
    return [run for run in stack.runs(partition) if run.job == "collect"]


def told(stack: Served, partition: str, clicked: float, rows: int) -> Iterator[str]:
    """Says where the seconds went, the waiting apart."""
    sent = stack.rows(
        """
        select extract(epoch from max(submitted_at))::float as last
        from normalizer.batches join normalizer.batch_requests using (shard_hash)
        where concat(day, '|', retailer) = :partition and round = 1
        """,
        partition=partition,
    )
    first, *later = stack.runs(partition)
    waited = later[0].created - sent[0]["last"] - BATCH_SECONDS
    yield f"\n{partition}, {rows} listings, in seconds:"
    yield _of_run("click", clicked, first)
    yield f"  waiting: the stand-in's batches {BATCH_SECONDS:.1f}, the sensor's look {waited:.1f}"
    for run in later:
        yield _of_run("sensor's request", run.created, run)


def _of_run(begin: str, since: float, run: Run) -> str:
    assert run.started is not None
    assert run.ended is not None
    return (
        f"  {begin} -> run {run.job} ended: {run.ended - since:.1f} "
        f"(queue and process {run.started - since:.1f}, steps {run.ended - run.started:.1f})"
    )


def test_a_click_publishes_a_partition(ui: Ui, stack: Served) -> None:
    partition = f"{DAY}|lider"
    land(stack.landing / DAY / "lider.csv", listings()[:ROWS])

    ui.open_graph()
    for asset in (*STATIONS, "price_comparison", "daily_report"):
        expect(ui.asset(asset)).to_be_visible()
    ui.picture("graph")

    ui.choose(STATIONS)
    clicked = ui.materialize(DAY, "lider")
    page = ui.page
    expect(page.get_by_text("Success", exact=True).first).to_be_visible()
    ui.picture("run_waiting")
    assert stack.runs(partition)[0].status == "SUCCESS"

    observed = page.get_by_text(f"Partition {partition} observed")
    ui.open_until_shown(observed, "assets/submitted_batches", view="events")
    for figure in ("batch", "state", "done", "total", "share_done", "expected_end"):
        expect(page.get_by_role("cell", name=figure, exact=True)).to_be_visible()
    ui.picture("progress")

    runs = collected(stack, partition)
    assert runs[-1].status == "SUCCESS"
    ui.open(f"runs/{runs[-1].run_id}")
    expect(page.get_by_text("Launched by collect_finished_batches")).to_be_visible()
    expect(page.get_by_text("Success", exact=True).first).to_be_visible()
    ui.picture("run_collected")
    ui.open("assets/normalized_products", view="checks", checkDetail=BLOCKING[0])
    for gate in BLOCKING:
        expect(ui.check(gate)).to_contain_text("Succeeded")
    expect(page.get_by_text("This is a blocking asset check")).to_be_visible()
    expect(page.get_by_text(partition, exact=True).first).to_be_visible()
    ui.picture("gate_green")

    published = stack.rows(
        "select count(*) as rows from normalizer.published_products where retailer = 'lider'"
    )
    assert published == [{"rows": ROWS}]
    print("\n".join(told(stack, partition, clicked, ROWS)))


def test_a_partition_with_bad_answers_is_held_and_shown_as_such(ui: Ui, stack: Served) -> None:
    partition = f"{DAY}|paris"
    land(stack.landing / DAY / "paris.csv", listings()[ROWS : ROWS + BAD_ROWS])
    stack.standin.switch(LineFault(kind="invalid_json", share=0.5, sync=True, times=1))

    ui.open_graph()
    ui.choose(STATIONS)
    clicked = ui.materialize(DAY, "paris")
    runs = collected(stack, partition)

    page = ui.page
    assert runs[-1].status == "FAILURE"
    ui.open(f"runs/{runs[-1].run_id}")
    expect(page.get_by_text("Failure", exact=True).first).to_be_visible()
    expect(page.get_by_text("1 blocking asset check failed").first).to_be_visible()
    expect(page.get_by_text("Not executing").first).to_be_visible()
    ui.picture("run_red")
    ui.open("assets/normalized_products", view="checks", checkDetail=BLOCKING[0])
    expect(ui.check(BLOCKING[0])).to_contain_text("Failed")
    expect(page.get_by_text("of the replies of models are valid, under")).to_be_visible()
    expect(page.get_by_text(partition, exact=True).first).to_be_visible()
    ui.picture("gate_red")

    held = stack.rows(
        "select state, blocked_reason from normalizer.partitions where retailer = 'paris'"
    )
    assert held[0]["state"] == "held"
    assert "replies of models are valid" in held[0]["blocked_reason"]
    for table in ("published_products", "cache_entries"):
        assert not stack.rows(f"select from normalizer.{table} where retailer = 'paris'")
    print("\n".join(told(stack, partition, clicked, BAD_ROWS)))
