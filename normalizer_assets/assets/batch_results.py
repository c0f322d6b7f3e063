"""Asset ``batch_results``: what the batches left, and the chain for what they did not."""

from collections.abc import Iterator

import dagster as dg
import polars as pl

from normalizer_assets.assets.station import station
from normalizer_assets.resources.turn import Turn

PROGRESS_EVERY = 25
"""Single questions between two lines in the run's log."""


def build(partitions: dg.PartitionsDefinition[str]) -> dg.AssetsDefinition:
    """Returns the asset."""

    @station(
        partitions,
        kinds={"openai", "parquet"},
        asks_api=True,
        deps=["submitted_batches"],
        hands_on_frame=True,
    )
    def batch_results(
        context: dg.AssetExecutionContext,
        routed_products: pl.DataFrame,
        turn: dg.ResourceParam[Turn],
    ) -> Iterator[dg.Output[pl.DataFrame]]:
        """Every request of the partition with its one final state.

        Output and error files of every terminal batch are kept and read; questions that
        no batch answered go down the chain: individual call, legacy model, basic rules.
        While a batch is still under way this yields nothing: the later steps are skipped,
        the run is green, and the sensor comes back.

        ```sql
        select step, round, state, count(*), sum(cost_usd)
        from normalizer.batch_requests
        where day = '2024-10-01' and retailer = 'lider'
        group by step, round, state;
        ```
        """
        from normalizer_assets import pipeline
        from normalizer_assets.publishing.daily import cost_by_model
        from normalizer_assets.publishing.report import partition_reports, statistics

        if turn.is_taken(context.log):
            return

        def log_progress(ended: int, total: int) -> None:
            if ended % PROGRESS_EVERY == 0:
                context.log.info("%s of %s single questions have an end", ended, total)

        with turn.step(context.log) as ending:
            collected = pipeline.collect(
                turn.work, routed_products, log_progress, context.log.warning
            )
        if ending.stop is not None:
            return
        states = dict(collected.records.group_by("state").len().sort("state").iter_rows())
        partition = turn.work.partition
        reports = partition_reports(turn.work.engine, partition.day, partition.retailer)
        tokens = statistics(reports, None)["tokens"]
        yield dg.Output(
            collected.records,
            metadata={
                "dagster/partition_row_count": collected.records.height,
                "answered_in_batches": sum(harvest.answered for harvest in collected.harvests),
                "answered_individually": collected.chain.individual,
                "answered_by_legacy": collected.chain.legacy,
                "left_to_rules": collected.chain.rules,
                "second_opinions": collected.second_opinions,
                "strange_lines": sum(harvest.strange_lines for harvest in collected.harvests),
                "billed_beyond_lines_usd": float(
                    sum(harvest.unplaced_usd for harvest in collected.harvests)
                ),
                "cost_usd": float(collected.cost_usd),
                "input_tokens": tokens["input"],
                "output_tokens": tokens["output"],
                "cost_by_model": dg.MetadataValue.md(cost_by_model(reports)),
                **{f"requests_{state}": count for state, count in states.items()},
            },
        )

    return batch_results
