"""Signatures of webhook deliveries: which are accepted, and what the errors say."""

from __future__ import annotations

import copy
import hmac
import pickle

import pytest
from hypothesis import given, strategies as st
from signed_requests import webhook_body

from calcom_async.errors import CalcomError, ConfigError, InvalidRequestError, SignatureError
from calcom_async.sandbox.webhooks.delivery import sign as sandbox_sign
from calcom_async.webhooks import WebhookReceiver, WebhookRouter, parse, sign, verify

SECRET = "tea-and-scones"
SECRETS = st.text(st.characters(exclude_categories=["Cs", "Cc", "Z"], exclude_characters="\ufeff"), min_size=1)


@given(st.binary(), SECRETS, SECRETS)
def test_sign_and_verify(raw, secret, other):
    """Only the same bytes with the same secret verify, alone or among others; the sandbox signs alike."""
    signature = sign(raw, secret)
    assert signature == sandbox_sign(raw, secret)
    verify(raw, signature, secret)
    verify(raw, signature, [other, secret])
    for forged in (
        (raw + b" ", signature, secret),
        (raw, signature[:-1], secret),
        (raw, signature.upper() + "=", secret),
    ):
        with pytest.raises(SignatureError):
            verify(*forged)
    # HMAC fills short keys up with zero bytes, and hashes those of more than a block.
    if other.encode().rstrip(b"\0") != secret.encode().rstrip(b"\0"):
        with pytest.raises(SignatureError, match="does not match the body with the secret"):
            verify(raw, signature, other)


@pytest.mark.parametrize(
    ("signature", "match"),
    [
        (None, "has no X-Cal-Signature-256"),
        ("", "has no X-Cal-Signature-256"),
        ("no-secret-provided", r"has no secret, .*Set a secret"),
        ("\udcff\u00fc", "does not match the body with any of the 2 secrets"),
        ("0" * 64, "does not match the body with any of the 2 secrets"),
    ],
)
def test_rejections(signature, match):
    """A missing or wrong signature is rejected with a reason, without secrets or the right signature."""
    with pytest.raises(SignatureError, match=match) as caught:
        verify(b"{}", signature, [SECRET, "other-secret"])
    texts = f"{caught.value}{caught.value.__dict__}"
    assert not any(word in texts for word in (SECRET, "other-secret", sign(b"{}", SECRET)))
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(copy.deepcopy(caught.value)) == str(caught.value)


def test_every_secret_is_compared_in_constant_time(monkeypatch):
    """Every secret is compared in constant time, so the duration reveals neither a prefix nor which secret matches."""
    compared, compare = [], hmac.compare_digest
    monkeypatch.setattr(
        hmac, "compare_digest", lambda expected, signature: compared.append(expected) or compare(expected, signature)
    )
    verify(b"{}", sign(b"{}", "a"), ["a", "b", "c"])
    assert compared == [sign(b"{}", secret).encode() for secret in "abc"]


@pytest.mark.parametrize(
    ("secrets", "match"),
    [
        (None, "is missing.*Is an environment variable not set"),
        ([], "is missing"),
        ("", "is empty"),
        ([SECRET, ""], "is empty"),
        ([None], "must be a text"),
        (b"bytes", "must be a text"),
        (7, "must be a text"),
        (f"{SECRET}\n", "ends with a line break"),
        ([SECRET, f" {SECRET}"], "begins with a space"),
        (f"{SECRET}\xa0", "ends with white space"),
        (f"\ufeff{SECRET}", "begins with a byte order mark"),
        ("\udcff", "UTF-8"),
    ],
)
def test_invalid_secrets(secrets, match):
    """A missing, empty or non-text secret, or one with white space, is a ConfigError that does not show it."""
    router = WebhookRouter()
    for call in (
        lambda: verify(b"", sandbox_sign(b"", "x"), secrets),
        lambda: WebhookReceiver(router, secrets=secrets),
        lambda: sign(b"", secrets[-1] if isinstance(secrets, list) and secrets else secrets),
    ):
        with pytest.raises(ConfigError) as caught:
            call()
        assert SECRET not in str(caught.value)
    with pytest.raises(ConfigError, match=match):
        verify(b"", sandbox_sign(b"", "x"), secrets)


@pytest.mark.parametrize(
    "call",
    [
        lambda: verify(b"{}", "0" * 64, [SECRET, "other"]),
        lambda: verify(b"{}", None, SECRET),
        lambda: verify("{}", "0" * 64, SECRET),
        lambda: verify(b"{}", "0" * 64, [f"{SECRET} "]),
        lambda: sign(b"{}", f"{SECRET}\n"),
        lambda: WebhookReceiver(WebhookRouter(), secrets=f"{SECRET}\n"),
        lambda: WebhookReceiver(WebhookRouter(), secrets=SECRET, max_pending=0),
    ],
)
def test_no_variable_of_a_traceback_holds_a_secret(call):
    """Error reports with local variables, as of Sentry and rich, show no secret."""
    with pytest.raises(CalcomError) as caught:
        call()
    shown = [repr(value) for entry in caught.traceback[2:] for value in entry.frame.f_locals.values()]
    assert shown
    assert not [text for text in shown if SECRET in text]


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_bytes_like_bodies(kind):
    """A body may be any bytes-like object, and a signature the bytes of an ASGI header."""
    signature = sign(kind(webhook_body()), SECRET)
    verify(kind(webhook_body()), signature.encode(), SECRET)
    assert parse(kind(webhook_body())).uid == "bK1"


@pytest.mark.parametrize(
    "call",
    [
        lambda: sign("text", SECRET),
        lambda: verify("text", "0" * 64, SECRET),
        lambda: verify(b"", 7, SECRET),
        lambda: verify(None, None, SECRET),
        lambda: parse("text"),
        lambda: parse(b"", None),
    ],
)
def test_invalid_arguments(call):
    """A body that is not bytes, or a signature that is not text, is an InvalidRequestError."""
    with pytest.raises(InvalidRequestError, match="must be"):
        call()
