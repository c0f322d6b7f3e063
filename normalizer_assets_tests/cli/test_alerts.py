"""`normalizer alerts`, and who else tells: `normalizer run --wait`."""

import json
from collections.abc import Iterator

import pytest

from normalizer_assets_tests.alerts.receivers import SECRET_PATH, Webhook, running_webhook
from normalizer_assets_tests.cli.conftest import Typed
from normalizer_assets_tests.scene import Scene, invented

pytestmark = pytest.mark.slow

RUN = ("run", "--day", "2024-10-01", "--retailer", "lider", "--wait")


@pytest.fixture
def variables() -> dict[str, str]:
    """The shipped models are shut down one day, which is told."""
    names = ("gpt-5", "gpt-5-mini", "gpt-4o-mini", "gpt-5-nano")
    return {f"MODELS__{name}__SHUTDOWN": "2100-01-01" for name in names}


@pytest.fixture
def webhook(scene: Scene) -> Iterator[Webhook]:
    with running_webhook() as running:
        scene.monkeypatch.setenv("NORMALIZER_ALERT_WEBHOOK", running.url)
        scene.set(ALERTS__CHANNELS='["webhook", "log"]')
        yield running


@pytest.fixture
def held(scene: Scene, typed: Typed) -> Scene:
    """A partition that its gate holds."""
    scene.set(CONFIDENCE__THRESHOLD="1")
    scene.land(invented(4))
    assert typed(*RUN).code == 3
    return scene


@pytest.mark.parametrize("sub", ["list", "test", "ack"])
def test_every_alerts_command_has_help(typed: Typed, sub: str) -> None:
    said = typed("alerts", sub, "--help")
    assert said.code == 0
    assert said.out.startswith(f"Usage: normalizer alerts {sub}")


@pytest.mark.usefixtures("scene")
def test_where_nothing_is_wrong_the_list_says_so(typed: Typed) -> None:
    assert typed("alerts", "list").out == "nothing needs a hand\n"
    assert json.loads(typed("alerts", "list", "--json").out) == []


@pytest.mark.usefixtures("held")
def test_the_list_looks_first_and_tells_nobody(typed: Typed) -> None:
    lines = typed("alerts", "list").out.splitlines()
    assert lines[0].startswith("1  since ")
    assert lines[0].endswith("  not told")
    assert lines[1] == "    gate red: 2024-10-01|lider"
    assert lines[4].startswith("    To do: `normalizer review list")
    [alert] = json.loads(typed("alerts", "list", "--json").out)
    assert (alert["kind"], alert["told_to"]) == ("gate_red", [])


def test_what_is_silenced_stays_so_and_what_has_ended_is_in_all(held: Scene, typed: Typed) -> None:
    typed("alerts", "list")
    assert typed("alerts", "ack", "1").out == "silenced: 1\n"
    assert "  silenced\n" in typed("alerts", "list").out
    held.set(CONFIDENCE__THRESHOLD="0.1")
    assert typed(*RUN).code == 0
    assert typed("alerts", "list").out == "nothing needs a hand\n"
    assert "  ended\n" in typed("alerts", "list", "--all").out
    unknown = typed("alerts", "ack", "1", "--json")
    assert unknown.code == 1
    assert json.loads(unknown.out) == {"silenced": [], "unknown": [1]}
    assert "no open alert has the number 1; `normalizer alerts list`" in unknown.err
    assert typed("alerts", "ack", "one").code == 2


@pytest.mark.usefixtures("scene")
def test_the_test_message_goes_to_the_log_by_default(typed: Typed) -> None:
    said = typed("alerts", "test")
    assert (said.code, said.out) == (0, "log: ok\n")
    assert said.err.startswith("test: this is how alerts arrive\n")


def test_the_test_message_goes_to_each_channel(webhook: Webhook, typed: Typed) -> None:
    said = typed("alerts", "test", "--json")
    assert (said.code, json.loads(said.out)) == (0, {"webhook": None, "log": None})
    assert webhook.texts[0].startswith("test: this is how alerts arrive\n")
    webhook.answers = [403]
    said = typed("alerts", "test")
    assert said.code == 1
    assert said.out == "webhook: HTTPError: HTTP Error 403: Forbidden\nlog: ok\n"
    assert SECRET_PATH not in said.out + said.err


@pytest.mark.slow
def test_run_wait_tells_who_does_not_read_it(webhook: Webhook, held: Scene, typed: Typed) -> None:
    assert [text.splitlines()[0] for text in webhook.texts] == ["gate red: 2024-10-01|lider"]
    assert typed(*RUN).code == 3
    assert len(webhook.texts) == 1
    # Its own terminal is no channel: the log is left to the sensor.
    assert held.scalar("select told_to from normalizer.alerts") == ["webhook"]


@pytest.mark.slow
def test_a_channel_that_is_down_changes_nothing_for_a_run(
    webhook: Webhook, scene: Scene, typed: Typed
) -> None:
    webhook.answers = [500] * 10
    scene.set(CONFIDENCE__THRESHOLD="1")
    scene.land(invented(4))
    said = typed(*RUN)
    assert said.code == 3
    assert SECRET_PATH not in said.out + said.err
