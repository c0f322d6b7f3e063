import dataclasses
import json
import threading
from decimal import Decimal
from typing import Any

import openai
import polars as pl
import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from normalizer_assets.batching import ledger
from normalizer_assets.batching.collection import harvest_due
from normalizer_assets.batching.harvest import Harvest, Tally, even_shares, settle_lines
from normalizer_assets.batching.partition import Partition
from normalizer_assets.batching.polling import poll
from normalizer_assets.batching.replies import UnreadableReplyError
from normalizer_assets.batching.settlement import SETTLED_SCHEMA
from normalizer_assets.batching.work import PartitionWork
from normalizer_assets.config import ModelConfig
from normalizer_assets.db.tables import answers, batches
from normalizer_assets.pricing.costs import cost_usd, usage_from_response
from normalizer_assets_tests.batching.listings import (
    asked_questions,
    land,
    requests_of,
    routed_listings,
    submit,
)
from normalizer_assets_tests.batching.scripted_api import (
    DROPPED,
    WEB_PAGE,
    Reply,
    ScriptedApi,
    completion,
    error,
    output_line,
    refused_line,
    unexecuted_line,
)
from normalizer_assets_tests.batching.settings import with_tiers

LINE_USD = Decimal("0.0000325")
"""100 prompt and 20 completion tokens of gpt-5-mini at batch price."""
MODEL = ModelConfig(input_usd=0.25, cached_input_usd=0.025, output_usd=2.0)


@pytest.fixture
def batch_id(scripted_work: PartitionWork) -> str:
    """A batch of four requests that was just created."""
    [batch_id] = submit(scripted_work, routed_listings(4))
    return batch_id


def usage(lines: int) -> dict[str, Any]:
    """Returns what a whole batch used that executed so many lines."""
    return {"input_tokens": 100 * lines, "output_tokens": 20 * lines, "total_tokens": 120 * lines}


def harvest(work: PartitionWork) -> list[Harvest]:
    poll(work.engine, work.client)
    return harvest_due(work)


def states(work: PartitionWork) -> list[str]:
    return [row.state for row in requests_of(work)]


def costs(work: PartitionWork) -> list[Decimal]:
    return [row.cost_usd for row in requests_of(work)]


def cost(work: PartitionWork) -> Decimal:
    with work.engine.connect() as connection:
        return ledger.cost_of(connection, work.partition)


def batch_row(work: PartitionWork) -> Any:
    with work.engine.connect() as connection:
        return connection.execute(sa.select(batches)).one()


# --- each kind of line ----------------------------------------------------------------


def test_every_line_ends_in_its_state_at_its_cost(
    scripted_work: PartitionWork, api: ScriptedApi
) -> None:
    [batch_id] = submit(scripted_work, routed_listings(13))
    ids = api.ids(batch_id)
    refusal = completion(None)
    refusal["choices"][0]["message"]["refusal"] = "I cannot"
    api.end(
        batch_id,
        output=[
            output_line(ids[5], completion("no JSON")),
            output_line(ids[0]),
            output_line(ids[1], completion("", "length")),
            output_line(ids[2], refusal),
            output_line(ids[3], error(400, "late failure").body),
            output_line(ids[11], completion(None, "content_filter")),
            output_line(ids[12], completion("", "stop")),
        ],
        errors=[
            refused_line(ids[4]),
            unexecuted_line(ids[6]),
            output_line(ids[7], {}, status=0),
            refused_line(ids[9], 429),
            refused_line(ids[10], 500),
        ],
        usage=usage(6),
    )
    [result] = harvest(scripted_work)
    assert states(scripted_work) == [
        "ok",
        "truncated",
        "refused",
        "http_error",
        "http_error",
        "invalid",
        "expired",
        "unavailable",
        "missing",
        "unavailable",
        "unavailable",
        "refused",
        "invalid",
    ]
    assert result == Harvest(batch_id, "completed", 1, 12, 0)
    # What cannot be used is billed all the same; an error is not.
    assert cost(scripted_work) == 6 * LINE_USD
    rows = requests_of(scripted_work)
    assert all(row.reason for row in rows[1:8])
    assert json.loads(rows[0].raw)["custom_id"] == ids[0]
    assert rows[0].llm_model == "some-model-2026-01-01"
    assert (rows[0].input_tokens, rows[0].output_tokens) == (100, 20)
    with scripted_work.engine.connect() as connection:
        [answer] = connection.execute(sa.select(answers)).all()
    assert (answer.question_key, answer.brand, answer.attributes) == (
        "q0",
        "ACME",
        {"capacity": "1L"},
    )
    assert (answer.answered_by, answer.model_confidence) == ("batch", 0.9)
    assert sorted(asked_questions(scripted_work).values()) == ["answered"] + ["asks"] * 12


