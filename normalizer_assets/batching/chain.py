"""The fallback chain for questions that no batch answered.

Belongs here: the order individual call, legacy model, basic rules, and what a budget
leaves undone. Does not belong here: asking a question (``individual``), judging answers
(``answers.evidence``), what the rules say (``answers.rules``).
"""

from dataclasses import dataclass
from typing import Any

import polars as pl

from normalizer_assets.batching import call_ledger, questions
from normalizer_assets.batching.calls import REPEATS_AFTER_LOST_REPLY
from normalizer_assets.batching.errors import BlockedError
from normalizer_assets.batching.individual import Asked, Progress, ask, with_larger_limit
from normalizer_assets.batching.requests import build_requests
from normalizer_assets.batching.work import PartitionWork
from normalizer_assets.db.tables import Step

STEPS: tuple[Step, ...] = ("individual", "legacy")


@dataclass(frozen=True)
class ChainResult:
    """How many questions each step of the chain ended."""

    individual: int = 0
    legacy: int = 0
    rules: int = 0


def end_questions(
    work: PartitionWork,
    listings: pl.DataFrame,
    cut: set[str],
    rows: int,
    progress: Progress | None = None,
) -> ChainResult:
    """Asks open questions of the partition individually until each has an end.

    Args:
        work: The partition; its config says how many calls go at once.
        listings: Routed listings of the open questions, one a question, with the columns
            that ``build_requests`` needs.
        cut: Questions whose batch line was cut at the output limit; they get a larger one.
        rows: Listings of the whole partition.
        progress: Called with (questions ended, questions in all).

    Returns:
        Counts by the step that ended the question.

    Raises:
        BlockedError: A wrong key, a used-up quota, or a budget that leaves more questions
            than the rules may answer; what was answered is stored.
        openai.OpenAIError: The API cannot be reached; all questions stay open.
    """
    with work.engine.connect() as connection:
        tried = call_ledger.tries(connection, work.partition)
    ended: dict[str, int] = {}
    left, over, limit = listings, set[str](), None
    for step in STEPS:
        asked = _ask_step(work, step, left, tried, cut, progress)
        answered = [result.question_key for result in asked.results if result.state == "ok"]
        ended[step] = len(answered)
        over |= set(asked.over_budget)
        limit = limit or asked.limit
        left = left.filter(~pl.col("question_key").is_in([*answered, *over]))
    if limit is not None and len(over) > work.config.gate.max_share_rules * rows:
        _close(work, left)
        raise _rest_blocked(limit, len(over))
    left = listings.filter(pl.col("question_key").is_in([*left["question_key"], *over]))
    _close(work, left)
    return ChainResult(**ended, rules=left.height)


def _ask_step(
    work: PartitionWork,
    step: Step,
    listings: pl.DataFrame,
    tried: dict[tuple[str, str], list[str]],
    cut: set[str],
    progress: Progress | None,
) -> Asked:
    lost: dict[str, int] = {}
    for key in listings["question_key"]:
        states = tried.get((key, step), [])
        lost[key] = states.count("outcome_unknown")
        if len(states) > lost[key] or lost[key] > REPEATS_AFTER_LOST_REPLY:
            del lost[key]  # this step had its chance before a restart
    requests = build_requests(
        work.config, listings.filter(pl.col("question_key").is_in(list(lost))), step
    )
    if requests.is_empty():
        return Asked()
    return ask(work, step, _enlarged(work, requests, cut), lost, progress)


def _enlarged(work: PartitionWork, requests: pl.DataFrame, cut: set[str]) -> pl.DataFrame:
    """Gives a larger output limit to the requests of questions that were cut."""

    def enlarge(row: dict[str, Any]) -> dict[str, Any]:
        return with_larger_limit(work, row) if row["question_key"] in cut else row

    if not cut:
        return requests
    return pl.DataFrame(
        [enlarge(row) for row in requests.iter_rows(named=True)], schema=requests.schema
    )


def _close(work: PartitionWork, left: pl.DataFrame) -> None:
    with work.begin() as connection:
        questions.close(connection, work.partition, left["question_key"].to_list(), "rules")


def _rest_blocked(limit: BlockedError, count: int) -> BlockedError:
    return BlockedError(limit.by, f"{count} questions are left: {limit.reason}", limit.usd)
