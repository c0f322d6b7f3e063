"""Batches: their validation, their clock, their results.

Belongs here: everything that happens between ``POST /v1/batches`` and the output file.
Does not belong here: HTTP, and what an answer says.

A batch's state at any moment follows from its record and the time alone (``standing``),
so nothing ticks in between and a restart changes nothing. Its answers are made at once
in a worker thread; the clock decides when they may be seen.
"""

import json
import random
import secrets
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

from normalizer_assets.config import ModelConfig
from normalizer_assets.prompting.tokens import count_tokens
from normalizer_assets.standin import completions, embeddings
from normalizer_assets.standin.answers import Answerer
from normalizer_assets.standin.completions import MODEL_SUFFIX
from normalizer_assets.standin.errors import ApiError
from normalizer_assets.standin.faults import Faults, LineKind
from normalizer_assets.standin.journal import Journal
from normalizer_assets.standin.settings import StandinSettings
from normalizer_assets.standin.storage import BatchRecord, FileRecord, Status, Storage

CHAT = "/v1/chat/completions"
EMBEDDINGS = "/v1/embeddings"
ENDPOINTS = (CHAT, EMBEDDINGS)
MAX_EMBEDDING_INPUTS = 50_000
MAX_LISTED_ERRORS = 100
ALTERED = "~"
"""Last character of an altered custom id; nobody's own ids should end in it."""

TOKEN_LIMIT = "token_limit_exceeded"  # noqa: S105 - an error code

VALIDATING_SHARE = 0.1
IN_PROGRESS_SHARE = 0.8
FINALIZING_SHARE = 0.1
CANCELLING_SHARE = 0.1
"""Shares of ``batch_seconds`` that a batch spends in each state."""

NOT_EXECUTED = {
    "expired": (
        "batch_expired",
        "This request could not be executed before the completion window expired.",
    ),
    "cancelled": (
        "batch_cancelled",
        "This request could not be executed because the batch was cancelled.",
    ),
}
"""Terminal status -> error of the lines that were not reached. The text for a cancel is
ours: only that such a batch has an error file was seen."""


@dataclass(frozen=True)
class Line:
    """One request of a batch file.

    Attributes:
        custom_id: As given.
        body: As given.
    """

    custom_id: str
    body: dict[str, Any]


@dataclass(frozen=True)
class LineResult:
    """What became of one line.

    Attributes:
        custom_id: As given.
        status: HTTP status; 0 for a line that was not executed.
        body: Response body.
        fault: What goes wrong in the files.
        entry: What the journal says of it, ``None`` if it was not executed.
    """

    custom_id: str
    status: int = 0
    body: dict[str, Any] | None = None
    fault: LineKind | None = None
    entry: dict[str, Any] | None = None

    @property
    def failed(self) -> bool:
        """Whether it counts as failed; a line that is missing counts as completed."""
        return self.status > 200 or self.fault == "expired"  # noqa: PLR2004


@dataclass(frozen=True)
class Standing:
    """A batch at one moment.

    Attributes:
        status: Its state.
        executed: Lines done until now, or until it was stopped.
        times: Time field such as ``in_progress_at`` -> epoch seconds.
    """

    status: Status
    executed: int
    times: dict[str, float]

    @property
    def terminal(self) -> bool:
        """Whether nothing will change any more."""
        return self.status in ("failed", "completed", "expired", "cancelled")


