"""How messages leave: over real sockets, to servers that behave and that do not."""

import ipaddress
import logging
import ssl
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any

import pytest

from normalizer_assets.alerts.channels import Channel, DeliveryError, configured
from normalizer_assets.config import AlertsConfig, EmailConfig, WebhookConfig
from normalizer_assets_tests.alerts.receivers import (
    SECRET_PATH,
    MailServer,
    Webhook,
    running_mail_server,
    running_webhook,
)

TEXT = "gate red: 2024-10-01|lider\nshare_accepted 0.52\nTo do: decide, ñandú"
PASSWORD = "correct horse battery"  # noqa: S105 - of this test alone


@pytest.fixture
def webhook() -> Iterator[Webhook]:
    with running_webhook() as running:
        yield running


@pytest.fixture
def mail() -> Iterator[MailServer]:
    with running_mail_server() as running:
        yield running


def by_webhook(url: str, timeout_seconds: float = 5) -> Channel:
    config = AlertsConfig(channels=("webhook",), timeout_seconds=timeout_seconds)
    [channel] = configured(config, environ={"NORMALIZER_ALERT_WEBHOOK": url})
    return channel


def by_email(
    mail: MailServer, environ: Mapping[str, str] | None = None, **settings: Any
) -> Channel:
    given = {
        "host": "127.0.0.1",
        "port": mail.port,
        "security": "none",
        "sender": "Alerts <alerts@shop.example>",
        "recipients": ("ana@shop.example", "luis@shop.example"),
    }
    config = AlertsConfig(channels=("email",), email=EmailConfig(**given | settings))
    [channel] = configured(
        config, environ={"NORMALIZER_SMTP_PASSWORD": PASSWORD} if environ is None else environ
    )
    return channel


def refusal(channel: Channel, timeout_seconds: float = 5) -> str:
    with pytest.raises(DeliveryError) as refused:
        channel.send(TEXT, timeout_seconds)
    assert refused.value.__suppress_context__
    return str(refused.value)


# --- which channels -------------------------------------------------------------------


def test_by_default_alerts_go_to_the_log_of_who_has_one() -> None:
    said: list[str] = []
    [channel] = configured(AlertsConfig(), said.append, {})
    assert (channel.name, channel.send(TEXT, 1), said) == ("log", None, [TEXT])
    assert configured(AlertsConfig(), None, {}) == []


def test_channels_keep_their_order_and_kinds() -> None:
    config = AlertsConfig(
        channels=("webhook", "log", "webhook"), webhook=WebhookConfig(kinds=("budget_over",))
    )
    found = configured(config, print, {})
    assert [(each.name, each.kinds) for each in found] == [
        ("webhook", ("budget_over",)),
        ("log", ()),
    ]


# --- webhook --------------------------------------------------------------------------


def test_a_webhook_gets_json_with_a_text(webhook: Webhook) -> None:
    by_webhook(webhook.url).send(TEXT, 5)
    assert webhook.got == [("POST", f"/{SECRET_PATH}", "application/json", {"text": TEXT})]


def test_what_shops_wrote_mentions_nobody_and_makes_no_link(webhook: Webhook) -> None:
    by_webhook(webhook.url).send("Leche <!channel> <https://evil|here> & co", 5)
    assert webhook.texts == ["Leche &lt;!channel&gt; &lt;https://evil|here&gt; &amp; co"]


@pytest.mark.parametrize("status", [301, 302, 307, 400, 403, 404, 410, 429, 500, 503])
def test_a_status_that_is_no_success_is_a_refusal(webhook: Webhook, status: int) -> None:
    webhook.answers = [status]
    assert refusal(by_webhook(webhook.url)).startswith(f"HTTPError: HTTP Error {status}")
    # A redirect is not followed: it would arrive without its text.
    assert len(webhook.got) == 1


@pytest.mark.parametrize("mischief", ["hang", "drip"])
def test_who_does_not_answer_is_given_up_on(webhook: Webhook, mischief: Any) -> None:
    webhook.answers = [mischief]
    started = time.monotonic()
    assert refusal(by_webhook(webhook.url), 0.2) == "no answer within 0.2 s"
    assert time.monotonic() - started < 1


def test_a_dropped_connection_is_a_refusal(webhook: Webhook) -> None:
    webhook.answers = ["drop"]
    assert refusal(by_webhook(webhook.url)).startswith("RemoteDisconnected: ")


def test_nobody_there_is_a_refusal() -> None:
    assert "Connection refused" in refusal(by_webhook("http://127.0.0.1:9/x"))


@pytest.mark.parametrize("url", ["", "hooks.example/secret", "file:///etc/passwd", "ftp://a/b"])
def test_what_is_no_url_is_told_by_the_name_of_its_variable(url: str) -> None:
    words = "NORMALIZER_ALERT_WEBHOOK is not set to a URL, https://..."
    assert refusal(by_webhook(url)) == f"ValueError: {words}"


# --- e-mail ---------------------------------------------------------------------------


def test_a_mail_has_the_first_line_as_its_subject(mail: MailServer) -> None:
    assert by_email(mail).send(TEXT, 5) is None
    [(sender, recipients, content)] = mail.mails
    assert sender == "alerts@shop.example"
    assert recipients == ["ana@shop.example", "luis@shop.example"]
    message = message_from_bytes(content, policy=policy.default)
    assert message["Subject"] == "[normalizer] gate red: 2024-10-01|lider"
    assert message["From"] == "Alerts <alerts@shop.example>"
    assert message["To"] == "ana@shop.example, luis@shop.example"
    assert message["Message-ID"].endswith("@shop.example>")
    assert message["Auto-Submitted"] == "auto-generated"
    assert message.get_content().replace("\r\n", "\n") == f"{TEXT}\n"
    assert mail.logins == []


