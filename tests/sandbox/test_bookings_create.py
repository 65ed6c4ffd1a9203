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


def test_a_booking_is_what_was_asked_for(api):
    """Start, length, people, answers and metadata come back; guests get the booker's zone and no name."""
    made = api.book(
        "2026-11-04T10:00:00.500+00:00",
        guests=["guest@visitors.test"],
        metadata={"crm": "42"},
        bookingFieldsResponses={"notes": "hi", "extra": None},
    )
    assert (made["start"], made["end"], made["duration"]) == (at(10), at(10.5), 30)
    assert (made["status"], made["title"]) == ("accepted", "Thirty minutes between Ana Sandbox and Ada Visitor")
    assert (made["description"], made["metadata"]) == ("hi", {"crm": "42"})
    assert [(one["name"], one["timeZone"]) for one in made["attendees"]] == [
        ("Ada Visitor", "Europe/Lisbon"),
        ("", "Europe/Lisbon"),
    ]
    assert made["bookingFieldsResponses"]["extra"] == ""
    assert api.get(made["uid"]) == {key: value for key, value in made.items() if key != "isPlatformManagedUserBooking"}


def test_zones_are_matched_in_any_case_and_kept_as_sent(api):
    """A zone's spelling is the booker's own."""
    assert api.book(at(10), attendee=ada(timeZone="europe/lisbon"))["attendees"][0]["timeZone"] == "europe/lisbon"


@pytest.mark.parametrize("language", ["xx", "", "EN", 7])
def test_languages_are_of_the_servers_list(api, language):
    """An attendee's language is one that the server knows."""
    refused = api.try_book(at(10), attendee=ada(language=language))
    assert refused.status == 400
    assert refused.message.startswith(
        "attendee property is wrong, language property is wrong,language must be one of the following values: ar, ca, "
    )
    assert api.book(at(10), attendee=ada(language="pt-BR"))["attendees"][0]["language"] == "pt-BR"


def test_names_in_two_parts(api):
    """A splitName field needs two words and is stored in two parts, in webhooks too."""
    field = {"type": "splitName", "firstNameLabel": "First", "lastNameLabel": "Last", "lastNameRequired": True}
    made = api.ana.as_user("ana")
    made.version = "2024-06-14"
    body = {"title": "Split", "slug": "split", "lengthInMinutes": 30, "bookingFields": [field]}
    event_type = made.post("/v2/event-types", body).data
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
    """A location that is a text is filed with the text itself."""
    made = api.book(at(10), location=text)
    assert made["bookingFieldsResponses"]["location"] == {"value": kind, "optionValue": text}


def test_event_types_are_named_by_slug_too(api):
    """Slug and username, or slug and team, name an event type as well as its id."""
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
        (
            {"instant": True},
            "Instant bookings are only supported for team event types, not individual user event types.",
        ),
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
def test_faults_of_a_request_are_told_in_the_servers_words(api, more, text):
    """Every fault that a request may have is a 400 with its own text."""
    assert api.try_book(more.pop("start", at(10)), **more).error == (400, text)


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
    """What names no event type is 404, and says which name was wrong."""
    assert api.try_book(at(10), **({"eventTypeId": None} | more)).error == (404, text)


def test_faults_come_in_the_servers_order(api):
    """A request with several errors gets the first: names before responses, responses before lengths and times."""
    body = {"lengthInMinutes": 5, "guests": ["x"], "attendee": ada(name="")}
    assert api.try_book(at(3, 1), 99, **body).message == "Event type with id 99 not found."
    assert api.try_book(at(3, 1), **body).message == "responses - {name}error_required_field, "
    del body["attendee"], body["guests"]
    assert api.try_book(at(3, 1), **body).message.startswith("Can't specify 'lengthInMinutes'")
    assert api.try_book(at(3, 1)).message == "Attempting to book a meeting in the past."


def test_custom_fields_are_checked(api):
    """A required answer must be there and not empty; types and options must fit."""
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


def test_lengths_are_chosen_from_the_options(api):
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
    """Plain texts are taken as they are, objects must be offered, and nothing means the first one offered."""
    offered = [{"type": "address", "address": "Office", "public": True}, {"type": "attendeeAddress"}]
    made = api.book(at(10), api.event_type(locations=offered), location=sent)
    assert made["location"] == made["meetingUrl"] == stored
    assert (made["bookingFieldsResponses"].get("location") or {"value": None})["value"] == filed


# --- who may, and when


def test_a_taken_time_is_400_and_never_409(api):
    """A second booking of a time gets the same 400 as outside of working hours."""
    api.book(at(10))
    assert api.try_book(at(10)).error == (400, NOT_FREE)
    assert api.try_book(at(10.25), SIXTY, attendee=ada(email="b@x.test")).error == (400, NOT_FREE)


