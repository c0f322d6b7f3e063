"""Scoring the basic rules on labelled listings."""

from normalizer_assets.config import load_config
from normalizer_assets.evaluation.gold import GoldListing, Label
from normalizer_assets.evaluation.rules import answer_rules, evaluate_rules

GOLD = [
    GoldListing(
        name="Samsung Galaxy A15 128GB Negro",
        category="Celulares",
        gold=Label(
            brand="SAMSUNG", model="Galaxy A15", attributes={"capacity": "128GB", "color": "negro"}
        ),
    ),
    GoldListing(
        name="Leche Entera 1 L",
        category="Lácteos",
        brand="Colun",
        gold=Label(brand="COLUN", attributes={"capacity": "1L", "volume_ml": "900"}),
    ),
]


def test_answers_come_row_for_row_in_the_form_of_the_contract() -> None:
    phone, milk = answer_rules(GOLD, load_config())
    assert set(phone) == set(milk) == {"brand", "model", "attributes", "normalized_name"}
    assert phone["model"] == "Galaxy A15"
    assert milk["brand"] == "COLUN"


def test_a_wrong_quantity_costs_its_field_and_no_other() -> None:
    result = evaluate_rules(GOLD, answer_rules(GOLD, load_config()))
    assert result["rows"] == 2
    assert result["fields"]["capacity"]["f1"] == 1
    assert result["fields"]["volume_ml"]["f1"] == 0
    assert result["fields"]["brand"]["support"] == 2
