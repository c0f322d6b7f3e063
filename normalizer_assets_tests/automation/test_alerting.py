"""The sensor that tells what needs a hand, also when nothing else runs."""

from collections.abc import Iterator

import dagster as dg
import pytest

from normalizer_assets.alerts.delivery import listed
from normalizer_assets_tests.alerts.receivers import SECRET_PATH, Webhook, running_webhook
from normalizer_assets_tests.scene import Scene, invented

pytestmark = pytest.mark.slow

KEY = "2024-10-01|lider"
RUN = "`normalizer run --day 2024-10-01 --retailer lider --wait`"


@pytest.fixture
def webhook(scene: Scene) -> Iterator[Webhook]:
    with running_webhook() as running:
        scene.monkeypatch.setenv("NORMALIZER_ALERT_WEBHOOK", running.url)
        scene.set(ALERTS__CHANNELS='["webhook"]')
        without_shutdowns(scene)
        yield running


def without_shutdowns(scene: Scene) -> None:
    """The shipped models are shut down one day, which is told."""
    lasting = {
        name: model.model_copy(update={"shutdown": None})
        for name, model in scene.config.models.items()
    }
    scene.config = scene.config.model_copy(update={"models": lasting})


def tick(scene: Scene) -> str:
    """Lets the sensor look once; returns what it says for itself."""
    repository = scene.definitions.get_repository_def()
    context = dg.build_sensor_context(instance=scene.instance, repository_def=repository)
    data = repository.get_sensor_def("send_alerts").evaluate_tick(context)
    assert not data.run_requests
    return str(data.skip_message)


def open_subjects(scene: Scene) -> list[tuple[str, str]]:
    with scene.engine.connect() as connection:
        return [(alert["kind"], alert["subject"]) for alert in listed(connection)]


def test_by_default_alerts_are_in_the_log_of_its_ticks(
    scene: Scene, capfd: pytest.CaptureFixture[str]
) -> None:
    hold(scene)
    assert tick(scene) == "1 alerts are open, 1 messages were sent"
    assert tick(scene) == "1 alerts are open, 0 messages were sent"
    assert capfd.readouterr().err.count(f"gate red: {KEY}") == 1


def hold(scene: Scene) -> None:
    """Lets the gate hold the partition."""
    scene.set(CONFIDENCE__THRESHOLD="1")
    without_shutdowns(scene)
    scene.land(invented(4))
    scene.submit()
    assert not scene.collect().success
    assert scene.row().state == "held"


def test_a_red_gate_is_told_once_although_its_run_failed(scene: Scene, webhook: Webhook) -> None:
    hold(scene)
    for _ in range(3):
        tick(scene)
    [text] = webhook.texts
    lines = text.splitlines()
    assert lines[0] == f"gate red: {KEY}"
    assert lines[1].startswith("0.0% of the rows are accepted, under 70.0%")
    cost = scene.scalar("select sum(cost_usd) from normalizer.batch_requests")
    assert lines[2] == f"Cost so far: {cost:.6f} USD"
    assert "`normalizer review list --day 2024-10-01 --retailer lider`" in lines[3]
    assert open_subjects(scene) == [("gate_red", KEY)]


def test_a_run_that_nobody_tries_again_is_told_until_a_later_one_is_green(
    scene: Scene, webhook: Webhook
) -> None:
    scene.config = scene.config.model_copy(
        update={
            "alerts": scene.config.alerts.model_copy(
                update={"dagster_url": "https://dagster.example"}
            )
        }
    )
    scene.land([])
    failed = scene.submit()
    assert not failed.success
    for _ in range(2):
        tick(scene)
    [text] = webhook.texts
    lines = text.splitlines()
    assert lines[0] == f"run failed: {KEY}"
    assert lines[1].startswith(f"submit, run {failed.run_id[:8]}: ")
    assert "holds no listing" in lines[1]
    assert lines[2] == "Cost so far: 0.000000 USD"
    assert lines[3].endswith(f"then {RUN}")
    assert lines[4] == f"https://dagster.example/runs/{failed.run_id}"
    scene.land(invented(4))
    assert scene.submit().success
    assert tick(scene) == "0 alerts are open, 0 messages were sent"
    scene.land([])
    assert not scene.submit().success
    assert tick(scene) == "1 alerts are open, 1 messages were sent"


def test_an_attempt_that_failed_is_tried_again_and_not_told(scene: Scene, webhook: Webhook) -> None:
    scene.land([])
    assert not scene.run("submit", tags={"normalizer/launched": f"{KEY}:submit:1"}).success
    assert tick(scene) == "0 alerts are open, 0 messages were sent"
    assert webhook.texts == []


def test_a_comparison_of_a_day_that_failed_is_told(scene: Scene, webhook: Webhook) -> None:
    scene.instance.create_run_for_job(
        scene.definitions.resolve_job_def("compare"),
        tags={"dagster/partition": "2024-10-01"},
        status=dg.DagsterRunStatus.FAILURE,
    )
    tick(scene)
    [text] = webhook.texts
    assert text.startswith("run failed: 2024-10-01\ncompare, run ")
    assert "it ended without a word" in text
    assert "materialise it again" in text


@pytest.mark.slow
def test_a_channel_that_is_down_does_not_fail_the_sensor(
    scene: Scene, webhook: Webhook, capfd: pytest.CaptureFixture[str]
) -> None:
    hold(scene)
    webhook.answers = [500, "drop"]
    for _ in range(2):
        assert tick(scene) == "1 alerts are open, 0 messages were sent"
    assert tick(scene) == "1 alerts are open, 1 messages were sent"
    said = "".join(capfd.readouterr())
    assert said.count("alerts cannot be told by webhook: ") == 2
    assert SECRET_PATH not in said
    assert "wordsThatOpenTheDoor" not in said


@pytest.mark.slow
def test_a_channel_without_its_variable_says_so(
    scene: Scene, webhook: Webhook, capfd: pytest.CaptureFixture[str]
) -> None:
    hold(scene)
    scene.monkeypatch.delenv("NORMALIZER_ALERT_WEBHOOK")
    assert tick(scene) == "1 alerts are open, 0 messages were sent"
    assert "NORMALIZER_ALERT_WEBHOOK is not set to a URL" in capfd.readouterr().err
    assert webhook.texts == []
