import json
import time
from datetime import date
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import openai
import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai import OpenAI
from pydantic import ValidationError

from normalizer_assets.standin.faults import (
    FAULTS,
    BatchFault,
    Endpoint,
    EndpointFault,
    Fault,
    Faults,
    LineFault,
)
from normalizer_assets.standin.server import RunningStandin, running_standin
from normalizer_assets.standin.settings import StandinSettings
from normalizer_assets_tests.standin.asking import ask, lines, requests, submit, wait

CALL: Endpoint = "POST /v1/chat/completions"
CONTENT: Endpoint = "GET /v1/files/{id}/content"


def at(*positions: int) -> frozenset[int]:
    return frozenset(positions)


def ids(entries: list[dict[str, Any]]) -> list[str]:
    return sorted(entry["custom_id"] for entry in entries)


def run(client: OpenAI, count: int = 4, **body: Any) -> tuple[Any, list[Any], list[Any]]:
    """Runs a batch; returns it with the lines of both its files."""
    batch, _ = wait(client, submit(client, requests(count, body=body)))
    return batch, lines(client, batch.output_file_id), lines(client, batch.error_file_id)


# --- as data ----------------------------------------------------------------------


@given(st.integers(0, 5), st.integers(1, 5) | st.none(), st.integers(0, 20))
def test_a_fault_lets_some_pass_fires_and_then_behaves(
    skip: int, times: int | None, events: int
) -> None:
    faults = Faults([EndpointFault(endpoint=CALL, kind="slow", skip=skip, times=times)])
    fired = [faults.of_request(CALL) is not None for _ in range(events)]
    last = events if times is None else skip + times
    assert fired == [skip <= number < last for number in range(events)]
    assert faults.of_request("GET /v1/models") is None
    assert faults.shown()[0]["fired"] == sum(fired)


def test_of_two_faults_that_match_the_second_waits_for_the_first() -> None:
    faults = Faults(
        EndpointFault(endpoint=CALL, kind=kind, times=1) for kind in ("drop_before", "not_json")
    )
    fired = [faults.of_request(CALL) for _ in range(3)]
    assert [fault and fault.kind for fault in fired] == ["drop_before", "not_json", None]


def test_a_share_of_the_questions_is_met_each_as_often_as_was_set() -> None:
    names = [f"Producto {number}" for number in range(2000)]
    faults = Faults([LineFault(kind="refusal", share=0.2, seed=3, times=2, sync=True)])
    rounds = [
        {name for name in names if faults.of_line(name, position)} for position in (0, None, 0)
    ]
    assert rounds[0] == rounds[1]
    assert 350 < len(rounds[0]) < 450
    assert rounds[2] == set()


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ({"family": "party"}, "family"),
        ({"family": "endpoint", "endpoint": "GET /v1/party", "kind": "slow"}, "endpoint"),
        ({"family": "endpoint", "endpoint": CALL, "kind": "cut_file"}, "cut_file is for"),
        (
            {"family": "endpoint", "endpoint": CALL, "kind": "status_after", "status": 429},
            "500 or more",
        ),
        ({"family": "line", "kind": "missing"}, "a share above 0 or positions"),
        ({"family": "line", "kind": "missing", "share": 1, "sync": True}, "leave out sync"),
        ({"family": "line", "kind": "refusal", "positions": [0], "sync": True}, "no position"),
        ({"family": "batch", "kind": "usage_null", "tines": 1}, "tines"),
    ],
)
def test_a_wrong_fault_is_refused_and_changes_nothing(
    fault: dict[str, Any], message: str, faulty: RunningStandin
) -> None:
    with pytest.raises(ValidationError, match=message):
        FAULTS.validate_python([fault])
    faulty.switch(BatchFault(kind="usage_null"))
    url = faulty.url.removesuffix("/v1") + "/standin/faults"
    with pytest.raises(HTTPError) as caught:
        urlopen(Request(url, json.dumps([fault]).encode(), method="POST"))  # noqa: S310
    with caught.value as refused:
        assert refused.code == 400
        assert message in json.loads(refused.read())["error"]["message"]
    assert [shown["kind"] for shown in faulty.faults()] == ["usage_null"]


def test_faults_can_be_switched_on_from_the_start_and_come_back_with_a_reset() -> None:
    fault = EndpointFault(endpoint="GET /v1/models", kind="status", times=1)
    with (
        running_standin(StandinSettings(faults=(fault,))) as running,
        OpenAI(base_url=running.url, api_key="standin", max_retries=0) as client,
    ):
        for _ in range(2):
            with pytest.raises(openai.InternalServerError):
                client.models.list()
            assert client.models.list().data
            assert [shown["fired"] for shown in running.faults()] == [1]
            running.reset()


