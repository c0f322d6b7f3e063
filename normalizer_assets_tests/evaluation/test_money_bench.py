import polars as pl
import pytest

from normalizer_assets.config import load_config
from normalizer_assets.evaluation.bench_listings import bench_listings
from normalizer_assets.evaluation.money_bench import as_specified, doubtful_share, money
from normalizer_assets.routing.routing import route_listings


@pytest.fixture(scope="module")
def routed() -> pl.DataFrame:
    return as_specified(route_listings(bench_listings(None, 1000), load_config({})))


def test_the_mix_is_the_specifications_to_the_listing(routed: pl.DataFrame) -> None:
    counts = dict(routed["tier"].value_counts().iter_rows())
    assert counts == {"mini": 800, "full": 150, "legacy": 50}
    assert routed["hit"].sum() == 400


def test_full_has_the_highest_scores_and_mini_nothing_complex(routed: pl.DataFrame) -> None:
    by_tier = {tier: part["score"] for (tier,), part in routed.group_by("tier")}
    assert min(by_tier["full"]) >= max(by_tier["mini"])
    assert set(routed.filter(pl.col("tier") == "mini")["band"]) == {"simple", "medium"}


def test_doubtful_are_some_of_the_right_answers_but_not_most() -> None:
    assert 0 < doubtful_share(load_config({})) < 0.5


def test_the_figures_hang_together(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("NORMALIZER_DATABASE_URL", "NORMALIZER_CONFIG"):
        monkeypatch.delenv(variable, raising=False)
    figures = money(bench_listings(None, 1000))
    assert figures["rows"] == 1000
    assert figures["usd_exact"] == pytest.approx(sum(figures["usd_by_step"].values()), abs=0.0003)
    assert 0 < figures["usd_repeat_day"] < figures["usd_packed"] < figures["usd_exact"]
    assert figures["usd_exact"] < figures["usd_individual"]["full"] / 10
    assert figures["assumptions"]["asked"] == 600
    for by_reasoning in figures["usd_by_reasoning"].values():
        assert by_reasoning["zero"] < by_reasoning["expected"] < by_reasoning["allowance"]
        assert "measured" not in by_reasoning
