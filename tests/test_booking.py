"""Safe booking: whatever fails, each call makes one booking or none, and reports which."""

from __future__ import annotations

import asyncio
import json
import pickle
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from datetime import date, datetime, timedelta, timezone
from typing import Any

import msgspec
import pytest
from fakes import ok_response
from sent_requests import ADA, ANA, BEA, BO, CLASS, MONDAY, SALES, SIXTY, THIRTY, at, sent_requests
from virtual_time import run

from calcom_async import (
    ApiKey,
    BadRequestError,
    Calcom,
    ConnectionFailedError,
    InvalidRequestError,
    ServerError,
    TimedOutError,
    TokenBucket,
    booking as safe,
)
from calcom_async.auth import Send
from calcom_async.booking import IDEMPOTENCY_KEY
from calcom_async.booking.key_locks import KeyLocks
from calcom_async.booking.keyed_bookings import precedence
from calcom_async.booking.reconcile import LOOKUP_DELAYS, MAX_LOST_RESPONSES, MAX_REJECTIONS
from calcom_async.errors import NotFoundError, SlotTakenError, UnknownOutcomeError
from calcom_async.events import Observer
from calcom_async.models import Attendee, Availability, Booking
from calcom_async.pagination import read_page
from calcom_async.requests import CallContext, Request, encode
from calcom_async.resources._base import ResourceContext
from calcom_async.resources.bookings import Bookings
from calcom_async.resources.event_types import EventTypes
from calcom_async.resources.slots import Slots
from calcom_async.responses import Response
from calcom_async.sandbox import Sandbox
from calcom_async.sandbox.accounts.users import new_user
from calcom_async.sandbox.event_types.records import new_event_type
from calcom_async.sandbox.state.booking import Booking as Record
from calcom_async.sandbox.state.store import Store

BOOKINGS = "/v2/bookings"
LOST = [
    {"cut": "before"},
    {"cut": "after"},
    {"status": 503},
    {"html": True},
    {"invalid_body": True},
    {"truncated": True},
]
ACTED = [{"cut": "after"}, {"invalid_body": True}, {"truncated": True}]
WEEKLY = {"recurrence": {"interval": 1, "occurrences": 3, "frequency": "weekly"}}
ON_REQUEST = {"confirmationPolicy": {"type": "always", "blockUnconfirmedBookingsInBooker": False}}

SEATS = {"seatsPerTimeSlot": 2, "showAttendeeInfo": True, "showAvailabilityCount": True}


def attendee_number(number: int) -> Attendee:
    return Attendee(name=f"V{number}", email=f"v{number}@visitors.test", time_zone="UTC")


@contextmanager
def running_sandbox(**options: Any) -> Iterator[Sandbox]:
    with Sandbox(now=MONDAY, **{"races": True} | options) as sandbox:
        yield sandbox
        assert sandbox.handler_errors == []


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with running_sandbox() as sandbox:
        yield sandbox


def client(sandbox: Sandbox, credentials: Any = None, **options: Any) -> Calcom:
    """A client that waits neither for the rate limit nor before a retry."""
    eager = {"backoff_base": 0, "limiter": TokenBucket(1_000_000, window=0.01)}
    return Calcom(credentials or sandbox.api_key, base_url=sandbox.url, **eager | options)


@pytest.fixture
async def cal(sandbox):
    async with client(sandbox) as cal:
        yield cal


async def book(cal: Calcom, hour: float = 9, **fields: Any) -> Any:
    """Book on Wednesday, without pauses; a series if there is a `recurrence_count`."""
    arguments = {"start": at(hour), "attendee": ADA, "event_type_id": THIRTY, "pause": 0}
    make: Any = safe.book_series if "recurrence_count" in fields else safe.book
    return await make(cal.bookings, cal.slots, cal.event_types, **arguments | fields)


async def move(cal: Calcom, uid: str, hour: float, **fields: Any) -> Booking:
    return await safe.reschedule(cal.bookings, cal.slots, uid, start=at(hour), pause=0, **fields)


def event_type(sandbox: Sandbox, **fields: Any) -> int:
    body = {"title": "Chat", "slug": "chat", "lengthInMinutes": 30, "minimumBookingNotice": 0}
    return int(new_event_type(sandbox.store, ANA, body | fields)["id"])


def round_robin(sandbox: Sandbox) -> int:
    """Create a round-robin event type with two hosts, at hours when both work."""
    body = {"title": "Demo", "slug": "demo", "lengthInMinutes": 30, "minimumBookingNotice": 0}
    hosts = [{"userId": user_id, "mandatory": False, "priority": "medium"} for user_id in (ANA, BO)]
    return int(new_event_type(sandbox.store, None, body, teamId=SALES, schedulingType="roundRobin", hosts=hosts)["id"])


def event_type_of_kind(sandbox: Sandbox, kind: str) -> int:
    """Return an event type of one of the `KINDS`."""
    match kind:
        case "plain":
            return THIRTY
        case "seated":
            return CLASS
        case "on request":
            return event_type(sandbox, **ON_REQUEST)
    return round_robin(sandbox)


KINDS = ("plain", "seated", "on request", "round robin")


def active_bookings(sandbox: Sandbox) -> list[Record]:
    """Return the active bookings of the sandbox."""
    return [booking for booking in sandbox.store.bookings.values() if booking.status in {"accepted", "pending"}]


def endpoints(sandbox: Sandbox) -> list[str]:
    """Return the method and path of each request."""
    return [request.endpoint for request in sent_requests(sandbox)]


# --- without faults


async def test_a_free_slot_is_booked_in_two_requests(cal, sandbox):
    """A booking takes one search and one create, which carries the key next to the caller's metadata."""
    booking = await book(cal, metadata={"crm": "42"})
    assert (booking.start, booking.status) == (at(9), "accepted")
    assert booking.metadata["crm"] == "42"
    assert booking.metadata.keys() == {"crm", IDEMPOTENCY_KEY}
    assert endpoints(sandbox) == ["GET /slots", "POST /bookings"]
    await book(cal, 10, check=False)
    assert endpoints(sandbox)[2:] == ["POST /bookings"]


async def test_a_start_that_no_search_offers_is_not_booked(cal, sandbox):
    """A taken slot raises an error with the nearest free slots after a few searches; no create is sent."""
    await cal.bookings.create(start=at(10), event_type_id=THIRTY, attendee=BEA)
    sandbox.requests.clear()
    with pytest.raises(SlotTakenError, match=r"2026-11-04T10:00:00\+00:00 is not free.*nearest") as caught:
        await book(cal, 10)
    nearest = [slot.start for slot in caught.value.alternatives]
    assert nearest[:4] == [at(9.5), at(10.5), at(9), at(11)]
    assert len(nearest) == 10
    assert endpoints(sandbox) == ["GET /slots", "GET /event-types/1", "GET /slots", "GET /slots"]


