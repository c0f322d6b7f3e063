"""Each alert is told once to each channel, whatever the channels do."""

import dataclasses
import threading
import time
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from normalizer_assets.alerts import delivery
from normalizer_assets.alerts.channels import Channel
from normalizer_assets.alerts.channels import configured as configured_channels
from normalizer_assets.alerts.conditions import Condition
from normalizer_assets.alerts.delivery import GONE_FOR, Look, listed, look, silence
from normalizer_assets.batching import life
from normalizer_assets.batching.errors import BlockedError
from normalizer_assets.batching.partition import Partition
from normalizer_assets.batching.work import PartitionWork
from normalizer_assets.config import AlertsConfig
from normalizer_assets.db.tables import PartitionState
from normalizer_assets_tests.alerts.receivers import Webhook, running_webhook
from normalizer_assets_tests.batching.listings import land
from normalizer_assets_tests.batching.settings import configured

NOW = datetime.now(UTC)


@pytest.fixture
def work(quiet_work: PartitionWork) -> PartitionWork:
    return quiet_work


@pytest.fixture
def webhook() -> Iterator[Webhook]:
    with running_webhook() as running:
        yield running


def held(work: PartitionWork, count: int = 1, state: PartitionState = "held") -> None:
    """Lets so many partitions be held, one a day."""
    for number in range(count):
        partition = Partition(date(2024, 10, 1) + timedelta(days=number), "lider")
        other = dataclasses.replace(work, partition=partition)
        land(other)
        with other.begin() as connection:
            life.enter(connection, partition, state, "share_accepted 0.52")


def open_alerts(work: PartitionWork, *, ended: bool = False) -> list[dict[str, Any]]:
    with work.engine.connect() as connection:
        return listed(connection, ended=ended)


def with_alerts(work: PartitionWork, **settings: Any) -> PartitionWork:
    return configured(work, alerts=settings)


def by_webhook(webhook: Webhook) -> Channel:
    config = AlertsConfig(channels=("webhook",))
    return configured_channels(config, environ={"NORMALIZER_ALERT_WEBHOOK": webhook.url})[0]


def test_without_anything_wrong_nothing_is_told(
    work: PartitionWork, channel: Channel, told: list[str]
) -> None:
    assert look(work.engine, work.config, [channel]) == Look(lasting=0, sent=0, problems=[])
    assert told == []


def test_what_is_told_is_written_down(
    work: PartitionWork, channel: Channel, told: list[str]
) -> None:
    held(work)
    assert look(work.engine, work.config, [channel], now=NOW) == Look(1, 1, [])
    assert look(work.engine, work.config, [channel]) == Look(1, 0, [])
    [alert] = open_alerts(work)
    assert told == [alert["text"]]
    assert (alert["kind"], alert["subject"]) == ("gate_red", "2024-10-01|lider")
    assert alert["told_to"] == ["log"]
    assert datetime.fromisoformat(alert["first_seen_at"]) == NOW
    assert alert["told_at"] is not None
    assert (alert["silenced_at"], alert["ended_at"]) == (None, None)


def test_what_comes_back_is_another_alert(
    work: PartitionWork, channel: Channel, told: list[str]
) -> None:
    for _ in range(2):
        held(work)
        look(work.engine, work.config, [channel])
        held(work, state="published")
        look(work.engine, work.config, [channel])
    assert len(told) == 2
    first, second = open_alerts(work, ended=True)
    assert first["alert_id"] < second["alert_id"]
    assert first["ended_at"] < second["first_seen_at"] < second["ended_at"]


def test_what_wavers_has_ended_only_when_it_was_gone_for_a_while(
    work: PartitionWork, channel: Channel, told: list[str]
) -> None:
    land(work)

    def see(blocked: bool, minutes: float) -> int:
        """Looks some minutes after the first look; returns how many alerts are open."""
        with work.begin() as connection:
            life.enter(connection, work.partition, "submitted")
            if blocked:
                life.block(connection, work.partition, BlockedError("key", "no"), 0)
        now = NOW + timedelta(minutes=minutes)
        return look(work.engine, work.config, [channel], now=now).lasting

    assert [see(True, 0), see(False, 1), see(True, 2), see(False, 3)] == [1, 1, 1, 1]
    gone = GONE_FOR.total_seconds() / 60
    assert [see(False, 2.9 + gone), see(True, 3 + gone)] == [1, 1]
    assert len(told) == 1
    assert [see(False, 4 + gone), see(False, 4 + 2 * gone), see(True, 5 + 2 * gone)] == [1, 0, 1]
    assert len(told) == 2


