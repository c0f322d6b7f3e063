import time
from collections.abc import Callable, Iterator

import polars as pl
import pytest
import sqlalchemy as sa

from normalizer_assets.automation.sweep import sweep
from normalizer_assets.batching import ledger, polling
from normalizer_assets.batching.errors import BlockedError
from normalizer_assets.batching.harvest import harvest
from normalizer_assets.batching.work import PartitionWork
from normalizer_assets.cache import vectors
from normalizer_assets.cache.embedding_batches import embed_in_batches
from normalizer_assets.cache.warming import own_work, through_batches
from normalizer_assets.config import NormalizerConfig
from normalizer_assets.db.tables import batch_requests, batches, embedded_texts
from normalizer_assets.standin.faults import BatchFault, EndpointFault
from normalizer_assets.standin.server import RunningStandin
from normalizer_assets_tests.batching.settings import configured
from normalizer_assets_tests.cache.courses import count

TEXTS = pl.Series("text", [f"Leche Entera {number} L" for number in range(7)])


@pytest.fixture
def large(work: PartitionWork) -> PartitionWork:
    """Work in whose configuration five texts are many, and a line holds two."""
    return configured(
        work,
        embedding={"batch_min_texts": 5, "inputs_per_call": 2},
        batching={"doubt_seconds": 0.0},
    )


@pytest.fixture(autouse=True)
def sound(standin: RunningStandin) -> Iterator[None]:
    yield
    standin.switch()


def look(work: PartitionWork, texts: pl.Series = TEXTS) -> int:
    with own_work(work.config, work.engine, work.connect_api) as own:
        return embed_in_batches(own, texts)


def wait(work: PartitionWork, texts: pl.Series = TEXTS) -> None:
    through_batches(work.config, work.engine, work.connect_api, texts, wait=True)


def stored(work: PartitionWork) -> list[tuple[str, list[float]]]:
    with work.engine.connect() as connection:
        rows = connection.execute(
            sa.text(
                "select text_hash::text, embedding::vector::real[] from normalizer.embedded_texts "
                "order by 1"
            )
        )
        return [(text_hash, vector) for text_hash, vector in rows]


def states(work: PartitionWork) -> list[str]:
    with work.engine.connect() as connection:
        return list(connection.execute(sa.select(batch_requests.c.state)).scalars())


def ended(work: PartitionWork) -> None:
    """Waits until the API has ended every batch."""
    while polling.poll(work.engine, work.client) or any(
        row.state not in ("completed", "failed") for row in all_batches(work)
    ):
        time.sleep(0.05)


def all_batches(work: PartitionWork) -> list[sa.Row[tuple[object, ...]]]:
    with work.engine.connect() as connection:
        return list(connection.execute(sa.select(batches)))


def test_many_texts_go_through_a_batch_at_half_the_price(large: PartitionWork) -> None:
    assert look(large) == 7
    assert count(large, embedded_texts) == 0
    wait(large)
    by_batch = stored(large)
    assert len(by_batch) == 7
    assert states(large) == ["ok"] * 4
    [row] = all_batches(large)
    assert row.line_count == 4
    assert not list((large.storage / "results").iterdir())
    with large.engine.begin() as connection:
        batched = connection.execute(sa.select(sa.func.sum(batch_requests.c.cost_usd))).scalar_one()
        connection.execute(sa.delete(embedded_texts))
    with own_work(large.config, large.engine, large.connect_api) as own:
        by_calls = vectors.embed_texts(own, TEXTS)
    assert stored(large) == by_batch
    assert by_calls.cost_usd == 2 * batched


def test_what_waits_for_a_batch_is_not_bought_again(large: PartitionWork) -> None:
    standin_slow = look(large)
    assert standin_slow == 7
    assert look(large) == 7 or count(large, embedded_texts) == 7
    more = pl.concat([TEXTS, pl.Series("text", ["Leche Entera 9 L"])])
    with own_work(large.config, large.engine, large.connect_api) as own:
        spent = vectors.embed_texts(own, more)
    assert spent.left + count(large, embedded_texts) - 1 == 7
    wait(large, more)
    assert count(large, embedded_texts) == 8
    assert count(large, batches) == 1
    assert count(large, batch_requests) == 5


def test_few_texts_are_left_to_calls(large: PartitionWork) -> None:
    assert look(large, TEXTS[:4]) == 0
    assert look(configured(large, embedding={"batch_min_texts": None})) == 0
    assert count(large, batches) == 0


