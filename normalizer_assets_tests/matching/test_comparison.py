"""A day's comparison in Postgres: what it is made of, when it is due, and replacing it."""

import threading
from datetime import date
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from normalizer_assets.config import NormalizerConfig
from normalizer_assets.db.tables import partitions
from normalizer_assets.matching.comparison import Comparison, compare_day, days_to_compare
from normalizer_assets_tests.matching.offers import publish

DAY = date(2024, 10, 1)
YESTERDAY = date(2024, 9, 30)
FIRST = date(2021, 1, 1)
COLA = {"name": "Bebida Coca-Cola Original 1.5 L", "listing_brand": "Coca-Cola", "sku": "C"}
MILK = {"name": "Leche Entera 1 L", "listing_brand": "Colun", "category_group": "dairy", "sku": "M"}


@pytest.fixture
def two_shops(engine: sa.Engine) -> sa.Engine:
    """Two shops that have published the day."""
    publish(engine, DAY, "lider", {**COLA, "price": 1500}, {**MILK, "price": 900})
    publish(engine, DAY, "jumbo", {**COLA, "price": 1800})
    return engine


def compare(engine: sa.Engine, config: NormalizerConfig, day: date = DAY) -> Comparison:
    found = compare_day(engine, config, day, "run")
    assert found is not None
    return found


def rows(engine: sa.Engine, sql: str) -> list[Any]:
    with engine.connect() as connection:
        return [tuple(row) for row in connection.execute(sa.text(sql))]


def due(engine: sa.Engine) -> list[date]:
    with engine.connect() as connection:
        return list(days_to_compare(connection, FIRST))


def stop(engine: sa.Engine, retailer: str, state: str, newest_version: int | None) -> None:
    """Makes a partition of the day held or failed."""
    values = {"state": state, "newest_version": newest_version}
    with engine.begin() as connection:
        connection.execute(
            insert(partitions)
            .values(retailer=retailer, day=DAY, **values)
            .on_conflict_do_update(index_elements=["retailer", "day"], set_=values)
        )


def test_the_view_shows_products_of_several_shops_and_the_tables_all(
    two_shops: sa.Engine, config: NormalizerConfig
) -> None:
    found = compare(two_shops, config)
    assert found.retailers == ("jumbo", "lider")
    assert (found.offers, found.products.height) == (3, 2)
    view = "select normalized_name, shops, cheapest_retailer, min_price, max_price, spread, prices"
    assert rows(two_shops, f"{view} from normalizer.price_comparison") == [
        (COLA["name"], 2, "lider", 1500, 1800, 300, {"lider": 1500, "jumbo": 1800})
    ]
    assert rows(two_shops, "select shops from normalizer.price_comparisons order by shops") == [
        (1,), (2,),
    ]  # fmt: skip
    offered = (
        "select retailer, sku, offer.price, min_price from normalizer.price_offers offer "
        "join normalizer.price_comparisons using (day, product_id) order by retailer, sku"
    )
    assert rows(two_shops, offered) == [
        ("jumbo", "C", 1800, 1500), ("lider", "C", 1500, 1500), ("lider", "M", 900, 900),
    ]  # fmt: skip


def test_only_accepted_listings_with_a_price_of_the_published_version_are_compared(
    engine: sa.Engine, config: NormalizerConfig
) -> None:
    publish(engine, DAY, "lider", {**COLA, "price": 1}, version=1)
    publish(engine, DAY, "lider", {**COLA, "price": 1500}, version=2)
    publish(engine, DAY, "jumbo", {**COLA, "status": "review", "price": 2})
    publish(engine, DAY, "unimarc", {**COLA, "price": None})
    publish(engine, DAY, "tottus", {**COLA, "status": "rejected", "price": 3})
    publish(engine, YESTERDAY, "hites", {**COLA, "price": 4})
    publish(engine, DAY, "direct-0123", {**COLA, "price": 5})
    found = compare(engine, config)
    assert found.retailers == ("jumbo", "lider", "tottus", "unimarc")
    assert found.products.select("shops", "min_price").rows() == [(1, 1500)]


