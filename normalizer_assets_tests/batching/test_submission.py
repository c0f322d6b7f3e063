import dataclasses
import json
import os
import re
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import openai
import polars as pl
import pytest
import sqlalchemy as sa
from openai import OpenAI

from normalizer_assets.batching import ledger, submission
from normalizer_assets.batching.calls import blocker
from normalizer_assets.batching.errors import BlockedError
from normalizer_assets.batching.polling import poll
from normalizer_assets.batching.replies import UnreadableReplyError
from normalizer_assets.batching.submission import SHARD_METADATA, Submitted
from normalizer_assets.batching.work import PartitionWork
from normalizer_assets.config import ConfigurationError
from normalizer_assets.db.tables import batch_requests, batches
from normalizer_assets.resources.openai_client import connect_api
from normalizer_assets_tests.batching.listings import (
    answer_question,
    asked_questions,
    land,
    on_a_day_of_its_own,
    partition_row,
    plan,
    requests_of,
    routed_listings,
    submit,
)
from normalizer_assets_tests.batching.scripted_api import (
    CREATE,
    DROPPED,
    LOST,
    NO_BATCHES,
    WEB_PAGE,
    Reply,
    ScriptedApi,
    error,
    output_line,
)
from normalizer_assets_tests.batching.settings import configured, with_model

FOUR = routed_listings(4)
LATE_502 = dataclasses.replace(error(502, "Bad Gateway"), late=True)
LATE_PAGE = dataclasses.replace(WEB_PAGE, late=True)
LATE_CUT = Reply(body=b'{"id": "bat', headers={"content-length": "900"}, late=True)
TOO_MANY = error(429, "Too many batches", "rate_limit_exceeded", retry_after_ms="1")
FOR_EVERYTHING = [
    (error(401, "Incorrect API key provided", "invalid_api_key"), "key"),
    (error(403, "Country not supported", "unsupported_country"), "key"),
    (error(429, "Quota exceeded", "insufficient_quota", retry_after_ms="1"), "quota"),
]
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


def submitted(
    work: PartitionWork, routed: pl.DataFrame = FOUR, *, force: bool = False
) -> Submitted:
    land(work)
    again: dict[str, datetime | None] = dict.fromkeys(routed["question_key"] if force else ())
    return submission.submit(work, routed, again=again)


def states(work: PartitionWork) -> list[str]:
    with work.engine.connect() as connection:
        return [row.state for row in ledger.batches_of(connection, work.partition)]


def record(work: PartitionWork, **values: object) -> None:
    """Changes all batches, as time or a dead process would have."""
    with work.engine.begin() as connection:
        connection.execute(sa.update(batches).values(**values))


def missed_long_ago(work: PartitionWork) -> None:
    """Lets the pause between the two looks pass."""
    pause = timedelta(seconds=work.config.batching.doubt_seconds)
    record(work, missed_at=datetime.now(UTC) - pause)


def shards(api: ScriptedApi) -> list[str]:
    return [batch["metadata"][SHARD_METADATA] for batch in api.batches.values()]


def check_all_sent_once(work: PartitionWork, api: ScriptedApi, count: int = 4) -> None:
    ids = [custom_id for batch_id in api.batches for custom_id in api.ids(batch_id)]
    assert len(ids) == len(set(ids)) == count
    assert {row.state for row in requests_of(work)} == {"sent"}
    assert partition_row(work).state == "waiting"


# --- planning -------------------------------------------------------------------------


@pytest.mark.parametrize(("count", "in_batches"), [(0, 0), (1, 0), (3, 0), (4, 4)])
def test_a_partition_makes_a_batch_above_min_products_only(
    scripted_work: PartitionWork, api: ScriptedApi, count: int, in_batches: int
) -> None:
    sent = submitted(scripted_work, routed_listings(count))
    assert (sent.in_batches, sent.individually) == (in_batches, count - in_batches)
    assert (sent.estimated_usd > 0) == bool(in_batches)
    assert len(sent.batch_ids) == len(api.batches) == (1 if in_batches else 0)
    assert partition_row(scripted_work).state == "waiting"


