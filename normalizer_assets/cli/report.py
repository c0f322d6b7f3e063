"""Reports as text.

Belongs here: laying figures out for a terminal. Does not belong here: the figures.
"""

from collections.abc import Sequence

import click
from rich.console import Console
from rich.table import Table

from normalizer_assets.batching.errors import is_obstacle
from normalizer_assets.publishing.daily import STANDIN_NOTICE
from normalizer_assets.publishing.report import PartitionReport, statistics

TABLE_WIDTH = 140


def summary_text(report: PartitionReport, seconds: float, source: str | None) -> str:
    """Returns what ``run`` ends with (issue 2, point 12)."""
    steps = ", ".join(f"{step} {count}" for step, count in report.answered_by.items() if count)
    why = " (why: table normalizer.quarantined_listings)" if report.quarantined else ""
    lines = [
        f"{report.day}|{report.retailer}: {_state(report)}",
        f"  products processed  {report.rows} ({steps or 'none yet'})",
        f"  quarantined         {report.quarantined}, collapsed duplicates {report.collapsed}{why}",
        f"  batches created     {report.batches}",
        f"  estimated cost      {report.estimated_usd:.6f} USD",
        f"  actual cost         {report.cost_usd:.6f} USD",
        f"  processing time     {seconds:.1f} s",
        f"  success rate        {report.success_rate:.2%}",
    ]
    if source == "standin":
        lines.append(f"  {STANDIN_NOTICE}")
    return "\n".join(lines)


def summary_json(report: PartitionReport, seconds: float, source: str | None) -> dict[str, object]:
    """Returns the same figures as JSON values."""
    return {
        "day": report.day.isoformat(),
        "retailer": report.retailer,
        "state": report.state,
        "blocked_reason": report.blocked_reason,
        "products_processed": report.rows,
        "batches_created": report.batches,
        "estimated_cost_usd": float(report.estimated_usd),
        "actual_cost_usd": float(report.cost_usd),
        "processing_seconds": round(seconds, 3),
        **{
            key: value
            for key, value in statistics([report], source).items()
            if key not in {"partitions", "products_processed"}
        },
    }


def _state(report: PartitionReport) -> str:
    """Returns the state, with the reason where something stands in the way."""
    if not report.blocked_reason:
        return report.state
    blocked = "blocked: " if is_obstacle(report.blocked_by) else ""
    return f"{report.state} ({blocked}{report.blocked_reason})"


def print_table(reports: Sequence[PartitionReport]) -> None:
    """Prints one line a partition, whole even where no terminal says how wide it is.

    Below it stands why partitions are held, failed or blocked.
    """
    console = Console()
    console.width = max(console.width, TABLE_WIDTH)
    table = Table(header_style="bold")
    for column in ("partition", "state"):
        table.add_column(column, no_wrap=True)
    for column in (
        "rows", "cache", "batch", "individual", "legacy", "rules", "accepted", "confidence",
        "cost USD", "quarantine",
    ):  # fmt: skip
        table.add_column(column, justify="right")
    for report in reports:
        steps = report.answered_by
        confidence = report.mean_confidence
        table.add_row(
            f"{report.day}|{report.retailer}",
            report.state,
            *(
                str(number)
                for number in (
                    report.rows,
                    steps["cache"],
                    steps["batch"],
                    steps["individual"],
                    steps["legacy"],
                    steps["rules"],
                    report.accepted,
                )
            ),
            "" if confidence is None else f"{confidence:.3f}",
            f"{report.cost_usd:.6f}",
            str(report.quarantined),
        )
    console.print(table)
    for report in reports:
        if report.blocked_reason:
            click.echo(f"{report.day}|{report.retailer} {_state(report)}")
