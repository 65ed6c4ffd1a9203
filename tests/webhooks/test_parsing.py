"""Parsing the bodies of webhook deliveries."""

from __future__ import annotations

import json
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from hypothesis import given, strategies as st
from test_models import losses

from calcom_async.errors import DecodeError
from calcom_async.models.webhook_payloads import (
    PAYLOADS,
    BookingPayload,
    DelegationErrorPayload,
    DelegationRotationPayload,
    InstantMeetingAcceptedPayload,
    InstantMeetingPayload,
    MeetingPayload,
    NoShowPayload,
    OutOfOfficePayload,
    RecordingPayload,
    RoutingFormPayload,
    VideoCall,
    VideoNoShowPayload,
    WebhookLanguage,
    WebhookPerson,
    WrongAssignmentPayload,
)
from calcom_async.models.webhooks import WEBHOOK_TRIGGERS
from calcom_async.webhooks import WebhookEvent, parse, verify

SECRET = "tea-and-scones"
SENT = "2031-03-03T08:00:00.123Z"
JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)

IDA = {"id": 4, "name": "Ida", "email": "ida@host.test", "username": "ida", "timeZone": "UTC"}
OZ = {"name": "Oz", "email": "oz@guest.test", "timeZone": "Asia/Tokyo", "language": {"locale": "ja"}, "utcOffset": 540}
TIMES = {"startTime": "2031-03-03T09:00:00Z", "endTime": "2031-03-03T09:30:00+00:00"}
BOOKING = {"uid": "bK1", "title": "Tea", **TIMES, "organizer": IDA, "attendees": [OZ], "bookingId": 7}

DELEGATION = {"id": "d", "workspacePlatform": "office365", "domain": "d.test", "organizationId": 1}
DELEGATION |= {"secretExpiresAt": "2031-03-03T09:00:00.000Z"}

