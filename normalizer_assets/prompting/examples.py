"""Near misses of the cache as examples in the detailed prompt.

Belongs here: their wording and what they cost. Does not belong here: finding them
(``cache.semantic``), the specification's prompts (``templates``), which never change: examples
stand behind them, and only where ``cache.examples`` asks for some.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

HEADING = "\n\nProductos parecidos, ya normalizados (otras variantes; no copies sus valores):\n"
TYPICAL_TOKENS = 70
"""Prompt tokens of one example with its share of the heading, for estimates of partitions
whose neighbours are not looked up yet: a name of 12 words with six fields is 65 to 75."""
NAMED = ("brand", "model", "attributes", "normalized_name")


def examples_text(examples: Sequence[tuple[str, Mapping[str, Any]]]) -> str | None:
    """Words examples.

    Args:
        examples: Name of a listing -> its accepted answer (brand, model, attributes,
            normalized_name), the nearest first.

    Returns:
        Text to stand behind the detailed prompt; ``None`` without examples.
    """
    if not examples:
        return None
    lines = [
        f"{' '.join(name.split())} -> "
        + json.dumps(
            {field: answer[field] for field in NAMED if answer[field]},
            ensure_ascii=False,
            separators=(",", ":"),
        )
        for name, answer in examples
    ]
    return HEADING + "\n".join(lines)
