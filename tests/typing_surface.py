"""Types of the public API as a type checker sees them.

`mypy` checks this file and pytest never runs it. A wrong type is an error, and so is an ignore that is not needed any
more.
"""

from __future__ import annotations

from datetime import date, datetime, time
from typing import Any, assert_type

import aiohttp
import pyarrow as pa
from msgspec import UNSET, Raw

from calcom_async import (
    AccessToken,
    ApiError,
    ApiKey,
    BookingChange,
    Calcom,
    ClientEvent,
    Config,
    Page,
    Pages,
    PlatformClient,
    RateLimitedError,
    Secret,
    SlotChange,
    SlotQuery,
    Stats,
    TokenBucket,
    TransportError,
    WebhookRouter,
    sign,
)
from calcom_async.errors import RateLimit
from calcom_async.export import ExportJob, ExportReport, export
from calcom_async.models import (
    AbsentAttendee,
    Attendee,
    Availability,
    Booking,
    BookingAttendee,
    BookingLocation,
    BookingPayload,
    BookingReference,
    BusyTime,
    CalendarAuthUrl,
    CalendarCredential,
    CalendarLink,
    ConferencingSession,
    ConnectedCalendars,
    CreateEventType,
    CreateTeam,
    CreateTeamEventType,
    DeletedEventType,
    EventType,
    Guest,
    Me,
    Override,
    Reassignment,
    Recording,
    Reservation,
    Schedule,
    Slot,
    SlotDays,
    Team,
    TeamAwaitingPayment,
    UpdateEventType,
    UpdateMe,
    UpdateTeam,
    UpdateTeamEventType,
    Webhook,
    WebhookEvent,
    Weekday,
)


async def read_key() -> Secret:
    """Credentials may come from a function."""
    return Secret("cal_x")


def clients(session: aiohttp.ClientSession) -> None:
    """A client is created from a text, from any credentials, or from the environment."""
    Calcom()
    Calcom("cal_x", max_wait=1.0)
    Calcom(ApiKey("cal_x"), config=Config(timeout=5.0), session=session, limiter=TokenBucket())
    Calcom(AccessToken("token"))
    Calcom(lambda: "cal_x")
    Calcom(read_key)
    Calcom(PlatformClient("id", "secret"), on_event=lambda event: assert_type(event, ClientEvent))
    Calcom(1)  # type: ignore[arg-type]


async def life() -> None:
    """`open` returns the client, and `request` returns Any."""
    async with Calcom("cal_x") as cal:
        assert_type(cal, Calcom)
        assert_type(cal.with_credentials("cal_y"), Calcom)
        assert_type(cal.with_priority(1), Calcom)
        assert_type(cal.with_options(max_wait=None, headers={"X-Request-Id": "r"}), Calcom)
        assert_type(cal.stats(), Stats)
        assert_type(await cal.request("GET", "/v2/me"), Any)
    assert_type(cal.is_open, bool)


async def me(cal: Calcom) -> None:
    assert_type(await cal.me.get(), Me)
    assert_type(await cal.me.update(UpdateMe(name=None, week_start=Weekday.MONDAY, bio=UNSET)), Me)


async def bookings(cal: Calcom, when: datetime, ada: Attendee) -> None:
    assert_type(await cal.bookings.create(start=when, event_type_id=1, attendee=ada), Booking)
    assert_type(
        await cal.bookings.create(start=when, event_type_slug="a", username="b", attendee=ada, guests=["x@x.test"]),
        Booking,
    )
    assert_type(
        await cal.bookings.create_series(start=when, event_type_id=1, attendee=ada, recurrence_count=3), list[Booking]
    )
    assert_type(await cal.bookings.get("uid"), Booking)
    assert_type(await cal.bookings.get_series("uid"), list[Booking])
    assert_type(await cal.bookings.get_by_seat("uid"), Booking)
    assert_type(await cal.bookings.reschedule("uid", start=when, reason="x"), Booking)
    assert_type(await cal.bookings.cancel("uid", reason="x"), Booking)
    assert_type(await cal.bookings.cancel("uid", seat_uid="seat"), Booking)
    assert_type(await cal.bookings.cancel_subsequent("uid"), list[Booking])
    assert_type(await cal.bookings.cancel_series("uid"), list[Booking])
    assert_type(await cal.bookings.confirm("uid"), Booking)
    assert_type(await cal.bookings.decline("uid", reason="x"), Booking)
    assert_type(await cal.bookings.mark_absent("uid", attendees=[AbsentAttendee(email="x")]), Booking)
    assert_type(await cal.bookings.reassign("uid"), Reassignment)
    assert_type(await cal.bookings.reassign_to("uid", 2), Reassignment)
    assert_type(await cal.bookings.update_location("uid", BookingLocation(type="link", link="x")), Booking)
    assert_type(await cal.bookings.attendees("uid"), list[BookingAttendee])
    assert_type(await cal.bookings.attendee("uid", 1), BookingAttendee)
    assert_type(await cal.bookings.add_attendee("uid", ada), BookingAttendee)
    assert_type(await cal.bookings.remove_attendee("uid", 1), BookingAttendee)
    assert_type(await cal.bookings.add_guests("uid", Guest(email="x")), Booking)
    assert_type(await cal.bookings.references("uid"), list[BookingReference])
    assert_type(await cal.bookings.calendar_links("uid"), list[CalendarLink])
    assert_type(await cal.bookings.recordings("uid"), list[Recording])
    assert_type(await cal.bookings.transcripts("uid"), list[str])
    assert_type(await cal.bookings.conferencing_sessions("uid"), list[ConferencingSession])


