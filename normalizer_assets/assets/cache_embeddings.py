"""Asset ``cache_embeddings``: accepted answers, embedded, into the semantic cache."""

from collections.abc import Iterator

import dagster as dg

from normalizer_assets.assets.station import station
from normalizer_assets.resources.turn import Turn


def build(partitions: dg.PartitionsDefinition[str]) -> dg.AssetsDefinition:
    """Returns the asset."""

    @station(partitions, kinds={"openai", "postgres"}, deps=["normalized_products"])
    def cache_embeddings(
        context: dg.AssetExecutionContext, turn: dg.ResourceParam[Turn]
    ) -> Iterator[dg.MaterializeResult[None]]:
        """Vectors of accepted answers, with an HNSW index, in `normalizer.cache_entries`.

        Refuses a partition whose newest version is not published: a blocking check stops
        only its own run, and this asset can be launched alone.
        """
        from normalizer_assets.cache.embeddings import embed_pending
        from normalizer_assets.publishing.versions import is_published

        if turn.is_taken(context.log):
            return
        work = turn.work
        with work.engine.connect() as connection:
            published = is_published(connection, work.partition)
        if not published:
            raise dg.Failure(
                f"{work.partition.key} is not published: its gate is red or has not judged the "
                f"newest version; materialise normalized_products with its check first",
                allow_retries=False,
            )
        embedded = embed_pending(work)
        yield dg.MaterializeResult(
            metadata={
                "new_entries": embedded.entries,
                "tokens": embedded.tokens,
                "cost_usd": float(embedded.cost_usd),
            }
        )

    return cache_embeddings
