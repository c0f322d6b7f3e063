"""One look at the list of models tells about the key, the last days and the successors."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta

import pytest

from normalizer_assets.config import ConfigurationError, ModelConfig, NormalizerConfig, load_config
from normalizer_assets.doctor import api as doctor
from normalizer_assets.doctor.findings import Finding
from normalizer_assets.standin.server import RunningStandin
from normalizer_assets_tests.batching.scripted_api import (
    DROPPED,
    WEB_PAGE,
    WRONG_KEY,
    Reply,
    ScriptedApi,
    error,
)

NOW = datetime(2026, 1, 15, 12, tzinfo=UTC)
CONFIG = load_config({})
TIERS = ("gpt-5-mini", "gpt-5", "gpt-4o-mini")


def day(after: int) -> date:
    return (NOW + timedelta(days=after)).date()


def configured(**changes: Mapping[str, object]) -> NormalizerConfig:
    """The shipped configuration, no last day announced, with changes to models."""
    table = {
        name: ModelConfig.model_validate(
            model.model_dump() | {"shutdown": None} | dict(changes.get(name, {}))
        )
        for name, model in CONFIG.models.items()
    }
    return CONFIG.model_copy(update={"models": table})


def listed(**shutdowns: date | None) -> dict[str, date | None]:
    return dict.fromkeys(CONFIG.models) | shutdowns


# --- the key --------------------------------------------------------------------------


def test_the_stand_in_is_told_from_the_api(standin: RunningStandin, api: ScriptedApi) -> None:
    found = doctor.ask({"OPENAI_API_KEY": "k", "OPENAI_BASE_URL": standin.url})
    assert found.source == "standin"
    assert set(TIERS) <= set(found.shutdowns)
    assert found.seconds_ahead is not None
    assert abs(found.seconds_ahead) < 2
    assert "the stand-in, no language model" in doctor.key(found).found
    real = doctor.ask({"OPENAI_API_KEY": "k", "OPENAI_BASE_URL": api.url})
    assert real.source == "openai"
    assert doctor.key(real) == Finding("ok", f"{api.url}/ answers: the API, with 4 models")
    assert api.count("GET /models") == 1


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        (WRONG_KEY, "refuses the key (Error code: 401"),
        (error(403, "no access", "forbidden"), "refuses the key (Error code: 403"),
        (DROPPED, "cannot be reached"),
        (WEB_PAGE, "gave no list of models"),
        (error(500, "broken"), "gave no list of models"),
        (error(429, "slow down"), "gave no list of models"),
        (Reply(body={"object": "list", "data": "none"}), "gave no list of models"),
    ],
)
def test_whatever_the_api_does_is_said_with_a_remedy(
    api: ScriptedApi, reply: Reply, said: str
) -> None:
    api.then("GET /models", reply)
    with pytest.raises(ConfigurationError) as caught:
        doctor.ask({"OPENAI_API_KEY": "k", "OPENAI_BASE_URL": api.url})
    text = str(caught.value)
    assert said in text
    assert f"{api.url}/" in text
    assert text.count("; ") >= 1
    assert api.count("GET /models") == 1


def test_without_a_key_nobody_is_asked() -> None:
    with pytest.raises(ConfigurationError, match="OPENAI_API_KEY is not set"):
        doctor.ask({})


@pytest.mark.parametrize(
    ("written", "ahead"),
    [
        ("Thu, 15 Jan 2026 12:00:00 GMT", 0.5),
        ("Thu, 15 Jan 2026 11:59:00 GMT", -59.5),
        ("yesterday", None),
        ("", None),
        (None, None),
    ],
)
def test_a_clock_that_is_not_told_is_not_guessed(written: str | None, ahead: float | None) -> None:
    assert doctor.seconds_ahead(written, NOW.timestamp()) == ahead


# --- models ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("days", "level"),
    [(-1, "fail"), (0, "fail"), (1, "fail"), (2, "warn"), (30, "warn"), (31, "ok"), (None, "ok")],
)
@pytest.mark.parametrize("by", ["api", "table"])
def test_last_days_are_told_in_time(days: int | None, level: str, by: str) -> None:
    last = None if days is None else day(days)
    config = configured(**{"gpt-5": {"shutdown": last if by == "table" else None}})
    names = listed(**{"gpt-5": last}) if by == "api" else None
    found = doctor.models(config, names, NOW)
    assert found.level == level
    assert "tiers.mini.model gpt-5-mini: no last day is announced" in found.found
    remedy = "`export NORMALIZER__TIERS__FULL__MODEL=gpt-6.1-sol`"
    assert (remedy in found.remedy) == (level != "ok")


def test_what_the_api_says_goes_before_the_table() -> None:
    config = configured(**{"gpt-5": {"shutdown": day(2)}})
    later = listed(**{"gpt-5": day(200)})
    assert doctor.models(config, later, NOW).level == "ok"
    # Where it says nothing, the table remembers.
    assert doctor.models(config, listed(), NOW).level == "warn"


def test_a_model_that_the_api_does_not_have_fails() -> None:
    names = listed()
    del names["text-embedding-3-small"]
    found = doctor.models(configured(), names, NOW)
    assert found.level == "fail"
    assert "embedding.model text-embedding-3-small: the API has no such model" in found.found


@pytest.mark.parametrize("names", [None, listed()])
def test_living_successors_are_named(names: Mapping[str, date | None] | None) -> None:
    found = doctor.successors(configured(), names, NOW)
    assert found == Finding("ok", "mini: gpt-6-luna\nfull: gpt-6.1-sol\nlegacy: gpt-6-luna")


def test_a_successor_that_is_gone_matters_the_more_the_sooner_it_is_needed() -> None:
    names = listed()
    del names["gpt-6.1-sol"]
    far = doctor.successors(configured(), names, NOW)
    assert far.level == "warn"
    assert "full: the API has no model gpt-6.1-sol" in far.found
    near = doctor.successors(configured(**{"gpt-5": {"shutdown": day(20)}}), names, NOW)
    assert near.level == "fail"
    assert "NORMALIZER__TIERS__FULL__MODEL" in near.remedy


def test_a_model_without_a_successor_needs_one_only_if_it_goes() -> None:
    alone = {"successor": None}
    assert doctor.successors(configured(**{"gpt-5": alone}), None, NOW).level == "ok"
    for days, level in ((200, "warn"), (20, "fail")):
        config = configured(**{"gpt-5": alone | {"shutdown": day(days)}})
        found = doctor.successors(config, None, NOW)
        assert (found.level, "full: no successor" in found.found) == (level, True)


def test_successors_are_followed_over_those_that_are_gone() -> None:
    names = listed(**{"gpt-6-luna": day(-1)})
    config = configured(**{"gpt-6-luna": {"successor": "gpt-6.1-terra"}})
    found = doctor.successors(config, names, NOW)
    assert f"mini: gpt-6.1-terra (gpt-6-luna is shut down on {day(-1)})" in found.found
