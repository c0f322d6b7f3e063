"""`normalizer alerts`: what needs a hand, and the channels that tell of it.

Belongs here: options and lines. Does not belong here: what needs a hand, telling it once
(``alerts``).
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from normalizer_assets.cli import EXIT_ERROR
from normalizer_assets.cli.options import json_option
from normalizer_assets.config import NormalizerConfig, load_config

if TYPE_CHECKING:
    import sqlalchemy as sa

TEST_MESSAGE = (
    "test: this is how alerts arrive\nNothing is wrong; a person typed `normalizer alerts test`."
)


@click.group("alerts")
def command() -> None:
    """Look at what needs a hand, try the channels, silence an alert.

    The sensor send_alerts tells each alert once, to the channels of the section [alerts].
    """


@contextmanager
def _opened() -> "Iterator[tuple[NormalizerConfig, sa.Engine]]":
    from normalizer_assets.resources.database import Database

    config = load_config()
    engine = Database(config).engine
    try:
        yield config, engine
    finally:
        engine.dispose()


@command.command("list")
@click.option("--all", "ended", is_flag=True, help="Those that have ended as well.")
@json_option
def list_alerts(ended: bool, as_json: bool) -> None:
    """List open alerts, the oldest first, after a look at what needs a hand now."""
    from normalizer_assets.alerts import delivery

    with _opened() as (config, engine):
        delivery.look(engine, config, channels=())
        with engine.connect() as connection:
            found = delivery.listed(connection, ended=ended)
    if as_json:
        click.echo(json.dumps(found, indent=2, ensure_ascii=False))
        return
    for alert in found:
        click.echo(f"{alert['alert_id']}  since {alert['first_seen_at'][:16]}  {_standing(alert)}")
        for line in alert["text"].splitlines():
            click.echo(f"    {line}")
    if not found:
        click.echo("nothing needs a hand")


def _standing(alert: dict[str, Any]) -> str:
    if alert["ended_at"]:
        return "ended"
    if alert["silenced_at"]:
        return "silenced"
    return f"told by {', '.join(alert['told_to'])}" if alert["told_to"] else "not told"


@command.command("test")
@json_option
def test(as_json: bool) -> None:
    """Send a test message to each channel; exit code 1 where one does not take it."""
    from normalizer_assets.alerts.channels import DeliveryError, configured

    config = load_config().alerts
    trouble: dict[str, str | None] = {}
    for channel in configured(config, lambda text: click.echo(text, err=True)):
        try:
            trouble[channel.name] = channel.send(TEST_MESSAGE, config.timeout_seconds)
        except DeliveryError as error:
            trouble[channel.name] = str(error)
    if as_json:
        click.echo(json.dumps(trouble))
    else:
        for name, problem in trouble.items():
            click.echo(f"{name}: {problem or 'ok'}")
    if any(trouble.values()):
        raise click.exceptions.Exit(EXIT_ERROR)


@command.command("ack")
@click.argument("alert_ids", metavar="NUMBER...", nargs=-1, required=True, type=int)
@json_option
def acknowledge(alert_ids: tuple[int, ...], as_json: bool) -> None:
    """Silence open alerts: they are told again only once they have ended and come back.

    NUMBER stands in front of each alert of `normalizer alerts list`.
    """
    from normalizer_assets.alerts import delivery

    with _opened() as (_, engine), engine.begin() as connection:
        silenced = delivery.silence(connection, alert_ids)
    unknown = [one for one in dict.fromkeys(alert_ids) if one not in silenced]
    if as_json:
        click.echo(json.dumps({"silenced": sorted(silenced), "unknown": unknown}))
    elif silenced:
        click.echo(f"silenced: {', '.join(map(str, sorted(silenced)))}")
    if unknown:
        raise click.ClickException(
            f"no open alert has the number {', '.join(map(str, unknown))}; "
            f"`normalizer alerts list` shows them"
        )
