"""Changes of bookings: reschedule, cancel, confirm, decline, mark as absent, reassign."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from booking_api import ANA, BO, CY, MONDAY, NOT_FREE, BookingApi, ada, at

from calcom_async.sandbox import Sandbox

ALWAYS = {"type": "always", "blockUnconfirmedBookingsInBooker": False}
WEEKLY = {"interval": 1, "occurrences": 3, "frequency": "weekly"}
SEATS = {"seatsPerTimeSlot": 2, "showAttendeeInfo": True, "showAvailabilityCount": True}


@pytest.fixture
def api() -> Iterator[BookingApi]:
    with Sandbox(now=MONDAY) as sandbox:
        yield BookingApi(sandbox)
        assert sandbox.handler_errors == []


# --- reschedule


def test_a_reschedule_creates_a_booking_and_cancels_the_old_one(api):
    """A reschedule creates a booking with a new uid, cancels the old one and links both; the ics uid stays."""
    old = api.book(at(10), guests=["guest@visitors.test"], metadata={"crm": "1"})
    response = api.reschedule(old["uid"], at(15), reschedulingReason="later", rescheduledBy="ada@visitors.test")
    new, cancelled = response.data, api.get(old["uid"])
    assert response.status == 201
    assert (new["start"], new["duration"], new["rescheduledFromUid"]) == (at(15), 30, old["uid"])
    assert (new["reschedulingReason"], new["bookingFieldsResponses"]["rescheduledReason"]) == ("later", "later")
    assert (new["icsUid"], new["metadata"], new["guests"]) == (old["icsUid"], {"crm": "1"}, ["guest@visitors.test"])
    assert (cancelled["status"], cancelled["rescheduledToUid"], cancelled["cancellationReason"]) == (
        "cancelled",
        new["uid"],
        "",
    )
    assert "reschedulingReason" not in cancelled
    assert new["rescheduledByEmail"] == cancelled["rescheduledByEmail"] == "ada@visitors.test"


def test_the_webhook_of_a_reschedule_has_the_old_times(api):
    """BOOKING_RESCHEDULED contains the old booking's uid and times."""
    api.subscribe()
    old = api.book(at(10))
    new = api.reschedule(old["uid"], at(15)).data
    trigger, payload = api.webhook_events()[-1]
    assert (trigger, payload["uid"]) == ("BOOKING_RESCHEDULED", new["uid"])
    assert (payload["rescheduleUid"], payload["rescheduleStartTime"]) == (old["uid"], "2026-11-04T10:00:00Z")


def test_bookings_that_cannot_be_rescheduled(api):
    """Unknown, rescheduled, cancelled and declined bookings cannot be rescheduled, nor any booking to a taken time."""
    first = api.book(at(10))["uid"]
    second = api.reschedule(first, at(15)).data["uid"]
    assert api.reschedule("none", at(15)).error == (404, "Booking with uid=none was not found in the database")
    assert api.reschedule(first, at(16)).message == (
        f"Can't reschedule booking with uid={first} because it has been cancelled and rescheduled already to booking "
        f"with uid={second}. You probably want to reschedule {second} instead by passing it within the request URL."
    )
    api.book(at(9))
    assert api.reschedule(second, at(9)).error == (400, NOT_FREE)
    assert api.reschedule(second, at(9), rescheduledBy="nobody").message == "rescheduledBy - Invalid email, "
    assert (
        api.reschedule(second, "later").message == "start property is wrong,start must be a valid ISO 8601 date string "
    )
    api.cancel(second)
    assert api.reschedule(second, at(16)).message == (
        f"Can't reschedule booking with uid={second} because it has been cancelled. Please provide uid of a booking "
        "that is not cancelled."
    )


def test_a_booking_does_not_block_its_own_reschedule(api):
    """A booking does not block its own reschedule, not even to the same time."""
    uid = api.book(at(10), 2)["uid"]
    assert api.reschedule(uid, at(10)).data["uid"] != uid


def test_the_error_of_a_reschedule_names_one_user_for_teams_too(api):
    """The error of a reschedule to a taken time is the same for one host and for several."""
    event_type = api.team_event_type("collective", ANA, BO)
    uid = api.book(at(15), event_type)["uid"]
    assert api.reschedule(uid, at(3)).error == (400, NOT_FREE)


