"""Every materialisation carries the figures that tell how it went, and no heavy picture."""

import re
from base64 import b64decode

import dagster as dg
import pytest

from normalizer_assets.assets.catalogue import code_versions
from normalizer_assets_tests.scene import Scene, invented

FIGURES = {
    "raw_products": {"dagster/partition_row_count", "raw_count", "quarantined", "collapsed"},
    "routed_products": {"dagster/partition_row_count", "share_cache", "share_mini", "share_full"},
    "submitted_batches": {"in_batches", "individually", "batches", "estimated_usd"},
    "batch_results": {"dagster/partition_row_count", "cost_usd", "input_tokens", "output_tokens"},
    "normalized_products": {
        *("dagster/partition_row_count", "cost_usd", "cache_hit_rate"),
        *("confidence_p10", "confidence_p50", "accepted", "review"),
    },
    "cache_embeddings": {"new_entries", "tokens", "cost_usd"},
    "price_comparison": {"dagster/partition_row_count", "products", "median_spread_percent"},
    "daily_report": {"products", "cache_hit_rate", "cost_usd"},
}
SAMPLES = ("raw_products", "routed_products", "normalized_products", "price_comparison")
PICTURES = {"routed_products": 1, "batch_results": 1, "normalized_products": 1, "daily_report": 3}
MOST_BYTES = 30_000


@pytest.mark.slow
def test_a_published_day_leaves_figures_samples_and_light_pictures(scene: Scene) -> None:
    scene.set(BATCHING__MIN_PRODUCTS="5", CONFIDENCE__THRESHOLD="0")
    scene.land(invented(24))
    scene.publish()
    day = scene.partition.day.isoformat()
    assert scene.definitions.resolve_job_def("compare").execute_in_process(
        partition_key=day, instance=scene.instance
    ).success  # fmt: skip
    versions = code_versions(scene.config)
    pictures = {}
    for asset, figures in FIGURES.items():
        event = scene.instance.get_latest_materialization_event(dg.AssetKey(asset))
        assert event is not None, asset
        made = event.asset_materialization
        assert made is not None
        numbers = {
            name
            for name, value in made.metadata.items()
            if isinstance(value, dg.IntMetadataValue | dg.FloatMetadataValue)
        }
        assert figures <= numbers, (asset, figures - numbers)
        assert ("sample" in made.metadata) == (asset in SAMPLES), asset
        assert (made.tags or {}).get("dagster/code_version", "none") == versions.get(
            asset, "none"
        ) or asset not in versions
        sizes = [
            len(b64decode(png))
            for value in made.metadata.values()
            if isinstance(value, dg.MarkdownMetadataValue)
            for png in re.findall(r"base64,([A-Za-z0-9+/=]+)", str(value.value))
        ]
        assert all(0 < size <= MOST_BYTES for size in sizes), (asset, sizes)
        pictures[asset] = len(sizes)
    assert {asset: count for asset, count in pictures.items() if count} == PICTURES
