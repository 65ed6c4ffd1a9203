"""Creating bookings over HTTP: errors, series, seats, teams, repeated requests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from booking_api import ANA, BO, CY, MONDAY, NOT_FREE, SIXTY, TEAM_NOT_FREE, BookingApi, ada, at

from calcom_async.sandbox import Sandbox

ALWAYS = {"type": "always", "blockUnconfirmedBookingsInBooker": True}
NO_EVENT_TYPE = (
    "eventTypeId or eventTypeSlug + username property is wrong,Either eventTypeId or eventTypeSlug + username or "
    "eventTypeSlug + teamSlug must be provided "
)


@pytest.fixture
def api() -> Iterator[BookingApi]:
    with Sandbox(now=MONDAY) as sandbox:
        yield BookingApi(sandbox)
        assert sandbox.handler_errors == []


# --- what a plain booking is


def test_a_new_booking_repeats_the_request(api):
    """The response repeats the request; guests have the attendee's zone and no name."""
    booking = api.book(
        "2026-11-04T10:00:00.500+00:00",
        guests=["guest@visitors.test"],
        metadata={"crm": "42"},
        bookingFieldsResponses={"notes": "hi", "extra": None},
    )
    assert (booking["start"], booking["end"], booking["duration"]) == (at(10), at(10.5), 30)
    assert (booking["status"], booking["title"]) == ("accepted", "Thirty minutes between Ana Sandbox and Ada Visitor")
    assert (booking["description"], booking["metadata"]) == ("hi", {"crm": "42"})
    assert [(attendee["name"], attendee["timeZone"]) for attendee in booking["attendees"]] == [
        ("Ada Visitor", "Europe/Lisbon"),
        ("", "Europe/Lisbon"),
    ]
    assert booking["bookingFieldsResponses"]["extra"] == ""
    assert api.get(booking["uid"]) == {
        key: value for key, value in booking.items() if key != "isPlatformManagedUserBooking"
    }


def test_time_zones_are_accepted_in_any_case(api):
    """A time zone is accepted in any case and stored as sent."""
    assert api.book(at(10), attendee=ada(timeZone="europe/lisbon"))["attendees"][0]["timeZone"] == "europe/lisbon"


@pytest.mark.parametrize("language", ["xx", "", "EN", 7])
def test_an_unknown_language_is_rejected(api, language):
    """An unknown language of an attendee is rejected."""
    refused = api.try_book(at(10), attendee=ada(language=language))
    assert refused.status == 400
    assert refused.message.startswith(
        "attendee property is wrong, language property is wrong,language must be one of the following values: ar, ca, "
    )
    assert api.book(at(10), attendee=ada(language="pt-BR"))["attendees"][0]["language"] == "pt-BR"


def test_first_and_last_name(api):
    """A splitName field needs two words and is stored in two parts, in webhooks too."""
    field = {"type": "splitName", "firstNameLabel": "First", "lastNameLabel": "Last", "lastNameRequired": True}
    client = api.ana.as_user("ana")
    client.version = "2024-06-14"
    body = {"title": "Split", "slug": "split", "lengthInMinutes": 30, "bookingFields": [field]}
    event_type = client.post("/v2/event-types", body).data
    assert event_type["bookingFields"][0] == field | {
        "isDefault": True,
        "slug": "splitName",
        "firstNamePlaceholder": "",
        "lastNamePlaceholder": "",
        "disableOnPrefill": False,
    }
    api.subscribe()
    refused = api.try_book(at(10), event_type["id"], attendee=ada(name="Ada"))
    assert refused.error == (400, "responses - {name}error_required_field, ")
    booked = api.book(at(10), event_type["id"], attendee=ada(name="Ada de Visitor"))
    assert booked["bookingFieldsResponses"]["name"] == {"firstName": "Ada", "lastName": "de Visitor"}
    assert booked["attendees"][0]["name"] == "Ada de Visitor"
    _, payload = api.webhook_events()[-1]
    assert (payload["attendees"][0]["firstName"], payload["attendees"][0]["lastName"]) == ("Ada", "de Visitor")