def test_a_day_is_due_while_what_is_published_is_not_what_was_compared(
    two_shops: sa.Engine, config: NormalizerConfig
) -> None:
    publish(two_shops, YESTERDAY, "lider", COLA)
    assert due(two_shops) == [DAY, YESTERDAY]
    compare(two_shops, config)
    assert due(two_shops) == [YESTERDAY]
    publish(two_shops, DAY, "unimarc", COLA)  # late
    publish(two_shops, YESTERDAY, "direct-0123", COLA)
    assert due(two_shops) == [DAY, YESTERDAY]
    assert compare(two_shops, config).products["shops"].max() == 3
    publish(two_shops, DAY, "unimarc", {**COLA, "price": 10}, version=2)
    assert due(two_shops) == [DAY, YESTERDAY]
    assert compare(two_shops, config).products["min_price"].min() == 10
    compare(two_shops, config, YESTERDAY)
    assert due(two_shops) == []
    with two_shops.begin() as connection:  # rolled back
        connection.execute(
            sa.text(
                "update normalizer.partitions set published_version = 1 where retailer = 'unimarc'"
            )
        )
    assert due(two_shops) == [DAY]


@pytest.mark.parametrize("state", ["held", "failed"])
def test_a_day_is_due_for_its_report_when_a_partition_stops(
    engine: sa.Engine, config: NormalizerConfig, state: str
) -> None:
    stop(engine, "jumbo", state, newest_version=None)
    assert due(engine) == [DAY]
    assert compare_day(engine, config, DAY, "run") is None
    assert due(engine) == []
    publish(engine, DAY, "lider", COLA)
    compare(engine, config)
    stop(engine, "jumbo", state, newest_version=1)
    stop(engine, "lider", state, newest_version=2)
    assert due(engine) == [DAY]
    assert compare(engine, config).retailers == ("lider",)
    assert due(engine) == []


def test_days_before_the_first_one_are_left_alone(two_shops: sa.Engine) -> None:
    with two_shops.connect() as connection:
        assert days_to_compare(connection, date(2024, 10, 2)) == {}


def test_what_is_published_has_another_name_each_time(two_shops: sa.Engine) -> None:
    with two_shops.connect() as connection:
        (before,) = days_to_compare(connection, FIRST).values()
        assert list(days_to_compare(connection, FIRST).values()) == [before]
    publish(two_shops, DAY, "lider", COLA, version=2)
    with two_shops.connect() as connection:
        assert list(days_to_compare(connection, FIRST).values()) != [before]


def test_repeating_changes_nothing_and_other_days_stay(
    two_shops: sa.Engine, config: NormalizerConfig
) -> None:
    publish(two_shops, YESTERDAY, "lider", COLA)
    compare(two_shops, config, YESTERDAY)
    compare(two_shops, config)
    content = "select day, product_id, prices::text from normalizer.price_comparisons order by 1, 2"
    before = rows(two_shops, content)
    compare(two_shops, config)
    assert rows(two_shops, content) == before
    assert len(before) == 3


def test_a_day_without_published_products_has_no_comparison(
    engine: sa.Engine, config: NormalizerConfig
) -> None:
    assert compare_day(engine, config, DAY, "run") is None
    publish(engine, DAY, "lider", {**COLA, "price": None})
    assert compare(engine, config).products.is_empty()
    assert due(engine) == []


def test_a_comparison_that_fails_leaves_the_one_before(
    two_shops: sa.Engine, config: NormalizerConfig
) -> None:
    compare(two_shops, config)
    publish(two_shops, DAY, "unimarc", COLA)
    # A table that does not take the rows: the last statement of the transaction fails.
    with two_shops.begin() as connection:
        connection.execute(
            sa.text("alter table normalizer.compared_partitions add check (retailer <> 'unimarc')")
        )
    with pytest.raises(Exception, match="violates check constraint"):
        compare(two_shops, config)
    assert rows(two_shops, "select max(shops) from normalizer.price_comparisons") == [(2,)]
    assert due(two_shops) == [DAY]


def test_two_at_once_wait_for_each_other(two_shops: sa.Engine, config: NormalizerConfig) -> None:
    failures: list[BaseException] = []

    def run() -> None:
        try:
            compare(two_shops, config)
        except Exception as error:  # noqa: BLE001 - told below
            failures.append(error)

    threads = [threading.Thread(target=run) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert rows(two_shops, "select count(*) from normalizer.price_offers") == [(3,)]
