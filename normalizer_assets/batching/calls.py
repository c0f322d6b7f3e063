"""One paid synchronous call: on the ledger before it leaves, kept before it is read.

Belongs here: sending, retries of what passes and costs nothing, and telling what a failed
call means. Does not belong here: what is asked, and what an answer is worth
(``individual``, ``cache.vectors``).
"""

import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from normalizer_assets.answers.parsing import PASSING_STATUSES, refused_parameter
from normalizer_assets.batching import call_ledger
from normalizer_assets.batching.errors import BlockedError
from normalizer_assets.batching.work import PartitionWork
from normalizer_assets.config import IndividualConfig
from normalizer_assets.db.tables import RequestState

if TYPE_CHECKING:
    from openai import APIStatusError, OpenAI

REPEATS_AFTER_LOST_REPLY = 1
"""A synchronous call cannot be looked up, so it may be paid twice at most."""
LONGEST_PAUSE_SECONDS = 60.0
REQUEST_ID_HEADER = "X-Client-Request-Id"
"""The API's own header for a caller's id: its support finds a call by the ledger's."""

REFUSED_UNDONE = (
    *PASSING_STATUSES,
    HTTPStatus.INTERNAL_SERVER_ERROR,
    HTTPStatus.SERVICE_UNAVAILABLE,
)
"""The API itself says that it did nothing. Other 5xx come from a gateway in front of it,
behind which the work may have been done and billed."""

Post = Callable[["OpenAI"], str]
"""Sends the request with this client and returns the raw reply."""


@dataclass(frozen=True)
class Reply:
    """How one call ended.

    Attributes:
        state: ``received``, or why there is no reply.
        reason: For people, where there is none.
        raw: The reply's text.
        parameter: The parameter that was refused.
        no_capacity: Whether the API has no room for this kind of call now (429).
        fatal: What stops everything: the next call would fail as well.
    """

    state: RequestState
    reason: str | None = None
    raw: str | None = None
    parameter: str | None = None
    no_capacity: bool = False
    fatal: Exception | None = None


def patient_client(work: PartitionWork) -> "OpenAI":
    """Returns a client that repeats nothing by itself: retries are ours.

    The SDK repeats a call after a lost reply without telling, and pays it again.
    """
    return work.client.with_options(max_retries=0, timeout=work.config.individual.timeout_seconds)


def call(work: PartitionWork, client: "OpenAI", request_id: int, post: Post) -> Reply:
    """Sends a planned request and stores how it ended, the raw reply included.

    Args:
        work: The partition.
        client: From ``patient_client``.
        request_id: The request's row in the ledger.
        post: Sends it.
    """
    with work.begin() as connection:
        call_ledger.record_sent(connection, request_id)
    named = client.with_options(default_headers={REQUEST_ID_HEADER: str(request_id)})
    reply = _send(named, work.config.individual, post)
    values: dict[str, Any] = {"state": reply.state, "reason": reply.reason}
    if reply.state == "received":
        values["raw"] = reply.raw
    elif reply.state == "outcome_unknown":
        values |= {"cost_usd": call_ledger.BOUND, "raw": reply.raw}
    else:
        values["cost_usd"] = 0
    # Not ``work.begin``: a reply that was paid for is kept even by who has lost its turn.
    with work.engine.begin() as connection:
        call_ledger.settle_request(connection, request_id, values)
    return reply


def _send(client: "OpenAI", settings: IndividualConfig, post: Post) -> Reply:
    import openai

    reply = Reply("unavailable")
    for pause in _pauses(settings):
        try:
            # Postgres holds no NUL.
            return Reply("received", raw=post(client).replace("\x00", ""))
        except openai.APIConnectionError as error:
            if not never_left(error):
                return Reply("outcome_unknown", f"no reply: {error}")
            # Neither will the next question leave.
            reply = Reply("not_executed", f"no connection: {error.__cause__}", fatal=error)
            wait = 0.0
        except openai.APIStatusError as error:
            blocked = blocker(error)
            if blocked is not None:
                return Reply("not_executed", blocked.reason, fatal=blocked)
            if error.status_code not in REFUSED_UNDONE:
                return _refused(error)
            reply = Reply(
                "unavailable",
                str(error),
                no_capacity=error.status_code == HTTPStatus.TOO_MANY_REQUESTS,
            )
            wait = _retry_after(error)
        if pause is not None:
            time.sleep(max(pause, wait))
    return reply


def _refused(error: "APIStatusError") -> Reply:
    if error.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return Reply("outcome_unknown", f"no reply of the API: {error}")
    parameter = refused_parameter(error.status_code, error.body)
    return Reply("http_error", str(error), parameter=parameter)


def blocker(error: "APIStatusError") -> BlockedError | None:
    """Returns what an API's refusal means for everything, ``None`` if it is about a request."""
    if error.status_code in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
        return BlockedError(
            "key",
            f"the API refuses the key: {error}; nothing more was sent: correct OPENAI_API_KEY",
        )
    if error.code == "insufficient_quota":
        return BlockedError(
            "quota",
            f"the API's quota is used up: {error}; nothing more was sent: raise it, the rest "
            f"goes on by itself",
        )
    return None


def never_left(error: Exception) -> bool:
    """Returns whether a call failed before its request could reach the API."""
    import httpx2

    return isinstance(error.__cause__, httpx2.ConnectError | httpx2.ConnectTimeout)


def _pauses(settings: IndividualConfig) -> Iterator[float | None]:
    """Yields the pause after each attempt, in seconds; ``None`` after the last."""
    for attempt in range(settings.attempts - 1):
        yield settings.backoff_seconds * 2**attempt * random.uniform(0.5, 1.5)  # noqa: S311
    yield None


def _retry_after(error: "APIStatusError") -> float:
    """Returns the seconds that the API asks to wait, 0 where it does not say."""
    try:
        seconds = float(error.response.headers.get("retry-after", 0))
    except ValueError:
        return 0.0
    return min(seconds, LONGEST_PAUSE_SECONDS)
