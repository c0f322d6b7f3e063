import hashlib
import json
import time
from decimal import Decimal
from pathlib import Path

import openai
import pytest
from openai import OpenAI

from normalizer_assets.config import NormalizerConfig, load_config
from normalizer_assets.pricing.costs import cost_usd, usage_from_response
from normalizer_assets.standin.faults import EndpointFault, LineFault
from normalizer_assets.standin.journal import Journal, body_hash
from normalizer_assets.standin.server import RunningStandin, running_standin
from normalizer_assets.standin.settings import StandinSettings
from normalizer_assets_tests.standin.asking import ask, lines, prompt, requests, submit, wait


@pytest.fixture(scope="module")
def config() -> NormalizerConfig:
    return load_config({})


def test_the_hash_of_a_body_does_not_depend_on_the_order_of_its_keys() -> None:
    text = '{"model":"m","n":{"a":"ñ","b":1}}'
    expected = hashlib.sha256(text.encode()).hexdigest()
    assert body_hash({"n": {"b": 1, "a": "ñ"}, "model": "m"}) == expected


def test_a_batch_and_each_of_its_lines_are_written_down_once(
    faulty: RunningStandin, caller: OpenAI, config: NormalizerConfig
) -> None:
    content = requests(3)
    batch = submit(caller, content, metadata={"normalizer_shard": "s1"})
    batch, _ = wait(caller, batch)
    created, *executed = faulty.journal()
    assert created == {
        "kind": "batch",
        "batch_id": batch.id,
        "shard": "s1",
        "input_file_id": batch.input_file_id,
        "reply_lost": False,
    }
    asked = {entry["custom_id"]: entry["body"] for entry in map(json.loads, content.splitlines())}
    answered = {
        entry["custom_id"]: entry["response"]["body"]
        for entry in lines(caller, batch.output_file_id)
    }
    assert len(executed) == 3
    for entry in executed:
        body = answered[entry["custom_id"]]
        model = config.models["gpt-5-mini"]
        assert (entry["kind"], entry["batch_id"], entry["status"]) == ("line", batch.id, 200)
        assert entry["llm_model"] == "gpt-5-mini"
        assert entry["body_hash"] == body_hash(asked[entry["custom_id"]])
        assert entry["usage"] == body["usage"]
        assert entry["content"] == body["choices"][0]["message"]["content"]
        cost = cost_usd(usage_from_response(body), model, batch=True)
        assert Decimal(entry["billed_usd"]) == cost > 0
    assert len(faulty.journal()) == 4


def test_refused_lines_are_written_down_and_cost_nothing(
    faulty: RunningStandin, caller: OpenAI
) -> None:
    wait(caller, submit(caller, requests(1, body={"temperature": 0.3})))
    entry = faulty.journal()[-1]
    assert (entry["status"], entry["usage"], entry["billed_usd"]) == (400, None, "0")
    assert entry["content"] is None


def test_individual_calls_are_written_down_with_their_own_prices(
    faulty: RunningStandin, caller: OpenAI, config: NormalizerConfig
) -> None:
    completion = ask(caller, extra_headers={"X-Client-Request-Id": "mine"})
    embedding = caller.embeddings.create(model="text-embedding-3-small", input=["Leche"])
    call, embedded = faulty.journal()
    assert completion.usage is not None
    assert (call["kind"], call["endpoint"]) == ("call", "/v1/chat/completions")
    assert (call["client_request_id"], call["reply_lost"]) == ("mine", False)
    assert call["content"] == completion.choices[0].message.content
    model = config.models["gpt-5-mini"]
    usage = usage_from_response(completion.to_dict())
    assert Decimal(call["billed_usd"]) == cost_usd(usage, model, batch=False)
    message = {"role": "user", "content": prompt("Galaxy A0 128GB")}
    assert call["body_hash"] == body_hash({"messages": [message], "model": "gpt-5-mini"})
    assert (embedded["endpoint"], embedded["content"]) == ("/v1/embeddings", None)
    tokens = embedding.usage.prompt_tokens
    assert Decimal(embedded["billed_usd"]) == tokens * Decimal("0.02") / 1_000_000


