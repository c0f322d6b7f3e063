"""Asset ``cache_embeddings``: accepted answers, embedded, into the semantic cache."""

from collections.abc import Iterator

import dagster as dg

from normalizer_assets.assets.station import station
from normalizer_assets.resources.turn import Turn


def build(partitions: dg.PartitionsDefinition[str]) -> dg.AssetsDefinition:
    """Returns the asset."""

    @station(partitions, kinds={"openai", "postgres"}, asks_api=True, deps=["normalized_products"])
    def cache_embeddings(
        context: dg.AssetExecutionContext, turn: dg.ResourceParam[Turn]
    ) -> Iterator[dg.MaterializeResult[None]]:
        """Vectors of accepted answers, with an HNSW index, in `normalizer.cache_entries`.

        Refuses a partition whose newest version is not published: a blocking check stops
        only its own run, and this asset can be launched alone.

        ```sql
        select category_group, name, brand, model, llm_model
        from normalizer.cache_entries
        where day = '2024-10-01' and retailer = 'lider';
        ```
        """
        from normalizer_assets import pipeline

        if turn.is_taken(context.log):
            return
        with turn.step(context.log) as ending:
            embedded = pipeline.embed(turn.work)
        if ending.stop is not None:
            return
        if embedded is None:
            raise dg.Failure(
                f"{turn.work.partition.key} is not published: its gate is red or has not judged "
                f"the newest version; materialise normalized_products with its check first",
                allow_retries=False,
            )
        yield dg.MaterializeResult(
            metadata={
                "new_entries": embedded.entries,
                "tokens": embedded.tokens,
                "cost_usd": float(embedded.cost_usd),
                "left_for_next_run": embedded.left,
            }
        )

    return cache_embeddings
