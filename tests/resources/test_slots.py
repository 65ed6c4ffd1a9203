"""Slots and reservations: four ways to select the event type, days of a time zone, and reserved slots."""

from __future__ import annotations

import asyncio
import inspect
from contextlib import aclosing
from datetime import UTC, date, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from sent_requests import ADA, BEA, BO, CLASS, CY, SALES, SIXTY, THIRTY, SentRequest, at, last_request

from calcom_async import (
    BadRequestError,
    ForbiddenError,
    InvalidRequestError,
    NotFoundError,
    UnprocessableError,
)
from calcom_async.models import (
    Availability,
    CreateEventType,
    CreateTeamEventType,
    Host,
    Reservation,
    Seats,
    Slot,
    SlotDays,
)
from calcom_async.resources.slots import Slots, SlotSearch

VERSION = "2024-09-04"
WEDNESDAY = date(2026, 11, 4)
DAY = {"start": WEDNESDAY, "end": WEDNESDAY}
# The host has lunch in a connected calendar from 12 to 13.
MORNING = [at(9 + half / 2) for half in range(6)]
AFTERNOON = [at(13 + half / 2) for half in range(8)]
LONG_AGO = datetime.min.replace(tzinfo=timezone(timedelta(hours=1)))
DAY_QUERY = {"start": "2026-11-04", "end": "2026-11-04"}


async def test_search(cal, calcom_sandbox):
    """Slots are grouped by date, ascending, as aware datetimes; a bare end date includes that day."""
    days = await cal.slots.search(event_type_id=THIRTY, **DAY)
    assert isinstance(days, SlotDays)
    assert list(days) == [WEDNESDAY]
    starts = [slot.start for slot in days.slots()]
    assert starts == [*MORNING, *AFTERNOON]
    assert days.first() == Slot(start=at(9))
    assert last_request(calcom_sandbox) == SentRequest(
        "GET", "/slots", {**DAY_QUERY, "eventTypeId": "1"}, None, VERSION
    )


async def test_slots_without_a_usable_time(cal, calcom_sandbox):
    """A null or a time without a time zone drops that slot only, since slots are compared with each other."""
    good = {"start": "2026-11-04T10:00:00Z"}
    odd = [None, {"start": None}, {"start": "2026-11-04T09:00:00"}, {**good, "end": "2026-11-04T10:30:00"}, good]
    body = {"status": "success", "data": {"2026-11-04": odd, "2026-11-05": None}}
    calcom_sandbox.faults.add("GET", "/v2/slots", body=body, times=2)
    days = await cal.slots.search(event_type_id=THIRTY, **DAY)
    assert [slot.start for slot in days.slots()] == [at(10)]
    assert (await cal.slots.first_available(event_type_id=THIRTY, **DAY)).start == at(10)


async def test_days_without_slots(cal):
    """Days without slots have no entry, and a range without slots is an empty mapping."""
    days = await cal.slots.search(event_type_id=THIRTY, start=date(2026, 11, 6), end=date(2026, 11, 9))
    assert list(days) == [date(2026, 11, 6), date(2026, 11, 9)]
    none = await cal.slots.search(event_type_id=THIRTY, start=date(2026, 11, 7), end=date(2026, 11, 8))
    assert (none, none.first()) == ({}, None)


async def test_time_zone(cal, calcom_sandbox):
    """With a time zone the dates and offsets are those of the zone, and the instants are the same."""
    span = {"start": at(0), "end": at(23)}
    utc = await cal.slots.search(event_type_id=THIRTY, **span)
    tokyo = await cal.slots.search(event_type_id=THIRTY, time_zone="Asia/Tokyo", **span)
    assert last_request(calcom_sandbox).query["timeZone"] == "Asia/Tokyo"
    assert list(tokyo) == [WEDNESDAY, WEDNESDAY + timedelta(days=1)]
    assert [slot.start for slot in tokyo.slots()] == [slot.start for slot in utc.slots()]
    assert {slot.start.utcoffset() for slot in tokyo.slots()} == {timedelta(hours=9)}


LOCAL_DAYS = [
    ("Australia/Sydney", "2026-11-03T13:00:00Z", "2026-11-04T12:59:59Z"),
    ("America/Los_Angeles", "2026-11-04T08:00:00Z", "2026-11-05T07:59:59Z"),
    ("asia/kathmandu", "2026-11-03T18:15:00Z", "2026-11-04T18:14:59Z"),
]


