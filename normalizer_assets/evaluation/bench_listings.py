"""Listings for benchmarks and calibration: a file of one's own, or the bundled sample.

Belongs here: reading them as the intake does, and drawing as many as a benchmark wants. Does
not belong here: invented listings (``synthetic``), which say nothing about words and prices,
and what is measured on listings (``ask_bench``).
"""

from pathlib import Path
from typing import TYPE_CHECKING

from normalizer_assets.config import NormalizerConfig, SourceConfig, load_config
from normalizer_assets.evaluation.synthetic import DAY

if TYPE_CHECKING:
    import polars as pl

SAMPLE = Path(__file__).parents[1] / "demo" / "landing"
RETAILER = "lider"
"""The shop of rows that name none."""
SEED = 20_241_001


def bench_listings(path: Path | None, rows: int) -> "pl.DataFrame":
    """Draws listings, the same ones every time.

    Args:
        path: A file laid out as landed ones are (csv, ndjson or parquet with name, price and,
            as far as it has them, category, sku, brand, ean, url, unit_price), with the shop's
            slug or display name in ``retailer`` where it holds several; ``None`` for both days
            of the bundled sample.
        rows: How many. They are drawn with replacement only where there are fewer.

    Returns:
        The columns of ``LISTINGS_SCHEMA``. Prices are CLP; a listing that is drawn twice has
        the same SKU twice.

    Raises:
        IntakeError: The file cannot be read, or names a shop that is not configured.
    """
    import polars as pl

    config = load_config()
    if path is None:
        files = sorted(SAMPLE.glob("*/*.*"))
        listings = pl.concat(read_listings_file(file, config, file.stem) for file in files)
    else:
        listings = read_listings_file(path, config, RETAILER)
    return listings.sample(rows, with_replacement=listings.height < rows, seed=SEED)


def read_listings_file(path: Path, config: NormalizerConfig, retailer: str) -> "pl.DataFrame":
    """Takes in a file shop by shop.

    Args:
        path: As ``bench_listings`` takes it.
        config: Limits and shops.
        retailer: Slug of the shop of rows that name none; may be ``""``.

    Returns:
        The columns of ``LISTINGS_SCHEMA``.

    Raises:
        IntakeError: The file cannot be read, lacks a column, holds no listing, or names a shop
            that is not configured.
    """
    import polars as pl

    from normalizer_assets.intake.errors import EmptyLandingError, IntakeError, LayoutError
    from normalizer_assets.intake.listings import clean_listings
    from normalizer_assets.intake.reading import read_rows
    from normalizer_assets.intake.text import clean_text

    source = SourceConfig(path=str(path))
    try:
        raw = read_rows(path.read_bytes(), source, path.suffix)
    except OSError as error:
        raise IntakeError(f"{path} cannot be read: {error.strerror}") from None
    slugs = {shop.name: slug for slug, shop in config.retailers.items()}
    named = pl.col("retailer") if "retailer" in raw.columns else pl.lit(None, dtype=pl.String)
    shop = clean_text(named).fill_null(retailer).replace(slugs)
    shops = raw.with_columns(shop.alias("shop"))["shop"]
    unknown = sorted(set(shops) - {*config.retailers, retailer})
    if unknown:
        raise LayoutError(
            f"{path}: the column 'retailer' names {unknown[0]!r}, which is not configured; known "
            f"are {', '.join(config.retailers)}. Add it to the section [retailers]"
        )
    parts = [
        clean_listings(
            raw.filter(shops == shop),
            source,
            config.intake,
            shop,
            DAY,
            str(path),
            may_hold_none=shops.n_unique() > 1,
        ).listings
        for shop in shops.unique(maintain_order=True)
    ]
    if not any(part.height for part in parts):
        raise EmptyLandingError(f"{path} holds no listing")
    return pl.concat(parts)
