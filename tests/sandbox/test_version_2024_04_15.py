"""The handlers of 2024-04-15, which serve requests without `cal-api-version`."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from http_client import ApiClient, recorded_body, send_request

from calcom_async.sandbox import Sandbox, ServerName
from calcom_async.sandbox.http.server_kind import SERVER_KINDS

NOW = datetime(2026, 12, 2, 8, tzinfo=UTC)
MONDAY = "2026-12-07"
SLOTS = f"/v2/slots/available?startTime={MONDAY}T00:00:00.000Z&endTime={MONDAY}T23:59:59.999Z"
SLOT = {
    "eventTypeId": 1,
    "slotUtcStartDate": f"{MONDAY}T10:00:00.000Z",
    "slotUtcEndDate": f"{MONDAY}T10:30:00.000Z",
}


@pytest.fixture
def api() -> Iterator[ApiClient]:
    with Sandbox(now=NOW) as sandbox:
        yield ApiClient(sandbox)
        assert sandbox.handler_errors == []


def in_version(api: ApiClient, version: str) -> ApiClient:
    return ApiClient(api.sandbox, version)


@pytest.mark.parametrize("server", SERVER_KINDS)
def test_every_kind_of_server_has_the_oldest_version(server: ServerName) -> None:
    """Without a version header all four areas answer, on the hosted API and on self-hosted builds."""
    with Sandbox(server=server, now=NOW, bookings=1) as sandbox:
        api = ApiClient(sandbox)
        for path in ("/v2/bookings", "/v2/event-types", "/v2/event-types/1", "/v2/schedules", SLOTS + "&eventTypeId=1"):
            assert api.get(path).status == 200, path
        assert sandbox.handler_errors == []


# --- schedules


def post_schedule(api: ApiClient, **more: Any) -> Any:
    return api.post("/v2/schedules", {"name": "nv", "timeZone": "UTC", "isDefault": False, **more})


def test_a_schedule_has_the_recorded_fields(api: ApiClient, shared: Path) -> None:
    """A schedule is created in the recorded form; only ids and the date of the weekly hours differ."""
    real = recorded_body(shared, "noversion_schedules_create")["data"]
    schedule = post_schedule(api).data
    assert list(schedule) == list(real)
    made_here = {"id", "schedule", "availability"}
    assert {name: schedule[name] for name in real.keys() - made_here} == {
        name: real[name] for name in real.keys() - made_here
    }
    assert schedule["schedule"][0].keys() == real["schedule"][0].keys()
    assert schedule["availability"][1] == [{"start": "2026-12-02T09:00:00.000Z", "end": "2026-12-02T17:00:00.000Z"}]
    assert api.get(f"/v2/schedules/{schedule['id']}").data == schedule
    assert schedule in api.get("/v2/schedules").data
    assert api.get("/v2/schedules/default").data["name"] == "Working hours"


def test_availabilities_have_numbered_days_and_datetimes(api: ApiClient) -> None:
    """Days are numbers with 0 for Sunday, and only the clock part of a datetime counts."""
    hours = {"days": [0, 6], "startTime": "2030-01-01T10:00:00.000Z", "endTime": "2030-01-01T11:30:00"}
    schedule = post_schedule(api, availabilities=[hours]).data
    assert schedule["workingHours"] == [{"days": [0, 6], "startTime": 600, "endTime": 690, "userId": 1}]
    later = in_version(api, "2024-06-11").get(f"/v2/schedules/{schedule['id']}").data
    assert later["availability"] == [{"days": ["Sunday", "Saturday"], "startTime": "10:00", "endTime": "11:30"}]


def test_the_availability_of_later_versions_is_ignored(api: ApiClient) -> None:
    """`availability` is unknown, so the schedule is from Monday to Friday, 9 to 5."""
    hours = {"days": ["Sunday"], "startTime": "10:00", "endTime": "11:00"}
    assert post_schedule(api, availability=[hours]).data["workingHours"][0]["days"] == [1, 2, 3, 4, 5]


@pytest.mark.parametrize(
    ("time", "message"),
    [
        ("10:00", "Invalid datestring format. Expected format(ISO8061): 2025-04-12T13:17:56.324Z. Received: 10:00"),
        (
            "2030-01-01T10:00:00+02:00",
            (
                "Invalid time format. Expected format(ISO8061): 2025-0412T13:17:56.324Z. "
                "Received: 2030-01-01T10:00:00+02:00"
            ),
        ),
        ("2030-01-01T24:00:00.000Z", "Invalid startTime hours. Expected value between 0 and 23"),
    ],
)
def test_other_forms_of_times_are_rejected(api: ApiClient, time: str, message: str) -> None:
    """A bare clock time, an offset and an hour that does not exist are a 400 each."""
    hours = {"days": [1], "startTime": time, "endTime": "2030-01-01T11:00:00.000Z"}
    assert post_schedule(api, availabilities=[hours]).error == (400, message)


def test_a_time_without_milliseconds_is_no_date(api: ApiClient) -> None:
    """Without milliseconds the `Z` makes the time invalid (measured)."""
    hours = {"days": [1], "startTime": "2030-01-01T10:00:00Z", "endTime": "2030-01-01T11:00:00.000Z"}
    response = post_schedule(api, availabilities=[hours])
    assert response.constraints == {"availabilities.0.startTime": {"isDate": "startTime must be a Date instance"}}


def test_an_update_returns_the_schedule_and_the_defaults(api: ApiClient) -> None:
    """An update with a name replaces the weekly hours and the overrides."""
    schedule_id = post_schedule(api).data["id"]
    monday = [{"start": "2030-01-01T08:00:00.000Z", "end": "2030-01-01T12:00:00.000Z"}]
    new_year = {"start": "2027-01-01T10:00:00.000Z", "end": "2027-01-01T11:00:00.000Z"}
    body = {"name": "New", "isDefault": True, "schedule": [[], monday, [], [], [], [], []], "dateOverrides": [new_year]}
    data = api.patch(f"/v2/schedules/{schedule_id}", body).data
    assert (data["isDefault"], data["prevDefaultId"], data["currentDefaultId"]) == (True, 1, schedule_id)
    assert [row["date"] for row in data["schedule"]["availability"]] == [None, "2027-01-01T00:00:00.000Z"]
    schedule = api.get(f"/v2/schedules/{schedule_id}").data
    assert schedule["workingHours"] == [{"days": [1], "startTime": 480, "endTime": 720, "userId": 1}]
    assert schedule["dateOverrides"] == [{"ranges": [new_year]}]
    api.sandbox.clock.move(days=60)
    assert api.get(f"/v2/schedules/{schedule_id}").data["dateOverrides"] == []


def test_an_update_without_a_name_only_sets_the_default(api: ApiClient) -> None:
    """Without a name the weekly hours and the time zone stay."""
    schedule_id = post_schedule(api).data["id"]
    body = {"timeZone": "Europe/Rome", "isDefault": True, "schedule": [[]] * 7}
    assert api.patch(f"/v2/schedules/{schedule_id}", body).data == {
        "schedule": {"userId": 1, "name": "nv", "id": schedule_id},
        "isDefault": True,
    }
    schedule = api.get(f"/v2/schedules/{schedule_id}").data
    assert (schedule["timeZone"], len(schedule["workingHours"])) == ("UTC", 1)


def test_a_schedule_is_deleted(api: ApiClient) -> None:
    """A deletion has no data, and an unknown id is a 400."""
    path = f"/v2/schedules/{post_schedule(api).data['id']}"
    assert api.delete(path).body == {"status": "success"}
    assert api.delete(path).status == 400
    assert api.get(path).status == 404


# --- slots


@pytest.mark.parametrize("version", ["", "garbage", "2024-06-11", "2024-06-14", "2024-08-13"])
def test_slots_have_their_old_form(api: ApiClient, version: str) -> None:
    """All versions before that of the new slots list times below `slots`."""
    slots = in_version(api, version).get(SLOTS + "&eventTypeId=1").data["slots"]
    assert list(slots) == [MONDAY]
    assert slots[MONDAY][0] == {"time": f"{MONDAY}T09:00:00.000Z"}


def test_the_new_version_has_no_old_slots(api: ApiClient) -> None:
    """The old paths are a 404 with 2024-09-04, and the new path is one without a version."""
    assert in_version(api, "2024-09-04").get(SLOTS + "&eventTypeId=1").status == 404
    assert api.get("/v2/slots?eventTypeId=1&start=2026-12-07&end=2026-12-08").status == 404


def test_slots_are_found_by_user_and_slug(api: ApiClient) -> None:
    """`usernameList[]` and `eventTypeSlug` name the event type, and a time zone gives the times an offset."""
    path = SLOTS + "&eventTypeSlug=thirty&usernameList[]=ana&timeZone=Europe/Rome&slotFormat=range&unknown=1"
    assert api.get(path).data["slots"][MONDAY][0] == {
        "startTime": f"{MONDAY}T10:00:00.000+01:00",
        "endTime": f"{MONDAY}T10:30:00.000+01:00",
    }


def test_slots_of_an_unknown_event_type(api: ApiClient) -> None:
    """An unknown event type, and none at all, are a 404."""
    assert api.get(SLOTS + "&eventTypeId=99").error == (404, "NOT_FOUND")
    assert api.get(SLOTS).error == (404, "NOT_FOUND")


def test_a_slot_is_reserved_and_released(api: ApiClient) -> None:
    """The uid of a reservation is text and cookie; the slot is hidden until the cookie's reservation is deleted."""
    response = api.post("/v2/slots/reserve", SLOT)
    assert response.headers["Set-Cookie"] == f"uid={response.data}; Path=/"
    taken = {"time": f"{MONDAY}T10:00:00.000Z"}
    assert taken not in api.get(SLOTS + "&eventTypeId=1").data["slots"][MONDAY]
    cookie = {"Cookie": f"uid={response.data}"}
    assert send_request(api.sandbox, "POST", "/v2/slots/reserve", SLOT, headers=cookie).data == response.data
    released = send_request(api.sandbox, "DELETE", "/v2/slots/selected-slot", headers=cookie)
    assert released.body == {"status": "success"}
    assert taken in api.get(SLOTS + "&eventTypeId=1").data["slots"][MONDAY]


