import json
from typing import Any, get_args

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from normalizer_assets.answers.parsing import parse_content
from normalizer_assets.config import NormalizerConfig, PackName, TemplateName, load_config
from normalizer_assets.prompting.templates import PACKED, render, render_packed
from normalizer_assets.standin.answers import Answerer, Question, parse_packed, parse_prompt

TEMPLATES: tuple[TemplateName, ...] = get_args(TemplateName)
PHONE = "iPhone 15 Pro Max 256GB Negro"
# Words that no template and no other field begins with, as cleaned listings have them.
words = st.lists(st.from_regex(r"[A-Za-zñáé0-9][\w.,'\"{}()+-]{0,8}", fullmatch=True), min_size=1)
names = words.map(" ".join)


@pytest.fixture(scope="module")
def config() -> NormalizerConfig:
    return load_config({})


def listings_of(questions: list[Question]) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "name": [question.name for question in questions],
            "category": [question.category for question in questions],
            "price": [question.price for question in questions],
            "sku": "A-1",
        },
        schema_overrides={"category": pl.String, "price": pl.Int64},
    )


def prompt_of(template: TemplateName, *listing: Any) -> str:
    return str(render(template, listings_of([Question(template, *listing)]), "Falabella")[0])


@given(
    st.sampled_from(TEMPLATES), names, names | st.none(), st.integers(0, 100_000_000) | st.none()
)
def test_every_rendered_prompt_is_read_back(
    template: TemplateName, name: str, category: str | None, price: int | None
) -> None:
    assert parse_prompt(prompt_of(template, name, category, price)) == Question(
        template, name, category, price
    )


def test_a_name_with_a_separator_is_one_product_in_every_template() -> None:
    questions = [parse_prompt(prompt_of(name, "Té | Hierbas", None, None)) for name in TEMPLATES]
    assert {question.name for question in questions if question} == {"Té / Hierbas"}


@given(st.text())
def test_any_other_prompt_is_none_of_the_five(text: str) -> None:
    assert parse_prompt(text) is None


@pytest.mark.parametrize(
    ("template", "keys", "attribute_keys"),
    [
        ("BATCH", "b m a cf", "c cl s"),
        ("MINIMAL", "brand model attrs conf", "cap color size"),
        ("STANDARD", "brand model attributes confidence", "capacity color size"),
        (
            "DETAILED",
            "brand model attributes normalized_name confidence category_suggestion",
            "capacity color size ram network volume_ml screen_type",
        ),
        ("FALLBACK", "brand model attributes confidence", "capacity color"),
    ],
)
def test_an_answer_has_the_keys_that_its_template_asks_for(
    template: TemplateName, keys: str, attribute_keys: str, config: NormalizerConfig
) -> None:
    [content] = Answerer(0, 0.0, config).contents([Question(template, PHONE, "Celulares", 1)])
    answer = json.loads(content.removeprefix("```json").removesuffix("```"))
    assert list(answer) == keys.split()
    attributes = next(value for value in answer.values() if isinstance(value, dict))
    assert set(attribute_keys.split()) <= set(attributes)


def values(content: str) -> dict[str, Any]:
    answer = parse_content(content)
    return answer.model_dump(exclude={"normalized_name", "category_suggestion"})


def phones(template: TemplateName, count: int) -> list[Question]:
    return [
        Question(template, f"Samsung Galaxy A{n} 128GB Azul", "Celulares") for n in range(count)
    ]


def test_an_individual_call_repeats_the_value_of_the_batch(config: NormalizerConfig) -> None:
    answerer = Answerer(5, 0.5, config)
    in_batch = answerer.contents(phones("BATCH", 40))
    for number, question in enumerate(phones("MINIMAL", 40)[:10]):
        [alone] = answerer.contents([question])
        assert values(alone) == values(in_batch[number])


def test_another_seed_or_tier_disagrees_elsewhere(config: NormalizerConfig) -> None:
    mini = [values(text) for text in Answerer(5, 0.5, config).contents(phones("BATCH", 40))]
    other_seed = [values(text) for text in Answerer(6, 0.5, config).contents(phones("BATCH", 40))]
    full = [values(text) for text in Answerer(5, 0.5, config).contents(phones("DETAILED", 40))]
    assert mini != other_seed
    assert mini != full


