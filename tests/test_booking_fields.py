"""Booking fields in the shapes of both versions: which field of the older shape is which field of the newer one."""

from __future__ import annotations

import msgspec
import pytest

from calcom_async.decoding import decode
from calcom_async.models import BookingField, EventType

CUSTOM = {"slug": "topic", "label": "Topic", "required": True}


def custom(kind, **fields):
    """A custom field of the older shape, as a response contains it."""
    return BookingField(is_default=False, type=kind, **CUSTOM, **fields)


@pytest.mark.parametrize(
    ("older", "newer"),
    [
        ("text", "shortText"),
        ("textarea", "longText"),
        ("multiselect", "multiSelect"),
        ("multiemail", "multiEmail"),
        ("checkbox", "checkboxGroup"),
        ("boolean", "checkbox"),
        ("radio", "radioGroup"),
        ("phone", "phone"),
        ("select", "select"),
        ("of-the-future", "of-the-future"),
    ],
)
def test_types_of_custom_fields(older, newer):
    """A type has its new name; "checkbox" was a group of choices and is a single box now."""
    assert custom(older).upgraded() == BookingField(field="custom", type=newer, **CUSTOM)


@pytest.mark.parametrize("slug", ["title", "notes", "guests", "rescheduleReason"])
def test_default_fields_are_identified_by_slug(slug):
    """A default field keeps its settings and loses the type of its input."""
    older = BookingField(is_default=True, type="textarea", slug=slug, required=False, hidden=True)
    assert older.upgraded() == BookingField(field=slug, slug=slug, required=False, hidden=True)


def test_names_and_email_are_identified_by_type():
    """The two forms of the name are variants; what only one shape has is omitted."""
    name = BookingField(is_default=True, type="name", slug="name", label="You", required=True, disable_on_prefill=True)
    assert name.upgraded() == BookingField(
        field="name", slug="name", variant="fullName", label="You", disable_on_prefill=True
    )
    split = BookingField(type="splitName", first_name_label="Given", first_name_disable_on_prefill=True)
    assert split.upgraded() == BookingField(field="name", slug="name", variant="splitName", first_name_label="Given")
    assert BookingField(type="email", hidden=True).upgraded() == BookingField(field="email", slug="email", hidden=True)


def test_the_location_has_a_label_only():
    """Other settings of the location are omitted, since the newer version rejects them."""
    older = BookingField(is_default=True, type="radioInput", slug="location", required=False, hidden=False, label="At")
    assert older.upgraded() == BookingField(field="location", slug="location", label="At")


def test_the_phone_number_became_a_default_field():
    """A custom phone field with the slug of the attendee's phone number is a default field now."""
    older = BookingField(is_default=False, type="phone", slug="attendeePhoneNumber", label="Phone", required=True)
    assert older.upgraded() == BookingField(
        field="attendeePhoneNumber", slug="attendeePhoneNumber", label="Phone", required=True
    )


def test_a_field_of_the_newer_shape_stays():
    """`upgraded` returns a field of the newer shape unchanged, also one that the server could not parse."""
    for field in (
        BookingField(field="custom", type="checkbox", **CUSTOM),
        BookingField(field="unknown", slug="unknown", booking_field="{}"),
    ):
        assert field.upgraded() is field


def test_an_event_type_of_either_version_is_the_same_model():
    """Event types of both versions decode into one model, with their windows and seats off or on."""
    base = {"id": 1, "lengthInMinutes": 30, "title": "T", "slug": "t"}
    field = {"field": "custom", "type": "longText", **CUSTOM, "hidden": False, "maxLength": 50}
    newer = base | {
        "bookingFields": [field, {"field": "unknown", "slug": "unknown", "bookingField": "{}"}],
        "bookingWindow": {"disabled": True},
        "seats": {"disabled": True},
        "team": {"id": 2, "slug": None, "bannerUrl": None, "theme": None},
        "allowRRHostChoiceOnReschedule": True,
        "privateNoteMode": None,
        "bookingProposalCount": None,
        "bookingUrl": None,
    }
    event_type = decode(EventType, msgspec.json.encode(newer))
    assert (event_type.booking_window.disabled, event_type.is_seated) == (True, False)
    assert (event_type.booking_fields[0].type, event_type.booking_fields[0].max_length) == ("longText", 50)
    assert event_type.booking_fields[1].booking_field == "{}"
    assert event_type.allow_rr_host_choice_on_reschedule is True
    on = newer | {"bookingWindow": [{"type": "calendarDays", "value": 3, "rolling": True}]}
    assert decode(EventType, msgspec.json.encode(on)).booking_window.value == 3
    older = base | {"bookingFields": [{"isDefault": False, "type": "checkbox", **CUSTOM, "options": ["a"]}]}
    [upgraded] = [field.upgraded() for field in decode(EventType, msgspec.json.encode(older)).booking_fields]
    assert (upgraded.field, upgraded.type, upgraded.options) == ("custom", "checkboxGroup", ["a"])
