"""`normalizer dev`: UI, daemon and, without a key, the stand-in."""

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import click

from normalizer_assets.cli.surroundings import assert_free, surroundings
from normalizer_assets.config import load_config

WORKSPACE = Path(__file__).parents[2] / "workspace.yaml"


@click.command("dev")
@click.option("--port", type=click.IntRange(1, 65535), default=3000, show_default=True)
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option(
    "--batch-seconds", type=click.FloatRange(min=0), default=20.0, show_default=True,
    help="How long a batch of the stand-in takes.",
)  # fmt: skip
def command(port: int, host: str, batch_seconds: float) -> None:
    """Serve the Dagster UI and run its daemon.

    With OPENAI_API_KEY set the real API is asked; without it, the stand-in. The collecting
    sensor runs from the start; the nightly schedule is stopped until you start it.
    """
    config = load_config()
    # Dagster would go on without its UI, and its daemon beside the other one's.
    assert_free(host, port)
    needs_standin = not os.environ.get("OPENAI_API_KEY")
    with surroundings(config, needs_standin=needs_standin, batch_seconds=batch_seconds):
        click.echo(f"data in {Path(config.paths.data).resolve()}", err=True)
        click.echo(f"UI at http://{host}:{port}", err=True)
        dagster = shutil.which("dagster", path=str(Path(sys.executable).parent)) or "dagster"
        process = subprocess.Popen(  # noqa: S603 - our own arguments, no shell
            [dagster, "dev", "-w", str(WORKSPACE), "-h", host, "-p", str(port)],
        )
        # A supervisor stops us with SIGTERM; dagster would go on without its stand-in.
        signal.signal(signal.SIGTERM, lambda *_: process.terminate())
        try:
            code = process.wait()
        except KeyboardInterrupt:
            # The terminal sends Ctrl-C to dagster as well; it stops its own children.
            code = process.wait()
        raise click.exceptions.Exit(code)
