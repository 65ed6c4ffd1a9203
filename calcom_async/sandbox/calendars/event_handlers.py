"""Handlers of events in a connected Google calendar, found by the references of bookings.

A sandbox has no such calendar, so the responses only have the right shape. Tests add references to
`Booking.references`.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from calcom_async.sandbox.http import errors
from calcom_async.sandbox.http.call import Call
from calcom_async.sandbox.http.constraints import date_string, object_, string
from calcom_async.sandbox.http.forms import Field, Form
from calcom_async.sandbox.http.routing import Routes
from calcom_async.sandbox.state.clock import iso

ROUTES = Routes()


_MOMENT = Form(Field("time", date_string, optional=True), Field("timeZone", string, optional=True))
_CHANGES = Form(
    Field("start", object_, optional=True, nested=_MOMENT),
    Field("end", object_, optional=True, nested=_MOMENT),
    Field("title", string, optional=True),
)


@ROUTES.add("GET", "/v2/calendars/{calendar}/event/{eventUid}", stateful=False)
def get_calendar_event(call: Call) -> object:
    """Return a made-up event for the reference of a booking."""
    return _event(call)


@ROUTES.add("PATCH", "/v2/calendars/{calendar}/events/{eventUid}", stateful=False)
def update_calendar_event(call: Call) -> object:
    """Return the event with the changes, which are not stored."""
    _CHANGES.read(call.body)
    event = _event(call)
    return event | {name: value for name, value in call.body.items() if name in event}


def _event(call: Call) -> dict[str, Any]:
    """Return the event with this uid. Raises a 404 unless a booking has a reference to it."""
    # Checked before the event is looked up, so an unknown event of another calendar gets this error.
    if call.path["calendar"] != "google":
        raise errors.bad_request("Calendar event operations are only available for Google Calendar")
    uid = call.path["eventUid"]
    references = (reference for booking in call.store.bookings.values() for reference in booking.references)
    if all(reference.get("eventUid") != uid for reference in references):
        raise errors.not_found("Booking reference not found")
    noon = call.clock.now().replace(hour=12, minute=0, second=0, microsecond=0)
    owner = {"email": call.user["email"], "name": call.user["name"]}
    return {
        "start": _moment(call, noon),
        "end": _moment(call, noon + timedelta(minutes=30)),
        "id": uid,
        "title": "A meeting",
        "description": None,
        "locations": [{"type": "video", "url": "https://video.sandbox.test/room", "label": None}],
        "attendees": [{**owner, "responseStatus": "accepted", "self": True, "optional": False, "host": True}],
        "status": "accepted",
        "hosts": [{**owner, "responseStatus": "accepted"}],
        "calendarEventOwner": owner,
        "source": "google",
    }


def _moment(call: Call, moment: datetime) -> dict[str, str]:
    """Return a time in the form of calendar events."""
    return {"time": iso(moment), "timeZone": call.user["time_zone"]}
