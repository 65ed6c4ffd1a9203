"""Signed webhook deliveries: headers and body."""

from __future__ import annotations

import json

from calcom_async.webhooks import sign

SECRET = "tea-and-scones"


def webhook_body(uid: str = "bK1", trigger: str = "BOOKING_CREATED") -> bytes:
    """Return the body of a small booking event."""
    sent = {"triggerEvent": trigger, "createdAt": "2031-03-03T08:00:00Z", "payload": {"uid": uid}}
    return json.dumps(sent).encode()


def signed_request(raw: bytes, secret: str = SECRET, **headers: str) -> tuple[dict[str, str], bytes]:
    """Return headers and body of a signed delivery."""
    return {"Content-Type": "application/json", "X-Cal-Signature-256": sign(raw, secret)} | headers, raw
