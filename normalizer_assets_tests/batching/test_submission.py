import dataclasses
import json
import os
import re
import signal
import subprocess
import sys

import openai
import polars as pl
import pytest
import sqlalchemy as sa

from normalizer_assets.batching import ledger, submission
from normalizer_assets.batching.submission import SHARD_METADATA
from normalizer_assets.batching.work import PartitionWork
from normalizer_assets.config import BatchingConfig, ConfigurationError
from normalizer_assets.db.tables import batch_requests
from normalizer_assets.resources.openai_client import connect_api
from normalizer_assets_tests.batching.listings import (
    land,
    partition_row,
    plan,
    routed_listings,
    submit,
)
from normalizer_assets_tests.batching.scripted_api import DROPPED, LOST, ScriptedApi, error

SEND = """
import os, sys
import sqlalchemy as sa
from upath import UPath
from normalizer_assets.batching import submission
from normalizer_assets.batching.partition import Partition
from normalizer_assets.batching.work import PartitionWork
from normalizer_assets.config import load_config
from normalizer_assets.resources.openai_client import connect_api
config, engine = load_config(), sa.create_engine(os.environ["NORMALIZER_DATABASE_URL"])
submission.send(
    PartitionWork(
        Partition.from_key(sys.argv[1]),
        config,
        engine,
        lambda: connect_api(engine),
        UPath(config.paths.storage),
    )
)
"""


def restarted(work: PartitionWork) -> PartitionWork:
    """Returns the work as a new process has it."""
    return dataclasses.replace(work)


def states(work: PartitionWork) -> list[str]:
    with work.engine.connect() as connection:
        return [row.state for row in ledger.batches_of(connection, work.partition)]


def shards(api: ScriptedApi) -> list[str]:
    return [batch["metadata"][SHARD_METADATA] for batch in api.batches.values()]


# --- planning -------------------------------------------------------------------------


@pytest.mark.parametrize(("count", "in_batches"), [(0, 0), (1, 0), (3, 0), (4, 4)])
def test_a_partition_makes_a_batch_above_min_products_only(
    scripted_work: PartitionWork, api: ScriptedApi, count: int, in_batches: int
) -> None:
    land(scripted_work)
    planned = plan(scripted_work, routed_listings(count))
    assert planned.asked == count
    assert planned.in_batches == in_batches
    assert planned.individually == count - in_batches
    assert (planned.estimated_usd > 0) == bool(in_batches)
    assert partition_row(scripted_work).state == "submitted"
    assert len(submission.send(scripted_work)) == len(api.batches) == (1 if in_batches else 0)
    assert partition_row(scripted_work).state == "waiting"


def test_a_small_partition_needs_neither_key_nor_api(work: PartitionWork) -> None:
    keyless = dataclasses.replace(work, connect_api=lambda: connect_api(work.engine, {}))
    assert submit(keyless, routed_listings(3)) == []
    land(keyless, "another day's file")
    plan(keyless, routed_listings(200))
    with pytest.raises(ConfigurationError, match="OPENAI_API_KEY is not set"):
        submission.send(keyless)


def test_new_listings_of_a_partition_ask_only_what_is_new(
    scripted_work: PartitionWork, api: ScriptedApi
) -> None:
    submit(scripted_work, routed_listings(5))
    planned = plan(scripted_work, routed_listings(12))
    submission.send(scripted_work)
    assert (planned.asked, planned.in_batches) == (7, 7)
    asked = [len(api.lines(batch_id)) for batch_id in api.batches]
    assert asked == [5, 7]


def test_questions_left_for_individual_calls_join_a_batch_when_more_come(
    scripted_work: PartitionWork,
) -> None:
    land(scripted_work)
    assert plan(scripted_work, routed_listings(2)).individually == 2
    planned = plan(scripted_work, routed_listings(4))
    assert (planned.asked, planned.in_batches, planned.individually) == (2, 4, 0)