# By trigger the payload as the facts describe it, and the class that it becomes.
SAMPLES: dict[str, tuple[type[Any], dict[str, Any]]] = {
    "BOOKING_CREATED": (BookingPayload, BOOKING | {"responses": {"name": {"label": "your_name", "value": "Oz"}}}),
    "BOOKING_REQUESTED": (BookingPayload, BOOKING | {"organizationId": None, "platformClientId": None}),
    "BOOKING_REJECTED": (BookingPayload, BOOKING | {"rejectionReason": "no tea"}),
    "BOOKING_RESCHEDULED": (
        BookingPayload,
        BOOKING
        | {"rescheduleId": 6, "rescheduleUid": "bK0", "rescheduleStartTime": "2031-03-02T09:00:00Z"}
        | {"rescheduleEndTime": "2031-03-02T09:30:00Z", "rescheduledBy": "oz@guest.test"},
    ),
    "BOOKING_CANCELLED": (
        BookingPayload,
        BOOKING
        | {"cancelledBy": "oz@guest.test", "cancellationReason": "rain", "requestReschedule": False, "price": None},
    ),
    "BOOKING_PAYMENT_INITIATED": (BookingPayload, BOOKING | {"paymentId": 3, "paymentData": {"x": 1}}),
    "BOOKING_PAID": (BookingPayload, BOOKING | {"paymentId": 3, "videoCallData": {"type": "daily_video", "id": "r"}}),
    "BOOKING_NO_SHOW_UPDATED": (
        NoShowPayload,
        {
            "message": "m",
            "bookingUid": "bK1",
            "bookingId": 7,
            "attendees": [{"email": "oz@guest.test", "noShow": True}],
        },
    ),
    "RECORDING_READY": (RecordingPayload, {"downloadLink": "https://video.test/1"}),
    "RECORDING_TRANSCRIPTION_GENERATED": (
        RecordingPayload,
        {"downloadLinks": {"transcription": [{"format": "srt", "link": "https://v.test/2"}], "recording": "https://v"}},
    ),
    "INSTANT_MEETING": (
        InstantMeetingPayload,
        {"uid": "bK1", "responses": {"name": "Oz"}, "connectAndJoinUrl": "https://j.test", "eventTypeId": 3}
        | {"eventTypeTitle": "Tea", "customInputs": []},
    ),
    "OOO_CREATED": (
        OutOfOfficePayload,
        {
            "oooEntry": {
                "id": 1,
                "uuid": "u-1",
                "start": "2031-03-03T00:00:00.000Z",
                "end": "2031-03-04T23:59:59.999Z",
                "notes": None,
                "reason": {"emoji": "🏖", "reason": "vacation"},
                "reasonId": 2,
                "user": IDA,
                "toUser": None,
            }
        },
    ),
    "FORM_SUBMITTED": (
        RoutingFormPayload,
        {"formId": "f", "formName": "F", "teamId": None, "responses": {"size": {"value": "L", "response": "L"}}},
    ),
    "FORM_SUBMITTED_NO_EVENT": (RoutingFormPayload, {"formId": "f", "responseId": 9, "redirect": {"type": "url"}}),
    "ROUTING_FORM_FALLBACK_HIT": (RoutingFormPayload, {"formId": "f", "fallbackAction": {"type": "url"}}),
    "AFTER_HOSTS_CAL_VIDEO_NO_SHOW": (VideoNoShowPayload, {"bookingUid": "bK1", "hostEmail": "ida@host.test", **TIMES}),
    "AFTER_GUESTS_CAL_VIDEO_NO_SHOW": (VideoNoShowPayload, {"bookingUid": "bK1", "guests": [], "attendees": [OZ]}),
    "BOOKING_LOCATION_UPDATED": (BookingPayload, BOOKING | {"previousLocation": "integrations:daily"}),
    "BOOKING_REASSIGNED": (BookingPayload, BOOKING | {"addedHostUserIds": [4], "removedHostUserIds": [5, 6]}),
    "CALENDAR_ENTRY_REJECTED": (BookingPayload, BOOKING),
    "INSTANT_MEETING_ACCEPTED": (
        InstantMeetingAcceptedPayload,
        {"bookingId": 7, "bookingUid": "bK1", "eventTypeId": 3, "status": "ACCEPTED", "title": "Tea", **TIMES}
        | {"organizer": IDA, "attendees": [OZ], "responses": {"name": "Oz"}, "location": "l", "metadata": {}},
    ),
    "DELEGATION_CREDENTIAL_ERROR": (
        DelegationErrorPayload,
        {
            "error": {"type": "x", "message": "m"},
            "credential": {"id": 1, "type": "google_calendar", "appId": "g", "delegationCredentialId": "d"},
            "user": {"id": 4, "email": "ida@host.test", "organizationId": 1},
        },
    ),
    "DELEGATION_CREDENTIAL_SECRET_ROTATED": (DelegationRotationPayload, {"delegationCredential": DELEGATION}),
    "DELEGATION_CREDENTIAL_ROTATION_REQUIRED": (DelegationRotationPayload, {"delegationCredential": DELEGATION}),
    "DELEGATION_CREDENTIAL_SECRET_ROTATION_FAILED": (
        DelegationRotationPayload,
        {"delegationCredential": DELEGATION, "error": {"code": "SECRET_MINT_FAILED", "message": "m"}},
    ),
    "WRONG_ASSIGNMENT_REPORT": (
        WrongAssignmentPayload,
        {
            "booking": {"uid": "bK1", "id": 7, "title": "Tea", **TIMES, "status": "ACCEPTED"}
            | {"eventType": {"id": 3, "title": "Tea", "slug": "tea", "teamId": 2}},
            "report": {
                "reportedBy": {"id": 4, "email": "ida@host.test", "name": "Ida"},
                "routingReason": "r",
                "guest": "oz@guest.test",
                "host": {"email": "ida@host.test", "name": "Ida"},
                "correctAssignee": "bo@host.test",
                "additionalNotes": None,
            },
        },
    ),
}
FLAT = ("MEETING_STARTED", "MEETING_ENDED")


def body(trigger: str = "BOOKING_CREATED", payload: Any = BOOKING, **more: Any) -> bytes:
    """Return a delivery in the usual envelope."""
    return json.dumps({"triggerEvent": trigger, "createdAt": SENT, "payload": payload, **more}).encode()


def test_recorded_deliveries(shared):
    """Every signed recorded delivery verifies, and no key or value of a payload is lost."""
    real = shared / "reference" / "real"
    files = sorted([*real.glob("webhook_delivery_*.json"), *real.glob("organisations/webhook_delivery_*.json")])
    assert len(files) == 7
    unsigned = []
    for file in files:
        recorded = json.loads(file.read_bytes())
        headers, raw = dict(recorded["headers"]), recorded["raw_body"].encode()
        if headers["X-Cal-Signature-256"] == "no-secret-provided":
            unsigned.append(file.stem)
        else:
            verify(raw, headers["X-Cal-Signature-256"], recorded["secret"])
        event = parse(raw, headers["Content-Type"])
        strict = msgspec.convert(recorded["json"]["payload"], BookingPayload)
        assert (event.payload, event.raw) == (strict, recorded["json"])
        assert losses(recorded["json"]["payload"], event.payload) == []
        assert (event.trigger, event.uid) == (recorded["json"]["triggerEvent"], recorded["json"]["payload"]["uid"])
        assert event.created_at == datetime.fromisoformat(recorded["json"]["createdAt"])
    assert unsigned == ["webhook_delivery_org_01_BOOKING_CREATED"]


