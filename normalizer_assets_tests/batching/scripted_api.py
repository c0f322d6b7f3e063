"""An OpenAI-compatible API on a real loopback socket that misbehaves exactly as told.

Belongs here: a well-behaved minimum of the routes that the project calls, and a script of
replies that deviate from it. Does not belong here: anything that the stand-in already does
by itself (validation, clocks, plausible answers).
"""

import base64
import json
import threading
import time
from array import array
from collections import defaultdict, deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

DIMENSIONS = 1536
ANSWER = '{"brand":"ACME","model":"Uno","attributes":{"capacity":"1L"},"confidence":0.9}'
MODELS = ("gpt-5", "gpt-5-mini", "gpt-4o-mini", "text-embedding-3-small")


@dataclass(frozen=True)
class Reply:
    """A reply that deviates.

    Attributes:
        status: HTTP status.
        body: JSON value, or bytes that are sent as they are.
        headers: Further headers.
        lost: The server does what was asked, then drops the connection without a word.
        dropped: The connection is dropped before anything is done.
        late: The server does what was asked, and then replies this.
    """

    status: int = 200
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    lost: bool = False
    dropped: bool = False
    late: bool = False


LOST = Reply(lost=True)
DROPPED = Reply(dropped=True)
WEB_PAGE = Reply(body=b"<html>Please log in</html>", headers={"content-type": "text/html"})
NO_BATCHES = Reply(body={"object": "list", "data": [], "has_more": False})


def error(
    status: int, message: str, code: str | None = None, param: str | None = None, **headers: str
) -> Reply:
    """Returns an error in the API's shape; ``retry_after="1"`` becomes ``Retry-After: 1``."""
    body = {"error": {"message": message, "type": "error", "param": param, "code": code}}
    return Reply(status, body, {name.replace("_", "-"): text for name, text in headers.items()})


def completion(
    content: str | None = ANSWER, finish_reason: str = "stop", **usage: Any
) -> dict[str, Any]:
    """Returns the body of a chat completion: 100 prompt and 20 completion tokens."""
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1,
        "model": "some-model-2026-01-01",
        "choices": [
            {
                "index": 0,
                "finish_reason": finish_reason,
                "message": {"role": "assistant", "content": content, "refusal": None},
            }
        ],
        "usage": {"prompt_tokens": 100, "completion_tokens": 20, "total_tokens": 120} | usage,
    }


def output_line(custom_id: str, body: Any = None, status: int = 200) -> str:
    """Returns a line of an output file, or the first shape of an error line."""
    return json.dumps(
        {
            "id": "batch_req_1",
            "custom_id": custom_id,
            "response": {"status_code": status, "body": completion() if body is None else body},
            "error": None,
        }
    )


def refused_line(custom_id: str, status: int = 400, param: str | None = None) -> str:
    """Returns an error line of a request that the API answered with an error."""
    return output_line(custom_id, error(status, "no such parameter", "bad", param).body, status)


def unexecuted_line(custom_id: str, code: str = "batch_expired") -> str:
    """Returns an error line of a request that never ran."""
    problem = {"code": code, "message": "This request could not be executed."}
    return json.dumps({"id": "b", "custom_id": custom_id, "response": None, "error": problem})


