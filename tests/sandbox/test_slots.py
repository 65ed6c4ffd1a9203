"""Slots and reservations: each rule of the computation by a small example, and the operations over HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import pytest
from cpu_time import cpu_time
from http_client import ApiClient, recorded_body

from calcom_async.sandbox import Sandbox
from calcom_async.sandbox.http.errors import HttpError
from calcom_async.sandbox.slots.availability import check_bookable
from calcom_async.sandbox.slots.grid import BusyBooking, EventSettings, Host, Query, Reserved, available_slots, is_free
from calcom_async.sandbox.slots.grid_inputs import DAYS, read_schedule
from calcom_async.sandbox.slots.limits import BookingWindow, CountedBooking, Limits, month_before
from calcom_async.sandbox.slots.working_hours import (
    DAY,
    MINUTE,
    Range,
    intersect,
    milliseconds,
    subtract,
    to_datetime,
    zone,
)
from calcom_async.sandbox.state.booking import Booking

NOW = "2026-11-22T08:00"
WEDNESDAY = "2030-03-06"


# --- the arithmetic


def at(text: str) -> int:
    return milliseconds(datetime.fromisoformat(text).replace(tzinfo=UTC))


def whole_days(start: str, end: str | None = None, *, now: str = NOW, **more: Any) -> Query:
    """Return a query over whole days."""
    last = at(end or start) + DAY - 1000 if "T" not in (end or start) else at(end or start)
    return Query(at(start), last, at(now), **more)


def host(*hours: str, zone: str = "UTC", overrides: tuple[str, ...] = (), **more: Any) -> Host:
    """Return a host with the same hours every day; overrides are `2030-03-06 10:00-12:00`."""
    rows = [dict(zip(("startTime", "endTime"), row.split("-"), strict=True)) for row in hours]
    dates = [
        dict(zip(("startTime", "endTime"), override[11:].split("-"), strict=True), date=override[:10])
        for override in overrides
    ]
    return Host(read_schedule(zone, [{"days": DAYS, **row} for row in rows], dates), **more)


def busy_booking(start: str, minutes: int, **more: Any) -> BusyBooking:
    return BusyBooking(at(start), at(start) + minutes * MINUTE, **more)


def times(slots_by_day: dict[str, list[int]]) -> dict[str, str]:
    return {
        day: " ".join(to_datetime(start).strftime("%H:%M") for start in starts) for day, starts in slots_by_day.items()
    }


def on_wednesday(event: EventSettings, *hosts: Host, reserved: Reserved = Reserved(), **more: Any) -> str:  # noqa: B008
    return times(available_slots(whole_days(WEDNESDAY, **more), event, hosts, reserved)).get(WEDNESDAY, "")


def test_an_interval_longer_than_the_event_is_kept_over_a_short_gap() -> None:
    """A range that begins inside the step of an earlier slot continues at the end of that step."""
    busy = host("09:00-12:00", bookings=[busy_booking("2030-03-06T10:00", 15)])
    assert on_wednesday(EventSettings(15, interval=45), busy) == "09:00 09:45 10:30 11:15"


def test_the_slot_grid_restarts_after_a_gap() -> None:
    """After a busy time the slot grid restarts at the rounded end."""
    busy = host("09:00-12:00", bookings=[busy_booking("2030-03-06T10:00", 20)])
    assert on_wednesday(EventSettings(45), busy) == "09:00 10:30 11:15"


def test_a_reservation_hides_slots_without_moving_the_others() -> None:
    """Slots that overlap a reservation are removed from the grid: a hold of 09:00-09:30 leaves 09:45 and 10:30."""
    reserved = Reserved([(at("2030-03-06T09:00"), at("2030-03-06T09:30"))])
    assert on_wednesday(EventSettings(45), host("09:00-12:00"), reserved=reserved) == "09:45 10:30 11:15"


def test_a_start_with_taken_seats_is_not_hidden() -> None:
    """A start with taken seats stays, even if another event type has a reservation then."""
    reserved = Reserved([(at("2030-03-06T09:00"), at("2030-03-06T11:00"))], frozenset({at("2030-03-06T10:00")}))
    assert on_wednesday(EventSettings(60), host("09:00-12:00"), reserved=reserved) == "10:00 11:00"


def test_buffers_of_both_event_types_add_up() -> None:
    """Before a booking: its own buffer before, and the queried one's after; after it the other way round."""
    busy = host("09:00-13:00", bookings=[busy_booking("2030-03-06T10:30", 30, before=15, after=5)])
    assert on_wednesday(EventSettings(15, before=10, after=15), busy).split()[3:5] == ["09:45", "11:15"]