def test_a_flex_call_is_cheaper_and_says_so(
    faulty: RunningStandin, caller: OpenAI, config: NormalizerConfig
) -> None:
    assert ask(caller).service_tier == "default"
    assert ask(caller, service_tier="flex").service_tier == "flex"
    plain, flex = (Decimal(entry["billed_usd"]) for entry in faulty.journal())
    assert flex == plain * Decimal(str(config.models["gpt-5-mini"].flex_factor)) < plain


def test_a_model_without_flex_refuses_it_and_a_refusal_costs_nothing(
    faulty: RunningStandin, caller: OpenAI
) -> None:
    with pytest.raises(openai.BadRequestError, match="Unsupported service_tier") as caught:
        ask(caller, model="gpt-4o-mini", service_tier="flex")
    assert caught.value.param == "service_tier"
    [entry] = faulty.journal()
    assert (entry["status"], entry["billed_usd"]) == (400, "0")


def test_a_caller_who_hung_up_is_billed_and_its_reply_is_lost(
    faulty: RunningStandin, caller: OpenAI
) -> None:
    faulty.switch(EndpointFault(endpoint="POST /v1/chat/completions", kind="slow", seconds=0.3))
    with pytest.raises(openai.APITimeoutError):
        ask(caller, timeout=0.1)
    deadline = time.monotonic() + 10
    while not (entries := faulty.journal()):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    assert entries[0]["reply_lost"]
    assert Decimal(entries[0]["billed_usd"]) > 0


def test_billed_lines_that_reach_nobody_are_in_the_journal_and_in_the_batch_usage(
    faulty: RunningStandin, caller: OpenAI
) -> None:
    faulty.switch(
        LineFault(kind="missing", positions=frozenset({0})),
        LineFault(kind="altered_id", positions=frozenset({1})),
        LineFault(kind="expired", positions=frozenset({2})),
        LineFault(kind="status_0", positions=frozenset({3})),
    )
    batch, _ = wait(caller, submit(caller, requests(5)))
    executed = [entry for entry in faulty.journal() if entry["kind"] == "line"]
    assert {entry["custom_id"] for entry in executed} == {"batch_0_0", "batch_0_1", "batch_0_4"}
    assert all(Decimal(entry["billed_usd"]) > 0 for entry in executed)
    assert batch.usage is not None
    assert batch.usage.input_tokens == sum(entry["usage"]["prompt_tokens"] for entry in executed)


def test_lines_of_a_cancelled_batch_are_billed_as_far_as_they_were_executed(
    faulty: RunningStandin,
) -> None:
    settings = faulty.settings.model_copy(update={"batch_seconds": 1.0})
    with (
        running_standin(settings) as running,
        OpenAI(base_url=running.url, api_key="standin") as client,
    ):
        batch = submit(client, requests(20))
        while batch.request_counts is None or batch.request_counts.completed < 3:
            batch = client.batches.retrieve(batch.id)
        batch, _ = wait(client, client.batches.cancel(batch.id))
        answered = {entry["custom_id"] for entry in lines(client, batch.output_file_id)}
        executed = {entry["custom_id"] for entry in running.journal() if entry["kind"] == "line"}
    assert executed == answered
    assert 3 <= len(executed) < 20


def test_a_journal_in_a_folder_survives_a_restart(tmp_path: Path, config: NormalizerConfig) -> None:
    settings = StandinSettings(batch_seconds=0, failing_lines=0, storage=tmp_path)
    with (
        running_standin(settings, config=config) as running,
        OpenAI(base_url=running.url, api_key="standin") as client,
    ):
        wait(client, submit(client, requests(2)))
        before = running.journal()
    with (
        running_standin(settings, config=config) as running,
        OpenAI(base_url=running.url, api_key="standin") as client,
    ):
        assert running.journal() == before
        ask(client)
        assert running.journal()[:-1] == before
        running.reset()
        assert running.journal() == []
        assert client.batches.list().data == []
    assert Journal(config.models, tmp_path).text() == b""
    assert not list(tmp_path.iterdir())
