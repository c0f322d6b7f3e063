"""Open questions leave in batches, once; what stands in their way is no failure."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from functools import partial

import dagster as dg
import pytest

from normalizer_assets.batching.partition import Partition
from normalizer_assets.standin.faults import BatchFault, EndpointFault, LineFault
from normalizer_assets.standin.settings import StandinSettings
from normalizer_assets_tests.scene import (
    WHOLE_GRAPH,
    Scene,
    invented,
    launched,
    steps,
)

NEVER_DONE = StandinSettings(batch_seconds=3600)
YESTERDAY = (datetime.now(UTC) - timedelta(days=1)).date()
REQUESTS = "select * from normalizer.batch_requests order by request_id"
BLOCKED = {
    **dict.fromkeys(WHOLE_GRAPH[:2], "success"),
    **dict.fromkeys(WHOLE_GRAPH[2:], "skipped"),
}


def blocked(scene: Scene) -> str:
    """Runs the whole graph, which must be green and send nothing more; returns by what."""
    result = scene.run("__ASSET_JOB")
    assert result.success
    assert steps(result) == BLOCKED
    row = scene.row()
    assert row.blocked_reason in scene.warned(result)
    assert row.attempts == 0
    return str(row.blocked_by)


@pytest.fixture
def landed(scene: Scene) -> Scene:
    """Enough listings for two batches."""
    scene.set(BATCHING__MIN_PRODUCTS="5")
    scene.land(invented(12))
    return scene


def test_questions_leave_in_one_batch_a_model_and_nobody_waits(scene: Scene) -> None:
    scene.land(invented(130))
    result = scene.submit()
    metadata = result.asset_materializations_for_node("submitted_batches")[0].metadata
    assert metadata["in_batches"].value == 130
    assert metadata["batches"].value == 2
    assert metadata["canary"].value == metadata["individually"].value == 0
    assert metadata["models_replaced"].value == "none"
    batches = scene.rows("select * from normalizer.batches order by llm_model")
    assert [(batch.llm_model, batch.line_count) for batch in batches] == [
        ("gpt-5", 43),
        ("gpt-5-mini", 87),
    ]
    assert scene.row().state == "waiting"
    listed = {batch.id for batch in scene.connect().batches.list()}
    assert listed == {batch.batch_id for batch in batches}
    estimated = scene.scalar("select sum(estimated_usd) from normalizer.batch_requests")
    assert metadata["estimated_usd"].value == pytest.approx(float(estimated))


def test_few_questions_make_no_batch(scene: Scene) -> None:
    scene.land(invented(100))
    result = scene.submit()
    metadata = result.asset_materializations_for_node("submitted_batches")[0].metadata
    assert metadata["individually"].value == 100
    assert metadata["batch_ids"].value == "none"
    assert scene.rows("select * from normalizer.batches") == []
    assert scene.rows("select * from normalizer.batch_requests") == []
    assert scene.row().state == "waiting"


@pytest.mark.parametrize("standin_settings", [NEVER_DONE])
def test_submitting_again_asks_nothing_twice(landed: Scene) -> None:
    landed.submit()
    before = landed.rows(REQUESTS)
    assert landed.submit().success
    assert landed.rows(REQUESTS) == before
    assert len(list(landed.connect().batches.list())) == 2


@pytest.mark.parametrize("standin_settings", [NEVER_DONE])
def test_two_partitions_at_the_same_moment_pay_a_shared_product_once(landed: Scene) -> None:
    other = Partition(landed.partition.day, "jumbo")
    landed.land(invented(16), other)

    def submit(partition: Partition) -> bool:
        with dg.DagsterInstance.ephemeral() as instance:
            scene = replace(landed, instance=instance)
            return scene.submit(partition).success

    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(submit, (landed.partition, other))) == [True, True]
    asked = landed.rows("select question_key from normalizer.batch_requests")
    assert len(asked) == len(set(asked))
    left = landed.rows(
        "select question_key from normalizer.partition_questions where waits and state = 'open'"
    )
    assert set(left) <= set(asked)
    assert len(left) == 12


# --- what stands in the way -----------------------------------------------------------


@pytest.mark.slow
def test_a_missing_key_blocks_and_the_sensor_goes_on_when_it_is_there(landed: Scene) -> None:
    with landed.monkeypatch.context() as unset:
        unset.delenv("OPENAI_API_KEY")
        assert blocked(landed) == "configuration"
    assert "OPENAI_API_KEY is not set; export your key" in landed.row().blocked_reason
    assert landed.row().state == "landed"
    assert landed.daemon()[0] == "2024-10-01|lider:submit:1"
    assert landed.row().state == "published"
    assert landed.row().blocked_by is None
    assert len(landed.bought()) == 12


_slow = partial(pytest.param, marks=pytest.mark.slow)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("endpoint", "status", "code", "by", "text"),
    [
        ("GET /v1/models", 401, None, "key", "correct OPENAI_API_KEY"),
        _slow("POST /v1/files", 401, None, "key", "correct OPENAI_API_KEY"),
        _slow("POST /v1/batches", 403, None, "key", "correct OPENAI_API_KEY"),
        _slow("POST /v1/files", 429, "insufficient_quota", "quota", "the rest goes on by itself"),
        ("POST /v1/batches", 429, "insufficient_quota", "quota", "the rest goes on by itself"),
    ],
)
def test_a_refused_key_or_a_used_up_quota_blocks_and_loses_nothing(
    landed: Scene, endpoint: str, status: int, code: str | None, by: str, text: str
) -> None:
    fault = {"endpoint": endpoint, "kind": "status", "status": status, "code": code}
    landed.standin.switch(EndpointFault.model_validate(fault))
    assert blocked(landed) == by
    assert text in landed.row().blocked_reason
    assert landed.bought() == []
    # As long as it lasts the sensor tries again after a pause, and no attempt is used up.
    for _ in range(2):
        landed.skip_pauses()
        assert [run.success for run in landed.execute_requests(landed.tick())] == [True]
    assert (landed.row().blocked_by, landed.row().attempts) == (by, 0)
    landed.standin.switch()
    landed.daemon()
    assert landed.row().state == "published"
    assert len(landed.bought()) == 12


def test_a_blocked_partition_is_tried_again_only_after_a_pause(landed: Scene) -> None:
    landed.set(POLLING__BACKOFF_SECONDS="100")
    with landed.monkeypatch.context() as unset:
        unset.delenv("OPENAI_API_KEY")
        assert blocked(landed) == "configuration"
    assert launched(landed.tick()) == []
    landed.skip_pauses()
    assert launched(landed.tick()) == [("submit", "2024-10-01|lider:submit:1")]


@pytest.mark.slow
@pytest.mark.parametrize("key", ["partition_usd", "day_usd"])
def test_over_budget_nothing_is_sent_until_the_limit_is_raised(landed: Scene, key: str) -> None:
    variable = f"BUDGET__{key.upper()}"
    landed.set(**{variable: "0.0001"})
    assert blocked(landed) == "budget"
    reason = landed.row().blocked_reason
    assert f"{landed.row().blocked_usd:.6f} USD" in reason
    assert "0.0001 USD" in reason
    assert f"raise `budget.{key}`" in reason
    assert landed.bought() == []
    assert landed.rows("select * from normalizer.batches") == []
    for _ in range(2):
        assert launched(landed.tick()) == []
    landed.set(**{variable: "1"})
    assert landed.daemon()[0] == "2024-10-01|lider:submit:1"
    assert landed.row().state == "published"


def test_over_budget_questions_are_left_to_partitions_that_can_pay(landed: Scene) -> None:
    landed.set(BUDGET__PARTITION_USD="0.0001")
    assert blocked(landed) == "budget"
    landed.set(BUDGET__PARTITION_USD="1")
    other = Partition(landed.partition.day, "jumbo")
    landed.land(invented(12), other)
    assert landed.submit(other).success
    assert landed.row(other).state == "waiting"
    assert landed.scalar("select count(*) from normalizer.batches") == 2


@pytest.mark.slow
@pytest.mark.parametrize("standin_settings", [StandinSettings(batch_seconds=0.2, failing_lines=0)])
def test_a_model_that_is_gone_is_replaced_and_said_everywhere(landed: Scene) -> None:
    landed.standin.show_models({"gpt-5": YESTERDAY, "gpt-5-mini": None})
    result = landed.submit()
    metadata = result.asset_materializations_for_node("submitted_batches")[0].metadata
    replaced = str(metadata["models_replaced"].value)
    assert (
        f"tiers.full: gpt-6.1-sol answers instead of gpt-5, gpt-5 is shut down on {YESTERDAY}"
        in replaced
    )
    assert "tiers.mini: gpt-6-luna answers instead of gpt-5-mini, the API has no model" in replaced
    for switched in replaced.split("; "):
        assert switched in landed.warned(result)
    landed.daemon()
    models = {row.llm_model for row in landed.rows("select * from normalizer.published_products")}
    assert models == {"gpt-6.1-sol-standin", "gpt-6-luna-standin"}


@pytest.mark.parametrize("variables", [{"MODELS__GPT-5__SHUTDOWN": str(YESTERDAY)}])
def test_an_announced_shutdown_of_the_table_counts_as_well(landed: Scene) -> None:
    landed.submit()
    asked = {row.llm_model for row in landed.rows("select * from normalizer.batches")}
    assert asked == {"gpt-5-mini", "gpt-6.1-sol"}


@pytest.mark.slow
def test_where_the_configuration_says_fail_a_gone_model_blocks(landed: Scene) -> None:
    landed.set(**{"MODELS__GPT-5__WHEN_GONE": "fail"})
    landed.standin.show_models({"gpt-5": None})
    assert blocked(landed) == "configuration"
    assert "the API has no model gpt-5" in landed.row().blocked_reason
    assert "when_gone" in landed.row().blocked_reason
    assert landed.bought() == []
    landed.standin.show_models({})
    landed.daemon()
    assert landed.row().state == "published"


@pytest.mark.slow
def test_a_lost_reply_is_looked_for_twice_and_its_batch_adopted(landed: Scene) -> None:
    landed.set(BATCHING__DOUBT_SECONDS="3")
    landed.standin.switch(
        EndpointFault(endpoint="POST /v1/batches", kind="drop_after", times=1),
        BatchFault(kind="hidden_from_list", seconds=2, times=1),
    )
    assert blocked(landed) == "doubt"
    assert "was lost" in landed.row().blocked_reason
    keys = landed.daemon()
    assert keys[0] == "2024-10-01|lider:submit:1"
    assert landed.row().state == "published"
    shards = [entry["shard"] for entry in landed.standin.journal() if entry["kind"] == "batch"]
    assert len(shards) == len(set(shards)) == 2
    assert len(landed.bought()) == 12


# --- the backlog ----------------------------------------------------------------------


LIMITED = StandinSettings(batch_seconds=0.5, enqueued_token_limits=True)


@pytest.mark.slow
@pytest.mark.parametrize("standin_settings", [LIMITED])
@pytest.mark.parametrize(
    "variables",
    [
        {
            "MODELS__GPT-5-MINI__ENQUEUED_TOKENS": "900",
            "BATCHING__MIN_PRODUCTS": "2",
            "BATCHING__PREFERRED_LINES": "10",
        }
    ],
)
def test_the_sensor_feeds_the_backlog_until_all_is_published(scene: Scene) -> None:
    scene.standin.switch(BatchFault(kind="stuck_in_progress"))
    scene.land([row for row in invented(90) if "Notebook" not in str(row["name"])])
    result = scene.submit()
    assert result.success
    row = scene.row()
    assert (row.state, row.blocked_by) == ("submitted", "room")
    assert "of 720 enqueued prompt tokens" in row.blocked_reason
    assert row.blocked_reason in scene.warned(result)
    planned = scene.scalar("select count(*) from normalizer.batches")
    assert planned == 6
    assert scene.scalar("select count(*) from normalizer.batches where batch_id is not null") == 1
    # While there is no room nothing is launched, and nobody is asked.
    assert launched(scene.tick()) == []
    scene.standin.switch()
    keys = scene.daemon()
    assert keys[:2] == ["2024-10-01|lider:submit:1", "2024-10-01|lider:submit:2"]
    assert scene.row().state == "published"
    assert scene.row().blocked_by is None
    assert scene.scalar("select count(*) from normalizer.batches") == planned
    assert scene.scalar("select count(*) from normalizer.batches where state = 'failed'") == 0
    assert len(scene.bought()) == len(set(scene.bought()))


@pytest.mark.slow
@pytest.mark.parametrize("standin_settings", [LIMITED])
@pytest.mark.parametrize("variables", [{"BATCHING__MIN_PRODUCTS": "2"}])
def test_a_full_queue_that_only_the_api_knew_of_is_waited_out(scene: Scene) -> None:
    scene.set(BATCHING__BACKLOG_SECONDS="0.2")
    scene.standin.switch(BatchFault(kind="fail_validation", code="token_limit_exceeded", times=1))
    scene.land(invented(12))
    scene.submit()
    scene.daemon()
    assert scene.row().state == "published"
    assert scene.scalar("select count(*) from normalizer.batches where state = 'failed'") == 1
    assert len(scene.bought()) == len(set(scene.bought())) == 12


# --- the canary -----------------------------------------------------------------------


@pytest.fixture
def with_canary(landed: Scene) -> Scene:
    """A partition over `canary.min_products`."""
    landed.set(CANARY__MIN_PRODUCTS="10", CANARY__SIZE="5")
    return landed


@pytest.mark.slow
def test_a_green_canarys_answers_are_used(with_canary: Scene) -> None:
    result = with_canary.submit()
    metadata = result.asset_materializations_for_node("submitted_batches")[0].metadata
    assert (metadata["canary"].value, metadata["in_batches"].value) == (5, 7)
    with_canary.daemon()
    answered = dict(
        tuple(row)
        for row in with_canary.rows(
            "select answered_by, count(*) from normalizer.published_products group by 1"
        )
    )
    assert answered["individual"] >= 5
    assert len(with_canary.bought()) == 12


@pytest.mark.slow
def test_a_red_canary_holds_the_partition_for_a_person(with_canary: Scene) -> None:
    with_canary.standin.switch(LineFault(kind="invalid_json", share=1.0, sync=True))
    result = with_canary.run("__ASSET_JOB")
    assert result.success
    assert steps(result) == BLOCKED
    row = with_canary.row()
    assert row.state == "held"
    assert "the canary is red: 0 of 5 replies are valid, 90% are wanted" in row.blocked_reason
    assert row.blocked_reason.count(" <- ") == 3
    assert row.blocked_reason in with_canary.warned(result)
    assert with_canary.rows("select * from normalizer.normalized_products") == []
    assert with_canary.rows("select * from normalizer.batches") == []
    for _ in range(2):
        assert launched(with_canary.tick()) == []
    # Its claims are closed: who can ask better may.
    assert with_canary.scalar(
        "select count(*) from normalizer.partition_questions where not waits and state = 'open'"
    ) == 0  # fmt: skip
    with_canary.standin.switch()
    assert with_canary.submit().success
    with_canary.daemon()
    assert with_canary.row().state == "published"


# --- paying again ---------------------------------------------------------------------


@pytest.mark.slow
def test_force_pays_again_and_says_first_what_it_costs(landed: Scene) -> None:
    landed.publish()
    before = landed.bought()
    answered = landed.rows("select sku, custom_id from normalizer.published_products order by sku")
    result = landed.run("submit", submitted_batches={"force": True})
    assert result.success
    warned = landed.warned(result)
    assert "questions of 2024-10-01|lider are paid again, estimated at 0.00" in warned
    landed.daemon()
    assert landed.row().state == "published"
    assert landed.row().published_version == 2
    assert len(landed.bought()) == 2 * len(before) == 24
    assert answered != landed.rows(
        "select sku, custom_id from normalizer.published_products order by sku"
    )
    paid = landed.rows(REQUESTS)
    landed.publish()
    assert landed.rows(REQUESTS) == paid


@pytest.mark.slow
def test_force_of_a_partition_from_the_cache_says_its_full_price(landed: Scene) -> None:
    landed.publish()
    other = Partition(date(2024, 10, 2), "lider")
    landed.land(invented(12), other)
    result = landed.run("submit", other, submitted_batches={"force": True})
    estimated = result.asset_materializations_for_node("submitted_batches")[0].metadata
    # What is said is what the budget reserves.
    amount = f"estimated at {estimated['estimated_usd'].value:.4f} USD in batches"
    assert amount in landed.warned(result)
    landed.daemon()
    assert len(landed.bought()) == 24


@pytest.mark.slow
def test_force_over_budget_sends_nothing(landed: Scene) -> None:
    landed.publish()
    paid = landed.rows(REQUESTS)
    landed.set(BUDGET__PARTITION_USD="0.0001")
    result = landed.run("submit", submitted_batches={"force": True})
    assert result.success
    assert "raise `budget.partition_usd`" in landed.warned(result)
    assert landed.rows(REQUESTS) == paid
