"""Brings the scene in, and a way to type a command."""

import sys
from collections.abc import Callable
from typing import NamedTuple

import pytest

from normalizer_assets.cli import main
from normalizer_assets_tests.scene import scene, standin, standin_settings, variables

__all__ = ["scene", "standin", "standin_settings", "typed", "variables"]


class Said(NamedTuple):
    """What a command left behind."""

    code: int
    out: str
    err: str


Typed = Callable[..., Said]


@pytest.fixture
def typed(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Typed:
    """Runs the entry point with these words, in this process."""

    def typed(*words: str) -> Said:
        monkeypatch.setattr(sys, "argv", ["normalizer", *words])
        capsys.readouterr()
        with pytest.raises(SystemExit) as stop:
            main()
        return Said(int(stop.value.code or 0), *capsys.readouterr())

    return typed
