"""`normalizer bench`: time the stages."""

import json
from pathlib import Path

import click

from normalizer_assets.cli.options import json_option
from normalizer_assets.evaluation.bench import BENCHMARKS, DEFAULT_ROWS, OVER_LISTINGS
from normalizer_assets.evaluation.bench_listings import bench_listings


@click.command("bench")
@click.argument("name", type=click.Choice(sorted([*BENCHMARKS, *OVER_LISTINGS])))
@click.option("--rows", type=click.IntRange(min=1), help="How many; each has its default.")
@click.option(
    "--listings",
    "file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Listings to draw from, laid out as landed; else the bundled sample's.",
)
@json_option
def command(name: str, rows: int | None, file: Path | None, as_json: bool) -> None:
    """Time the benchmark NAME with its own Postgres and stand-in; nothing of yours is touched.

    exact, semantic: lookups in a cache of --rows entries. ledger: requests recorded and
    written, result lines harvested. pipeline: every stage of a partition of invented listings.
    load: the code location against `import dagster`. route: listings scored and routed. prompts:
    lines of batch files made, tokens counted; both on --rows listings of a file or the sample.
    """
    from normalizer_assets.intake.errors import IntakeError

    wanted = rows or DEFAULT_ROWS[name]
    if name in OVER_LISTINGS:
        try:
            listings = bench_listings(file, wanted)
        except IntakeError as error:
            raise click.ClickException(str(error)) from None
        result = OVER_LISTINGS[name](listings)
    elif file is not None:
        raise click.UsageError(
            f"{name} invents its listings; --listings is for {', '.join(sorted(OVER_LISTINGS))}"
        )
    else:
        result = BENCHMARKS[name](wanted)
    if as_json:
        click.echo(json.dumps(result))
        return
    for key, value in result.items():
        if isinstance(value, dict):
            for part, figure in value.items():
                click.echo(f"  {part:<18} {figure}")
        else:
            click.echo(f"{key:<20} {value}")
