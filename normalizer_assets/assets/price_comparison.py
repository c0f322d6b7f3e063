"""Asset ``price_comparison``: what the same product costs in each shop, day by day."""

from collections.abc import Iterator

import dagster as dg
import polars as pl

from normalizer_assets.assets.station import NOTHING, OWNERS
from normalizer_assets.config import NormalizerConfig
from normalizer_assets.partitions import whole_day
from normalizer_assets.resources.database import Database

GROUP = "prices"
"""Not the stations' group, so that these can be chosen together: they have other partitions."""
SAMPLE_ROWS = 10
SAMPLE_COLUMNS = (
    "brand", "normalized_name", "shops", "cheapest_retailer", "min_price", "max_price",
    "spread_percent",
)  # fmt: skip


def build(
    days: dg.PartitionsDefinition[str], config: NormalizerConfig, database: Database
) -> dg.AssetsDefinition:
    """Returns the asset."""

    @dg.asset(
        partitions_def=days,
        deps=[dg.AssetDep("normalized_products", partition_mapping=whole_day())],
        group_name=GROUP,
        owners=OWNERS,
        tags={"normalizer/paid": "false"},
        kinds={"polars", "postgres"},
        output_required=False,
        dagster_type=NOTHING,
    )
    def price_comparison(context: dg.AssetExecutionContext) -> Iterator[dg.MaterializeResult[None]]:
        """The same product across shops: the cheapest, the spread, the number of shops.

        Compared are the accepted listings with a price, of each shop that has published the
        day; whoever publishes later, the sensor compares the day anew. Two listings are one
        product if their EANs are equal, or if the cache's guard finds no difference in their
        words and both brands are known. Nothing is merged on doubt.

        ```sql
        select brand, normalized_name, shops, cheapest_retailer, min_price, max_price, prices
        from normalizer.price_comparison
        where day = '2024-10-01'
        order by spread_percent desc;
        ```

        `normalizer.price_comparisons` has products of a single shop as well, and
        `normalizer.price_offers` says which listing is which product.
        """
        from datetime import date

        from normalizer_assets.markdown import frame_table
        from normalizer_assets.matching.comparison import compare_day

        day = date.fromisoformat(context.partition_key)
        compared = compare_day(database.engine, config, day, context.run.run_id)
        if compared is None:
            context.log.warning("no shop has published %s yet: there is nothing to compare", day)
            return
        shared = compared.products.filter(pl.col("shops") > 1)
        widest = shared.sort("spread_percent", "product_id", descending=[True, False])
        cheapest = shared.group_by("cheapest_retailer").agg(products=pl.len())
        yield dg.MaterializeResult(
            metadata={
                "dagster/partition_row_count": shared.height,
                "shops": ", ".join(compared.retailers),
                "rows": compared.offers,
                "products": compared.products.height,
                "products_in_several_shops": shared.height,
                "median_spread_percent": _median(shared["spread_percent"]),
                "cheapest": dg.MetadataValue.md(
                    frame_table(cheapest.sort("products", "cheapest_retailer", descending=True))
                ),
                "sample": dg.MetadataValue.md(
                    frame_table(widest.select(SAMPLE_COLUMNS).head(SAMPLE_ROWS))
                ),
            }
        )

    return price_comparison


def _median(values: pl.Series) -> float:
    median = values.quantile(0.5, interpolation="linear")
    return 0.0 if median is None else round(float(median), 2)
