"""How the basic rules do on public listings that nobody in this project wrote.

Belongs here: reading the public sets of a folder and comparing the rules with what those
sets say. Does not belong here: the sets themselves (most state no licence), our own labels
(``gold``), and what is compared for equality (``answers.comparison``).

``python -m normalizer_assets.evaluation.public_listings FOLDER`` prints the figures as JSON:
SoloTodo's curated fields of phones, notebooks and televisions, and of Lider's crawl of 2022
the brand field (given, and hidden from the rules) and contents against the unit price.
"""

import json
import sys
from pathlib import Path
from typing import Any

import polars as pl

from normalizer_assets.answers.comparison import same
from normalizer_assets.answers.rules import read_listings
from normalizer_assets.answers.unit_prices import size_by_price
from normalizer_assets.grammar.text import fold, words
from normalizer_assets.intake.categories import category_group
from normalizer_assets.intake.text import clean_text

LIDER = Path("cl_supermercados_2022", "lider_data_nueva23.csv")
PRICE_TOLERANCE = 0.02
"""Shops round the price per litre or kilo to whole pesos."""


def figures(folder: Path) -> dict[str, Any]:
    """Returns for each comparison how many rows the rules answered, and how many right."""
    solotodo = folder / "cl_solotodo_daily"
    phones = _read(solotodo / "smartphones.csv", "name", "smartphones")
    notebooks = _read(solotodo / "notebooks.csv", "name", "notebooks")
    televisions = _read(solotodo / "televisions.csv", "name", "televisions")
    in_brackets = pl.col("name").str.extract(r"/ (\d+) GB / [^/]+\)") + "GB"
    lider = pl.read_csv(folder / LIDER, separator=";", infer_schema=False).select(
        name=clean_text(pl.col("Nombre")),
        brand=clean_text(pl.col("Marca")),
        price=pl.col("Precio internet").cast(pl.Float64, strict=False),
        unit_price=pl.col("Precio por unidad"),
    )
    lider = lider.drop_nulls("name").with_columns(
        category_group=category_group(pl.lit(None, pl.String), pl.col("name"), {})
    )
    hidden = lider.with_columns(brand=pl.lit(None, pl.String))
    carries = words(fold(pl.col("name"))).str.contains(words(fold(pl.col("brand"))), literal=True)
    carrying = lider.select(carries.fill_null(value=False)).to_series()
    return {
        "capacity of SoloTodo's phones": _compared(phones, "capacity", phones["capacity"]),
        "ram of SoloTodo's phones, from the name's own brackets": _compared(
            phones, "ram", phones.select(in_brackets).to_series()
        ),
        "colour of SoloTodo's phones, read at all": _read_at_all(phones, "color"),
        "ram of SoloTodo's notebooks": _compared(
            notebooks, "ram", notebooks["ram"].str.extract(r"^(\d+ GB)")
        ),
        "screen type of SoloTodo's televisions": _compared(
            televisions, "screen_type", televisions["type"]
        ),
        "brand of Lider, the field given": _compared(lider, "brand", lider["brand"]),
        "brand of Lider, the field hidden": _compared(hidden, "brand", lider["brand"]),
        "brand of Lider, the field hidden, where the name carries it": _compared(
            hidden.filter(carrying), "brand", lider.filter(carrying)["brand"]
        ),
        "content of Lider against price / unit price": _contents(lider),
    }


def _read(file: Path, name: str, group: str) -> pl.DataFrame:
    return pl.read_csv(file, infer_schema=False).with_columns(
        pl.col(name).alias("name"),
        pl.lit(None, pl.String).alias("brand"),
        pl.lit(group).alias("category_group"),
    )


def _answers(listings: pl.DataFrame, field: str) -> pl.Series:
    read = read_listings(listings)
    return read[field] if field == "brand" else read["attributes"].str.json_path_match(f"$.{field}")


def _compared(listings: pl.DataFrame, field: str, labels: pl.Series) -> dict[str, Any]:
    pairs = [
        (answer, label)
        for answer, label in zip(_answers(listings, field), labels, strict=True)
        if label
    ]
    answered = [(answer, label) for answer, label in pairs if answer]
    right = sum(same(field, answer, label) for answer, label in answered)
    return _shares(len(pairs), len(answered), right)


def _shares(rows: int, answered: int, right: int) -> dict[str, Any]:
    precision = round(right / answered, 4) if answered else None
    return {"rows": rows, "answered": answered, "right": right, "precision": precision}


def _read_at_all(listings: pl.DataFrame, field: str) -> dict[str, Any]:
    return {"rows": listings.height, "answered": int(_answers(listings, field).count())}


def _contents(lider: pl.DataFrame) -> dict[str, Any]:
    """Compares ml and g with the size that price and unit price give (packs as a whole)."""
    unit = lider["unit_price"].str.extract(r"Precio x (Kg|L)\b")
    stated = pl.DataFrame(
        {
            "unit": unit,
            "size": lider.select(size_by_price(pl.col("price"), pl.col("unit_price"))).to_series(),
            "ml": _answers(lider, "volume_ml").cast(pl.Float64),
            "g": _answers(lider, "weight_g").cast(pl.Float64),
            "count": _answers(lider, "pack_count").cast(pl.Float64).fill_null(1.0),
        }
    ).filter(pl.col("unit").is_not_null(), pl.col("size").is_not_null())
    read = pl.when(pl.col("unit") == "L").then("ml").otherwise("g")
    off = pl.min_horizontal(
        (read * times / pl.col("size") - 1).abs() for times in (pl.lit(1.0), pl.col("count"))
    )
    found = stated.select(answered=read.is_not_null(), right=off < PRICE_TOLERANCE)
    return _shares(
        found.height, int(found["answered"].sum()), int(found["right"].fill_null(value=False).sum())
    )


if __name__ == "__main__":
    sys.stdout.write(json.dumps(figures(Path(sys.argv[1])), indent=2, ensure_ascii=False) + "\n")
