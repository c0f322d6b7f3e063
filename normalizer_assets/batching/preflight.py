"""Before money: are the models still there, and will the API take these bodies?

Belongs here: asking ``GET /v1/models`` and switching to successors, and linting request
bodies against the capability table. Does not belong here: budgets (``budget``), trying a
few requests (``canary``).

In a batch a refused parameter shows line by line after hours (facts/openai_batch.md, 2).
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import polars as pl

from normalizer_assets.batching.replies import pages
from normalizer_assets.config import ConfigurationError, ModelConfig, NormalizerConfig, TierConfig

if TYPE_CHECKING:
    from openai import OpenAI

WINDOW = timedelta(hours=24)
"""A batch may take so long, and its model must live until then."""


@dataclass(frozen=True)
class Preflight:
    """What may be asked.

    Attributes:
        config: The configuration, with models that live.
        switched: For people: which model was replaced by its successor, and why.
    """

    config: NormalizerConfig
    switched: tuple[str, ...] = ()


def check_models(config: NormalizerConfig, client: "OpenAI") -> Preflight:
    """Asks the API for its models, and replaces those that are gone within the window.

    Raises:
        ConfigurationError: A model is gone and has no living successor, or the
            configuration says to fail then.
        openai.OpenAIError: The API refused or could not be reached.
    """
    from openai.types import Model

    shutdowns = {model.id: announced_shutdown(model) for model in pages(Model, client.models.list)}
    last_day = (datetime.now(UTC) + WINDOW).date()
    tiers: dict[str, TierConfig] = {}
    switched = []
    for tier, settings in config.tiers.items():
        model, why = living_model(config.models, settings.model, shutdowns, last_day)
        tiers[tier] = settings.model_copy(update={"model": model})
        if why:
            switched.append(f"tiers.{tier}: {model} answers instead of {settings.model}, {why}")
    return Preflight(config.model_copy(update={"tiers": tiers}), tuple(switched))


def living_model(
    table: Mapping[str, ModelConfig],
    name: str,
    shutdowns: Mapping[str, date | None],
    last_day: date,
) -> tuple[str, str]:
    """Returns the model that may be asked in place of ``name``, and why it is another one.

    Args:
        table: The model table.
        name: A model of it.
        shutdowns: As the API lists its models: id -> announced last day.
        last_day: The day that it must outlive.

    Raises:
        ConfigurationError: None may.
    """
    passed, reasons = [name], []
    while (gone := _why_gone(table, passed[-1], shutdowns, last_day)) is not None:
        entry = table[passed[-1]]
        reasons.append(gone)
        known = ", ".join(sorted(set(shutdowns) & set(table))) or "none of the table"
        remedy = f"name another model for the tier (the API has {known})"
        if entry.when_gone == "fail":
            raise ConfigurationError(
                f'{gone}, and `models."{passed[-1]}".when_gone` is fail: {remedy}'
            )
        if entry.successor is None or entry.successor in passed:
            raise ConfigurationError(f"{'; '.join(reasons)}; no successor lives: {remedy}")
        passed.append(entry.successor)
    return passed[-1], "; ".join(reasons)


def _why_gone(
    table: Mapping[str, ModelConfig],
    name: str,
    shutdowns: Mapping[str, date | None],
    last_day: date,
) -> str | None:
    if name not in shutdowns:
        return f"the API has no model {name}"
    # What the API says counts; the table remembers announcements that it does not show.
    shutdown = shutdowns[name] or table[name].shutdown
    if shutdown is not None and shutdown <= last_day:
        return f"{name} is shut down on {shutdown}"
    return None


def announced_shutdown(model: Any) -> date | None:
    """Reads ``shutdown_date``, which the API gives as a day or as epoch seconds."""
    given = getattr(model, "shutdown_date", None)
    if isinstance(given, int | float):
        return datetime.fromtimestamp(given, UTC).date()
    return date.fromisoformat(str(given)[:10]) if given else None


# --- bodies -------------------------------------------------------------------------


def check_requests(requests: pl.DataFrame, models: Mapping[str, ModelConfig]) -> None:
    """Lints what is about to be sent, before anything of it is.

    Bodies of one model and template differ in the product's text alone, so one of each is
    looked at.

    Args:
        requests: Columns of ``requests.REQUEST_SCHEMA``.
        models: The capability table.

    Raises:
        ConfigurationError: The API would refuse them; the message names the parameter.
    """
    repeated = requests.filter(pl.col("question_key").is_duplicated())
    if repeated.height:
        raise ConfigurationError(
            f"{repeated.height} requests ask the same question twice; first: "
            f"{repeated['question_key'][0]}"
        )
    samples = requests.unique(["llm_model", "prompt_version"], keep="first", maintain_order=True)
    for row in samples.iter_rows(named=True):
        body = json.loads(row["body"])
        problems = list(body_problems(body, models[row["llm_model"]]))
        if problems:
            raise ConfigurationError(
                f"the API would refuse every request to {row['llm_model']}: "
                f'{"; ".join(problems)}; correct [models."{row["llm_model"]}"] or the tier'
            )


def body_problems(body: Mapping[str, Any], model: ModelConfig) -> Iterable[str]:
    """Says what a model would refuse in a body (facts/openai_batch.md, section 2)."""
    other = {"max_tokens", "max_completion_tokens"} - {model.max_tokens_parameter}
    for name in sorted(other & set(body)):
        yield f"`{name}` is not accepted, `{model.max_tokens_parameter}` is"
    if "temperature" in body and not model.temperature:
        yield "`temperature` is not accepted"
    if "reasoning_effort" in body and body["reasoning_effort"] not in model.efforts:
        accepted = f" (accepted: {', '.join(model.efforts)})" if model.efforts else ""
        yield f"`reasoning_effort` {body['reasoning_effort']!r} is not accepted{accepted}"
    if body.get(model.max_tokens_parameter, 1) < 1:
        yield f"`{model.max_tokens_parameter}` must be at least 1"
    form = body.get("response_format", {})
    if form.get("type") == "json_object":
        texts = [str(message.get("content", "")) for message in body.get("messages", ())]
        if not any("json" in text.lower() for text in texts):
            yield "`messages` must contain the word 'json' to use json_object"
    if form.get("type") == "json_schema":
        yield from schema_problems((form.get("json_schema") or {}).get("schema", {}))


REFUSED_KEYWORDS = ("allOf", "not", "if", "then", "else", "dependentRequired", "dependentSchemas")


def schema_problems(schema: Mapping[str, Any], place: str = "schema") -> Iterable[str]:
    """Says what a strict JSON schema lacks (facts/openai_batch.md, section 2)."""
    if place == "schema" and (schema.get("type") != "object" or "anyOf" in schema):
        yield "the schema's root must be an object, not anyOf"
    for keyword in REFUSED_KEYWORDS:
        if keyword in schema:
            yield f"{place}: `{keyword}` is not supported"
    if "$ref" in schema and len(schema) > 1:
        yield f"{place}: `$ref` cannot have other keywords, such as `default`"
    if "properties" in schema:
        missing = sorted(set(schema["properties"]) - set(schema.get("required", ())))
        if missing:
            yield f"{place}: `required` must name every property; missing: {', '.join(missing)}"
        if schema.get("additionalProperties") is not False:
            yield f"{place}: `additionalProperties` must be false"
    for name, nested in _nested(schema):
        yield from schema_problems(nested, f"{place}.{name}")


def _nested(schema: Mapping[str, Any]) -> Iterable[tuple[str, Mapping[str, Any]]]:
    yield from schema.get("properties", {}).items()
    yield from schema.get("$defs", {}).items()
    for number, value in enumerate(schema.get("anyOf", ())):
        yield f"anyOf[{number}]", value
    if isinstance(schema.get("items"), Mapping):
        yield "items", schema["items"]
