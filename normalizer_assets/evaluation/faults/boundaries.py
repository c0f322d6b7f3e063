"""Every input and output of a process, numbered and named; an accident can happen at each.

Belongs here: noticing boundaries from outside the code that crosses them, and the three
accidents. Does not belong here: which accident happens where (``scenarios``).

A boundary is a moment before an effect: a transaction begins or commits, an HTTP request
leaves, its reply has arrived unread, a file below the storage folder is opened for writing
(once before, once with the file torn), renamed or removed. What lies between two
boundaries has no effect that outlives the process.
"""

import os
import re
import signal
import sys
import threading
import traceback
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx2
import sqlalchemy as sa

from normalizer_assets.evaluation.faults.scenarios import Accident

IDENTIFIER = re.compile(r"(batch|file)[_-][0-9a-f]{8,}")
NOT_TELLING = (
    "normalizer_assets.evaluation",
    "normalizer_assets.db",
    "normalizer_assets.batching.work",
)
"""Modules that cross boundaries on behalf of others."""

WRITING = os.O_WRONLY | os.O_RDWR


class Boundaries:
    """The boundaries of this process; installed once, for good.

    Args:
        storage: Files below it count.
        accidents: What happens, one after the other; each counts from the one before.
        happen: Makes an accident happen; returns unless it kills the process.
    """

    def __init__(
        self, storage: Path, accidents: list[Accident], happen: Callable[[Accident], None]
    ) -> None:
        self.step = "start"
        self.passed: Counter[str] = Counter()
        self._storage = str(storage)
        self._accidents = accidents
        self._happen = happen
        self._number = 0
        # One at a time: two threads at a boundary must not both have its accident.
        self._lock = threading.RLock()
        self._busy = False

    def install(self) -> None:
        """Notices boundaries from now on."""
        sa.event.listen(sa.Engine, "begin", lambda _: self.cross("begin"))
        sa.event.listen(sa.Engine, "commit", lambda _: self.cross("commit"))
        sys.addaudithook(self._audit)
        send = httpx2.HTTPTransport.handle_request

        def handle_request(transport: httpx2.HTTPTransport, request: httpx2.Request) -> Any:
            path = IDENTIFIER.sub("{id}", request.url.path)
            self.cross(f"{request.method} {path}, before")
            response = send(transport, request)
            self.cross(f"{request.method} {path}, reply unread")
            return response

        httpx2.HTTPTransport.handle_request = handle_request  # type: ignore[assignment, method-assign]

    def cross(self, what: str, tear: Path | None = None) -> None:
        """Counts a boundary, and lets the accident happen that is due at it.

        Args:
            what: The effect that is about to happen.
            tear: The file that a killed process leaves torn here.
        """
        with self._lock:
            if self._busy:
                return
            name = f"{self.step}: {_caller()}: {what}"
            self.passed[name] += 1
            self._number += 1
            due = self._accidents[0].at if self._accidents else None
            if due not in (self._number, f"{name} #{self.passed[name]}"):
                return
            self._busy = True
            try:
                if tear is not None and self._accidents[0].kind == "kill":
                    tear.write_bytes(b"")
                self._number = 0
                self._happen(self._accidents.pop(0))
            finally:
                self._busy = False

    def names(self) -> list[str]:
        """Returns the name of each boundary that was crossed, the same one numbered."""
        return [f"{name} #{n + 1}" for name, count in self.passed.items() for n in range(count)]

    def _audit(self, event: str, args: tuple[Any, ...]) -> None:
        if event == "open" and self._is_stored(args[0]) and args[2] & WRITING:
            path = Path(os.fsdecode(args[0]))
            self.cross(f"write {self._kind(path)}")
            self.cross(f"write {self._kind(path)}, torn", tear=path)
        elif event in ("os.rename", "os.remove") and self._is_stored(args[0]):
            self.cross(f"{event.removeprefix('os.')} {self._kind(Path(os.fsdecode(args[0])))}")

    def _is_stored(self, path: object) -> bool:
        return isinstance(path, str | bytes | os.PathLike) and os.fsdecode(path).startswith(
            self._storage
        )

    def _kind(self, path: Path) -> str:
        """Returns the folder below the storage that a file lies in."""
        return path.relative_to(self._storage).parts[0]


def die() -> None:
    """Kills this process as a power cut would."""
    os.kill(os.getpid(), signal.SIGKILL)


def _caller() -> str:
    """Returns the function of the project that crosses the boundary."""
    for frame, _ in traceback.walk_stack(None):
        module = str(frame.f_globals.get("__name__"))
        if module.startswith("normalizer_assets") and not module.startswith(NOT_TELLING):
            return f"{module.removeprefix('normalizer_assets.')}.{frame.f_code.co_name}"
    return "elsewhere"
