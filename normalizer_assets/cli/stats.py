"""`normalizer stats`: what was done, by whom, at what cost."""

import json

import click

from normalizer_assets.cli.options import json_option, read_day
from normalizer_assets.config import load_config


@click.command("stats")
@click.option("--day", metavar="YYYY-MM-DD", help="Only this day.")
@click.option("--retailer", help="Only this retailer.")
@json_option
@click.option(
    "--openmetrics", "as_openmetrics", is_flag=True, help="Print all of it for a scraper."
)
def command(day: str | None, retailer: str | None, as_json: bool, as_openmetrics: bool) -> None:
    """Say what was done, by whom, at what cost."""
    from normalizer_assets.cli.report import print_table
    from normalizer_assets.publishing.daily import STANDIN_NOTICE, headline
    from normalizer_assets.publishing.report import answer_source, partition_reports, statistics
    from normalizer_assets.resources.database import Database

    if as_openmetrics and (day or retailer or as_json):
        raise click.UsageError(
            "--openmetrics prints all partitions, with the retailer as a label; leave out --day, "
            "--retailer and --json"
        )
    config = load_config()
    database = Database(config)
    if as_openmetrics:
        from normalizer_assets.publishing.openmetrics import openmetrics

        click.echo(openmetrics(database.engine, config.budget), nl=False)
        return
    reports = partition_reports(database.engine, read_day(day) if day else None, retailer)
    source = answer_source(database.engine)
    figures = statistics(reports, source)
    if as_json:
        click.echo(json.dumps(figures, indent=2))
        return
    if not reports:
        wanted = "|".join(filter(None, (day, retailer)))
        click.echo(
            f"nothing was submitted for {wanted}; `normalizer stats` lists what was"
            if wanted
            else "nothing was submitted yet; `normalizer run` submits what has landed"
        )
        return
    print_table(reports)
    click.echo(headline(figures))
    if source == "standin":
        click.echo(STANDIN_NOTICE)
