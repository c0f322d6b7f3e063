"""`normalizer estimate`: what a landed partition would cost, before it is asked."""

import json

import click
from rich.console import Console
from rich.table import Table

from normalizer_assets.cli.options import day_option, json_option, read_partition, retailer_option
from normalizer_assets.config import load_config


@click.command("estimate")
@day_option
@retailer_option
@json_option
def command(day: str, retailer: str, as_json: bool) -> None:
    """Say what a landed partition would cost, asked in four ways. Asks nothing, pays nothing."""
    import polars as pl

    from normalizer_assets.batching.requests import cost_scenarios
    from normalizer_assets.batching.stored_answers import known_questions
    from normalizer_assets.cli.landed import routed_listings
    from normalizer_assets.resources.database import Database

    config = load_config()
    partition = read_partition(config, day, retailer)
    listings = routed_listings(config, partition)
    database = Database(config)
    with database.engine.connect() as connection:
        known = known_questions(connection, listings["question_key"].to_list())
    answered = pl.col("question_key").is_in(list(known))
    routed = listings.with_columns(route=pl.when(answered).then(pl.lit("cache")).otherwise("tier"))
    scenarios = cost_scenarios(config, routed)
    if as_json:
        click.echo(
            json.dumps(
                {
                    "listings": routed.height,
                    "scenarios": [
                        {
                            "name": scenario.name,
                            "usd": float(scenario.usd),
                            "savings_percent": round(scenario.savings_percent, 2),
                        }
                        for scenario in scenarios
                    ],
                },
                indent=2,
            )
        )
        return
    table = Table(
        "way of asking", "USD", "saved", title=f"{partition.key}: {routed.height} listings"
    )
    for scenario in scenarios:
        table.add_row(scenario.name, f"{scenario.usd:.6f}", f"{scenario.savings_percent:.1f} %")
    Console().print(table)