@pytest.mark.parametrize(("zone", "start", "end"), LOCAL_DAYS)
async def test_a_date_is_that_day_in_the_time_zone(cal, calcom_sandbox, zone, start, end):
    """A date next to a time zone means that whole day of the zone, in both searches."""
    days = await cal.slots.search(event_type_id=THIRTY, time_zone=zone, **DAY)
    query = last_request(calcom_sandbox).query
    assert (query["start"], query["end"], query["timeZone"]) == (start, end, zone)
    assert set(days) <= {WEDNESDAY}
    slot = await cal.slots.first_available(event_type_id=THIRTY, time_zone=zone, **DAY)
    query = last_request(calcom_sandbox).query
    assert (query["start"], query["end"]) == (start, end)
    assert slot == days.first()


@pytest.mark.parametrize("span", [(-1, 0), (-1, 1), (0, 0), (0, 1), (-5, 5), (1, 2)], ids=str)
async def test_the_last_day_when_summer_time_ends(cal, span):
    """A range with a change of clocks contains its last day, which the server omits, and no later day."""
    hours = await cal.schedules.default()
    daily = [Availability(days=range(7), start_time="09:00", end_time="11:00")]
    await cal.schedules.update(hours.id, availability=daily)
    start, end = (date(2027, 10, 31) + timedelta(days=days) for days in span)
    days_found = await cal.slots.search(event_type_id=THIRTY, start=start, end=end, time_zone="Europe/Lisbon")
    assert list(days_found) == [start + timedelta(days=days) for days in range((end - start).days + 1)]


CHANGES = {
    "Europe/Lisbon": date(2027, 3, 28),
    "America/Santiago": date(2027, 4, 4),
    "Australia/Sydney": date(2027, 10, 3),
    "Pacific/Chatham": date(2027, 9, 26),
    "Australia/Lord_Howe": date(2027, 4, 4),
}


@pytest.mark.parametrize(("zone", "change"), CHANGES.items(), ids=str)
async def test_each_day_around_a_change_of_clocks(cal, zone, change):
    """A single day has the same slots as in a longer range, in all searches, even without a midnight."""
    hours = await cal.schedules.default()
    daily = [Availability(days=range(7), start_time="00:00", end_time="23:59")]
    await cal.schedules.update(hours.id, availability=daily)
    wish = {"event_type_id": THIRTY, "time_zone": zone}
    days = [change + timedelta(days=days) for days in (-2, -1, 0, 1, 2)]
    span = await cal.slots.search(start=days[0], end=days[-1], **wish)
    assert list(span) == days
    for day in days:
        assert await cal.slots.search(start=day, end=day, **wish) == {day: span[day]}
        assert await cal.slots.first_available(start=day, end=day, **wish) == span[day][0]
        async with aclosing(aiter(cal.watch_slots([THIRTY], start=day, end=day, time_zone=zone))) as changes:
            first = await anext(changes)
        assert [slot.start for slot in first.opened] == [slot.start for slot in span[day]]


@pytest.mark.parametrize(
    ("span", "words"),
    [
        ({"time_zone": "Mars/Base"}, "unknown time zone: 'Mars/Base'"),
        ({"time_zone": "../../etc/passwd"}, "unknown time zone"),
        ({"time_zone": "Asia/Tokyo", "start": date.min}, "start is out of range"),
        ({"time_zone": "Asia/Tokyo", "end": date.max}, "end is out of range"),
        ({"time_zone": "Asia/Tokyo", "start": "tomorrow"}, "start must be ISO 8601"),
        (
            {"time_zone": "Asia/Tokyo", "start": datetime.min.replace(tzinfo=timezone(timedelta(hours=1)))},
            "out of range",
        ),
    ],
    ids=str,
)
async def test_days_that_do_not_exist(cal, calcom_sandbox, span, words):
    """A day that does not exist raises an error before a request is sent, in both searches."""
    for search in (cal.slots.search, cal.slots.first_available):
        with pytest.raises(InvalidRequestError, match=words):
            await search(event_type_id=THIRTY, **DAY | span)
    assert calcom_sandbox.requests == []