def test_a_reservation_is_deleted_by_its_uid(api: ApiClient) -> None:
    """The uid may be a parameter, and a deletion without a uid succeeds."""
    uid = api.post("/v2/slots/reserve", SLOT).data
    assert api.delete("/v2/slots/selected-slot").status == 200
    assert [*api.sandbox.store.reservations] == [uid]
    assert api.delete(f"/v2/slots/selected-slot?uid={uid}").status == 200
    assert not api.sandbox.store.reservations


def test_seats_are_reserved_in_an_existing_booking_only(api: ApiClient) -> None:
    """A seated event type without a booking at that time gets a uid, but no reservation."""
    assert api.post("/v2/slots/reserve", SLOT | {"eventTypeId": 3}).status == 201
    assert not api.sandbox.store.reservations
    assert api.post("/v2/slots/reserve", SLOT | {"eventTypeId": 99}).error == (404, "Event Type not found")


# --- event types


def post_event_type(api: ApiClient, **more: Any) -> Any:
    return api.post("/v2/event-types", {"title": "Cooking", "slug": "cooking", "length": 60, **more})


def test_an_event_type_has_a_length_and_columns(api: ApiClient) -> None:
    """A new event type has the names of the database, and later versions show the same record."""
    place = {"type": "inPerson", "address": "Via Bari 10", "displayLocationPublicly": True}
    locations = [place, {"type": "integrations:daily"}, {"type": "Online", "link": "https://a.test"}]
    data = post_event_type(api, locations=locations, slotInterval=15, hidden=True).data
    assert (data["length"], data["userId"], data["periodType"], data["slotInterval"]) == (60, 1, "UNLIMITED", 15)
    assert data["locations"] == locations
    later = in_version(api, "2024-06-14").get(f"/v2/event-types/{data['id']}").data
    assert (later["lengthInMinutes"], later["hidden"]) == (60, True)
    assert later["locations"][:2] == [
        {"type": "address", "address": "Via Bari 10", "public": True},
        {"type": "integration", "integration": "cal-video"},
    ]