def test_an_open_seat_blocks_only_its_buffers() -> None:
    """A seated booking's own time stays available; its buffers block."""
    busy = host("09:00-12:00", bookings=[busy_booking("2030-03-06T10:00", 30, open_seat=True)])
    assert on_wednesday(EventSettings(30, before=30), busy) == "09:00 09:30 10:00 11:00 11:30"


def test_buffers_of_calendar_entries() -> None:
    """A calendar entry 10:00-10:30 with buffers 30 before and 15 after blocks 09:45 to 11:00."""
    busy = host("09:00-12:00", calendar=[(at("2030-03-06T10:00"), at("2030-03-06T10:30"))])
    assert on_wednesday(EventSettings(30, before=30, after=15), busy) == "09:00 11:00 11:30"


def test_a_booking_outside_the_range_does_not_block() -> None:
    """Bookings outside the range do not block, even if their buffers reach into it."""
    busy = host("09:00-12:00", bookings=[busy_booking("2030-03-06T09:00", 30, after=60)])
    assert times(available_slots(whole_days("2030-03-06T09:31", "2030-03-06T11:00"), EventSettings(30), [busy])) == {
        WEDNESDAY: "10:00 10:30"
    }


def test_the_rescheduled_booking_does_not_block() -> None:
    """Neither the rescheduled booking nor its copy in a calendar blocks."""
    entry = (at("2030-03-06T10:00"), at("2030-03-06T11:00"))
    moving = host("09:00-12:00", bookings=[busy_booking("2030-03-06T10:00", 60, moving=True)], calendar=[entry])
    assert on_wednesday(EventSettings(60), moving) == "09:00 10:00 11:00"


def test_rows_that_touch() -> None:
    """Rows that touch make one range if they are in order; in reverse order they stay separate."""
    assert on_wednesday(EventSettings(60), host("09:00-10:30", "10:30-12:00")) == "09:00 10:00 11:00"
    assert on_wednesday(EventSettings(60), host("10:30-12:00", "09:00-10:30")) == "09:00 11:00"


def test_a_meeting_over_midnight() -> None:
    """23:59 means midnight, and the next day's 00:00 continues from there."""
    query = whole_days("2030-03-06T22:00", "2030-03-07T02:00")
    nights = host("00:00-23:59")
    assert times(available_slots(query, EventSettings(120, interval=60), [nights])) == {
        WEDNESDAY: "22:00 23:00",
        "2030-03-07": "00:00",
    }


def test_an_override_replaces_the_hours_of_its_date() -> None:
    """The overrides of a date replace its hours; 00:00-00:00 is a day off."""
    dates = ("2030-03-06 10:00-11:00", "2030-03-06 14:00-15:00", "2030-03-07 00:00-00:00")
    days = available_slots(
        whole_days("2030-03-05", "2030-03-08"), EventSettings(60), [host("09:00-10:00", overrides=dates)]
    )
    assert times(days) == {"2030-03-05": "09:00", "2030-03-06": "10:00 14:00", "2030-03-08": "09:00"}


