"""The facade: every given product gets its entry, and no crash or neighbour makes it pay twice."""

import asyncio
import subprocess
import sys
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

import pytest
from openai import AsyncOpenAI, OpenAI

from normalizer_assets import direct
from normalizer_assets.batching import life
from normalizer_assets.batching.errors import BlockedError
from normalizer_assets.batching.partition import Partition
from normalizer_assets.config import ConfigurationError, NormalizerConfig
from normalizer_assets.facade import Normalizer, NormalizerError
from normalizer_assets.intake.given import as_ndjson, take_in_given
from normalizer_assets.resources.openai_client import clients
from normalizer_assets.standin.server import RunningStandin
from normalizer_assets.standin.settings import StandinSettings
from normalizer_assets_tests.scene import (
    Listing,
    Scene,
    invented,
    launched,
    scene,
    standin,
    variables,
)

__all__ = ["scene", "standin", "variables"]

Result = TypeVar("Result")
NOTEBOOK = "Notebook Lenovo IdeaPad 3 Intel Core i5-1235U 16GB RAM 512GB SSD"
ANSWER = {
    *("brand", "model", "attributes", "normalized_name", "category_suggestion", "confidence"),
    *("answered_by", "llm_model", "cost_usd"),
}


@pytest.fixture
def standin_settings() -> StandinSettings:
    """A stand-in without failures of its own: a test counts what was bought."""
    return StandinSettings(batch_seconds=0.2, failing_lines=0, disagreement=0)


def ask(scene: Scene, call: Callable[[Normalizer], Awaitable[Result]]) -> Result:
    """Opens a normaliser for one call."""

    async def asking() -> Result:
        async with Normalizer(scene.config, scene.engine) as normalizer:
            return await call(normalizer)

    return asyncio.run(asking())


def assert_paid_once(scene: Scene, questions: int) -> None:
    bought = scene.bought()
    assert len(bought) == len(set(bought)) == questions
    asked = "select count(*) from normalizer.batch_requests where step <> 'embedding'"
    assert scene.scalar(f"{asked} and state <> 'not_executed'") == questions


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not await asyncio.to_thread(condition):
            await asyncio.sleep(0.02)


def test_a_small_list_is_answered_individually_in_the_order_given(scene: Scene) -> None:
    products = invented(7)
    entries = ask(scene, lambda it: it.extract_batch_with_llm(products))
    assert [entry["sku"] for entry in entries] == [product["sku"] for product in products]
    assert [entry["name"] for entry in entries] == [product["name"] for product in products]
    assert {entry["answered_by"] for entry in entries} == {"individual"}
    assert {entry["status"] for entry in entries} <= {"accepted", "review"}
    assert entries[0]["brand"] == "TUCAPEL"
    assert entries[0]["price"] == 1000
    assert set(entries[0]) >= ANSWER
    assert_paid_once(scene, 7)


def test_a_large_list_goes_in_batches_and_is_summed_up(scene: Scene) -> None:
    scene.set(BATCHING__MIN_PRODUCTS="5")
    done = ask(scene, lambda it: it.process_initial_population(invented(12)))
    assert (done.products_processed, done.batches_created, done.success_rate) == (12, 2, 1.0)
    assert {entry["answered_by"] for entry in done.products} == {"batch"}
    assert 0 < sum(entry["cost_usd"] for entry in done.products) < done.actual_cost
    assert done.estimated_cost > 0
    assert 0 < done.time < 60
    assert done.published
    assert done.held_because is None
    assert scene.row(Partition.from_key(done.partition)).state == "published"
    assert scene.scalar("select count(*) from normalizer.cache_entries") > 0
    assert_paid_once(scene, 12)


def test_one_product_never_makes_a_batch(scene: Scene) -> None:
    scene.set(BATCHING__MIN_PRODUCTS="0")
    entry = ask(scene, lambda it: it.extract_with_llm(NOTEBOOK, "Notebooks"))
    assert (entry["brand"], entry["answered_by"]) == ("LENOVO", "individual")
    assert entry["attributes"]["ram"] == "16GB"
    assert entry["llm_model"]
    assert entry["cost_usd"] > 0
    assert scene.rows("select * from normalizer.batches") == []


