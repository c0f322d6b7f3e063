"""The guard: what differs is denied unless it is known to be harmless."""

import itertools

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from normalizer_assets.cache.guard import judge_pairs
from normalizer_assets.config import CATEGORY_GROUPS
from normalizer_assets.evaluation.cache_pairs import REWORDINGS, VARIANTS, same_pairs, variant_pairs

SIDES = ("name_a", "brand_a", "group_a", "name_b", "brand_b", "group_b")


def judged(
    name_a: str, name_b: str, group: str = "smartphones", **others: str | None
) -> tuple[bool, str | None]:
    row = {
        "name_a": name_a, "brand_a": None, "group_a": group,
        "name_b": name_b, "brand_b": None, "group_b": group,
    } | others  # fmt: skip
    verdict = judge_pairs(pl.DataFrame([row], schema=dict.fromkeys(row, pl.String)))
    return verdict["hit"][0], verdict["reason"][0]


@pytest.mark.parametrize(
    ("name_a", "name_b", "group"),
    [
        ("Samsung Galaxy A54 128GB Negro", "Celular Galaxy A54 Black 128 GB", "smartphones"),
        ("Motorola G84 8GB RAM 256GB", "Motorola G84 8GB 256GB", "smartphones"),
        ("Bebida Coca Cola 2 lt", "Coca-Cola 2000 ml", "beverages"),
        ("Champú Dove 400 ml", "Shampoo Dove 400 cc", "personal_care"),
        ("Yogurt Soprole Frutilla 125 g", "Soprole Yoghurt frutilla 125 gr", "dairy"),
        # together or apart, also codes
        ("Quita manchas Vanish Polvo 450 g", "Quitamanchas Vanish Polvo 450 g", "cleaning"),
        ("Sony WH-1000XM5 Negro", "Sony WH1000XM5 Negro", "headphones"),
        ("Taladro Bosch GSB 13 RE 650W", "Taladro Bosch GSB13RE 650W", "tools"),
        # number and gender
        (
            "Arvejas Congeladas Minuto Verde 500 g",
            "Arveja Congelada Minuto Verde 500 g",
            "groceries",
        ),
        # the owner of a line
        ("Nestlé Milo Polvo 400 g", "Milo Polvo 400 g", "groceries"),
        # another language, a marked abbreviation, shop talk
        (
            "Audífonos Inalámbricos Sony CH520 Negro",
            "Sony CH520 Wireless Headphones Black",
            "headphones",
        ),
        (
            "Paracet. 500 mg Mintlab 16 Comp.",
            "Paracetamol 500 mg Mintlab 16 comprimidos",
            "pharmacy",
        ),
        ("Termómetro Omron MC-246", "Termómetro Omron MC-246 Fácil de Usar", "pharmacy"),
        ("Huevos Yemita x30", "Huevos Yemita 30 un", "groceries"),
        # A word that is cut, beside the name that has it.
        ("Salsa Pomarola Ital. 200 g", "Salsa Pomarola Italiana 200 g", "groceries"),
        ("Chocolate Costa Alm. 100 g", "Chocolate Costa Almendra 100 g", "groceries"),
        # What follows from a word of both, or from their maker.
        ("Televisor LG 55UR7800 4K", "Smart TV LG 55UR7800 4K UHD", "televisions"),
        ("Notebook Lenovo V15 i5 8GB 512GB", "Notebook Lenovo V15 Core i5 8GB 512GB", "notebooks"),
        ("Heineken lata 470 cc", "Cerveza Heineken lata 470 cc", "beverages"),
        ("Arroz Tucapel Grado 1 1 kg", "Arroz Tucapel Grado 1 Bolsa 1 kg", "groceries"),
        ("Celular Honor X7b 256GB Color Negro", "Celular Honor X7b 256GB Negro", "smartphones"),
        ("Losartán 50 mg x 30 comp. Opko", "Losartán 50 mg 30 comprimidos Opko", "pharmacy"),
        # What is counted, initials, a size, two colours, a claim of the line.
        ("Omega 3 GNC 60 cápsulas", "GNC Omega 3 60 un", "pharmacy"),
        ("Polera Levis Negra T. M", "Polera Levis Negra Talla M", "clothing"),
        ("Labial M.A.C Ruby Woo 3 g", "Labial MAC Ruby Woo 3 g", "cosmetics"),
        (
            "Zapatillas Puma Suede black/white t.42",
            "Zapatillas Puma Suede Negro/Blanco Talla 42",
            "footwear",
        ),
        ("Monitor Samsung Odyssey G5 27", "Monitor Gamer Samsung Odyssey G5 27", "monitors"),
        # Together or apart: of a translated word, and of the brand.
        ("Ginger Ale Canada Dry 1,5 L", "GingerAle Canada Dry 1,5 L", "beverages"),
        ("Cerveza RoyalGuard 350 cc", "Cerveza Royal Guard 350 cc", "beverages"),
        ("Air Fryer Oster 4 L Negra", "Airfryer Oster 4 L Negra", "small_appliances"),
        # A kind that is cut before it is read, and one that a name begins with.
        ("Hervidor Elect. Thomas 1,7 L", "Hervidor Eléctrico Thomas 1,7 L", "small_appliances"),
        ("Lavad. LG Carga Frontal 9 kg", "Lavadora LG Carga Frontal 9 kg", "appliances"),
        ("Plancha Vap. Philips 2000 W", "Plancha a Vapor Philips 2000 W", "small_appliances"),
        ("Polera M/Larga Puma Negra L", "Polera Manga Larga Puma Negra L", "clothing"),
        # What a model code says, too.
        ("LED Samsung UN65DU7000", "Televisor Samsung UN65DU7000", "televisions"),
        ("Horno Sindelen HE4600", "Horno Eléctrico Sindelen HE4600", "small_appliances"),
        # The number of an adjective, and of what is counted.
        ("Lentes Rusty Polarizado Negro", "Lentes Rusty Polarizados Negro", "other"),
        ("Set Ollas Solar 5 Piezas", "Set Olla Solar 5 Piezas", "other"),
        # One says its maker, and both a line of it.
        ("SSD Samsung 990 PRO 2TB", "SSD 990 PRO 2TB", "storage"),
    ],
)
def test_one_product_in_other_words_is_a_hit(name_a: str, name_b: str, group: str) -> None:
    assert judged(name_a, name_b, group) == (True, None)
    assert judged(name_b, name_a, group) == (True, None)