def test_an_override_is_not_cut_to_the_query() -> None:
    """Without a time zone, overrides of neighboring days appear too; with one, only the requested dates do."""
    away = host("09:00-10:00", overrides=("2030-03-07 12:00-13:00",))
    assert list(available_slots(whole_days(WEDNESDAY), EventSettings(60), [away])) == [WEDNESDAY, "2030-03-07"]
    assert list(available_slots(whole_days(WEDNESDAY, zone=zone("UTC")), EventSettings(60), [away])) == [WEDNESDAY]


def test_hours_on_the_day_of_a_clock_change() -> None:
    """On the day of a clock change the hours have the server's errors: 00:00 begins at 23:00, 14:00 is read as 2:00."""
    whole = whole_days("2030-03-10T04:00", "2030-03-11T03:00")
    night = available_slots(whole, EventSettings(60), [host("00:00-05:00", zone="America/New_York")])
    assert times(night) == {"2030-03-10": "04:00 05:00 06:00 07:00 08:00"}
    afternoon = available_slots(whole, EventSettings(60), [host("14:00-16:00", zone="America/New_York")])
    assert times(afternoon) == {"2030-03-10": "19:00 20:00"}


def test_weeks_of_limits_begin_on_sunday() -> None:
    """A weekly limit counts from Sunday to Saturday."""
    full = host("09:00-10:00", counted=[CountedBooking(at("2030-03-09T09:00"), at("2030-03-09T10:00"))])
    limited = EventSettings(60, limits=Limits({"week": 1}, {}))
    assert list(available_slots(whole_days("2030-03-02", "2030-03-11"), limited, [full])) == [
        "2030-03-02",
        "2030-03-10",
        "2030-03-11",
    ]


def test_yearly_limits_count_bookings_outside_the_query() -> None:
    """A booking in January counts for the yearly limit of all months."""
    full = host("09:00-10:00", counted=[CountedBooking(at("2030-01-09T09:00"), at("2030-01-09T10:00"))])
    limited = EventSettings(60, limits=Limits({"year": 1}, {}))
    assert list(available_slots(whole_days("2030-12-30", "2031-01-01"), limited, [full])) == ["2031-01-01"]


def test_duration_limits_leave_room_for_what_fits() -> None:
    """With 60 of 90 minutes used, 30 more fit and 45 do not."""
    used = host("09:00-12:00", counted=[CountedBooking(at("2030-03-06T10:00"), at("2030-03-06T11:00"))])
    limits = Limits({}, {"day": 90})
    assert on_wednesday(EventSettings(30, limits=limits), used) != ""
    assert on_wednesday(EventSettings(45, limits=limits), used) == ""
    assert on_wednesday(EventSettings(120, limits=limits), host("09:00-12:00")) == ""


def test_a_rolling_window_counts_days_with_slots() -> None:
    """A rolling window of two days skips a day without slots."""
    event = EventSettings(60, window=BookingWindow(2, rolling=True))
    off = host("09:00-10:00", overrides=("2026-11-23 00:00-00:00",))
    assert list(available_slots(whole_days("2026-11-22", "2026-12-01"), event, [off])) == ["2026-11-22", "2026-11-24"]


def test_a_window_of_business_days() -> None:
    """A window of one business day from Friday ends on Monday; the weekend is available."""
    event = EventSettings(60, window=BookingWindow(1, business=True))
    days = available_slots(whole_days("2026-11-27", "2026-12-05", now="2026-11-27T08:00"), event, [host("09:00-10:00")])
    assert list(days) == ["2026-11-27", "2026-11-28", "2026-11-29", "2026-11-30"]


def test_the_minimum_notice_is_exact() -> None:
    """At 08:50:11 with an hour's notice, 09:50 is 11 seconds too soon."""
    query = whole_days("2026-11-23", now="2026-11-23T08:50:11")
    assert times(available_slots(query, EventSettings(25, notice=60), [host("09:00-11:00")])) == {"2026-11-23": "10:15"}


