"""Writing settings into the configuration file, which is a person's.

Belongs here: changing keys in place, with every comment and all else as it is, and which
environment variables hide a key of the file. Does not belong here: reading and checking
settings (``config``), choosing their values.
"""

import shutil
import tomllib
import uuid
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import tomlkit
from tomlkit.exceptions import TOMLKitError
from tomlkit.items import Table, Whitespace

from normalizer_assets.config import ENVIRONMENT_PREFIX, ConfigurationError

Settings = Mapping[str, float | Mapping[str, float]]
"""Key with its sections, such as ``router.weights.length`` -> value, or -> all that a section
holds from then on."""


def as_toml(settings: Settings) -> str:
    """Returns settings as the lines that a person would put into the file."""
    document = tomlkit.document()
    _set(document, settings, tomlkit.table)
    return tomlkit.dumps(document).strip()


def write_settings(file: Path, settings: Settings) -> None:
    """Changes keys of a configuration file, or adds them to their sections.

    The file is replaced as a whole, so whoever reads it meanwhile sees the old or the new one.

    Raises:
        ConfigurationError: It is no valid TOML, or is laid out so that a key cannot be
            changed in place; it is left as it is.
    """
    before = file.read_bytes().decode("utf-8")
    try:
        expected = tomllib.loads(before)
        _set(expected, settings, dict)
        document = tomlkit.parse(before)
        _set(document, settings, tomlkit.table)
        after = tomlkit.dumps(document)
        is_as_expected = tomllib.loads(after) == expected
    except (TOMLKitError, ValueError, TypeError) as error:
        raise ConfigurationError(f"{file} cannot be changed: {error}{_by_hand(settings)}") from None
    if not is_as_expected:
        raise ConfigurationError(
            f"{file} cannot be changed without changing other keys of it{_by_hand(settings)}"
        )
    unfinished = file.with_name(f".{file.name}.{uuid.uuid4().hex}")
    unfinished.write_bytes(after.encode("utf-8"))
    shutil.copymode(file, unfinished)
    unfinished.replace(file)


def overriding_variables(keys: Iterable[str], environ: Mapping[str, str]) -> list[str]:
    """Returns the environment variables that hide keys of the file, their sections or parts."""
    wanted = [f"{key}." for key in keys]
    given = {
        variable: variable.removeprefix(ENVIRONMENT_PREFIX).lower().replace("__", ".") + "."
        for variable in environ
        if variable.startswith(ENVIRONMENT_PREFIX)
    }
    return sorted(
        variable
        for variable, found in given.items()
        if any(key.startswith(found) or found.startswith(key) for key in wanted)
    )


def _set(document: Any, settings: Settings, section: Any) -> None:
    """Sets keys in nested tables; ``section`` makes those that are missing."""
    for key, value in settings.items():
        *sections, last = key.split(".")
        whole = isinstance(value, Mapping)
        values = value if isinstance(value, Mapping) else {last: value}
        table = document
        for name in (*sections, last) if whole else sections:
            if name not in table:
                _add(table, name, section())
            table = table[name]
        for gone in set(table) - set(values) if whole else ():
            del table[gone]
        for name, one in values.items():
            if name in table:
                table[name] = one
            else:
                _add(table, name, one)


def _add(table: Any, name: str, item: Any) -> None:
    """Adds a key or section at a table's end: before the comments that lead to the next one."""
    if not isinstance(table, Table):
        table[name] = item
        return
    last: Any = table
    while isinstance(last, Table):
        body = last.value.body
        end = max((at + 1 for at, (key, _) in enumerate(body) if key is not None), default=0)
        last = body[end - 1][1] if end else None
    # What no blank line parts from the last key is about it.
    blanks = (at for at in range(end, len(body)) if isinstance(body[at][1], Whitespace))
    cut = next(blanks, len(body))
    following = body[cut:]
    del body[cut:]
    table[name] = item
    (item.value.body if isinstance(item, Table) else body).extend(following)


def _by_hand(settings: Settings) -> str:
    return f"; nothing was written, put in by hand:\n{as_toml(settings)}"