def test_protected_event_types_want_their_own_people(api):
    """`bookingRequiresAuthentication`: 401 without credentials, 403 for other users, success for the owner."""
    event_type = api.event_type(bookingRequiresAuthentication=True)
    text = "checkBookingRequiresAuthentication - "
    assert api.try_book(at(10), event_type).status == 401
    refused = api.try_book(at(10), event_type, by=api.cy)
    assert (refused.status, refused.message[: len(text)]) == (403, text)
    assert api.try_book(at(10), event_type, by=api.ana).status == 201
    hosted = api.team_event_type("roundRobin", CY, bookingRequiresAuthentication=True)
    assert api.try_book("2026-11-04T02:00:00Z", hosted, by=api.cy).status == 201


def test_a_wrong_key_is_refused_where_none_is_needed(api):
    """Booking needs no credential, but a bad one is not ignored."""
    api.anonymous.key = "cal_wrong"
    assert api.try_book(at(10)).status == 401


def test_active_bookings_of_one_booker_are_limited(api):
    """The limit of active bookings is 400, and offers the latest booking for a move where that is switched on."""
    limit = {"maximumActiveBookings": 1, "offerReschedule": True}
    event_type = api.event_type(bookerActiveBookingsLimit=limit)
    first = api.book(at(10), event_type)
    refused = api.try_book(at(11), event_type).message
    assert refused.endswith(f"You can reschedule your existing booking ({first['uid']}) to a new timeslot instead.")
    assert api.try_book(at(11), event_type, attendee=ada(email="other@x.test")).status == 201


def test_used_up_limits_are_401_without_an_error_object(api):
    """An event type's own booking limit is a RAW 401, which must not be taken for a bad key."""
    event_type = api.event_type(bookingLimitsCount={"day": 1})
    api.book(at(10), event_type)
    answer = api.try_book(at(11), event_type)
    assert answer.body == {"statusCode": 401, "message": "booking_limit_reached"}


def test_email_verification_wants_a_code(api):
    """An event type may want a mailed code; the sandbox's is 123456."""
    event_type = api.event_type(requiresBookerEmailVerification=True)
    assert api.try_book(at(10), event_type).body["message"] == "email_verification_required"
    assert api.try_book(at(10), event_type, emailVerificationCode="1").body["message"] == "invalid_verification_code"
    assert api.try_book(at(10), event_type, emailVerificationCode="123456").status == 201


# --- confirmation and repeats


def test_confirmation_makes_bookings_wait(api):
    """With a confirmation policy every booking is pending, also the host's own; webhooks get a request."""
    api.subscribe()
    event_type = api.event_type(confirmationPolicy=ALWAYS)
    assert api.try_book(at(10), event_type, by=api.ana).data["status"] == "pending"
    assert api.triggers() == ["BOOKING_REQUESTED"]


def test_a_policy_of_time_asks_only_when_the_start_is_near(api):
    """Inside the threshold pending, beyond it accepted."""
    policy = {"type": "time", "noticeThreshold": {"unit": "hours", "count": 24}}
    event_type = api.event_type(confirmationPolicy=policy | {"blockUnconfirmedBookingsInBooker": False})
    assert api.book(at(10, 2), event_type)["status"] == "pending"
    assert api.book(at(10, 4), event_type)["status"] == "accepted"


def test_asking_again_for_a_pending_booking_gives_the_same_one(api):
    """Repeating a request for a pending booking is safe; one of another attendee is rejected if pending ones block."""
    event_type = api.event_type(confirmationPolicy=ALWAYS)
    first = api.book(at(10), event_type)
    assert api.try_book(at(10), event_type).data["uid"] == first["uid"]
    assert api.try_book(at(10), event_type, attendee=ada(email="other@x.test")).error == (400, NOT_FREE)


# --- series


def test_a_series_keeps_the_time_of_day_of_the_booker(api):
    """Weekly occurrences stay at the same wall-clock time over a change of clocks, and share a series uid."""
    api.sandbox.clock.set(MONDAY.replace(month=3, day=16))
    event_type = api.event_type(recurrence={"interval": 1, "occurrences": 3, "frequency": "weekly"})
    made = api.book("2026-03-18T10:00:00Z", event_type)
    assert [one["start"][5:16] for one in made] == ["03-18T10:00", "03-25T10:00", "04-01T09:00"]
    assert len({one["recurringBookingUid"] for one in made}) == 1
    assert len({one["uid"] for one in made}) == 3
    assert api.get(made[0]["recurringBookingUid"])[2]["uid"] == made[2]["uid"]


def test_a_series_is_as_long_as_asked_but_not_longer_than_offered(api):
    """RecurrenceCount cuts a series, may not exceed the event type's, and is ignored where nothing recurs."""
    event_type = api.event_type(recurrence={"interval": 1, "occurrences": 3, "frequency": "monthly"})
    refused = "Provided recurrence count is higher than the event type's recurring event count."
    assert api.try_book(at(10), event_type, recurrenceCount=4).error == (400, refused)
    assert [one["start"] for one in api.book(at(10), event_type, recurrenceCount=2)] == [
        at(10),
        "2026-12-04T10:00:00.000Z",
    ]
    assert api.book(at(15), recurrenceCount=9)["start"] == at(15)


