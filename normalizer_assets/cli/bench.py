"""`normalizer bench`: time the stages on invented listings."""

import json

import click

from normalizer_assets.cli.options import json_option
from normalizer_assets.evaluation.bench import BENCHMARKS


@click.command("bench")
@click.argument("name", type=click.Choice(sorted(BENCHMARKS)))
@click.option("--rows", type=click.IntRange(min=1), default=10_000, show_default=True)
@json_option
def command(name: str, rows: int, as_json: bool) -> None:
    """Time the benchmark NAME with its own Postgres and stand-in; nothing of yours is touched.

    pipeline: every stage of a partition of invented listings. load: the code location
    against a bare `import dagster`.
    """
    result = BENCHMARKS[name](rows)
    if as_json:
        click.echo(json.dumps(result))
        return
    for key, value in result.items():
        if isinstance(value, dict):
            for stage, seconds in value.items():
                click.echo(f"  {stage:<18} {seconds}")
        else:
            click.echo(f"{key:<20} {value}")