async def wrong_bookings(cal: Calcom, when: datetime, ada: Attendee) -> None:
    """Misspelled or misplaced arguments are errors of the type checker."""
    await cal.bookings.create(start=when, attendee=ada, event_type=1)  # type: ignore[call-arg]
    await cal.bookings.create(start=1_900_000_000, attendee=ada)  # type: ignore[arg-type]
    await cal.bookings.create(start=when, attendee=ada, recurrence_count=3)  # type: ignore[call-arg]
    await cal.bookings.cancel_subsequent("uid", seat_uid="seat")  # type: ignore[call-arg]
    cal.bookings.list(state="past")  # type: ignore[call-arg]
    cal.bookings.list(status="confirmed")  # type: ignore[arg-type]
    cal.bookings.list(sort_start="up")  # type: ignore[arg-type]
    cal.bookings.list(user_ids=[1])  # type: ignore[call-arg]
    cal.team(1).bookings.list(team_id=1)  # type: ignore[call-arg]


async def lists(cal: Calcom, when: datetime) -> None:
    """A list is `Pages`, however it is read."""
    pages = cal.bookings.list(
        status=["past", "cancelled"],
        attendee_email="x",
        event_type_ids=[1],
        after_start=when,
        sort_created="desc",
        take=50,
        skip=1,
        prefetch=2,
        strict=True,
    )
    assert_type(pages, Pages[Booking])
    async for booking in pages:
        assert_type(booking, Booking)
    async for page in pages.pages():
        assert_type(page, Page[Booking])
    assert_type([row async for row in pages], list[Booking])
    assert_type(await pages.collect(limit=3), list[Booking])
    assert_type(await pages.first(), Booking | None)
    assert_type((await pages.first_page()).items, list[Booking])
    assert_type((await pages.first_page()).total_items, int | None)
    assert_type((await pages.first_page()).has_next, bool)
    assert_type(pages.raw(), Pages[Raw])
    assert_type(await pages.to_arrow(), pa.Table)
    async for batch in pages.arrow_batches(rows=100):
        assert_type(batch, pa.RecordBatch)
    assert_type([row.to_dict() async for row in pages], list[dict[str, Any]])
    assert_type(pages.total, int | None)


async def slots(cal: Calcom, when: datetime, day: date) -> None:
    days = await cal.slots.search(event_type_id=1, start=day, end=when, time_zone="Europe/Rome")
    assert_type(days, SlotDays)
    assert_type(days.first(), Slot | None)
    assert_type(days[day], list[Slot])
    assert_type(list(days.slots()), list[Slot])
    for moment, rows in days.items():
        assert_type(moment, date)
        assert_type(rows, list[Slot])
    assert_type(await cal.slots.reservations.create(event_type_id=1, start=when), Reservation)
    assert_type(await cal.slots.reservations.get("uid"), Reservation | None)
    assert_type(await cal.slots.reservations.update("uid", event_type_id=1, start=when), Reservation)
    await cal.slots.reservations.delete("uid")


async def event_types(cal: Calcom) -> None:
    new = CreateEventType(title="x", slug="x", length_in_minutes=30, slot_interval=None)
    assert_type(cal.event_types.list(username="ana"), Pages[EventType])
    assert_type(await cal.event_types.get(1), EventType)
    assert_type(await cal.event_types.create(new), EventType)
    assert_type(await cal.event_types.update(1, UpdateEventType(title="y")), EventType)
    assert_type(await cal.event_types.delete(1), DeletedEventType)
    CreateEventType(title="x", slug="x")  # type: ignore[call-arg]


