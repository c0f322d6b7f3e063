from decimal import Decimal

from normalizer_assets.pricing.savings import savings_percent


def test_paying_less_is_a_saving_and_paying_more_a_negative_one() -> None:
    assert savings_percent(Decimal("0.25"), Decimal(1)) == 75.0
    assert savings_percent(Decimal("1.5"), Decimal(1)) == -50.0


def test_nothing_to_compare_with_saves_nothing() -> None:
    assert savings_percent(Decimal(1), Decimal(0)) == 0.0
