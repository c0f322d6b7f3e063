"""Versions stand as they were written; the last green one is published."""

from collections.abc import Callable

import polars as pl
import pytest
import sqlalchemy as sa

from normalizer_assets.batching import life
from normalizer_assets.publishing.products import build_products
from normalizer_assets.publishing.versions import (
    is_published,
    newest_rows,
    record_verdict,
    write_version,
)
from normalizer_assets_tests.publishing.test_products import CONFIG, answers, routed
from normalizer_assets_tests.scene import Scene

Products = Callable[..., pl.DataFrame]


@pytest.fixture
def landed(scene: Scene) -> Scene:
    """A partition that has landed, without products."""
    empty = pl.DataFrame(schema={"row_number": pl.Int64, "reason": pl.String, "raw": pl.String})
    life.record_landing(
        scene.engine,
        scene.partition,
        snapshot="one",
        raw_count=2,
        collapsed_count=0,
        quarantined=empty,
    )
    return scene


def products(*names: str) -> pl.DataFrame:
    return build_products(routed(*names), answers(), CONFIG)


def published(engine: sa.Engine) -> list[str]:
    with engine.connect() as connection:
        return list(
            connection.execute(
                sa.text("select name from normalizer.published_products order by sku")
            ).scalars()
        )


def test_versions_are_numbered_and_equal_content_makes_none(landed: Scene) -> None:
    write = landed.engine, landed.partition
    assert write_version(*write, products("Notebook A"), "run 1").number == 1
    again = write_version(*write, products("Notebook A"), "run 2")
    assert (again.number, again.changed) == (1, False)
    other = write_version(*write, products("Notebook B"), "run 3")
    assert (other.number, other.changed) == (2, True)
    back = write_version(*write, products("Notebook A"), "run 4")
    assert (back.number, back.changed) == (3, True)
    with landed.engine.connect() as connection:
        rows = newest_rows(connection, landed.partition)
    assert rows["name"].to_list() == ["Notebook A"]
    assert landed.scalar("select count(*) from normalizer.product_rows") == 3


def test_only_a_green_version_is_published(landed: Scene) -> None:
    engine, partition = landed.engine, landed.partition
    write_version(engine, partition, products("Notebook A"), "run 1")
    with engine.connect() as connection:
        assert not is_published(connection, partition)
    assert published(engine) == []
    record_verdict(engine, partition, green=True, reasons=[])
    with engine.connect() as connection:
        assert is_published(connection, partition)
    assert published(engine) == ["Notebook A"]
    write_version(engine, partition, products("Notebook B"), "run 2")
    with engine.connect() as connection:
        assert not is_published(connection, partition)
    record_verdict(engine, partition, green=False, reasons=["too few", "too many"])
    assert published(engine) == ["Notebook A"]
    row = landed.row()
    assert (row.state, row.blocked_reason) == ("held", "too few; too many")
    record_verdict(engine, partition, green=True, reasons=[])
    assert published(engine) == ["Notebook B"]
    assert landed.row().blocked_reason is None


def test_a_version_that_cannot_be_written_leaves_nothing(landed: Scene) -> None:
    twice = products("Notebook A", "Notebook B").with_columns(sku=pl.lit("same"))
    with pytest.raises(Exception, match="duplicate key"):
        write_version(landed.engine, landed.partition, twice, "run 1")
    assert landed.rows("select * from normalizer.product_versions") == []
    assert landed.row().newest_version is None
