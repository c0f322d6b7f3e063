"""How many units a pack has, as the rules read it from a listing's name.

Belongs here: the notations of counts that are no quantities of the grammar, and where a number
with a unit counts no pack. Does not belong here: the units themselves and packs in every group's
notation (``grammar.quantities``).
"""

import polars as pl

from normalizer_assets.answers.groups import CARE, FOOD, TECHNOLOGY, WORN
from normalizer_assets.grammar.quantities import COUNT_UNITS

_MANY = "([2-9]|[1-9][0-9]+)"
_COUNTED = rf" {_MANY}(?:{'|'.join(COUNT_UNITS)}) "
_COUNTED_BEHIND = rf" (?:[+] [a-z]|;|rinde|para preparar).* {_MANY}(?:{'|'.join(COUNT_UNITS)}) "
"""Omega 3 + vitamina E 60 cápsulas; the two of "+ 2 repuestos" count what is added."""
_NUMBERS_IN_WORDS = {
    "dos": "2", "tres": "3", "cuatro": "4", "cinco": "5", "seis": "6", "ocho": "8", "diez": "10",
    "doce": "12",
}  # fmt: skip
_COUNTED_IN_WORDS = (
    rf" ({'|'.join(_NUMBERS_IN_WORDS)}) "
    r"(?:latas|botellas|unidades|rollos|cajas|bolsas|paquetes|potes|barras|sobres|pares) "
)
_PACKAGE = (
    "(?:caja|display|bolsa|bandeja|paquete|pqte?|paq|pack|estuche|tarro|tira|blister|bl|manga)"
)
_PACKAGED = (rf" {_PACKAGE} (?:con|por|c|de|x) {_MANY} ", rf" {_PACKAGE} {_MANY} $")
_COLOURS = (
    r" (?:(?:eco)?lap(?:iz|ices)|(?:plumon|marcador|crayon|destacador|rotulador)(?:es)?|"
    rf"temperas?|acuarelas?|tizas?|plasticinas?) (?:.* )?{_MANY} colores "
)
_MEMORY_KIT = r" memorias? .*?([248]) ?x ?[0-9]+gb "
_FURTHER = (
    (
        rf" {_MANY} ?(?:uni|sticks|cubos|cubitos|tabs?|softgels|gomitas|supositorios|ovulos|perlas|"
        r"pods|botellines|cotonitos|hisopos|guantes|velas|velitas|pads|apositos|gasas|tests?|"
        r"palillos|cuchillas|servilletas|bombillas|globos|panos|tortillas|cajitas|tubos|pelotas|"
        r"paletas|vienesas|salchichas|hamburguesas|empanadas|alfajores|tiras|lancetas|jeringas|"
        r"agujas|maquinas|protectores|condones|frascos|viales|monodosis|filtros|vasos|"
        r"pliegos|tea bags|calzones|sabanillas|copitos|bastoncillos|nuggets|croquetas|medallones|"
        r"panes|caramelos|bombones|chicles|chupetes|barquillos|botellitas|bidones|latitas|blisters|"
        r"tabl|enemas|vendas|rasuradoras|afeitadoras|esponjas|encendedores|marcadores|lapices|"
        r"plumones|cuadernos|carpetas|blocks|crayones|etiquetas|individuales|perchas|colgadores|"
        r"baberos|bodies|poleras|boxers|camisetas|calcetines|jabones|cervezas) "
    ),
    rf" (?:toallitas?|toallas humedas) .*?{_MANY} hojas ",
    rf" pk{_MANY} ",
    *_PACKAGED,
    _COLOURS,
    _MEMORY_KIT,
    # "6 cervezas Cristal": at the beginning, because a lamp may have "3 focos".
    (
        rf"^ (?:promo )?(?:de )?{_MANY} (?:cervezas|aguas|jugos|bebidas|vinos|leches|yoghurts?|"
        r"chocolates|galletas|poleras|calcetines|boxers?|calzones|sostenes|toallas|pelotas|"
        r"ampolletas|jabones|desodorantes|cepillos|esponjas|panos|mamaderas|chupetes|velas|"
        r"cuadernos|camisetas|almohadas|fundas|cojines|vasos|platos|copas|tazas|sillas|lapices|"
        r"neumaticos|cortinas) "
    ),
    r" (?:panal(?:es)?|toallas higienicas|protectores diarios) .* ([1-9][0-9]+) $",
    rf" (?:copas|vasos|tazas|tazones|platos|panos|toallas|calzones) .*?{_MANY}piezas ",
    # Paper of so many metres.
    (rf" (?:papel higienico|confort|toallas?) .*?{_MANY}x[0-9.]+m "),
)
"""Counts that are no units of the grammar, in measured text."""
_SET = r"(?:^ kit| set| juego) (?:de |x ?|con )?([2-9]|[1-9][0-9]) "
_SET_OF_PIECES = r"(?i)\b(?:set|juego|kit)\b.*[0-9] ?pcs\b"
_NO_SET = (
    r" (?:set|kit|juego) (?:de |con )?[0-9]+ "
    r"(?:en|pasos|plazas?|personas|puestos|colores|productos|brochas|pinceles|utensilios|"
    r"cubiertos) "
)
_CANS = r" ([2-9]|[1-9][0-9])x[1-9][0-9]{2} "
"""Millilitres without their unit: "24X350"."""
_TIMES_CONTENT = (
    r" x([2-9]|[1-9][0-9]) [0-9.]+(?:ml|cl|l|g|kg) ",
    r"[0-9](?:ml|cl|l|g|kg) ([2-9]|[1-9][0-9])x ",
)
_TIMES_AT_END = rf" x{_MANY} $"
_ROLLS = rf" {_MANY} ?r "
_MANY_THINGS = rf" {_MANY} ([a-z]{{3,}})s "
_INGREDIENTS = ("cereal", "queso", "leche", "fruta", "semilla", "hierba", "aceite", "carne")
"""A cereal of five cereals is one."""

