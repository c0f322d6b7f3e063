import json
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from normalizer_assets.answers.rules import read_listings
from normalizer_assets.answers.schemas import (
    ATTRIBUTE_NAMES,
    Answer,
    UnusableAnswer,
    canonical_value,
    normalise,
)
from normalizer_assets.prompting.templates import TEMPLATES

LONG: dict[str, Any] = {
    "brand": "Apple",
    "model": "iPhone 15 Pro Max",
    "attributes": {"capacity": "256 GB", "color": "negro", "size": 6.7},
    "normalized_name": "Apple iPhone 15 Pro Max 256GB Negro",
    "confidence": 0.95,
    "category_suggestion": None,
}


def test_long_compact_minimal_and_fallback_shapes_give_the_same_answer() -> None:
    shapes: list[dict[str, Any]] = [
        LONG,
        {
            "b": "APPLE",
            "m": "iPhone 15 Pro Max",
            "a": {"c": "256GB", "cl": "negro", "s": "6.7"},
            "cf": 95,
        },
        {
            "brand": "apple ",
            "model": "iPhone 15 Pro Max",
            "attrs": {"cap": "256 gb", "color": "negro", "size": '6,7"'},
            "conf": "95%",
        },
        {
            "Marca": "Apple",
            "Modelo": "Apple iPhone 15 Pro Max",
            "Atributos": {
                "Capacidad": "256 gigas",
                "Color": "negro",
                "Tamaño": "6.7 pulgadas",
            },
            "Confianza": "0,95",
        },
        {"Out": {**LONG, "attributes": [["c", "256GB"], ["cl", "negro"], ["s", 6.7]]}},
    ]
    expected = {"capacity": "256GB", "color": "negro", "size": "6.7"}
    for shape in shapes:
        answer = normalise(shape)
        assert (answer.brand, answer.model) == ("APPLE", "iPhone 15 Pro Max")
        assert answer.attributes == expected
        assert answer.model_confidence == 0.95


@pytest.mark.parametrize(
    ("key", "given", "expected"),
    [
        ("capacity", "256 GB", "256GB"),
        ("capacity", "2 litros", "2L"),
        ("capacity", "1,5 Lts.", "1.5L"),
        ("capacity", "500 gramos", "500g"),
        ("capacity", "350cc", "350ml"),
        ("capacity", "33 cl", "330ml"),
        ("capacity", "1.500 ml", "1500ml"),
        ("capacity", "1.125 kg", "1.125kg"),
        ("capacity", "1 TB NVMe", "1TB"),
        ("capacity", "8GB + 256GB", "8GB + 256GB"),
        ("ram", "32 GB DDR5", "32GB DDR5"),
        ("volume_ml", "100 ml", "100"),
        ("volume_ml", "1,5 L", "1500"),
        ("volume_ml", "100.0", "100"),
        ("weight_g", "1 kg", "1000"),
        ("weight_g", "2 litros", "2 litros"),
        ("pack_count", "6 unidades", "6"),
        ("pack_count", "Pack x12", "12"),
        ("pack_count", "6 x 350ml", "6 x 350ml"),
        ("size", '55"', "55"),
        ("size", "6,7 pulgadas", "6.7"),
        ("size", "XL", "XL"),
        ("network", "wi-fi", "WiFi"),
        ("network", "4g / 5g", "4G / 5G"),
        ("screen_type", "oled", "OLED"),
        ("gender", "Femenino", "mujer"),
        ("gender", "Niño", "niño"),
        ("type", "Eau de Parfum", "EDP"),
        ("color", "Negra", "negro"),
        ("color", "Titanium Black", "negro"),
        ("color", "Azul-Marino", "azul marino"),
        ("color", "Cafe", "café"),
        ("color", "Tornasol", "tornasol"),
        ("flavor", "Original", "original"),
        ("voltage", "220 V", "220 V"),
    ],
)
def test_values_take_their_canonical_form(key: str, given: str, expected: str) -> None:
    assert canonical_value(key, given) == expected


@pytest.mark.parametrize(
    "nothing", ["", " ", "null", "N/A", "n.a.", "si aplica", "No especificado", "-", None]
)
def test_what_says_that_there_is_no_value_is_none(nothing: str | None) -> None:
    answer = normalise({"brand": nothing, "model": nothing, "attributes": {"color": nothing}})
    assert answer == Answer()