def test_a_row_that_is_no_listing_and_a_repeated_one_stand_at_their_places(scene: Scene) -> None:
    rice, milk, notebook = invented(3)
    products: list[Listing] = [
        {"name": "19990", "category": "Despensa", "sku": "Q"},
        rice,
        {**rice, "name": str(rice["name"]).upper()},
        {**milk, "price": -5},
        notebook,
    ]
    done = ask(scene, lambda it: it.process_initial_population(products))
    number, first, again, negative, last = done.products
    assert (number["status"], number["sku"], number["brand"]) == ("quarantined", "Q", None)
    assert "the name is a number" in number["reasons"]
    assert "the price is negative (-5)" in negative["reasons"]
    assert (first["duplicate_of"], again["duplicate_of"]) == (None, 1)
    assert again["normalized_name"] == first["normalized_name"]
    assert (again["cost_usd"], again["name"]) == (0.0, str(rice["name"]).upper())
    assert last["brand"] == "LENOVO"
    assert (done.products_processed, done.quarantined, done.duplicates) == (2, 2, 1)


def test_a_list_without_any_listing_costs_nothing_and_asks_nobody(scene: Scene) -> None:
    scene.monkeypatch.delenv("OPENAI_API_KEY")
    done = ask(scene, lambda it: it.process_initial_population([{"name": "123"}]))
    assert (done.products_processed, done.quarantined, done.partition) == (0, 1, "")
    assert done.products[0]["status"] == "quarantined"
    assert ask(scene, lambda it: it.extract_batch_with_llm([])) == []


