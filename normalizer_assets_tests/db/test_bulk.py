import json
from datetime import UTC, date, datetime

import polars as pl
import psycopg
import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from normalizer_assets.db import bulk
from normalizer_assets.db.tables import quarantined_listings

SCHEMA: dict[str, pl.DataType | type[pl.DataType]] = {
    "text": pl.String,
    "number": pl.Int64,
    "share": pl.Float64,
    "money": pl.Decimal(18, 9),
    "day": pl.Date,
    "moment": pl.Datetime("us", "UTC"),
    "flag": pl.Boolean,
}
# Postgres holds neither NUL nor lone surrogates.
TEXT = st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]))
ROW = st.tuples(
    st.none() | TEXT,
    st.none() | st.integers(-(2**63), 2**63 - 1),
    st.none() | st.floats(allow_nan=False),
    st.none() | st.decimals(-(10**8), 10**8, places=9),
    st.none() | st.dates(date(1, 1, 1)),
    st.none() | st.datetimes(datetime(1900, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001
    st.none() | st.booleans(),
)


@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.lists(ROW, max_size=20))
def test_every_value_comes_back_as_it_went_in(
    engine: sa.Engine, rows: list[tuple[object, ...]]
) -> None:
    frame = pl.DataFrame(rows, schema=SCHEMA, orient="row")
    columns = ", ".join(f'"{name}"' for name in SCHEMA)
    with engine.begin() as connection:
        bulk.stage(connection, "staged", frame)
        back = connection.execute(sa.text(f"select {columns} from staged")).all()
    assert [tuple(row) for row in back] == frame.rows()


@pytest.mark.parametrize("text", ["\\N", "\t", "a\\tb", "línea\nnueva\r", "'\"", "", " "])
def test_text_that_copy_gives_a_meaning_stays_text(engine: sa.Engine, text: str) -> None:
    rows = pl.DataFrame(
        {
            "retailer": ["lider"],
            "day": [date(2024, 10, 1)],
            "row_number": [1],
            "reason": [text],
            "raw": [json.dumps({"name": text})],
        }
    )
    with engine.begin() as connection:
        bulk.insert(connection, quarantined_listings, rows)
    with engine.connect() as connection:
        row = connection.execute(sa.select(quarantined_listings)).one()
    assert (row.reason, row.raw) == (text, {"name": text})


def test_a_staged_table_is_gone_after_its_transaction(engine: sa.Engine) -> None:
    frame = pl.DataFrame({"number": [1, 2]})
    for _ in range(2):
        with engine.begin() as connection:
            bulk.stage(connection, "staged", frame)
            count = connection.execute(sa.text("select count(*) from staged")).scalar()
            assert count == 2
    with engine.connect() as connection:
        assert connection.execute(sa.text("select to_regclass('staged')")).scalar() is None


def test_a_row_that_does_not_fit_takes_the_whole_copy_back(engine: sa.Engine) -> None:
    days = [date(2024, 10, 1)] * 2
    rows = pl.DataFrame(
        {
            "retailer": ["lider", "lider"],
            "day": days,
            "row_number": [1, 1],
            "reason": ["a", "b"],
            "raw": ["{}", "{}"],
        }
    )
    with pytest.raises(psycopg.errors.UniqueViolation), engine.begin() as connection:
        bulk.insert(connection, quarantined_listings, rows)
    with engine.connect() as connection:
        assert connection.execute(sa.select(quarantined_listings)).all() == []


def test_another_driver_is_refused_by_name(engine: sa.Engine) -> None:
    other = sa.create_engine(
        engine.url.set(drivername="postgresql+psycopg2"), poolclass=sa.NullPool
    )
    with other.connect() as connection, pytest.raises(TypeError, match="not psycopg2"):
        bulk.driver_connection(connection)
