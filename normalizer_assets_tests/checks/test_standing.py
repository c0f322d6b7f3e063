"""The standing checks say how a retailer stands now, whatever ran when, and say it once."""

import dataclasses
import time
from datetime import UTC, date, datetime, timedelta

import dagster as dg
import pytest
import sqlalchemy as sa

from normalizer_assets.alerts.conditions import of_partitions
from normalizer_assets.batching import life
from normalizer_assets.batching.partition import Partition
from normalizer_assets.batching.work import PartitionWork
from normalizer_assets.checks import standing
from normalizer_assets.config import NormalizerConfig, RetailerConfig, load_config
from normalizer_assets_tests.alerts.test_conditions import COURSES, Course
from normalizer_assets_tests.batching.listings import land
from normalizer_assets_tests.batching.settings import configured
from normalizer_assets_tests.scene import Scene

RETAILERS = sorted(load_config({}).retailers)
OF_PARTITIONS = [course for course in COURSES if course.kind in standing.WORDS]
ERRORS = {"partition_failed", "batch_failed", "gate_red", "canary_red"} | {
    "batch_stuck",
    "batch_in_doubt",
}
FINE = "nothing is failed, held, stuck, late or blocked"


def evaluated(
    work: PartitionWork, now: datetime | None = None
) -> dict[str, dg.AssetCheckEvaluation]:
    with work.engine.connect() as connection:
        found = standing.evaluate(connection, work.config, now)
    return {evaluation.check_name: evaluation for evaluation in found}


def said(evaluation: dg.AssetCheckEvaluation) -> dict[str, object]:
    return {name: value.value for name, value in evaluation.metadata.items()}


def rows_of(evaluation: dg.AssetCheckEvaluation) -> list[dict[str, object]]:
    table = evaluation.metadata["conditions"]
    assert isinstance(table, dg.TableMetadataValue)
    return [dict(record.data) for record in table.records]


# --- stuck, late, failed --------------------------------------------------------------


def test_every_condition_of_a_partition_or_a_batch_has_a_word() -> None:
    assert {course.kind for course in OF_PARTITIONS} == set(standing.WORDS)


@pytest.mark.parametrize(
    "course", OF_PARTITIONS, ids=lambda course: f"{course.kind}, {course.subject}"
)
def test_a_condition_is_shown_by_its_retailers_check_for_as_long_as_it_lasts(
    scripted_work: PartitionWork, course: Course
) -> None:
    work = course.begin(scripted_work) or scripted_work
    later = datetime.now(UTC) + course.later
    found = evaluated(work, later)
    shown = found["standing_lider"]
    assert shown.asset_key == dg.AssetKey("submitted_batches")
    assert shown.partition is None
    assert not shown.passed
    assert not shown.blocking
    is_error = course.kind in ERRORS
    assert shown.severity == getattr(dg.AssetCheckSeverity, "ERROR" if is_error else "WARN")
    word = standing.WORDS[course.kind]
    with work.engine.connect() as connection:
        (condition,) = of_partitions(connection, work.config, later)
    assert shown.description == f"{word}: {condition.subject}"
    assert {name: count for name, count in said(shown).items() if count == 1} == {word: 1}
    (row,) = rows_of(shown)
    assert row["of"] == condition.subject
    assert row["cause"] == condition.cause
    assert row["to do"] == condition.remedy
    assert str(row["since"]).endswith("UTC")
    others = [found[f"standing_{retailer}"] for retailer in RETAILERS if retailer != "lider"]
    assert all(other.passed and other.description == FINE for other in others)
    work = course.end(work) or work
    ended = evaluated(work)["standing_lider"]
    assert ended.passed
    assert ended.description == FINE
    assert set(said(ended).values()) == {0}


def test_many_conditions_are_counted_and_few_are_shown(work: PartitionWork) -> None:
    for number in range(standing.SHOWN + 3):
        other = dataclasses.replace(
            work, partition=Partition(date(2024, 1, 1) + timedelta(days=number), "lider")
        )
        land(other)
        with other.begin() as connection:
            life.enter(connection, other.partition, "failed", "no disk")
    shown = evaluated(work)["standing_lider"]
    assert said(shown)["failed"] == standing.SHOWN + 3
    assert len(rows_of(shown)) == standing.SHOWN
    assert str(shown.description).endswith("failed: 2024-01-10|lider and 3 more")


