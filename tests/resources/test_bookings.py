"""Operations of a booking: create, read, reschedule, cancel, confirm and decline."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from sent_requests import (
    ADA,
    ANA,
    BEA,
    BO,
    CLASS,
    CY,
    ORGANIZATION,
    SALES,
    SIXTY,
    THIRTY,
    SentRequest,
    at,
    book,
    last_request,
)

from calcom_async import (
    BadRequestError,
    ConflictError,
    DecodeError,
    InvalidRequestError,
    NotFoundError,
    UnauthorizedError,
)
from calcom_async.models import (
    AbsentAttendee,
    Attendee,
    Booking,
    BookingField,
    BookingLimits,
    BookingLocation,
    ConfirmationPolicy,
    CreateEventType,
    CreateTeamEventType,
    Host,
    Location,
    Recurrence,
    Routing,
)

VERSION = "2024-08-13"
WEEKLY = Recurrence(interval=1, occurrences=3, frequency="weekly")


async def event_type(cal, **fields):
    """Create an event type of Ana and return its id."""
    body = CreateEventType(**{"title": "Chat", "slug": "chat", "length_in_minutes": 30} | fields)
    return (await cal.event_types.create(body)).id


async def round_robin(cal, slug="demo", times=0):
    """Create a round-robin event type of Sales with Bo and Cy, recurring if requested, and return its id."""
    weekly = {"recurrence": Recurrence(interval=1, occurrences=times, frequency="weekly")} if times else {}
    body = CreateTeamEventType(
        title="Demo",
        slug=slug,
        length_in_minutes=60,
        scheduling_type="roundRobin",
        hosts=[Host(user_id=BO), Host(user_id=CY)],
        **weekly,
    )
    return (await cal.organization(ORGANIZATION).team(SALES).event_types.create(body)).id


# --- creating


async def test_create(cal, calcom_sandbox, server_kind):
    """A booking needs start, event type and attendee; nothing else is sent, and the response is typed."""
    booking = await book(cal)
    body = {
        "start": "2026-11-04T09:00:00Z",
        "attendee": {"name": "Ada", "timeZone": "Europe/Lisbon", "email": "ada@visitors.test"},
        "eventTypeId": THIRTY,
    }
    assert last_request(calcom_sandbox) == SentRequest("POST", "/bookings", {}, body, VERSION)
    assert isinstance(booking, Booking)
    assert (booking.start, booking.end, booking.duration, booking.status) == (at(9), at(9.5), 30, "accepted")
    assert (booking.event_type.slug, booking.hosts[0].username, booking.attendees[0].email) == (
        "thirty",
        "ana",
        ADA.email,
    )
    sent = server_kind != "self-hosted-2025-12"
    assert booking.is_platform_managed_user_booking is (False if sent else None)


async def test_create_with_everything(cal, calcom_sandbox):
    """Every field of a new booking is sent under the server's name and takes effect."""
    several = await event_type(
        cal,
        length_in_minutes_options=[15, 30],
        locations=[Location.video(), Location(type="attendeeDefined")],
        booking_fields=[BookingField(type="text", slug="topic", label="Topic", required=True)],
    )
    booking = await book(
        cal,
        event_type_id=several,
        attendee=BEA,
        length_in_minutes=15,
        guests=["g1@visitors.test", "g2@visitors.test"],
        location=BookingLocation(type="attendeeDefined", location="Under the oak"),
        booking_fields_responses={"topic": "Trees", "notes": "Bring water"},
        metadata={"source": "test"},
    )
    body = last_request(calcom_sandbox).body
    assert body["attendee"] == {
        "name": "Bea",
        "timeZone": "Asia/Tokyo",
        "email": "bea@visitors.test",
        "phoneNumber": "+3912345678",
        "language": "it",
    }
    assert {name: value for name, value in body.items() if name not in {"attendee", "start"}} == {
        "eventTypeId": several,
        "lengthInMinutes": 15,
        "guests": ["g1@visitors.test", "g2@visitors.test"],
        "location": {"type": "attendeeDefined", "location": "Under the oak"},
        "bookingFieldsResponses": {"topic": "Trees", "notes": "Bring water"},
        "metadata": {"source": "test"},
    }
    assert (booking.duration, booking.location, booking.description) == (15, "Under the oak", "Bring water")
    assert (booking.metadata, booking.guests) == ({"source": "test"}, ["g1@visitors.test", "g2@visitors.test"])
    assert booking.booking_fields_responses["topic"] == "Trees"
    assert {attendee.email for attendee in booking.attendees} == {BEA.email, *booking.guests}


