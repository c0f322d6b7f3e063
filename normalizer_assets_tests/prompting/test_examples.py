"""Examples say what was answered, on one line each, and cost about what is estimated."""

from normalizer_assets.prompting.examples import HEADING, TYPICAL_TOKENS, examples_text
from normalizer_assets.prompting.tokens import count_tokens

PHONE = {
    "brand": "SAMSUNG",
    "model": "Galaxy A35 5G",
    "attributes": {"capacity": "128GB", "ram": "6GB", "color": "negro", "network": "5G"},
    "normalized_name": "SAMSUNG Galaxy A35 5G 6GB 128GB negro",
}


def test_an_example_is_one_line_with_what_the_answer_says() -> None:
    text = examples_text([("Celular Galaxy A35\n128GB", PHONE | {"model": None})])
    assert text is not None
    assert text.startswith(HEADING)
    [line] = text.removeprefix(HEADING).splitlines()
    assert line.startswith('Celular Galaxy A35 128GB -> {"brand":"SAMSUNG","attributes":')
    assert "model" not in line


def test_without_examples_there_is_no_heading() -> None:
    assert examples_text([]) is None


def test_an_example_costs_about_what_is_estimated() -> None:
    name = "Smartphone Samsung Galaxy A35 5G 6GB RAM 128GB Negro Liberado"
    text = examples_text([(name, PHONE)] * 3)
    assert text is not None
    each = count_tokens([text])[0] / 3
    assert 0.7 * TYPICAL_TOKENS < each < 1.3 * TYPICAL_TOKENS
