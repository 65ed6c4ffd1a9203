"""The indexes of bookings: they answer as a scan does after any change, and spare the scans."""

from __future__ import annotations

import copy
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from booking_api import ANA, BO, MONDAY, THIRTY, BookingApi, at
from http_client import ApiClient
from hypothesis import given, settings, strategies as st

from calcom_async.sandbox import Sandbox
from calcom_async.sandbox.bookings.filters import Order
from calcom_async.sandbox.bookings.permissions import BookingScope
from calcom_async.sandbox.state.booking import MAX_LISTS, Booking, Bookings

NOON = datetime(2026, 11, 4, 12, tzinfo=UTC)
HOSTS, EMAILS, SERIES, SEATS = (1, 2), ("a@x.test", "b@x.test"), (None, "s1", "s2"), ("seat1", "seat2", "seat3")
ORDERS = [Order(field, descending=backward) for field in ("start", "end", "created", "updated") for backward in (0, 1)]
SCOPES = [BookingScope(frozenset({1})), BookingScope(frozenset({2}), frozenset({5}), "a@x.test")]

hours = st.integers(0, 6).map(lambda hour: NOON + timedelta(hours=hour))
attendees = st.lists(st.sampled_from(EMAILS).map(lambda email: {"email": email}), max_size=2)
FIELDS: dict[str, st.SearchStrategy[Any]] = {
    "user_id": st.sampled_from(HOSTS),
    "start": hours,
    "end": hours.map(lambda moment: moment + timedelta(hours=6)),
    "created_at": hours,
    "updated_at": st.none() | hours,
    "status": st.sampled_from(("accepted", "pending", "cancelled")),
    "event_type_id": st.sampled_from((None, 1, 2)),
    "team_id": st.sampled_from((None, 5)),
    "host_ids": st.lists(st.sampled_from(HOSTS), max_size=2),
    "recurring_uid": st.sampled_from(SERIES),
    "attendees": attendees,
    "seats": st.lists(st.sampled_from(SEATS).map(lambda uid: {"seat_uid": uid}), max_size=2),
    "title": st.just("Talk"),
}
uids = st.sampled_from("abcdef")
bookings = st.builds(Booking, id=st.integers(1, 9), uid=uids, **FIELDS)
assignments = st.sampled_from(sorted(FIELDS)).flatmap(lambda name: st.tuples(st.just(name), FIELDS[name]))
Step = Callable[[Bookings], object]
STEPS: st.SearchStrategy[Step] = st.one_of(
    bookings.map(lambda booking: lambda table: table.__setitem__(booking.uid, msgspec.structs.replace(booking))),
    st.tuples(uids, assignments).map(lambda change: lambda table: assign(table, change[0], *change[1])),
    uids.map(lambda uid: lambda table: table.pop(uid, None)),
    st.lists(bookings, max_size=3).map(lambda some: lambda table: table.add_all(map(msgspec.structs.replace, some))),
    uids.map(lambda uid: lambda table: table.remove_all([table[uid]] if uid in table else [])),
)


def assign(table: Bookings, uid: str, name: str, value: Any) -> None:
    """Assign a field of a booking, if the table has it."""
    if uid in table:
        setattr(table[uid], name, value)


def indexed(table: Bookings) -> list[object]:
    """Return everything that the indexes answer."""
    spans = [(NOON + timedelta(hours=first), NOON + timedelta(hours=last)) for first, last in ((0, 2), (3, 3), (9, 20))]
    return [
        *(table.hosted_by(user_id, *span) for user_id in HOSTS for span in spans),
        *(table.of_person(user_id, email, *span) for user_id in HOSTS for email in EMAILS for span in spans),
        *(table.of_event_type(number, *span) for number in (1, 2) for span in spans),
        *(table.between(*span) for span in spans),
        *(table.created_since(span[0]) for span in spans),
        *(table.with_event_type(number) for number in (1, 2)),
        *(table.attended_by(email) for email in EMAILS),
        *(table.organized_by(user_id) for user_id in HOSTS),
        *(table.of_series(uid) for uid in SERIES[1:]),
        *(table.with_seat(uid) for uid in SEATS),
        *(table.newest(number, user_id) for number in (1, 2) for user_id in HOSTS),
        *(list(table.ordered((scope, order), order.key, scope.covers)) for scope in SCOPES for order in ORDERS),
    ]


