"""Models: responses are read completely, and requests are written in the API's format."""

from __future__ import annotations

import ast
import importlib
import inspect
import json
import pickle
import pkgutil
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta, timezone
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import pytest

from calcom_async import InvalidRequestError, models, responses
from calcom_async.models import (
    DISABLED,
    Attendee,
    Availability,
    Booking,
    BookingLimits,
    BookingLocation,
    BookingWindow,
    CancelBooking,
    ConnectedCalendars,
    CreateBooking,
    CreateEventType,
    CreateSchedule,
    CreateTeam,
    CreateTeamEventType,
    CreateWebhook,
    EventType,
    Host,
    Location,
    ManagedOrganization,
    ManagedUserTokens,
    OAuth2Tokens,
    Override,
    Recording,
    RescheduleBooking,
    ReserveSlot,
    Schedule,
    Slot,
    UpdateEventType,
    UpdateMe,
    UpdateSchedule,
    UpdateTeamEventType,
    UpdateWebhook,
    Webhook,
    Weekday,
)
from calcom_async.models._base import CONTAINERS
from calcom_async.requests import encode

BOOKING: dict[str, Any] = {
    "id": 7,
    "uid": "fZ3kQ8wTnB5yLxD2mR6cVa",
    "title": "Tea between Ida and Oz",
    "description": "",
    "hosts": [{"id": "unknown", "name": "Ida", "email": "ida@host.test", "username": "ida"}],
    "status": "accepted",
    "cancellationReason": "",
    "start": "2031-03-03T09:00:00.000Z",
    "end": "2031-03-03T09:30:00.000Z",
    "duration": 30,
    "eventTypeId": None,
    "eventType": None,
    "location": None,
    "absentHost": False,
    "createdAt": "2031-02-01T10:00:00.000Z",
    "updatedAt": None,
    "rating": None,
    "attendees": [{"name": "Oz", "email": "oz@guest.test", "timeZone": "UTC", "language": "xx", "absent": False}],
    "bookingFieldsResponses": {"name": "Oz", "email": "oz@guest.test"},
}
EVENT_TYPE: dict[str, Any] = {"id": 1, "title": "Tea", "slug": "tea", "lengthInMinutes": 30}
NOON = datetime(2031, 3, 3, 12, tzinfo=UTC)
OZ = Attendee(name="Oz", email="oz@guest.test", time_zone="UTC")


def read(data: Any, model: Any) -> Any:
    """Decode Python values as the client decodes JSON."""
    return msgspec.json.decode(json.dumps(data), type=model)


def sent(body: Any) -> Any:
    """Return a body as the server receives it."""
    return json.loads(encode(body))


def losses(raw: Any, value: Any, where: str = "$") -> list[str]:
    """Return the differences between JSON and the value that was decoded from it."""
    if isinstance(value, msgspec.Struct):
        return _losses_of_struct(raw, value, where)
    if isinstance(raw, dict) and isinstance(value, dict) and raw.keys() == set(map(str, value)):  # keys may be dates
        items = ((str(key), item) for key, item in value.items())
        return [loss for key, item in items for loss in losses(raw[key], item, f"{where}.{key}")]
    if isinstance(raw, list) and isinstance(value, list) and len(raw) == len(value):
        return [loss for index, item in enumerate(raw) for loss in losses(item, value[index], f"{where}[{index}]")]
    if isinstance(value, datetime):
        same = value.utcoffset() is not None and datetime.fromisoformat(raw) == value
    elif isinstance(value, date):
        same = value.isoformat() == raw
    else:
        same = raw == value or (raw == {} and value is None)
    return [] if same else [f"{where}: {raw!r} became {value!r}"]


def _losses_of_struct(raw: dict[str, Any], value: msgspec.Struct, where: str) -> list[str]:
    fields = dict(zip(value.__struct_encode_fields__, value.__struct_fields__, strict=True))
    unknown = [f"{where}.{key} has no field" for key in raw.keys() - fields.keys()]
    known = raw.keys() & fields.keys()
    return unknown + [loss for key in known for loss in losses(raw[key], getattr(value, fields[key]), f"{where}.{key}")]