def test_cached_and_reasoning_tokens_are_priced_once(
    scripted_work: PartitionWork, api: ScriptedApi, batch_id: str
) -> None:
    used: dict[str, Any] = {
        "prompt_tokens": 1000,
        "completion_tokens": 300,
        "prompt_tokens_details": {"cached_tokens": 400},
        "completion_tokens_details": {"reasoning_tokens": 250},
    }
    lines = [output_line(custom_id, completion(**used)) for custom_id in api.ids(batch_id)]
    api.end(batch_id, output=lines)
    harvest(scripted_work)
    each = (600 * Decimal("0.25") + 400 * Decimal("0.025") + 300 * 2) / 10**6 / 2
    assert cost(scripted_work) == 4 * each


def test_of_a_repeated_id_the_first_usable_line_counts(
    scripted_work: PartitionWork, api: ScriptedApi, batch_id: str
) -> None:
    first, second, third, fourth = api.ids(batch_id)
    other = completion('{"brand": "OTHER"}')
    lines = [
        output_line(first),
        output_line(first, other),
        output_line(second, completion("broken")),
        output_line(second),
        output_line(third),
        output_line(fourth),
    ]
    api.end(batch_id, output=lines, errors=[refused_line(third)], usage=usage(4))
    [result] = harvest(scripted_work)
    assert states(scripted_work) == ["ok"] * 4
    assert (result.answered, result.unanswered, result.strange_lines) == (4, 0, 3)
    with scripted_work.engine.connect() as connection:
        brands = connection.execute(sa.select(answers.c.brand)).scalars().all()
    assert brands == ["ACME"] * 4
    assert cost(scripted_work) == 4 * LINE_USD


def test_a_broken_line_costs_only_itself(
    scripted_work: PartitionWork, api: ScriptedApi, batch_id: str
) -> None:
    first, second, third, fourth = api.ids(batch_id)
    content = b"\n".join(
        [
            output_line(first).encode(),
            output_line(second).encode()[:40],
            b"",
            output_line(third).encode().replace(b"ACME", b"AC\xffME"),
            # A line separator inside a JSON text is no line break.
            json.dumps(json.loads(output_line(fourth)), ensure_ascii=False)
            .replace("Uno", "U\u2028no")
            .encode(),
        ]
    )
    api.end(batch_id, output=content)
    [result] = harvest(scripted_work)
    assert states(scripted_work) == ["ok", "missing", "ok", "ok"]
    assert result.strange_lines == 1


@pytest.mark.parametrize("model", ["a\x00b", "a\ud800b", "m" * 10_000, "", 7])
def test_whatever_a_line_says_about_its_model_can_be_stored(
    scripted_work: PartitionWork, api: ScriptedApi, batch_id: str, model: object
) -> None:
    lines = [output_line(name, completion() | {"model": model}) for name in api.ids(batch_id)]
    api.end(batch_id, output=lines)
    assert harvest(scripted_work)[0].answered == 4


# --- the batch as a whole -------------------------------------------------------------


@pytest.mark.parametrize("status", ["expired", "cancelled"])
def test_a_batch_that_ended_early_gives_what_it_has(
    scripted_work: PartitionWork, api: ScriptedApi, batch_id: str, status: str
) -> None:
    first, second, third, fourth = api.ids(batch_id)
    api.end(
        batch_id,
        status,
        output=[output_line(second)],
        errors=[
            unexecuted_line(first),
            unexecuted_line(third, "batch_cancelled"),
            unexecuted_line(fourth),
        ],
    )
    [result] = harvest(scripted_work)
    assert (result.state, result.answered, result.unanswered) == (status, 1, 3)
    assert states(scripted_work) == ["expired", "ok", "expired", "expired"]
    assert cost(scripted_work) == LINE_USD


@pytest.mark.parametrize("nothing", ["", None])
def test_a_batch_without_an_output_file_is_no_empty_success(
    scripted_work: PartitionWork, api: ScriptedApi, batch_id: str, nothing: str | None
) -> None:
    lines = [refused_line(custom_id) for custom_id in api.ids(batch_id)]
    api.end(batch_id, errors=lines, output_file_id=nothing)
    [result] = harvest(scripted_work)
    assert (result.answered, result.unanswered) == (0, 4)
    assert set(states(scripted_work)) == {"http_error"}


