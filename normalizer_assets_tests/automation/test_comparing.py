"""The sensor that keeps price comparisons up to date."""

from collections.abc import Iterator
from datetime import date, timedelta

import dagster as dg
import pytest
import sqlalchemy as sa

from normalizer_assets.automation import comparing
from normalizer_assets.automation.comparing import DAYS_AT_ONCE, MOST_ATTEMPTS, STATE_TAG
from normalizer_assets.config import NormalizerConfig
from normalizer_assets.definitions import build_definitions
from normalizer_assets_tests.matching.offers import publish

DAY = date(2024, 10, 1)
COLA = {"name": "Bebida Coca-Cola Original 1.5 L", "listing_brand": "Coca-Cola"}


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    """A Dagster without runs."""
    with dg.DagsterInstance.ephemeral() as ephemeral:
        yield ephemeral


@pytest.fixture
def definitions(config: NormalizerConfig) -> dg.Definitions:
    """What Dagster would load."""
    return build_definitions(config)


def tick(definitions: dg.Definitions, instance: dg.DagsterInstance) -> list[dg.RunRequest]:
    repository = definitions.get_repository_def()
    context = dg.build_sensor_context(instance=instance, repository_def=repository)
    sensor = repository.get_sensor_def("compare_published_days")
    return list(sensor.evaluate_tick(context).run_requests or [])


def create_run(
    definitions: dg.Definitions,
    instance: dg.DagsterInstance,
    request: dg.RunRequest,
    status: dg.DagsterRunStatus,
) -> None:
    """Creates the run that was asked for, as the daemon does."""
    instance.create_run_for_job(
        definitions.resolve_job_def("compare"),
        tags={**request.tags, "dagster/partition": str(request.partition_key)},
        status=status,
    )


def test_a_day_is_compared_once_for_what_is_published(
    engine: sa.Engine, definitions: dg.Definitions, instance: dg.DagsterInstance
) -> None:
    assert tick(definitions, instance) == []
    publish(engine, DAY, "lider", COLA)
    (request,) = tick(definitions, instance)
    assert request.partition_key == "2024-10-01"
    assert request.run_key == f"{request.tags[STATE_TAG]}:1"
    create_run(definitions, instance, request, dg.DagsterRunStatus.NOT_STARTED)
    assert tick(definitions, instance) == []
    # Who arrives meanwhile is not in that run.
    publish(engine, DAY, "jumbo", COLA)
    (late,) = tick(definitions, instance)
    assert late.run_key != request.run_key


def test_a_failed_comparison_is_tried_three_times(
    engine: sa.Engine, definitions: dg.Definitions, instance: dg.DagsterInstance
) -> None:
    publish(engine, DAY, "lider", COLA)
    keys = []
    for _ in range(3):
        (request,) = tick(definitions, instance)
        keys.append(request.run_key)
        create_run(definitions, instance, request, dg.DagsterRunStatus.FAILURE)
    assert len(set(keys)) == 3
    assert tick(definitions, instance) == []
    publish(engine, DAY, "jumbo", COLA)
    assert len(tick(definitions, instance)) == 1


def test_what_was_compared_often_before_is_compared_again(
    engine: sa.Engine, definitions: dg.Definitions, instance: dg.DagsterInstance
) -> None:
    # A partition that is held, asked anew and held again brings the same state back.
    publish(engine, DAY, "lider", COLA)
    keys = set()
    for _ in range(MOST_ATTEMPTS + 1):
        (request,) = tick(definitions, instance)
        keys.add(request.run_key)
        create_run(definitions, instance, request, dg.DagsterRunStatus.SUCCESS)
    assert len(keys) == MOST_ATTEMPTS + 1


def test_a_run_whose_process_died_does_not_stand_in_the_way_for_ever(
    engine: sa.Engine,
    definitions: dg.Definitions,
    instance: dg.DagsterInstance,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    publish(engine, DAY, "lider", COLA)
    (request,) = tick(definitions, instance)
    create_run(definitions, instance, request, dg.DagsterRunStatus.STARTED)
    assert tick(definitions, instance) == []
    monkeypatch.setattr(comparing, "DEAD_AFTER_SECONDS", 0)
    (again,) = tick(definitions, instance)
    assert str(again.run_key).endswith(":2")


def test_of_many_days_the_newest_come_first(
    engine: sa.Engine, definitions: dg.Definitions, instance: dg.DagsterInstance
) -> None:
    days = [DAY + timedelta(days=number) for number in range(DAYS_AT_ONCE + 2)]
    for day in days:
        publish(engine, day, "lider", COLA)
    requests = tick(definitions, instance)
    assert [one.partition_key for one in requests] == [str(day) for day in days[:1:-1]]
    for request in requests:
        create_run(definitions, instance, request, dg.DagsterRunStatus.NOT_STARTED)
    rest = [one.partition_key for one in tick(definitions, instance)]
    assert rest == [str(day) for day in days[1::-1]]
