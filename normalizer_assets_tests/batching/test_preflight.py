"""Before money: models that are gone, and bodies that would be refused."""

import json
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any

import openai
import polars as pl
import pytest

from normalizer_assets.batching.preflight import (
    body_problems,
    check_models,
    check_requests,
    schema_problems,
)
from normalizer_assets.batching.requests import build_requests
from normalizer_assets.config import (
    ConfigurationError,
    ModelConfig,
    NormalizerConfig,
    load_config,
)
from normalizer_assets_tests.batching.listings import routed_listings
from normalizer_assets_tests.batching.scripted_api import Reply, ScriptedApi, error

CONFIG = load_config({})
NAMES = ("gpt-5", "gpt-5-mini", "gpt-4o-mini", "gpt-6-luna", "gpt-6.1-sol", "gpt-6.1-terra")


def today(days: float = 0) -> date:
    return (datetime.now(UTC) + timedelta(days=days)).date()


def configured(**models: Mapping[str, Any]) -> NormalizerConfig:
    """Returns the shipped configuration, no shutdown announced, with changes to models."""
    table = {
        name: model.model_copy(update={"shutdown": None} | dict(models.get(name, {})))
        for name, model in CONFIG.models.items()
    }
    return CONFIG.model_copy(update={"models": table})


@pytest.fixture
def client(api: ScriptedApi) -> openai.OpenAI:
    """A client that repeats nothing."""
    return openai.OpenAI(api_key="key", base_url=api.url, max_retries=0)


def offer(api: ScriptedApi, **shutdowns: Any) -> None:
    """Lets the API list all models; ``None`` leaves one out, else it is its shutdown."""
    data = []
    for name in NAMES:
        model: dict[str, Any] = {"id": name, "object": "model", "created": 1, "owned_by": "system"}
        if name in shutdowns:
            if shutdowns[name] is None:
                continue
            model["shutdown_date"] = shutdowns[name]
        data.append(model)
    api.then("GET /models", Reply(body={"object": "list", "data": data}))


def tiers(config: NormalizerConfig) -> dict[str, str]:
    return {tier: settings.model for tier, settings in config.tiers.items()}


# --- models ---------------------------------------------------------------------------


def test_models_that_live_stay(api: ScriptedApi, client: openai.OpenAI) -> None:
    offer(api, **{"gpt-5": today(30).isoformat()})
    found = check_models(configured(), client)
    assert found.switched == ()
    assert found.config == configured()


def test_a_model_that_is_gone_is_replaced_and_that_is_said(
    api: ScriptedApi, client: openai.OpenAI
) -> None:
    offer(api, **{"gpt-5-mini": None})
    found = check_models(configured(), client)
    assert tiers(found.config) == {
        "mini": "gpt-6-luna",
        "full": "gpt-5",
        "legacy": "gpt-4o-mini",
    }
    assert found.switched == (
        "tiers.mini: gpt-6-luna answers instead of gpt-5-mini, the API has no model gpt-5-mini",
    )


def test_a_successor_is_sent_its_own_effort(api: ScriptedApi, client: openai.OpenAI) -> None:
    # gpt-5 and gpt-5-mini are sent `minimal`, which neither successor accepts.
    offer(api, **{"gpt-5": None, "gpt-5-mini": None})
    config = check_models(configured(), client).config
    listings = pl.concat([routed_listings(1), routed_listings(1, tier="full", prefix="f")])
    requests = build_requests(config, listings, "batch")
    check_requests(requests, config.models)
    bodies = [json.loads(body) for body in requests["body"]]
    assert {body["model"]: body["reasoning_effort"] for body in bodies} == {
        "gpt-6-luna": "none",
        "gpt-6.1-sol": "low",
    }