async def test_transient_errors_of_the_check_are_retried(cal, sandbox):
    """A failing slot search is retried beyond the retries of the client."""
    sandbox.faults.add("GET", "/v2/slots", status=503, times=7)
    assert (await book(cal)).start == at(9)


async def test_a_chosen_length_is_checked_and_booked(cal, sandbox):
    """`length_in_minutes` applies to the search and to the booking, and both accept slugs."""
    event_type(sandbox, slug="any", lengthInMinutesOptions=[30, 90])
    arguments = {"event_type_slug": "any", "username": "ana", "length_in_minutes": 90}
    booking = await safe.book(
        cal.bookings, cal.slots, cal.event_types, start=at(10.5), attendee=ADA, check=True, **arguments
    )
    assert booking.duration == 90
    query = sent_requests(sandbox)[0].query
    assert {"eventTypeSlug": "any", "username": "ana", "duration": "90"}.items() <= query.items()


async def test_invalid_combinations_send_no_request(cal, sandbox):
    """A naive start, a reservation by slug and an instant meeting raise an error before a request is sent."""
    with pytest.raises(ValueError, match="start must have a time zone"):
        await book(cal, start=at(9).replace(tzinfo=None))
    with pytest.raises(InvalidRequestError, match="event_type_id"):
        await safe.book(
            cal.bookings,
            cal.slots,
            cal.event_types,
            start=at(9),
            attendee=ADA,
            reserve=True,
            event_type_slug="thirty",
            username="ana",
        )
    with pytest.raises(InvalidRequestError, match="instant"):
        await book(cal, instant=True)
    assert sandbox.requests == []


async def test_other_rejections_are_raised_unchanged(cal, sandbox):
    """A rejection that is not about the time raises the error of `bookings.create` without a retry."""
    with pytest.raises(NotFoundError, match="Event type with id 999"):
        await book(cal, event_type_id=999, check=False)
    assert len(sandbox.requests) == 1


# --- every offered slot can be booked

ZONES = ("UTC", "Asia/Kolkata", "Pacific/Chatham", "America/St_Johns")
SETTINGS = [
    {"lengthInMinutes": 60},
    {"lengthInMinutes": 45},
    {"lengthInMinutes": 50, "slotInterval": 20},
    {"lengthInMinutes": 60, "offsetStart": 10},
    {"lengthInMinutes": 30, "onlyShowFirstAvailableSlot": True},
    {"lengthInMinutes": 60, "seats": SEATS},
]


@pytest.mark.slow
@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("settings", SETTINGS, ids=str)
async def test_every_slot_of_a_search_can_be_booked(cal, sandbox, settings, zone):
    """Every slot that a search in any time zone offers can be booked for an attendee in another one."""
    hours = await cal.schedules.create(
        name="Hours",
        time_zone="Asia/Kolkata",
        is_default=False,
        availability=[Availability(days=range(7), start_time="09:05", end_time="14:20")],
    )
    which = event_type(sandbox, scheduleId=hours.id, **settings)
    day = date(2026, 11, 4)
    offered = await cal.slots.search(event_type_id=which, start=day, end=day, time_zone=zone)
    bo = Attendee(name="Bo", email="bo@example.com", time_zone="Europe/Rome")
    assert offered.first()
    for slot in offered.slots():
        booking = await book(cal, start=slot.start, event_type_id=which, attendee=bo)
        assert booking.start == slot.start
        await cal.bookings.cancel(booking.uid, reason="Test")


@pytest.mark.slow
@pytest.mark.parametrize("minute", [5, 20, 45])
@pytest.mark.parametrize(
    "settings",
    [
        {"lengthInMinutes": 25},
        {"lengthInMinutes": 45},
        {"lengthInMinutes": 90},
        {"lengthInMinutes": 30, "offsetStart": 10},
        {"lengthInMinutes": 25, "offsetStart": 15, "slotInterval": 60},
        {"lengthInMinutes": 50, "showOptimizedSlots": True},
    ],
    ids=str,
)
async def test_slots_of_a_search_that_starts_in_the_working_hours(cal, sandbox, settings, minute):
    """A search that starts in the working hours has its own slot grid, and its slots can be booked."""
    which = event_type(sandbox, **settings)
    since = at(9) + timedelta(minutes=minute)
    for zone in ("UTC", "Asia/Kathmandu"):
        days = await cal.slots.search(event_type_id=which, start=since, end=at(17), time_zone=zone)
        first, second, *_ = days.slots()
        for slot in (first, second):
            booking = await book(cal, start=slot.start, event_type_id=which)
            assert booking.start == slot.start
            await cal.bookings.cancel(booking.uid, reason="Test")


async def test_the_last_day_of_a_booking_window_in_the_attendees_zone(cal, sandbox):
    """The server counts the days of a booking window in the attendee's time zone; its last slot can be booked."""
    sandbox.clock.set(at(20, 4))  # the fifth has begun in Tokyo
    which = event_type(sandbox, bookingWindow={"type": "calendarDays", "value": 1, "rolling": False})
    hours = await cal.schedules.default()
    daily = [Availability(days=range(7), start_time="00:00", end_time="23:59")]
    await cal.schedules.update(hours.id, availability=daily)
    days = await cal.slots.search(event_type_id=which, start=at(0), end=at(0, 9), time_zone="Asia/Tokyo")
    *_, last = days.slots()
    assert last.start > at(0, 6)
    assert (await book(cal, start=last.start, event_type_id=which, attendee=BEA)).start == last.start


async def test_a_start_outside_the_slot_grid(cal):
    """A start that no search offers is booked with `check=False` only."""
    start = at(9) + timedelta(minutes=7)
    with pytest.raises(SlotTakenError, match="no search offers this start"):
        await book(cal, start=start)
    assert (await book(cal, start=start, check=False)).start == start


async def test_a_full_slot_is_not_searched_in_other_zones(cal, sandbox):
    """A slot that is listed without free seats is taken after one search."""
    which = event_type(sandbox, seats=SEATS)
    for attendee in (ADA, BEA):
        await cal.bookings.create(start=at(9), event_type_id=which, attendee=attendee)
    sandbox.requests.clear()
    with pytest.raises(SlotTakenError):
        await book(cal, event_type_id=which, attendee=attendee_number(1))
    assert endpoints(sandbox) == ["GET /slots", "GET /slots"]


# --- reservations


