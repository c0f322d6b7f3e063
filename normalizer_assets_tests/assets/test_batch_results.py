"""Results of terminal batches, the chain behind them, and waiting while one is under way."""

import json
from datetime import date
from typing import Literal

import pytest

from normalizer_assets.batching.partition import Partition
from normalizer_assets.standin.faults import EndpointFault, LineFault
from normalizer_assets.standin.settings import StandinSettings
from normalizer_assets_tests.scene import (
    COLLECT_STEPS,
    WHOLE_GRAPH,
    Scene,
    invented,
    messages,
    steps,
)


def test_a_small_partition_is_asked_individually(scene: Scene) -> None:
    scene.land(invented(20))
    scene.submit()
    assert steps(scene.collect()) == dict.fromkeys(COLLECT_STEPS, "success")
    assert scene.rows("select * from normalizer.batches") == []
    requests = scene.rows("select * from normalizer.batch_requests where step <> 'embedding'")
    assert {request.step for request in requests} <= {"individual", "legacy"}
    assert {request.shard_hash for request in requests} == {None}
    products = scene.rows("select * from normalizer.published_products")
    assert len(products) == 20
    assert {product.batch_id for product in products} == {None}


@pytest.mark.slow
def test_the_materialisation_shows_tokens_and_the_cost_of_each_model(scene: Scene) -> None:
    scene.land(invented(6))
    scene.submit()
    (made,) = scene.collect().asset_materializations_for_node("batch_results")
    (paid,) = scene.rows(
        "select sum(input_tokens) as input, sum(output_tokens) as output "
        "from normalizer.batch_requests where step <> 'embedding'"
    )
    assert made.metadata["input_tokens"].value == paid.input
    assert made.metadata["output_tokens"].value == paid.output
    assert str(made.metadata["cost_by_model"].value).startswith("![cost by model and step](data:")


def test_the_whole_graph_at_once_publishes_a_small_partition_in_one_run(scene: Scene) -> None:
    scene.land(invented(10))
    assert steps(scene.run("__ASSET_JOB")) == dict.fromkeys(WHOLE_GRAPH, "success")
    assert scene.row().state == "published"


@pytest.mark.slow
@pytest.mark.parametrize("standin_settings", [StandinSettings(batch_seconds=15)])
def test_the_whole_graph_at_once_skips_what_waits_for_a_batch_and_stays_green(
    scene: Scene,
) -> None:
    scene.set(BATCHING__MIN_PRODUCTS="5")
    scene.land(invented(12))
    result = scene.run("__ASSET_JOB")
    assert result.success
    assert steps(result) == {
        **dict.fromkeys(WHOLE_GRAPH[:3], "success"),
        **dict.fromkeys(WHOLE_GRAPH[3:], "skipped"),
    }
    assert scene.row().state == "waiting"
    assert scene.rows("select * from normalizer.normalized_products") == []
    # What was cancelled from outside has time for a second round, and then no more.
    for ended in ("skipped", "success"):
        scene.cancel_batches()
        assert steps(scene.run("collect")) == dict.fromkeys(COLLECT_STEPS, ended)
    assert scene.scalar("select count(*) from normalizer.published_products") == 12


@pytest.mark.slow
@pytest.mark.parametrize(
    "standin_settings", [StandinSettings(batch_seconds=0.2, failing_lines=0.4)]
)
def test_every_request_ends_in_one_state_and_a_useless_reply_leaves_a_record(
    scene: Scene,
) -> None:
    scene.set(BATCHING__MIN_PRODUCTS="5")
    scene.land(invented(40))
    scene.submit()
    result = scene.collect()
    while scene.row().state == "waiting":  # for its second round
        result = scene.collect()
    records = result.output_for_node("batch_results")
    states = set(records["state"])
    assert "ok" in states
    assert len(states) > 3
    assert states.isdisjoint({"planned", "sent"})
    for custom_id, state, record in records.select("custom_id", "state", "record").iter_rows():
        if state != "ok":
            parsed = json.loads(record)
            assert parsed.keys() == {"error", "confidence", "_custom_id"}
            assert parsed["error"]
            assert parsed["confidence"] == 0.0
            assert parsed["_custom_id"] == custom_id
    assert scene.rows(
        "select shard_hash, custom_id from normalizer.batch_requests where shard_hash is not null "
        "group by 1, 2 having count(*) > 1"
    ) == []  # fmt: skip
    assert scene.scalar(
        "select count(*) from normalizer.partition_questions where state = 'open'"
    ) == 0  # fmt: skip


