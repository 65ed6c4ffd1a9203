"""Handlers of insights: the right shapes with made-up content, for admins of an organization."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from calcom_async.sandbox.accounts.teams import role_in
from calcom_async.sandbox.http import errors
from calcom_async.sandbox.http.call import Call
from calcom_async.sandbox.http.constraints import array, date_string, maximum, number, one_of, string
from calcom_async.sandbox.http.forms import Field, Form
from calcom_async.sandbox.http.routing import Routes
from calcom_async.sandbox.state.clock import iso

ROUTES = Routes()


BOOKINGS = "/v2/insights/bookings"
ROUTINGS = "/v2/insights/routings"

_SCOPE = (
    Field("scope", one_of(("user", "team", "org"))),
    Field("selectedTeamId", number, optional=True),
)
_FILTERS = Field("columnFilters", array, optional=True)
_BOOKINGS = Form(*_SCOPE, Field("timeZone", string), _FILTERS)
_FIELDS = Form(*_SCOPE, Field("routingFormId", string, optional=True))
_ROUTINGS = Form(*_SCOPE, Field("startDate", date_string), Field("endDate", date_string), _FILTERS)
_RESPONSES = _ROUTINGS.extended(
    Field("sorting", array, optional=True), Field("offset", number), Field("limit", maximum(100), number)
)
_PER_PERIOD = _ROUTINGS.extended(
    Field("period", one_of(("perDay", "perWeek", "perMonth"))),
    Field("limit", maximum(100), number),
    Field("searchQuery", string, optional=True),
)


def _read(call: Call, form: Form) -> dict[str, Any]:
    """Return the body if the caller is an admin of an organization."""
    # The hosted API returned 403 to the one account that was tried, so the figures are those of its specification.
    organization_id = call.user.get("organization_id")
    if organization_id is None or role_in(call.store, organization_id, call.user["id"]) not in ("ADMIN", "OWNER"):
        raise errors.forbidden("Forbidden resource")
    return form.read(call.body)


def _day(call: Call) -> dict[str, Any]:
    """Return the current day as statistics show it."""
    now = call.clock.now()
    return {"formattedDateFull": f"{now:%b} {now.day}, {now.year}", "isToday": True}


@ROUTES.add("POST", BOOKINGS + "/kpi-stats", stateful=False)
def kpi_stats(call: Call) -> object:
    """Return key figures of bookings."""
    _read(call, _BOOKINGS)
    names = ("created", "scheduled", "completed", "rescheduled", "cancelled", "no_show", "no_show_guest", "rating")
    metrics = {name: {"count": 3, "deltaPrevious": 50} for name in (*names, "csat")}
    return {"empty": False, **metrics, "previousRange": {"startDate": "Dec 1, 2023", "endDate": "Dec 31, 2023"}}


@ROUTES.add("POST", BOOKINGS + "/event-trends", stateful=False)
def event_trends(call: Call) -> object:
    """Return the number of bookings over time."""
    _read(call, _BOOKINGS)
    # The keys contain blanks and brackets in the specification too.
    names = ("Created", "Completed", "Rescheduled", "Cancelled", "No-Show (Host)", "No-Show (Guest)")
    return [{"Month": "Jan 1", **_day(call), **dict.fromkeys(names, 1)}]


@ROUTES.add("POST", BOOKINGS + "/average-duration", stateful=False)
def average_duration(call: Call) -> object:
    """Return the average duration of bookings over time."""
    _read(call, _BOOKINGS)
    return [{"Date": "Jan 1", **_day(call), "Average": 22.5}]


@ROUTES.add("POST", BOOKINGS + "/members", stateful=False)
def members(call: Call) -> object:
    """Return figures of bookings by member."""
    _read(call, _BOOKINGS)
    user = call.user
    names = ("id", "username", "name", "email")
    row = {
        "userId": user["id"],
        "user": {name: user[name] for name in names} | {"avatarUrl": user.get("avatar_url")},
        "emailMd5": "d41d8cd98f00b204e9800998ecf8427e",
        "count": 3,
    }
    lists = ("mostBookings", "leastBookings", "mostCancelled", "mostCompleted", "leastCompleted", "mostNoShow")
    return {name: [row] for name in (*lists, "highestRatings", "lowestRatings")}


@ROUTES.add("POST", ROUTINGS + "/forms-by-status", stateful=False)
def forms_by_status(call: Call) -> object:
    """Return the number of responses by their result."""
    _read(call, _ROUTINGS)
    return {"total": 3, "totalWithoutBooking": 1, "totalWithBooking": 2}


@ROUTES.add("POST", ROUTINGS + "/form-responses", stateful=False)
def form_responses(call: Call) -> object:
    """Return one response, which led to a booking."""
    body, now = _read(call, _RESPONSES), call.clock.now()
    row = {
        "id": 1,
        "uuid": "6f0d7a1c-8d4b-4a3e-9b51-2f6b3c0d9e11",
        "formId": "5b7c1f4e-0f6c-4a84-a5a9-0f7a3f5d1c22",
        "formName": "Demo request",
        "formTeamId": None,
        "formUserId": call.user["id"],
        "bookingUid": "booking-uid",
        "bookingId": 1,
        "bookingStatus": "ACCEPTED",
        "bookingStatusOrder": 1,
        "bookingCreatedAt": iso(now),
        "bookingUserId": call.user["id"],
        "bookingUserName": call.user["name"],
        "bookingUserEmail": call.user["email"],
        "bookingUserAvatarUrl": None,
        "bookingAssignmentReason": None,
        "bookingStartTime": iso(now),
        "bookingEndTime": iso(now + timedelta(minutes=30)),
        "eventTypeId": 1,
        "eventTypeParentId": None,
        "eventTypeSchedulingType": "ROUND_ROBIN",
        "createdAt": iso(now),
        **dict.fromkeys(("utm_source", "utm_medium", "utm_campaign", "utm_term", "utm_content")),
        "bookingAttendees": [
            {"name": "Ada", "timeZone": "Europe/Lisbon", "email": "ada@visitors.test", "phoneNumber": None}
        ],
        "fields": [{"fieldId": "team", "valueString": "sales", "valueNumber": None, "valueStringArray": None}],
    }
    # This list has an offset and a limit in the body, unlike every other.
    return {"total": 1, "data": [row][int(body["offset"]) :][: int(body["limit"])]}


@ROUTES.add("POST", ROUTINGS + "/form-field-options", stateful=False)
@ROUTES.add("POST", ROUTINGS + "/form-response-headers", stateful=False)
def form_fields(call: Call) -> object:
    """Return the fields of routing forms."""
    _read(call, _FIELDS)
    options = [{"id": "sales", "label": "Sales"}, {"id": None, "label": "Support"}]
    return [{"id": "team", "label": "Team", "type": "select", "options": options}]


@ROUTES.add("POST", ROUTINGS + "/failed-bookings-by-field", stateful=False)
def failed_bookings_by_field(call: Call) -> object:
    """Return responses that led to no booking, by field."""
    _read(call, _ROUTINGS)
    return {"Demo request": {"Team": [{"optionId": "sales", "optionLabel": "Sales", "count": 1}]}}


@ROUTES.add("POST", ROUTINGS + "/routed-to-per-period", stateful=False)
def routed_to_per_period(call: Call) -> object:
    """Return how many responses were routed to each member, by period."""
    _read(call, _PER_PERIOD)
    user = {
        "id": call.user["id"],
        "name": call.user["name"],
        "email": call.user["email"],
        "avatarUrl": None,
        "performance": "above_average",
        "totalBookings": 3,
    }
    period = {"userId": call.user["id"], "period_start": iso(call.clock.now()), "total": 3}
    return {"users": {"data": [user]}, "periodStats": {"data": [period]}}