async def test_a_reservation_hides_the_slot_while_it_is_booked(cal, sandbox):
    """`reserve=True` reserves the slot, books it and deletes the reservation."""
    await book(cal, reserve=True)
    reservation = sent_requests(sandbox)[1]
    assert reservation.body == {"eventTypeId": THIRTY, "slotStart": "2026-11-04T09:00:00Z"}
    assert [line.split("/reservations/")[0] for line in endpoints(sandbox)] == [
        "GET /slots",
        "POST /slots/reservations",
        "POST /bookings",
        "DELETE /slots",
    ]


async def test_a_reservation_is_released_after_a_failure(cal, sandbox):
    """After a failed booking the reservation is deleted."""
    sandbox.faults.add("POST", BOOKINGS, status=403)
    with pytest.raises(Exception, match="403"):
        await book(cal, reserve=True)
    assert endpoints(sandbox)[-1].startswith("DELETE /slots/reservations/")
    assert (await book(cal)).start == at(9)


async def test_a_cancelled_call_deletes_its_reservation(cal, sandbox):
    """A call that is cancelled leaves no reservation."""
    sandbox.faults.add("POST", BOOKINGS, slow=5, status=500)
    call = asyncio.ensure_future(book(cal, reserve=True))
    while not sandbox.faults.fired:  # noqa: ASYNC110 - the sandbox runs in another thread
        await asyncio.sleep(0)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    assert not sandbox.store.reservations


async def test_a_slot_reserved_by_somebody_else_is_taken(cal, sandbox):
    """If the reservation is rejected, the slot is taken and nothing is booked."""
    await cal.slots.reservations.create(event_type_id=THIRTY, start=at(9))
    with pytest.raises(SlotTakenError, match="already reserved") as caught:
        await book(cal, reserve=True, check=False)
    assert caught.value.alternatives[0].start == at(9.5)
    assert active_bookings(sandbox) == []


async def test_a_lost_reservation_does_not_stop_the_booking(cal, sandbox):
    """A reservation is advisory: if its response is lost, the booking is made anyway."""
    sandbox.faults.add("POST", "/v2/slots/reservations", cut="after")
    assert (await book(cal, reserve=True)).start == at(9)


# --- the response is lost


@pytest.mark.parametrize("fault", LOST, ids=str)
@pytest.mark.parametrize("kind", ["plain", "seated", "on request", "series", "round robin"])
async def test_a_lost_response_makes_one_booking(cal, sandbox, fault, kind):
    """One booking is made and returned, whether the server acted before the response was lost or not."""
    which = {
        "plain": THIRTY,
        "seated": CLASS,
        "on request": event_type(sandbox, **ON_REQUEST),
        "series": event_type(sandbox, slug="weekly", **WEEKLY),
        "round robin": round_robin(sandbox),
    }[kind]
    sandbox.faults.add("POST", BOOKINGS, **fault)
    booking = await book(cal, 15, event_type_id=which)
    records = active_bookings(sandbox)
    assert booking.uid == records[0].uid
    assert len(records) == (3 if kind == "series" else 1)
    assert [len(record.attendees) for record in records] == [1] * len(records)
    assert endpoints(sandbox).count("POST /bookings") == (1 if fault in ACTED else 2)


def resources(cal: Calcom, send: Send) -> list[Any]:
    """The resources of a client, with their requests sent through `send`."""
    channel = msgspec.structs.replace(cal._context, send=send)
    return [kind(channel) for kind in (Bookings, Slots, EventTypes)]


async def test_a_request_that_takes_effect_late(cal, sandbox):
    """A create that takes effect after the first look-up is found by the next one and not repeated."""
    late: list[tuple[Request, CallContext]] = []

    async def send(request: Request, context: CallContext) -> Response:
        if request.method == "POST":
            late.append((request, context))
            raise TimedOutError("no answer", sent=True)
        response = await cal._send(request, context)
        if late:
            await cal._send(*late.pop())
        return response

    arguments = {"start": at(9), "attendee": ADA, "event_type_id": THIRTY, "check": False, "pause": 0}
    booking = await safe.book(*resources(cal, send), **arguments)
    assert [record.uid for record in active_bookings(sandbox)] == [booking.uid]
    assert endpoints(sandbox) == ["GET /bookings", "POST /bookings", "GET /bookings"]


async def test_the_key_distinguishes_bookings_of_one_attendee(cal, sandbox):
    """The key distinguishes the booking of this call from another one of the same attendee and time."""
    which = event_type(sandbox, **ON_REQUEST)
    earlier = await book(cal, event_type_id=which)
    sandbox.faults.add("POST", BOOKINGS, cut="after")
    with pytest.raises(SlotTakenError, match=f"has another booking at this time: {earlier.uid}"):
        await book(cal, event_type_id=which)
    assert [record.uid for record in active_bookings(sandbox)] == [earlier.uid]


async def test_transient_errors_of_the_look_up_are_retried(cal, sandbox):
    """A failing look-up is retried beyond the retries of the client."""
    sandbox.faults.add("POST", BOOKINGS, cut="after").add("GET", BOOKINGS, status=503, times=7)
    booking = await book(cal)
    assert [record.uid for record in active_bookings(sandbox)] == [booking.uid]


async def test_a_server_that_always_fails(cal, sandbox):
    """After the last attempt the error is raised, with a note that no booking exists."""
    sandbox.faults.add("POST", BOOKINGS, status=500, times=99)
    with pytest.raises(ServerError) as caught:
        await book(cal)
    assert "this call changed nothing" in caught.value.__notes__[0]
    assert endpoints(sandbox).count("POST /bookings") == MAX_LOST_RESPONSES
    assert active_bookings(sandbox) == []


async def test_no_attempt_is_retried_after_the_timeout(cal, sandbox):
    """The total timeout ends the retries, but not the look-ups."""
    sandbox.faults.add("POST", BOOKINGS, cut="before", times=9)
    with pytest.raises(ConnectionFailedError):
        await book(cal, total_timeout=0)
    assert endpoints(sandbox).count("POST /bookings") == 1
    assert endpoints(sandbox).count("GET /bookings") == len(LOOKUP_DELAYS)


async def test_no_read_is_retried_after_the_timeout(cal, sandbox):
    """After the total timeout a failing search gets only the retries of the client."""
    sandbox.faults.add("GET", "/v2/slots", status=503, times=99)
    with pytest.raises(ServerError):
        await book(cal, total_timeout=0)
    assert endpoints(sandbox) == ["GET /slots"] * cal.config.max_attempts


async def test_failing_look_ups_leave_the_outcome_unknown(cal, sandbox):
    """Without a look-up the outcome is unknown, and the error says what to look for."""
    sandbox.faults.add("POST", BOOKINGS, cut="after").add("GET", BOOKINGS, status=503, times=999)
    with pytest.raises(
        UnknownOutcomeError, match="Before you retry, look for a booking of event type 1 at 2026"
    ) as caught:
        await book(cal)
    sandbox.faults.clear()
    wanted = dict(caught.value.lookup)
    metadata = wanted.pop("metadata")
    [match] = await cal.bookings.list(**wanted).collect()
    assert match.metadata == metadata