def test_the_length_of_later_versions_is_unknown(api: ApiClient) -> None:
    """`lengthInMinutes` is dropped, so the length is missing; a used slug is a 400."""
    response = api.post("/v2/event-types", {"title": "T", "slug": "t", "lengthInMinutes": 30})
    assert response.constraints["length"] == {
        "min": "length must not be less than 1",
        "isNumber": "length must be a number conforming to the specified constraints",
    }
    assert post_event_type(api, slug="thirty").error == (400, "User already has an event type with this slug.")


@pytest.mark.parametrize("version", ["", "2024-06-11"])
def test_event_types_are_listed_in_groups(api: ApiClient, version: str) -> None:
    """The first group has the caller's own event types, the others those of a team each."""
    data = in_version(api, version).get("/v2/event-types").data
    assert list(data) == ["eventTypeGroups", "profiles", "allUsersAcrossAllEventTypes"]
    own, team, *_ = data["eventTypeGroups"]
    assert [record["slug"] for record in own["eventTypes"]] == ["thirty", "sixty", "class"]
    assert (own["teamId"], own["profile"]["slug"]) == (None, "ana")
    assert (team["teamId"], team["membershipRole"]) == (2, "OWNER")
    assert [profile["teamId"] for profile in data["profiles"]] == [group["teamId"] for group in data["eventTypeGroups"]]
    seated = own["eventTypes"][2]
    assert seated["seatsPerTimeSlot"]
    assert seated["userIds"] == [1]


