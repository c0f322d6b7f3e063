"""`normalizer batches`: look at batches, cancel, adopt and release them.

Belongs here: options, tables, lines. Does not belong here: what may be done with a batch
in which state (``batching.operations``).
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console
from rich.table import Table

from normalizer_assets.cli import EXIT_ERROR
from normalizer_assets.cli.options import json_option, read_day
from normalizer_assets.config import load_config

if TYPE_CHECKING:
    from normalizer_assets.batching.operations import Desk

TABLE_WIDTH = 160
LAST = 50

name_argument = click.argument("name", metavar="ID")


@click.group("batches")
def command() -> None:
    """Look at batches, cancel, adopt and release them.

    ID is a batch's id, the name of its file or its shard hash, or the beginning of one.
    Everything here is safe to repeat, and works beside a running daemon.
    """


@contextmanager
def _desk() -> "Iterator[Desk]":
    """Yields what operations need; what cannot be done becomes one clear line."""
    import openai

    from normalizer_assets.batching.errors import OperationError
    from normalizer_assets.batching.operations import Desk
    from normalizer_assets.batching.replies import UnreadableReplyError
    from normalizer_assets.resources.database import Database
    from normalizer_assets.resources.openai_client import clients, unreachable

    config = load_config()
    engine = Database(config).engine
    try:
        with clients(engine) as connect:
            yield Desk(config, engine, connect)
    except OperationError as error:
        raise click.ClickException(str(error)) from None
    except openai.APIConnectionError as error:
        raise click.ClickException(f"{unreachable(error)}; then type the command again") from None
    except (openai.APIError, UnreadableReplyError) as error:
        raise click.ClickException(
            f"the API refused, or its reply cannot be read: {error}; what was done stands, type "
            f"the command again"
        ) from None
    finally:
        engine.dispose()


@command.command("list")
@click.option("--day", metavar="YYYY-MM-DD", help="Only batches with requests of this day.")
@click.option("--retailer", help="Only batches with requests of this retailer.")
@click.option("--open", "only_open", is_flag=True, help="Only those not ended or not harvested.")
@click.option(
    "--last", type=click.IntRange(min=1), default=LAST, show_default=True, help="The newest N."
)
@json_option
def list_batches(
    day: str | None, retailer: str | None, only_open: bool, last: int, as_json: bool
) -> None:
    """List batches, the newest last."""
    from normalizer_assets.batching import inspection

    wanted = read_day(day) if day else None
    with _desk() as desk, desk.engine.connect() as connection:
        found = inspection.listed(connection, wanted, retailer, only_open=only_open, last=last + 1)
    shown = found[-last:]
    if as_json:
        click.echo(json.dumps(shown, indent=2))
        return
    if not shown:
        click.echo("no batches")
        return
    _print_table(shown)
    if len(found) > last:
        click.echo(f"the newest {last}; --last N shows more")


@command.command("show")
@name_argument
@json_option
def show(name: str, as_json: bool) -> None:
    """Show everything that is known about a batch."""
    from normalizer_assets.batching import inspection

    with _desk() as desk, desk.engine.connect() as connection:
        batch = inspection.find(connection, name)
        figures = inspection.in_full(connection, desk.config, batch)
    if as_json:
        click.echo(json.dumps(figures, indent=2))
        return
    for key, value in figures.items():
        click.echo(f"{key:<20} {_words(value)}")


@command.command("cancel")
@click.argument("names", metavar="ID...", nargs=-1, required=True)
@click.option(
    "--timeout", type=click.FloatRange(min=0), default=600.0, show_default=True,
    help="Seconds to wait until the API has cancelled.",
)  # fmt: skip
def cancel(names: tuple[str, ...], timeout: float) -> None:
    """Cancel batches and harvest what was done; that is billed.

    A batch that was not sent yet is withdrawn. Lines without an answer are asked again when
    their partition is collected.
    """
    from normalizer_assets.batching import operations
    from normalizer_assets.batching.errors import OperationError

    refused = 0

    def refuse(error: OperationError) -> None:
        nonlocal refused
        refused += 1
        click.echo(f"Error: {error}", err=True)

    with _desk() as desk:
        asked = []
        for name in dict.fromkeys(names):
            try:
                asked.append(operations.cancel(desk, name))
            except OperationError as error:
                refuse(error)
        ended = operations.wait_until_ended(
            desk, asked, timeout, lambda text: click.echo(text, err=True)
        )
        for batch in ended:
            try:
                click.echo(operations.settle(desk, batch))
            except OperationError as error:
                refuse(error)
    if refused:
        raise click.exceptions.Exit(EXIT_ERROR)


@command.command("adopt")
@click.argument("batch_id")
def adopt(batch_id: str) -> None:
    """Take in a batch of ours that exists at the API, but not in the ledger."""
    from normalizer_assets.batching import operations

    with _desk() as desk:
        click.echo(operations.adopt(desk, batch_id))


@command.command("resubmit")
@name_argument
@click.option("--yes", is_flag=True, help="Release lines although they may be paid twice.")
def resubmit(name: str, yes: bool) -> None:
    """Let lines without an answer be asked again.

    Needed for a batch that does not end after its cancel (with --yes, because its lines may
    be paid twice), and for a failed partition. Otherwise they are asked again by themselves.
    """
    from normalizer_assets.batching import operations

    with _desk() as desk:
        for line in operations.resubmit(desk, name, agreed=yes):
            click.echo(line)


def _print_table(shown: list[dict[str, Any]]) -> None:
    """Prints one line a batch, whole even where no terminal says how wide it is."""
    console = Console()
    console.width = max(console.width, TABLE_WIDTH)
    table = Table(header_style="bold")
    for column in ("batch", "partitions", "model", "state"):
        table.add_column(column, overflow="fold")
    for column in ("done", "age", "prompt tokens", "estimate USD", "cost USD"):
        table.add_column(column, justify="right")
    table.add_column("alert", overflow="fold")
    for figures in shown:
        table.add_row(
            figures["batch_id"] or figures["file"],
            ", ".join(figures["partitions"]),
            figures["llm_model"],
            "gathers" if figures["gathers_until"] else figures["state"],
            f"{figures['done']}/{figures['total']}",
            str(timedelta(seconds=figures["age_seconds"])),
            f"{figures['prompt_tokens']:,}",
            f"{figures['estimated_usd']:.6f}",
            f"{figures['cost_usd']:.6f}",
            figures["alert"] or "",
        )
    console.print(table)


def _words(value: Any) -> str:
    """Puts a figure into words; a nested one on one line."""
    if value is None:
        return "-"
    if isinstance(value, dict):
        return ", ".join(f"{key} {_words(each)}" for key, each in value.items()) or "-"
    if isinstance(value, list):
        return ", ".join(map(_words, value))
    return f"{value:.9f}".rstrip("0").rstrip(".") if isinstance(value, float) else str(value)
