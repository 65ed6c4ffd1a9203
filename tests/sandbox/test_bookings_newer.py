"""Bookings in version 2026-02-25 of the hosted API: the status of a taken time, and checks that hosts may skip."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from booking_api import ANA, BO, CLASS, CY, MONDAY, NOT_FREE, TEAM_NOT_FREE, THIRTY, BookingApi, ada, at
from http_client import ApiClient

from calcom_async.sandbox import Sandbox

LATE = ada(email="late@visitors.test")


@pytest.fixture
def api() -> Iterator[BookingApi]:
    with Sandbox(now=MONDAY) as sandbox:
        api = BookingApi(sandbox)
        api.ana.version = "2026-02-25"
        yield api
        assert sandbox.handler_errors == []


def newer(api: BookingApi, user: str | None = "ana") -> ApiClient:
    """Return a client of version 2026-02-25."""
    client = api.ana.as_user(user)
    client.version = "2026-02-25"
    return client


def test_a_taken_time_is_409(api):
    """A taken time is a 409 in this version and a 400 in the older one, with the same message."""
    api.book(at(10))
    assert api.try_book(at(10), by=newer(api), attendee=LATE).error == (409, NOT_FREE)
    older = api.ana.as_user(None)
    older.version = "2024-08-13"
    assert api.try_book(at(10), by=older, attendee=LATE).error == (400, NOT_FREE)


def test_hosts_may_allow_conflicts(api):
    """A host can book a time that overlaps a booking; for others the field is ignored."""
    api.book(at(10))
    assert api.try_book(at(10.25), by=newer(api, "cy"), attendee=LATE, allowConflicts=True).error == (409, NOT_FREE)
    assert api.try_book(at(10.25), by=newer(api, None), attendee=LATE, allowConflicts=True).error == (409, NOT_FREE)
    assert api.try_book(at(10.25), by=newer(api), attendee=LATE, allowConflicts=True).status == 201


def test_a_round_robin_with_conflicts(api):
    """A busy host is chosen, the one who was booked least recently."""
    event_type = api.team_event_type("roundRobin", BO, CY)
    hosts = [api.book(at(15), event_type, attendee=ada(email=f"{n}@x.test"))["hosts"][0]["id"] for n in range(1)]
    assert api.try_book(at(15), event_type, by=newer(api, "bo"), attendee=LATE).error == (409, TEAM_NOT_FREE)
    more = {"attendee": LATE, "allowConflicts": True}
    assert api.try_book(at(15.25), event_type, by=newer(api, "bo"), **more).status == 201
    assert hosts == [BO]


@pytest.mark.parametrize(
    ("settings", "start", "field", "refusal"),
    [
        ({"minimumBookingNotice": 3 * 24 * 60}, at(10), "allowBookingOutOfBounds", 400),
        (
            {"bookingWindow": {"type": "range", "value": ["2026-11-02", "2026-11-03"]}},
            at(10),
            "allowBookingOutOfBounds",
            400,
        ),
        ({"bookingLimitsCount": {"day": 1}}, at(11), "skipBookingLimits", 401),
    ],
)
def test_hosts_may_skip_other_checks(api, settings, start, field, refusal):
    """A host can book outside the notice and the booking window, and above the limits."""
    api.book(at(9))
    api.sandbox.store.event_types[THIRTY].update(settings)
    assert api.try_book(start, by=newer(api), attendee=LATE).status == refusal
    assert api.try_book(start, by=newer(api, "cy"), attendee=LATE, **{field: True}).status == refusal
    assert api.try_book(start, by=newer(api), attendee=LATE, **{field: True}).status == 201


def test_the_attendees_of_a_cancelled_seated_booking(api):
    """The attendees stay in the response of version 2026-02-25 only."""
    uid = api.book(at(10), CLASS)["uid"]
    cancelled = newer(api).post(f"/v2/bookings/{uid}/cancel", {"cancellationReason": "ill"}).data
    assert [attendee["email"] for attendee in cancelled["attendees"]] == ["ada@visitors.test"]
    older = api.ana.as_user("ana")
    older.version = "2024-08-13"
    assert older.get(f"/v2/bookings/{uid}").data["attendees"] == []


def test_a_start_in_the_past_is_never_allowed(api):
    """No field allows a start in the past."""
    fields = dict.fromkeys(("allowConflicts", "allowBookingOutOfBounds", "skipBookingLimits"), True)
    past = api.try_book("2026-11-01T10:00:00Z", by=newer(api), **fields)
    assert past.error == (400, "Attempting to book a meeting in the past.")


def test_a_reschedule_with_conflicts(api):
    """A host can move a booking to an overlapping time, and keep the host of a round robin who is busy then."""
    uid = api.book(at(10))["uid"]
    api.book(at(14), attendee=LATE)
    path = f"/v2/bookings/{uid}/reschedule"
    assert newer(api).post(path, {"start": at(14.25)}).error == (400, NOT_FREE)
    assert newer(api).post(path, {"start": at(14.25), "allowConflicts": True}).data["start"] == at(14.25)
    event_type = api.team_event_type("roundRobin", ANA, BO)
    first = api.book(at(15), event_type)
    other = f"/v2/bookings/{first['uid']}/reschedule"
    moved = newer(api).post(other, {"start": at(16), "rescheduleWithSameHost": True}).data
    assert moved["hosts"] == first["hosts"]


@pytest.mark.parametrize("allowed", [True, False])
@pytest.mark.parametrize("same", [True, False])
def test_the_choice_of_the_host(api, same, allowed):
    """Where allowed, the booker chooses between the same host and any; else the setting of the event type decides."""
    event_type = api.team_event_type("roundRobin", ANA, BO, rescheduleWithSameRoundRobinHost=not same)
    api.sandbox.store.event_types[event_type]["_newer"] = {"allowRRHostChoiceOnReschedule": allowed}
    uid = api.book(at(15), event_type)["uid"]
    api.book(at(16))
    moved = newer(api).post(f"/v2/bookings/{uid}/reschedule", {"start": at(16), "rescheduleWithSameHost": same})
    if same == allowed:
        assert moved.error == (400, NOT_FREE)
    else:
        assert moved.data["hosts"][0]["id"] == BO


@pytest.mark.parametrize("server_kind", ["hosted", "self-hosted-2026-07"], indirect=True)
def test_the_older_version_does_not_know_the_fields(api):
    """In 2024-08-13 the fields are unknown, and rejected; self-hosted builds do not know the newer version at all."""
    older = api.ana.as_user("ana")
    older.version = "2024-08-13"
    refused = api.try_book(at(10), by=older, allowConflicts=True)
    assert refused.error == (400, "allowConflicts property is wrong,property allowConflicts should not exist ")
