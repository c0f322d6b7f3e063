"""`normalizer review`: look at doubtful rows and decide about them.

Belongs here: options, tables, lines. Does not belong here: what a decision does (``review``).
"""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click
from rich.console import Console
from rich.table import Table

from normalizer_assets.cli.options import json_option, read_day
from normalizer_assets.config import load_config

if TYPE_CHECKING:
    import sqlalchemy as sa

    from normalizer_assets.review.decisions import Verdict
    from normalizer_assets.review.queue import Filters, Waiting

TABLE_WIDTH = 160
KEY_SIGNS = 12

names_argument = click.argument("names", metavar="ID...", nargs=-1, required=True)
note_option = click.option("--why", "note", help="A note for those who read the decision.")


def _filters(function: Any) -> Any:
    options = (
        click.option("--day", metavar="YYYY-MM-DD", help="Only rows of this day."),
        click.option("--retailer", help="Only rows of this retailer."),
        click.option("--group", help="Only rows of this category group, such as smartphones."),
        click.option(
            "--status", type=click.Choice(("review", "accepted")), default="review",
            show_default=True, help="accepted: to check what nobody doubted.",
        ),
        click.option("--sample", type=click.IntRange(min=1), help="N rows drawn by chance."),
    )  # fmt: skip
    for option in reversed(options):
        function = option(function)
    return function


def _read_filters(
    day: str | None, retailer: str | None, group: str | None, status: str, sample: int | None
) -> "Filters":
    from normalizer_assets.review.queue import Filters

    return Filters(read_day(day) if day else None, retailer, group, status, sample)


@click.group("review")
def command() -> None:
    """Look at doubtful rows and decide about them.

    ID is a question's key, the beginning of one, or a SKU. A decision belongs to the
    question: it counts for every shop and day with the same listing; of several the last
    one counts, so that a slip can be mended. Held partitions with
    the row are collected again, which costs nothing; published ones show the decision the
    next time they are materialised.
    """


@contextmanager
def _database() -> "Iterator[sa.Engine]":
    from normalizer_assets.resources.database import Database
    from normalizer_assets.review.queue import ReviewError

    engine = Database(load_config()).engine
    try:
        yield engine
    except ReviewError as error:
        raise click.ClickException(str(error)) from None
    finally:
        engine.dispose()


@command.command("list")
@_filters
@click.option("--limit", type=click.IntRange(min=1), default=30, show_default=True, help="Rows.")
@json_option
def list_rows(
    day: str | None,
    retailer: str | None,
    group: str | None,
    status: str,
    sample: int | None,
    limit: int,
    as_json: bool,
) -> None:
    """List what waits for a person, the least sure first, each question once."""
    from normalizer_assets.review import queue

    filters = _read_filters(day, retailer, group, status, sample)
    with _database() as engine, engine.connect() as connection:
        shown = queue.waiting(connection, filters, limit)
        total = queue.count(connection, filters)
    if as_json:
        rows = [_figures(one) for one in shown]
        click.echo(json.dumps({"total": total, "rows": rows}, indent=2, ensure_ascii=False))
        return
    if not shown:
        click.echo("nothing waits for review")
        return
    _print_table(shown)
    click.echo(f"{len(shown)} of {total} questions; `normalizer review show ID` shows one")


@command.command("show")
@click.argument("name", metavar="ID")
@json_option
def show(name: str, as_json: bool) -> None:
    """Show a row with its evidence, field by field."""
    from normalizer_assets.review import queue

    with _database() as engine, engine.connect() as connection:
        figures = _figures(queue.find(connection, name))
    if as_json:
        click.echo(json.dumps(figures, indent=2, ensure_ascii=False))
        return
    evidence = figures.pop("evidence") or {}
    attributes = figures.pop("attributes")
    for key, value in figures.items():
        mark = f"   ({evidence[key]})" if key in evidence else ""
        click.echo(f"{key:<20} {'-' if value is None else value}{mark}")
    for key, value in attributes.items():
        click.echo(f"  {key:<18} {value}   ({evidence.get(key, 'not judged')})")


@command.command("accept")
@names_argument
@note_option
@json_option
def accept(names: tuple[str, ...], note: str | None, as_json: bool) -> None:
    """Say that answers are right as they are."""
    _decide(names, "accept", note, as_json)


@command.command("reject")
@names_argument
@note_option
@json_option
def reject(names: tuple[str, ...], note: str | None, as_json: bool) -> None:
    """Say that answers are wrong: the next partition with the question asks again, at full."""
    _decide(names, "reject", note, as_json)


