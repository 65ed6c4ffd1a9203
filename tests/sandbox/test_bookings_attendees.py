"""Attendees, guests, location, calendar links, references and video data of a booking."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import unquote

import pytest
from booking_api import MONDAY, SALES, BookingApi, ada, at

from calcom_async.sandbox import Sandbox


@pytest.fixture
def api() -> Iterator[BookingApi]:
    with Sandbox(now=MONDAY) as sandbox:
        yield BookingApi(sandbox)
        assert sandbox.handler_errors == []


@pytest.fixture
def uid(api) -> str:
    return api.book(at(10), guests=["guest@visitors.test"])["uid"]


def test_attendees_have_ids_of_their_own(api, uid):
    """Lists of attendees contain ids, and an attendee can be read by id."""
    listed = api.ana.get(f"/v2/bookings/{uid}/attendees").data
    assert [attendee["email"] for attendee in listed] == ["ada@visitors.test", "guest@visitors.test"]
    number = listed[1]["id"]
    assert api.ana.get(f"/v2/bookings/{uid}/attendees/{number}").data == listed[1]
    missing = (404, f"Attendee with id 999 not found in booking {uid}")
    assert api.ana.get(f"/v2/bookings/{uid}/attendees/999").error == missing
    assert api.ana.get(f"/v2/bookings/{uid}/attendees/x").error == (
        400,
        "Validation failed (numeric string is expected)",
    )


@pytest.mark.parametrize("path", ["attendees", "recordings", "transcripts", "conferencing-sessions"])
def test_attendees_and_video_data_are_for_hosts_only(api, uid, path):
    """Only hosts may read attendees and video data; an unknown uid gets the same error as a foreign one."""
    text = "BookingPbacGuard - user with id=3 does not have access to booking with uid={}"
    for asked in (uid, "none"):
        assert api.cy.get(f"/v2/bookings/{asked}/{path}").error == (403, text.format(asked))
    assert api.anonymous.get(f"/v2/bookings/{uid}/{path}").status == 403


def test_attendees_cannot_read_the_list_of_attendees(api, uid):
    """An attendee cannot read the attendees of a booking with their key."""
    booking = api.book(at(15), attendee=ada(email="cy@sandbox.test"))
    assert api.cy.get(f"/v2/bookings/{booking['uid']}/attendees").status == 403
    assert [booking["uid"] for booking in api.cy.get("/v2/bookings").data] == [booking["uid"]]
    assert uid != booking["uid"]


def test_added_attendees_keep_their_fields(api, uid):
    """An added attendee keeps name, zone and language, is returned with id and bookingId, and counts as a guest."""
    body = {"name": "Eve", "email": "eve@x.test", "timeZone": "Asia/Tokyo", "language": "ja"}
    response = api.act(uid, "attendees", body)
    assert response.status == 201
    assert (response.data["bookingId"], response.data["timeZone"]) == (api.record(uid).id, "Asia/Tokyo")
    assert api.get(uid)["guests"] == ["guest@visitors.test", "eve@x.test"]
    again = api.act(uid, "attendees", body)
    assert (again.error, again.body["error"]["code"]) == ((400, "emails_must_be_unique_valid"), "TRPCError")


def test_added_guests_get_the_time_zone_of_the_host(api, uid):
    """Guests without a name or zone get an empty name and the host's zone; guest items must be objects."""
    api.act(uid, "guests", {"guests": [{"email": "g@x.test"}]})
    added = api.get(uid)["attendees"][-1]
    assert (added["name"], added["timeZone"], added["language"]) == ("", "Europe/Lisbon", "en")
    refused = api.act(uid, "guests", {"guests": ["g@x.test"]})
    text = "each value in nested property guests must be either object or array"
    assert refused.constraints["guests"] == {"nestedValidation": text}


def test_adding_guests_has_its_own_rate_limit(api, uid):
    """Adding guests has its own limit of five requests per minute; rejected requests count too."""
    first = api.act(uid, "guests", {"guests": []})
    assert first.constraints["guests"] == {"arrayMinSize": "guests must contain at least 1 elements"}
    assert first.headers["X-RateLimit-Limit-Booking_guests_add"] == "5"
    assert "X-RateLimit-Limit-Default" not in first.headers
    for _ in range(4):
        assert api.act("none", "guests", {"guests": [{"email": "g@x.test"}]}).status == 404
    assert api.act(uid, "guests", {"guests": [{"email": "g@x.test"}]}).status == 429


@pytest.mark.servers("hosted", "self-hosted-2026-07")
def test_limits_of_guests(api, uid):
    """Ten guests per request, thirty attendees, no guests where the event type forbids them, and only by hosts."""
    many = {"guests": [{"email": f"g{number}@x.test"} for number in range(11)]}
    assert api.act(uid, "guests", many).constraints["guests"] == {
        "arrayMaxSize": "Cannot add more than 10 guests at a time"
    }
    record = api.record(uid)
    more = [record.attendees[1] | {"email": f"x{number}@x.test"} for number in range(25)]
    record.attendees = [*record.attendees, *more]
    assert api.act(uid, "guests", {"guests": many["guests"][:5]}).message == (
        "Cannot add 5 guests. This booking already has 27 attendees. Maximum total guests allowed is 30. You can add "
        "up to 3 more guests."
    )
    closed = api.book(at(15), api.event_type(disableGuests=True))["uid"]
    assert api.act(closed, "guests", {"guests": many["guests"][:1]}).message.startswith(
        "Cannot add guests to this booking. The guests field is disabled for event type"
    )
    assert api.act(uid, "guests", many | {"guests": many["guests"][:1]}, by=api.cy).error == (
        403,
        "you_do_not_have_permission",
    )


