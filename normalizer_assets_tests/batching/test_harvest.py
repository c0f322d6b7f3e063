import dataclasses
import json
from decimal import Decimal
from typing import Any

import openai
import pytest
import sqlalchemy as sa

from normalizer_assets.batching import ledger
from normalizer_assets.batching.harvest import Harvest, harvest_due, settle_lines
from normalizer_assets.batching.polling import poll
from normalizer_assets.batching.work import PartitionWork
from normalizer_assets.config import ModelConfig
from normalizer_assets.db.tables import answers, batch_requests
from normalizer_assets_tests.batching.listings import routed_listings, submit
from normalizer_assets_tests.batching.scripted_api import (
    DROPPED,
    ScriptedApi,
    completion,
    error,
    output_line,
    refused_line,
    unexecuted_line,
)

LINE_USD = Decimal("0.0000325")
"""100 prompt and 20 completion tokens of gpt-5-mini at batch price."""
MODEL = ModelConfig(input_usd=0.25, cached_input_usd=0.025, output_usd=2.0)


@pytest.fixture
def batch_id(scripted_work: PartitionWork) -> str:
    """A batch of four requests that was just created."""
    [batch_id] = submit(scripted_work, routed_listings(4))
    return batch_id


def harvest(work: PartitionWork) -> list[Harvest]:
    poll(work.engine, work.client)
    return harvest_due(work)


def requests_of(work: PartitionWork) -> list[Any]:
    with work.engine.connect() as connection:
        return list(
            connection.execute(sa.select(batch_requests).order_by(batch_requests.c.request_id))
        )


def states(work: PartitionWork) -> list[str]:
    return [row.state for row in requests_of(work)]


def cost(work: PartitionWork) -> Decimal:
    with work.engine.connect() as connection:
        return ledger.cost_of(connection, work.partition)


def test_every_line_ends_in_its_state_at_its_cost(
    scripted_work: PartitionWork, api: ScriptedApi
) -> None:
    [batch_id] = submit(scripted_work, routed_listings(9))
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
        ],
        errors=[refused_line(ids[4]), unexecuted_line(ids[6]), output_line(ids[7], {}, status=0)],
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
        "http_error",
        "missing",
    ]
    assert result == Harvest(batch_id, "completed", 1, 8, 0, "")
    # What cannot be used is billed all the same; an error is not.
    assert cost(scripted_work) == 4 * LINE_USD
    rows = requests_of(scripted_work)
    assert all(row.reason for row in rows[1:8])
    assert json.loads(rows[0].raw)["custom_id"] == ids[0]
    assert rows[0].llm_model == "some-model-2026-01-01"
    assert (rows[0].input_tokens, rows[0].output_tokens) == (100, 20)
    with scripted_work.engine.connect() as connection:
        [answer] = connection.execute(sa.select(answers)).all()
        open_ones = ledger.questions_of(connection, scripted_work.partition).filter(state="open")
    assert (answer.question_key, answer.brand, answer.attributes) == (
        "q0",
        "ACME",
        {"capacity": "1L"},
    )
    assert (answer.answered_by, answer.model_confidence) == ("batch", 0.9)
    assert open_ones.height == 8


def test_cached_and_reasoning_tokens_are_priced_once(
    scripted_work: PartitionWork, api: ScriptedApi, batch_id: str
) -> None:
    usage: dict[str, Any] = {
        "prompt_tokens": 1000,
        "completion_tokens": 300,
        "prompt_tokens_details": {"cached_tokens": 400},
        "completion_tokens_details": {"reasoning_tokens": 250},
    }
    lines = [output_line(custom_id, completion(**usage)) for custom_id in api.ids(batch_id)]
    api.end(batch_id, output=lines)
    harvest(scripted_work)
    each = (600 * Decimal("0.25") + 400 * Decimal("0.025") + 300 * 2) / 10**6 / 2
    assert cost(scripted_work) == 4 * each


@pytest.mark.parametrize("status", ["expired", "cancelled"])
def test_a_batch_that_ended_early_gives_what_it_has(
    scripted_work: PartitionWork, api: ScriptedApi, batch_id: str, status: str
) -> None:
    first, second, third, _ = api.ids(batch_id)
    api.end(
        batch_id,
        status,
        output=[output_line(second)],
        errors=[unexecuted_line(first), unexecuted_line(third, "batch_cancelled")],
    )
    [result] = harvest(scripted_work)
    assert (result.state, result.answered, result.unanswered) == (status, 1, 3)
    assert states(scripted_work) == ["expired", "ok", "expired", "missing"]
    assert cost(scripted_work) == LINE_USD