@pytest.mark.parametrize(
    ("text", "kind"), [("https://meet.test/1", "link"), ("+351912345678", "phone"), ("at the pier", "somewhereElse")]
)
def test_locations_as_text(api, text, kind):
    """The response to a location given as text is stored with the text itself."""
    booking = api.book(at(10), location=text)
    assert booking["bookingFieldsResponses"]["location"] == {"value": kind, "optionValue": text}


def test_event_types_are_identified_by_slug(api):
    """Slug and username, or slug and team, identify an event type like its id."""
    by_user = api.book(at(10), eventTypeId=None, eventTypeSlug="sixty", username="ana")
    assert by_user["eventType"] == {"id": SIXTY, "slug": "sixty"}
    event_type = api.team_event_type("roundRobin", BO)
    named = {"eventTypeSlug": "demo", "teamSlug": "sales", "organizationSlug": "sandbox-org"}
    assert api.book(at(15), eventTypeId=None, **named)["eventTypeId"] == event_type


@pytest.mark.parametrize(
    ("more", "text"),
    [
        ({"start": "soon"}, "start property is wrong,start must be a valid ISO 8601 date string "),
        ({"attendee": None}, "attendee property is wrong,attendee should not be null or undefined "),
        (
            {"attendee": {"email": "a@x.test"}},
            (
                "attendee property is wrong, name property is wrong,name must be a string , timeZone property is wrong,"
                "timeZone must be a valid IANA time-zone "
            ),
        ),
        (
            {"attendee": {"name": "A", "timeZone": "UTC"}},
            (
                "attendee property is wrong, attendee email or phone property is wrong,Attendee must have at least one "
                "contact method (email or phone number) "
            ),
        ),
        ({"eventTypeId": None}, NO_EVENT_TYPE),
        ({"color": 1}, "color property is wrong,property color should not exist "),
        ({"metadata": {"k": 1}}, "metadata.k - Expected string, received number, "),
        ({"attendee": ada(email="nobody")}, "responses - {email}email_validation_error, "),
        ({"attendee": ada(name="")}, "responses - {name}error_required_field, "),
        ({"attendee": ada(email=None, phoneNumber="12")}, "responses - {email}error_required_field, "),
        ({"guests": ["a@x.test", "a@x.test"]}, "responses - {guests}duplicate_email, "),
        ({"guests": ["nobody"]}, "responses - {guests}email_validation_error, "),
        ({"start": at(10, 1)}, "Attempting to book a meeting in the past."),
        ({"start": at(3)}, NOT_FREE),
        (
            {"lengthInMinutes": 15},
            (
                "Can't specify 'lengthInMinutes' because event type does not have multiple possible lengths. Please, "
                "remove the 'lengthInMinutes' field from the request."
            ),
        ),
        (
            {"location": {"type": "attendeePhone"}},
            (
                "Booking location with type attendeePhone not valid for event type with id=1. The event type has "
                "following location types: integration, and only these types are allowed for booking location."
            ),
        ),
        ({"location": {"type": "integration"}}, "Invalid integration: undefined"),
        (
            {"location": {"type": "integration", "integration": "zoom"}},
            (
                "Booking location with integration zoom not valid for event type with id=1. The event type has "
                "following integrations: cal-video, and only these integrations are allowed for booking location."
            ),
        ),
    ],
)
def test_each_error_of_a_request_has_its_message(api, more, text):
    """Each error of a request is a 400 with its own message."""
    api.sandbox.store.event_types[1]["locations"] = [{"type": "integration", "integration": "cal-video"}]
    assert api.try_book(**{"start": at(10), **more}).error == (400, text)