@pytest.mark.parametrize(
    ("hours", "written", "switches"),
    [
        (-24, "%Y-%m-%d", True),
        (0, "%Y-%m-%d", True),
        # A batch that is sent now may still be under way tomorrow.
        (24, "%Y-%m-%d", True),
        (48, "%Y-%m-%d", False),
        (24, "%Y-%m-%dT00:00:00Z", True),
        (23, "%s", True),
        (49, "%s", False),
    ],
)
def test_a_model_must_live_for_another_day(
    api: ScriptedApi, client: openai.OpenAI, hours: int, written: str, switches: bool
) -> None:
    # Read inside the test: as a parameter, the hour would be part of the test's name, and
    # the parallel workers of pytest would then not agree on which tests there are.
    ends = datetime.now(UTC) + timedelta(hours=hours)
    shutdown = int(ends.timestamp()) if written == "%s" else ends.strftime(written)
    offer(api, **{"gpt-5": shutdown})
    found = check_models(configured(), client)
    assert tiers(found.config)["full"] == ("gpt-6.1-sol" if switches else "gpt-5")
    assert bool(found.switched) == switches
    assert all("gpt-5 is shut down on" in said for said in found.switched)


def test_the_table_remembers_what_the_api_does_not_show(
    api: ScriptedApi, client: openai.OpenAI
) -> None:
    offer(api)
    found = check_models(configured(**{"gpt-5": {"shutdown": today()}}), client)
    assert tiers(found.config)["full"] == "gpt-6.1-sol"


def test_what_the_api_says_counts_more_than_the_table(
    api: ScriptedApi, client: openai.OpenAI
) -> None:
    offer(api, **{"gpt-5": today(90).isoformat()})
    found = check_models(configured(**{"gpt-5": {"shutdown": today(-1)}}), client)
    assert tiers(found.config)["full"] == "gpt-5"


def test_a_successor_that_is_gone_too_has_a_successor(
    api: ScriptedApi, client: openai.OpenAI
) -> None:
    offer(api, **{"gpt-5": None, "gpt-6.1-sol": today().isoformat()})
    chain = configured(**{"gpt-6.1-sol": {"successor": "gpt-6.1-terra"}})
    found = check_models(chain, client)
    assert tiers(found.config)["full"] == "gpt-6.1-terra"
    [said] = found.switched
    assert said.startswith("tiers.full: gpt-6.1-terra answers instead of gpt-5, the API has no ")
    assert f"gpt-6.1-sol is shut down on {today()}" in said


@pytest.mark.parametrize("successor", [None, "gpt-5"])
def test_without_a_living_successor_nothing_is_asked(
    api: ScriptedApi, client: openai.OpenAI, successor: str | None
) -> None:
    offer(api, **{"gpt-5": None, "gpt-6.1-sol": None})
    circle = configured(**{"gpt-6.1-sol": {"successor": successor}})
    with pytest.raises(ConfigurationError, match=r"no model gpt-5;.*no model gpt-6\.1-sol") as said:
        check_models(circle, client)
    assert "no successor lives: name another model for the tier" in str(said.value)
    assert "gpt-6-luna" in str(said.value)


def test_the_configuration_may_want_to_fail_instead(
    api: ScriptedApi, client: openai.OpenAI
) -> None:
    offer(api, **{"gpt-5": None})
    with pytest.raises(ConfigurationError, match=r'`models\."gpt-5"\.when_gone` is fail'):
        check_models(configured(**{"gpt-5": {"when_gone": "fail"}}), client)


def test_an_api_that_has_none_of_the_models_is_named_as_such(
    api: ScriptedApi, client: openai.OpenAI
) -> None:
    offer(api, **dict.fromkeys(NAMES))
    with pytest.raises(ConfigurationError, match="the API has none of the table"):
        check_models(configured(), client)


@pytest.mark.parametrize("status", [401, 429, 500])
def test_a_list_that_could_not_be_read_says_nothing_about_models(
    api: ScriptedApi, client: openai.OpenAI, status: int
) -> None:
    api.then("GET /models", error(status, "no"))
    with pytest.raises(openai.APIStatusError):
        check_models(configured(), client)


