"""Validation of the answers to an event type's booking fields."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from calcom_async.sandbox.bookings.views import Wire
from calcom_async.sandbox.event_types.fields import is_phone, split_name
from calcom_async.sandbox.http.constraints import is_email, is_url
from calcom_async.sandbox.http.errors import bad_request, zod

# The JSON type of the answer to each type of field.
EXPECTED = {
    "phone": "string",
    "address": "string",
    "text": "string",
    "textarea": "string",
    "email": "string",
    "url": "string",
    "number": "number",
    "select": "string",
    "radio": "string",
    "multiselect": "array",
    "multiemail": "array",
    "checkbox": "array",
    "boolean": "boolean",
}
ZOD_TEXTS = {"url": "url_validation_error", "phone": "invalid_number", "multiemail": "email_validation_error"}


def check_answers(event_type: Wire, attendee: Wire, answers: Wire, guests: list[str]) -> None:
    """Raise the first error that the real server reports for these answers."""
    custom = [field for field in event_type.get("bookingFields", []) if not field.get("isDefault")]
    # The order is that of the server: the presence of custom answers, then the booker, then the form of each answer.
    _check_given(event_type, custom, attendee, answers)
    _check_booker(event_type, attendee)
    _check_guests(guests)
    for field in custom:
        if answers.get(field["slug"]) not in (None, ""):
            _check_type(field, answers[field["slug"]])
            _check_options(field, answers[field["slug"]])
            _check_format(field, answers[field["slug"]])


def _check_given(event_type: Wire, custom: Iterable[Wire], attendee: Wire, answers: Wire) -> None:
    """Raise an error for a required custom field without an answer."""
    required = [field["slug"] for field in custom if field.get("required")]
    if "attendeePhoneNumber" in required and not attendee.get("phoneNumber"):
        raise bad_request(
            "Missing attendee phone number - it is required by the event type. Pass it as "
            '"attendee.phoneNumber" string in the request.'
        )
    for slug in required:
        if slug == "attendeePhoneNumber":
            continue
        if slug not in answers:
            raise bad_request(
                f"Missing required booking field response: {slug} - it is required by the event type booking fields, "
                "but missing in the bookingFieldsResponses. You can fetch the event type with ID "
                f"{event_type['id']} to see the required fields."
            )
        if answers[slug] in (None, ""):
            raise _answer_error(slug, "error_required_field")


def _check_booker(event_type: Wire, attendee: Wire) -> None:
    """Raise an error for a missing or invalid email address or name."""
    email = attendee.get("email")
    if not email and _email_required(event_type):
        raise _answer_error("email", "error_required_field")
    if email and not is_email(email):
        raise _answer_error("email", "email_validation_error")
    # One word for a field with first and last name leaves the last name empty, which is an error (measured on both
    # self-hosted builds).
    names = split_name(event_type.get("bookingFields", []), attendee["name"]) or {"name": attendee["name"].strip()}
    if not all(names.values()):
        raise _answer_error("name", "error_required_field")


def _email_required(event_type: Wire) -> bool:
    """Return whether the event type requires an email address; a missing setting means yes."""
    fields = {field["slug"]: field for field in event_type.get("bookingFields", []) if "slug" in field}
    return bool(fields.get("email", {"required": True}).get("required", True))


def _check_guests(guests: list[str]) -> None:
    """Raise an error for an invalid or repeated guest address."""
    if any(not is_email(guest) for guest in guests):
        raise _answer_error("guests", "email_validation_error")
    if len(set(guests)) < len(guests):
        raise _answer_error("guests", "duplicate_email")


def _answer_error(slug: str, text: str) -> Exception:
    """Return the zod error of a field; `text` is the key of a translation."""
    return zod(("responses", f"{{{slug}}}{text}"))


def _check_type(field: Wire, value: Any) -> None:
    """Raise an error if the JSON type of an answer does not fit the field."""
    expected = EXPECTED.get(field["type"])
    received = _type_name(value)
    if expected and received != expected:
        raise bad_request(
            f"Invalid type for booking field '{field['slug']}'. Expected type {expected} (compatible with field type "
            f"'{field['type']}'), but received {received}."
        )


def _type_name(value: Any) -> str:
    """Return the JavaScript type of a JSON value, or "array"."""
    if isinstance(value, bool):
        return "boolean"
    names = {str: "string", int: "number", float: "number", list: "array"}
    return names.get(type(value), "object")


def _check_options(field: Wire, value: Any) -> None:
    """Raise an error for a value that is not among the options of the field."""
    options = [option["value"] if isinstance(option, dict) else option for option in field.get("options") or []]
    allowed = f"Allowed options are: {', '.join(options)}."
    if field["type"] in ("select", "radio") and value not in options:
        raise bad_request(f"Invalid option '{value}' for booking field '{field['slug']}'. {allowed}")
    if field["type"] in ("multiselect", "checkbox") and not set(value) <= set(options):
        raise bad_request(f"One or more invalid options for booking field '{field['slug']}'. {allowed}")


def _check_format(field: Wire, value: Any) -> None:
    """Raise an error for an invalid URL, phone number or list of email addresses."""
    kind = field["type"]
    fine = (
        (kind == "url" and is_url(value))
        or (kind == "phone" and is_phone(value))
        or (kind == "multiemail" and all(is_email(address) for address in value))
    )
    if kind in ZOD_TEXTS and not fine:
        raise _answer_error(field["slug"], ZOD_TEXTS[kind])
