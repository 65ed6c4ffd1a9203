"""The requests that a sandbox received, and the people and times of its sample data."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from calcom_async import Calcom
from calcom_async.models import Attendee
from calcom_async.sandbox import RecordedRequest, Sandbox

MONDAY = datetime(2026, 11, 2, 8, tzinfo=UTC)
"""Before office hours of a working day. The time zone of the sandbox's host, Lisbon, is at UTC then."""
ADA = Attendee(name="Ada", email="ada@visitors.test", time_zone="Europe/Lisbon")
BEA = Attendee(name="Bea", email="bea@visitors.test", time_zone="Asia/Tokyo", language="it", phone_number="+3912345678")
THIRTY, SIXTY, CLASS = 1, 2, 3
ORGANIZATION, SALES, SUPPORT = 1, 2, 3
ANA, BO, CY = 1, 2, 3


def at(hour: float, day: int = 4) -> datetime:
    """Return a time of November 2026; the 4th is a Wednesday."""
    return datetime(2026, 11, day, int(hour), int(hour % 1 * 60), tzinfo=UTC)


async def book(
    cal: Calcom, hour: float = 9, event_type_id: int = THIRTY, attendee: Attendee = ADA, **fields: Any
) -> Any:
    """Book a time on that Wednesday; a series if there is a `recurrence_count`."""
    create: Any = cal.bookings.create_series if "recurrence_count" in fields else cal.bookings.create
    return await create(start=at(hour), event_type_id=event_type_id, attendee=attendee, **fields)


@dataclass(frozen=True, slots=True)
class SentRequest:
    """A request as the server received it: path below /v2, decoded query and body, `cal-api-version`."""

    method: str
    path: str
    query: dict[str, str]
    body: Any
    version: str | None

    @classmethod
    def from_recorded(cls, request: RecordedRequest) -> SentRequest:
        query = dict(request.query)
        assert len(query) == len(request.query), "no query parameter is sent twice"
        return cls(
            request.method,
            request.path.removeprefix("/v2"),
            query,
            request.body,
            request.headers.get("cal-api-version"),
        )

    @property
    def endpoint(self) -> str:
        """Method and path, such as `GET /me`."""
        return f"{self.method} {self.path}"


def sent_requests(sandbox: Sandbox) -> list[SentRequest]:
    """Return all requests so far."""
    return [SentRequest.from_recorded(request) for request in sandbox.requests]


def last_request(sandbox: Sandbox) -> SentRequest:
    """Return the latest request."""
    return SentRequest.from_recorded(sandbox.requests[-1])
