import json
import math
from collections.abc import Mapping
from typing import Any, get_args

import pytest

from normalizer_assets.config import Band, PackName, TemplateName, load_config
from normalizer_assets.evaluation.answer_lengths import (
    SPECIFICATION,
    answer_tokens,
    reply_text,
    right_answers,
    strict_reply_text,
)
from normalizer_assets.pricing.estimates import STRICT_ANSWER_TOKENS, TYPICAL_ANSWER_TOKENS


@pytest.fixture(scope="module")
def answers() -> list[tuple[Band, Mapping[str, Any]]]:
    return right_answers(load_config({}))


@pytest.mark.parametrize("template", [*get_args(TemplateName), *get_args(PackName)])
def test_estimates_use_the_mean_length_of_right_answers_rounded_up(
    answers: list[tuple[Band, Mapping[str, Any]]], template: TemplateName | PackName
) -> None:
    counts = answer_tokens(template, answers)
    assert len(counts) > 300
    assert TYPICAL_ANSWER_TOKENS[template] == math.ceil(counts.sum() / len(counts))
    strict = answer_tokens(template, answers, strict_reply_text)
    assert STRICT_ANSWER_TOKENS[template] == math.ceil(strict.sum() / len(strict))


def test_answers_are_those_of_the_specification_and_of_the_labels(
    answers: list[tuple[Band, Mapping[str, Any]]],
) -> None:
    assert answers[: len(SPECIFICATION)] == list(SPECIFICATION)
    assert {band for band, _ in answers} == {"simple", "medium", "complex"}


def test_an_answer_is_written_as_its_template_shows_it() -> None:
    cola = SPECIFICATION[1][1]
    assert reply_text("BATCH", cola) == (
        '{"b":"COCA-COLA","m":"Original","a":{"c":"2L","flavor":"original"},"cf":0.95}'
    )
    assert reply_text("PACKED_SIMPLE", cola) == f'"17":{reply_text("BATCH", cola)},'
    detailed = reply_text("DETAILED", cola)
    assert detailed.startswith('{\n  "brand": "COCA-COLA"')
    assert json.loads(detailed)["normalized_name"] == "COCA-COLA Original 2L"


def test_a_strict_answer_is_written_as_its_schema_demands() -> None:
    cola = SPECIFICATION[1][1]
    fields = (
        '"b":"COCA-COLA","m":"Original","a":{"c":"2L","cl":null,"s":null},'
        '"x":[{"k":"flavor","v":"original"}],"cf":0.95'
    )
    assert strict_reply_text("BATCH", cola) == f"{{{fields}}}"
    assert strict_reply_text("PACKED_SIMPLE", cola) == f'{{"i":17,{fields}}},'
