"""The event that a webhook delivers. Its payload is one of the classes of `webhook_payloads`, or plain JSON."""

from datetime import datetime
from hashlib import sha256
from typing import Any, Generic, TypeVar

import msgspec

from calcom_async.models._base import Model
from calcom_async.models.webhooks import WebhookTrigger

P = TypeVar("P")


class WebhookEvent(Model, Generic[P], frozen=True, kw_only=True):
    """One delivery. `payload` has the class that `PAYLOADS` lists for the trigger, or is plain JSON.

    Values that do not fit the class are None there, and still in `raw`. The repr is made for logs and has no payload.
    """

    trigger: WebhookTrigger
    """Empty if the body was written by a payload template without a trigger."""
    created_at: datetime | None = None
    """Time of the delivery; for MEETING_STARTED and MEETING_ENDED the time when the booking was created."""
    payload: P
    """The whole body if it has no `payload`: MEETING_STARTED, MEETING_ENDED and payload templates."""
    raw: Any
    """The whole body as JSON, or as text if it is not JSON."""

    @property
    def uid(self) -> str | None:
        """UID of the booking, if the event is about one."""
        # Payloads of bookings have `uid`, those of no-shows `bookingUid`, and reports a whole booking.
        booking = self._payload_value("booking")
        uid = (
            self._payload_value("uid")
            or self._payload_value("bookingUid")
            or (isinstance(booking, dict) and booking.get("uid"))
        )
        return uid if isinstance(uid, str) else None

    @property
    def key(self) -> str | None:
        """Key for deduplication, equal for repeated deliveries; None if those cannot be recognized."""
        # Deliveries have no id. `createdAt` is part of the body, so it is the same if the body is sent again.
        sent_at = self.raw.get("createdAt") if isinstance(self.raw, dict) else None
        if not self.trigger or not sent_at:
            return None
        subject = [self.uid, self._seat()] if self.uid else [_digest(self.raw)]
        return " ".join(str(part) for part in (self.trigger, *subject, sent_at) if part)

    def _seat(self) -> Any:
        """Identify the seat: events of two seats of one booking may be sent within the same millisecond."""
        if seat_id := self._payload_value("attendeeSeatId"):
            return seat_id
        return _digest(self._payload_value("attendees"))[:16] if self._payload_value("seatsPerTimeSlot") else None

    def _payload_value(self, name: str) -> Any:
        payload = self.raw.get("payload", self.raw) if isinstance(self.raw, dict) else None
        return payload.get(name) if isinstance(payload, dict) else None

    def __repr__(self) -> str:
        return f"<WebhookEvent {self.key or self.trigger or 'of a payload template'}>"


def _digest(body: Any) -> str:
    return sha256(msgspec.json.encode(body)).hexdigest()
