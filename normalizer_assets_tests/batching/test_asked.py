from decimal import Decimal
from typing import get_args

from normalizer_assets.answers.verdicts import Asked
from normalizer_assets.batching import call_ledger, questions
from normalizer_assets.batching.asked import REPLIED_STATES, Canary, asked_of, canary_of
from normalizer_assets.batching.work import PartitionWork
from normalizer_assets.db.tables import RequestState, Step
from normalizer_assets_tests.batching.listings import (
    claim,
    land,
    on_a_day_of_its_own,
    plan_request,
)


def settle(
    work: PartitionWork, question_key: str, state: RequestState, step: Step = "individual"
) -> None:
    """Lets a request end; what a model replied to costs a cent."""
    request_id = plan_request(work, question_key, step, sku=f"sku {question_key}")
    usd = Decimal("0.01") if state in REPLIED_STATES else Decimal(0)
    with work.begin() as connection:
        ended = {"state": state, "reason": f"why {state}", "cost_usd": usd}
        call_ledger.settle_request(connection, request_id, ended)


def asked(work: PartitionWork) -> Asked:
    with work.engine.connect() as connection:
        return asked_of(connection, work.partition)


def canary(work: PartitionWork, size: int = 3) -> Canary:
    with work.engine.connect() as connection:
        return canary_of(connection, work.partition, size)


def test_a_partition_that_asked_nothing_has_only_zeros(work: PartitionWork) -> None:
    found = asked(work)
    assert (found.questions, found.replies, found.valid, found.usd) == (0, 0, 0, Decimal(0))
    assert found.unusable.is_empty()
    assert canary(work) == Canary(0, 0)


def test_replies_are_what_a_model_said_in_whatever_step(work: PartitionWork) -> None:
    land(work)
    states = get_args(RequestState)
    claim(work, *states, "steps")
    for state in states:
        settle(work, state, state)
    for step in ("canary", "batch", "legacy", "embedding"):
        settle(work, "steps", "ok", step)
    found = asked(work)
    assert found.replies == len(REPLIED_STATES) + 3
    assert found.valid == 1 + 3
    assert found.usd == Decimal("0.07")
    assert found.questions == len(REPLIED_STATES) + 1
    assert found.unusable.rows() == [
        ("sku refused", "individual: refused: why refused"),
        ("sku truncated", "individual: truncated: why truncated"),
        ("sku invalid", "individual: invalid: why invalid"),
    ]


def test_what_was_asked_before_a_question_was_forced_does_not_count(work: PartitionWork) -> None:
    land(work)
    claim(work, "q0", "q1")
    settle(work, "q0", "invalid")
    settle(work, "q1", "invalid")
    with work.begin() as connection:
        questions.close(connection, work.partition, ["q0", "q1"], "rules")
    claim(work, "q0", force=True)
    settle(work, "q0", "ok")
    found = asked(work)
    assert (found.questions, found.replies, found.valid) == (2, 2, 1)


def test_questions_no_longer_landed_and_those_of_others_do_not_count(work: PartitionWork) -> None:
    other = on_a_day_of_its_own(work)
    for one in (work, other):
        land(one)
    claim(work, "q0")
    settle(work, "gone", "invalid")
    settle(work, "q0", "ok")
    claim(other, "q1")
    settle(other, "q1", "invalid")
    found = asked(work)
    assert (found.replies, found.valid) == (1, 1)


def test_the_last_canary_counts_and_of_a_question_its_last_reply(work: PartitionWork) -> None:
    land(work)
    for key in ("a", "b", "c"):
        settle(work, key, "invalid", "canary")
    assert canary(work) == Canary(told=3, valid=0)
    settle(work, "d", "truncated", "canary")
    settle(work, "e", "unavailable", "canary")
    settle(work, "f", "ok", "canary")
    settle(work, "d", "ok", "canary")
    settle(work, "g", "invalid")
    assert canary(work) == Canary(told=2, valid=2)
