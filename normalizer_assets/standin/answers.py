"""From a prompt to the text of an answer: the basic rules, with seeded disagreement.

Belongs here: reading a prompt back into its listing, asking the project's rules, making
a share of the answers plausibly wrong, and writing them as a model would. Does not
belong here: which calls fail (failures.py), tokens and HTTP.

Values depend on seed, product name and tier alone, never on the template, the batch or
the order of calls: an individual call repeats what the batch said.
"""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, get_args

import polars as pl

from normalizer_assets.answers.rules import read_listings
from normalizer_assets.config import NormalizerConfig, PackName, TemplateName, Tier
from normalizer_assets.intake.categories import category_group
from normalizer_assets.prompting.templates import CLAUSES, PACKED
from normalizer_assets.standin.schemas import in_shape
from normalizer_assets.standin.seeding import choose, draw

FENCED_SHARE = 0.03
"""Share of answers inside a Markdown code fence."""

SPACED_UNIT_SHARE = 0.05
"""Share of answers that write "256 GB" for "256GB"."""

NUMBER_SHARE = 0.3
"""Share of answers that write digits as JSON numbers."""

QUANTITIES = ("capacity", "volume_ml", "weight_g", "ram", "size")
NEIGHBOURS = ("SAMSUNG", "LG", "HP", "LENOVO", "PHILIPS", "ADIDAS")
NEIGHBOURS_BY_CONTENT = ("NESTLÉ", "COLUN", "SOPROLE", "LUCCHETTI", "CCU", "UNILEVER")
"""Wrong brands, and those for products sold by volume or weight."""

COLOURS = ("negro", "blanco", "azul", "rojo", "verde", "gris", "plateado", "rosado")
UNANSWERABLE = json.dumps({"error": "the stand-in knows the project's five prompts only"})

_PLACEHOLDERS = {
    "{name}": r"(?P<name>[^\n]+?)",
    # In FALLBACK a listing without a category goes on with " | $price".
    "{category}": r"(?P<category>[^$\n][^\n]*?)",
    "{price}": r"(?P<price>\d+)",
    "{retailer}": r"(?P<retailer>[^\n]*?)",
    "{sku}": r"(?P<sku>[^\n]*?)",
}


@dataclass(frozen=True)
class Question:
    """A listing as its prompt tells it.

    Attributes:
        template: Which prompt it was.
        name: Product name.
        category: Raw category, ``None`` where the prompt has none.
        price: CLP, ``None`` where the prompt has none.
    """

    template: TemplateName | PackName
    name: str
    category: str | None = None
    price: int | None = None

    @property
    def tier(self) -> Tier:
        """The tier that asks with this template (DESIGN.md, "Which template")."""
        tiers: dict[str, Tier] = {
            "DETAILED": "full",
            "PACKED_DETAILED": "full",
            "FALLBACK": "legacy",
        }
        return tiers.get(self.template, "mini")


@dataclass(frozen=True)
class _Wording:
    """How one template wants its answer.

    Attributes:
        fields: Our field -> its key in the answer, in order.
        attributes: Our attribute -> its key; asked for, so null where unknown.
    """

    fields: dict[str, str]
    attributes: dict[str, str]


def _same(*names: str) -> dict[str, str]:
    return {name: name for name in names}


_LONG = _same("brand", "model", "attributes", "confidence")
_WORDINGS: dict[TemplateName | PackName, _Wording] = {
    "BATCH": _Wording(
        {"brand": "b", "model": "m", "attributes": "a", "confidence": "cf"},
        {"capacity": "c", "color": "cl", "size": "s"},
    ),
    "MINIMAL": _Wording(
        {"brand": "brand", "model": "model", "attributes": "attrs", "confidence": "conf"},
        {"capacity": "cap", "color": "color", "size": "size"},
    ),
    "STANDARD": _Wording(_LONG, _same("capacity", "color", "size")),
    "DETAILED": _Wording(
        _same(
            *("brand", "model", "attributes", "normalized_name", "confidence"),
            "category_suggestion",
        ),
        _same("capacity", "color", "size", "ram", "network", "volume_ml", "screen_type"),
    ),
    "FALLBACK": _Wording(_LONG, _same("capacity", "color")),
}
_WORDINGS |= {"PACKED_SIMPLE": _WORDINGS["BATCH"], "PACKED_DETAILED": _WORDINGS["DETAILED"]}