def test_every_trigger_has_a_sample():
    """Every trigger has a sample here, and a payload class unless its payload is a plain object."""
    assert {*SAMPLES, *FLAT} == set(WEBHOOK_TRIGGERS)
    assert PAYLOADS.keys() == set(WEBHOOK_TRIGGERS)
    assert len(WEBHOOK_TRIGGERS) == 28


@pytest.mark.parametrize("trigger", SAMPLES)
def test_payloads_are_typed(trigger):
    """Each trigger's payload has its class, no value is lost, and `raw` is the whole body."""
    kind, payload = SAMPLES[trigger]
    event = parse(body(trigger, payload))
    assert type(event.payload) is kind
    assert losses(payload, event.payload) == []
    assert (event.trigger, event.created_at) == (trigger, datetime(2031, 3, 3, 8, 0, 0, 123000, UTC))
    assert event.raw == json.loads(body(trigger, payload))


@pytest.mark.parametrize("trigger", FLAT)
@pytest.mark.parametrize("wrapped", [False, True])
def test_payloads_without_envelope(trigger, wrapped):
    """The body of a meeting trigger is the payload itself, with or without an envelope."""
    row = {"id": 7, "uid": "bK1", "title": "Tea", **TIMES, "createdAt": SENT, "user": IDA, "responses": {"name": "Oz"}}
    event = parse(body(trigger, row) if wrapped else json.dumps({"triggerEvent": trigger, **row}).encode())
    assert isinstance(event.payload, MeetingPayload)
    assert losses(row, event.payload) == []
    assert event.key == f"{trigger} bK1 {SENT}"


def test_form_answers_in_the_raw_body():
    """The answers that a form's delivery repeats at its root are in `raw`."""
    _, payload = SAMPLES["FORM_SUBMITTED"]
    assert parse(body("FORM_SUBMITTED", payload, size="L")).raw["size"] == "L"


def test_unknown_triggers_and_fields():
    """The payload of an unknown trigger is kept as it is, and an unknown field is in `raw`."""
    event = parse(body("BOOKING_PAINTED", {"uid": "bK1", "where": [1]}))
    assert (event.trigger, event.payload, event.uid) == (
        "BOOKING_PAINTED",
        {"uid": "bK1", "where": [1]},
        "bK1",
    )
    assert parse(body(payload=BOOKING | {"mood": "merry"})).raw["payload"]["mood"] == "merry"


@pytest.mark.parametrize("payload", [None, [], "text", {}])
def test_a_missing_payload(payload):
    """An event with a null or odd payload has fields that are None or empty."""
    event = parse(body(payload=payload))
    assert isinstance(event.payload, BookingPayload)
    assert (event.payload.uid, event.payload.start_time, event.payload.attendees) == (None, None, [])
    assert event.raw["payload"] == payload


@pytest.mark.parametrize("value", [None, {"odd": [1]}, "soon", -1.5])
def test_a_field_of_a_wrong_type(value):
    """A value of a wrong type affects no other field, and is in `raw`."""
    whole = msgspec.structs.asdict(parse(body()).payload)
    for field in msgspec.structs.fields(BookingPayload):
        event = parse(body(payload=BOOKING | {field.encode_name: value}))
        payload = msgspec.structs.asdict(event.payload)
        assert payload | {field.name: None} == whole | {field.name: None}
        assert event.raw["payload"][field.encode_name] == value


def test_an_invalid_created_at():
    """An unreadable `createdAt` is None, and is still part of the key."""
    event = parse(json.dumps({"triggerEvent": "BOOKING_CREATED", "createdAt": "just now", "payload": BOOKING}).encode())
    assert event.created_at is None
    assert event.key == "BOOKING_CREATED bK1 just now"


@pytest.mark.parametrize(
    ("text", "content_type", "payload"),
    [
        ("title=Tea & cake", "application/x-www-form-urlencoded", "title=Tea & cake"),
        ("12", "application/x-www-form-urlencoded", "12"),
        ('{"price": 12}', "application/x-www-form-urlencoded; charset=utf-8", {"price": 12}),
        ("{Tea}", "application/x-www-form-urlencoded", "{Tea}"),
        ('{"text": "Tea"}', "Application/JSON; charset=utf-8", {"text": "Tea"}),
        ("[1]", "application/json", [1]),
        ("", "", ""),
    ],
)
def test_templates(text, content_type, payload):
    """The output of a payload template is JSON or text, without trigger and key."""
    event = parse(text.encode(), content_type)
    assert (event.trigger, event.payload, event.raw, event.key, event.uid) == ("", payload, payload, None, None)


