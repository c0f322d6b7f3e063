"""Asset ``normalized_products``: answers judged by evidence, written as a version."""

from collections.abc import Iterator

import dagster as dg
import polars as pl

from normalizer_assets.assets.station import station
from normalizer_assets.resources.turn import Turn

SAMPLE_ROWS = 10
SAMPLE_COLUMNS = (
    "name", "brand", "model", "attributes", "confidence", "status", "answered_by",
)  # fmt: skip


def build(partitions: dg.PartitionsDefinition[str]) -> dg.AssetsDefinition:
    """Returns the asset."""

    @station(partitions, kinds={"polars", "postgres"}, deps=["batch_results"])
    def normalized_products(
        context: dg.AssetExecutionContext,
        routed_products: pl.DataFrame,
        turn: dg.ResourceParam[Turn],
    ) -> Iterator[dg.MaterializeResult[None]]:
        """The products, one row a listing, with who answered, at what cost, how sure.

        The partition is replaced in one transaction. `normalizer.normalized_products`
        shows the newest version, `normalizer.published_products` the last one whose gate
        was green:

        ```sql
        select sku, brand, model, attributes, confidence, status, answered_by
        from normalizer.published_products
        where day = '2024-10-01' and retailer = 'lider';
        ```
        """
        from normalizer_assets import pipeline
        from normalizer_assets.answers.confidence import distinct_thresholds
        from normalizer_assets.markdown import frame_table
        from normalizer_assets.publishing import pictures

        if turn.is_taken(context.log):
            return
        normalised = pipeline.normalise(turn.work, routed_products, context.run.run_id)
        products, version = normalised.products, normalised.version
        if not version.changed:
            context.log.info("version %s has these rows already", version.number)
        answered = dict(products.group_by("answered_by").len().sort("answered_by").iter_rows())
        confidence = products["confidence"]
        histogram = pictures.confidence_histogram(
            products, distinct_thresholds(products, turn.work.config)
        )
        yield dg.MaterializeResult(
            metadata={
                "dagster/partition_row_count": products.height,
                "version": version.number,
                "accepted": products.filter(pl.col("status") == "accepted").height,
                "review": products.filter(pl.col("status") == "review").height,
                "confidence_p10": confidence.quantile(0.1) or 0.0,
                "confidence_p50": confidence.quantile(0.5) or 0.0,
                "cost_usd": float(products["cost_usd"].sum()),
                "cache_hit_rate": round(answered.get("cache", 0) / max(products.height, 1), 4),
                **{f"answered_by_{step}": count for step, count in answered.items()},
                "models": ", ".join(sorted(products["llm_model"].drop_nulls().unique())) or "none",
                "confidence_histogram": dg.MetadataValue.md(
                    pictures.as_markdown(histogram, "confidence, and what became of the rows")
                ),
                "sample": dg.MetadataValue.md(
                    frame_table(
                        products.select(SAMPLE_COLUMNS)
                        .head(SAMPLE_ROWS)
                        # JSON, which people read better without its marks.
                        .with_columns(pl.col("attributes").str.replace_all(r'[{}"]', ""))
                    )
                ),
            }
        )

    return normalized_products
