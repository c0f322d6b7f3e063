"""From the text that a model or the Batch API sent to an answer, or to one clear reason.

Belongs here: one line of an output or error file, one chat completion, one reply's
text; each ends in exactly one state, and where it answers several listings each of these
does. Does not belong here: finding these in a reply (``packed``), what the values mean
(``schemas``), whether they are right (``evidence``), what happens next (the chain).
Sources: facts/openai_batch.md, sections 1 ("Output", "Error file") and 2.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from typing import Any, Literal

from normalizer_assets.answers.packed import OBJECT_START, numbered_members
from normalizer_assets.answers.schemas import Answer, UnusableAnswer, clean, normalise
from normalizer_assets.pricing.costs import Usage, usage_from_response

State = Literal[
    "ok", "http_error", "unavailable", "expired", "refused", "truncated", "invalid", "unreadable"
]

NOT_EXECUTED = frozenset({"batch_expired", "batch_cancelled"})
"""Codes of error lines whose request never ran: free, and worth asking again."""

PASSING_STATUSES = (
    0,
    HTTPStatus.REQUEST_TIMEOUT,
    HTTPStatus.CONFLICT,
    HTTPStatus.TOO_MANY_REQUESTS,
)


@dataclass(frozen=True, slots=True)
class ParsedLine:
    """What became of one request.

    Attributes:
        custom_id: The request's id; ``None`` only where the line does not tell.
        state: ``ok`` (usable answer; with ``parts``, at least one), ``http_error`` (the API
            said no), ``unavailable`` (it said later: 429, 5xx, or a status of 0),
            ``expired`` (never ran: window over or batch cancelled), ``refused`` (refusal or
            content filter), ``truncated`` (cut at the token limit), ``invalid`` (the
            reply holds no usable answer), ``unreadable`` (the line itself is broken).
        answer: Given exactly where ``state`` is ``ok``, there are no ``parts``, and a model was
            asked for words: a line of vectors has none.
        content: The reply's text, where there is one.
        usage: Tokens, also of replies that cannot be used: they are billed.
        llm_model: Model that replied, as the API names it (a snapshot id).
        reason: Empty where ``ok``; else why not, for people.
        status_code: HTTP status of the request, ``None`` where it never ran.
        parameter: The request's parameter that the API refused: the next request would be
            refused as well.
        flex: Whether it was served, and is billed, as ``service_tier: flex``.
        parts: Of a line that asks about several listings, and has a reply: what became of each,
            in the order of their numbers; ``content`` is its own part of the reply. Usage is
            the line's alone.
        strangers: Answers in that reply under a number that was not asked.
    """

    custom_id: str | None
    state: State
    answer: Answer | None = None
    content: str | None = None
    usage: Usage = field(default_factory=Usage)
    llm_model: str | None = None
    reason: str = ""
    status_code: int | None = None
    parameter: str | None = None
    flex: bool = False
    parts: tuple["ParsedLine", ...] = ()
    strangers: int = 0


def parse_content(content: str) -> Answer:
    """Reads the one JSON object in a reply, with or without fences or words around it.

    Args:
        content: The text of the reply.

    Raises:
        UnusableAnswer: Empty, no object, several objects, cut short, one key twice
            with different values, or fields of a wrong type (see ``normalise``).
    """
    try:
        return normalise(_the_object(content))
    except RecursionError:
        raise UnusableAnswer("the JSON is nested too deeply") from None


def parse_batch_line(line: str, packed: Mapping[str, int] | None = None) -> ParsedLine:
    """Reads one line of an output or error file.

    Args:
        line: The line, with or without its line break.
        packed: Custom ids of lines that ask about several listings -> how many.

    Returns:
        Exactly one state. Never raises for any text.
    """
    try:
        record = json.loads(line)
    except (ValueError, RecursionError):
        return ParsedLine(None, "unreadable", reason="the line is not JSON")
    custom_id = record.get("custom_id") if isinstance(record, Mapping) else None
    if not isinstance(custom_id, str) or not custom_id:
        return ParsedLine(None, "unreadable", reason="the line has no custom_id")
    response = record.get("response")
    if not isinstance(response, Mapping):
        return _not_executed(custom_id, record.get("error"))
    status_code = _integer(response.get("status_code"))
    body = response.get("body")
    if status_code != HTTPStatus.OK:
        error = body.get("error") if isinstance(body, Mapping) else body
        return ParsedLine(
            custom_id,
            "unavailable" if passes(status_code) else "http_error",
            reason=f"HTTP {status_code}: {_explain(error)}",
            status_code=status_code,
            parameter=refused_parameter(status_code, error),
        )
    if isinstance(body, Mapping) and body.get("object") == "list" and body.get("data"):
        # Vectors: whether they can be used is seen by who reads them (``cache.vectors``).
        return ParsedLine(
            custom_id, "ok", usage=usage_from_response(body), status_code=HTTPStatus.OK.value
        )
    return parse_completion(body, custom_id, (packed or {}).get(custom_id, 1))


def parse_completion(body: Any, custom_id: str | None = None, listings: int = 1) -> ParsedLine:
    """Reads the body of a chat completion that came with status 200.

    Args:
        body: The body as parsed JSON.
        custom_id: Id to carry through.
        listings: How many listings, numbered from 1, it was to answer.

    Returns:
        Exactly one state. Never raises for any JSON value.
    """
    body = body if isinstance(body, Mapping) else {}
    message, finish_reason = _message(body)
    content = message.get("content")
    content = _storable_text(content) if isinstance(content, str) else None
    model = body.get("model")
    line = ParsedLine(
        custom_id,
        "invalid",
        content=content,
        usage=usage_from_response(body),
        llm_model=_storable_text(model) if isinstance(model, str) else None,
        status_code=HTTPStatus.OK.value,
        flex=body.get("service_tier") == "flex",
    )
    if body.get("error"):
        # Seen with status 200: only the body tells that the call failed.
        return replace(line, state="http_error", reason=f"HTTP 200: {_explain(body['error'])}")
    if message.get("refusal"):
        return replace(line, state="refused", reason=f"refused: {_explain(message['refusal'])}")
    if finish_reason == "content_filter":
        return replace(line, state="refused", reason="stopped by the content filter")
    cut = "cut at the token limit" + ("" if content else ", before any text")
    cut = cut if finish_reason == "length" else ""
    return _in_parts(line, listings, cut) if listings > 1 else _answered(line, cut)


def passes(status_code: int | None) -> bool:
    """Returns whether a refusal with this HTTP status may be gone the next time.

    The API has returned status 0 in batches that counted no failure.
    """
    return status_code in PASSING_STATUSES or (status_code or 0) >= HTTPStatus.INTERNAL_SERVER_ERROR


def refused_parameter(status_code: int | None, error: Any) -> str | None:
    """Returns the parameter that a refusal names, unless it is the product's own text."""
    if not isinstance(error, Mapping):
        return None
    if error.get("code") == "model_not_found":
        return "model"
    parameter = error.get("param")
    if status_code != HTTPStatus.BAD_REQUEST or not isinstance(parameter, str):
        return None
    return None if parameter.startswith(("messages", "input")) else _storable_text(parameter)


