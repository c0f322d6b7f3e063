"""`normalizer bench`: time the stages on invented listings."""

import json

import click

from normalizer_assets.cli.options import json_option
from normalizer_assets.evaluation.bench import BENCHMARKS, DEFAULT_ROWS


@click.command("bench")
@click.argument("name", type=click.Choice(sorted(BENCHMARKS)))
@click.option("--rows", type=click.IntRange(min=1), help="How many; each has its default.")
@json_option
def command(name: str, rows: int | None, as_json: bool) -> None:
    """Time the benchmark NAME with its own Postgres and stand-in; nothing of yours is touched.

    exact, semantic: lookups in a cache of --rows entries. ledger: requests recorded and
    written, result lines harvested. pipeline: every stage of a partition of invented listings.
    load: the code location against `import dagster`.
    """
    result = BENCHMARKS[name](rows or DEFAULT_ROWS[name])
    if as_json:
        click.echo(json.dumps(result))
        return
    for key, value in result.items():
        if isinstance(value, dict):
            for part, figure in value.items():
                click.echo(f"  {part:<18} {figure}")
        else:
            click.echo(f"{key:<20} {value}")