def test_a_small_partition_needs_neither_key_nor_api(work: PartitionWork) -> None:
    keyless = dataclasses.replace(work, connect_api=lambda: connect_api(work.engine, {}))
    assert submit(keyless, routed_listings(3)) == []
    land(keyless, "another day's file")
    with pytest.raises(ConfigurationError, match="OPENAI_API_KEY is not set"):
        submission.submit(keyless, routed_listings(200))


def test_new_listings_of_a_partition_ask_only_what_is_new(
    scripted_work: PartitionWork, api: ScriptedApi
) -> None:
    submitted(scripted_work, routed_listings(5))
    assert submitted(scripted_work, routed_listings(12)).in_batches == 7
    assert [len(api.lines(batch_id)) for batch_id in api.batches] == [5, 7]


def test_questions_left_for_individual_calls_join_a_batch_when_more_come(
    scripted_work: PartitionWork,
) -> None:
    assert submitted(scripted_work, routed_listings(2)).individually == 2
    assert submitted(scripted_work, routed_listings(4)).in_batches == 4


def test_what_another_partition_asks_is_waited_for_and_does_not_count(
    scripted_work: PartitionWork, api: ScriptedApi
) -> None:
    submitted(scripted_work, routed_listings(5))
    other = on_a_day_of_its_own(scripted_work)
    sent = submitted(other, routed_listings(8))
    assert (sent.waiting, sent.individually, sent.in_batches) == (5, 3, 0)
    assert len(api.batches) == 1
    assert list(asked_questions(other).values()) == ["waits"] * 5 + ["asks"] * 3


def test_what_is_answered_is_asked_again_by_force_only(
    scripted_work: PartitionWork, api: ScriptedApi
) -> None:
    land(scripted_work)
    for number in range(4):
        answer_question(scripted_work, f"q{number}")
    assert submitted(scripted_work) == Submitted()
    assert submitted(scripted_work, force=True).in_batches == 4
    assert len(api.batches) == 1


def test_the_file_is_kept_as_it_is_sent(scripted_work: PartitionWork, api: ScriptedApi) -> None:
    routed = pl.concat([FOUR, routed_listings(8, tier="full").tail(4)])
    submitted(scripted_work, routed)
    kept = sorted((scripted_work.storage / "requests").iterdir(), key=lambda path: path.name)
    assert sorted(path.read_bytes() for path in kept) == sorted(api.files.values())
    assert all(re.fullmatch(r"batch_\d{8}_\d{6}_[0-9a-f]{16}\.jsonl", path.name) for path in kept)
    models = [{line["body"]["model"] for line in api.lines(batch_id)} for batch_id in api.batches]
    assert models == [{"gpt-5-mini"}, {"gpt-5"}]


def test_no_batch_line_asks_for_flex(scripted_work: PartitionWork, api: ScriptedApi) -> None:
    assert scripted_work.config.models["gpt-5-mini"].flex
    submitted(scripted_work)
    assert all("service_tier" not in line["body"] for line in api.lines("batch_1"))


def test_the_create_call_says_what_the_api_needs(
    scripted_work: PartitionWork, api: ScriptedApi
) -> None:
    submitted(scripted_work)
    [sent] = api.bodies(CREATE)
    assert sent["endpoint"] == "/v1/chat/completions"
    assert sent["completion_window"] == "24h"
    assert sent["metadata"]["partition"] == scripted_work.partition.key
    assert api.batches["batch_1"]["input_file_id"] in api.files


def test_everything_is_in_the_ledger_before_the_upload(
    scripted_work: PartitionWork, api: ScriptedApi
) -> None:
    seen: list[str] = []
    api.before["POST /files"] = lambda: seen.extend(row.state for row in requests_of(scripted_work))
    submitted(scripted_work)
    assert seen == ["planned"] * 4


