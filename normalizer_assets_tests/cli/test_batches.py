"""`normalizer batches`: what a person types, against the stand-in."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from normalizer_assets.standin.faults import BatchFault
from normalizer_assets.standin.settings import StandinSettings
from normalizer_assets_tests.cli.conftest import Typed
from normalizer_assets_tests.scene import Scene, invented

SLOW = pytest.mark.parametrize("standin_settings", [StandinSettings(batch_seconds=60)])
RUN = ("run", "--day", "2024-10-01", "--retailer", "lider")


@pytest.fixture
def sent(scene: Scene) -> Scene:
    """A partition with one batch a tier, sent."""
    scene.set(BATCHING__MIN_PRODUCTS="2")
    scene.land(invented(12))
    assert scene.submit().success
    return scene


def ids(scene: Scene) -> list[str]:
    return [
        row.batch_id for row in scene.rows("select * from normalizer.batches order by planned_at")
    ]


@pytest.mark.parametrize("sub", ["list", "show", "cancel", "adopt", "resubmit"])
def test_every_batches_command_has_help(typed: Typed, sub: str) -> None:
    said = typed("batches", sub, "--help")
    assert said.code == 0
    assert said.out.startswith(f"Usage: normalizer batches {sub}")


@pytest.mark.usefixtures("scene")
def test_an_empty_ledger_is_no_error(typed: Typed) -> None:
    assert typed("batches", "list").out == "no batches\n"
    assert json.loads(typed("batches", "list", "--json").out) == []


@SLOW
def test_the_list_has_a_line_for_each_batch(sent: Scene, typed: Typed) -> None:
    first, second = ids(sent)
    said = typed("batches", "list")
    assert said.code == 0
    for text in (first, second, "2024-10-01|lider", "gpt-5-mini", "0/8"):
        assert text in said.out
    figures = json.loads(typed("batches", "list", "--json", "--open").out)
    assert [each["batch_id"] for each in figures] == [first, second]
    assert sum(each["total"] for each in figures) == 12
    assert all(each["estimated_usd"] > 0 and each["prompt_tokens"] > 0 for each in figures)
    assert json.loads(typed("batches", "list", "--retailer", "jumbo", "--json").out) == []
    [newest] = json.loads(typed("batches", "list", "--last", "1", "--json").out)
    assert newest["batch_id"] == second
    assert "the newest 1; --last N shows more" in typed("batches", "list", "--last", "1").out
    assert typed("batches", "list", "--day", "yesterday").code == 2


def test_show_says_everything(sent: Scene, typed: Typed) -> None:
    assert sent.collect().success
    batch_id = ids(sent)[0]
    figures = json.loads(typed("batches", "show", batch_id, "--json").out)
    assert figures["state"] == "completed"
    assert figures["requests"].get("ok", 0) > 0
    assert set(figures["files"]) >= {"request", "output"}
    assert figures["reconciliation"]["unplaced_usd"] == 0
    said = typed("batches", "show", batch_id[:-2])
    assert said.code == 0
    for key in ("harvested_at", "reconciliation", "estimated_usd", "alert"):
        assert f"{key} " in said.out
    unknown = typed("batches", "show", "nonsense")
    assert unknown.code == 1
    assert unknown.err.startswith("Error: no batch 'nonsense' in the ledger; `normalizer batches")


@pytest.mark.slow
@SLOW
def test_cancelled_batches_are_harvested_and_the_rest_is_asked_one_by_one(
    sent: Scene, typed: Typed
) -> None:
    sent.set(BATCHING__MIN_PRODUCTS="100")
    batch_ids = ids(sent)
    said = typed("batches", "cancel", *batch_ids)
    assert said.code == 0, said.err
    for line, batch_id in zip(said.out.splitlines(), batch_ids, strict=True):
        assert line.startswith(f"{batch_id} is cancelled and harvested: ")
    assert f"{batch_ids[0]} cancel" in said.err
    again = typed("batches", "cancel", *batch_ids)
    assert again.code == 0
    assert again.out == said.out.replace("and harvested", "and was harvested before")
    assert typed(*RUN, "--wait").code == 0
    assert sent.row().state == "published"
    assert len(sent.bought()) == len(set(sent.bought())) == 12


@pytest.mark.slow
@SLOW
def test_one_wrong_id_stops_no_other(sent: Scene, typed: Typed) -> None:
    said = typed("batches", "cancel", "nonsense", ids(sent)[0])
    assert said.code == 1
    assert "Error: no batch 'nonsense'" in said.err
    assert said.out.startswith(f"{ids(sent)[0]} is cancelled and harvested")


@pytest.mark.slow
def test_what_the_budget_kept_planned_can_be_withdrawn_without_a_key(
    scene: Scene, typed: Typed
) -> None:
    # No room for the second batch: it stays planned.
    scene.set(BATCHING__MIN_PRODUCTS="2", BATCHING__CREATIONS_PER_HOUR="1")
    scene.land(invented(12))
    blocked = typed(*RUN)
    assert blocked.code == 1
    assert "is blocked: 1 batches were created within an hour" in blocked.err
    [planned] = scene.rows("select * from normalizer.batches where batch_id is null")
    assert planned.file_name in typed("batches", "list").out
    scene.monkeypatch.delenv("OPENAI_API_KEY")
    said = typed("batches", "cancel", planned.shard_hash)
    assert said.code == 0
    assert said.out.startswith(f"{planned.file_name} was never sent and is withdrawn; nothing was")
    scene.monkeypatch.setenv("OPENAI_API_KEY", "standin")
    scene.set(BATCHING__CREATIONS_PER_HOUR="100")
    assert typed(*RUN, "--wait").code == 0
    assert len(scene.bought()) == len(set(scene.bought())) == 12


@pytest.mark.slow
def test_a_batch_whose_reply_was_lost_is_adopted(sent: Scene, typed: Typed) -> None:
    first, _ = ids(sent)
    sent.execute(
        "update normalizer.batch_requests set state = 'planned' where shard_hash = "
        "(select shard_hash from normalizer.batches where batch_id = :id)",
        id=first,
    )
    sent.execute(
        "update normalizer.batches set batch_id = null, state = 'creating', submitted_at = null "
        "where batch_id = :id",
        id=first,
    )
    sent.execute("update normalizer.partitions set state = 'submitted'")
    [doubted] = sent.rows("select * from normalizer.batches where state = 'creating'")
    refused = typed("batches", "cancel", doubted.shard_hash)
    assert refused.code == 1
    assert "may exist: the reply to its creation was lost" in refused.err
    said = typed("batches", "adopt", first)
    assert said.code == 0
    assert said.out.startswith(f"{first} is adopted as {doubted.file_name}")
    assert "nothing to do" in typed("batches", "adopt", first).out
    assert typed("batches", "adopt", "batch_of_somebody").code == 1
    assert typed(*RUN, "--wait").code == 0
    assert len(sent.bought()) == len(set(sent.bought())) == 12


@pytest.mark.slow
@SLOW
def test_a_batch_that_never_ends_is_released_with_consent(sent: Scene, typed: Typed) -> None:
    sent.set(BATCHING__MIN_PRODUCTS="100")
    early = typed("batches", "resubmit", ids(sent)[0])
    assert early.code == 1
    assert "its lines are being worked on" in early.err
    sent.execute(
        "update normalizer.batches set state = 'cancelling', cancel_requested_at = :long_ago",
        long_ago=datetime.now(UTC) - timedelta(hours=2),
    )
    for batch_id in ids(sent):
        asked = typed("batches", "resubmit", batch_id)
        assert asked.code == 1
        assert "requests may be paid twice, which costs at most 0.0" in asked.err
        said = typed("batches", "resubmit", batch_id, "--yes")
        assert said.code == 0
        assert said.out.startswith(f"{batch_id} is given up, ")
    assert typed(*RUN, "--wait").code == 0
    assert sent.row().state == "published"
    assert typed("batches", "resubmit", ids(sent)[0]).code == 0


@pytest.mark.slow
def test_a_failed_partition_is_made_due_again(scene: Scene, typed: Typed) -> None:
    scene.set(BATCHING__MIN_PRODUCTS="2")
    scene.standin.switch(BatchFault(kind="fail_validation", times=1))
    scene.land(invented(12))
    assert typed(*RUN, "--wait").code == 1
    assert scene.row().state == "failed"
    failed = scene.rows("select * from normalizer.batches where state = 'failed'")[0]
    said = typed("batches", "resubmit", failed.batch_id)
    assert said.code == 0
    assert "are sent in a new batch" in said.out
    assert "2024-10-01|lider is waiting again" in said.out
    scene.daemon()
    assert scene.row().state == "published"
    assert len(scene.bought()) == len(set(scene.bought())) == 12


def test_an_api_that_is_not_there_is_one_clear_line(sent: Scene, typed: Typed) -> None:
    sent.monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:9/v1")
    said = typed("batches", "cancel", ids(sent)[0])
    assert said.code == 1
    assert said.err.startswith("Error: the API cannot be reached at http://127.0.0.1:9/v1/")
    assert said.err.endswith("`normalizer standin`; then type the command again\n")
    assert "Traceback" not in said.err
    assert typed("batches", "list").code == 0
    sent.monkeypatch.delenv("OPENAI_API_KEY")
    said = typed("batches", "cancel", ids(sent)[0])
    assert (said.code, said.err[:35]) == (1, "Error: OPENAI_API_KEY is not set; e")
