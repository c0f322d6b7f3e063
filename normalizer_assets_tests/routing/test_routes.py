import re

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from normalizer_assets.config import (
    CATEGORY_GROUPS,
    CategoryGroup,
    RouterConfig,
    RouterWeights,
    load_config,
)
from normalizer_assets.routing.routes import score_listings

ROUTER = load_config({}).router
FACTORS = ("length", "technical_terms", "category", "price", "variants")
SCHEMA = {"name": pl.String, "category_group": pl.String, "price": pl.Int64}

weights = st.floats(0, 10, allow_subnormal=False)
routers = st.builds(
    lambda values: ROUTER.model_copy(
        update={"weights": RouterWeights(**dict(zip(FACTORS, values, strict=True)))}
    ),
    st.tuples(*[weights] * 5).filter(lambda values: sum(values) > 0),
)
rows = st.lists(
    st.tuples(
        st.text(st.characters(exclude_categories=["Cs"]), max_size=200),
        st.sampled_from(CATEGORY_GROUPS),
        st.none() | st.integers(0, 10**8),
    ),
    max_size=12,
)


def frame(*listings: tuple[str, str, int | None]) -> pl.DataFrame:
    return pl.DataFrame(listings, schema=SCHEMA, orient="row")


def tiers(*listings: tuple[str, str, int | None]) -> list[str]:
    return score_listings(frame(*listings), ROUTER)["tier"].to_list()


def test_drinks_food_and_clothes_are_asked_of_mini() -> None:
    assert (
        tiers(
            ("Coca Cola Original 2L", "beverages", 1990),
            ("Cerveza Lager Pack 24 Un. 350cc", "beverages", 15990),
            ("Arroz Grado 1 1 kg", "groceries", 1490),
            ("Leche Semidescremada Sin Lactosa Pack 12 un 1 L", "dairy", 12990),
            ("Polera Hombre Manga Corta Negra Talla M", "clothing", 9990),
        )
        == ["mini"] * 5
    )


def test_notebooks_and_high_end_phones_are_asked_of_full() -> None:
    assert (
        tiers(
            (
                "ASUS ROG Strix G16 Intel Core i9-13980HX RTX 4070 32GB DDR5 1TB NVMe Gen4",
                "notebooks",
                2199990,
            ),
            ('Notebook Lenovo IdeaPad 1 Ryzen 5 8GB RAM 512GB SSD 15,6"', "notebooks", 499990),
            ("iPhone 15 Pro Max 256GB Negro", "smartphones", 1399990),
            ("Samsung Galaxy S24 Ultra 5G 512GB 12GB Titanium Black", "smartphones", 1299990),
        )
        == ["full"] * 4
    )


def test_a_basic_phone_stays_with_mini() -> None:
    assert tiers(("Samsung Galaxy A05 64GB", "smartphones", 99990)) == ["mini"]


def test_the_reasons_name_the_largest_contributions() -> None:
    router = RouterConfig(
        weights=RouterWeights(length=0, technical_terms=0.3, category=0.5, price=0.2, variants=0),
        category_complexity={"notebooks": 1.0},
        technical_terms=("ryzen",),
        terms_saturation=1,
    )
    scored = score_listings(frame(("Ryzen", "notebooks", 1)), router)
    assert scored["reasons"].to_list() == ["category 0.50, technical terms 0.30: complex"]
    assert scored["score"].to_list() == [0.9]


def test_a_contribution_is_the_factor_weighted_by_its_share_of_all_weights() -> None:
    router = RouterConfig(
        weights=RouterWeights(length=1, technical_terms=0, category=2, price=0.5, variants=0.5),
        category_complexity={"dairy": 0.2},
        length_saturation=9,
        variants_saturation=2,
    )
    scored = score_listings(frame(("Leche 1L", "dairy", None)), router)
    assert scored["contributions"].to_list() == [
        {
            "length": 0.2222,
            "technical_terms": 0.0,
            "category": 0.1,
            "price": 0.0625,
            "variants": 0.0625,
        }
    ]
    assert scored["score"].to_list() == [0.4472]


