"""Batches and calls as a client asks for them, over a real socket.

Belongs here: what tests of several modules of the stand-in send. Does not belong here: any
check of what comes back.
"""

import json
import time
from typing import Any, Literal

from openai import OpenAI
from openai.types import Batch
from openai.types.chat import ChatCompletion

TERMINAL = ("completed", "failed", "expired", "cancelled")
CHAT: Literal["/v1/chat/completions"] = "/v1/chat/completions"


def prompt(name: str) -> str:
    """Returns a MINIMAL prompt for a product."""
    return f"{name}\nCat:Celulares\n$99990\n\nJSON:\n{{brand,model,attrs:{{cap,color,size}},conf}}"


def requests(
    count: int = 20, model: str = "gpt-5-mini", body: dict[str, Any] | None = None, **change: Any
) -> bytes:
    """Returns a batch file; ``body`` adds to every body, ``change`` to every line."""
    entries = [
        {
            "custom_id": f"batch_0_{number}",
            "method": "POST",
            "url": CHAT,
            "body": {
                "model": model,
                "messages": [{"role": "user", "content": prompt(f"Galaxy A{number} 128GB")}],
            }
            | (body or {}),
        }
        | change
        for number in range(count)
    ]
    return "".join(json.dumps(entry) + "\n" for entry in entries).encode()


def submit(client: OpenAI, content: bytes, **change: Any) -> Batch:
    """Uploads a batch file and creates its batch."""
    file = client.files.create(file=("requests.jsonl", content), purpose="batch")
    return client.batches.create(
        input_file_id=file.id, endpoint=CHAT, completion_window="24h", **change
    )


def wait(client: OpenAI, batch: Batch) -> tuple[Batch, list[str]]:
    """Polls until the end; returns the batch and the states that were seen."""
    seen: list[str] = []
    deadline = time.monotonic() + 20
    while batch.status not in TERMINAL:
        assert time.monotonic() < deadline, f"still {batch.status}"
        time.sleep(0.01)
        batch = client.batches.retrieve(batch.id)
        if batch.status not in seen:
            seen.append(batch.status)
    return batch, seen


def ask(
    client: OpenAI, number: int = 0, model: str = "gpt-5-mini", **change: Any
) -> ChatCompletion:
    """Asks individually what line ``number`` of ``requests`` asks."""
    completion: ChatCompletion = client.chat.completions.create(
        model=model,
        messages=[{"role": "user", "content": prompt(f"Galaxy A{number} 128GB")}],
        **change,
    )
    return completion


def lines(client: OpenAI, file_id: str | None) -> list[dict[str, Any]]:
    """Downloads an output or error file; without an id there are no lines."""
    text = client.files.content(file_id).text if file_id else ""
    return [json.loads(line) for line in text.splitlines()]