@pytest.mark.parametrize(
    ("fields", "sent"),
    [
        (
            {"routing": Routing(team_member_ids=[1], response_id=7)},
            {"routing": {"teamMemberIds": [1], "responseId": 7}},
        ),
        ({"email_verification_code": "123456"}, {"emailVerificationCode": "123456"}),
        ({"meeting_url": "https://meet.test/x"}, {"meetingUrl": "https://meet.test/x"}),
        ({"location": "https://meet.test/x"}, {"location": "https://meet.test/x"}),
    ],
)
async def test_rarer_fields(cal, calcom_sandbox, fields, sent):
    """The rarer fields are sent under the server's names, and the server accepts them."""
    await book(cal, **fields)
    assert sent.items() <= last_request(calcom_sandbox).body.items()


async def test_instant_meetings_are_for_teams(cal, calcom_sandbox):
    """`instant` is sent, and the server rejects it for the event type of a user, or does not know it."""
    reason = "Instant bookings are only supported for team event types|property instant should not exist"
    with pytest.raises(BadRequestError, match=reason):
        await book(cal, instant=True)
    assert last_request(calcom_sandbox).body["instant"] is True


@pytest.mark.servers("hosted", "self-hosted-2025-12")
@pytest.mark.parametrize(
    ("fields", "sent"),
    [
        ({"event_type_slug": "thirty", "username": "ana"}, {"eventTypeSlug": "thirty", "username": "ana"}),
        (
            {"event_type_slug": "thirty", "username": "ana", "organization_slug": "sandbox-org"},
            {"eventTypeSlug": "thirty", "username": "ana", "organizationSlug": "sandbox-org"},
        ),
        (
            {"event_type_slug": "demo", "team_slug": "sales", "organization_slug": "sandbox-org"},
            {"eventTypeSlug": "demo", "teamSlug": "sales", "organizationSlug": "sandbox-org"},
        ),
    ],
    ids=["user", "user of an organisation", "team"],
)
async def test_create_by_slug(cal, calcom_sandbox, fields, sent):
    """The event type can be selected by its slug and its user or team."""
    await round_robin(cal)
    booking = await cal.bookings.create(start=at(15), attendee=ADA, **fields)
    assert booking.event_type.slug == fields["event_type_slug"]
    assert sent.items() <= last_request(calcom_sandbox).body.items()


@pytest.mark.parametrize("fields", [{}, {"event_type_slug": "thirty"}, {"username": "ana"}, {"team_slug": "sales"}])
async def test_a_missing_event_type(cal, calcom_sandbox, fields):
    """Without a complete selection of the event type no request is sent."""
    with pytest.raises(InvalidRequestError, match="event_type_id, or event_type_slug"):
        await cal.bookings.create(start=at(9), attendee=ADA, **fields)
    assert calcom_sandbox.requests == []


async def test_naive_times(cal, calcom_sandbox):
    """A time without a time zone raises an error before a request is sent, also in filters."""
    naive = datetime(2026, 11, 4, 9)  # noqa: DTZ001 - on purpose
    with pytest.raises(ValueError, match="time zone"):
        await cal.bookings.create(start=naive, event_type_id=THIRTY, attendee=ADA)
    with pytest.raises(ValueError, match="time zone"):
        await cal.bookings.reschedule("uid", start=naive)
    with pytest.raises(ValueError, match="time zone"):
        cal.bookings.list(after_start=naive)
    assert calcom_sandbox.requests == []


def test_an_attendee_without_contact():
    """An attendee without email and phone number raises an error when it is created."""
    with pytest.raises(ValueError, match="email or a phone_number"):
        Attendee(name="Nobody", time_zone="UTC")


# --- series


@pytest.fixture
async def weekly(cal):
    """Create an event type that recurs three times, and return its id."""
    return await event_type(cal, recurrence=WEEKLY)


async def test_create_series(cal, calcom_sandbox, weekly):
    """`create_series` returns the number of occurrences that was requested."""
    series = await book(cal, event_type_id=weekly, recurrence_count=2)
    assert last_request(calcom_sandbox).body["recurrenceCount"] == 2
    assert [booking.start for booking in series] == [at(9), at(9) + timedelta(weeks=1)]
    assert len({booking.recurring_booking_uid for booking in series}) == 1
    assert all(booking.is_recurring for booking in series)