def error_record(custom_id: str, reason: str) -> dict[str, Any]:
    """Returns what the record keeps of a line that cannot be used (issue 2, point 8)."""
    return {"error": reason, "confidence": 0.0, "_custom_id": custom_id}


def _the_object(content: str) -> Mapping[str, Any]:
    """Returns the one JSON object of a text.

    Only the first object counts: an inner object of a cut reply is complete JSON too,
    and would pass for an answer with most of its fields gone.
    """
    start = OBJECT_START.search(content)
    if start is None:
        raise UnusableAnswer("the reply is empty" if not content.strip() else "no JSON object")
    try:
        value, end = _DECODER.raw_decode(content, start.start())
    except json.JSONDecodeError as error:
        raise UnusableAnswer(f"broken JSON at character {error.pos}: {error.msg}") from None
    except UnusableAnswer:
        raise
    except ValueError:  # a number of thousands of digits
        raise UnusableAnswer("a number in the JSON is too long") from None
    if OBJECT_START.search(content, end):
        raise UnusableAnswer("more than one JSON object")
    if not isinstance(value, dict):
        raise UnusableAnswer("no JSON object")
    return value


def _answered(line: ParsedLine, cut: str) -> ParsedLine:
    """Reads the answer to one listing; ``cut`` as in ``_in_parts``."""
    try:
        return replace(line, state="ok", answer=parse_content(line.content or ""))
    except UnusableAnswer as unusable:
        if cut:
            return replace(line, state="truncated", reason=cut)
        return replace(line, reason=str(unusable))


