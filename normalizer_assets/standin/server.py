"""The HTTP surface and the process around it.

Belongs here: routes, authorization, checking parameters of files and batches, starting
and stopping. Does not belong here: what a batch does (batches.py), what a completion
says (completions.py, answers.py).

Every route is served on the loopback interface only: there is no key to protect it.
"""

import asyncio
import json
import secrets
import socket
import threading
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from normalizer_assets.config import ModelConfig, NormalizerConfig, load_config
from normalizer_assets.standin import completions, embeddings
from normalizer_assets.standin.answers import Answerer
from normalizer_assets.standin.batches import ENDPOINTS, Batches
from normalizer_assets.standin.errors import (
    ApiError,
    invalid_type,
    invalid_value,
    missing_parameter,
    out_of_range,
)
from normalizer_assets.standin.settings import NOTICE, StandinSettings
from normalizer_assets.standin.storage import FileRecord, Storage
from normalizer_assets.standin.uploads import Form, parse_form

HOST = "127.0.0.1"
OWNER = "normalizer-standin"
PURPOSES = ["fine-tune", "assistants", "batch", "user_data", "vision", "evals"]
BATCH_FILE_SECONDS = 30 * 86_400.0
"""Batch files and their outputs live 30 days by default (facts, section 1)."""

FORM_OVERHEAD_BYTES = 100_000
"""Room for the parts of an upload that are not the file."""

MAX_METADATA_PAIRS = 16
MAX_METADATA_KEY = 64
MAX_METADATA_VALUE = 512
MODEL_CREATED = 1_754_524_800
START_SECONDS = 30.0
STOP_SECONDS = 30.0

Handler = Callable[[Request], Awaitable[Response]]


@dataclass(frozen=True)
class RunningStandin:
    """A stand-in that answers.

    Attributes:
        url: Base URL for clients, ending in ``/v1``.
        port: Its port.
        settings: What it runs with.
    """

    url: str
    port: int
    settings: StandinSettings


def create_app(settings: StandinSettings, config: NormalizerConfig | None = None) -> Starlette:
    """Builds the application.

    Args:
        settings: How it behaves.
        config: Model table, category mapping and words; ``None`` reads the file.

    Raises:
        ConfigurationError: The configuration file is missing or wrong.
    """
    api = _Api(settings, load_config() if config is None else config)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> Any:
        yield
        api.batches.close()

    def route(path: str, method: str, endpoint: Handler) -> Route:
        return Route(path, _authorized(endpoint), methods=[method])

    return Starlette(
        routes=[
            Route("/", api.notice),
            route("/v1/files", "POST", api.upload_file),
            route("/v1/files", "GET", api.list_files),
            route("/v1/files/{id}", "GET", api.retrieve_file),
            route("/v1/files/{id}", "DELETE", api.delete_file),
            route("/v1/files/{id}/content", "GET", api.file_content),
            route("/v1/batches", "POST", api.create_batch),
            route("/v1/batches", "GET", api.list_batches),
            route("/v1/batches/{id}", "GET", api.retrieve_batch),
            route("/v1/batches/{id}/cancel", "POST", api.cancel_batch),
            route("/v1/chat/completions", "POST", api.complete),
            route("/v1/embeddings", "POST", api.embed),
            route("/v1/models", "GET", api.list_models),
            route("/v1/models/{id:path}", "GET", api.retrieve_model),
        ],
        exception_handlers={ApiError: _refuse, HTTPException: _no_such_route},
        lifespan=lifespan,
    )


def serve(port: int, settings: StandinSettings, config: NormalizerConfig | None = None) -> None:
    """Serves until interrupted, on the loopback interface.

    Args:
        port: TCP port; 0 takes a free one.
        settings: How it behaves.
        config: As in ``create_app``.

    Raises:
        OSError: The port is taken; the message names it.
        ConfigurationError: The configuration file is missing or wrong.
    """
    with _bound(port) as listener, suppress(KeyboardInterrupt):
        url = _url(listener)
        print(f"Stand-in at {url} (OPENAI_BASE_URL={url}).\n{NOTICE}", flush=True)
        _server(create_app(settings, config)).run(sockets=[listener])


@contextmanager
def running_standin(
    settings: StandinSettings, port: int = 0, config: NormalizerConfig | None = None
) -> Iterator[RunningStandin]:
    """Runs a stand-in in a thread; it answers when this yields and is gone afterwards.

    Args:
        settings: How it behaves.
        port: TCP port; 0 takes a free one.
        config: As in ``create_app``.

    Raises:
        OSError: The port is taken; the message names it.
        RuntimeError: It did not start.
        ConfigurationError: The configuration file is missing or wrong.
    """
    with _bound(port) as listener:
        server = _server(create_app(settings, config))
        thread = threading.Thread(
            target=server.run, kwargs={"sockets": [listener]}, name="standin", daemon=True
        )
        thread.start()
        try:
            deadline = time.monotonic() + START_SECONDS
            while not server.started:
                if not thread.is_alive() or time.monotonic() > deadline:
                    raise RuntimeError("the stand-in did not start; see its log above")
                time.sleep(0.005)
            yield RunningStandin(_url(listener), listener.getsockname()[1], settings)
        finally:
            server.should_exit = True
            thread.join(STOP_SECONDS)


