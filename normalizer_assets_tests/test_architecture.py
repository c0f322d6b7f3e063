"""The arrows between packages go one way, and the phases know nothing of Dagster."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "normalizer_assets"
PHASES = (
    "intake", "grammar", "routing", "prompting", "batching", "answers", "publishing", "cache",
    "pricing", "db", "review", "matching", "alerts",
)  # fmt: skip
COMPOSITIONS = ("pipeline", "direct")
"""Modules that put phases together for whoever calls: assets, the facade, the fault harness."""


def imported_modules(file: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def arrows() -> dict[str, set[str]]:
    """Each top-level room -> the rooms that it imports from."""
    found: dict[str, set[str]] = {}
    for file in PACKAGE.rglob("*.py"):
        room = file.relative_to(PACKAGE).parts[0].removesuffix(".py")
        targets = {
            module.split(".")[1]
            for module in imported_modules(file)
            if module.startswith("normalizer_assets.")
        }
        found.setdefault(room, set()).update(targets - {room})
    return found


def test_who_has_no_orchestrator_loads_none() -> None:
    code = (
        "import sys, normalizer_assets.facade, normalizer_assets.direct; "
        "print('dagster' in sys.modules)"
    )
    found = subprocess.run(  # noqa: S603 - our own interpreter
        [sys.executable, "-c", code], check=True, capture_output=True, text=True
    )
    assert found.stdout.strip() == "False"


def test_arrows_between_rooms_go_one_way() -> None:
    # Raises CycleError, which names the rooms of the circle.
    order = list(TopologicalSorter(arrows()).static_order())
    assert order.index("pricing") < order.index("batching") < order.index("definitions")


@pytest.mark.parametrize("phase", [*PHASES, *COMPOSITIONS])
def test_a_phase_knows_nothing_of_dagster(phase: str) -> None:
    files = [*(PACKAGE / phase).rglob("*.py"), *PACKAGE.glob(f"{phase}.py")]
    assert files
    strangers = {
        f"{file.name}: {module}"
        for file in files
        for module in imported_modules(file)
        if module.split(".")[0] == "dagster"
        or module.startswith(tuple(f"normalizer_assets.{room}" for room in ("assets", "resources")))
    }
    assert not strangers
