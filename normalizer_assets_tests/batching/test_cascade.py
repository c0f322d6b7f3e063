from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import polars as pl
import pytest
import sqlalchemy as sa

from normalizer_assets import pipeline
from normalizer_assets.batching import cascade
from normalizer_assets.batching.collection import Collected
from normalizer_assets.batching.due import due
from normalizer_assets.batching.errors import NotReady
from normalizer_assets.batching.work import PartitionWork
from normalizer_assets.db.tables import partitions
from normalizer_assets_tests.batching.listings import (
    asked_questions,
    land,
    partition_row,
    requests_of,
    routed_listings,
)
from normalizer_assets_tests.batching.scripted_api import (
    CHAT,
    CREATE,
    DOWN,
    LOST,
    NO_QUOTA,
    Reply,
    ScriptedApi,
    completion,
    output_line,
    unexecuted_line,
)
from normalizer_assets_tests.batching.settings import configured, one_by_one, with_model

SURE = completion(
    '{"brand":"SOPROLE","model":null,"attributes":{"capacity":"1L","volume_ml":"1000",'
    '"flavor":"naranja"},"confidence":0.4}'
)
DOUBTFUL = completion('{"brand":"SOPROLE","model":"Uno","attributes":{},"confidence":0.99}')
"""Nothing in a listing supports its model."""
TEN = routed_listings(10).with_columns(name=pl.lit("Jugo Soprole Naranja 1L"))
TWO = TEN.head(2)


@pytest.fixture
def landed(scripted_work: PartitionWork) -> PartitionWork:
    """A landed partition with second opinions; more than three of them make a batch."""
    land(scripted_work)
    calls = one_by_one(scripted_work, attempts=1)
    for model in ("gpt-5", "gpt-5-mini"):
        calls = with_model(calls, model, flex=False)
    return configured(calls, cascade={"max_share": 1.0})


def end(api: ScriptedApi, batch_id: str, doubtful: int = 0) -> None:
    """Ends a batch; its first answers are doubtful, the others sure."""
    ids = api.ids(batch_id)
    bodies = [DOUBTFUL] * doubtful + [SURE] * (len(ids) - doubtful)
    api.end(batch_id, output=[output_line(*pair) for pair in zip(ids, bodies, strict=True)])


def collect(work: PartitionWork, routed: pl.DataFrame = TEN) -> Collected:
    return pipeline.collect(work, routed)


def asked(work: PartitionWork) -> list[tuple[str, str, int, str]]:
    return [(row.step, row.tier, row.round, row.state) for row in requests_of(work)]


def due_now(work: PartitionWork) -> list[str]:
    with work.engine.connect() as connection:
        return [job for _, job in due(connection, work.config)]


def products_of(work: PartitionWork, routed: pl.DataFrame) -> pl.DataFrame:
    pipeline.normalise(work, routed, "run")
    with work.engine.connect() as connection:
        rows = connection.execute(
            sa.text(
                "select sku, model, route, status, cost_usd from normalizer.normalized_products "
                "order by sku"
            )
        )
        return pl.DataFrame([row._asdict() for row in rows])


def test_many_doubtful_answers_are_asked_again_in_a_batch_at_full(
    landed: PartitionWork, api: ScriptedApi
) -> None:
    pipeline.submit(landed, TEN)
    end(api, "batch_1", doubtful=4)
    with pytest.raises(NotReady, match="batch_2 validating 0/4"):
        collect(landed)
    assert [line["body"]["model"] for line in api.lines("batch_2")] == ["gpt-5"] * 4
    assert partition_row(landed).round == 2
    assert set(asked_questions(landed).values()) == {"answered"}
    assert due_now(landed) == []
    end(api, "batch_2")
    assert collect(landed).second_opinions == 0
    assert asked(landed) == [("batch", "mini", 1, "ok")] * 10 + [("batch", "full", 2, "ok")] * 4
    rows = products_of(landed, TEN)
    assert rows["status"].to_list() == ["accepted"] * 10
    assert rows["route"].to_list() == ["full"] * 4 + ["mini"] * 6
    assert api.count(CHAT) == 0


def test_a_few_doubtful_answers_are_asked_again_individually(
    landed: PartitionWork, api: ScriptedApi
) -> None:
    pipeline.submit(landed, TEN)
    end(api, "batch_1", doubtful=3)
    api.then(CHAT, *[Reply(body=SURE)] * 3)
    assert collect(landed).second_opinions == 3
    assert {body["model"] for body in api.bodies(CHAT)} == {"gpt-5"}
    assert asked(landed)[10:] == [("individual", "full", 1, "ok")] * 3
    assert products_of(landed, TEN)["status"].to_list() == ["accepted"] * 10


def test_an_answer_that_is_doubtful_at_full_too_is_not_asked_a_third_time(
    landed: PartitionWork, api: ScriptedApi
) -> None:
    api.then(CHAT, *[Reply(body=DOUBTFUL)] * 4)
    pipeline.submit(landed, TWO)
    assert collect(landed, TWO).second_opinions == 2
    assert collect(landed, TWO).second_opinions == 0
    assert products_of(landed, TWO)["status"].to_list() == ["review"] * 2
    assert collect(landed, TWO).second_opinions == 0
    assert api.count(CHAT) == 4


