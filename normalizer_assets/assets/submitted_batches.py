"""Asset ``submitted_batches``: open questions leave, and nobody waits."""

from collections.abc import Iterator

import dagster as dg
import polars as pl

from normalizer_assets.assets.station import station
from normalizer_assets.resources.turn import Turn


def build(partitions: dg.PartitionsDefinition[str]) -> dg.AssetsDefinition:
    """Returns the asset."""

    @station(partitions, kinds={"openai", "postgres"})
    def submitted_batches(
        context: dg.AssetExecutionContext,
        routed_products: pl.DataFrame,
        turn: dg.ResourceParam[Turn],
    ) -> Iterator[dg.MaterializeResult[None]]:
        """Questions without an answer, written to the ledger, cut into batches and sent.

        Returns as soon as the batches exist; the sensor `collect_finished_batches` looks
        after them. Few questions make no batch: they are asked individually when the
        partition is collected. Materialising again asks nothing twice.

        ```sql
        select * from normalizer.batches order by planned_at desc;
        ```
        """
        from normalizer_assets.batching import submission
        from normalizer_assets.batching.requests import build_requests, cost_scenarios

        if turn.is_taken(context.log):
            return
        work = turn.work
        asked = routed_products.filter(pl.col("route") != "cache").unique(
            "question_key", keep="first", maintain_order=True
        )
        individually = cost_scenarios(work.config, routed_products)[0]
        plan = submission.plan(work, build_requests(work.config, asked, "batch"), individually.usd)
        batch_ids = submission.send(work)
        yield dg.MaterializeResult(
            metadata={
                "questions_asked": plan.asked,
                "in_batches": plan.in_batches,
                "individually": plan.individually,
                "batches": len(batch_ids),
                "batch_ids": ", ".join(batch_ids) or "none",
                "estimated_usd": float(plan.estimated_usd),
                "individually_at_full_usd": float(individually.usd),
            }
        )

    return submitted_batches
