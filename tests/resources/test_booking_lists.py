"""Lists of bookings: every filter and sort against our own computation, pages, and rejections."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise
from operator import attrgetter

import pytest
from sent_requests import MONDAY, SIXTY, THIRTY, SentRequest, last_request, sent_requests

from calcom_async import BadRequestError, Calcom, IncompleteListError, InvalidRequestError
from calcom_async.models import Booking
from calcom_async.sandbox import Sandbox

COUNT = 300
SOON, LATE = MONDAY - timedelta(days=90), MONDAY + timedelta(days=90)
STAMPS = ("2026-08-04T08:00:00Z", "2027-01-31T08:00:00Z")


@pytest.fixture(scope="module")
def full():
    """Run a sandbox with bookings of every status; the tests of this file only read."""
    with Sandbox(now=MONDAY, bookings=COUNT) as sandbox:
        yield sandbox
        assert sandbox.handler_errors == []


@pytest.fixture
async def cal(full):
    """Open a client of the full sandbox, and clear the recorded requests."""
    full.run(full.requests.clear)
    async with Calcom(full.api_key, base_url=full.url) as cal:
        yield cal


@pytest.fixture
async def all_bookings(cal, full):
    """Return all bookings, as the unfiltered list returns them."""
    rows = await cal.bookings.list().collect()
    full.run(full.requests.clear)
    return rows


def is_upcoming(booking):
    """Return whether the booking has not ended."""
    return booking.end >= MONDAY


def is_inactive(booking):
    """Return whether the booking is cancelled or rejected."""
    return booking.status in {"cancelled", "rejected"}


STATUS = {
    "upcoming": lambda booking: (
        is_upcoming(booking) and (booking.status == "accepted" if booking.is_recurring else not is_inactive(booking))
    ),
    "recurring": lambda booking: is_upcoming(booking) and booking.is_recurring and not is_inactive(booking),
    "past": lambda booking: booking.end <= MONDAY and not is_inactive(booking),
    "cancelled": is_inactive,
    "unconfirmed": lambda booking: is_upcoming(booking) and booking.is_pending,
}
EMAIL, NAME = "visitor7@visitors.test", 'Dana "Dee" Cole, MD'
FILTERS = [
    *(({"status": name}, {"status": name}, holds) for name, holds in STATUS.items()),
    (
        {"status": ["past", "cancelled"]},
        {"status": "past,cancelled"},
        lambda booking: STATUS["past"](booking) or STATUS["cancelled"](booking),
    ),
    (
        {"status": "upcoming,unconfirmed"},
        {"status": "upcoming,unconfirmed"},
        lambda booking: STATUS["upcoming"](booking) or STATUS["unconfirmed"](booking),
    ),
    (
        {"attendee_email": EMAIL},
        {"attendeeEmail": EMAIL},
        lambda booking: EMAIL in {person.email for person in booking.attendees},
    ),
    (
        {"attendee_name": NAME},
        {"attendeeName": NAME},
        lambda booking: NAME in {person.name for person in booking.attendees},
    ),
    ({"event_type_id": THIRTY}, {"eventTypeId": "1"}, lambda booking: booking.event_type_id == THIRTY),
    (
        {"event_type_ids": [THIRTY, SIXTY]},
        {"eventTypeIds": "1,2"},
        lambda booking: booking.event_type_id in {THIRTY, SIXTY},
    ),
    ({"after_start": SOON}, {"afterStart": STAMPS[0]}, lambda booking: booking.start >= SOON),
    ({"before_end": LATE}, {"beforeEnd": STAMPS[1]}, lambda booking: booking.end <= LATE),
    ({"after_created_at": SOON}, {"afterCreatedAt": STAMPS[0]}, lambda booking: booking.created_at >= SOON),
    ({"before_created_at": SOON}, {"beforeCreatedAt": STAMPS[0]}, lambda booking: booking.created_at <= SOON),
    ({"after_updated_at": SOON}, {"afterUpdatedAt": STAMPS[0]}, lambda booking: booking.updated_at >= SOON),
    ({"before_updated_at": SOON}, {"beforeUpdatedAt": STAMPS[0]}, lambda booking: booking.updated_at <= SOON),
    (
        {"status": "cancelled", "after_start": SOON, "before_end": LATE, "event_type_id": SIXTY},
        {"status": "cancelled", "afterStart": STAMPS[0], "beforeEnd": STAMPS[1], "eventTypeId": "2"},
        lambda booking: (
            is_inactive(booking) and booking.start >= SOON and booking.end <= LATE and booking.event_type_id == SIXTY
        ),
    ),
]


@pytest.mark.parametrize("case", FILTERS, ids=[",".join(case[1]) for case in FILTERS])
async def test_filters(cal, full, all_bookings, case):
    """Each filter is sent under the server's name and returns exactly the matching bookings."""
    filters, query, holds = case
    rows = await cal.bookings.list(**filters).collect()
    expected = {booking.uid for booking in all_bookings if holds(booking)}
    assert 0 < len(expected) < len(all_bookings)
    assert {booking.uid for booking in rows} == expected
    first = sent_requests(full)[0]
    assert first == SentRequest("GET", "/bookings", query | {"take": "250", "skip": "0"}, None, "2024-08-13")


