"""What a product costs in each shop: the rows that people compare.

Belongs here: counting and comparing the prices of matched listings. Does not belong here:
which listings are one product (``grouping``), reading and writing tables (``comparison``).
"""

import polars as pl

OFFER_COLUMNS = ("product_id", "retailer", "sku", "price")


def compare_prices(matched: pl.DataFrame) -> pl.DataFrame:
    """Compares the prices of each product.

    Args:
        matched: As ``grouping.match_products`` returns them, each with a price (CLP).

    Returns:
        One row a product, sorted by product_id: product_id, ean, brand, model,
        normalized_name, category_group (of several the most frequent, of equally frequent
        ones the alphabetically first), shops, offers (listings), cheapest_retailer (of equally
        cheap ones the alphabetically first), min_price, max_price, spread (all CLP),
        spread_percent (of min_price), prices (JSON text, retailer -> price). A shop that
        lists a product twice counts with its lower price.
    """
    shops = (
        matched.group_by("product_id", "retailer")
        .agg(pl.col("price").min())
        .sort("product_id", "price", "retailer")
        .group_by("product_id", maintain_order=True)
        .agg(
            shops=pl.len().cast(pl.Int64),
            cheapest_retailer=pl.col("retailer").first(),
            min_price=pl.col("price").min(),
            max_price=pl.col("price").max(),
            prices=pl.format('"{}": {}', "retailer", "price").str.join(", "),
        )
        .with_columns(spread=pl.col("max_price") - pl.col("min_price"))
        .with_columns(
            spread_percent=100 * pl.col("spread") / pl.col("min_price"),
            prices=pl.concat_str(pl.lit("{"), "prices", pl.lit("}")),
        )
    )
    named = ("brand", "model", "normalized_name", "category_group")
    products = matched.group_by("product_id").agg(
        # Not a shop's own number.
        pl.col("ean").filter(pl.col("code").is_not_null()).min(),
        *(pl.col(name).drop_nulls().mode().min() for name in named),
        offers=pl.len().cast(pl.Int64),
    )
    return products.join(shops, on="product_id").sort("product_id").select(
        "product_id", "ean", *named, "shops", "offers", "cheapest_retailer", "min_price",
        "max_price", "spread", "spread_percent", "prices",
    )  # fmt: skip