async def test_create_series_without_a_count(cal, calcom_sandbox, weekly):
    """`create` books all occurrences and returns the first, whose series uid leads to the others."""
    first = await book(cal, event_type_id=weekly)
    assert "recurrenceCount" not in last_request(calcom_sandbox).body
    assert (first.start, first.is_recurring) == (at(9), True)
    series = await cal.bookings.get_series(first.recurring_booking_uid)
    assert [booking.start for booking in series] == [at(9) + timedelta(weeks=week) for week in range(3)]
    assert series[0].uid == first.uid


async def test_count_on_a_plain_event_type(cal):
    """For an event type that does not recur the count is ignored, and the list has one booking."""
    series = await book(cal, recurrence_count=2)
    assert [booking.start for booking in series] == [at(9)]


async def test_too_many_occurrences(cal, weekly):
    """The server rejects more occurrences than the event type has."""
    with pytest.raises(BadRequestError, match="higher than the event type's"):
        await book(cal, event_type_id=weekly, recurrence_count=4)


@pytest.mark.servers("hosted", "self-hosted-2025-12")
async def test_round_robin_series(cal):
    """The server omits the first occurrence of a round-robin series; an empty response raises a helpful error."""
    several, single = await round_robin(cal, "several", 2), await round_robin(cal, "one", 1)
    booking = await book(cal, 15, several)
    assert booking.start == at(15) + timedelta(weeks=1)
    assert len(await cal.bookings.get_series(booking.recurring_booking_uid)) == 2
    with pytest.raises(DecodeError, match="first occurrence of a round-robin series"):
        await book(cal, 16, single)


async def test_read_a_series(cal, weekly):
    """The uid of a series gives its first occurrence or all; a plain uid is a series of one."""
    series = await book(cal, event_type_id=weekly, recurrence_count=3)
    series_uid = series[0].recurring_booking_uid
    assert (await cal.bookings.get(series_uid)).uid == series[0].uid
    assert [booking.uid for booking in await cal.bookings.get_series(series_uid)] == [booking.uid for booking in series]
    assert [booking.uid for booking in await cal.bookings.get_series(series[1].uid)] == [series[1].uid]


async def test_cancel_the_rest_of_a_series(cal, calcom_sandbox, weekly):
    """`cancel_subsequent` cancels an occurrence and all later ones, and returns the series."""
    series = await book(cal, event_type_id=weekly, recurrence_count=3)
    after = await cal.bookings.cancel_subsequent(series[1].uid, reason="Away")
    body = {"cancellationReason": "Away", "cancelSubsequentBookings": True}
    assert last_request(calcom_sandbox) == SentRequest("POST", f"/bookings/{series[1].uid}/cancel", {}, body, VERSION)
    assert [booking.status for booking in after] == ["accepted", "cancelled", "cancelled"]


async def test_cancel_a_series(cal, calcom_sandbox, weekly):
    """A whole series is cancelled by its uid."""
    series = await book(cal, event_type_id=weekly, recurrence_count=3)
    after = await cal.bookings.cancel_series(series[0].recurring_booking_uid, reason="Away")
    assert last_request(calcom_sandbox).body == {"cancellationReason": "Away"}
    assert [booking.is_cancelled for booking in after] == [True] * 3


def _reject_whole_series(sandbox, recurring_uid):
    """Make the sandbox reject the request as real servers do after an occurrence was rescheduled."""
    text = f"Can't cancel booking with uid={recurring_uid} because it has been cancelled already. Please provide uid."
    error = {"code": "BadRequestException", "message": text}
    body = {"status": "error", "timestamp": "", "path": "", "error": error}
    sandbox.faults.add("POST", f"/v2/bookings/{recurring_uid}/cancel", status=400, body=body, times=9)


