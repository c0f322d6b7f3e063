"""That README and docs name what exists, and all of it."""

import re
from pathlib import Path
from typing import get_args

import pytest
import sqlalchemy as sa
from pydantic import BaseModel

from normalizer_assets.cli import COMMANDS
from normalizer_assets.config import (
    ENVIRONMENT_PREFIX,
    AlertKind,
    NormalizerConfig,
    load_config,
)
from normalizer_assets.db import tables
from normalizer_assets_tests.pages import NAMES, ROOT, TEXT, code_of, prose, spans


def _section(name: str, heading: str) -> str:
    """Returns the text below a second-level heading that contains ``heading`` as a word."""
    parts = re.split(r"^## ", TEXT[name], flags=re.MULTILINE)
    found = [part for part in parts if re.match(rf"[^\n]*\b{heading}\b", part)]
    assert found, f"{name} has no section on {heading}"
    return found[0]


def _anchors(name: str) -> set[str]:
    """Returns a page's anchors, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", TEXT[name], re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-") for text in headings}


@pytest.mark.parametrize("table", tables.metadata.sorted_tables, ids=lambda table: table.name)
def test_every_column_is_documented_in_the_section_of_its_table(table: sa.Table) -> None:
    section = _section("docs/tables.md", table.name)
    missing = [column.name for column in table.columns if f"`{column.name}`" not in section]
    assert not missing, f"docs/tables.md, {table.name}: {missing}"


@pytest.mark.parametrize("table", tables.metadata.sorted_tables, ids=lambda table: table.name)
def test_every_state_is_documented_in_the_section_of_its_table(table: sa.Table) -> None:
    # product_rows refers to the views, which explain its words.
    heading = "normalized_products" if table.name == "product_rows" else table.name
    section = _section("docs/tables.md", heading)
    checks = [c for c in table.constraints if isinstance(c, sa.CheckConstraint)]
    words = [word for check in checks for word in re.findall(r"'(\w+)'", str(check.sqltext))]
    missing = [word for word in words if f"`{word}`" not in section]
    assert not missing, f"docs/tables.md, {table.name}: {missing}"


def test_every_column_of_the_views_is_documented() -> None:
    section = _section("docs/tables.md", "published_products")
    columns = [column.name for column in tables.PRODUCT_VIEW]
    assert not [column for column in columns if f"| `{column}` |" not in section]


@pytest.mark.parametrize("name", NAMES)
def test_every_make_target_that_a_page_names_exists(name: str) -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z]+):", makefile, re.MULTILINE))
    named = set(re.findall(r"\bmake ([a-z]+)", code_of(name)))
    assert named <= targets


def test_every_command_has_its_row() -> None:
    page = TEXT["docs/commands.md"]
    assert not [command for command in COMMANDS if f"| `normalizer {command}" not in page]


def test_every_alert_leads_to_a_chapter_of_the_runbook() -> None:
    leads = "\n".join(re.findall(r"^\| .* \| \[.*\]\(#.*$", TEXT["docs/runbook.md"], re.MULTILINE))
    assert not [kind for kind in get_args(AlertKind) if f"`{kind}`" not in leads]


def test_every_section_of_the_configuration_is_named() -> None:
    everything = "\n".join(TEXT.values())
    missing = [
        key
        for key in NormalizerConfig.model_fields
        if key != "first_day" and not re.search(rf"`\[?{key}\b", everything)
    ]
    assert not missing


@pytest.mark.parametrize("name", NAMES)
def test_every_key_of_the_configuration_that_a_page_names_exists(name: str) -> None:
    config = load_config({"NORMALIZER_CONFIG": str(ROOT / "config.gpt5.toml")})
    unknown = []
    for span in spans(prose(name)):
        first, *rest = span.partition(" = ")[0].split(".")
        named = re.fullmatch(r"[a-z_]+(\.([a-z_]+|\*))+", span.partition(" = ")[0])
        if named and first in NormalizerConfig.model_fields and not _is_key(config, [first, *rest]):
            unknown.append(span)
    assert not unknown


def _is_key(value: object, path: list[str]) -> bool:
    """Returns whether a path leads to a key; an entry of a table that is not there may be one."""
    if not path:
        return True
    first, *rest = path
    if isinstance(value, BaseModel):
        return first in type(value).model_fields and _is_key(getattr(value, first), rest)
    if isinstance(value, dict):
        return _is_key(value.get(first, next(iter(value.values()), None)), rest)
    return value is None


@pytest.mark.parametrize("name", NAMES)
def test_every_file_of_the_code_that_a_page_names_exists(name: str) -> None:
    code = code_of(name)
    files = re.findall(r"(?<![\w./<])((?:[\w-]+/)*\w+\.(?:py|json|yaml))\b", code)
    modules = [module.replace(".", "/") for module in re.findall(r"python -m ([\w.]+)", code)]
    places = (ROOT, ROOT / "normalizer_assets")
    paths = [*files, *modules]
    missing = [
        path
        for path in paths
        if not any((place / path).exists() or (place / f"{path}.py").exists() for place in places)
    ]
    assert not missing


@pytest.mark.parametrize("name", NAMES)
def test_every_internal_link_resolves(name: str) -> None:
    here = (ROOT / name).parent
    for target in re.findall(r"\]\(([^)]+)\)", TEXT[name]):
        if "://" in target:
            continue
        path, _, anchor = target.partition("#")
        file = (here / path).resolve() if path else ROOT / name
        assert file.exists(), f"{name} links to {target}"
        if anchor:
            assert anchor in _anchors(str(file.relative_to(ROOT))), f"{name} links to {target}"


def _example_variables() -> dict[str, str]:
    text = (ROOT / ".env.example").read_text(encoding="utf-8")
    return dict(re.findall(r"^#?([A-Z][A-Z_]*)=(.*)$", text, re.MULTILINE))


def test_every_variable_of_the_example_is_read() -> None:
    sources = [
        *(ROOT / "normalizer_assets").rglob("*.py"),
        *(file for file in Path(__file__).parent.rglob("*.py") if file != Path(__file__)),
    ]
    code = "\n".join(file.read_text(encoding="utf-8") for file in sources)
    plain = [name for name in _example_variables() if not name.startswith(ENVIRONMENT_PREFIX)]
    assert plain
    assert not [name for name in plain if f'"{name}"' not in code]


def test_every_overridden_key_of_the_example_exists() -> None:
    overrides = {
        name: value
        for name, value in _example_variables().items()
        if name.startswith(ENVIRONMENT_PREFIX)
    }
    assert overrides
    # An unknown section or key is refused.
    load_config({"NORMALIZER_CONFIG": str(ROOT / "config.gpt5.toml"), **overrides})


def test_the_example_holds_no_secret() -> None:
    assert not _example_variables()["OPENAI_API_KEY"]
