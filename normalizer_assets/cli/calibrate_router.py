"""`normalizer calibrate router`: thresholds and weights from one's own traffic and outcomes.

Belongs here: options, which listings they mean, and showing what was chosen. Does not belong
here: choosing it (``evaluation.router_thresholds``, ``evaluation.router_weights``).
"""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click
from rich.console import Console
from rich.table import Table

from normalizer_assets.cli.options import json_option, read_day, read_partition
from normalizer_assets.config import NormalizerConfig, RouterConfig, config_file, load_config

if TYPE_CHECKING:
    import polars as pl

    from normalizer_assets.config_writing import Settings
    from normalizer_assets.evaluation.router_thresholds import Target

TABLE_WIDTH = 120

existing_file = click.Path(exists=True, dir_okay=False, path_type=Path)
share = click.FloatRange(0, 1)


@click.command("router")
@click.option("--day", "days", multiple=True, metavar="YYYY-MM-DD", help="Landed; repeatable.")
@click.option("--retailer", "retailers", multiple=True, help="Repeatable; else all that landed.")
@click.option("--listings", type=existing_file, help="Listings, CSV, NDJSON or Parquet.")
@click.option("--outcomes", type=existing_file, help="Which tier was right, NDJSON; fits weights.")
@click.option("--full-share", type=share, help="Largest share of the listings at full.")
@click.option(
    "--usd-per-1000",
    type=click.FloatRange(0, min_open=True),
    help="Largest batch cost of 1,000 listings, none of them known.",
)
@click.option("--simple-share", type=share, help="Largest share in the band simple; else today's.")
@click.option("--write", is_flag=True, help="Write the result into the configuration file.")
@json_option
def router(
    days: tuple[str, ...],
    retailers: tuple[str, ...],
    listings: Path | None,
    outcomes: Path | None,
    full_share: float | None,
    usd_per_1000: float | None,
    simple_share: float | None,
    write: bool,
    as_json: bool,
) -> None:
    """Choose the router's thresholds on your own traffic, for a share of full or for a cost.

    The traffic is landed partitions (--day) or a file (--listings) with the columns name,
    price and, as far as there are any, category, brand, sku, retailer.

    With --outcomes the weights are fitted as well, on half of the product families; the
    figures are those of the other half. A line: {"name", "category"?, "price"?, "retailer"?,
    "brand"?, "family"?, "mini_right": bool, "full_right": bool}. Without --day and --listings
    the outcomes are the traffic.

    Without --write nothing is changed.
    """
    from normalizer_assets.config_writing import as_toml, overriding_variables, write_settings
    from normalizer_assets.evaluation import router_thresholds as thresholds
    from normalizer_assets.evaluation.gold import GoldError
    from normalizer_assets.evaluation.router_traffic import RouterError
    from normalizer_assets.intake.errors import IntakeError

    source = _Source(days, retailers, listings, outcomes)
    target = thresholds.Target(full_share, usd_per_1000, simple_share)
    _check_usage(source, target)
    config = load_config()
    try:
        calibrated, report = _calibrate(config, source, target)
    except (GoldError, RouterError, IntakeError) as error:
        raise click.ClickException(str(error)) from None
    settings = _changed(config.router, calibrated)
    file = config_file()
    if write:
        write_settings(file, settings)
    report["notes"] += [
        f"{variable} is set in the environment: what the file says has no effect until it is not"
        for variable in overriding_variables(settings, os.environ)
    ]
    if as_json:
        written = str(file) if write else None
        click.echo(json.dumps({**report, "settings": settings, "written_to": written}, indent=2))
        return
    _show(report)
    click.echo(
        f"written to {file}:" if write else f"--write puts this into {file}; nothing is changed:"
    )
    click.echo(as_toml(settings))


class _Source(NamedTuple):
    """Where listings come from, as the options say."""

    days: tuple[str, ...]
    retailers: tuple[str, ...]
    listings: Path | None
    outcomes: Path | None


def _check_usage(source: _Source, target: "Target") -> None:
    if (target.full_share is None) == (target.usd_per_1000 is None):
        raise click.UsageError("give --full-share or --usd-per-1000, and not both")
    if source.days and source.listings:
        raise click.UsageError("give --day or --listings, not both")
    if not (source.days or source.listings or source.outcomes):
        raise click.UsageError("give the traffic, --day or --listings, or --outcomes")
    if source.retailers and not source.days:
        raise click.UsageError("--retailer belongs to --day")
    if (target.simple_share or 0) + (target.full_share or 0) > 1:
        raise click.UsageError("--simple-share and --full-share are together more than 1")


def _calibrate(
    config: NormalizerConfig, source: _Source, target: "Target"
) -> tuple[RouterConfig, dict[str, Any]]:
    """Chooses weights, where there are outcomes, and thresholds; returns them with a report."""
    from normalizer_assets.evaluation import router_thresholds as thresholds
    from normalizer_assets.evaluation import router_weights
    from normalizer_assets.evaluation.router_traffic import with_costs

    present, weights, judged = config.router, config.router.weights, None
    if source.outcomes:
        outcomes = router_weights.read_outcomes(source.outcomes)
        routed = router_weights.route_outcomes(outcomes, config)
        judged = with_costs(routed, config)
        weights = router_weights.fit_weights(judged)
    if judged is None or source.days or source.listings:
        traffic = with_costs(_traffic(config, source), config)
    else:
        traffic = judged
    calibrated = thresholds.calibrate(traffic, present, weights, target)
    before, after = (thresholds.distribution(traffic, one) for one in (present, calibrated))
    if traffic is not judged:
        # Of outcomes, a sample, a retailer's share is not that of its days.
        full_shares = {retailer: one["full"] for retailer, one in after["by_retailer"].items()}
        calibrated = calibrated.model_copy(update={"full_shares": full_shares})
    report: dict[str, Any] = {
        "listings": traffic.height,
        "target": {"full_share": target.full_share, "usd_per_1000": target.usd_per_1000},
        "reached": {"full_share": after["full"], "usd_per_1000": after["usd_per_1000"]},
        "before": before,
        "after": after,
        "notes": thresholds.notes(calibrated),
    }
    if judged is not None:
        report["outcomes"] = router_weights.evaluate(judged, present, calibrated)
        report["notes"] += router_weights.notes(report["outcomes"])
    return calibrated, report


