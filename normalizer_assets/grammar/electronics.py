"""Processors, graphics, memory, screens and networks as names state them.

Belongs here: patterns of electronic parts. Does not belong here: which category
group carries which of them (``answers/rules.py``).
"""

import polars as pl

PROCESSOR = (
    r"(?i)\b("
    r"(?:Intel )?(?:Core )?Ultra [579][ -]\d{3}[A-Z]{0,2}"
    r"|(?:Intel )?(?:Core )?\bi[3579][ -]?(?:\d{4,5}(?:[A-Z]{1,2}\d?|G\d)?|N\d{3})\b"
    r"|(?:Intel )?(?:Core )?\bi[3579]\b"
    r"|(?:Intel )?Core [3579] \d{3}[A-Z]{0,2}\b"
    r"|(?:Intel )?(?:Celeron|Pentium)(?: (?:Gold|Silver))?(?: [NJ]?\d{4}[A-Z]?)?\b"
    r"|Intel N\d{2,3}\b"
    r"|(?:AMD )?Ryzen (?:AI )?[3579](?: Pro)?(?:[ -](?:HX )?\d{3,4}[A-Z]{0,3}\d?)?\b"
    r"|(?:AMD )?Athlon(?: (?:Silver|Gold))?(?: \d{4}[A-Z]?)?\b"
    r"|(?:Qualcomm )?Snapdragon(?: X\b)?(?: \d{1,3}[+a-z]*)?(?: (?:Gen ?\d|Elite|Plus))*\b"
    r"|(?:MediaTek )?(?:Helio [GPAX]\d{2,3}|Dimensity \d{3,4}\+?)"
    r"|Exynos \d{3,4}\b"
    r"|Unisoc [A-Z]?\d{3,4}\b"
    r"|(?:Apple )?A\d{2}(?: Bionic| Pro)(?: chip)?\b"
    r"|(?:Apple (?:Silicon |chip )?|Chip )M[1-5](?: Pro| Max| Ultra)?\b"
    r")"
)
APPLE_CHIP = r"\b(M[1-5](?: Pro| Max| Ultra)?)\b"
"""Bare names of Apple's chips; other makers sell phones called M3."""
GRAPHICS = (
    r"(?i)\b("
    r"(?:NVIDIA )?(?:GeForce )?(?:RTX|GTX) ?A?\d{3,4}(?: ?Ti\b)?(?: Super\b)?"
    r"|(?:NVIDIA )?(?:GeForce )?MX ?\d{3}\b"
    r"|(?:AMD )?(?:Radeon )?RX ?\d{3,4}[MSX]?(?: ?XTX?\b)?"
    r"|(?:Intel )?(?:Iris Xe|UHD Graphics(?: \d{3})?|Arc A\d{3}M?)\b"
    r")"
)

_SCREENS = {
    "neo qled": "Neo QLED", "qd oled": "QD-OLED", "super amoled": "Super AMOLED",
    "dynamic amoled": "Dynamic AMOLED", "amoled": "AMOLED", "p oled": "P-OLED", "oled": "OLED",
    "qled": "QLED", "qned": "QNED", "uled": "ULED", "nanocell": "NanoCell", "nano cell": "NanoCell",
    "mini led": "Mini LED", "miniled": "Mini LED", "ips": "IPS", "lcd": "LCD", "led": "LED",
    "tft": "TFT",
}  # fmt: skip
_SCREEN_SPELLINGS = [f" {s} " for s in sorted(_SCREENS, key=lambda spelling: -len(spelling))]
SCREEN_WORDS = tuple(_SCREENS)
"""Folded names of panels."""
_NETWORKS = {" 5g ": "5G", " 4g ": "4G", " lte ": "4G", " wifi ": "WiFi", " wi fi ": "WiFi"}

# The memory of a graphics card is neither the computer's ram nor its storage.
_GRAPHICS_CARD = (
    r"((?:(?:quadro|rtx|gtx|gxt|rx|mx|arc) ?[a-z]?[0-9]{3,4}(?:ti|m|x)?|[0-9]{3}mx)"
    r"(?: ti| super| max q)*)"
)
_STORAGE_FROM_GB = 64
_RAM = (
    r" ([0-9]+gb)(?: de)?(?: memoria)?(?: ram)? ((?:lp)?ddr[0-9]x?)",
    r" ([0-9]+gb)(?: de)?(?: memoria)?(?: ram| unificada| uma) ",
    r" (?:memoria )?ram (?:de )?([0-9]+gb)(?: ((?:lp)?ddr[0-9]x?))?",
)


def processor(plain_text: pl.Expr) -> pl.Expr:
    """The processor as it is named, single-spaced; null if none is.

    Args:
        plain_text: String expression from ``text.plain``.

    Returns:
        String expression such as ``"Intel Core i5-1235U"``.
    """
    return plain_text.str.extract(PROCESSOR).str.replace("(?i)^chip ", "")