def test_a_month_before_the_31st_is_the_last_of_the_month() -> None:
    """31 March minus a month is 28 February."""
    assert to_datetime(month_before(at("2030-03-31T10:00"))) == datetime(2030, 2, 28, 10, tzinfo=UTC)


def test_hours_of_several_hosts() -> None:
    """Collective hosts share the intersection of their hours, round-robin hosts the union."""
    both = [host("09:00-11:00"), host("10:00-12:00")]
    assert on_wednesday(EventSettings(60, scheduling="collective"), *both) == "10:00"
    either = [host("09:00-11:00", fixed=False), host("10:00-12:00", fixed=False)]
    assert on_wednesday(EventSettings(60, scheduling="roundRobin"), *either) == "09:00 10:00 11:00"
    assert on_wednesday(EventSettings(60, scheduling="roundRobin"), host("09:00-10:00"), *either) == "09:00"


def test_ranges_subtract_and_intersect() -> None:
    """Ranges subtract, merge and intersect."""
    assert subtract([Range(0, 10)], [(8, 12), (2, 4), (3, 5)]) == [Range(0, 2), Range(5, 8)]
    assert intersect([[Range(0, 5), Range(7, 9)], [Range(4, 8)]]) == [Range(4, 5), Range(7, 8)]


def test_a_time_off_the_slot_grid_can_be_free() -> None:
    """A time off the slot grid is free if it is inside the hours."""
    day = host("09:00-12:00")
    assert is_free(whole_days("2030-03-06T10:07", "2030-03-06T10:37"), EventSettings(30), day)
    assert not is_free(whole_days("2030-03-06T11:45", "2030-03-06T12:15"), EventSettings(30), day)


# --- over HTTP


@pytest.fixture
def api() -> Iterator[ApiClient]:
    """Bo's key; he works Monday to Friday 09:00-17:00 in New York, 14:00-22:00 UTC in winter."""
    with Sandbox(now=datetime.fromisoformat(NOW).replace(tzinfo=UTC)) as sandbox:
        yield ApiClient(sandbox, "2024-09-04", "cal_sandbox_bo")
        assert sandbox.handler_errors == []


def event_type(api: ApiClient, **more: Any) -> int:
    body = {"title": "Talk", "slug": "talk", "lengthInMinutes": 60, "minimumBookingNotice": 0, **more}
    event_type_id = ApiClient(api.sandbox, "2024-06-14", api.key).post("/v2/event-types", body).data["id"]
    assert isinstance(event_type_id, int)
    return event_type_id


def slots(api: ApiClient, **query: Any) -> Any:
    return api.get("/v2/slots?" + urlencode({"start": WEDNESDAY, "end": WEDNESDAY, **query}))


def starts(api: ApiClient, **query: Any) -> list[str]:
    return [slot["start"] for day in slots(api, **query).data.values() for slot in day]


def book(api: ApiClient, event_type_id: int, start: str, **more: Any) -> Booking:
    """Add a booking to the store."""
    store, begins = api.sandbox.store, datetime.fromisoformat(start).replace(tzinfo=UTC)
    record = store.event_types[event_type_id]
    uid, now = store.uid(), api.sandbox.clock.now()
    values: dict[str, Any] = {
        "end": begins + timedelta(minutes=record["lengthInMinutes"]),
        "user_id": record["ownerId"],
        "attendees": [{"id": 1, "email": "ada@example.com"}],
        **more,
    }
    booking = Booking(
        id=store.next_id("booking"),
        uid=uid,
        title="Talk",
        start=begins,
        created_at=now,
        updated_at=now,
        event_type_id=event_type_id,
        **values,
    )
    return store.add_booking(booking)