def test_a_batch_without_an_output_file_is_no_empty_success(
    scripted_work: PartitionWork, api: ScriptedApi, batch_id: str
) -> None:
    api.end(batch_id, errors=[refused_line(custom_id) for custom_id in api.ids(batch_id)])
    [result] = harvest(scripted_work)
    assert (result.answered, result.unanswered) == (0, 4)
    assert set(states(scripted_work)) == {"http_error"}


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
    assert result.errors == (
        "invalid_json_line: Not parseable. (line 3); token_limit_exceeded: Limit: 2"
    )
    assert set(states(scripted_work)) == {"not_executed"}
    assert cost(scripted_work) == 0


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
    api.end(batch_id, output=lines, errors=[refused_line(third)])
    [result] = harvest(scripted_work)
    assert states(scripted_work) == ["ok"] * 4
    assert (result.answered, result.unanswered, result.strange_lines) == (4, 0, 3)
    with scripted_work.engine.connect() as connection:
        brands = connection.execute(sa.select(answers.c.brand)).scalars().all()
    assert set(brands) == {"ACME"}
    assert cost(scripted_work) == 4 * LINE_USD


def test_an_id_that_was_never_asked_is_strange_and_answers_nothing(
    scripted_work: PartitionWork, api: ScriptedApi, batch_id: str
) -> None:
    known, *_ = api.ids(batch_id)
    strangers = ["batch_ffffff_0_x", "", "with\x00null"]
    api.end(batch_id, output=[output_line(name) for name in (known, *strangers)])
    [result] = harvest(scripted_work)
    assert (result.answered, result.unanswered, result.strange_lines) == (1, 3, 3)
    assert states(scripted_work) == ["ok", "missing", "missing", "missing"]
    assert cost(scripted_work) == LINE_USD


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


def test_a_batch_that_is_not_terminal_is_left_alone(
    scripted_work: PartitionWork, api: ScriptedApi, batch_id: str
) -> None:
    api.batches[batch_id]["status"] = "finalizing"
    assert harvest(scripted_work) == []
    assert set(states(scripted_work)) == {"sent"}


def test_raw_files_are_kept_before_a_line_is_parsed(
    scripted_work: PartitionWork, api: ScriptedApi, batch_id: str
) -> None:
    api.end(batch_id, output=[output_line(api.ids(batch_id)[0])], errors=[])
    fetch = f"GET /files/{api.batches[batch_id]['error_file_id']}/content"
    api.then(fetch, *[error(502, "Bad Gateway", retry_after_ms="1")] * 3)
    with pytest.raises(openai.InternalServerError):
        harvest(scripted_work)
    results = scripted_work.storage / "results"
    output = results / f"{batch_id}.output.jsonl"
    assert output.read_bytes() == api.files[api.batches[batch_id]["output_file_id"]]
    assert [path.name for path in results.iterdir()] == [output.name]
    assert set(states(scripted_work)) == {"sent"}
    assert len(harvest(scripted_work)) == 1
    fetched = f"GET /files/{api.batches[batch_id]['output_file_id']}/content"
    assert api.count(fetched) == 1


def test_a_download_that_breaks_off_is_no_result(
    scripted_work: PartitionWork, api: ScriptedApi, batch_id: str
) -> None:
    api.end(batch_id, output=[output_line(custom_id) for custom_id in api.ids(batch_id)])
    cut = dataclasses.replace(error(200, ""), body=b"{}", headers={"content-length": "9999"})
    fetch = f"GET /files/{api.batches[batch_id]['output_file_id']}/content"
    api.then(fetch, cut)
    with pytest.raises(Exception, match=r"incomplete|closed|peer"):
        harvest(scripted_work)
    assert not (scripted_work.storage / "results" / f"{batch_id}.output.jsonl").exists()
    api.then(fetch, DROPPED)
    assert harvest(scripted_work)[0].answered == 4


def test_a_kept_file_is_read_when_the_api_has_deleted_its_own(
    scripted_work: PartitionWork, api: ScriptedApi, batch_id: str
) -> None:
    api.end(batch_id, output=[output_line(custom_id) for custom_id in api.ids(batch_id)])
    kept = scripted_work.storage / "results" / f"{batch_id}.output.jsonl"
    kept.parent.mkdir(parents=True)
    kept.write_bytes(api.files.pop(api.batches[batch_id]["output_file_id"]))
    assert harvest(scripted_work)[0].answered == 4


def test_lines_of_no_file_settle_nothing() -> None:
    settled, strange = settle_lines([], {"a"}, MODEL)
    assert (settled.height, strange) == (0, 0)