async def test_datetimes_are_sent_in_utc(cal, calcom_sandbox):
    """An aware datetime of any zone is sent in UTC; only slots that lie wholly inside are returned."""
    rome = ZoneInfo("Europe/Rome")
    days = await cal.slots.search(
        event_type_id=THIRTY,
        start=datetime(2026, 11, 4, 11, tzinfo=rome),
        end=datetime(2026, 11, 4, 12, tzinfo=rome),
    )
    query = last_request(calcom_sandbox).query
    assert (query["start"], query["end"]) == ("2026-11-04T10:00:00Z", "2026-11-04T11:00:00Z")
    assert [slot.start for slot in days.slots()] == [at(10), at(10.5)]


async def test_duration_and_ranges(cal, calcom_sandbox):
    """`duration` is the length of each slot in minutes, and `include_end` fills in the ends."""
    days = await cal.slots.search(event_type_id=THIRTY, duration=120, include_end=True, **DAY)
    query = last_request(calcom_sandbox).query
    assert (query["duration"], query["format"]) == ("120", "range")
    assert [(slot.start, slot.end) for slot in days.slots()] == [(at(h), at(h + 2)) for h in (9, 13, 15)]


async def test_seats(cal, calcom_sandbox):
    """Slots of a seated event type have their seats and the existing booking."""
    booking = await cal.bookings.create(start=at(9), event_type_id=CLASS, attendee=ADA)
    days = await cal.slots.search(event_type_id=CLASS, **DAY)
    first, second, *_ = days.slots()
    assert first == Slot(start=at(9), seats_booked=1, seats_remaining=9, seats_total=10, booking_uid=booking.uid)
    assert second == Slot(start=at(10), seats_booked=0, seats_remaining=10, seats_total=10)


async def test_the_time_of_a_booking_to_reschedule(cal, calcom_sandbox):
    """`booking_uid_to_reschedule` counts that booking's own time as free."""
    booking = await cal.bookings.create(start=at(9), event_type_id=SIXTY, attendee=ADA)
    plain = await cal.slots.search(event_type_id=SIXTY, **DAY)
    moving = await cal.slots.search(event_type_id=SIXTY, booking_uid_to_reschedule=booking.uid, **DAY)
    assert last_request(calcom_sandbox).query["bookingUidToReschedule"] == booking.uid
    assert (plain.first().start, moving.first().start) == (at(10), at(9))


async def _demo(cal):
    """Create a round-robin event type of the Sales team with Bo and Cy as hosts."""
    body = CreateTeamEventType(
        title="Demo",
        slug="demo",
        length_in_minutes=60,
        scheduling_type="roundRobin",
        hosts=[Host(user_id=BO), Host(user_id=CY)],
    )
    return await cal.organization(1).team(SALES).event_types.create(body)


@pytest.mark.servers("hosted", "self-hosted-2025-12")
@pytest.mark.parametrize(
    ("selection", "query"),
    [
        ({"event_type_id": SIXTY}, {"eventTypeId": "2"}),
        ({"event_type_slug": "sixty", "username": "ana"}, {"eventTypeSlug": "sixty", "username": "ana"}),
        (
            {"event_type_slug": "sixty", "username": "ana", "organization_slug": "sandbox-org"},
            {"eventTypeSlug": "sixty", "username": "ana", "organizationSlug": "sandbox-org"},
        ),
        (
            {"event_type_slug": "demo", "team_slug": "sales", "organization_slug": "sandbox-org"},
            {"eventTypeSlug": "demo", "teamSlug": "sales", "organizationSlug": "sandbox-org"},
        ),
        (
            {"usernames": ["ana", "bo"], "organization_slug": "sandbox-org", "duration": 60},
            {"usernames": "ana,bo", "organizationSlug": "sandbox-org", "duration": "60"},
        ),
    ],
    ids=["id", "user", "user of an organisation", "team", "several users"],
)
async def test_ways_to_name_the_event_type(cal, calcom_sandbox, selection, query):
    """The server accepts each of the four ways to select an event type."""
    await _demo(cal)
    days = await cal.slots.search(**selection, **DAY)
    assert last_request(calcom_sandbox).query == DAY_QUERY | query
    assert days.first() is not None


@pytest.mark.servers("hosted", "self-hosted-2025-12")
async def test_host_subset(cal, calcom_sandbox):
    """A search of a round robin can be limited to some of its hosts."""
    demo = await _demo(cal)
    everybody = await cal.slots.search(event_type_id=demo.id, **DAY)
    bo = await cal.slots.search(event_type_id=demo.id, host_subset_ids=[BO], **DAY)
    assert last_request(calcom_sandbox).query["rrHostSubsetIds"] == str(BO)
    assert set(bo.slots()) < set(everybody.slots())


