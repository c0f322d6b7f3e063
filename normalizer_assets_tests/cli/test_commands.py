"""The entry point: help, exit codes, errors in one line."""

import sys
from types import ModuleType

import click
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
        "Error: NORMALIZER__BATCHING__MIN_PRODUCT: unknown key `batching.min_product`; did you "
        "mean `min_products`?\n"
    )


def test_who_stops_a_command_reads_that_nothing_is_lost(
    typed: Typed, monkeypatch: pytest.MonkeyPatch
) -> None:
    @click.command("long")
    def command() -> None:
        raise KeyboardInterrupt

    module = ModuleType("normalizer_assets.cli.long")
    module.__dict__["command"] = command
    monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.setitem(COMMANDS, "long", "Takes long.")
    said = typed("long")
    assert said.code == 1
    assert said.err.strip() == "stopped; nothing is lost, type the command again to go on"


@pytest.mark.parametrize(
    ("days", "said"),
    [
        (("x", "2024-10-01"), "--from: 'x' is not a day"),
        (("2024-10-02", "2024-10-01"), "--to: 2024-10-01 is before 2024-10-02"),
    ],
)
def test_a_wrong_range_of_days_is_a_usage_error(
    typed: Typed, days: tuple[str, str], said: str
) -> None:
    wrong = typed("reprocess", "--from", days[0], "--to", days[1])
    assert wrong.code == 2
    assert said in wrong.err


def test_a_home_of_dagster_that_is_no_folder_is_one_line(
    typed: Typed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DAGSTER_HOME", "/nowhere/at/all")
    said = typed("run", "--day", "2024-10-01", "--retailer", "lider")
    assert said.code == 1
    assert said.err.startswith('Error: $DAGSTER_HOME "/nowhere/at/all" is not a directory')
    assert said.err.endswith("or unset DAGSTER_HOME\n")
