"""What the stand-in executed and billed: the truth that a ledger is judged by.

Belongs here: writing entries and keeping them. Does not belong here: deciding what is
executed. A question that was never executed (failed validation, expired, cancelled
before it was reached, refused before the work) has no entry.

Entries are JSON objects, one a line, in the order in which they were settled:

* ``batch``: ``batch_id``, ``shard`` (of the metadata), ``input_file_id``, ``reply_lost``;
* ``line``: ``batch_id``, ``custom_id`` and the fields of ``Journal.execution``;
* ``call``: ``endpoint``, ``client_request_id``, the fields of ``Journal.execution``, and
  ``reply_lost``: a fault, or a caller who had hung up by then.
"""

import hashlib
import json
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from normalizer_assets.config import ModelConfig
from normalizer_assets.pricing.costs import cost_usd, usage_from_response

FILE_NAME = "journal.ndjson"
OK = 200


def body_hash(body: Mapping[str, Any]) -> str:
    """Returns the SHA-256 of a request body, whatever the order of its keys."""
    text = json.dumps(body, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    # Lone surrogates are valid in JSON and have no encoding of their own.
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


class Journal:
    """The entries of one stand-in.

    Args:
        models: The model table, with prices.
        folder: Where they are kept as well, and survive a restart; ``None`` keeps them
            in memory only.
    """

    def __init__(self, models: Mapping[str, ModelConfig], folder: Path | None) -> None:
        self._models = models
        self._lock = threading.Lock()
        self._file = None if folder is None else folder / FILE_NAME
        self._lines: list[bytes] = []
        if self._file is not None and self._file.exists():
            self._lines = self._file.read_bytes().splitlines()

    def execution(
        self, request: Mapping[str, Any], status: int, reply: Mapping[str, Any], *, batch: bool
    ) -> dict[str, Any]:
        """Returns what one executed request was, and what it cost.

        Args:
            request: Its body.
            status: HTTP status; every 200 with usage is billed, whatever its content.
            reply: The reply's body.
            batch: Whether it was a line of a batch.

        Returns:
            ``body_hash, llm_model, status, usage, billed_usd`` (exact decimal text) and
            ``content`` (the answer's text or ``None``).
        """
        name = request.get("model")
        model = self._models.get(name) if isinstance(name, str) else None
        usage = reply.get("usage") if status == OK else None
        billed = "0"
        if usage and model is not None:
            flex = not batch and reply.get("service_tier") == "flex"
            cost = cost_usd(usage_from_response(reply), model, batch=batch, flex=flex)
            billed = format(cost, "f")
        choices = reply.get("choices") or [{"message": {"content": None}}]
        return {
            "body_hash": body_hash(request),
            "llm_model": name,
            "status": status,
            "usage": usage,
            "billed_usd": billed,
            "content": choices[0]["message"]["content"],
        }

    def add(self, *entries: Mapping[str, Any]) -> None:
        """Writes entries at the end."""
        lines = [json.dumps(entry).encode() for entry in entries]
        with self._lock:
            self._lines += lines
            if self._file is not None:
                with self._file.open("ab") as file:
                    file.write(b"".join(line + b"\n" for line in lines))

    def text(self) -> bytes:
        """Returns all entries, one JSON object a line."""
        with self._lock:
            return b"".join(line + b"\n" for line in self._lines)

    def clear(self) -> None:
        """Forgets all entries."""
        with self._lock:
            self._lines = []
            if self._file is not None:
                self._file.unlink(missing_ok=True)
