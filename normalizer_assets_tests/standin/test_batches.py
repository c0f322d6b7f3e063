import json
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from normalizer_assets.config import NormalizerConfig, load_config
from normalizer_assets.standin.answers import Answerer
from normalizer_assets.standin.batches import CHAT, EMBEDDINGS, Batches, read_lines, standing
from normalizer_assets.standin.faults import Faults
from normalizer_assets.standin.journal import Journal
from normalizer_assets.standin.settings import StandinSettings
from normalizer_assets.standin.storage import BatchRecord, FileRecord, Storage

CLOCK = StandinSettings(batch_seconds=10, window_seconds=100)
ORDER = ("validating", "in_progress", "finalizing", "completed")


@pytest.fixture(scope="module")
def config() -> NormalizerConfig:
    return load_config({})


def record(**change: Any) -> BatchRecord:
    values = {"total": 100, "validated_at": 0.1, "ready_at": 0.2} | change
    return BatchRecord("batch_1", 0.0, "file-1", CHAT, None, 60.0, **values)


@given(st.lists(st.floats(0, 30), min_size=1), st.floats(0, 30))
def test_a_batch_only_moves_forward(moments: list[float], ready_at: float) -> None:
    batch = record(ready_at=ready_at)
    seen = [standing(batch, moment, CLOCK) for moment in sorted(moments)]
    places = [ORDER.index(state.status) for state in seen]
    executed = [state.executed for state in seen]
    assert places == sorted(places)
    assert executed == sorted(executed)


@pytest.mark.parametrize(
    ("moment", "status", "executed"),
    [
        (0.5, "validating", 0),
        (1, "in_progress", 0),
        (5, "in_progress", 50),
        (8.99, "in_progress", 99),
        (9, "finalizing", 100),
        (10, "completed", 100),
    ],
)
def test_the_clock_passes_through_every_state(moment: float, status: str, executed: int) -> None:
    state = standing(record(), moment, CLOCK)
    assert (state.status, state.executed) == (status, executed)


def test_no_batch_ends_before_its_answers_are_made() -> None:
    for change in ({}, {"cancelling_at": 5.0}):
        assert not standing(record(ready_at=None, **change), 99, CLOCK).terminal
    assert not standing(record(ready_at=None), 200, CLOCK).terminal


def test_a_cancelled_batch_keeps_what_was_done_until_then() -> None:
    batch = record(cancelling_at=5.0)
    assert standing(batch, 5.5, CLOCK).status == "cancelling"
    state = standing(batch, 50, CLOCK)
    assert (state.status, state.executed) == ("cancelled", 50)
    assert "finalizing_at" not in state.times


def test_a_batch_longer_than_its_window_expires_with_what_was_done() -> None:
    state = standing(record(), 50, CLOCK.model_copy(update={"window_seconds": 3.0}))
    assert (state.status, state.executed) == ("expired", 25)
    assert state.times["expired_at"] == 3.0


def test_a_wrong_file_fails_after_validating() -> None:
    batch = record(errors=[{"code": "x"}])
    assert standing(batch, 0.5, CLOCK).status == "validating"
    assert standing(batch, 1.5, CLOCK).status == "failed"


# --- reading lines ----------------------------------------------------------------


def line(custom_id: str = "a", **change: Any) -> dict[str, Any]:
    body = {
        "model": "gpt-5-mini",
        "messages": [
            {"role": "user", "content": f"P:Leche {custom_id} 1L\nOut:{{b,m,a:{{c,cl,s}},cf}}"}
        ],
    }
    return {"custom_id": custom_id, "method": "POST", "url": CHAT, "body": body} | change


def content(*lines: dict[str, Any]) -> bytes:
    return "".join(json.dumps(entry) + "\n" for entry in lines).encode()


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (b"", "empty_file"),
        (content(line("a"), line("b"), line("c"), line("d")), "too_many_tasks"),
        (b"{\n", "invalid_json_line"),
        (b"[]\n", "invalid_json_line"),
        (b"\xff\xfe\n", "invalid_json_line"),
        (content({"custom_id": "a"}), "missing_required_parameter"),
        (content(line(method="GET")), "invalid_method"),
        (content(line(url=EMBEDDINGS)), "invalid_url"),
        (content(line(body=[])), "invalid_type"),
        (content(line(body={"model": "gpt-5", "stream": True})), "unsupported_parameter"),
        (content(line("a"), line("a")), "duplicate_custom_id"),
        (content(line("a"), line("b", body={"model": "gpt-5"})), "mismatched_model"),
    ],
)
def test_validation_finds_what_is_wrong(text: bytes, code: str) -> None:
    _, errors = read_lines(text, CHAT, max_lines=3)
    assert [error["code"] for error in errors] == [code]