class Nobody(ApiKey):
    """Anonymous credentials."""

    headers: Mapping[str, str] = {}

    def __init__(self) -> None:
        self.fingerprint = "nobody"


@pytest.mark.parametrize("cut", ["before", "after"])
@pytest.mark.parametrize("who", ["cal_sandbox_cy", Nobody()], ids=["stranger", "anonymous"])
async def test_where_bookings_cannot_be_listed_a_lost_response_is_unknown(sandbox, who, cut):
    """If the bookings of the event type cannot be listed, a lost response is not retried."""
    sandbox.faults.add("POST", BOOKINGS, cut=cut)
    async with client(sandbox, who) as stranger:
        with pytest.raises(UnknownOutcomeError):
            await book(stranger)
    assert endpoints(sandbox).count("POST /bookings") == 1


async def test_slugs_of_a_team_do_not_prove_that_its_bookings_are_listed(cal, sandbox):
    """An event type selected by team slug may not be among the listed ones, so a lost response is unknown."""
    hosts = [{"userId": BO, "mandatory": False, "priority": "medium"}]
    body = {"title": "Demo", "slug": "demo", "lengthInMinutes": 30, "minimumBookingNotice": 0}
    new_event_type(sandbox.store, None, body, teamId=SALES, schedulingType="collective", hosts=hosts)
    sandbox.faults.add("POST", BOOKINGS, cut="before")
    arguments = {"start": at(15), "attendee": ADA, "event_type_slug": "demo", "team_slug": "sales", "check": False}
    with pytest.raises(UnknownOutcomeError, match="event type demo of sales"):
        await safe.book(cal.bookings, cal.slots, cal.event_types, pause=0, **arguments)


@pytest.mark.parametrize(
    "named", [{"event_type_id": THIRTY}, {"event_type_slug": "thirty", "username": "ana"}], ids=str
)
async def test_a_slot_taken_while_the_response_was_lost(cal, sandbox, named):
    """If the request never arrived and somebody else booked the slot, the slot is taken."""

    def other(store: Store) -> None:
        if not store.bookings:
            store.add_booking(_record(store, at(9), attendee=BEA))

    sandbox.faults.add("POST", BOOKINGS, cut="before").after_each("POST", BOOKINGS, other)
    arguments = {"start": at(9), "attendee": ADA, "pause": 0, **named}
    with pytest.raises(SlotTakenError) as caught:
        await safe.book(cal.bookings, cal.slots, cal.event_types, **arguments)
    assert [record.attendees[0]["email"] for record in active_bookings(sandbox)] == [BEA.email]
    arrived = pickle.loads(pickle.dumps(caught.value))
    assert (str(arrived), arrived.alternatives) == (str(caught.value), caught.value.alternatives)


def _record(store: Store, start: Any, attendee: Attendee = ADA, **fields: Any) -> Record:
    number = store.next_id("booking")
    person = {"id": number, "name": attendee.name, "email": attendee.email, "displayEmail": attendee.email}
    return Record(
        **{
            "id": number,
            "uid": f"other{number}",
            "title": "Other",
            "user_id": ANA,
            "host_ids": [ANA],
            "start": start,
            "end": start + timedelta(minutes=30),
            "created_at": MONDAY,
            "updated_at": MONDAY,
            "event_type_id": THIRTY,
            "attendees": [person | {"timeZone": "UTC", "language": "en", "absent": False}],
        }
        | fields
    )


async def test_a_duplicate_of_a_retry_is_cancelled(cal, sandbox):
    """If two attempts both create a pending booking, the later one is cancelled."""
    which = event_type(sandbox, **ON_REQUEST)

    def first_request_acts_late(store: Store) -> None:
        if len(store.bookings) == 1:
            [record] = store.bookings.values()
            store.add_booking(msgspec.structs.replace(record, id=record.id + 1, uid="twin"))

    sandbox.faults.add("POST", BOOKINGS, cut="before").after_each("POST", BOOKINGS, first_request_acts_late)
    booking = await book(cal, event_type_id=which)
    assert [record.uid for record in active_bookings(sandbox)] == [booking.uid]
    assert sandbox.store.bookings["twin"].status == "cancelled"


@pytest.mark.parametrize("kind", ["plain", "seated"])
async def test_the_look_up_uses_only_the_key(cal, sandbox, kind):
    """The booking is found if the server stores another email address and lists it after hundreds of others."""

    def stored(store: Store) -> None:
        for record in store.bookings.values():
            for person in record.attendees:
                person["email"] = "4915112345@sms.cal.com"

    def crowd(store: Store) -> None:
        if not store.bookings:
            for _ in range(230):
                store.add_booking(_record(store, at(9), attendee=BEA, status="rejected"))

    sandbox.faults.after_each("POST", BOOKINGS, crowd).after_each("GET", BOOKINGS, stored)
    sandbox.faults.add("POST", BOOKINGS, cut="after")
    booking = await book(cal, event_type_id={"plain": THIRTY, "seated": CLASS}[kind])
    assert [record.uid for record in active_bookings(sandbox)] == [booking.uid]
    assert endpoints(sandbox).count("POST /bookings") == 1


async def test_an_endless_list_ends_the_look_up(sandbox):
    """A server that lists ever more bookings at the start leaves the outcome unknown after 10,000 rows."""
    row = {"title": "", "hosts": [], "status": "accepted", "duration": 60, "attendees": []}
    row |= {"start": at(9), "end": at(10), "createdAt": at(8)}
    number = 0

    async def send(request: Request, context: CallContext) -> Response:
        nonlocal number
        if request.method == "POST":
            raise ConnectionFailedError("broke", sent=True)
        number += 100
        rows = [
            row | {"id": n, "uid": f"u{n}", "start": at(9), "createdAt": at(8)} for n in range(number - 100, number)
        ]
        body = {"status": "success", "data": rows, "pagination": {"hasNextPage": True, "totalItems": number + 500}}
        return Response(200, {}, encode(body))

    channel = ResourceContext(send, Observer())
    resources = [kind(channel) for kind in (Bookings, Slots, EventTypes)]
    with pytest.raises(UnknownOutcomeError, match="more than 10000 bookings"):
        await safe.book(*resources, check=False, pause=0, start=at(9), attendee=ADA, event_type_id=THIRTY)
    assert number == 10_000


