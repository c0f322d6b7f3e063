"""A person's configuration file keeps everything but the keys that are written."""

import os
import re
import stat
import tomllib
from pathlib import Path

import pytest

from normalizer_assets.config import DEFAULT_CONFIG_FILE, ConfigurationError, load_config
from normalizer_assets.config_writing import (
    Settings,
    as_toml,
    overriding_variables,
    write_settings,
)

SHIPPED = (Path(__file__).parents[1] / DEFAULT_CONFIG_FILE).read_text(encoding="utf-8")
SETTINGS: Settings = {
    "router.medium_from": 0.2871,
    "router.complex_from": 0.4312,
    "router.full_shares": {"falabella": 0.078, "jumbo": 0.0},
    "router.weights.length": 0.0,
}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    file = tmp_path / "my.toml"
    file.write_bytes(SHIPPED.encode())
    return file


def test_the_written_values_are_loaded_again(file: Path) -> None:
    before = load_config({"NORMALIZER_CONFIG": str(file)})
    write_settings(file, SETTINGS)
    after = load_config({"NORMALIZER_CONFIG": str(file)})
    assert (after.router.medium_from, after.router.complex_from) == (0.2871, 0.4312)
    assert after.router.full_shares == {"falabella": 0.078, "jumbo": 0}
    assert after.router.weights.length == 0
    assert after.router.technical_terms == before.router.technical_terms
    assert after.model_copy(update={"router": before.router}) == before
    assert list(file.parent.iterdir()) == [file]


def test_every_other_line_stays_as_it_is(file: Path) -> None:
    commented = SHIPPED.replace("medium_from = 0.30\n", "medium_from = 0.30  # Ana, 3 May\n")
    assert commented != SHIPPED
    file.write_bytes(commented.encode())
    write_settings(file, SETTINGS)
    written = file.read_text(encoding="utf-8")
    assert "medium_from = 0.2871  # Ana, 3 May\n" in written
    changed = re.compile(r"(medium_from|complex_from|falabella|jumbo|length) = [0-9].*\n")
    assert changed.sub("", written) == changed.sub("", commented)
    # Written once more, nothing changes.
    write_settings(file, SETTINGS)
    assert file.read_text(encoding="utf-8") == written


def test_a_whole_section_is_replaced_and_its_comments_stay(tmp_path: Path) -> None:
    file = tmp_path / "my.toml"
    text = """\
[router]
medium_from = 0.3

# What Ana measured.
[router.full_shares]
# a supermarket
jumbo = 0.1  # May
paris = 0.2

# --- money
[budget]
day_usd = 1
"""
    file.write_text(text, encoding="utf-8")
    write_settings(file, {"router.full_shares": {"hites": 0.3, "jumbo": 0.0}})
    written = text.replace("jumbo = 0.1", "jumbo = 0.0").replace("paris = 0.2", "hites = 0.3")
    assert file.read_text(encoding="utf-8") == written
    write_settings(file, {"router.full_shares": {}})
    emptied = text.replace("jumbo = 0.1  # May\nparis = 0.2\n", "")
    assert file.read_text(encoding="utf-8") == emptied


def test_a_new_section_leaves_comments_with_what_follows_them(tmp_path: Path) -> None:
    file = tmp_path / "my.toml"
    above = "[router]\nmedium_from = 0.3\n\n[router.weights]\nlength = 1  # May\n# no more\n"
    below = "\n# --- money\n\n# A day's.\n[budget]\nday_usd = 1\n"
    file.write_text(above + below, encoding="utf-8")
    added: Settings = {
        "router.complex_from": 0.5,
        "router.full_shares": {"jumbo": 0.1},
        "router.weights.price": 2,
    }
    write_settings(file, added)
    above = above.replace("0.3\n", "0.3\ncomplex_from = 0.5\n")
    assert file.read_text(encoding="utf-8") == (
        f"{above}price = 2\n\n[router.full_shares]\njumbo = 0.1\n{below}"
    )


def test_line_ends_and_permissions_stay(file: Path) -> None:
    file.write_bytes(SHIPPED.replace("\n", "\r\n").encode())
    file.chmod(0o640)
    write_settings(file, {"router.complex_from": 0.4312})
    written = file.read_bytes().decode()
    assert written.count("\r\n") == written.count("\n") == SHIPPED.count("\n")
    assert stat.S_IMODE(file.stat().st_mode) == 0o640


@pytest.mark.parametrize(
    "text",
    ["", "first_day = 2021-01-01\n", "[router]\n[tiers]\n", "[router.weights]\nlength = 1\n"],
)
def test_missing_sections_are_added(tmp_path: Path, text: str) -> None:
    file = tmp_path / "my.toml"
    file.write_text(text, encoding="utf-8")
    write_settings(file, SETTINGS)
    written = file.read_text(encoding="utf-8")
    assert written.count("[router.full_shares]\nfalabella = 0.078\njumbo = 0.0\n") == 1
    assert written.count("[router.weights]\nlength = 0.0") == 1


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("router = { medium_from = 0.3 }\n", "cannot be changed"),
        ("router.medium_from = 0.3\n[tiers]\n", None),
        ("router.medium_from = 0.3\nfirst_day = 2021-01-01\n", "without changing other keys"),
        ("router = 1\n", "cannot be changed"),
        ("[router\n", "cannot be changed"),
    ],
)
def test_a_file_that_cannot_be_changed_in_place_is_left_alone(
    tmp_path: Path, text: str, why: str | None
) -> None:
    file = tmp_path / "my.toml"
    file.write_text(text, encoding="utf-8")
    if why is None:
        write_settings(file, SETTINGS)
        written = tomllib.loads(file.read_text(encoding="utf-8"))
        assert written["router"]["full_shares"] == {"falabella": 0.078, "jumbo": 0}
        return
    with pytest.raises(ConfigurationError, match=why) as refused:
        write_settings(file, SETTINGS)
    assert "put in by hand:\n[router]\nmedium_from = 0.2871" in str(refused.value)
    assert file.read_text(encoding="utf-8") == text


def test_settings_are_shown_as_the_lines_to_put_in() -> None:
    assert as_toml(SETTINGS) == (
        "[router]\nmedium_from = 0.2871\ncomplex_from = 0.4312\n\n"
        "[router.full_shares]\nfalabella = 0.078\njumbo = 0.0\n\n"
        "[router.weights]\nlength = 0.0"
    )


def test_variables_that_hide_a_key_or_its_section_are_found() -> None:
    environ = {
        "NORMALIZER__ROUTER__COMPLEX_FROM": "0.5",
        "NORMALIZER__ROUTER__WEIGHTS": "{}",
        "NORMALIZER__ROUTER__WEIGHTS__PRICE": "0",
        "NORMALIZER__ROUTER__FULL_SHARES__PARIS": "0.1",
        "NORMALIZER__ROUTER__LENGTH_SATURATION": "1",
        "NORMALIZER__BUDGET__DAY_USD": "1",
        "NORMALIZER_CONFIG": "x",
    }
    assert overriding_variables(SETTINGS, environ) == [
        "NORMALIZER__ROUTER__COMPLEX_FROM",
        "NORMALIZER__ROUTER__FULL_SHARES__PARIS",
        "NORMALIZER__ROUTER__WEIGHTS",
    ]
    assert overriding_variables(["router.medium_from"], {"NORMALIZER__ROUTER": "{}"}) == [
        "NORMALIZER__ROUTER"
    ]
    assert overriding_variables(SETTINGS, os.environ) == []