def test_what_is_gone_for_now_is_not_told(
    work: PartitionWork, channel: Channel, told: list[str]
) -> None:
    land(work)
    with work.begin() as connection:
        life.block(connection, work.partition, BlockedError("key", "no"), 0)
    look(work.engine, work.config, [])
    with work.begin() as connection:
        life.enter(connection, work.partition, "submitted")
    assert look(work.engine, work.config, [channel]) == Look(1, 0, [])
    assert told == []


def test_only_who_looked_at_runs_says_that_one_has_ended(
    work: PartitionWork, channel: Channel, told: list[str]
) -> None:
    failed = Condition("run_failed", "2024-10-01|lider", "no such file", "land it")
    assert look(work.engine, work.config, [channel], [failed]).lasting == 1
    assert look(work.engine, work.config, [channel]).lasting == 1
    assert look(work.engine, work.config, [channel], [failed]).sent == 0
    assert look(work.engine, work.config, [channel], []).lasting == 0
    assert told == ["run failed: 2024-10-01|lider\nno such file\nTo do: land it"]


# --- who is told what -----------------------------------------------------------------


def test_a_quiet_kind_is_listed_and_told_nobody(work: PartitionWork, channel: Channel) -> None:
    held(work)
    quiet = with_alerts(work, quiet=("gate_red",))
    assert look(work.engine, quiet.config, [channel]) == Look(1, 0, [])
    assert [alert["told_at"] for alert in open_alerts(work)] == [None]


def test_a_channel_gets_its_kinds(work: PartitionWork, channel: Channel, told: list[str]) -> None:
    held(work)
    money: list[str] = []
    finance = Channel("webhook", ("budget_near", "budget_over"), money.append)
    assert look(work.engine, work.config, [finance, channel]).sent == 1
    assert (len(told), money) == (1, [])
    assert open_alerts(work)[0]["told_to"] == ["log"]


def test_a_silenced_alert_is_not_told_until_it_has_ended_and_comes_back(
    work: PartitionWork, channel: Channel, told: list[str]
) -> None:
    held(work)
    look(work.engine, work.config, [])
    number = open_alerts(work)[0]["alert_id"]
    with work.engine.begin() as connection:
        assert silence(connection, [number, 4711]) == {number}
    assert look(work.engine, work.config, [channel]) == Look(1, 0, [])
    held(work, state="published")
    look(work.engine, work.config, [channel])
    with work.engine.begin() as connection:
        assert silence(connection, [number]) == set()
    held(work)
    assert look(work.engine, work.config, [channel]) == Look(1, 1, [])
    assert len(told) == 1


def test_a_channel_that_is_added_later_is_told_what_lasts(
    work: PartitionWork, channel: Channel, webhook: Webhook
) -> None:
    held(work)
    look(work.engine, work.config, [channel])
    first = open_alerts(work)[0]["told_at"]
    assert look(work.engine, work.config, [channel, by_webhook(webhook)]).sent == 1
    [alert] = open_alerts(work)
    assert (alert["told_to"], alert["told_at"]) == (["log", "webhook"], first)


# --- storms ---------------------------------------------------------------------------


@pytest.mark.parametrize(("count", "messages"), [(5, 5), (6, 1)])
def test_many_of_a_kind_make_one_message(
    work: PartitionWork, channel: Channel, told: list[str], count: int, messages: int
) -> None:
    held(work, count)
    assert look(work.engine, work.config, [channel]) == Look(count, messages, [])
    assert look(work.engine, work.config, [channel]).sent == 0
    assert len(told) == messages


def test_a_summary_counts_names_and_shows_the_first(
    work: PartitionWork, channel: Channel, told: list[str]
) -> None:
    held(work, 12)
    look(work.engine, work.config, [channel])
    days = ", ".join(f"2024-10-{day:02}|lider" for day in range(1, 11))
    lines = told[0].splitlines()
    assert lines[:3] == [
        "gate red: 12 at once",
        f"{days} and 2 more",
        "`normalizer alerts list` has all of them. The first:",
    ]
    assert lines[3:5] == ["gate red: 2024-10-01|lider", "share_accepted 0.52"]