async def schedules(cal: Calcom) -> None:
    hours = Availability(days=[1, "Tuesday", Weekday.FRIDAY], start_time="09:00", end_time=time(17))
    assert_type(hours.days, list[Weekday])
    assert_type(cal.schedules.list(), Pages[Schedule])
    assert_type(await cal.schedules.default(), Schedule | None)
    assert_type(await cal.schedules.get(1), Schedule)
    assert_type(
        await cal.schedules.create(
            name="x", time_zone="UTC", availability=[hours], overrides=[Override.day_off("2030-01-01")]
        ),
        Schedule,
    )
    assert_type(await cal.schedules.update(1, name="y"), Schedule)
    await cal.schedules.delete(1)


async def webhooks(cal: Calcom) -> None:
    assert_type(cal.webhooks.list(take=10), Pages[Webhook])
    assert_type(await cal.webhooks.create(subscriber_url="x", triggers=["BOOKING_CREATED"]), Webhook)
    assert_type(await cal.webhooks.get("id"), Webhook)
    assert_type(await cal.webhooks.update("id", active=False), Webhook)
    assert_type(await cal.webhooks.delete("id"), Webhook)


async def calendars(cal: Calcom, day: date) -> None:
    assert_type(await cal.calendars.list(), ConnectedCalendars)
    assert_type(await cal.calendars.busy_times(start=day, end=day), list[BusyTime])
    assert_type(await cal.calendars.connect_url("google"), CalendarAuthUrl)
    assert_type(await cal.calendars.connect_ics("x"), CalendarCredential)
    assert_type(await cal.calendars.disconnect("google", credential_id=1), CalendarCredential)


async def teams(cal: Calcom) -> None:
    """Resources below a team and below an organization's team have equal types."""
    new = CreateTeamEventType(title="x", slug="x", length_in_minutes=30, scheduling_type="ROUND_ROBIN")
    assert_type(cal.teams.list(), Pages[Team])
    assert_type(await cal.teams.create(CreateTeam(name="x")), Team | TeamAwaitingPayment)
    assert_type(await cal.teams.update(1, UpdateTeam(name="x")), Team)
    assert_type(await cal.teams.delete(1), Team)
    for team in (cal.team(1), cal.organization(1).team(2)):
        assert_type(team.event_types.list(), Pages[EventType])
        assert_type(await team.event_types.create(new), EventType | list[EventType])
        assert_type(await team.event_types.update(1, UpdateTeamEventType()), EventType | list[EventType])
        assert_type(team.bookings.list(status="past"), Pages[Booking])
    assert_type(cal.organization(1).teams.list(), Pages[Team])
    assert_type(cal.organization(1).teams.list_mine(), Pages[Team])
    assert_type(cal.organization(1).bookings.list(user_ids=[1]), Pages[Booking])
    assert_type(cal.organization(1).user(1).bookings.list(team_ids=[1]), Pages[Booking])


async def safely(cal: Calcom, ada: Attendee, when: datetime) -> None:
    """`book` and `reschedule` keep their types, for one booking and for a series."""
    assert_type(await cal.book(start=when, attendee=ada, event_type_id=1, reserve=True), Booking)
    assert_type(await cal.book_series(start=when, attendee=ada, recurrence_count=3), list[Booking])
    assert_type(await cal.reschedule("uid", start=when, reason="x"), Booking)
    assert_type(await cal.slots.first_available(event_type_id=1, start=when, end=when), Slot | None)
    async for change in cal.watch_slots([1, SlotQuery(event_type_slug="x", username="y")], days=7):
        assert_type(change, SlotChange)
        assert_type(change.opened, tuple[Slot, ...])
    watcher = cal.watch_bookings(cal.organization(7).bookings, since=when, event_type_ids=[1])
    assert_type(watcher.watermark, datetime | None)
    async for booking_change in watcher:
        assert_type(booking_change, BookingChange)


async def received(cal: Calcom, router: WebhookRouter) -> None:
    """Events have the type of the trigger of their handler."""

    @router.on("BOOKING_CREATED")
    async def booked(event: WebhookEvent[BookingPayload]) -> None:
        assert_type(event.payload.uid, str)

    assert_type(await cal.webhooks.ensure("u", ["BOOKING_CREATED"], secret="s"), Webhook)
    assert_type(sign(b"", "s"), str)


async def exported(cal: Calcom) -> None:
    """An export has a job, a file and a report."""
    report = await export(cal, ExportJob("bookings", organization=7), "a.jsonl", resume=True)
    assert_type(report, ExportReport)
    assert_type(report.missing_rows, int)


def failures(error: ApiError, refused: RateLimitedError, lost: TransportError) -> None:
    """Attributes of errors are typed."""
    assert_type(error.status, int)
    assert_type(error.code, str | None)
    assert_type(error.fields, dict[str, list[str]])
    assert_type(error.rate_limits, tuple[RateLimit, ...])
    assert_type(refused.retry_after, float)
    assert_type(lost.sent, bool)
