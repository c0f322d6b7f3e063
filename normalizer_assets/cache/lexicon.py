"""What the guard knows of words: synonyms, and words that may stand in one of two names alone.

Belongs here: the built-in lexicon, a user's own words, words learned from labelled pairs, and
words that an audit has found to tell products apart. Does not belong here: comparing names
(``guard``). Words are folded, as ``grammar.text.fold`` leaves them.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import polars as pl

from normalizer_assets.answers.groups import COLOURED
from normalizer_assets.config import NormalizerConfig
from normalizer_assets.grammar.brands import gazetteer
from normalizer_assets.grammar.text import spelled

MEMORY_WORDS = ("ram", "rom", "memoria", "almacenamiento", "interna", "interno")
"""Harmless where both names state two memories: which is which shows in their size."""

COLOUR_FORMS: dict[str, str] = {
    "negro": "negra negros negras black",
    "blanco": "blanca blancos blancas white",
    "gris": "grises gray grey",
    "azul": "azules blue",
    "rojo": "roja rojos rojas red",
    "verde": "verdes green",
    "amarillo": "amarilla amarillos amarillas yellow",
    "rosado": "rosada rosados rosadas rosa rosas pink",
    "morado": "morada morados moradas purpura purple",
    "naranjo": "naranja naranjas anaranjado anaranjada orange",
    "plateado": "plateada plateados plata silver",
    "grafito": "graphite",
    "celeste": "celestes",
    "beis": "beige",
}
"""Colour -> other forms and the English word: translations, no neighbours. Navy is not blue."""


FITTINGS = (
    "funda", "carcasa", "case", "cover", "estuche", "mica", "lamina", "protector", "correa",
    "cargador", "cable", "adaptador", "soporte", "repuesto", "filtro", "bateria", "control",
    "lapiz", "teclado", "base", "mochila", "cartucho", "toner", "tinta", "bolsa", "cabezal",
)  # fmt: skip
"""What fits the things of other makers: here a line's maker is not said by naming the line
("Funda iPhone 15" and "Funda Apple iPhone 15" are two)."""


@dataclass(frozen=True)
class Lexicon:
    """Words beside the built-in ones, by category group.

    Attributes:
        harmless: Never tell products of the group apart.
        telling: Do, whatever else says that they are harmless.
        noise_words: Are no words at all, in any group.
    """

    harmless: Mapping[str, frozenset[str]] = field(default_factory=dict)
    telling: Mapping[str, frozenset[str]] = field(default_factory=dict)
    noise_words: tuple[str, ...] = ()


BUILT_IN = Lexicon()


def lexicon(
    config: NormalizerConfig, telling: Mapping[str, Iterable[str]] | None = None
) -> Lexicon:
    """Puts together what is configured, what was learned, and what audits have found.

    Args:
        config: Its sections grammar and cache.
        telling: Category group -> words that a wrong hit had forgiven.

    Raises:
        LexiconError: The file of learned words cannot be read.
    """
    harmless: dict[str, set[str]] = {}
    for source in (SHIPPED, config.lexicon):
        for group, learned in read_lexicon(source).items():
            harmless.setdefault(group, set()).update(learned)
    for group, given in config.cache.harmless_words.items():
        harmless.setdefault(group, set()).update(spelled(given))
    return Lexicon(
        harmless={group: frozenset(found) for group, found in harmless.items()},
        telling={group: frozenset(found) for group, found in (telling or {}).items()},
        noise_words=config.grammar.noise_words,
    )


SHIPPED = Path(__file__).parent / "lexicon.json"
"""Learned from the labelled pairs that are shipped (``evaluation/labels/README.md``)."""


class LexiconError(ValueError):
    """A file of words is not what it should be; the message says what and where."""


def read_lexicon(path: Path) -> dict[str, list[str]]:
    """Reads words by category group; nothing where there is no file.

    Raises:
        LexiconError: It is no JSON object of lists of words.
    """
    if not path.exists():
        return {}
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise LexiconError(f"{path} is not JSON in UTF-8: {error}") from None
    lists = found.values() if isinstance(found, dict) else [None]
    if not all(isinstance(one, list) and all(isinstance(w, str) for w in one) for one in lists):
        raise LexiconError(f"{path}: expected an object, category group -> list of words")
    return {str(group): list(learned) for group, learned in found.items()}


# --- the built-in words ---------------------------------------------------------------

WORDS = Path(__file__).parent / "words.json"
"""Written for this project from general knowledge: kinds of goods with their synonyms,
translations and abbreviations, by category group; lines with their owners; shop talk."""

EVERYWHERE = "any"
"""The key of words that hold in every category group."""


@dataclass(frozen=True)
class Vocabulary:
    """What the guard knows of the words of one category group.

    Attributes:
        phrases: Phrase -> the phrase that stands for it, longest first.
        synonyms: Stem -> the stem that stands for it.
        kinds: Stems of words for kinds of goods. A name may lack the word for its kind
            ("Tucapel Grado 1"); two names with words for two kinds are two products
            ("jugo" and "néctar").
    """

    phrases: Mapping[str, str]
    synonyms: Mapping[str, str]
    kinds: frozenset[str]


@cache
def vocabulary(group: str) -> Vocabulary:
    """Returns the words of a category group.

    A colour's forms are one only where things have colours: oranges are a flavour, and Red
    Label is no red label.
    """
    words = _words()
    short = words["abbreviations"].get(EVERYWHERE, {}) | words["abbreviations"].get(group, {})
    phrases = short | words["translations"].get(EVERYWHERE, {})
    phrases |= words["translations"].get(group, {})
    if group in COLOURED:
        for colour, row in COLOUR_FORMS.items():
            phrases |= dict.fromkeys(row.split(), colour)
    rows = words["kinds"].get(group, [])
    firsts = []
    for first, *others in rows:
        name = first.replace(" ", "_")
        firsts.append(name)
        phrases |= dict.fromkeys((one for one in (first, *others) if " " in one), name)
        phrases |= dict.fromkeys((one for one in others if " " not in one), name)
    # An abbreviation may stand for an English word, and that one for a kind.
    for _ in range(2):
        phrases = {phrase: phrases.get(target, target) for phrase, target in phrases.items()}
    longest_first = sorted(phrases.items(), key=lambda one: (-len(one[0]), one[0]))
    # An abbreviation is written out before quantities are read: "30 compr." are comprimidos.
    single = {
        phrase: target
        for phrase, target in longest_first
        if " " not in phrase + target and phrase not in short
    }
    return Vocabulary(
        phrases={phrase: target for phrase, target in longest_first if phrase not in single},
        synonyms=dict(zip(stems(single), stems(single.values()), strict=True)),
        kinds=frozenset(stems(firsts)),
    )


@cache
def harmless_words(group: str) -> tuple[str, ...]:
    """Returns words that only announce what stands beside them: "sabor frutilla"."""
    found = _words()["harmless"]
    return (*found.get(EVERYWHERE, ()), *found.get(group, ()))


@cache
def owners() -> dict[str, str]:
    """Returns line or sub-brand -> the makers that it belongs to beyond doubt, folded.

    An owner's owner is one, too: "mach3" is Gillette's and so Procter & Gamble's.
    """
    direct = {**gazetteer().makers, **_words()["owners"]}
    chains = {}
    for line, owner in direct.items():
        chain = [owner]
        while (next_owner := direct.get(chain[-1])) and next_owner not in (line, *chain):
            chain.append(next_owner)
        chains[line] = " ".join(chain)
    return chains


@cache
def talk() -> tuple[str, ...]:
    """Returns whole phrases of shop talk, the longest first."""
    return tuple(sorted(_words()["talk"], key=lambda phrase: (-len(phrase), phrase)))


@cache
def _words() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(WORDS.read_text(encoding="utf-8"))
    return found


def stem(word: pl.Expr) -> pl.Expr:
    """A word of letters without its plural, and without the gender of an adjective.

    "galletas" is "galleta", "limones" is "limon", "inalambrica" is "inalambrico". Two
    words that end up alike by this must not tell products apart; "nino" and "nina" stay.

    Args:
        word: String expression, folded; what holds a digit stays as it is.
    """
    for pattern, replacement in _STEMS:
        word = word.str.replace(pattern, replacement)
    return word


_STEMS: tuple[tuple[str, str], ...] = (
    (r"^([a-z_]{2,}[^s0-9])s$", "$1"),
    (r"^([a-z_]{3,})e$", "$1"),
    (r"^([a-z_]{3,})c$", "${1}z"),
    (r"^([a-z_]{2,}(?:ad|id|ic|iv|os|er|en|an))a$", "${1}o"),
)


def stems(words: Iterable[str]) -> list[str]:
    """Returns the stems of words, in their order."""
    return (
        pl.DataFrame({"word": list(words)}, schema={"word": pl.String})
        .select(stem(pl.col("word")))["word"]
        .to_list()
    )