@pytest.mark.servers("hosted", "self-hosted-2025-12")
@pytest.mark.parametrize(
    ("more", "text"),
    [
        ({"eventTypeId": 99}, "Event type with id 99 not found."),
        ({"eventTypeSlug": "x", "username": "nobody"}, "User with username nobody not found"),
        ({"eventTypeSlug": "x", "username": "ana"}, "Event type with slug x belonging to user ana not found."),
        ({"eventTypeSlug": "x", "teamSlug": "none"}, "Team with slug none not found"),
        ({"eventTypeSlug": "x", "teamSlug": "sales"}, "Event type with slug x belonging to team sales not found."),
        (
            {"eventTypeSlug": "x", "teamSlug": "sales", "organizationSlug": "sandbox-org"},
            "Event type with slug x belonging to team sales within organization sandbox-org not found.",
        ),
    ],
)
def test_unknown_names_are_404(api, more, text):
    """An unknown event type, user or team is a 404 that names it."""
    assert api.try_book(at(10), **({"eventTypeId": None} | more)).error == (404, text)


def test_the_first_error_is_reported(api):
    """A request with several errors gets the first one: names, then responses, then lengths and times."""
    body = {"lengthInMinutes": 5, "guests": ["x"], "attendee": ada(name="")}
    assert api.try_book(at(3, 1), 99, **body).message == "Event type with id 99 not found."
    assert api.try_book(at(3, 1), **body).message == "responses - {name}error_required_field, "
    del body["attendee"], body["guests"]
    assert api.try_book(at(3, 1), **body).message.startswith("Can't specify 'lengthInMinutes'")
    assert api.try_book(at(3, 1)).message == "Attempting to book a meeting in the past."


def test_custom_fields_are_checked(api):
    """A required answer must be present and not empty; types and options must fit."""
    fields = [
        {"type": "select", "slug": "size", "label": "Size", "required": True, "options": ["S", "M"]},
        {"type": "number", "slug": "seats", "label": "Seats", "required": False},
        {"type": "url", "slug": "site", "label": "Site", "required": False},
    ]
    event_type = api.event_type(bookingFields=fields)

    def refused(**answers):
        return api.try_book(at(10), event_type, bookingFieldsResponses=answers).message

    assert refused().startswith("Missing required booking field response: size - it is required by the event type")
    assert refused(size="") == "responses - {size}error_required_field, "
    assert refused(size="L") == "Invalid option 'L' for booking field 'size'. Allowed options are: S, M."
    assert refused(size="S", seats="2") == (
        "Invalid type for booking field 'seats'. Expected type number (compatible with field type 'number'), but "
        "received string."
    )
    assert refused(size="S", site="nowhere") == "responses - {site}url_validation_error, "
    assert api.book(at(10), event_type, bookingFieldsResponses={"size": "S", "seats": 2})["status"] == "accepted"


def test_lengths_of_an_event_type_with_several(api):
    """An event type with several lengths books the requested one, and lists them in the error for another length."""
    event_type = api.event_type(lengthInMinutesOptions=[30, 60])
    assert api.book(at(10), event_type, lengthInMinutes=60)["end"] == at(11)
    assert api.try_book(at(15), event_type, lengthInMinutes=45).message.endswith("The possible lengths are: 30, 60")


@pytest.mark.parametrize(
    ("sent", "stored", "filed"),
    [
        ("https://meet.test/x", "https://meet.test/x", "link"),
        ("+351912345678", "+351912345678", "phone"),
        ("Room 2", "Room 2", "somewhereElse"),
        ({"type": "attendeeAddress", "address": "Rua 1"}, "Rua 1", "attendeeInPerson"),
        ({"type": "address"}, "Office", "inPerson"),
        (None, "Office", None),
    ],
)
def test_locations_are_taken_from_the_request_or_the_event_type(api, sent, stored, filed):
    """A text is accepted as it is, an object must be offered, and without either the first location is used."""
    offered = [{"type": "address", "address": "Office", "public": True}, {"type": "attendeeAddress"}]
    booking = api.book(at(10), api.event_type(locations=offered), location=sent)
    assert booking["location"] == booking["meetingUrl"] == stored
    assert (booking["bookingFieldsResponses"].get("location") or {"value": None})["value"] == filed


# --- who may, and when


