"""Attendees, location, references and recordings of a booking."""

from __future__ import annotations

import pytest
from sent_requests import ADA, BEA, SentRequest, at, book, last_request

from calcom_async import BadRequestError, ForbiddenError, NotFoundError, RateLimitedError
from calcom_async.models import Attendee, BookingLocation, Guest

VERSION = "2024-08-13"


@pytest.mark.servers("hosted", "self-hosted-2026-07")
async def test_attendees(cal, calcom_sandbox):
    """Attendees are listed, added, read and removed one by one, with their ids."""
    booking = await book(cal)
    people = cal.bookings
    assert [attendee.email for attendee in await people.attendees(booking.uid)] == [ADA.email]
    assert last_request(calcom_sandbox) == SentRequest("GET", f"/bookings/{booking.uid}/attendees", {}, None, VERSION)
    added = await people.add_attendee(booking.uid, BEA)
    body = {
        "name": "Bea",
        "timeZone": "Asia/Tokyo",
        "email": "bea@visitors.test",
        "phoneNumber": "+3912345678",
        "language": "it",
    }
    assert last_request(calcom_sandbox) == SentRequest("POST", f"/bookings/{booking.uid}/attendees", {}, body, VERSION)
    assert (added.name, added.email, added.booking_id) == ("Bea", BEA.email, booking.id)
    fetched = await people.attendee(booking.uid, added.id)
    assert last_request(calcom_sandbox).endpoint == f"GET /bookings/{booking.uid}/attendees/{added.id}"
    assert (fetched.id, fetched.email, fetched.time_zone) == (added.id, BEA.email, "Asia/Tokyo")
    removed = await people.remove_attendee(booking.uid, added.id)
    assert last_request(calcom_sandbox).endpoint == f"DELETE /bookings/{booking.uid}/attendees/{added.id}"
    assert (removed.id, removed.email) == (added.id, BEA.email)
    with pytest.raises(NotFoundError, match=f"Attendee with id {added.id} not found"):
        await people.attendee(booking.uid, added.id)


@pytest.mark.servers("hosted", "self-hosted-2026-07")
async def test_attendee_rejections(cal):
    """The booker cannot be removed, no attendee can be added twice, and unknown bookings are forbidden."""
    booking = await book(cal)
    booker = (await cal.bookings.attendees(booking.uid))[0]
    with pytest.raises(BadRequestError, match="cannot_remove_primary_attendee"):
        await cal.bookings.remove_attendee(booking.uid, booker.id)
    with pytest.raises(BadRequestError, match="emails_must_be_unique_valid"):
        await cal.bookings.add_attendee(booking.uid, ADA)
    with pytest.raises(ForbiddenError, match="does not have access to booking"):
        await cal.bookings.attendees("nope")


async def test_guests(cal, calcom_sandbox):
    """Several guests can be added at once, with or without names."""
    booking = await book(cal)
    guests = [Guest(email="g1@visitors.test"), Guest(email="g2@visitors.test", name="Gus", time_zone="Asia/Tokyo")]
    after = await cal.bookings.add_guests(booking.uid, *guests)
    body = {
        "guests": [
            {"email": "g1@visitors.test"},
            {"email": "g2@visitors.test", "name": "Gus", "timeZone": "Asia/Tokyo"},
        ]
    }
    assert last_request(calcom_sandbox) == SentRequest("POST", f"/bookings/{booking.uid}/guests", {}, body, VERSION)
    assert {attendee.email for attendee in after.attendees} >= {"g1@visitors.test", "g2@visitors.test"}
    with pytest.raises(BadRequestError, match="at least 1 elements"):
        await cal.bookings.add_guests(booking.uid)
    with pytest.raises(BadRequestError, match="Cannot add more than 10"):
        await cal.bookings.add_guests(booking.uid, *(Guest(email=f"n{n}@visitors.test") for n in range(11)))


PLACES = [
    BookingLocation(type="address", address="Rua 1"),
    BookingLocation(type="link", link="https://meet.test/y"),
    BookingLocation(type="phone", phone="+351210000000"),
    BookingLocation(type="attendeeAddress", address="Rua 2"),
    BookingLocation(type="attendeePhone", phone="+351210000001"),
    BookingLocation(type="attendeeDefined", location="The oak"),
]


@pytest.mark.servers("hosted", "self-hosted-2026-07")
@pytest.mark.parametrize("place", PLACES, ids=lambda place: place.type)
async def test_location(cal, calcom_sandbox, place):
    """The location can be changed to any kind; its value is sent under its own name."""
    booking = await book(cal)
    value = place.address or place.link or place.phone or place.location
    after = await cal.bookings.update_location(booking.uid, place)
    sent = last_request(calcom_sandbox)
    assert (sent.endpoint, sent.version) == (f"PATCH /bookings/{booking.uid}/location", VERSION)
    assert sent.body["location"].pop("type") == place.type
    assert list(sent.body["location"].values()) == [value]
    assert after.location == value