def test_slots_are_found_by_id_slug_team_and_usernames(api: ApiClient) -> None:
    """All four ways to identify an event type return slots, without credentials."""
    event_type_id = event_type(api)
    nobody = api.as_user(None)
    expected = [f"2030-03-06T{hour}:00:00.000Z" for hour in range(14, 22)]
    assert starts(nobody, eventTypeId=event_type_id) == expected
    assert starts(nobody, eventTypeSlug="talk", username="bo") == expected
    assert starts(nobody, eventTypeSlug="talk", username="bo", organizationSlug="any") == expected
    # Ana is in Lisbon, so both are there from 14:00 to 17:00 UTC.
    together = starts(nobody, usernames="ana,bo", organizationSlug="any", duration=90)
    assert together == ["2030-03-06T14:00:00.000Z", "2030-03-06T15:30:00.000Z"]


def test_a_duration_of_zero_is_the_default(api: ApiClient) -> None:
    """`duration=0` returns slots of the event type's length, as without the parameter."""
    ranges = {"eventTypeId": event_type(api), "format": "range"}
    assert slots(api, **ranges, duration=0).data == slots(api, **ranges).data
    assert slots(api, **ranges, duration=30).data != slots(api, **ranges).data


def test_teams_of_an_organization_are_found_within_it(api: ApiClient) -> None:
    """A team's slug is looked up in the given organization, or outside of all without one."""
    settings = {
        "title": "T",
        "slug": "t",
        "lengthInMinutes": 60,
        "schedulingType": "collective",
        "hosts": [{"userId": 2}],
    }
    api.post("/v2/organizations/1/teams/2/event-types", settings)
    named = {"eventTypeSlug": "t", "teamSlug": "sales"}
    assert starts(api, **named, organizationSlug="sandbox-org")
    assert slots(api, **named).error == (404, "Team with slug sales not found")
    api.sandbox.store.teams[2]["parent_id"] = None
    assert starts(api, **named)


def test_slots_are_returned_in_the_requested_time_zone(api: ApiClient) -> None:
    """`timeZone` sets dates and offsets, and `format=range` adds ends; UTC keeps its Z."""
    event_type_id = event_type(api)
    tokyo = slots(api, eventTypeId=event_type_id, timeZone="asia/tokyo", format="RANGE").data
    assert list(tokyo) == ["2030-03-06", "2030-03-07"]
    assert tokyo["2030-03-06"][0] == {"start": "2030-03-06T23:00:00.000+09:00", "end": "2030-03-07T00:00:00.000+09:00"}
    assert starts(api, eventTypeId=event_type_id, timeZone="UTC")[0].endswith("Z")


@pytest.mark.parametrize(
    ("query", "status", "message"),
    [
        ({"eventTypeId": 99}, 404, "Event Type not found"),
        ({"eventTypeSlug": "nope", "username": "bo"}, 404, "Event Type not found"),
        ({"eventTypeSlug": "talk", "username": "no"}, 404, "User with username no not found"),
        ({"eventTypeSlug": "talk", "teamSlug": "no"}, 404, "Team with slug no not found"),
        ({"eventTypeId": 1, "startTime": "x"}, 400, "startTime property is wrong,property startTime should not exist "),
        ({"eventTypeId": 1, "username": "bo"}, 400, "username property is wrong,property username should not exist "),
        (
            {"eventTypeId": 1, "format": "list"},
            400,
            "format property is wrong,slotFormat must be either 'range' or 'time' ",
        ),
        ({"usernames": "a,b"}, 400, "organizationSlug property is wrong,organizationSlug must be a string "),
        (
            {"usernames": "a", "organizationSlug": "o"},
            400,
            "usernames property is wrong,The array must contain at least 2 elements. ",
        ),
        (
            {"eventTypeId": 1, "timeZone": "Mars"},
            400,
            "timeZone property is wrong,timeZone must be a valid IANA time-zone ",
        ),
    ],
)
def test_invalid_queries_get_a_sentence(api: ApiClient, query: Any, status: int, message: str) -> None:
    """Unknown fields, fields of another form and invalid values are rejected with a sentence."""
    assert slots(api, **query).error == (status, message)