def test_a_single_event_type_is_inside_of_an_object(api: ApiClient) -> None:
    """The event type stands below `eventType`; a foreign one is a 404."""
    data = api.get("/v2/event-types/1").data
    assert (data["eventType"]["slug"], data["eventType"]["length"]) == ("thirty", 30)
    assert data["eventType"]["users"][0]["username"] == "ana"
    assert ApiClient(api.sandbox, key="cal_sandbox_bo").get("/v2/event-types/1").error == (
        404,
        "Event type with id 1 not found",
    )


def test_an_update_replaces_custom_booking_fields(api: ApiClient) -> None:
    """Booking fields are stored with `name`, and an update without them deletes the custom ones."""
    color = {
        "name": "color",
        "type": "radio",
        "label": "Color",
        "required": True,
        "options": [{"label": "Red", "value": "Red"}],
    }
    data = api.patch("/v2/event-types/1", {"title": "New", "bookingFields": [color], "seatsPerTimeSlot": 4}).data
    assert (data["title"], data["seatsPerTimeSlot"]) == ("New", 4)
    stored = next(field for field in data["bookingFields"] if field["name"] == "color")
    assert color.items() <= stored.items()
    names = [field["name"] for field in api.patch("/v2/event-types/1", {"length": 20}).data["bookingFields"]]
    assert names == ["name", "email", "location", "title", "notes", "guests", "rescheduleReason"]
    assert in_version(api, "2024-06-14").get("/v2/event-types/1").data["lengthInMinutes"] == 20


def test_an_event_type_is_deleted(api: ApiClient) -> None:
    """A deletion returns four fields, with the length under its old name."""
    event_type_id = post_event_type(api).data["id"]
    path = f"/v2/event-types/{event_type_id}"
    assert api.delete(path).data == {"id": event_type_id, "length": 60, "slug": "cooking", "title": "Cooking"}
    assert api.delete(path).status == 404


