"""Chat completions: what a model accepts, and what a reply looks like.

Belongs here: checking one request body against the model table, counting its tokens,
building replies and failed replies, for batch lines and individual calls alike. Does
not belong here: what an answer says (answers.py), batch files (batches.py).
"""

import secrets
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from normalizer_assets.config import ModelConfig
from normalizer_assets.prompting.reply_schemas import schema_text
from normalizer_assets.prompting.tokens import TOKENS_PER_MESSAGE, TOKENS_PER_REPLY, count_tokens
from normalizer_assets.standin.answers import (
    UNANSWERABLE,
    Answerer,
    Question,
    parse_packed,
    parse_prompt,
)
from normalizer_assets.standin.embeddings import MODEL_PREFIX
from normalizer_assets.standin.errors import (
    ApiError,
    invalid_type,
    invalid_value,
    missing_parameter,
    out_of_range,
    rate_limited,
    server_error,
    unknown_model,
    unsupported_temperature,
)
from normalizer_assets.standin.failures import Failure, failure_of
from normalizer_assets.standin.faults import LineKind
from normalizer_assets.standin.schemas import check_schema
from normalizer_assets.standin.settings import StandinSettings

MODEL_SUFFIX = "-standin"
"""Ends the model id of every reply, so that each table that shows the model says that
no language model answered."""

REASONING_TOKENS = {
    "none": 0,
    "minimal": 0,
    "low": 192,
    "medium": 448,
    "high": 1152,
    "xhigh": 1920,
    "max": 3840,
}
"""Reasoning tokens by effort; round figures in the order of size of recorded calls."""

DEFAULT_EFFORT = "medium"

PARAMETERS = frozenset(
    (
        *("model", "messages", "response_format", "temperature", "top_p", "n", "stop", "stream"),
        *("max_tokens", "max_completion_tokens", "reasoning_effort", "verbosity", "seed"),
        *("user", "metadata", "store", "service_tier", "logprobs", "top_logprobs"),
        *("presence_penalty", "frequency_penalty", "logit_bias", "prompt_cache_key"),
        "safety_identifier",
    )
)
SAMPLING = ("top_p", "logprobs", "top_logprobs")
"""Refused, as ``temperature`` is, by models that reason."""


@dataclass(frozen=True)
class ChatRequest:
    """A request that was accepted.

    Attributes:
        model: Id of the model.
        questions: What was asked, in order; none for a prompt that is not the project's.
        prompt_tokens: Tokens of all messages, and of the schema.
        limit: Completion tokens allowed, ``None`` without a limit.
        reasoning_tokens: Tokens spent before the answer.
        flex: Whether the flex tier was asked for.
        schema: The schema that the answer must have, if one was given.
        fault: What goes wrong with the answer, if anything was switched on.
    """

    model: str
    questions: tuple[Question, ...]
    prompt_tokens: int
    limit: int | None
    reasoning_tokens: int
    flex: bool = False
    schema: Mapping[str, Any] | None = None
    fault: LineKind | None = None

    @property
    def question(self) -> Question | None:
        """The first question: what goes wrong with it goes wrong with all of them."""
        return self.questions[0] if self.questions else None


@dataclass(frozen=True)
class Reply:
    """One request's end: a completion, an error, or no line at all.

    Attributes:
        body: The completion, ``None`` where there is none.
        error: Why there is none.
    """

    body: dict[str, Any] | None = None
    error: ApiError | None = None


def check(body: Any, models: Mapping[str, ModelConfig]) -> ChatRequest:
    """Checks a request as the real API would (facts/openai_batch.md section 2).

    Args:
        body: Parsed JSON.
        models: The model table: id -> what it accepts.

    Raises:
        ApiError: With the real API's text, as far as one was recorded.
    """
    if not isinstance(body, dict):
        raise ApiError("We could not parse the JSON body of your request.")
    name = body.get("model")
    if name is None:
        raise ApiError("you must provide a model parameter")
    model = models.get(name) if isinstance(name, str) else None
    if model is None:
        raise unknown_model(name)
    if name.startswith(MODEL_PREFIX):
        raise ApiError(
            "This is not a chat model and thus not supported in the v1/chat/completions endpoint. "
            "Did you mean to use v1/completions?",
            status=404,
            param="model",
        )
    texts = _message_texts(body)
    _check_parameters(body, model)
    _check_tier(body, model)
    schema = _check_format(body, texts)
    user = [text for role, text in texts if role == "user"]
    counted = [text for _, text in texts]
    counted += [] if schema is None else [schema_text(body["response_format"]["json_schema"])]
    counts = count_tokens(counted)
    return ChatRequest(
        model=name,
        questions=_questions(user[-1]) if user else (),
        prompt_tokens=int(counts.sum()) + TOKENS_PER_MESSAGE * len(texts) + TOKENS_PER_REPLY,
        limit=body.get("max_completion_tokens", body.get("max_tokens")),
        reasoning_tokens=_reasoning(body, model),
        flex=body.get("service_tier") == "flex",
        schema=schema,
    )