@pytest.mark.parametrize(
    ("name_a", "name_b", "group", "reason"),
    [
        ("iPhone 15 128GB", "iPhone 15 256GB", "smartphones", "only one of them has: 128gb"),
        ("iPhone 15 128GB", "iPhone 15 Pro 128GB", "smartphones", "only one of them has: pro"),
        ("iPhone 15", "Funda iPhone 15", "smartphones", "only one of them has: funda"),
        ("Jugo Watts Durazno 1 L", "Néctar Watts Durazno 1 L", "beverages", "two kinds"),
        ("Leche Colun 1 L", "Leche Soprole 1 L", "dairy", "brands differ"),
        ("Leche Colun 1 L", "Leche sin lactosa Colun 1 L", "dairy", "only one of them has: sin_"),
        ("Polera Puma azul", "Polera Puma azul marino", "clothing", "only one of them has: marino"),
        ("Motorola G84 256GB", "Motorola G84 256GB RAM", "smartphones", "one of them has: ram"),
        ("Galletas 2 x 500 g 3 x 200 g", "Galletas 3 x 500 g 2 x 200 g", "groceries", "only one"),
        ("Smartphone", "Celular", "smartphones", "nothing in common"),
        # What is counted, its container, two colours the other way round, a size.
        ("Omega 3 GNC 60 cápsulas", "Omega 3 GNC 60 comprimidos", "pharmacy", "only one"),
        ("Omega 3 GNC 60 cápsulas", "Omega 3 GNC 30 un", "pharmacy", "only one of them has: 30un"),
        ("Coca Cola 350 ml 6 latas", "Coca Cola 350 ml 6 un", "beverages", "one of them has: lata"),
        ("Puma Suede black/white", "Puma Suede Blanco/Negro", "footwear", "has: blanco_negro"),
        ("Polera Levis Negra T. M", "Polera Levis Negra Talla L", "clothing", "only one of them"),
        # The dose form, an accessory, an ingredient, a line, a suffix.
        ("Diclofenaco 50 mg 10 ampollas", "Diclofenaco 50 mg 10 comprimidos", "pharmacy", "only"),
        ("LG 55UR7800", "Control remoto LG 55UR7800", "televisions", "only one of them has"),
        ("Coco 250 g", "Harina de coco 250 g", "groceries", "only one of them has: harina"),
        ("Ariel 3 L", "Ariel Color 3 L", "cleaning", "only one of them has: color"),
        ("Crema Nivea Q10 200 ml", "Nivea Q10 200 ml", "personal_care", "only one of them has"),
        ("Empanada de pescado Sur 1 kg", "Pescado empanado Sur 1 kg", "groceries", "only one"),
        ("Vaso 350 ml", "Vasos 350 ml", "other", "only one of them has: vaso"),
        (
            "Conjunto camisa blanca pantalón negro",
            "Conjunto camisa negra pantalón blanco",
            "clothing",
            "only one of them has",
        ),
        (
            "Set 2 autos 1 pista Majorette",
            "Set 1 auto 2 pistas Majorette",
            "toys",
            "numbers in another order",
        ),
        # It may be the shampoo or the conditioner.
        (
            "Shampoo Dove Reconstrucción 400 ml",
            "Dove Reconstrucción 400 ml",
            "personal_care",
            "only one of them has: shampoo",
        ),
        # A kind beside one that both name is a flavour, an extra, a filling.
        ("Helado Savory 1 L", "Helado Savory Galleta 1 L", "dairy", "only one of them has: galle"),
        # What fits the things of other makers does not name its maker by naming the thing.
        (
            "Funda iPhone 15 Silicona",
            "Funda Apple iPhone 15 Silicona",
            "smartphones",
            "only one of them has: appl",
        ),
        # An abbreviation that may be several words is none.
        ("Lavalozas Quix Lim. 750 ml", "Lavalozas Quix Limpiador 750 ml", "cleaning", "only one"),
        ("Lavalozas Quix Lim. 750 ml", "Lavalozas Quix Lima 750 ml", "cleaning", "only one"),
        ("Clor. 10 mg 20 comp", "Clorfenamina 10 mg 20 comp", "pharmacy", "only one"),
        ("Silla Auto Bebé Conv. Negra", "Silla Auto Bebé Convencional Negra", "baby", "only one"),
        (
            "Shampoo Ballerina Manz. 1 L",
            "Shampoo Ballerina Manzanilla 1 L",
            "personal_care",
            "only",
        ),
        ("Pro Plan Sens. 3 kg", "Pro Plan Sensible 3 kg", "pet_food", "only one"),
        # A code says which device it is, and not what fits it or what came without a cable.
        ("Lavadora LG WM9000", "Secadora LG WM9000", "appliances", "two kinds"),
        ("Horno Sindelen HE4600", "Cocina Sindelen HE4600", "appliances", "two kinds"),
        ("Licuadora Oster BL4655", "Vaso Licuadora Oster BL4655", "small_appliances", "only one"),
        ("Mouse Logitech G502", "Mouse Inalámbrico Logitech G502", "other", "has: inalambrico"),
        (
            "Plancha Philips GC4567 Celeste",
            "Plancha Philips GC4567 Celeste Lavanda",
            "small_appliances",
            "only one of them has: celeste",
        ),
        ("Candado Odis 40 mm", "Candados Odis 40 mm", "other", "only one of them has: candado"),
        # What follows from another word does not follow from this one.
        ("TV LG 32 HD", "Smart TV LG 32 HD", "televisions", "only one of them has: smart"),
        ("Coca-Cola 350 ml", "Coca-Cola 350 ml lata", "beverages", "only one of them has: lata"),
        ("Detergente Omo 3 L botella", "Detergente Omo 3 L doypack", "cleaning", "only one"),
        ("Helado Oreo 1 L", "Helado Galleta Oreo 1 L", "dairy", "only one"),
        # Kinds that shops do not tell apart and makers do.
        ("Licuadora Oster Vaso Vidrio", "Vaso Vidrio Licuadora Oster", "small_appliances", "part"),
        ("Aspiradora Thomas Filtro", "Filtro Aspiradora Thomas", "small_appliances", "part"),
        ("Polera Colo Colo 2024", "Camiseta Colo Colo 2024", "clothing", "two kinds"),
        ("Jumper Escolar Azul Talla 8", "Sweater Escolar Azul Talla 8", "clothing", "only one"),
        ("Chal Lana Gris", "Chaleco Lana Gris", "clothing", "only one"),
        ("Burbujero Gazillion", "Máquina de Burbujas Gazillion", "toys", "two kinds"),
        ("Taladro Bosch Professional 650W", "Taladro Bosch 650W", "tools", "only one"),
        ("Infusión Supremo Té Silueta", "Infusión Supremo Té Relajo", "groceries", "only one"),
        ("Tu Mejor Versión, Pilar Sordo", "Deja Huella, Pilar Sordo", "other", "only one"),
        ("Trapero Virutex", "Mopa Virutex", "cleaning", "two kinds"),
        ("Limpiador de baño Harpic", "Limpiador de inodoro Harpic", "cleaning", "two kinds"),
        ("Vino Reserva Gran Tarapacá", "Vino Gran Reserva Tarapacá", "beverages", "only one"),
        ("Galaxy A5 128GB", "Galaxy A 5128GB", "smartphones", "only one"),
        ("Polera Niña Colloky Rosada", "Polera Niño Colloky Rosada", "clothing", "only one"),
        ("Crema Nivea piel seca 400 ml", "Crema Nivea piel grasa 400 ml", "personal_care", "only"),
    ],
)
def test_another_product_is_a_miss_that_says_why(
    name_a: str, name_b: str, group: str, reason: str
) -> None:
    for pair in ((name_a, name_b), (name_b, name_a)):
        hit, said = judged(*pair, group)
        assert not hit
        assert said is not None
        assert reason in said