def test_a_taken_time_is_400_and_never_409(api):
    """A second booking of a time gets the same 400 as one outside working hours."""
    api.book(at(10))
    assert api.try_book(at(10)).error == (400, NOT_FREE)
    assert api.try_book(at(10.25), SIXTY, attendee=ada(email="b@x.test")).error == (400, NOT_FREE)


def test_event_types_that_require_authentication(api):
    """With `bookingRequiresAuthentication` no credentials are a 401, other users a 403, and the owner succeeds."""
    event_type = api.event_type(bookingRequiresAuthentication=True)
    text = "checkBookingRequiresAuthentication - "
    assert api.try_book(at(10), event_type).status == 401
    refused = api.try_book(at(10), event_type, by=api.cy)
    assert (refused.status, refused.message[: len(text)]) == (403, text)
    assert api.try_book(at(10), event_type, by=api.ana).status == 201
    hosted = api.team_event_type("roundRobin", CY, bookingRequiresAuthentication=True)
    assert api.try_book("2026-11-04T02:00:00Z", hosted, by=api.cy).status == 201


def test_an_invalid_key_is_rejected_where_none_is_needed(api):
    """Booking needs no credentials, but invalid ones are rejected."""
    api.anonymous.key = "cal_wrong"
    assert api.try_book(at(10)).status == 401


def test_active_bookings_of_one_booker_are_limited(api):
    """Above the limit of active bookings the response is a 400, which can offer the latest booking for a reschedule."""
    limit = {"maximumActiveBookings": 1, "offerReschedule": True}
    event_type = api.event_type(bookerActiveBookingsLimit=limit)
    first = api.book(at(10), event_type)
    refused = api.try_book(at(11), event_type).message
    assert refused.endswith(f"You can reschedule your existing booking ({first['uid']}) to a new timeslot instead.")
    assert api.try_book(at(11), event_type, attendee=ada(email="other@x.test")).status == 201


def test_used_up_limits_are_401_without_an_error_object(api):
    """An exceeded booking limit is a 401 without envelope; it says nothing about the key."""
    event_type = api.event_type(bookingLimitsCount={"day": 1})
    api.book(at(10), event_type)
    response = api.try_book(at(11), event_type)
    assert response.body == {"statusCode": 401, "message": "booking_limit_reached"}


def test_email_verification_needs_a_code(api):
    """An event type may require a verification code; the sandbox accepts 123456."""
    event_type = api.event_type(requiresBookerEmailVerification=True)
    assert api.try_book(at(10), event_type).body["message"] == "email_verification_required"
    assert api.try_book(at(10), event_type, emailVerificationCode="1").body["message"] == "invalid_verification_code"
    assert api.try_book(at(10), event_type, emailVerificationCode="123456").status == 201


# --- confirmation and repeats


def test_a_confirmation_policy_makes_bookings_pending(api):
    """With a confirmation policy every booking is pending, the host's own too; webhooks receive a request."""
    api.subscribe()
    event_type = api.event_type(confirmationPolicy=ALWAYS)
    assert api.try_book(at(10), event_type, by=api.ana).data["status"] == "pending"
    assert api.triggers() == ["BOOKING_REQUESTED"]


def test_a_policy_of_type_time(api):
    """A policy of type "time" makes a booking pending within the threshold and accepted beyond it."""
    policy = {"type": "time", "noticeThreshold": {"unit": "hours", "count": 24}}
    event_type = api.event_type(confirmationPolicy=policy | {"blockUnconfirmedBookingsInBooker": False})
    assert api.book(at(10, 2), event_type)["status"] == "pending"
    assert api.book(at(10, 4), event_type)["status"] == "accepted"


def test_repeating_a_request_returns_the_pending_booking(api):
    """Repeating a request for a pending booking returns it; another attendee is rejected if pending bookings block."""
    event_type = api.event_type(confirmationPolicy=ALWAYS)
    first = api.book(at(10), event_type)
    assert api.try_book(at(10), event_type).data["uid"] == first["uid"]
    assert api.try_book(at(10), event_type, attendee=ada(email="other@x.test")).error == (400, NOT_FREE)


