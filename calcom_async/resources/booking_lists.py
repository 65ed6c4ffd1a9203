"""Lists of bookings: their filters, and how they are read in each version of the API."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any, Literal

import msgspec

from calcom_async.errors import InvalidRequestError, shown
from calcom_async.models.bookings import Booking
from calcom_async.models.times import bound
from calcom_async.pages import Pages
from calcom_async.pagination import PaginationSpec
from calcom_async.resources._base import List, Paging, Resource, drop_unset, listed
from calcom_async.resources._cursor_bookings import CursorBookings
from calcom_async.versions import CURSOR_PAGES, operation_versions

Status = Literal["upcoming", "recurring", "past", "cancelled", "unconfirmed"]
Order = Literal["asc", "desc"]
STATUSES = ("upcoming", "recurring", "unconfirmed", "past", "cancelled")


class TeamBookingFilters(Paging, total=False):
    """Filters that every list of bookings accepts.

    `status` is one or several; by default bookings of every status are listed. Email and name match any attendee
    exactly, including letter case. Times are aware datetimes, ISO 8601 text, or dates in UTC; both ends are inclusive.
    The server's total ignores filters on creation and update times. Servers of 2025 ignore these filters, and the sort
    by update, on the lists of teams, so that all rows are returned.

    At most one sort. By default `past` and `cancelled` come by descending start, everything else by start.
    """

    status: Status | Sequence[Status] | None
    attendee_email: str | None
    attendee_name: str | None
    booking_uid: str | None
    event_type_ids: Sequence[int] | None
    event_type_id: int | None
    after_start: datetime | date | str | None
    before_end: datetime | date | str | None
    after_created_at: datetime | date | str | None
    before_created_at: datetime | date | str | None
    after_updated_at: datetime | date | str | None
    before_updated_at: datetime | date | str | None
    sort_start: Order | None
    sort_end: Order | None
    sort_created: Order | None
    sort_updated_at: Order | None


class BookingFilters(TeamBookingFilters, total=False):
    """Filters of all lists except those of teams.

    The server ignores a filter on unknown teams: the whole list is returned.
    """

    team_ids: Sequence[int] | None
    team_id: int | None


class OrganizationBookingFilters(BookingFilters, total=False):
    """Filters of the list of an organization."""

    user_ids: Sequence[int] | None


SORTS = ("sortStart", "sortEnd", "sortCreated", "sortUpdatedAt")
WIRE_NAMES = {
    "status": "status",
    "attendee_email": "attendeeEmail",
    "attendee_name": "attendeeName",
    "booking_uid": "bookingUid",
    "event_type_ids": "eventTypeIds",
    "event_type_id": "eventTypeId",
    "team_ids": "teamsIds",  # the server's spelling; it ignores teamIds
    "team_id": "teamId",
    "user_ids": "userIds",
    "after_start": "afterStart",
    "before_end": "beforeEnd",
    "after_created_at": "afterCreatedAt",
    "before_created_at": "beforeCreatedAt",
    "after_updated_at": "afterUpdatedAt",
    "before_updated_at": "beforeUpdatedAt",
    "sort_start": "sortStart",
    "sort_end": "sortEnd",
    "sort_created": "sortCreated",
    "sort_updated_at": "sortUpdatedAt",
}
TIMES = {name for name in WIRE_NAMES if name.startswith(("after_", "before_"))}
# The default page is 100 rows. More than 250 are an error (400), not a smaller page.
PAGINATION = PaginationSpec(
    maximum=250,
    has_total=True,
    total_ignores=frozenset({"afterCreatedAt", "beforeCreatedAt", "afterUpdatedAt", "beforeUpdatedAt"}),
    reads_by_time=True,
)
# From version 2026-05-01 on. Its specification has no totals, no order that can be chosen, and 100 rows per page.
BY_CURSOR = PaginationSpec(maximum=100, take="limit", cursor=True)


def booking_query(filters: Mapping[str, Any], known: type) -> dict[str, Any]:
    """Return filters as query parameters. Raise `InvalidRequestError` for values that the server ignores or rejects."""
    allowed = known.__annotations__.keys()
    if unknown := filters.keys() - allowed:
        raise InvalidRequestError(f"unknown filter {min(unknown)!r}. This list accepts {', '.join(sorted(allowed))}")
    query: dict[str, Any] = {
        WIRE_NAMES[name]: bound(value, name, is_end=name.startswith("before_")) if name in TIMES else value
        for name, value in filters.items()
        if name in WIRE_NAMES and value is not None
    }
    # An empty email address, name or uid, and the event type 0, count as not given, and the server returns all bookings
    # (recorded from a self-hosted server of 2026-07).
    if blank := [name for name, value in filters.items() if name in WIRE_NAMES and not value and value is not None]:
        raise InvalidRequestError(f"{blank[0]} must not be empty", hint="Omit it to list everything")
    if "status" in query:
        query["status"] = _statuses(query["status"])
    sorts = [name for name in SORTS if name in query]
    if len(sorts) > 1:  # the server applies the first one of `SORTS`, whatever their order in the query
        names = ", ".join(name for name, wire in WIRE_NAMES.items() if wire in sorts)
        raise InvalidRequestError(f"the server applies only one sort, got {names}", hint="Pass one of them")
    for name, wire in WIRE_NAMES.items():
        if wire in sorts and query[wire] not in ("asc", "desc"):
            raise InvalidRequestError(f"{name} must be 'asc' or 'desc', got {shown(query[wire])}")
    return query


def _statuses(status: str | Sequence[str]) -> List[str]:
    """Return the statuses of a filter as a list. Raise `InvalidRequestError` for an unknown one."""
    # Text with commas is the form of the API itself, as in `status=upcoming,past`.
    names = status.split(",") if isinstance(status, str) else listed("status", status)
    for name in names:
        if name not in STATUSES:
            raise InvalidRequestError(f"status must be one of {', '.join(STATUSES)}, got {shown(name)}")
    return names


class BookingList(Resource):
    """A list of bookings in a scope."""

    def _list(self, filters: Mapping[str, Any], known: type) -> Pages[Booking]:
        query = booking_query(filters, known)
        return self._pages(Booking, "/bookings", pagination=PAGINATION, query=query, key="uid", **_paging(filters))


def _paging(filters: Mapping[str, Any]) -> Any:
    return {name: value for name, value in filters.items() if name in Paging.__annotations__}


class CursorBookingList(BookingList):
    """A list of bookings that newer versions of the API read with a cursor."""

    def _list(self, filters: Mapping[str, Any], known: type) -> Pages[Booking]:
        query, options = booking_query(filters, known), drop_unset(**_paging(filters))
        request = self._request("GET", "/bookings", (), query=query)
        version = request.headers.get("cal-api-version", "")
        if version < CURSOR_PAGES:
            return Pages(self._list_call(Booking, request, PAGINATION, query=query, key="uid"), **options)
        default = operation_versions()["GET", request.route].default
        # The fallback needs the older version too: the newer one does not know take and skip.
        older = msgspec.structs.replace(request, headers={"cal-api-version": default} if default else {})
        by_offset = self._list_call(Booking, older, PAGINATION, query=query, key="uid")
        if not query.keys().isdisjoint(SORTS):  # the order of a list that is read with a cursor cannot be chosen
            return Pages(by_offset, **options)
        statuses = [{"status": status} for status in STATUSES if status in query.get("status", ())]
        calls = [
            self._list_call(Booking, request, BY_CURSOR, query={**query, **status}, key="uid")
            for status in statuses or [{}]
        ]
        support = self._context.cursor_support
        pages = Pages(CursorBookings(calls, by_offset, support), **options)
        return Pages(by_offset, **options) if support.get(request.route) is False else pages
