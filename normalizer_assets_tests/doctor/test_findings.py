"""A check that breaks is a failed check, and nothing secret leaves one."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from normalizer_assets.config import ConfigurationError
from normalizer_assets.doctor.findings import (
    LONGEST_REASON,
    Finding,
    NotLookedAtError,
    Shared,
    look,
    secrets_of,
    without_secrets,
    worst,
)


def raises(error: Exception) -> Callable[[], Finding]:
    def check() -> Finding:
        raise error

    return check


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (
            ConfigurationError("no server at x; y is down; start it"),
            Finding("fail", "no server at x; y is down", "start it"),
        ),
        (ConfigurationError("all is wrong"), Finding("fail", "all is wrong", "do this")),
        (KeyError("gone"), Finding("fail", "KeyError: 'gone'", "do this")),
        (ValueError("two\n  lines"), Finding("fail", "ValueError: two lines", "do this")),
        (NotLookedAtError("no database"), Finding("warn", "not looked at: no database")),
        (NotLookedAtError("no tables", "ok"), Finding("ok", "not looked at: no tables")),
    ],
)
def test_what_breaks_is_a_finding_with_its_reason(error: Exception, expected: Finding) -> None:
    assert look(raises(error), "do this") == expected


def test_a_strange_reason_is_cut() -> None:
    assert len(look(raises(OSError("x" * 10_000)), "").found) < LONGEST_REASON + 20


def test_what_could_not_be_made_is_tried_once_and_missed_by_the_others() -> None:
    tries: list[int] = []

    def make() -> int:
        tries.append(1)
        raise OSError("refused")

    shared = Shared("the server", make)
    with pytest.raises(OSError, match="refused"):
        shared()
    with pytest.raises(NotLookedAtError, match="the server cannot be reached"):
        shared()
    assert (len(tries), shared.made) == (1, None)


def test_what_was_made_is_kept() -> None:
    numbers = iter([7, 8])
    shared = Shared("a number", lambda: next(numbers))
    before = shared.made
    assert before is None
    assert [shared(), shared(), shared.made] == [7, 7, 7]


def test_several_findings_are_as_bad_as_the_worst() -> None:
    found = {
        "one": Finding("ok", "good"),
        "two": Finding("fail", "bad", "mend it"),
        "three": Finding("warn", "old", "mend it"),
    }
    assert worst(found) == Finding("fail", "one: good\ntwo: bad\nthree: old", "mend it")
    assert worst({}).level == "ok"


# --- secrets --------------------------------------------------------------------------


def test_keys_and_passwords_are_hidden_wherever_they_stand() -> None:
    environ = {
        "OPENAI_API_KEY": "abcdefgh-1234",
        "NORMALIZER_DATABASE_URL": "postgresql://me:geheim%40word@host/normalizer",
        "AWS_SECRET_ACCESS_KEY": "aws-secret-value",
        "HOME": "/home/somebody",
    }
    finding = Finding(
        "fail",
        "abcdefgh-1234 of /home/somebody: postgresql://me:geheim%40word@host, geheim@word, "
        "https://user:short@api, sk-proj-0123456789abcdef",
        "use aws-secret-value",
    )
    assert without_secrets(finding, secrets_of(environ)) == Finding(
        "fail",
        "*** of /home/somebody: postgresql://***@host, ***, https://***@api, ***",
        "use ***",
    )


def test_the_stand_ins_key_is_a_word_and_stays() -> None:
    secrets = secrets_of({"OPENAI_API_KEY": "standin", "OTHER_TOKEN": ""})
    finding = Finding("ok", "the database holds answers of 'standin'")
    assert without_secrets(finding, secrets) == finding


SIGNS = st.characters(codec="utf-8", exclude_characters="*", exclude_categories=["Cs"])


@given(
    secrets=st.lists(st.text(SIGNS, min_size=8, max_size=20), min_size=1, max_size=4),
    between=st.text(SIGNS, max_size=7),
)
def test_no_secret_is_left_in_any_text(secrets: list[str], between: str) -> None:
    environ = {f"A{number}_KEY": secret for number, secret in enumerate(secrets)}
    text = between.join([*secrets, *secrets[::-1]])
    left = without_secrets(Finding("ok", text, text), secrets_of(environ))
    assert not [secret for secret in secrets if secret in left.found or secret in left.remedy]
