"""Options that several commands share.

Belongs here: parsing and checking them once, and the question before what cannot be undone. Does
not belong here: what commands do.
"""

import sys
from collections.abc import Callable
from datetime import date, datetime
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

import click

from normalizer_assets.batching.partition import Partition
from normalizer_assets.config import TIMEZONE, NormalizerConfig

Function = TypeVar("Function", bound=Callable[..., Any])

day_option = click.option("--day", required=True, metavar="YYYY-MM-DD", help="The scrape day.")
retailer_option = click.option("--retailer", required=True, help="Slug of the shop, e.g. lider.")
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


def read_day(text: str, option: str = "--day") -> date:
    """Reads a day.

    Raises:
        click.BadParameter: Not a day.
    """
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise click.BadParameter(
            f"{text!r} is not a day; write YYYY-MM-DD, e.g. 2024-10-01", param_hint=option
        ) from None


def read_partition(config: NormalizerConfig, day: str, retailer: str) -> Partition:
    """Reads day and retailer and checks that the partition exists.

    Raises:
        click.BadParameter: No such day or retailer.
    """
    if retailer not in config.retailers:
        raise click.BadParameter(
            f"{retailer!r} is not configured; known are {', '.join(config.retailers)}. Add "
            f"`{retailer}` to the section [retailers]",
            param_hint="--retailer",
        )
    partition = Partition(read_day(day), retailer)
    if partition.day < config.first_day:
        raise click.BadParameter(
            f"{day} is before the first day, {config.first_day} (key `first_day`)",
            param_hint="--day",
        )
    today = datetime.now(ZoneInfo(TIMEZONE)).date()
    if partition.day > today:
        raise click.BadParameter(
            f"{day} is in the future; today is {today} in {TIMEZONE}", param_hint="--day"
        )
    return partition


def agree(
    *,
    yes: bool,
    question: str = "Pay this?",
    otherwise: str = "nothing was sent; add --yes to pay this",
) -> None:
    """Stops where nobody agrees to what was said.

    Args:
        yes: Whether that was agreed to with an option.
        question: What a person at a terminal is asked.
        otherwise: What is said where nobody can be asked.

    Raises:
        click.ClickException: Nobody is there to be asked.
        click.Abort: The person said no.
    """
    if yes:
        return
    if not sys.stdin.isatty():
        raise click.ClickException(otherwise)
    click.confirm(question, abort=True, err=True)
