"""Results of terminal batches, the chain behind them, and waiting while one is under way."""

import json
from datetime import date

import pytest

from normalizer_assets.batching.partition import Partition
from normalizer_assets.standin.settings import StandinSettings
from normalizer_assets_tests.scene import COLLECT_STEPS, STEPS, Scene, invented, messages, steps


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


def test_the_whole_graph_at_once_publishes_a_small_partition_in_one_run(scene: Scene) -> None:
    scene.land(invented(10))
    assert steps(scene.run("__ASSET_JOB")) == dict.fromkeys(STEPS, "success")
    assert scene.row().state == "published"


@pytest.mark.parametrize("standin_settings", [StandinSettings(batch_seconds=15)])
def test_the_whole_graph_at_once_skips_what_waits_for_a_batch_and_stays_green(
    scene: Scene,
) -> None:
    scene.set(BATCHING__MIN_PRODUCTS="5")
    scene.land(invented(12))
    result = scene.run("__ASSET_JOB")
    assert result.success
    assert steps(result) == {
        **dict.fromkeys(STEPS[:3], "success"),
        **dict.fromkeys(STEPS[3:], "skipped"),
    }
    assert scene.row().state == "waiting"
    assert scene.rows("select * from normalizer.normalized_products") == []
    scene.cancel_batches()
    assert steps(scene.run("collect")) == dict.fromkeys(COLLECT_STEPS, "success")
    assert scene.scalar("select count(*) from normalizer.published_products") == 12


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
