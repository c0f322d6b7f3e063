"""Settings from a TOML file and the environment, and what is wrong with them in words.

Belongs here: reading, overriding, and errors that say the file and line (or the variable), the
key and the remedy. Does not belong here: which settings there are (``config``).
"""

import difflib
import re
import tomllib
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, TypeVar, get_args

from pydantic import BaseModel, ValidationError

from normalizer_assets.toml_lines import Key, key_lines, keys_of

Model = TypeVar("Model", bound=BaseModel)


class ConfigurationError(ValueError):
    """The configuration is wrong; the message says where and what to do."""


class Override(NamedTuple):
    """A value that an environment variable gives a key."""

    variable: str
    value: Any


def overrides(environ: Mapping[str, str], prefix: str) -> dict[Key, Override]:
    """Reads variables such as ``NORMALIZER__SECTION__KEY``, whose values are TOML or plain text."""
    return {
        tuple(variable.removeprefix(prefix).lower().split("__")): Override(variable, _value(text))
        for variable, text in environ.items()
        if variable.startswith(prefix)
    }


def _value(text: str) -> Any:
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


@dataclass(frozen=True)
class Settings:
    """Values that nobody has validated yet, and where each comes from.

    Attributes:
        values: Sections and keys.
        origin: Name of the file.
        text: What the file says.
        variables: Key -> the environment variable that set it.
    """

    values: Mapping[str, Any]
    origin: str
    text: str
    variables: Mapping[Key, str]

    def validated(self, model: type[Model]) -> Model:
        """Returns the values as ``model``.

        Raises:
            ConfigurationError: One line for each wrong key.
        """
        try:
            return model.model_validate(self.values)
        except ValidationError as error:
            lines = key_lines(self.text)
            raise ConfigurationError(
                "\n".join(
                    f"{self._place(detail, lines)}: {_explain(detail, model)}"
                    for detail in error.errors()
                )
            ) from None

    def _place(self, detail: Mapping[str, Any], lines: Mapping[Key, int]) -> str:
        """Says where one pydantic error comes from: the variables that set its keys, else a line.

        The keys of an error are its own and those that its message puts in backticks.
        """
        location = _location(detail)
        named = [location + key for key in _keys_in_backticks(detail["msg"])]
        section = location[:-1] if detail["type"] == "missing" else location
        only_variables = bool(section) and section not in lines
        variables = [
            variable
            for key, variable in self.variables.items()
            if key == location[: len(key)]
            or key in named
            or (only_variables and key[: len(section)] == section)
        ]
        if variables:
            return ", ".join(variables)
        enclosing = [location[:length] for length in range(len(location), 0, -1)]
        found = next((lines[key] for key in (*named, *enclosing) if key in lines), None)
        return self.origin if found is None else f"{self.origin}, line {found}"


def read_settings(file: Path, given: Mapping[Key, Override]) -> Settings:
    """Reads a file and writes over it what the environment gives.

    Raises:
        ConfigurationError: The file is not TOML, or a variable takes a value for a section.
    """
    text = _read(file)
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        # tomllib ends its message in a position: "(at line 3, column 7)", "(at end of document)".
        said, _, position = str(error).rstrip(")").partition(" (at ")
        last_line = text.rstrip().count("\n") + 1
        place = position.replace("end of document", f"line {last_line}")
        said = said.replace("Cannot overwrite a value", "the key is given twice")
        raise ConfigurationError(f"{file.name}, {place}: not valid TOML: {said}") from None
    for (*sections, name), (variable, value) in sorted(given.items()):
        target = values
        for section in sections:
            target = target.setdefault(section, {})
            if not isinstance(target, dict):
                raise ConfigurationError(f"{variable}: `{section}` is a value, not a section")
        target[name] = value
    variables = {key: override.variable for key, override in given.items()}
    return Settings(values, file.name, text, variables)


def _read(file: Path) -> str:
    content = file.read_bytes()
    try:
        return content.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ConfigurationError(
            f"{file.name}, line {line}: a character is not UTF-8; save the file as UTF-8"
        ) from None


# --- words --------------------------------------------------------------------------


def closest(word: str, known: Iterable[str]) -> str:
    """Returns "; did you mean ...?" with the known word nearest to a misspelt one, or nothing."""
    near = difflib.get_close_matches(word, list(known), n=1)
    return f"; did you mean `{near[0]}`?" if near else ""


def _location(detail: Mapping[str, Any]) -> Key:
    """Returns the key of one pydantic error, section by section."""
    # pydantic marks an error in the key of a table itself with a last part of its own.
    return tuple(str(part) for part in detail["loc"] if part != "[key]")


def _keys_in_backticks(message: str) -> list[Key]:
    keys = []
    for text in re.findall(r"`([^`]+)`", message):
        with suppress(tomllib.TOMLDecodeError):  # backticks are around other words as well
            keys.append(list(keys_of(tomllib.loads(f"{text} = 0")))[-1])
    return keys


def _explain(detail: Mapping[str, Any], model: type[BaseModel]) -> str:
    """Puts one pydantic error into words, with the nearest known word for a typo."""
    location = _location(detail)
    key = _written(location)
    if detail["type"] == "extra_forbidden" or detail["loc"][-1:] == ("[key]",):
        known = _expected(detail) or _known_keys(location[:-1], model)
        return f"unknown key `{key}`{closest(location[-1], known) or '; remove it'}"
    if detail["type"] == "missing":
        return f"`{key}` is missing; add it"
    message = str(detail["msg"]).removeprefix("Value error, ")
    if not location:
        return message
    if detail["type"] == "model_type":
        message = f"expected a section with keys, write [{key}]"
    given = f" (given: {detail['input']!r})" if not isinstance(detail["input"], dict) else ""
    return f"`{key}`: {message}{given}{closest(str(detail['input']), _expected(detail))}"


def _written(key: Key) -> str:
    """Returns a key as TOML writes it."""
    return ".".join(name if re.fullmatch("[A-Za-z0-9_-]+", name) else f'"{name}"' for name in key)


def _expected(detail: Mapping[str, Any]) -> list[str]:
    """Returns the words that pydantic expected, where it expected one of a few."""
    return re.findall(r"'([^']+)'", detail.get("ctx", {}).get("expected", ""))


def _known_keys(sections: Key, model: type[BaseModel]) -> list[str]:
    """Returns the keys that the section at this location knows."""
    for section in sections:
        field = model.model_fields.get(section)
        if field is None:  # the key of a table such as [models."gpt-5"]
            continue
        for candidate in (field.annotation, *get_args(field.annotation)):
            if isinstance(candidate, type) and issubclass(candidate, BaseModel):
                model = candidate
    return list(model.model_fields)
