import base64
import json
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import openai
import pytest
from openai import OpenAI
from openai.types import Batch

from normalizer_assets.standin.server import RunningStandin, running_standin
from normalizer_assets.standin.settings import NOTICE, StandinSettings
from normalizer_assets_tests.standin.asking import CHAT, prompt, requests, submit, wait

SETTINGS = StandinSettings(
    batch_seconds=0.3, failing_lines=0, disagreement=0, max_file_lines=30, max_file_bytes=50_000
)


@pytest.fixture(scope="module")
def standin() -> Iterator[RunningStandin]:
    with running_standin(SETTINGS) as running:
        yield running


@pytest.fixture(scope="module")
def client(standin: RunningStandin) -> Iterator[OpenAI]:
    with OpenAI(base_url=standin.url, api_key="standin", max_retries=0) as client:
        yield client


def test_a_batch_goes_from_upload_to_download(client: OpenAI) -> None:
    batch = submit(client, requests(), metadata={"shard": "1f"})
    assert (batch.status, batch.model, batch.output_file_id) == ("validating", None, None)
    batch, seen = wait(client, batch)
    assert [status for status in seen if status != "validating"] == [
        "in_progress",
        "finalizing",
        "completed",
    ]
    assert batch.metadata == {"shard": "1f"}
    assert batch.model == "gpt-5-mini-standin"
    assert batch.request_counts is not None
    assert batch.request_counts.completed == 20
    assert batch.output_file_id is not None
    text = client.files.content(batch.output_file_id).text
    lines = [json.loads(line) for line in text.splitlines()]
    assert {line["custom_id"] for line in lines} == {f"batch_0_{number}" for number in range(20)}
    body = lines[0]["response"]["body"]
    assert body["model"] == "gpt-5-mini-standin"
    assert client.files.retrieve(batch.output_file_id).purpose == "batch_output"


def test_batch_and_individual_calls_give_the_same_answer(client: OpenAI) -> None:
    batch, _ = wait(client, submit(client, requests(3)))
    lines = client.files.content(batch.output_file_id or "").text.splitlines()
    contents = {
        line["custom_id"]: line["response"]["body"]["choices"][0]["message"]["content"]
        for line in map(json.loads, lines)
    }
    for number in range(3):
        completion = client.chat.completions.create(
            model="gpt-5-mini",
            messages=[{"role": "user", "content": prompt(f"Galaxy A{number} 128GB")}],
        )
        assert completion.choices[0].message.content == contents[f"batch_0_{number}"]
        assert completion.model == "gpt-5-mini-standin"
        assert completion.system_fingerprint == "standin"


def test_a_cancelled_batch_ends_cancelled_and_a_second_cancel_changes_nothing(
    client: OpenAI,
) -> None:
    batch = client.batches.cancel(submit(client, requests()).id)
    assert batch.status == "cancelling"
    batch, _ = wait(client, batch)
    assert batch.status == "cancelled"
    assert client.batches.cancel(batch.id).status == "cancelled"


def test_an_ended_batch_cannot_be_cancelled(client: OpenAI) -> None:
    batch, _ = wait(client, submit(client, requests(1)))
    with pytest.raises(openai.ConflictError, match="Cannot cancel a batch with status 'completed'"):
        client.batches.cancel(batch.id)


def test_an_expired_batch_is_listed_as_expired() -> None:
    settings = SETTINGS.model_copy(update={"batch_seconds": 1.0, "window_seconds": 0.5})
    with (
        running_standin(settings) as running,
        OpenAI(base_url=running.url, api_key="standin") as client,
    ):
        batch, _ = wait(client, submit(client, requests()))
        [listed] = client.batches.list().data
    assert (batch.status, listed.status, listed.id) == ("expired", "expired", batch.id)
    assert listed.error_file_id


def test_batches_are_paged_newest_first(client: OpenAI) -> None:
    created = [submit(client, requests(1)).id for _ in range(3)]
    page = client.batches.list(limit=2)
    assert [batch.id for batch in page.data] == [created[2], created[1]]
    assert page.has_more
    assert [batch.id for batch in client.batches.list(limit=1, after=created[1]).data] == [
        created[0]
    ]
    everything = [batch.id for batch in client.batches.list(limit=1)]
    assert everything[:3] == created[::-1]
    assert len(everything) == len(set(everything))
    last = client.batches.list(after=everything[-1])
    assert (last.data, last.has_more) == ([], False)


def test_files_are_listed_read_and_deleted(client: OpenAI) -> None:
    content = requests(2)
    file = client.files.create(
        file=("año 2024.jsonl", content),
        purpose="batch",
        expires_after={"anchor": "created_at", "seconds": 3600},
    )
    assert (file.filename, file.bytes, file.status) == ("año 2024.jsonl", len(content), "processed")
    assert file.expires_at == file.created_at + 3600
    assert client.files.content(file.id).content == content
    assert file.id in [listed.id for listed in client.files.list(purpose="batch")]
    assert client.files.delete(file.id).deleted
    with pytest.raises(openai.NotFoundError, match=f"No such File object: {file.id}"):
        client.files.content(file.id)


