"""A webhook and a mail server on real loopback sockets, which misbehave as told.

Belongs here: what takes alerts in tests. Does not belong here: any check.
"""

import base64
import json
import socketserver
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal

Mischief = Literal["drop", "hang", "drip"]
"""Closes the connection without a word, says nothing, sends a byte now and then."""


@contextmanager
def _serving(server: socketserver.BaseServer) -> Iterator[None]:
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


# --- webhook --------------------------------------------------------------------------


class Webhook:
    """What a webhook was sent, and how it answers.

    Attributes:
        url: Where it listens; the path is its secret.
        answers: Statuses and mischief in order; after them 200.
        got: Method, path, content type and JSON of each request.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self.answers: list[int | Mischief] = []
        self.got: list[tuple[str, str, str | None, Any]] = []
        self.closing = threading.Event()

    @property
    def texts(self) -> list[str]:
        """The texts that came."""
        return [body["text"] for _, _, _, body in self.got]


SECRET_PATH = "services/T0123/B4567/wordsThatOpenTheDoor"  # noqa: S105 - of this test alone


@contextmanager
def running_webhook() -> Iterator[Webhook]:
    """Runs a webhook on a free port; it is gone afterwards."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler)
    server.daemon_threads = True
    webhook = Webhook(f"http://127.0.0.1:{server.server_port}/{SECRET_PATH}")

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.0"

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            webhook.got.append(("POST", self.path, self.headers["content-type"], body))
            answer = webhook.answers.pop(0) if webhook.answers else 200
            if answer == "drop":
                return
            if isinstance(answer, str):
                self._stall(b"H" if answer == "drip" else b"")
                return
            self.send_response(answer)
            self.send_header("location", webhook.url)
            self.end_headers()
            self.wfile.write(f"refused for {self.path}".encode())

        def do_GET(self) -> None:
            webhook.got.append(("GET", self.path, None, {"text": ""}))
            self.send_response(200)
            self.end_headers()

        def _stall(self, byte: bytes) -> None:
            with suppress(OSError):
                while not webhook.closing.wait(0.02):
                    self.wfile.write(byte)

        def log_message(self, *_: Any) -> None:
            """Says nothing."""

    server.RequestHandlerClass = Handler
    with _serving(server):
        try:
            yield webhook
        finally:
            webhook.closing.set()


# --- mail -----------------------------------------------------------------------------


class MailServer:
    """What a mail server was sent, and how it answers.

    Attributes:
        port: Where it listens.
        answers: Command -> the reply that it gets instead of a good one, such as
            ``{"AUTH": "535 no"}``; ``connect`` is the greeting.
        mischief: What it does instead of greeting.
        offers: Extensions that it offers.
        mails: Sender, recipients and content of each mail that it took.
        logins: User and password of each login, and whether it was encrypted.
    """

    def __init__(self, port: int) -> None:
        self.port = port
        self.answers: dict[str, str] = {}
        self.mischief: Mischief | None = None
        self.offers = ["AUTH PLAIN"]
        self.mails: list[tuple[str, list[str], bytes]] = []
        self.logins: list[tuple[str, str, bool]] = []
        self.closing = threading.Event()


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True

    def __init__(self, tls: ssl.SSLContext | None, *, at_once: bool) -> None:
        super().__init__(("127.0.0.1", 0), _Conversation)
        self.tls, self.at_once = tls, at_once
        self.mail = MailServer(self.server_address[1])

    def handle_error(self, *_: Any) -> None:
        """Who trusts no certificate hangs up in the middle."""


class _Conversation(socketserver.StreamRequestHandler):
    server: _Server
    encrypted = False

    def setup(self) -> None:
        self.mail = self.server.mail
        self.sender, self.recipients = "", list[str]()
        if self.server.at_once:
            self._encrypt()
        else:
            super().setup()

    def handle(self) -> None:
        if self.mail.mischief == "drop":
            return
        with suppress(OSError):
            while self.mail.mischief and not self.mail.closing.wait(0.02):
                self.wfile.write(b"2" if self.mail.mischief == "drip" else b"")
            self._say(self.mail.answers.get("connect", "220 here"))
            while line := self.rfile.readline().decode().rstrip("\r\n"):
                verb, _, words = line.partition(" ")
                self._answer(verb.upper(), words)

    def _answer(self, command: str, words: str) -> None:
        """Does what a command asks for, unless the script has another answer to it."""
        scripted = self.mail.answers.get(command)
        if command == "AUTH":
            self._log_in(words, scripted or "235 in")
        elif scripted is not None:
            self._say(scripted)
        elif command == "EHLO":
            encrypts = self.server.tls is not None and not self.encrypted
            offers = ["here", *self.mail.offers, *(["STARTTLS"] if encrypts else [])]
            self._say("\r\n".join([*(f"250-{each}" for each in offers), "250 HELP"]))
        elif command == "STARTTLS":
            self._say("220 go on")
            self._encrypt()
        elif command == "RCPT":
            self._say(self.mail.answers.get(f"RCPT {_address(words)}", "250 fine"))
            if f"RCPT {_address(words)}" not in self.mail.answers:
                self.recipients.append(_address(words))
        elif command == "DATA":
            self._say("354 go on")
            self.mail.mails.append((self.sender, self.recipients, self._content()))
            self._say(self.mail.answers.get("content", "250 taken"))
        else:
            if command == "MAIL":
                self.sender, self.recipients = _address(words), []
            self._say("250 fine")

    def _log_in(self, words: str, reply: str) -> None:
        _, user, password = base64.b64decode(words.split()[1]).decode().split("\0")
        self.mail.logins.append((user, password, self.encrypted))
        self._say(reply.replace("PASSWORD", password))

    def _content(self) -> bytes:
        lines = []
        while (line := self.rfile.readline()) not in (b".\r\n", b""):
            lines.append(line)
        return b"".join(lines)

    def _encrypt(self) -> None:
        assert self.server.tls is not None
        self.request = self.server.tls.wrap_socket(self.request, server_side=True)
        self.encrypted = True
        super().setup()

    def finish(self) -> None:
        super().finish()
        self.request.close()  # encrypted, it is another socket than the server's

    def _say(self, reply: str) -> None:
        self.wfile.write(f"{reply}\r\n".encode())


@contextmanager
def running_mail_server(
    tls: ssl.SSLContext | None = None, *, at_once: bool = False
) -> Iterator[MailServer]:
    """Runs a mail server on a free port; it is gone afterwards.

    Args:
        tls: Its certificate, with which it offers STARTTLS.
        at_once: It speaks TLS from the first byte instead.
    """
    server = _Server(tls, at_once=at_once)
    with _serving(server):
        try:
            yield server.mail
        finally:
            server.mail.closing.set()


def _address(words: str) -> str:
    return words.partition("<")[2].partition(">")[0]
