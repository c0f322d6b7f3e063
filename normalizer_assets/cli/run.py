"""`normalizer run`: one partition, submitted and, with --wait, collected."""

import json
import time
from functools import cache
from typing import TYPE_CHECKING

import click

from normalizer_assets.cli import EXIT_ERROR, EXIT_GREEN, EXIT_HELD
from normalizer_assets.cli.options import (
    agree,
    day_option,
    json_option,
    read_partition,
    retailer_option,
)
from normalizer_assets.config import NormalizerConfig, load_config

if TYPE_CHECKING:
    from normalizer_assets.batching.partition import Partition
    from normalizer_assets.cli.local_run import Outcome


@click.command("run")
@day_option
@retailer_option
@click.option("--wait", is_flag=True, help="Collect too: stay until published, held or failed.")
@click.option("--limit", type=click.IntRange(min=1), help="Take only the first N rows.")
@click.option("--force", is_flag=True, help="Ask and pay again for what is answered.")
@click.option("--yes", is_flag=True, help="Agree to what --force costs.")
@click.option("--verbose", is_flag=True, help="Print Dagster's log, with stack traces.")
@json_option
def command(
    day: str,
    retailer: str,
    wait: bool,
    limit: int | None,
    force: bool,
    yes: bool,
    verbose: bool,
    as_json: bool,
) -> None:
    """Submit one partition and, with --wait, collect it.

    Safe to repeat, to kill and to repeat: what is answered is not paid for again. Only
    --force pays again; killed, it is gone on with without --force.
    """
    from normalizer_assets.cli.local_run import LocalRun, dagster_instance
    from normalizer_assets.cli.progress import batch_progress, working
    from normalizer_assets.cli.report import summary_json, summary_text
    from normalizer_assets.publishing.report import answer_source, partition_reports

    config = load_config()
    partition = read_partition(config, day, retailer)
    if force:
        _agree(config, partition, limit, yes=yes)
    started = time.monotonic()
    # A look that fails is repeated for hours.
    tell = cache(lambda error: click.echo(f"Error: {error}", err=True))
    with dagster_instance() as instance:
        run = LocalRun(config, instance, verbose=verbose)
        while wait and (holder := run.wait_for_turn(partition)):
            click.echo(f"{partition.key} is being worked on by {holder}; waiting", err=True)
            time.sleep(config.polling.interval_seconds)
        with working(f"submitting {partition.key}", quiet=as_json):
            outcome = submitted = run.submit(partition, limit, force=force)
        if wait and submitted.waits_for_company:
            click.echo(f"{partition.key} {submitted.blocked_reason}", err=True)
        if wait and not submitted.errors:
            with batch_progress(quiet=as_json) as on_progress:
                outcome = run.collect(partition, on_progress, tell)
        for error in outcome.errors:
            tell(error)
        if outcome.is_blocked:
            tell(f"{partition.key} is blocked: {outcome.blocked_reason}")
        engine = run.database.engine
        reports = partition_reports(engine, partition.day, partition.retailer)
        source = answer_source(engine)
    seconds = time.monotonic() - started
    if submitted.errors and outcome.state in {"published", "held"}:
        click.echo("this run changed nothing; what follows is from before", err=True)
    for report in reports:
        click.echo(
            json.dumps(summary_json(report, seconds, source))
            if as_json
            else summary_text(report, seconds, source)
        )
    if submitted.errors:
        # The partition may still be published from before; this run did nothing for it.
        raise click.exceptions.Exit(EXIT_ERROR)
    raise click.exceptions.Exit(_exit_code(outcome))


def _exit_code(outcome: "Outcome") -> int:
    if outcome.state == "held":
        return EXIT_HELD
    if outcome.is_blocked:
        return EXIT_ERROR
    on_its_way = outcome.state in {"waiting", "submitted"} and not outcome.errors
    return EXIT_GREEN if outcome.state == "published" or on_its_way else EXIT_ERROR


def _agree(
    config: NormalizerConfig, partition: "Partition", limit: int | None, *, yes: bool
) -> None:
    """Says what --force will cost, and stops where nobody agrees to it.

    Raises:
        click.ClickException: Nobody is there to be asked.
        click.Abort: The person said no.
    """
    from normalizer_assets.cli.landed import routed_listings
    from normalizer_assets.pipeline import again_notice

    routed = routed_listings(config, partition, limit)
    click.echo(again_notice(config, partition, routed, routed["question_key"].to_list()), err=True)
    agree(yes=yes)