@pytest.mark.parametrize(
    "mixture",
    [
        {},
        {"event_type_slug": "thirty"},
        {"username": "ana"},
        {"team_slug": "sales"},
        {"event_type_id": 1, "username": "ana"},
        {"event_type_id": 1, "event_type_slug": "thirty"},
        {"event_type_id": 1, "organization_slug": "sandbox-org"},
        {"event_type_slug": "thirty", "username": "ana", "team_slug": "sales"},
        {"usernames": ["ana", "bo"]},
        {"usernames": ["ana"], "organization_slug": "sandbox-org"},
        {"usernames": "ana,bo", "organization_slug": "sandbox-org"},
        {"usernames": ["ana", "bo"], "organization_slug": "sandbox-org", "event_type_slug": "thirty"},
    ],
    ids=str,
)
async def test_invalid_selections(cal, calcom_sandbox, mixture):
    """An incomplete or mixed selection of the event type raises an error that lists the valid ones."""
    with pytest.raises(InvalidRequestError, match=r"event_type_id|usernames"):
        await cal.slots.search(**mixture, **DAY)
    assert calcom_sandbox.requests == []


@pytest.mark.parametrize("name", ["start", "end"])
async def test_naive_times(cal, calcom_sandbox, name):
    """A datetime without a time zone raises an error with its name, before a request is sent."""
    span = DAY | {name: datetime(2026, 11, 4, 9)}  # noqa: DTZ001 - naive on purpose
    with pytest.raises(ValueError, match=f"{name} must have a time zone"):
        await cal.slots.search(event_type_id=THIRTY, **span)
    with pytest.raises(ValueError, match="time zone"):
        await cal.slots.reservations.create(event_type_id=THIRTY, start=span[name])
    assert calcom_sandbox.requests == []


@pytest.mark.parametrize(
    ("selection", "words"),
    [
        ({"event_type_id": 999}, "Event Type not found"),
        ({"event_type_slug": "nope", "username": "ana"}, "Event Type not found"),
        ({"event_type_slug": "thirty", "username": "nobody"}, "User with username nobody not found"),
        ({"event_type_slug": "thirty", "team_slug": "nope"}, "Team with slug nope not found"),
    ],
)
async def test_unknown_targets(cal, selection, words):
    """An unknown user, team or event type raises a NotFoundError that names it."""
    with pytest.raises(NotFoundError, match=words):
        await cal.slots.search(**selection, **DAY)


async def test_rejected_field_is_named(cal):
    """A parameter that the server rejects is in `fields`, parsed from its message."""
    with pytest.raises(BadRequestError) as caught:
        await cal.slots.search(event_type_id=THIRTY, time_zone="Mars/Base", start=at(9), end=at(10))
    assert list(caught.value.fields) == ["timeZone"]


# --- first available slot


async def test_first_available(cal, calcom_sandbox):
    """The first free slot takes one request if it is in the first week."""
    await cal.bookings.create(start=at(9, 3), event_type_id=SIXTY, attendee=ADA)
    slot = await cal.slots.first_available(
        event_type_id=SIXTY, start=at(9, 3), end=date(2027, 11, 3), time_zone="Asia/Tokyo", include_end=True
    )
    assert (slot.start, slot.end) == (at(10, 3), at(11, 3))
    assert slot.start.utcoffset() == timedelta(hours=9)
    query = last_request(calcom_sandbox).query
    assert (query["start"], query["end"]) == ("2026-11-03T09:00:00Z", "2026-11-10T09:00:00Z")
    assert [request.path for request in calcom_sandbox.requests] == ["/v2/bookings", "/v2/slots"]


async def test_first_available_searches_by_month(cal, calcom_sandbox):
    """After the first week a month is searched at a time, with a day of overlap, up to the end."""
    body = CreateEventType(title="Rare", slug="rare", length_in_minutes=30, minimum_booking_notice=40 * 24 * 60)
    rare = await cal.event_types.create(body)
    calcom_sandbox.requests.clear()
    start = date(2026, 11, 2)
    slot = await cal.slots.first_available(event_type_id=rare.id, start=start, end=date(2027, 11, 1))
    assert slot.start == datetime(2026, 12, 14, 9, tzinfo=UTC)
    spans = [
        (row["start"], row["end"])
        for row in (SentRequest.from_recorded(request).query for request in calcom_sandbox.requests)
    ]
    assert spans == [
        ("2026-11-02T00:00:00Z", "2026-11-09T00:00:00Z"),
        ("2026-11-08T00:00:00Z", "2026-12-10T00:00:00Z"),
        ("2026-12-09T00:00:00Z", "2027-01-10T00:00:00Z"),
    ]
    assert await cal.slots.first_available(event_type_id=rare.id, start=start, end=date(2026, 12, 11)) is None
    assert last_request(calcom_sandbox).query["end"] == "2026-12-11"


