"""Bookings in the form of 2024-04-15: a row of the list, the single read, and what a creation returns.

The outer shapes were measured on the self-hosted build of 2026-07, the names of the fields come from the source code
of the server.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from calcom_async.sandbox.bookings.views import UNKNOWN_USER, shows_attendees
from calcom_async.sandbox.state.booking import Booking
from calcom_async.sandbox.state.clock import iso
from calcom_async.sandbox.state.store import Store
from calcom_async.sandbox.version_2024_04_15.event_type_views import event_type_row

Wire = dict[str, Any]

_STATUSES = ("ACCEPTED", "CANCELLED", "REJECTED", "PENDING", "AWAITING_HOST")
_LISTED_EVENT_TYPE = (
    "slug", "id", "title", "eventName", "price", "recurringEvent", "currency", "metadata", "disableGuests",
    "seatsShowAttendees", "seatsShowAvailabilityCount", "eventTypeColor", "allowReschedulingPastBookings",
    "hideOrganizerEmail", "disableCancelling", "disableRescheduling", "schedulingType", "length",
)  # fmt: skip


def list_row(store: Store, booking: Booking, email: str) -> Wire:
    """Return a booking as the list of the user with this address contains it."""
    attendees = [_attendee(booking, attendee) for attendee in booking.attendees]
    if booking.seats and not shows_attendees(store, booking):
        attendees = [attendee for attendee in attendees if attendee["email"] == email]
    user = store.users.get(booking.user_id, UNKNOWN_USER)
    moved_from = store.bookings.get(booking.from_uid or "")
    return {
        **_columns(store, booking),
        "createdAt": iso(booking.created_at),
        "updatedAt": iso(booking.updated_at) if booking.updated_at else None,
        "fromReschedule": booking.from_uid,
        "rescheduled": booking.to_uid is not None or None,
        "isRecorded": False,
        "paid": False,
        "routedFromRoutingFormReponse": None,
        "eventType": _listed_event_type(store, booking),
        "references": [_reference(booking, reference) for reference in booking.references],
        "payment": [],
        "user": {"id": user["id"], "name": user["name"], "email": user["email"]},
        "attendees": attendees,
        "seatsReferences": [_seat(booking, seat, email) for seat in booking.seats],
        "assignmentReason": [],
        "rescheduler": moved_from.rescheduled_by if moved_from else None,
    }


def _columns(store: Store, booking: Booking) -> Wire:
    """Return the columns that all forms have."""
    return {
        "id": booking.id,
        "uid": booking.uid,
        "title": booking.title,
        "description": booking.description,
        "customInputs": {},
        "startTime": iso(booking.start),
        "endTime": iso(booking.end),
        "metadata": booking.metadata,
        "responses": _responses(booking),
        "recurringEventId": booking.recurring_uid,
        "location": booking.location,
        "status": booking.status.upper(),
        "userPrimaryEmail": store.users.get(booking.user_id, UNKNOWN_USER)["email"],
    }


def _responses(booking: Booking) -> Wire:
    """Return the responses, those of the first attendee included; a seated booking has none of its own."""
    if booking.seats or not booking.attendees:
        return {}
    booker = booking.attendees[0]
    return {"email": booker["email"], "name": booker["name"], **booking.responses}


def _listed_event_type(store: Store, booking: Booking) -> Wire:
    """Return the event type of a row; without one, some defaults stay."""
    record = store.event_types.get(booking.event_type_id or 0)
    if record is None:
        return {"price": 0, "currency": "usd", "recurringEvent": None, "eventTypeColor": None, "metadata": {}}
    row = event_type_row(record)
    team = store.teams.get(record.get("teamId") or 0)
    # The query of the server turns a missing scheduling type into this one.
    scheduling_type = row["schedulingType"] or "ROUND_ROBIN"
    return {name: row[name] for name in _LISTED_EVENT_TYPE} | {
        "customReplyToEmail": None,
        "schedulingType": scheduling_type,
        "team": team and {"id": team["id"], "name": team["name"], "slug": team.get("slug")},
    }


def _attendee(booking: Booking, attendee: Wire) -> Wire:
    """Return the columns of an attendee."""
    return {
        "id": attendee["id"],
        "email": attendee["email"],
        "name": attendee["name"],
        "timeZone": attendee["timeZone"],
        "phoneNumber": attendee.get("phoneNumber"),
        "locale": attendee.get("language", "en"),
        "bookingId": booking.id,
        "noShow": attendee["absent"],
    }


def _reference(booking: Booking, reference: Mapping[str, Any]) -> Wire:
    """Return the columns of a reference."""
    columns = ("meetingId", "meetingPassword", "meetingUrl", "externalCalendarId", "deleted", "credentialId")
    return {
        "id": reference.get("id"),
        "type": reference["type"],
        "uid": reference.get("eventUid"),
        "bookingId": booking.id,
        "thirdPartyRecurringEventId": None,
        "delegationCredentialId": None,
        **{name: reference.get(name) for name in columns},
    }


def _seat(booking: Booking, seat: Wire, email: str) -> Wire:
    """Return a seat; its attendee only if it is the caller."""
    mine = any(person["id"] == seat["attendee_id"] and person["email"] == email for person in booking.attendees)
    return {"referenceUid": seat["seat_uid"], "attendee": {"email": email} if mine else None}


def series_info(bookings: Iterable[Booking]) -> list[Wire]:
    """Return the series among a user's bookings, with the starts of their occurrences by status."""
    series: dict[str, list[Booking]] = {}
    for booking in bookings:
        if booking.recurring_uid:
            series.setdefault(booking.recurring_uid, []).append(booking)
    return [
        {
            "recurringEventId": uid,
            "count": len(occurrences),
            "firstDate": iso(min(booking.start for booking in occurrences)),
            "bookings": {
                status: [iso(booking.start) for booking in occurrences if booking.status.upper() == status]
                for status in _STATUSES
            },
        }
        for uid, occurrences in series.items()
    ]