def _questions(prompt: str) -> tuple[Question, ...]:
    question = parse_prompt(prompt)
    return tuple(parse_packed(prompt)) if question is None else (question,)


def respond(
    requests: Sequence[ChatRequest],
    answerer: Answerer,
    settings: StandinSettings,
    *,
    in_batch: bool,
) -> list[Reply]:
    """Answers accepted requests, the rules being asked once for all of them.

    Args:
        requests: What was accepted by ``check``.
        answerer: Who answers.
        settings: Seed and share of failures.
        in_batch: Whether these are lines of a batch.
    """
    asked = [question for request in requests for question in request.questions]
    answers = iter(answerer.answers(asked))
    replies = []
    for request in requests:
        content, failure = UNANSWERABLE, None
        if request.questions:
            given: list[dict[str, Any] | None] = [next(answers) for _ in request.questions]
            failure, *others = [
                failure_of(
                    question.name,
                    question.tier,
                    in_batch=in_batch,
                    seed=settings.seed,
                    failing_lines=settings.failing_lines,
                )
                for question in request.questions
            ]
            if others:
                # The first listing's failure is the line's, that of another leaves it alone out.
                failure = None if failure == "wrong_types" else failure
                kept = zip(given[1:], others, strict=True)
                given[1:] = [None if wrong else answer for answer, wrong in kept]
            content = answerer.content(request.questions, given, request.schema)
        replies.append(_reply(request, content, request.fault or failure))
    return replies


def error_of(wrong: LineKind | Failure | None) -> ApiError | None:
    """Returns the refusal that a fault or failure makes instead of a reply, if it is one."""
    match wrong:
        case "server_error" | "http_500":
            return server_error()
        case "http_429":
            return rate_limited()
        case "http_400_param":
            return unsupported_temperature(0.2)
    return None


def _reply(request: ChatRequest, content: str, wrong: LineKind | Failure | None) -> Reply:
    if (error := error_of(wrong)) is not None:
        return Reply(error=error)
    body = _completion(request, content)
    choice = body["choices"][0]
    match wrong:
        case "unanswered" | "expired" | "status_0":
            return Reply()
        case "refusal":
            refusal = "I'm sorry, but I can't help with that."
            choice["message"] |= {"content": None, "refusal": refusal}
        case "content_filter":
            choice["message"]["content"] = None
            choice["finish_reason"] = "content_filter"
        case "cut":
            choice["message"]["content"] = content[: len(content) // 2]
            choice["finish_reason"] = "length"
        case "truncated":
            # All that the caller allows goes into reasoning (facts, section 2).
            body = _completion(replace(request, reasoning_tokens=request.limit or 0), content)
        case "wrong_types":
            body = _completion(request, WRONG_TYPES)
        case "invalid_json":
            body = _completion(request, PROSE)
        case "body_error":
            body = server_error().body()
    return Reply(body)


WRONG_TYPES = '{"brand": ["?"], "model": {"name": "?"}, "attributes": "?", "confidence": "alta"}'
"""Valid JSON that is no answer."""

PROSE = "El producto parece correcto."
"""No JSON at all."""


def _completion(request: ChatRequest, content: str) -> dict[str, Any]:
    """Builds a completion; what does not fit under the limit is cut off.

    Reasoning counts against the limit and comes first, so a small limit returns an
    empty answer that is billed all the same.
    """
    answer_tokens = int(count_tokens([content])[0])
    finish = "stop"
    if request.limit is not None and request.reasoning_tokens + answer_tokens > request.limit:
        finish = "length"
        room = max(request.limit - request.reasoning_tokens, 0)
        content = content[: len(content) * room // answer_tokens] if answer_tokens else ""
        answer_tokens = room
    reasoning = min(request.reasoning_tokens, request.limit or request.reasoning_tokens)
    completion_tokens = reasoning + answer_tokens
    return {
        "id": f"chatcmpl-{secrets.token_hex(12)}",
        "object": "chat.completion",
        "created": int(time.time()),
        "model": request.model + MODEL_SUFFIX,
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": content, "refusal": None},
                "logprobs": None,
                "finish_reason": finish,
            }
        ],
        "usage": {
            "prompt_tokens": request.prompt_tokens,
            "completion_tokens": completion_tokens,
            "total_tokens": request.prompt_tokens + completion_tokens,
            "prompt_tokens_details": {"cached_tokens": 0},
            "completion_tokens_details": {"reasoning_tokens": reasoning},
        },
        "service_tier": "flex" if request.flex else "default",
        "system_fingerprint": "standin",
    }