def standing(
    record: BatchRecord,
    now: float,
    settings: StandinSettings,
    stuck: frozenset[str] = frozenset(),
) -> Standing:
    """Says where a batch stands.

    Args:
        record: The batch; its ``ready_at`` is ``None`` while answers are being made, and
            no end comes before that.
        now: Epoch seconds.
        settings: The clock.
        stuck: Those of the batch's ``stuck_*`` faults that are still switched on.
    """
    span = settings.batch_seconds
    starts = record.created_at + VALIDATING_SHARE * span
    ready = record.ready_at
    never = float("inf")
    begins = never if record.validated_at is None else max(starts, record.validated_at)
    finalizes = never if ready is None else max(starts + IN_PROGRESS_SHARE * span, ready)
    finalizes = never if "stuck_in_progress" in stuck else finalizes
    completes = never if "stuck_finalizing" in stuck else finalizes + FINALIZING_SHARE * span
    early = record.faults.get("expire_at_share")
    most = record.total if early is None else int(record.total * early["share"])

    def executed(moment: float) -> int:
        if moment < begins:
            return 0
        if moment >= finalizes:
            return most
        share = (moment - starts) / (IN_PROGRESS_SHARE * span) if span else 1.0
        return min(int(record.total * share), record.total - 1, most)

    if record.errors:
        failed: Status = "failed" if now >= begins else "validating"
        return Standing(failed, 0, {"failed_at": begins} if now >= begins else {})

    phases: list[tuple[float, Status]] = [
        (record.created_at, "validating"),
        (begins, "in_progress"),
        (finalizes, "finalizing"),
    ]
    stops, end = completes, completes
    ending: Status = "completed"
    if record.cancelling_at is not None:
        stops, ending = record.cancelling_at, "cancelled"
        phases = [phase for phase in phases if phase[0] <= stops] + [(stops, "cancelling")]
        end = never if ready is None else max(stops + CANCELLING_SHARE * span, ready)
        end = never if "stuck_cancelling" in stuck else end
    elif early is not None:
        stops = end = finalizes
        ending = "expired"
        phases = phases[:2]
    elif (expires := record.created_at + settings.window_seconds) < completes:
        stops, ending = expires, "expired"
        end = never if ready is None else max(stops, ready)
        phases = [phase for phase in phases if phase[0] < stops]
    passed = [phase for phase in [*phases, (end, ending)] if phase[0] <= now]
    times = {f"{status}_at": moment for moment, status in passed if status != "validating"}
    return Standing(passed[-1][1], executed(min(now, stops)), times)


