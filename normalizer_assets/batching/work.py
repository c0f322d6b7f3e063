"""What work on one partition needs at hand.

Belongs here: the bundle that submission, harvest and chain pass around. Does not belong
here: anything they do with it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import sqlalchemy as sa
from upath import UPath

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
    """

    partition: Partition
    config: NormalizerConfig
    engine: sa.Engine
    connect_api: Callable[[], "OpenAI"]
    storage: UPath

    @cached_property
    def client(self) -> "OpenAI":
        """The API."""
        return self.connect_api()