@pytest.mark.parametrize(
    ("by", "body", "status"),
    [
        ("anonymous", {}, "pending"),
        ("anonymous", {"rescheduledBy": "ada@visitors.test"}, "pending"),
        ("anonymous", {"rescheduledBy": "ana@sandbox.test"}, "accepted"),
        ("ana", {}, "accepted"),
    ],
)
def test_a_reschedule_by_the_organizer_needs_no_confirmation(api, by, body, status):
    """A rescheduled booking needs confirmation again, unless the organizer rescheduled it."""
    api.subscribe()
    uid = api.book(at(10), api.event_type(confirmationPolicy=ALWAYS))["uid"]
    api.act(uid, "confirm")
    assert api.reschedule(uid, at(15), by=getattr(api, by), **body).data["status"] == status
    assert api.triggers()[-1] == ("BOOKING_REQUESTED" if status == "pending" else "BOOKING_RESCHEDULED")


def test_only_hosts_reschedule_within_the_notice(api):
    """Within `minutesBefore` only the host may reschedule; `disabled` alone is not enforced."""
    event_type = api.event_type(disableRescheduling={"disabled": False, "minutesBefore": 240})
    uid = api.book(at(10, 2), event_type)["uid"]
    refused = api.reschedule(uid, at(15)).body
    assert refused == {
        "statusCode": 403,
        "message": "Rescheduling is not allowed within the minimum notice period before the event",
    }
    assert api.reschedule(uid, at(15), by=api.ana).status == 201
    off = api.event_type(slug="off", disableRescheduling={"disabled": True})
    assert api.reschedule(api.book(at(16), off)["uid"], at(9)).status == 201


def test_one_seat_is_rescheduled(api):
    """With `seatUid` one seat moves to another booking and gets a new uid; the others stay."""
    event_type = api.event_type(seats=SEATS)
    first = api.book(at(10), event_type)
    second = api.book(at(10), event_type, attendee=ada(email="b@x.test"))
    moved = api.reschedule(first["uid"], at(15), seatUid=first["seatUid"]).data
    assert moved["uid"] != first["uid"]
    assert moved["seatUid"] not in (first["seatUid"], second["seatUid"])
    assert "rescheduledFromUid" not in moved
    left = api.get(first["uid"])
    assert (left["status"], [attendee["email"] for attendee in left["attendees"]]) == ("accepted", ["b@x.test"])


def test_rescheduling_a_seated_booking_needs_a_seat_uid(api):
    """Without `seatUid`, callers with a key get the reason and others a 500; a seat takes no reason."""
    booking = api.book(at(10), api.event_type(seats=SEATS))
    uid = booking["uid"]
    assert api.reschedule(uid, at(15), by=api.cy).message.startswith(
        f"Booking with uid={uid} is a seated booking which"
    )
    assert api.reschedule(uid, at(15)).body == {"statusCode": 500, "message": "Internal server error"}
    assert api.reschedule(uid, at(15), seatUid="none").error == (404, "Seat with uid=none does not exist.")
    both = api.reschedule(uid, at(15), seatUid=booking["seatUid"], reschedulingReason="x")
    assert both.message == "reschedulingReason property is wrong,property reschedulingReason should not exist "


def test_an_admin_of_the_organization_reschedules_all_seats(api):
    """The owner of the organization can move a seated booking of others as a whole; its seats get new uids."""
    own = api.book(at(10), api.event_type(seats=SEATS))["uid"]
    assert api.reschedule(own, at(15), by=api.ana).message.startswith(
        f"Booking with uid={own} is a seated booking which"
    )
    event_type = api.team_event_type("collective", BO, seats=SEATS)
    first = api.book(at(16), event_type)
    api.book(at(16), event_type, attendee=ada(email="b@x.test"))
    moved = api.reschedule(first["uid"], at(15), by=api.ana).data
    assert [attendee["email"] for attendee in moved["attendees"]] == ["ada@visitors.test", "b@x.test"]
    assert first["seatUid"] not in {attendee["seatUid"] for attendee in moved["attendees"]}
    assert api.get(first["uid"])["rescheduledToUid"] == moved["uid"]