class Batches:
    """All batches of one stand-in.

    Args:
        settings: Clock, limits, seed.
        models: The model table.
        storage: Where files and batches are kept.
        answerer: Who answers.
        clock: Returns epoch seconds.
        faults: What is switched on.
        journal: Where executed lines are written down.
    """

    def __init__(
        self,
        settings: StandinSettings,
        models: Mapping[str, ModelConfig],
        storage: Storage,
        answerer: Answerer,
        clock: Callable[[], float],
        faults: Faults,
        journal: Journal,
    ) -> None:
        self._settings = settings
        self._models = models
        self._storage = storage
        self._answerer = answerer
        self._clock = clock
        self._faults = faults
        self._journal = journal
        self._results: dict[str, list[LineResult]] = {}
        self._lock = threading.RLock()
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="standin-batches")
        for record in storage.batches.values():
            if record.status is None:
                # The answers died with the process that made them; they depend on the
                # seed alone and are made again.
                record.validated_at = record.ready_at = None
                self._worker.submit(self._work, record)

    def close(self) -> None:
        """Lets the batch that is being answered finish and drops the others."""
        self._worker.shutdown(wait=True, cancel_futures=True)

    def create(
        self,
        file: FileRecord,
        endpoint: str,
        metadata: dict[str, str] | None,
        output_seconds: float,
        *,
        reply_lost: bool = False,
    ) -> dict[str, Any]:
        """Creates a batch and returns it; whatever is wrong with its file shows later."""
        record = BatchRecord(
            id=f"batch_{secrets.token_hex(12)}",
            created_at=self._clock(),
            input_file_id=file.id,
            endpoint=endpoint,
            metadata=metadata,
            output_seconds=output_seconds,
            faults=self._faults.of_batch(),
        )
        self._journal.add(
            {
                "kind": "batch",
                "batch_id": record.id,
                "shard": (metadata or {}).get("normalizer_shard"),
                "input_file_id": file.id,
                "reply_lost": reply_lost,
            }
        )
        with self._lock:
            self._storage.save_batch(record)
            shown = self._view(record)
        self._worker.submit(self._work, record)
        return shown

    def retrieve(self, batch_id: str) -> dict[str, Any]:
        """Returns a batch as it stands now.

        Raises:
            ApiError: There is none of this id.
        """
        with self._lock:
            return self._view(self._find(batch_id))

    def newest_first(self) -> list[dict[str, Any]]:
        """Returns all batches as they stand now, but for those that a fault hides."""
        with self._lock:
            return [
                self._view(record)
                for record in reversed(self._storage.batches.values())
                if (hidden := record.faults.get("hidden_from_list")) is None
                or self._clock() >= record.created_at + hidden["seconds"]
            ]

    def settle(self) -> None:
        """Writes files and journal of all batches that have ended until now."""
        with self._lock:
            for record in self._storage.batches.values():
                self._settle(record)

    def clear(self) -> None:
        """Forgets all batches and files; returns when none is being answered any more."""
        with self._lock:
            self._storage.clear()
        self._worker.submit(self._results.clear).result()

    def cancel(self, batch_id: str) -> dict[str, Any]:
        """Asks for a cancel, which takes a moment; a second one changes nothing.

        Raises:
            ApiError: There is no such batch, or it ended otherwise.
        """
        with self._lock:
            record = self._find(batch_id)
            status = self._view(record)["status"]
            if status in ("completed", "failed", "expired"):
                raise ApiError(f"Cannot cancel a batch with status '{status}'.", status=409)
            if record.cancelling_at is None:
                record.cancelling_at = self._clock()
                self._storage.save_batch(record)
            return self._view(record)

    def _find(self, batch_id: str) -> BatchRecord:
        record = self._storage.batches.get(batch_id)
        if record is None:
            raise ApiError(f"No batch found with id '{batch_id}'.", status=404)
        return record

    # --- the worker ---------------------------------------------------------------

    def _work(self, record: BatchRecord) -> None:
        """Validates and answers one batch (in the worker thread)."""
        if record.id not in self._storage.batches:
            return
        try:
            lines = self._validate(record)
            results = [] if record.errors else self._execute(record, lines)
        except Exception as error:  # noqa: BLE001 - a batch that hangs hides its cause
            record.errors = [_error("server_error", f"The stand-in failed: {error!r}")]
            results = []
        # Output order is no input order (facts/openai_batch.md section 1).
        random.Random(record.id).shuffle(results)  # noqa: S311 - no secret
        with self._lock:
            self._results[record.id] = results
            record.ready_at = self._clock()
            record.validated_at = record.validated_at or record.ready_at

    def _validate(self, record: BatchRecord) -> list[Line]:
        file = self._storage.files.get(record.input_file_id)
        content = b"" if file is None else self._storage.content(file.id)
        lines, errors = read_lines(content, record.endpoint, self._settings.max_file_lines)
        if (fault := record.faults.get("fail_validation")) is not None:
            model = lines[0].body.get("model") if lines else None
            errors = [_error(fault["code"], fault["message"] or self._text(fault["code"], model))]
        if not errors:
            record.model = str(lines[0].body["model"])
            if record.model not in self._models:
                message = f"The provided model '{record.model}' is not supported by the Batch API."
                errors = [_error("model_not_found", message, param="body.model")]
        if not errors:
            errors = self._reserve_tokens(record, lines)
        with self._lock:
            record.errors = errors[:MAX_LISTED_ERRORS]
            record.total = 0 if errors else len(lines)
            record.validated_at = self._clock()
        return lines

    def _reserve_tokens(self, record: BatchRecord, lines: list[Line]) -> list[dict[str, Any]]:
        """Refuses what exceeds the model's enqueued prompt tokens."""
        limit = self._models[str(record.model)].enqueued_tokens
        if not self._settings.enqueued_token_limits or limit is None:
            return []
        texts = [json.dumps(line.body.get("messages", line.body.get("input"))) for line in lines]
        tokens = int(count_tokens(texts).sum())
        with self._lock:
            waiting = sum(
                other.enqueued_tokens
                for other in self._storage.batches.values()
                if other.model == record.model and not self._settle(other).terminal
            )
            if waiting + tokens <= limit:
                record.enqueued_tokens = tokens
                return []
        return [_error(TOKEN_LIMIT, self._text(TOKEN_LIMIT, record.model))]

    def _text(self, code: str, model: Any) -> str:
        """Returns the text of a validation error, which the real API's is where known."""
        if code != TOKEN_LIMIT:
            return f"The batch failed validation ({code})."
        known = self._models.get(model)
        limit = 0 if known is None else known.enqueued_tokens or 0
        return (
            f"Enqueued token limit reached for {model} in organization org-standin. "
            f"Limit: {limit:,} enqueued tokens. Please try again once some in_progress batches "
            f"have been completed."
        )

    def _execute(self, record: BatchRecord, lines: list[Line]) -> list[LineResult]:
        wrong: LineKind | None = "http_500" if "all_lines_fail" in record.faults else None
        if record.endpoint == EMBEDDINGS:
            return [
                self._embed(record, line, wrong or self._faults.of_line(line.custom_id, position))
                for position, line in enumerate(lines)
            ]
        accepted: list[Line] = []
        requests: list[completions.ChatRequest] = []
        results: list[LineResult] = []
        for position, line in enumerate(lines):
            try:
                request = completions.check(line.body, self._models)
            except ApiError as error:
                results.append(self._result(record, line, error, None))
                continue
            question = line.custom_id if request.question is None else request.question.name
            fault = wrong or self._faults.of_line(question, position, request.limit)
            requests.append(replace(request, fault=fault))
            accepted.append(line)
        replies = completions.respond(requests, self._answerer, self._settings, in_batch=True)
        for line, request, reply in zip(accepted, requests, replies, strict=True):
            results.append(self._result(record, line, reply.error or reply.body, request.fault))
        return results

    def _embed(self, record: BatchRecord, line: Line, fault: LineKind | None) -> LineResult:
        reply: dict[str, Any] | ApiError
        try:
            reply = completions.error_of(fault) or embeddings.respond(
                line.body, frozenset(self._models)
            )
        except ApiError as error:
            reply = error
        return self._result(record, line, reply, fault)

    def _result(
        self,
        record: BatchRecord,
        line: Line,
        reply: dict[str, Any] | ApiError | None,
        fault: LineKind | None,
    ) -> LineResult:
        if reply is None or fault in ("expired", "status_0"):
            return LineResult(line.custom_id, fault=fault or "missing")
        if isinstance(reply, ApiError):
            status, body = reply.status, reply.body()
        else:
            status, body = 200, reply
        entry = {
            "kind": "line",
            "batch_id": record.id,
            "custom_id": line.custom_id,
            **self._journal.execution(line.body, status, body, batch=True),
            "fault": fault,
        }
        return LineResult(line.custom_id, status, body, fault, entry)

    # --- what is seen -------------------------------------------------------------

    def _settle(self, record: BatchRecord) -> Standing:
        """Returns the standing; the first look at an ended batch writes its files."""
        if record.status is not None:
            return Standing(record.status, record.total, record.times)
        stuck = frozenset(kind for kind in record.faults if self._faults.has(kind))
        state = standing(record, self._clock(), self._settings, stuck)
        if state.terminal:
            results = self._results.pop(record.id, [])
            done, rest = results[: state.executed], results[state.executed :]
            record.status, record.times = state.status, state.times
            record.completed, record.failed = _counts(done)
            record.usage = _usage(done)
            record.enqueued_tokens = 0
            written = list(_written(done))
            output = [_line(result) for result in written if not result.failed]
            failures = [_line(result) for result in written if result.status > 200]  # noqa: PLR2004
            expired = [result for result in done if result.fault == "expired"]
            failures += [_unexecuted(result, *NOT_EXECUTED["expired"]) for result in expired]
            failures += [_unexecuted(result, *NOT_EXECUTED[state.status]) for result in rest]
            record.output_file_id = self._produce(record, "output", output)
            # Clean batches were seen with "" as well as null (facts, section 1).
            odd = int(record.id[-1], 16) % 2 or "empty_error_id" in record.faults
            nothing = "" if odd else None
            record.error_file_id = self._produce(record, "error", failures) or nothing
            self._journal.add(*(result.entry for result in done if result.entry))
            self._storage.save_batch(record)
        return state

    def _produce(self, record: BatchRecord, kind: str, lines: list[str]) -> str | None:
        if not lines:
            return None
        content = "".join(f"{line}\n" for line in lines).encode()
        now = self._clock()
        file = FileRecord(
            id=f"file-{secrets.token_hex(12)}",
            filename=f"{record.id}_{kind}.jsonl",
            purpose="batch_output",
            bytes=len(content),
            created_at=now,
            expires_at=now + record.output_seconds,
        )
        self._storage.save_file(file, content)
        return file.id

    def _view(self, record: BatchRecord) -> dict[str, Any]:
        """Returns the API's batch object."""
        state = self._settle(record)
        if record.status is not None:
            completed, failed = record.completed, record.failed
        else:
            # Before the answers are made, every line counts as done well.
            results = self._results.get(record.id)
            completed, failed = (
                (state.executed, 0) if results is None else _counts(results[: state.executed])
            )
        errors = {"object": "list", "data": record.errors} if state.status == "failed" else None
        validated = state.status != "validating" and record.model is not None
        moments = (
            *("in_progress_at", "finalizing_at", "completed_at", "failed_at"),
            *("expired_at", "cancelling_at", "cancelled_at"),
        )
        return {
            "id": record.id,
            "object": "batch",
            "endpoint": record.endpoint,
            "model": f"{record.model}{MODEL_SUFFIX}" if validated else None,
            "errors": errors,
            "input_file_id": record.input_file_id,
            "completion_window": "24h",
            "status": state.status,
            "output_file_id": record.output_file_id,
            "error_file_id": record.error_file_id,
            "created_at": int(record.created_at),
            "expires_at": int(record.created_at + self._settings.window_seconds),
            **{name: int(state.times[name]) if name in state.times else None for name in moments},
            "request_counts": {
                "total": 0 if state.status == "validating" else record.total,
                "completed": completed,
                "failed": failed,
            },
            "usage": None if "usage_null" in record.faults else record.usage or _usage([]),
            "metadata": record.metadata,
        }