def test_a_batch_whose_reply_was_lost_is_found_and_not_created_anew(
    large: PartitionWork, standin: RunningStandin
) -> None:
    standin.switch(EndpointFault(endpoint="POST /v1/batches", kind="drop_after", times=1))
    wait(large)
    assert count(large, embedded_texts) == 7
    assert count(large, batches) == 1


def test_a_process_that_dies_before_it_sends_is_gone_on_with(
    large: PartitionWork, standin: RunningStandin
) -> None:
    standin.switch(EndpointFault(endpoint="POST /v1/files", kind="status", status=404, times=1))
    with pytest.raises(Exception, match="404"):
        look(large)
    assert states(large) == ["planned"] * 4
    # A call in the cache's name between the two leaves the batch's lines alone.
    with own_work(large.config, large.engine, large.connect_api) as own:
        vectors.embed_texts(own, TEXTS[:1])
    assert states(large) == ["planned"] * 4
    wait(large)
    assert states(large) == ["ok"] * 4
    assert count(large, embedded_texts) == 7


def test_vectors_of_a_batch_that_another_harvested_are_kept(large: PartitionWork) -> None:
    look(large)
    ended(large)
    [row] = all_batches(large)
    harvest(large.config, large.engine, large.client, large.storage, row)
    assert states(large) == ["ok"] * 4
    assert count(large, embedded_texts) == 0
    assert look(large) == 0
    assert count(large, embedded_texts) == 7


@pytest.mark.parametrize(
    "spoil",
    [
        lambda path: path.write_bytes(path.read_bytes().replace(b'"index":', b'"place":', 1)),
        lambda path: path.write_bytes(b"\n".join(path.read_bytes().splitlines()[1:])),
    ],
    ids=["no vector for a text", "a line is missing"],
)
def test_what_a_line_does_not_bring_goes_by_calls(
    large: PartitionWork, spoil: Callable[[object], None]
) -> None:
    look(large)
    ended(large)
    [row] = all_batches(large)
    harvest(large.config, large.engine, large.client, large.storage, row)
    spoil(large.storage / "results" / f"{row.batch_id}.output.jsonl")
    assert look(large) == 0
    assert 5 <= count(large, embedded_texts) < 7
    with own_work(large.config, large.engine, large.connect_api) as own:
        assert vectors.embed_texts(own, TEXTS).left == 0
    assert count(large, embedded_texts) == 7


def test_a_batch_whose_lines_all_fail_is_not_sent_again_in_the_same_course(
    large: PartitionWork, standin: RunningStandin
) -> None:
    standin.switch(BatchFault(kind="all_lines_fail"))
    wait(large)
    assert states(large) == ["unavailable"] * 4
    assert count(large, batches) == 1


def test_a_batch_that_the_api_refuses_is_told(
    large: PartitionWork, standin: RunningStandin
) -> None:
    standin.switch(BatchFault(kind="fail_validation", code="mismatched_model"))
    with pytest.raises(BlockedError, match="refused a batch of texts: mismatched_model"):
        wait(large)
    with large.engine.connect() as connection:
        assert not ledger.embedding_batches(connection, vectors.UNREAD)


def test_without_money_nothing_is_planned(large: PartitionWork) -> None:
    poor = configured(large, budget={"day_usd": 1e-9})
    with pytest.raises(BlockedError) as blocked:
        look(poor)
    assert blocked.value.by == "budget"
    assert count(large, batches) == 0


def test_the_day_of_what_is_under_way_stays(large: PartitionWork, config: NormalizerConfig) -> None:
    look(large)
    with large.engine.begin() as connection:
        connection.execute(sa.update(batch_requests).values(day=sa.text("date '2024-01-01'")))
    with own_work(config, large.engine, large.connect_api) as own:
        assert own.partition.key == "2024-01-01|direct-cache"
    wait(large)
    assert count(large, embedded_texts) == 7


def test_files_stay_until_their_vectors_are_kept(large: PartitionWork) -> None:
    hurried = configured(large, retention={"request_files_days": 0.0, "result_files_days": 0.0})
    look(hurried)
    ended(hurried)
    for _ in range(2):
        sweep(hurried.engine, hurried.connect_api, hurried.config, lambda _: False)
    look(hurried)
    assert len(stored(hurried)) == len(TEXTS)