def test_the_file_is_kept_as_it_is_sent(scripted_work: PartitionWork, api: ScriptedApi) -> None:
    routed = pl.concat(
        [routed_listings(4), routed_listings(8, tier="full").tail(4)], how="vertical"
    )
    submit(scripted_work, routed)
    kept = sorted((scripted_work.storage / "requests").iterdir(), key=lambda path: path.name)
    assert sorted(path.read_bytes() for path in kept) == sorted(api.files.values())
    assert all(re.fullmatch(r"batch_\d{8}_\d{6}_[0-9a-f]{16}\.jsonl", path.name) for path in kept)
    models = [{line["body"]["model"] for line in api.lines(batch_id)} for batch_id in api.batches]
    assert models == [{"gpt-5-mini"}, {"gpt-5"}]


def test_the_create_call_says_what_the_api_needs(
    scripted_work: PartitionWork, api: ScriptedApi
) -> None:
    [batch_id] = submit(scripted_work, routed_listings(4))
    [sent] = api.bodies("POST /batches")
    assert sent["endpoint"] == "/v1/chat/completions"
    assert sent["completion_window"] == "24h"
    assert sent["metadata"]["partition"] == scripted_work.partition.key
    assert api.batches[batch_id]["input_file_id"] in api.files


# --- sending --------------------------------------------------------------------------


def test_sending_again_sends_nothing(scripted_work: PartitionWork, api: ScriptedApi) -> None:
    submit(scripted_work, routed_listings(4))
    assert submission.send(restarted(scripted_work)) == []
    plan(scripted_work, routed_listings(4))
    assert submission.send(restarted(scripted_work)) == []
    assert len(api.batches) == len(api.files) == 1


def test_a_new_submission_does_not_page_through_old_batches(
    scripted_work: PartitionWork, api: ScriptedApi
) -> None:
    api.then("GET /batches", *[error(500, "down", retry_after_ms="1")] * 3)
    submit(scripted_work, routed_listings(4))
    assert len(api.batches) == 1


def test_a_batch_whose_reply_was_lost_is_adopted(
    scripted_work: PartitionWork, api: ScriptedApi
) -> None:
    api.then("POST /batches", LOST)
    with pytest.raises(openai.APIConnectionError):
        submit(scripted_work, routed_listings(4))
    assert partition_row(scripted_work).state == "submitted"
    assert states(scripted_work) == ["uploaded"]
    assert submission.send(restarted(scripted_work)) == ["batch_1"]
    assert states(scripted_work) == ["validating"]
    assert api.count("POST /batches") == api.count("POST /files") == 1
    with scripted_work.engine.connect() as connection:
        sent = connection.execute(sa.select(batch_requests.c.state)).scalars()
        assert set(sent) == {"sent"}


def test_a_batch_is_found_on_the_last_page_of_the_list(
    scripted_work: PartitionWork, api: ScriptedApi
) -> None:
    api.then("POST /batches", LOST)
    with pytest.raises(openai.APIConnectionError):
        submit(scripted_work, routed_listings(4))
    for number in range(250):
        api.batches[f"later_{number}"] = {**api.batches["batch_1"], "metadata": None}
        api.batches[f"later_{number}"]["id"] = f"later_{number}"
    assert submission.send(restarted(scripted_work)) == ["batch_1"]
    assert api.count("POST /batches") == 1


