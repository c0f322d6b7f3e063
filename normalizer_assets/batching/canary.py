"""The canary: the first requests of a large partition go individually, before the rest.

Belongs here: sending them and deciding whether the rest may follow. Does not belong here:
sending one request (``individual``), the rest (``submission``).
"""

import polars as pl

from normalizer_assets.batching.errors import HeldError
from normalizer_assets.batching.individual import Result, ask
from normalizer_assets.batching.work import PartitionWork

WORST = 3
"""Refused or unusable replies that the message shows."""
SHOWN_CHARACTERS = 200

RED = "the canary is red"
"""Begins why it holds a partition."""

UNTELLING = ("unavailable", "outcome_unknown")
"""Ends that say something about the line to the API, nothing about the requests."""


def run_canary(work: PartitionWork, requests: pl.DataFrame) -> int:
    """Asks the canary; its answers are used like all others.

    Args:
        work: The partition.
        requests: The canary's requests, with the columns of ``requests.REQUEST_SCHEMA``.

    Returns:
        How many questions it answered.

    Raises:
        HeldError: Too few of the replies are parsed and schema-valid: nothing more may
            be sent.
        BlockedError: Over budget, a wrong key, a used-up quota.
        RuntimeError: The API answered none of them; that says nothing about the requests.
    """
    asked = ask(work, "canary", requests, lost={})
    if asked.limit is not None:
        raise asked.limit
    told = [result for result in asked.results if result.state not in UNTELLING]
    if not told:
        reason = asked.results[-1].reason if asked.results else "all of them had their chance"
        raise RuntimeError(
            f"the API answered none of {len(asked.results)} canary requests: {reason}"
        )
    unusable = [result for result in told if result.state != "ok"]
    share = 1 - len(unusable) / len(told)
    if share < work.config.canary.min_share_valid:
        raise HeldError(
            f"{RED}: {len(told) - len(unusable)} of {len(told)} replies are valid, "
            f"{work.config.canary.min_share_valid:.0%} are wanted (`canary.min_share_valid`); "
            f"nothing more was sent. The worst: {'; '.join(map(_show, unusable[:WORST]))}"
        )
    return len(told) - len(unusable)


def _show(result: Result) -> str:
    text = " ".join((result.raw or "").split())[:SHOWN_CHARACTERS]
    return f"{result.reason or result.state}" + (f" <- {text}" if text else "")