# --- series


def test_a_series_keeps_the_time_of_day_of_the_attendee(api):
    """Weekly occurrences keep the attendee's time of day over a clock change, and share a series uid."""
    api.sandbox.clock.set(MONDAY.replace(month=3, day=16))
    event_type = api.event_type(recurrence={"interval": 1, "occurrences": 3, "frequency": "weekly"})
    occurrences = api.book("2026-03-18T10:00:00Z", event_type)
    assert [booking["start"][5:16] for booking in occurrences] == ["03-18T10:00", "03-25T10:00", "04-01T09:00"]
    assert len({booking["recurringBookingUid"] for booking in occurrences}) == 1
    assert len({booking["uid"] for booking in occurrences}) == 3
    assert api.get(occurrences[0]["recurringBookingUid"])[2]["uid"] == occurrences[2]["uid"]


def test_the_length_of_a_series(api):
    """`recurrenceCount` shortens a series, may not exceed the event type's, and is ignored without recurrence."""
    event_type = api.event_type(recurrence={"interval": 1, "occurrences": 3, "frequency": "monthly"})
    refused = "Provided recurrence count is higher than the event type's recurring event count."
    assert api.try_book(at(10), event_type, recurrenceCount=4).error == (400, refused)
    assert [booking["start"] for booking in api.book(at(10), event_type, recurrenceCount=2)] == [
        at(10),
        "2026-12-04T10:00:00.000Z",
    ]
    assert api.book(at(15), recurrenceCount=9)["start"] == at(15)


def test_a_series_stops_at_an_identical_booking(api):
    """Later occurrences are not checked, but an identical booking is a 409, and the earlier ones stay."""
    event_type = api.event_type(recurrence={"interval": 1, "occurrences": 3, "frequency": "weekly"})
    api.book(at(10, 11))
    assert api.try_book(at(10), event_type).body == {"statusCode": 409, "message": "booking_conflict_error"}
    starts = [booking.start.day for booking in api.sandbox.store.bookings.values() if booking.recurring_uid]
    assert starts == [4]


# --- seats


def seated_event_type(api: BookingApi, count: int = 2, *, shown: bool = True) -> int:
    setting = {"seatsPerTimeSlot": count, "showAttendeeInfo": shown, "showAvailabilityCount": True}
    return api.event_type(seats=setting, locations=[{"type": "link", "link": "https://meet.test/x", "public": True}])


def test_later_attendees_join_the_seated_booking(api):
    """A second attendee of a start gets the same booking and a seat; without free seats a third gets an error."""
    event_type = seated_event_type(api)
    first = api.book(at(10), event_type)
    second = api.book(at(10), event_type, attendee=ada(email="b@x.test"))
    assert (second["uid"], second["id"]) == (first["uid"], first["id"])
    assert second["seatUid"] != first["seatUid"]
    assert [attendee["email"] for attendee in second["attendees"]] == ["ada@visitors.test", "b@x.test"]
    full = api.try_book(at(10), event_type, attendee=ada(email="c@x.test"))
    assert full.error == (409, "No more seats left at this seated booking.")
    assert full.body["error"]["code"] == "ConflictException"


def test_a_second_seat_for_one_address(api):
    """A second seat for the same address is a 409 without envelope."""
    event_type = seated_event_type(api)
    api.book(at(10), event_type)
    again = api.try_book(at(10), event_type)
    assert again.body == {"statusCode": 409, "message": "already_signed_up_for_this_booking_error"}


def test_hidden_attendees(api):
    """Without `showAttendeeInfo` attendees see nobody, not even themselves; the host sees all."""
    booking = api.book(at(10), seated_event_type(api, shown=False))
    assert booking["attendees"] == []
    assert api.get(booking["uid"])["attendees"] == []
    assert len(api.ana.get(f"/v2/bookings/{booking['uid']}").data["attendees"]) == 1
    assert len(api.ana.get("/v2/bookings").data[0]["attendees"]) == 1