@pytest.mark.parametrize("nothing", ["", None])
def test_a_batch_without_an_error_file_is_no_failure(
    scripted_work: PartitionWork, api: ScriptedApi, batch_id: str, nothing: str | None
) -> None:
    lines = [output_line(custom_id) for custom_id in api.ids(batch_id)]
    api.end(batch_id, output=lines, error_file_id=nothing)
    assert harvest(scripted_work)[0].answered == 4


def test_a_failed_batch_was_never_executed_and_says_why(
    scripted_work: PartitionWork, api: ScriptedApi, batch_id: str
) -> None:
    problems = [
        {"code": "invalid_json_line", "message": "Not parseable.", "line": 3},
        {"code": "token_limit_exceeded", "message": "Limit: 2", "line": None},
    ]
    api.end(batch_id, "failed", output_file_id="", error_file_id="")
    api.batches[batch_id]["errors"] = {"object": "list", "data": problems}
    [result] = harvest(scripted_work)
    assert result.refusal == (
        "invalid_json_line: Not parseable. (line 3); token_limit_exceeded: Limit: 2"
    )
    assert batch_row(scripted_work).alert == result.refusal
    assert set(states(scripted_work)) == {"not_executed"}
    assert cost(scripted_work) == 0


def test_a_failed_batch_may_say_nothing(
    scripted_work: PartitionWork, api: ScriptedApi, batch_id: str
) -> None:
    api.end(batch_id, "failed")
    [result] = harvest(scripted_work)
    assert (result.state, result.refusal) == ("failed", "the API gives no reason")
    assert set(states(scripted_work)) == {"not_executed"}


def test_a_full_queue_is_no_refusal(
    scripted_work: PartitionWork, api: ScriptedApi, batch_id: str
) -> None:
    api.end(batch_id, "failed")
    full = {"code": "token_limit_exceeded", "message": "Limit: 2", "line": None}
    api.batches[batch_id]["errors"] = {"object": "list", "data": [full]}
    [result] = harvest(scripted_work)
    assert (result.refusal, batch_row(scripted_work).alert) == (None, None)
    assert set(states(scripted_work)) == {"not_executed"}


def test_a_parameter_refused_in_every_line_is_named_and_may_be_asked_anew(
    scripted_work: PartitionWork, api: ScriptedApi, batch_id: str
) -> None:
    lines = [refused_line(custom_id, param="temperature") for custom_id in api.ids(batch_id)]
    api.end(batch_id, errors=lines)
    [result] = harvest(scripted_work)
    assert result.refusal == (
        "every line was refused for `temperature`: HTTP 400: bad: no such parameter"
    )
    assert set(states(scripted_work)) == {"not_executed"}


@pytest.mark.parametrize("other", [completion(), completion("", "length"), completion("no JSON")])
def test_a_parameter_refused_in_one_line_is_that_lines_own(
    scripted_work: PartitionWork, api: ScriptedApi, batch_id: str, other: dict[str, Any]
) -> None:
    odd, *others = api.ids(batch_id)
    lines = [output_line(custom_id, other) for custom_id in others]
    api.end(batch_id, output=lines, errors=[refused_line(odd, param="temperature")])
    [result] = harvest(scripted_work)
    assert result.refusal is None
    assert states(scripted_work)[0] == "http_error"


# --- money ----------------------------------------------------------------------------


def test_missing_lines_carry_what_the_api_billed_beyond_the_others(
    scripted_work: PartitionWork, api: ScriptedApi, batch_id: str
) -> None:
    first, *_ = api.ids(batch_id)
    api.end(batch_id, output=[output_line(first)], usage=usage(3))
    [result] = harvest(scripted_work)
    assert states(scripted_work) == ["ok", "missing", "missing", "missing"]
    # Two of the three were executed; nobody knows which.
    assert sum(costs(scripted_work)) == 3 * LINE_USD
    assert max(costs(scripted_work)[1:]) - min(costs(scripted_work)[1:]) < Decimal("0.00000001")
    assert result.unplaced_usd == batch_row(scripted_work).unplaced_usd == 0


def test_missing_lines_of_a_batch_that_billed_nothing_cost_nothing(
    scripted_work: PartitionWork, api: ScriptedApi, batch_id: str
) -> None:
    api.end(batch_id, errors=[unexecuted_line(api.ids(batch_id)[0])], usage=usage(0))
    harvest(scripted_work)
    assert states(scripted_work) == ["expired", "missing", "missing", "missing"]
    assert cost(scripted_work) == 0