def test_collecting_a_partition_that_never_landed_says_what_to_do_first(scene: Scene) -> None:
    result = scene.run("collect", Partition(date(2024, 10, 5), "jumbo"))
    assert steps(result)["batch_results"] == "failure"
    said = messages(result)
    assert "routed_products was never materialised for 2024-10-05|jumbo" in said
    assert "run the job `submit` for it first" in said


# --- what stands in the way -----------------------------------------------------------


def blocked(scene: Scene) -> str:
    """Collects, which must be green and go no further; returns what stands in the way."""
    result = scene.run("collect")
    assert result.success
    assert steps(result) == dict.fromkeys(COLLECT_STEPS, "skipped")
    row = scene.row()
    assert row.state == "waiting"
    assert row.attempts == 0
    assert row.blocked_reason in scene.warned(result)
    assert scene.rows("select * from normalizer.normalized_products") == []
    return str(row.blocked_by)


@pytest.fixture
def few(scene: Scene) -> Scene:
    """Twenty questions that are asked individually, one after the other."""
    scene.set(INDIVIDUAL__CONCURRENCY="1")
    scene.land(invented(20))
    assert scene.submit().success
    return scene


@pytest.mark.slow
def test_without_a_key_nothing_is_asked_and_it_goes_on_when_there_is_one(few: Scene) -> None:
    with few.monkeypatch.context() as unset:
        unset.delenv("OPENAI_API_KEY")
        assert blocked(few) == "configuration"
    assert few.bought() == []
    few.skip_pauses()
    assert few.daemon() == ["2024-10-01|lider:1"]
    assert few.row().state == "published"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("status", "code", "by"), [(429, "insufficient_quota", "quota"), (401, None, "key")]
)
def test_a_quota_that_ends_midway_keeps_what_was_answered(
    few: Scene, status: Literal[401, 429], code: str | None, by: str
) -> None:
    few.standin.switch(
        EndpointFault(
            endpoint="POST /v1/chat/completions", kind="status", status=status, code=code, skip=7
        )
    )
    assert blocked(few) == by
    kept = few.scalar("select count(*) from normalizer.answers")
    assert kept == len(few.bought()) > 0
    few.standin.switch()
    few.skip_pauses()
    few.daemon()
    assert few.row().state == "published"
    assert len(few.bought()) == len(set(few.bought())) == 20


@pytest.mark.slow
def test_a_budget_that_leaves_many_questions_blocks_and_pays_the_rest_later(few: Scene) -> None:
    few.set(BUDGET__PARTITION_USD="0.003")
    assert blocked(few) == "budget"
    assert "raise `budget.partition_usd`" in few.row().blocked_reason
    paid = len(few.bought())
    assert 0 < paid < 19
    assert few.tick().run_requests == []
    few.set(BUDGET__PARTITION_USD="1")
    few.daemon()
    assert few.row().state == "published"
    assert len(few.bought()) == len(set(few.bought())) == 20


@pytest.mark.slow
def test_a_budget_that_leaves_few_questions_ends_them_by_rules(few: Scene) -> None:
    whole = few.scalar("select count(*) from normalizer.partition_questions")
    few.set(GATE__MAX_SHARE_RULES="1", BUDGET__PARTITION_USD="0.003")
    few.set(GATE__MIN_SHARE_VALID="0", GATE__MIN_SHARE_ACCEPTED="0")
    assert few.run("collect").success
    assert few.row().state == "published"
    answered = {
        row.answered_by: row.rows
        for row in few.rows(
            "select answered_by, count(*) as rows from normalizer.normalized_products group by 1"
        )
    }
    assert answered["rules"] > 0
    assert sum(answered.values()) == whole == 20


@pytest.mark.slow
def test_who_takes_over_many_questions_sends_a_canary_first(scene: Scene) -> None:
    other = Partition(scene.partition.day, "jumbo")
    for partition in (scene.partition, other):
        scene.land(invented(12), partition)
        assert scene.submit(partition).success
    assert scene.row(other).state == "waiting"
    scene.land(invented(2, first=50))  # the file is corrected: nobody asks the twelve now
    assert scene.submit().success
    scene.set(BATCHING__MIN_PRODUCTS="5", CANARY__MIN_PRODUCTS="10", CANARY__SIZE="5")
    scene.standin.switch(LineFault(kind="invalid_json", share=1.0, sync=True))
    result = scene.run("collect", other)
    assert result.success
    assert steps(result) == dict.fromkeys(COLLECT_STEPS, "skipped")
    assert scene.row(other).state == "held"
    assert "the canary is red: 0 of 5" in scene.warned(result)
    assert scene.rows("select * from normalizer.batches") == []
    scene.standin.switch()
    assert scene.submit(other).success
    scene.daemon()
    assert scene.row(other).state == "published"