def test_public_event_types_need_no_credentials(api: ApiClient) -> None:
    """Anybody may read event types by user and slug; a private place is left out, and an unknown slug is null."""
    post_event_type(api, locations=[{"type": "inPerson", "address": "Via Bari 10"}], hidden=True)
    public = ApiClient(api.sandbox, key=None)
    data = public.get("/v2/event-types/ana/cooking/public").data
    assert (data["length"], data["locations"]) == (60, [{"type": "inPerson"}])
    assert data["schedule"]["timeZone"]
    assert public.get("/v2/event-types/ana/nope/public").data is None
    assert [record["slug"] for record in public.get("/v2/event-types/ana/public").data] == ["thirty", "sixty", "class"]
    assert public.get("/v2/event-types/nobody/public").error == (404, 'User with username "nobody" not found')


# --- bookings


def at(hour: int, minute: int = 0) -> str:
    return f"{MONDAY}T{hour:02}:{minute:02}:00.000Z"


def booking_body(start: str = at(10), **more: Any) -> dict[str, Any]:
    return {
        "start": start,
        "eventTypeId": 1,
        "timeZone": "Europe/London",
        "language": "en",
        "metadata": {"meetingType": "link"},
        "responses": {"name": "Ada", "email": "ada@example.com", "notes": "test", "guests": ["bob@example.com"]},
        **more,
    }


def test_a_booking_is_the_same_record_in_all_versions(api: ApiClient) -> None:
    """A creation returns nearly all columns; later versions show the booking in their own form."""
    data = api.post("/v2/bookings", booking_body(end=at(10, 30))).data
    assert (data["startTime"], data["endTime"], data["status"]) == (at(10), at(10, 30), "ACCEPTED")
    assert data["responses"] | {"location": None} == booking_body()["responses"] | {"location": None}
    assert {"idempotencyKey", "userPrimaryEmail", "creationSource", "iCalUID", "scheduledJobs"} <= data.keys()
    later = in_version(api, "2024-08-13").get(f"/v2/bookings/{data['uid']}").data
    assert (later["start"], later["status"], later["metadata"]) == (at(10), "accepted", {"meetingType": "link"})
    assert [person["email"] for person in later["attendees"]] == ["ada@example.com", "bob@example.com"]
    info = ApiClient(api.sandbox, key=None).get(f"/v2/bookings/{data['uid']}").data
    assert (info["startTime"], info["user"]["username"], info["eventType"]["slug"]) == (at(10), "ana", "thirty")
    assert api.get("/v2/bookings/nope").error == (404, "Booking with UID=nope does not exist.")
    assert api.get(f"/v2/bookings/{data['uid']}/reschedule").data["startTime"] == at(10)


def test_a_booking_of_later_versions_lacks_fields(api: ApiClient) -> None:
    """The body of later versions is a 400 that names the missing time zone, language and metadata."""
    attendee = {"name": "Ada", "email": "ada@example.com", "timeZone": "UTC"}
    response = api.post("/v2/bookings", {"start": at(10), "eventTypeId": 1, "attendee": attendee})
    assert response.constraints.keys() == {"timeZone", "language", "metadata"}


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"start": at(12)}, (400, "no_available_users_found_error")),
        ({"start": f"{MONDAY}T03:00:00Z"}, (400, "no_available_users_found_error")),
        ({"start": "2026-12-02T09:00:00Z"}, (400, "booking_time_out_of_bounds_error")),
        ({"start": "2026-12-01T09:00:00Z"}, (400, "Attempting to book a meeting in the past.")),
        ({"end": at(11)}, (400, "Invalid event length")),
        ({"eventTypeId": 99}, (404, "event_type_not_found_error")),
        ({"rescheduleUid": "nope"}, (404, "booking_not_found_error")),
    ],
)
def test_errors_have_internal_names(api: ApiClient, changes: dict[str, Any], error: tuple[int, str]) -> None:
    """Errors of the booking core are `HttpException`s with its own names."""
    api.post("/v2/bookings", booking_body(at(12)))
    response = api.post("/v2/bookings", booking_body(**changes))
    assert response.error == error
    assert response.body["error"]["code"] == "HttpException"
    assert response.body["error"]["details"] == error[1]