# --- reading and writing lines ----------------------------------------------------


def read_lines(
    content: bytes, endpoint: str, max_lines: int
) -> tuple[list[Line], list[dict[str, Any]]]:
    """Reads a batch file as the validation does.

    Args:
        content: The file.
        endpoint: The batch's endpoint.
        max_lines: Most requests allowed.

    Returns:
        The requests, and the errors (``code, message, param, line``); with any error
        the batch fails and no request counts.
    """
    texts = content.splitlines()
    if not texts:
        return [], [_error("empty_file", "The batch input file is empty.")]
    if len(texts) > max_lines:
        message = f"The batch input file contains {len(texts)} requests; at most {max_lines} are "
        return [], [_error("too_many_tasks", message + "allowed.")]
    lines: list[Line] = []
    errors: list[dict[str, Any]] = []
    for number, text in enumerate(texts, start=1):
        try:
            lines.append(_read_line(text, endpoint))
        except ApiError as error:
            errors.append(_error(error.code, error.message, number, error.param))
    errors += _across_lines(lines, endpoint)
    return lines, errors


def _read_line(text: bytes, endpoint: str) -> Line:
    try:
        values = json.loads(text)
    except ValueError:
        values = None
    if not isinstance(values, dict):
        raise ApiError("This line is not parseable as valid JSON.", code="invalid_json_line")
    for name in ("custom_id", "method", "url", "body"):
        if name not in values:
            raise ApiError(
                f"Missing required parameter: '{name}'.",
                param=name,
                code="missing_required_parameter",
            )
    custom_id, body = values["custom_id"], values["body"]
    if not isinstance(custom_id, str) or not isinstance(body, dict):
        raise ApiError("'custom_id' must be a string and 'body' an object.", code="invalid_type")
    if values["method"] != "POST":
        raise ApiError(
            f"Invalid method: '{values['method']}'. Only POST is supported.",
            param="method",
            code="invalid_method",
        )
    if values["url"] != endpoint:
        raise ApiError(
            f"The URL '{values['url']}' provided for this request does not match the batch "
            f"endpoint '{endpoint}'.",
            param="url",
            code="invalid_url",
        )
    if body.get("stream"):
        raise ApiError(
            "Streaming is not supported in the Batch API.",
            param="body.stream",
            code="unsupported_parameter",
        )
    return Line(custom_id, body)