def _server(app: Starlette) -> uvicorn.Server:
    return uvicorn.Server(
        uvicorn.Config(
            app,
            loop="asyncio",
            http="h11",
            ws="none",
            log_level="warning",
            access_log=False,
            timeout_graceful_shutdown=5,
        )
    )


def _bound(port: int) -> socket.socket:
    # asyncio turns Nagle's algorithm off only where the protocol is named; without that
    # every small reply waits 40 ms for the client's delayed acknowledgement.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((HOST, port))
    except OSError as error:
        listener.close()
        raise OSError(
            error.errno, f"cannot listen on {HOST}:{port} ({error.strerror}); choose another port"
        ) from error
    return listener


def _url(listener: socket.socket) -> str:
    return f"http://{HOST}:{listener.getsockname()[1]}/v1"


class _Api:
    """The endpoints, and what they share."""

    def __init__(self, settings: StandinSettings, config: NormalizerConfig) -> None:
        self._settings = settings
        self._models: dict[str, ModelConfig] = dict(config.models)
        self._storage = Storage(settings.storage)
        self._answerer = Answerer(settings.seed, settings.disagreement, config)
        self.batches = Batches(
            settings, self._models, self._storage, self._answerer, clock=time.time
        )
        self._waiting: list[tuple[completions.ChatRequest, asyncio.Future[completions.Reply]]] = []
        self._answering: asyncio.Task[None] | None = None

    async def notice(self, _: Request) -> Response:
        return PlainTextResponse(
            f"{NOTICE}\n\nFiles: {len(self._storage.files)}\n"
            f"Batches: {len(self._storage.batches)}\n"
            f"Settings: {self._settings.model_dump_json()}\n"
        )

    # --- files --------------------------------------------------------------------

    async def upload_file(self, request: Request) -> Response:
        form = parse_form(request.headers.get("content-type", ""), await self._upload(request))
        if form.filename is None:
            raise ApiError("'file' is a required property")
        purpose = form.fields.get("purpose")
        if purpose is None:
            raise ApiError("'purpose' is a required property")
        if purpose not in PURPOSES:
            raise ApiError(f"'{purpose}' is not one of {PURPOSES} - 'purpose'")
        if purpose == "batch" and not form.filename.endswith(".jsonl"):
            raise ApiError("Invalid file format for Batch API. Must be .jsonl")
        if purpose == "batch" and len(form.content) > self._settings.max_file_bytes:
            raise self._too_large()
        now = time.time()
        lifetime = _lifetime(_form_expiry(form), "expires_after")
        if lifetime is None and purpose == "batch":
            lifetime = BATCH_FILE_SECONDS
        record = FileRecord(
            id=f"file-{secrets.token_hex(12)}",
            filename=form.filename,
            purpose=purpose,
            bytes=len(form.content),
            created_at=now,
            expires_at=None if lifetime is None else now + lifetime,
        )
        await run_in_threadpool(self._storage.save_file, record, form.content)
        return JSONResponse(_file_object(record))

    async def _upload(self, request: Request) -> bytes:
        """Reads the body, giving up as soon as it cannot be a batch file any more."""
        limit = self._settings.max_file_bytes + FORM_OVERHEAD_BYTES
        body = bytearray()
        async for chunk in request.stream():
            body += chunk
            if len(body) > limit:
                raise self._too_large()
        return bytes(body)

    def _too_large(self) -> ApiError:
        return ApiError(
            f"The file is larger than {self._settings.max_file_bytes} bytes, the maximum for the "
            f"Batch API.",
            status=413,
        )

    async def list_files(self, request: Request) -> Response:
        purpose = request.query_params.get("purpose")
        files = [
            _file_object(file)
            for file in reversed(list(self._storage.files.values()))
            if _alive(file) and purpose in (None, file.purpose)
        ]
        return JSONResponse(_page(request, files, highest=10_000, default=10_000))

    async def retrieve_file(self, request: Request) -> Response:
        return JSONResponse(_file_object(self._file(request)))

    async def delete_file(self, request: Request) -> Response:
        file = self._file(request)
        await run_in_threadpool(self._storage.delete_file, file.id)
        return JSONResponse({"id": file.id, "object": "file", "deleted": True})

    async def file_content(self, request: Request) -> Response:
        content = await run_in_threadpool(self._storage.content, self._file(request).id)
        return Response(content, media_type="application/octet-stream")

    def _file(self, request: Request) -> FileRecord:
        file_id = request.path_params["id"]
        file = self._storage.files.get(file_id)
        if file is None or not _alive(file):
            raise ApiError(f"No such File object: {file_id}", status=404, param="id")
        return file

    # --- batches ------------------------------------------------------------------

    async def create_batch(self, request: Request) -> Response:
        body = await _json(request)
        for name in ("input_file_id", "endpoint", "completion_window"):
            if body.get(name) is None:
                raise missing_parameter(name)
        if body["endpoint"] not in ENDPOINTS:
            raise invalid_value("endpoint", body["endpoint"], list(ENDPOINTS))
        if body["completion_window"] != "24h":
            raise invalid_value("completion_window", body["completion_window"], ["24h"])
        metadata = _metadata(body.get("metadata"))
        lifetime = _lifetime(body.get("output_expires_after"), "output_expires_after")
        file = self._storage.files.get(str(body["input_file_id"]))
        if file is None or not _alive(file):
            raise ApiError(
                f"Cannot find file {body['input_file_id']}, or project proj_standin does not have "
                f"access to it.",
                param="input_file_id",
            )
        if file.purpose != "batch":
            raise ApiError(
                f"Invalid purpose of file {file.id}: expected 'batch', but got '{file.purpose}'.",
                param="input_file_id",
            )
        shown = self.batches.create(
            file, body["endpoint"], metadata, lifetime or BATCH_FILE_SECONDS
        )
        return JSONResponse(shown)

    async def list_batches(self, request: Request) -> Response:
        batches = await run_in_threadpool(self.batches.newest_first)
        return JSONResponse(_page(request, batches, highest=100, default=20))

    async def retrieve_batch(self, request: Request) -> Response:
        batch_id = request.path_params["id"]
        return JSONResponse(await run_in_threadpool(self.batches.retrieve, batch_id))

    async def cancel_batch(self, request: Request) -> Response:
        batch_id = request.path_params["id"]
        return JSONResponse(await run_in_threadpool(self.batches.cancel, batch_id))

    # --- answers and models -------------------------------------------------------

    async def complete(self, request: Request) -> Response:
        accepted = completions.check(await _json(request), self._models)
        future: asyncio.Future[completions.Reply] = asyncio.get_running_loop().create_future()
        self._waiting.append((accepted, future))
        if self._answering is None or self._answering.done():
            self._answering = asyncio.create_task(self._answer_waiting())
        reply = await future
        if reply.error is not None:
            raise reply.error
        return JSONResponse(reply.body)

    async def _answer_waiting(self) -> None:
        """Answers individual calls; those that arrive meanwhile are answered together.

        The rules need about 50 ms however few listings they read.
        """
        while self._waiting:
            taken, self._waiting = self._waiting, []
            requests = [accepted for accepted, _ in taken]
            replies: Sequence[completions.Reply | Exception]
            try:
                replies = await run_in_threadpool(
                    completions.respond, requests, self._answerer, self._settings, in_batch=False
                )
            except Exception as error:  # noqa: BLE001 - each caller gets it
                replies = [error] * len(taken)
            for (_, future), reply in zip(taken, replies, strict=True):
                if future.done():  # the client hung up
                    continue
                if isinstance(reply, Exception):
                    future.set_exception(reply)
                else:
                    future.set_result(reply)

    async def embed(self, request: Request) -> Response:
        body = await _json(request)
        models = frozenset(self._models)
        return JSONResponse(await run_in_threadpool(embeddings.respond, body, models))

    async def list_models(self, _: Request) -> Response:
        data = [_model_object(name, model) for name, model in self._models.items()]
        return JSONResponse({"object": "list", "data": data})

    async def retrieve_model(self, request: Request) -> Response:
        name = request.path_params["id"]
        if name not in self._models:
            raise ApiError(
                f"The model '{name}' does not exist",
                status=404,
                param="model",
                code="model_not_found",
            )
        return JSONResponse(_model_object(name, self._models[name]))


