"""Two shops publish a day and are compared, and a third arrives late."""

from datetime import date

import dagster as dg
import polars as pl
import pytest

from normalizer_assets.batching.partition import Partition
from normalizer_assets_tests.scene import Scene

pytestmark = pytest.mark.slow

DAY = date(2024, 10, 1)
LIDER, JUMBO, UNIMARC = (Partition(DAY, shop) for shop in ("lider", "jumbo", "unimarc"))
EAN = "7801610001196"

COLUMNS = ("sku", "name", "brand", "category", "price", "ean")
SHELVES: dict[Partition, list[tuple[str | int | None, ...]]] = {
    LIDER: [
        ("L1", "Leche Entera Colun 1 L", "Colun", "Leches", 1100, None),
        ("L2", "Arroz Grado 1 Tucapel 1 kg", "Tucapel", "Arroz", 1500, None),
        ("L3", "Bebida Coca-Cola Original 2 L", "Coca-Cola", "Bebidas", 2000, EAN),
    ],
    JUMBO: [
        ("J1", "Leche Colun Entera 1000 ml", "COLUN", "Leches", 990, None),
        ("J2", "Arroz Grado 2 Tucapel 1 kg", "Tucapel", "Arroz", 1400, None),
        ("J3", "Coca Cola 2 lt", "Coca-Cola", "Bebidas", 2500, EAN),
    ],
    UNIMARC: [
        ("U1", "Leche Entera 1 L", "Colun", "Leches", 890, None),
        ("U2", "Arroz Tucapel Grado 1 1 kg", "Tucapel", "Arroz", 1650, None),
    ],
}


def publish(scene: Scene, *partitions: Partition) -> None:
    for partition in partitions:
        folder = scene.land([], partition).parent
        frame = pl.DataFrame(SHELVES[partition], schema=COLUMNS, orient="row")
        frame.write_csv(folder / f"{partition.retailer}.csv")
        scene.publish(partition)


def compare(scene: Scene) -> dict[str, object]:
    """Runs what the sensor asks for; returns what the asset says of it."""
    repository = scene.definitions.get_repository_def()
    context = dg.build_sensor_context(instance=scene.instance, repository_def=repository)
    tick = repository.get_sensor_def("compare_published_days").evaluate_tick(context)
    (request,) = tick.run_requests or []
    assert request.partition_key == "2024-10-01"
    result = scene.definitions.resolve_job_def("compare").execute_in_process(
        partition_key=str(request.partition_key), instance=scene.instance, tags=dict(request.tags)
    )
    (made,) = result.asset_materializations_for_node("price_comparison")
    assert (
        not repository.get_sensor_def("compare_published_days")
        .evaluate_tick(dg.build_sensor_context(instance=scene.instance, repository_def=repository))
        .run_requests
    )
    return {name: value.value for name, value in made.metadata.items()}


def shown(scene: Scene) -> list[tuple[str, str, int, int]]:
    """Returns what people see: cheapest, prices' shops, lowest and highest price."""
    return [
        (row.cheapest_retailer, " ".join(sorted(row.prices)), row.min_price, row.max_price)
        for row in scene.rows("select * from normalizer.price_comparison order by min_price")
    ]


def test_two_shops_are_compared_and_a_late_third_refreshes_the_day(scene: Scene) -> None:
    publish(scene, LIDER, JUMBO)
    first = compare(scene)
    assert shown(scene) == [
        ("jumbo", "jumbo lider", 990, 1100),
        ("lider", "jumbo lider", 2000, 2500),
    ]
    assert first["shops"] == "jumbo, lider"
    assert (first["rows"], first["products"], first["products_in_several_shops"]) == (6, 4, 2)
    assert first["median_spread_percent"] == pytest.approx((11.1111 + 25) / 2, rel=1e-3)
    assert "| lider | 1 |" in str(first["cheapest"])
    assert "Original 2L" in str(first["sample"])
    ids = {row.product_id for row in scene.rows("select * from normalizer.price_comparison")}

    publish(scene, UNIMARC)
    second = compare(scene)
    assert shown(scene) == [
        ("unimarc", "jumbo lider unimarc", 890, 1100),
        ("lider", "lider unimarc", 1500, 1650),
        ("lider", "jumbo lider", 2000, 2500),
    ]
    assert (second["rows"], second["products_in_several_shops"]) == (8, 3)
    later = {row.product_id for row in scene.rows("select * from normalizer.price_comparison")}
    assert ids < later


def test_a_day_on_which_nothing_is_published_is_skipped_green(scene: Scene) -> None:
    result = scene.definitions.resolve_job_def("compare").execute_in_process(
        partition_key="2024-10-01", instance=scene.instance
    )
    assert result.success
    assert result.asset_materializations_for_node("price_comparison") == []
    assert "no shop has published 2024-10-01 yet" in scene.warned(result)
