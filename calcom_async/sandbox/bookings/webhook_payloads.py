"""Webhook payloads of bookings: the server's internal calendar event, with fields that depend on the trigger."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from calcom_async.sandbox.bookings.times import find_zone
from calcom_async.sandbox.bookings.views import UNKNOWN_USER, seats_of
from calcom_async.sandbox.event_types.fields import split_name
from calcom_async.sandbox.event_types.forms import SCHEDULING_TYPES
from calcom_async.sandbox.state.booking import Booking
from calcom_async.sandbox.state.clock import iso_seconds
from calcom_async.sandbox.state.store import Store

Payload = dict[str, Any]

# Frequencies of a recurrence rule, as rrule.js numbers them.
FREQUENCIES = {"yearly": 0, "monthly": 1, "weekly": 2}
# Built-in booking fields in the order of the payload: label, and whether it is hidden.
BUILT_IN: tuple[tuple[str, str, bool], ...] = (
    ("attendeePhoneNumber", "phone_number", True),
    ("name", "your_name", False),
    ("email", "email_address", False),
    ("location", "location", False),
    ("title", "what_is_this_meeting_about", True),
    ("notes", "additional_notes", False),
    ("guests", "additional_guests", False),
    ("rescheduleReason", "reason_for_reschedule", False),
)


def created_payload(store: Store, booking: Booking, *, seat_uid: str | None = None) -> Payload:
    """Return the payload of BOOKING_CREATED and INSTANT_MEETING; for a seat, only with its attendee."""
    event_type = store.event_types.get(booking.event_type_id or 0) or {}
    seat = {"attendeeSeatId": seat_uid} if seat_uid else {}
    return (
        _event(store, booking, seat_uid)
        | seat
        | _settings(event_type)
        | {
            "startTime": iso_seconds(booking.start),
            "endTime": iso_seconds(booking.end),
            "destinationCalendar": None,
            "iCalSequence": 0,
            "price": event_type.get("price", 0),
            "metadata": _metadata(booking),
        }
    )


def requested_payload(store: Store, booking: Booking) -> Payload:
    """Return the payload of BOOKING_REQUESTED: as created, with the fields for platform clients."""
    extras = dict.fromkeys(
        ("assignmentReason", "platformClientId", "platformBookingUrl", "platformCancelUrl", "platformRescheduleUrl")
    )
    return {"organizationId": None} | created_payload(store, booking) | extras | {"metadata": booking.metadata}


def rejected_payload(store: Store, booking: Booking, reason: str | None) -> Payload:
    """Return the payload of BOOKING_REJECTED."""
    return created_payload(store, booking) | ({"rejectionReason": reason} if reason is not None else {})


def rescheduled_payload(store: Store, booking: Booking, old: Booking, *, seat_uid: str | None = None) -> Payload:
    """Return the payload of BOOKING_RESCHEDULED: the new booking, with uid, id and times of the old one."""
    moved: Payload = {"iCalSequence": 1, "appsStatus": [], "rescheduleUid": old.uid}
    if seat_uid is None:
        moved["rescheduleId"] = old.id
        moved |= {"rescheduleStartTime": iso_seconds(old.start), "rescheduleEndTime": iso_seconds(old.end)}
    by = {"rescheduledBy": booking.rescheduled_by} if booking.rescheduled_by else {}
    # The field names mislead: `rescheduleUid`, `rescheduleId` and the times are those of the booking before the move.
    payload = created_payload(store, booking, seat_uid=seat_uid) | moved | by
    # Absent from the recorded deliveries of a moved booking, though the calendar event keeps its uid.
    del payload["iCalUID"]
    return payload


def cancelled_payload(store: Store, booking: Booking, reason: str | None, *, seat_uid: str | None = None) -> Payload:
    """Return the payload of BOOKING_CANCELLED: fewer fields, times with +00:00.

    A removed seat is CANCELLED too, without id.
    """
    payload = _event(store, booking, seat_uid) | {
        # Other payloads end in Z. A receiver has to parse both forms.
        "startTime": booking.start.isoformat(timespec="seconds"),
        "endTime": booking.end.isoformat(timespec="seconds"),
        "destinationCalendar": [],
        "iCalSequence": 1,
        "seatsShowAttendees": False,
        "requiresConfirmation": None,
        "price": None,
        "status": "CANCELLED",
        "requestReschedule": False,
    }
    if reason:
        payload["cancellationReason"] = reason
    return payload


def no_show_payload(booking: Booking, marked: list[Payload]) -> Payload:
    """Return the payload of BOOKING_NO_SHOW_UPDATED; `marked` are attendees as {email, noShow}."""
    shown = ", ".join(attendee["email"] for attendee in marked)
    message = f"{shown} {'marked' if marked[0]['noShow'] else 'unmarked'} as no-show"
    return {"message": message, "bookingUid": booking.uid, "bookingId": booking.id, "attendees": marked}


def _event(store: Store, booking: Booking, seat_uid: str | None) -> Payload:
    """Return the fields that all payloads share."""
    event_type = store.event_types.get(booking.event_type_id or 0) or {}
    seats = seats_of(event_type) or {}
    payload = {
        "bookerUrl": "https://app.cal.com",
        "type": event_type.get("slug"),
        "title": booking.title,
        "eventTitle": event_type.get("title"),
        "eventDescription": event_type.get("description") or None,
        "description": booking.description or "",
        "additionalNotes": booking.description or "",
        "length": int((booking.end - booking.start).total_seconds() // 60),
        "organizer": _organizer(store, booking),
        "attendees": [_attendee(attendee, booking.start, event_type) for attendee in _people(booking, seat_uid)],
        "customInputs": {},
        "responses": _responses(booking, event_type),
        "userFieldsResponses": _custom_responses(booking, event_type),
        "location": booking.location,
        "uid": booking.uid,
        "bookingId": booking.id,
        "eventTypeId": booking.event_type_id,
        "iCalUID": booking.ics_uid,
        "seatsPerTimeSlot": seats.get("seatsPerTimeSlot"),
        "schedulingType": SCHEDULING_TYPES.get(event_type.get("schedulingType", "")),
        "hideOrganizerEmail": bool(event_type.get("hideOrganizerEmail")),
        "hideBranding": False,
        "customReplyToEmail": None,
        "currency": event_type.get("currency", "usd"),
        "status": booking.status.upper(),
    }
    team = store.teams.get(booking.team_id or 0)
    if team:
        payload["team"] = {"id": team["id"], "name": team["name"], "members": []}
    # Recorded from a self-hosted server of 2025-12; servers without organizations send no such field.
    if (organization_id := store.users.get(booking.user_id, {}).get("organization_id")) is not None:
        payload["organizationId"] = organization_id
    if rule := event_type.get("recurrence"):
        payload["recurringEvent"] = {
            "freq": FREQUENCIES[rule["frequency"]],
            "count": rule["occurrences"],
            "interval": rule["interval"],
        }
    return payload


def _settings(event_type: Payload) -> Payload:
    """Return the settings of the event type that payloads of new bookings contain."""
    seats = seats_of(event_type) or {}
    policy = event_type.get("confirmationPolicy") or {"disabled": True}
    return {
        "hideCalendarNotes": bool(event_type.get("hideCalendarNotes")),
        "hideCalendarEventDetails": bool(event_type.get("hideCalendarEventDetails")),
        "seatsShowAttendees": seats.get("showAttendeeInfo", True),
        "seatsShowAvailabilityCount": seats.get("showAvailabilityCount", True),
        "disableRescheduling": bool((event_type.get("disableRescheduling") or {}).get("disabled")),
        "disableCancelling": bool((event_type.get("disableCancelling") or {}).get("disabled")),
        "requiresConfirmation": not policy.get("disabled", False),
        "oneTimePassword": None,
        "hashedLink": None,
    }


def _people(booking: Booking, seat_uid: str | None) -> list[Payload]:
    """Return the attendees, or only the one of a seat."""
    if seat_uid is None:
        return list(booking.attendees)
    held = {seat["attendee_id"] for seat in booking.seats if seat["seat_uid"] == seat_uid}
    return [attendee for attendee in booking.attendees if attendee["id"] in held]


def _organizer(store: Store, booking: Booking) -> Payload:
    """Return the organizer with locale, time format and UTC offset in minutes."""
    user = store.users.get(booking.user_id, UNKNOWN_USER)
    return {
        "id": user["id"],
        "name": user["name"],
        "email": user["email"],
        "username": user["username"],
        "timeZone": user["time_zone"],
        "language": {"locale": user.get("locale") or "en"},
        "timeFormat": "h:mma" if user.get("time_format") == 12 else "HH:mm",
        "utcOffset": _offset(user["time_zone"], booking.start),
    }


def _attendee(attendee: Payload, start: datetime, event_type: Payload) -> Payload:
    """Return an attendee with locale and UTC offset in minutes."""
    names = split_name(event_type.get("bookingFields", []), attendee["name"]) or {}
    phone = {"phoneNumber": attendee["phoneNumber"]} if attendee.get("phoneNumber") else {}
    return {
        "email": attendee["email"],
        "name": attendee["name"],
        "firstName": names.get("firstName", ""),
        "lastName": names.get("lastName", ""),
        "timeZone": attendee["timeZone"],
        "language": {"locale": attendee.get("language") or "en"},
        "utcOffset": _offset(attendee["timeZone"], start),
        **phone,
    }


def _responses(booking: Booking, event_type: Payload) -> Payload:
    """Return the responses to all booking fields, with their labels."""
    booker = booking.attendees[0] if booking.attendees else {"name": "", "email": ""}
    values = {"name": booker["name"], "email": booker["email"], **booking.responses}
    if booking.location:
        values.setdefault("location", {"value": booking.location, "optionValue": ""})
    fields = {slug: _answer(label, values.get(slug), hidden=hidden) for slug, label, hidden in BUILT_IN}
    return fields | _custom_responses(booking, event_type)


def _custom_responses(booking: Booking, event_type: Payload) -> Payload:
    """Return the responses to the custom booking fields."""
    custom = [field for field in event_type.get("bookingFields", []) if not field.get("isDefault")]
    return {
        field["slug"]: _answer(
            field.get("label", ""), booking.responses.get(field["slug"]), hidden=bool(field.get("hidden"))
        )
        for field in custom
    }


def _answer(label: str, value: Any, *, hidden: bool) -> Payload:
    """Return one response; `value` is missing without an answer."""
    return {"label": label, **({} if value is None else {"value": value}), "isHidden": hidden}


def _metadata(booking: Booking) -> Payload:
    """Return the metadata with the URL of the video room."""
    room = booking.location or ""
    return ({"videoCallUrl": room} if room.startswith("http") else {}) | booking.metadata


def _offset(zone: str, moment: datetime) -> int:
    """Return the UTC offset in minutes; unknown time zones (of a deleted user) count as UTC."""
    known = find_zone(zone)
    offset = moment.astimezone(known).utcoffset() if known else None
    return int(offset.total_seconds() // 60) if offset else 0