# --- requests ---------------------------------------------------------------------


def _authorized(endpoint: Handler) -> Handler:
    """Refuses a request without a key; any key will do."""

    async def handler(request: Request) -> Response:
        scheme, _, key = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not key.strip():
            raise ApiError(
                "You didn't provide an API key. You need to provide your API key in an "
                "Authorization header using Bearer auth (i.e. Authorization: Bearer YOUR_KEY).",
                status=401,
                code="invalid_api_key",
            )
        response = await endpoint(request)
        response.headers["x-request-id"] = f"req_{secrets.token_hex(12)}"
        return response

    return handler


async def _json(request: Request) -> dict[str, Any]:
    try:
        body = json.loads(await request.body())
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise ApiError("We could not parse the JSON body of your request.")
    return body


def _page(
    request: Request, newest_first: Sequence[dict[str, Any]], *, highest: int, default: int
) -> dict[str, Any]:
    """Cuts one page out of a list, with the API's cursor."""
    given = request.query_params.get("limit", str(default))
    if not given.removeprefix("-").isdecimal():
        raise invalid_type("limit", "an integer", given)
    limit = int(given)
    if not 1 <= limit <= highest:
        raise out_of_range("limit", limit, 1, highest)
    start = 0
    if (after := request.query_params.get("after")) is not None:
        places = [place for place, entry in enumerate(newest_first) if entry["id"] == after]
        if not places:
            raise ApiError(f"Invalid 'after': no object with id '{after}'.", param="after")
        start = places[0] + 1
    page = newest_first[start : start + limit]
    return {
        "object": "list",
        "data": page,
        "first_id": page[0]["id"] if page else None,
        "last_id": page[-1]["id"] if page else None,
        "has_more": start + limit < len(newest_first),
    }


