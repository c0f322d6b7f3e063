"""Asset ``routed_products``: keys, what is already known, complexity, route."""

from collections.abc import Iterator

import dagster as dg
import polars as pl

from normalizer_assets.assets.station import station
from normalizer_assets.resources.turn import Turn

SAMPLE_ROWS = 5
SAMPLE_COLUMNS = ("name", "score", "route", "route_reasons")
"""More would be cut off: the UI gives a table in the metadata a third of its window."""


def build(partitions: dg.PartitionsDefinition[str]) -> dg.AssetsDefinition:
    """Returns the asset."""

    @station(partitions, kinds={"polars", "parquet"}, hands_on_frame=True)
    def routed_products(
        context: dg.AssetExecutionContext, raw_products: pl.DataFrame, turn: dg.ResourceParam[Turn]
    ) -> Iterator[dg.Output[pl.DataFrame]]:
        """Every listing with its question key, complexity score and route.

        The route is `cache` where the question has an answer bought for another partition,
        else the tier that the score asks for: `mini` or `full`. The five factors, what each
        contributed to the score, and the reasons stand beside it.

        The frame is a parquet file; what became of each listing, with its route and score, is in
        the products:

        ```sql
        select route, band, answered_by, count(*), avg(score)
        from normalizer.product_rows
        where day = '2024-10-01' and retailer = 'lider'
        group by route, band, answered_by;
        ```
        """
        from normalizer_assets import pipeline
        from normalizer_assets.publishing import pictures

        if turn.is_taken(context.log):
            return
        routed = pipeline.route(turn.work, raw_products)
        routes = dict(routed.group_by("route").len().iter_rows())
        router = turn.work.config.router
        histogram = pictures.score_histogram(
            routed, medium_from=router.medium_from, complex_from=router.complex_from
        )
        yield dg.Output(
            routed,
            metadata={
                "dagster/partition_row_count": routed.height,
                "questions": routed["question_key"].n_unique(),
                **{f"route_{route}": routes.get(route, 0) for route in pictures.ROUTES},
                **{
                    f"share_{route}": round(routes.get(route, 0) / max(routed.height, 1), 4)
                    for route in pictures.ROUTES
                },
                "median_score": routed["score"].quantile(0.5) or 0.0,
                "score_histogram": dg.MetadataValue.md(
                    pictures.as_markdown(histogram, "complexity score, and the route taken")
                ),
                # Markdown as short as this is shown in place, and does not wrap.
                "sample": dg.MetadataValue.table(
                    [
                        dg.TableRecord(row)
                        for row in routed.select(SAMPLE_COLUMNS).head(SAMPLE_ROWS).to_dicts()
                    ]
                ),
            },
        )

    return routed_products