def test_losses_are_detected():
    """The check of recorded responses detects a missing field and a changed value."""
    booking = read(BOOKING, Booking)
    assert losses(BOOKING, booking) == []
    assert losses({**BOOKING, "brandNew": 1}, booking) == ["$.brandNew has no field"]
    assert losses({**BOOKING, "title": "x"}, booking) == ["$.title: 'x' became 'Tea between Ida and Oz'"]


# Days and times


@pytest.mark.parametrize("day", [0, "Sunday", "sunday", Weekday.SUNDAY])
def test_weekdays(day):
    """0 is Sunday; members and names in any case are the same day."""
    assert Weekday.of(day) is Weekday.SUNDAY


@pytest.mark.parametrize("bad", [7, -1, "Sun", "", 1.5, None])
def test_an_invalid_weekday(bad):
    """The error shows the accepted forms."""
    with pytest.raises(ValueError, match=r"must be 0\.\.6 \(0 = Sunday\)"):
        Weekday.of(bad)


@pytest.mark.parametrize("days", [[1, 6], ["Monday", "saturday"], (Weekday.MONDAY, 6), range(1, 7, 5)])
def test_availability(days):
    """Days and times are sent in the API's format, in whatever form they are given."""
    body = Availability(days=days, start_time=time(9), end_time="17:30")
    assert sent(body) == {"days": ["Monday", "Saturday"], "startTime": "09:00", "endTime": "17:30"}
    assert all(isinstance(day, Weekday) for day in body.days)


def nine_to_five(days: Any) -> Availability:
    return Availability(days=days, start_time="09:00", end_time="17:00")


SCHEDULE_BODIES = (UpdateSchedule, partial(CreateSchedule, name="h", time_zone="UTC"))


@pytest.mark.parametrize("body", SCHEDULE_BODIES)
@pytest.mark.parametrize("bad", ["9:00", "24:00", "09:00:00", "12:60", 9, None, time(9, 0, 1), time(9, tzinfo=UTC)])
def test_an_invalid_time_of_day(bad, body):
    """Anything but HH:MM from 00:00 to 23:59 or a naive time of whole minutes is an error that names the field."""
    until = {"start_time": "08:00", "end_time": bad}
    with pytest.raises(InvalidRequestError, match="end_time"):
        body(availability=[Availability(days=[1], **until)])
    with pytest.raises(InvalidRequestError, match="end_time"):
        body(overrides=[Override(date="2031-12-24", **until)])


@pytest.mark.parametrize("body", SCHEDULE_BODIES)
@pytest.mark.parametrize(
    ("fields", "message"),
    [
        (
            {"availability": [Availability(days="Monday", start_time="09:00", end_time="17:00")]},
            r"such as \['Monday'\]",
        ),
        ({"availability": [Availability(days=None, start_time="09:00", end_time="17:00")]}, "days must be a list"),
        ({"availability": [Availability(days=[True], start_time="09:00", end_time="17:00")]}, "a weekday must be"),
        ({"availability": [Availability(days=["Mon"], start_time="09:00", end_time="17:00")]}, "a weekday must be"),
        ({"availability": {"days": [1]}}, "availability must be a list of Availability"),
        ({"overrides": [{"date": "2031-12-24"}]}, "overrides must be a list of Override"),
        ({"overrides": [Override.day_off("24 December")]}, "date must be a date"),
        ({"overrides": [Override.day_off(5)]}, "date must be a date"),
    ],
)
def test_invalid_days_and_dates(fields, message, body):
    """Invalid days, dates and lists raise when the body is created."""
    with pytest.raises(InvalidRequestError, match=message):
        body(**fields)


