"""The normaliser's database, connected when first needed.

Belongs here: one engine for a process. Does not belong here: choosing the server
(``db.engine``).
"""

import weakref
from functools import cached_property
from typing import TYPE_CHECKING

from normalizer_assets.config import NormalizerConfig

if TYPE_CHECKING:
    import sqlalchemy as sa


class Database:
    """Connects on first use: loading the code location must not start a server."""

    def __init__(self, config: NormalizerConfig) -> None:
        self._config = config

    @cached_property
    def engine(self) -> "sa.Engine":
        """The engine, on a schema that is up to date."""
        from normalizer_assets.db.engine import connect

        engine = connect(self._config)
        # Nobody says when a code location is done with: its connections close with it.
        weakref.finalize(self, engine.dispose)
        return engine