@pytest.mark.servers("hosted", "self-hosted-2026-07")
async def test_location_rejections(cal):
    """A location without its value is rejected, and only hosts can change a location."""
    booking = await book(cal)
    with pytest.raises(BadRequestError) as caught:
        await cal.bookings.update_location(booking.uid, BookingLocation(type="link"))
    assert list(caught.value.fields) == ["location"]
    with pytest.raises(ForbiddenError, match="not authorized to update this booking location"):
        await cal.with_credentials("cal_sandbox_cy").bookings.update_location(booking.uid, PLACES[0])


async def _remove_unknown_attendee(cal, uid, number):
    with pytest.raises(NotFoundError):
        await cal.bookings.remove_attendee(uid, 1000 + number)


THROTTLED = {
    "guests": lambda cal, uid, n: cal.bookings.add_guests(uid, Guest(email=f"g{n}@visitors.test")),
    "attendees": lambda cal, uid, n: cal.bookings.add_attendee(
        uid, Attendee(name="N", email=f"a{n}@visitors.test", time_zone="UTC")
    ),
    "location": lambda cal, uid, n: cal.bookings.update_location(
        uid, BookingLocation(type="address", address=f"Rua {n}")
    ),
    "removals": _remove_unknown_attendee,
}


@pytest.mark.servers("hosted", "self-hosted-2026-07")
@pytest.mark.parametrize("name", THROTTLED)
async def test_throttled_operations(calcom_client, calcom_sandbox, name):
    """The sixth call of such an operation in a minute waits, or raises with `max_wait=0`. Other calls are sent."""
    async with calcom_client(max_wait=0) as cal:
        booking = await book(cal)
        for number in range(5):
            await THROTTLED[name](cal, booking.uid, number)
        sent = len(calcom_sandbox.requests)
        with pytest.raises(RateLimitedError) as caught:
            await THROTTLED[name](cal, booking.uid, 5)
        assert len(calcom_sandbox.requests) == sent
        assert 50 < caught.value.retry_after <= 61
        assert (await cal.bookings.get(booking.uid)).uid == booking.uid
        for other in THROTTLED.keys() - {name}:
            await THROTTLED[other](cal, booking.uid, 7)


async def test_references_and_links(cal, calcom_sandbox):
    """References are listed, of one type or all; calendar links are typed."""
    booking = await book(cal)
    reference = {"type": "daily_video", "eventUid": "room", "destinationCalendarId": None, "id": 5}
    calcom_sandbox.store.bookings[booking.uid].references = [reference]
    references = await cal.bookings.references(booking.uid)
    assert last_request(calcom_sandbox) == SentRequest("GET", f"/bookings/{booking.uid}/references", {}, None, VERSION)
    assert "daily_video" in {link.type for link in references}
    assert await cal.bookings.references(booking.uid, type="zoom_video") == []
    assert last_request(calcom_sandbox).query == {"type": "zoom_video"}
    links = await cal.bookings.calendar_links(booking.uid)
    assert last_request(calcom_sandbox) == SentRequest(
        "GET", f"/bookings/{booking.uid}/calendar-links", {}, None, VERSION
    )
    assert [link.label for link in links] == ["Google Calendar", "Microsoft Office", "Microsoft Outlook", "ICS"]


ROOM = {
    "recordings": (
        "recordings",
        {
            "id": "r",
            "roomName": "x",
            "startTs": at(9).timestamp(),
            "status": "finished",
            "duration": 60,
            "shareToken": "t",
        },
        lambda recording: recording.started_at == at(9),
    ),
    "transcripts": ("transcripts", "https://files.test/t.vtt", lambda recording: recording.endswith(".vtt")),
    "conferencing_sessions": (
        "conferencing-sessions",
        {
            "id": "s",
            "room": "x",
            "startTime": at(9).timestamp(),
            "duration": 60,
            "ongoing": False,
            "maxParticipants": 2,
            "participants": [{"userId": None, "userName": "Ada", "joinTime": at(9).timestamp(), "duration": 9}],
        },
        lambda recording: recording.participants[0].user_name == "Ada",
    ),
}


@pytest.mark.parametrize("name", ROOM)
async def test_video_rooms(cal, calcom_sandbox, name):
    """Recordings and transcripts are typed; without a video room the call raises NotFoundError."""
    path, row, holds = ROOM[name]
    booking = await book(cal)
    with pytest.raises(NotFoundError, match="reference found with booking uid"):
        await getattr(cal.bookings, name)(booking.uid)
    calcom_sandbox.run(lambda: calcom_sandbox.store.extras[name].update({booking.uid: [row]}))
    (recordings,) = await getattr(cal.bookings, name)(booking.uid)
    assert holds(recordings)
    assert last_request(calcom_sandbox) == SentRequest("GET", f"/bookings/{booking.uid}/{path}", {}, None, VERSION)