def test_a_body_that_would_be_refused_costs_neither_upload_nor_row(
    scripted_work: PartitionWork, api: ScriptedApi
) -> None:
    tiers = scripted_work.config.tiers
    mute = tiers["mini"].model_copy(update={"system": "Experto.", "answer_tokens": 0})
    odd = dataclasses.replace(
        scripted_work,
        config=scripted_work.config.model_copy(update={"tiers": tiers | {"mini": mute}}),
    )
    odd = with_model(odd, "gpt-5-mini", reasoning_allowance=0)
    with pytest.raises(ConfigurationError, match="`max_completion_tokens` must be at least 1"):
        submitted(odd)
    assert api.files == {}
    assert requests_of(odd) == []


def test_over_budget_nothing_is_sent_and_raised_it_goes_on(
    scripted_work: PartitionWork, api: ScriptedApi
) -> None:
    poor = configured(scripted_work, budget={"day_usd": 0.0001})
    with pytest.raises(BlockedError, match=r"raise `budget.day_usd`") as blocked:
        submitted(poor)
    assert blocked.value.by == "budget"
    assert (api.batches, api.files, requests_of(poor)) == ({}, {}, [])
    assert submitted(scripted_work).in_batches == 4


# --- sending --------------------------------------------------------------------------


def test_sending_again_sends_nothing(scripted_work: PartitionWork, api: ScriptedApi) -> None:
    submitted(scripted_work)
    assert submission.send(restarted(scripted_work)) == []
    assert submitted(restarted(scripted_work)).batch_ids == []
    assert len(api.batches) == len(api.files) == 1


def test_a_new_submission_does_not_page_through_old_batches(
    scripted_work: PartitionWork, api: ScriptedApi
) -> None:
    submitted(scripted_work)
    assert api.count("GET /batches") == 0


def test_the_deadline_runs_from_the_last_batch_of_the_first_round(
    scripted_work: PartitionWork,
) -> None:
    work = configured(scripted_work, batching={"preferred_lines": 2, "deadline_hours": 2.5})
    submitted(work)
    left = partition_row(work).deadline_at - datetime.now(UTC)
    assert timedelta(hours=2.4) < left < timedelta(hours=2.5)
    before = partition_row(work).deadline_at
    submission.plan_batches(work, routed_listings(4, prefix="second"), round_number=2)
    submission.send(work)
    assert partition_row(work).deadline_at == before


# --- a create whose reply was lost ----------------------------------------------------


@pytest.mark.parametrize("trouble", [LOST, LATE_502, LATE_PAGE, LATE_CUT])
def test_a_batch_whose_reply_was_lost_is_found_at_the_first_look(
    scripted_work: PartitionWork, api: ScriptedApi, trouble: Reply
) -> None:
    api.then(CREATE, trouble)
    assert submitted(scripted_work).batch_ids == ["batch_1"]
    assert states(scripted_work) == ["validating"]
    assert api.count(CREATE) == api.count("POST /files") == api.count("GET /batches") == 1
    check_all_sent_once(scripted_work, api)


@pytest.mark.parametrize("trouble", [LOST, LATE_502, LATE_PAGE])
def test_a_batch_that_the_list_does_not_show_yet_is_found_at_the_second_look(
    scripted_work: PartitionWork, api: ScriptedApi, trouble: Reply
) -> None:
    api.then(CREATE, trouble)
    api.then("GET /batches", NO_BATCHES, NO_BATCHES)
    for _ in range(2):  # asked again too early, it is still in doubt
        with pytest.raises(BlockedError, match="looked for again after 60 s") as blocked:
            submitted(restarted(scripted_work))
        assert blocked.value.by == "doubt"
        assert states(scripted_work) == ["creating"]
        assert partition_row(scripted_work).state == "submitted"
    missed_long_ago(scripted_work)
    assert submission.send(restarted(scripted_work)) == ["batch_1"]
    assert api.count(CREATE) == 1
    check_all_sent_once(scripted_work, api)