async def test_cancel_a_series_of_which_an_occurrence_was_moved(cal, calcom_sandbox, weekly):
    """If the server rejects the series as already cancelled, the active occurrences are cancelled."""
    bookings = await book(cal, event_type_id=weekly, recurrence_count=3)
    series = bookings[0].recurring_booking_uid
    await cal.bookings.reschedule(bookings[0].uid, start=at(10, 5))
    _reject_whole_series(calcom_sandbox, series)
    calcom_sandbox.clock.set(at(12, 5))  # the one that was moved is over
    after = await cal.bookings.cancel_series(series, reason="Away")
    assert [(booking.start.day, booking.status) for booking in after] == [
        (4, "cancelled"),
        (5, "accepted"),
        (11, "cancelled"),
        (18, "cancelled"),
    ]
    with pytest.raises(BadRequestError, match="has been cancelled already"):
        await cal.bookings.cancel_series(series, reason="Away")


async def test_a_series_that_cannot_be_cancelled(cal, calcom_sandbox, weekly):
    """Any other rejection of an occurrence is raised."""
    series = await book(cal, event_type_id=weekly, recurrence_count=2)
    _reject_whole_series(calcom_sandbox, series[0].recurring_booking_uid)
    with pytest.raises(BadRequestError, match="Cancellation reason is required"):
        await cal.bookings.cancel_series(series[0].recurring_booking_uid)


async def test_subsequent_of_a_plain_booking(cal):
    """The server rejects `cancel_subsequent` for a booking that is not part of a series."""
    booking = await book(cal)
    with pytest.raises(BadRequestError, match="not part of a recurring booking"):
        await cal.bookings.cancel_subsequent(booking.uid, reason="x")


# --- reading, rescheduling, cancelling


async def test_get(cal, calcom_sandbox):
    """A booking is fetched by its uid, also by users who are not part of it."""
    booking = await book(cal)
    fetched = await cal.with_credentials("cal_sandbox_cy").bookings.get(booking.uid)
    assert last_request(calcom_sandbox) == SentRequest("GET", f"/bookings/{booking.uid}", {}, None, VERSION)
    assert (fetched.uid, fetched.start, fetched.ics_uid) == (booking.uid, booking.start, booking.ics_uid)
    with pytest.raises(NotFoundError, match="uid=nope was not found"):
        await cal.bookings.get("nope")


async def test_reschedule(cal, calcom_sandbox):
    """Rescheduling creates a booking with a new uid; the two refer to each other."""
    old = await book(cal)
    new = await cal.bookings.reschedule(old.uid, start=at(11), reason="Later", rescheduled_by="ana@sandbox.test")
    body = {"start": "2026-11-04T11:00:00Z", "reschedulingReason": "Later", "rescheduledBy": "ana@sandbox.test"}
    assert last_request(calcom_sandbox) == SentRequest("POST", f"/bookings/{old.uid}/reschedule", {}, body, VERSION)
    assert new.uid != old.uid
    assert (new.start, new.rescheduled_from_uid, new.rescheduling_reason) == (at(11), old.uid, "Later")
    assert new.ics_uid == old.ics_uid
    before = await cal.bookings.get(old.uid)
    assert (before.status, before.rescheduled_to_uid, before.is_rescheduled) == ("cancelled", new.uid, True)
    with pytest.raises(BadRequestError, match=f"already to booking with uid={new.uid}"):
        await cal.bookings.reschedule(old.uid, start=at(13))


async def test_cancel(cal, calcom_sandbox):
    """The reason is stored in the booking, and the server rejects a second cancellation."""
    booking = await book(cal)
    with pytest.raises(BadRequestError, match="Cancellation reason is required") as caught:
        await cal.bookings.cancel(booking.uid)
    assert (last_request(calcom_sandbox).body, caught.value.code) == ({}, None)
    cancelled = await cal.bookings.cancel(booking.uid, reason="Ill")
    assert last_request(calcom_sandbox) == SentRequest(
        "POST", f"/bookings/{booking.uid}/cancel", {}, {"cancellationReason": "Ill"}, VERSION
    )
    assert (cancelled.status, cancelled.cancellation_reason, cancelled.is_cancelled) == ("cancelled", "Ill", True)
    with pytest.raises(BadRequestError, match="cancelled already"):
        await cal.bookings.cancel(booking.uid, reason="Ill")
    with pytest.raises(NotFoundError):
        await cal.bookings.cancel("nope", reason="x")


# --- seats