async def test_by_uid(cal, full, all_bookings):
    """The list can be filtered by the uid of a booking."""
    uid = all_bookings[42].uid
    assert [booking.uid async for booking in cal.bookings.list(booking_uid=uid)] == [uid]
    assert last_request(full).query["bookingUid"] == uid


@pytest.mark.servers("hosted", "self-hosted-2025-12")
async def test_teams(cal, full):
    """Team bookings are requested in the server's spelling; without teams the list is empty."""
    assert await cal.bookings.list(team_ids=[2, 3]).collect() == []
    assert last_request(full).query["teamsIds"] == "2,3"
    assert await cal.bookings.list(team_id=2).collect() == []
    assert last_request(full).query["teamId"] == "2"


SORTS = {
    "sort_start": ("sortStart", attrgetter("start")),
    "sort_end": ("sortEnd", attrgetter("end")),
    "sort_created": ("sortCreated", attrgetter("created_at")),
    "sort_updated_at": ("sortUpdatedAt", attrgetter("updated_at")),
}


@pytest.mark.parametrize("direction", ["asc", "desc"])
@pytest.mark.parametrize("name", SORTS)
async def test_sorts(cal, full, name, direction):
    """Each sort is sent under the server's name, and the rows have that order over all pages."""
    wire, key = SORTS[name]
    rows = await cal.bookings.list(**{name: direction}, take=50).collect()
    assert {request.query[wire] for request in sent_requests(full)} == {direction}
    keys = [key(booking) for booking in rows]
    assert len(rows) == COUNT
    assert keys == sorted(keys, reverse=direction == "desc")


@pytest.mark.parametrize(
    ("status", "backwards"),
    [
        ("upcoming", False),
        ("recurring", False),
        ("unconfirmed", False),
        ("past", True),
        ("cancelled", True),
        (["past", "cancelled"], False),
        (None, False),
    ],
    ids=str,
)
async def test_default_order(cal, status, backwards):
    """Without a sort, past bookings are returned latest first and all others earliest first."""
    starts = [booking.start async for booking in cal.bookings.list(status=status)]
    assert len(starts) > 2
    assert starts == sorted(starts, reverse=backwards)


async def test_none_filters_are_not_sent(cal, full):
    """Filters that are None are not sent."""
    await cal.bookings.list(status=None, attendee_email=None, sort_start=None, after_start=None).first()
    assert last_request(full).query == {"take": "250", "skip": "0"}


