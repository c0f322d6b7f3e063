"""Labelled listings, and how well answers fit their labels.

Belongs here: reading gold files, and scores by field. Does not belong here: when two values
are the same (``answers.comparison``), what is scored (``rules``, ``confidence``), and the
labels themselves (``labels``).
"""

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, TypeVar

import polars as pl
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from normalizer_assets.answers.comparison import DECISIVE_FIELDS, answer_fields, same
from normalizer_assets.config import NormalizerConfig
from normalizer_assets.intake.categories import category_group
from normalizer_assets.intake.text import clean_text


class GoldError(ValueError):
    """A gold file cannot be read; the message says where and why."""


class Label(BaseModel):
    """What a listing states, under the conventions of DESIGN.md, "Labelling"."""

    model_config = ConfigDict(extra="forbid")

    brand: str | None = None
    model: str | None = None
    attributes: dict[str, str] = {}


class LabelledAnswer(BaseModel):
    """An answer of a model, and what is wrong with it.

    Attributes:
        answer: As the model returned it.
        llm_model: Which one; ``None`` for hand-written answers.
        kind: In what way it is wrong, or ``right``.
        wrong_fields: Fields that are wrong, invented or missing; ``None`` where nobody has
            looked: then the label decides.
    """

    model_config = ConfigDict(extra="forbid")

    answer: dict[str, Any]
    llm_model: str | None = None
    kind: str | None = None
    wrong_fields: list[str] | None = None


class LabelledListing(BaseModel):
    """One line of a file of labels; further keys are ignored.

    Attributes:
        name: The listing's name.
        category: Raw category.
        price: CLP.
        retailer: Slug.
        sku: The retailer's key.
        brand: The row's own brand field.
        family: Brand and line: the unit of a split into train and test.
    """

    name: str
    category: str | None = None
    price: float | None = Field(default=None, ge=0, lt=1e12, allow_inf_nan=False)
    retailer: str | None = None
    sku: str | None = None
    brand: str | None = None
    family: str | None = None


class GoldListing(LabelledListing):
    """One line of a gold file.

    Attributes:
        gold: The label.
        answers: Answers to the listing.
    """

    gold: Label
    answers: list[LabelledAnswer] = []


Line = TypeVar("Line", bound=LabelledListing)

_LABELS = Path(__file__).parent / "labels"
SHIPPED = _LABELS / "chile.ndjson"
SHIPPED_FOR_RULES = _LABELS / "chile_rules.ndjson"
SHIPPED_FOR_CALIBRATION = _LABELS / "chile_calibration.ndjson"


def shipped_gold(part: Literal["rules", "calibration", "test"]) -> list[GoldListing]:
    """Returns one part of the shipped labels; a family is in one part only.

    Args:
        part: ``rules``, on which rules and features were developed; ``calibration``, which
            they have not seen: on the first they agree with right answers more often than
            on listings that are new to them; ``test``, held back from both.
    """
    if part == "calibration":
        return read_gold(SHIPPED_FOR_CALIBRATION)
    half = [one for one in read_gold(SHIPPED) if is_test(one) == (part == "test")]
    return half + read_gold(SHIPPED_FOR_RULES) if part == "rules" else half


def answer_count(gold: Sequence[GoldListing]) -> int:
    """Returns how many answers labelled listings have."""
    return sum(len(one.answers) for one in gold)


def halves(
    gold: Sequence[GoldListing], llm_model: str
) -> tuple[list[GoldListing], list[GoldListing]]:
    """Splits labels by product family, with one model's answers and those that name none.

    Raises:
        GoldError: A half has no answers, though the labels have.
    """
    mine = [
        one.model_copy(
            update={"answers": [a for a in one.answers if a.llm_model in (None, llm_model)]}
        )
        for one in gold
    ]
    models = {answer.llm_model for one in gold for answer in one.answers} - {None}
    if answer_count(gold) and not answer_count(mine):
        named = ", ".join(sorted(map(str, models)))
        raise GoldError(f"no answers of {llm_model!r}; the file has those of {named}")
    fitted, held_back = ([one for one in mine if is_test(one) is half] for half in (False, True))
    for half, what in ((fitted, "fit"), (held_back, "score")):
        if answer_count(gold) and not answer_count(half):
            raise GoldError(
                f"no answers of {llm_model!r} to {what} with: of all product families about half "
                f"are held back, and their listings, or the others, have none; label more "
                f"families, or name another model"
            )
    return fitted, held_back


