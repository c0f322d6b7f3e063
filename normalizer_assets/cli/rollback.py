"""`normalizer rollback`: a partition's version before the published one, shown again."""

import json
from datetime import UTC
from typing import TYPE_CHECKING

import click

from normalizer_assets.cli.options import (
    agree,
    day_option,
    json_option,
    read_partition,
    retailer_option,
)
from normalizer_assets.config import load_config

if TYPE_CHECKING:
    from normalizer_assets.publishing.rollback import Rollback


@click.command("rollback")
@day_option
@retailer_option
@click.option("--yes", is_flag=True, help="Do not ask before it is changed.")
@json_option
def command(day: str, retailer: str, yes: bool, as_json: bool) -> None:
    """Show the last green version before the published one again.

    Says first what changes. Typed again, it goes one version further back. The partition is
    held: only a run or a materialisation of yours publishes anew.
    """
    from normalizer_assets.batching import life
    from normalizer_assets.batching.errors import OperationError
    from normalizer_assets.db.engine import connect
    from normalizer_assets.publishing.rollback import find_rollback, roll_back

    config = load_config()
    partition = read_partition(config, day, retailer)
    engine = connect(config)
    try:
        with engine.connect() as connection:
            planned = find_rollback(connection, partition)
        _show(planned, err=as_json)
        agree(
            yes=yes,
            question="Roll back?",
            otherwise="nothing was changed; add --yes to roll back",
        )
        with life.locked(engine, partition, "rollback") as hold:
            if hold.holder is not None:
                raise click.ClickException(
                    f"{partition.key} is being worked on by {hold.holder}; nothing was changed, "
                    f"type the command again when that has ended"
                )
            forgotten = roll_back(engine, planned, hold.epoch)
    except OperationError as error:
        raise click.ClickException(str(error)) from None
    finally:
        engine.dispose()
    if as_json:
        click.echo(json.dumps(planned.figures() | {"questions_withdrawn": forgotten.questions}))
        return
    click.echo(f"{partition.key} shows version {planned.earlier.number} again and is held")
    if forgotten.questions:
        click.echo(
            f"{forgotten.questions} questions that these entries had answered are asked when they "
            f"next come"
        )
    click.echo(
        f"to publish anew, when the cause is corrected: `normalizer run --day {day} --retailer "
        f"{retailer} --wait`"
    )


def _show(planned: "Rollback", *, err: bool) -> None:
    for name, version in (("published", planned.shown), ("earlier", planned.earlier)):
        written = version.created_at.astimezone(UTC)
        click.echo(
            f"{name:<10} version {version.number} of {written:%Y-%m-%d %H:%M} UTC, "
            f"{version.rows} rows, gates {version.verdict}",
            err=err,
        )
    columns = ", ".join(f"{column} {count}" for column, count in planned.columns.items())
    click.echo(
        f"{planned.returning} rows come back, {planned.leaving} leave, {planned.differing} differ"
        + (f" ({columns})" if columns else "")
        + f"; {planned.entries} cache entries leave",
        err=err,
    )
