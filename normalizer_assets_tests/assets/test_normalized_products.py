"""The whole way from landed listings to published products, and what repeating it changes."""

from datetime import date

import pytest

from normalizer_assets.batching.partition import Partition
from normalizer_assets.standin.settings import StandinSettings
from normalizer_assets_tests.scene import COLLECT_STEPS, Scene, invented, steps

NEXT_DAY = Partition(date(2024, 10, 2), "lider")
MODEL_STEPS = {"batch", "individual", "legacy"}


def _paid(scene: Scene) -> list[object]:
    return [*scene.rows("select * from normalizer.batch_requests order by request_id")]


@pytest.mark.slow
@pytest.mark.parametrize(
    "standin_settings", [StandinSettings(batch_seconds=0.2, failing_lines=0.4)]
)
def test_every_landed_row_is_accounted_for_and_says_who_answered_at_what_cost(
    scene: Scene,
) -> None:
    listings = invented(130)
    scene.set(GATE__MIN_SHARE_VALID="0.5", GATE__MIN_SHARE_ACCEPTED="0.5")
    scene.land(
        [
            *listings,
            listings[0],  # a duplicate of a SKU is collapsed
            {**listings[0], "sku": "TWIN"},  # the same question, asked once
            {**listings[0], "sku": "CHEAP", "price": -1},
        ]
    )
    assert scene.submit().success
    assert steps(scene.collect()) == dict.fromkeys(COLLECT_STEPS, "success")
    row = scene.row()
    assert row.state == "published"
    assert row.raw_count == 133
    assert row.raw_count == row.normalized_count + row.quarantined_count + row.collapsed_count
    products = scene.rows("select * from normalizer.published_products")
    assert len(products) == row.normalized_count == 131
    assert {product.answered_by for product in products} == {*MODEL_STEPS, "rules"}
    for product in products:
        by_model = product.answered_by in MODEL_STEPS
        assert (product.llm_model is not None) == by_model
        assert (product.custom_id is not None) == by_model
        assert (product.batch_id is not None) == (product.answered_by == "batch")
        assert (product.prompt_version is not None) == by_model
        assert (product.cost_usd > 0) == (by_model and product.sku != "TWIN")
        assert 0 <= product.confidence <= 1
        assert product.normalized_name
        assert product.route in {"mini", "full"}
    on_rows = sum(product.cost_usd for product in products)
    spent = scene.rows(
        "select sum(cost_usd) as total, sum(cost_usd) filter (where state <> 'ok') as for_nothing "
        "from normalizer.batch_requests where step <> 'embedding'"
    )[0]
    assert on_rows + spent.for_nothing == spent.total
    assert spent.for_nothing > 0


def test_rows_of_the_rules_have_a_low_confidence_and_no_answer_is_stored(scene: Scene) -> None:
    scene.set(GATE__MIN_SHARE_ACCEPTED="0", GATE__MIN_SHARE_VALID="0")
    scene.land(invented(3))
    scene.submit()
    scene.execute("update normalizer.partition_questions set state = 'rules'")
    scene.collect()
    products = scene.rows("select * from normalizer.normalized_products")
    assert {product.answered_by for product in products} == {"rules"}
    assert all(product.confidence <= 0.6 for product in products)
    assert {product.status for product in products} == {"review"}
    assert {product.cost_usd for product in products} == {0}
    assert scene.rows("select * from normalizer.answers") == []
    assert scene.rows("select * from normalizer.cache_entries") == []