def test_validation_names_the_line() -> None:
    _, errors = read_lines(content(line("a")) + b"oops\n", CHAT, max_lines=3)
    assert errors[0]["line"] == 2
    assert errors[0]["message"] == "This line is not parseable as valid JSON."


def test_embedding_inputs_are_summed_over_all_lines() -> None:
    body = {"model": "text-embedding-3-small", "input": ["a"] * 30_000}
    text = content(*(line(name, url=EMBEDDINGS, body=body) for name in "ab"))
    _, errors = read_lines(text, EMBEDDINGS, max_lines=3)
    assert [error["code"] for error in errors] == ["too_many_inputs"]


# --- the whole life ---------------------------------------------------------------


class Clock:
    """Time that a test moves by hand."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


class Bench:
    """Batches on a hand-moved clock."""

    def __init__(self, config: NormalizerConfig, folder: Path | None = None, **change: Any) -> None:
        settings = {"batch_seconds": 10.0, "disagreement": 0.0, "failing_lines": 0.0} | change
        self.settings = StandinSettings.model_validate(settings)
        self.clock = Clock()
        self.config = config
        self.folder = folder
        self.start()

    def start(self) -> None:
        self.storage = Storage(self.folder)
        answerer = Answerer(0, self.settings.disagreement, self.config)
        self.journal = Journal(self.config.models, self.folder)
        self.batches = Batches(
            self.settings,
            self.config.models,
            self.storage,
            answerer,
            self.clock,
            Faults(),
            self.journal,
        )

    def create(self, text: bytes, endpoint: str = CHAT) -> str:
        file = FileRecord(f"file-{len(self.storage.files)}", "x.jsonl", "batch", 1, 0.0, None)
        self.storage.save_file(file, text)
        return str(self.batches.create(file, endpoint, None, 60.0)["id"])

    def work_off(self) -> None:
        """Waits until all answers are made."""
        deadline = time.monotonic() + 20
        while any(batch.ready_at is None for batch in self.storage.batches.values()):
            assert time.monotonic() < deadline
            time.sleep(0.005)

    def at(self, seconds: float, batch_id: str) -> dict[str, Any]:
        self.clock.now = 1000 + seconds
        return self.batches.retrieve(batch_id)

    def lines(self, file_id: str | None) -> list[dict[str, Any]]:
        return [json.loads(text) for text in self.storage.content(file_id or "").splitlines()]


LINES = content(*(line(f"id-{number}") for number in range(200)))


def test_every_line_of_a_faultless_batch_is_answered_in_another_order(
    config: NormalizerConfig,
) -> None:
    bench = Bench(config)
    batch_id = bench.create(LINES)
    bench.work_off()
    batch = bench.at(10, batch_id)
    output = bench.lines(batch["output_file_id"])
    ids = [entry["custom_id"] for entry in output]
    assert sorted(ids) == sorted(f"id-{number}" for number in range(200))
    assert ids != [f"id-{number}" for number in range(200)]
    assert not batch["error_file_id"]
    assert batch["request_counts"] == {"total": 200, "completed": 200, "failed": 0}
    usage = [entry["response"]["body"]["usage"] for entry in output]
    assert batch["usage"]["input_tokens"] == sum(entry["prompt_tokens"] for entry in usage)
    assert batch["usage"]["output_tokens"] == sum(entry["completion_tokens"] for entry in usage)


def test_when_all_lines_fail_there_is_an_error_file_only(config: NormalizerConfig) -> None:
    bench = Bench(config)
    refused = line("a")
    refused["body"]["temperature"] = 0.1
    batch_id = bench.create(content(refused))
    bench.work_off()
    batch = bench.at(10, batch_id)
    assert (batch["status"], batch["output_file_id"]) == ("completed", None)
    [entry] = bench.lines(batch["error_file_id"])
    assert entry["error"] is None
    assert entry["response"]["status_code"] == 400
    assert entry["response"]["body"]["error"]["param"] == "temperature"


def test_failing_products_end_in_each_way_that_is_known(config: NormalizerConfig) -> None:
    bench = Bench(config, failing_lines=1.0)
    batch_id = bench.create(LINES)
    bench.work_off()
    batch = bench.at(10, batch_id)
    choices = [
        entry["response"]["body"]["choices"][0] for entry in bench.lines(batch["output_file_id"])
    ]
    errors = bench.lines(batch["error_file_id"])
    assert any(choice["message"]["refusal"] for choice in choices)
    assert any(choice["finish_reason"] == "length" for choice in choices)
    assert any('"alta"' in (choice["message"]["content"] or "") for choice in choices)
    assert {entry["response"]["status_code"] for entry in errors} == {500}
    assert len(choices) + len(errors) < 200
    assert batch["request_counts"]["failed"] == len(errors)


@pytest.mark.parametrize(
    ("ending", "code"), [("cancelled", "batch_cancelled"), ("expired", "batch_expired")]
)
def test_a_stopped_batch_has_an_output_and_names_the_lines_that_never_ran(
    ending: str, code: str, config: NormalizerConfig
) -> None:
    bench = Bench(config, window_seconds=5.0 if ending == "expired" else 100.0)
    batch_id = bench.create(LINES)
    bench.work_off()
    if ending == "cancelled":
        bench.at(5, batch_id)
        bench.batches.cancel(batch_id)
    batch = bench.at(8, batch_id)
    assert batch["status"] == ending
    done, rest = bench.lines(batch["output_file_id"]), bench.lines(batch["error_file_id"])
    assert len(done) == 100
    assert len({entry["custom_id"] for entry in done + rest}) == 200
    assert {entry["error"]["code"] for entry in rest} == {code}
    assert all(entry["response"] is None for entry in rest)
    assert batch["request_counts"] == {"total": 200, "completed": 100, "failed": 0}


def test_a_restart_forgets_neither_batches_nor_results(
    config: NormalizerConfig, tmp_path: Path
) -> None:
    bench = Bench(config, tmp_path)
    done = bench.create(LINES)
    bench.work_off()
    ended = bench.at(10, done)
    open_one = bench.create(LINES)
    bench.batches.close()
    bench.start()
    bench.work_off()
    assert bench.at(20, done) == ended
    assert len(bench.lines(ended["output_file_id"])) == 200
    restarted = bench.at(30, open_one)
    assert restarted["status"] == "completed"
    assert len(bench.lines(restarted["output_file_id"])) == 200


def test_an_input_file_lost_before_a_restart_fails_the_batch(
    config: NormalizerConfig, tmp_path: Path
) -> None:
    bench = Bench(config, tmp_path)
    batch_id = bench.create(LINES)
    bench.work_off()
    bench.storage.delete_file("file-0")
    bench.start()
    bench.work_off()
    assert bench.at(20, batch_id)["errors"]["data"][0]["code"] == "empty_file"


def test_enqueued_tokens_are_refused_until_there_is_room(config: NormalizerConfig) -> None:
    models = config.models["gpt-5-mini"].model_copy(update={"enqueued_tokens": 10_000})
    tight = config.model_copy(update={"models": {"gpt-5-mini": models}})
    bench = Bench(tight, enqueued_token_limits=True)
    first, second = bench.create(LINES), bench.create(LINES)
    bench.work_off()
    refused = bench.at(2, second)
    assert refused["errors"]["data"][0]["code"] == "token_limit_exceeded"
    assert "Limit: 10,000 enqueued tokens" in refused["errors"]["data"][0]["message"]
    assert bench.at(10, first)["status"] == "completed"
    third = bench.create(LINES)
    bench.work_off()
    assert bench.at(25, third)["status"] == "completed"


def test_embeddings_can_be_batched(config: NormalizerConfig) -> None:
    bench = Bench(config)
    body = {"model": "text-embedding-3-small", "input": ["Leche"], "dimensions": 8}
    wrong = body | {"input": ""}
    text = content(line("good", url=EMBEDDINGS, body=body), line("bad", url=EMBEDDINGS, body=wrong))
    batch_id = bench.create(text, EMBEDDINGS)
    bench.work_off()
    batch = bench.at(10, batch_id)
    [good] = bench.lines(batch["output_file_id"])
    assert len(good["response"]["body"]["data"][0]["embedding"]) == 8
    [bad] = bench.lines(batch["error_file_id"])
    assert bad["response"]["status_code"] == 400