def test_a_template_with_a_trigger():
    """A template that has a trigger and the names of the payload's fields is typed."""
    event = parse(b'{"triggerEvent": "BOOKING_CREATED", "uid": "bK1", "title": "Tea"}')
    assert (event.payload.uid, event.payload.title, event.payload.end_time) == ("bK1", "Tea", None)
    assert event.key is None


def payload_of_template(**values: str) -> Any:
    """Return the payload of a template that has a trigger and these values as text."""
    return parse(json.dumps({"triggerEvent": "BOOKING_CREATED", **values}).encode()).payload


def test_numbers_as_text():
    """Texts are converted to numbers and flags where the model has them; others are None."""
    payload = payload_of_template(
        bookingId="9001", length=" 30 ", price="12.5", requiresConfirmation="true", seatsPerTimeSlot="x"
    )
    assert (payload.booking_id, payload.length, payload.price, payload.requires_confirmation) == (9001, 30, 12.5, True)
    assert payload.seats_per_time_slot is None
    for odd in ("", "nan", "inf", "-inf", "1e999", "9" * 5000, "0x10", "[object Object]"):
        payload = payload_of_template(bookingId=odd, price=odd, title=odd, startTime=odd)
        assert (payload.booking_id, payload.price, payload.title, payload.start_time) == (None, None, odd, None)
    assert payload_of_template(title="7", startTime="1893456000").start_time is None, "no time is made of a number"


def test_people_as_text():
    """A text in place of a person is an email address or a name, and one person in place of a list is a list of one."""
    payload = payload_of_template(attendees="bo@example.com", organizer="Ana")
    assert payload.attendees == [WebhookPerson(email="bo@example.com")]
    assert payload.organizer == WebhookPerson(name="Ana")
    for nobody in ("", " ", "[object Object]"):
        payload = payload_of_template(attendees=nobody, organizer=nobody)
        assert (payload.attendees, payload.organizer) == ([], None)
    assert parse(body(payload=BOOKING | {"attendees": OZ})).payload.attendees == parse(body()).payload.attendees


def test_odd_items_of_lists():
    """An odd attendee, member or answer is read as far as possible or dropped; the others are unchanged."""
    team = {"id": "5", "name": "T", "members": [IDA, 7, {"name": "Cy", "utcOffset": "soon"}]}
    people = [OZ, {"name": "Cy", "email": "cy@guest.test", "language": "en"}, 7, None, [], "di@guest.test"]
    answers = {"name": {"label": "your_name", "value": "Oz"}, "note": "plain", "size": None, "odd": {"label": 3}}
    event = parse(body(payload=BOOKING | {"attendees": people, "responses": answers, "team": team}))
    whole = parse(body()).payload
    assert [item.email for item in event.payload.attendees] == ["oz@guest.test", "cy@guest.test", "di@guest.test"]
    assert (event.payload.attendees[0], event.payload.start_time) == (whole.attendees[0], whole.start_time)
    assert event.payload.attendees[1].language == WebhookLanguage(locale="en")
    assert (event.payload.team.id, [item.name for item in event.payload.team.members]) == (5, ["Ida", "Cy"])
    assert {name: item.value for name, item in event.payload.responses.items()} == {
        "name": "Oz",
        "note": "plain",
        "size": None,
        "odd": None,
    }
    assert event.raw["payload"]["attendees"] == people


@pytest.mark.parametrize(
    ("raw", "content_type", "match"),
    [
        (b"{", "application/json", "is not JSON, although its content type is"),
        (b"", "application/json", "is not JSON, although its content type is"),
        (b"[" * 100_000, "application/json", "is not JSON, although its content type is"),
        (b"[" * 101 + b"]" * 101, "application/json", "nested deeper than 100 levels"),
        (b'{"a":' * 500 + b"1" + b"}" * 500, "text/plain", "nested deeper than 100 levels"),
        (b"\xff", "text/plain", "neither JSON nor UTF-8 text"),
        (b"{\xff", "application/x-www-form-urlencoded", "neither JSON nor UTF-8 text"),
    ],
)
def test_unreadable_bodies(raw, content_type, match):
    """A body that is neither JSON nor text is a DecodeError."""
    with pytest.raises(DecodeError, match=match):
        parse(raw, content_type)


