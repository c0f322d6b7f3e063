"""Faults that can be switched on: what they are, and when each is due.

Belongs here: the three families of faults as data, and counting how often each fired.
Does not belong here: what a fault does to a request (server.py, wire.py), to an answer
(completions.py) or to a batch (batches.py).

A fault of an endpoint breaks one HTTP request, a fault of a line spoils one question's
answer, a fault of a batch decides that batch's life when it is created.
"""

import threading
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, model_validator

from normalizer_assets.standin.seeding import draw

Endpoint = Literal[
    "POST /v1/files",
    "GET /v1/files",
    "GET /v1/files/{id}",
    "DELETE /v1/files/{id}",
    "GET /v1/files/{id}/content",
    "POST /v1/batches",
    "GET /v1/batches",
    "GET /v1/batches/{id}",
    "POST /v1/batches/{id}/cancel",
    "POST /v1/chat/completions",
    "POST /v1/embeddings",
    "GET /v1/models",
    "GET /v1/models/{id}",
]
"""Every endpoint that is served, as method and path."""

LineKind = Literal[
    "expired",
    "status_0",
    "missing",
    "duplicated",
    "unknown_id",
    "altered_id",
    "http_429",
    "http_500",
    "http_400_param",
    "truncated",
    "refusal",
    "content_filter",
    "invalid_json",
    "body_error",
]
IN_FILES_ONLY = ("expired", "status_0", "missing", "duplicated", "unknown_id", "altered_id")
"""Line faults that an individual call cannot have."""

SERVER_ERROR = 500
NEVER_REACHED = 10_000_000
"""More output tokens than any caller asks for."""