def test_without_usage_missing_lines_cost_what_they_may_have(
    scripted_work: PartitionWork, api: ScriptedApi, batch_id: str
) -> None:
    first, *_ = api.ids(batch_id)
    api.end(batch_id, output=[output_line(first)], usage=None)
    harvest(scripted_work)
    rows = requests_of(scripted_work)
    assert costs(scripted_work) == [LINE_USD] + [row.bound_usd for row in rows[1:]]


def test_without_usage_what_arrived_costs_what_it_says(
    scripted_work: PartitionWork, api: ScriptedApi, batch_id: str
) -> None:
    lines = [output_line(custom_id) for custom_id in api.ids(batch_id)]
    api.end(batch_id, output=lines, usage=None)
    assert harvest(scripted_work)[0].unplaced_usd == 0
    assert cost(scripted_work) == 4 * LINE_USD


@pytest.mark.parametrize("whole", [usage(4), None])
def test_a_line_with_an_altered_id_costs_the_request_that_is_missing(
    scripted_work: PartitionWork,
    api: ScriptedApi,
    batch_id: str,
    whole: dict[str, Any] | None,
) -> None:
    first, *others = api.ids(batch_id)
    lines = [output_line(name) for name in [first.replace("batch_", "botch_"), *others]]
    api.end(batch_id, output=lines, usage=whole)
    [result] = harvest(scripted_work)
    assert states(scripted_work) == ["missing", "ok", "ok", "ok"]
    assert result.strange_lines == 1
    assert costs(scripted_work) == [LINE_USD] * 4


def test_lines_nobody_asked_for_answer_nothing_and_their_cost_is_told(
    scripted_work: PartitionWork, api: ScriptedApi, batch_id: str
) -> None:
    ids = api.ids(batch_id)
    strangers = ["batch_ffffff_0_x", "", "with\x00null"]
    lines = [output_line(name) for name in (*ids, *strangers)]
    api.end(batch_id, output=lines, usage=usage(5))
    [result] = harvest(scripted_work)
    assert (result.answered, result.unanswered, result.strange_lines) == (4, 0, 3)
    assert cost(scripted_work) == 4 * LINE_USD
    assert result.unplaced_usd == batch_row(scripted_work).unplaced_usd == LINE_USD


def test_lines_that_say_more_than_the_batch_are_told_as_well(
    scripted_work: PartitionWork, api: ScriptedApi, batch_id: str
) -> None:
    lines = [output_line(custom_id) for custom_id in api.ids(batch_id)]
    api.end(batch_id, output=lines, usage=usage(3))
    assert harvest(scripted_work)[0].unplaced_usd == -LINE_USD
    assert cost(scripted_work) == 4 * LINE_USD


def test_a_usage_of_zeros_is_no_usage(
    scripted_work: PartitionWork, api: ScriptedApi, batch_id: str
) -> None:
    lines = [output_line(custom_id) for custom_id in api.ids(batch_id)]
    api.end(batch_id, output=lines, usage=usage(0))
    assert harvest(scripted_work)[0].unplaced_usd == 0


# --- harvesting twice, and together ---------------------------------------------------


def test_harvesting_again_does_nothing(
    scripted_work: PartitionWork, api: ScriptedApi, batch_id: str
) -> None:
    api.end(batch_id, output=[output_line(custom_id) for custom_id in api.ids(batch_id)])
    assert len(harvest(scripted_work)) == 1
    before = requests_of(scripted_work)
    asked = len(api.asked)
    assert harvest(scripted_work) == []
    assert requests_of(scripted_work) == before
    assert len(api.asked) == asked


