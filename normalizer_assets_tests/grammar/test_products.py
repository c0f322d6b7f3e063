import pytest

from normalizer_assets.grammar import products


@pytest.mark.parametrize("entries", [products.DEVICE_WORDS, products.GOODS_WORDS])
def test_lists_hold_folded_words_and_no_empty_one(entries: tuple[str, ...]) -> None:
    # An empty alternative would match everywhere and cut every model short.
    assert all(entry and entry == entry.lower().strip() for entry in entries)


def test_original_stays_a_product_line() -> None:
    assert "original" not in products.FLAVOUR_WORDS
    assert "frutos rojos" in products.FLAVOUR_WORDS