class _Fault(BaseModel):
    """What all faults share.

    Attributes:
        skip: So many matching events pass before it fires.
        times: So often it fires, ``None`` for ever. Faults of lines count each question
            for itself: with 2, every chosen question fails twice and then is answered.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    skip: int = Field(default=0, ge=0)
    times: int | None = Field(default=None, ge=1)


class EndpointFault(_Fault):
    """One HTTP request goes wrong.

    Attributes:
        endpoint: Which requests match.
        kind: ``drop_before`` and ``drop_after`` close the connection without a reply,
            before or after the work; ``status`` refuses before the work,
            ``status_after`` after it; ``slow`` waits, then behaves; ``truncated``
            breaks off in the middle of the body; ``not_json`` sends a web page after the
            work; ``cut_file`` sends a shorter file as if it were whole.
        status: HTTP status of ``status`` and ``status_after``.
        code: The error's code, else the usual one of that status.
        retry_after: ``Retry-After`` of ``status``, in seconds.
        seconds: How long ``slow`` waits.
        keep: Share of the body that ``truncated`` and ``cut_file`` send.
    """

    family: Literal["endpoint"] = "endpoint"
    endpoint: Endpoint
    kind: Literal[
        "drop_before",
        "drop_after",
        "status",
        "status_after",
        "slow",
        "truncated",
        "not_json",
        "cut_file",
    ]
    status: Literal[401, 403, 404, 409, 429, 500, 502, 503] = 503
    code: str | None = None
    retry_after: float | None = Field(default=None, ge=0)
    seconds: float = Field(default=1.0, ge=0)
    keep: float = Field(default=0.5, ge=0, lt=1)

    @property
    def loses_reply(self) -> bool:
        """Whether the work is done and its reply does not arrive."""
        return self.kind in ("drop_after", "status_after", "truncated", "not_json")

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.kind == "status_after" and self.status < SERVER_ERROR:
            raise ValueError("status_after needs a status of 500 or more")
        if self.kind == "cut_file" and self.endpoint != "GET /v1/files/{id}/content":
            raise ValueError("cut_file is for 'GET /v1/files/{id}/content' alone")
        return self


class LineFault(_Fault):
    """One question's answer goes wrong.

    Attributes:
        kind: ``expired`` and ``status_0`` are not executed; ``missing`` is executed and
            in no file; ``duplicated`` is there twice, ``unknown_id`` once more under an
            id that nobody asked, ``altered_id`` under a changed id only; the others are
            what the answer is.
        share: Share of the questions, drawn by seed and question.
        seed: Decides which questions.
        positions: Instead of a share, places in the batch file, the first being 0.
        sync: Whether individual calls are met too (drawn by the same share and seed).
        below_tokens: ``truncated`` needs an output limit below this; a question asked
            with a larger limit is answered well.
    """

    family: Literal["line"] = "line"
    kind: LineKind
    share: float = Field(default=0.0, ge=0, le=1)
    seed: int = 0
    positions: frozenset[int] = frozenset()
    sync: bool = False
    below_tokens: int = Field(default=NEVER_REACHED, gt=0)

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if bool(self.share) == bool(self.positions):
            raise ValueError("give either a share above 0 or positions")
        if self.sync and self.kind in (*IN_FILES_ONLY, "body_error"):
            raise ValueError(f"an individual call cannot be {self.kind}; leave out sync")
        if self.sync and self.positions:
            raise ValueError("an individual call has no position; give a share with sync")
        return self

    def matches(self, question: str, position: int | None, limit: int | None) -> bool:
        """Says whether a question is met (see ``Faults.of_line``)."""
        if self.kind == "truncated" and (limit is None or limit >= self.below_tokens):
            return False
        if position is None and not self.sync:
            return False
        if self.positions:
            return position in self.positions
        return draw(self.seed, self.kind, question) < self.share


class BatchFault(_Fault):
    """One batch goes wrong; which one is decided when it is created.

    Attributes:
        kind: ``fail_validation`` ends as ``failed``; ``expire_at_share`` expires after a
            share of its lines; ``stuck_*`` stay in that state while a fault of this kind
            is switched on (a cancel ends the first two); ``hidden_from_list`` is left
            out of the list at first; ``all_lines_fail`` has an error file only;
            ``empty_error_id`` says "" and ``usage_null`` says null.
        code: The error's code for ``fail_validation``.
        message: Its text; ``None`` gives a text, for ``token_limit_exceeded`` the real one.
        share: Share of the lines executed by ``expire_at_share``.
        seconds: How long ``hidden_from_list`` hides it.
    """

    family: Literal["batch"] = "batch"
    kind: Literal[
        "fail_validation",
        "expire_at_share",
        "stuck_in_progress",
        "stuck_finalizing",
        "stuck_cancelling",
        "hidden_from_list",
        "all_lines_fail",
        "empty_error_id",
        "usage_null",
    ]
    code: str = "invalid_json_line"
    message: str | None = None
    share: float = Field(default=0.5, ge=0, lt=1)
    seconds: float = Field(default=1.0, ge=0)


Fault = Annotated[EndpointFault | LineFault | BatchFault, Field(discriminator="family")]
FAULTS: TypeAdapter[tuple[Fault, ...]] = TypeAdapter(tuple[Fault, ...])
"""Reads a list of faults from JSON; its errors name entry and field."""


Family = TypeVar("Family", bound=_Fault)


@dataclass
class _Entry:
    """A fault that is switched on, with its counts by question ("" for the others)."""

    fault: EndpointFault | LineFault | BatchFault
    seen: Counter[str] = field(default_factory=Counter)
    fired: Counter[str] = field(default_factory=Counter)

    def due(self, question: str) -> bool:
        """Counts a matching event and says whether the fault may fire now."""
        self.seen[question] += 1
        times = self.fault.times
        return self.seen[question] > self.fault.skip and (
            times is None or self.fired[question] < times
        )


class Faults:
    """The faults of one stand-in; may be asked from any thread.

    Args:
        faults: What is switched on at first.
    """

    def __init__(self, faults: Iterable[Fault] = ()) -> None:
        self._lock = threading.Lock()
        self.replace(faults)

    def replace(self, faults: Iterable[Fault]) -> None:
        """Switches these on and all others off; counting starts anew."""
        with self._lock:
            self._entries = [_Entry(fault) for fault in faults]

    def shown(self) -> list[dict[str, Any]]:
        """Returns what is switched on, each with ``fired``: how often it did."""
        with self._lock:
            return [
                entry.fault.model_dump(mode="json") | {"fired": entry.fired.total()}
                for entry in self._entries
            ]

    def of_request(self, endpoint: Endpoint) -> EndpointFault | None:
        """Returns the fault of a request that has just arrived."""
        due = self._due(EndpointFault, lambda fault: fault.endpoint == endpoint)
        return due[0] if due else None

    def of_line(
        self, question: str, position: int | None = None, limit: int | None = None
    ) -> LineKind | None:
        """Returns what goes wrong with a question.

        Args:
            question: What is asked, the same in every batch and call.
            position: Place in the batch file, ``None`` for an individual call.
            limit: Output tokens that the caller allows.
        """
        due = self._due(LineFault, lambda fault: fault.matches(question, position, limit), question)
        return due[0].kind if due else None

    def of_batch(self) -> dict[str, dict[str, Any]]:
        """Returns all faults of a batch that is being created, by kind."""
        due = self._due(BatchFault, lambda _: True, every=True)
        return {fault.kind: fault.model_dump(mode="json") for fault in due}

    def has(self, kind: str) -> bool:
        """Says whether a batch fault of this kind is switched on."""
        with self._lock:
            faults = [entry.fault for entry in self._entries]
        return any(isinstance(fault, BatchFault) and fault.kind == kind for fault in faults)

    def _due(
        self,
        family: type[Family],
        matches: Callable[[Family], bool],
        question: str = "",
        *,
        every: bool = False,
    ) -> list[Family]:
        """Counts an event; of the faults that are due the first fires, or every one."""
        with self._lock:
            due = [
                (entry, fault)
                for entry in self._entries
                if isinstance(fault := entry.fault, family)
                and matches(fault)
                and entry.due(question)
            ]
            fired = due if every else due[:1]
            for entry, _ in fired:
                entry.fired[question] += 1
            return [fault for _, fault in fired]
