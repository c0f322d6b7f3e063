"""Repairing and cleaning the text of landed cells, without reading its meaning.

Belongs here: encoding damage, entities, invisible characters, white space, and
the folding of text for comparisons inside the intake. Does not belong here: what
the words of a listing mean (``grammar``) or numbers (``prices``).
"""

import polars as pl

from normalizer_assets.grammar import text as text_of_grammar

# Entities, UTF-8 read as Latin-1 or Windows-1252 ("Ã±", "â€™"), UTF-8 read as Mac
# Roman ("√±"). A cheap sieve only: ftfy decides, and leaves sound text as it is.
_DAMAGED = (
    r"&#?[0-9A-Za-z]{1,24};"
    r"|[À-ÿ][\x{80}-\x{bf}€‚ƒ„…†‡ˆ‰Š‹ŒŽ‘’“”•–—˜™š›œžŸ]"
    r"|Ã |√"
)
_TAG = r"</?[A-Za-z][^<>]*>"
_SPACE = r"[\s\p{Z}\p{Cc}]+"
_INVISIBLE = r"\p{Cf}"
_PLACEHOLDER = r"(?i)^(?:n/?a|nan|null|none|undefined|sin informaci[oó]n|[-–—.]+)?$"


def clean_text(text: pl.Expr) -> pl.Expr:
    """Repairs a cell and brings its white space in order.

    Entities and mojibake are repaired (ftfy), HTML tags, zero-width and control
    characters removed, every run of white space (newlines, no-break spaces) becomes
    one space, and the result is in Unicode's NFC form (issue 2, point 3).

    Args:
        text: String column.

    Returns:
        String expression; null for cells that are empty or a placeholder such as
        ``N/A`` or ``null``.
    """
    cleaned = (
        text.map_batches(_repaired, return_dtype=pl.String, is_elementwise=True)
        .str.replace_all(_INVISIBLE, "")
        .str.replace_all(_TAG, " ")
        .str.replace_all(_SPACE, " ")
        .str.strip_chars()
        .str.normalize("NFC")
    )
    return pl.when(~cleaned.str.contains(_PLACEHOLDER)).then(cleaned)


def cut_at_word(text: pl.Expr, max_characters: int) -> pl.Expr:
    """Shortens text to ``max_characters``, at the last word boundary before them."""
    start = text.str.slice(0, max_characters + 1)
    shortened = (
        pl.when(start.str.contains(r"\S\s"))
        .then(start.str.replace(r"\s+\S*$", ""))
        .otherwise(start.str.slice(0, max_characters))
    )
    return pl.when(text.str.len_chars() > max_characters).then(shortened).otherwise(text)


def fold(text: pl.Expr) -> pl.Expr:
    """Reduces text to what counts when two are compared.

    Lower case, accents off (``ñ`` becomes ``n``), everything but letters, digits and
    ``+`` a single space.
    """
    return text_of_grammar.fold(text).str.replace_all(r"[^\p{L}\p{N}+]+", " ").str.strip_chars()


def _repaired(values: pl.Series) -> pl.Series:
    """Runs ftfy over the distinct values that look damaged, and only over them."""
    damaged = values.filter(values.str.contains(_DAMAGED).fill_null(value=False)).unique()
    if damaged.is_empty():
        return values
    import ftfy  # most partitions need no repair, and pay for no import

    # Only damage is repaired: with ftfy's other habits a repaired row would differ
    # from its sound neighbour in quotes and ligatures too.
    settings = ftfy.TextFixerConfig(
        unescape_html=True,
        uncurl_quotes=False,
        fix_latin_ligatures=False,
        fix_character_width=False,
        fix_line_breaks=False,
        normalization=None,
    )

    def repair(value: str) -> str:
        # Twice, because shops escape what was escaped already ("&amp;amp;").
        return ftfy.fix_text(ftfy.fix_text(value, settings), settings)

    return values.replace(damaged, pl.Series([repair(value) for value in damaged], dtype=pl.String))