def _in_parts(line: ParsedLine, listings: int, cut: str) -> ParsedLine:
    """Tells apart the answers to numbered listings; what is wrong with one is its own.

    Args:
        line: Without a state yet.
        listings: How many were asked about.
        cut: Why the reply has no end; empty where it has one.
    """
    found, broken = numbered_members(line.content or "")
    given: dict[int, list[str]] = {number: [] for number in range(1, listings + 1)}
    strangers = 0
    for number, text in found:
        if number in given:
            given[number].append(text)
        else:
            strangers += 1
    missing = replace(
        line,
        state="truncated" if cut else "invalid",
        content=None,
        usage=Usage(),
        reason=cut or broken or "the reply does not answer this listing",
    )
    parts = tuple(_part(texts, missing) for texts in given.values())
    state: State = "ok" if any(part.state == "ok" for part in parts) else missing.state
    return replace(line, state=state, parts=parts, strangers=strangers)


def _part(texts: list[str], missing: ParsedLine) -> ParsedLine:
    """Reads what a reply says of one listing; it must say it once."""
    if len(texts) > 1:
        return replace(missing, state="invalid", reason="the reply answers this listing twice")
    for text in texts:
        try:
            answer = parse_content(text)
        except UnusableAnswer as unusable:
            return replace(missing, state="invalid", content=text, reason=str(unusable))
        return replace(missing, state="ok", answer=answer, content=text, reason="")
    return missing


def _without_conflicts(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Builds an object; a key that stands twice must say the same twice."""
    value = dict(pairs)
    if len(value) < len(pairs):
        for name, given in pairs:
            if value[name] != given:
                raise UnusableAnswer(f"the key {clean(name)!r} stands twice with different values")
    return value


_DECODER = json.JSONDecoder(object_pairs_hook=_without_conflicts)


def _not_executed(custom_id: str, error: Any) -> ParsedLine:
    code = error.get("code") if isinstance(error, Mapping) else None
    state: State = "expired" if code in NOT_EXECUTED else "http_error"
    return ParsedLine(custom_id, state, reason=f"not executed: {_explain(error)}")


def _message(body: Mapping[str, Any]) -> tuple[Mapping[str, Any], Any]:
    """Returns the first choice's message and finish reason, empty where there is none."""
    match body.get("choices"):
        case [{"message": dict(message), **choice}, *_]:
            return message, choice.get("finish_reason")
        case _:
            return {}, None


def _integer(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _explain(error: Any) -> str:
    """Puts an error object of the API, or whatever stands in its place, into one line."""
    if isinstance(error, Mapping):
        parts = [error.get("code"), error.get("message")]
        error = ": ".join(str(part) for part in parts if part) or "no reason given"
    return _storable_text(" ".join(str(error or "no reason given").split()))


def _storable_text(text: str) -> str:
    """Returns a text as it is, except for what neither UTF-8 nor Postgres can hold."""
    if "\x00" not in text and text.isascii():
        return text
    return text.replace("\x00", "").encode("utf-8", "replace").decode("utf-8")