# --- endpoints --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "code", "expected", "error"),
    [
        (401, None, "invalid_api_key", openai.AuthenticationError),
        (403, None, None, openai.PermissionDeniedError),
        (404, None, None, openai.NotFoundError),
        (409, None, None, openai.ConflictError),
        (429, None, "rate_limit_exceeded", openai.RateLimitError),
        (429, "insufficient_quota", "insufficient_quota", openai.RateLimitError),
        (500, None, None, openai.InternalServerError),
        (502, None, None, openai.InternalServerError),
        (503, None, None, openai.InternalServerError),
    ],
)
def test_a_status_comes_before_any_work(
    status: Any,
    code: str | None,
    expected: str | None,
    error: type[openai.APIStatusError],
    faulty: RunningStandin,
    caller: OpenAI,
) -> None:
    faulty.switch(
        EndpointFault(endpoint=CALL, kind="status", status=status, code=code, retry_after=7)
    )
    with pytest.raises(error) as caught:
        ask(caller)
    assert (caught.value.status_code, caught.value.code) == (status, expected)
    assert status == 502 or caught.value.response.headers["retry-after"] == "7"
    assert faulty.journal() == []


@pytest.mark.parametrize("kind", ["drop_after", "status_after", "truncated", "not_json"])
def test_a_call_whose_reply_is_lost_was_billed(
    kind: Any, faulty: RunningStandin, caller: OpenAI
) -> None:
    faulty.switch(EndpointFault(endpoint=CALL, kind=kind, times=1))
    try:
        # The client hands a reply that is no JSON over as text.
        assert isinstance(ask(caller), str)
        assert kind == "not_json"
    except (openai.APIConnectionError, openai.InternalServerError):
        assert kind != "not_json"
    assert ask(caller).choices
    lost, arrived = faulty.journal()
    assert (lost["reply_lost"], arrived["reply_lost"]) == (True, False)
    assert lost["billed_usd"] == arrived["billed_usd"] != "0"
    assert lost["body_hash"] == arrived["body_hash"]


def test_a_batch_whose_reply_is_lost_exists(faulty: RunningStandin, caller: OpenAI) -> None:
    faulty.switch(EndpointFault(endpoint="POST /v1/batches", kind="drop_after", times=1))
    with pytest.raises(openai.APIConnectionError):
        submit(caller, requests(1), metadata={"normalizer_shard": "s1"})
    [batch] = caller.batches.list().data
    assert batch.metadata == {"normalizer_shard": "s1"}
    entry = faulty.journal()[0]
    assert (entry["batch_id"], entry["reply_lost"]) == (batch.id, True)


def test_a_dropped_creation_leaves_no_batch(faulty: RunningStandin, caller: OpenAI) -> None:
    faulty.switch(EndpointFault(endpoint="POST /v1/batches", kind="drop_before", times=1))
    with pytest.raises(openai.APIConnectionError):
        submit(caller, requests(1))
    assert caller.batches.list().data == []
    assert faulty.journal() == []


def test_a_file_can_be_cut_silently(faulty: RunningStandin, caller: OpenAI) -> None:
    batch, _ = wait(caller, submit(caller, requests(4)))
    whole = caller.files.content(batch.output_file_id or "").content
    faulty.switch(EndpointFault(endpoint=CONTENT, kind="cut_file", keep=0.6, times=1))
    cut = caller.files.content(batch.output_file_id or "").content
    assert cut == whole[: int(len(whole) * 0.6)]
    assert caller.files.content(batch.output_file_id or "").content == whole


def test_a_slow_request_is_served_late(faulty: RunningStandin, caller: OpenAI) -> None:
    faulty.switch(EndpointFault(endpoint="GET /v1/models", kind="slow", seconds=0.2))
    started = time.monotonic()
    assert caller.models.list().data
    assert time.monotonic() - started > 0.2


# --- lines ------------------------------------------------------------------------


def test_lines_can_be_lost_repeated_and_renamed(faulty: RunningStandin, caller: OpenAI) -> None:
    faulty.switch(
        LineFault(kind="expired", positions=at(0)),
        LineFault(kind="status_0", positions=at(1)),
        LineFault(kind="missing", positions=at(2)),
        LineFault(kind="duplicated", positions=at(3)),
        LineFault(kind="unknown_id", positions=at(4)),
        LineFault(kind="altered_id", positions=at(5)),
    )
    batch, output, errors = run(caller, 7)
    assert batch.status == "completed"
    known = [entry for entry in output if not entry["custom_id"].startswith("unknown-")]
    assert len(output) - len(known) == 1
    expected = [1, 3, 3, 4, 6]
    assert ids(known) == sorted([f"batch_0_{number}" for number in expected] + ["batch_0_~"])
    [zero] = [entry for entry in output if entry["response"]["status_code"] == 0]
    assert (zero["custom_id"], zero["response"]["body"]) == ("batch_0_1", None)
    [expired] = errors
    assert (expired["custom_id"], expired["response"]) == ("batch_0_0", None)
    assert expired["error"]["code"] == "batch_expired"
    assert (batch.request_counts.completed, batch.request_counts.failed) == (6, 1)


