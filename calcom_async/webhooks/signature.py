"""Signatures of webhook deliveries. Pure functions on the bytes as they were received."""

from __future__ import annotations

import hmac
from collections.abc import Iterable, Sequence
from typing import Any

from calcom_async.errors import ConfigError, InvalidRequestError, SignatureError
from calcom_async.secret import Secret

SIGNATURE_HEADER = "X-Cal-Signature-256"
UNSIGNED = b"no-secret-provided"
"""What Cal.com sends as the signature for a webhook without a secret."""
WHAT = "the webhook secret"

Secrets = str | Secret | Sequence[str | Secret]


def sign(body: bytes, secret: str | Secret) -> str:
    """Return the signature that Cal.com sends with a body: HMAC-SHA256 as lower-case hex, without a prefix."""
    secret = Secret(secret)
    return _signature(to_bytes(body), secret.checked(WHAT))


def verify(body: bytes, signature: str | bytes | None, secrets: Secrets) -> None:
    """Raise `SignatureError` unless the signature was made from these bytes with one of the secrets.

    Pass the body as it was received: decoding and encoding JSON changes its bytes. During a change of the secret, pass
    the old and the new one. A signature has no timestamp: a delivery that was valid once is valid forever.
    """
    secrets = to_secrets(secrets)
    known, raw = check_secrets(secrets), to_bytes(body)
    if not (signature is None or isinstance(signature, str | bytes)):
        raise InvalidRequestError(f"signature must be the text of {SIGNATURE_HEADER}, got {type(signature).__name__}")
    # `compare_digest` accepts texts only if they are ASCII, and a hostile header may be anything.
    received = signature.encode(errors="replace") if isinstance(signature, str) else signature
    if not received:
        raise SignatureError(
            f"the delivery has no {SIGNATURE_HEADER} header",
            hint="Reject it: it is not from Cal.com, or a proxy has removed the header",
        )
    if received == UNSIGNED:
        raise SignatureError(
            f"{SIGNATURE_HEADER} is {UNSIGNED.decode()!r}: this webhook has no secret, so anyone could have sent the "
            "delivery",
            hint="Set a secret: cal.webhooks.update(webhook_id, secret=...)",
        )
    # All secrets are compared, so that the duration does not reveal which one matched.
    matches = [hmac.compare_digest(_signature(raw, secret).encode(), received) for secret in known]
    if True not in matches:
        secrets_text = "the secret" if len(known) == 1 else f"any of the {len(known)} secrets"
        raise SignatureError(
            f"{SIGNATURE_HEADER} does not match the body with {secrets_text}",
            hint="Check that the secret is that of the webhook, and that the body has exactly the bytes that were "
            "received: JSON that was decoded and encoded again has others",
        )


def _signature(body: bytes, secret: Secret) -> str:
    return hmac.digest(secret.reveal().encode(), body, "sha256").hex()


def to_secrets(secrets: Any) -> tuple[Secret, ...]:
    """Wrap secrets before they are checked, so that the traceback of an error shows none. Accepts anything."""
    if secrets is None:
        return ()
    if isinstance(secrets, Iterable) and not isinstance(secrets, str | bytes | bytearray):
        return tuple(map(Secret, secrets))
    return (Secret(secrets),)


def check_secrets(secrets: tuple[Secret, ...]) -> tuple[Secret, ...]:
    """Return the secrets. None at all, or an empty one, is a `ConfigError`: it would accept every delivery."""
    if not secrets:
        raise ConfigError(f"{WHAT} is missing", hint="Pass one or several. Is an environment variable not set?")
    return tuple(secret.checked(WHAT) for secret in secrets)


def to_bytes(body: object) -> bytes:
    """Return a body as bytes. Raises `InvalidRequestError` for anything else, such as text."""
    if isinstance(body, bytes | bytearray | memoryview):
        return bytes(body)
    raise InvalidRequestError(f"body must be the bytes that were received, got {type(body).__name__}")
