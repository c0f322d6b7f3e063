"""`normalizer stats`: what was done, by whom, at what cost."""

import json

import click

from normalizer_assets.cli.options import json_option, read_day
from normalizer_assets.config import load_config


@click.command("stats")
@click.option("--day", metavar="YYYY-MM-DD", help="Only this day.")
@click.option("--retailer", help="Only this retailer.")
@json_option
def command(day: str | None, retailer: str | None, as_json: bool) -> None:
    """Say what was done, by whom, at what cost."""
    from normalizer_assets.cli.report import STANDIN_NOTICE, print_table
    from normalizer_assets.publishing.report import answer_source, partition_reports, statistics
    from normalizer_assets.resources.database import Database

    database = Database(load_config())
    reports = partition_reports(database.engine, read_day(day) if day else None, retailer)
    source = answer_source(database.engine)
    figures = statistics(reports, source)
    if as_json:
        click.echo(json.dumps(figures, indent=2))
        return
    print_table(reports)
    costs = figures["costs"]
    click.echo(
        f"batches {figures['total_batches']}, requests {figures['total_requests']}, "
        f"products {figures['products_processed']}, "
        f"cache hit rate {figures['cache_hit_rate']:.1%}\n"
        f"cost {costs['total']:.6f} USD ({costs['per_product']:.8f} a product), "
        f"individually at full it would be {costs['individual_at_full']:.6f} USD: "
        f"{figures['savings_percent']:.1f} % saved"
    )
    for model, share in figures["model_distribution"].items():
        click.echo(f"  {model}: {share['products']} ({share['percentage']:.1f} %)")
    if source == "standin":
        click.echo(STANDIN_NOTICE)