def _traffic(config: NormalizerConfig, source: _Source) -> "pl.DataFrame":
    """Returns the routed listings of a file or of landed partitions."""
    import polars as pl

    from normalizer_assets.batching.partition import Partition
    from normalizer_assets.cli.landed import routed_listings
    from normalizer_assets.evaluation.router_traffic import read_listings, route_shops
    from normalizer_assets.intake.landing import landed_partitions

    if source.listings:
        return route_shops(read_listings(source.listings, config), config)
    if source.retailers:
        partitions = [
            read_partition(config, day, one) for day in source.days for one in source.retailers
        ]
    else:
        landed = landed_partitions(config, [read_day(day) for day in source.days])
        partitions = [Partition(day, retailer) for day, retailer in landed]
    if not partitions:
        raise click.ClickException(
            f"nothing has landed for {', '.join(source.days)} in {config.paths.landing}"
        )
    return pl.concat([routed_listings(config, partition) for partition in partitions])


def _changed(present: RouterConfig, calibrated: RouterConfig) -> "Settings":
    """Returns what to write: thresholds, shares, and the weights where they were fitted."""
    settings: dict[str, float | Mapping[str, float]] = {
        "router.medium_from": calibrated.medium_from,
        "router.complex_from": calibrated.complex_from,
    }
    if calibrated.full_shares or present.full_shares:
        settings["router.full_shares"] = calibrated.full_shares
    if calibrated.weights != present.weights:
        settings |= {
            f"router.weights.{name}": weight
            for name, weight in calibrated.weights.model_dump().items()
        }
    return settings


# --- showing it -------------------------------------------------------------------------


def _show(report: dict[str, Any]) -> None:
    """Prints tables, whole even where no terminal says how wide it is."""
    console = Console()
    console.width = max(console.width, TABLE_WIDTH)
    console.print(_groups_table(report))
    console.print(_scores_table(report))
    if outcomes := report.get("outcomes"):
        console.print(_curve_table(outcomes))
        console.print(_apgr_table(outcomes))
        for name, one in outcomes["routers"].items():
            click.echo(
                f"{name} router: {one['full_share']:.1%} of them at full, "
                f"{one['right']:.1%} right, {one['usd_per_1000']:.4f} USD"
            )
    reached, target = report["reached"], report["target"]
    asked = target["full_share"]
    click.echo(
        f"reached: {reached['full_share']:.2%} at full and {reached['usd_per_1000']:.4f} USD; "
        + (f"at most {target['usd_per_1000']:g} USD" if asked is None else f"at most {asked:.2%}")
        + " was asked for"
    )
    for note in report["notes"]:
        click.echo(f"note: {note}")


def _groups_table(report: dict[str, Any]) -> Table:
    table = Table(title=f"{report['listings']} listings, shares in percent, before and after")
    table.add_column("category group", no_wrap=True)
    bands = ("simple", "medium", "full")
    for column in ("listings", *(f"{one}, before" for one in bands), *bands):
        table.add_column(column, justify="right")
    before, after = report["before"], report["after"]
    rows = [(group, before["by_group"][group], one) for group, one in after["by_group"].items()]
    for group, was, becomes in (*rows, ("all", before, after)):
        shares = [f"{100 * one[band]:.1f}" for one in (was, becomes) for band in bands]
        table.add_row(group, str(was["listings"]), *shares)
    return table


def _scores_table(report: dict[str, Any]) -> Table:
    table = Table(title="deciles of the score; batch cost of 1,000 listings")
    for column in ("", "lowest", *(f"{ten}0 %" for ten in range(1, 10)), "highest", "USD"):
        table.add_column(column, justify="right", no_wrap=True)
    for name in ("before", "after"):
        one = report[name]
        deciles = [f"{score:.2f}" for score in one["score_deciles"]]
        table.add_row(name, *deciles, f"{one['usd_per_1000']:.4f}")
    return table


def _curve_table(outcomes: dict[str, Any]) -> Table:
    routers = tuple(outcomes["apgr"])
    table = Table(
        title=f"{outcomes['held_back']} outcomes held back: % right, and USD of 1,000, by share of "
        "full"
    )
    for column in ("full", *routers):
        table.add_column(column, justify="right", no_wrap=True)
    for point in outcomes["curve"]:
        cells = (
            f"{100 * point[name]['right']:.1f}  {point[name]['usd_per_1000']:.4f}"
            for name in routers
        )
        table.add_row(f"{100 * point['full_share']:.0f} %", *cells)
    return table


def _apgr_table(outcomes: dict[str, Any]) -> Table:
    table = Table(title="APGR: part of the way from all at mini to all at full, over all shares")
    table.add_column("router", no_wrap=True)
    table.add_column("APGR", justify="right")
    without = {f"fitted, without {name}": one for name, one in outcomes["apgr_without"].items()}
    for name, value in (outcomes["apgr"] | without).items():
        table.add_row(name.replace("_", " "), "-" if value is None else f"{value:.3f}")
    return table
