import json
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from normalizer_assets.config import NormalizerConfig, load_config
from normalizer_assets.intake.given import FIELDS, as_ndjson, take_in_given
from normalizer_assets.intake.landing import snapshot_path

DAY = date(2024, 10, 1)


@pytest.fixture
def settings(tmp_path: Path) -> NormalizerConfig:
    return load_config({"NORMALIZER__PATHS__DATA": str(tmp_path)})


@pytest.mark.parametrize(
    ("price", "clp"),
    [
        (1990, 1990),
        (1990.0, 1990),
        (Decimal(1990), 1990),
        (np.int64(1990), 1990),
        (np.float32(1990.0), 1990),
        (np.float64("nan"), None),
        ("$ 1.990", 1990),
        (None, None),
    ],
)
def test_a_price_of_any_kind_is_read(
    settings: NormalizerConfig, price: object, clp: int | None
) -> None:
    content = as_ndjson([{"name": "Arroz 1 kg", "price": price}])
    assert take_in_given(settings, content, "direct-1", DAY).intake.listings["price"][0] == clp


def test_keys_that_are_not_read_change_no_snapshot() -> None:
    product = {"name": "Arroz 1 kg", "sku": "1"}
    assert as_ndjson([{**product, "scraped": object()}]) == as_ndjson([product])


def test_the_snapshot_is_kept_before_a_row_is_judged(settings: NormalizerConfig) -> None:
    content = as_ndjson([{"name": "123"}])
    taken = take_in_given(settings, content, "direct-1", DAY)
    assert taken.intake.listings.is_empty()
    kept = snapshot_path(taken.snapshot.sha256, "ndjson", settings.paths.storage)
    assert kept.read_bytes() == content


def test_a_shop_is_known_by_name_and_slug_and_a_stranger_keeps_its_name(
    settings: NormalizerConfig,
) -> None:
    shops = ["santa_isabel", "SANTA ISABEL", " Almacén  Don Tito ", None, float("nan")]
    products = [{"name": f"Arroz {n} kg", "retailer": shop} for n, shop in enumerate(shops, 1)]
    listings = take_in_given(settings, as_ndjson(products), "direct-1", DAY).intake.listings
    assert listings["retailer_name"].to_list() == [
        "Santa Isabel", "Santa Isabel", "Almacén Don Tito", None, None,
    ]  # fmt: skip
    assert set(listings["retailer"]) == {"direct-1"}


VALUE = st.none() | st.text() | st.integers() | st.floats() | st.decimals() | st.lists(st.text())


@given(
    st.lists(
        st.fixed_dictionaries(
            {"name": st.text(min_size=1).filter(str.strip)},
            optional=dict.fromkeys(FIELDS[1:], VALUE),
        ),
        min_size=1,
        max_size=5,
    )
)
def test_every_product_is_one_line(products: list[dict[str, Any]]) -> None:
    lines = as_ndjson(products).splitlines()
    assert [json.loads(line)["name"] for line in lines] == [each["name"] for each in products]
