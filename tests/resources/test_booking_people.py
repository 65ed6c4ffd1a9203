"""Attendees, location, references and recordings of a booking."""

from __future__ import annotations

import pytest
from sent_requests import ADA, BEA, SentRequest, at, book, last_request

from calcom_async import BadRequestError, ForbiddenError, NotFoundError, RateLimitedError
from calcom_async.models import Attendee, BookingLocation, Guest

VERSION = "2024-08-13"


async def test_attendees(cal, calcom_sandbox):
    """Attendees are listed, added, read and removed one by one, with their ids."""
    made = await book(cal)
    people = cal.bookings
    assert [one.email for one in await people.attendees(made.uid)] == [ADA.email]
    assert last_request(calcom_sandbox) == SentRequest("GET", f"/bookings/{made.uid}/attendees", {}, None, VERSION)
    added = await people.add_attendee(made.uid, BEA)
    body = {
        "name": "Bea",
        "timeZone": "Asia/Tokyo",
        "email": "bea@visitors.test",
        "phoneNumber": "+3912345678",
        "language": "it",
    }
    assert last_request(calcom_sandbox) == SentRequest("POST", f"/bookings/{made.uid}/attendees", {}, body, VERSION)
    assert (added.name, added.email, added.booking_id) == ("Bea", BEA.email, made.id)
    found = await people.attendee(made.uid, added.id)
    assert last_request(calcom_sandbox).endpoint == f"GET /bookings/{made.uid}/attendees/{added.id}"
    assert (found.id, found.email, found.time_zone) == (added.id, BEA.email, "Asia/Tokyo")
    gone = await people.remove_attendee(made.uid, added.id)
    assert last_request(calcom_sandbox).endpoint == f"DELETE /bookings/{made.uid}/attendees/{added.id}"
    assert (gone.id, gone.email) == (added.id, BEA.email)
    with pytest.raises(NotFoundError, match=f"Attendee with id {added.id} not found"):
        await people.attendee(made.uid, added.id)


async def test_attendee_refusals(cal):
    """The booker cannot be removed, no attendee can join twice, and unknown bookings are forbidden."""
    made = await book(cal)
    booker = (await cal.bookings.attendees(made.uid))[0]
    with pytest.raises(BadRequestError, match="cannot_remove_primary_attendee"):
        await cal.bookings.remove_attendee(made.uid, booker.id)
    with pytest.raises(BadRequestError, match="emails_must_be_unique_valid"):
        await cal.bookings.add_attendee(made.uid, ADA)
    with pytest.raises(ForbiddenError, match="does not have access to booking"):
        await cal.bookings.attendees("nope")


async def test_guests(cal, calcom_sandbox):
    """Guests are invited several at a time, named or not."""
    made = await book(cal)
    guests = [Guest(email="g1@visitors.test"), Guest(email="g2@visitors.test", name="Gus", time_zone="Asia/Tokyo")]
    after = await cal.bookings.add_guests(made.uid, *guests)
    body = {
        "guests": [
            {"email": "g1@visitors.test"},
            {"email": "g2@visitors.test", "name": "Gus", "timeZone": "Asia/Tokyo"},
        ]
    }
    assert last_request(calcom_sandbox) == SentRequest("POST", f"/bookings/{made.uid}/guests", {}, body, VERSION)
    assert {one.email for one in after.attendees} >= {"g1@visitors.test", "g2@visitors.test"}
    with pytest.raises(BadRequestError, match="at least 1 elements"):
        await cal.bookings.add_guests(made.uid)
    with pytest.raises(BadRequestError, match="Cannot add more than 10"):
        await cal.bookings.add_guests(made.uid, *(Guest(email=f"n{n}@visitors.test") for n in range(11)))


PLACES = [
    BookingLocation(type="address", address="Rua 1"),
    BookingLocation(type="link", link="https://meet.test/y"),
    BookingLocation(type="phone", phone="+351210000000"),
    BookingLocation(type="attendeeAddress", address="Rua 2"),
    BookingLocation(type="attendeePhone", phone="+351210000001"),
    BookingLocation(type="attendeeDefined", location="The oak"),
]


