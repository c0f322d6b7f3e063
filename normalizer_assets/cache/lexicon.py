"""What the guard knows of words: synonyms, and words that may stand in one of two names alone.

Belongs here: the built-in lexicon, a user's own words, words learned from labelled pairs, and
words that an audit has found to tell products apart. Does not belong here: comparing names
(``guard``). Words are folded, as ``grammar.text.fold`` leaves them.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from normalizer_assets.answers.groups import COLOURED
from normalizer_assets.config import NormalizerConfig
from normalizer_assets.grammar.text import spelled

KINDS: dict[str, tuple[tuple[str, ...], ...]] = {
    "smartphones": (("smartphone", "celular", "telefono", "movil", "cel"),),
    "notebooks": (("notebook", "laptop", "portatil", "computador"),),
    "tablets": (("tablet",),),
    "televisions": (("televisor", "tv", "television", "televisores"),),
    "monitors": (("monitor",),),
    "consoles": (("consola",),),
    "headphones": (("audifonos", "audifono", "auriculares", "auricular"),),
    "beverages": (("bebida", "gaseosa", "refresco"), ("cerveza", "cervezas"), ("vino",), ("jugo",),
                  ("nectar",), ("agua",), ("pisco",)),
    "groceries": (("galletas", "galleta"), ("arroz",), ("fideos", "fideo", "pasta", "pastas"),
                  ("cereal", "cereales"), ("chocolate",), ("papas",), ("cafe",), ("te",),
                  ("aceite",), ("atun",), ("mayonesa",), ("ketchup",), ("mermelada",)),
    "dairy": (("yoghurt", "yogurt", "yogur"), ("leche",), ("queso",), ("mantequilla",),
              ("margarina",)),
    "cleaning": (("detergente",), ("suavizante",), ("lavalozas", "lavaloza"), ("cloro",),
                 ("limpiador",)),
    "personal_care": (("shampoo", "champu"), ("acondicionador", "balsamo"), ("jabon",),
                      ("desodorante", "antitranspirante"), ("pasta_dental", "dentifrico")),
    "perfumes": (("perfume", "fragancia"), ("colonia",)),
    "clothing": (("polera", "poleras"), ("polo",), ("pantalon", "pantalones"), ("chaqueta",),
                 ("parka",), ("jeans", "jean")),
    "footwear": (("zapatilla", "zapatillas"), ("zapato", "zapatos"), ("bota", "botas"),
                 ("botin", "botines"), ("sandalia", "sandalias")),
    "appliances": (("refrigerador",), ("lavadora",), ("secadora",), ("cocina",), ("freezer",)),
    "small_appliances": (("licuadora",), ("batidora",), ("hervidor",), ("microondas",),
                         ("aspiradora",), ("cafetera",), ("freidora",)),
    "tools": (("taladro",), ("esmeril",), ("sierra",), ("lijadora",)),
    "pet_food": (("alimento", "comida"),),
}  # fmt: skip
"""Category group -> words for kinds of its products, synonyms together.

A name may lack the word for its kind ("Tucapel Grado 1"); two names with words for two kinds
are two products ("jugo" and "néctar")."""

SYNONYMS: dict[str, str] = {
    "chocolatada": "chocolate",
    "semidesc": "semidescremada",
    "descrem": "descremada",
    "champu": "shampoo",
    "yogurt": "yoghurt",
    "yogur": "yoghurt",
}
"""Token -> the one that means the same in every group."""

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


def synonyms(group: str) -> dict[str, str]:
    """Returns token -> the one that stands for it in a category group.

    A colour's forms are one token only where things have colours: oranges are a flavour,
    and Red Label is no red label.
    """
    same = dict(SYNONYMS)
    if group in COLOURED:
        same |= {form: colour for colour, row in COLOUR_FORMS.items() for form in row.split()}
    return same | {word: kind[0] for kind in KINDS.get(group, ()) for word in kind}
