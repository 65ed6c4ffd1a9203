"""Lists of bookings: the query, and the page for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from calcom_async.sandbox.bookings import filters
from calcom_async.sandbox.bookings.filters import BookingQuery, Bounds, Order, select
from calcom_async.sandbox.bookings.permissions import BookingScope
from calcom_async.sandbox.bookings.times import read_time
from calcom_async.sandbox.bookings.views import booking_view
from calcom_async.sandbox.http import errors
from calcom_async.sandbox.http.call import Call
from calcom_async.sandbox.http.constraints import array_not_empty, each, number, one_of, strict_iso8601, string
from calcom_async.sandbox.http.forms import Field, Form, take_and_skip, to_int, to_ints, to_list
from calcom_async.sandbox.http.results import Page
from calcom_async.sandbox.state.booking import Booking
from calcom_async.sandbox.state.store import Store

STATUSES = ("upcoming", "recurring", "past", "cancelled", "unconfirmed")
# Sort key by query field, and its name in error messages (sortUpdatedAt is called SortCreated).
SORTS = {
    "sortStart": ("start", "SortStart"),
    "sortEnd": ("end", "SortEnd"),
    "sortCreated": ("created", "SortCreated"),
    "sortUpdatedAt": ("updated", "SortCreated"),
}
# Filtered time by query field, and whether the field is the lower bound.
BOUNDS = {
    "afterStart": ("start", True),
    "beforeEnd": ("end", False),
    "afterCreatedAt": ("created", True),
    "beforeCreatedAt": ("created", False),
    "afterUpdatedAt": ("updated", True),
    "beforeUpdatedAt": ("updated", False),
}


def _blank(value: Any) -> Any:
    """Convert an empty text to a missing value."""
    return value or None


def _email(value: Any) -> Any:
    """Restore plus signs: unencoded ones arrive as blanks, and the server replaces them."""
    return value.replace(" ", "+") or None if isinstance(value, str) else value


def _id(value: Any) -> Any:
    """Convert an id; 0 and text without digits count as missing."""
    return (to_int(value) or None) if value else None


def _ids(name: str) -> Field:
    """Return the field for a list of ids."""
    return Field(name, each(number), array_not_empty, optional=True, convert=to_ints)


def _sort(name: str) -> Field:
    """Return the field for a sort order."""
    text = f'{SORTS[name][1]} must be either "asc" or "desc".'
    return Field(name, one_of(("asc", "desc")).with_text(text), optional=True)


def _bound(name: str) -> Field:
    """Return the field for a bound; the server's message calls it `fromDate` or `toDate`."""
    word = "fromDate" if BOUNDS[name][1] else "toDate"
    return Field(name, strict_iso8601.with_text(f"{word} must be a valid ISO 8601 date."), optional=True)


_status = each(one_of(STATUSES)).with_text(f"Invalid status. Allowed are {', '.join(STATUSES)}")

# Parameters of the lists of teams before September 2026.
OLD_TEAM_LIST = Form(
    Field("status", _status, optional=True, convert=to_list),
    Field("attendeeEmail", string, optional=True, convert=_email),
    Field("attendeeName", string, optional=True, convert=_blank),
    Field("bookingUid", string, optional=True, convert=_blank),
    _ids("eventTypeIds"),
    Field("eventTypeId", number, optional=True, convert=_id),
    _bound("afterStart"),
    _bound("beforeEnd"),
    _sort("sortStart"),
    _sort("sortEnd"),
    _sort("sortCreated"),
    *take_and_skip(take=100, blank_ok=False),
)
TEAM_LIST = OLD_TEAM_LIST.extended(
    *(_bound(name) for name in BOUNDS if name not in ("afterStart", "beforeEnd")),
    _sort("sortUpdatedAt"),
)
USER_LIST = TEAM_LIST.extended(
    _ids("teamsIds"),
    Field("teamId", number, optional=True, convert=_id),
)
ORGANIZATION_LIST = USER_LIST.extended(_ids("userIds"))