def info_view(store: Store, booking: Booking) -> Wire:
    """Return a booking for whoever knows its uid."""
    user = store.users.get(booking.user_id, UNKNOWN_USER)
    record = store.event_types.get(booking.event_type_id or 0)
    seen = ("name", "email", "timeZone", "phoneNumber")
    return {
        **_columns(store, booking),
        "smsReminderNumber": None,
        "cancellationReason": None if booking.status == "rejected" else booking.cancellation_reason,
        "rejectionReason": booking.cancellation_reason if booking.status == "rejected" else None,
        "fromReschedule": booking.from_uid,
        "createdAt": iso(booking.created_at),
        "updatedAt": iso(booking.updated_at) if booking.updated_at else None,
        "user": {
            "id": user["id"],
            "name": user["name"],
            "email": user["email"],
            "username": user["username"],
            "timeZone": user["time_zone"],
        },
        "attendees": [{name: attendee.get(name) for name in seen} for attendee in booking.attendees],
        "eventTypeId": booking.event_type_id,
        "eventType": record and {"eventName": record.get("customName"), "slug": record["slug"], "timeZone": None},
        "seatsReferences": [{"referenceUid": seat["seat_uid"]} for seat in booking.seats],
    }


def reschedule_view(store: Store, booking: Booking) -> Wire:
    """Return what a booking page needs to move a booking."""
    names = ("id", "uid", "title", "description", "customInputs", "responses", "startTime", "endTime", "location")
    columns = _columns(store, booking)
    return {name: columns[name] for name in names} | {
        "smsReminderNumber": None,
        "metadata": booking.metadata,
        "attendees": [{"name": person["name"], "email": person["email"]} for person in booking.attendees],
        "user": {"id": booking.user_id},
    }


def created_view(store: Store, booking: Booking, seat_uid: str | None = None) -> Wire:
    """Return a new booking as the creation does: nearly all columns, the organizer and some results."""
    user = store.users.get(booking.user_id, UNKNOWN_USER)
    return {
        **_columns(store, booking),
        "userId": booking.user_id,
        "eventTypeId": booking.event_type_id,
        "createdAt": iso(booking.created_at),
        "updatedAt": None,
        "idempotencyKey": None,
        "smsReminderNumber": None,
        "oneTimePassword": None,
        "paid": False,
        "destinationCalendarId": None,
        "cancellationReason": None,
        "rejectionReason": None,
        "reassignReason": None,
        "reassignById": None,
        "dynamicEventSlugRef": None,
        "dynamicGroupSlugRef": None,
        "rescheduled": None,
        "fromReschedule": booking.from_uid,
        "scheduledJobs": [],
        "isRecorded": False,
        "iCalUID": booking.ics_uid,
        "iCalSequence": 0,
        "rating": None,
        "ratingFeedback": None,
        "noShowHost": False,
        "cancelledBy": None,
        "rescheduledBy": booking.rescheduled_by,
        "creationSource": "API_V2",
        "references": [_reference(booking, reference) for reference in booking.references],
        "payment": [],
        "attendees": [_attendee(booking, attendee) for attendee in booking.attendees],
        "user": {
            "email": None,
            "name": user["name"],
            "timeZone": user["time_zone"],
            "username": user["username"],
            "isPlatformManaged": False,
        },
        "paymentRequired": False,
        "luckyUsers": [],
        "isDryRun": False,
        **({"seatReferenceUid": seat_uid} if seat_uid else {}),
    }