@pytest.mark.parametrize("trouble", [DROPPED, error(500, "oops"), error(503, "later"), WEB_PAGE])
def test_a_batch_that_two_looks_do_not_show_is_created_anew_once(
    scripted_work: PartitionWork, api: ScriptedApi, trouble: Reply
) -> None:
    api.then(CREATE, trouble)
    with pytest.raises(BlockedError):
        submitted(scripted_work)
    with pytest.raises(BlockedError):
        submission.send(restarted(scripted_work))
    assert api.count(CREATE) == 1
    missed_long_ago(scripted_work)
    assert submission.send(restarted(scripted_work)) == ["batch_1"]
    assert submission.send(restarted(scripted_work)) == []
    assert (api.count(CREATE), api.count("POST /files")) == (2, 1)
    check_all_sent_once(scripted_work, api)


def test_every_lost_reply_has_two_looks_of_its_own(
    scripted_work: PartitionWork, api: ScriptedApi
) -> None:
    api.then(CREATE, DROPPED, DROPPED)
    with pytest.raises(BlockedError):
        submitted(scripted_work)
    missed_long_ago(scripted_work)
    for _ in range(2):
        with pytest.raises(BlockedError):
            submission.send(restarted(scripted_work))
        assert api.count(CREATE) == 2
    missed_long_ago(scripted_work)
    assert submission.send(restarted(scripted_work)) == ["batch_1"]


@pytest.mark.parametrize("trouble", [error(500, "down", retry_after_ms="1"), WEB_PAGE, DROPPED])
def test_a_list_that_cannot_be_read_is_no_look(
    scripted_work: PartitionWork, api: ScriptedApi, trouble: Reply
) -> None:
    api.then(CREATE, LOST)
    api.then("GET /batches", *[trouble] * 3)
    with pytest.raises((openai.APIError, UnreadableReplyError)):
        submitted(scripted_work)
    api.answer_again()
    with scripted_work.engine.connect() as connection:
        assert connection.execute(sa.select(batches.c.missed_at)).scalar() is None
    assert submission.send(restarted(scripted_work)) == ["batch_1"]
    assert api.count(CREATE) == 1


def test_a_batch_is_found_on_the_last_page_of_the_list(
    scripted_work: PartitionWork, api: ScriptedApi
) -> None:
    api.then(CREATE, LOST)
    api.then("GET /batches", NO_BATCHES)
    with pytest.raises(BlockedError):
        submitted(scripted_work)
    for number in range(250):
        stranger = {"id": f"later_{number}", "metadata": None, "input_file_id": "file-theirs"}
        api.batches[f"later_{number}"] = api.batches["batch_1"] | stranger
    assert submission.send(restarted(scripted_work)) == ["batch_1"]
    assert api.count(CREATE) == 1


def test_the_search_ends_where_batches_are_older_than_the_doubt(
    scripted_work: PartitionWork, api: ScriptedApi
) -> None:
    api.then(CREATE, DROPPED)
    for number in range(250):
        api.batches[f"old_{number}"] = {
            "id": f"old_{number}",
            "object": "batch",
            "status": "completed",
            "created_at": 1_700_000_000,
        }
    with pytest.raises(BlockedError):
        submitted(scripted_work)
    assert api.count("GET /batches") == 1


def test_of_several_doubted_batches_each_is_found_or_created(
    scripted_work: PartitionWork, api: ScriptedApi
) -> None:
    work = configured(scripted_work, batching={"preferred_lines": 2})
    api.then(CREATE, LOST, DROPPED)
    with pytest.raises(BlockedError) as blocked:
        submitted(work, routed_listings(6))
    assert blocked.value.by == "doubt"
    assert states(work) == ["validating", "creating", "validating"]
    missed_long_ago(work)
    assert submission.send(restarted(work)) == ["batch_3"]
    assert len(set(shards(api))) == len(shards(api)) == 3
    check_all_sent_once(work, api, 6)


# --- killed ---------------------------------------------------------------------------


def killed_while_creating(work: PartitionWork) -> None:
    """Leaves a batch that exists as a process does which died before the reply."""
    submitted(work)
    record(work, state="creating", batch_id=None, submitted_at=None)
    with work.engine.begin() as connection:
        connection.execute(sa.update(batch_requests).values(state="planned", attempts=0))


