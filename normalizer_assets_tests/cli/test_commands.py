"""The entry point: help, exit codes, errors in one line."""

import pytest

from normalizer_assets.cli import COMMANDS
from normalizer_assets_tests.cli.conftest import Typed


def test_help_lists_every_command(typed: Typed) -> None:
    said = typed("--help")
    assert said.code == 0
    for name, purpose in COMMANDS.items():
        assert name in said.out
        assert purpose.split()[0] in said.out


@pytest.mark.parametrize(
    "words",
    [*([name] for name in COMMANDS), *(["db", sub] for sub in (
        "start", "stop", "url", "upgrade", "downgrade", "dump",
    ))],
)  # fmt: skip
def test_every_command_has_help(typed: Typed, words: list[str]) -> None:
    said = typed(*words, "--help")
    assert said.code == 0
    assert said.out.startswith(f"Usage: normalizer {' '.join(words)}")
    assert len(said.out.splitlines()) > 4


def test_an_unknown_command_is_a_usage_error(typed: Typed) -> None:
    said = typed("rnu")
    assert said.code == 2
    assert "No such command 'rnu'" in said.err


def test_a_wrong_configuration_is_one_line(typed: Typed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NORMALIZER__BATCHING__MIN_PRODUCT", "3")
    said = typed("stats")
    assert said.code == 1
    assert said.err == (
        "error: NORMALIZER__BATCHING__MIN_PRODUCT: unknown key `batching.min_product`; did you "
        "mean `min_products`?\n"
    )