def test_a_split_name_and_locations(api: ApiClient) -> None:
    """A name may be an object; a location is the text of the attendee, or the place of the event type."""
    api.patch("/v2/event-types/1", {"locations": [{"type": "link", "link": "https://meet.test/a"}]})
    responses = {"name": {"firstName": "John", "lastName": "Doe"}, "email": "john@example.com"}
    link = api.post(
        "/v2/bookings", booking_body(responses=responses | {"location": {"value": "link", "optionValue": ""}})
    )
    assert (link.data["location"], link.data["attendees"][0]["name"]) == ("https://meet.test/a", "John Doe")
    phone = {"value": "phone", "optionValue": "+37255556666"}
    assert api.post("/v2/bookings", booking_body(at(11), responses=responses | {"location": phone})).data[
        "location"
    ] == ("+37255556666")
    assert (
        api.post("/v2/bookings", booking_body(at(13), locationUrl="https://b.test")).data["location"]
        == "https://b.test"
    )


def test_a_booking_is_moved_by_a_creation(api: ApiClient) -> None:
    """`rescheduleUid` moves a booking: the old one is cancelled, and the body's metadata replaces the old one's."""
    uid = api.post("/v2/bookings", booking_body()).data["uid"]
    data = api.post("/v2/bookings", booking_body(at(14), rescheduleUid=uid, metadata={"a": "b"})).data
    assert (data["startTime"], data["fromReschedule"], data["metadata"]) == (at(14), uid, {"a": "b"})
    assert api.sandbox.store.bookings[uid].to_uid == data["uid"]
    again = api.post("/v2/bookings", booking_body(at(15), rescheduleUid=uid))
    assert again.error == (400, "cancelled_bookings_cannot_be_rescheduled")


def test_a_series_is_an_array_of_bookings(api: ApiClient) -> None:
    """Each object is one occurrence and needs an end; an empty array is a 500."""
    body = [booking_body(at(hour), end=at(hour, 30)) for hour in (9, 10)]
    series = api.post("/v2/bookings/recurring", body).data
    assert [booking["startTime"] for booking in series] == [at(9), at(10)]
    assert len({booking["recurringEventId"] for booking in series}) == 1
    assert api.post("/v2/bookings/recurring", [booking_body(at(15))]).error == (400, "no_available_users_found_error")
    assert api.post("/v2/bookings/recurring", []).status == 500
    info = api.get("/v2/bookings").data["recurringInfo"]
    assert (info[0]["count"], info[0]["firstDate"], info[0]["bookings"]["ACCEPTED"]) == (2, at(9), [at(9), at(10)])
    cancelled = api.post(
        f"/v2/bookings/{series[0]['uid']}/cancel", {"cancellationReason": "no", "allRemainingBookings": True}
    )
    assert cancelled.status == 201
    assert {booking.status for booking in api.sandbox.store.bookings.values()} == {"cancelled"}


def test_a_seat_is_booked_and_cancelled(api: ApiClient) -> None:
    """A seat has a uid in the response; its cancellation removes the attendee alone."""
    uids = []
    for name in ("ada", "bo"):
        responses = {"name": name, "email": f"{name}@example.com"}
        uids.append(api.post("/v2/bookings", booking_body(eventTypeId=3, responses=responses)).data)
    assert uids[0]["uid"] == uids[1]["uid"]
    path = f"/v2/bookings/{uids[0]['uid']}/cancel"
    anonymous = ApiClient(api.sandbox, key=None)
    assert anonymous.post(path, {"seatReferenceUid": uids[0]["seatReferenceUid"]}).data["onlyRemovedAttendee"] is True
    assert len(api.get("/v2/bookings").data["bookings"][0]["seatsReferences"]) == 1
    moved = booking_body(at(14), eventTypeId=3, rescheduleUid=uids[1]["seatReferenceUid"])
    assert api.post("/v2/bookings", moved).data["startTime"] == at(14)


