"""BookingRequest: the checked arguments of one call of `book` or `book_series`. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import uuid4

from calcom_async.booking.availability import parse_start
from calcom_async.errors import InvalidRequestError, shown
from calcom_async.models.bookings import Attendee

IDEMPOTENCY_KEY = "calcom_async_idempotency_key"
"""The metadata key of a booking under which its idempotency key is stored."""


@dataclass(frozen=True)
class BookingRequest:
    """What to book, and the key by which the booking is recognized."""

    params: dict[str, Any]
    """The keywords of `Bookings.create` or `Bookings.create_series`."""
    start: datetime
    """In UTC."""
    attendee: Attendee
    key: str
    has_own_key: bool
    """Whether the caller gave the key, so that an earlier call may have created the booking."""

    @property
    def count(self) -> int | None:
        """The number of occurrences; None for `book`, which books all of them and returns the first."""
        return self.params.get("recurrence_count")

    @property
    def event_type_id(self) -> int | None:
        """The id of the event type; None if it is selected by its slug."""
        return self.params.get("event_type_id")

    @property
    def slot_query(self) -> dict[str, Any]:
        """The keywords of `Slots.search` that select the event type and the length of the booking."""
        # With an id, the server rejects the slugs of a search (400), although it ignores those of a booking.
        slugs = ("event_type_slug", "username", "team_slug", "organization_slug")
        names = ("event_type_id",) if self.event_type_id is not None else slugs
        query = {name: self.params[name] for name in names if name in self.params}
        return query | {"duration": self.params.get("length_in_minutes")}

    @property
    def filters(self) -> dict[str, Any]:
        """Filters of the look-up: no value that the server may have changed, such as the attendee's email address."""
        return {} if self.event_type_id is None else {"event_type_id": self.event_type_id}


def check_request(fields: Mapping[str, Any], idempotency_key: str | None, *, reserve: bool) -> BookingRequest:
    """Check the arguments of a call, before any request is sent."""
    params = {name: value for name, value in fields.items() if value is not None}
    start = parse_start(fields["start"])
    if params.get("instant"):  # the server makes such a booking for now, whatever the start
        raise InvalidRequestError("an instant meeting takes no slot", hint="Use bookings.create(instant=True)")
    attendee, metadata = fields["attendee"], params.get("metadata", {})
    if not isinstance(attendee, Attendee):
        raise InvalidRequestError(f"attendee must be an Attendee, got {type(attendee).__name__}")
    if not isinstance(metadata, Mapping):
        raise InvalidRequestError(f"metadata must be a mapping of strings, got {type(metadata).__name__}")
    if IDEMPOTENCY_KEY in metadata:
        raise InvalidRequestError(f"metadata must not contain {IDEMPOTENCY_KEY}", hint="Pass idempotency_key instead")
    # Without a key of the caller, this one distinguishes the booking of this call from others of the same attendee.
    key = uuid4().hex if idempotency_key is None else idempotency_key
    if not isinstance(key, str) or not key:
        raise InvalidRequestError(f"idempotency_key must be a string that is not empty, got {shown(key)}")
    if reserve and "event_type_id" not in params:
        raise InvalidRequestError("Cal.com cannot reserve a slot by slug", hint="Pass event_type_id with reserve=True")
    params["metadata"] = {**metadata, IDEMPOTENCY_KEY: key}
    return BookingRequest(params, start, attendee, key, has_own_key=idempotency_key is not None)