@pytest.mark.parametrize("same", [True, False])
def test_a_round_robin_reschedule_chooses_a_free_host(api, same):
    """A reschedule chooses another free host if the first one is busy, unless the event type keeps the host."""
    event_type = api.team_event_type("roundRobin", ANA, BO, rescheduleWithSameRoundRobinHost=same)
    booking = api.book(at(15), event_type)
    assert booking["hosts"][0]["id"] == ANA
    api.book(at(16))
    moved = api.reschedule(booking["uid"], at(16))
    if same:
        assert moved.error == (400, NOT_FREE)
    else:
        assert (moved.data["hosts"][0]["id"], moved.data["title"]) == (BO, "Demo between Bo Sandbox and Ada Visitor")


def test_an_organizer_who_is_also_the_attendee(api):
    """`rescheduledBy` identifies the organizer only if it is not the attendee's address too."""
    event_type = api.event_type(confirmationPolicy=ALWAYS)
    uid = api.book(at(10), event_type, attendee=ada(email="ana@sandbox.test"))["uid"]
    assert api.reschedule(uid, at(15), rescheduledBy="ana@sandbox.test").data["status"] == "pending"


# --- cancel


def test_only_hosts_must_give_a_cancellation_reason(api):
    """Only an authenticated host must give a reason for a cancellation."""
    uid = api.book(at(10))["uid"]
    assert api.cancel(uid, by=api.ana).body == {"statusCode": 400, "message": "Cancellation reason is required"}
    assert api.cancel(uid, by=api.ana, cancellationReason="  ").status == 400
    cancelled = api.cancel(uid, by=api.ana, cancellationReason="ill").data
    assert (cancelled["status"], cancelled["cancellationReason"], cancelled["cancelledByEmail"]) == (
        "cancelled",
        "ill",
        "",
    )
    assert api.cancel(api.book(at(10))["uid"]).data["status"] == "cancelled"
    assert api.cancel(api.book(at(10))["uid"], by=api.cy).status == 200


def test_bookings_that_cannot_be_cancelled(api):
    """Unknown, cancelled and past bookings cannot be cancelled, nor those whose event type forbids it."""
    uid = api.book(at(10, 2))["uid"]
    forbidden = api.book(at(10), api.event_type(disableCancelling={"disabled": True}))["uid"]
    assert api.cancel("none").error == (404, "Booking with uid=none not found")
    assert api.cancel(forbidden).body["message"] == "This event type does not allow cancellations"
    assert api.cancel(uid, why="x").message == "why property is wrong,property why should not exist "
    api.sandbox.clock.move(days=1)
    assert api.cancel(uid).body["message"] == "Cannot cancel a booking that has already ended"
    other = api.book(at(11))["uid"]
    api.cancel(other)
    assert api.cancel(other).message.startswith(f"Can't cancel booking with uid={other} because it has been cancelled")


def test_cancelling_a_series(api):
    """A series uid cancels the remaining occurrences; `cancelSubsequentBookings` cancels one and the later ones."""
    api.subscribe()
    event_type = api.event_type(recurrence=WEEKLY)
    occurrences = api.book(at(10), event_type)
    rest = api.cancel(occurrences[1]["uid"], cancelSubsequentBookings=True).data
    assert [booking["status"] for booking in rest] == ["accepted", "cancelled", "cancelled"]
    whole = api.cancel(occurrences[0]["recurringBookingUid"]).data
    assert {booking["status"] for booking in whole} == {"cancelled"}
    assert api.triggers() == ["BOOKING_CREATED"] * 3 + ["BOOKING_CANCELLED"] * 2


def test_a_series_with_a_moved_occurrence_counts_as_cancelled(api):
    """After a reschedule the series uid is rejected, while its occurrences are accepted."""
    occurrences = api.book(at(10), api.event_type(recurrence=WEEKLY))
    api.reschedule(occurrences[0]["uid"], at(15))
    series = occurrences[0]["recurringBookingUid"]
    refused = api.cancel(series)
    assert refused.message.startswith(
        f"Can't cancel booking with uid={occurrences[0]['uid']} because it has been cancelled"
    )
    rest = api.cancel(occurrences[1]["uid"], cancelSubsequentBookings=True).data
    assert [booking["status"] for booking in rest] == ["cancelled", "accepted", "cancelled", "cancelled"]