@pytest.mark.parametrize(
    ("filename", "content", "purpose", "message"),
    [
        ("x.json", b"{}", "batch", "Invalid file format for Batch API. Must be .jsonl"),
        ("x.jsonl", b"{}", "party", "'party' is not one of"),
        ("x.jsonl", b"x" * 50_001, "batch", "larger than 50000 bytes"),
        ("x.jsonl", b"x" * 500_000, "batch", "larger than 50000 bytes"),
    ],
)
def test_an_unfit_file_is_refused_at_upload(
    filename: str, content: bytes, purpose: Any, message: str, client: OpenAI
) -> None:
    with pytest.raises(openai.APIStatusError, match=message):
        client.files.create(file=(filename, content), purpose=purpose)


@pytest.mark.parametrize(
    ("expiry", "message"),
    [
        ({"seconds": 3600}, "Missing required parameter: 'expires_after.anchor'"),
        ({"anchor": "created_at", "seconds": 60}, "Expected a value >= 3600, but got 60"),
        ({"anchor": "now", "seconds": 3600}, "Invalid value: 'now'"),
    ],
)
def test_a_wrong_expiry_is_refused(expiry: Any, message: str, client: OpenAI) -> None:
    with pytest.raises(openai.BadRequestError, match=message):
        client.files.create(file=("x.jsonl", b"{}"), purpose="batch", expires_after=expiry)
    with pytest.raises(
        openai.BadRequestError, match=message.replace("'expires", "'output_expires")
    ):
        submit(client, requests(1), output_expires_after=expiry)


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (requests(31), "too_many_tasks"),
        (requests(1) + requests(1), "duplicate_custom_id"),
        (requests(1) + requests(1, model="gpt-5", custom_id="other"), "mismatched_model"),
        (requests(1) + b"oops", "invalid_json_line"),
        (requests(1, model="gpt-9"), "model_not_found"),
    ],
)
def test_a_wrong_file_shows_only_after_validation(
    content: bytes, code: str, client: OpenAI
) -> None:
    batch = submit(client, content)
    assert batch.status == "validating"
    batch, _ = wait(client, batch)
    assert batch.status == "failed"
    assert batch.errors is not None
    assert batch.errors.data is not None
    assert code in [error.code for error in batch.errors.data]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"input_file_id": None}, "Missing required parameter: 'input_file_id'."),
        ({"endpoint": None}, "Missing required parameter: 'endpoint'."),
        ({"completion_window": None}, "Missing required parameter: 'completion_window'."),
        ({"completion_window": "48h"}, "Invalid value: '48h'. Supported values are: '24h'."),
        ({"endpoint": "/v1/party"}, "Invalid value: '/v1/party'"),
        ({"input_file_id": "file-0"}, "Cannot find file file-0"),
        ({"metadata": {str(n): "" for n in range(17)}}, "at most 16 properties"),
        ({"metadata": {"k" * 65: "v"}}, "maximum length 64"),
        ({"metadata": {"k": "v" * 513}}, "maximum length 512"),
        ({"metadata": {"k": 1}}, "Invalid type for 'metadata.k': expected a string"),
        ({"metadata": "k"}, "Invalid type for 'metadata': expected an object"),
        ({"output_expires_after": 60}, "Invalid type for 'output_expires_after'"),
    ],
)
def test_a_wrong_batch_is_refused_at_once(
    change: dict[str, Any], message: str, client: OpenAI
) -> None:
    file = client.files.create(file=("x.jsonl", requests(1)), purpose="batch")
    values = {"input_file_id": file.id, "endpoint": CHAT, "completion_window": "24h"} | change
    body = {name: value for name, value in values.items() if value is not None}
    with pytest.raises(openai.BadRequestError, match=message):
        client.post("/batches", body=body, cast_to=Batch)


def test_a_file_for_another_purpose_makes_no_batch(client: OpenAI) -> None:
    file = client.files.create(file=("x.jsonl", requests(1)), purpose="user_data")
    with pytest.raises(openai.BadRequestError, match="expected 'batch', but got 'user_data'"):
        client.batches.create(input_file_id=file.id, endpoint=CHAT, completion_window="24h")


@pytest.mark.parametrize("limit", [0, 101])
def test_a_page_has_one_to_a_hundred_batches(limit: int, client: OpenAI) -> None:
    with pytest.raises(openai.BadRequestError, match="Invalid 'limit'"):
        client.batches.list(limit=limit)


def test_an_unknown_cursor_or_batch_is_refused(client: OpenAI) -> None:
    with pytest.raises(openai.BadRequestError, match="no object with id 'batch_0'"):
        client.batches.list(after="batch_0")
    with pytest.raises(openai.NotFoundError, match="No batch found with id 'batch_0'"):
        client.batches.retrieve("batch_0")


