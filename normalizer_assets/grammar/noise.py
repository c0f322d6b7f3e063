"""Words that never tell two products apart.

Belongs here: the noise of shop windows, and words too small to mean anything. Does
not belong here: words that are noise in one category group and a variant in
another ("original" is a flavour), and anything about condition: a refurbished
phone is another product.
"""

from collections.abc import Sequence

import polars as pl

from normalizer_assets.grammar.text import any_of, spelled

NOISE_WORDS: tuple[str, ...] = (
    "envio gratis", "envio gratuito", "envio incluido", "despacho gratis", "despacho gratuito",
    "despacho incluido", "retiro gratis", "entrega inmediata", "entrega rapida",
    "despacho inmediato", "super oferta", "oferta", "ofertas", "en oferta", "promocion", "promo",
    "oportunidad", "imperdible", "liquidacion", "descuento", "dcto", "black friday", "cyber day",
    "cyberday", "cyber monday", "cybermonday", "nuevo", "nueva", "nuevos", "nuevas",
    "liberado", "liberada", "desbloqueado", "desbloqueada", "libre de fabrica", "sellado",
    "garantia oficial", "con garantia", "garantia", "exclusivo online", "exclusivo web",
    "solo online", "solo web", "solo por internet", "precio internet", "stock disponible",
    "en stock", "disponible", "ultimas unidades", "ultima unidad", "tienda oficial",
    "producto nuevo", "100% original", "producto original", "c u", "cada uno", "aprox",
    "recien llegado", "lanzamiento", "preventa", "mas vendido", "recomendado", "sellada",
    "sellados", "selladas", "original sellado", "original sellada", "nuevo original",
    "nuevos originales", "100% originales", "producto sellado", "caja sellada", "hot sale",
    "precio especial", "precio oferta", "precio exclusivo", "precio rebajado", "precio bajo",
    "precios bajos", "mejor precio", "retiro en tienda", "retiro gratis en tienda", "cyber",
    "cyber oferta", "rebaja", "rebajas", "rebajado", "rebajada", "remate", "gran venta",
    "gran oferta", "stock limitado", "stock inmediato", "ultimo stock", "entrega en 24 horas",
    "entrega 24 horas", "despacho 24 horas", "despacho en 24 horas", "despacho a domicilio",
    "despacho a todo chile", "envio a todo chile", "envio rapido", "envio express",
    "envios a todo chile", "distribuidor oficial", "distribuidor autorizado", "compra segura",
    "cuotas sin interes", "nuevo en caja", "novedad", "best seller", "top ventas",
    "garantia de fabrica",
)  # fmt: skip
"""Folded words and phrases of the shop window."""

STOP_WORDS: tuple[str, ...] = (
    "de", "del", "la", "las", "el", "los", "y", "en", "para", "con", "sin",
)  # fmt: skip
"""Folded words dropped from canonical text once ``sin azucar`` is one word."""


def without_noise(folded: pl.Expr, noise_words: Sequence[str] = ()) -> pl.Expr:
    """Folded text without noise; a text that is nothing else stays whole.

    Args:
        folded: String expression from ``text.fold``.
        noise_words: Further phrases, in any spelling.

    Returns:
        String expression, single spaces where noise stood.
    """
    pattern = any_of((*NOISE_WORDS, *spelled(noise_words)))
    left = folded.str.replace_all(
        rf"(^|[^\p{{L}}\p{{N}}_])(?:{pattern}(?:[^\p{{L}}\p{{N}}_]+|$))+", "$1 "
    )
    return pl.when(left.str.contains(r"[\p{L}\p{N}]")).then(left).otherwise(folded)