def test_the_reason_of_an_earlier_reschedule(api):
    """A reschedule without a reason keeps the old reason, unless the body has `rescheduledBy`."""
    uid = api.reschedule(api.book(at(10))["uid"], at(11), reschedulingReason="late").data["uid"]
    moved = api.reschedule(uid, at(14)).data
    assert moved["bookingFieldsResponses"]["rescheduledReason"] == "late"
    named = api.reschedule(moved["uid"], at(15), rescheduledBy="ada@visitors.test").data
    assert "rescheduledReason" not in named["bookingFieldsResponses"]


@pytest.mark.parametrize("verb", ["move", "cancel"])
def test_webhook_payloads_of_seats_that_move_or_are_cancelled(api, verb):
    """The payload of a moved seat has the uid of its old booking, that of a cancelled one no seat id."""
    api.subscribe()
    event_type = api.event_type(seats=SEATS)
    booking = api.book(at(10), event_type)
    api.book(at(10), event_type, attendee=ada(email="b@x.test"))
    if verb == "move":
        moved = api.reschedule(booking["uid"], at(15), seatUid=booking["seatUid"]).data
        expected = {"rescheduleUid": booking["uid"], "attendeeSeatId": moved["seatUid"]}
    else:
        api.cancel(booking["uid"], seatUid=booking["seatUid"])
        expected = {"iCalUID": api.record(booking["uid"]).ics_uid}
    _, payload = api.webhook_events()[-1]
    names = ("rescheduleId", "rescheduleUid", "rescheduleStartTime", "rescheduleEndTime", "attendeeSeatId", "iCalUID")
    assert {name: payload[name] for name in names if name in payload} == expected
    assert [attendee["email"] for attendee in payload["attendees"]] == ["ada@visitors.test"]


def test_cancelling_subsequent_bookings_needs_an_occurrence(api):
    """`cancelSubsequentBookings` is rejected for single bookings and for series uids."""
    single = api.book(at(15))["uid"]
    refused = api.cancel(single, cancelSubsequentBookings=True).message
    assert refused == f"Booking with bookingUid={single} is not part of a recurring booking."
    occurrences = api.book(at(10), api.event_type(recurrence=WEEKLY))
    refused = api.cancel(occurrences[0]["recurringBookingUid"], cancelSubsequentBookings=True).message
    assert refused.startswith("Cannot cancel subsequent bookings for recurring event")


def test_cancelling_the_last_seat_cancels_the_booking(api):
    """Cancelling a seat keeps the booking; cancelling the last one cancels it."""
    event_type = api.event_type(seats=SEATS)
    first = api.book(at(10), event_type)
    second = api.book(at(10), event_type, attendee=ada(email="b@x.test"))
    uid = first["uid"]
    assert api.cancel(uid).body == {"statusCode": 401, "message": "User not a host of this event"}
    assert api.cancel(uid, seatUid=first["seatUid"]).data["status"] == "accepted"
    cancelled = "Invalid seatUid: this seat does not exist or has already been cancelled."
    assert api.cancel(uid, seatUid=first["seatUid"]).error == (400, cancelled)
    elsewhere = api.book(at(15), event_type)["seatUid"]
    assert api.cancel(uid, seatUid=elsewhere).message == "Invalid seatUid: this seat does not belong to this booking."
    assert api.cancel(uid, seatUid=second["seatUid"]).data["status"] == "cancelled"


# --- confirm and decline


@pytest.mark.servers("hosted", "self-hosted-2026-07")
def test_confirming_and_declining(api):
    """Confirm accepts and decline rejects, with webhooks; a decline can be repeated, a confirmation cannot."""
    api.subscribe()
    event_type = api.event_type(confirmationPolicy=ALWAYS)
    yes, no = api.book(at(10), event_type)["uid"], api.book(at(11), event_type)["uid"]
    assert api.act(yes, "confirm").data["status"] == "accepted"
    assert api.act(no, "decline", {"reason": "full"}).data["status"] == "rejected"
    assert api.act(no, "decline").status == 200
    again = api.act(yes, "decline")
    assert (again.error, again.body["error"]["code"]) == ((400, "Booking already confirmed"), "TRPCError")
    heard = api.webhook_events()
    assert [trigger for trigger, _ in heard[2:4]] == ["BOOKING_CREATED", "BOOKING_REJECTED"]
    assert heard[3][1]["rejectionReason"] == "full"