def test_a_batch_of_a_killed_process_is_adopted_by_its_metadata(
    scripted_work: PartitionWork, api: ScriptedApi
) -> None:
    killed_while_creating(scripted_work)
    record(scripted_work, input_file_id="file-forgotten")
    assert submission.send(scripted_work) == ["batch_1"]
    assert api.count(CREATE) == 1
    check_all_sent_once(scripted_work, api)
    assert partition_row(scripted_work).deadline_at > datetime.now(UTC)


def test_a_batch_whose_metadata_is_gone_is_adopted_by_its_input_file(
    scripted_work: PartitionWork, api: ScriptedApi
) -> None:
    killed_while_creating(scripted_work)
    api.batches["batch_1"]["metadata"] = None
    assert submission.send(scripted_work) == ["batch_1"]
    assert api.count(CREATE) == 1


def test_an_adopted_batch_that_is_finished_waits_for_a_look(
    scripted_work: PartitionWork, api: ScriptedApi
) -> None:
    killed_while_creating(scripted_work)
    api.end("batch_1", output=[output_line(custom_id) for custom_id in api.ids("batch_1")])
    submission.send(scripted_work)
    assert states(scripted_work) == ["validating"]


def test_the_batch_of_another_project_is_not_adopted(
    scripted_work: PartitionWork, api: ScriptedApi
) -> None:
    killed_while_creating(scripted_work)
    strange = {SHARD_METADATA: "0123456789abcdef"}
    api.batches["batch_1"] |= {"metadata": strange, "input_file_id": "file-theirs"}
    with pytest.raises(BlockedError, match="the list does not show the batch"):
        submission.send(scripted_work)


def test_killed_between_upload_and_create_nothing_is_uploaded_again(
    scripted_work: PartitionWork, api: ScriptedApi
) -> None:
    land(scripted_work)
    plan(scripted_work, FOUR)
    file_id = scripted_work.client.files.create(file=("x.jsonl", b"{}"), purpose="batch").id
    record(scripted_work, state="uploaded", input_file_id=file_id)
    assert submission.send(scripted_work) == ["batch_1"]
    assert api.count("POST /files") == 1
    assert api.count("GET /batches") == 0


@pytest.mark.parametrize("created", [True, False])
def test_a_process_killed_in_the_create_call_buys_one_batch(
    scripted_work: PartitionWork, api: ScriptedApi, *, created: bool
) -> None:
    land(scripted_work)
    plan(scripted_work, FOUR)
    url = scripted_work.engine.url.render_as_string(hide_password=False)
    environment = os.environ | {"OPENAI_BASE_URL": api.url, "NORMALIZER_DATABASE_URL": url}
    with subprocess.Popen(  # noqa: S603 - our own interpreter
        [sys.executable, "-W", "ignore", "-c", SEND, scripted_work.partition.key], env=environment
    ) as sender:
        api.before[CREATE] = sender.kill
        api.then(CREATE, None if created else DROPPED)
    assert sender.returncode == -signal.SIGKILL
    assert states(scripted_work) == ["creating"]
    api.before.clear()
    if not created:
        with pytest.raises(BlockedError):
            submission.send(scripted_work)
        missed_long_ago(scripted_work)
    assert submission.send(restarted(scripted_work)) == ["batch_1"]
    assert api.count("POST /files") == len(api.batches) == 1
    assert api.count(CREATE) == (1 if created else 2)


# --- refusals -------------------------------------------------------------------------


@pytest.mark.parametrize(
    "refusal",
    [
        error(400, "Cannot find file file-1, or project does not have access to it."),
        error(400, "Invalid value", None, "input_file_id"),
        error(404, "No such File object: file-1"),
    ],
)
def test_an_unknown_input_file_is_uploaded_anew(
    scripted_work: PartitionWork, api: ScriptedApi, refusal: Reply
) -> None:
    api.then(CREATE, refusal)
    with pytest.raises(openai.APIStatusError):
        submitted(scripted_work)
    assert states(scripted_work) == ["planned"]
    assert submission.send(restarted(scripted_work)) == ["batch_1"]
    assert api.batches["batch_1"]["input_file_id"] == "file-2"
    assert api.count("GET /batches") == 0
    check_all_sent_once(scripted_work, api)