@pytest.mark.parametrize(
    ("kind", "status", "param"),
    [
        ("http_429", 429, None),
        ("http_500", 500, None),
        ("http_400_param", 400, "temperature"),
    ],
)
def test_lines_and_calls_can_be_refused(
    kind: Any, status: int, param: str | None, faulty: RunningStandin, caller: OpenAI
) -> None:
    faulty.switch(LineFault(kind=kind, share=1, sync=True))
    batch, output, errors = run(caller)
    assert (batch.status, batch.output_file_id, output) == ("completed", None, [])
    for entry in errors:
        assert entry["response"]["status_code"] == status
        assert entry["response"]["body"]["error"]["param"] == param
    with pytest.raises(openai.APIStatusError) as caught:
        ask(caller)
    assert (caught.value.status_code, caught.value.param) == (status, param)
    assert {entry["billed_usd"] for entry in faulty.journal() if entry["kind"] != "batch"} == {"0"}


@pytest.mark.parametrize(
    ("kind", "content", "finish"),
    [
        ("truncated", "", "length"),
        ("refusal", None, "stop"),
        ("content_filter", None, "content_filter"),
        ("invalid_json", "El producto parece correcto.", "stop"),
    ],
)
def test_lines_and_calls_can_be_answered_badly_and_are_billed(
    kind: Any, content: str | None, finish: str, faulty: RunningStandin, caller: OpenAI
) -> None:
    faulty.switch(LineFault(kind=kind, share=1, sync=True))
    _, output, _ = run(caller, 1, max_completion_tokens=900)
    bodies = [output[0]["response"]["body"], ask(caller, max_completion_tokens=900).to_dict()]
    for body in bodies:
        choice = body["choices"][0]
        assert (choice["message"].get("content"), choice["finish_reason"]) == (content, finish)
        assert bool(choice["message"].get("refusal")) == (kind == "refusal")
    billed = [entry for entry in faulty.journal() if entry["kind"] != "batch"]
    assert [entry["content"] for entry in billed] == [content, content]
    assert "0" not in [entry["billed_usd"] for entry in billed]
    assert faulty.faults()[0]["fired"] == 2


def test_a_truncated_answer_is_whole_with_a_larger_limit(
    faulty: RunningStandin, caller: OpenAI
) -> None:
    faulty.switch(LineFault(kind="truncated", share=1, sync=True, below_tokens=1000))
    _, output, _ = run(caller, 1, max_completion_tokens=999)
    body = output[0]["response"]["body"]
    assert body["choices"][0]["finish_reason"] == "length"
    assert body["usage"]["completion_tokens"] == 999
    assert ask(caller, max_completion_tokens=1000).choices[0].finish_reason == "stop"


def test_a_body_with_an_error_has_status_200_and_costs_nothing(
    faulty: RunningStandin, caller: OpenAI
) -> None:
    faulty.switch(LineFault(kind="body_error", positions=at(0)))
    _, output, errors = run(caller, 1)
    assert errors == []
    assert output[0]["response"]["status_code"] == 200
    assert output[0]["response"]["body"]["error"]["type"] == "server_error"
    entry = faulty.journal()[-1]
    assert (entry["status"], entry["usage"], entry["billed_usd"]) == (200, None, "0")


def test_without_sync_a_call_is_answered(faulty: RunningStandin, caller: OpenAI) -> None:
    faulty.switch(LineFault(kind="refusal", share=1))
    assert ask(caller).choices[0].message.refusal is None


def test_what_failed_once_is_answered_as_if_nothing_had_been(
    faulty: RunningStandin, caller: OpenAI
) -> None:
    def contents(output: list[Any]) -> dict[str, str]:
        return {
            entry["custom_id"]: entry["response"]["body"]["choices"][0]["message"]["content"]
            for entry in output
        }

    faulty.switch(LineFault(kind="http_500", share=0.5, times=1))
    _, output, errors = run(caller, 12)
    assert 0 < len(errors) < 12
    _, again, none = run(caller, 12)
    assert none == []
    assert contents(again).items() >= contents(output).items()