def test_the_set_share_of_answers_is_wrong(config: NormalizerConfig) -> None:
    questions = phones("BATCH", 1000)
    right = [values(text) for text in Answerer(0, 0.0, config).contents(questions)]
    given = [values(text) for text in Answerer(0, 0.1, config).contents(questions)]
    wrong = sum(one != other for one, other in zip(right, given, strict=True))
    assert 70 < wrong < 130


def test_every_disagreement_changes_the_answer_and_can_be_parsed(config: NormalizerConfig) -> None:
    questions = phones("BATCH", 300)
    right = [values(text) for text in Answerer(0, 0.0, config).contents(questions)]
    wrong = [values(text) for text in Answerer(0, 1.0, config).contents(questions)]
    assert all(one != other for one, other in zip(right, wrong, strict=True))
    assert {answer["brand"] for answer in wrong} > {"SAMSUNG"}
    assert any(answer["attributes"].get("capacity") in ("64GB", "256GB") for answer in wrong)
    assert any("capacity" not in answer["attributes"] for answer in wrong)
    assert any(answer["model_confidence"] < 0.5 for answer in wrong)


def test_some_answers_come_fenced_spaced_or_with_numbers(config: NormalizerConfig) -> None:
    contents = Answerer(0, 0.0, config).contents(
        [Question("BATCH", f"Bebida Cola {n} botella 2L", "Bebidas") for n in range(400)]
    )
    assert any(content.startswith("```json\n") for content in contents)
    assert any('"2 L"' in content for content in contents)
    assert any('"volume_ml": 2000' in content for content in contents)
    assert any('"volume_ml": "2000"' in content for content in contents)


def test_the_brand_that_a_listing_does_not_state_stays_null(config: NormalizerConfig) -> None:
    [content] = Answerer(0, 0.0, config).contents([Question("BATCH", "Arroz Grado 1", None, 990)])
    assert parse_content(content).brand is None


def test_no_questions_have_no_answers(config: NormalizerConfig) -> None:
    assert Answerer(0, 0.0, config).contents([]) == []


# --- several listings -----------------------------------------------------------------

PACKS: tuple[PackName, ...] = get_args(PackName)


@settings(max_examples=40)
@given(
    st.sampled_from(PACKS),
    st.lists(
        st.tuples(names, names | st.none(), st.integers(0, 10**8) | st.none()),
        min_size=2,
        max_size=3,
    ),
)
def test_every_packed_prompt_is_read_back(
    template: PackName, listings: list[tuple[str, str | None, int | None]]
) -> None:
    questions = [Question(template, *listing) for listing in listings]
    [prompt] = render_packed(template, listings_of(questions), len(questions))
    assert parse_packed(prompt) == questions
    assert parse_prompt(prompt) is None


@pytest.mark.parametrize(
    "lines", ["", "1|Arroz|x", "2|Arroz|x|1", "1|Arroz|x|1\n3|Té|x|1", "1|a|b|c|1", "uno|a|b|1"]
)
def test_any_other_list_is_no_packed_prompt(lines: str) -> None:
    assert parse_packed(PACKED["PACKED_SIMPLE"] + lines) == []


@pytest.mark.parametrize(
    ("packed", "alone"), [("PACKED_SIMPLE", "BATCH"), ("PACKED_DETAILED", "DETAILED")]
)
def test_a_packed_answer_repeats_the_value_of_the_call(
    packed: PackName, alone: TemplateName, config: NormalizerConfig
) -> None:
    answerer = Answerer(5, 0.5, config)
    names_ = [question.name for question in phones(alone, 10)]
    questions = [Question(packed, name, "Celulares") for name in names_]
    content = answerer.content(questions, answerer.answers(questions))
    assert "null" not in content
    given_ = json.loads(content.removeprefix("```json").removesuffix("```"))
    assert list(given_) == [str(number) for number in range(1, 11)]
    together = [values(json.dumps(answer)) for answer in given_.values()]
    assert together == [values(text) for text in answerer.contents(phones(alone, 10))]