async def test_rows_without_a_usable_start_are_skipped(cal, sandbox):
    """A row of the look-up without a readable start, or without a time zone, does not hide the booking."""
    sandbox.faults.add("POST", BOOKINGS, cut="after")

    async def send(request: Request, context: CallContext) -> Response:
        response = await cal._send(request, context)
        if request.method == "POST":
            return response
        body: Any = json.loads(response.body)
        [row] = body["data"]
        body["data"] = [row | {"uid": f"odd {start}", "start": start} for start in (None, "2026-11-04T09:00:00", 7)]
        body["data"].append(row)
        return Response(200, {}, encode(body))

    arguments = {"start": at(9), "attendee": ADA, "event_type_id": THIRTY, "check": False, "pause": 0}
    booking = await safe.book(*resources(cal, send), **arguments)
    assert [record.uid for record in active_bookings(sandbox)] == [booking.uid]


async def test_an_idempotency_key_outlives_the_call(cal, sandbox):
    """A later call with the same key returns the existing booking, with and without the check."""
    key = {"idempotency_key": "order-7"}
    first = await book(cal, **key)
    again = await book(cal, **key)
    unchecked = await book(cal, check=False, **key)
    assert first.uid == again.uid == unchecked.uid
    with pytest.raises(SlotTakenError):
        await book(cal, idempotency_key="order-8")


@pytest.mark.parametrize("kind", KINDS)
async def test_a_key_belongs_to_one_event_type_and_start(cal, sandbox, kind):
    """The same key finds its booking although others can still book; another start or event type is another booking."""
    which = event_type_of_kind(sandbox, kind)
    arguments = {"event_type_id": which, "idempotency_key": "order-7"}
    first, again = [await book(cal, 15, attendee=attendee, **arguments) for attendee in (ADA, BEA)]
    assert (first.uid, first.seat_uid) == (again.uid, again.seat_uid)
    later = await book(cal, 16, **arguments)
    assert later.uid != first.uid
    other = await book(cal, 14, **arguments | {"event_type_id": SIXTY})
    assert {record.uid for record in active_bookings(sandbox)} == {first.uid, later.uid, other.uid}


async def test_a_rescheduled_booking_is_returned_as_it_is_now(cal, sandbox):
    """Rescheduled once, again, and back: the key finds the booking, and nothing else is created or cancelled."""
    arguments = {"idempotency_key": "order-7"}
    booking = await book(cal, **arguments)
    for hour in (10, 11, 9):
        booking = await move(cal, booking.uid, hour)
        returned = await book(cal, **arguments)
        assert (returned.uid, returned.start) == (booking.uid, at(hour))
    assert [record.uid for record in active_bookings(sandbox)] == [booking.uid]


async def test_a_booking_rescheduled_to_a_start_does_not_count_for_it(cal, sandbox):
    """The key identifies the start that was booked, not the start that the booking was rescheduled to."""
    arguments = {"event_type_id": round_robin(sandbox), "idempotency_key": "order-7"}
    moved = await move(cal, (await book(cal, 15, **arguments)).uid, 16)
    other = await book(cal, 16, attendee=BEA, **arguments)
    assert other.uid != moved.uid
    assert {record.uid for record in active_bookings(sandbox)} == {moved.uid, other.uid}
    assert (await book(cal, 15, **arguments)).uid == moved.uid


async def test_a_key_distinguishes_equal_slugs_of_two_users(cal, sandbox):
    """Event types of two users with one slug are two event types, even if one account lists both bookings."""
    for owner in (ANA, BO):
        new_event_type(sandbox.store, owner, {"title": "Chat", "slug": "chat", "lengthInMinutes": 30} | ON_REQUEST)
    arguments = {"event_type_id": None, "event_type_slug": "chat", "idempotency_key": "order-7", "check": False}
    first = await book(cal, 15, username="ana", **arguments)
    sandbox.store.bookings[first.uid].host_ids += (BO,)  # each host lists both
    async with client(sandbox, "cal_sandbox_bo") as bo:
        second = await book(bo, 15, username="bo", attendee=BEA, **arguments)
        assert second.uid != first.uid
        assert (await book(bo, 15, username="bo", **arguments)).uid == second.uid


@pytest.mark.parametrize("count", [{}, {"recurrence_count": 3}], ids=str)
async def test_a_series_is_returned_as_it_is_now(cal, sandbox, count):
    """After the first occurrence was moved, `book` returns that occurrence and `book_series` all of them in order."""
    arguments = {"event_type_id": event_type(sandbox, **WEEKLY), "idempotency_key": "order-7", **count}
    created = await book(cal, **arguments)
    first, rest = (created[0], [row.uid for row in created[1:]]) if count else (created, [])
    moved = await cal.bookings.reschedule(first.uid, start=at(9, 12))
    returned = await book(cal, **arguments)
    if count:
        assert [row.uid for row in returned] == [rest[0], moved.uid, rest[1]]
    else:
        assert returned.uid == moved.uid
    assert len(active_bookings(sandbox)) == 3


@pytest.mark.parametrize("end", ["cancel", "decline", "move and cancel"])
async def test_an_inactive_booking_counts_as_none(cal, sandbox, end):
    """After a booking was cancelled or rejected, the same key makes a new one."""
    arguments = {"idempotency_key": "order-7", "event_type_id": event_type(sandbox, **ON_REQUEST)}
    first = last = await book(cal, **arguments)
    if end == "move and cancel":
        last = await move(cal, first.uid, 10)
    if end == "decline":
        await cal.bookings.decline(last.uid)
    else:
        await cal.bookings.cancel(last.uid, reason="Ill")
    again = await book(cal, **arguments)
    assert again.uid not in {first.uid, last.uid}
    assert [record.uid for record in active_bookings(sandbox)] == [again.uid]


@pytest.mark.parametrize("kind", KINDS)
async def test_concurrent_calls_with_one_key_are_serialized(kind):
    """Ten concurrent calls with one key make one booking, and all return it."""
    with running_sandbox() as sandbox:
        which = event_type_of_kind(sandbox, kind)
        arguments = {"event_type_id": which, "idempotency_key": "order-7"}
        async with client(sandbox) as cal:
            returned = await asyncio.gather(
                *[book(cal, 15, attendee=attendee_number(number), **arguments) for number in range(10)]
            )
        assert len({(row.uid, row.seat_uid) for row in returned}) == 1
        assert [len(row.attendees) for row in active_bookings(sandbox)] == [1]


