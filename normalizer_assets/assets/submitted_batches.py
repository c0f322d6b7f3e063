"""Asset ``submitted_batches``: open questions leave, and nobody waits."""

from collections.abc import Iterator

import dagster as dg
import polars as pl

from normalizer_assets.assets.station import station
from normalizer_assets.checks import submission
from normalizer_assets.resources.turn import NO_RETRY, Turn


class PayAgain(dg.Config):
    """Run config of ``submitted_batches``.

    Attributes:
        force: Ask and pay all questions of the partition again, although they have
            answers. The run's log says first what that is estimated to cost.
        outdated: Only those that another model or prompt answered than would now.
    """

    force: bool = False
    outdated: bool = False


def build(partitions: dg.PartitionsDefinition[str]) -> dg.AssetsDefinition:
    """Returns the asset."""

    @station(
        partitions, kinds={"openai", "postgres"}, asks_api=True, checks=submission.specs(partitions)
    )
    def submitted_batches(
        context: dg.AssetExecutionContext,
        config: PayAgain,
        routed_products: pl.DataFrame,
        turn: dg.ResourceParam[Turn],
    ) -> Iterator[dg.MaterializeResult[None] | dg.AssetCheckResult]:
        """Questions without an answer, written to the ledger, cut into batches and sent.

        Returns as soon as the batches exist; the sensor `collect_finished_batches` looks
        after them. Few questions make no batch: they are asked individually when the
        partition is collected. Materialising again asks nothing twice. Over budget, without
        a key or with a red canary nothing is sent, and `normalizer.partitions` says why:

        ```sql
        select state, blocked_reason from normalizer.partitions
        where day = '2024-10-01' and retailer = 'lider';
        select * from normalizer.batches order by planned_at desc;
        ```
        """
        from normalizer_assets import pipeline

        if turn.is_taken(context.log):
            yield from submission.evaluate(turn)
            return
        if config.force:
            # Repeated after its process died, it would pay once more for what it had paid.
            context.instance.add_run_tags(context.run.run_id, NO_RETRY)
        with turn.step(context.log):
            sent = pipeline.submit(
                turn.work,
                routed_products,
                force=config.force,
                outdated=config.outdated,
                say=context.log.warning,
            )
            yield dg.MaterializeResult(
                metadata={
                    "in_batches": sent.in_batches,
                    "canary": sent.canary,
                    "individually": sent.individually,
                    "asked_by_others": sent.waiting,
                    "answered_by_likeness": sent.alike,
                    "audited": sent.audited,
                    "batches": len(sent.batch_ids),
                    "batch_ids": ", ".join(sent.batch_ids) or "none",
                    "estimated_usd": float(sent.estimated_usd),
                    "models_replaced": "; ".join(sent.switched) or "none",
                }
            )
        yield from submission.evaluate(turn)

    return submitted_batches
