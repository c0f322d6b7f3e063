"""`normalizer doctor`: the table, the JSON and the exit code."""

import json
from pathlib import Path

import pytest

from normalizer_assets.config import NormalizerConfig
from normalizer_assets.standin.settings import StandinSettings
from normalizer_assets_tests.cli.conftest import Typed
from normalizer_assets_tests.conftest import LIVING_MODELS


@pytest.mark.parametrize("standin_settings", [StandinSettings(models=LIVING_MODELS)])
def test_nothing_that_fails_is_exit_code_0(typed: Typed, config: NormalizerConfig) -> None:
    Path(config.paths.landing).mkdir()
    said = typed("doctor")
    assert said.code == 0, said.out
    assert said.out.endswith("17 ok, 1 warn, 0 fail\n")
    for text in ("PostgreSQL 18.4", "pgvector 0.8.5", "tiers.mini.model gpt-5-mini", "-> "):
        assert text in said.out


@pytest.mark.parametrize("standin_settings", [StandinSettings(models=LIVING_MODELS)])
def test_what_fails_is_exit_code_1_with_what_to_type(
    typed: Typed, config: NormalizerConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert config.retailers
    monkeypatch.setenv("NORMALIZER__BUDGET__DAY_USD", "0")
    said = typed("doctor", "--json")
    assert said.code == 1
    found = json.loads(said.out)
    assert found["fail"] == 1
    assert found["ok"] + found["warn"] + found["fail"] == len(found["checks"])
    [failed] = [each for each in found["checks"] if each["level"] == "fail"]
    assert failed["check"] == "budget"
    assert failed["found"].startswith("0.00 of 0.00 USD are left for ")
    assert failed["remedy"].startswith("raise `budget.day_usd`")
    table = typed("doctor")
    assert table.code == 1
    assert "-> raise `budget.day_usd`" in table.out


def test_a_configuration_that_cannot_be_read_is_a_failed_check(
    typed: Typed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NORMALIZER__BATCHING__MIN_PRODUCT", "3")
    said = typed("doctor")
    assert said.code == 1
    assert "unknown key `batching.min_product`" in said.out
    assert "Traceback" not in said.err
