"""Asking questions one at a time: reserved together, sent with limited concurrency.

Belongs here: the requests of one step, what may be repeated, and reading raw replies.
Does not belong here: the order of the steps (``chain``), sending a call (``calls``).
"""

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING, Any

import polars as pl

from normalizer_assets.answers.parsing import ParsedLine, parse_completion
from normalizer_assets.batching import budget, call_ledger, ledger
from normalizer_assets.batching.calls import (
    REPEATS_AFTER_LOST_REPLY,
    Reply,
    call,
    patient_client,
)
from normalizer_assets.batching.errors import BatchFailedError, BlockedError
from normalizer_assets.batching.harvest import answer_values
from normalizer_assets.batching.shards import custom_ids
from normalizer_assets.batching.work import PartitionWork
from normalizer_assets.db.tables import Step
from normalizer_assets.pricing.costs import cost_usd
from normalizer_assets.prompting.bodies import body_json

if TYPE_CHECKING:
    from openai import OpenAI

Progress = Callable[[int, int], None]

REFUSALS_THAT_PROVE = 3
"""So many questions refused for a parameter, and none answered, show that it is not the
questions' fault."""


@dataclass(frozen=True)
class Result:
    """How one question fared.

    Attributes:
        question_key: The question.
        state: State of its last request.
        reason: Why there is no answer.
        raw: The last reply's text, or the refusal.
    """

    question_key: str
    state: str
    reason: str | None = None
    raw: str | None = None


@dataclass
class Asked:
    """What became of a step's questions.

    Attributes:
        results: Questions that were asked.
        over_budget: Questions that were not: the money did not reach.
        limit: The refusal of the first of these.
    """

    results: list[Result] = field(default_factory=list)
    over_budget: list[str] = field(default_factory=list)
    limit: BlockedError | None = None


@dataclass
class _Refused:
    """Requests of a step that were refused for a parameter; ``enough`` of them stop it."""

    enough: int
    ids: list[int] = field(default_factory=list)


def ask(
    work: PartitionWork,
    step: Step,
    requests: pl.DataFrame,
    lost: dict[str, int],
    progress: Progress | None = None,
) -> Asked:
    """Asks each question once, and once more where a reply was lost or cut short.

    Args:
        work: The partition.
        step: canary, individual or legacy.
        requests: Columns of ``requests.REQUEST_SCHEMA``, one row a question.
        lost: Question key -> how many replies were lost before a restart.
        progress: Called with (questions ended, questions in all).

    Raises:
        BlockedError: Wrong key or used-up quota.
        BatchFailedError: A parameter is refused to several questions, and none was answered.
        openai.OpenAIError: The API cannot be reached. None of them is the fault of a
            question: those without an answer stay open.
    """
    # Before anything is recorded: a missing or wrong key must not look like a lost reply.
    client = patient_client(work)
    prefix = f"{step}_{ledger.body_hash(work.partition.key)[:6]}"
    rows = list(custom_ids(requests, prefix).iter_rows(named=True))
    asked, ids = Asked(), _plan(work, step, rows)
    if len(ids) < len(rows):
        asked.over_budget = [row["question_key"] for row in rows[len(ids) :]]
        with work.engine.connect() as connection:
            limits = budget.limits(connection, work.partition, work.config.budget)
        rest = sum((row["estimated_usd"] for row in rows[len(ids) :]), Decimal(0))
        asked.limit = budget.over(min(limits, key=lambda limit: limit.left_usd), rest)

    stopped: list[BaseException] = []
    refused = _Refused(min(REFUSALS_THAT_PROVE, len(ids)))

    def one(planned: tuple[dict[str, Any], int]) -> Result:
        # The results are read in order: behind a slow first call, all others would still
        # be sent with a key that is refused.
        if stopped:
            raise stopped[0]
        row, request_id = planned
        try:
            repeated = lost.get(row["question_key"], 0)
            return _ask_one(work, client, step, row, request_id, repeated, refused)
        except BaseException as error:
            stopped.append(error)
            raise

    with ThreadPoolExecutor(work.config.individual.concurrency) as pool:
        try:
            for result in pool.map(one, zip(rows, ids, strict=False)):
                asked.results.append(result)
                if progress is not None:
                    progress(len(asked.results), len(rows))
        except BaseException:
            pool.shutdown(wait=True, cancel_futures=True)
            # Their money is free again for others.
            with work.begin() as connection:
                call_ledger.withdraw_planned(connection, work.partition)
            raise
    return asked


def resume(work: PartitionWork) -> None:
    """Settles what a dead process left: lost replies, and stored ones that nobody read."""
    with work.begin() as connection:
        received = call_ledger.abandon(
            connection, work.partition, ("canary", "individual", "legacy")
        )
    for row in received:
        _read(work, row.step, row.request_id, row._asdict(), row.raw)


def _plan(work: PartitionWork, step: Step, rows: list[dict[str, Any]]) -> list[int]:
    """Reserves money and writes requests, as many as it reaches for, in one transaction."""
    with work.begin() as connection:
        count = budget.affordable(
            connection,
            work.partition,
            work.config.budget,
            [row["estimated_usd"] for row in rows],
        )
        return call_ledger.plan_requests(
            connection, work.partition, step, [_ledger_values(row) for row in rows[:count]]
        )


