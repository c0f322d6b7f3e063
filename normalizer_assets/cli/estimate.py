"""`normalizer estimate`: what a landed partition would cost, before it is asked."""

import json
from typing import TYPE_CHECKING

import click
from rich.console import Console
from rich.table import Table

from normalizer_assets.cli.options import day_option, json_option, read_partition, retailer_option
from normalizer_assets.config import load_config

if TYPE_CHECKING:
    import polars as pl

    from normalizer_assets.resources.database import Database

SEED = 20_241_001


@click.command("estimate")
@day_option
@retailer_option
@click.option(
    "--products",
    type=click.IntRange(min=1),
    help="For so many products like these, drawn with replacement; else for what landed.",
)
@click.option(
    "--hit-rate",
    type=click.FloatRange(0, 1),
    help="Share of products that the cache answers; else what is known by now.",
)
@json_option
def command(
    day: str, retailer: str, products: int | None, hit_rate: float | None, as_json: bool
) -> None:
    """Say what a landed partition would cost, asked in four ways. Asks nothing, pays nothing.

    Each cost is told without reasoning tokens, with those that are expected, with all that the
    output limits allow, and with those that the API's usage showed so far, where it did.
    """
    import polars as pl

    from normalizer_assets.batching.accumulation import makes_batch
    from normalizer_assets.batching.scenarios import FIGURES, scenarios
    from normalizer_assets.cli.landed import routed_listings
    from normalizer_assets.publishing.report import measured_reasoning
    from normalizer_assets.resources.database import Database

    config = load_config()
    partition = read_partition(config, day, retailer)
    listings = routed_listings(config, partition)
    database = Database(config)
    routed = _known(database, listings)
    if products is not None:
        routed = routed.sample(products, with_replacement=True, seed=SEED)
    if hit_rate is not None:
        routed = _hit(routed, hit_rate)
    figures = dict(FIGURES)
    measured = measured_reasoning(database.engine, config.models)
    if measured:
        figures["measured"] = lambda name, model: measured.get(name, model.reasoning_estimate)
    ways = scenarios(config, routed, figures)
    if as_json:
        told = [
            {
                "name": way.name,
                "usd": float(way.usd["expected"]),
                "usd_by_reasoning": {name: float(usd) for name, usd in way.usd.items()},
                "savings_percent": round(way.savings_percent, 2),
            }
            for way in ways
        ]
        click.echo(json.dumps({"listings": routed.height, "scenarios": told}, indent=2))
        return
    table = Table(
        "way of asking",
        *(f"USD, reasoning {name}" for name in figures),
        "saved",
        title=f"{partition.key}: {routed.height} listings",
    )
    for way in ways:
        costs = (f"{usd:.6f}" for usd in way.usd.values())
        table.add_row(way.name, *costs, f"{way.savings_percent:.1f} %")
    Console().print(table)
    click.echo("second opinions at full (section [cascade]) come on top")
    few = routed.filter(pl.col("route") != "cache")["question_key"].n_unique()
    if few and not makes_batch(config, partition, few):
        click.echo(
            f"{few} open questions make no batch (`batching.min_products`): they are asked one by "
            f"one, at twice the price of the last line"
        )


def _known(database: "Database", listings: "pl.DataFrame") -> "pl.DataFrame":
    """Adds the route: cache for what has a stored answer."""
    import polars as pl

    from normalizer_assets.batching.stored_answers import known_questions

    with database.engine.connect() as connection:
        known = known_questions(connection, listings["question_key"].to_list())
    answered = pl.col("question_key").is_in(list(known))
    return listings.with_columns(route=pl.when(answered).then(pl.lit("cache")).otherwise("tier"))


def _hit(routed: "pl.DataFrame", share: float) -> "pl.DataFrame":
    """Lets the cache answer a share of the listings, drawn at random."""
    import polars as pl

    place = pl.int_range(pl.len()).shuffle(seed=SEED)
    hit = place < round(share * routed.height)
    return routed.with_columns(route=pl.when(hit).then(pl.lit("cache")).otherwise("tier"))
