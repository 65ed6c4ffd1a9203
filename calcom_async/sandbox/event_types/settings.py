"""Settings of event types that are objects.

Each function takes a validated value of a body and returns the value of the response.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC
from typing import Any

from calcom_async.sandbox.http.constraints import fits_column
from calcom_async.sandbox.http.errors import no_details
from calcom_async.sandbox.http.time_zones import parse_iso_time

OFF: dict[str, Any] = {"disabled": True}
_PERIODS = ("day", "week", "month", "year")
_VIDEO_FLAGS = (
    "disableRecordingForOrganizer",
    "disableRecordingForGuests",
    "enableAutomaticRecordingForOrganizer",
    "enableAutomaticTranscription",
    "disableTranscriptionForGuests",
    "disableTranscriptionForOrganizer",
)


def _or_off(build: Callable[[dict[str, Any]], dict[str, Any]]) -> Callable[[Any], dict[str, Any]]:
    """Return `{"disabled": true}` if a setting is off, or the result of `build`."""
    return lambda given: dict(OFF) if given is None or given.get("disabled") else build(given)


def limits(given: dict[str, Any] | None) -> dict[str, Any]:
    """Return the limits by period; limits that are off are `{}` rather than disabled."""
    if given is None or given.get("disabled"):
        return {}
    return {period: given[period] for period in _PERIODS if given.get(period) is not None}


@_or_off
def window(given: dict[str, Any]) -> dict[str, Any]:
    """Return the booking window; `rolling` is always present."""
    if given["type"] == "range":
        return {"type": "range", "value": [_date(moment) for moment in given["value"]]}
    if not fits_column(given["value"]):
        raise no_details(400, "TRPCError", "BAD_REQUEST")
    # The specification declares a list; every version before 2026-06-12 sends one object.
    return {"type": given["type"], "value": given["value"], "rolling": bool(given.get("rolling"))}


def _date(moment: str) -> str:
    """Return the UTC date of a time. Raises an error for a day that does not exist."""
    when = parse_iso_time(moment)
    return (when.astimezone(UTC) if when.tzinfo else when).date().isoformat()


@_or_off
def confirmation_policy(given: dict[str, Any]) -> dict[str, Any]:
    """Return the confirmation policy; the notice only for the type "time"."""
    threshold = {"noticeThreshold": given["noticeThreshold"]} if given["type"] == "time" else {}
    blocks = bool(given.get("blockUnconfirmedBookingsInBooker"))
    return {"type": given["type"], **threshold, "blockUnconfirmedBookingsInBooker": blocks}


@_or_off
def seats(given: dict[str, Any]) -> dict[str, Any]:
    """Return the seat settings."""
    return {"disabled": False, **{key: given[key] for key in _SEATS}}


_SEATS = ("seatsPerTimeSlot", "showAttendeeInfo", "showAvailabilityCount")


@_or_off
def active_bookings_limit(given: dict[str, Any]) -> dict[str, Any]:
    """Return the limit of active bookings per attendee."""
    return {
        "maximumActiveBookings": given["maximumActiveBookings"],
        "offerReschedule": bool(given.get("offerReschedule")),
    }


def recurrence(given: dict[str, Any] | None) -> dict[str, Any] | None:
    """Return the recurrence; null if it is off."""
    if given is None or given.get("disabled") or "interval" not in given:
        return None
    return {"disabled": False, **{key: given[key] for key in ("interval", "occurrences", "frequency")}}


def disable_cancelling(given: dict[str, Any] | None) -> dict[str, Any]:
    """Return the setting as `{"disabled": bool}`."""
    return {"disabled": bool((given or {}).get("disabled"))}


def disable_rescheduling(given: dict[str, Any] | None) -> dict[str, Any]:
    """Return when rescheduling is disabled: always, or within minutes before the start."""
    given = given or {}
    # Always wins over the notice, which is dropped then.
    if given.get("disabled") or not given.get("minutesBefore"):
        return {"disabled": bool(given.get("disabled"))}
    return {"disabled": False, "minutesBefore": given["minutesBefore"]}


def color(given: dict[str, Any] | None) -> dict[str, Any] | None:
    """Return both colors, or null if one is missing."""
    if not isinstance(given, dict):
        return None
    pair = {key: given.get(key) for key in ("darkThemeHex", "lightThemeHex")}
    # One color alone is dropped without an error (recorded from a self-hosted server of 2026-07).
    return pair if all(pair.values()) else None


def booker_layouts(given: dict[str, Any] | None) -> dict[str, Any] | None:
    """Return the layouts of the booking page, or null."""
    return given and {key: given[key] for key in ("defaultLayout", "enabledLayouts")}


NEWER_VIDEO_SETTINGS = (
    "hideTranscriptionForGuests",
    "hideTranscriptionForOrganizer",
    "disableAttendeeRecordingDownloadEmail",
    "transcriptionLanguage",
)
"""Settings of version 2026-06-12, which the responses of older versions omit."""


def video_settings(given: dict[str, Any] | None, event_type_id: int, now: str) -> dict[str, Any]:
    """Return all video settings if one is given; a transcription setting alone stays alone."""
    given = given or {}
    emails = {"sendTranscriptionEmails": given.get("sendTranscriptionEmails", True)}
    if not given.keys() - emails.keys():
        return emails
    return {
        "eventTypeId": event_type_id,
        **{flag: bool(given.get(flag)) for flag in _VIDEO_FLAGS},
        "redirectUrlOnExit": given.get("redirectUrlOnExit"),
        **{key: given[key] for key in NEWER_VIDEO_SETTINGS if key in given},
        "requireEmailForGuests": False,
        "createdAt": now,
        "updatedAt": now,
        **emails,
    }


SETTERS: dict[str, Callable[[Any], Any]] = {
    "bookingLimitsCount": limits,
    "bookingLimitsDuration": limits,
    "bookerActiveBookingsLimit": active_bookings_limit,
    "bookingWindow": window,
    "confirmationPolicy": confirmation_policy,
    "recurrence": recurrence,
    "seats": seats,
    "color": color,
    "bookerLayouts": booker_layouts,
    "disableCancelling": disable_cancelling,
    "disableRescheduling": disable_rescheduling,
}
"""Builders by field; all other fields of a body are stored unchanged."""
