"""Many rows at once, through COPY.

Belongs here: moving a Polars frame into a table or a temporary table. Does not belong
here: what the rows mean.
"""

import polars as pl
import psycopg
import sqlalchemy as sa
from psycopg import sql


def insert(connection: sa.Connection, table: sa.Table, rows: pl.DataFrame) -> None:
    """Appends ``rows`` to ``table``; column names must be the table's.

    JSON columns take JSON text. Runs inside the connection's transaction.
    """
    _copy(connection, sql.Identifier(str(table.schema), table.name), rows)


_POSTGRES_TYPES: dict[type[pl.DataType], str] = {
    pl.String: "text",
    pl.Int64: "bigint",
    pl.Float64: "double precision",
    pl.Decimal: "numeric",
    pl.Date: "date",
    pl.Datetime: "timestamptz",
    pl.Boolean: "boolean",
}


def stage(connection: sa.Connection, name: str, rows: pl.DataFrame) -> None:
    """Makes a temporary table of ``rows`` that lives as long as the transaction.

    Args:
        connection: In a transaction.
        name: Name of the temporary table.
        rows: Its content. JSON is staged as text.
    """
    columns = ", ".join(
        f'"{column}" {_POSTGRES_TYPES[dtype.base_type()]}' for column, dtype in rows.schema.items()
    )
    connection.execute(sa.text(f'create temporary table "{name}" ({columns}) on commit drop'))
    _copy(connection, sql.Identifier(name), rows)
    # Without statistics the planner takes a nested loop over the ledger for every row.
    connection.execute(sa.text(f'analyze "{name}"'))


def _copy(connection: sa.Connection, target: sql.Composable, rows: pl.DataFrame) -> None:
    statement = sql.SQL("copy {} ({}) from stdin").format(
        target, sql.SQL(", ").join(map(sql.Identifier, rows.columns))
    )
    with (
        driver_connection(connection).cursor() as cursor,
        cursor.copy(statement) as copy,
    ):
        for row in rows.iter_rows():
            copy.write_row(row)


def driver_connection(connection: sa.Connection) -> psycopg.Connection:
    """Returns psycopg's own connection, for what SQLAlchemy does not offer (COPY).

    Raises:
        TypeError: The engine was made with another driver.
    """
    driver = connection.connection.driver_connection
    if not isinstance(driver, psycopg.Connection):
        raise TypeError(f"bulk writes need psycopg 3, not {type(driver).__module__}")
    return driver