async def test_first_available_skips_full_slots(cal):
    """A seated slot without free seats is in a search, but is not available."""
    body = CreateEventType(
        title="Two",
        slug="two",
        length_in_minutes=60,
        seats=Seats(seats_per_time_slot=2, show_attendee_info=True, show_availability_count=True),
    )
    two = await cal.event_types.create(body)
    for attendee in (ADA, BEA):
        await cal.bookings.create(start=at(9), event_type_id=two.id, attendee=attendee)
    assert (await cal.slots.search(event_type_id=two.id, **DAY)).first().start == at(9)
    assert (await cal.slots.first_available(event_type_id=two.id, **DAY)).start == at(10)


async def test_first_available_checks_its_arguments(cal, calcom_sandbox):
    """A naive time and an invalid selection raise the errors of `search`."""
    with pytest.raises(InvalidRequestError, match="start must have a time zone"):
        await cal.slots.first_available(
            event_type_id=SIXTY,
            start=datetime(2026, 11, 4, 9),  # noqa: DTZ001 - naive on purpose
            end=WEDNESDAY,
        )
    with pytest.raises(InvalidRequestError, match="event type of the search is missing"):
        await cal.slots.first_available(**DAY)
    assert calcom_sandbox.requests == []


async def test_search_many(cal, calcom_sandbox):
    """Results have the order of the searches, with errors in the place of failed ones."""
    calcom_sandbox.faults.add("GET", "/v2/slots", slow=0.05)
    searches = [{"event_type_id": slot, **DAY} for slot in (THIRTY, 999, SIXTY)]
    half_hours, missing, hours = await cal.slots.search_many([*searches[:1], *searches[1:]])
    assert (len([*half_hours.slots()]), len([*hours.slots()])) == (14, 7)
    assert isinstance(missing, NotFoundError)
    [refused] = await cal.slots.search_many([DAY])
    assert isinstance(refused, InvalidRequestError)
    assert await cal.slots.search_many([]) == []


async def test_search_many_limits_concurrency(monkeypatch, cal):
    """At most `concurrency` searches run at once, and an exception other than `CalcomError` ends them all."""
    running, most = 0, 0

    async def search(self, **search):
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0)
        running -= 1
        if "bad" in search:
            raise RuntimeError("bad")
        return SlotDays()

    monkeypatch.setattr(Slots, "search", search)
    assert await cal.slots.search_many([DAY] * 10, concurrency=3) == [{}] * 10
    assert most == 3
    with pytest.raises(ExceptionGroup):
        await cal.slots.search_many([DAY, {"bad": 1}], concurrency=1)
    with pytest.raises(InvalidRequestError, match="concurrency"):
        await cal.slots.search_many([DAY], concurrency=0)


def test_search_many_accepts_the_keywords_of_search():
    """The items of `search_many` have the keywords of `search`."""
    assert SlotSearch.__annotations__.keys() == inspect.signature(Slots.search).parameters.keys() - {"self"}


# --- reservations


async def test_reserve(cal, calcom_sandbox):
    """A reservation hides the slot for five minutes, or until it is deleted."""
    reservation = await cal.slots.reservations.create(event_type_id=THIRTY, start=at(9))
    assert last_request(calcom_sandbox) == SentRequest(
        "POST", "/slots/reservations", {}, {"eventTypeId": THIRTY, "slotStart": "2026-11-04T09:00:00Z"}, VERSION
    )
    assert isinstance(reservation, Reservation)
    assert (reservation.slot_start, reservation.slot_end, reservation.slot_duration) == (at(9), at(9.5), 30)
    assert reservation.reservation_until - calcom_sandbox.clock.now() == timedelta(minutes=5)
    assert (await cal.slots.search(event_type_id=THIRTY, **DAY)).first().start == at(9.5)
    assert await cal.slots.reservations.delete(reservation.reservation_uid) is None
    assert last_request(calcom_sandbox).endpoint == f"DELETE /slots/reservations/{reservation.reservation_uid}"
    assert (await cal.slots.search(event_type_id=THIRTY, **DAY)).first().start == at(9)