@pytest.mark.parametrize("header", [None, "", "Bearer", "Basic c3RhbmRpbg=="])
def test_a_request_without_a_key_is_refused(header: str | None, client: OpenAI) -> None:
    value = openai.omit if header is None else header
    with pytest.raises(openai.AuthenticationError) as caught:
        client.models.list(extra_headers={"Authorization": value})
    assert caught.value.code == "invalid_api_key"


def test_a_parameter_that_the_model_does_not_accept_is_refused(client: OpenAI) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        client.chat.completions.create(
            model="gpt-5", temperature=0.2, messages=[{"role": "user", "content": prompt("x")}]
        )
    assert (caught.value.param, caught.value.code) == ("temperature", "unsupported_value")


def test_a_product_that_always_fails_gets_a_server_error() -> None:
    with (
        running_standin(SETTINGS.model_copy(update={"failing_lines": 1.0})) as running,
        OpenAI(base_url=running.url, api_key="standin", max_retries=0) as client,
    ):

        def outcome(number: int) -> str:
            message: Any = {"role": "user", "content": prompt(f"Galaxy A{number}")}
            try:
                client.chat.completions.create(model="gpt-5-mini", messages=[message])
            except openai.InternalServerError:
                return "error"
            return "answer"

        with ThreadPoolExecutor(8) as threads:
            first, second = (list(threads.map(outcome, range(30))) for _ in range(2))
    assert set(first) == {"error", "answer"}
    assert first == second


def test_calls_at_the_same_time_get_each_their_own_answer(client: OpenAI) -> None:
    def ask(number: int) -> str | None:
        completion = client.chat.completions.create(
            model="gpt-5-mini",
            messages=[{"role": "user", "content": prompt(f"Galaxy A{number} 128GB")}],
        )
        return completion.choices[0].message.content

    with ThreadPoolExecutor(8) as threads:
        together = list(threads.map(ask, range(16)))
    assert together == [ask(number) for number in range(16)]
    assert len(set(together)) == 16


def test_embeddings_are_the_same_in_both_encodings(client: OpenAI) -> None:
    vectors = [
        client.embeddings.create(
            model="text-embedding-3-small",
            input=["Leche entera 1L", "iPhone"],
            dimensions=64,
            encoding_format=encoding,
        )
        for encoding in ("float", "base64")
    ]
    plain = np.array([entry.embedding for entry in vectors[0].data], dtype=np.float32)
    # The SDK decodes base64 only where it chose it itself.
    packed = [
        np.frombuffer(base64.b64decode(str(entry.embedding)), dtype="<f4")
        for entry in vectors[1].data
    ]
    assert np.array_equal(plain, np.array(packed))
    assert np.allclose(np.linalg.norm(plain, axis=1), 1)
    chosen = client.embeddings.create(
        model="text-embedding-3-small", input=["Leche entera 1L", "iPhone"], dimensions=64
    )
    assert np.array_equal(plain, np.array([entry.embedding for entry in chosen.data]))


def test_models_come_from_the_configuration(client: OpenAI) -> None:
    models = {model.id: model for model in client.models.list()}
    assert {"gpt-5", "gpt-5-mini", "gpt-4o-mini", "text-embedding-3-small"} <= set(models)
    assert {model.owned_by for model in models.values()} == {"normalizer-standin"}
    assert client.models.retrieve("gpt-5").shutdown_date == "2026-12-11"
    assert client.models.retrieve("text-embedding-3-small").shutdown_date is None
    with pytest.raises(openai.NotFoundError) as caught:
        client.models.retrieve("gpt-9")
    assert caught.value.code == "model_not_found"


def test_the_first_page_says_who_answers(client: OpenAI, standin: RunningStandin) -> None:
    root = standin.url.removesuffix("/v1")
    assert NOTICE in client.with_options(base_url=root).get("/", cast_to=str)


def test_an_unknown_address_is_named(client: OpenAI) -> None:
    with pytest.raises(openai.NotFoundError, match=r"Invalid URL \(GET /v1/party\)"):
        client.get("/party", cast_to=str)


def test_a_taken_port_is_named(standin: RunningStandin) -> None:
    with (
        pytest.raises(OSError, match=f"cannot listen on 127.0.0.1:{standin.port}"),
        running_standin(SETTINGS, port=standin.port),
    ):
        pass


def test_nothing_listens_after_the_end() -> None:
    with running_standin(SETTINGS) as running:
        socket.create_connection(("127.0.0.1", running.port)).close()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", running.port))


def test_the_process_says_who_answers_and_ends_cleanly_when_interrupted() -> None:
    program = (
        "from normalizer_assets.standin.server import serve\n"
        "from normalizer_assets.standin.settings import StandinSettings\n"
        "serve(0, StandinSettings())"
    )
    with subprocess.Popen(  # noqa: S603 - our own program
        [sys.executable, "-c", program], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        first, second = process.stdout.readline(), process.stdout.readline()
        url = first.split()[2]
        with OpenAI(base_url=url, api_key="standin", max_retries=5) as client:
            assert client.models.retrieve("gpt-5").owned_by == "normalizer-standin"
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 0
    assert second.strip() == NOTICE