@pytest.mark.slow
def test_the_next_day_is_answered_from_the_cache_and_costs_only_what_is_new(scene: Scene) -> None:
    scene.land(invented(30))
    scene.publish()
    scene.land([*({**row, "price": 5} for row in invented(30)), *invented(3, first=30)], NEXT_DAY)
    scene.publish(NEXT_DAY)
    products = scene.rows(
        "select * from normalizer.published_products where day = :day", day=NEXT_DAY.day
    )
    replayed = [product for product in products if product.answered_by == "cache"]
    assert len(replayed) == 30
    assert {product.cost_usd for product in replayed} == {0}
    assert {product.batch_id for product in replayed} == {None}
    assert {product.custom_id for product in replayed} == {None}
    assert {product.cache_tier for product in replayed} == {"exact"}
    assert {product.route for product in replayed} == {"cache"}
    assert all(product.llm_model for product in replayed)
    first = {
        product.sku: product
        for product in scene.rows(
            "select * from normalizer.published_products where day = :day", day=scene.partition.day
        )
    }
    for product in replayed:
        source = first[product.sku]
        assert (product.brand, product.model, product.confidence, product.status) == (
            source.brand, source.model, source.confidence, source.status,
        )  # fmt: skip
    assert scene.scalar(
        "select count(distinct question_key) from normalizer.batch_requests where day = :day "
        "and step <> 'embedding'",
        day=NEXT_DAY.day,
    ) == 3  # fmt: skip


def test_repeating_submit_and_collect_changes_and_pays_nothing(scene: Scene) -> None:
    scene.set(BATCHING__MIN_PRODUCTS="5")
    scene.land(invented(12))
    scene.publish()
    paid = _paid(scene)
    products = scene.rows("select * from normalizer.published_products order by sku")
    batches = [batch.id for batch in scene.connect().batches.list()]
    scene.publish()
    assert scene.run("__ASSET_JOB").success
    assert _paid(scene) == paid
    assert scene.rows("select * from normalizer.published_products order by sku") == products
    assert [batch.id for batch in scene.connect().batches.list()] == batches
    assert (scene.row().newest_version, scene.row().published_version) == (1, 1)


@pytest.mark.slow
def test_the_next_day_repeated_keeps_its_rows_from_the_cache(scene: Scene) -> None:
    scene.land(invented(6))
    scene.publish()
    scene.land(invented(8), NEXT_DAY)
    scene.publish(NEXT_DAY)
    scene.publish(NEXT_DAY)
    assert scene.row(NEXT_DAY).newest_version == 1


def test_a_changed_file_makes_a_new_version_and_asks_only_what_is_new(scene: Scene) -> None:
    scene.land(invented(6))
    scene.publish()
    paid = _paid(scene)
    scene.land([{**invented(1)[0], "sku": "RENAMED"}, *invented(8)[1:]])
    scene.publish()
    assert scene.row().published_version == 2
    products = scene.rows("select * from normalizer.published_products")
    assert {product.sku for product in products} == {"RENAMED", *(f"S{n}" for n in range(1, 8))}
    assert "cache" not in {product.answered_by for product in products}
    asked = scene.scalar(
        "select count(distinct question_key) from normalizer.batch_requests "
        "where step <> 'embedding'"
    )
    assert asked == 8
    assert len(paid) < len(_paid(scene))
    # The SKU that was asked for is gone; what its answer cost is still on a row.
    on_rows = sum(product.cost_usd for product in products)
    assert on_rows == scene.scalar(
        "select sum(cost_usd) from normalizer.batch_requests where step <> 'embedding'"
    )


def test_the_materialisation_shows_who_answered_and_a_sample(scene: Scene) -> None:
    scene.land(invented(6))
    scene.submit()
    result = scene.collect()
    metadata = result.asset_materializations_for_node("normalized_products")[0].metadata
    assert metadata["dagster/partition_row_count"].value == 6
    assert metadata["answered_by_individual"].value == 6
    assert metadata["accepted"].value + metadata["review"].value == 6  # type: ignore[operator]
    assert "Tucapel" in str(metadata["sample"].value)
    assert "standin" in str(metadata["models"].value)
    assert metadata["cache_hit_rate"].value == 0
    assert str(metadata["confidence_histogram"].value).startswith("![confidence, and what")
