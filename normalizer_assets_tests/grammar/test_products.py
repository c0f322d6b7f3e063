import polars as pl
import pytest

from normalizer_assets.grammar import products
from normalizer_assets.grammar.colours import COLOUR_WORDS
from normalizer_assets.grammar.text import fold

WORD_LISTS = {
    "devices": products.DEVICE_WORDS,
    "goods": products.GOODS_WORDS,
    "soft": products.SOFT_WORDS,
    "soft goods": products.SOFT_GOODS_WORDS,
    "shades": products.SHADE_WORDS,
    "care variants": products.CARE_VARIANTS,
    "life stages": products.LIFE_STAGES,
    "perfumes": products.PERFUME_WORDS,
    "flavours": products.FLAVOUR_WORDS,
}

VALUES = {
    "flavours": products.FLAVOURS,
    "pet flavours": products.PET_FLAVOURS,
    "genders": products.GENDERS,
    "concentrations": products.CONCENTRATIONS,
    "milk fats": products.MILK_FATS,
}


def folded(texts: list[str]) -> list[str]:
    return pl.DataFrame({"t": texts}).select(fold(pl.col("t"))).to_series().to_list()


@pytest.mark.parametrize("entries", WORD_LISTS.values(), ids=WORD_LISTS)
def test_lists_hold_folded_words_and_no_empty_one(entries: tuple[str, ...]) -> None:
    # An empty alternative would match everywhere and cut every model short.
    assert all(entry and entry == entry.strip() for entry in entries)
    assert list(entries) == folded(list(entries))


@pytest.mark.parametrize("values", VALUES.values(), ids=VALUES)
def test_spellings_of_values_are_folded_and_stand_for_one_value(values: dict[str, str]) -> None:
    spellings = [spelling for row in values.values() for spelling in row.split()]
    assert spellings == folded(spellings)
    assert len(spellings) == len(set(spellings))
    assert all(row.split() for row in values.values())


def test_original_stays_a_product_line() -> None:
    assert "original" not in products.FLAVOUR_WORDS
    assert "frutos rojos" in products.FLAVOUR_WORDS


def test_what_ends_no_model_of_goods_describes_goods_somewhere() -> None:
    assert {"natural", "premium", "clasico"} <= {*products.SOFT_GOODS_WORDS}
    assert {"gaming", "led", "smart"} <= {*products.SOFT_WORDS}
    # Hard words would be cut out of the middle of a line first.
    assert not {*products.SOFT_WORDS} & {*products.SHADE_WORDS}


def test_life_stages_and_variants_of_care_describe_other_goods() -> None:
    assert {"adulto", "cachorro", "senior"} <= {*products.LIFE_STAGES} & {*products.GOODS_WORDS}
    assert {"limpieza", "hidratacion"} <= {*products.CARE_VARIANTS} & {*products.GOODS_WORDS}


def test_a_perfume_keeps_flavours_and_english_genders_for_its_line() -> None:
    assert not {"man", "men", "woman", "girl", "vanilla", "vainilla"} & {*products.PERFUME_WORDS}
    concentrations = {
        spelling.replace("_", " ")
        for row in products.CONCENTRATIONS.values()
        for spelling in row.split()
    }
    assert concentrations <= {*products.PERFUME_WORDS}


def test_a_shade_alone_is_no_colour() -> None:
    assert {"phantom", "midnight", "space"} <= {*products.SHADE_WORDS}
    assert not {"phantom", "midnight", "space"} & {*COLOUR_WORDS}
