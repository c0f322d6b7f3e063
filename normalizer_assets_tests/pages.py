"""README and docs, taken apart.

Belongs here: which pages there are, and the code in them. Does not belong here: what is demanded
of it (``test_documentation``, ``test_documented_commands``).
"""

import re
import textwrap
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
NAMES = [str(page.relative_to(ROOT)) for page in PAGES]
TEXT = {name: page.read_text(encoding="utf-8") for name, page in zip(NAMES, PAGES, strict=True)}

_FENCED = re.compile(r"^( *)```(\w*)\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)


class Block(NamedTuple):
    """A fenced block of a page, from its first line, without the indent of its list."""

    page: str
    line: int
    language: str
    code: str

    @property
    def place(self) -> str:
        """Where it stands."""
        return f"{self.page}:{self.line}"


def blocks(*languages: str, page: str | None = None) -> list[Block]:
    """Returns the fenced blocks of these languages, of a page or of all."""
    return [
        Block(name, text.count("\n", 0, found.start()) + 2, found[2], textwrap.dedent(found[3]))
        for name, text in TEXT.items()
        if page in {None, name}
        for found in _FENCED.finditer(text)
        if not languages or found[2] in languages
    ]


def prose(name: str) -> str:
    """Returns a page without its fenced blocks."""
    return _FENCED.sub("", TEXT[name])


def spans(text: str) -> list[str]:
    """Returns the code within a text's lines, each in one line."""
    return [" ".join(span.split()) for span in re.findall(r"`([^`]+)`", text)]


def code_of(name: str) -> str:
    """Returns a page's code: fenced blocks and spans."""
    return "\n".join([*(block.code for block in blocks(page=name)), *spans(prose(name))])
