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
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import date
from typing import Any, get_args
from urllib.request import Request as Call
from urllib.request import urlopen

import uvicorn
from pydantic import TypeAdapter, ValidationError
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
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
    refusal_of,
)
from normalizer_assets.standin.faults import FAULTS, Endpoint, EndpointFault, Fault, Faults
from normalizer_assets.standin.journal import Journal
from normalizer_assets.standin.settings import NOTICE, StandinSettings
from normalizer_assets.standin.storage import FileRecord, Storage
from normalizer_assets.standin.uploads import Form, parse_form
from normalizer_assets.standin.wire import Broken, Connection, Dropped

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

WEB_PAGE = "<html><head><title>{0}</title></head><body><h1>{0}</h1></body></html>"
MODELS: TypeAdapter[dict[str, date | None]] = TypeAdapter(dict[str, date | None])

Handler = Callable[[Request], Awaitable[Response]]


@dataclass(frozen=True)
class RunningStandin:
    """A stand-in that answers, here or in another process.

    Attributes:
        url: Base URL for clients, ending in ``/v1``.
        port: Its port.
        settings: What it runs with.
    """

    url: str
    port: int
    settings: StandinSettings

    def journal(self) -> list[dict[str, Any]]:
        """Returns what was executed and billed (journal.py)."""
        return [json.loads(line) for line in self._call("GET", "journal").splitlines()]

    def faults(self) -> list[dict[str, Any]]:
        """Returns the faults that are switched on, each with ``fired``."""
        shown: list[dict[str, Any]] = json.loads(self._call("GET", "faults"))
        return shown

    def switch(self, *faults: Fault) -> None:
        """Switches these faults on and all others off."""
        self._call("POST", "faults", FAULTS.dump_json(faults))

    def show_models(self, changes: Mapping[str, date | None]) -> None:
        """Replaces the models' other shutdown dates; ``None`` hides a model."""
        self._call("POST", "models", MODELS.dump_json(dict(changes)))

    def reset(self) -> None:
        """Makes it as new: no files, no batches, no journal, faults as in its settings."""
        self._call("POST", "reset")

    def _call(self, method: str, name: str, body: bytes | None = None) -> bytes:
        url = f"{self.url.removesuffix('/v1')}/standin/{name}"
        with urlopen(Call(url, body, method=method)) as response:  # noqa: S310 - our own server
            content: bytes = response.read()
        return content


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

    handlers: dict[Endpoint, Handler] = {
        "POST /v1/files": api.upload_file,
        "GET /v1/files": api.list_files,
        "GET /v1/files/{id}": api.retrieve_file,
        "DELETE /v1/files/{id}": api.delete_file,
        "GET /v1/files/{id}/content": api.file_content,
        "POST /v1/batches": api.create_batch,
        "GET /v1/batches": api.list_batches,
        "GET /v1/batches/{id}": api.retrieve_batch,
        "POST /v1/batches/{id}/cancel": api.cancel_batch,
        "POST /v1/chat/completions": api.complete,
        "POST /v1/embeddings": api.embed,
        "GET /v1/models": api.list_models,
        "GET /v1/models/{id}": api.retrieve_model,
    }

    def route(endpoint: Endpoint) -> Route:
        method, path = endpoint.split()
        handler = _faulty(endpoint, _authorized(handlers[endpoint]), api.faults)
        return Route(path, handler, methods=[method])

    return Starlette(
        routes=[
            Route("/", api.notice),
            Route("/standin/journal", api.show_journal, methods=["GET"]),
            Route("/standin/faults", api.show_faults, methods=["GET"]),
            Route("/standin/faults", api.switch_faults, methods=["POST"]),
            Route("/standin/models", api.switch_models, methods=["POST"]),
            Route("/standin/reset", api.reset, methods=["POST"]),
            *(route(endpoint) for endpoint in get_args(Endpoint)),
        ],
        exception_handlers={
            ApiError: _refuse,
            HTTPException: _no_such_route,
            ClientDisconnect: _hung_up,
        },
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
            http=Connection,
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
            error.errno,
            f"cannot listen on {HOST}:{port} ({error.strerror}); choose another one with --port, "
            f"and name it in OPENAI_BASE_URL",
        ) from error
    return listener


def _url(listener: socket.socket) -> str:
    return f"http://{HOST}:{listener.getsockname()[1]}/v1"