# --- requests -------------------------------------------------------------------------


@pytest.mark.parametrize("step", ["batch", "individual", "legacy"])
@pytest.mark.parametrize("tier", ["mini", "full"])
def test_our_own_requests_pass(step: Any, tier: str) -> None:
    requests = build_requests(CONFIG, routed_listings(3, tier=tier), step)
    check_requests(requests, CONFIG.models)


@pytest.mark.parametrize("together", [1, 3])
@pytest.mark.parametrize("tier", ["mini", "full"])
def test_our_own_schemas_pass(tier: Any, together: int) -> None:
    strict = {"response_format": "json_schema", "listings_per_request": together}
    tiers = CONFIG.tiers | {tier: CONFIG.tiers[tier].model_copy(update=strict)}
    config = CONFIG.model_copy(update={"tiers": tiers})
    check_requests(build_requests(config, routed_listings(3, tier=tier), "batch"), CONFIG.models)


def test_a_strict_tier_without_a_schema_is_refused() -> None:
    body = {"response_format": {"type": "json_schema", "json_schema": None}}
    assert list(body_problems(body, CONFIG.models["gpt-5"])) == [
        "the schema's root must be an object, not anyOf"
    ]


@pytest.mark.parametrize("model", sorted(set(CONFIG.models) - {"text-embedding-3-small"}))
def test_every_model_of_the_table_takes_what_is_sent_to_it(model: str) -> None:
    settings = {
        tier: entry.model_copy(update={"model": model}) for tier, entry in CONFIG.tiers.items()
    }
    config = CONFIG.model_copy(update={"tiers": settings})
    check_requests(build_requests(config, routed_listings(1), "individual"), config.models)


def test_nothing_to_send_is_nothing_to_refuse() -> None:
    check_requests(build_requests(CONFIG, routed_listings(0), "batch"), CONFIG.models)


def test_a_question_that_would_be_paid_twice_is_refused() -> None:
    requests = build_requests(CONFIG, routed_listings(2), "batch")
    with pytest.raises(ConfigurationError, match="4 requests ask the same question twice"):
        check_requests(pl.concat([requests, requests]), CONFIG.models)


def test_a_table_that_does_not_fit_its_model_stops_the_shard_and_names_the_parameter() -> None:
    requests = build_requests(CONFIG, routed_listings(2), "batch")
    strict = configured(**{"gpt-5-mini": {"efforts": ("none", "low")}}).models
    with pytest.raises(ConfigurationError) as caught:
        check_requests(requests, strict)
    assert str(caught.value) == (
        "the API would refuse every request to gpt-5-mini: `reasoning_effort` 'minimal' is not "
        'accepted (accepted: none, low); correct [models."gpt-5-mini"] or the tier'
    )


def test_every_model_and_template_is_looked_at() -> None:
    mini = build_requests(CONFIG, routed_listings(2), "batch")
    full = build_requests(CONFIG, routed_listings(2, tier="full", prefix="f"), "batch")
    hot = full.with_columns(body=pl.Series([hot_body(body) for body in full["body"]]))
    with pytest.raises(ConfigurationError, match=r"gpt-5: `temperature` is not accepted"):
        check_requests(pl.concat([mini, hot]), CONFIG.models)


def hot_body(body: str) -> str:
    return json.dumps(json.loads(body) | {"temperature": 0.1})


# --- bodies ---------------------------------------------------------------------------

REASONING = ModelConfig(input_usd=1, efforts=("minimal", "low"), reasoning_effort="minimal")
PLAIN = ModelConfig(input_usd=1, temperature=True, max_tokens_parameter="max_tokens")


