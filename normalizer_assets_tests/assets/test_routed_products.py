"""Routes are cache, mini or full, and a partition's own questions keep theirs."""

from datetime import date

import dagster as dg
import pytest

from normalizer_assets.batching.partition import Partition
from normalizer_assets_tests.scene import Scene, invented

NEXT_DAY = Partition(date(2024, 10, 2), "lider")


def test_simple_listings_go_to_mini_and_complex_ones_to_full(scene: Scene) -> None:
    scene.land(invented(9))
    routed = scene.submit().output_for_node("routed_products")
    by_kind = {name.split()[0]: route for name, route in routed.select("name", "route").iter_rows()}
    assert by_kind == {"Arroz": "mini", "Leche": "mini", "Notebook": "full"}
    assert routed["score"].is_between(0, 1).all()
    assert routed["question_key"].n_unique() == 9


def test_the_materialisation_shows_routes_scores_and_a_sample(scene: Scene) -> None:
    scene.land(invented(9))
    (made,) = scene.submit().asset_materializations_for_node("routed_products")
    assert made.metadata["route_mini"].value == 6
    assert [made.metadata[f"share_{route}"].value for route in ("cache", "mini", "full")] == (
        pytest.approx([0, 2 / 3, 1 / 3], abs=1e-4)
    )
    assert "data:image/png;base64," in str(made.metadata["score_histogram"].value)
    sample = made.metadata["sample"]
    assert isinstance(sample, dg.TableMetadataValue)
    assert len(sample.records) == 5
    first = sample.records[0].data
    assert (first["name"], first["route"]) == ("Arroz Grado 0 Tucapel 1 kg", "mini")


def test_what_another_partition_bought_is_routed_to_the_cache(scene: Scene) -> None:
    scene.land(invented(6))
    scene.publish()
    scene.land(invented(9), NEXT_DAY)
    routed = scene.submit(NEXT_DAY).output_for_node("routed_products")
    assert routed["route"].to_list() == ["cache"] * 6 + ["mini", "mini", "full"]
    repeated = scene.submit().output_for_node("routed_products")
    assert "cache" not in repeated["route"].to_list()