@pytest.mark.parametrize(
    ("odd", "read_as"),
    [
        ({"endTime": None}, {"end_time": None}),
        ({"endTime": "24:00"}, {"end_time": "24:00"}),
        ({"startTime": "09:00:00"}, {"start_time": "09:00:00"}),
        ({"startTime": 9}, {"start_time": None}),
        ({"days": None}, {"days": None}),
        ({"days": [None, "Monday", "Holiday", 3]}, {"days": [Weekday.MONDAY]}),
        ({"days": "Monday"}, {"days": None}),
    ],
)
def test_odd_hours_of_a_response(odd, read_as):
    """Hours in a response are not validated; a value of a wrong type is None."""
    sent = {"days": ["Monday"], "startTime": "09:00", "endTime": "17:00"}
    row = {"id": 1, "ownerId": 1, "name": "W", "timeZone": "UTC", "isDefault": True, "overrides": [{"date": "x"}, None]}
    body = json.dumps({"data": {**row, "availability": [sent, sent | odd]}}).encode()
    schedule = responses.read(Schedule, responses.Response(200, {}, body))
    assert schedule.availability == [nine_to_five([1]), msgspec.structs.replace(nine_to_five([1]), **read_as)]
    assert schedule.overrides == []


@pytest.mark.parametrize("day", ["2031-12-24", date(2031, 12, 24), datetime(2031, 12, 24, 9, tzinfo=UTC)])
def test_overrides_are_dates(day):
    """A date, its text, and the date of a datetime are the same override; a day off is 00:00 to 00:00."""
    off = Override.day_off(day)
    assert sent(off) == {"date": "2031-12-24", "startTime": "00:00", "endTime": "00:00"}
    assert read(sent(off), Override) == off


def test_week_start():
    """A week start is sent as English name, in whatever form it is given."""
    assert sent(UpdateMe(week_start=1)) == {"weekStart": "Monday"}
    assert sent(CreateTeam(name="Tea", week_start="sunday")) == {"name": "Tea", "weekStart": "Sunday"}


@pytest.mark.parametrize("naive", [datetime(2031, 3, 3, 12), date(2031, 3, 3), "2031-03-03T12:00:00", None])  # noqa: DTZ001
@pytest.mark.parametrize(
    ("body", "field", "rest"),
    [
        (CreateBooking, "start", {"attendee": OZ, "event_type_id": 1}),
        (RescheduleBooking, "start", {}),
        (ReserveSlot, "slot_start", {"event_type_id": 1}),
    ],
)
def test_a_naive_datetime_in_a_body(body, field, rest, naive):
    """A naive datetime is an error that names the field, because the server would read it as UTC."""
    with pytest.raises(InvalidRequestError, match=f"^{field} (must have a time zone|must be a datetime)"):
        body(**{field: naive}, **rest)


def test_datetimes_of_a_body():
    """Aware datetimes and ISO 8601 texts are sent in UTC, and read back as the same time."""
    start = NOON.astimezone(timezone(timedelta(hours=2)))
    assert sent(RescheduleBooking(start=start)) == {"start": "2031-03-03T12:00:00Z"}
    assert sent(RescheduleBooking(start="2031-03-03T14:00:00+02:00")) == {"start": "2031-03-03T12:00:00Z"}
    assert read({"start": "2031-03-03T14:00:00.000+02:00"}, Slot).start == NOON


# Bodies