@pytest.mark.parametrize("kind", KINDS)
async def test_processes_with_one_key_leave_one_booking(kind, monkeypatch):
    """If the server accepts duplicates from several processes, all but the lowest id are cancelled."""
    monkeypatch.setattr(KeyLocks, "hold", lambda *_: nullcontext())  # as between processes
    with running_sandbox() as sandbox:
        which = event_type_of_kind(sandbox, kind)
        arguments = {"event_type_id": which, "idempotency_key": "order-7"}
        async with client(sandbox) as cal:
            if kind == "seated":  # the server accepts duplicates only into a booking that exists
                await book(cal, 15, event_type_id=which, attendee=BEA)
            returned = await asyncio.gather(*[book(cal, 15, **arguments) for _ in range(6)])
            returned.append(await book(cal, 15, **arguments))
        assert sum(metadata[IDEMPOTENCY_KEY] == "order-7" for metadata in active_metadata(sandbox)) == 1
        assert len({row.uid for row in returned}) == 1
        assert returned[-1].uid == min(active_bookings(sandbox), key=lambda row: row.id).uid


def active_metadata(sandbox: Sandbox) -> list[dict[str, Any]]:
    """The metadata of all active bookings and seats."""
    return [
        holder
        for record in active_bookings(sandbox)
        for holder in ([seat["metadata"] for seat in record.seats] or [record.metadata])
    ]


async def test_a_duplicate_that_cannot_be_cancelled(cal, sandbox):
    """Two bookings with one key that cannot be cancelled raise an `UnknownOutcomeError`."""
    which = event_type(sandbox, disableCancelling={"disabled": True}, **ON_REQUEST)

    def twin(store: Store) -> None:
        if len(store.bookings) == 1:
            [record] = store.bookings.values()
            store.add_booking(msgspec.structs.replace(record, id=record.id + 1, uid="twin"))

    sandbox.faults.after_each("POST", BOOKINGS, twin)
    with pytest.raises(UnknownOutcomeError, match=r"booking twin is a duplicate .* cannot be cancelled"):
        await book(cal, event_type_id=which, idempotency_key="order-7")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"metadata": "crm"}, "metadata must be a mapping"),
        ({"metadata": {IDEMPOTENCY_KEY: "order-7"}}, "Pass idempotency_key instead"),
        ({"recurrence_count": 0}, "recurrence_count must be an integer of at least 1"),
        ({"idempotency_key": 7}, "must be a string"),
        ({"idempotency_key": ""}, "must be a string"),
        ({"start": at(9).replace(year=9999, month=12, day=31)}, "out of range"),
        ({"start": datetime.min.replace(tzinfo=timezone(timedelta(hours=1)))}, "out of range"),
        ({"attendee": None}, "attendee must be an Attendee"),
        ({"attendee": {"name": "Ada"}}, "attendee must be an Attendee, got dict"),
        ({"start": None}, "start must be a datetime"),
        ({"start": "2026-11-04T09:00"}, "start must have a time zone"),
    ],
    ids=str,
)
async def test_invalid_arguments(cal, sandbox, arguments, words):
    """Invalid arguments raise an error before a request is sent."""
    with pytest.raises(InvalidRequestError, match=words):
        await book(cal, **arguments)
    assert sandbox.requests == []


async def test_none_means_not_given(cal):
    """None for an optional argument means that it is not given."""
    absent = dict.fromkeys(("metadata", "guests", "idempotency_key", "location", "length_in_minutes", "username"))
    booking = await book(cal, **absent)
    moved = await move(cal, booking.uid, 10, seat_uid=None, reason=None)
    assert moved.start == at(10)


def test_the_delays_between_look_ups_grow():
    """Look-ups follow at once and after 1, 2 and 4 pauses, then the retry; after the timeout without delay."""
    requests: list[tuple[float, str]] = []

    async def send(request: Request, context: CallContext) -> Response:
        requests.append((asyncio.get_running_loop().time() - 1000, f"{request.method} {request.route}"))
        if request.method == "POST":
            raise ConnectionFailedError("broke", sent=True)
        return ok_response([]) if request.route == "/bookings" else ok_response({"id": THIRTY})

    async def lost() -> None:
        channel = ResourceContext(send, Observer())
        resources = [kind(channel) for kind in (Bookings, Slots, EventTypes)]
        arguments = {"start": at(9), "attendee": ADA, "event_type_id": THIRTY}
        await safe.book(*resources, check=False, total_timeout=5, pause=0.5, **arguments)

    with pytest.raises(ConnectionFailedError):
        run(lost())
    assert [when for when, sent in requests if sent == "POST /bookings"] == [0, 3.5]
    assert [when for when, sent in requests if sent == "GET /bookings"] == [0, 0.5, 1.5, 3.5, 3.5, 4, 5, 5]
    assert [when for when, sent in requests if sent == "GET /event-types/{}"] == [3.5]


# --- the time is taken


@pytest.mark.parametrize(
    "same",
    [pytest.param(False, id="fifty attendees"), pytest.param(True, id="one attendee", marks=pytest.mark.slow)],
)
async def test_fifty_callers_on_one_slot(same):
    """One caller gets the slot; the others get a `SlotTakenError` with alternatives, even for the same attendee."""
    with running_sandbox() as sandbox:
        async with client(sandbox) as cal:
            people = [ADA if same else attendee_number(number) for number in range(50)]
            results = await asyncio.gather(*[book(cal, attendee=result) for result in people], return_exceptions=True)
        [won] = [result for result in results if isinstance(result, Booking)]
        lost = [result for result in results if isinstance(result, SlotTakenError)]
        assert len(lost) == 49
        assert all(result.alternatives and at(9) not in {slot.start for slot in result.alternatives} for result in lost)
        assert [result.uid for result in active_bookings(sandbox)] == [won.uid]


@pytest.mark.parametrize(("callers", "seats"), [pytest.param(60, 60, marks=pytest.mark.slow), (20, 20), (20, 5)])
async def test_concurrent_callers_for_seats(callers, seats):
    """Nobody gets a `SlotTakenError` while a seat is free; the server may accept more attendees than seats."""
    with running_sandbox() as sandbox:
        which = event_type(sandbox, seats=SEATS | {"seatsPerTimeSlot": seats})
        async with client(sandbox) as cal:
            calls = [book(cal, event_type_id=which, attendee=attendee_number(number)) for number in range(callers)]
            results = await asyncio.gather(*calls, return_exceptions=True)
        won = [result for result in results if isinstance(result, Booking)]
        assert sum(isinstance(result, SlotTakenError) for result in results) == callers - len(won)
        assert len(won) >= seats
        [record] = active_bookings(sandbox)
        assert {seat["seat_uid"] for seat in record.seats} == {result.seat_uid for result in won}
        assert len(record.seats) == len(won)