@pytest.mark.parametrize("created", [True, False])
def test_a_process_killed_in_the_create_call_buys_one_batch(
    scripted_work: PartitionWork, api: ScriptedApi, *, created: bool
) -> None:
    land(scripted_work)
    plan(scripted_work, routed_listings(4))
    url = scripted_work.engine.url.render_as_string(hide_password=False)
    environment = os.environ | {"OPENAI_BASE_URL": api.url, "NORMALIZER_DATABASE_URL": url}
    with subprocess.Popen(  # noqa: S603 - our own interpreter
        [sys.executable, "-W", "ignore", "-c", SEND, scripted_work.partition.key], env=environment
    ) as sender:
        api.before["POST /batches"] = sender.kill
        api.then("POST /batches", None if created else DROPPED)
    assert sender.returncode == -signal.SIGKILL
    assert states(scripted_work) == ["uploaded"]
    api.before.clear()
    assert submission.send(scripted_work) == ["batch_1"]
    assert api.count("POST /files") == len(api.batches) == 1
    assert api.count("POST /batches") == (1 if created else 2)


def test_a_create_that_never_arrived_is_sent_again(
    scripted_work: PartitionWork, api: ScriptedApi
) -> None:
    api.then("POST /batches", DROPPED)
    with pytest.raises(openai.APIConnectionError):
        submit(scripted_work, routed_listings(4))
    assert submission.send(restarted(scripted_work)) == ["batch_1"]
    assert api.count("POST /files") == 1
    assert len(shards(api)) == len(set(shards(api))) == 1


def test_the_sdk_does_not_repeat_a_create(scripted_work: PartitionWork, api: ScriptedApi) -> None:
    api.then("POST /batches", error(500, "oops", retry_after_ms="1"))
    with pytest.raises(openai.InternalServerError):
        submit(scripted_work, routed_listings(4))
    assert api.count("POST /batches") == 1


def test_a_list_that_cannot_be_read_after_doubt_buys_nothing(
    scripted_work: PartitionWork, api: ScriptedApi
) -> None:
    api.then("POST /batches", LOST)
    with pytest.raises(openai.APIConnectionError):
        submit(scripted_work, routed_listings(4))
    api.then("GET /batches", *[error(500, "down", retry_after_ms="1")] * 3)
    with pytest.raises(openai.InternalServerError):
        submission.send(restarted(scripted_work))
    assert api.count("POST /batches") == 1
    assert submission.send(restarted(scripted_work)) == ["batch_1"]


def test_a_refusal_between_two_batches_goes_on_with_the_second(
    scripted_work: PartitionWork, api: ScriptedApi
) -> None:
    small = BatchingConfig(min_products=3, preferred_lines=2)
    work = dataclasses.replace(
        scripted_work, config=scripted_work.config.model_copy(update={"batching": small})
    )
    land(work)
    plan(work, routed_listings(6))
    api.then("POST /batches", None, error(400, "Cannot find file", "file_not_found"))
    with pytest.raises(openai.BadRequestError):
        submission.send(work)
    assert states(work) == ["validating", "uploaded", "planned"]
    assert submission.send(restarted(work)) == ["batch_2", "batch_3"]
    assert len(set(shards(api))) == len(shards(api)) == 3
    ids = [custom_id for batch_id in api.batches for custom_id in api.ids(batch_id)]
    assert len(ids) == len(set(ids)) == 6
    assert partition_row(work).state == "waiting"


def test_a_failed_upload_leaves_the_batch_planned(
    scripted_work: PartitionWork, api: ScriptedApi
) -> None:
    api.then("POST /files", error(401, "Incorrect API key provided", "invalid_api_key"))
    with pytest.raises(openai.AuthenticationError):
        submit(scripted_work, routed_listings(4))
    assert states(scripted_work) == ["planned"]
    assert submission.send(restarted(scripted_work)) == ["batch_1"]
    assert api.files[api.batches["batch_1"]["input_file_id"]]


def test_what_is_waited_for_is_said_in_words(
    scripted_work: PartitionWork, api: ScriptedApi
) -> None:
    submit(scripted_work, routed_listings(4))
    with scripted_work.engine.connect() as connection:
        said = submission.pending_summary(connection, scripted_work.partition)
    assert said == "batch_1 validating 0/4"
    assert json.loads(next(iter(api.files.values())).splitlines()[0])["method"] == "POST"