@pytest.mark.parametrize(
    ("route", "refusal", "by"),
    [
        (CREATE, TOO_MANY, "room"),
        *((CREATE, refusal, by) for refusal, by in FOR_EVERYTHING),
        *(("POST /files", refusal, by) for refusal, by in FOR_EVERYTHING),
    ],
)
def test_a_refusal_that_is_no_fault_of_the_batch_blocks_and_loses_nothing(
    scripted_work: PartitionWork, api: ScriptedApi, route: str, refusal: Reply, by: str
) -> None:
    api.then(route, *[refusal] * 3)
    with pytest.raises((BlockedError, openai.APIStatusError)) as refused:
        submitted(scripted_work)
    said: Exception | None = refused.value
    if isinstance(said, openai.APIStatusError):
        said = blocker(said)
    assert isinstance(said, BlockedError)
    assert said.by == by
    assert states(scripted_work) == ["uploaded" if route == CREATE else "planned"]
    assert {row.state for row in requests_of(scripted_work)} == {"planned"}
    api.answer_again()
    assert submission.send(restarted(scripted_work)) == ["batch_1"]
    assert api.count("GET /batches") == 0
    check_all_sent_once(scripted_work, api)


def test_a_refusal_between_two_batches_goes_on_with_the_second(
    scripted_work: PartitionWork, api: ScriptedApi
) -> None:
    work = configured(scripted_work, batching={"preferred_lines": 2})
    api.then(CREATE, None, error(400, "Invalid endpoint", "invalid"))
    with pytest.raises(openai.BadRequestError):
        submitted(work, routed_listings(6))
    assert states(work) == ["validating", "uploaded", "planned"]
    assert submission.send(restarted(work)) == ["batch_2", "batch_3"]
    assert len(set(shards(api))) == len(shards(api)) == 3
    check_all_sent_once(work, api, 6)


def test_an_api_that_cannot_be_reached_leaves_no_doubt(
    scripted_work: PartitionWork, api: ScriptedApi
) -> None:
    land(scripted_work)
    plan(scripted_work, FOUR)
    record(scripted_work, state="uploaded", input_file_id="file-1")
    nobody = OpenAI(api_key="key", base_url="http://127.0.0.1:9/v1", max_retries=0)
    with pytest.raises(openai.APIConnectionError):
        submission.send(dataclasses.replace(scripted_work, connect_api=lambda: nobody))
    assert states(scripted_work) == ["uploaded"]
    assert submission.send(restarted(scripted_work)) == ["batch_1"]
    assert api.count("GET /batches") == 0


def test_an_upload_whose_reply_is_a_web_page_leaves_the_batch_planned(
    scripted_work: PartitionWork, api: ScriptedApi
) -> None:
    api.then("POST /files", WEB_PAGE)
    with pytest.raises(UnreadableReplyError, match="no FileObject: <html>"):
        submitted(scripted_work)
    assert states(scripted_work) == ["planned"]
    assert submission.send(restarted(scripted_work)) == ["batch_1"]


# --- room -----------------------------------------------------------------------------


def tokens_of(work: PartitionWork) -> int:
    """Returns the prompt tokens of the newest batch."""
    with work.engine.connect() as connection:
        return int(ledger.batches_of(connection, work.partition)[-1].prompt_tokens)