class ScriptedApi:
    """The API's state, what it was asked, and the script.

    Attributes:
        url: Base URL for clients.
        asked: ``(method, path, body)`` of every request, in order of arrival.
        request_ids: What each of them said in ``X-Client-Request-Id``.
        files: File id -> content.
        batches: Batch id -> batch object, oldest first.
        before: Route -> function called before the reply, for what happens meanwhile.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self.asked: list[tuple[str, str, Any]] = []
        self.request_ids: list[str | None] = []
        self.files: dict[str, bytes] = {}
        self.batches: dict[str, dict[str, Any]] = {}
        self.before: dict[str, Any] = {}
        self._script: dict[str, deque[Reply | None]] = defaultdict(deque)
        self._lock = threading.Lock()

    def then(self, route: str, *replies: Reply | None) -> None:
        """Appends replies to the script of a route such as ``POST /batches``.

        ``None`` stands for good behaviour.
        The longest scripted route that a request starts with decides; when its script has
        ended, the route behaves again.
        """
        self._script[route].extend(replies)

    def answer_again(self) -> None:
        """Forgets the script: every route behaves from now on."""
        self._script.clear()

    def count(self, route: str) -> int:
        """Returns how many requests came for a route, such as ``POST /batches``."""
        return len(self.bodies(route))

    def bodies(self, route: str) -> list[Any]:
        """Returns what was sent to a route."""
        return [body for method, path, body in self.asked if f"{method} {path}" == route]

    def end(
        self,
        batch_id: str,
        status: str = "completed",
        output: list[str] | bytes | None = None,
        errors: list[str] | None = None,
        **fields: Any,
    ) -> None:
        """Ends a batch; files are made of the lines, ``None`` makes none."""
        batch = self.batches[batch_id]
        for name, lines in (("output_file_id", output), ("error_file_id", errors)):
            if lines is not None:
                text = lines if isinstance(lines, bytes) else "\n".join([*lines, ""]).encode()
                batch[name] = self._keep(text)
        done, failed = len(output or ()), len(errors or ())
        counts = {"total": done + failed, "completed": done, "failed": failed}
        batch.update({"status": status, "request_counts": counts} | fields)

    def lines(self, batch_id: str) -> list[dict[str, Any]]:
        """Returns the requests of a batch."""
        content = self.files[self.batches[batch_id]["input_file_id"]]
        return [json.loads(line) for line in content.splitlines()]

    def ids(self, batch_id: str) -> list[str]:
        """Returns the custom ids of a batch, in the order of its file."""
        return [line["custom_id"] for line in self.lines(batch_id)]

    def answer(self, method: str, target: str, content: bytes, headers: Any) -> Reply:
        """Answers one request: by the script, else as the API would."""
        parts = urlsplit(target)
        path = parts.path.removeprefix("/v1")
        asked, kind = f"{method} {path}", headers.get("content-type", "")
        with self._lock:
            body = _file_of(content, kind) if "multipart" in kind else json.loads(content or "{}")
            self.asked.append((method, path, body))
            self.request_ids.append(headers.get("x-client-request-id"))
            routes = [route for route in self._script if asked.startswith(route)]
            script = self._script[max(routes, key=len)] if routes else None
            scripted = script.popleft() if script else None
        if asked in self.before:
            self.before[asked]()
        if scripted is not None and not (scripted.lost or scripted.late):
            return scripted
        with self._lock:
            reply = self._behave(asked, path, body, parse_qs(parts.query))
        return scripted or reply

    def _behave(  # noqa: PLR0911 - one return a route
        self, asked: str, path: str, body: Any, query: dict[str, list[str]]
    ) -> Reply:
        name = path.split("/")[2] if path.count("/") > 1 else ""
        match asked.split("/")[:2]:
            case ["POST ", "files"]:
                return Reply(body=self._file(self._keep(body)))
            case ["GET ", "files"] if name in self.files:
                content = path.endswith("/content")
                return Reply(body=self.files[name] if content else self._file(name))
            case ["POST ", "batches"] if name:
                return self._cancel(name)
            case ["POST ", "batches"]:
                return Reply(body=self._create(body))
            case ["GET ", "batches"] if name:
                known_batch = self.batches.get(name)
                return Reply(body=known_batch) if known_batch else error(404, f"no batch {name}")
            case ["GET ", "batches"]:
                return Reply(body=self._page(query))
            case ["POST ", "chat"]:
                return Reply(body=completion())
            case ["POST ", "embeddings"]:
                return Reply(body=_embeddings(body["input"]))
            case ["GET ", "models"]:
                common = {"object": "model", "created": 1, "owned_by": "system"}
                # The announced dates would one day change what tests see.
                lasting = common | {"shutdown_date": "2100-01-01"}
                return Reply(
                    body={"object": "list", "data": [{"id": model} | lasting for model in MODELS]}
                )
        return error(404, f"nothing found for {asked}")

    def _file(self, file_id: str) -> dict[str, Any]:
        size = len(self.files[file_id])
        return {"id": file_id, "object": "file", "purpose": "batch", "bytes": size}

    def _cancel(self, batch_id: str) -> Reply:
        batch = self.batches[batch_id]
        if batch["status"] not in ("validating", "in_progress", "finalizing"):
            return error(409, f"Cannot cancel a batch with status {batch['status']!r}.")
        batch["status"] = "cancelling"
        return Reply(body=batch)

    def _keep(self, content: bytes) -> str:
        file_id = f"file-{len(self.files) + 1}"
        self.files[file_id] = content
        return file_id

    def _create(self, body: dict[str, Any]) -> dict[str, Any]:
        batch_id = f"batch_{len(self.batches) + 1}"
        self.batches[batch_id] = {
            "id": batch_id,
            "object": "batch",
            "status": "validating",
            "created_at": int(time.time()),
            "output_file_id": None,
            "error_file_id": None,
            "errors": None,
            "request_counts": {"total": 0, "completed": 0, "failed": 0},
            **body,
        }
        return dict(self.batches[batch_id])

    def _page(self, query: dict[str, list[str]]) -> dict[str, Any]:
        newest_first = list(reversed(self.batches))
        if "after" in query:
            newest_first = newest_first[newest_first.index(query["after"][0]) + 1 :]
        limit = int(query.get("limit", ["20"])[0])
        page = [self.batches[batch_id] for batch_id in newest_first[:limit]]
        return {
            "object": "list",
            "data": page,
            "first_id": page[0]["id"] if page else None,
            "last_id": page[-1]["id"] if page else None,
            "has_more": len(newest_first) > limit,
        }


def _embeddings(texts: list[str]) -> dict[str, Any]:
    """Returns unit vectors with a single one, at a place that the text decides."""
    data = []
    for index, text in enumerate(texts):
        vector = array("f", [0.0] * DIMENSIONS)
        vector[sum(text.encode()) % DIMENSIONS] = 1.0
        data.append({"object": "embedding", "index": index, "embedding": encoded(vector)})
    tokens = {"prompt_tokens": 7 * len(texts), "total_tokens": 7 * len(texts)}
    return {"object": "list", "data": data, "model": "m", "usage": tokens}


def encoded(vector: "array[float]") -> str:
    """Returns a vector as the API sends it in base64."""
    return base64.b64encode(vector.tobytes()).decode()


def _file_of(content: bytes, kind: str) -> bytes:
    """Returns the file of a multipart form."""
    boundary = b"--" + kind.partition("boundary=")[2].encode()
    part = next(part for part in content.split(boundary) if b"filename=" in part)
    return part.partition(b"\r\n\r\n")[2].removesuffix(b"\r\n")


@contextmanager
def running_api() -> Iterator[ScriptedApi]:
    """Runs a scripted API on a free port; it is gone afterwards."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler)
    api = ScriptedApi(f"http://127.0.0.1:{server.server_port}/v1")
    server.RequestHandlerClass = _handler(api)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield api
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _handler(api: ScriptedApi) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        # One request a connection: no idle thread outlives the server.
        protocol_version = "HTTP/1.0"

        def do_GET(self) -> None:
            self._answer("GET")

        def do_POST(self) -> None:
            self._answer("POST")

        def _answer(self, method: str) -> None:
            content = self.rfile.read(int(self.headers.get("content-length", 0)))
            reply = api.answer(method, self.path, content, self.headers)
            if reply.lost or reply.dropped:
                return
            raw = isinstance(reply.body, bytes)
            body = reply.body if raw else json.dumps(reply.body).encode()
            self.send_response(reply.status)
            for name, value in reply.headers.items():
                self.send_header(name, value)
            kind = "application/octet-stream" if raw else "application/json"
            if "content-type" not in map(str.lower, reply.headers):
                self.send_header("content-type", kind)
            if "content-length" not in reply.headers:
                self.send_header("content-length", str(len(body)))
            # Who waited too long is gone.
            with suppress(ConnectionError):
                self.end_headers()
                self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Says nothing."""

    return Handler


CHAT = "POST /chat/completions"
CREATE = "POST /batches"
MINI_USD = Decimal("0.000065")
"""What a ``completion`` costs at gpt-5-mini, one by one: 100 prompt and 20 output tokens."""
LEGACY_USD = Decimal("0.000027")
"""The same at gpt-4o-mini."""
USELESS = Reply(body=completion("I cannot say"))
CUT = Reply(body=completion("", "length"))
DOWN = error(503, "Overloaded", retry_after_ms="1")
WRONG_KEY = error(401, "Incorrect API key provided", "invalid_api_key")
NO_QUOTA = error(429, "You exceeded your current quota", "insufficient_quota", retry_after_ms="1")
ODD = error(400, "Unsupported value: 'temperature'", "unsupported_value", "temperature")
