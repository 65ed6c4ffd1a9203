"""Parse the body of a webhook delivery into an event."""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime
from typing import Any

import msgspec

from calcom_async.errors import DecodeError, InvalidRequestError
from calcom_async.models.webhook_events import WebhookEvent
from calcom_async.models.webhook_payloads import PAYLOADS
from calcom_async.webhooks.payloads import convert_payload
from calcom_async.webhooks.signature import to_bytes

JSON = "application/json"
MAX_DEPTH = 100
"""Levels of nesting that a delivery may have. Real ones have fewer than ten."""


def parse(body: bytes, content_type: str = JSON) -> WebhookEvent[Any]:
    """Parse a delivery. Verify it first. Raises `DecodeError` for a body that is neither JSON nor UTF-8 text.

    Unknown triggers and fields are kept. A value that does not fit its model becomes None, or is left out of its list;
    `raw` has it. Payload templates write every value as text: if the model has a number, a boolean or a person, the
    text is converted.
    """
    if not isinstance(content_type, str):
        raise InvalidRequestError(f"content_type must be text, got {type(content_type).__name__}")
    raw = _decode(to_bytes(body), content_type)
    trigger = raw.get("triggerEvent") if isinstance(raw, dict) else None
    if not trigger or not isinstance(trigger, str):
        return WebhookEvent(trigger="", payload=raw, raw=raw)
    # MEETING_STARTED and MEETING_ENDED have no envelope: the body is the row of the booking.
    payload = raw.get("payload", raw)
    model = PAYLOADS.get(trigger)
    return WebhookEvent(
        trigger=trigger,
        created_at=_parse_datetime(raw.get("createdAt")),
        payload=convert_payload(model, payload) if model else payload,
        raw=raw,
    )


def _decode(body: bytes, content_type: str) -> Any:
    """Return JSON, or else text. A template that is JSON only after it is filled in is sent as a form."""
    must_be_json = content_type.partition(";")[0].strip().lower() == JSON
    try:
        if must_be_json or body.lstrip()[:1] in {b"{", b"["}:
            value = msgspec.json.decode(body)
            if not _is_too_deep(value):
                return value
            # JSON that msgspec can read may still be too deep for `repr`, and handlers log events.
            raise DecodeError(f"the delivery is nested deeper than {MAX_DEPTH} levels")
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        if must_be_json:
            raise DecodeError(f"the delivery is not JSON, although its content type is: {error}") from error
    try:
        return body.decode()
    except UnicodeDecodeError as error:
        raise DecodeError(f"the delivery is neither JSON nor UTF-8 text: {error.reason}") from error


def _is_too_deep(value: Any) -> bool:
    """Return whether code that recurses through the value, such as `repr` and `json.dumps`, could fail on it."""
    # Level by level, because a recursive function would fail on what it is to detect.
    level = [value]
    for _ in range(MAX_DEPTH):
        parts = [item.values() if isinstance(item, dict) else item for item in level if isinstance(item, dict | list)]
        level = [item for part in parts for item in part]
        if not level:
            return False
    return True


def _parse_datetime(text: Any) -> datetime | None:
    with suppress(msgspec.ValidationError):
        return msgspec.convert(text, datetime)
    return None