def _pattern(template: TemplateName) -> re.Pattern[str]:
    """Builds the expression that a rendered prompt matches; clauses may be left out."""
    clauses = []
    for clause in CLAUSES[template]:
        pattern = re.escape(clause)
        for placeholder, group in _PLACEHOLDERS.items():
            pattern = pattern.replace(re.escape(placeholder), group)
        optional = pattern != re.escape(clause) and "{name}" not in clause
        clauses.append(f"(?:{pattern})?" if optional else pattern)
    return re.compile("".join(clauses))


_PACKED_LINE = re.compile(r"(?P<number>\d+)\|(?P<name>[^|]+)\|(?P<category>[^|]*)\|(?P<price>\d*)")
_PATTERNS = {template: _pattern(template) for template in get_args(TemplateName)}


def parse_prompt(prompt: str) -> Question | None:
    """Reads one of the five prompts back; ``None`` where it is none of them."""
    for template, pattern in _PATTERNS.items():
        if match := pattern.fullmatch(prompt):
            price = match["price"]
            # Some templates write "|" as "/"; one product must get one answer from all.
            name = match["name"].replace("|", "/")
            return Question(
                template, name, match["category"], None if price is None else int(price)
            )
    return None


def parse_packed(prompt: str) -> list[Question]:
    """Reads a prompt for several listings back; empty where it is none."""
    for template, instruction in PACKED.items():
        if not prompt.startswith(instruction):
            continue
        lines = [
            _PACKED_LINE.fullmatch(line) for line in prompt.removeprefix(instruction).split("\n")
        ]
        if all(line and int(line["number"]) == n for n, line in enumerate(lines, 1)):
            return [
                Question(
                    template,
                    line["name"],
                    line["category"] or None,
                    int(line["price"]) if line["price"] else None,
                )
                for line in lines
                if line
            ]
    return []


class Answerer:
    """Answers prompts.

    Args:
        seed: Decides which answers are wrong, and how.
        disagreement: Share of wrong answers.
        config: Category mapping and words of the grammar.
    """

    def __init__(self, seed: int, disagreement: float, config: NormalizerConfig) -> None:
        self._seed = seed
        self._disagreement = disagreement
        self._config = config

    def contents(self, questions: Sequence[Question]) -> list[str]:
        """Returns one message content for each question, the rules being asked once."""
        answers = self.answers(questions)
        return [
            self.content([question], [answer])
            for question, answer in zip(questions, answers, strict=True)
        ]

    def answers(self, questions: Sequence[Question]) -> list[dict[str, Any]]:
        """Returns the fields of one answer to each question, the rules being asked once."""
        if not questions:
            return []
        rows = self._read(questions).iter_rows(named=True)
        return [self._answer(question, row) for question, row in zip(questions, rows, strict=True)]

    def content(
        self,
        questions: Sequence[Question],
        answers: Sequence[dict[str, Any] | None],
        schema: Mapping[str, Any] | None = None,
    ) -> str:
        """Writes the content of one message.

        Args:
            questions: What was asked together.
            answers: As ``answers`` returns them; ``None`` leaves that one out.
            schema: The strict schema that was asked for; else the template says how.
        """
        first = questions[0]
        numbered = {n: answer for n, answer in enumerate(answers, 1) if answer is not None}
        if schema is not None:
            return json.dumps(in_shape(numbered, schema), ensure_ascii=False, separators=(",", ":"))
        worded = {n: _worded(one, _WORDINGS[first.template]) for n, one in numbered.items()}
        if first.template in PACKED:
            stated = {n: _stated(one) for n, one in worded.items()}
            content = json.dumps(stated, ensure_ascii=False, separators=(",", ":"))
        else:
            content = json.dumps(worded[1], ensure_ascii=False)
        fenced = draw(self._seed, "fenced", first.name, first.tier) < FENCED_SHARE
        return f"```json\n{content}\n```" if fenced else content

    def _read(self, questions: Sequence[Question]) -> pl.DataFrame:
        listings = pl.DataFrame(
            {
                "name": [question.name for question in questions],
                "brand": None,
                "category": [question.category for question in questions],
                "price": [question.price for question in questions],
            },
            schema={
                "name": pl.String,
                "brand": pl.String,
                "category": pl.String,
                "price": pl.Int64,
            },
        )
        group = category_group(
            pl.col("category"), pl.col("name"), self._config.intake.category_groups
        )
        return read_listings(listings.with_columns(category_group=group), self._config.grammar)

    def _answer(self, question: Question, row: dict[str, Any]) -> dict[str, Any]:
        key = (question.name, question.tier)
        answer = row | {
            "attributes": json.loads(row["attributes"] or "{}"),
            "confidence": round(0.8 + 0.18 * draw(self._seed, "confidence", *key), 2),
        }
        if draw(self._seed, "disagrees", *key) < self._disagreement:
            _disagree(answer, self._seed, key)
        attributes = answer["attributes"]
        if draw(self._seed, "spaced", *key) < SPACED_UNIT_SHARE:
            spaced = re.compile(r"(?<=\d)(?=[A-Za-z])")
            attributes |= {
                name: spaced.sub(" ", value, count=1)
                for name, value in attributes.items()
                if name in QUANTITIES
            }
        if draw(self._seed, "numbers", *key) < NUMBER_SHARE:
            attributes |= {
                name: json.loads(value)
                for name, value in attributes.items()
                if re.fullmatch(r"(0|[1-9]\d*)(\.\d+)?", value)
            }
        return answer


