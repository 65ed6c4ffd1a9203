"""One delivery: is it genuine, and what does it say? Pure functions on the bytes as they came."""

from __future__ import annotations

import hmac
from collections.abc import Iterable, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any

import msgspec

from calcom_async.errors import ConfigError, DecodeError, InvalidRequestError, SignatureError
from calcom_async.models.webhook_events import PAYLOADS, WebhookEvent
from calcom_async.secret import Secret
from calcom_async.webhooks.fitting import fitted

SIGNATURE = "X-Cal-Signature-256"
UNSIGNED = b"no-secret-provided"
JSON = "application/json"
WHAT = "the webhook secret"
DEEPEST = 100
"""Levels of nesting that a delivery may have; real ones have fewer than ten."""

Secrets = str | Secret | Sequence[str | Secret]


def sign(body: bytes, secret: str | Secret) -> str:
    """The signature that Cal.com sends with a body: lower-case hex of HMAC-SHA256, without a prefix."""
    secret = Secret(secret)
    return _signature(bytes_of(body), secret.checked(WHAT))


def verify(body: bytes, signature: str | bytes | None, secrets: Secrets) -> None:
    """Raise `SignatureError` unless one of the secrets made the `X-Cal-Signature-256` of these very bytes.

    Give the body as it came: JSON decoded and encoded again has other bytes. Give the old and the new secret while you
    change it. Nothing in a signature tells when it was made: what verifies once verifies for ever.
    """
    secrets = concealed(secrets)
    known, raw = usable(secrets), bytes_of(body)
    if not (signature is None or isinstance(signature, str | bytes)):
        raise InvalidRequestError(f"signature must be the text of {SIGNATURE}, got {type(signature).__name__}")
    claimed = signature.encode(errors="replace") if isinstance(signature, str) else signature
    if not claimed:
        raise SignatureError(
            f"the delivery has no {SIGNATURE}: it is not from Cal.com, or a proxy on the way drops the header"
        )
    if claimed == UNSIGNED:
        raise SignatureError(
            f"{SIGNATURE} says {UNSIGNED.decode()!r}: this webhook has no secret at Cal.com, so anybody could have sent"
            " the delivery. Set a secret for this webhook"
        )
    # All are compared: the time taken must not tell which secret it was.
    fits = [hmac.compare_digest(_signature(raw, secret).encode(), claimed) for secret in known]
    if True not in fits:
        raise SignatureError(
            f"{SIGNATURE} does not match the body with {_count(len(known))}. Check that the secret is the one of the"
            " webhook, and that the body has exactly the bytes that were received"
        )


def _count(secrets: int) -> str:
    return "the secret" if secrets == 1 else f"any of the {secrets} secrets"


def _signature(body: bytes, secret: Secret) -> str:
    return hmac.digest(secret.reveal().encode(), body, "sha256").hex()


def concealed(secrets: Any) -> tuple[Secret, ...]:
    """Wrap secrets before they are checked, so that the traceback of an error shows none. Accepts anything."""
    if secrets is None:
        return ()
    if isinstance(secrets, Iterable) and not isinstance(secrets, str | bytes | bytearray):
        return tuple(map(Secret, secrets))
    return (Secret(secrets),)


def usable(secrets: tuple[Secret, ...]) -> tuple[Secret, ...]:
    """Return the secrets; none at all or an empty one is a `ConfigError`, because it would accept every delivery."""
    if not secrets:
        raise ConfigError(f"{WHAT} is missing: give one text or several. Is a variable not set?")
    return tuple(secret.checked(WHAT) for secret in secrets)


def bytes_of(body: object) -> bytes:
    """Return a body as bytes; anything but bytes is an `InvalidRequestError`."""
    if isinstance(body, bytes | bytearray | memoryview):
        return bytes(body)
    raise InvalidRequestError(f"body must be the bytes that were received, got {type(body).__name__}")


def parse(body: bytes, content_type: str = JSON) -> WebhookEvent[Any]:
    """Read a delivery, which must be verified first. Raises `DecodeError` for what is neither JSON nor UTF-8 text.

    Unknown triggers and fields are kept. A value that does not fit its model is None or left out of its list; `raw`
    has it. Payload templates write every value as text: where the model has a number, a flag or a person, the text is
    converted.
    """
    if not isinstance(content_type, str):
        raise InvalidRequestError(f"content_type must be text, got {type(content_type).__name__}")
    raw = _read(bytes_of(body), content_type)
    trigger = raw.get("triggerEvent") if isinstance(raw, dict) else None
    if not trigger or not isinstance(trigger, str):
        return WebhookEvent(trigger="", payload=raw, raw=raw)
    payload = raw.get("payload", raw)
    kind = PAYLOADS.get(trigger)
    return WebhookEvent(
        trigger=trigger,
        created_at=_moment(raw.get("createdAt")),
        payload=fitted(kind, payload) if kind else payload,
        raw=raw,
    )


def _read(body: bytes, content_type: str) -> Any:
    """JSON, or the text that a payload template makes. One that is JSON only once it is filled in comes as a form."""
    must_be_json = content_type.partition(";")[0].strip().lower() == JSON
    try:
        if must_be_json or body.lstrip()[:1] in {b"{", b"["}:
            value = msgspec.json.decode(body)
            if not _is_deep(value):
                return value
            raise DecodeError(f"the delivery is nested deeper than {DEEPEST} levels")
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        if must_be_json:
            raise DecodeError(f"the delivery says that it is JSON but is not: {error}") from error
    try:
        return body.decode()
    except UnicodeDecodeError as error:
        raise DecodeError(f"the delivery is neither JSON nor text in UTF-8: {error.reason}") from error


def _is_deep(value: Any) -> bool:
    """Whether code that recurses through the value, such as `repr` and `json.dumps`, could fail on it."""
    level = [value]
    for _ in range(DEEPEST):
        parts = [one.values() if isinstance(one, dict) else one for one in level if isinstance(one, dict | list)]
        level = [item for part in parts for item in part]
        if not level:
            return False
    return True


def _moment(text: Any) -> datetime | None:
    with suppress(msgspec.ValidationError):
        return msgspec.convert(text, datetime)
    return None
