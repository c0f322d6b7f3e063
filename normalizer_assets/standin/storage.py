"""Files and batches, in memory and optionally in a folder.

Belongs here: keeping records and bytes, and finding them again after a restart. Does
not belong here: what a record means or when it changes.
"""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

Status = Literal[
    "validating",
    "failed",
    "in_progress",
    "finalizing",
    "completed",
    "expired",
    "cancelling",
    "cancelled",
]


@dataclass(frozen=True)
class FileRecord:
    """An uploaded or produced file, without its bytes (times in epoch seconds)."""

    id: str
    filename: str
    purpose: str
    bytes: int
    created_at: float
    expires_at: float | None


@dataclass
class BatchRecord:
    """One batch: what was asked, how far it got, and how it ended.

    Attributes:
        id: ``batch_`` and hexadecimal digits.
        created_at: Epoch seconds, with fraction.
        input_file_id: The requests.
        endpoint: Such as ``/v1/chat/completions``.
        metadata: As given.
        output_seconds: Life of the output files.
        model: The one model of all lines, known after validation.
        total: Lines, known after validation.
        enqueued_tokens: Prompt tokens, counted while the batch is not terminal.
        errors: What validation found; any entry makes the batch ``failed``.
        validated_at: When validation was done (this process's work, not the clock's).
        ready_at: When all answers were made.
        cancelling_at: When a cancel was asked for.
        status: Terminal status once settled, else ``None``.
        times: Time field such as ``completed_at`` -> epoch seconds, once settled.
        completed: Lines answered, once settled.
        failed: Lines failed, once settled.
        output_file_id: Once settled.
        error_file_id: Once settled.
        usage: Sum over the lines, once settled.
        faults: Kind -> values of the faults that it was created under.
    """

    id: str
    created_at: float
    input_file_id: str
    endpoint: str
    metadata: dict[str, str] | None
    output_seconds: float
    model: str | None = None
    total: int = 0
    enqueued_tokens: int = 0
    errors: list[dict[str, Any]] = field(default_factory=list)
    validated_at: float | None = None
    ready_at: float | None = None
    cancelling_at: float | None = None
    status: Status | None = None
    times: dict[str, float] = field(default_factory=dict)
    completed: int = 0
    failed: int = 0
    output_file_id: str | None = None
    error_file_id: str | None = None
    usage: dict[str, Any] | None = None
    faults: dict[str, dict[str, Any]] = field(default_factory=dict)


class Storage:
    """Records by id, oldest first.

    Args:
        folder: Where they are kept; ``None`` keeps them in memory only.
    """

    def __init__(self, folder: Path | None) -> None:
        self.files: dict[str, FileRecord] = {}
        self.batches: dict[str, BatchRecord] = {}
        self._contents: dict[str, bytes] = {}
        self._folder = folder
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True)
            self._load(folder)

    def save_file(self, record: FileRecord, content: bytes) -> None:
        """Keeps a file; its record is written last, so a torn write leaves no file."""
        if self._folder is None:
            self._contents[record.id] = content
        else:
            _write(self._folder / f"{record.id}.content", content)
            _write(self._folder / f"{record.id}.json", json.dumps(asdict(record)).encode())
        self.files[record.id] = record

    def content(self, file_id: str) -> bytes:
        """Returns a known file's bytes."""
        if self._folder is None:
            return self._contents[file_id]
        return (self._folder / f"{file_id}.content").read_bytes()

    def delete_file(self, file_id: str) -> None:
        """Forgets a known file."""
        del self.files[file_id]
        self._contents.pop(file_id, None)
        if self._folder is not None:
            (self._folder / f"{file_id}.json").unlink(missing_ok=True)
            (self._folder / f"{file_id}.content").unlink(missing_ok=True)

    def save_batch(self, record: BatchRecord) -> None:
        """Keeps a batch's present state."""
        self.batches[record.id] = record
        if self._folder is not None:
            _write(self._folder / f"{record.id}.json", json.dumps(asdict(record)).encode())

    def clear(self) -> None:
        """Forgets all files and batches."""
        for file_id in list(self.files):
            self.delete_file(file_id)
        for batch_id in list(self.batches):
            del self.batches[batch_id]
            if self._folder is not None:
                (self._folder / f"{batch_id}.json").unlink(missing_ok=True)

    def _load(self, folder: Path) -> None:
        records = [json.loads(path.read_bytes()) for path in folder.glob("*.json")]
        for values in sorted(records, key=lambda values: float(values["created_at"])):
            if "endpoint" in values:
                self.batches[values["id"]] = BatchRecord(**values)
            else:
                self.files[values["id"]] = FileRecord(**values)


def _write(path: Path, content: bytes) -> None:
    temporary = path.with_suffix(".part")
    temporary.write_bytes(content)
    temporary.replace(path)