def test_a_seat_is_read_by_its_uid(api):
    """A booking read by seat contains only that seat, unless the caller is the host; its hosts have no time zone."""
    event_type = seated_event_type(api, shown=False)
    seat = api.book(at(10), event_type)["seatUid"]
    api.book(at(10), event_type, attendee=ada(email="b@x.test"))
    path = f"/v2/bookings/by-seat/{seat}"
    own = api.anonymous.get(path).data
    assert [attendee["seatUid"] for attendee in own["attendees"]] == [seat]
    assert "timeZone" not in own["hosts"][0]
    assert len(api.ana.get(path).data["attendees"]) == 2
    missing = (404, "Booking with seatUid=none was not found in the database")
    assert api.anonymous.get("/v2/bookings/by-seat/none").error == missing


def test_each_seat_emits_an_event_with_its_attendee(api):
    """Each new seat emits a BOOKING_CREATED that contains only its attendee."""
    api.subscribe()
    event_type = seated_event_type(api)
    api.book(at(10), event_type)
    booking = api.book(at(10), event_type, attendee=ada(email="b@x.test"))
    trigger, payload = api.webhook_events()[-1]
    assert (trigger, payload["attendeeSeatId"]) == ("BOOKING_CREATED", booking["seatUid"])
    assert [attendee["email"] for attendee in payload["attendees"]] == ["b@x.test"]


# --- teams

# Three in the afternoon UTC is in the hours of Lisbon and New York, and far outside Tokyo's.
BOTH = at(15)


def test_a_round_robin_takes_turns(api):
    """A round robin chooses the free host who was booked least recently, until no host is free."""
    event_type = api.team_event_type("roundRobin", ANA, BO)

    def host_of(start, name):
        return api.book(start, event_type, attendee=ada(email=f"{name}@x.test"))["hosts"][0]["id"]

    assert [host_of(BOTH, "a"), host_of(at(16), "b")] == [ANA, BO]
    assert [host_of(at(16), "c"), host_of(BOTH, "d")] == [ANA, BO]
    assert api.try_book(BOTH, event_type, attendee=ada(email="e@x.test")).error == (400, TEAM_NOT_FREE)


def test_repeating_a_round_robin_request_returns_the_booking(api):
    """Repeating a round-robin request returns the same booking and uses no second host."""
    event_type = api.team_event_type("roundRobin", ANA, BO)
    assert api.book(BOTH, event_type)["uid"] == api.book(BOTH, event_type)["uid"]


def test_a_collective_booking_needs_all_hosts(api):
    """One host is the organizer and the others are attendees; one busy host blocks the time."""
    event_type = api.team_event_type("collective", ANA, BO)
    booking = api.book(BOTH, event_type)
    assert [host["id"] for host in booking["hosts"]] == [ANA]
    assert [attendee["email"] for attendee in booking["attendees"]] == ["ada@visitors.test", "bo@sandbox.test"]
    assert booking["title"] == "Demo between Sales and Ada Visitor"
    asleep = api.team_event_type("collective", ANA, CY, slug="late")
    assert api.try_book(BOTH, asleep).error == (400, TEAM_NOT_FREE)


def test_managed_parents_and_teams_without_hosts_cannot_be_booked(api):
    """Booking a managed parent is a 400, an event type without hosts a 422."""
    parent = api.team_event_type("managed", ANA)
    text = f"Event type with id={parent} is the parent managed event type that can't be booked."
    assert api.try_book(BOTH, parent).message.startswith(text)
    empty = api.team_event_type("roundRobin", slug="empty")
    refused = api.try_book(BOTH, empty)
    assert (refused.status, refused.message[:53]) == (422, "Can't book this team event type because it has no hos")


def test_instant_bookings_wait_for_a_host(api):
    """An instant booking of a team checks no calendar, and emits INSTANT_MEETING."""
    api.subscribe()
    event_type = api.team_event_type("collective", ANA, CY)
    booking = api.book(BOTH, event_type, instant=True)
    assert booking["status"] == "awaiting_host"
    assert api.triggers() == ["INSTANT_MEETING"]