def test_bands_begin_at_their_thresholds() -> None:
    router = RouterConfig(
        weights=RouterWeights(length=0, technical_terms=0, category=1, price=0, variants=0),
        medium_from=0.3,
        complex_from=0.5,
        category_complexity={"dairy": 0.2999, "toys": 0.3, "tools": 0.4999, "storage": 0.5},
    )
    listings = frame(*[("x", group, 1) for group in ("dairy", "toys", "tools", "storage")])
    scored = score_listings(listings, router)
    assert scored["band"].to_list() == ["simple", "medium", "medium", "complex"]
    assert scored["tier"].to_list() == ["mini", "mini", "mini", "full"]


def test_an_empty_frame_keeps_its_columns() -> None:
    scored = score_listings(frame(), ROUTER)
    assert scored.height == 0
    assert scored.schema["score"] == pl.Float64
    assert scored.schema["reasons"] == pl.String


def test_weights_of_zero_are_refused() -> None:
    with pytest.raises(ValueError, match="at least one weight"):
        RouterWeights(**dict.fromkeys(FACTORS, 0.0))


def test_every_category_group_has_a_complexity() -> None:
    assert set(ROUTER.category_complexity) == set(CATEGORY_GROUPS)


@settings(max_examples=100)
@given(listings=rows, router=routers)
def test_factors_and_scores_stay_within_zero_and_one(
    listings: list[tuple[str, str, int | None]], router: RouterConfig
) -> None:
    scored = score_listings(frame(*listings), router)
    columns = [*(f"factor_{name}" for name in FACTORS), "score"]
    assert scored.select(pl.all_horizontal(pl.col(columns).is_between(0, 1))).to_series().all()
    assert scored.select(SCHEMA.keys()).equals(frame(*listings))
    shares = scored["contributions"].struct.unnest()
    assert set(shares.columns) == set(FACTORS)
    # Five shares and the score are rounded to four decimals.
    assert ((shares.sum_horizontal() - scored["score"]).abs() <= 3e-4).all()
    assert ((scored["tier"] == "full") == (scored["band"] == "complex")).all()
    for reason in scored["reasons"]:
        assert re.fullmatch(r"[a-z ]+ \d\.\d\d, [a-z ]+ \d\.\d\d: (simple|medium|complex)", reason)
    assert scored.equals(score_listings(frame(*listings), router))


@settings(max_examples=100)
@given(listings=rows, router=routers, name=st.sampled_from(FACTORS), more=st.floats(0.1, 10))
def test_a_heavier_weight_draws_the_score_towards_its_factor(
    listings: list[tuple[str, str, int | None]], router: RouterConfig, name: str, more: float
) -> None:
    heavier = router.weights.model_copy(update={name: getattr(router.weights, name) + more})
    before = score_listings(frame(*listings), router)
    after = score_listings(frame(*listings), router.model_copy(update={"weights": heavier}))
    factor = before[f"factor_{name}"]
    # Scores are rounded to four decimals.
    assert ((after["score"] - factor).abs() <= (before["score"] - factor).abs() + 1e-4).all()


@settings(max_examples=50)
@given(
    name=st.text(st.characters(exclude_categories=["Cs"]), max_size=80),
    groups=st.tuples(*[st.sampled_from(list(ROUTER.category_complexity))] * 2),
)
def test_a_harder_group_never_lowers_the_score(
    name: str, groups: tuple[CategoryGroup, CategoryGroup]
) -> None:
    easier, harder = sorted(groups, key=lambda group: ROUTER.category_complexity[group])
    scores = [
        score_listings(frame((name, group, 1000)), ROUTER)["score"].item()
        for group in (easier, harder)
    ]
    assert scores[0] <= scores[1]
