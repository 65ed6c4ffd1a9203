"""A `Secret` cannot be printed or pickled and does not appear in tracebacks; errors say what is wrong with it."""

from __future__ import annotations

import copy
import pickle

import pytest
from rich.pretty import pretty_repr

from calcom_async import ConfigError
from calcom_async.secret import Secret

TEXT = "cal_live_marker"


def test_only_reveal_returns_the_text():
    """Neither repr, str, format nor rich's repr shows a secret, alone or in a container."""
    secret = Secret(TEXT)
    assert secret.reveal() == TEXT
    assert TEXT not in f"{secret!r} {secret} {[secret]} {pretty_repr({'key': secret})}"


def test_a_secret_of_a_secret_is_the_same():
    """Wrapping a secret twice changes nothing, so every function may wrap its argument."""
    assert Secret(Secret(TEXT)).reveal() == TEXT


def test_secrets_compare_with_secrets_only():
    """Secrets with equal text are equal; plain text never equals a secret."""
    assert Secret(TEXT) == Secret(TEXT)
    assert Secret(TEXT) != Secret("other")
    assert Secret("\udc80") != Secret("x")
    assert Secret(TEXT) != TEXT
    assert len({Secret(TEXT), Secret(TEXT)}) == 1


def test_a_secret_is_copied_and_not_pickled():
    """A secret cannot be pickled; copying it returns the same object."""
    secret = Secret(TEXT)
    assert copy.copy(secret) is copy.deepcopy(secret) is secret
    with pytest.raises(ConfigError, match="not pickled") as caught:
        pickle.dumps([secret])
    assert TEXT not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (None, "must be a text .str., not NoneType"),
        (b"abc", "must be a text .str., not bytes"),
        ("", "is empty"),
        (" \n", "is empty"),
        (f"{TEXT}\n", "ends with a line break"),
        (f"{TEXT}\r\n", "ends with a line break"),
        (f" {TEXT}", "begins with a space"),
        (f"{TEXT}\t", "ends with a tab"),
        (f"\ufeff{TEXT}", "begins with a byte order mark"),
        (f"{TEXT}\u3000", "ends with white space"),
        (f"{TEXT}\udc80", "UTF-8"),
    ],
)
def test_what_cannot_be_a_secret_is_named(text, reason):
    """The error says what is wrong with a secret, and does not repeat it."""
    with pytest.raises(ConfigError, match=f"^the signing secret.*{reason}") as caught:
        Secret(text).checked("the signing secret")
    assert TEXT not in str(caught.value)


def test_a_secret_of_a_header_is_one_ascii_word():
    """Only a secret for a header must be ASCII without spaces; a signing secret may be any text."""
    for text in ("two words", "clé", "cal\x00x"):
        assert Secret(text).checked("it").reveal() == text
        with pytest.raises(ConfigError, match="one word of ASCII"):
            Secret(text).checked("it", in_header=True)