async def test_thirty_callers_for_eight_hosts():
    """A round robin with eight free hosts makes eight bookings, one per host."""
    with running_sandbox() as sandbox:
        hosts = []
        for number in range(100, 108):
            host = new_user(sandbox.store, number, f"host{number}", f"Host {number}", "UTC")
            hosts.append({"userId": host["id"], "mandatory": False, "priority": "medium"})
        body = {"title": "Demo", "slug": "demo", "lengthInMinutes": 30, "minimumBookingNotice": 0}
        event_type = new_event_type(sandbox.store, None, body, teamId=SALES, schedulingType="roundRobin", hosts=hosts)
        async with client(sandbox) as cal:
            calls = [
                book(cal, 15, event_type_id=event_type["id"], attendee=attendee_number(number)) for number in range(30)
            ]
            results = await asyncio.gather(*calls, return_exceptions=True)
        assert sum(isinstance(result, Booking) for result in results) == 8
        assert sum(isinstance(result, SlotTakenError) for result in results) == 22
        assert len({result.user_id for result in active_bookings(sandbox)}) == len(active_bookings(sandbox)) == 8


async def test_a_reservation_keeps_callers_of_a_pending_slot_apart():
    """Where a host has to confirm, the server accepts all concurrent callers; with reservations only one books."""
    with running_sandbox() as sandbox:
        which = event_type(sandbox, confirmationPolicy={"type": "always", "blockUnconfirmedBookingsInBooker": True})
        async with client(sandbox) as cal:
            calls = [
                book(cal, event_type_id=which, attendee=attendee_number(number), reserve=True) for number in range(10)
            ]
            results = await asyncio.gather(*calls, return_exceptions=True)
        assert sum(isinstance(result, SlotTakenError) for result in results) == 9
        assert len(active_bookings(sandbox)) == 1


async def test_a_seat_of_an_earlier_call_is_another_seat(cal, sandbox):
    """The seat of an earlier call is not the seat of this call, even for the same attendee."""
    own = await book(cal, event_type_id=CLASS)
    assert own.seat_uid
    with pytest.raises(SlotTakenError, match="already_signed_up"):
        await book(cal, event_type_id=CLASS)
    sandbox.faults.add("POST", BOOKINGS, cut="after")
    hers = await book(cal, event_type_id=CLASS, attendee=BEA)
    assert hers.uid == own.uid
    assert hers.seat_uid != own.seat_uid
    assert [attendee["email"] for attendee in active_bookings(sandbox)[0].attendees] == [ADA.email, BEA.email]


async def test_a_round_robin_gives_the_next_host(sandbox):
    """A caller who loses the race for one host gets another free host."""
    which = round_robin(sandbox)
    async with client(sandbox) as cal:
        calls = [book(cal, 15, event_type_id=which, attendee=attendee_number(number)) for number in range(3)]
        results = await asyncio.gather(*calls, return_exceptions=True)
    assert sum(isinstance(result, SlotTakenError) for result in results) == 1
    assert {result.user_id for result in active_bookings(sandbox)} == {ANA, BO}


async def test_a_lost_race_with_an_own_reservation(cal, sandbox):
    """The own reservation, which would hide the slot, is deleted before the slot is checked again."""
    conflict = {"statusCode": 409, "message": "booking_conflict_error"}
    sandbox.faults.add("POST", BOOKINGS, status=409, body=conflict)
    assert (await book(cal, reserve=True)).start == at(9)
    assert not sandbox.store.reservations


async def test_a_slot_that_is_always_rejected(cal, sandbox):
    """A slot that stays on offer and is always rejected is taken after the last attempt."""
    refusal = {"statusCode": 400, "message": "User either already has booking at this time or is not available"}
    sandbox.faults.add("POST", BOOKINGS, status=400, body=refusal, times=999)
    with pytest.raises(SlotTakenError):
        await book(cal)
    assert endpoints(sandbox).count("POST /bookings") == MAX_REJECTIONS


async def test_a_seat_is_identified_by_its_own_metadata():
    """In a seated booking only the metadata of the seat identifies it, not the metadata of the booking."""
    other = {"name": "Bea", "timeZone": "UTC", "seatUid": "s1", "metadata": {}}
    own = other | {"seatUid": "s2", "metadata": {IDEMPOTENCY_KEY: "order-7"}}
    row = {"id": 1, "uid": "u", "title": "", "hosts": [], "status": "accepted", "duration": 60, "createdAt": at(8)}
    row |= {"start": at(9), "end": at(10), "metadata": {IDEMPOTENCY_KEY: "order-7"}, "attendees": [other]}
    sent: list[str] = []

    async def send(request: Request, context: CallContext) -> Response:
        sent.append(request.method)
        joined = row | {"metadata": None, "seatUid": "s2", "attendees": [other, own]}
        data: Any = joined if request.method == "POST" else [row if "POST" not in sent else joined]
        return Response(200, {}, encode({"status": "success", "data": data}))

    channel = ResourceContext(send, Observer())
    resources = [kind(channel) for kind in (Bookings, Slots, EventTypes)]
    arguments = {"start": at(9), "attendee": ADA, "event_type_id": CLASS, "idempotency_key": "order-7"}
    assert (await safe.book(*resources, check=False, pause=0, **arguments)).seat_uid == "s2"
    assert sent == ["GET", "POST", "GET"]


# --- series


async def test_book_series_returns_all_occurrences(cal, sandbox):
    """All occurrences are returned in order, from the response or from a look-up."""
    which = event_type(sandbox, **WEEKLY)
    for hour, fault in [(9, {"slow": 0.001}), (10, {"cut": "after"}), (11, {"cut": "before"})]:
        sandbox.faults.add("POST", BOOKINGS, **fault)
        series = await book(cal, hour, event_type_id=which, recurrence_count=2)
        assert [record.start for record in series] == [at(hour), at(hour, 11)]
    assert len(active_bookings(sandbox)) == 6


@pytest.mark.parametrize("count", [{}, {"recurrence_count": 3}], ids=str)
@pytest.mark.parametrize("lost", [False, True])
async def test_an_incomplete_series_is_cancelled(cal, sandbox, count, lost):
    """If a later occurrence conflicts, the occurrences that the server has created are cancelled."""
    which = event_type(sandbox, **WEEKLY)
    await cal.bookings.create(start=at(9, 18), event_type_id=THIRTY, attendee=BEA)
    if lost:
        sandbox.faults.add("POST", BOOKINGS, cut="after")
    with pytest.raises(ConnectionFailedError if lost else SlotTakenError):
        await book(cal, event_type_id=which, **count)
    assert [booking.attendees[0]["email"] for booking in active_bookings(sandbox)] == [BEA.email]
    assert sum(booking.status == "cancelled" for booking in sandbox.store.bookings.values()) == 2


async def test_an_incomplete_series_is_cancelled_by_occurrence(cal, sandbox):
    """An occurrence and all later ones are cancelled, since the server may refuse to cancel a whole series."""
    which = event_type(sandbox, **WEEKLY)
    await cal.bookings.create(start=at(9, 18), event_type_id=THIRTY, attendee=BEA)
    with pytest.raises(SlotTakenError):
        await book(cal, event_type_id=which)
    [series] = {booking.recurring_uid for booking in sandbox.store.bookings.values() if booking.recurring_uid}
    assert f"POST /bookings/{series}/cancel" not in endpoints(sandbox)
    assert [booking.attendees[0]["email"] for booking in active_bookings(sandbox)] == [BEA.email]