@pytest.mark.servers("hosted", "self-hosted-2026-07")
async def test_seats(cal, calcom_sandbox):
    """Each booker of a seated event type gets a seat in the same booking."""
    first = await book(cal, event_type_id=CLASS)
    second = await book(cal, event_type_id=CLASS, attendee=BEA)
    assert second.uid == first.uid
    assert None not in {first.seat_uid, second.seat_uid}
    assert first.seat_uid != second.seat_uid
    assert (second.is_seated, len(second.attendees)) == (True, 2)
    fetched = await cal.bookings.get_by_seat(second.seat_uid)
    assert last_request(calcom_sandbox).path == f"/bookings/by-seat/{second.seat_uid}"
    assert fetched.uid == first.uid
    with pytest.raises(ConflictError, match="already_signed_up"):
        await book(cal, event_type_id=CLASS)


async def test_move_and_cancel_a_seat(cal, calcom_sandbox):
    """A seat is moved and cancelled alone; the other seats stay."""
    first = await book(cal, event_type_id=CLASS)
    second = await book(cal, event_type_id=CLASS, attendee=BEA)
    moved = await cal.bookings.reschedule(second.uid, start=at(14), seat_uid=second.seat_uid)
    assert last_request(calcom_sandbox).body == {"start": "2026-11-04T14:00:00Z", "seatUid": second.seat_uid}
    assert moved.seat_uid != second.seat_uid
    assert (moved.start, (await cal.bookings.get(first.uid)).status) == (at(14), "accepted")
    cancelled = await cal.bookings.cancel(first.uid, seat_uid=first.seat_uid, reason="Ill")
    assert last_request(calcom_sandbox).body == {"cancellationReason": "Ill", "seatUid": first.seat_uid}
    assert cancelled.status == "cancelled", "it was the last seat"


async def test_full_class(cal):
    """If no seat is left, the next booker gets a ConflictError."""
    one_seat = await event_type(
        cal, seats={"seatsPerTimeSlot": 1, "showAttendeeInfo": True, "showAvailabilityCount": True}
    )
    await book(cal, event_type_id=one_seat)
    with pytest.raises(ConflictError, match="No more seats"):
        await book(cal, event_type_id=one_seat, attendee=BEA)


# --- rejected bookings


@pytest.mark.parametrize(
    ("hour", "fields", "kind", "words"),
    [
        (9, {}, BadRequestError, "already has booking at this time"),
        (7, {}, BadRequestError, "already has booking at this time or is not available"),
        (-2, {}, BadRequestError, "in the past"),
        (11, {"event_type_id": 999}, NotFoundError, "Event type with id 999 not found"),
        (11, {"length_in_minutes": 45}, BadRequestError, "does not have multiple possible lengths"),
        (11, {"guests": ["g@x.test", "g@x.test"]}, BadRequestError, "duplicate_email"),
        (11, {"metadata": {"k": 1}}, BadRequestError, "Expected string, received number"),
    ],
)
async def test_rejections(cal, hour, fields, kind, words):
    """Each rejection raises the class of its status with the server's message, whatever its format."""
    await book(cal)
    start = at(9) - timedelta(days=7) if hour < 0 else at(hour)
    with pytest.raises(kind, match=words):
        await cal.bookings.create(**{"start": start, "attendee": ADA, "event_type_id": THIRTY} | fields)


async def test_rejected_fields_are_named(cal):
    """Rejected fields are in `fields`, from the message of the validator and the issues of the schema."""
    with pytest.raises(BadRequestError) as caught:
        await book(cal, attendee=Attendee(name="Ada", email="a@x.test", time_zone="Mars/Base"))
    assert list(caught.value.fields) == ["timeZone"]
    with pytest.raises(BadRequestError) as caught:
        await book(cal, attendee=Attendee(name="Ada", email="no address", time_zone="UTC"))
    assert list(caught.value.fields) == ["responses.email"]


async def test_a_booking_limit_is_a_401(cal):
    """A reached limit of the event type is a 401 too, but the API key stays valid."""
    limited = await event_type(cal, booking_limits_count=BookingLimits(day=1))
    await book(cal, event_type_id=limited)
    with pytest.raises(UnauthorizedError, match="booking_limit_reached"):
        await book(cal, 11, event_type_id=limited)
    assert (await cal.me.get()).id == ANA


# --- confirming and declining


@pytest.fixture
async def pending(cal):
    """Create a pending booking."""
    policy = ConfirmationPolicy(type="always", block_unconfirmed_bookings_in_booker=False)
    booking = await book(cal, event_type_id=await event_type(cal, confirmation_policy=policy))
    assert booking.is_pending
    return booking


