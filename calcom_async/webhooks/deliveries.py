"""One delivery: is it genuine, and what does it say? Pure functions on the bytes as they came."""

from __future__ import annotations

import hmac
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any, TypeVar

import msgspec

from calcom_async.errors import ConfigError, DecodeError, SignatureError
from calcom_async.models._base import Model
from calcom_async.models.webhook_events import PAYLOADS, WebhookEvent

SIGNATURE = "X-Cal-Signature-256"
UNSIGNED = "no-secret-provided"
JSON = "application/json"

M = TypeVar("M", bound=Model)


def sign(body: bytes, secret: str) -> str:
    """The signature that Cal.com sends with a body: lower-case hex of HMAC-SHA256, without a prefix."""
    return hmac.digest(usable(secret)[0].encode(), body, "sha256").hex()


def verify(body: bytes, signature: str | None, secrets: str | Sequence[str]) -> None:
    """Raise `SignatureError` unless one of the secrets made the `X-Cal-Signature-256` of these very bytes.

    Give the body as it came: JSON decoded and encoded again has other bytes. Give the old and the new secret while you
    change it. Nothing in a signature tells when it was made: what verifies once verifies for ever.
    """
    known = usable(secrets)
    if not signature:
        raise SignatureError(
            f"the delivery has no {SIGNATURE}: it is not from Cal.com, or a proxy on the way drops the header"
        )
    if signature == UNSIGNED:
        raise SignatureError(
            f"{SIGNATURE} says {UNSIGNED!r}: this webhook has no secret at Cal.com, so anybody could have sent the"
            " delivery. Set a secret for this webhook"
        )
    claimed = signature.encode(errors="replace")
    # All are compared: the time taken must not tell which secret it was.
    fits = [hmac.compare_digest(sign(body, secret).encode(), claimed) for secret in known]
    if True not in fits:
        raise SignatureError(
            f"{SIGNATURE} does not fit the body with any of {len(known)} secrets. Is one of them the webhook's, and is"
            " the body given as the bytes that came?"
        )


def usable(secrets: str | Sequence[str]) -> tuple[str, ...]:
    """The secrets as a tuple; none at all or an empty one is a `ConfigError`, for it would let everybody in."""
    known = (secrets,) if isinstance(secrets, str) else tuple(secrets)
    if not known or not all(isinstance(secret, str) and secret for secret in known):
        raise ConfigError("webhook secrets must be one text or several, none of them empty. Is a variable not set?")
    return known


def parse(body: bytes, content_type: str = JSON) -> WebhookEvent[Any]:
    """Read a delivery, which must be verified first. Raises `DecodeError` for what is neither JSON nor UTF-8 text.

    Unknown triggers and fields are kept, and a field that does not fit its model is None: no event is lost for it.
    """
    raw = _read(body, content_type)
    trigger = raw.get("triggerEvent") if isinstance(raw, dict) else None
    if not trigger or not isinstance(trigger, str):
        return WebhookEvent(trigger="", payload=raw, raw=raw)
    payload = raw.get("payload", raw)
    kind = PAYLOADS.get(trigger)
    return WebhookEvent(
        trigger=trigger,
        created_at=_moment(raw.get("createdAt")),
        payload=_fitted(kind, payload) if kind else payload,
        raw=raw,
    )


def _read(body: bytes, content_type: str) -> Any:
    """JSON, or the text that a payload template makes. One that is JSON only once it is filled in comes as a form."""
    must_be_json = content_type.partition(";")[0].strip().lower() == JSON
    try:
        if must_be_json or body.lstrip()[:1] in {b"{", b"["}:
            return msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        if must_be_json:
            raise DecodeError(f"the delivery says that it is JSON but is not: {error}") from error
    try:
        return body.decode()
    except UnicodeDecodeError as error:
        raise DecodeError(f"the delivery is neither JSON nor text in UTF-8: {error.reason}") from error


def _fitted(kind: type[M], payload: Any) -> M:
    """The model with every field that fits; any other has its default, or None where it has none."""
    with suppress(msgspec.ValidationError):
        return msgspec.convert(payload, kind)
    sent = payload if isinstance(payload, dict) else {}
    values: dict[str, Any] = {}
    for field in msgspec.structs.fields(kind):
        if field.required:
            values[field.name] = None
        with suppress(msgspec.ValidationError, KeyError):
            values[field.name] = msgspec.convert(sent[field.encode_name], field.type)
    return kind(**values)


def _moment(text: Any) -> datetime | None:
    with suppress(msgspec.ValidationError):
        return msgspec.convert(text, datetime)
    return None
