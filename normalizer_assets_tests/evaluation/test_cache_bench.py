"""The cache's benchmarks run and say what they promise; how fast is printed, not asserted."""

import pytest

from normalizer_assets.evaluation import cache_bench


@pytest.mark.slow
def test_the_exact_tier_is_timed() -> None:
    result = cache_bench.exact(2_000)
    assert (result["name"], result["rows"]) == ("exact", 2_000)
    assert result["keys_per_second"] > 0
    assert set(result["single_ms"]) == {"p50", "p95", "p99"}


@pytest.mark.slow
def test_the_semantic_tier_is_timed_and_finds_the_nearest() -> None:
    result = cache_bench.semantic(1_200)
    assert result["recall"]["rewordings"] > 0.9
    assert result["bytes_per_entry"] > 2 * result["dimensions"]
    assert {"hits_ms", "misses_ms", "batched_ms", "whole_hit_ms", "build"} <= set(result)