def test_missing_dates_get_the_recorded_error(api: ApiClient, shared: Any) -> None:
    """Missing dates get the recorded error; other versions are a 404."""
    response = api.get("/v2/slots?eventTypeId=3")
    real = recorded_body(shared, "slots_no_dates_400")
    assert response.body["error"] == real["error"]
    assert ApiClient(api.sandbox, "2024-08-13").get("/v2/slots?eventTypeId=3").status == 404


def test_the_end_of_a_query_includes_its_day(api: ApiClient) -> None:
    """A date or midnight as the end means the end of that day; other times stay."""
    event_type_id = event_type(api)
    assert len(starts(api, eventTypeId=event_type_id, end="2030-03-06T00:00:00Z")) == 8
    assert len(starts(api, eventTypeId=event_type_id, end="2030-03-06T18:00:00+02:00")) == 2
    assert slots(api, eventTypeId=event_type_id, end="2030-03-01").data == {}


def test_legacy_formats_accept_the_older_names() -> None:
    """`startTime` and `endTime`, and a slug next to an id, work only with `legacy_formats`."""
    with Sandbox(legacy_formats=True) as sandbox:
        api = ApiClient(sandbox, "2024-09-04")
        response = api.get("/v2/slots?startTime=2030-03-06&endTime=2030-03-06&eventTypeId=1&eventTypeSlug=thirty")
        assert list(response.data) == [WEDNESDAY]


def test_bookings_that_block(api: ApiClient) -> None:
    """Accepted bookings that the host owns, co-hosts or attends block; cancelled and pending ones do not."""
    event_type_id, other = event_type(api), event_type(api, slug="other")
    book(api, other, "2030-03-06T14:00")
    book(api, other, "2030-03-06T15:00", status="cancelled")
    book(api, other, "2030-03-06T16:00", status="pending")
    book(api, other, "2030-03-06T17:00", user_id=1, host_ids=[1, 2])
    attended = book(api, other, "2030-03-06T18:00", user_id=1)
    attended.attendees = [{**attended.attendees[0], "email": "bo@sandbox.test"}]
    free = [start[11:13] for start in starts(api, eventTypeId=event_type_id)]
    assert free == ["15", "16", "19", "20", "21"]


def test_pending_bookings_that_block(api: ApiClient) -> None:
    """The policy of the queried event type decides, for its own pending bookings only."""
    blocking = event_type(api, confirmationPolicy={"type": "always", "blockUnconfirmedBookingsInBooker": True})
    other = event_type(api, slug="other")
    book(api, blocking, "2030-03-06T14:00", status="pending")
    assert "2030-03-06T14:00:00.000Z" not in starts(api, eventTypeId=blocking)
    assert "2030-03-06T14:00:00.000Z" in starts(api, eventTypeId=other)


def test_round_robin_hosts_can_be_restricted(api: ApiClient) -> None:
    """`rrHostSubsetIds` restricts the hosts of a round robin."""
    event_type_id = event_type(api)
    assert slots(api, eventTypeId=event_type_id, rrHostSubsetIds="1,3").data == {}
    assert len(starts(api, eventTypeId=event_type_id, rrHostSubsetIds="2")) == 8


def test_slots_stay_fast_with_many_bookings() -> None:
    """A search is as fast with 20,000 bookings on other days as with none."""

    def looking(bookings: int) -> float:
        with Sandbox(bookings=bookings) as sandbox:
            api = ApiClient(sandbox, "2024-09-04")
            day = (sandbox.clock.now() + timedelta(days=3650)).date()
            query = {"start": day, "end": day, "eventTypeId": 1}
            assert slots(api, **query).status == 200
            return cpu_time(lambda: slots(api, **query))

    assert looking(20_000) < 4 * looking(0)


# --- what a booking must pass


def error_of(api: ApiClient, event_type_id: int, start: str, **more: Any) -> tuple[int, str] | None:
    begins = datetime.fromisoformat(start).replace(tzinfo=UTC)
    record = api.sandbox.store.event_types[event_type_id]
    end = begins + timedelta(minutes=record["lengthInMinutes"])
    try:
        check_bookable(api.sandbox.store, api.sandbox.clock, record, begins, end, **more)
    except HttpError as refusal:
        return refusal.status, refusal.message
    return None


