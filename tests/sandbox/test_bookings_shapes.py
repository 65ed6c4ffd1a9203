"""Shapes of bookings: responses have the fields of recorded ones."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from booking_api import MONDAY, BookingApi, ada, at
from http_client import ApiClient, recorded_body

from calcom_async.sandbox import Sandbox
from calcom_async.sandbox.bookings.views import display_email

REPEAT = {"interval": 1, "occurrences": 3, "frequency": "weekly"}
ALWAYS = {"type": "always", "blockUnconfirmedBookingsInBooker": False}
# The recorded organisation server was an older build, whose people had no displayEmail.
NEWER = {"displayEmail", "displayGuests"}


@pytest.fixture
def api() -> Iterator[BookingApi]:
    with Sandbox(now=MONDAY) as sandbox:
        yield BookingApi(sandbox)
        assert sandbox.handler_errors == []


def keys(value, path="") -> set[str]:
    """Return all paths of keys in a value, without list positions, answers and metadata."""
    if isinstance(value, list):
        return {key for item in value for key in keys(item, f"{path}[]")}
    if not isinstance(value, dict) or path.endswith((".metadata", ".location")):
        return {path}
    return {key for name, item in value.items() for key in keys(item, f"{path}.{name}")} | {path}


def plain(api: BookingApi):
    return api.book(
        at(10), guests=["guest@visitors.test"], metadata={"crm": "42"}, bookingFieldsResponses={"notes": "hi"}
    )


def pending(api: BookingApi):
    event_type = api.event_type(
        confirmationPolicy=ALWAYS,
        bookingFields=[{"type": "text", "slug": "company", "label": "Company", "required": True}],
        locations=[{"type": "integration", "integration": "cal-video"}],
    )
    return api.book(
        at(10),
        event_type,
        attendee=ada(phoneNumber="+351912345678"),
        bookingFieldsResponses={"company": "ACME"},
        location={"type": "integration", "integration": "cal-video"},
    )


def series(api: BookingApi):
    return api.book(at(10), api.event_type(recurrence=REPEAT))


def seated(api: BookingApi):
    return api.book(at(10), 3)


def moved(api: BookingApi, **more):
    return api.reschedule(plain(api)["uid"], at(15), reschedulingReason="later", rescheduledBy="ana@sandbox.test").data


def cancelled(api: BookingApi):
    return api.cancel(moved(api)["uid"], by=api.ana, cancellationReason="No").data


def with_guests(api: BookingApi):
    body = {"guests": [{"email": "late@visitors.test", "name": "Late"}]}
    return api.act(plain(api)["uid"], "guests", body).data


def confirmed(api: BookingApi):
    return api.act(pending(api)["uid"], "confirm").data


def absent(api: BookingApi):
    uid = api.book(at(10))["uid"]
    api.sandbox.clock.move(days=3)
    return api.act(uid, "mark-absent", {"attendees": [{"email": "ada@visitors.test", "absent": True}]}).data


def attendees(api: BookingApi):
    return api.ana.get(f"/v2/bookings/{plain(api)['uid']}/attendees").data


def links(api: BookingApi):
    return api.ana.get(f"/v2/bookings/{plain(api)['uid']}/calendar-links").data


@pytest.mark.servers("hosted", "self-hosted-2026-07")
@pytest.mark.parametrize(
    ("name", "send"),
    [
        ("bookings_create", plain),
        ("bookings_create_pending", pending),
        ("bookings_create_recurring", series),
        ("bookings_create_seated", seated),
        ("bookings_get", lambda api: api.get(plain(api)["uid"])),
        ("bookings_get_recurring_series", lambda api: api.get(series(api)[0]["recurringBookingUid"])),
        ("bookings_get_seated", lambda api: api.get(seated(api)["uid"])),
        ("bookings_add_guests", with_guests),
        ("bookings_attendees", attendees),
        ("bookings_calendar_links", links),
        ("bookings_confirm", confirmed),
        ("bookings_mark_absent", absent),
    ],
)
def test_responses_have_the_recorded_fields(api, shared, name, send):
    """A response has exactly the fields of the recorded response, nested ones included."""
    real = keys(recorded_body(shared, name)["data"])
    assert keys(send(api)) == real


@pytest.mark.servers("hosted", "self-hosted-2026-07")
@pytest.mark.parametrize(("name", "send"), [("bookings_reschedule", moved), ("bookings_cancel", cancelled)])
def test_rescheduled_bookings_have_the_recorded_fields(api, shared, name, send):
    """A rescheduled booking has the fields of the recorded one."""
    real = keys(recorded_body(shared, name)["data"]) - {".bookingFieldsResponses.location"}
    assert keys(send(api)) == real


def robin(api: BookingApi):
    api.team_event_type("roundRobin", 1, 2)
    return api.book(at(15), eventTypeId=None, eventTypeSlug="demo", teamSlug="sales", organizationSlug="sandbox-org")


def together(api: BookingApi):
    return api.get(api.book(at(15), api.team_event_type("collective", 1, 2))["uid"])


@pytest.mark.parametrize(
    ("name", "send", "newer"),
    [
        ("organisations/bookings_create_by_team_slug", robin, {".isPlatformManagedUserBooking"}),
        ("organisations/bookings_get_collective", together, set()),
    ],
)
def test_team_bookings_have_the_recorded_fields(api, shared, name, send, newer):
    """Bookings of teams have the recorded fields, plus those that the recorded build does not have."""
    ours = {key for key in keys(send(api)) if key.rpartition(".")[2] not in NEWER} - newer
    assert ours == keys(recorded_body(shared, name)["data"])


def test_rows_of_lists_have_the_recorded_types(shared):
    """Every row of a seeded list has the fields of one kind of recorded rows."""
    walk = [row for skip in range(0, 1251, 250) for row in _page(shared, skip)]
    known = {frozenset(row) for row in walk}
    with Sandbox(bookings=400, now=MONDAY) as sandbox:
        rows = [row for skip in (0, 250) for row in _rows(sandbox, skip)]
    assert {frozenset(row) for row in rows} <= known
    assert len({frozenset(row) for row in rows}) >= 3


def _page(shared, skip):
    return json.loads((shared / f"reference/real/bookings_walk/skip-{skip}.json").read_text())["data"]


def _rows(sandbox, skip):
    return BookingApi(sandbox).ana.get(f"/v2/bookings?take=250&skip={skip}").data


@pytest.mark.servers("hosted", "self-hosted-2025-12")
@pytest.mark.parametrize(
    ("number", "story"),
    [
        ("01_BOOKING_CREATED", plain),
        ("02_BOOKING_RESCHEDULED", lambda api: api.reschedule(plain(api)["uid"], at(15))),
        ("03_BOOKING_CANCELLED", lambda api: api.cancel(plain(api)["uid"], cancellationReason="c")),
    ],
)
def test_webhook_payloads_have_the_recorded_fields(api, shared, number, story):
    """Webhook payloads have the fields of recorded deliveries."""
    delivery = json.loads((shared / f"reference/real/webhook_delivery_{number}.json").read_text())
    api.subscribe()
    story(api)
    trigger, payload = api.webhook_events()[-1]
    assert number.endswith(trigger)
    assert payload["organizationId"] == 1, "the recorded host was in no organization"
    assert set(payload) ^ set(delivery["json"]["payload"]) <= {"metadata", "organizationId"}


def test_webhook_payloads_contain_the_recurrence(api):
    """Payloads of a series contain the recurrence rule, with its frequency as a number."""
    api.subscribe()
    weekly = {"interval": 2, "occurrences": 3, "frequency": "weekly"}
    api.book(at(10), api.event_type(recurrence=weekly))
    assert [payload["recurringEvent"] for _, payload in api.webhook_events()] == [
        {"freq": 2, "count": 3, "interval": 2}
    ] * 3


def test_the_oldest_version_lists_ten_upcoming_bookings(api):
    """Without a version header the list has the shape of 2024-04-15, with ten upcoming bookings and no paging."""
    for hour in range(9, 12):
        for half in (0, 0.5):
            for day in (4, 5):
                api.book(at(hour + half, day))
    response = ApiClient(api.sandbox).get("/v2/bookings?status=past&take=50")
    data = response.data
    assert "pagination" not in response.body
    assert set(data) == {"bookings", "recurringInfo", "totalCount", "nextCursor"}
    assert (len(data["bookings"]), data["totalCount"], data["nextCursor"]) == (10, 12, 10)
    assert data["bookings"][0]["startTime"] == at(9)
    assert data["bookings"][0]["status"] == "ACCEPTED"
    rest = ApiClient(api.sandbox).get("/v2/bookings?limit=10&cursor=10").data
    assert (len(rest["bookings"]), rest["nextCursor"]) == (2, None)


def test_a_later_version_has_no_bookings(api):
    """Bookings are a 404 with 2024-09-04, a version of slots."""
    assert ApiClient(api.sandbox, "2024-09-04").get("/v2/bookings?take=2").error == (
        404,
        "Cannot GET /v2/bookings?take=2",
    )


def test_platform_suffixes_are_hidden_in_display_addresses():
    """`displayEmail` omits the part of a managed user's address that identifies the client."""
    assert display_email(f"ada+{'c' * 25}@x.test") == "ada@x.test"
    assert display_email("ada+home@x.test") == "ada+home@x.test"