def test_a_retailer_that_the_configuration_does_not_have_is_left_out(work: PartitionWork) -> None:
    other = dataclasses.replace(work, partition=Partition(date(2024, 1, 1), "gone"))
    land(other, state="failed")
    assert all(each.passed for each in evaluated(work).values())


def test_a_slug_that_is_no_name_for_dagster_gets_one(config: NormalizerConfig) -> None:
    odd = config.model_copy(update={"retailers": {"la-polar.cl": RetailerConfig(name="La Polar")}})
    names = [spec.name for spec in standing.specs(odd)]
    assert names == ["standing_la_polar_cl", "fresh_la_polar_cl"]


# --- fresh ----------------------------------------------------------------------------

NOON = datetime(2024, 10, 10, 15, tzinfo=UTC)  # of 10 October in Santiago


def published(work: PartitionWork, day: date, retailer: str = "lider") -> None:
    """Publishes a day; a version without rows will do."""
    other = dataclasses.replace(work, partition=Partition(day, retailer))
    land(other)
    with other.begin() as connection:
        life.record(connection, other.partition, published_version=1)
        life.enter(connection, other.partition, "published")


def test_the_newest_published_day_is_compared_with_what_is_expected(work: PartitionWork) -> None:
    published(work, date(2024, 10, 6), "jumbo")
    published(work, date(2024, 10, 5), "lider")
    published(work, date(2024, 10, 7), "lider")
    found = evaluated(work, NOON)
    fresh, stale = found["fresh_lider"], found["fresh_jumbo"]
    assert fresh.asset_key == dg.AssetKey("normalized_products")
    assert fresh.passed
    assert fresh.description == "newest published day 2024-10-07, expected 2024-10-07 or later"
    assert said(fresh)["age_days"] == 3
    assert not stale.passed
    assert stale.severity == dg.AssetCheckSeverity.WARN
    assert stale.description == "newest published day 2024-10-06, expected 2024-10-07 or later"
    assert said(stale)["to_do"] == (
        "nothing newer than 2024-10-06 has landed: look at what lands its files"
    )


def test_a_day_begins_at_midnight_in_santiago(work: PartitionWork) -> None:
    published(work, date(2024, 10, 7))
    last_minute = datetime(2024, 10, 11, 2, 59, tzinfo=UTC)
    assert evaluated(work, last_minute)["fresh_lider"].passed
    assert not evaluated(work, last_minute + timedelta(minutes=1))["fresh_lider"].passed


def test_a_day_that_landed_and_is_not_published_is_named_with_its_command(
    work: PartitionWork,
) -> None:
    published(work, date(2024, 10, 5))
    newer = dataclasses.replace(work, partition=Partition(date(2024, 10, 9), "lider"))
    land(newer, state="held")
    shown = evaluated(work, NOON)["fresh_lider"]
    assert not shown.passed
    assert str(shown.description).endswith("; 2024-10-09 has landed and is held")
    assert said(shown)["to_do"] == "`normalizer run --day 2024-10-09 --retailer lider --wait`"


def test_a_new_retailer_has_as_many_days_until_it_is_late(work: PartitionWork) -> None:
    first = dataclasses.replace(work, partition=Partition(date(2024, 10, 8), "lider"))
    land(first)
    assert evaluated(work, NOON)["fresh_lider"].passed
    assert not evaluated(work, NOON + timedelta(days=2))["fresh_lider"].passed


def test_a_retailer_that_never_landed_or_is_switched_off_is_not_watched(
    work: PartitionWork,
) -> None:
    published(work, date(2021, 1, 1))
    assert not evaluated(work, NOON)["fresh_lider"].passed
    never = evaluated(work, NOON)["fresh_jumbo"]
    assert (never.passed, never.description) == (
        True,
        "not watched: nothing of it has ever landed",
    )
    lider = work.config.retailers["lider"].model_copy(update={"max_age_days": 0})
    retailers = {**work.config.retailers, "lider": lider}
    own = dataclasses.replace(work, config=work.config.model_copy(update={"retailers": retailers}))
    everywhere = configured(work, freshness={"max_age_days": 0})
    for switched_off in (own, everywhere):
        shown = evaluated(switched_off, NOON)["fresh_lider"]
        assert (shown.passed, shown.description) == (True, "not watched: its `max_age_days` is 0")