def _ledger_values(row: dict[str, Any]) -> dict[str, Any]:
    columns = (
        *("custom_id", "sku", "question_key", "tier", "llm_model", "prompt_version"),
        *("estimated_usd", "bound_usd"),
    )
    values = {column: row[column] for column in columns}
    return values | {"body_hash": ledger.body_hash(row["body"])}


def _ask_one(
    work: PartitionWork,
    client: "OpenAI",
    step: Step,
    row: dict[str, Any],
    request_id: int,
    lost: int,
    refused: _Refused,
) -> Result:
    """Asks one question until it has a reply, or no other request of it makes sense."""
    larger = standard = False
    while True:
        body = json.loads(row["body"])
        reply = call(work, client, request_id, partial(_post, body))
        if reply.fatal is not None:
            raise reply.fatal
        if reply.parameter is not None:
            _refuse_parameter(work, step, request_id, reply, refused)
        state = reply.state
        if state == "received":
            line = _read(work, step, request_id, row, reply.raw or "")
            state = "outcome_unknown" if line.state == "unreadable" else line.state
            reply = Reply(state, line.reason, reply.raw if line.content is None else line.content)
        if state == "outcome_unknown":
            lost += 1
            if lost > REPEATS_AFTER_LOST_REPLY:
                break
        elif state == "truncated" and not larger:
            larger, row = True, with_larger_limit(work, row)
        elif reply.no_capacity and body.get("service_tier") == "flex" and not standard:
            # There was no room for a cheap call; the full price is always to be had.
            standard, row = True, _without_flex(row)
        else:
            break
        planned = _plan(work, step, [row])
        if not planned:
            break
        request_id = planned[0]
    return Result(row["question_key"], state, reply.reason, reply.raw)


def _post(body: dict[str, Any], client: "OpenAI") -> str:
    text: str = client.chat.completions.with_raw_response.create(**body).text
    return text


def _read(
    work: PartitionWork, step: Step, request_id: int, row: dict[str, Any], raw: str
) -> ParsedLine:
    """Reads a stored reply: cost, state and answer, in one transaction."""
    try:
        line = parse_completion(json.loads(raw))
    except (ValueError, RecursionError):
        line = ParsedLine(None, "unreadable", reason="the reply is not JSON")
    model = work.config.models[row["llm_model"]]
    values: dict[str, Any] = {
        "state": line.state,
        "reason": line.reason or None,
        "input_tokens": line.usage.input_tokens,
        "cached_tokens": line.usage.cached_tokens,
        "output_tokens": line.usage.output_tokens,
        "reasoning_tokens": line.usage.reasoning_tokens,
        "cost_usd": cost_usd(line.usage, model, batch=False, flex=line.flex),
        "llm_model": line.llm_model or row["llm_model"],
    }
    if line.state == "unreadable":
        values |= {"state": "outcome_unknown", "cost_usd": call_ledger.BOUND}
    with work.engine.begin() as connection:
        call_ledger.settle_request(connection, request_id, values)
        if line.answer is not None:
            answer = {
                "question_key": row["question_key"],
                "answered_by": "individual" if step == "canary" else step,
                "llm_model": values["llm_model"],
                **answer_values(line.answer),
            }
            call_ledger.store_answer(connection, work.partition, request_id, answer)
    return line


def with_larger_limit(work: PartitionWork, row: dict[str, Any]) -> dict[str, Any]:
    """Returns the request with a larger output limit: cut answers are never asked the same.

    Reasoning uses up the limit before the answer begins (facts/openai_batch.md, 2).
    """
    body = json.loads(row["body"])
    model = work.config.models[row["llm_model"]]
    limit = body[model.max_tokens_parameter]
    larger = limit * work.config.individual.larger_limit_factor
    body[model.max_tokens_parameter] = larger
    more = Decimal(str(model.output_usd)) * (larger - limit) / 1_000_000
    return row | {"body": body_json(body), "bound_usd": row["bound_usd"] + more}


def _without_flex(row: dict[str, Any]) -> dict[str, Any]:
    body = json.loads(row["body"])
    del body["service_tier"]
    return row | {"body": body_json(body)}


def _refuse_parameter(
    work: PartitionWork, step: Step, request_id: int, reply: Reply, refused: _Refused
) -> None:
    """Stops where a parameter is refused and nothing was ever answered with it."""
    refused.ids.append(request_id)
    if len(refused.ids) < refused.enough:
        return
    with work.begin() as connection:
        if call_ledger.answered(connection, work.partition, step):
            return
        # Refused before any work: once the cause is mended, they are new to this step.
        for one in refused.ids:
            call_ledger.settle_request(connection, one, {"state": "not_executed"})
    raise BatchFailedError(
        f"the API refuses the parameter `{reply.parameter}`: {reply.reason}; every other "
        f"request would be refused as well, nothing more was sent: correct the model table, "
        f"then materialise the partition again"
    )
