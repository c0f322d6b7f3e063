"""`normalizer standin`: a local OpenAI-compatible server, for development without a key."""

from pathlib import Path

import click

from normalizer_assets.config import load_config


@click.command("standin")
@click.option("--port", type=click.IntRange(0, 65535), default=8765, show_default=True)
@click.option("--seed", type=int, default=0, show_default=True, help="Decides who is wrong.")
@click.option(
    "--batch-seconds", type=click.FloatRange(min=0), default=2.0, show_default=True,
    help="How long a batch takes.",
)  # fmt: skip
@click.option(
    "--storage", type=click.Path(path_type=Path), help="Folder that keeps files and batches."
)
def command(port: int, seed: int, batch_seconds: float, storage: Path | None) -> None:
    """Serve an OpenAI-compatible API on the loopback interface.

    Its answers come from the project's own basic rules with seeded disagreement: no
    language model answers.
    """
    from normalizer_assets.standin.server import serve
    from normalizer_assets.standin.settings import StandinSettings

    settings = StandinSettings(seed=seed, batch_seconds=batch_seconds, storage=storage)
    serve(port, settings, load_config())