BODIES = [
    (UpdateMe(), {}),
    (UpdateMe(bio=None, name="Ida"), {"bio": None, "name": "Ida"}),
    (UpdateSchedule(availability=[]), {"availability": []}),
    (CreateSchedule(name="h", time_zone="UTC"), {"name": "h", "timeZone": "UTC", "isDefault": False}),
    (UpdateEventType(schedule_id=None, slot_interval=0), {"scheduleId": None, "slotInterval": 0}),
    (
        CreateEventType(title="T", slug="t", length_in_minutes=30, locations=[Location.video()], seats=DISABLED),
        {
            "title": "T",
            "slug": "t",
            "lengthInMinutes": 30,
            "locations": [{"type": "integration", "integration": "cal-video"}],
            "seats": {"disabled": True},
        },
    ),
    (
        UpdateEventType(booking_window=DISABLED, booking_limits_count=BookingLimits(day=2)),
        {"bookingWindow": {"disabled": True}, "bookingLimitsCount": {"day": 2}},
    ),
    (
        UpdateTeamEventType(hosts=[Host(user_id=3, mandatory=False)]),
        {"hosts": [{"userId": 3, "mandatory": False}]},
    ),
    (
        CreateBooking(
            start=NOON, attendee=OZ, event_type_id=1, location=BookingLocation(type="attendeePhone", phone="+1")
        ),
        {
            "start": "2031-03-03T12:00:00Z",
            "attendee": {"name": "Oz", "timeZone": "UTC", "email": "oz@guest.test"},
            "eventTypeId": 1,
            "location": {"type": "attendeePhone", "phone": "+1"},
        },
    ),
    (CancelBooking(), {}),
    (
        CancelBooking(reason="ill", cancel_subsequent=True),
        {"cancellationReason": "ill", "cancelSubsequentBookings": True},
    ),
    (
        RescheduleBooking(start=NOON, reason="ill", rescheduled_by="oz@guest.test"),
        {"start": "2031-03-03T12:00:00Z", "rescheduledBy": "oz@guest.test", "reschedulingReason": "ill"},
    ),
    (
        CreateWebhook(subscriber_url="https://x.test", triggers=["BOOKING_CREATED"]),
        {"subscriberUrl": "https://x.test", "triggers": ["BOOKING_CREATED"], "active": True},
    ),
    (UpdateWebhook(active=False), {"active": False}),
]


@pytest.mark.parametrize(
    ("body", "wire"), BODIES, ids=[f"{type(body).__name__}-{i}" for i, (body, _) in enumerate(BODIES)]
)
def test_values_and_null_of_a_body(body, wire):
    """Values are sent, None is null where null has a meaning, and UNSET is omitted."""
    assert sent(body) == wire
    assert sent(read(wire, type(body))) == wire


@pytest.mark.parametrize(
    ("scheduling_type", "wire"),
    [
        ("COLLECTIVE", "collective"),
        ("ROUND_ROBIN", "roundRobin"),
        ("round-robin", "roundRobin"),
        ("roundRobin", "roundRobin"),
        ("MANAGED", "managed"),
        ("somethingNew", "somethingNew"),
    ],
)
def test_scheduling_types(scheduling_type, wire):
    """The database's spelling is converted; an unknown type is kept."""
    created = CreateTeamEventType(title="T", slug="t", length_in_minutes=30, scheduling_type=scheduling_type)
    assert sent(created)["schedulingType"] == wire
    assert sent(UpdateTeamEventType(scheduling_type=scheduling_type)) == {"schedulingType": wire}


def test_an_attendee_without_contact():
    """An attendee without email and phone number is rejected before a request is sent."""
    with pytest.raises(ValueError, match="needs an email or a phone_number"):
        Attendee(name="Oz", time_zone="UTC")
    assert sent(Attendee(name="Oz", time_zone="UTC", phone_number="+1"))["phoneNumber"] == "+1"


# Responses


def test_new_fields_and_values_of_a_response():
    """Unknown fields are ignored and unknown enum values kept."""
    booking = read({**BOOKING, "status": "on_hold", "brandNew": {"a": [1]}}, Booking)
    assert booking.status == "on_hold"
    hook = read({"id": "u", "subscriberUrl": "x", "active": True, "triggers": ["BRAND_NEW"]}, Webhook)
    assert hook.triggers == ["BRAND_NEW"]


def test_types_of_a_response():
    """Times are aware datetimes, missing values are None, and a duration of half a minute is read."""
    booking = read({**BOOKING, "duration": 30.5}, Booking)
    assert booking.start == datetime(2031, 3, 3, 9, tzinfo=UTC)
    assert (booking.duration, booking.guests, booking.rescheduled_to_uid) == (30.5, None, None)
    assert booking.hosts[0].id == "unknown"


def test_strict_decoding():
    """A text in place of a number does not decode."""
    with pytest.raises(msgspec.ValidationError, match=r"\$\.id"):
        read({**BOOKING, "id": "7"}, Booking)


SEATED = {key: value for key, value in BOOKING.items() if key != "bookingFieldsResponses"}