def test_shops_may_shelve_one_product_in_groups_of_one_family() -> None:
    fryer = "Freidora Philips HD9200 4,1 L Negra"
    appliances = {"group_a": "appliances", "group_b": "small_appliances"}
    assert judged(fryer, fryer, **appliances) == (True, None)
    # Nothing is forgiven then, and few words or no maker prove too little.
    assert judged(fryer, f"Oferta {fryer}", **appliances) == (True, None)
    assert not judged(fryer, fryer.replace("Freidora ", ""), **appliances)[0]
    assert not judged("Palta 1 kg", "Palta 1 kg", group_a="groceries", group_b="other")[0]


def test_what_it_is_counts_before_where_it_is_shelved() -> None:
    groups = {"group_a": "smartphones", "group_b": "other"}
    watch, phone = "Smartwatch Huawei Fit 3 Negro", "Huawei Fit 3 Negro"
    assert judged(watch, watch, **groups) == (True, None)
    assert judged(phone, phone, **groups) == (False, "category groups differ")


@pytest.mark.parametrize(
    ("field", "name_a", "name_b"),
    [
        ("Coca-Cola", "Fanta 1,5 L", "Sprite 1,5 L"),
        ("CCU", "Cerveza Cristal 470 ml", "Cerveza Escudo 470 ml"),
        ("Unilever", "Jabón Dove 90 g", "Jabón Lux 90 g"),
        ("Dell", "Notebook Dell Alienware 16GB 1TB", "Notebook Dell 16GB 1TB"),
    ],
)
def test_brands_of_one_owner_are_told_apart_by_their_names(
    field: str, name_a: str, name_b: str
) -> None:
    brands = {"brand_a": field, "brand_b": field}
    assert not judged(name_a, name_b, "beverages", **brands)[0]


