"""A DAGSTER_HOME whose storage is Postgres.

Belongs here: writing its ``dagster.yaml``. Does not belong here: the settings that every
instance shares; those are in the ``dagster.yaml`` at the top.
"""

import os
from collections.abc import Mapping
from pathlib import Path

from normalizer_assets.config import NormalizerConfig
from normalizer_assets.db.engine import DAGSTER_DATABASE_VARIABLE, dagster_database_url

SHARED_SETTINGS = Path(__file__).parents[2] / "dagster.yaml"


def prepare_dagster_home(config: NormalizerConfig, environ: Mapping[str, str] = os.environ) -> Path:
    """Returns a DAGSTER_HOME, preparing it where it has no settings yet.

    A home of your own (the variable DAGSTER_HOME) that has a ``dagster.yaml`` is taken as
    it is. Otherwise one with Postgres storage is made: there, or below the data folder.

    Returns:
        The folder, which exists.
    """
    own = environ.get("DAGSTER_HOME")
    home = Path(own) if own else Path(config.paths.data) / "dagster_home"
    settings = home / "dagster.yaml"
    if own and settings.exists():
        return home
    home.mkdir(parents=True, exist_ok=True)
    url = dagster_database_url(config, environ)
    if DAGSTER_DATABASE_VARIABLE in environ:
        # Your server's URL holds a password, which must not stand in a file.
        storage = f"{{env: {DAGSTER_DATABASE_VARIABLE}}}"
    else:
        storage = f'"{url.render_as_string(hide_password=False)}"'
    settings.write_text(
        SHARED_SETTINGS.read_text(encoding="utf-8")
        + f"\nstorage:\n  postgres:\n    postgres_url: {storage}\n",
        encoding="utf-8",
    )
    return home
