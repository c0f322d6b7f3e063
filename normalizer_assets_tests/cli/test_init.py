"""`normalizer init`: what it writes works, and what is there stays as it is."""

import json
import re
import shlex
import tomllib
from pathlib import Path

import pytest

from normalizer_assets.cli.init import SHIPPED
from normalizer_assets.config import NormalizerConfig
from normalizer_assets_tests.cli.conftest import Typed

WRITTEN = [
    ".env.example",
    "config.gpt5.toml",
    "data/landing/2024-10-01/lider.csv",
    "data/landing/README.md",
]


@pytest.fixture
def folder(tmp_path: Path, config: NormalizerConfig, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where nothing is yet; database and stand-in are the test's own."""
    assert config.retailers
    for variable in ("NORMALIZER__PATHS__DATA", "NORMALIZER_LANDING", "NORMALIZER_STORAGE"):
        monkeypatch.delenv(variable)
    return tmp_path / "new" / "shop"


def files(folder: Path) -> list[str]:
    return sorted(str(file.relative_to(folder)) for file in folder.rglob("*") if file.is_file())


def test_it_writes_what_is_shipped_and_a_tiny_example(folder: Path, typed: Typed) -> None:
    said = typed("init", str(folder))
    assert said.code == 0
    assert files(folder) == WRITTEN
    for name in WRITTEN:
        assert f"written  {folder / name}\n" in said.out
    for name in ("config.gpt5.toml", ".env.example"):
        assert (folder / name).read_bytes() == (SHIPPED / name).read_bytes()
    assert tomllib.loads((folder / "config.gpt5.toml").read_text())["retailers"]["lider"]
    assert len((folder / "data/landing/README.md").read_text().splitlines()) == 1


def test_nothing_that_exists_is_changed(folder: Path, typed: Typed) -> None:
    assert typed("init", str(folder)).code == 0
    for name in WRITTEN:
        (folder / name).write_text(f"mine: {name}")
    (folder / "config.gpt5.toml").unlink()
    said = typed("init", str(folder))
    assert said.code == 0
    assert f"written  {folder / 'config.gpt5.toml'}\n" in said.out
    for name in (".env.example", "data/landing"):
        assert f"exists   {folder / name}, left as it is\n" in said.out
    for name in set(WRITTEN) - {"config.gpt5.toml"}:
        assert (folder / name).read_text() == f"mine: {name}"


def test_a_landing_folder_in_use_gets_no_example(folder: Path, typed: Typed) -> None:
    (folder / "data" / "landing" / "2026-01-01").mkdir(parents=True)
    assert typed("init", str(folder)).code == 0
    assert files(folder) == WRITTEN[:2]


def test_estimate_works_on_what_it_wrote(
    folder: Path, typed: Typed, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert typed("init", str(folder)).code == 0
    monkeypatch.setenv("NORMALIZER_CONFIG", str(folder / "config.gpt5.toml"))
    said = typed("estimate", "--day", "2024-10-01", "--retailer", "lider", "--json")
    assert said.code == 0
    assert json.loads(said.out)["listings"] == 5


@pytest.mark.slow
def test_what_it_says_to_type_next_works(
    folder: Path, typed: Typed, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = typed("init", str(folder))
    commands = re.findall(r"^  (.+?)(?: +#.*)?$", said.out, re.MULTILINE)
    assert commands[0] == f"cd {folder}"
    monkeypatch.chdir(folder)
    typed_too = [shlex.split(line) for line in commands if line.startswith("normalizer ")]
    assert [words[1] for words in typed_too] == ["doctor", "estimate", "standin", "run", "stats"]
    for words in typed_too:
        # The stand-in runs already, and doctor knows of the shipped models' last days.
        if words[1] not in ("standin", "doctor"):
            assert typed(*words[1:]).code == 0, words
    doctor = json.loads(typed("doctor", "--json").out)
    assert {each["check"] for each in doctor["checks"] if each["level"] == "fail"} <= {
        "models", "successors",
    }  # fmt: skip
    assert files(folder)[:2] == WRITTEN[:2]


def test_variables_that_lead_elsewhere_are_named(
    folder: Path, typed: Typed, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "unset" not in typed("init", str(folder)).out
    monkeypatch.setenv("NORMALIZER_CONFIG", "other.toml")
    monkeypatch.setenv("NORMALIZER_LANDING", "elsewhere")
    assert "  unset NORMALIZER_CONFIG NORMALIZER_LANDING\n" in typed("init", str(folder)).out


def test_without_a_folder_it_is_this_one(
    folder: Path, typed: Typed, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder.mkdir(parents=True)
    monkeypatch.chdir(folder)
    assert typed("init").code == 0
    assert files(folder) == WRITTEN


def test_a_file_in_the_place_of_the_folder_is_a_usage_error(tmp_path: Path, typed: Typed) -> None:
    (tmp_path / "file").write_text("x")
    said = typed("init", str(tmp_path / "file"))
    assert said.code == 2
    assert "Traceback" not in said.err