async def test_a_rejected_series_without_a_look_up(cal, sandbox):
    """Occurrences before the conflict may exist, so without a look-up the outcome is unknown."""
    which = event_type(sandbox, **WEEKLY)
    await cal.bookings.create(start=at(9, 18), event_type_id=THIRTY, attendee=BEA)
    sandbox.faults.add("GET", BOOKINGS, status=503, times=99)
    with pytest.raises(UnknownOutcomeError):
        await book(cal, event_type_id=which)


async def test_a_rejected_series_of_a_stranger(sandbox):
    """If the bookings of the event type cannot be listed, a series with a conflict may exist in part."""
    which = event_type(sandbox, **WEEKLY)
    async with client(sandbox) as cal:
        await cal.bookings.create(start=at(9, 18), event_type_id=THIRTY, attendee=BEA)
    async with client(sandbox, "cal_sandbox_cy") as stranger:
        with pytest.raises(UnknownOutcomeError, match="cannot list the bookings"):
            await book(stranger, event_type_id=which, recurrence_count=3)


async def test_a_count_for_an_event_type_that_does_not_recur(cal, sandbox):
    """The server ignores the count, so the list has one booking."""
    [booking] = await book(cal, recurrence_count=3)
    assert [record.uid for record in active_bookings(sandbox)] == [booking.uid]


# --- rescheduling


async def test_reschedule(cal, sandbox):
    """A booking is rescheduled in one request, and the new booking is returned."""
    old = await book(cal)
    sandbox.requests.clear()
    moved = await move(cal, old.uid, 10, reason="Later")
    assert (moved.start, moved.rescheduled_from_uid, moved.rescheduling_reason) == (at(10), old.uid, "Later")
    assert endpoints(sandbox) == [f"POST /bookings/{old.uid}/reschedule"]


@pytest.mark.parametrize("fault", LOST, ids=str)
async def test_a_lost_response_to_a_reschedule(cal, sandbox, fault):
    """The old booking shows whether it was rescheduled, so that happens once."""
    old = await book(cal)
    sandbox.faults.add("POST", "/v2/bookings/*/reschedule", **fault)
    moved = await move(cal, old.uid, 10)
    assert (moved.start, moved.rescheduled_from_uid) == (at(10), old.uid)
    assert [record.uid for record in active_bookings(sandbox)] == [moved.uid]
    assert len(sandbox.store.bookings) == 2


async def test_an_old_uid_stands_for_the_booking_as_it_is_now(cal, sandbox):
    """The chain of reschedules is followed to its end, and a reschedule that is done is not repeated."""
    first = await book(cal)
    second = await move(cal, first.uid, 10)
    third = await move(cal, second.uid, 11)
    assert (await move(cal, first.uid, 11)).uid == third.uid
    fourth = await move(cal, first.uid, 10)
    assert fourth.rescheduled_from_uid == third.uid
    assert [record.uid for record in active_bookings(sandbox)] == [fourth.uid]


async def test_rescheduled_again_before_the_look_up(cal, sandbox):
    """If somebody else reschedules the booking after this call, the booking as it is now is returned."""
    old = await book(cal)
    sandbox.faults.add("POST", "/v2/bookings/*/reschedule", cut="after")
    looks = 0

    async def send(request: Request, context: CallContext) -> Response:
        nonlocal looks
        looks += request.method == "GET"
        if looks == 1:
            await cal.bookings.reschedule(sandbox.store.bookings[old.uid].to_uid, start=at(15))
        return await cal._send(request, context)

    bookings, slots, _ = resources(cal, send)
    moved = await safe.reschedule(bookings, slots, old.uid, start=at(10), pause=0)
    assert moved.start == at(15)
    assert [record.uid for record in active_bookings(sandbox)] == [moved.uid]


async def test_a_reschedule_to_a_taken_time(cal, sandbox):
    """A `SlotTakenError` is raised, the booking stays, and its own time is among the alternatives."""
    old = await book(cal)
    await book(cal, 10, attendee=BEA)
    with pytest.raises(SlotTakenError) as caught:
        await move(cal, old.uid, 10)
    assert at(9) in {slot.start for slot in caught.value.alternatives}
    assert {record.start for record in active_bookings(sandbox)} == {at(9), at(10)}


async def test_a_cancelled_booking_is_not_rescheduled(cal, sandbox):
    """Rescheduling a cancelled booking raises the error of the server."""
    old = await book(cal)
    await cal.bookings.cancel(old.uid, reason="Ill")
    with pytest.raises(BadRequestError, match="has been cancelled"):
        await move(cal, old.uid, 10)


@pytest.mark.servers("hosted", "self-hosted-2026-07")
@pytest.mark.parametrize("fault", LOST, ids=str)
async def test_a_lost_response_to_the_reschedule_of_a_seat(cal, sandbox, fault):
    """One seat moves once, the others stay, and the new uid of the seat is returned."""
    own = await book(cal, event_type_id=CLASS)
    await book(cal, event_type_id=CLASS, attendee=BEA)
    sandbox.faults.add("POST", "/v2/bookings/*/reschedule", **fault)
    moved = await move(cal, own.uid, 10, seat_uid=own.seat_uid)
    seats = {seat["seat_uid"]: booking.start for booking in active_bookings(sandbox) for seat in booking.seats}
    assert sorted(seats.values()) == [at(9), at(10)]
    assert seats[moved.seat_uid] == at(10)


async def test_a_reschedule_without_a_look_up(cal, sandbox):
    """Without a look-up the outcome is unknown, and the error says what to check."""
    old = await book(cal)
    sandbox.faults.add("POST", "/v2/bookings/*/reschedule", cut="after").add(
        "GET", "/v2/bookings/*", status=503, times=99
    )
    with pytest.raises(UnknownOutcomeError) as caught:
        await move(cal, old.uid, 10)
    assert caught.value.lookup == {"uid": old.uid, "start": at(10)}


def test_duplicates_with_unreadable_ids_are_ordered():
    """Of duplicates the lowest id stays; an id that could not be read comes last."""
    rows = [{"id": row, "uid": str(row), "status": "accepted"} for row in ("x", 7, None, 3)]
    body = json.dumps({"status": "success", "data": rows}).encode()
    bookings = read_page(Booking, Response(200, {}, body), skip=0, take=9).items
    assert [row.id for row in sorted(bookings, key=precedence)] == [3, 7, None, None]
