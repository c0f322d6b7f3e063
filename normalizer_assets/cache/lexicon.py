"""What the guard knows of words: synonyms, and words that may stand in one of two names alone.

Belongs here: the built-in lexicon, a user's own words, words learned from labelled pairs, and
words that an audit has found to tell products apart. Does not belong here: comparing names
(``guard``). Words are folded, as ``grammar.text.fold`` leaves them.
"""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import polars as pl

from normalizer_assets.answers.groups import COLOURED, HOUSEHOLD
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
PARTS = (*FITTINGS, "vaso", "jarra", "tapa", "canasto", "manguera")
"""What a thing has, and what is sold for it: which of them a name begins with tells."""


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
        short: Abbreviation -> what it is written out to, longest first. They go before the
            phrases, which are of whole words: "herv. elect." is a kind.
        phrases: Phrase -> the phrase that stands for it, longest first.
        synonyms: Stem -> the stem that stands for it.
        kinds: Stems of words for kinds of goods: two names with words for two kinds are two
            products ("jugo" and "néctar").
        assumed: Of these, kinds that a name with a known maker may lack, because everybody
            takes them for granted: the phone among phones. "Dove Reconstrucción 400 ml" may
            be the shampoo or the conditioner, "Quaker 500 g" flour or flakes.
        implied: Stem or maker -> the stems that say nothing new beside it, between spaces: a
            Core i5 is an Intel, and rice comes in bags.
        coded: Stems that say nothing new beside a model code that both names say.
    """

    short: Mapping[str, str]
    phrases: Mapping[str, str]
    synonyms: Mapping[str, str]
    kinds: frozenset[str]
    assumed: frozenset[str]
    implied: Mapping[str, str]
    coded: frozenset[str]


@cache
def vocabulary(group: str) -> Vocabulary:
    """Returns the words of a category group.

    A colour's forms are one only where things have colours: oranges are a flavour, and Red
    Label is no red label.
    """
    words = _words()
    short, translations = (
        {_by_means_of(one): _by_means_of(other) for one, other in _of_shelf(table, group).items()}
        for table in ("abbreviations", "translations")
    )
    phrases = short | translations
    if group in COLOURED and group != "cosmetics":
        for colour, row in COLOUR_FORMS.items():
            phrases |= dict.fromkeys(row.split(), colour)
    rows = [
        [_by_means_of(one) for one in row]
        for of in reversed(_shelf(group))
        for row in words["kinds"].get(of, ())
    ]
    first_of = {
        number: row[0].replace(" ", "_") for row in rows for one in row for number in _numbers(one)
    }
    # Also "airfryer" and "cepillo dientes", where that is nothing else.
    for one, kind in list(first_of.items()):
        first_of.setdefault(one.replace(" de ", " "), kind)
        if one.count(" ") == 1:
            first_of.setdefault(one.replace(" ", ""), kind)
    # An abbreviation may stand for an English word, and that one for a kind.
    for _ in range(2):
        phrases = {
            phrase: first_of.get(target, phrases.get(target, target))
            for phrase, target in phrases.items()
        }
    for phrase, target in phrases.items():
        if named := max(_parts(target) & first_of.keys(), key=len, default=None):
            phrases[phrase] = f" {target} ".replace(f" {named} ", f" {first_of[named]} ").strip()
    phrases |= first_of
    phrases = {phrase: target for phrase, target in phrases.items() if phrase != target}
    longest_first = sorted(phrases.items(), key=lambda one: (-len(one[0]), one[0]))
    # An abbreviation is written out before quantities are read ("30 compr." are comprimidos),
    # and a colour before several of them become one word.
    single = {
        phrase: target
        for phrase, target in longest_first
        if " " not in phrase + target
        and phrase not in short
        and not {phrase, target} & {*COLOUR_WORDS}
    }
    alone = {one: name for one, name in first_of.items() if " " not in one}
    # By their stems, because a translation may name a kind in the plural.
    kind_of = dict(zip(stems(alone), stems(alone.values()), strict=True))
    return Vocabulary(
        short=dict(sorted(short.items(), key=lambda one: (-len(one[0]), one[0]))),
        phrases={phrase: target for phrase, target in longest_first if phrase not in single},
        synonyms=_settled(single, kind_of),
        kinds=frozenset(stems(first_of.values())),
        assumed=frozenset(stems(words["assumed"].get(group, ()))),
        implied={
            known: " ".join(stems(implied))
            for of in _shelf(group)
            for known, implied in words["implies"].get(of, {}).items()
        },
        coded=frozenset(stems(words["coded"].get(group, ()))),
    )


MEANS = "vapor|gas|parafina|pilas?|baterias?|lena|mano|cuadros|rayas|control remoto"
"""What "a" before it says nothing."""


@cache
def all_kinds() -> tuple[str, ...]:
    """Returns the stems of kinds of all groups."""
    names = {row[0].replace(" ", "_") for rows in _words()["kinds"].values() for row in rows}
    return tuple(sorted(stems(sorted(names))))


def _parts(phrase: str) -> set[str]:
    """What a phrase has of two and more words that follow one another."""
    said = phrase.split()
    return {
        " ".join(said[first:end])
        for first in range(len(said))
        for end in range(first + 2, len(said) + 1)
    }


def _by_means_of(phrase: str) -> str:
    """As the guard reads it: "plancha a vapor" is "plancha vapor"."""
    return re.sub(rf" a ({MEANS})\b", r" \1", phrase)


_SHELVES: dict[str, tuple[str, ...]] = {
    "appliances": ("small_appliances",),
    "small_appliances": ("appliances",),
    "cosmetics": ("personal_care", "small_appliances"),
    "personal_care": ("cosmetics", "small_appliances"),
    "smartphones": ("headphones", "other"),
    "notebooks": ("monitors", "other"),
    "pharmacy": ("personal_care", "cosmetics"),
    "televisions": ("headphones",),
    "other": (*HOUSEHOLD, "headphones", "consoles", "monitors", "storage", "televisions"),
}
"""Group -> others whose words mean the same in it: shops divide them differently."""
_SHORTEST_PLURAL = 4
"""Shorter words are prepositions."""


def _shelf(group: str) -> tuple[str, ...]:
    """The groups whose words a group has, its own first."""
    return (group, *_SHELVES.get(group, ()))


def _of_shelf(table: str, group: str) -> dict[str, str]:
    """Phrase -> phrase of a table, for a group; its own words count before those of others."""
    found: dict[str, str] = {}
    for of in (*reversed(_shelf(group)), EVERYWHERE, group):
        found |= _words()[table].get(of, {})
    return found


def _numbers(phrase: str) -> tuple[str, ...]:
    """A phrase as it stands, and with its first, its last or all words in another number."""
    first, *others = phrase.split()
    if not others:
        return (phrase,)
    return tuple(
        dict.fromkeys(
            " ".join((head, *between, tail))
            for between in (others[:-1], [_plural(word) for word in others[:-1]])
            for head in (first, _plural(first))
            for tail in _endings(others[-1])
        )
    )


def _plural(word: str) -> str:
    if len(word) < _SHORTEST_PLURAL or word.endswith("s"):
        return word
    return word + ("s" if word[-1] in "aeiou" else "es")


def _endings(word: str) -> tuple[str, ...]:
    """A word in both numbers; English words have an "s" only ("trash bags")."""
    if len(word) < _SHORTEST_PLURAL:
        return (word, f"{word}s")
    return (word, *stems([word])) if word.endswith("s") else (word, _plural(word), f"{word}s")


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
def holdings() -> frozenset[str]:
    """Returns owners of brands that stand on no product themselves, folded: "Puig"."""
    return frozenset(_words()["holdings"])


@cache
def aliases() -> dict[str, str]:
    """Returns spelling of a brand -> the one that stands for it, folded, longest first."""
    found: dict[str, str] = _words()["aliases"]
    return dict(sorted(found.items(), key=lambda one: (-len(one[0]), one[0])))


CUT_LETTERS = 3
"""A word that is cut shorter may be any."""


@cache
def beginnings(group: str) -> dict[str, str]:
    """Returns beginning of a group's known words -> their stem, empty where several begin so.

    For what is written with a full stop ("Paracet."): "lim." may be limón or lima. All
    flavours and colours count in every group, and words of every group where none of its own
    begins so: a wine is "reserva" and not "resistente".
    """
    words, product_words = _words(), {str(of): text for of, text in PRODUCT_WORDS.items()}

    def of_groups(*groups: str) -> dict[str, str]:
        known = {*FLAVOUR_WORDS, *COLOUR_WORDS}
        for of in groups:
            for table in ("translations", "abbreviations"):
                known.update(words[table].get(of, {}).values())
            known.update(words["vocabulary"].get(of, ()))
            known.update(one for row in words["kinds"].get(of, ()) for one in row)
            known.update(product_words.get(of, "").replace(",", " ").split())
        return _clear(sorted({one for said in known for one in said.split() if one.isalpha()}))

    return of_groups(EVERYWHERE) | of_groups(*_shelf(group))


@cache
def kind_beginnings(group: str) -> dict[str, str]:
    """The same of what a name may begin with, a kind of the group alone."""
    rows = [row for of in _shelf(group) for row in _words()["kinds"].get(of, ())]
    first = sorted({one.split()[0] for row in rows for one in row})
    synonyms = vocabulary(group).synonyms
    return _clear(first, [synonyms.get(word, word) for word in stems(first)])


@cache
def flavour_beginnings() -> dict[str, str]:
    """The same of flavours and colours alone: beside "Almendra" "Alm." is no "almohada"."""
    return _clear(
        sorted(
            {
                word
                # Camomile is no flavour of goods, and begins as apples do.
                for phrase in (*FLAVOUR_WORDS, *COLOUR_WORDS, "manzanilla")
                for word in phrase.split()
                if word.isalpha()
            }
        )
    )


def _clear(words: Iterable[str], meant: Iterable[str] | None = None) -> dict[str, str]:
    """Returns beginning -> what the one word that begins so means, empty where several do."""
    given = list(words)
    found: dict[str, str] = {}
    for word, stem_of in zip(given, stems(given) if meant is None else meant, strict=True):
        for length in range(CUT_LETTERS, len(word) + 1):
            beginning = word[:length]
            found[beginning] = stem_of if found.get(beginning, stem_of) == stem_of else ""
    return found


@cache
def talk(group: str) -> tuple[str, ...]:
    """Returns whole phrases of shop talk, the longest first.

    Where goods have titles ("Tu mejor versión" is a book) only those that say an offer.
    """
    words = _words()
    found = words["talk"]
    if group in words["talkless"]:
        offer = re.compile(rf"\b{any_of(words['talk_offers'])}\b")
        found = [phrase for phrase in found if offer.search(phrase)]
    return tuple(sorted(found, key=lambda phrase: (-len(phrase), phrase)))


@cache
def talk_clauses(group: str) -> tuple[tuple[str, str], ...]:
    """Returns patterns for clauses of shop talk over single spaces, with what they leave.

    A clause ends the name or stands before a comma, and has nothing but words of three
    classes: claims ("ideal", "tu"), links ("para", "el"), and after a claim fillers
    ("familia", "momento"). A filler alone may tell products apart, so none goes without a
    claim before it, and no claim without an article goes alone. The names of games, books
    and perfumes are made of claims, too: among them only those of a shop count. What a thing
    is ideal for stays.
    """
    words = _words()
    titled = group in words["talkless"]
    claims = words["talk_offers" if titled else "talk_claims"]
    claim, link, filler = any_of(claims), any_of(words["talk_links"]), any_of(words["talk_fillers"])
    claim = rf"(?:(?:hasta )?[0-9]{{1,2}} cuotas|{claim})"
    filler = rf"(?:[0-9]{{1,2}} (?:horas|hrs|dias|meses|anos|cuotas)|{filler})"
    praise: tuple[tuple[str, str], ...] = ()
    if not titled:
        # A verb makes a claim of what has an article, and of what is the reader's.
        verbs = any_of(words["talk_verbs"])
        claim = rf"(?:{verbs} (?:mas |siempre )?(?:tus?|el|la|los|las|una?|cada|tod[ao]s?)|{claim})"
        filler = rf"(?:(?:tus?|sus?) {any_of(words['talk_owned'])}s?|{filler})"
        # "maxima comodidad", "calidad y estilo"
        quality, degree = any_of(words["talk_qualities"]), any_of(words["talk_degrees"])
        one = rf"(?:{degree} )?{quality}"
        praise = ((rf" (?:{degree} {quality}(?: y {one})*|{quality}(?: y {one})+)( ,|$)", "$1"),)
    # It does not end in a link: a "SE" or an "A" there is a suffix.
    further = rf"(?: (?:{claim}|{link}|{filler}))* (?:{claim}|{filler})"
    clause = (
        rf"(?:(?:{link} )*{claim}{further}|(?:(?:el|la|lo|le|les|los|las|muy|mas|super) )+{claim})"
    )
    article = "(?:(?:el|la|los|las|tu|tus|su|sus|todo tipo de|todo|toda) )?"
    return (
        *praise,
        (rf" (?:tu|tus|su|sus) ({_TOLD})\b", " $1"),
        (rf" {clause}(?:(?: (?:a|de|para))?( {_TOLD}))?( ,|$)", " $1$2"),
        (rf" {_OPENERS} para {article}", " para "),
    )


_TOLD = "(?:perros?|gatos?|cachorros?|gatitos?|bebes?|ninos?|ninas?|pelo|cabello|piel|manos|pies)"
"""Whom it is for stays, whatever is said of them: "le encantará a tu perro"."""
_OPENERS = (
    "(?:(?:muy |especialmente )?(?:ideal|ideales|perfect[oa]s?|recomendad[oa]s?|indicad[oa]s?|"
    "disenad[oa]s?|pensad[oa]s?|cread[oa]s?|apt[oa]s?|adecuad[oa]s?)(?: especialmente)?)"
)
"""What may stand before a "para" and says nothing."""


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
    for pattern, replacement in _PLURALS:
        word = word.str.replace(pattern, replacement)
    return _one_gender(word)


_ADJECTIVES = (
    "[a-z]{2,}(?:ad|id|ic|os|iv)|blanc|negr|roj|amarill|portatil|liquid|frit|crud|caser|"
    "plastic|adult|pequen|median|giratori|curv|cort|larg|anch|redond|universitari|amarg|"
    "american|italian|chilen|mexican|grieg|argentin|fin|grues|enter|vegan|vegetarian|mixt|"
    "compact|femenin|masculin|calid|fri|neutr|oscur|clar|recubiert|urban"
)
"""Of these alone the gender tells nothing."""
_TWO_GENDERS = (
    "empanad|granad|tostad|helad|asad|pescad|picad|entrad|parad|partid|salid|music|quimic|"
    "grafic|espos|raposad|manzanill|cruzad|tapad|nevad"
)
"""Not of these: "empanada" and "empanado" are two dishes."""
_PLURALS: tuple[tuple[str, str], ...] = (
    (r"^([a-z_]{2,}[lnrdj])es$", "$1"),
    (r"^([a-z_]{2,})ces$", "${1}z"),
    (r"^([a-z_]{2,}[^s0-9])s$", "$1"),
)


_NOUNS = (
    "candad|teclad|soldad|dad|helad|pescad|calzad|vestid|tejid|abanic|cuadr|cuidad|bocad|grabad"
)
"""End as adjectives do, and tell one thing from several."""


def one_number(word: pl.Expr) -> pl.Expr:
    """An adjective without its gender and number; what else there is keeps its number."""
    word = _one_gender(word)
    return (
        pl.when(word.str.contains(rf"^(?:{_TWO_GENDERS}|{_NOUNS})[ao]s$"))
        .then(word)
        .otherwise(word.str.replace(rf"^({_ADJECTIVES})os$", "${1}o"))
    )


def _one_gender(word: pl.Expr) -> pl.Expr:
    """An adjective without its gender, and with its number."""
    return (
        pl.when(word.str.contains(rf"^(?:{_TWO_GENDERS})as?$"))
        .then(word)
        .otherwise(word.str.replace(rf"^({_ADJECTIVES})a(s?)$", "${1}o$2"))
    )


def stems(words: Iterable[str]) -> list[str]:
    """Returns the stems of words, in their order."""
    return (
        pl.DataFrame({"word": list(words)}, schema={"word": pl.String})
        .select(stem(pl.col("word")))["word"]
        .to_list()
    )