# --- batches ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "message", "text"),
    [
        ("invalid_json_line", "oops", "oops"),
        ("token_limit_exceeded", None, "Enqueued token limit reached for gpt-5-mini in organ"),
    ],
)
def test_a_batch_can_fail_validation(
    code: str, message: str | None, text: str, faulty: RunningStandin, caller: OpenAI
) -> None:
    faulty.switch(BatchFault(kind="fail_validation", code=code, message=message, skip=1, times=1))
    statuses = []
    for _ in range(3):
        batch, _, _ = run(caller, 1)
        statuses.append(batch.status)
        if batch.status == "failed":
            assert batch.errors.data[0].code == code
            assert batch.errors.data[0].message.startswith(text)
    assert statuses == ["completed", "failed", "completed"]


def test_a_batch_can_expire_after_a_share_of_its_lines(
    faulty: RunningStandin, caller: OpenAI
) -> None:
    faulty.switch(BatchFault(kind="expire_at_share", share=0.3))
    batch, output, errors = run(caller, 10)
    assert batch.status == "expired"
    assert (len(output), len(errors)) == (3, 7)
    assert {entry["error"]["code"] for entry in errors} == {"batch_expired"}
    executed = [entry for entry in faulty.journal() if entry["kind"] == "line"]
    assert ids(executed) == ids(output)


@pytest.mark.parametrize("state", ["in_progress", "finalizing"])
def test_a_batch_is_stuck_until_it_is_cancelled_or_the_fault_is_gone(
    state: str, faulty: RunningStandin, caller: OpenAI
) -> None:
    kind: Any = f"stuck_{state}"
    faulty.switch(BatchFault(kind=kind))
    first, second = submit(caller, requests(4)), submit(caller, requests(4))
    deadline = time.monotonic() + 10
    while {batch.status for batch in caller.batches.list()} != {state}:
        assert time.monotonic() < deadline
    time.sleep(0.1)
    assert {batch.status for batch in caller.batches.list()} == {state}
    cancelled, _ = wait(caller, caller.batches.cancel(first.id))
    assert cancelled.status == "cancelled"
    assert caller.batches.retrieve(second.id).status == state
    faulty.switch()
    assert wait(caller, second)[0].status == "completed"


def test_a_cancel_can_be_stuck(faulty: RunningStandin, caller: OpenAI) -> None:
    fault: Fault = BatchFault(kind="stuck_cancelling")
    faulty.switch(BatchFault(kind="stuck_in_progress"), fault)
    batch = caller.batches.cancel(submit(caller, requests(4)).id)
    time.sleep(0.1)
    assert caller.batches.retrieve(batch.id).status == "cancelling"
    faulty.switch()
    assert wait(caller, batch)[0].status == "cancelled"


def test_a_batch_can_be_missing_from_the_list_at_first(
    faulty: RunningStandin, caller: OpenAI
) -> None:
    faulty.switch(BatchFault(kind="hidden_from_list", seconds=0.3))
    batch = submit(caller, requests(1))
    assert caller.batches.list().data == []
    assert caller.batches.retrieve(batch.id).id == batch.id
    time.sleep(0.35)
    assert [listed.id for listed in caller.batches.list()] == [batch.id]


def test_a_batch_of_which_all_lines_fail_has_an_error_file_only(
    faulty: RunningStandin, caller: OpenAI
) -> None:
    faulty.switch(BatchFault(kind="all_lines_fail"))
    batch, _, errors = run(caller, 4)
    assert (batch.status, batch.output_file_id, len(errors)) == ("completed", None, 4)


def test_one_batch_can_have_several_faults(faulty: RunningStandin, caller: OpenAI) -> None:
    faulty.switch(BatchFault(kind="empty_error_id"), BatchFault(kind="usage_null"))
    for _ in range(3):
        batch, _, _ = run(caller, 1)
        assert (batch.error_file_id, batch.usage) == ("", None)
    assert [shown["fired"] for shown in faulty.faults()] == [3, 3]


# --- models -----------------------------------------------------------------------


def test_a_model_can_be_hidden_or_shut_down_on_another_day(
    faulty: RunningStandin, caller: OpenAI
) -> None:
    faulty.show_models({"gpt-5": None, "gpt-5-mini": date(2026, 11, 24)})
    models = {model.id: model for model in caller.models.list()}
    assert "gpt-5" not in models
    assert models["gpt-5-mini"].shutdown_date == "2026-11-24"
    with pytest.raises(openai.NotFoundError):
        ask(caller, model="gpt-5")
    with pytest.raises(HTTPError) as caught:
        faulty.show_models({"gpt-9": None})
    caught.value.close()
    faulty.show_models({})
    assert caller.models.retrieve("gpt-5").shutdown_date == "2026-12-11"


def test_models_can_be_changed_from_the_start() -> None:
    settings = StandinSettings.model_validate({"models": {"gpt-5": None}})
    with (
        running_standin(settings) as running,
        OpenAI(base_url=running.url, api_key="standin") as client,
        pytest.raises(openai.NotFoundError),
    ):
        client.models.retrieve("gpt-5")
