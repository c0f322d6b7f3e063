"""A day's figures as markdown, and the block of figures that ``normalizer stats`` prints.

Belongs here: what is said of a day, and in which order. Does not belong here: the figures
(``report``), drawing (``pictures``), where the text is shown.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, get_args

import polars as pl

from normalizer_assets.answers.verdicts import BLOCKING
from normalizer_assets.batching.partition import DIRECT
from normalizer_assets.db.tables import Step
from normalizer_assets.markdown import table
from normalizer_assets.publishing.pictures import as_markdown, bars
from normalizer_assets.publishing.report import ANSWERED_BY, PartitionReport, statistics

STANDIN_NOTICE = (
    "Answered by the stand-in, from this project's own basic rules: these figures say "
    "nothing about a language model's accuracy."
)

ALL_DIRECT = "direct"
"""The shop of all lists of products that were given to the facade, a partition each."""


@dataclass(frozen=True)
class DailyReport:
    """What is said of a day.

    Attributes:
        markdown: For people, pictures included.
        figures: Name -> a number to be plotted over the days; shares in 0..1.
    """

    markdown: str
    figures: Mapping[str, float]


def daily_report(day: date, reports: Sequence[PartitionReport], source: str | None) -> DailyReport:
    """Puts the partitions of a day into words, tables, pictures and numbers.

    Args:
        day: Scrape day.
        reports: Its partitions; without any the report says so.
        source: Whose answers they are, as ``report.answer_source`` says.
    """
    figures = statistics(reports, source)
    said = [f"# {day}"]
    if source == "standin":
        said.append(f"*{STANDIN_NOTICE}*")
    if reports:
        said += [headline(figures), "## Quality", _quality(figures), "## Shops", _shops(reports)]
        said += ["## Gates", _gates(reports), *_pictures(reports)]
    else:
        said.append("No listings of this day have landed: there is nothing to report.")
    return DailyReport("\n\n".join(said), _plotted(figures))


def headline(figures: Mapping[str, Any]) -> str:
    """Returns the figures that the specification asks for, and what they are made of.

    Args:
        figures: As ``report.statistics`` returns them.

    Returns:
        A markdown list, which is readable in a terminal too.
    """
    costs = figures["costs"]
    models = figures["model_distribution"].items()
    return _items(
        {
            "total batches": f"{figures['total_batches']} ({figures['total_requests']} requests)",
            "products processed": figures["products_processed"],
            "cache hit rate": f"{figures['cache_hit_rate']:.1%}",
            "average cost per product": f"{costs['per_product']:.8f} USD, "
            f"{costs['total']:.6f} USD in all",
            "distribution by model": ", ".join(
                f"{model} {share['products']} ({share['percentage']:.1f}%)"
                for model, share in models
            ),
            "paid": ", ".join(
                f"{model} {usd:.6f} USD" for model, usd in costs["by_model"].items() if usd
            ),
            "savings": f"{figures['savings_percent']:.1f}% of the "
            f"{costs['individual_at_full']:.6f} USD of asking each listing individually at full; "
            f"{_compared(figures['savings_percent_at_legacy'])} "
            f"{costs['individual_at_legacy']:.6f} USD at legacy",
            "second opinions at full": f"{figures['second_opinions']}, "
            f"{costs['second_opinions']:.6f} USD of the cost",
        }
    )


def _compared(savings_percent: float) -> str:
    """Says a saving, or how many times as much was paid."""
    if savings_percent < 0:
        return f"{1 - savings_percent / 100:.1f} times the"
    return f"{savings_percent:.1f}% of"


def shop_of(report: PartitionReport) -> str:
    """Returns the retailer, or ``ALL_DIRECT``."""
    return ALL_DIRECT if report.retailer.startswith(DIRECT) else report.retailer


def _plotted(figures: Mapping[str, Any]) -> dict[str, float]:
    plotted: dict[str, float] = {
        "products": figures["products_processed"],
        "batches": figures["total_batches"],
        "requests": figures["total_requests"],
        "cost_usd": figures["costs"]["total"],
        "usd_per_product": figures["costs"]["per_product"],
        "savings_percent": figures["savings_percent"],
        "tokens": figures["tokens"]["input"] + figures["tokens"]["output"],
        "cache_hit_rate": figures["cache_hit_rate"],
        "accepted_share": figures["accepted_share"],
        "mean_confidence": figures["mean_confidence"] or 0.0,
        "rules_share": _rules_share(figures),
        "quarantined": figures["quarantined"],
        "second_opinions": figures["second_opinions"],
    }
    # Dagster shows 0.000190916817 with all its digits.
    return {name: round(figure, 8) for name, figure in plotted.items()}


def _rules_share(figures: Mapping[str, Any]) -> float:
    rules: int = figures["answered_by"]["rules"]
    return rules / figures["products_processed"] if rules else 0.0


def _quality(figures: Mapping[str, Any]) -> str:
    mean = figures["mean_confidence"]
    return _items(
        {
            "accepted": f"{figures['accepted_share']:.1%} of the products",
            "mean confidence": "" if mean is None else f"{mean:.3f}",
            "answered by basic rules": f"{_rules_share(figures):.1%}",
            "quarantined": f"{figures['quarantined']} landed rows",
        }
    )


def _items(said: Mapping[str, object]) -> str:
    return "\n".join(
        f"- {name}: {'none yet' if text == '' else text}" for name, text in said.items()
    )


def _shops(reports: Iterable[PartitionReport]) -> str:
    by_shop: dict[str, list[PartitionReport]] = defaultdict(list)
    for report in reports:
        by_shop[shop_of(report)].append(report)
    columns = (
        *("shop", "state", "products", *ANSWERED_BY, "accepted", "confidence"),
        *("USD", "batches", "quarantined", "second opinions"),
    )
    return table(columns, (_shop(shop, its) for shop, its in sorted(by_shop.items())))


def _shop(shop: str, reports: Sequence[PartitionReport]) -> list[object]:
    figures = statistics(reports, None)
    states = Counter(report.state for report in reports)
    return [
        shop,
        ", ".join(state if len(reports) == 1 else f"{state} {n}" for state, n in states.items()),
        figures["products_processed"],
        *figures["answered_by"].values(),
        f"{figures['accepted_share']:.1%}",
        figures["mean_confidence"],
        f"{figures['costs']['total']:.6f}",
        figures["total_batches"],
        figures["quarantined"],
        figures["second_opinions"],
    ]


def _gates(reports: Iterable[PartitionReport]) -> str:
    """Returns what is red, what warns, and what else stands in the way."""
    lines = [
        f"- {report.retailer}: **{'red' if gate in BLOCKING else 'warns'}** `{gate}`: {words}"
        for report in reports
        for gate, words in report.failed_gates.items()
    ]
    lines += [
        f"- {report.retailer}: **{report.state}**: {report.blocked_reason}"
        for report in reports
        # A red gate's words are there already.
        if report.blocked_reason and report.verdict != "red"
    ]
    return "\n".join(lines) or "None is red, and none warns."


def cost_by_model(reports: Iterable[PartitionReport]) -> str:
    """Returns a picture of what was paid to each model, by step, as markdown."""
    spent = _parts(
        (one.llm_model, one.step, float(one.usd)) for report in reports for one in report.spent
    )
    if spent.is_empty():
        return "nothing was paid"
    return as_markdown(bars(spent, "USD", get_args(Step)), "cost by model and step")


def _pictures(reports: Sequence[PartitionReport]) -> Iterator[str]:
    yield "## Cost by model"
    yield cost_by_model(reports)
    answered = _parts(
        (shop_of(report), step, rows)
        for report in reports
        for step, rows in report.answered_by.items()
    )
    accepted = _parts(
        (shop_of(report), status, rows)
        for report in reports
        for status, rows in (
            ("accepted", report.accepted),
            ("not accepted", report.rows - report.accepted),
        )
    )
    for title, parts, order in (
        ("Answered by", answered, ANSWERED_BY),
        ("Accepted", accepted, ("accepted", "not accepted")),
    ):
        if parts.height:
            yield f"## {title}"
            yield as_markdown(bars(parts, "% of products", order, shares=True), title.lower())


def _parts(rows: Iterable[tuple[str, str, float]]) -> pl.DataFrame:
    """Returns what ``pictures.bars`` draws, without parts of nothing."""
    schema = {"name": pl.String, "part": pl.String, "value": pl.Float64}
    return pl.DataFrame(list(rows), schema=schema, orient="row").filter(pl.col("value") > 0)