class _Api:
    """The endpoints, and what they share."""

    def __init__(self, settings: StandinSettings, config: NormalizerConfig) -> None:
        self._settings = settings
        self._all_models = config.models
        self._models: dict[str, ModelConfig] = {}
        self._show_models(settings.models)
        self._storage = Storage(settings.storage)
        self._answerer = Answerer(settings.seed, settings.disagreement, config)
        self._journal = Journal(config.models, settings.storage)
        self.faults = Faults(settings.faults)
        self.batches = Batches(
            settings,
            self._models,
            self._storage,
            self._answerer,
            time.time,
            self.faults,
            self._journal,
        )
        self._waiting: list[tuple[completions.ChatRequest, asyncio.Future[completions.Reply]]] = []
        self._answering: asyncio.Task[None] | None = None

    async def notice(self, _: Request) -> Response:
        return PlainTextResponse(
            f"{NOTICE}\n\nFiles: {len(self._storage.files)}\n"
            f"Batches: {len(self._storage.batches)}\n"
            f"Settings: {self._settings.model_dump_json()}\n"
        )

    # --- journal and faults ---------------------------------------------------------

    async def show_journal(self, _: Request) -> Response:
        await run_in_threadpool(self.batches.settle)
        return Response(self._journal.text(), media_type="application/x-ndjson")

    async def show_faults(self, _: Request) -> Response:
        return JSONResponse(self.faults.shown())

    async def switch_faults(self, request: Request) -> Response:
        try:
            self.faults.replace(FAULTS.validate_json(await request.body()))
        except ValidationError as error:
            raise ApiError(str(error)) from error
        return await self.show_faults(request)

    async def switch_models(self, request: Request) -> Response:
        try:
            self._show_models(MODELS.validate_json(await request.body()))
        except ValidationError as error:
            raise ApiError(str(error)) from error
        return await self.list_models(request)

    def _show_models(self, changes: Mapping[str, date | None]) -> None:
        if unknown := sorted(set(changes) - set(self._all_models)):
            raise ApiError(f"The configuration has no model {unknown}.")
        shown = {
            name: model.model_copy(update={"shutdown": changes.get(name, model.shutdown)})
            for name, model in self._all_models.items()
            if changes.get(name, "") is not None
        }
        # The batches look into the same table.
        self._models.update(shown)
        for name in set(self._models) - set(shown):
            del self._models[name]

    async def reset(self, _: Request) -> Response:
        await run_in_threadpool(self.batches.clear)
        self._journal.clear()
        self.faults.replace(self._settings.faults)
        self._show_models(self._settings.models)
        return JSONResponse({})

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
            file,
            body["endpoint"],
            metadata,
            lifetime or BATCH_FILE_SECONDS,
            reply_lost=await _reply_lost(request),
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
        return await self._recorded(request, self._complete)

    async def _complete(self, body: dict[str, Any]) -> dict[str, Any]:
        accepted = completions.check(body, self._models)
        if accepted.question is not None:
            fault = self.faults.of_line(accepted.question.name, limit=accepted.limit)
            accepted = replace(accepted, fault=fault)
        future: asyncio.Future[completions.Reply] = asyncio.get_running_loop().create_future()
        self._waiting.append((accepted, future))
        if self._answering is None or self._answering.done():
            self._answering = asyncio.create_task(self._answer_waiting())
        reply = await future
        if reply.error is not None:
            raise reply.error
        return reply.body or {}

    async def _recorded(
        self, request: Request, work: Callable[[dict[str, Any]], Awaitable[dict[str, Any]]]
    ) -> Response:
        """Does the work of an individual call and writes it into the journal."""
        body = await _json(request)
        try:
            status, reply = 200, await work(body)
        except ApiError as error:
            status, reply = error.status, error.body()
        self._journal.add(
            {
                "kind": "call",
                "endpoint": request.url.path,
                "client_request_id": request.headers.get("x-client-request-id"),
                **self._journal.execution(body, status, reply, batch=False),
                "reply_lost": await _reply_lost(request),
            }
        )
        return JSONResponse(reply, status_code=status)

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
        return await self._recorded(request, self._embed)

    async def _embed(self, body: dict[str, Any]) -> dict[str, Any]:
        models = frozenset(self._models)
        return await run_in_threadpool(embeddings.respond, body, models)

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


def _faulty(endpoint: Endpoint, handler: Handler, faults: Faults) -> Handler:
    """Lets the faults that are switched on for an endpoint happen to it."""

    async def faulty(request: Request) -> Response:
        fault = faults.of_request(endpoint)
        if fault is None:
            return await handler(request)
        if fault.kind == "drop_before":
            return Dropped()
        if fault.kind == "status":
            async for _ in request.stream():  # a client that still sends would not read
                pass
            return _refusal(fault)
        if fault.kind == "slow":
            await request.body()  # cannot be read any more once the client has hung up
            await asyncio.sleep(fault.seconds)
        request.state.reply_lost = fault.loses_reply
        try:
            response = await handler(request)
        except ApiError as error:
            response = await _refuse(request, error)
        return _spoiled(fault, response)

    return faulty


def _spoiled(fault: EndpointFault, response: Response) -> Response:
    """Returns what a fault makes of a reply after the work."""
    match fault.kind:
        case "drop_after":
            return Dropped()
        case "status_after":
            return _refusal(fault)
        case "truncated":
            return Broken(response, fault.keep)
        case "not_json":
            return HTMLResponse(WEB_PAGE.format("Checking your browser"))
        case "cut_file" if response.status_code == 200:  # noqa: PLR2004
            kept = bytes(response.body)[: int(len(response.body) * fault.keep)]
            return Response(kept, media_type=response.media_type)
    return response


def _refusal(fault: EndpointFault) -> Response:
    if fault.status == 502:  # noqa: PLR2004 - a gateway's reply, no JSON
        return HTMLResponse(WEB_PAGE.format("502 Bad Gateway"), status_code=502)
    after = fault.retry_after
    headers = None if after is None else {"retry-after": f"{after:g}"}
    body = refusal_of(fault.status, fault.code).body()
    return JSONResponse(body, status_code=fault.status, headers=headers)


async def _reply_lost(request: Request) -> bool:
    """Says whether the reply will not arrive: a fault, or a caller who has hung up."""
    return getattr(request.state, "reply_lost", False) or await request.is_disconnected()


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


async def _hung_up(_: Request, __: Exception) -> Response:
    """Answers a client that was gone before its request was complete: nobody reads this."""
    return Response(status_code=400)


async def _no_such_route(request: Request, error: Exception) -> Response:
    if not isinstance(error, HTTPException):
        raise error
    text = (
        f"Invalid URL ({request.method} {request.url.path})"
        if error.status_code == 404  # noqa: PLR2004
        else f"Not allowed to {request.method} on {request.url.path}."
    )
    return JSONResponse(ApiError(text).body(), status_code=error.status_code)
