"""Looking again and again until a partition has an end, without a daemon.

Belongs here: what ``normalizer run --wait`` and the facade share: how long to go on, and
which other partitions stand in between. Does not belong here: one look (``sweep``),
running what is due, sleeping.
"""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import sqlalchemy as sa

from normalizer_assets.automation.sweep import Sweep, sweep
from normalizer_assets.batching import life, questions
from normalizer_assets.batching.partition import Partition
from normalizer_assets.config import NormalizerConfig

if TYPE_CHECKING:
    from openai import OpenAI

UNSETTLED = ("submitted", "waiting", "collecting")

PASSING_BLOCKERS = ("room", "doubt", "company")
"""What stands in the way until time, or batches of the partition's own or its day, take it out."""


class WaitsInVainError(RuntimeError):
    """Who asks what the partition waits for does not go on by itself."""


def looks(
    engine: sa.Engine,
    connect_api: "Callable[[], OpenAI]",
    config: NormalizerConfig,
    partition: Partition,
    may_run: Callable[[Partition], bool] = lambda _: True,
) -> Iterator[Sweep]:
    """Does the sensor's looking for one partition while it is on its way.

    Partitions that ask a question which this one waits for are looked after as well:
    without a daemon nobody else would. It may run beside a daemon.

    Args:
        engine: The normaliser's database.
        connect_api: Makes the client.
        config: Polling, budgets and limits.
        partition: Which one.
        may_run: Whether the caller can run the jobs of another partition.

    Yields:
        One look after another. The caller runs its launches, and pauses where there are
        none.

    Raises:
        WaitsInVainError: It waits for a partition that is blocked, held or failed.
    """
    while _may_go_on(engine, partition):
        concerned = _askers(engine, partition)
        for asker in concerned:
            if not _may_go_on(engine, asker, "landed"):
                raise WaitsInVainError(f"{partition.key} waits for {_stopped(engine, asker)}")
        yield sweep(
            engine,
            connect_api,
            config,
            lambda _: False,
            only={partition, *filter(may_run, concerned)},
        )


def _may_go_on(engine: sa.Engine, partition: Partition, *further: str) -> bool:
    """Whether the partition is on its way, and nothing stands in it.

    ``further`` are states that count as such beside the usual ones. Of a direct partition
    that another one waits for, nobody but the sweep looks whether what blocked it is gone.
    """
    with engine.connect() as connection:
        row = life.read(connection, partition)
    if row is None or row.state not in (*UNSETTLED, *further):
        return False
    tried_again = bool(further) and partition.is_direct
    return row.blocked_by is None or row.blocked_by in PASSING_BLOCKERS or tried_again


def _askers(engine: sa.Engine, partition: Partition) -> list[Partition]:
    """Returns the partitions that ask what this one waits for, and so on."""
    found: dict[Partition, None] = {}
    waiting = [partition]
    with engine.connect() as connection:
        while waiting:
            for key in questions.waited_for(connection, waiting.pop()):
                asker = None if key == questions.NOBODY else Partition.from_key(key)
                if asker is not None and asker != partition and asker not in found:
                    found[asker] = None
                    waiting.append(asker)
    return list(found)


def _stopped(engine: sa.Engine, partition: Partition) -> str:
    with engine.connect() as connection:
        row = life.read(connection, partition)
    state, reason = (None, None) if row is None else (row.state, row.blocked_reason)
    return f"{partition.key}, which is {state}: {reason or 'run it first'}"