@pytest.mark.parametrize(
    ("stranger", "message"),
    [
        ({"nombre": "Arroz"}, r"products\[1\] has no name.*its keys are 'nombre'"),
        ({"name": " "}, r"products\[1\] has no name"),
        ({"name": float("nan")}, r"products\[1\] has no name"),
        ("Arroz", r"products\[1\] is no dict but str"),
    ],
)
def test_what_is_no_product_is_named_by_its_index(
    scene: Scene, stranger: Any, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        ask(scene, lambda it: it.extract_batch_with_llm([*invented(1), stranger]))
    assert scene.rows("select * from normalizer.partitions") == []


def test_each_product_is_asked_about_with_its_own_shop(scene: Scene) -> None:
    scene.set(BATCHING__MIN_PRODUCTS="0")
    shops = ["falabella", "PARIS", "Almacén Don Tito", None]
    products = [
        {"name": NOTEBOOK.replace("IdeaPad 3", f"IdeaPad {n}"), "retailer": shop}
        for n, shop in enumerate(shops, start=1)
    ]
    entries = ask(scene, lambda it: it.extract_batch_with_llm(products))
    assert [entry["retailer"] for entry in entries] == shops
    [file] = scene.rows("select file_name from normalizer.batches")
    lines = (
        (Path(scene.config.paths.storage) / "requests" / file.file_name).read_text().splitlines()
    )
    assert ["RETAILER: Falabella" in line for line in lines] == [True, False, False, False]
    assert ["RETAILER: Paris" in line for line in lines] == [False, True, False, False]
    assert ["RETAILER: Almac" in line for line in lines] == [False, False, True, False]
    assert ["RETAILER" in line for line in lines] == [True, True, True, False]


def test_the_same_call_again_changes_nothing_and_pays_nothing(scene: Scene) -> None:
    first = ask(scene, lambda it: it.process_initial_population(invented(6)))
    again = ask(scene, lambda it: it.process_initial_population(invented(6)))
    assert again.products == first.products
    assert again.actual_cost == first.actual_cost
    assert scene.scalar("select count(*) from normalizer.product_versions") == 1
    assert_paid_once(scene, 6)


@pytest.mark.slow
def test_what_another_list_bought_comes_from_the_cache(scene: Scene) -> None:
    ask(scene, lambda it: it.extract_batch_with_llm(invented(4)))
    entries = ask(scene, lambda it: it.extract_batch_with_llm(invented(4, first=2)))
    assert [entry["answered_by"] for entry in entries] == ["cache"] * 2 + ["individual"] * 2
    assert [entry["cost_usd"] > 0 for entry in entries] == [False, False, True, True]
    assert_paid_once(scene, 6)


def test_a_red_gate_holds_the_partition_and_withholds_no_answer(scene: Scene) -> None:
    scene.set(CONFIDENCE__THRESHOLD="1")
    done = ask(scene, lambda it: it.process_initial_population(invented(3)))
    assert not done.published
    assert "accepted" in str(done.held_because)
    assert {entry["answered_by"] for entry in done.products} == {"individual"}
    assert scene.rows("select * from normalizer.published_products") == []


# --- crashes --------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("standin_settings", [StandinSettings(batch_seconds=1.5, failing_lines=0)])
def test_a_call_cancelled_while_its_batches_run_is_resumed(scene: Scene) -> None:
    scene.set(BATCHING__MIN_PRODUCTS="5")

    async def cancelled() -> None:
        async with Normalizer(scene.config, scene.engine) as normalizer:
            task = asyncio.create_task(normalizer.extract_batch_with_llm(invented(12)))
            await until(lambda: len(scene.rows(_IN_STATE, state="validating")) == 2)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

    asyncio.run(cancelled())
    done = ask(scene, lambda it: it.process_initial_population(invented(12)))
    assert (done.batches_created, {entry["answered_by"] for entry in done.products}) == (
        2,
        {"batch"},
    )
    assert_paid_once(scene, 12)


_IN_STATE = "select * from normalizer.batches where state in (:state, 'in_progress')"


@pytest.mark.slow
def test_a_call_cancelled_between_single_questions_asks_only_the_rest(scene: Scene) -> None:
    scene.set(INDIVIDUAL__CONCURRENCY="1")

    async def cancelled() -> None:
        async with Normalizer(scene.config, scene.engine) as normalizer:
            task = asyncio.create_task(normalizer.extract_batch_with_llm(invented(15)))
            await until(lambda: len(scene.bought()) >= 3)
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        # Nothing works on behind the back of who cancelled it, and the lock is free.
        stopped_at = len(scene.bought())
        assert 3 <= stopped_at < 15
        await asyncio.sleep(0.2)
        assert len(scene.bought()) == stopped_at

    asyncio.run(cancelled())
    entries = ask(scene, lambda it: it.extract_batch_with_llm(invented(15)))
    assert {entry["answered_by"] for entry in entries} == {"individual"}
    assert_paid_once(scene, 15)


def submitted_and_left(scene: Scene, products: list[Listing], days_ago: int = 0) -> Partition:
    """Leaves a partition as a process that died after its submission."""
    content = as_ndjson(products)
    today, _ = direct.take_in(scene.config, scene.engine, content)
    left = Partition(today.day - timedelta(days=days_ago), today.retailer)
    taken = take_in_given(scene.config, content, left.retailer, left.day)
    with clients(scene.engine) as connect:
        assert direct.give(scene.config, scene.engine, left, taken, connect) is None
    return left


def test_a_call_goes_on_after_midnight_with_the_partition_that_it_left(scene: Scene) -> None:
    left = submitted_and_left(scene, invented(3), days_ago=1)
    done = ask(scene, lambda it: it.process_initial_population(invented(3)))
    assert done.partition == left.key
    assert_paid_once(scene, 3)


@pytest.mark.slow
def test_another_list_answers_what_a_dead_call_left_open(scene: Scene) -> None:
    left = submitted_and_left(scene, invented(4))
    entries = ask(scene, lambda it: it.extract_batch_with_llm(invented(4, first=2)))
    assert [entry["answered_by"] for entry in entries] == ["cache"] * 2 + ["individual"] * 2
    assert scene.row(left).state == "published"
    assert_paid_once(scene, 6)


@pytest.mark.slow
def test_the_sensor_answers_what_a_dead_call_left_open_if_a_landed_partition_waits_for_it(
    scene: Scene,
) -> None:
    left = submitted_and_left(scene, invented(4))
    assert launched(scene.tick()) == []
    assert scene.row(left).state == "waiting"
    scene.land(invented(4))
    assert scene.submit().success
    for _ in range(3):
        scene.execute_requests(scene.tick())
    assert scene.row(left).state == "published"
    assert scene.row().state == "published"
    assert_paid_once(scene, 4)


# --- side by side ---------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("least", ["5", "100"])
def test_two_calls_at_once_pay_shared_products_once(scene: Scene, least: str) -> None:
    scene.set(BATCHING__MIN_PRODUCTS=least)

    async def both() -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        async with Normalizer(scene.config, scene.engine) as normalizer:
            return await asyncio.gather(
                normalizer.extract_batch_with_llm(invented(12)),
                normalizer.extract_batch_with_llm(invented(12, first=4)),
            )

    first, second = asyncio.run(both())
    told = [
        [(entry["brand"], entry["model"], entry["attributes"]) for entry in entries]
        for entries in (first[4:], second[:8])
    ]
    assert told[0] == told[1]
    assert_paid_once(scene, 16)


@pytest.mark.slow
def test_the_same_call_twice_at_once_is_one_partition(scene: Scene) -> None:
    async def both() -> list[list[dict[str, Any]]]:
        async with Normalizer(scene.config, scene.engine) as normalizer:
            return await asyncio.gather(
                *(normalizer.extract_batch_with_llm(invented(6)) for _ in range(2))
            )

    first, second = asyncio.run(both())
    assert first == second
    assert scene.scalar("select count(*) from normalizer.partitions") == 1
    assert_paid_once(scene, 6)


@pytest.mark.slow
def test_the_event_loop_goes_on_while_a_call_works(scene: Scene) -> None:
    async def counted() -> int:
        turns = 0
        async with Normalizer(scene.config, scene.engine) as normalizer:
            task = asyncio.create_task(normalizer.extract_batch_with_llm(invented(10)))
            while not task.done():
                await asyncio.sleep(0.01)
                turns += 1
            await task
        return turns

    # A loop that is blocked turns a handful of times: once for each thing awaited.
    assert asyncio.run(counted()) > 20


# --- what stands in the way -----------------------------------------------------------


def test_over_budget_nothing_is_sent_and_a_raised_limit_goes_on(scene: Scene) -> None:
    scene.set(BUDGET__PARTITION_USD="0.0000001")
    with pytest.raises(NormalizerError, match=r"raise `budget.partition_usd`.*paid twice"):
        ask(scene, lambda it: it.extract_batch_with_llm(invented(5)))
    assert scene.bought() == []
    scene.set(BUDGET__PARTITION_USD="1")
    assert len(ask(scene, lambda it: it.extract_batch_with_llm(invented(5)))) == 5


def test_without_a_key_the_error_says_what_to_set(scene: Scene) -> None:
    scene.monkeypatch.delenv("OPENAI_API_KEY")
    with pytest.raises(NormalizerError, match="OPENAI_API_KEY is not set"):
        ask(scene, lambda it: it.extract_batch_with_llm(invented(2)))


def test_an_api_out_of_reach_is_one_clear_error(scene: Scene) -> None:
    scene.monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:9")
    with pytest.raises(NormalizerError, match="Connection error"):
        ask(scene, lambda it: it.extract_with_llm(NOTEBOOK))
    scene.monkeypatch.undo()


def test_a_given_client_is_used_and_left_open(scene: Scene, standin: RunningStandin) -> None:
    scene.monkeypatch.delenv("OPENAI_API_KEY")

    async def asking(client: Any) -> dict[str, Any]:
        async with Normalizer(scene.config, scene.engine, client) as normalizer:
            return await normalizer.extract_with_llm(NOTEBOOK)

    with OpenAI(api_key="standin", base_url=standin.url) as client:
        assert asyncio.run(asking(client))["brand"] == "LENOVO"
        assert not client.is_closed()
    with pytest.raises(TypeError, match=r"must be an openai.OpenAI, not AsyncOpenAI"):
        asyncio.run(asking(AsyncOpenAI(api_key="standin", base_url=standin.url)))


def test_everything_comes_from_the_environment_where_nothing_is_given(
    config: NormalizerConfig,
) -> None:
    async def asking() -> dict[str, Any]:
        async with Normalizer() as normalizer:
            return await normalizer.extract_with_llm(NOTEBOOK)

    assert asyncio.run(asking())["brand"] == "LENOVO"
    assert config.paths.storage


def test_a_database_that_cannot_be_used_is_told_when_opening(
    config: NormalizerConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NORMALIZER_DATABASE_URL", "sqlite://")

    async def opening() -> None:
        async with Normalizer(config):
            raise AssertionError

    with pytest.raises(ConfigurationError, match="only Postgres"):
        asyncio.run(opening())


def test_a_normaliser_that_is_not_open_says_so() -> None:
    with pytest.raises(RuntimeError, match="async with Normalizer"):
        asyncio.run(Normalizer().extract_with_llm("Arroz"))


def test_the_facade_needs_no_dagster() -> None:
    program = (
        "import sys; import normalizer_assets.facade, normalizer_assets.direct, "
        "normalizer_assets.automation.looks; assert 'dagster' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program], check=True)  # noqa: S603 - our own program


def test_who_waits_for_a_stopped_partition_is_told_for_which(scene: Scene) -> None:
    scene.land(invented(3))
    assert scene.submit().success
    with scene.engine.begin() as connection:
        life.block(connection, scene.partition, BlockedError("key", "the key is wrong"), 60)
    with pytest.raises(NormalizerError, match=r"waits for 2024-10-01\|lider.*the key is wrong"):
        ask(scene, lambda it: it.extract_batch_with_llm(invented(5)))


@pytest.mark.slow
def test_a_lock_held_by_another_process_is_waited_for(scene: Scene) -> None:
    partition, _ = direct.take_in(scene.config, scene.engine, as_ndjson(invented(2)))

    async def asking() -> list[dict[str, Any]]:
        async with Normalizer(scene.config, scene.engine) as normalizer:
            with life.locked(scene.engine, partition, "somebody", 0):
                task = asyncio.create_task(normalizer.extract_batch_with_llm(invented(2)))
                await asyncio.sleep(0.3)
                assert scene.bought() == []
            return await task

    assert len(asyncio.run(asking())) == 2