def scanned(table: Bookings) -> list[object]:
    """Return the same by scans."""
    rows = list(table.values())
    by_start = sorted(rows, key=lambda row: row.start)
    spans = [(NOON + timedelta(hours=first), NOON + timedelta(hours=last)) for first, last in ((0, 2), (3, 3), (9, 20))]

    def hosts(row: Booking, user_id: int) -> bool:
        return user_id == row.user_id or user_id in row.host_ids

    def attends(row: Booking, email: str) -> bool:
        return any(attendee["email"] == email for attendee in row.attendees)

    def within(some: list[Booking], start: datetime, end: datetime) -> list[Booking]:
        return [row for row in some if row.start <= end and row.end >= start]

    def of_type(number: int) -> list[Booking]:
        return [row for row in by_start if row.event_type_id == number]

    def last(some: list[Booking]) -> Booking | None:
        return some[-1] if some else None

    return [
        *(within([row for row in by_start if hosts(row, user)], *span) for user in HOSTS for span in spans),
        *(
            within([row for row in by_start if hosts(row, user) or attends(row, email)], *span)
            for user in HOSTS
            for email in EMAILS
            for span in spans
        ),
        *(within(of_type(number), *span) for number in (1, 2) for span in spans),
        *(within(by_start, *span) for span in spans),
        *([row for row in sorted(rows, key=lambda row: row.created_at) if row.created_at >= span[0]] for span in spans),
        *(of_type(number) for number in (1, 2)),
        *([row for row in rows if attends(row, email)] for email in EMAILS),
        *([row for row in by_start if row.user_id == user] for user in HOSTS),
        *([row for row in by_start if row.recurring_uid == uid] for uid in SERIES[1:]),
        *(next((row for row in rows for seat in row.seats if seat["seat_uid"] == uid), None) for uid in SEATS),
        *(
            last([row for row in rows if (row.event_type_id, row.user_id) == (number, user)])
            for number in (1, 2)
            for user in HOSTS
        ),
        *(sorted(filter(scope.covers, rows), key=order.key) for scope in SCOPES for order in ORDERS),
    ]


@settings(max_examples=40)
@given(st.lists(bookings, max_size=4), st.lists(STEPS, max_size=12))
def test_indexes_answer_as_a_scan(first: list[Booking], steps: list[Step]) -> None:
    """After any additions, assignments, replacements and removals the indexes answer as a scan does."""
    table = Bookings(map(msgspec.structs.replace, first))
    for step in steps:
        assert indexed(table) == scanned(table)
        step(table)
    assert indexed(table) == scanned(table)


def new_booking(uid: str = "a", **more: Any) -> Booking:
    """Return a booking at noon."""
    times = {"start": NOON, "end": NOON + timedelta(hours=1), "created_at": NOON, "updated_at": None}
    return Booking(**{"id": 1, "uid": uid, "title": "", "user_id": ANA, **times, **more})


def test_a_stored_booking_cannot_change_behind_its_table() -> None:
    """Sequences of a stored booking are tuples, and its uid is fixed: no change passes the indexes by."""
    table = Bookings([new_booking(attendees=[{"email": "a@x.test"}])])
    for name in ("attendees", "host_ids", "guests", "seats", "references"):
        assert not hasattr(getattr(table["a"], name), "append")
    with pytest.raises(AttributeError, match="the uid of a stored booking cannot change"):
        table["a"].uid = "b"
    with pytest.raises(ValueError, match="must be 'a', got 'b'"):
        table["b"] = new_booking()


