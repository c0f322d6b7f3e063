"""What demo and dev set up around the job: DAGSTER_HOME and, without a key, the stand-in.

Belongs here: environment variables for this process and its children. Does not belong
here: the job itself.
"""

import os
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import click

from normalizer_assets.automation.dagster_home import prepare_dagster_home
from normalizer_assets.config import NormalizerConfig
from normalizer_assets.db.engine import DAGSTER_DATABASE_VARIABLE, dagster_database_url

STANDIN_PORT = 8765


@contextmanager
def surroundings(
    config: NormalizerConfig, *, needs_standin: bool, batch_seconds: float
) -> Iterator[None]:
    """Prepares DAGSTER_HOME and, where needed, runs the stand-in until the end.

    Args:
        config: Where data lies.
        needs_standin: Whether to answer from the stand-in instead of the API.
        batch_seconds: How long the stand-in's batches take.
    """
    home = prepare_dagster_home(config)
    os.environ["DAGSTER_HOME"] = str(home.resolve())
    if DAGSTER_DATABASE_VARIABLE in os.environ:
        # Dagster reads it as it stands, and fails with another driver than psycopg2.
        url = dagster_database_url(config)
        os.environ[DAGSTER_DATABASE_VARIABLE] = url.render_as_string(hide_password=False)
    if not needs_standin:
        click.echo(asked_api(os.environ), err=True)
        yield
        return
    from normalizer_assets.standin.server import running_standin
    from normalizer_assets.standin.settings import NOTICE, StandinSettings

    # With a folder, the stand-in's batches survive a restart, as the real API's do.
    settings = StandinSettings(
        batch_seconds=batch_seconds, storage=Path(config.paths.data) / "standin"
    )
    with running_standin(settings, port=_free_or_any(STANDIN_PORT), config=config) as standin:
        os.environ["OPENAI_BASE_URL"] = standin.url
        os.environ["OPENAI_API_KEY"] = "standin"
        click.echo(f"stand-in at {standin.url}. {NOTICE}", err=True)
        yield


def asked_api(environ: Mapping[str, str]) -> str:
    """Says who is asked where no stand-in is started; a login in the URL is left out.

    In a shell where something was exported before, that is easily another API than one thinks.
    """
    url = environ.get("OPENAI_BASE_URL")
    if not url:
        return "OpenAI is asked, with the key in OPENAI_API_KEY: its answers cost money"
    parts = urlsplit(url)
    place = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
    return f"{place} is asked (OPENAI_BASE_URL), with the key in OPENAI_API_KEY; no stand-in starts"


def assert_free(host: str, port: int) -> None:
    """Refuses a port that another program listens on.

    Raises:
        OSError: It is taken, or the host is none of this machine's.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        socket.create_server((host, port), family=family).close()
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno and error.errno > 0 else error.strerror
        raise OSError(
            error.errno, f"cannot listen on {host}:{port} ({reason}); choose another with --port"
        ) from None


def _free_or_any(port: int) -> int:
    """Returns ``port`` where it is free, else 0: any."""
    try:
        assert_free("127.0.0.1", port)
    except OSError:
        return 0
    return port
