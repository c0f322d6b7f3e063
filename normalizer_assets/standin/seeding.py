"""Decisions that look random and never change.

Belongs here: the one draw behind every seeded decision. Does not belong here: what is
decided. The draw uses no process-wide generator, so the order and number of requests
change nothing, and a batch and an individual call agree.
"""

import hashlib
from collections.abc import Sequence
from typing import TypeVar

Choice = TypeVar("Choice")


def draw(seed: int, *parts: str) -> float:
    """Returns a number in [0, 1) that depends on seed and parts alone."""
    text = "\x1f".join((str(seed), *parts))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8]) / 2**64


def choose(options: Sequence[Choice], seed: int, *parts: str) -> Choice:
    """Returns one of the options, always the same for the same seed and parts."""
    return options[int(draw(seed, *parts) * len(options))]