def test_the_order_of_the_checks_of_a_booking(api: ApiClient) -> None:
    """The checks run in order: past, notice and window, limits, availability; the slot grid is not checked."""
    window = {"type": "calendarDays", "value": 3000}
    event_type_id = event_type(api, minimumBookingNotice=60, bookingWindow=window, bookingLimitsCount={"day": 1})
    too_soon = 'The event type can\'t be booked at the "start" time provided.'
    assert error_of(api, event_type_id, "2026-11-22T07:59") == (400, "Attempting to book a meeting in the past.")
    for outside in ("2026-11-22T08:59", "2036-03-05T15:00"):
        status, message = error_of(api, event_type_id, outside) or (0, "")
        assert (status, message[: len(too_soon)]) == (400, too_soon)
    assert error_of(api, event_type_id, "2030-03-06T15:07") is None
    not_free = (400, "User either already has booking at this time or is not available")
    assert error_of(api, event_type_id, "2030-03-06T21:30") == not_free
    booking = book(api, event_type_id, "2030-03-06T15:00")
    assert error_of(api, event_type_id, "2030-03-06T18:00") == (401, "booking_limit_reached")
    assert error_of(api, event_type_id, "2030-03-06T15:30", ignore_uid=booking.uid) is None


def test_a_booking_above_the_limit_of_minutes(api: ApiClient) -> None:
    """60 of 90 minutes are used, so another hour is a 401."""
    event_type_id = event_type(api, bookingLimitsDuration={"day": 90})
    book(api, event_type_id, "2030-03-06T15:00")
    assert error_of(api, event_type_id, "2030-03-06T18:00") == (401, "duration_limit_reached")
    assert error_of(api, event_type_id, "2030-03-07T18:00") is None


def test_buffers_of_neighboring_bookings_block(api: ApiClient) -> None:
    """A booking that ends before the new one still blocks by its buffer."""
    buffered = event_type(api, afterEventBuffer=30)
    other = event_type(api, slug="other")
    book(api, buffered, "2030-03-06T15:00")
    assert error_of(api, other, "2030-03-06T16:15") is not None
    assert error_of(api, other, "2030-03-06T16:30") is None


# --- reservations


def reserve(api: ApiClient, event_type_id: int, start: str = "2030-03-06T15:00:00Z", **more: Any) -> Any:
    return api.post("/v2/slots/reservations", {"eventTypeId": event_type_id, "slotStart": start, **more})


def test_a_reservation_has_the_recorded_fields(api: ApiClient, shared: Any) -> None:
    """A reservation has the recorded keys; reading it omits the duration."""
    event_type_id = event_type(api, lengthInMinutesOptions=[30, 60])
    response = reserve(api, event_type_id, slotDuration=30, reservationDuration=7).data
    assert list(response) == list(recorded_body(shared, "slots_reserve")["data"])
    assert response["slotEnd"] == "2030-03-06T15:30:00.000Z"
    assert response["reservationUntil"] == "2026-11-22T08:07:00.000Z"
    read = api.get(f"/v2/slots/reservations/{response['reservationUid']}").data
    assert set(read) == set(recorded_body(shared, "slots_reservation_get")["data"])


def test_a_reservation_hides_its_time_until_it_ends(api: ApiClient) -> None:
    """A reservation hides the time on all event types of the host until it expires or is deleted."""
    event_type_id, other = event_type(api), event_type(api, slug="other", lengthInMinutes=30)
    uid = reserve(api.as_user(None), event_type_id).data["reservationUid"]
    hidden = "2030-03-06T15:30:00.000Z"
    assert hidden not in starts(api, eventTypeId=other)
    api.sandbox.clock.move(minutes=5)
    assert hidden in starts(api, eventTypeId=other)
    assert api.get(f"/v2/slots/reservations/{uid}").body == {"status": "success", "data": None}
    again = reserve(api, event_type_id).data["reservationUid"]
    assert hidden not in starts(api, eventTypeId=other)
    for _ in range(2):
        assert api.delete(f"/v2/slots/reservations/{again}").body == {"status": "success"}
    assert hidden in starts(api, eventTypeId=other)