def list_bookings(call: Call, form: Form, reach: BookingScope) -> Page:
    """Return the requested page of the bookings within a scope."""
    values = form.read({name: value for name, value in call.fields.items() if name in form.fields})
    query = read_query(call.store, values)
    # Giving a sort order switches off the default one of the status.
    now = call.clock.now()
    rows, remaining = _candidates(call.store, reach, query, now)
    selection = select(call.store, rows, remaining, now)
    items = [booking_view(call.store, booking) for booking in selection.rows]
    return Page.of(items, total=selection.total, take=query.take, skip=query.skip)


def _candidates(
    store: Store, scope: BookingScope, query: BookingQuery, now: datetime
) -> tuple[list[Booking], BookingQuery]:
    """Return the bookings of a scope that may match a query, in its order, and the query without what they fulfill."""
    if query.uid:
        few = [booking] if (booking := store.bookings.get(query.uid)) else []
    elif query.attendee_email:
        few = store.bookings.attended_by(query.attendee_email)
    elif len(query.statuses) == 1 and query.order.field == "start":
        return _of_status(store, scope, query, now), replace(query, statuses=(), sort=query.order)
    else:
        return ordered(store, scope, query.order), query
    return sorted(filter(scope.covers, few), key=query.order.key), query


def _of_status(store: Store, scope: BookingScope, query: BookingQuery, now: datetime) -> list[Booking]:
    """Return the bookings of a scope with the only status of a query."""
    [name] = query.statuses
    status, order = filters.STATUSES[name], query.order
    rows = store.bookings.ordered(
        (scope, order, name), order.key, lambda booking: scope.covers(booking) and status.covers(booking)
    )
    return status.within(rows, order, now, store.bookings.longest)


def ordered(store: Store, reach: BookingScope, order: Order) -> list[Booking]:
    """Return all bookings within a scope, sorted."""
    return store.bookings.ordered((reach, order), order.key, reach.covers)


def read_query(store: Store, values: Mapping[str, Any]) -> BookingQuery:
    """Return the query for validated values."""
    return BookingQuery(
        statuses=tuple(values.get("status") or ()),
        attendee_email=values.get("attendeeEmail"),
        attendee_name=values.get("attendeeName"),
        uid=values.get("bookingUid"),
        event_type_ids=_event_types(store, values),
        team_ids=_teams(store, values),
        user_ids=frozenset(values.get("userIds") or ()),
        bounds=_bounds(values),
        sort=_order(values),
        take=values["take"],
        skip=values["skip"],
    )


def _event_types(store: Store, values: Mapping[str, Any]) -> frozenset[int]:
    """Return the event type ids. The list wins over the single id, and one existing id is enough."""
    single = values.get("eventTypeId")
    wanted = frozenset(values.get("eventTypeIds") or ([single] if single else []))
    # An event type of somebody else exists, and so gives an empty list instead of this error.
    if wanted and wanted.isdisjoint(store.event_types):
        raise errors.no_details(400, "TRPCError", "The requested event-types do not exist.")
    return wanted


def _teams(store: Store, values: Mapping[str, Any]) -> frozenset[int]:
    """Return the team ids; unknown ids do not filter."""
    single = values.get("teamId")
    wanted = frozenset(values.get("teamsIds") or ([single] if single else []))
    # Recorded from a self-hosted server of 2026-07, which has no teams: the full list comes back.
    return frozenset() if wanted.isdisjoint(store.teams) else wanted


def _order(values: Mapping[str, Any]) -> Order | None:
    """Return the requested sort order. If several are given, the first of `SORTS` wins."""
    for name, (field, _) in SORTS.items():
        if values.get(name):
            return Order(field, descending=values[name] == "desc")
    return None


def _bounds(values: Mapping[str, Any]) -> dict[str, Bounds]:
    """Return the lower and upper bounds by field."""
    bounds: dict[str, Bounds] = {}
    for name, (field, lower) in BOUNDS.items():
        moment = read_time(values.get(name))
        if moment:
            bounds[field] = _with(bounds.get(field, (None, None)), moment, lower=lower)
    return bounds


def _with(bounds: Bounds, moment: datetime, *, lower: bool) -> Bounds:
    """Return bounds with one side replaced."""
    low, high = bounds
    return (moment, high) if lower else (low, moment)
