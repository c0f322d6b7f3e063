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
from normalizer_assets.grammar.colours import COLOUR_WORDS
from normalizer_assets.grammar.products import FLAVOUR_WORDS
from normalizer_assets.grammar.text import any_of, spelled
from normalizer_assets.intake.category_words import PRODUCT_WORDS

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
    "plateado": "plateada plateados silver",
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
    harmless = {group: set(learned) for group, learned in read_lexicon(config.lexicon).items()}
    for group, given in config.cache.harmless_words.items():
        harmless.setdefault(group, set()).update(spelled(given))
    return Lexicon(
        harmless={group: frozenset(found) for group, found in harmless.items()},
        telling={group: frozenset(found) for group, found in (telling or {}).items()},
        noise_words=config.grammar.noise_words,
    )


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
        kinds: Stems of words for kinds of goods: two names with words for two kinds are two
            products ("jugo" and "néctar").
        assumed: Of these, kinds that a name with a known maker may lack, because everybody
            takes them for granted: the phone among phones. "Dove Reconstrucción 400 ml" may
            be the shampoo or the conditioner, "Quaker 500 g" flour or flakes.
    """

    phrases: Mapping[str, str]
    synonyms: Mapping[str, str]
    kinds: frozenset[str]
    assumed: frozenset[str]


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
    if group in COLOURED and group != "cosmetics":
        for colour, row in COLOUR_FORMS.items():
            phrases |= dict.fromkeys(row.split(), colour)
    first_of = {
        one: row[0].replace(" ", "_") for row in words["kinds"].get(group, ()) for one in row
    }
    # An abbreviation may stand for an English word, and that one for a kind.
    for _ in range(2):
        phrases = {
            phrase: first_of.get(target, phrases.get(target, target))
            for phrase, target in phrases.items()
        }
    phrases |= first_of
    phrases = {phrase: target for phrase, target in phrases.items() if phrase != target}
    longest_first = sorted(phrases.items(), key=lambda one: (-len(one[0]), one[0]))
    # An abbreviation is written out before quantities are read: "30 compr." are comprimidos.
    single = {
        phrase: target
        for phrase, target in longest_first
        if " " not in phrase + target and phrase not in short
    }
    alone = {one: name for one, name in first_of.items() if " " not in one}
    # By their stems, because a translation may name a kind in the plural.
    kind_of = dict(zip(stems(alone), stems(alone.values()), strict=True))
    return Vocabulary(
        phrases={phrase: target for phrase, target in longest_first if phrase not in single},
        synonyms=_settled(single, kind_of),
        kinds=frozenset(stems(first_of.values())),
        assumed=frozenset(stems(words["assumed"].get(group, ()))),
    )


def _settled(single: Mapping[str, str], kind_of: Mapping[str, str]) -> dict[str, str]:
    """Returns stem -> stem, each target standing for itself."""
    translated = dict(zip(stems(single), stems(single.values()), strict=True))
    found = {word: kind_of.get(target, target) for word, target in translated.items()}
    found |= kind_of
    return {word: found.get(target, target) for word, target in found.items() if word != target}


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
def aliases() -> dict[str, str]:
    """Returns spelling of a brand -> the one that stands for it, folded, longest first."""
    found: dict[str, str] = _words()["aliases"]
    return dict(sorted(found.items(), key=lambda one: (-len(one[0]), one[0])))


MARKED_LETTERS = 3
"""A word that is cut shorter may be any."""


@cache
def marked_abbreviations(group: str) -> dict[str, str]:
    """Returns beginning of a word -> the word, where a group knows one such word alone.

    For what is written with a full stop ("Paracet."): "lim." may be limón or limpiador, and
    so is none. The words of other groups count too, or a beginning would be clear only
    because a list is short.
    """
    taken = {*vocabulary(group).synonyms, *vocabulary(group).phrases}
    return {
        beginning: word for beginning, word in _clear_beginnings().items() if beginning not in taken
    }


@cache
def _clear_beginnings() -> dict[str, str]:
    """Returns beginning -> the one known word that begins with it, longest first."""
    words = _words()
    known = {*FLAVOUR_WORDS, *COLOUR_WORDS}
    for table in ("translations", "abbreviations"):
        known.update(target for part in words[table].values() for target in part.values())
    known.update(one for rows in words["kinds"].values() for row in rows for one in row)
    known.update(one for text in PRODUCT_WORDS.values() for one in text.replace(",", " ").split())
    single = sorted({word for phrase in known for word in phrase.split() if word.isalpha()})
    stem_of = dict(zip(single, stems(single), strict=True))
    shortest: dict[str, str] = {}
    for word in single:
        shortest[stem_of[word]] = min(word, shortest.get(stem_of[word], word), key=len)
    meant: dict[str, set[str]] = {}
    for word in shortest.values():
        for length in range(MARKED_LETTERS, len(word)):
            meant.setdefault(word[:length], set()).add(word)
    whole = set(single)
    return {
        beginning: next(iter(found))
        for beginning, found in sorted(meant.items(), key=lambda one: (-len(one[0]), one[0]))
        if len(found) == 1 and beginning not in whole
    }


@cache
def talk() -> tuple[str, ...]:
    """Returns whole phrases of shop talk, the longest first."""
    return tuple(sorted(_words()["talk"], key=lambda phrase: (-len(phrase), phrase)))


@cache
def use_clause() -> str:
    """Returns a pattern for clauses such as "ideal para la oficina", over single spaces."""
    openers, uses = (any_of(_words()[name]) for name in ("talk_openers", "talk_uses"))
    articles = "(?:(?:el|la|los|las|tu|tus|toda la|todo el) )?"
    return rf" (?:{openers}) para {articles}{uses}(?: [ye] {articles}{uses})?($|[ ,])"


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


_ADJECTIVES = (
    "inalambric|electric|automatic|liquid|organic|plastic|metalic|ergonomic|termic|descremad|"
    "semidescremad|deslactosad|congelad|saborizad|hidratad|mecanic|magnetic|acustic|portatil"
)
"""Of these alone the gender tells nothing: "empanada" and "empanado" are two dishes."""
_STEMS: tuple[tuple[str, str], ...] = (
    (r"^([a-z_]{2,}[lnrdj])es$", "$1"),
    (r"^([a-z_]{2,})ces$", "${1}z"),
    (r"^([a-z_]{2,}[^s0-9])s$", "$1"),
    (f"^({_ADJECTIVES})a$", "${1}o"),
)


def stems(words: Iterable[str]) -> list[str]:
    """Returns the stems of words, in their order."""
    return (
        pl.DataFrame({"word": list(words)}, schema={"word": pl.String})
        .select(stem(pl.col("word")))["word"]
        .to_list()
    )