@pytest.mark.servers("hosted", "self-hosted-2025-12")
def test_only_hosts_and_admins_may_confirm(api):
    """Other users get a 401 TRPCError, anonymous callers 403, unknown uids 404; an organization's admin may decide."""
    uid = api.book(at(10), api.event_type(confirmationPolicy=ALWAYS))["uid"]
    refused = api.act(uid, "confirm", by=api.cy)
    assert refused.error == (401, "User is not authorized to confirm this booking")
    assert api.act(uid, "confirm", by=api.anonymous).status == 403
    assert api.act("none", "confirm").error == (404, "Booking with uid=none was not found in the database")
    assert api.act(uid, "confirm", by=api.bo).status == 200


def test_confirming_a_cancelled_booking_accepts_it(api):
    """Confirming a cancelled booking accepts it again, even if its time is taken by now."""
    uid = api.book(at(10))["uid"]
    api.cancel(uid)
    api.book(at(10))
    assert api.act(uid, "confirm").data["status"] == "accepted"


# --- absence


@pytest.mark.servers("hosted", "self-hosted-2026-07")
def test_marking_absence(api):
    """Any key may mark anybody absent once the start has passed; unknown addresses change nothing."""
    api.subscribe()
    uid = api.book(at(10))["uid"]
    early = api.act(uid, "mark-absent", {"host": True}).message
    assert early.startswith("Bookings can only be marked as absent after their scheduled start time.")
    api.sandbox.clock.move(days=3)
    assert api.act(uid, "mark-absent", {"host": True}, by=api.cy).data["absentHost"] is True
    body = {"attendees": [{"email": "ada@visitors.test", "absent": True}, {"email": "x@x.test", "absent": True}]}
    assert api.act(uid, "mark-absent", body).data["attendees"][0]["absent"] is True
    assert api.act(uid, "mark-absent", {}).status == 200
    assert api.act("none", "mark-absent", {}).error == (404, "Booking with uid=none not found.")
    trigger, payload = api.webhook_events()[-1]
    assert trigger == "BOOKING_NO_SHOW_UPDATED"
    assert payload["attendees"] == [{"email": "ada@visitors.test", "noShow": True}]
    assert api.triggers().count("BOOKING_NO_SHOW_UPDATED") == 1


# --- reassign


@pytest.mark.servers("hosted", "self-hosted-2026-07")
def test_reassigning_a_round_robin_booking(api):
    """Reassigning chooses another free host, or the named one, and changes the booking's host."""
    event_type = api.team_event_type("roundRobin", ANA, BO)
    uid = api.book(at(15), event_type)["uid"]
    handed = api.act(uid, "reassign").data
    assert (handed["bookingUid"], handed["reassignedTo"]["id"]) == (uid, BO)
    assert api.get(uid)["hosts"][0]["id"] == BO
    assert api.get(uid)["title"] == "Demo between Bo Sandbox and Ada Visitor"
    back = api.act(uid, f"reassign/{ANA}", {"reason": "better fit"}).data
    assert back["reassignedTo"] == {
        "id": ANA,
        "name": "Ana Sandbox",
        "email": "ana@sandbox.test",
        "displayEmail": "ana@sandbox.test",
    }


def test_reassignments_that_fail(api):
    """Collective bookings have no other host, other users may not reassign, and the new host must be a host."""
    together = api.book(at(15), api.team_event_type("collective", ANA, BO))["uid"]
    nobody = "Can't reassign the booking because no other host is available at that time."
    assert api.act(together, "reassign").error == (400, nobody)
    assert api.act(together, "reassign", by=api.cy).error == (
        403,
        "You do not have permission to reassign this booking",
    )
    robin = api.book(at(16), api.team_event_type("roundRobin", ANA, BO, slug="robin"))["uid"]
    assert api.act(robin, f"reassign/{CY}").message.startswith(
        f"User with id={CY} is not a valid Round Robin host - the"
    )
    assert api.act(robin, "reassign/99").error == (404, "User with id=99 was not found in the database")
    assert api.act("none", "reassign").status == 404


@pytest.mark.servers("hosted", "self-hosted-2026-07")
def test_reassigning_a_booking_of_one_host(api):
    """Reassigning a booking of one host returns 200 and changes nothing."""
    uid = api.book(at(10))["uid"]
    assert api.act(uid, "reassign").data["reassignedTo"]["id"] == ANA
