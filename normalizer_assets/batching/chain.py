"""The fallback chain for questions that no batch answered.

Belongs here: individual call with retry, then the legacy model, then basic rules, each
recorded before and after. Does not belong here: batches (``submission``, ``harvest``),
judging answers (``answers.evidence``), what the rules say (``answers.rules``).
"""

import json
import random
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import polars as pl
import sqlalchemy as sa

from normalizer_assets.answers.parsing import ParsedLine, parse_completion
from normalizer_assets.batching import ledger
from normalizer_assets.batching.harvest import answer_values
from normalizer_assets.batching.requests import build_requests
from normalizer_assets.batching.shards import custom_ids
from normalizer_assets.batching.work import PartitionWork
from normalizer_assets.config import IndividualConfig
from normalizer_assets.db.tables import Step
from normalizer_assets.pricing.costs import cost_usd

if TYPE_CHECKING:
    from openai import OpenAI

STEPS: tuple[Step, ...] = ("individual", "legacy")
REPEATS_AFTER_LOST_REPLY = 1
"""A synchronous call cannot be looked up, so it may be paid twice at most."""
LONGEST_PAUSE_SECONDS = 60.0
STOPPING_STATUSES = (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN)
"""The next question would be refused as well."""
PASSING_STATUSES = (HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.CONFLICT, HTTPStatus.TOO_MANY_REQUESTS)

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class ChainResult:
    """How many questions each step of the chain ended."""

    individual: int = 0
    legacy: int = 0
    rules: int = 0


@dataclass(frozen=True)
class _Reply:
    """The end of one call; ``fatal`` stops the whole chain."""

    state: str
    reason: str | None = None
    raw: str | None = None
    line: ParsedLine | None = None
    fatal: Exception | None = None


def answer_open_questions(
    work: PartitionWork, listings: pl.DataFrame, progress: Progress | None = None
) -> ChainResult:
    """Asks every open question of the partition individually until each has an end.

    Args:
        work: The partition; its config says how many calls go at once.
        listings: Routed listings of the open questions, one a question, with the columns
            that ``build_requests`` needs.
        progress: Called with (questions ended, questions in all).

    Returns:
        Counts by the step that ended the question.

    Raises:
        openai.OpenAIError: Wrong key, missing permission, used-up quota, or an API that
            cannot be reached. None of them is the fault of a question: all open ones stay
            open.
    """
    # Before anything is recorded: a missing or wrong key must not look like a lost reply.
    # Retries are ours: the SDK repeats a call after a lost reply without telling.
    client = work.client.with_options(max_retries=0, timeout=work.config.individual.timeout_seconds)
    with work.engine.begin() as connection:
        ledger.abandoned_requests(connection, work.partition)
        tried = ledger.tries(connection, work.partition)
    requests = {step: _requests(work, listings, step) for step in STEPS}

    def end(question_key: str) -> str:
        for step in STEPS:
            states = tried.get((question_key, step), [])
            lost = states.count("outcome_unknown")
            if len(states) > lost or lost > REPEATS_AFTER_LOST_REPLY:
                continue  # this step had its chance before a restart
            if _ask(work, client, step, requests[step][question_key], lost):
                return step
        with work.engine.begin() as connection:
            ledger.close_questions(connection, work.partition, [question_key], "rules")
        return "rules"

    keys = listings["question_key"].to_list()
    ended = dict.fromkeys((*STEPS, "rules"), 0)
    with ThreadPoolExecutor(work.config.individual.concurrency) as pool:
        try:
            for number, step in enumerate(pool.map(end, keys), start=1):
                ended[step] += 1
                if progress is not None:
                    progress(number, len(keys))
        except BaseException:
            pool.shutdown(wait=True, cancel_futures=True)
            raise
    return ChainResult(**ended)


def _requests(work: PartitionWork, listings: pl.DataFrame, step: Step) -> dict[str, dict[str, Any]]:
    """Returns the step's request for each question key."""
    prefix = f"{step}_{ledger.body_hash(work.partition.key)[:6]}"
    built = custom_ids(build_requests(work.config, listings, step), prefix)
    return {row["question_key"]: row for row in built.iter_rows(named=True)}


