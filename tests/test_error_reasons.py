"""`ApiError.reason`: the same meaning for the texts and statuses of all servers."""

from __future__ import annotations

import json

import pytest
from fakes import error_response, make_call

from calcom_async import ApiError
from calcom_async.error_body import parse_error_body
from calcom_async.error_reasons import REASONS, reason_of
from calcom_async.responses import check

BUSY = "User either already has booking at this time or is not available"
MOVED = (
    "Can't reschedule booking with uid=a because it has been cancelled and rescheduled already to booking with uid=b. "
    "You probably want to reschedule b instead by passing it within the request URL."
)
LATE = "The event type can't be booked at the \"start\" time provided. This could be because it's too soon"


@pytest.mark.parametrize(
    ("reason", "status", "text"),
    [
        ("slot_taken", 400, BUSY),
        ("slot_taken", 409, BUSY),
        ("slot_taken", 400, "One of the hosts either already has booking at this time or is not available"),
        ("slot_taken", 409, "booking_conflict_error"),
        ("slot_taken", 422, "This time slot is already reserved by another user. Please choose a different time."),
        ("outside_booking_window", 400, LATE),
        ("in_the_past", 400, "Attempting to book a meeting in the past."),
        ("already_rescheduled", 400, MOVED),
        ("already_cancelled", 400, "Can't cancel booking with uid=a because it has been cancelled already. Please"),
        ("already_cancelled", 400, "Can't reschedule booking with uid=a because it has been cancelled. Please"),
        ("already_booked_by_attendee", 409, "already_signed_up_for_this_booking_error"),
        ("no_seats_left", 409, "No more seats left at this seated booking."),
        ("booking_limit", 401, "booking_limit_reached"),
        ("no_permission", 401, "User is not authorized to confirm this booking"),
        ("no_permission", 403, "RolesGuard - user with id=3 does not have the minimum required role=ORG_ADMIN"),
        ("missing_scope", 403, "insufficient scope: BOOKING_READ is required"),
        ("invalid_api_key", 401, "CustomThrottlerGuard - Invalid API Key"),
        ("expired_api_key", 401, "ApiAuthStrategy - api key - Your api key is expired"),
        ("unknown_operation", 404, "Cannot GET /v2/slots?start=2027-02-25"),
        (None, 404, "Booking with uid=x was not found in the database"),
        (None, 404, "Cannot find a booking"),
        (None, 500, BUSY),
        (None, 400, "start property is wrong,start must be a valid ISO 8601 date string "),
    ],
)
def test_the_text_and_the_status_decide(reason, status, text):
    """A known text has its reason if the status fits; other errors have none."""
    assert reason_of(status, text) == reason


def test_an_error_carries_its_reason():
    """The error that a response raises has the reason of its text."""
    with pytest.raises(ApiError) as caught:
        check(make_call()[0], error_response(409, "ConflictException", BUSY))
    assert caught.value.reason == "slot_taken"


def test_recorded_errors_have_the_reason_of_their_operation(shared):
    """Recorded errors of both servers have the reason that belongs to their operation."""
    reasons = {}
    for path in sorted((shared / "reference" / "real").glob("*.json")):
        response = json.loads(path.read_bytes()).get("response", {})
        body = response.get("body")
        if response.get("status", 0) >= 400 and isinstance(body, dict):
            fields = parse_error_body(response["status"], json.dumps(body).encode())
            reasons.setdefault(fields["reason"], set()).add(path.stem)
    assert "bookings_create_slot_taken" in reasons["slot_taken"]
    assert "bookings_reschedule_already_rescheduled" in reasons["already_rescheduled"]
    assert "auth_bad_key_401" in reasons["invalid_api_key"]
    assert "auth_expired_key_401" in reasons["expired_api_key"]
    assert reasons.keys() - {None} <= set(REASONS)


def test_a_hostile_text_is_searched_in_bounded_time():
    """Only the beginning of a long text is searched."""
    assert reason_of(400, "x" * 5_000_000 + BUSY) is None