@pytest.mark.parametrize(
    ("raw", "true"),
    [
        (BOOKING, {"is_accepted"}),
        ({**BOOKING, "status": "pending"}, {"is_pending"}),
        ({**BOOKING, "status": "rejected"}, {"is_rejected"}),
        ({**BOOKING, "status": "cancelled", "rescheduledToUid": "x"}, {"is_cancelled", "is_rescheduled"}),
        ({**BOOKING, "recurringBookingUid": "x"}, {"is_accepted", "is_recurring"}),
        ({**SEATED, "seatUid": "x", "attendees": []}, {"is_accepted", "is_seated"}),
        ({**SEATED, "attendees": []}, {"is_accepted", "is_seated"}),
    ],
)
def test_kinds_of_bookings(raw, true):
    """The four shapes of a booking are one class with a property for each."""
    booking = read(raw, Booking)
    properties = {name for name, _ in inspect.getmembers(Booking, lambda member: isinstance(member, property))}
    assert {name for name in properties if getattr(booking, name)} == true


@pytest.mark.parametrize(
    ("extra", "kind"),
    [
        ({}, (False, False, False)),
        ({"recurrence": None, "seats": {"disabled": True}, "confirmationPolicy": {"disabled": True}}, (False,) * 3),
        (
            {"recurrence": {"disabled": False, "interval": 1, "occurrences": 4, "frequency": "weekly"}},
            (True, False, False),
        ),
        ({"seats": {"disabled": False, "seatsPerTimeSlot": 5}}, (False, True, False)),
        ({"confirmationPolicy": {"type": "always"}}, (False, False, True)),
    ],
)
def test_settings_that_are_off(extra, kind):
    """Null, missing and `{"disabled": true}` mean that a setting is off."""
    event_type = read({**EVENT_TYPE, **extra}, EventType)
    assert (event_type.is_recurring, event_type.is_seated, event_type.needs_confirmation) == kind


@pytest.mark.parametrize("wire", [{"type": "calendarDays", "value": 5}, [{"type": "calendarDays", "value": 5}]])
def test_a_booking_window_in_a_list(wire):
    """The specification declares a list, servers send an object, and both are read as one object."""
    window = BookingWindow(type="calendarDays", value=5)
    assert read({**EVENT_TYPE, "bookingWindow": wire}, EventType).booking_window == window
    assert read({**EVENT_TYPE, "bookingWindow": []}, EventType).booking_window is None


def test_an_empty_destination_calendar():
    """The empty object that the server sends is None."""
    assert read({"connectedCalendars": [], "destinationCalendar": {}}, ConnectedCalendars).destination_calendar is None


def test_timestamps_as_datetimes():
    """Timestamps in seconds and in milliseconds are also available as datetimes."""
    pair = ManagedUserTokens(
        access_token="a", refresh_token="r", access_token_expires_at=1_000, refresh_token_expires_at=2_000
    )
    assert (pair.access_expires.timestamp(), pair.refresh_expires.timestamp()) == (1, 2)
    recording = Recording(id="i", room_name="r", start_ts=3, status="finished", duration=1)
    assert recording.started_at == datetime(1970, 1, 1, 0, 0, 3, tzinfo=UTC)


@pytest.mark.parametrize("timestamp", [None, 10**15, 10**20, -(10**20), 10**400, 1e300])
def test_a_timestamp_out_of_range(timestamp):
    """A timestamp that is out of range of a datetime is None as datetime."""
    pair = ManagedUserTokens(
        access_token="a", refresh_token="r", access_token_expires_at=timestamp, refresh_token_expires_at=timestamp
    )
    recording = Recording(id="i", room_name="r", start_ts=timestamp, status="finished", duration=1)
    assert (pair.access_expires, pair.refresh_expires, recording.started_at) == (None, None, None)