def test_a_series_breaks_off_at_an_identical_booking(api):
    """Later occurrences are not checked, except that an identical one is 409 RAW and the earlier ones stay."""
    event_type = api.event_type(recurrence={"interval": 1, "occurrences": 3, "frequency": "weekly"})
    api.book(at(10, 11))
    assert api.try_book(at(10), event_type).body == {"statusCode": 409, "message": "booking_conflict_error"}
    starts = [one.start.day for one in api.sandbox.store.bookings.values() if one.recurring_uid]
    assert starts == [4]


# --- seats


def seats(api: BookingApi, count: int = 2, *, shown: bool = True) -> int:
    setting = {"seatsPerTimeSlot": count, "showAttendeeInfo": shown, "showAvailabilityCount": True}
    return api.event_type(seats=setting, locations=[{"type": "link", "link": "https://meet.test/x", "public": True}])


def test_later_bookers_join_the_seated_booking(api):
    """The second booker of a start gets the same uid and a seat of their own; a third finds no seat."""
    event_type = seats(api)
    first = api.book(at(10), event_type)
    second = api.book(at(10), event_type, attendee=ada(email="b@x.test"))
    assert (second["uid"], second["id"]) == (first["uid"], first["id"])
    assert second["seatUid"] != first["seatUid"]
    assert [one["email"] for one in second["attendees"]] == ["ada@visitors.test", "b@x.test"]
    full = api.try_book(at(10), event_type, attendee=ada(email="c@x.test"))
    assert full.error == (409, "No more seats left at this seated booking.")
    assert full.body["error"]["code"] == "ConflictException"


def test_nobody_sits_twice(api):
    """The same address again is 409 RAW."""
    event_type = seats(api)
    api.book(at(10), event_type)
    again = api.try_book(at(10), event_type)
    assert again.body == {"statusCode": 409, "message": "already_signed_up_for_this_booking_error"}


def test_attendees_are_hidden_where_the_event_type_says_so(api):
    """Without `showAttendeeInfo` attendees see nobody, not even themselves; the host sees all."""
    made = api.book(at(10), seats(api, shown=False))
    assert made["attendees"] == []
    assert api.get(made["uid"])["attendees"] == []
    assert len(api.ana.get(f"/v2/bookings/{made['uid']}").data["attendees"]) == 1
    assert len(api.ana.get("/v2/bookings").data[0]["attendees"]) == 1


def test_a_seat_is_read_by_its_uid(api):
    """By-seat answers hold only that seat, unless the caller is the host; hosts have no zone there."""
    event_type = seats(api, shown=False)
    seat = api.book(at(10), event_type)["seatUid"]
    api.book(at(10), event_type, attendee=ada(email="b@x.test"))
    path = f"/v2/bookings/by-seat/{seat}"
    mine = api.anonymous.get(path).data
    assert [one["seatUid"] for one in mine["attendees"]] == [seat]
    assert "timeZone" not in mine["hosts"][0]
    assert len(api.ana.get(path).data["attendees"]) == 2
    missing = (404, "Booking with seatUid=none was not found in the database")
    assert api.anonymous.get("/v2/bookings/by-seat/none").error == missing


def test_every_seat_is_told_to_webhooks_with_its_attendee_only(api):
    """Each taken seat is one BOOKING_CREATED that speaks of that attendee alone."""
    api.subscribe()
    event_type = seats(api)
    api.book(at(10), event_type)
    made = api.book(at(10), event_type, attendee=ada(email="b@x.test"))
    trigger, payload = api.webhook_events()[-1]
    assert (trigger, payload["attendeeSeatId"]) == ("BOOKING_CREATED", made["seatUid"])
    assert [one["email"] for one in payload["attendees"]] == ["b@x.test"]


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


def test_asking_a_round_robin_again_gives_the_same_booking(api):
    """The same booker, start and event type is the same booking, and no second host's."""
    event_type = api.team_event_type("roundRobin", ANA, BO)
    assert api.book(BOTH, event_type)["uid"] == api.book(BOTH, event_type)["uid"]


def test_a_collective_booking_needs_everybody(api):
    """One host is the organizer, the others are among the attendees, and one who is busy blocks all."""
    event_type = api.team_event_type("collective", ANA, BO)
    made = api.book(BOTH, event_type)
    assert [one["id"] for one in made["hosts"]] == [ANA]
    assert [one["email"] for one in made["attendees"]] == ["ada@visitors.test", "bo@sandbox.test"]
    assert made["title"] == "Demo between Sales and Ada Visitor"
    asleep = api.team_event_type("collective", ANA, CY, slug="late")
    assert api.try_book(BOTH, asleep).error == (400, TEAM_NOT_FREE)


def test_managed_parents_and_teams_without_hosts_cannot_be_booked(api):
    """A managed parent is 400, an event type without hosts 422."""
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
    made = api.book(BOTH, event_type, instant=True)
    assert made["status"] == "awaiting_host"
    assert api.triggers() == ["INSTANT_MEETING"]
