"""How a message leaves: a webhook, an e-mail, the caller's log.

Belongs here: speaking to each of them within a bounded time, and keeping secrets out of what
is said of a failure. Does not belong here: what is told, and to whom it was told before
(``delivery``).

Only the standard library: ``httpx`` writes each URL that it asks into the log, and a webhook's
URL is its password.
"""

import html
import json
import os
import re
import smtplib
import ssl
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from contextlib import closing, suppress
from dataclasses import dataclass
from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from typing import Any
from urllib.error import HTTPError
from urllib.request import HTTPRedirectHandler, Request, build_opener

from normalizer_assets.config import AlertKind, AlertsConfig, EmailConfig, WebhookConfig

SECRET_CHARACTERS = 6
"""A part of a webhook's URL that is shorter opens nothing by itself."""


class DeliveryError(RuntimeError):
    """A channel did not take a message; the words hold no secret."""


@dataclass(frozen=True)
class Channel:
    """One way out.

    Attributes:
        name: ``log``, ``webhook`` or ``email``.
        kinds: Only alerts of these kinds; empty for all.
        deliver: Hands a message over, whose first line is its subject; returns who did not
            get it, where others did.
        secrets: What must never be repeated.
    """

    name: str
    kinds: tuple[AlertKind, ...]
    deliver: Callable[[str], str | None]
    secrets: tuple[str, ...] = ()

    def send(self, text: str, timeout_seconds: float) -> str | None:
        """Hands a message over.

        A peer that sends one byte now and then resets every timeout of a socket, so the whole
        is limited as well: it is given up on, and its thread left to end by itself.

        Returns:
            What ``deliver`` does.

        Raises:
            DeliveryError: It was not taken, as far as is known.
        """
        ended: Future[str | None] = Future()

        def deliver() -> None:
            try:
                ended.set_result(self.deliver(text))
            except Exception as error:  # noqa: BLE001 - raised below, in words
                ended.set_exception(error)

        threading.Thread(target=deliver, daemon=True).start()
        try:
            return ended.result(timeout_seconds)
        except TimeoutError:
            raise DeliveryError(f"no answer within {timeout_seconds:g} s") from None
        except Exception as error:  # noqa: BLE001 - whatever a peer does, the caller goes on
            words = f"{type(error).__name__}: {error}"
            for secret in self.secrets:
                words = words.replace(secret, "***")
            # Without its cause: a traceback would show what was redacted.
            raise DeliveryError(words) from None


def configured(
    config: AlertsConfig,
    say: Callable[[str], object] | None = None,
    environ: Mapping[str, str] = os.environ,
) -> list[Channel]:
    """Returns the channels that the settings name.

    Args:
        config: Section ``alerts``.
        say: Writes into the caller's log; without one that channel is left out.
        environ: Where the secrets are.
    """
    found = []
    for name in dict.fromkeys(config.channels):
        if name == "webhook":
            found.append(_webhook(config.webhook, config.timeout_seconds, environ))
        elif name == "email":
            found.append(_email(config.email, config.timeout_seconds, environ))
        elif say is not None:
            found.append(_log(say))
    return found


def _log(say: Callable[[str], object]) -> Channel:
    def deliver(text: str) -> None:
        say(text)

    return Channel("log", (), deliver)


# --- webhook --------------------------------------------------------------------------


class _NoRedirect(HTTPRedirectHandler):
    """Followed as usual, a redirected message arrives as a GET without its text."""

    def redirect_request(self, *_: Any) -> None:
        return None


def _webhook(config: WebhookConfig, timeout_seconds: float, environ: Mapping[str, str]) -> Channel:
    url = environ.get(config.url_variable, "").strip()

    def deliver(text: str) -> None:
        if not re.fullmatch("https?://[!-~]+", url):
            raise ValueError(f"{config.url_variable} is not set to a URL, https://...")
        # What shops and models wrote must not mention people or make links.
        body = json.dumps({"text": html.escape(text, quote=False)}).encode()
        headers = {"Content-Type": "application/json", "User-Agent": "normalizer"}
        request = Request(url, body, headers)  # noqa: S310 - the scheme was checked
        try:
            build_opener(_NoRedirect).open(request, timeout=timeout_seconds).close()
        except HTTPError as refused:
            refused.close()
            raise

    # In whole or in part: an error may quote either.
    parts = [part for part in re.split("[/?&=@#:]", url) if len(part) >= SECRET_CHARACTERS]
    return Channel("webhook", config.kinds, deliver, (url, *parts) if url else ())


# --- e-mail ---------------------------------------------------------------------------


def _email(config: EmailConfig, timeout_seconds: float, environ: Mapping[str, str]) -> Channel:
    password = environ.get(config.password_variable, "")

    def deliver(text: str) -> str | None:
        if config.user and not password:
            raise ValueError(f"{config.password_variable} is not set")
        # Its `with` would wait for a good answer to QUIT, when the mail was taken already.
        with closing(_server(config, timeout_seconds)) as server:
            if config.user:
                server.login(config.user, password)
            message = _message(config, text)
            # Who is refused while others are not would be refused again at every look.
            refused = server.send_message(message, config.sender, config.recipients)
            with suppress(OSError):
                server.putcmd("QUIT")
        return f"the server refused {', '.join(refused)}" if refused else None

    return Channel("email", config.kinds, deliver, (password,) if password else ())


def _server(config: EmailConfig, timeout_seconds: float) -> smtplib.SMTP:
    """Connects to the server, and encrypts unless the settings say that nobody has to."""
    # Named, because looking up this machine's own name may take longer than all the rest.
    name = _domain(config.sender)
    if config.security == "ssl":
        return smtplib.SMTP_SSL(
            config.host,
            config.port,
            name,
            timeout=timeout_seconds,
            context=ssl.create_default_context(),
        )
    server = smtplib.SMTP(config.host, config.port, name, timeout=timeout_seconds)
    if config.security == "starttls":
        try:
            server.starttls(context=ssl.create_default_context())
        except Exception:
            server.close()
            raise
    return server


def _message(config: EmailConfig, text: str) -> EmailMessage:
    message = EmailMessage()
    message["Subject"] = f"[normalizer] {text.splitlines()[0]}"
    message["From"] = config.sender
    message["To"] = ", ".join(config.recipients)
    message["Date"] = formatdate()
    message["Message-ID"] = make_msgid(domain=_domain(config.sender))
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(text)
    return message


def _domain(address: str) -> str:
    return address.rpartition("@")[2].rstrip("> ") or "localhost"
