"""`normalizer run`: one partition, submitted and, with --wait, collected."""

import json
import time

import click

from normalizer_assets.cli import EXIT_ERROR, EXIT_GREEN, EXIT_HELD
from normalizer_assets.cli.options import day_option, json_option, read_partition, retailer_option
from normalizer_assets.config import load_config


@click.command("run")
@day_option
@retailer_option
@click.option("--wait", is_flag=True, help="Collect too: stay until published, held or failed.")
@click.option("--limit", type=click.IntRange(min=1), help="Take only the first N rows.")
@click.option("--verbose", is_flag=True, help="Print Dagster's log, with stack traces.")
@json_option
def command(
    day: str, retailer: str, wait: bool, limit: int | None, verbose: bool, as_json: bool
) -> None:
    """Submit one partition and, with --wait, collect it.

    Safe to repeat, to kill and to repeat: what is answered is not paid for again.
    """
    from normalizer_assets.cli.local_run import LocalRun, dagster_instance
    from normalizer_assets.cli.progress import batch_progress, working
    from normalizer_assets.cli.report import summary_json, summary_text
    from normalizer_assets.publishing.report import answer_source, partition_reports

    config = load_config()
    partition = read_partition(config, day, retailer)
    started = time.monotonic()
    with dagster_instance() as instance:
        run = LocalRun(config, instance, verbose=verbose)
        while wait and (holder := run.wait_for_turn(partition)):
            click.echo(f"{partition.key} is being worked on by {holder}; waiting", err=True)
            time.sleep(config.polling.interval_seconds)
        with working(f"submitting {partition.key}", quiet=as_json):
            submitted = run.submit(partition, limit)
        errors = submitted.errors
        if wait and not submitted.errors:
            with batch_progress(quiet=as_json) as on_progress:
                errors = run.collect(partition, on_progress).errors
        for error in errors:
            click.echo(f"error: {error}", err=True)
        engine = run.database.engine
        reports = partition_reports(engine, partition.day, partition.retailer)
        source = answer_source(engine)
    seconds = time.monotonic() - started
    for report in reports:
        click.echo(
            json.dumps(summary_json(report, seconds, source))
            if as_json
            else summary_text(report, seconds, source)
        )
    state = reports[0].state if reports else None
    if submitted.errors:
        # The partition may still be published from before; this run did nothing for it.
        raise click.exceptions.Exit(EXIT_ERROR)
    raise click.exceptions.Exit(_exit_code(state, failed=bool(errors)))


def _exit_code(state: str | None, *, failed: bool) -> int:
    if state == "held":
        return EXIT_HELD
    if state == "published" or (state in {"waiting", "submitted"} and not failed):
        return EXIT_GREEN
    return EXIT_ERROR
