"""Every key of a TOML document is found on the line that holds it."""

import tomllib
from dataclasses import dataclass, field
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from normalizer_assets.toml_lines import Key, key_lines, keys_of

SHIPPED = (Path(__file__).parents[1] / "config.gpt5.toml").read_text(encoding="utf-8")

VALUES = (
    "1",
    "2026-12-11",
    '"text # no comment"',
    r'"[no \" header]"',
    "'no } brace\\'",
    "[]",
    "[1, 2] # a list ]",
    '[ # opens "here"\n  "]", # not here\n  [1,\n2],\n]',
    '"""\n[no.header]\nno_key = 1\n"""',
    '"""two quotes more"""""',
    "'''\n'[no.header]'\n'''",
    '""',
    "'''''' # empty",
)
NAMES = ("{}", '"{}.with dot"', '"{} # [x]"', "'{} = {{'", '"{} ñ"')
BETWEEN = ("", "\n", "# [no.header]\n", "  # no_key = '''\n\n", "\t\n")


@dataclass
class Document:
    """A document under construction, which knows where it wrote each key."""

    text: str = ""
    lines: dict[Key, int] = field(default_factory=dict)
    count: int = 0

    def name(self, form: str) -> str:
        """Returns a key that occurs nowhere else, as TOML writes it."""
        self.count += 1
        return form.format(f"k{self.count}")

    def write(self, statement: str, section: Key, *keys: tuple[str, ...]) -> None:
        for key in keys:
            self.lines[section + tuple(map(read, key))] = self.text.count("\n") + 1
        self.text += statement + "\n"


def read(name: str) -> str:
    [key] = tomllib.loads(f"{name} = 0")
    return key


@st.composite
def documents(draw: st.DrawFn) -> Document:
    """Draws tables with plain and dotted keys, inline tables, and traps between them."""
    document = Document()
    section: Key = ()
    names = st.sampled_from(NAMES)
    for kind in draw(st.lists(st.sampled_from(["header", "plain", "dotted", "inline"]))):
        document.text += draw(st.sampled_from(BETWEEN))
        a, b = document.name(draw(names)), document.name(draw(names))
        value = draw(st.sampled_from(VALUES))
        match kind:
            case "header":
                document.write(f"[ {a} .{b}] # a table", (), (a,), (a, b))
                section = (read(a), read(b))
            case "plain":
                document.write(f"{a} = {value}", section, (a,))
            case "dotted":
                document.write(f"  {a} . {b}={value}", section, (a,), (a, b))
            case "inline":
                text = f"{a} = {{ {b} = 'x', c.{b} = [{{}}] }}"
                document.write(text, section, (a,), (a, b), (a, "c"), (a, "c", b))
    return document


@given(documents())
def test_the_line_of_every_key_is_the_line_that_holds_it(document: Document) -> None:
    assert key_lines(document.text) == document.lines
    assert document.lines.keys() == set(keys_of(tomllib.loads(document.text)))


def test_every_key_of_the_shipped_configuration_is_on_its_line() -> None:
    lines, found = SHIPPED.split("\n"), key_lines(SHIPPED)
    assert found.keys() == set(keys_of(tomllib.loads(SHIPPED)))
    assert all(key[-1] in lines[line - 1] for key, line in found.items())


def test_a_table_has_the_line_of_its_header_even_when_it_was_mentioned_before() -> None:
    assert key_lines("[a.b]\nx = 1\n\n[a]\ny = 1\n") == {
        ("a",): 4,
        ("a", "b"): 1,
        ("a", "b", "x"): 2,
        ("a", "y"): 5,
    }


def test_what_is_inside_a_value_of_several_lines_has_the_line_on_which_it_begins() -> None:
    assert key_lines("x = { a = [\n1,\n2], b = 1 }\ny = 1") == {
        ("x",): 1,
        ("x", "a"): 1,
        ("x", "b"): 1,
        ("y",): 4,
    }


def test_tables_of_an_array_are_not_told_apart() -> None:
    assert key_lines("[[a]]\nx = 1\n[[a]]\nx = 2\n[b]\nx = 3\n") == {
        ("a",): 1,
        ("b",): 5,
        ("b", "x"): 6,
    }
