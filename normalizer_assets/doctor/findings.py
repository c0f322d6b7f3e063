"""What a check found, in a form that is safe to show.

Belongs here: the finding, what becomes of a check that breaks, and hiding secrets. Does not
belong here: any check.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Generic, Literal, TypeVar
from urllib.parse import unquote

from normalizer_assets.config import ConfigurationError

Level = Literal["ok", "warn", "fail"]
LEVELS: tuple[Level, ...] = ("ok", "warn", "fail")
"""From good to bad."""

LONGEST_REASON = 500
"""Signs of a strange error that are shown; a whole web page may be one."""

Made = TypeVar("Made")


@dataclass(frozen=True)
class Finding:
    """What one check found.

    Attributes:
        level: ``fail`` stops work, ``warn`` will or may, ``ok`` neither.
        found: What is there, for people.
        remedy: What to type, or to do, about it; empty where there is nothing to do.
    """

    level: Level
    found: str
    remedy: str = ""


class NotLookedAtError(Exception):
    """Something that a check needs is not there; another check tells why.

    Attributes:
        level: ``ok`` where it will come by itself.
    """

    def __init__(self, reason: str, level: Level = "warn") -> None:
        super().__init__(reason)
        self.level = level


class Shared(Generic[Made]):
    """Something that several checks need, made once.

    Where that fails, the first check says why; to the others it is not there.
    """

    def __init__(self, name: str, make: Callable[[], Made]) -> None:
        self._name = name
        self._make = make
        self._made: Made | None = None
        self._failed = False

    def __call__(self) -> Made:
        """Returns it.

        Raises:
            Exception: What making it raised, the first time.
            NotLookedAtError: It could not be made before.
        """
        if self._failed:
            raise NotLookedAtError(f"{self._name} cannot be reached")
        if self._made is None:
            self._failed = True
            self._made = self._make()
            self._failed = False
        return self._made

    @property
    def made(self) -> Made | None:
        """What was made before, ``None`` where that failed or nobody asked for it."""
        return self._made


def look(check: Callable[[], Finding], remedy: str) -> Finding:
    """Makes a check; one that breaks has failed, with its reason.

    Args:
        check: What looks.
        remedy: What to do where it breaks and does not say so itself. Our own errors do, after
            their last semicolon.
    """
    try:
        return check()
    except NotLookedAtError as error:
        return Finding(error.level, f"not looked at: {error}")
    except ConfigurationError as error:
        found, separator, todo = str(error).rpartition("; ")
        return Finding("fail", found, todo) if separator else Finding("fail", todo, remedy)
    except Exception as error:  # noqa: BLE001 - whatever breaks in a check is what it found
        reason = " ".join(str(error).split())[:LONGEST_REASON]
        return Finding("fail", f"{type(error).__name__}: {reason}", remedy)


def worst(findings: Mapping[str, Finding]) -> Finding:
    """Returns one finding of several: as bad as the worst, with all of their words."""
    return Finding(
        max((one.level for one in findings.values()), key=LEVELS.index, default="ok"),
        "\n".join(f"{name}: {one.found}" for name, one in findings.items()),
        "\n".join(dict.fromkeys(one.remedy for one in findings.values() if one.remedy)),
    )


# --- secrets --------------------------------------------------------------------------

HIDDEN = "***"
SHORTEST_SECRET = 8
"""Shorter values are words of the text as well, such as the stand-in's key."""

_NAMES = re.compile("KEY|SECRET|TOKEN|PASS|CREDENTIAL", re.IGNORECASE)
_LOGIN = re.compile(r"(?<=://)[^/\s@]*@")
_KEY = re.compile(r"\bsk-[A-Za-z0-9_*-]{4,}")


def secrets_of(environ: Mapping[str, str]) -> list[str]:
    """Returns the secrets of an environment, the longest first: keys, and passwords in URLs."""
    found = {value for name, value in environ.items() if _NAMES.search(name)}
    for value in environ.values():
        for login in _LOGIN.findall(value):
            password = login[:-1].partition(":")[2]
            found |= {password, unquote(password)}
    return sorted((one for one in found if len(one) >= SHORTEST_SECRET), key=len, reverse=True)


def without_secrets(finding: Finding, secrets: list[str]) -> Finding:
    """Returns the finding with every secret hidden, and whatever looks like one."""
    return replace(
        finding, found=_hidden(finding.found, secrets), remedy=_hidden(finding.remedy, secrets)
    )


def _hidden(text: str, secrets: list[str]) -> str:
    for secret in secrets:
        text = text.replace(secret, HIDDEN)
    return _KEY.sub(HIDDEN, _LOGIN.sub(f"{HIDDEN}@", text))