def apple_chip(plain_text: pl.Expr) -> pl.Expr:
    """The chip of an Apple product where it is named bare; null if none is.

    Args:
        plain_text: String expression from ``text.plain``.

    Returns:
        String expression such as ``"M2 Pro"``.
    """
    return plain_text.str.extract(APPLE_CHIP)


def graphics(plain_text: pl.Expr) -> pl.Expr:
    """The graphics card as it is named; null if none is.

    Args:
        plain_text: String expression from ``text.plain``.

    Returns:
        String expression such as ``"RTX 4070"``.
    """
    return plain_text.str.extract(GRAPHICS)


def screen_type(measured_text: pl.Expr) -> pl.Expr:
    """The panel that a text names, the longest name where names contain another.

    Args:
        measured_text: String expression from ``quantities.measured``.

    Returns:
        String expression such as ``"QLED"``; null if none is named.
    """
    return (
        measured_text.str.replace_all(r" (qned|qled|oled)[0-9]+[a-z]* ", " $1 ")
        .str.extract_many(_SCREEN_SPELLINGS, leftmost=True)
        .list.first()
        .str.strip_chars(" ")
        .replace_strict(_SCREENS, default=None, return_dtype=pl.String)
    )


def network(measured_text: pl.Expr) -> pl.Expr:
    """The fastest network that a text names: 5G, 4G or WiFi.

    Args:
        measured_text: String expression from ``quantities.measured``.

    Returns:
        String expression; null if none is named.
    """
    return pl.coalesce(
        pl.when(measured_text.str.contains(word, literal=True)).then(pl.lit(value))
        for word, value in _NETWORKS.items()
    )


def memory(measured_text: pl.Expr) -> pl.Expr:
    """Ram and storage told apart.

    A quantity beside "RAM" or "DDR" is ram. Of two others the smaller is ram. One
    alone is storage from 64 GB, or beside "SSD", "ROM" and the like; below that it
    is left open (``single``), because 32 GB is a phone's storage and a notebook's ram.

    Args:
        measured_text: String expression from ``quantities.measured``.

    Returns:
        Struct with String fields ``ram`` ("8GB", "32GB DDR5"), ``capacity``
        ("256GB", "1TB") and ``single``; null where nothing is said. Its other fields are
        steps on the way.
    """
    field = pl.field
    text = measured_text
    rest = text
    for pattern in _RAM:
        rest = rest.str.replace_all(pattern, " ")
    # Up to 6 GB it is the card's own; more may be the computer's, unless two others are named.
    for card in (
        rf"(){_GRAPHICS_CARD} [2-6]gb()(?-u:\b)",
        rf"(){_GRAPHICS_CARD} [0-9]+gb (.*[0-9][gt]b .*[0-9][gt]b )",
        rf"^(.*[0-9][gt]b .*[0-9][gt]b .*){_GRAPHICS_CARD} [0-9]+gb() ",
    ):
        rest = rest.str.replace(card, "${1}$2 $3")
    # Step by step: a struct's field is computed once, an expression as often as it is used.
    return (
        pl.struct(
            rest=rest,
            stated=pl.coalesce(text.str.extract(pattern) for pattern in _RAM),
            kind=pl.coalesce(text.str.extract(_RAM[place], 2) for place in (0, 2)),
        )
        .struct.with_fields(tokens=field("rest").str.extract_all(r" [0-9.]+[gt]b\b"))
        .struct.with_fields(
            gigabytes=field("tokens").list.eval(
                pl.element().str.extract(r"([0-9.]+)").cast(pl.Float64, strict=False)
                * pl.when(pl.element().str.ends_with("tb")).then(1024.0).otherwise(1.0)
            )
        )
        .struct.with_fields(
            several=field("gigabytes").list.n_unique() > 1,
            largest=_token(field("tokens"), field("gigabytes").list.arg_max()),
            smallest=_token(field("tokens"), field("gigabytes").list.arg_min()),
        )
        .struct.with_fields(
            is_storage=field("several")
            | field("stated").is_not_null()
            | field("rest").str.contains(_BESIDE_STORAGE)
            | (field("gigabytes").list.max() >= _STORAGE_FROM_GB),
            ram=pl.coalesce(
                pl.concat_str(
                    field("stated").str.to_uppercase(),
                    (" " + field("kind").str.to_uppercase()).fill_null(""),
                ),
                pl.when(field("several")).then(field("smallest")),
            ),
        )
        .struct.with_fields(
            capacity=pl.when(field("is_storage")).then(field("largest")),
            single=pl.when(~field("is_storage")).then(field("largest")),
        )
    )


_BESIDE_STORAGE = (
    r"[0-9][gt]b (?:de )?(?:ssd|hdd|emmc|ufs|nvme|rom|m 2|almacenamiento|interna|disco)"
)


def _token(tokens: pl.Expr, place: pl.Expr) -> pl.Expr:
    return tokens.list.get(place, null_on_oob=True).str.strip_chars(" ").str.to_uppercase()