@pytest.mark.parametrize(
    ("model", "body", "problems"),
    [
        (REASONING, {"max_completion_tokens": 10, "reasoning_effort": "minimal"}, []),
        (PLAIN, {"max_tokens": 10, "temperature": 0.1}, []),
        (
            REASONING,
            {"max_tokens": 10},
            ["`max_tokens` is not accepted, `max_completion_tokens` is"],
        ),
        (
            PLAIN,
            {"max_completion_tokens": 10},
            ["`max_completion_tokens` is not accepted, `max_tokens` is"],
        ),
        (REASONING, {"temperature": 1}, ["`temperature` is not accepted"]),
        (PLAIN, {"reasoning_effort": "low"}, ["`reasoning_effort` 'low' is not accepted"]),
        (
            REASONING,
            {"reasoning_effort": "none"},
            ["`reasoning_effort` 'none' is not accepted (accepted: minimal, low)"],
        ),
        (PLAIN, {"max_tokens": 0}, ["`max_tokens` must be at least 1"]),
        (
            PLAIN,
            {"response_format": {"type": "json_object"}, "messages": [{"content": "Hola"}]},
            ["`messages` must contain the word 'json' to use json_object"],
        ),
        (
            PLAIN,
            {"response_format": {"type": "json_object"}, "messages": [{"content": "JSON"}]},
            [],
        ),
        (PLAIN, {"response_format": {"type": "text"}, "messages": [{"content": "Hola"}]}, []),
        (
            REASONING,
            {"max_tokens": 1, "temperature": 1},
            [
                "`max_tokens` is not accepted, `max_completion_tokens` is",
                "`temperature` is not accepted",
            ],
        ),
        (
            PLAIN,
            {"response_format": {"type": "json_schema", "json_schema": {"schema": {"type": "a"}}}},
            ["the schema's root must be an object, not anyOf"],
        ),
    ],
)
def test_a_body_says_what_its_model_would_refuse(
    model: ModelConfig, body: dict[str, Any], problems: list[str]
) -> None:
    assert list(body_problems(body, model)) == problems


# --- schemas --------------------------------------------------------------------------


def an_object(**properties: Any) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": sorted(properties),
        "additionalProperties": False,
    }


TEXT = {"type": ["string", "null"]}


def test_a_strict_schema_passes() -> None:
    schema = an_object(
        brand=TEXT,
        attributes=an_object(color=TEXT),
        words={"type": "array", "items": an_object(word=TEXT)},
        either={"anyOf": [an_object(a=TEXT), {"type": "null"}]},
        same={"$ref": "#/$defs/same"},
    ) | {"$defs": {"same": an_object(x=TEXT)}}
    assert list(schema_problems(schema)) == []


@pytest.mark.parametrize(
    ("schema", "problem"),
    [
        ({"type": "array", "items": TEXT}, "the schema's root must be an object"),
        ({"anyOf": [an_object(a=TEXT)]}, "the schema's root must be an object, not anyOf"),
        (an_object(a=TEXT) | {"required": []}, "schema: `required` must name every property"),
        (
            an_object(a=an_object(b=TEXT, c=TEXT) | {"required": ["c"]}),
            "schema.a: `required` must name every property; missing: b",
        ),
        (
            an_object(a=an_object(b=TEXT) | {"additionalProperties": True}),
            "schema.a: `additionalProperties` must be false",
        ),
        (
            an_object(a={"type": "array", "items": an_object(b=TEXT) | {"required": []}}),
            "schema.a.items: `required`",
        ),
        (
            an_object(a={"anyOf": [{"type": "null"}, {"type": "object", "properties": {}}]}),
            "schema.a.anyOf[1]: `additionalProperties` must be false",
        ),
        (
            an_object(a={"$ref": "#/$defs/x", "default": None}),
            "schema.a: `$ref` cannot have other keywords",
        ),
        (an_object(a={"allOf": [TEXT]}), "schema.a: `allOf` is not supported"),
        (an_object() | {"$defs": {"x": {"not": TEXT}}}, "schema.x: `not` is not supported"),
    ],
)
def test_a_schema_says_what_strict_mode_would_refuse(schema: dict[str, Any], problem: str) -> None:
    assert any(problem in said for said in schema_problems(schema))