def test_copies_are_not_in_the_table() -> None:
    """A copy of a booking, and a removed booking, can be changed without an effect on the indexes."""
    table = Bookings([new_booking()])
    for outsider in (copy.copy(table["a"]), copy.deepcopy(table["a"]), msgspec.structs.replace(table["a"])):
        outsider.user_id = BO
        outsider.uid = "b"
    removed = table.pop("a")
    removed.user_id = BO
    table["b"] = new_booking("b")
    assert [booking.uid for booking in table.organized_by(ANA)] == ["b"]
    assert table.organized_by(BO) == []


def test_a_copy_of_a_table_has_indexes_of_its_own() -> None:
    """A deep copy of a table contains copies of its bookings, and follows their changes."""
    table = Bookings([new_booking("a"), new_booking("b")])
    assert len(table.organized_by(ANA)) == 2
    other = copy.deepcopy(table)
    other["a"].user_id = BO
    assert [len(bookings.organized_by(BO)) for bookings in (table, other)] == [0, 1]
    assert list(other) == ["a", "b"]


def test_a_table_keeps_the_lists_that_were_read_last() -> None:
    """Only so many sorted lists are kept up to date; one that was dropped is built anew."""
    table = Bookings([new_booking()])
    first = table.ordered("first", lambda booking: booking.id)
    for number in range(MAX_LISTS):
        assert table.ordered("first", lambda booking: booking.id) is first
        table.ordered(number, lambda booking: booking.id)
    for number in range(MAX_LISTS):
        table.ordered(number, lambda booking: booking.id)
    assert table.ordered("first", lambda booking: booking.id) is not first


# --- how many bookings a request examines


class CountedBooking(Booking):
    """A booking that notes that it was examined."""

    def __getattribute__(self, name: str) -> Any:
        if name == "start":
            examined.add(object.__getattribute__(self, "uid"))
        return object.__getattribute__(self, name)


examined: set[str] = set()


def crowd(api: BookingApi, count: int) -> None:
    """Add bookings of Ana's in other months, and of Bo's in the week that is searched."""
    store = api.sandbox.store
    for number in range(count):
        user_id, day = (ANA, 60 + number) if number % 2 else (BO, 2)
        start = MONDAY + timedelta(days=day, minutes=number)
        times = {"start": start, "end": start + timedelta(minutes=30), "created_at": MONDAY, "updated_at": MONDAY}
        attendees = [{"id": number, "email": f"{number}@x.test"}]
        more = {"user_id": user_id, "host_ids": [user_id], "event_type_id": THIRTY if user_id == ANA else None}
        store.add_booking(CountedBooking(id=number, uid=f"b{number}", title="", attendees=attendees, **times, **more))


REQUESTS: dict[str, Callable[[BookingApi, int], object]] = {
    "slots": lambda api, _: ApiClient(api.sandbox, "2024-09-04").get(
        f"/v2/slots?eventTypeId={THIRTY}&start=2026-11-03&end=2026-11-10"
    ),
    "creation": lambda api, turn: api.book(at(9 + turn)),
    "reschedule": lambda api, turn: api.reschedule(api.book(at(9 + turn))["uid"], at(14 + turn)),
    "cancellation": lambda api, turn: api.cancel(api.book(at(9 + turn))["uid"]),
    "page": lambda api, _: api.ana.get("/v2/bookings?take=10&sortStart=desc"),
}


@pytest.mark.parametrize("request_name", REQUESTS)
def test_requests_examine_few_bookings(request_name: str) -> None:
    """A request examines no more bookings among 800 than among 50, apart from bisection."""
    counts = []
    for count in (50, 800):
        with Sandbox(now=MONDAY) as sandbox:
            api = BookingApi(sandbox)
            crowd(api, count)
            REQUESTS[request_name](api, 0)
            examined.clear()
            REQUESTS[request_name](api, 1)
            counts.append(len(examined))
    assert counts[1] <= counts[0] + 40, counts
