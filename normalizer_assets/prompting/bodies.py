"""Request bodies for chat completions, and the lines of a batch file.

Belongs here: which parameters a model is sent, and their JSON text. Does not belong
here: the wording of prompts (templates.py), splitting lines into files (batching).
"""

import json
from collections.abc import Mapping
from typing import Any, Literal

import polars as pl

from normalizer_assets.config import ModelConfig, TierConfig

Endpoint = Literal["/v1/chat/completions", "/v1/embeddings"]
CHAT: Endpoint = "/v1/chat/completions"
EMBEDDINGS: Endpoint = "/v1/embeddings"


def request_body(
    model_id: str,
    model: ModelConfig,
    tier: TierConfig,
    prompt: str,
    *,
    flex: bool = False,
    listings: int = 1,
    schema: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Builds one request body with what the model accepts.

    The GPT-5 family refuses ``temperature`` and ``max_tokens`` with a 400, in a batch
    line by line after hours (facts/openai_batch.md section 2); the capability table
    decides. Reasoning tokens count against the output limit, and a limit that they
    use up returns an empty answer, so the model's allowance is added to the tier's.

    Args:
        model_id: The id to send, such as "gpt-5-mini".
        model: The model's entry in the capability table.
        tier: Limits and system message.
        prompt: The user message.
        flex: Ask for ``service_tier: flex``: individual calls at the batch price.
        listings: How many listings the prompt asks about.
        schema: What a tier with ``response_format = "json_schema"`` sends
            (reply_schemas.py).

    Returns:
        The body, keys in a fixed order.
    """
    body: dict[str, Any] = {
        "model": model_id,
        "messages": [
            {"role": "system", "content": tier.system},
            {"role": "user", "content": prompt},
        ],
        model.max_tokens_parameter: tier.answer_tokens * listings + model.reasoning_allowance,
    }
    if model.temperature:
        body["temperature"] = tier.temperature
    if model.reasoning_effort is not None:
        body["reasoning_effort"] = model.reasoning_effort
    if tier.response_format == "json_object":
        body["response_format"] = {"type": "json_object"}
    if tier.response_format == "json_schema":
        body["response_format"] = {"type": "json_schema", "json_schema": schema}
    if flex:
        body["service_tier"] = "flex"
    return body


def body_json(body: Mapping[str, Any]) -> str:
    """Returns the one JSON text of a body: compact, UTF-8 kept, key order kept."""
    return json.dumps(body, ensure_ascii=False, separators=(",", ":"))


def request_bodies(
    model_id: str,
    model: ModelConfig,
    tier: TierConfig,
    prompts: pl.Series,
    *,
    flex: bool = False,
    listings: int = 1,
    schema: Mapping[str, Any] | None = None,
) -> pl.Series:
    """Builds ``body_json(request_body(...))`` for many prompts at once.

    Args:
        model_id: As in ``request_body``.
        model: As in ``request_body``.
        tier: As in ``request_body``.
        prompts: String series, without nulls.
        flex: As in ``request_body``.
        listings: As in ``request_body``, for each prompt.
        schema: As in ``request_body``.

    Returns:
        String series ``body``, in the order of ``prompts``.

    Raises:
        ValueError: A prompt is null.
    """
    _refuse_nulls(prompts, "prompts")
    # Quotes inside strings are escaped in JSON, so the empty user message occurs once.
    empty = request_body(model_id, model, tier, "", flex=flex, listings=listings, schema=schema)
    start, message, end = body_json(empty).partition('{"role":"user","content":""}')
    start, end = start + message.removesuffix('""}'), "}" + end
    frame = prompts.alias("prompt").to_frame()
    return frame.select(
        pl.concat_str(pl.lit(start), _json_text("prompt"), pl.lit(end)).alias("body")
    ).to_series()


def batch_lines(custom_ids: pl.Series, bodies: pl.Series, endpoint: Endpoint = CHAT) -> pl.Series:
    """Builds the lines of a batch file (facts/openai_batch.md section 1).

    Args:
        custom_ids: String series, unique within a batch.
        bodies: JSON texts from ``request_bodies``, in the same order.
        endpoint: What the lines ask.

    Returns:
        String series ``line``, one JSON object each, without a line break.

    Raises:
        ValueError: The lengths differ, or a value is null.
    """
    if len(custom_ids) != len(bodies):
        raise ValueError(f"{len(custom_ids)} custom ids for {len(bodies)} bodies; one each")
    _refuse_nulls(custom_ids, "custom ids")
    _refuse_nulls(bodies, "bodies")
    frame = pl.DataFrame([custom_ids.alias("custom_id"), bodies.alias("body")])
    return frame.select(
        pl.concat_str(
            pl.lit('{"custom_id":'),
            _json_text("custom_id"),
            pl.lit(f',"method":"POST","url":"{endpoint}","body":'),
            pl.col("body"),
            pl.lit("}"),
        ).alias("line")
    ).to_series()


def _json_text(column: str) -> pl.Expr:
    """Returns the column's texts as JSON strings, quotes included."""
    # Polars encodes structs only; the one-field object around the string is taken off.
    encoded = pl.struct(pl.col(column).alias("x")).struct.json_encode()
    return encoded.str.strip_prefix('{"x":').str.strip_suffix("}")


def _refuse_nulls(series: pl.Series, what: str) -> None:
    # concat_str turns a null part into a null line, which would be lost silently.
    if series.null_count():
        raise ValueError(f"{series.null_count()} of {len(series)} {what} are null")
