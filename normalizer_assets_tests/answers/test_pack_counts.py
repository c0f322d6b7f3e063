"""Pack counts, group by group, as shops write them."""

import polars as pl
import pytest

from normalizer_assets.answers.rules import read_listings

PACKS: dict[str, dict[str, str | None]] = {
    "beverages": {
        "Cerveza Stella 473 cc docepack": "12",
        "Sprite Zero lata 220cc PK6": "6",
        "Gatorade 750 ml paquete de 6": "6",
        "Cerveza Cristal lata 4 sixpack 350 cc": "24",
        "Coca Cola 350ccx6": "6",
        "Coca Cola 6unx350cc": "6",
        "Coca Cola 350 cc 6x": "6",
        "Coca Cola pack6un 350 cc": "6",
        "Pisco Capel 35° botella 2 de 750 ml c/u": "2",
        "Vino Gran Reserva 2019 botella 750 ml": None,
        "Gin Beefeater 24 botella 750 ml": None,
        "Té Lipton 25 tea bags": "25",
    },
    "groceries": {
        "Caldo Maggi 8 cubitos": "8",
        "Spaghetti 400 g trío pack": "3",
        "Huevos 2 docenas": "24",
        "Huevos 1/2 docena": "6",
        "Barra frutas + yogurt caja 8 un": "8",
        "Café 170 g + 2 un de regalo": None,
        "Set 6 vasos prisma 1 un": "6",
        "Queso untable 190 g 4 quesos": None,
        "Set 3 en 1": None,
    },
    "baby": {"Pañal Pampers XG 60": "60", "Cereal Nestum 5 cereales": None},
    "cleaning": {
        "Lavalozas 750 ml Twin Pack": "2",
        "Papel higiénico Elite 12 x 30 m": "12",
        "Papel aluminio 30 cm x 7,5 m": None,
        "Bolsa de basura 50 x 70": None,
    },
    "personal_care": {
        "Toallas higiénicas Kotex Nocturna 16": "16",
        "Cepillo dental Indicator 4 cepillos": "4",
        "Máquina de afeitar Soleil bolsa de 4": "4",
        "Prestobarba 2 máquinas": "2",
    },
    "pharmacy": {"Armolipid 30 comprim": "30", "Omega 3 + vitamina E 60 cápsulas": "60"},
    "other": {
        "Neumático 205/55 R16 set de 4": "4",
        "Kit 4 neumáticos 195/65 R15": "4",
        "Marcador Sharpie 24 marcadores": "24",
        "Lápiz de color 12 colores": "12",
        "Juego de 4 copas": "4",
        "Copas de vino 6 pzas. 385 ml": "6",
        "Vajilla 20 piezas": None,
        "Perchas de madera set 10": "10",
        "Memoria 2x16GB DDR5": "2",
        "Set de cama 4 pcs 2 plazas": None,
        "Set 12 brochas": None,
        "Almohada 50 x 70": None,
        "Comedor 6 sillas": None,
    },
    "tools": {
        "Tornillo volcanita bolsa 100 unidades": "100",
        "Tornillos caja 100": "100",
        "Set de dados 40 unidades": None,
    },
    "toys": {"Figura sorpresa 36 unidades display": "36", "Plasticina 12 colores": "12"},
    "storage": {"Pendrive 64GB Twin Pack": "2", "SSD PCIe 4.0 x 4": None},
    "notebooks": {"MSI Katana GF76 11UD": None},
    "monitors": {"Monitor Cooler Master VESA 100X100": None},
    "small_appliances": {"Tostador 2 panes": None},
}


@pytest.mark.parametrize("group", PACKS)
def test_a_pack_is_counted_and_pieces_are_not(group: str) -> None:
    names = PACKS[group]
    listings = pl.DataFrame({"name": [*names]}).with_columns(
        pl.lit(None, dtype=pl.String).alias("brand"), pl.lit(group).alias("category_group")
    )
    counts = read_listings(listings)["attributes"].str.json_path_match("$.pack_count")
    assert dict(zip(names, counts, strict=True)) == names
