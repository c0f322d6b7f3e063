"""A place of one's own: a folder with a Postgres server, and a stand-in, for a while.

Belongs here: making and removing it. Does not belong here: what is measured there (``bench``,
``cache``).
"""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

from normalizer_assets.config import NormalizerConfig, load_config


@contextmanager
def scratch(*, own_api: bool = True) -> Iterator[NormalizerConfig]:
    """Makes a folder with a Postgres of its own, and removes all of it.

    Args:
        own_api: Whether calls go to a stand-in of its own, too; else to the API that the
            environment names.

    Yields:
        The configuration; the environment names the same places.
    """
    from normalizer_assets.db.embedded import server_folder, stop_server

    folder = Path(tempfile.mkdtemp(prefix="normalizer-scratch-"))
    folder.chmod(0o755)  # Postgres runs as another user where this runs as root
    saved = dict(os.environ)
    with _standin_process() if own_api else nullcontext() as url:
        os.environ.update(
            {
                "NORMALIZER__PATHS__DATA": str(folder / "data"),
                "NORMALIZER_LANDING": str(folder / "landing"),
                "NORMALIZER_STORAGE": str(folder / "storage"),
            }
        )
        if url is not None:
            os.environ |= {"OPENAI_BASE_URL": url, "OPENAI_API_KEY": "standin"}
        os.environ.pop("NORMALIZER_DATABASE_URL", None)
        try:
            yield load_config()
        finally:
            os.environ.clear()
            os.environ.update(saved)
            stop_server(folder / "data")
            shutil.rmtree(server_folder(folder / "data"), ignore_errors=True)
            shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _standin_process() -> Iterator[str]:
    """Runs the stand-in as a process, so that it does not share our interpreter."""
    with subprocess.Popen(
        [sys.executable, "-m", "normalizer_assets.cli", "standin", "--port", "0"],
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            first_line = process.stdout.readline() if process.stdout else ""
            yield first_line.partition("OPENAI_BASE_URL=")[2].split(")")[0]
        finally:
            process.terminate()