def test_a_booking_is_cancelled(api: ApiClient) -> None:
    """A cancellation is a 201 with three fields; hosts need a reason, and a number is no uid."""
    data = api.post("/v2/bookings", booking_body()).data
    path = f"/v2/bookings/{data['uid']}/cancel"
    assert api.post(path).error == (400, "Cancellation reason is required")
    response = api.post(path, {"cancellationReason": "no time", "unknown": 1})
    assert (response.status, response.data) == (
        201,
        {"bookingId": data["id"], "bookingUid": data["uid"], "onlyRemovedAttendee": False},
    )
    assert api.get(f"/v2/bookings/{data['uid']}").data["cancellationReason"] == "no time"
    assert api.post(path).message.startswith("Can't cancel booking with uid=")
    assert api.post("/v2/bookings/1/cancel").error == (400, "Please provide booking uid instead of booking id.")
    assert api.post("/v2/bookings/nope/cancel").error == (404, "Booking with UID=nope does not exist.")


def test_absent_people(api: ApiClient) -> None:
    """People are marked as absent under the old names, also before the start."""
    uid = api.post("/v2/bookings", booking_body()).data["uid"]
    absences = [{"email": "ada@example.com", "noShow": True}]
    data = api.post(f"/v2/bookings/{uid}/mark-no-show", {"noShowHost": True, "attendees": absences}).data
    assert (data["attendees"], data["noShowHost"]) == (absences, True)
    assert [person["noShow"] for person in api.get("/v2/bookings").data["bookings"][0]["attendees"]] == [True, False]


def test_rows_of_the_list_have_all_fields(api: ApiClient) -> None:
    """A row has the columns of the booking, and parts of its event type, references, seats and people."""
    api.post("/v2/bookings", booking_body())
    [booking] = api.sandbox.store.bookings.values()
    booking.references = [{"type": "google_calendar", "eventUid": "e1"}]
    row = api.get("/v2/bookings").data["bookings"][0]
    assert row.keys() == {
        *("id", "uid", "title", "userPrimaryEmail", "description", "customInputs", "startTime", "endTime", "createdAt"),
        *("updatedAt", "metadata", "responses", "recurringEventId", "location", "status", "paid", "fromReschedule"),
        *("rescheduled", "isRecorded", "routedFromRoutingFormReponse", "eventType", "references", "payment", "user"),
        *("attendees", "seatsReferences", "assignmentReason", "rescheduler"),
    }
    assert row["eventType"].keys() == {
        *("slug", "id", "title", "eventName", "price", "recurringEvent", "currency", "metadata", "disableGuests"),
        *("seatsShowAttendees", "seatsShowAvailabilityCount", "eventTypeColor", "customReplyToEmail", "length", "team"),
        *("allowReschedulingPastBookings", "hideOrganizerEmail", "disableCancelling", "disableRescheduling"),
        "schedulingType",
    }
    assert row["references"][0]["uid"] == "e1"
    assert row["attendees"][0]["locale"] == "en"


def test_filters_of_the_list(api: ApiClient) -> None:
    """`filters[status]` selects one status, the limit is at most 100, and other values are a 400."""
    api.post("/v2/bookings", booking_body())
    assert api.get("/v2/bookings?filters[status]=past").data["bookings"] == []
    assert len(api.get("/v2/bookings?filters[status]=upcoming&filters[eventTypeIds][]=1").data["bookings"]) == 1
    assert api.get("/v2/bookings?filters[status]=nope").status == 400
    assert api.get("/v2/bookings?limit=101").constraints.keys() == {"limit"}
