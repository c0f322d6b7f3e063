"""How good the basic rules are, on labelled listings.

Belongs here: reading gold listings with the rules and scoring their answers. Does not
belong here: how fields are compared (``gold``), the rules (``answers.rules``).
"""

import json
from collections.abc import Sequence
from typing import Any

from normalizer_assets.answers.comparison import answer_fields
from normalizer_assets.answers.rules import read_listings
from normalizer_assets.config import NormalizerConfig
from normalizer_assets.evaluation.gold import (
    GoldListing,
    label_fields,
    listings_of,
    score,
)


def answer_rules(gold: Sequence[GoldListing], config: NormalizerConfig) -> list[dict[str, Any]]:
    """Returns the rules' answers, row for row: brand, model, attributes, normalized_name."""
    columns = ("brand", "model", "attributes", "normalized_name")
    read = read_listings(listings_of(gold, config), config.grammar).select(columns)
    return [
        row | {"attributes": json.loads(row["attributes"])} for row in read.iter_rows(named=True)
    ]


def evaluate_rules(
    gold: Sequence[GoldListing], answers: Sequence[dict[str, Any]]
) -> dict[str, Any]:
    """Scores answers as ``answer_rules`` gives them.

    Returns:
        What ``gold.score`` returns: rows, micro, fields.
    """
    return score(
        [
            (answer_fields(answer), label_fields(one.gold))
            for answer, one in zip(answers, gold, strict=True)
        ]
    )