def is_test(listing: GoldListing) -> bool:
    """Whether a listing belongs to the held-back half: half of all families, by their hash."""
    return is_held_back(listing.family or listing.name)


def is_held_back(family: str) -> bool:
    """Whether a product family belongs to the held-back half, by the hash of its name."""
    return hashlib.sha256(family.casefold().encode()).digest()[0] % 2 == 0


def read_gold(path: Path) -> list[GoldListing]:
    """Reads a gold file; see ``read_lines``."""
    example = (
        '{"name": ..., "category": ..., "gold": {"brand": ..., "model": ..., "attributes": {}}}'
    )
    return read_lines(path, GoldListing, example)


def read_lines(path: Path, kind: type[Line], example: str) -> list[Line]:
    """Reads a file of labels, one JSON object a line; empty lines are skipped.

    Args:
        path: The file.
        kind: What a line is.
        example: What a line looks like, for errors.

    Raises:
        GoldError: A line is not what it should be; nothing was read.
    """
    found = []
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise GoldError(f"{path} is not UTF-8; save it as UTF-8") from None
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            found.append(kind.model_validate_json(line))
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"])
            raise GoldError(
                f"{path}, line {number}: {where + ': ' if where else ''}{first['msg']}; a line "
                f"looks like {example}"
            ) from None
    if not found:
        raise GoldError(f"{path} holds no labelled listing")
    return found


def listings_of(gold: Sequence[LabelledListing], config: NormalizerConfig) -> pl.DataFrame:
    """Returns what rules and evidence read, cleaned as the intake does, in ``gold``'s order."""
    columns = ("name", "brand", "category", "price")
    schema = {"name": pl.String, "brand": pl.String, "category": pl.String, "price": pl.Float64}
    rows = [tuple(getattr(one, column) for column in columns) for one in gold]
    mapping = config.intake.category_groups
    listings = pl.DataFrame(rows, schema=schema, orient="row").with_columns(
        clean_text(pl.col("name", "brand", "category"))
    )
    return listings.with_columns(
        category_group(pl.col("category"), pl.col("name"), mapping).alias("category_group")
    )


def score(pairs: Sequence[tuple[Mapping[str, str], Mapping[str, str]]]) -> dict[str, Any]:
    """Counts fields: right, wrong or missing.

    Args:
        pairs: (answer, gold), each field -> value, absent ones left out. Fields that are
            not decisive do not count.

    Returns:
        ``rows``, ``micro`` and ``fields``, with precision, recall and F1 (0..1, ``None``
        where nothing was to be found or was found) and the support in labels; ``invented``,
        the share of answered fields that the label says the listing does not state.
    """
    right, answered, stated = Counter[str](), Counter[str](), Counter[str]()
    invented = Counter[str]()
    for answer, gold in pairs:
        for field in DECISIVE_FIELDS:
            answered[field] += field in answer
            stated[field] += field in gold
            invented[field] += field in answer and field not in gold
            if field in answer and field in gold:
                right[field] += same(field, answer[field], gold[field])
    fields = {
        field: _measures(right[field], answered[field], stated[field]) | {"support": stated[field]}
        for field in DECISIVE_FIELDS
        if answered[field] or stated[field]
    }
    micro = _measures(right.total(), answered.total(), stated.total())
    share = invented.total() / answered.total() if answered.total() else None
    return {"rows": len(pairs), "micro": micro, "fields": fields, "invented": share}


def label_fields(label: Label) -> dict[str, str]:
    """Returns a label as field -> value, absent ones left out."""
    return answer_fields(label.model_dump())


def _measures(right: int, answered: int, stated: int) -> dict[str, float | None]:
    precision = right / answered if answered else None
    recall = right / stated if stated else None
    both = answered + stated
    f1 = 2 * right / both if both else None
    return {"precision": precision, "recall": recall, "f1": f1}