# --- what is refused --------------------------------------------------------------


def _message_texts(body: dict[str, Any]) -> list[tuple[str, str]]:
    """Returns role and text of each message; content parts are joined."""
    messages = body.get("messages")
    if messages is None:
        raise missing_parameter("messages")
    if not isinstance(messages, list):
        raise invalid_type("messages", "an array of objects", messages)
    if not messages:
        raise ApiError(
            "Invalid 'messages': empty array. Expected an array with minimum length 1, but got an "
            "empty array instead.",
            param="messages",
            code="empty_array",
        )
    texts = []
    for index, message in enumerate(messages):
        place = f"messages[{index}]"
        if not isinstance(message, dict):
            raise invalid_type(place, "an object", message)
        role, content = message.get("role"), message.get("content")
        if role is None:
            raise missing_parameter(f"{place}.role")
        if role not in ("developer", "system", "user", "assistant"):
            raise invalid_value(f"{place}.role", role, ["system", "assistant", "user", "developer"])
        if isinstance(content, list):
            content = "".join(
                str(part.get("text", "")) for part in content if isinstance(part, dict)
            )
        if not isinstance(content, str):
            raise invalid_type(f"{place}.content", "a string or array of objects", content)
        texts.append((role, content))
    return texts


def _check_parameters(body: dict[str, Any], model: ModelConfig) -> None:
    for name in body:
        if name not in PARAMETERS:
            raise ApiError(f"Unknown parameter: '{name}'.", param=name, code="unknown_parameter")
    if body.get("stream"):
        raise ApiError("The stand-in does not stream.", param="stream", code="unsupported_value")
    if model.max_tokens_parameter == "max_completion_tokens" and "max_tokens" in body:
        raise ApiError(
            "Unsupported parameter: 'max_tokens' is not supported with this model. "
            "Use 'max_completion_tokens' instead.",
            param="max_tokens",
            code="unsupported_parameter",
        )
    for name in ("max_tokens", "max_completion_tokens"):
        if name in body:
            if type(body[name]) is not int:
                raise invalid_type(name, "an integer", body[name])
            if body[name] < 1:
                raise out_of_range(name, body[name], 1, model.context_tokens)
    if not model.temperature:
        _check_sampling(body, model)


def _check_tier(body: dict[str, Any], model: ModelConfig) -> None:
    if body.get("service_tier") == "flex" and not model.flex:
        raise ApiError(
            "Unsupported service_tier: flex", param="service_tier", code="unsupported_value"
        )


def _check_sampling(body: dict[str, Any], model: ModelConfig) -> None:
    """Refuses what models without a temperature refuse, each generation in its words."""
    for name in SAMPLING:
        if name in body:
            raise ApiError(
                f"Unsupported parameter: '{name}' is not supported with this model.",
                param=name,
                code="unsupported_parameter",
            )
    if "temperature" not in body:
        return
    if "minimal" not in model.efforts:  # 5.1 and later
        raise ApiError(
            "Unsupported parameter: 'temperature' is not supported with this model.",
            param="temperature",
        )
    if body["temperature"] != 1:
        raise unsupported_temperature(body["temperature"])


def _reasoning(body: dict[str, Any], model: ModelConfig) -> int:
    """Returns the reasoning tokens, refusing an effort that the model does not accept."""
    if not model.efforts:
        if "reasoning_effort" in body:
            raise ApiError("Unrecognized request argument supplied: reasoning_effort")
        return 0
    effort = body.get("reasoning_effort", DEFAULT_EFFORT)
    if effort not in model.efforts:
        listed = ", ".join(f"'{name}'" for name in model.efforts[:-1])
        raise ApiError(
            f"Unsupported value: 'reasoning_effort' does not support '{effort}' with this model. "
            f"Supported values are: {listed}, and '{model.efforts[-1]}'.",
            param="reasoning_effort",
            code="unsupported_value",
        )
    return REASONING_TOKENS[effort]


def _check_format(body: dict[str, Any], texts: list[tuple[str, str]]) -> dict[str, Any] | None:
    """Checks ``response_format``; returns the schema in it, if there is one."""
    form = body.get("response_format", {"type": "text"})
    if not isinstance(form, dict):
        raise invalid_type("response_format", "an object", form)
    kind = form.get("type")
    if kind not in ("json_object", "json_schema", "text"):
        raise invalid_value("response_format.type", kind, ["json_object", "json_schema", "text"])
    if kind == "json_schema":
        return check_schema(form)
    if kind == "json_object" and not any("json" in text.lower() for _, text in texts):
        raise ApiError(
            "'messages' must contain the word 'json' in some form, to use 'response_format' of "
            "type 'json_object'.",
            param="messages",
        )
    return None
