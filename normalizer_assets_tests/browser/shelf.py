"""Listings of an invented shop, worded as shops word them.

Belongs here: words, and putting them together. Does not belong here: landing them.
"""

import csv
from itertools import product
from pathlib import Path
from typing import NamedTuple


class Kind(NamedTuple):
    """A kind of product: ``wording`` with a brand, a variety and a size for each listing."""

    category: str
    wording: str
    brands: tuple[str, ...]
    varieties: tuple[str, ...]
    sizes: tuple[str, ...]


KINDS = (
    Kind(
        "Lácteos > Leches",
        "Leche {variety} {brand} {size}",
        ("Soprole", "Colun", "Quillayes", "Surlat"),
        ("Entera", "Semidescremada", "Descremada"),
        ("200 ml", "1 L"),
    ),
    Kind(
        "Lácteos > Yoghurt",
        "Yoghurt {variety} {brand} {size}",
        ("Soprole", "Colun", "Nestlé", "Danone"),
        ("Frutilla", "Vainilla", "Durazno", "Mora"),
        ("155 g", "1 kg"),
    ),
    Kind(
        "Bebidas > Gaseosas",
        "Bebida {brand} {variety} {size}",
        ("Coca Cola", "Pepsi", "Sprite", "Fanta", "Bilz", "Crush"),
        ("Original", "Zero"),
        ("350 ml", "500 ml", "1.5 L", "2 L", "3 L"),
    ),
    Kind(
        "Despensa > Arroz",
        "Arroz {variety} {brand} {size}",
        ("Tucapel", "Miraflores", "Banquete"),
        ("Grado 1", "Grado 2", "Integral"),
        ("500 g", "1 kg", "2 kg"),
    ),
    Kind(
        "Despensa > Pastas",
        "Fideos {variety} {brand} {size}",
        ("Carozzi", "Lucchetti", "Trattoria"),
        ("Spaghetti", "Corbatas", "Rigati", "Espirales"),
        ("400 g", "1 kg"),
    ),
    Kind(
        "Limpieza > Detergentes",
        "Detergente {variety} {brand} {size}",
        ("Omo", "Ariel", "Drive", "Skip"),
        ("Líquido", "Polvo"),
        ("800 ml", "1 L", "3 L"),
    ),
    Kind(
        "Celulares > Smartphones",
        "Smartphone {brand} {size} {variety}",
        ("Samsung Galaxy A15", "Samsung Galaxy A25", "Motorola Moto G54", "Xiaomi Redmi Note 13"),
        ("Negro", "Azul", "Verde"),
        ("128GB 4GB RAM", "256GB 8GB RAM"),
    ),
    Kind(
        "Belleza > Shampoo",
        "Shampoo {brand} {variety} {size}",
        ("Sedal", "Pantene", "Dove", "Elvive", "Head & Shoulders"),
        ("Coco", "Liso Perfecto", "Anticaspa", "Hidratación"),
        ("200 ml", "340 ml", "400 ml", "750 ml"),
    ),
    Kind(
        "Despensa > Café",
        "Café {variety} {brand} {size}",
        ("Nescafé", "Juan Valdez", "Marley Coffee", "Gold Premium"),
        ("Instantáneo", "Molido", "Descafeinado"),
        ("50 g", "100 g", "170 g", "250 g"),
    ),
    Kind(
        "Televisores",
        "Smart TV {brand} {variety} {size} 4K",
        ("LG", "Samsung", "TCL", "Hisense", "Sony"),
        ("LED", "QLED", "OLED"),
        ('43"', '50"', '55"', '65"', '75"'),
    ),
)


def listings() -> list[dict[str, object]]:
    """Returns all combinations of the words, kinds in turn, each with a price in CLP."""
    shelves = [
        [
            (kind.category, kind.wording.format(brand=brand, variety=variety, size=size))
            for brand, variety, size in product(kind.brands, kind.varieties, kind.sizes)
        ]
        for kind in KINDS
    ]
    longest = max(map(len, shelves))
    mixed = [shelf[place] for place in range(longest) for shelf in shelves if place < len(shelf)]
    return [
        {"name": name, "category": category, "price": 990 + 10 * number, "sku": f"S{number}"}
        for number, (category, name) in enumerate(mixed)
    ]


def land(file: Path, rows: list[dict[str, object]]) -> None:
    """Writes listings as a CSV file."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
