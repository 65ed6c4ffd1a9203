"""Helpers for tests of sandbox bookings: users, times, short calls, and webhook events."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest
from http_client import ApiClient, ApiResponse

from calcom_async.sandbox import Sandbox
from calcom_async.sandbox.event_types.records import new_event_type
from calcom_async.sandbox.state.booking import Booking

MONDAY = datetime(2026, 11, 2, 8, tzinfo=UTC)
ANA, BO, CY = 1, 2, 3
THIRTY, SIXTY, CLASS = 1, 2, 3
SALES = 2
TRIGGERS = [
    "BOOKING_CREATED",
    "BOOKING_REQUESTED",
    "BOOKING_REJECTED",
    "BOOKING_RESCHEDULED",
    "BOOKING_CANCELLED",
    "BOOKING_NO_SHOW_UPDATED",
    "INSTANT_MEETING",
]
NOT_FREE = "User either already has booking at this time or is not available"
TEAM_NOT_FREE = "One of the hosts either already has booking at this time or is not available"


def ada(**more: Any) -> dict[str, Any]:
    """Return an attendee."""
    return {"name": "Ada Visitor", "email": "ada@visitors.test", "timeZone": "Europe/Lisbon", **more}


def at(hour: float, day: int = 4) -> str:
    """Return a time of November 2026 in UTC. The 4th is a Wednesday, and Lisbon is on UTC."""
    return f"2026-11-{day:02}T{int(hour):02}:{int(hour % 1 * 60):02}:00.000Z"


@dataclass
class BookingApi:
    """Clients for bookings, with the keys of Ana, Bo and Cy and without a key."""

    sandbox: Sandbox
    ana: ApiClient = field(init=False)
    anonymous: ApiClient = field(init=False)

    def __post_init__(self) -> None:
        self.ana = ApiClient(self.sandbox, "2024-08-13")
        self.anonymous = self.ana.as_user(None)
        self.bo = self.ana.as_user("bo")
        self.cy = self.ana.as_user("cy")

    def try_book(
        self, start: str, event_type: int = THIRTY, *, by: ApiClient | None = None, **more: Any
    ) -> ApiResponse:
        body = {"eventTypeId": event_type, "start": start, "attendee": ada()} | more
        return (by or self.anonymous).post("/v2/bookings", body)

    def book(self, start: str, event_type: int = THIRTY, **more: Any) -> Any:
        return self.try_book(start, event_type, **more).data

    def cancel(self, uid: str, *, by: ApiClient | None = None, **body: Any) -> ApiResponse:
        return (by or self.anonymous).post(f"/v2/bookings/{uid}/cancel", body)

    def reschedule(self, uid: str, start: str, *, by: ApiClient | None = None, **body: Any) -> ApiResponse:
        return (by or self.anonymous).post(f"/v2/bookings/{uid}/reschedule", {"start": start, **body})

    def get(self, uid: str) -> Any:
        return self.anonymous.get(f"/v2/bookings/{uid}").data

    def act(self, uid: str, verb: str, body: Any = None, *, by: ApiClient | None = None) -> ApiResponse:
        return (by or self.ana).post(f"/v2/bookings/{uid}/{verb}", body)

    def record(self, uid: str) -> Booking:
        return self.sandbox.store.bookings[uid]

    def event_type(self, **body: Any) -> int:
        """Create an event type of Ana's; by default 30 minutes, without minimum notice."""
        fields = {"title": "Chat", "slug": "chat", "lengthInMinutes": 30, "minimumBookingNotice": 0} | body
        return int(new_event_type(self.sandbox.store, ANA, fields)["id"])

    def team_event_type(self, kind: str, *hosts: int, **body: Any) -> int:
        """Create an event type of the Sales team. Skip the test if the server has no teams."""
        if SALES not in self.sandbox.store.teams:
            pytest.skip("this server has no teams")
        fields = {"title": "Demo", "slug": "demo", "lengthInMinutes": 30, "minimumBookingNotice": 0} | body
        rows = [{"userId": user_id, "mandatory": False, "priority": "medium"} for user_id in hosts]
        team = {"teamId": SALES, "schedulingType": kind, "hosts": rows}
        return int(new_event_type(self.sandbox.store, None, fields, **team)["id"])

    def subscribe(self) -> None:
        """Subscribe a webhook of Ana's to everything. Its URL is not on loopback, so deliveries are only recorded."""
        self.sandbox.store.webhooks["w"] = {
            "id": "w",
            "subscriberUrl": "https://hooks.test/all",
            "triggers": TRIGGERS,
            "active": True,
            "secret": None,
            "payloadTemplate": None,
            "_kind": "user",
            "_owner_id": ANA,
        }

    def webhook_events(self) -> list[tuple[str, dict[str, Any]]]:
        """Return the triggers and payloads of the webhook's deliveries."""
        self.sandbox.wait_idle()
        bodies = [body.json for body in self.sandbox.deliveries]
        return [(body["triggerEvent"], body["payload"]) for body in bodies]

    def triggers(self) -> list[str]:
        return [trigger for trigger, _ in self.webhook_events()]