def test_a_batch_waits_until_the_models_queue_has_room(
    scripted_work: PartitionWork, api: ScriptedApi
) -> None:
    submitted(scripted_work)
    limit = tokens_of(scripted_work) * 3 // 2
    whole = configured(scripted_work, batching={"enqueued_share": 1.0})
    other = on_a_day_of_its_own(with_model(whole, "gpt-5-mini", enqueued_tokens=limit))
    with pytest.raises(BlockedError, match=rf"of {limit:,} enqueued prompt tokens") as blocked:
        submitted(other, routed_listings(4, prefix="other"))
    assert blocked.value.by == "room"
    assert (states(other), partition_row(other).state) == (["planned"], "submitted")
    api.end("batch_1")
    poll(other.engine, other.client)
    assert submission.send(restarted(other)) == ["batch_2"]


def test_the_queue_of_another_model_is_no_obstacle(
    scripted_work: PartitionWork,
) -> None:
    submitted(scripted_work)
    limited = with_model(scripted_work, "gpt-5-mini", enqueued_tokens=1)
    other = on_a_day_of_its_own(limited)
    assert len(submitted(other, routed_listings(4, tier="full", prefix="full")).batch_ids) == 1


def test_what_has_room_is_sent_before_what_has_not(
    scripted_work: PartitionWork, api: ScriptedApi
) -> None:
    routed = pl.concat([FOUR, routed_listings(8, tier="full").tail(4)])
    work = with_model(scripted_work, "gpt-5-mini", enqueued_tokens=200)
    with pytest.raises(BlockedError) as blocked:
        submitted(configured(work, batching={"preferred_lines": 2}), routed)
    assert blocked.value.by == "room"
    sent = {line["body"]["model"] for batch_id in api.batches for line in api.lines(batch_id)}
    assert sent == {"gpt-5-mini", "gpt-5"}
    assert sorted(states(work)).count("planned") >= 1


def test_a_single_batch_over_the_limit_is_tried_in_an_empty_queue(
    scripted_work: PartitionWork,
) -> None:
    work = with_model(scripted_work, "gpt-5-mini", enqueued_tokens=1)
    with pytest.raises(BlockedError):
        submitted(work)
    # One line a batch, and one batch at a time.
    assert states(work) == ["validating", "planned", "planned", "planned"]


def test_after_a_refusal_for_room_some_time_passes(
    scripted_work: PartitionWork,
) -> None:
    submitted(scripted_work)
    full = {"data": [{"code": "token_limit_exceeded", "message": "Enqueued token limit"}]}
    record(scripted_work, state="failed", errors=full, terminal_at=sa.func.now())
    other = on_a_day_of_its_own(scripted_work)
    with pytest.raises(BlockedError, match="the API's queue for gpt-5-mini was full at"):
        submitted(other, routed_listings(4, prefix="other"))
    quick = configured(other, batching={"backlog_seconds": 0.0})
    assert submission.send(quick) == ["batch_2"]


def test_no_more_batches_are_created_within_an_hour_than_allowed(
    scripted_work: PartitionWork,
) -> None:
    work = configured(scripted_work, batching={"preferred_lines": 2, "creations_per_hour": 2})
    with pytest.raises(BlockedError, match="2 batches were created within an hour") as blocked:
        submitted(work, routed_listings(6))
    assert blocked.value.by == "room"
    assert states(work) == ["validating", "validating", "planned"]
    with work.engine.begin() as connection:
        connection.execute(
            sa.update(batches)
            .where(batches.c.batch_id == "batch_1")
            .values(submitted_at=datetime.now(UTC) - timedelta(minutes=61))
        )
    assert submission.send(restarted(work)) == ["batch_3"]


# --- words ----------------------------------------------------------------------------


def test_what_is_waited_for_is_said_in_words(
    scripted_work: PartitionWork, api: ScriptedApi
) -> None:
    submitted(scripted_work)
    other = on_a_day_of_its_own(scripted_work)
    submitted(other, routed_listings(2))
    with scripted_work.engine.connect() as connection:
        said = submission.pending_summary(connection, scripted_work.partition)
        waits = submission.pending_summary(connection, other.partition)
    assert said == "batch_1 validating 0/4"
    assert waits == f"2 questions that {scripted_work.partition.key} asks"
    assert json.loads(next(iter(api.files.values())).splitlines()[0])["method"] == "POST"