def _metadata(given: Any) -> dict[str, str] | None:
    """Checks metadata: 16 pairs, keys of 64 and values of 512 characters."""
    if given is None:
        return None
    if not isinstance(given, dict):
        raise invalid_type("metadata", "an object", given)
    if len(given) > MAX_METADATA_PAIRS:
        raise ApiError(
            f"Invalid 'metadata': too many properties. Expected an object with at most "
            f"{MAX_METADATA_PAIRS} properties, but got an object with {len(given)} properties "
            f"instead.",
            param="metadata",
            code="object_above_max_properties",
        )
    for key, value in given.items():
        if not isinstance(value, str):
            raise invalid_type(f"metadata.{key}", "a string", value)
        for text, longest in ((key, MAX_METADATA_KEY), (value, MAX_METADATA_VALUE)):
            if len(text) > longest:
                raise ApiError(
                    f"Invalid 'metadata.{key}': string too long. Expected a string with maximum "
                    f"length {longest}, but got a string with length {len(text)} instead.",
                    param=f"metadata.{key}",
                    code="string_above_max_length",
                )
    return given


def _form_expiry(form: Form) -> dict[str, Any] | None:
    """Returns ``expires_after`` from the form's flat fields."""
    values: dict[str, Any] = {
        key: form.fields[name]
        for key in ("anchor", "seconds")
        if (name := f"expires_after[{key}]") in form.fields
    }
    if str(values.get("seconds")).isdecimal():
        values["seconds"] = int(values["seconds"])
    return values or None


def _lifetime(given: Any, name: str) -> float | None:
    """Checks ``{anchor: "created_at", seconds: 3600..2592000}`` and returns the seconds."""
    if given is None:
        return None
    if not isinstance(given, dict):
        raise invalid_type(name, "an object", given)
    for key in ("anchor", "seconds"):
        if key not in given:
            raise missing_parameter(f"{name}.{key}")
    if given["anchor"] != "created_at":
        raise invalid_value(f"{name}.anchor", given["anchor"], ["created_at"])
    seconds = given["seconds"]
    if type(seconds) is not int:
        raise invalid_type(f"{name}.seconds", "an integer", seconds)
    if not 3600 <= seconds <= BATCH_FILE_SECONDS:  # noqa: PLR2004 - the API's lower bound
        raise out_of_range(f"{name}.seconds", seconds, 3600, int(BATCH_FILE_SECONDS))
    return float(seconds)


# --- replies ----------------------------------------------------------------------


def _alive(file: FileRecord) -> bool:
    return file.expires_at is None or file.expires_at > time.time()


def _file_object(file: FileRecord) -> dict[str, Any]:
    return {
        "id": file.id,
        "object": "file",
        "bytes": file.bytes,
        "created_at": int(file.created_at),
        "expires_at": None if file.expires_at is None else int(file.expires_at),
        "filename": file.filename,
        "purpose": file.purpose,
        "status": "processed",
        "status_details": None,
    }


def _model_object(name: str, model: ModelConfig) -> dict[str, Any]:
    shutdown = {} if model.shutdown is None else {"shutdown_date": model.shutdown.isoformat()}
    return {
        "id": name,
        "object": "model",
        "created": MODEL_CREATED,
        "owned_by": OWNER,
        **shutdown,
    }


async def _refuse(_: Request, error: Exception) -> Response:
    if not isinstance(error, ApiError):
        raise error
    return JSONResponse(error.body(), status_code=error.status)


async def _no_such_route(request: Request, error: Exception) -> Response:
    if not isinstance(error, HTTPException):
        raise error
    text = (
        f"Invalid URL ({request.method} {request.url.path})"
        if error.status_code == 404  # noqa: PLR2004
        else f"Not allowed to {request.method} on {request.url.path}."
    )
    return JSONResponse(ApiError(text).body(), status_code=error.status_code)