@pytest.mark.parametrize("trouble", [DOWN, NO_QUOTA, Reply(body=completion("I cannot say"))])
def test_without_a_second_opinion_the_first_one_stands(
    landed: PartitionWork, api: ScriptedApi, trouble: Reply
) -> None:
    api.then(CHAT, *[Reply(body=DOUBTFUL)] * 2, *[trouble] * 4)
    pipeline.submit(landed, TWO)
    assert collect(landed, TWO).second_opinions == 0
    rows = products_of(landed, TWO)
    assert rows["model"].to_list() == ["Uno"] * 2
    assert rows["route"].to_list() == ["mini"] * 2


def test_a_line_that_never_ran_leaves_the_first_answer(
    landed: PartitionWork, api: ScriptedApi
) -> None:
    pipeline.submit(landed, TEN)
    end(api, "batch_1", doubtful=10)
    with pytest.raises(NotReady):
        collect(landed)
    api.end("batch_2", "expired", errors=[unexecuted_line(name) for name in api.ids("batch_2")])
    assert collect(landed).second_opinions == 0
    assert products_of(landed, TEN)["model"].to_list() == ["Uno"] * 10
    assert (api.count(CHAT), api.count(CREATE)) == (0, 2)


def test_no_more_are_asked_than_the_share_allows_the_least_sure_first(
    landed: PartitionWork, api: ScriptedApi
) -> None:
    fewer = configured(landed, cascade={"max_share": 0.2})
    pipeline.submit(fewer, TEN)
    weaker = completion('{"brand":"HITACHI","model":"Uno","attributes":{"color":"rojo"}}')
    bodies = [DOUBTFUL] * 8 + [weaker] * 2
    ids = api.ids("batch_1")
    api.end("batch_1", output=[output_line(*pair) for pair in zip(ids, bodies, strict=True)])
    api.then(CHAT, *[Reply(body=SURE)] * 2)
    assert collect(fewer).second_opinions == 2
    assert [row.sku for row in requests_of(fewer)[10:]] == ["sku 8", "sku 9"]


def test_second_opinions_never_pass_the_budget(landed: PartitionWork, api: ScriptedApi) -> None:
    pipeline.submit(landed, TEN)
    end(api, "batch_1", doubtful=10)
    first = sum((row.estimated_usd for row in requests_of(landed)), Decimal(0))
    poor = configured(landed, budget={"partition_usd": float(first)})
    assert collect(poor).second_opinions == 0
    assert len(requests_of(poor)) == 10
    assert products_of(poor, TEN)["status"].to_list() == ["review"] * 10


def test_a_partition_that_was_judged_asks_none_again_when_it_is_repeated(
    landed: PartitionWork, api: ScriptedApi
) -> None:
    without = configured(landed, cascade={"max_share": 0.0})
    api.then(CHAT, *[Reply(body=DOUBTFUL)] * 2)
    pipeline.submit(without, TWO)
    collect(without, TWO)
    products_of(without, TWO)
    assert collect(landed, TWO).second_opinions == 0
    assert api.count(CHAT) == 2


def test_lines_of_the_second_round_and_second_opinions_leave_together(
    landed: PartitionWork, api: ScriptedApi
) -> None:
    pipeline.submit(landed, TEN)
    ids = api.ids("batch_1")
    api.end(
        "batch_1",
        output=[output_line(name, DOUBTFUL) for name in ids[:5]],
        errors=[unexecuted_line(name) for name in ids[5:]],
    )
    with pytest.raises(NotReady):
        collect(landed)
    models = {api.lines(name)[0]["body"]["model"] for name in ("batch_2", "batch_3")}
    assert models == {"gpt-5", "gpt-5-mini"}
    for name in ("batch_2", "batch_3"):
        end(api, name, doubtful=1)
    api.then(CHAT, Reply(body=SURE))
    # Of the two that are doubtful now, one was asked at full already.
    assert collect(landed).second_opinions == 1
    assert products_of(landed, TEN)["status"].to_list().count("review") == 1


def test_shortly_before_the_deadline_they_are_asked_individually(
    landed: PartitionWork, api: ScriptedApi
) -> None:
    pipeline.submit(landed, TEN)
    end(api, "batch_1", doubtful=10)
    with landed.engine.begin() as connection:
        connection.execute(sa.update(partitions).values(deadline_at=datetime.now(UTC)))
    api.then(CHAT, *[Reply(body=SURE)] * 10)
    assert collect(landed).second_opinions == 10
    assert api.count(CREATE) == 1


def test_a_second_opinion_whose_reply_was_lost_is_not_asked_for_again(
    landed: PartitionWork, api: ScriptedApi
) -> None:
    api.then(CHAT, *[Reply(body=DOUBTFUL)] * 2, *[LOST] * 4)
    pipeline.submit(landed, TWO)
    assert collect(landed, TWO).second_opinions == 0
    lost = [row.state for row in requests_of(landed) if row.tier == "full"]
    assert lost == ["outcome_unknown"] * 4
    assert collect(landed, TWO).second_opinions == 0
    assert api.count(CHAT) == 6


def test_without_doubts_nothing_is_chosen(landed: PartitionWork) -> None:
    chosen: Any = cascade.second_opinions(landed, TEN, cascade.nobody)
    assert chosen.is_empty()