@given(JSON_VALUES | st.fixed_dictionaries({"triggerEvent": st.sampled_from(WEBHOOK_TRIGGERS), "payload": JSON_VALUES}))
def test_any_json_is_an_event(value):
    """Any JSON is an event with all of it, a repr, and a key or None; or a DecodeError."""
    raw = json.dumps(value).encode()
    try:
        event = parse(raw)
    except DecodeError:
        with pytest.raises(msgspec.DecodeError):  # such as a number out of range, or half of a surrogate pair
            msgspec.json.decode(raw)
        return
    assert isinstance(event, WebhookEvent)
    assert event.raw == value
    assert isinstance(repr(event), str)
    assert event.key is None or event.key.startswith(event.trigger)


@given(st.binary(), st.sampled_from(["application/json", "application/x-www-form-urlencoded", ""]))
def test_any_bytes_are_an_event_or_a_decode_error(raw, content_type):
    """Any bytes are an event or a DecodeError."""
    with suppress(DecodeError):
        assert isinstance(parse(raw, content_type), WebhookEvent)


# --- keys and reprs


def test_keys():
    """Duplicates have equal keys; another time, booking, trigger or seat has another key.

    Without uid the whole body counts.
    """
    key = parse(body()).key
    assert key == f"BOOKING_CREATED bK1 {SENT}" == parse(body(payload=BOOKING | {"title": "Cake"})).key
    others = [
        body("BOOKING_PAID"),
        body(createdAt="2031-03-03T08:00:00.124Z"),
        body(payload=BOOKING | {"uid": "bK2"}),
        body(payload=BOOKING | {"attendeeSeatId": "s1"}),
        body(payload=BOOKING | {"attendeeSeatId": "s2"}),
        body(payload=BOOKING | {"seatsPerTimeSlot": 3}),
        body(payload=BOOKING | {"seatsPerTimeSlot": 3, "attendees": [IDA]}),
        body("BOOKING_NO_SHOW_UPDATED", SAMPLES["BOOKING_NO_SHOW_UPDATED"][1]),
        body("OOO_CREATED", {"oooEntry": {"id": 1}}),
        body("OOO_CREATED", {"oooEntry": {"id": 2}}),
        body("NEW", []),
    ]
    assert parse(others[7]).uid == "bK1", "also where the field has another name"
    keys = [parse(key).key for key in others]
    assert len({key, *keys}) == len(others) + 1
    assert None not in keys


def test_reprs_contain_no_passwords():
    """The repr of an event has its key and no payload; that of a payload masks passwords."""
    secret = {"oneTimePassword": "otp-1", "videoCallData": {"type": "x", "password": "pw-2", "url": "https://r.test"}}
    event = parse(body(payload=BOOKING | secret))
    assert repr(event) == f"<WebhookEvent BOOKING_CREATED bK1 {SENT}>"
    assert isinstance(event.payload.video_call_data, VideoCall)
    assert (event.payload.one_time_password, event.payload.video_call_data.password) == ("otp-1", "pw-2")
    assert "https://r.test" in repr(event.payload)
    assert not any(word in repr(event.payload) for word in ("otp-1", "pw-2"))
    assert repr(parse(b"x", "")) == "<WebhookEvent of a payload template>"


def test_an_older_instant_meeting_is_a_notification():
    """Servers of 2025 send the texts of a browser notification instead of the booking."""
    payload = {"title": "Oz waits", "body": "now", "url": "https://j.test"}
    event = parse(body("INSTANT_MEETING", payload))
    assert losses(payload, event.payload) == []
    assert event.uid is None


def test_members_of_live_deliveries_are_read():
    """Members that a delivery of September 2026 had and no page documents are fields of the payload."""
    live = {
        "eventTypeTitle": "Tea",
        "privateNoteEnabled": False,
        "privateNoteMode": None,
        "disableReschedulingScope": "HOST_AND_ATTENDEE",
        "disableCancellingScope": "HOST_AND_ATTENDEE",
        "recurrenceTimeZone": "Europe/Rome",
        "recurringEvent": {"freq": 2, "count": 3, "interval": 1},
        "attendeeIcsContent": "BEGIN:VCALENDAR",
        "attendees": [OZ | {"bookingSeat": None}],
        "organizer": IDA | {"timeFormat": 12},
    }
    assert losses(BOOKING | live, parse(body(payload=BOOKING | live)).payload) == []


def test_a_reported_booking_names_its_uid():
    """`uid` of a wrong assignment is that of the booking in it."""
    assert parse(body(*("WRONG_ASSIGNMENT_REPORT", SAMPLES["WRONG_ASSIGNMENT_REPORT"][1]))).uid == "bK1"
