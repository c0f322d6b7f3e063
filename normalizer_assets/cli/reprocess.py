"""`normalizer reprocess`: history asked again, after a new prompt or model."""

import json
from datetime import date
from typing import TYPE_CHECKING, NamedTuple

import click
from rich.console import Console
from rich.table import Table

from normalizer_assets.cli import EXIT_ERROR, EXIT_HELD
from normalizer_assets.cli.options import agree, json_option, read_day
from normalizer_assets.config import NormalizerConfig, load_config

if TYPE_CHECKING:
    import sqlalchemy as sa

    from normalizer_assets.batching.partition import Partition
    from normalizer_assets.cli.local_run import Outcome


@click.command("reprocess")
@click.option("--from", "first", required=True, metavar="YYYY-MM-DD", help="The first day.")
@click.option("--to", "last", required=True, metavar="YYYY-MM-DD", help="The last day.")
@click.option("--retailer", "retailers", multiple=True, help="Only these shops.")
@click.option("--all", "everything", is_flag=True, help="Ask also what would be asked the same.")
@click.option("--wait", is_flag=True, help="Collect too: stay until all of them have an end.")
@click.option("--yes", is_flag=True, help="Agree to what it costs.")
@json_option
def command(
    first: str,
    last: str,
    retailers: tuple[str, ...],
    everything: bool,
    wait: bool,
    yes: bool,
    as_json: bool,
) -> None:
    """Ask history again that another model or another prompt answered than would now.

    Says first what it costs, and goes through batches, however few questions there are.
    Partitions that are on their way are left out. Each is published anew when its gates are
    green; until then its last version stays.
    """
    from normalizer_assets.resources.database import Database

    days = read_day(first, "--from"), read_day(last, "--to")
    if days[0] > days[1]:
        raise click.BadParameter(f"{last} is before {first}", param_hint="--to")
    config = load_config()
    few_too = config.batching.model_copy(update={"min_products": 0})
    config = config.model_copy(update={"batching": few_too})
    database = Database(config)
    ended = _ended(database.engine, days, retailers)
    planned = _plan(database.engine, config, ended, everything=everything)
    wanted = [one.partition for one in planned if one.outdated]
    total = sum(one.usd for one in planned)
    if not as_json:
        _show(planned, total)
    outcomes: dict[Partition, Outcome] = {}
    if wanted:
        agree(yes=yes or not total)
        outcomes = _run(config, wanted, everything=everything, wait=wait, quiet=as_json)
    if as_json:
        told = [
            {
                "partition": one.partition.key,
                "questions": one.questions,
                "estimated_usd": one.usd,
                "state": outcomes[one.partition].state if one.outdated else None,
            }
            for one in planned
        ]
        click.echo(json.dumps({"estimated_usd": total, "partitions": told}, indent=2))
    else:
        for partition, outcome in outcomes.items():
            click.echo(f"{partition.key}: {outcome.state}")
    _end(outcomes)


def _run(
    config: NormalizerConfig,
    wanted: "list[Partition]",
    *,
    everything: bool,
    wait: bool,
    quiet: bool,
) -> "dict[Partition, Outcome]":
    """Submits partitions, one after the other, and collects them where that is waited for."""
    from normalizer_assets.cli.local_run import LocalRun, dagster_instance
    from normalizer_assets.cli.progress import batch_progress

    with dagster_instance() as instance:
        run = LocalRun(config, instance)
        outcomes = {
            partition: run.submit(partition, force=everything, outdated=not everything)
            for partition in wanted
        }
        if wait:
            with batch_progress(quiet=quiet) as on_progress:
                for partition, submitted in outcomes.items():
                    if not submitted.errors:
                        outcomes[partition] = run.collect(partition, on_progress)
    return outcomes


def _end(outcomes: "dict[Partition, Outcome]") -> None:
    """Says what went wrong, and ends with the exit code for it."""
    for partition, outcome in outcomes.items():
        reason = None if outcome.waits_for_company else outcome.blocked_reason
        for trouble in (*outcome.errors, reason):
            if trouble:
                click.echo(f"Error: {partition.key}: {trouble}", err=True)
    if any(outcome.errors or outcome.is_blocked for outcome in outcomes.values()):
        raise click.exceptions.Exit(EXIT_ERROR)
    if any(outcome.state == "held" for outcome in outcomes.values()):
        raise click.exceptions.Exit(EXIT_HELD)


def _ended(
    engine: "sa.Engine", days: tuple[date, date], retailers: tuple[str, ...]
) -> "list[Partition]":
    """Returns partitions with products that nothing is under way for, the oldest first.

    The oldest bought what later ones were served: asked in this order, each question is paid
    once.
    """
    from normalizer_assets.batching.partition import Partition
    from normalizer_assets.publishing.report import partition_reports

    ended = [
        Partition(report.day, report.retailer)
        for report in partition_reports(engine)
        if days[0] <= report.day <= days[1]
        and (not retailers or report.retailer in retailers)
        and report.rows
        and report.state in ("published", "held", "failed")
    ]
    if not ended:
        raise click.ClickException(
            f"no partition from {days[0]} to {days[1]} has products and is at rest; "
            f"`normalizer stats` lists them"
        )
    return ended


class _Planned(NamedTuple):
    """What a partition would ask, and take over from others.

    Attributes:
        partition: Which one.
        questions: How many it asks.
        usd: What these cost in batches.
        outdated: How many of its answers change, paid or not.
    """

    partition: "Partition"
    questions: int
    usd: float
    outdated: int


def _plan(
    engine: "sa.Engine", config: NormalizerConfig, ended: "list[Partition]", *, everything: bool
) -> list[_Planned]:
    """Builds what each partition would ask; a question is asked by the first that has it."""
    import polars as pl

    from normalizer_assets.batching.requests import build_requests
    from normalizer_assets.cli.landed import routed_listings
    from normalizer_assets.pipeline import paid, paid_again

    seen: set[str] = set()
    planned = []
    for partition in ended:
        routed = routed_listings(config, partition)
        with engine.connect() as connection:
            again = paid_again(
                connection, config, partition, routed, force=everything, outdated=not everything
            )
        new = pl.col("question_key").is_in(list(set(paid(again)) - seen))
        seen.update(again)
        listings = routed.filter(new).unique("question_key", keep="first", maintain_order=True)
        requests = build_requests(config, listings, "batch")
        usd = float(requests["estimated_usd"].sum())
        planned.append(_Planned(partition, requests.height, usd, len(again)))
    return planned


def _show(planned: list[_Planned], total: float) -> None:
    table = Table("partition", "outdated", "asked", "USD", title=f"in batches: {total:.6f} USD")
    for one in planned:
        table.add_row(one.partition.key, str(one.outdated), str(one.questions), f"{one.usd:.6f}")
    Console().print(table)