@pytest.mark.parametrize("place", PLACES, ids=lambda place: place.type)
async def test_location(cal, calcom_sandbox, place):
    """The location can be changed to any kind; its value is sent under its own name."""
    made = await book(cal)
    value = place.address or place.link or place.phone or place.location
    after = await cal.bookings.update_location(made.uid, place)
    sent = last_request(calcom_sandbox)
    assert (sent.endpoint, sent.version) == (f"PATCH /bookings/{made.uid}/location", VERSION)
    assert sent.body["location"].pop("type") == place.type
    assert list(sent.body["location"].values()) == [value]
    assert after.location == value


async def test_location_refusals(cal):
    """A location without its value is rejected, and only hosts may change it."""
    made = await book(cal)
    with pytest.raises(BadRequestError) as caught:
        await cal.bookings.update_location(made.uid, BookingLocation(type="link"))
    assert list(caught.value.fields) == ["location"]
    with pytest.raises(ForbiddenError, match="not authorized to update this booking location"):
        await cal.with_credentials("cal_sandbox_cy").bookings.update_location(made.uid, PLACES[0])


async def _remove_nobody(cal, uid, number):
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
    "removals": _remove_nobody,
}


@pytest.mark.parametrize("name", THROTTLED)
async def test_throttled_operations(calcom_client, calcom_sandbox, name):
    """The sixth such call in a minute waits; with `max_wait=0` it raises an error at once. Other calls are sent."""
    async with calcom_client(max_wait=0) as cal:
        made = await book(cal)
        for number in range(5):
            await THROTTLED[name](cal, made.uid, number)
        sent = len(calcom_sandbox.requests)
        with pytest.raises(RateLimitedError) as caught:
            await THROTTLED[name](cal, made.uid, 5)
        assert len(calcom_sandbox.requests) == sent
        assert 50 < caught.value.retry_after <= 61
        assert (await cal.bookings.get(made.uid)).uid == made.uid
        for other in THROTTLED.keys() - {name}:
            await THROTTLED[other](cal, made.uid, 7)


async def test_references_and_links(cal, calcom_sandbox):
    """References are listed, of one type or all; calendar links are typed."""
    made = await book(cal)
    reference = {"type": "daily_video", "eventUid": "room", "destinationCalendarId": None, "id": 5}
    calcom_sandbox.run(lambda: calcom_sandbox.store.bookings[made.uid].references.append(reference))
    found = await cal.bookings.references(made.uid)
    assert last_request(calcom_sandbox) == SentRequest("GET", f"/bookings/{made.uid}/references", {}, None, VERSION)
    assert "daily_video" in {one.type for one in found}
    assert await cal.bookings.references(made.uid, type="zoom_video") == []
    assert last_request(calcom_sandbox).query == {"type": "zoom_video"}
    links = await cal.bookings.calendar_links(made.uid)
    assert last_request(calcom_sandbox) == SentRequest("GET", f"/bookings/{made.uid}/calendar-links", {}, None, VERSION)
    assert [one.label for one in links] == ["Google Calendar", "Microsoft Office", "Microsoft Outlook", "ICS"]


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
        lambda found: found.started_at == at(9),
    ),
    "transcripts": ("transcripts", "https://files.test/t.vtt", lambda found: found.endswith(".vtt")),
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
        lambda found: found.participants[0].user_name == "Ada",
    ),
}


@pytest.mark.parametrize("name", ROOM)
async def test_video_rooms(cal, calcom_sandbox, name):
    """Recordings and transcripts are typed; without a video room the call raises NotFoundError."""
    path, row, holds = ROOM[name]
    made = await book(cal)
    with pytest.raises(NotFoundError, match="reference found with booking uid"):
        await getattr(cal.bookings, name)(made.uid)
    calcom_sandbox.run(lambda: calcom_sandbox.store.extras[name].update({made.uid: [row]}))
    (found,) = await getattr(cal.bookings, name)(made.uid)
    assert holds(found)
    assert last_request(calcom_sandbox) == SentRequest("GET", f"/bookings/{made.uid}/{path}", {}, None, VERSION)