def test_all_attendees_but_the_booker_can_be_removed(api, uid):
    """Removing an attendee also removes the guest; the first attendee cannot be removed."""
    booker, guest = api.record(uid).attendees
    removed = api.ana.delete(f"/v2/bookings/{uid}/attendees/{guest['id']}").data
    assert removed == {
        "id": guest["id"],
        "bookingId": api.record(uid).id,
        "name": "",
        "email": "guest@visitors.test",
        "timeZone": "Europe/Lisbon",
    }
    assert "guests" not in api.get(uid)
    assert api.ana.delete(f"/v2/bookings/{uid}/attendees/{booker['id']}").error == (
        400,
        "cannot_remove_primary_attendee",
    )
    assert api.ana.delete(f"/v2/bookings/{uid}/attendees/999").error == (404, "attendee_not_found")


@pytest.mark.parametrize(
    ("location", "stored"),
    [
        ({"type": "address", "address": "Rua 1"}, "Rua 1"),
        ({"type": "link", "link": "https://meet.test/x"}, "https://meet.test/x"),
        ({"type": "attendeePhone", "phone": "+351912345678"}, "+351912345678"),
        ({"type": "attendeeDefined", "location": "Elsewhere 9"}, "Elsewhere 9"),
        ({"type": "integration", "integration": "cal-video"}, "integrations:daily"),
    ],
)
def test_the_location_can_be_changed(api, uid, location, stored):
    """Every kind of location can be set, whether or not the event type offers it."""
    path = f"/v2/bookings/{uid}/location"
    assert api.ana.patch(path, {"location": location}).data["location"] == stored
    assert api.ana.patch(path, {}).data["location"] == stored


def test_invalid_locations(api, uid):
    """Invalid locations are validation errors; apps that are not connected and other users are rejected."""
    path = f"/v2/bookings/{uid}/location"
    begin = "UpdateBookingInputLocationValidator_2024_08_13 - "

    def fault(location):
        return api.ana.patch(path, {"location": location}).constraints["location"]["ValidateUpdateLocation"]

    assert (
        fault({"type": "link", "link": "x"})
        == begin + "Validation failed for link location: link must be a URL address"
    )
    assert fault({"type": "foo"}).startswith(begin + "Unsupported booking location type 'foo'.")
    assert fault({}) == begin + "Booking 'location' must have a 'type' property."
    zoom = api.ana.patch(path, {"location": {"type": "integration", "integration": "zoom"}})
    assert zoom.message.startswith('Video integration "zoom" is not connected.')
    assert api.cy.patch(path, {}).message.startswith("User is not authorized to update this booking location.")


def test_calendar_links(api, uid):
    """Any key may read the links; a booking without event type has none."""
    links = {link["id"]: link["link"] for link in api.cy.get(f"/v2/bookings/{uid}/calendar-links").data}
    assert list(links) == ["googleCalendar", "microsoftOffice", "microsoftOutlook", "ics"]
    assert "dates=20261104T100000Z/20261104T103000Z" in links["googleCalendar"]
    assert "DTSTART:20261104T100000Z\r\n" in unquote(links["ics"])
    api.record(uid).event_type_id = None
    assert api.ana.get(f"/v2/bookings/{uid}/calendar-links").error == (
        400,
        f"Booking with uid {uid} has no event type",
    )


def test_references_are_for_the_owner(api, uid):
    """References can be filtered by type; another user's booking is a 400, an unknown one a 404."""
    zoom, daily = (
        {"type": kind, "eventUid": "e", "destinationCalendarId": None, "id": 1}
        for kind in ("zoom_video", "daily_video")
    )
    api.record(uid).references = [zoom, daily]
    path = f"/v2/bookings/{uid}/references"
    assert api.ana.get(path).data == [zoom, daily]
    assert api.ana.get(f"{path}?type=daily_video").data == [daily]
    assert api.ana.get(f"{path}?type=fax").constraints["type"]["isIn"].startswith("type must be one of the following")
    assert api.bo.get(path).error == (400, f"Booking with uid {uid} does not belong to user")
    assert api.ana.get("/v2/bookings/none/references").error == (404, "Booking with uid none not found")


def test_references_of_a_team_booking(api):
    """Admins of a team read the references of its bookings below the organization."""
    uid = api.book(at(15), api.team_event_type("roundRobin", 1))["uid"]
    path = f"/v2/organizations/1/teams/{SALES}/bookings/{uid}/references"
    assert api.ana.get(path).data == []
    assert api.ana.get(f"{path}?type=fax").status == 400
    assert api.cy.get(path).status == 403
    assert api.ana.get(f"/v2/organizations/1/teams/3/bookings/{uid}/references").status == 404


@pytest.mark.parametrize("kind", ["recordings", "transcripts", "conferencing-sessions"])
def test_video_data_comes_from_the_store(api, uid, kind):
    """Video data comes from the store; a booking without a room is a 404."""
    path = f"/v2/bookings/{uid}/{kind}"
    missing = api.ana.get(path)
    assert missing.status == 404
    assert missing.message.endswith(f"reference found with booking uid {uid}")
    api.sandbox.store.extras[kind.replace("-", "_")][uid] = ["one"]
    assert api.ana.get(path).data == ["one"]
