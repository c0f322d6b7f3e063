"""Asset ``raw_products``: what landed, cleaned, with bad rows in quarantine."""

from collections.abc import Iterator

import dagster as dg
import polars as pl

from normalizer_assets.assets.station import station
from normalizer_assets.resources.turn import Turn

SAMPLE_ROWS = 5
SAMPLE_COLUMNS = ("name", "category", "category_group", "price", "sku")

AUTOMATIC_TAGS = {"dagster/sensor_name", "dagster/schedule_name"}
"""Tags that Dagster puts on runs that no person has started."""


class IntakeLimit(dg.Config):
    """Run config of ``raw_products``.

    Attributes:
        limit: Take only so many rows of what landed; for a first try with your own data.
    """

    limit: int | None = None


def build(partitions: dg.PartitionsDefinition[str]) -> dg.AssetsDefinition:
    """Returns the asset."""

    @station(partitions, kinds={"polars", "parquet"}, hands_on_frame=True)
    def raw_products(
        context: dg.AssetExecutionContext, config: IntakeLimit, turn: dg.ResourceParam[Turn]
    ) -> Iterator[dg.Output[pl.DataFrame]]:
        """The day's listings of one retailer, as landed and cleaned.

        The raw file is kept, named by its content, before anything is done to it. Rows
        that are no listing go to `normalizer.quarantined_listings` with a reason:

        ```sql
        select row_number, reason, raw from normalizer.quarantined_listings
        where day = '2024-10-01' and retailer = 'lider';
        ```
        """
        from normalizer_assets import pipeline
        from normalizer_assets.batching.errors import HeldError
        from normalizer_assets.intake.errors import IntakeError
        from normalizer_assets.intake.landing import not_landed

        if turn.is_taken(context.log):
            return
        try:
            unasked = not AUTOMATIC_TAGS.isdisjoint(context.run.tags)
            taken = pipeline.land(turn.work, config.limit, unasked=unasked)
        except HeldError as held:
            context.log.warning("skipped: %s", held)
            return
        except IntakeError as error:
            raise dg.Failure(str(error), allow_retries=False) from error
        if taken is None:
            day, retailer = turn.work.partition.day, turn.work.partition.retailer
            raise dg.Failure(not_landed(turn.work.config, day, retailer), allow_retries=False)
        intake = taken.intake
        yield dg.Output(
            intake.listings,
            metadata={
                "dagster/partition_row_count": intake.listings.height,
                "raw_count": intake.raw_count,
                "quarantined": intake.quarantined.height,
                "collapsed": intake.collapsed_count,
                "raw_snapshot": dg.MetadataValue.path(str(taken.snapshot.path)),
                "reasons_for_quarantine": dg.MetadataValue.md(_reasons(intake.quarantined)),
                "sample": dg.MetadataValue.table(
                    [
                        dg.TableRecord(row)
                        for row in intake.listings.select(SAMPLE_COLUMNS)
                        .head(SAMPLE_ROWS)
                        .to_dicts()
                    ]
                ),
            },
        )

    return raw_products


def _reasons(quarantined: pl.DataFrame) -> str:
    """Returns the reasons and how often each occurred, as a markdown list."""
    counts = quarantined.group_by("reason").len().sort("len", "reason", descending=[True, False])
    return "\n".join(f"- {count} x {reason}" for reason, count in counts.iter_rows()) or "none"
