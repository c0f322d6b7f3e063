import pytest

from normalizer_assets.evaluation.synthetic import synthetic_landing


def test_invented_listings_are_distinct_and_the_same_every_time() -> None:
    listings = synthetic_landing(3000)
    assert listings["name"].n_unique() == listings["sku"].n_unique() == 3000
    assert listings.equals(synthetic_landing(3000))
    assert listings["price"].min() == 990


def test_more_listings_than_combinations_are_refused() -> None:
    with pytest.raises(ValueError, match="can be made, not 1000000"):
        synthetic_landing(1_000_000)
