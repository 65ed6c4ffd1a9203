"""What a model is told about an error: what happened, and what to do next, in the words of the tools."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, tzinfo
from math import ceil

from calcom_async.errors import (
    ApiError,
    CalcomError,
    ExportError,
    ForbiddenError,
    NotFoundError,
    RateLimitedError,
    ServerError,
    SlotTakenError,
    TransportError,
    UnauthorizedError,
    UnknownOutcomeError,
    may_have_acted,
)
from calcom_async.mcp.times import both
from calcom_async.mcp.untrusted import clean

MAX_ALTERNATIVES = 5
MAX_MESSAGE = 2_000


ADVICE: Mapping[str | None, str] = {
    "reason_required": "Repeat the call with a reason.",
    "already_cancelled": "See with get_booking how it is now.",
    "already_ended": "It is over and cannot change any more. Tell the user.",
    "in_the_past": "Choose a later time with find_times.",
    "outside_booking_window": "Choose a time that find_times returns.",
    "booking_limit": "Look for another day with find_times.",
    "attendee_limit": "Look for another time with find_times.",
    "no_seats_left": "Look for another time with find_times.",
    "email_verification_required": "The attendee has to book on the booking page, where they verify their email.",
    "cancelling_disabled": "The event type does not allow this. Tell the user.",
    "too_late_to_reschedule": "The event type does not allow this any more. Tell the user.",
}
"""What to do next, by `ApiError.reason`."""


def explain(error: CalcomError, zone: tzinfo, *, changes: bool, idempotent: bool = False) -> str:
    """Return the text of an error for the model.

    `zone` is that of the call. `changes` and `idempotent` say whether its tool writes, and whether twice is like once.
    """
    message = error.message.rstrip()
    advice = _advice(error, zone, changes=changes, idempotent=idempotent)
    return clean(f"{message}{'' if message.endswith(('.', '?', '!')) else '.'} {advice}", MAX_MESSAGE)


def _advice(error: CalcomError, zone: tzinfo, *, changes: bool, idempotent: bool) -> str:
    if isinstance(error, SlotTakenError):
        return _alternatives(error, zone)
    if isinstance(error, UnknownOutcomeError):
        start = error.lookup.get("after_start") or error.lookup.get("start")
        where = f" with list_bookings for a booking on {both(start, zone)}" if isinstance(start, datetime) else ""
        return f"It is not known whether this took effect. Look{where} before you try again."
    if isinstance(error, ApiError) and error.reason in ADVICE:
        return ADVICE[error.reason]
    if isinstance(error, RateLimitedError):
        return f"Wait {max(1, ceil(error.retry_after))} seconds, then repeat the call."
    if isinstance(error, UnauthorizedError) and error.reason in {None, "invalid_api_key", "expired_api_key"}:
        return "Cal.com does not accept the API key. Ask the user to check it; do not repeat the call."
    if isinstance(error, ForbiddenError):
        return "The API key has no permission for this. Tell the user; do not repeat the call."
    if isinstance(error, NotFoundError):
        return (
            "Check the id: list_bookings shows the uids of bookings, who_am_i the ids of event types, and "
            "get_availability those of schedules."
        )
    if isinstance(error, ExportError):
        return "Pass another file, or tell the user."
    if changes and may_have_acted(error):
        if idempotent:
            return (
                "It may have taken effect all the same. Repeat the call in a minute; that never makes a change twice."
            )
        return "It may have taken effect all the same. Look before you try again."
    if isinstance(error, ServerError | TransportError):
        return "Try again in a minute."
    return ""


def _alternatives(error: SlotTakenError, zone: tzinfo) -> str:
    slots = error.alternatives[:MAX_ALTERNATIVES]
    if not slots:
        return "Nothing was booked or moved. Look for another time with find_times."
    times = "; ".join(both(slot.start, zone) for slot in slots)
    return f"Nothing was booked or moved. Nearest free: {times}. Offer these, or look with find_times."
