"""Webhook deliveries that follow an event later: the start and end of a meeting, and a form that led to no booking.

As on the real server, a delivery is planned for the webhooks that exist at the time of the event. It is sent when the
clock of the sandbox reaches its time, with the next request or `Sandbox.wait_idle()`. The body of a meeting was
recorded from the self-hosted build of 2026-07; that of a form follows the guide of September 2026.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from calcom_async.sandbox.http.context import Context
from calcom_async.sandbox.state.booking import Booking
from calcom_async.sandbox.state.clock import iso
from calcom_async.sandbox.state.store import Store
from calcom_async.sandbox.webhooks.delivery import matching, send

STARTED, ENDED, NO_EVENT = "MEETING_STARTED", "MEETING_ENDED", "FORM_SUBMITTED_NO_EVENT"
_CONFIRMED = frozenset({"BOOKING_CREATED", "BOOKING_RESCHEDULED"})
_TOO_LATE = timedelta(days=1)
_PATIENCE = timedelta(minutes=15)
"""How long after a form a booking is awaited."""
_RECENT = timedelta(hours=1)

Payload = Mapping[str, Any]


def plan(context: Context, trigger: str, payload: Payload, scope: Payload) -> None:
    """Plan the deliveries that follow an event."""
    if trigger in _CONFIRMED and (booking := context.store.bookings.get(payload.get("uid", ""))) is not None:
        for later, moment in ((STARTED, booking.start), (ENDED, booking.end)):
            # The real server plans these jobs when a booking is made or moved, for the webhooks of that moment; later
            # webhooks get nothing for it.
            if webhook_ids := _ids(context.store, later, scope):
                key = (booking.uid, later)
                planned = context.store.extras["meetings"]
                if planned.get(key) != moment:  # each seat of a booking is an event
                    planned[key] = moment
                    work = partial(_announce_meeting, context, later, booking.uid, moment, scope, webhook_ids)
                    context.store.schedule.add(moment, work)
    elif trigger == "FORM_SUBMITTED" and (webhook_ids := _ids(context.store, NO_EVENT, scope)):
        work = partial(_announce_no_event, context, payload, scope, webhook_ids)
        context.store.schedule.add(context.clock.now() + _PATIENCE, work)


def _ids(store: Store, trigger: str, scope: Payload) -> frozenset[str]:
    """Return the ids of the webhooks that would get an event now."""
    return frozenset(webhook["id"] for webhook in matching(store, trigger, scope))


def _announce_meeting(  # noqa: PLR0917 - bound by `partial`, in this order
    context: Context, trigger: str, uid: str, moment: datetime, scope: Payload, webhook_ids: frozenset[str]
) -> None:
    """Deliver the start or end of a booking that still takes place then; a day late is too late."""
    booking = context.store.bookings.get(uid)
    # A job that is more than a day late is dropped, for instance after the sandbox's clock was moved far ahead.
    if booking is None or booking.status != "accepted" or context.clock.now() - moment > _TOO_LATE:
        return
    _send(context, trigger, _meeting(context.store, booking), scope, webhook_ids)


def _announce_no_event(context: Context, payload: Payload, scope: Payload, webhook_ids: frozenset[str]) -> None:
    """Deliver that a form led to no booking, unless somebody with an email address of the answers has booked."""
    answers = {str(answer["value"]).lower() for answer in payload["responses"].values()}
    since = context.clock.now() - _RECENT
    has_booked = any(
        person["email"].lower() in answers
        for booking in context.store.bookings.created_since(since)
        for person in booking.attendees
    )
    if not has_booked:
        _send(context, NO_EVENT, {**payload, "responseId": scope["response_id"]}, scope, webhook_ids)


def _send(context: Context, trigger: str, payload: Payload, scope: Payload, webhook_ids: frozenset[str]) -> None:
    """Send an event to those of the webhooks that still want it."""
    webhooks = [webhook for webhook in matching(context.store, trigger, scope) if webhook["id"] in webhook_ids]
    send(context, webhooks, trigger, payload, scope.get("root"))


def _meeting(store: Store, booking: Booking) -> dict[str, Any]:
    """Return the row of a booking, which is the whole body."""
    host = store.users[booking.user_id]
    return {
        "id": booking.id,
        "uid": booking.uid,
        "userId": booking.user_id,
        "eventTypeId": booking.event_type_id,
        "title": booking.title,
        "description": booking.description,
        "startTime": iso(booking.start),
        "endTime": iso(booking.end),
        "createdAt": iso(booking.created_at),
        "status": booking.status.upper(),
        "location": booking.location,
        "attendees": [dict(attendee) for attendee in booking.attendees],
        "user": {"email": host["email"], "name": host["name"], "timeZone": host["time_zone"]}
        | {"username": host["username"]},
        "userPrimaryEmail": host["email"],
        "responses": dict(booking.responses),
        "metadata": dict(booking.metadata),
        "iCalUID": booking.ics_uid,
    }