def test_of_two_processes_at_the_same_batch_one_harvests_it(
    scripted_work: PartitionWork, api: ScriptedApi, batch_id: str
) -> None:
    api.end(batch_id, output=[output_line(custom_id) for custom_id in api.ids(batch_id)])
    poll(scripted_work.engine, scripted_work.client)
    together = threading.Barrier(2, timeout=10)
    fetch = f"GET /files/{api.batches[batch_id]['output_file_id']}/content"
    api.before[fetch] = together.wait
    found: list[Harvest] = []
    threads = [
        threading.Thread(target=lambda: found.extend(harvest_due(scripted_work))) for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [result.answered for result in found] == [4]
    assert api.count(fetch) == 2
    with scripted_work.engine.connect() as connection:
        assert connection.scalar(sa.select(sa.func.count()).select_from(answers)) == 4


def test_a_batch_of_two_partitions_is_harvested_for_both(
    scripted_work: PartitionWork, api: ScriptedApi, batch_id: str
) -> None:
    other = dataclasses.replace(
        scripted_work, partition=Partition(scripted_work.partition.day, "jumbo")
    )
    land(other)
    with scripted_work.engine.begin() as connection:
        for table in ("batch_requests", "partition_questions"):
            connection.execute(
                sa.text(
                    f"update normalizer.{table} set retailer = 'jumbo' "
                    "where question_key in ('q2', 'q3')"
                )
            )
    first, second, third, fourth = api.ids(batch_id)
    lines = [output_line(first), output_line(third)]
    api.end(batch_id, output=lines, errors=[unexecuted_line(second), unexecuted_line(fourth)])
    assert len(harvest(other)) == 1
    assert harvest(scripted_work) == []
    assert asked_questions(scripted_work) == {"q0": "answered", "q1": "asks"}
    assert asked_questions(other) == {"q2": "answered", "q3": "asks"}
    assert cost(scripted_work) == cost(other) == LINE_USD


def test_a_batch_that_is_not_terminal_is_left_alone(
    scripted_work: PartitionWork, api: ScriptedApi, batch_id: str
) -> None:
    api.batches[batch_id]["status"] = "finalizing"
    assert harvest(scripted_work) == []
    assert set(states(scripted_work)) == {"sent"}


def test_a_batch_that_was_given_up_and_ends_after_all_is_harvested(
    scripted_work: PartitionWork, api: ScriptedApi, batch_id: str
) -> None:
    with scripted_work.begin() as connection:
        ledger.give_up_batch(connection, batch_row(scripted_work).shard_hash)
    assert costs(scripted_work) == [row.bound_usd for row in requests_of(scripted_work)]
    first, *others = api.ids(batch_id)
    lines = [unexecuted_line(custom_id) for custom_id in others]
    api.end(batch_id, "cancelled", output=[output_line(first)], errors=lines)
    harvest(scripted_work)
    assert states(scripted_work) == ["ok", "expired", "expired", "expired"]
    assert cost(scripted_work) == LINE_USD


# --- files ----------------------------------------------------------------------------


def content_route(api: ScriptedApi, batch_id: str, kind: str = "output") -> str:
    return f"GET /files/{api.batches[batch_id][f'{kind}_file_id']}/content"


def test_raw_files_are_kept_before_a_line_is_parsed(
    scripted_work: PartitionWork, api: ScriptedApi, batch_id: str
) -> None:
    api.end(batch_id, output=[output_line(api.ids(batch_id)[0])], errors=[])
    fetch = content_route(api, batch_id, "error")
    api.then(fetch, *[error(502, "Bad Gateway", retry_after_ms="1")] * 3)
    with pytest.raises(openai.InternalServerError):
        harvest(scripted_work)
    results = scripted_work.storage / "results"
    output = results / f"{batch_id}.output.jsonl"
    assert output.read_bytes() == api.files[api.batches[batch_id]["output_file_id"]]
    assert [path.name for path in results.iterdir()] == [output.name]
    assert set(states(scripted_work)) == {"sent"}
    assert len(harvest(scripted_work)) == 1
    assert api.count(content_route(api, batch_id)) == 1


@pytest.mark.parametrize("size", ["9999", None])
def test_a_file_that_was_cut_is_no_result_and_is_fetched_again(
    scripted_work: PartitionWork, api: ScriptedApi, batch_id: str, size: str | None
) -> None:
    lines = [output_line(custom_id) for custom_id in api.ids(batch_id)]
    api.end(batch_id, output=lines)
    # A silent cut says of itself that it is whole.
    headers = {"content-length": size} if size else {}
    cut = Reply(body=(lines[0] + "\n").encode(), headers=headers)
    api.then(content_route(api, batch_id), cut)
    with pytest.raises(OSError, match=r"fetched again later"):
        harvest(scripted_work)
    assert set(states(scripted_work)) == {"sent"}
    assert list((scripted_work.storage / "results").iterdir()) == []
    api.then(content_route(api, batch_id), DROPPED)
    assert harvest(scripted_work)[0].answered == 4


def test_a_web_page_is_no_result_file(
    scripted_work: PartitionWork, api: ScriptedApi, batch_id: str
) -> None:
    api.end(batch_id, output=[output_line(custom_id) for custom_id in api.ids(batch_id)])
    api.then(content_route(api, batch_id), WEB_PAGE)
    with pytest.raises(OSError, match=r"26 of \d+ bytes came"):
        harvest(scripted_work)
    assert harvest(scripted_work)[0].answered == 4


def test_without_the_files_size_nothing_is_settled(
    scripted_work: PartitionWork, api: ScriptedApi, batch_id: str
) -> None:
    api.end(batch_id, output=[output_line(custom_id) for custom_id in api.ids(batch_id)])
    api.then(f"GET /files/{api.batches[batch_id]['output_file_id']}", None, WEB_PAGE)
    with pytest.raises(UnreadableReplyError):
        harvest(scripted_work)
    assert set(states(scripted_work)) == {"sent"}
    assert harvest(scripted_work)[0].answered == 4


def test_a_kept_file_is_read_when_the_api_has_deleted_its_own(
    scripted_work: PartitionWork, api: ScriptedApi, batch_id: str
) -> None:
    api.end(batch_id, output=[output_line(custom_id) for custom_id in api.ids(batch_id)])
    kept = scripted_work.storage / "results" / f"{batch_id}.output.jsonl"
    kept.parent.mkdir(parents=True)
    kept.write_bytes(api.files.pop(api.batches[batch_id]["output_file_id"]))
    assert harvest(scripted_work)[0].answered == 4


# --- lines alone ----------------------------------------------------------------------


def test_lines_of_no_file_settle_nothing() -> None:
    tally = Tally()
    assert list(settle_lines([], {"a": ["a"]}, MODEL, tally)) == []
    assert tally == Tally()


LINES = st.lists(
    st.tuples(
        st.sampled_from(["a", "b", "c", "stranger"]),
        st.sampled_from(
            [
                output_line,
                refused_line,
                unexecuted_line,
                lambda name: output_line(name, completion("", "length")),
                lambda _: "broken",
            ]
        ),
    ),
    max_size=12,
)


@given(LINES)
def test_each_custom_id_ends_in_one_state_whatever_comes(lines: list[tuple[str, Any]]) -> None:
    tally = Tally()
    texts = [make(name) for name, make in lines]
    settled: dict[str, str] = {}
    for frame in settle_lines(iter(texts), {name: [name] for name in "abc"}, MODEL, tally):
        assert frame.schema == SETTLED_SCHEMA
        assert frame["custom_id"].is_unique().all()
        settled |= dict(frame.select("custom_id", "state").iter_rows())
    known = [text for text in texts if json_id(text) in ("a", "b", "c")]
    assert set(settled) == {json_id(text) for text in known}
    for name in settled:
        usable = any(text == output_line(name) for text in known)
        assert (settled[name] == "ok") == usable
    assert tally.strange == len(texts) - len(settled)
    assert tally.answered == list(settled.values()).count("ok")


def json_id(text: str) -> str | None:
    return json.loads(text)["custom_id"] if text.startswith("{") else None


# --- several requests in one line -----------------------------------------------------

ANSWER = '{"b":"ACME","m":"Uno","a":{"c":"1L"},"cf":0.9}'


def packed(*answers_: str, **usage_: Any) -> dict[str, Any]:
    """Returns a completion whose reply has these members, such as ``"1":{...}``."""
    return completion("{" + ",".join(answers_) + "}", **usage_)


def settled(lines: list[str], count: int, tally: Tally | None = None) -> pl.DataFrame:
    """Settles lines of a batch with one line ``pack`` of some requests, and one alone."""
    asked = {"pack": [f"pack~{n}" for n in range(1, count + 1)], "alone": ["alone"]}
    frames = list(settle_lines(lines, asked, MODEL, tally or Tally()))
    rows = pl.concat(frames) if frames else pl.DataFrame(schema=SETTLED_SCHEMA)
    # Later rows replace earlier ones, as in the ledger.
    return rows.unique("custom_id", keep="last").sort("custom_id")


def test_a_packed_line_settles_each_of_its_requests_by_its_own_answer() -> None:
    line = output_line("pack", packed(f'"1":{ANSWER}', '"2":{"b":["?"]}', f'"3":{ANSWER}'))
    rows = settled([line, output_line("alone")], 4)
    assert rows["custom_id"].to_list() == ["alone", *(f"pack~{n}" for n in range(1, 5))]
    assert rows["state"].to_list() == ["ok", "ok", "invalid", "ok", "invalid"]
    assert rows["reason"].to_list() == [
        None,
        None,
        "brand is a list, not text",
        None,
        "the reply does not answer this listing",
    ]
    assert rows["brand"].to_list() == ["ACME", "ACME", None, "ACME", None]
    assert rows["llm_model"].unique().to_list() == ["some-model-2026-01-01"]
    # The line is kept once, and of the others their own part.
    assert rows["raw"].to_list()[1:] == [line, '{"b":["?"]}', ANSWER, None]


COUNTS = st.integers(0, 10**6)


@given(
    count=st.integers(2, 50),
    tokens=st.tuples(COUNTS, COUNTS, COUNTS, COUNTS),
    price=st.decimals("0.01", "10", places=3),
)
def test_usage_and_cost_of_a_line_are_shared_out_to_the_last_token_and_nano(
    count: int, tokens: tuple[int, int, int, int], price: Decimal
) -> None:
    prompt, cached, output, reasoning = tokens
    body = packed(
        prompt_tokens=prompt,
        completion_tokens=output,
        prompt_tokens_details={"cached_tokens": cached},
        completion_tokens_details={"reasoning_tokens": reasoning},
    )
    model = MODEL.model_copy(update={"cached_input_usd": float(price)})
    asked = {"pack": [f"pack~{n}" for n in range(count)]}
    [rows] = settle_lines([output_line("pack", body)], asked, model, Tally())
    usage_ = usage_from_response(body)
    assert rows["input_tokens"].sum() == usage_.input_tokens
    assert rows["cached_tokens"].sum() == usage_.cached_tokens
    assert rows["output_tokens"].sum() == usage_.output_tokens
    assert rows["reasoning_tokens"].sum() == usage_.reasoning_tokens
    assert (rows["cached_tokens"] <= rows["input_tokens"]).all()
    assert (rows["reasoning_tokens"] <= rows["output_tokens"]).all()
    exact = cost_usd(usage_, model, batch=True)
    assert rows["cost_usd"].sum() == exact.quantize(Decimal("0.000000001"))
    costs_ = rows["cost_usd"].to_list()
    assert max(costs_) - min(costs_) <= Decimal("0.000000001")


@given(total=st.integers(0, 10**12), count=st.integers(1, 60))
def test_even_shares_sum_up_and_differ_by_one_at_most(total: int, count: int) -> None:
    shares = even_shares(total, count)
    assert (len(shares), sum(shares)) == (count, total)
    assert shares == sorted(shares, reverse=True)
    assert shares[0] - shares[-1] <= 1


@pytest.mark.parametrize(
    ("line", "state", "cost"),
    [
        (refused_line("pack"), "http_error", 0),
        (refused_line("pack", 429), "unavailable", 0),
        (unexecuted_line("pack"), "expired", 0),
        (output_line("pack", completion("", "content_filter")), "refused", LINE_USD),
        (output_line("pack", completion("", "length")), "truncated", LINE_USD),
        (output_line("pack", completion("no JSON")), "invalid", LINE_USD),
    ],
)
def test_a_packed_line_that_failed_as_a_whole_failed_for_each_of_its_requests(
    line: str, state: str, cost: Decimal
) -> None:
    tally = Tally()
    rows = settled([line], 3, tally)
    assert rows["state"].to_list() == [state] * 3
    assert rows["reason"].n_unique() == 1
    assert rows["cost_usd"].sum() == cost
    assert rows["raw"].to_list() == [line, *([None] * 2)] or state == "refused"
    assert (tally.strange, tally.answered) == (0, 0)


def test_of_a_cut_pack_whole_answers_count() -> None:
    line = output_line("pack", completion(f'{{"1":{ANSWER},"2":{ANSWER[:-9]}', "length"))
    assert settled([line], 3)["state"].to_list() == ["ok", "truncated", "truncated"]


def test_of_a_repeated_pack_the_first_usable_answer_to_each_question_counts() -> None:
    other = ANSWER.replace("ACME", "OTHER")
    lines = [
        output_line("pack", packed(f'"1":{ANSWER}', '"2":{}')),
        output_line("pack", packed(f'"1":{other}', f'"2":{other}')),
        output_line("pack", completion("no JSON")),
    ]
    tally = Tally()
    rows = settled(lines, 3, tally)
    assert rows["state"].to_list() == ["ok", "ok", "invalid"]
    assert rows["brand"].to_list() == ["ACME", "OTHER", None]
    assert rows["raw"].to_list() == [lines[0], other, None]
    assert rows["cost_usd"].sum() == LINE_USD
    assert (tally.strange, tally.answered) == (2, 2)


def test_an_answer_nobody_asked_for_is_ignored_and_told() -> None:
    line = output_line("pack", packed(f'"1":{ANSWER}', f'"2":{ANSWER}', f'"7":{ANSWER}', '"x":1'))
    tally = Tally()
    assert settled([line], 2, tally)["state"].to_list() == ["ok", "ok"]
    assert (tally.strange, tally.strangers) == (0, 2)


def test_a_request_of_a_pack_has_no_line_of_its_own() -> None:
    tally = Tally()
    assert settled([output_line("pack~1"), output_line("pac~")], 2, tally).is_empty()
    assert tally.strange == 2


# --- packs of a batch -----------------------------------------------------------------


@pytest.fixture
def packs(scripted_work: PartitionWork) -> PartitionWork:
    """Work whose batch of five requests is two lines, of three and of two listings."""
    work = with_tiers(scripted_work, listings_per_request=3)
    submit(work, routed_listings(5))
    return work


def test_a_batch_of_packs_counts_its_lines_and_its_requests(
    packs: PartitionWork, api: ScriptedApi
) -> None:
    assert batch_row(packs).line_count == len(api.ids("batch_1")) == 2
    assert len(requests_of(packs)) == 5
    three, two = api.ids("batch_1")
    body = packed(f'"1":{ANSWER}', '"2":{"b":1,"a":3}', f'"3":{ANSWER}', f'"4":{ANSWER}')
    api.end("batch_1", output=[output_line(three, body)], errors=[unexecuted_line(two)])
    [result] = harvest(packs)
    assert states(packs) == ["ok", "invalid", "ok", "expired", "expired"]
    assert (result.answered, result.unanswered, result.strange_lines) == (2, 3, 1)
    assert cost(packs) == LINE_USD
    assert {row.question_key: row.custom_id for row in requests_of(packs)} == {
        **{f"q{n}": f"{three}~{n + 1}" for n in range(3)},
        **{f"q{n}": f"{two}~{n - 2}" for n in (3, 4)},
    }
    assert asked_questions(packs) == {
        "q0": "answered",
        "q1": "asks",
        "q2": "answered",
        "q3": "asks",
        "q4": "asks",
    }


def test_a_missing_pack_is_missing_for_each_request_and_its_cost_is_shared(
    packs: PartitionWork, api: ScriptedApi
) -> None:
    _, two = api.ids("batch_1")
    line = output_line(two, packed(f'"1":{ANSWER}', f'"2":{ANSWER}'))
    api.end("batch_1", output=[line], usage=usage(2))
    [result] = harvest(packs)
    assert states(packs) == ["missing"] * 3 + ["ok"] * 2
    assert (result.answered, result.unanswered) == (2, 3)
    assert result.unplaced_usd == 0
    assert sum(costs(packs)[:3]) == sum(costs(packs)[3:]) == LINE_USD


def test_without_usage_a_missing_pack_costs_what_it_may_have(
    packs: PartitionWork, api: ScriptedApi
) -> None:
    _, two = api.ids("batch_1")
    line = output_line(two, packed(f'"1":{ANSWER}', f'"2":{ANSWER}'))
    api.end("batch_1", output=[line], usage=None)
    harvest(packs)
    assert costs(packs)[:3] == [row.bound_usd for row in requests_of(packs)[:3]]


@pytest.mark.parametrize("whole", [usage(2), None])
def test_a_pack_with_an_altered_id_costs_the_requests_that_are_missing(
    packs: PartitionWork, api: ScriptedApi, whole: dict[str, Any] | None
) -> None:
    three, two = api.ids("batch_1")
    lines = [output_line(name, packed(f'"1":{ANSWER}')) for name in (three[:-1] + "~", two)]
    api.end("batch_1", output=lines, usage=whole)
    [result] = harvest(packs)
    assert states(packs) == ["missing"] * 3 + ["ok", "invalid"]
    assert result.strange_lines == 1
    assert sum(costs(packs)[:3]) == LINE_USD


def test_a_parameter_refused_in_every_pack_may_be_asked_anew(
    packs: PartitionWork, api: ScriptedApi
) -> None:
    lines = [refused_line(name, param="response_format") for name in api.ids("batch_1")]
    api.end("batch_1", errors=lines)
    [result] = harvest(packs)
    assert result.refusal is not None
    assert set(states(packs)) == {"not_executed"}