def _worded(answer: dict[str, Any], wording: _Wording) -> dict[str, Any]:
    """Writes an answer under the template's keys; further attributes keep their own."""
    attributes = answer["attributes"]
    asked = {key: attributes.get(name) for name, key in wording.attributes.items()}
    further = {name: value for name, value in attributes.items() if name not in wording.attributes}
    values = answer | {"attributes": asked | further}
    return {key: values[field] for field, key in wording.fields.items()}


def _stated(answer: dict[str, Any]) -> dict[str, Any]:
    """Leaves out what is null, as packed prompts ask for."""
    return {
        key: _stated(value) if isinstance(value, dict) else value
        for key, value in answer.items()
        if value is not None
    }


# --- plausibly wrong ----------------------------------------------------------------


def _disagree(answer: dict[str, Any], seed: int, key: tuple[str, str]) -> None:
    """Makes one answer wrong in place, in a way that a model's answer could be."""
    attributes = answer["attributes"]
    ways: list[Callable[[], object]] = [
        lambda: attributes.update(color=_other(COLOURS, attributes.get("color"), seed, key)),
        lambda: answer.update(confidence=round(0.1 + 0.3 * draw(seed, "far off", *key), 2)),
    ]
    if answer["brand"] is not None:
        by_content = {"volume_ml", "weight_g"} & set(attributes)
        brands = NEIGHBOURS_BY_CONTENT if by_content else NEIGHBOURS
        ways.append(lambda: answer.update(brand=_other(brands, answer["brand"], seed, key)))
    if attributes:
        ways.append(lambda: attributes.pop(choose(sorted(attributes), seed, "dropped", *key)))
    if quantities := sorted(set(QUANTITIES) & set(attributes)):
        factor = choose((0.5, 2), seed, "variant", *key)
        ways.append(
            lambda: attributes.update(
                {name: _scaled(attributes[name], factor) for name in quantities}
            )
        )
    choose(ways, seed, "way", *key)()


def _other(options: Sequence[str], right: str | None, seed: int, key: tuple[str, str]) -> str:
    return choose([option for option in options if option != right], seed, "other", *key)


def _scaled(value: str, factor: float) -> str:
    """Returns the neighbouring variant: the first number doubled or halved."""
    return re.sub(r"\d+(\.\d+)?", lambda number: f"{float(number[0]) * factor:g}", value, count=1)
