"""The cache's benchmarks run and say what they promise; how fast is printed, not asserted."""

import numpy as np
import pytest

from normalizer_assets.config import NormalizerConfig
from normalizer_assets.evaluation import cache_bench


@pytest.mark.slow
def test_the_exact_tier_is_timed() -> None:
    result = cache_bench.exact(2_000)
    assert (result["name"], result["rows"]) == ("exact", 2_000)
    assert result["keys_per_second"] > 0
    assert set(result["single_ms"]) == {"p50", "p95", "p99"}


@pytest.mark.slow
def test_the_semantic_tier_is_timed_and_finds_the_nearest(monkeypatch: pytest.MonkeyPatch) -> None:
    # Of so few entries the index is not used, and each lookup compares them all.
    monkeypatch.setattr(cache_bench, "SINGLE_LOOKUPS", 200)
    monkeypatch.setattr(cache_bench, "WHOLE_HITS", 5)
    result = cache_bench.semantic(1_200)
    assert result["recall"]["rewordings"] > 0.9
    assert result["bytes_per_entry"] > 2 * result["dimensions"]
    assert {"hits_ms", "misses_ms", "batched_ms", "whole_hit_ms", "build"} <= set(result)


def test_synthetic_vectors_grow_alike_as_steadily_as_names_do(config: NormalizerConfig) -> None:
    short = config.model_copy(
        update={"embedding": config.embedding.model_copy(update={"dimensions": 256})}
    )
    entries = cache_bench.leaves(short, 10_000, 3_000, seed=1)
    others = cache_bench.leaves(short, 10_000, 60, seed=2)
    near = np.sort(others @ entries.T, axis=1)[:, ::-1]
    # Of 3,000 entries some 3, 30, 300 and 3,000 share three branches, two, one and none.
    for rank, like in zip((1, 15, 150, 1_500), reversed(cache_bench.LIKE[:4]), strict=True):
        assert float(np.median(near[:, rank])) == pytest.approx(like, abs=0.06)