def test_a_retailer_that_comes_once_a_week_has_a_limit_of_its_own(work: PartitionWork) -> None:
    published(work, date(2024, 10, 3))
    weekly = work.config.retailers["lider"].model_copy(update={"max_age_days": 7})
    retailers = {**work.config.retailers, "lider": weekly}
    patient = dataclasses.replace(
        work, config=work.config.model_copy(update={"retailers": retailers})
    )
    assert evaluated(patient, NOON)["fresh_lider"].passed
    assert not evaluated(patient, NOON + timedelta(days=1))["fresh_lider"].passed


# --- kept current by the sensor, and by hand ----------------------------------------------


def checks_in(result: dg.SensorResult) -> dict[str, dg.AssetCheckEvaluation]:
    return {
        event.check_name: event
        for event in result.asset_events
        if isinstance(event, dg.AssetCheckEvaluation)
    }


def fail(scene: Scene) -> None:
    with scene.engine.begin() as connection:
        connection.execute(
            sa.text("update normalizer.partitions set state = 'failed', blocked_reason = 'no disk'")
        )


def latest(scene: Scene, name: str, asset: str = "submitted_batches") -> dg.AssetCheckEvaluation:
    key = dg.AssetCheckKey(dg.AssetKey(asset), name)
    found = scene.instance.event_log_storage.get_latest_asset_check_execution_by_key([key])
    evaluation = found[key].evaluation
    assert isinstance(evaluation, dg.AssetCheckEvaluation)
    return evaluation


def test_the_sensor_evaluates_them_without_a_run_and_only_when_they_change(
    scene: Scene, work: PartitionWork
) -> None:
    assert len(checks_in(scene.tick())) == 2 * len(RETAILERS)
    assert checks_in(scene.tick()) == {}
    land(work)
    assert set(checks_in(scene.tick())) == {"fresh_lider"}
    fail(scene)
    found = checks_in(scene.tick())
    assert found["standing_lider"].description == "failed: 2024-10-01|lider"
    assert found["fresh_lider"].description is not None
    assert not latest(scene, "standing_lider").passed
    assert checks_in(scene.tick()) == {}
    assert scene.instance.get_runs() == []


def test_a_check_that_is_older_than_its_assets_materialisation_is_evaluated_anew(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Dagster's UI shows no check that is older than the newest materialisation."""
    scene.tick()
    scene.instance.report_runless_asset_event(
        dg.AssetMaterialization("submitted_batches", partition="2024-10-01|jumbo")
    )
    time.sleep(1)  # SQLite tells seconds alone
    # A backfill materialises something at every look.
    assert checks_in(scene.tick()) == {}
    monkeypatch.setattr(standing, "REPEAT_SECONDS", 0)
    assert set(checks_in(scene.tick())) == {f"standing_{retailer}" for retailer in RETAILERS}
    assert checks_in(scene.tick()) == {}


def test_they_can_be_executed_by_hand_each_alone_and_the_sensor_counts_that(
    scene: Scene, work: PartitionWork
) -> None:
    scene.tick()
    land(work)
    fail(scene)
    name = dg.AssetCheckKey(dg.AssetKey("submitted_batches"), "standing_lider")
    job = scene.definitions.resolve_implicit_global_asset_job_def().get_subset(
        asset_selection=set(), asset_check_selection={name}
    )
    result = job.execute_in_process(instance=scene.instance)
    assert result.success
    (evaluation,) = result.get_asset_check_evaluations()
    assert evaluation.asset_check_key == name
    assert evaluation.description == "failed: 2024-10-01|lider"
    assert set(checks_in(scene.tick())) == {"fresh_lider"}


def test_no_run_of_a_job_evaluates_them(scene: Scene) -> None:
    for name in ("submit", "collect"):
        keys = scene.definitions.resolve_job_def(name).asset_layer.asset_graph.asset_check_keys
        assert not [key for key in keys if key.name.startswith(("standing_", "fresh_"))]
