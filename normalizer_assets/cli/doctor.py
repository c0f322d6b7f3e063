"""`normalizer doctor`: checks what work needs, and says what to type."""

import json
from typing import TYPE_CHECKING

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from normalizer_assets.cli import EXIT_ERROR
from normalizer_assets.cli.options import json_option

if TYPE_CHECKING:
    from normalizer_assets.doctor.examination import Examined

TABLE_WIDTH = 140
COLOURS = {"ok": "green", "warn": "yellow", "fail": "bold red"}


@click.command("doctor")
@json_option
def command(as_json: bool) -> None:
    """Check Python, database, folders, key, models, budget, clock, daemon and disk.

    Nothing is created, changed or paid; an embedded server is started. Exit code 1 where a
    check fails, else 0.
    """
    from normalizer_assets.cli.progress import working
    from normalizer_assets.doctor.examination import examine

    with working("looking", quiet=as_json):
        examined = list(examine())
    counts = {level: sum(one.finding.level == level for one in examined) for level in COLOURS}
    if as_json:
        checks = [{"check": one.check, **vars(one.finding)} for one in examined]
        click.echo(json.dumps({**counts, "checks": checks}, indent=2, ensure_ascii=False))
    else:
        _print(examined)
        click.echo(", ".join(f"{count} {level}" for level, count in counts.items()))
    if counts["fail"]:
        raise click.exceptions.Exit(EXIT_ERROR)


def _print(examined: "list[Examined]") -> None:
    """Prints one row a check, and below each what to type."""
    console = Console()
    console.width = max(console.width, TABLE_WIDTH)
    table = Table("check", "", "found", header_style="bold")
    for one in examined:
        finding = one.finding
        # As it is: square brackets of a configuration are no markup.
        found = Text(finding.found, overflow="fold")
        if finding.remedy:
            found.append(f"\n-> {finding.remedy}".replace("\n", "\n   ").replace("\n   ->", "\n->"))
        table.add_row(one.check, Text(finding.level, style=COLOURS[finding.level]), found)
    console.print(table)