def test_a_brand_may_be_said_in_full_where_the_name_goes_on() -> None:
    brands = {"brand_a": "Monster", "brand_b": "Monster Energy"}
    mango = "Monster Energy Mango 473 ml"
    assert judged(mango, mango, "beverages", **brands) == (True, None)
    assert not judged("Monster Mango 473 ml", mango, "beverages", **brands)[0]


def test_a_holding_on_the_brand_field_says_no_brand() -> None:
    brands = {"brand_a": "CCU", "brand_b": "Cristal"}
    assert judged("Cerveza Cristal 1 L", "Cristal Cerveza 1 L", "beverages", **brands)[0]
    assert not judged("Cerveza Escudo 1 L", "Cerveza Cristal 1 L", "beverages", **brands)[0]


def test_a_group_that_knows_their_words_reads_both_names() -> None:
    groups = {"group_a": "other", "group_b": "pharmacy"}
    assert judged("Omron HEM7120 brazo 30 compr.", "Omron HEM7120 brazo 30 comprimidos", **groups)[
        0
    ]


def test_a_upc_is_an_ean_without_its_zero() -> None:
    name = "Galaxy A54 128GB"
    assert judged(name, name, ean_a="0012345678905", ean_b="12345678905") == (True, None)


def test_groups_and_eans_must_not_differ() -> None:
    name = "Galaxy A54 128GB"
    assert judged(name, name, group_b="tablets") == (False, "category groups differ")
    assert judged(name, name, ean_a="7801", ean_b="7802") == (False, "EANs differ")
    assert judged(name, name, ean_a="7801", ean_b=None) == (True, None)


