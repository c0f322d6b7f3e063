"""Benchmarks of what comes before a question is asked: routing, prompts, lines, tokens.

Belongs here: timing them on listings. Does not belong here: which listings
(``bench_listings``), what asking costs, other stages (``bench``).
"""

import statistics
import timeit
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from normalizer_assets.config import NormalizerConfig, TemplateName, Tier, load_config
from normalizer_assets.evaluation.figures import result

if TYPE_CHECKING:
    import polars as pl

RUNS = 5
"""Every figure is the median of so many runs."""


def route(listings: "pl.DataFrame") -> dict[str, Any]:
    """Times routing.

    Args:
        listings: As ``bench_listings`` returns them.

    Returns:
        ``seconds`` and ``rows_per_second`` of the score alone (factors, band, tier, reasons);
        ``whole_seconds`` and ``whole_rows_per_second`` with both keys; ``tiers``: their shares.
    """
    from normalizer_assets.routing.routes import score_listings
    from normalizer_assets.routing.routing import route_listings

    config = load_config()
    scored = score_listings(listings, config.router)
    tiers = scored["tier"].value_counts(normalize=True)
    whole = _median_seconds(lambda: route_listings(listings, config))
    return result(
        "route",
        listings.height,
        _median_seconds(lambda: score_listings(listings, config.router)),
        whole_seconds=round(whole, 3),
        whole_rows_per_second=round(listings.height / whole, 1),
        tiers={tier: round(share, 4) for tier, share in sorted(tiers.iter_rows())},
        runs=RUNS,
    )


def prompts(listings: "pl.DataFrame") -> dict[str, Any]:
    """Times making the lines of batch files, and counting tokens.

    Args:
        listings: As ``bench_listings`` returns them.

    Returns:
        ``seconds`` and ``rows_per_second`` of the lines (prompt, body, line) of simple
        listings, and for these (``batch``) and for complex ones (``detailed``)
        ``lines_per_second``, ``counted_per_second`` (prompts whose tokens are counted),
        ``content_tokens`` (median of both messages' own) and ``prompt_tokens`` (median of what
        is sent, with the chat format's).
    """
    config = load_config()
    batch = _prompts(listings, config, "mini", "BATCH")
    detailed = _prompts(listings, config, "full", "DETAILED")
    seconds = listings.height / batch["lines_per_second"]
    return result("prompts", listings.height, seconds, batch=batch, detailed=detailed, runs=RUNS)


def _prompts(
    listings: "pl.DataFrame", config: NormalizerConfig, tier: Tier, template: TemplateName
) -> dict[str, float]:
    import polars as pl

    from normalizer_assets.prompting.bodies import batch_lines, request_bodies
    from normalizer_assets.prompting.templates import render
    from normalizer_assets.prompting.tokens import count_prompt_tokens, count_tokens

    settings, model = config.tiers[tier], config.model_of(tier)
    shop = next(iter(config.retailers.values())).name
    custom_ids = listings.select(pl.format("batch_0a1b2c_{}_{}", pl.int_range(pl.len()), "sku"))

    def lines() -> pl.Series:
        rendered = render(template, listings, shop)
        bodies = request_bodies(settings.model, model, settings, rendered)
        return batch_lines(custom_ids.to_series(), bodies)

    asked = render(template, listings, shop)
    sent = count_prompt_tokens(asked, settings.system)
    content = count_tokens(asked) + count_tokens([settings.system])[0]
    return {
        "lines_per_second": round(listings.height / _median_seconds(lines), 1),
        "counted_per_second": round(
            listings.height / _median_seconds(lambda: count_prompt_tokens(asked, settings.system)),
            1,
        ),
        "content_tokens": content.median(),
        "prompt_tokens": sent.median(),
    }


def _median_seconds(work: Callable[[], object]) -> float:
    return statistics.median(timeit.repeat(work, number=1, repeat=RUNS))


LISTING_BENCHMARKS: dict[str, Callable[["pl.DataFrame"], dict[str, Any]]] = {
    "prompts": prompts,
    "route": route,
}
"""Benchmarks on listings that are given."""