# In plain text: the x of a device may be its model's, and its pieces may be units.
_PACK = r"(?i)\b(?:multi)?pack (?:de |x ?)?([2-9]|[1-9][0-9])\b"
_OF_DEVICES = (_PACK, r"(?i)\b([2-9]|[1-9][0-9])[ -]?pack\b")
_PACK_IN_WORDS = r"(?i)[a-z][ -]?pack\b"
_UNITS_OF_DEVICES = rf"(?i)\b{_MANY} ?(?:un|unds?|unids?|unidad(?:es)?|uds)\b"
_PIECES = (
    r" (?:set|kit|juego|maletin|combo|lego|bloques|ladrillos|fichas|figuras|brocas|puntas|dados|"
    r"llaves|destornilladores|herramientas) "
)
"""What has pieces, even where the name calls them units."""


def pack_count(group: pl.Expr) -> pl.Expr:
    """The units of a pack as digits, null where the listing states none.

    Args:
        group: Category group. The columns ``plain``, ``measured`` and ``whole`` are read, as
            ``attributes`` has them.
    """
    text, plain = pl.col("measured"), pl.col("plain")
    # "Cepillo dental Indicator 4 cepillos": many of what the name begins with.
    first, thing = text.str.extract(r"^ ([a-z]{3,}?)s? "), text.str.extract(_MANY_THINGS, 2)
    of_its_own = pl.when(
        ((thing == first) | (thing == first + "e")) & ~first.is_in(_INGREDIENTS)
    ).then(text.str.extract(_MANY_THINGS, 1))
    devices = pl.coalesce(
        *(plain.str.extract(pattern) for pattern in _OF_DEVICES),
        pl.when(plain.str.contains(_PACK_IN_WORDS)).then(text.str.extract(rf" {_MANY}un ")),
        pl.when(~text.str.contains(_PIECES)).then(plain.str.extract(_UNITS_OF_DEVICES)),
        text.str.extract(rf" {_MANY}(?:sobres|pilas|potes|pares|rollos) "),
        *(text.str.extract(pattern) for pattern in (*_PACKAGED, _COLOURS, _MEMORY_KIT)),
        of_its_own,
    )
    # "Toalla x3": among devices it would be a model ("Poco X3").
    times = group.is_in((*FOOD, *CARE, *WORN, "lighting"))
    goods = pl.coalesce(
        pl.when(~plain.str.contains(_SET_OF_PIECES)).then(text.str.extract(_COUNTED)),
        text.str.extract(_COUNTED_IN_WORDS).replace(_NUMBERS_IN_WORDS),
        *(text.str.extract(pattern) for pattern in _FURTHER),
        pl.when(~text.str.contains(_NO_SET)).then(text.str.extract(_SET)),
        pl.when(times).then(text.str.extract(_TIMES_AT_END)),
        pl.when(group.is_in((*FOOD, *CARE))).then(
            pl.coalesce(text.str.extract(pattern) for pattern in _TIMES_CONTENT)
        ),
        pl.when(group == "beverages").then(text.str.extract(_CANS)),
        pl.when(group == "cleaning").then(text.str.extract(_ROLLS)),
        pl.col("whole").str.extract(_COUNTED_BEHIND),
        of_its_own,
    )
    return (
        pl.when(group.is_in((*TECHNOLOGY, "appliances", "small_appliances", "toys", "tools")))
        .then(devices)
        .otherwise(goods)
    )