def _across_lines(lines: list[Line], endpoint: str) -> list[dict[str, Any]]:
    """Finds what is wrong with the lines together (texts: facts/openai_batch.md section 1)."""
    errors = []
    seen = Counter(line.custom_id for line in lines)
    errors += [
        _error(
            "duplicate_custom_id",
            f"The custom_id '{custom_id}' for this request is a duplicate of another request. "
            f"The custom_id parameter must be unique for each request in a batch.",
            param="custom_id",
        )
        for custom_id, count in seen.items()
        if count > 1
    ]
    models = {str(line.body.get("model")) for line in lines}
    if len(models) > 1:
        first = str(lines[0].body.get("model"))
        other = next(model for model in sorted(models) if model != first)
        message = (
            f"The model '{other}' for this request does not match the rest of the batch. Each "
            f"batch must contain requests for a single model."
        )
        errors.append(_error("mismatched_model", message, param="body.model"))
    if endpoint == EMBEDDINGS:
        inputs = sum(
            len(given) if isinstance(given := line.body.get("input"), list) else 1 for line in lines
        )
        if inputs > MAX_EMBEDDING_INPUTS:
            message = f"The batch has {inputs} embedding inputs; at most {MAX_EMBEDDING_INPUTS}."
            errors.append(_error("too_many_inputs", message, param="body.input"))
    return errors


