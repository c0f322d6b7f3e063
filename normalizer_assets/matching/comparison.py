"""A day's price comparison in Postgres: what it is made of, when it is due, writing it.

Belongs here: reading the published products of a day, replacing the day's rows, knowing which
days have something new. Does not belong here: matching and comparing (``grouping``,
``prices``), starting runs (``automation``).
"""

from dataclasses import dataclass
from datetime import date

import polars as pl
import sqlalchemy as sa

from normalizer_assets.batching.partition import DIRECT
from normalizer_assets.cache.audits import closed_groups, current_lexicon
from normalizer_assets.config import NormalizerConfig
from normalizer_assets.db import bulk
from normalizer_assets.db.tables import compared_partitions, price_comparisons, price_offers
from normalizer_assets.matching.grouping import match_products
from normalizer_assets.matching.listings import LISTING_SCHEMA
from normalizer_assets.matching.prices import OFFER_COLUMNS, compare_prices
from normalizer_assets.matching.proof import Proof


@dataclass(frozen=True)
class Comparison:
    """A day's comparison, as it was written.

    Attributes:
        retailers: Shops that had published the day, in alphabetical order.
        offers: Listings that were compared.
        products: As ``prices.compare_prices`` returns them.
    """

    retailers: tuple[str, ...]
    offers: int
    products: pl.DataFrame


def compare_day(
    engine: sa.Engine, config: NormalizerConfig, day: date, run_id: str
) -> Comparison | None:
    """Compares the prices of a day and replaces its rows, in one transaction.

    Compared are accepted listings with a price, of each shop's last green version. What waits
    for review is left out: its brand or quantity is in doubt, and a wrong cheapest costs more
    trust than an offer that comes a day later.

    Args:
        engine: The normaliser's database.
        config: Words of the guard, and of the keys.
        day: Scrape day.
        run_id: Who compares.

    Returns:
        The comparison; ``None`` where no shop has published the day.

    Raises:
        LexiconError: The file of learned words cannot be read.
    """
    with engine.begin() as connection:
        # One run after the other: each sees all that was published before it.
        connection.execute(
            sa.text("select pg_advisory_xact_lock(hashtext(:lock))"),
            {"lock": f"price comparison {day}"},
        )
        settled = _settled(connection, day)
        versions = settled.drop_nulls("version").select("retailer", "day", "version")
        matched = match_products(
            _listings(connection, versions),
            Proof(current_lexicon(connection, config), closed_groups(connection, config)),
        )
        products = compare_prices(matched)
        for table in (price_offers, price_comparisons, compared_partitions):
            connection.execute(sa.delete(table).where(table.c.day == day))
        on_day = pl.lit(day).alias("day")
        by_run = pl.lit(run_id).alias("run_id")
        bulk.insert(connection, price_comparisons, products.with_columns(on_day, by_run))
        bulk.insert(connection, price_offers, matched.select(*OFFER_COLUMNS, on_day))
        bulk.insert(connection, compared_partitions, settled)
    if versions.is_empty():
        return None
    return Comparison(tuple(versions["retailer"]), matched.height, products)


def days_to_compare(connection: sa.Connection, first_day: date) -> dict[date, str]:
    """Returns the days of which something else is published, held or failed than was compared.

    What is held or failed is in no comparison, but in the day's report, which is made with it.

    Args:
        connection: To the normaliser's database.
        first_day: Earlier days are left alone.

    Returns:
        Day -> a name for what is published, held and failed of it now, the newest day first.
    """
    rows = connection.execute(sa.text(_DUE), {"direct": DIRECT, "first_day": first_day})
    return {row.day: row.settled for row in rows}


def products_in_several_shops(engine: sa.Engine) -> int:
    """Returns how many products the view shows, each day's counted."""
    with engine.connect() as connection:
        count = connection.execute(sa.text("select count(*) from normalizer.price_comparison"))
        return int(count.scalar_one())


def _settled(connection: sa.Connection, day: date) -> pl.DataFrame:
    rows = connection.execute(
        sa.text(f"{_SETTLED} and day = :day order by retailer"), {"direct": DIRECT, "day": day}
    )
    schema = {
        "retailer": pl.String,
        "day": pl.Date,
        "version": pl.Int64,
        "stopped_version": pl.Int64,
    }
    return pl.DataFrame([tuple(row) for row in rows], schema=schema, orient="row")


def _listings(connection: sa.Connection, versions: pl.DataFrame) -> pl.DataFrame:
    bulk.stage(connection, "compared_versions", versions)
    rows = connection.execute(sa.text(_LISTINGS))
    return pl.DataFrame([tuple(row) for row in rows], schema=LISTING_SCHEMA, orient="row")


# What a red canary holds, and most of what fails, has no version.
_SETTLED = """
select retailer, day, published_version as version,
       case when state in ('held', 'failed') then coalesce(newest_version, 0) end as stopped_version
from normalizer.partitions
where (published_version is not null or state in ('held', 'failed'))
  and not starts_with(retailer, :direct)
"""

_LISTINGS = """
select retailer, sku, name, category_group, price, brand, model, attributes::text,
       normalized_name, listing_brand, ean, question_key, evidence::text, answered_by
from normalizer.product_rows join compared_versions using (retailer, day, version)
where status = 'accepted' and price is not null
"""

_DUE = f"""
with settled as ({_SETTLED})
select day,
       md5(string_agg(
           concat_ws(' ', retailer, settled.version, 'stopped ' || settled.stopped_version),
           ',' order by retailer
       )) as settled
from settled full join normalizer.compared_partitions compared using (retailer, day)
where day >= :first_day
group by day
having bool_or((settled.version, settled.stopped_version)
               is distinct from (compared.version, compared.stopped_version))
   and count(settled.day) > 0
order by day desc
"""
