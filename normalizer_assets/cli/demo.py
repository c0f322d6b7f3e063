"""`normalizer demo`: the whole job on the bundled sample, against the stand-in."""

import os
import shutil
import time
from pathlib import Path

import click

from normalizer_assets.batching.partition import Partition
from normalizer_assets.cli import EXIT_ERROR, EXIT_GREEN, EXIT_HELD
from normalizer_assets.cli.surroundings import surroundings
from normalizer_assets.config import NormalizerConfig, load_config

SAMPLE = Path(__file__).parents[1] / "demo" / "landing"
BATCH_SECONDS = 2.0


@click.command("demo")
def command() -> None:
    """Run the whole job on the bundled sample: two days of three retailers.

    Needs no key and no server: the stand-in answers, from this project's own basic rules.
    Running it again changes nothing and pays nothing.
    """
    # The demo must look often: its batches take seconds, not hours.
    os.environ.setdefault("NORMALIZER__POLLING__INTERVAL_SECONDS", "0.5")
    landing = Path(load_config().paths.data) / "landing"
    os.environ["NORMALIZER_LANDING"] = str(landing)
    config = load_config()
    partitions = _land_sample(landing)
    started = time.monotonic()
    with surroundings(config, needs_standin=True, batch_seconds=BATCH_SECONDS):
        states = _run(config, partitions)
    click.echo(
        f"\n{time.monotonic() - started:.1f} s. Next: `make dev` and open "
        f"http://127.0.0.1:3000 to see these runs and materialise a partition yourself; "
        f"`normalizer stats` for the figures; README.md for your own listings."
    )
    if "held" in states:
        raise click.exceptions.Exit(EXIT_HELD)
    raise click.exceptions.Exit(EXIT_GREEN if states == {"published"} else EXIT_ERROR)


def _land_sample(landing: Path) -> list[Partition]:
    """Copies the sample to where listings land; returns its partitions, oldest first."""
    partitions = []
    for file in sorted(SAMPLE.glob("*/*.*")):
        target = landing / file.parent.name / file.name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, target)
        partitions.append(Partition.from_key(f"{file.parent.name}|{file.stem}"))
    return partitions


def _run(config: NormalizerConfig, partitions: list[Partition]) -> set[str]:
    """Runs each day: submits all its retailers, then collects them. Returns the states."""
    from normalizer_assets.cli.local_run import LocalRun, dagster_instance
    from normalizer_assets.cli.progress import batch_progress, working
    from normalizer_assets.cli.report import print_table
    from normalizer_assets.matching.comparison import products_in_several_shops
    from normalizer_assets.publishing.daily import STANDIN_NOTICE
    from normalizer_assets.publishing.report import partition_reports

    with dagster_instance() as instance:
        run = LocalRun(config, instance)
        for day in sorted({partition.day for partition in partitions}):
            of_day = [partition for partition in partitions if partition.day == day]
            click.echo(f"{day}: submitting {', '.join(each.retailer for each in of_day)}")
            with working("submitting"):
                outcomes = [run.submit(partition) for partition in of_day]
            with batch_progress() as on_progress:
                outcomes += [run.collect(partition, on_progress) for partition in of_day]
            errors = [error for outcome in outcomes for error in outcome.errors]
            for error in (*errors, *run.compare(day)):
                click.echo(f"Error: {error}", err=True)
        engine = run.database.engine
        reports = [
            report
            for partition in partitions
            for report in partition_reports(engine, partition.day, partition.retailer)
        ]
        shared = products_in_several_shops(engine)
    print_table(reports)
    click.echo(
        f"{shared} times a product is in several shops: "
        f"`select * from normalizer.price_comparison` says where it is cheapest."
    )
    click.echo(STANDIN_NOTICE)
    return {report.state for report in reports}
