"""Invented listings in any number, for benchmarks.

Belongs here: deterministic names that read like a shop's. Does not belong here: anything
that a score is computed on; these names are regular, real ones are not.
"""

from datetime import date
from itertools import islice, product

import polars as pl

KINDS = (
    ("Bebida {brand} Sabor {flavor} {size} ml", "Bebidas"),
    ("Shampoo {brand} {flavor} {size} ml", "Cuidado personal"),
    ("Galletas {brand} {flavor} {size} g", "Despensa"),
    ("Notebook {brand} Serie {size} Intel Core i5 16GB RAM 512GB SSD {flavor}", "Notebooks"),
    ("Polera {brand} Modelo {size} Color {flavor}", "Vestuario"),
    ("Detergente {brand} Aroma {flavor} {size} ml", "Limpieza"),
)
BRANDS = tuple(
    first + second
    for first, second in product(
        ("Al", "Bor", "Can", "Del", "Fer", "Gal", "Lum", "Mar", "Nor", "Pal"),
        ("ba", "cor", "dena", "lina", "mont", "ria", "sol", "tex", "vina", "zul"),
    )
)
FLAVORS = ("Limón", "Naranja", "Frutilla", "Coco", "Lavanda", "Menta", "Vainilla", "Durazno")
SIZES = tuple(range(100, 1250, 50))


def synthetic_landing(rows: int) -> pl.DataFrame:
    """Returns distinct listings as they would land: name, category, price (CLP), sku.

    Raises:
        ValueError: More rows than there are combinations.
    """
    combinations = product(SIZES, FLAVORS, BRANDS, KINDS)
    names = [
        (template.format(brand=brand, flavor=flavor, size=size), category)
        for size, flavor, brand, (template, category) in islice(combinations, rows)
    ]
    if len(names) < rows:
        raise ValueError(f"only {len(names)} distinct listings can be made, not {rows}")
    return pl.DataFrame(names, schema=["name", "category"], orient="row").with_columns(
        price=(pl.int_range(pl.len()) * 7919) % 900_000 + 990,
        sku=pl.format("S{}", pl.int_range(pl.len())),
    )


def one_listing(name: str, category_group: str) -> pl.DataFrame:
    """Returns one listing as the intake leaves it, without brand, EAN and price."""
    return pl.DataFrame({"name": [name], "category_group": [category_group]}).with_columns(
        pl.lit(None, dtype=pl.String).alias("brand"),
        pl.lit(None, dtype=pl.String).alias("category"),
        pl.lit(None, dtype=pl.String).alias("ean"),
        pl.lit(None, dtype=pl.Int64).alias("price"),
    )


DAY = date(2024, 1, 15)
"""The day that benchmarks land their listings on."""
