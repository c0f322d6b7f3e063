"""Colours, Spanish and English, to one Spanish base colour.

Belongs here: the spellings of colours and the one that a text states. Does not
belong here: in which category groups a colour word is a colour at all ("porotos
negros" are not black).
"""

import polars as pl

COLOURS: dict[str, str] = {
    "negro": "negro negra negros negras black jet onyx",
    "blanco": "blanco blanca blancos blancas white starlight snow",
    "gris": "gris grises gray grey plomo charcoal",
    "grafito": "grafito graphite",
    "plateado": "plateado plateada plata silver",
    "dorado": "dorado dorada oro gold golden",
    "oro rosa": "oro_rosa oro_rosado rose_gold rosa_dorado rosado_dorado",
    "azul": "azul azules blue cobalto cobalt",
    "azul marino": "azul_marino azul_navy navy navy_blue marino",
    "celeste": "celeste celestes light_blue sky_blue",
    "rojo": "rojo roja rojos rojas red",
    "burdeo": "burdeo burdeos burgundy bordo",
    "rosado": "rosado rosada rosa rosas pink rosados rosadas",
    "fucsia": "fucsia fuchsia magenta",
    "verde": "verde verdes green mint olive oliva verde_oliva",
    "turquesa": "turquesa turquoise aqua calipso teal",
    "amarillo": "amarillo amarilla amarillos amarillas yellow mostaza",
    "naranjo": "naranjo naranja anaranjado anaranjada orange",
    "coral": "coral",
    "morado": "morado morada purpura purple",
    "violeta": "violeta violet",
    "lila": "lila",
    "lavanda": "lavanda lavender",
    "café": "cafe cafes marron brown chocolate bronce bronze cobre camel",
    "caqui": "caqui khaki",
    "beige": "beige beis arena",
    "crema": "crema cream marfil",
    "titanio": "titanio titanium titanio_natural natural_titanium",
    "multicolor": "multicolor multicolores surtido",
    "transparente": "transparente clear",
}
"""Base colour -> folded spellings; ``_`` stands for a space."""

_NEVER = frozenset({"snow", "jet", "clear", "surtido"})
_OF_THINGS = {
    " cafe ": "café",
    " cafes ": "café",
    " chocolate ": "café",
    " crema ": "crema",
    " coral ": "coral",
}
"""Colours of shoes and phones that are products or flavours among food."""

_BASE_OF = {
    f" {spelling.replace('_', '  ')} ": base
    for base, spellings in COLOURS.items()
    for spelling in spellings.split()
    if spelling not in _NEVER and f" {spelling} " not in _OF_THINGS
}
_SPELLINGS = sorted(_BASE_OF, key=lambda spelling: -len(spelling))


def colours(folded_words: pl.Expr) -> pl.Expr:
    """Every base colour that a text names, in text order.

    Args:
        folded_words: String expression from ``text.words``.

    Returns:
        List of strings. Titanium is left out beside another colour: "Titanium
        Black" is negro.
    """
    # Doubled spaces let neighbours be found that would share one.
    found = (
        folded_words.str.replace_all(" ", "  ", literal=True)
        .str.extract_many(_SPELLINGS, leftmost=True)
        .list.eval(pl.element().replace_strict(_BASE_OF, return_dtype=pl.String))
    )
    metal = pl.lit(["titanio"], dtype=pl.List(pl.String))
    others = found.list.filter(pl.element() != "titanio")
    return (
        pl.when(found.list.contains("titanio") & (others.list.len() == 0))
        .then(metal)
        .otherwise(others)
    )


def colours_of_things(folded_words: pl.Expr) -> pl.Expr:
    """Those colours that are products or flavours among food ("café", "crema").

    Args:
        folded_words: String expression from ``text.words``.

    Returns:
        List of strings in text order; ask for ``colours`` first.
    """
    return (
        folded_words.str.replace_all(" ", "  ", literal=True)
        .str.extract_many(list(_OF_THINGS), leftmost=True)
        .list.eval(pl.element().replace_strict(_OF_THINGS, return_dtype=pl.String))
    )


COLOUR_WORDS = tuple(spelling.strip().replace("  ", " ") for spelling in _SPELLINGS)
"""Folded spellings of all colours."""
