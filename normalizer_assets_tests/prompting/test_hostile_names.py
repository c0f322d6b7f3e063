"""No product name breaks a request, adds a field or a line to it, or fills another's place."""

import json
import re
import unicodedata
from typing import get_args

import polars as pl
import pytest

from normalizer_assets.config import PackName, TemplateName, Tier, load_config
from normalizer_assets.prompting.bodies import batch_lines, request_bodies, request_body
from normalizer_assets.prompting.templates import PACKED, TEMPLATES, render, render_packed
from normalizer_assets_tests.prompting.hostile_names import HOSTILE_NAMES

CONFIG = load_config({})
FIELD = re.compile(r"\{(name|category|price|retailer|sku)\}")


def in_one_line(text: str) -> str:
    """What is left of text that must not make a line, a field or a mark of its own."""
    breaking = (unicodedata.category(sign) in ("Cc", "Cf", "Zs", "Zl", "Zp") for sign in text)
    spaced = "".join(" " if breaks else sign for sign, breaks in zip(text, breaking, strict=True))
    return re.sub(" +", " ", spaced).strip(" ")


NAMES = [one.name for one in HOSTILE_NAMES if in_one_line(one.name)]


def hostile_listings() -> pl.DataFrame:
    """Every hostile name, in all of a listing's own texts at once."""
    names = pl.Series("name", NAMES)
    return pl.DataFrame([names, names.alias("category"), names.alias("sku")]).with_columns(
        price=pl.int_range(1, pl.len() + 1)
    )


def test_there_are_enough_hostile_names_and_all_differ() -> None:
    assert len(set(NAMES)) == len(NAMES) >= 50


@pytest.mark.parametrize("template", get_args(TemplateName))
def test_a_prompt_is_the_template_with_the_listing_in_its_places(template: TemplateName) -> None:
    wording = TEMPLATES[template]
    prompts = render(template, hostile_listings(), 'Shop "{price}"\nSKU: 1')
    for number, (name, prompt) in enumerate(zip(NAMES, prompts, strict=True), 1):
        own = in_one_line(name)
        if "|" in wording:
            own = own.replace("|", "/")
            assert prompt.count("|") == wording.count("|")
        places = dict.fromkeys(("name", "category", "sku"), own)
        places |= {"price": str(number), "retailer": 'Shop "{price}" SKU: 1'}
        # Every other part is a field's name; joined, no part is looked into again.
        parts = FIELD.split(wording)
        parts[1::2] = [places[field] for field in parts[1::2]]
        assert prompt == "".join(parts)
        assert len(prompt.splitlines()) == len(wording.splitlines())


@pytest.mark.parametrize("template", get_args(TemplateName))
@pytest.mark.parametrize("tier", get_args(Tier))
def test_a_line_of_a_batch_is_one_request_of_one_system_and_one_user_message(
    template: TemplateName, tier: Tier
) -> None:
    settings, model = CONFIG.tiers[tier], CONFIG.model_of(tier)
    prompts = render(template, hostile_listings(), "Lider")
    bodies = request_bodies(settings.model, model, settings, prompts)
    keys = request_body(settings.model, model, settings, "x").keys()
    ids = pl.Series([f'batch_0a1b2c_{number}_"\n\\' for number in range(len(NAMES))])
    for line, custom_id, prompt in zip(batch_lines(ids, bodies), ids, prompts, strict=True):
        assert len(line.splitlines()) == 1
        request = json.loads(line)
        assert list(request) == ["custom_id", "method", "url", "body"]
        assert request["custom_id"] == custom_id
        assert request["body"].keys() == keys
        assert request["body"]["model"] == settings.model
        assert request["body"]["messages"] == [
            {"role": "system", "content": settings.system},
            {"role": "user", "content": prompt},
        ]


@pytest.mark.parametrize("template", get_args(PackName))
def test_of_several_listings_in_a_prompt_each_keeps_its_line_and_its_four_fields(
    template: PackName,
) -> None:
    [prompt] = render_packed(template, hostile_listings(), len(NAMES))
    lines = prompt.removeprefix(PACKED[template]).splitlines()
    assert [line.split("|") for line in lines] == [
        [str(number), own, own, str(number)]
        for number, name in enumerate(NAMES, 1)
        for own in [in_one_line(name).replace("|", "/")]
    ]