def _ask(
    work: PartitionWork, client: "OpenAI", step: Step, request: dict[str, Any], lost: int
) -> bool:
    """Asks one question at one step; returns whether it has an answer now.

    ``lost`` is how many replies were lost before a restart.
    """
    for _ in range(1 + REPEATS_AFTER_LOST_REPLY - lost):
        with work.engine.begin() as connection:
            request_id = ledger.plan_request(
                connection, work.partition, step, _ledger_values(request)
            )
        reply = _call(client, work.config.individual, request["body"])
        with work.engine.begin() as connection:
            _settle(connection, work, request_id, step, request, reply)
        if reply.fatal is not None:
            raise reply.fatal
        if reply.state != "outcome_unknown":
            break
    return reply.state == "ok"


def _ledger_values(request: dict[str, Any]) -> dict[str, Any]:
    columns = ("custom_id", "sku", "question_key", "tier", "llm_model", "prompt_version")
    return {
        **{column: request[column] for column in columns},
        "body_hash": ledger.body_hash(request["body"]),
        "estimated_usd": request["estimated_usd"],
    }


def _settle(
    connection: sa.Connection,
    work: PartitionWork,
    request_id: int,
    step: Step,
    request: dict[str, Any],
    reply: _Reply,
) -> None:
    lost = reply.state == "outcome_unknown"
    values: dict[str, Any] = {
        "state": reply.state,
        "reason": reply.reason,
        "raw": reply.raw,
        "cost_usd": request["estimated_usd"] if lost else 0,
    }
    line = reply.line
    if line is not None:
        model = work.config.models[request["llm_model"]]
        values |= {
            "input_tokens": line.usage.input_tokens,
            "cached_tokens": line.usage.cached_tokens,
            "output_tokens": line.usage.output_tokens,
            "reasoning_tokens": line.usage.reasoning_tokens,
            "cost_usd": cost_usd(line.usage, model, batch=False),
            "llm_model": line.llm_model or request["llm_model"],
        }
    ledger.settle_request(connection, request_id, values)
    if line is not None and line.answer is not None:
        answer = {
            "question_key": request["question_key"],
            "answered_by": step,
            "llm_model": values["llm_model"],
            **answer_values(line.answer),
        }
        ledger.store_answer(connection, work.partition, request_id, answer)


def _call(client: "OpenAI", settings: IndividualConfig, body: str) -> _Reply:
    """Sends one body, with retries for failures that pass and cost nothing."""
    import openai

    arguments = json.loads(body)
    reply = _Reply("http_error")
    for pause in _pauses(settings):
        try:
            response = client.chat.completions.with_raw_response.create(**arguments)
            line = parse_completion(json.loads(response.text))
            return _Reply(line.state, line.reason or None, response.text, line)
        except json.JSONDecodeError:
            # Postgres holds no NUL.
            kept = response.text.replace("\x00", "")
            return _Reply("outcome_unknown", "the reply is not JSON", kept)
        except openai.APIConnectionError as error:
            if not never_left(error):
                return _Reply("outcome_unknown", f"no reply: {error}")
            # Neither will the next question leave.
            reply = _Reply("not_executed", f"no connection: {error.__cause__}", fatal=error)
            if pause is not None:
                time.sleep(pause)
        except openai.APIStatusError as error:
            if error.status_code in STOPPING_STATUSES or error.code == "insufficient_quota":
                return _Reply("not_executed", str(error), fatal=error)
            reply = _Reply("http_error", str(error))
            if not _passes(error.status_code):
                return reply
            if pause is not None:
                time.sleep(max(pause, _retry_after(error)))
    return reply


def never_left(error: Exception) -> bool:
    """Returns whether a call failed before its request could reach the API."""
    import httpx2

    return isinstance(error.__cause__, httpx2.ConnectError | httpx2.ConnectTimeout)


def _passes(status_code: int) -> bool:
    return status_code in PASSING_STATUSES or status_code >= HTTPStatus.INTERNAL_SERVER_ERROR


def _pauses(settings: IndividualConfig) -> Iterator[float | None]:
    """Yields the pause after each attempt, in seconds; ``None`` after the last."""
    for attempt in range(settings.attempts - 1):
        yield settings.backoff_seconds * 2**attempt * random.uniform(0.5, 1.5)  # noqa: S311
    yield None


def _retry_after(error: Any) -> float:
    """Returns the seconds that the API asks to wait, 0 where it does not say."""
    try:
        seconds = float(error.response.headers.get("retry-after", 0))
    except ValueError:
        return 0.0
    return min(seconds, LONGEST_PAUSE_SECONDS)
