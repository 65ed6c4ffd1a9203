"""Booking fields and locations of event types: conversions and errors."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from http_client import ApiClient, recorded_body, sandbox_client

from calcom_async.sandbox.event_types.fields import booking_fields, locations

EVENT_TYPES = "/v2/event-types"


@pytest.fixture
def api() -> Iterator[ApiClient]:
    with sandbox_client(version="2024-06-14") as api:
        yield api


def body(**more: Any) -> dict[str, Any]:
    return {"title": "Intro", "slug": "intro", "lengthInMinutes": 30, **more}


TEXT = {"type": "text", "slug": "company", "label": "Company", "required": True}


def test_custom_fields_stand_after_the_location(shared):
    """Custom fields are completed and placed between location and title, as recorded."""
    real = recorded_body(shared, "eventtypes_create_confirmation_fields")["data"]["bookingFields"]
    options = {"options": ["S", "M", "L"], "placeholder": "pick"}
    select = {"type": "select", "slug": "size", "label": "Size", "required": False, **options}
    assert booking_fields([TEXT | {"placeholder": "ACME"}, select]) == real


def test_built_in_fields_take_settings_and_keep_their_place():
    """A built-in field is identified by type or slug, keeps its place, and changes only in the given keys."""
    fields = {field["slug"]: field for field in booking_fields([{"slug": "notes", "required": True, "label": "Why?"}])}
    assert fields["notes"]["required"] is True
    assert fields["notes"]["label"] == "Why?"
    assert list(fields) == ["name", "email", "location", "title", "notes", "guests", "rescheduleReason"]


def test_a_split_name_replaces_the_name():
    """The field for first and last name takes the place of the name."""
    first = booking_fields([{"type": "splitName", "firstNameLabel": "Given"}])[0]
    assert (first["type"], first["firstNameLabel"], first["lastNameRequired"]) == ("splitName", "Given", False)


@pytest.mark.servers("hosted", "self-hosted-2026-07")
@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ([], "'bookingFields' must contain at least 1 booking field."),
        ("x", "'bookingFields' must be an array."),
        (
            [TEXT | {"slug": "a"}, TEXT | {"slug": "a"}],
            "Duplicate bookingFields slug 'a' found. All bookingFields slugs must be unique.",
        ),
        ([TEXT | {"slug": "email"}], "Duplicate booking field name: email"),
        (
            [{"type": "text", "label": "x", "required": True}],
            "Each booking field except ones with type equal to name, splitName, email must have a 'slug' property.",
        ),
        (
            [{"slug": "x"}],
            (
                "All booking fields except ones with slug equal to title, notes, guests, rescheduleReason and location "
                "must have a 'type' property."
            ),
        ),
        ([TEXT | {"label": 1}], "Validation failed for text booking field: label must be a string"),
        ([TEXT | {"type": "foo"}], "Unsupported booking field type 'foo'."),
        (
            [{"type": "email", "required": False}],
            (
                "Booking fields validation failed: visible and required email or visible and required attendee phone "
                "field is needed."
            ),
        ),
        (
            [{"type": "email", "hidden": True}, TEXT | {"type": "phone", "slug": "attendeePhoneNumber"}],
            "checkIsEmailUserAccessible - Email booking field must be required and visible",
        ),
    ],
)
def test_invalid_booking_fields(api, fields, text):
    """Each error of booking fields is a 400 with its own message."""
    assert api.post(EVENT_TYPES, body(bookingFields=fields)).error == (400, text)


def test_new_booking_fields_replace_the_old_ones(api):
    """An update with booking fields replaces the custom ones; without, they stay."""
    path = f"{EVENT_TYPES}/{api.post(EVENT_TYPES, body(bookingFields=[TEXT])).data['id']}"
    assert any(field["slug"] == "company" for field in api.patch(path, {"title": "New"}).data["bookingFields"])
    changed = api.patch(path, {"bookingFields": [TEXT | {"slug": "other"}]}).data["bookingFields"]
    assert [field["slug"] for field in changed if not field["isDefault"]] == ["other"]


def test_locations_are_kept_without_what_is_unknown():
    """A location keeps only the fields of its type."""
    given = [
        {"type": "link", "link": "https://meet.example.com/a", "public": True, "extra": 1},
        {"type": "attendeePhone"},
    ]
    assert locations(given) == [
        {"type": "link", "link": "https://meet.example.com/a", "public": True},
        {"type": "attendeePhone"},
    ]


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ([], "'locations' must contain at least 1 location."),
        ([{}], "Each object in 'locations' must have a 'type' property."),
        (
            [{"type": "address", "address": "x"}],
            "Validation failed for address location: public must be a boolean value",
        ),
        (
            [{"type": "link", "link": "x", "public": True}],
            "Validation failed for link location: link must be a URL address",
        ),
        (
            [{"type": "organizersDefaultApp"}],
            "Unsupported location type 'organizersDefaultApp'. Valid types are address, link, integration, and phone.",
        ),
    ],
)
def test_invalid_locations(api, given, text):
    """Each error of a location is a 400 with its own message."""
    assert api.post(EVENT_TYPES, body(locations=given)).error == (400, text)
