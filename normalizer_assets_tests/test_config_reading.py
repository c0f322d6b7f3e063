"""What is wrong with settings is said with the file and line, or the variable."""

from pathlib import Path
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, model_validator

from normalizer_assets.config_reading import (
    ConfigurationError,
    Override,
    closest,
    overrides,
    read_settings,
)
from normalizer_assets.toml_lines import Key


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Pump(Strict):
    speed: int
    mode: Literal["slow", "fast"] = "slow"
    partner: str | None = None


class Plant(Strict):
    pumps: dict[str, Pump] = {}
    names: tuple[str, ...] = ()
    limit: int = 10

    @model_validator(mode="after")
    def _partners_exist(self) -> "Plant":
        for name, pump in self.pumps.items():
            if pump.speed > self.limit:
                raise ValueError(f'`pumps."{name}".speed` is over `limit`')
        return self


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "plant.toml"


def complaint(file: Path, text: str, variables: dict[Key, Override] | None = None) -> str:
    file.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigurationError) as caught:
        read_settings(file, variables or {}).validated(Plant)
    return str(caught.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("limit = 1\n\nlimt = 2", "plant.toml, line 3: unknown key `limt`; did you mean `limit`?"),
        ('[pumps."a.b"]\n', 'plant.toml, line 1: `pumps."a.b".speed` is missing; add it'),
        (
            "# one\r\npumps.a = { speed = 1,  sped = 2 }\r\n",
            "plant.toml, line 2: unknown key `pumps.a.sped`; did you mean `speed`?",
        ),
        (
            '[pumps."a.b"]\nmode = "fst"\nspeed = 1',
            (
                "plant.toml, line 2: `pumps.\"a.b\".mode`: Input should be 'slow' or 'fast' "
                "(given: 'fst'); did you mean `fast`?"
            ),
        ),
        (
            'names = [\n"a",\n5,\n]',
            "plant.toml, line 1: `names.1`: Input should be a valid string (given: 5)",
        ),
        (
            "limit = 3\n[pumps.a]\nspeed = 1\n[pumps.b]\nspeed = 4",
            'plant.toml, line 5: `pumps."b".speed` is over `limit`',
        ),
        ("pumps = 3", "plant.toml, line 1: `pumps`: Input should be a valid dictionary (given: 3)"),
        (
            "[pumps.a]\nspeed = 1\nspeed = 2",
            "plant.toml, line 3: not valid TOML: the key is given twice",
        ),
        ("limit = ten", "plant.toml, line 1, column 9: not valid TOML: Invalid value"),
        ("limit = [1\nnames = []", "plant.toml, line 2, column 1: not valid TOML: Unclosed array"),
        ('limit = """\n\n[pumps]\n', "plant.toml, line 3: not valid TOML: "),
    ],
)
def test_an_error_has_its_line(file: Path, text: str, message: str) -> None:
    assert complaint(file, text).startswith(message)


def test_a_file_in_another_encoding_is_said_to_be_so(file: Path) -> None:
    file.write_bytes('limit = 3\nnames = ["señal"]'.encode("latin-1"))
    with pytest.raises(ConfigurationError) as caught:
        read_settings(file, {})
    assert str(caught.value) == (
        "plant.toml, line 2: a character is not UTF-8; save the file as UTF-8"
    )


def test_a_byte_order_mark_is_no_error(file: Path) -> None:
    file.write_text("limit = 3", encoding="utf-8-sig")
    assert read_settings(file, {}).validated(Plant).limit == 3


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        (("limit",), "x", "VARIABLE: `limit`: Input should be a valid integer"),
        # The variable gives a section, and what is wrong is inside of it.
        (("pumps",), {"b": {}}, "VARIABLE: `pumps.b.speed` is missing; add it"),
        (("pumps", "b", "mode"), "slow", "VARIABLE: `pumps.b.speed` is missing; add it"),
        (("pumps", "b", "speed"), 11, 'VARIABLE: `pumps."b".speed` is over `limit`'),
        # Its limit is what the file's speed is over.
        (("limit",), 1, 'VARIABLE: `pumps."a".speed` is over `limit`'),
        (("pumps", "a", "speed", "x"), 1, "VARIABLE: `speed` is a value, not a section"),
    ],
)
def test_an_error_that_a_variable_makes_names_the_variable(
    file: Path, key: Key, value: object, message: str
) -> None:
    said = complaint(file, "[pumps.a]\nspeed = 10\n", {key: Override("VARIABLE", value)})
    assert said.startswith(message)


def test_an_error_beside_what_a_variable_sets_has_its_line(file: Path) -> None:
    variables: dict[Key, Override] = {("pumps", "a", "mode"): Override("VARIABLE", "slow")}
    said = complaint(file, "[pumps.a]\nspeed = 10\nmoed = 1", variables)
    assert said == "plant.toml, line 3: unknown key `pumps.a.moed`; did you mean `mode`?"


def test_each_wrong_key_has_a_line_of_its_own(file: Path) -> None:
    assert complaint(file, "limit = 1.5\n[pumps.a]\n[pumps.b]\nspeeed = 3").splitlines() == [
        "plant.toml, line 2: `pumps.a.speed` is missing; add it",
        "plant.toml, line 3: `pumps.b.speed` is missing; add it",
        "plant.toml, line 4: unknown key `pumps.b.speeed`; did you mean `speed`?",
        (
            "plant.toml, line 1: `limit`: Input should be a valid integer, got a number with a "
            "fractional part (given: 1.5)"
        ),
    ]


def test_a_variable_is_read_as_toml_and_else_as_text() -> None:
    environ = {"P__A__B": "[1, 2]", "P__A__C": "gpt-5", "P__D": "0.5", "OTHER": "1"}
    assert overrides(environ, "P__") == {
        ("a", "b"): Override("P__A__B", [1, 2]),
        ("a", "c"): Override("P__A__C", "gpt-5"),
        ("d",): Override("P__D", 0.5),
    }


@given(st.text(), st.lists(st.text()))
def test_a_suggestion_is_a_known_word_or_none(word: str, known: list[str]) -> None:
    assert closest(word, known) in ["", *(f"; did you mean `{name}`?" for name in known)]
