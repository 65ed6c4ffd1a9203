"""Out-of-office entries, stored in JSON form; always whole days in UTC."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import date
from operator import itemgetter
from typing import Any

from calcom_async.sandbox.accounts.teams import accepted_team_ids
from calcom_async.sandbox.http import errors
from calcom_async.sandbox.http.constraints import check, integer, one_of, string
from calcom_async.sandbox.http.forms import Field, Form
from calcom_async.sandbox.http.paging import paged_form
from calcom_async.sandbox.state.store import Store

Entry = dict[str, Any]

REASONS = ("unspecified", "vacation", "travel", "sick", "public_holiday")


def _day(clock: str) -> Callable[[Any], str]:
    """Extend a UTC time to this time of its day; other values raise an error before all other validation."""

    def convert(value: Any) -> str:
        """Convert one value."""
        if re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{3})?Z", str(value)) is None:
            raise errors.bad_request("Invalid Date.")
        try:
            return f"{date.fromisoformat(value[:10])}T{clock}Z"
        except ValueError:
            raise errors.bad_request("Invalid Date.") from None

    return convert


_date = check("isDate", "$property must be a Date instance", lambda v: isinstance(v, str))

CREATE = Form(
    Field("start", _date, convert=_day("00:00:00.000")),
    Field("end", _date, convert=_day("23:59:59.999")),
    Field("notes", string, optional=True),
    Field("toUserId", integer, optional=True),
    Field("reason", one_of(REASONS), optional=True),
)
UPDATE = CREATE.partial()


def _order(name: str) -> Field:
    """Return the field for a sort order."""
    text = f'{name[0].upper()}{name[1:]} must be either "asc" or "desc".'
    return Field(name, one_of(("asc", "desc")).with_text(text), optional=True)


LIST = paged_form(_order("sortStart"), _order("sortEnd"))
LIST_OF_ALL = paged_form(*LIST.parts[2:], Field("email", string, optional=True))  # type: ignore[arg-type]


def new_entry(store: Store, user_id: int, body: Mapping[str, Any]) -> Entry:
    """Create an entry for a validated body."""
    check_entry(store, user_id, body)
    entry: Entry = {"userId": user_id, "toUserId": None, "id": store.next_id("out_of_office"), "uuid": store.uuid()}
    entry |= {"start": body["start"], "end": body["end"], "notes": None, "reason": "unspecified"}
    change_entry(entry, body)
    store.out_of_office[entry["id"]] = entry
    return entry


def change_entry(entry: Entry, body: Mapping[str, Any]) -> None:
    """Apply the fields of a body; null changes nothing."""
    entry |= {name: value for name, value in body.items() if value is not None}


def check_entry(store: Store, user_id: int, body: Mapping[str, Any]) -> None:
    """Raise the server's errors in its order: first the days, then the redirect of bookings."""
    start, end, to_user_id = body.get("start"), body.get("end"), body.get("toUserId")
    if (start is None) != (end is None):
        raise errors.bad_request("Please specify both ooo start and end time.")
    if start is not None and end is not None:
        _check_days(store, user_id, start, end, to_user_id)
    if to_user_id == user_id:
        raise errors.bad_request("Cannot redirect to self.")
    if to_user_id and not _shares_team(store, user_id, to_user_id):
        raise errors.bad_request("Cannot redirect to this user.")


def _check_days(store: Store, user_id: int, start: str, end: str, to_user_id: int | None) -> None:
    """Raise an error for a reversed, repeated or circular entry."""
    # All times have the same format, so their texts compare like times.
    if start > end:
        raise errors.bad_request("Start date must be before end date.")
    for entry in store.out_of_office.values():
        redirects_here = entry["toUserId"] == user_id and to_user_id in (None, entry["userId"])
        if redirects_here and entry["start"] <= end and entry["end"] >= start:
            raise errors.bad_request("Booking redirect infinite not allowed.")
    # Only the very same days clash; overlapping entries are accepted.
    if any((entry["start"], entry["end"]) == (start, end) for entry in entries_of(store, user_id)):
        raise errors.conflict("Ooo entry already exists.")


def _shares_team(store: Store, user_id: int, other_id: int) -> bool:
    """Return whether two users are members of the same team or organization."""
    return not accepted_team_ids(store, user_id).isdisjoint(accepted_team_ids(store, other_id))


def entries_of(store: Store, user_id: int) -> Iterator[Entry]:
    """Yield a user's entries by id."""
    return (entry for entry in store.out_of_office.values() if entry["userId"] == user_id)


def sorted_page(store: Store, rows: list[Any], query: Mapping[str, Any]) -> list[Entry]:
    """Return a page of entries; like on the real server, sorted entries of one day may change places."""
    skip, take = query["skip"], query["take"]
    column = "end" if query.get("sortEnd") else "start"
    direction = query.get("sortEnd") or query.get("sortStart")
    if direction is None:
        # Without a sort parameter the rows come by id, and no row changes places.
        return rows[skip : skip + take]
    ordered: list[Any] = sorted(rows, key=itemgetter(column), reverse=direction == "desc")
    return store.cut(ordered, itemgetter(column), skip, take, salt=column)