@pytest.mark.parametrize(
    ("filters", "words"),
    [
        ({"state": "past"}, r"unknown filter 'state'\. .*status"),
        ({"attendeeEmail": "a@x.test"}, "unknown filter 'attendeeEmail'"),
        ({"user_ids": [1]}, "unknown filter 'user_ids'"),
        ({"sort_start": "asc", "sort_created": "desc"}, "only one sort, got sort_start, sort_created"),
        ({"sort_end": "up"}, "sort_end must be 'asc' or 'desc', got 'up'"),
        ({"status": "confirmed"}, "status must be one of upcoming, .* got 'confirmed'"),
        ({"status": ["past", "Upcoming"]}, "status must be .* got 'Upcoming'"),
        ({"status": ""}, "status must not be empty"),
        ({"attendee_email": ""}, "attendee_email must not be empty"),
        ({"booking_uid": ""}, "booking_uid must not be empty"),
        ({"event_type_id": 0}, "event_type_id must not be empty"),
        ({"event_type_ids": []}, "event_type_ids must not be empty"),
        ({"take": 251}, "take must be an integer from 1 to 250"),
        ({"take": 0}, "take must be an integer from 1 to 250"),
        ({"skip": -1}, "must be an integer from 0"),
        ({"prefetch": -1}, "must be an integer from 0"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
async def test_invalid_filters(cal, full, filters, words):
    """A filter that the server would ignore, misread or reject raises before a request is sent."""
    with pytest.raises(InvalidRequestError, match=words):
        cal.bookings.list(**filters)
    assert full.requests == []


@pytest.mark.servers("hosted", "self-hosted-2026-07")
async def test_unknown_event_type(cal):
    """If no given event type exists, the server rejects the request."""
    with pytest.raises(BadRequestError, match="requested event-types do not exist") as caught:
        await cal.bookings.list(event_type_ids=[998, 999]).first()
    assert caught.value.code == "TRPCError"


# --- pages


async def test_all_pages(cal, full):
    """The list requests the largest pages and ends at the total, without an additional request."""
    pages = cal.bookings.list()
    assert pages.total is None
    assert full.requests == []
    rows = [booking async for booking in pages]
    assert all(isinstance(booking, Booking) for booking in rows)
    assert len({booking.uid for booking in rows}) == COUNT == pages.total
    assert [(request.query["take"], request.query["skip"]) for request in sent_requests(full)] == [
        ("250", "0"),
        ("250", "250"),
    ]


async def test_first_page(cal, full):
    """A first page has its items, the total and whether there are more."""
    page = await cal.bookings.list(take=100).first_page()
    assert (len(page.items), page.total_items, page.has_next) == (100, COUNT, True)
    assert len(full.requests) == 1


async def test_first(cal, full, all_bookings):
    """`first()` takes one request, and is None if the list is empty."""
    assert (await cal.bookings.list().first()).uid == all_bookings[0].uid
    assert await cal.bookings.list(attendee_email="nobody@x.test").first() is None
    assert len(full.requests) == 2


async def test_skip_and_limit(cal, full, all_bookings):
    """`skip` omits the first rows; `collect(limit)` requests no page that is not needed."""
    rows = await cal.bookings.list(skip=10, take=20).collect(30)
    assert [booking.uid for booking in rows] == [booking.uid for booking in all_bookings[10:40]]
    assert [request.query["skip"] for request in sent_requests(full)] == ["10", "30"]


@pytest.mark.parametrize("prefetch", [1, 4])
async def test_prefetch_keeps_the_order(cal, full, all_bookings, prefetch):
    """Prefetched pages are returned in order, and none is requested beyond the total."""
    rows = await cal.bookings.list(take=30, prefetch=prefetch).collect()
    assert [booking.uid for booking in rows] == [booking.uid for booking in all_bookings]
    assert len(full.requests) == COUNT / 30


async def test_pages(cal):
    """`pages()` yields pages."""
    sizes = [len(page.items) async for page in cal.bookings.list(take=110).pages()]
    assert sizes == [110, 110, 80]


async def test_a_new_loop_after_a_break(cal, all_bookings):
    """A new loop starts from the first row; one iterator can be read in parts."""
    pages = cal.bookings.list(take=50)
    head = []
    rows = aiter(pages)
    async for booking in rows:
        head.append(booking.uid)
        if len(head) == 70:
            break
    tail = [booking.uid async for booking in rows]
    assert head + tail == [booking.uid async for booking in pages] == [booking.uid for booking in all_bookings]


async def test_raw_rows(cal, all_bookings):
    """`raw()` is the same list as JSON."""
    rows = await cal.bookings.list().raw().collect(3)
    assert [bytes(row).startswith(b'{"') for row in rows] == [True] * 3
    assert all(booking.uid.encode() in bytes(row) for booking, row in zip(all_bookings[:3], rows, strict=True))


async def test_times_are_inclusive(cal, all_bookings):
    """Both ends of a time filter are inclusive."""
    booking = all_bookings[100]
    rows = await cal.bookings.list(after_start=booking.start, before_end=booking.end).collect()
    assert booking.uid in {row.uid for row in rows}


async def test_ties():
    """Rows that the server omits because their starts are equal are read by creation, so each row comes once."""
    with Sandbox(now=MONDAY, bookings=700, ties=True) as sandbox:
        async with Calcom(sandbox.api_key, base_url=sandbox.url) as cal:
            rows = await cal.bookings.list(take=100, strict=True).collect()
            asked_for = len(sandbox.requests)
            plain = [
                row["uid"]
                for skip in range(0, 700, 100)
                for row in (await cal.request("GET", "/v2/bookings", query={"take": 100, "skip": skip}))["data"]
            ]
    assert {booking.uid for booking in rows} == set(sandbox.store.bookings)
    assert len(rows) == 700
    assert asked_for > 7
    assert len(set(plain)) < 700, "a plain walk of the same server loses rows"


async def test_missing_rows_of_a_strict_list(cal, full):
    """If the server returns fewer rows than its total, a strict list raises an error with both numbers."""
    uid = next(iter(full.store.bookings))
    page = {"status": "success", "data": [], "pagination": None}
    row = (await cal.request("GET", "/v2/bookings", query={"bookingUid": uid}))["data"][0]
    page |= {
        "data": [row],
        "pagination": {
            "returnedItems": 3,
            "totalItems": 3,
            "itemsPerPage": 250,
            "remainingItems": 0,
            "currentPage": 1,
            "totalPages": 1,
            "hasNextPage": False,
            "hasPreviousPage": False,
        },
    }
    full.faults.add("GET", "/v2/bookings", body=page, times=20)
    try:
        with pytest.raises(IncompleteListError, match="reported 3 rows but returned 1; 2 may be missing") as caught:
            await cal.bookings.list(strict=True).collect()
    finally:
        full.faults.clear()
    assert (caught.value.expected, caught.value.seen) == (3, 1)


async def test_filters_that_the_total_ignores(cal, full, all_bookings):
    """The total ignores filters on creation and update, so it neither warns nor causes more requests."""
    some = all_bookings[0].created_at
    pages = cal.bookings.list(after_created_at=some, before_created_at=some, strict=True)
    assert [booking.uid for booking in await pages.collect()] == [all_bookings[0].uid]
    assert [request.query["skip"] for request in sent_requests(full)] == ["0", "250"]


async def test_pages_do_not_overlap(cal, full):
    """Offsets advance by whole pages."""
    await cal.bookings.list(take=40).collect()
    skips = [int(request.query["skip"]) for request in sent_requests(full)]
    assert {after - before for before, after in pairwise(skips)} == {40}
