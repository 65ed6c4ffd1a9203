"""Lists of bookings of version 2026-05-01: pages by cursor, without a total."""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from itertools import islice
from operator import attrgetter

from calcom_async.sandbox.bookings.filters import matching
from calcom_async.sandbox.bookings.list_query import ORGANIZATION_LIST, STATUSES, USER_LIST, read_query
from calcom_async.sandbox.bookings.permissions import BookingScope
from calcom_async.sandbox.bookings.views import booking_view
from calcom_async.sandbox.http.call import Call
from calcom_async.sandbox.http.constraints import maximum, minimum, number, one_of, string
from calcom_async.sandbox.http.errors import bad_request
from calcom_async.sandbox.http.forms import Field, Form, to_int
from calcom_async.sandbox.http.results import Data
from calcom_async.sandbox.state.booking import Booking
from calcom_async.sandbox.state.store import Store

VERSION = "2026-05-01"
ASCENDING = frozenset({"upcoming", "recurring", "unconfirmed"})
_uid = attrgetter("uid")
REPLACED = ("status", "take", "skip")
PAGE = (
    Field("status", one_of(STATUSES), optional=True),
    Field("limit", maximum(100), minimum(1), number, optional=True, convert=to_int, default=50),
    Field("cursor", string, optional=True),
)


def _form(form: Form) -> Form:
    """Return the form of a list with a cursor for that of a list with `take` and `skip`."""
    return Form(*(field for name, field in form.fields.items() if name not in REPLACED), *PAGE)


USER_CURSOR_LIST = _form(USER_LIST)
ORGANIZATION_CURSOR_LIST = _form(ORGANIZATION_LIST)


def list_by_cursor(call: Call, form: Form, scope: BookingScope) -> Data:
    """Return the page after a cursor. The order does not depend on times or on the page before.

    The real server orders by a UUID that no response contains; here the uid stands for it.
    """
    # The specification still lists the sort parameters; its text says that the status alone decides about the order.
    values = form.read({name: value for name, value in call.fields.items() if name in form.fields})
    status, limit, after = values.get("status"), values["limit"], _after(values.get("cursor"))
    sortless = {name: value for name, value in values.items() if not name.startswith("sort")}
    query = read_query(call.store, {**sortless, "status": [status] if status else None, "take": limit, "skip": 0})
    ahead = _rows_after(call.store, scope, after, ascending=status in ASCENDING)
    rows = list(islice(matching(ahead, query, call.clock.now()), limit + 1))
    has_more = len(rows) > limit
    cursor = urlsafe_b64encode(rows[limit - 1].uid.encode()).decode() if has_more else None
    items = [booking_view(call.store, row) for row in rows[:limit]]
    return Data(items, extra={"pagination": {"nextCursor": cursor, "hasMore": has_more}})


def _rows_after(store: Store, scope: BookingScope, uid: str | None, *, ascending: bool) -> Iterable[Booking]:
    """Return the bookings of a scope after a uid, or all."""
    rows = store.bookings.ordered((scope, "uid"), _uid, scope.covers)
    if ascending:
        return rows if uid is None else rows[bisect_right(rows, uid, key=_uid) :]
    return reversed(rows if uid is None else rows[: bisect_left(rows, uid, key=_uid)])


def _after(cursor: str | None) -> str | None:
    """Return the uid of the last row before a page."""
    try:
        return None if cursor is None else urlsafe_b64decode(cursor).decode()
    except ValueError as error:
        raise bad_request("Invalid cursor") from error