@pytest.mark.servers("hosted", "self-hosted-2026-07")
async def test_confirm(cal, calcom_sandbox, pending):
    """Confirming accepts a pending booking, once."""
    assert (await cal.bookings.confirm(pending.uid)).is_accepted
    assert last_request(calcom_sandbox) == SentRequest("POST", f"/bookings/{pending.uid}/confirm", {}, None, VERSION)
    with pytest.raises(BadRequestError, match="already confirmed") as caught:
        await cal.bookings.confirm(pending.uid)
    assert caught.value.code == "TRPCError"


@pytest.mark.parametrize(("fields", "body"), [({}, {}), ({"reason": "Full"}, {"reason": "Full"})])
async def test_decline(cal, calcom_sandbox, pending, fields, body):
    """Declining accepts an optional reason."""
    assert (await cal.bookings.decline(pending.uid, **fields)).is_rejected
    assert last_request(calcom_sandbox) == SentRequest("POST", f"/bookings/{pending.uid}/decline", {}, body, VERSION)


async def test_only_the_host_can_confirm(cal, pending):
    """Another user cannot confirm a booking."""
    with pytest.raises(UnauthorizedError, match="not authorized to confirm"):
        await cal.with_credentials("cal_sandbox_cy").bookings.confirm(pending.uid)


async def test_mark_absent(cal, calcom_sandbox):
    """Host and attendees can be marked as absent only after the start."""
    booking = await book(cal)
    with pytest.raises(BadRequestError, match="after their scheduled start time"):
        await cal.bookings.mark_absent(booking.uid, host=True)
    calcom_sandbox.clock.set(at(10))
    after = await cal.bookings.mark_absent(booking.uid, host=True, attendees=[AbsentAttendee(email=ADA.email)])
    body = {"host": True, "attendees": [{"email": ADA.email, "absent": True}]}
    assert last_request(calcom_sandbox) == SentRequest(
        "POST", f"/bookings/{booking.uid}/mark-absent", {}, body, VERSION
    )
    assert (after.absent_host, after.attendees[0].absent) == (True, True)
    back = await cal.bookings.mark_absent(booking.uid, attendees=[AbsentAttendee(email=ADA.email, absent=False)])
    assert "host" not in last_request(calcom_sandbox).body
    assert (back.absent_host, back.attendees[0].absent) == (True, False)


@pytest.mark.servers("hosted", "self-hosted-2025-12")
async def test_reassign(cal, calcom_sandbox):
    """A round-robin booking is reassigned to the next host or to a specific one, and keeps its uid."""
    booking = await book(cal, 15, await round_robin(cal))
    first = booking.hosts[0].id
    other = ({BO, CY} - {first}).pop()
    result = await cal.bookings.reassign_to(booking.uid, other, reason="Swap")
    body = {"reason": "Swap"}
    assert last_request(calcom_sandbox) == SentRequest(
        "POST", f"/bookings/{booking.uid}/reassign/{other}", {}, body, VERSION
    )
    assert (result.booking_uid, result.reassigned_to.id) == (booking.uid, other)
    assert (await cal.bookings.get(booking.uid)).hosts[0].id == other
    with pytest.raises(BadRequestError, match="not a valid Round Robin host"):
        await cal.bookings.reassign_to(booking.uid, ANA)
    assert last_request(calcom_sandbox).body == {}
    with pytest.raises(NotFoundError, match="User with id=999"):
        await cal.bookings.reassign_to(booking.uid, 999)


@pytest.mark.servers("hosted", "self-hosted-2026-07")
async def test_reassign_to_anybody(cal, calcom_sandbox):
    """Without a host the server chooses one; the booking of a user stays unchanged."""
    booking = await book(cal)
    result = await cal.bookings.reassign(booking.uid)
    assert last_request(calcom_sandbox) == SentRequest("POST", f"/bookings/{booking.uid}/reassign", {}, None, VERSION)
    assert result.reassigned_to.id == ANA


async def test_one_call_is_one_request(cal, calcom_sandbox):
    """Each call sends one request."""
    booking = await book(cal, event_type_id=SIXTY)
    await cal.bookings.get(booking.uid)
    await cal.bookings.cancel(booking.uid, reason="x")
    assert len(calcom_sandbox.requests) == 3
