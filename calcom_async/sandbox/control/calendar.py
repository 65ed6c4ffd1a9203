"""The calendar of the console: bookings and free slots of a time range."""

from __future__ import annotations

from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Annotated

from msgspec import Meta

from calcom_async.sandbox.control.operations import ControlError, Operations
from calcom_async.sandbox.control.target import Body, Target, View
from calcom_async.sandbox.event_types.records import EventType, is_team_event_type
from calcom_async.sandbox.http.errors import HttpError
from calcom_async.sandbox.slots.availability import free_slots
from calcom_async.sandbox.state.booking import Booking
from calcom_async.sandbox.state.clock import EARLIEST, LATEST, iso
from calcom_async.sandbox.state.store import Store

OPERATIONS = Operations()
MAX_BOOKINGS = 1_000
MAX_RANGE = timedelta(days=32)


class CalendarQuery(Body):
    """A time range of at most 32 days, and the event type whose free slots to return."""

    start: Annotated[datetime, Meta(tz=True, examples=["2026-12-01T00:00:00Z"])]
    end: Annotated[datetime, Meta(tz=True, examples=["2026-12-08T00:00:00Z"])]
    event_type_id: int | None = None


class CalendarBooking(View):
    """A booking, with the usernames of its hosts and the names of its attendees."""

    uid: str
    title: str
    start: str
    end: str
    status: str
    event_type_id: int | None
    hosts: list[str]
    attendees: list[str]


class SlotView(View):
    """A free slot."""

    start: str
    end: str


class EventTypeChoice(View):
    """An event type, with the username of its owner or the name of its team."""

    id: int
    title: str
    owner: str


class CalendarView(View):
    """Bookings of all hosts and of any status, and free slots of one event type, by start.

    `more` is how many bookings were left out. `problem` says why the slots cannot be computed.
    """

    event_types: list[EventTypeChoice]
    bookings: list[CalendarBooking]
    more: int
    slots: list[SlotView]
    problem: str | None


@OPERATIONS.add("GET", "/calendar")
def read_calendar(sandbox: Target, query: CalendarQuery) -> CalendarView:
    """Read the bookings in a time range, and the free slots of an event type. Nothing is recorded or counted."""
    if not EARLIEST <= query.start < query.end <= LATEST:
        message = f"query: start must be before end, both between {iso(EARLIEST)} and {iso(LATEST)}"
        raise ControlError(HTTPStatus.BAD_REQUEST, message)
    if query.end - query.start > MAX_RANGE:
        raise ControlError(HTTPStatus.BAD_REQUEST, f"query: end must be at most {MAX_RANGE.days} days after start")
    store = sandbox.context.store
    # Bookings that end when the range starts are not in it, nor those that start when it ends.
    touching = store.bookings.between(query.start, query.end)
    bookings = [booking for booking in touching if booking.start < query.end and booking.end > query.start]
    slots, problem = _slots(sandbox, query)
    return CalendarView(
        event_types=[_choice(store, record) for record in store.event_types.values()],
        bookings=[_booking_view(store, booking) for booking in bookings[:MAX_BOOKINGS]],
        more=max(0, len(bookings) - MAX_BOOKINGS),
        slots=slots,
        problem=problem,
    )


def _slots(sandbox: Target, query: CalendarQuery) -> tuple[list[SlotView], str | None]:
    """Return the free slots, and why there are none if the event type has none that can be computed."""
    if query.event_type_id is None:
        return [], None
    context = sandbox.context
    event_type = context.store.event_types.get(query.event_type_id)
    if event_type is None:
        raise ControlError(HTTPStatus.NOT_FOUND, f"there is no event type {query.event_type_id}")
    try:
        days = free_slots(context.store, context.clock, event_type, query.start, query.end)
    except HttpError as error:
        return [], error.message
    free = [slot for slots in days.values() for slot in slots if slot.start < query.end]
    return [SlotView(start=iso(slot.start), end=iso(slot.end)) for slot in free], None


def _choice(store: Store, record: EventType) -> EventTypeChoice:
    """Return an event type as JSON."""
    if is_team_event_type(record):
        owner = store.teams[record["teamId"]]["name"]
    else:
        owner = store.users[record["ownerId"]]["username"]
    return EventTypeChoice(id=record["id"], title=record["title"], owner=owner)


def _booking_view(store: Store, booking: Booking) -> CalendarBooking:
    """Return a booking as JSON."""
    hosts = [store.users[user_id]["username"] for user_id in booking.host_ids or [booking.user_id]]
    return CalendarBooking(
        uid=booking.uid,
        title=booking.title,
        start=iso(booking.start),
        end=iso(booking.end),
        status=booking.status,
        event_type_id=booking.event_type_id,
        hosts=hosts,
        attendees=[str(attendee.get("name") or attendee.get("email")) for attendee in booking.attendees],
    )
