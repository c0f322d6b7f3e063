"""The figures on public listings, on a handful of rows in the shape of those sets."""

import json
import os
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

from normalizer_assets.evaluation.public_listings import LIDER, figures


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three SoloTodo lists and a Lider crawl of a few rows each."""
    solotodo = tmp_path / "cl_solotodo_daily"
    solotodo.mkdir()
    phones = pl.DataFrame(
        {
            "name": ["Redmi Note 10 (128 GB / 4 GB / Graphite Gray)", "Apple iPhone 11 (64 GB)"],
            "capacity": ["128 GB", "128 GB"],
        }
    )
    phones.write_csv(solotodo / "smartphones.csv")
    notebooks = pl.DataFrame(
        {"name": ["Dell G15 (i5 / 8GB / 512GB SSD)"], "ram": ["8 GB DDR4 (3200 MHz)"]}
    )
    notebooks.write_csv(solotodo / "notebooks.csv")
    televisions = pl.DataFrame({"name": ["LG OLED48A1PSA"], "type": ["OLED"]})
    televisions.write_csv(solotodo / "televisions.csv")
    lider = pl.DataFrame(
        {
            "Nombre": ["Leche Colun 1 L", "Jugo  1 5 L", "Palta 700 g"],
            "Marca": ["Colun", "Watts", None],
            "Precio internet": ["1290", "1500", "2690"],
            "Precio por unidad": ["Precio x L : $1.290", "Precio x L : $1.000", None],
        }
    )
    (tmp_path / LIDER).parent.mkdir()
    lider.write_csv(tmp_path / LIDER, separator=";")
    return tmp_path


def test_answers_are_counted_against_what_the_sets_say(folder: Path) -> None:
    found = figures(folder)
    assert found["capacity of SoloTodo's phones"] == {
        "rows": 2, "answered": 2, "right": 1, "precision": 0.5,
    }  # fmt: skip
    assert found["ram of SoloTodo's notebooks"]["right"] == 1
    assert found["brand of Lider, the field given"]["right"] == 2
    hidden = found["brand of Lider, the field hidden, where the name carries it"]
    assert hidden == {"rows": 1, "answered": 1, "right": 1, "precision": 1.0}
    contents = found["content of Lider against price / unit price"]
    assert (contents["rows"], contents["right"]) == (2, 2)


@pytest.mark.slow
def test_the_command_prints_them_as_json(folder: Path) -> None:
    module = "normalizer_assets.evaluation.public_listings"
    printed = subprocess.run(  # noqa: S603 - our own interpreter
        [sys.executable, "-m", module, str(folder)],
        check=True, capture_output=True, text=True, env=os.environ,
    )  # fmt: skip
    assert json.loads(printed.stdout) == figures(folder)