@pytest.mark.parametrize("kind", [*VARIANTS, "brand"])
def test_no_variant_is_taken_for_the_product(kind: str) -> None:
    pairs = [pair for pair in variant_pairs(120) if pair.kind == kind]
    assert len(pairs) >= 100
    rows = [
        (p.name_a, p.brand_a, group, p.name_b, p.brand_b, group)
        for p in pairs
        for group in ("other", "smartphones", "groceries")
    ]
    frame = pl.DataFrame(rows, schema=dict.fromkeys(SIDES, pl.String), orient="row")
    hits = frame.filter(judge_pairs(frame)["hit"])
    assert hits.is_empty(), hits.row(0)


@pytest.mark.parametrize("kind", REWORDINGS)
def test_spelling_and_order_are_no_difference(kind: str) -> None:
    pairs = [pair for pair in same_pairs(60) if pair.kind == kind]
    rows = [(p.name_a, p.brand_a, "other", p.name_b, p.brand_b, "other") for p in pairs]
    frame = pl.DataFrame(rows, schema=dict.fromkeys(SIDES, pl.String), orient="row")
    assert judge_pairs(frame)["hit"].sum() >= 0.95 * len(pairs)


@settings(max_examples=12)
@given(
    st.lists(
        st.tuples(
            st.text(max_size=30), st.none() | st.text(max_size=8), st.sampled_from(CATEGORY_GROUPS)
        ),
        min_size=2,
        max_size=8,
    )
)
def test_the_verdict_does_not_depend_on_who_is_asked_about_whom(
    listings: list[tuple[str, str | None, str]],
) -> None:
    rows = [(*a, *b) for a, b in itertools.pairwise(listings)]
    there = pl.DataFrame(rows, schema=dict.fromkeys(SIDES, pl.String), orient="row")
    back = there.rename(
        {f"{c}_{s}": f"{c}_{o}" for c in ("name", "brand", "group") for s, o in ("ab", "ba")}
    ).select(SIDES)
    assert judge_pairs(there)["hit"].to_list() == judge_pairs(back)["hit"].to_list()


def test_no_pairs_have_no_verdicts() -> None:
    assert judge_pairs(pl.DataFrame(schema=dict.fromkeys(SIDES, pl.String))).is_empty()
