from decimal import Decimal

import polars as pl

from normalizer_assets.batching.scenarios import WAYS, individually, scenarios
from normalizer_assets.config import load_config
from normalizer_assets_tests.batching.listings import routed_listings

CONFIG = load_config({})
ROUTED = pl.concat([routed_listings(5, tier="full"), routed_listings(5, prefix="m")]).with_columns(
    route=pl.when(pl.col("question_key") == "q0").then(pl.lit("cache")).otherwise("tier")
)


def test_the_four_ways_of_asking_become_cheaper() -> None:
    ways = scenarios(CONFIG, ROUTED)
    assert tuple(way.name for way in ways) == WAYS
    for figure in ("zero", "expected", "allowance"):
        costs = [way.usd[figure] for way in ways]
        assert costs == sorted(set(costs), reverse=True)
    assert [way.savings_percent for way in ways[:2]] == [0, 50]
    assert all(way.usd["zero"] < way.usd["expected"] < way.usd["allowance"] for way in ways)


def test_measured_reasoning_is_one_more_figure() -> None:
    figures = {"expected": lambda *_: 0.0, "measured": lambda *_: 10.0}
    first, *_ = scenarios(CONFIG, ROUTED, figures)
    assert first.usd["measured"] - first.usd["expected"] == 10 * 10 * Decimal("0.00001")


def test_without_listings_nothing_costs_and_nothing_is_saved() -> None:
    ways = scenarios(CONFIG, ROUTED.clear())
    assert {(way.usd["expected"], way.savings_percent) for way in ways} == {(Decimal(0), 0.0)}


def test_individually_every_listing_is_asked_whatever_its_route() -> None:
    costs = individually(CONFIG, ROUTED)
    assert costs.full == scenarios(CONFIG, ROUTED)[0].usd["expected"]
    assert 0 < costs.legacy < costs.full / 10
