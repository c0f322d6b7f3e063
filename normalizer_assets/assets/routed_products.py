"""Asset ``routed_products``: keys, what is already known, complexity, route."""

from collections.abc import Iterator

import dagster as dg
import polars as pl

from normalizer_assets.assets.station import station
from normalizer_assets.resources.turn import Turn


def build(partitions: dg.PartitionsDefinition[str]) -> dg.AssetsDefinition:
    """Returns the asset."""

    @station(partitions, kinds={"polars", "parquet"}, hands_on_frame=True)
    def routed_products(
        context: dg.AssetExecutionContext, raw_products: pl.DataFrame, turn: dg.ResourceParam[Turn]
    ) -> Iterator[dg.Output[pl.DataFrame]]:
        """Every listing with its question key, complexity score and route.

        The route is `cache` where the question has an answer bought for another partition,
        else the tier that the score asks for: `mini` or `full`. The five factors and the
        reasons stand beside the score.
        """
        from normalizer_assets import pipeline

        if turn.is_taken(context.log):
            return
        routed = pipeline.route(turn.work, raw_products)
        shares = dict(routed.group_by("route").len().sort("route").iter_rows())
        yield dg.Output(
            routed,
            metadata={
                "dagster/partition_row_count": routed.height,
                "questions": routed["question_key"].n_unique(),
                **{f"route_{route}": shares.get(route, 0) for route in ("cache", "mini", "full")},
                "median_score": routed["score"].quantile(0.5) or 0.0,
            },
        )

    return routed_products
