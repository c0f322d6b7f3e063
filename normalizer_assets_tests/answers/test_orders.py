from pathlib import Path

import polars as pl
import pytest

from normalizer_assets import evaluation
from normalizer_assets.answers.orders import gives_orders, has_strange_letters
from normalizer_assets.evaluation.bench_listings import bench_listings
from normalizer_assets.grammar.text import fold
from normalizer_assets.intake.text import clean_text
from normalizer_assets_tests.prompting.hostile_names import CHAT_FORMAT, ORDERS

LABELS = sorted(Path(evaluation.__file__).parent.glob("labels/*.ndjson"))
PLANTED = "(?i)ignora las instrucciones anteriores"

ORDINARY = (
    "Notebook HP 15 Sistema: Windows 11 Home",
    "Lavadora Whirlpool Xpert System 20 Kg",
    "Coche Travel System Infanti Epic 5G",
    "Jarra Agua Sistema 1 Un",
    "LEGO Technic 42151 con manual de instrucciones",
    "Desodorante Rexona Confidence 150 ml",
    "Poncho Modelo Andino Color Gris",
    "Set de Ollas Modelo Roma 5 Piezas",
    "Set 3 Modelos Surtidos Marca Crayola",
    "Zapatilla Marca Nike Modelo Air Max 90",
    "Camiseta Marca e Modelo Surtido",
    "Zapatilla New Balance 574 New Rules",
    "Vinilo New Order Power Corruption & Lies",
    "Perfume Tú Eres de Natura 75 ml",
    'Smart TV 55": 4K UHD "Crystal"',
    "Cámara Sony α7 III Cuerpo",
    "Condensador 100 µF 25 V",
    "Cereal Kellogg\u02bcs Zucaritas 500 g",
    "Crema L'Oréal Œuvre Ångström Größe 50 ml",
    "Juego Set & Match (2 x 1) [Oferta] <3 100% #1 A&B ½ 5° ¡Llévate 3!",
    "Cocina Pretend Play 8 Piezas",
    "Remedio para el olvido previene todo",
    "Polera | Color: Rojo | Talla: M",
    "Shampoo Normalizante Cabello Graso 400 ml",
    "Clasificador A4 Oficio y Set de Reglas 30 cm",
    "Parlante con Google Assistant y asistente de voz Alexa",
    'Monitor 27" tiempo de respuesta: 1 ms, salida: HDMI',
    "Cuaderno de Tareas Universitario",
    "Perfume 50 ml + Muestra Gratis",
    "Silla Task Negra; Vaso Cambia Color; Esponja Borra Todo",
    "Respaldo Correcto Imaginext Instrumento Musical Nuevo",
)


def folded(names: pl.Series) -> pl.DataFrame:
    """Names as the evidence reads them: cleaned by the intake, folded."""
    return names.alias("name").to_frame().select("name", text=fold(clean_text(pl.col("name"))))


def suspected(names: pl.Series) -> list[str]:
    odd = gives_orders(pl.col("text")) | has_strange_letters(pl.col("text"))
    return folded(names).filter(odd)["name"].to_list()


@pytest.mark.parametrize("one", [*ORDERS, *CHAT_FORMAT[:-2]], ids=lambda one: one.name[:60])
def test_names_that_talk_to_a_model_are_told_from_others(one: object) -> None:
    names = pl.Series([getattr(one, "name", "")])
    assert suspected(names) == names.to_list()


@pytest.mark.parametrize("name", ORDINARY)
def test_ordinary_names_give_no_orders(name: str) -> None:
    assert suspected(pl.Series([name])) == []


def test_of_the_sample_only_the_planted_names_give_orders() -> None:
    names = bench_listings(None, 5000)["name"].unique().sort()
    planted = names.filter(names.str.contains(PLANTED))
    assert planted.len() == 2
    assert suspected(names) == planted.to_list()


@pytest.mark.parametrize("file", LABELS, ids=lambda file: file.name)
def test_no_labelled_listing_gives_orders(file: Path) -> None:
    names = pl.read_ndjson(file, schema={"name": pl.String})["name"]
    assert names.len() > 100
    assert suspected(names) == []


def test_a_name_that_is_missing_gives_none() -> None:
    missing = pl.DataFrame({"text": [None]}, schema={"text": pl.String})
    assert missing.select(gives_orders(pl.col("text"))).to_series().to_list() == [None]
