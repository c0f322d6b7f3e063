"""What work on one partition needs at hand.

Belongs here: the bundle that submission, harvest and chain pass around, a turn at a
partition, and the transactions that stop a process which lost its turn. Does not belong
here: anything they do with it, how a lock is held (``life``).
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import sqlalchemy as sa
from upath import UPath

from normalizer_assets.batching import life
from normalizer_assets.batching.partition import Partition
from normalizer_assets.config import NormalizerConfig

if TYPE_CHECKING:
    from openai import OpenAI


@dataclass(frozen=True)
class PartitionWork:
    """One partition, and how its work reaches the outside.

    Attributes:
        partition: Which one.
        config: All settings.
        engine: The normaliser's database.
        connect_api: Makes the API's client; called when it is first needed, because most
            steps get by without a key.
        storage: Where request and result files are kept.
        epoch: Number of this process's turn at the partition.
    """

    partition: Partition
    config: NormalizerConfig
    engine: sa.Engine
    connect_api: Callable[[], "OpenAI"]
    storage: UPath
    epoch: int = 0

    @cached_property
    def client(self) -> "OpenAI":
        """The API."""
        return self.connect_api()

    @contextmanager
    def begin(self) -> Iterator[sa.Connection]:
        """Begins a transaction for the partition.

        Raises:
            LostTurnError: The lock's connection broke and another process took over.
        """
        with self.engine.begin() as connection:
            life.check_epoch(connection, self.partition, self.epoch)
            yield connection


@contextmanager
def turn(
    config: NormalizerConfig,
    engine: sa.Engine,
    partition: Partition,
    connect_api: "Callable[[], OpenAI]",
    holder: str,
    wait_seconds: float = life.LOCK_WAIT_SECONDS,
) -> Iterator[tuple[PartitionWork, str | None]]:
    """Waits for the partition's lock and holds it.

    Args:
        config: All settings.
        engine: The normaliser's database.
        partition: Which one.
        connect_api: Makes the API's client.
        holder: Who asks, for the message to others.
        wait_seconds: How long to wait for another holder.

    Yields:
        The work, and ``None`` or who else has the partition.
    """
    with life.locked(engine, partition, holder, wait_seconds) as hold:
        work = PartitionWork(
            partition=partition,
            config=config,
            engine=engine,
            connect_api=connect_api,
            storage=UPath(config.paths.storage),
            epoch=hold.epoch,
        )
        yield work, hold.holder