def test_a_look_sends_so_many_messages_and_the_next_one_goes_on(
    work: PartitionWork, channel: Channel, told: list[str]
) -> None:
    held(work, 5)
    two = with_alerts(work, messages_per_look=2).config
    assert [look(work.engine, two, [channel]).sent for _ in range(4)] == [2, 2, 1, 0]
    assert len(set(told)) == 5


# --- channels that do not take it -----------------------------------------------------


def test_a_channel_that_is_down_is_tried_again_and_holds_up_no_other(
    work: PartitionWork, channel: Channel, told: list[str], webhook: Webhook
) -> None:
    held(work, 2)
    webhook.answers = [503]
    first = look(work.engine, work.config, [by_webhook(webhook), channel])
    assert first == Look(
        2, 2, ["alerts cannot be told by webhook: HTTPError: HTTP Error 503: Service Unavailable"]
    )
    # After the first refusal it is left alone until the next look.
    assert (len(webhook.got), len(told)) == (1, 2)
    assert [alert["told_to"] for alert in open_alerts(work)] == [["log"], ["log"]]
    assert look(work.engine, work.config, [by_webhook(webhook), channel]) == Look(2, 2, [])
    assert (len(webhook.texts), len(told)) == (3, 2)
    assert webhook.texts[0] == webhook.texts[1]


def test_what_was_taken_before_a_channel_went_down_is_not_told_again(
    work: PartitionWork, webhook: Webhook
) -> None:
    held(work, 3)
    webhook.answers = [200, "drop"]
    assert look(work.engine, work.config, [by_webhook(webhook)]).sent == 1
    assert look(work.engine, work.config, [by_webhook(webhook)]).sent == 2
    first, lost, again, last = webhook.texts
    assert lost == again
    assert len({first, lost, last}) == 3


def test_a_channel_that_hangs_is_given_up_on(work: PartitionWork, webhook: Webhook) -> None:
    held(work, 3)
    hurried = with_alerts(work, timeout_seconds=0.2).config
    webhook.answers = ["hang"]
    started = time.monotonic()
    found = look(work.engine, hurried, [by_webhook(webhook)])
    assert time.monotonic() - started < 1
    assert found == Look(3, 0, ["alerts cannot be told by webhook: no answer within 0.2 s"])


def test_a_slow_channel_has_its_time_and_goes_on_at_the_next_look(
    work: PartitionWork, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivery, "CHANNEL_SECONDS", 0.05)
    held(work, 3)
    slow = Channel("log", (), lambda _: time.sleep(0.1))
    assert [look(work.engine, work.config, [slow]).sent for _ in range(3)] == [1, 1, 1]


def test_who_was_left_out_of_what_others_got_is_a_problem_once(work: PartitionWork) -> None:
    held(work)
    email = Channel("email", (), lambda _: "the server refused ana@shop.example")
    problem = "alerts were told by email, but the server refused ana@shop.example"
    assert look(work.engine, work.config, [email]) == Look(1, 1, [problem])
    assert look(work.engine, work.config, [email]) == Look(1, 0, [])


# --- several processes ----------------------------------------------------------------


def test_who_comes_while_another_tells_leaves_it_to_that_one(
    work: PartitionWork, channel: Channel, told: list[str]
) -> None:
    held(work)
    telling, may_end = threading.Event(), threading.Event()

    def deliver(_: str) -> None:
        telling.set()
        may_end.wait(5)

    slow = Channel("log", (), deliver)
    beside = threading.Thread(target=look, args=(work.engine, work.config, [slow]))
    beside.start()
    assert telling.wait(5)
    assert look(work.engine, work.config, [channel]) == Look(1, 0, [])
    may_end.set()
    beside.join()
    assert look(work.engine, work.config, [channel]) == Look(1, 0, [])
    assert told == []


def test_a_look_that_fails_lets_go_of_its_turn(work: PartitionWork, channel: Channel) -> None:
    held(work)
    with work.engine.begin() as connection:
        connection.execute(sa.text("alter table normalizer.alerts rename to elsewhere"))
    with pytest.raises(sa.exc.ProgrammingError):
        look(work.engine, work.config, [channel])
    with work.engine.begin() as connection:
        connection.execute(sa.text("alter table normalizer.elsewhere rename to alerts"))
    assert look(work.engine, work.config, [channel]).sent == 1