def test_every_placeholder_of_the_templates_is_no_value() -> None:
    # What a weak model echoes must not become a value.
    for template in (TEMPLATES["STANDARD"], TEMPLATES["DETAILED"]):
        example = template[template.index("{\n") : template.rindex("}") + 1]
        answer = normalise(json.loads(example.replace("0.0-1.0", "0.5")))
        assert answer.model_dump(exclude={"model_confidence"}) == Answer().model_dump(
            exclude={"model_confidence"}
        )


def test_memory_and_screen_are_told_apart_by_their_values() -> None:
    answer = normalise({"attributes": {"memoria": "8 GB", "pantalla": "OLED"}})
    assert answer.attributes == {"ram": "8GB", "screen_type": "OLED"}
    answer = normalise({"attributes": {"memoria": "256 GB", "pantalla": "6.1 pulgadas"}})
    assert answer.attributes == {"capacity": "256GB", "size": "6.1"}


def test_unknown_keys_are_kept_apart() -> None:
    answer = normalise({"brand": "LG", "notes": ["a\x00", {"b": 1}], "id": 7})
    assert answer.other == {"notes": ["a", {"b": 1}], "id": 7}
    assert normalise(answer.model_dump()) == answer


def test_nested_attributes_are_flattened_and_lists_joined() -> None:
    answer = normalise(
        {
            "attributes": {
                "Dimensiones": {"alto": 3, "ancho": "4 cm"},
                "puertos": ["HDMI", "USB", ""],
            }
        }
    )
    assert answer.attributes == {
        "dimensiones_alto": "3",
        "dimensiones_ancho": "4 cm",
        "puertos": "HDMI, USB",
    }


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        ({"brand": {"name": "LG"}}, "brand is an object"),
        ({"brand": True}, "brand is true or false"),
        ({"brand": "LG", "model": ["a", "b"]}, "model is a list"),
        ({"brand": "LG", "attributes": "256GB negro"}, "attributes is text"),
        ({"brand": "LG", "attributes": 3}, "attributes is a number"),
        ({"brand": "LG", "attributes": ["256GB", "negro"]}, "not of pairs"),
        ({"attributes": {"a": {"b": {"c": {"d": 1}}}}}, "nested too deeply"),
        ({"attributes": {"a": [[1]]}}, "attributes.a is a list of a list"),
        ({"b": "LG", "brand": "SONY"}, "two keys give brand different values"),
        ({}, "none of the keys"),
        ({"error": "no puedo"}, "none of the keys"),
    ],
)
def test_fields_that_cannot_be_read_are_refused_by_name(
    payload: dict[str, Any], reason: str
) -> None:
    with pytest.raises(UnusableAnswer, match=reason):
        normalise(payload)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (0.95, 0.95),
        (95, 0.95),
        ("95%", 0.95),
        ("1%", 0.01),
        (1, 1.0),
        (-1, None),
        (101, None),
        ("alta", None),
        (True, None),
        (float("nan"), None),
        (10**400, None),
    ],
)
def test_the_models_own_confidence_is_a_share_or_nothing(
    given: Any, expected: float | None
) -> None:
    assert normalise({"brand": "LG", "confidence": given}).model_confidence == expected


def test_the_brand_is_taken_off_the_front_of_the_model() -> None:
    answer = normalise({"brand": "NESTLÉ", "model": "Nestle Nescafé Gold"})
    assert answer.model == "Nescafé Gold"
    assert normalise({"brand": "LG", "model": "LG"}).model is None
    assert normalise({"brand": "LG", "model": "LGX 5"}).model == "LGX 5"


def test_columns_hold_sorted_attributes_as_json_text() -> None:
    columns = normalise({"brand": "b", "attributes": {"size": "M", "color": "café"}}).columns()
    assert columns["attributes"] == '{"color": "café", "size": "M"}'
    assert set(columns) == {
        "brand",
        "model",
        "attributes",
        "normalized_name",
        "category_suggestion",
    }


def test_what_a_database_cannot_hold_is_taken_out() -> None:
    answer = normalise({"brand": "A\x00B", "model": "x\ud800y", "attributes": {"k\ud800": "v\x00"}})
    assert (answer.brand, answer.model, answer.attributes) == ("AB", "xy", {"k": "v"})