def test_reservations_that_fail(api: ApiClient) -> None:
    """Messages and order of the errors are those of the real server."""
    event_type_id, lengths = event_type(api), event_type(api, slug="lengths", lengthInMinutesOptions=[30, 60])
    anonymous, stranger = api.as_user(None), ApiClient(api.sandbox, api.version, "cal_sandbox_stranger")
    api.sandbox.store.users[50] = {**api.sandbox.store.users[1], "id": 50, "username": "stranger"}
    api.sandbox.store.api_keys["cal_sandbox_stranger"] = 50
    assert reserve(anonymous, event_type_id, reservationDuration=9).status == 401
    assert reserve(stranger, event_type_id, reservationDuration=9).status == 403
    assert reserve(api, 99).error == (404, "Event Type with ID=99 not found")
    assert reserve(api, event_type_id, slotDuration=30).message.startswith("You passed 'slotDuration' but")
    assert reserve(api, lengths, slotDuration=45).message.endswith("event type are: 30, 60")
    book(api, event_type_id, "2030-03-06T15:30")
    assert reserve(api, event_type_id).error == (422, "Can't reserve a slot if the event is already booked.")
    assert reserve(api, lengths).status == 201
    taken = "This time slot is already reserved by another user. Please choose a different time."
    assert reserve(api, lengths, "2030-03-06T15:59:00Z").error == (422, taken)
    assert api.post("/v2/slots/reservations", {}).constraints.keys() == {"eventTypeId", "slotStart"}


def test_anybody_can_move_a_reservation(api: ApiClient) -> None:
    """An update extends the reservation; overlap with its own old time is rejected, an unknown uid is 404."""
    event_type_id = event_type(api)
    path = f"/v2/slots/reservations/{reserve(api, event_type_id).data['reservationUid']}"
    anybody = api.as_user(None)
    api.sandbox.clock.move(minutes=1)
    moved = {"eventTypeId": event_type_id, "slotStart": "2030-03-06T17:00:00Z", "reservationDuration": 30}
    assert anybody.patch(path, moved).data["reservationUntil"] == "2026-11-22T08:31:00.000Z"
    assert anybody.patch(path, moved | {"slotStart": "2030-03-06T17:30:00Z"}).status == 422
    unknown = anybody.patch("/v2/slots/reservations/nope", moved)
    assert unknown.error == (404, "Slot with uid=nope not found")


def test_a_full_seated_slot_cannot_be_reserved(api: ApiClient) -> None:
    """A seat can be reserved while seats are left; then it is a 422 with the event type's id."""
    seats = {"seatsPerTimeSlot": 2, "showAttendeeInfo": True, "showAvailabilityCount": True}
    event_type_id = event_type(api, seats=seats)
    booking = book(api, event_type_id, "2030-03-06T15:00", seats=[{"seat_uid": "one", "attendee_id": 1}])
    assert reserve(api, event_type_id).status == 201
    at_three = next(slot for slot in slots(api, eventTypeId=event_type_id).data[WEDNESDAY] if "T15:00" in slot["start"])
    assert (at_three["seatsBooked"], at_three["seatsRemaining"], at_three["bookingUid"]) == (2, 0, booking.uid)
    api.sandbox.store.reservations.clear()
    booking.seats = [*booking.seats, {"seat_uid": "two", "attendee_id": 2}]
    full = f"Booking with id={event_type_id} at 2030-03-06T15:00:00Z has no more seats left."
    assert reserve(api, event_type_id).error == (422, full)