@command.command("correct")
@click.argument("name", metavar="ID")
@click.option("--brand", help="The right brand; empty for none.")
@click.option("--model", help="The right model; empty for none.")
@click.option("--name", "normalized_name", help="The right normalised name.")
@click.option(
    "--attribute", "attributes", multiple=True, metavar="KEY=VALUE",
    help="An attribute's right value, such as color=negro; KEY= removes it. Repeatable.",
)  # fmt: skip
@note_option
@json_option
def correct(
    name: str,
    brand: str | None,
    model: str | None,
    normalized_name: str | None,
    attributes: tuple[str, ...],
    note: str | None,
    as_json: bool,
) -> None:
    """Replace an answer by the right one; what is not named stays."""
    from normalizer_assets.review import decisions, queue
    from normalizer_assets.review.spreadsheet import read_attributes

    given = {"brand": brand, "model": model, "normalized_name": normalized_name}
    changes = {field: value for field, value in given.items() if value is not None}
    with _database() as engine:
        with engine.connect() as connection:
            about = queue.find(connection, name)
        pairs: dict[str, str | None] = {}
        for pair in attributes:
            pairs |= read_attributes(pair)
        answer = decisions.corrected(about, changes, pairs)
        _write(engine, [decisions.Verdict(about, "correct", answer, note)], as_json)


@command.command("export")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@_filters
@click.option("--labels", is_flag=True, help="Write all decisions as labels, NDJSON, instead.")
@click.option("--overwrite", is_flag=True, help="Replace the file, and what was filled in.")
def export(
    file: Path,
    day: str | None,
    retailer: str | None,
    group: str | None,
    status: str,
    sample: int | None,
    labels: bool,
    overwrite: bool,
) -> None:
    """Write the queue as CSV, to be filled in and imported."""
    if file.exists() and not overwrite:
        raise click.UsageError(f"{file} exists and may be filled in; see --overwrite")
    from normalizer_assets.review import decisions, queue, spreadsheet

    filters = _read_filters(day, retailer, group, status, sample)
    with _database() as engine, engine.connect() as connection:
        if labels:
            lines = list(decisions.labels(connection))
            file.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
            click.echo(f"{len(lines)} labels in {file}")
            return
        rows = queue.waiting(connection, filters)
    # With the mark a spreadsheet knows the file for UTF-8.
    file.write_text(spreadsheet.write_csv(rows), encoding="utf-8-sig", newline="")
    click.echo(
        f"{len(rows)} questions in {file}; write accept, correct or reject under `decision`, "
        f"then `normalizer review import {file}`"
    )


@command.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@json_option
def import_file(file: Path, as_json: bool) -> None:
    """Read decisions from a filled-in file: all of them, or on any error none."""
    from normalizer_assets.review import spreadsheet

    try:
        text = file.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise click.ClickException(f"{file} is not UTF-8; save it as CSV UTF-8") from None
    with _database() as engine:
        with engine.connect() as connection:
            verdicts = spreadsheet.read_csv(connection, text)
        _write(engine, verdicts, as_json)


@command.command("agreement")
@json_option
def agreement(as_json: bool) -> None:
    """Show how often people agree with each model."""
    from normalizer_assets.review import decisions

    with _database() as engine, engine.connect() as connection:
        found = decisions.agreement(connection)
    if as_json:
        click.echo(json.dumps(found, indent=2))
        return
    if not found:
        click.echo("nothing is decided yet")
    for one in found:
        click.echo(
            f"{one['llm_model']:<28} rows in {one['status']:<9} {one['agreement']:6.1%} accepted "
            f"of {one['decided']} ({one['corrected']} corrected, {one['rejected']} rejected)"
        )


def _decide(
    names: Sequence[str], decision: Literal["accept", "reject"], note: str | None, as_json: bool
) -> None:
    from normalizer_assets.review import decisions, queue

    with _database() as engine:
        with engine.connect() as connection:
            found = {one.question_key: one for one in (queue.find(connection, n) for n in names)}
        verdicts = [decisions.Verdict(about, decision, note=note) for about in found.values()]
        _write(engine, verdicts, as_json)


def _write(engine: "sa.Engine", verdicts: "Sequence[Verdict]", as_json: bool) -> None:
    from normalizer_assets.review import decisions

    due = decisions.decide(engine, verdicts)
    if as_json:
        keys = [verdict.about.question_key for verdict in verdicts]
        click.echo(json.dumps({"decided": keys, "due": [partition.key for partition in due]}))
        return
    click.echo(f"{len(verdicts)} decided")
    for partition in due:
        click.echo(
            f"{partition.key} is collected again by the sensor, or with `normalizer run "
            f"--day {partition.day} --retailer {partition.retailer} --wait`"
        )


def _figures(one: "Waiting") -> dict[str, Any]:
    row = one.row | {"day": one.row["day"].isoformat()}
    return {"question": one.question_key, "listings": one.listings, **row}


def _print_table(shown: "Sequence[Waiting]") -> None:
    console = Console()
    console.width = max(console.width, TABLE_WIDTH)
    table = Table(header_style="bold")
    for column in ("question", "listing", "brand", "model", "attributes", "sure", "why"):
        table.add_column(column, overflow="fold")
    for one in shown:
        row = one.row
        table.add_row(
            one.question_key[:KEY_SIGNS],
            f"{row['retailer']} {row['day']} {row['sku']}: {row['name']}",
            row["brand"] or "-",
            row["model"] or "-",
            ", ".join(f"{name} {value}" for name, value in row["attributes"].items()) or "-",
            f"{row['confidence']:.2f}",
            row["reasons"],
        )
    console.print(table)
