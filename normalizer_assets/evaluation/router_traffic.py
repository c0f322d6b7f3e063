"""Listings that the router is calibrated on, as it sees them from day to day.

Belongs here: reading them from a file, routing them shop by shop, pricing them in each band.
Does not belong here: choosing thresholds (``router_thresholds``), landed partitions
(``cli.landed``), labels (``router_weights``).
"""

from pathlib import Path

import polars as pl

from normalizer_assets.batching.requests import build_requests
from normalizer_assets.config import NormalizerConfig
from normalizer_assets.evaluation.bench_listings import read_listings_file
from normalizer_assets.routing.routing import route_listings

TIER_OF = {"simple": "mini", "medium": "mini", "complex": "full"}
"""Band -> the tier that its listings are asked of."""


class RouterError(ValueError):
    """The router cannot be calibrated so; the message says why and what to do."""


def read_listings(path: Path, config: NormalizerConfig) -> pl.DataFrame:
    """Reads a file of listings: csv, ndjson or parquet, cleaned as the intake does.

    Args:
        path: With the columns name and price, and category, brand, sku and retailer (slug or
            display name) as far as there are any.
        config: Limits and shops.

    Returns:
        The columns of ``LISTINGS_SCHEMA`` and retailer_name; ``retailer`` is ``""`` where the
        file does not say it.

    Raises:
        IntakeError: The file cannot be read, lacks a column, holds no listing, or names a shop
            that is not configured.
    """
    return with_shops(read_listings_file(path, config, retailer=""), config)


def with_shops(listings: pl.DataFrame, config: NormalizerConfig) -> pl.DataFrame:
    """Adds retailer_name, which prompts show; a shop that is not configured keeps its text."""
    names = {slug: retailer.name for slug, retailer in config.retailers.items()}
    shop = pl.col("retailer")
    return listings.with_columns(
        retailer_name=shop.replace_strict(names | {"": None}, default=shop, return_dtype=pl.String)
    )


def route_shops(listings: pl.DataFrame, config: NormalizerConfig) -> pl.DataFrame:
    """Routes each shop's listings by themselves: prices are ranked within a partition."""
    shops = listings.partition_by("retailer", maintain_order=True)
    return pl.concat([route_listings(part, config) for part in shops])


def with_costs(routed: pl.DataFrame, config: NormalizerConfig) -> pl.DataFrame:
    """Adds what each listing costs as a line of a batch, in each band.

    Args:
        routed: Listings with their scores.
        config: Prompts and models.

    Returns:
        ``routed`` with usd_simple, usd_medium and usd_complex (USD, Float64): the prompt's
        tokens, a typical answer and the reasoning that is expected of the model.
    """
    numbered = routed.with_columns(question_key=pl.int_range(pl.len()).cast(pl.String))
    costs = []
    for band, tier in TIER_OF.items():
        asked = numbered.with_columns(tier=pl.lit(tier), band=pl.lit(band))
        requests = build_requests(config, asked, "batch").sort(
            pl.col("question_key").cast(pl.Int64)
        )
        costs.append(requests["estimated_usd"].cast(pl.Float64).alias(f"usd_{band}"))
    return routed.with_columns(costs)