async def test_read_a_reservation(cal, calcom_sandbox):
    """A reservation is fetched by its uid, and is None if it has expired or never existed."""
    reservation = await cal.slots.reservations.create(event_type_id=THIRTY, start=at(9), reservation_duration=2)
    assert last_request(calcom_sandbox).body["reservationDuration"] == 2
    days_found = await cal.slots.reservations.get(reservation.reservation_uid)
    assert last_request(calcom_sandbox) == SentRequest(
        "GET", f"/slots/reservations/{reservation.reservation_uid}", {}, None, VERSION
    )
    assert (days_found.reservation_uid, days_found.slot_start) == (reservation.reservation_uid, at(9))
    calcom_sandbox.clock.move(minutes=3)
    assert await cal.slots.reservations.get(reservation.reservation_uid) is None
    assert await cal.slots.reservations.get("never") is None
    assert await cal.slots.reservations.delete("never") is None


async def test_move_a_reservation(cal, calcom_sandbox):
    """An update moves the reservation under the same uid and restarts its time."""
    reservation = await cal.slots.reservations.create(event_type_id=THIRTY, start=at(9))
    calcom_sandbox.clock.move(minutes=4)
    uid = reservation.reservation_uid
    moved = await cal.slots.reservations.update(uid, event_type_id=THIRTY, start=at(11))
    body = {"eventTypeId": THIRTY, "slotStart": "2026-11-04T11:00:00Z"}
    assert last_request(calcom_sandbox) == SentRequest("PATCH", f"/slots/reservations/{uid}", {}, body, VERSION)
    assert (moved.reservation_uid, moved.slot_start) == (uid, at(11))
    assert moved.reservation_until - reservation.reservation_until == timedelta(minutes=4)
    with pytest.raises(UnprocessableError, match="already reserved"):
        await cal.slots.reservations.update(uid, event_type_id=THIRTY, start=at(11))


async def test_slot_duration(cal, calcom_sandbox):
    """A length is accepted only if the event type offers several."""
    body = CreateEventType(title="Any", slug="any", length_in_minutes=15, length_in_minutes_options=[15, 45])
    several = await cal.event_types.create(body)
    reservation = await cal.slots.reservations.create(event_type_id=several.id, start=at(9), slot_duration=45)
    assert last_request(calcom_sandbox).body["slotDuration"] == 45
    assert reservation.slot_end == at(9.75)
    with pytest.raises(BadRequestError, match="not a variable length"):
        await cal.slots.reservations.create(event_type_id=THIRTY, start=at(9), slot_duration=45)


async def test_taken_slots_cannot_be_reserved(cal):
    """A reserved or booked time raises an UnprocessableError with the reason."""
    await cal.slots.reservations.create(event_type_id=THIRTY, start=at(9))
    with pytest.raises(UnprocessableError, match="already reserved by another user"):
        await cal.slots.reservations.create(event_type_id=THIRTY, start=at(9))
    await cal.bookings.create(start=at(10), event_type_id=THIRTY, attendee=ADA)
    with pytest.raises(UnprocessableError, match="already booked"):
        await cal.slots.reservations.create(event_type_id=THIRTY, start=at(10))


async def test_reservation_rejections(cal, calcom_sandbox):
    """Unknown event types and reservations are not found; strangers cannot choose the duration."""
    with pytest.raises(NotFoundError, match="ID=999 not found"):
        await cal.slots.reservations.create(event_type_id=999, start=at(9))
    with pytest.raises(NotFoundError, match="uid=never not found"):
        await cal.slots.reservations.update("never", event_type_id=THIRTY, start=at(9))
    calcom_sandbox.run(calcom_sandbox.store.memberships.clear)
    with pytest.raises(ForbiddenError, match="is not owner of event type"):
        await cal.with_credentials("cal_sandbox_cy").slots.reservations.create(
            event_type_id=THIRTY, start=at(9), reservation_duration=60
        )


async def test_midnight_end_is_the_whole_day(cal):
    """The server reads an end at exactly midnight as the end of that day."""
    midnight = datetime(2026, 11, 4, tzinfo=UTC)
    days = await cal.slots.search(event_type_id=THIRTY, start=midnight, end=midnight)
    assert [slot.start for slot in days.slots()] == [*MORNING, *AFTERNOON]
