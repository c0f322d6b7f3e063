"""Asset ``daily_report``: one page that says what a day did and cost."""

from collections.abc import Iterator

import dagster as dg

from normalizer_assets.assets.station import NOTHING, OWNERS
from normalizer_assets.partitions import whole_day
from normalizer_assets.resources.database import Database

GROUP = "reports"
"""Not the stations' group, so that these can be chosen together: they have other partitions."""


def build(days: dg.PartitionsDefinition[str], database: Database) -> dg.AssetsDefinition:
    """Returns the asset."""

    @dg.asset(
        partitions_def=days,
        deps=[dg.AssetDep("normalized_products", partition_mapping=whole_day())],
        group_name=GROUP,
        owners=OWNERS,
        tags={"normalizer/paid": "false"},
        kinds={"postgres", "matplotlib"},
        dagster_type=NOTHING,
    )
    def daily_report(context: dg.AssetExecutionContext) -> Iterator[dg.MaterializeResult[None]]:
        """What a day did and cost, all shops together: `report` in the metadata.

        Products, batches, cache hit rate, cost a product, who answered, savings, what was
        accepted, gates that are red or warn, quarantine, second opinions; as words, tables
        and pictures. It says how things stand when it is materialised, costs nothing, and may
        be materialised again at any time. `normalizer stats --day 2024-10-01` prints the same
        figures:

        ```sql
        select retailer, state, blocked_reason, raw_count, normalized_count, quarantined_count
        from normalizer.partitions
        where day = '2024-10-01';
        ```
        """
        from datetime import date

        from normalizer_assets.publishing import daily
        from normalizer_assets.publishing.report import answer_source, partition_reports

        day = date.fromisoformat(context.partition_key)
        reports = partition_reports(database.engine, day)
        report = daily.daily_report(day, reports, answer_source(database.engine))
        yield dg.MaterializeResult(
            metadata={"report": dg.MetadataValue.md(report.markdown), **report.figures}
        )

    return daily_report
