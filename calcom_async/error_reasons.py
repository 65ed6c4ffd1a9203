"""What an error of Cal.com means. The servers say it in a text, with statuses that differ between them. Data only.

A taken slot is 400 on servers that know the versions of 2024 only, and 409 on the hosted API of September 2026, both
times with the same text; so the texts decide, and the statuses only exclude chance matches.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Literal, NamedTuple, get_args

Reason = Literal[
    "slot_taken",
    "outside_booking_window",
    "in_the_past",
    "already_ended",
    "not_started",
    "already_cancelled",
    "already_rescheduled",
    "already_confirmed",
    "already_booked_by_attendee",
    "no_seats_left",
    "booking_limit",
    "attendee_limit",
    "too_late_to_reschedule",
    "cancelling_disabled",
    "reason_required",
    "email_verification_required",
    "invalid_verification_code",
    "exists_already",
    "no_permission",
    "missing_scope",
    "no_credentials",
    "invalid_api_key",
    "expired_api_key",
    "unknown_operation",
]
"""All values of `ApiError.reason`."""

REASONS: tuple[str, ...] = get_args(Reason)

MAX_SEARCHED = 2_000
"""Longest part of a message that is searched, in characters."""


class _Row(NamedTuple):
    reason: Reason
    statuses: Collection[int]
    texts: tuple[str, ...]


# The first row that matches counts. Texts are searched within messages, because most contain ids and names.
_TABLE = (
    _Row(
        "slot_taken",
        (400, 409, 422),
        (
            "already has booking at this time or is not available",  # 400 or 409; hosts and teams word the start apart
            "booking_conflict_error",  # 409, found by the database: somebody else was faster
            "This time slot is already reserved by another user",  # 422
            "Can't reserve a slot if the event is already booked",  # 422
            "no other host is available at that time",  # 400, reassign
        ),
    ),
    # One text for "too soon" and "too far ahead".
    _Row("outside_booking_window", (400, 409), ('can\'t be booked at the "start" time provided',)),
    _Row("in_the_past", (400, 409), ("Attempting to book a meeting in the past",)),
    _Row("already_ended", (400, 409), ("Cannot cancel a booking that has already ended",)),
    _Row("not_started", (400, 409), ("can only be marked as absent after their scheduled start",)),
    # Before "already_cancelled": its text contains the other one's beginning.
    _Row("already_rescheduled", (400, 409), ("has been cancelled and rescheduled already to",)),
    _Row(
        "already_cancelled",
        (400, 409),
        (
            "because it has been cancelled already",
            "because it has been cancelled.",  # reschedule
            "this seat does not exist or has already been cancelled",
            "is cancelled and can't be reassigned",
        ),
    ),
    _Row("already_confirmed", (400, 409), ("Booking already confirmed",)),
    _Row("already_booked_by_attendee", (400, 409), ("already_signed_up_for_this_booking_error",)),
    _Row("no_seats_left", (400, 409, 422), ("No more seats left", "has no more seats left")),
    # A 401 that is not about credentials (recorded from a self-hosted server of 2026-07).
    _Row("booking_limit", (400, 401, 409), ("booking_limit_reached", "duration_limit_reached")),
    _Row("attendee_limit", (400, 409), ("the maximum number of active bookings has been reached",)),
    _Row("too_late_to_reschedule", (400, 403), ("not allowed within the minimum notice period",)),
    _Row("cancelling_disabled", (400, 403), ("This event type does not allow cancellations",)),
    _Row("reason_required", (400,), ("Cancellation reason is required",)),
    _Row("email_verification_required", (400,), ("email_verification_required",)),
    _Row("invalid_verification_code", (400,), ("invalid_verification_code",)),
    _Row(
        "exists_already",
        (400, 409),
        ("already exists", "already has an event type with this slug", "is already taken", "already connected"),
    ),
    # The text was not recorded; the OAuth guide of September 2026 calls the condition so.
    _Row("missing_scope", (401, 403), ("scope",)),
    _Row("expired_api_key", (401,), ("api key is expired",)),
    _Row("invalid_api_key", (401,), ("Invalid API Key", "api key is not valid")),
    # Without the first letter, because "No" is also written "no".
    _Row("no_credentials", (401, 403), ("o authentication method provided", "no authentication provided")),
    _Row(
        "no_permission",
        (400, 401, 403),
        (
            "not authorized",
            "do not have permission",
            "does not belong to user",
            "not a host of this event",
            "does not own",
            "is not the owner of",
        ),
    ),
)


def reason_of(status: int, message: str) -> Reason | None:
    """Return what an error means, or None if the table does not have it."""
    text = message[:MAX_SEARCHED]
    for row in _TABLE:
        if status in row.statuses and any(part in text for part in row.texts):
            return row.reason
    if status == 404 and _names_route(text):
        return "unknown_operation"
    return "no_permission" if status == 403 else None


def _names_route(text: str) -> bool:
    """Whether a text is the one that servers send for a route that they do not have: `Cannot GET /v2/...`."""
    words = text.split(" ", 2)
    return len(words) == 3 and words[0] == "Cannot" and words[1].isupper() and words[2].startswith("/")