texts = st.one_of(
    st.text(max_size=20),
    st.from_regex(r"\A[0-9]{1,4}[.,]?[0-9]{0,4} ?(GB|gb|L|cc|kg|ml|cl|pulgadas|un|)\Z"),
)
scalars = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), texts)
payloads = st.fixed_dictionaries(
    {"brand": st.none() | texts},
    optional={
        "model": st.none() | texts,
        "attributes": st.dictionaries(
            st.sampled_from(sorted(ATTRIBUTE_NAMES)) | st.text(max_size=8), scalars, max_size=5
        ),
        "normalized_name": texts,
        "category_suggestion": texts,
        "confidence": scalars,
        "extra": scalars,
    },
)


@given(payloads)
@settings(max_examples=100)
def test_normalising_twice_changes_nothing(payload: dict[str, Any]) -> None:
    once = normalise(payload)
    assert normalise(once.model_dump()) == once


@given(payloads)
@settings(max_examples=100)
def test_every_text_of_an_answer_can_be_stored(payload: dict[str, Any]) -> None:
    text = json.dumps(normalise(payload).columns(), ensure_ascii=False)
    assert "\\u0000" not in text
    assert text.encode("utf-8")


def test_the_rules_and_the_models_values_are_written_alike() -> None:
    # Else an answer that agrees with the rules would look like a contradiction.
    listings = pl.DataFrame(
        {
            "name": [
                "Celular iPhone 15 Pro Max 256GB Titanium Black 5G",
                "Bebida Coca-Cola Original Pack 6 Un. x 1,5 Lts",
                "Perfume Chanel N°5 Eau de Parfum 100 ml Mujer",
                'Televisor LG OLED 55" 4K Smart TV WiFi',
                "Notebook Asus ROG Strix G16 32 GB DDR5 1 TB SSD 16 pulgadas",
                "Alimento Perro Adulto Pollo 1,5 kilos",
            ],
            "brand": pl.Series([None] * 6, dtype=pl.String),
            "category_group": [
                "smartphones",
                "beverages",
                "perfumes",
                "televisions",
                "notebooks",
                "pet_food",
            ],
        }
    )
    for text in read_listings(listings)["attributes"]:
        attributes = json.loads(text)
        assert attributes
        assert normalise({"attributes": attributes}).attributes == attributes


# --- strict schemas -------------------------------------------------------------------


def test_the_shapes_of_strict_schemas_give_the_same_answer() -> None:
    compact = {
        "b": "Apple",
        "m": "iPhone 15 Pro Max",
        "a": {"c": "256 GB", "cl": None, "s": "6.7"},
        "x": [{"k": "color", "v": "Negro"}, {"k": "network", "v": "5g"}],
        "cf": 0.95,
    }
    detailed = LONG | {
        "attributes": dict.fromkeys(("ram", "network", "volume_ml", "screen_type"))
        | {"capacity": "256 GB", "color": "negro", "size": "6.7"},
        "more_attributes": [{"name": "red", "value": "5G"}],
    }
    expected = normalise(LONG | {"attributes": {**LONG["attributes"], "network": "5G"}})
    assert normalise(detailed) == expected
    short = normalise(compact)
    assert (short.brand, short.model, short.attributes) == (
        expected.brand,
        expected.model,
        expected.attributes,
    )
    assert list(short.attributes) == sorted(short.attributes)


def test_an_attribute_with_a_key_of_its_own_is_not_replaced_by_a_pair() -> None:
    answer = normalise({"b": "LG", "a": {"s": "55"}, "x": [{"k": "pulgadas", "v": "65"}]})
    assert answer.attributes == {"size": "55"}


@pytest.mark.parametrize("further", [None, [], 3, "algo", {"k": "v"}])
def test_without_pairs_there_are_no_further_attributes(further: Any) -> None:
    answer = normalise({"b": "LG", "a": {"s": "55"}, "x": further})
    assert answer.attributes == {"size": "55"}


def test_nothing_but_nulls_is_an_answer_that_knows_nothing() -> None:
    nulls: dict[str, Any] = {"b": None, "m": None, "a": {"c": None, "cl": None, "s": None}}
    assert normalise(nulls | {"x": [], "cf": 0.1}) == Answer(model_confidence=0.1)