def _error(
    code: str | None, message: str, line: int | None = None, param: str | None = None
) -> dict[str, Any]:
    return {"code": code, "line": line, "message": message, "param": param}


def _written(results: Iterable[LineResult]) -> Iterator[LineResult]:
    """Yields what the two files have of executed lines: faults lose, repeat or rename."""
    for result in results:
        if result.fault not in ("missing", "altered_id"):
            yield result
        match result.fault:
            case "duplicated":
                yield result
            case "unknown_id":
                yield replace(result, custom_id=f"unknown-{secrets.token_hex(6)}")
            case "altered_id":
                yield replace(result, custom_id=result.custom_id[:-1] + ALTERED)


def _line(result: LineResult) -> str:
    """Writes an executed line, good or failed."""
    values = {
        "id": f"batch_req_{secrets.token_hex(12)}",
        "custom_id": result.custom_id,
        "response": {
            "status_code": result.status,
            "request_id": f"req_{secrets.token_hex(12)}",
            "body": result.body,
        },
        "error": None,
    }
    return json.dumps(values, ensure_ascii=False)


def _unexecuted(result: LineResult, code: str, message: str) -> str:
    """Writes a line that was never executed."""
    values = {
        "id": f"batch_req_{secrets.token_hex(12)}",
        "custom_id": result.custom_id,
        "response": None,
        "error": {"code": code, "message": message},
    }
    return json.dumps(values, ensure_ascii=False)


def _counts(results: list[LineResult]) -> tuple[int, int]:
    """Returns completed and failed lines."""
    failed = sum(result.failed for result in results)
    return len(results) - failed, failed


def _usage(results: list[LineResult]) -> dict[str, Any]:
    """Sums the lines' usage in the batch object's own words."""
    sums: Counter[str] = Counter()
    for result in results:
        usage = (result.body or {}).get("usage", {})
        sums["input"] += usage.get("prompt_tokens", 0)
        sums["output"] += usage.get("completion_tokens", 0)
        details = usage.get("completion_tokens_details", {})
        sums["reasoning"] += details.get("reasoning_tokens", 0)
    return {
        "input_tokens": sums["input"],
        "input_tokens_details": {"cached_tokens": 0},
        "output_tokens": sums["output"],
        "output_tokens_details": {"reasoning_tokens": sums["reasoning"]},
        "total_tokens": sums["input"] + sums["output"],
    }