@pytest.mark.parametrize(
    "value",
    [
        read(BOOKING, Booking),
        read({**EVENT_TYPE, "seats": {"disabled": True}}, EventType),
        UpdateMe(bio=None),
        CreateEventType(title="T", slug="t", length_in_minutes=30, recurrence=DISABLED),
        Availability(days=[1], start_time="09:00", end_time="17:00"),
        Webhook(id="u", subscriber_url="x", active=True, triggers=[], secret="s3cret"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_models_can_be_pickled(value):
    """A pickled model is equal to the original, UNSET included."""
    assert pickle.loads(pickle.dumps(value)) == value


WITH_SECRETS = [
    Webhook(id="u", subscriber_url="x", active=True, triggers=[], secret="hush"),
    CreateWebhook(subscriber_url="x", triggers=[], secret="hush"),
    ManagedUserTokens(access_token="hush", refresh_token="hush", access_token_expires_at=1, refresh_token_expires_at=2),
    read({"access_token": "hush", "token_type": "bearer", "refresh_token": "hush", "expires_in": 1}, OAuth2Tokens),
    ManagedOrganization(id=1, name="n", api_key="hush"),
]


@pytest.mark.parametrize("value", WITH_SECRETS, ids=lambda value: type(value).__name__)
def test_secrets_are_not_printed(value):
    """Neither repr nor rich's repr shows a secret; other fields are shown, and all are sent."""
    assert "hush" not in repr(value)
    assert "hush" not in repr(list(value.__rich_repr__()))
    assert "'***'" in repr(value)
    assert "hush" in json.dumps(sent(value))


# Dicts


PLAIN_TYPES = {dict, list, str, int, float, bool, datetime, date, type(None)}


def values_in(value: Any) -> Iterator[Any]:
    """Yield a value and everything in it."""
    yield value
    if isinstance(value, dict):
        value = [*value, *value.values()]
    for item in value if isinstance(value, list) else ():
        yield from values_in(item)


def test_a_model_as_a_dict():
    """Keys are Python names at every level, times stay `datetime`, and fields without a value are None."""
    row = read(BOOKING, Booking).to_dict()
    assert list(row) == list(Booking.__struct_fields__)
    assert row["start"] == datetime(2031, 3, 3, 9, tzinfo=UTC)
    assert row["event_type"] is None
    assert row["hosts"][0]["username"] == "ida"
    assert row["attendees"][0]["time_zone"] == "UTC"
    assert row["booking_fields_responses"] == BOOKING["bookingFieldsResponses"]


def test_dicts_have_only_plain_values():
    """Models and enumerations are converted in lists and dicts too."""
    schedule = CreateSchedule(
        name="h", time_zone="UTC", availability=[Availability(days=[1], start_time="09:00", end_time="17:00")]
    )
    payload = models.BookingPayload(
        uid="u", title="t", start_time=NOON, end_time=NOON, responses={"team": models.WebhookFieldResponse(value="a")}
    )
    for model in (schedule, payload):
        assert {type(value) for value in values_in(model.to_dict())} <= PLAIN_TYPES
    assert schedule.to_dict()["availability"][0]["days"] == ["Monday"]
    assert payload.to_dict()["responses"] == {"team": {"label": None, "value": "a", "is_hidden": None}}


def test_every_model_has_a_dict():
    """Every public class that is a struct has `to_dict`."""
    structs = [model for model in public_classes() if issubclass(model, msgspec.Struct)]
    assert structs
    assert [model for model in structs if not issubclass(model, models.Model)] == []


def test_a_dict_leaves_out_fields_that_are_not_set():
    """`UNSET` is no value of JSON or of a table, so the field is left out; null is kept."""
    row = UpdateMe(bio=None).to_dict()
    assert row["bio"] is row["email"] is None
    assert "name" not in row


@pytest.mark.parametrize("value", WITH_SECRETS, ids=lambda value: type(value).__name__)
def test_a_dict_leaves_out_secrets(value):
    """Dicts are printed and stored, so they have the fields without the secrets."""
    assert value.to_dict().keys() == set(value.__struct_fields__) - value.secret_fields
    assert "hush" not in str(value.to_dict())


def test_a_dict_with_deep_json():
    """JSON of any depth is kept, also if it is too deep for recursion."""
    deep: dict[str, Any] = {}
    for _ in range(5_000):
        deep = {"a": deep}
    row = msgspec.structs.replace(read(BOOKING, Booking), metadata=deep).to_dict()
    assert row["metadata"]["a"]["a"] is deep["a"]["a"]


def containers(kind: msgspec.inspect.Type) -> int:
    """Return the largest number of lists and dicts around a model or an enumeration; 0 for other types."""
    if isinstance(kind, msgspec.inspect.StructType | msgspec.inspect.EnumType):
        return 1
    if isinstance(kind, msgspec.inspect.UnionType):
        return max(map(containers, kind.types))
    parts = [getattr(kind, name) for name in ("item_type", "key_type", "value_type") if hasattr(kind, name)]
    inside = max(map(containers, parts), default=0)
    return inside + 1 if inside else 0


def test_the_depth_of_models():
    """No field has more containers around a model than `to_dict` converts."""
    depths = set()
    for model in public_classes():
        if issubclass(model, msgspec.Struct):
            depths |= {containers(field.type) - 1 for field in msgspec.inspect.type_info(model).fields}
    assert max(depths) == CONTAINERS


# The package


def public_classes() -> list[type[msgspec.Struct]]:
    """Return all public model classes."""
    classes = set()
    for module in pkgutil.iter_modules(models.__path__):
        for _, value in inspect.getmembers(
            importlib.import_module(f"{models.__name__}.{module.name}"), inspect.isclass
        ):
            if value.__module__.startswith(models.__name__) and not value.__name__.startswith("_"):
                classes.add(value)
    return sorted(classes, key=lambda cls: cls.__name__)


def test_every_model_is_exported():
    """`__all__` has each public class of each module, except the base class for secrets."""
    assert {cls.__name__ for cls in public_classes()} - set(models.__all__) == {"SecretModel"}


def test_models_have_docstrings():
    """Every model has a docstring of its own, which begins with a sentence in one line."""
    missing = []
    for file in Path(models.__file__).parent.glob("*.py"):
        classes = [node for node in ast.parse(file.read_text("utf-8")).body if isinstance(node, ast.ClassDef)]
        docs = {node.name: (ast.get_docstring(node) or "").split("\n")[0] for node in classes}
        missing += [name for name, doc in docs.items() if not name.startswith("_") and not doc.endswith(".")]
    assert missing == []


def test_models_are_keyword_only_and_frozen():
    """Every model is frozen and accepts no positional arguments; msgspec does not inherit that."""
    for model in public_classes():
        if issubclass(model, msgspec.Struct):
            kinds = {parameter.kind for parameter in inspect.signature(model).parameters.values()}
            assert kinds <= {inspect.Parameter.KEYWORD_ONLY}, model
            assert model.__struct_config__.frozen, model


def test_models_can_be_decoded():
    """Msgspec can decode every model, request bodies included, so a body can be read from a file."""
    for model in public_classes():
        assert msgspec.json.Decoder(model).type is model


def test_an_unknown_name_is_an_attribute_error():
    """An unknown name raises an AttributeError."""
    with pytest.raises(AttributeError, match="no attribute 'Nothing'"):
        _ = models.Nothing


def test_models_are_imported_lazily():
    """Importing the package imports no area; using a name imports only its area."""
    code = (
        "import sys, calcom_async.models as m; before = [n for n in sys.modules if n.startswith(m.__name__ + '.')]; "
        "m.Slot; print(before, sorted(n[len(m.__name__) + 1:] for n in sys.modules if n.startswith(m.__name__ + '.')))"
    )
    completed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert completed.stdout.strip() == "[] ['_base', 'slots']"


def test_the_triggers_are_those_of_the_server():
    """The constant lists the triggers that the server accepts, without those that appear only in its examples."""
    assert len(models.WEBHOOK_TRIGGERS) == len(set(models.WEBHOOK_TRIGGERS)) == 28
    assert not {"BOOKING_CONFIRMED", "BOOKING_COMPLETED"} & set(models.WEBHOOK_TRIGGERS)