def test_a_recipient_that_is_refused_hides_no_other(mail: MailServer) -> None:
    mail.answers["RCPT ana@shop.example"] = "550 gone"
    assert by_email(mail).send(TEXT, 5) == "the server refused ana@shop.example"
    assert mail.mails[0][1] == ["luis@shop.example"]
    mail.answers["RCPT luis@shop.example"] = "550 gone"
    assert refusal(by_email(mail)).startswith("SMTPRecipientsRefused: ")


@pytest.mark.parametrize(
    ("command", "error"),
    [
        ("connect", "SMTPConnectError"),
        ("MAIL", "SMTPSenderRefused"),
        ("DATA", "SMTPDataError"),
        ("content", "SMTPDataError"),
    ],
)
def test_a_refusal_of_the_server_is_told(mail: MailServer, command: str, error: str) -> None:
    mail.answers[command] = "451 not now"
    words = refusal(by_email(mail))
    assert words.startswith(f"{error}: ")
    assert "not now" in words


def test_a_mail_is_sent_whatever_the_server_says_goodbye_with(mail: MailServer) -> None:
    mail.answers["QUIT"] = "500 never heard of it"
    assert by_email(mail).send(TEXT, 5) is None
    assert len(mail.mails) == 1


def test_a_mail_server_that_hangs_up_is_a_refusal(mail: MailServer) -> None:
    mail.mischief = "drop"
    assert refusal(by_email(mail)).startswith("SMTPServerDisconnected: ")


@pytest.mark.parametrize("mischief", ["hang", "drip"])
def test_a_mail_server_that_does_not_come_to_the_point_is_given_up_on(
    mail: MailServer, mischief: Any
) -> None:
    mail.mischief = mischief
    assert refusal(by_email(mail), 0.2) == "no answer within 0.2 s"


def test_a_server_without_encryption_gets_no_password(mail: MailServer) -> None:
    channel = by_email(mail, security="starttls", user="alerts")
    assert refusal(channel).startswith("SMTPNotSupportedError: ")
    assert mail.logins == []


def test_a_missing_password_is_told_by_the_name_of_its_variable(mail: MailServer) -> None:
    channel = by_email(mail, {}, security="starttls", user="alerts")
    assert refusal(channel) == "ValueError: NORMALIZER_SMTP_PASSWORD is not set"


# --- encrypted ------------------------------------------------------------------------


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """A certificate of 127.0.0.1 with its key, signed by itself."""
    reason = "certificates are made with the package cryptography, which is not installed"
    x509 = pytest.importorskip("cryptography.x509", reason=reason)
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "test")])
    now = datetime.now(UTC)
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False
        )
        .sign(key, hashes.SHA256())
    )
    file = tmp_path / "certificate.pem"
    file.write_bytes(
        signed.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return file


@pytest.fixture
def of_server(certificate: Path) -> ssl.SSLContext:
    """What the server speaks TLS with."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


@pytest.fixture
def trusted(certificate: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lets this machine trust the certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(certificate)
    monkeypatch.setattr(ssl, "create_default_context", lambda: context)


@pytest.mark.usefixtures("trusted")
@pytest.mark.parametrize("security", ["starttls", "ssl"])
def test_a_password_travels_encrypted(of_server: ssl.SSLContext, security: str) -> None:
    with running_mail_server(of_server, at_once=security == "ssl") as mail:
        by_email(mail, security=security, user="alerts").send(TEXT, 5)
    assert mail.logins == [("alerts", PASSWORD, True)]
    assert len(mail.mails) == 1


@pytest.mark.parametrize("security", ["starttls", "ssl"])
def test_a_certificate_that_nobody_vouches_for_gets_no_password(
    of_server: ssl.SSLContext, security: str
) -> None:
    with running_mail_server(of_server, at_once=security == "ssl") as mail:
        words = refusal(by_email(mail, security=security, user="alerts"))
    assert "certificate verify failed" in words
    assert (mail.logins, mail.mails) == ([], [])


@pytest.mark.usefixtures("trusted")
def test_a_server_that_repeats_the_password_is_not_quoted(of_server: ssl.SSLContext) -> None:
    with running_mail_server(of_server) as mail:
        mail.answers["AUTH"] = "535 PASSWORD is wrong"
        words = refusal(by_email(mail, security="starttls", user="alerts"))
    assert words == "SMTPAuthenticationError: (535, b'*** is wrong')"


# --- secrets --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:9/services/T0123/B4567/secretWord",
        "http://127.0.0.1:port/services/secretWord",
        "https://[::1/secretWord",
        "http:///services/secretWord",
        "http://no host/secretWord",
        "http://127.0.0.1:9/secretWord\nX-Header: a",
        "http://127.0.0.1:9/?key=secretWord",
        "http://secretWord@127.0.0.1:9/",
        "slack:secretWord",
    ],
)
def test_a_webhooks_url_is_never_repeated(url: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    channel = by_webhook(url)
    assert "secretWord" not in refusal(channel)
    assert "secretWord" not in caplog.text


def test_neither_logs_nor_settings_hold_a_secret(
    webhook: Webhook,
    mail: MailServer,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    caplog.set_level(logging.DEBUG)
    webhook.answers = [200, 500]
    by_webhook(webhook.url).send(TEXT, 5)
    said = refusal(by_webhook(webhook.url))
    by_email(mail).send(TEXT, 5)
    # The server's own words name the path, too.
    written = said + caplog.text + "".join(capfd.readouterr()) + repr(AlertsConfig())
    assert SECRET_PATH not in written
    assert PASSWORD not in written
