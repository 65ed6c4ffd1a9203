"""Booking fields in the shape of version 2026-06-12, in which every field has a name.

Event types store their fields in the shape of 2024-06-14. Settings that exist only in the newer shape are extra keys,
which the older responses omit. The texts of the errors are made up: no real ones have been seen.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from calcom_async.sandbox.event_types.fields import Field, booking_fields
from calcom_async.sandbox.http import errors

NAMED_FIELDS = "2026-06-12"
"""The version of event types with fields of this shape."""

PHONE = "attendeePhoneNumber"
WORKFLOW_ADDED = ("smsReminderNumber", "aiAgentCallPhoneNumber")
_DEFAULTS = ("email", "location", "title", "notes", "guests", "rescheduleReason")
_TYPES = {
    "text": "shortText",
    "textarea": "longText",
    "multiselect": "multiSelect",
    "multiemail": "multiEmail",
    "checkbox": "checkboxGroup",
    "boolean": "checkbox",
    "radio": "radioGroup",
    **{kind: kind for kind in ("phone", "address", "number", "select", "url", "email")},
}
_OLD_TYPES = {new: old for old, new in _TYPES.items()}
_WITH_OPTIONS = ("select", "multiSelect", "checkboxGroup", "radioGroup")
_SLUG = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
_EXTRAS = ("excludeEmails", "requireEmails", "minLength", "maxLength")
_SETTINGS = ("label", "required", "hidden", "placeholder", "disableOnPrefill")
_NAME = ("label", "placeholder", "disableOnPrefill")
_SPLIT_NAME = (
    "firstNameLabel",
    "firstNamePlaceholder",
    "lastNameLabel",
    "lastNamePlaceholder",
    "lastNameRequired",
    "disableOnPrefill",
)


# --- responses ------------------------------------------------------------------------------------------------------


def named_fields(stored: Iterable[Field]) -> list[Field]:
    """Return stored fields in the newer shape. The phone number of the attendee is a default field there."""
    fields = [_named(field) for field in stored]
    unused = {"field": PHONE, "slug": PHONE, "required": False, "hidden": True, "disableOnPrefill": False}
    phone = next((field for field in fields if field["slug"] == PHONE), unused)
    others = [field for field in fields if field is not phone]
    # After name and email, where the newer specification lists it.
    return [*others[:2], phone, *others[2:]]


def _named(field: Field) -> Field:
    """Return one stored field in the newer shape."""
    slug, kind = field["slug"], field["type"]
    if slug in ("name", "splitName"):
        if kind == "splitName":
            return {"field": "name", "slug": "name", "variant": "splitName", **_picked(field, _SPLIT_NAME)}
        return {"field": "name", "slug": "name", "variant": "fullName", **_picked(field, _NAME)}
    if slug == "location":
        return {"field": slug, "slug": slug, **_picked(field, ("label",))}
    if slug in (*_DEFAULTS, PHONE, *WORKFLOW_ADDED):
        return {"field": slug, "slug": slug, **_picked(field, (*_SETTINGS, *_EXTRAS))}
    settings = _picked(field, (*_SETTINGS, "options", *_EXTRAS))
    return {"field": "custom", "type": _TYPES[kind], "slug": slug, **settings}


def _picked(field: Field, keys: Iterable[str]) -> Field:
    """Return the given keys of a field."""
    return {key: field[key] for key in keys if key in field}


def older_fields(stored: Iterable[Field]) -> list[Field]:
    """Return stored fields as responses of 2024-06-14 contain them."""
    return [_older(field) for field in stored]


def _older(field: Field) -> Field:
    """Return one stored field without newer settings; a type that 2024-06-14 does not have is "unknown"."""
    if field["type"] == "email" and not field["isDefault"]:
        # Older clients see the whole field as JSON text, and cannot send it back.
        return {"isDefault": False, "type": "unknown", "slug": "unknown", "bookingField": json.dumps(field)}
    return {key: value for key, value in field.items() if key not in _EXTRAS}


# --- requests -------------------------------------------------------------------------------------------------------


def stored_fields(given: object) -> list[Field]:
    """Return the complete fields to store for those of a body. Workflow-added ones are ignored."""
    if not isinstance(given, list):
        raise errors.bad_request("'bookingFields' must be an array.")
    fields = [checked(field) for field in given]
    _check_slugs([field["slug"] for field in fields])
    # A client may send back what it has read, so the fields that it cannot change are skipped.
    kept = [field for field in fields if field["field"] not in WORKFLOW_ADDED and not _is_unused_phone(field)]
    # The older rules reject an empty list. A field without changes stands for no change.
    if given and not kept:
        kept = [{"field": "location", "slug": "location"}]
    stored = booking_fields([_in_older_shape(field) for field in kept], phone_suffices=True)
    by_slug = {field["slug"]: field for field in kept}
    return [_with_extras(field, by_slug.get(field["slug"], {})) for field in stored]


def _with_extras(stored: Field, given: Field) -> Field:
    """Return a field to store with the settings that only the newer shape has."""
    kind = {"type": "email"} if given.get("type") == "email" else {}
    return {**stored, **_picked(given, _EXTRAS), **kind}


def _is_unused_phone(field: Field) -> bool:
    """Return whether a field is the phone number of the attendee as it is by default: hidden and optional."""
    return bool(field["field"] == PHONE and field.get("hidden", True) and not field.get("required"))


def checked(field: object) -> Field:
    """Return one field of a body with its slug. Raises an error if its name, type or slug is wrong."""
    if not isinstance(field, Mapping):
        raise errors.bad_request("Each booking field must be an object.")
    name = field.get("field")
    if name == "custom":
        return _checked_custom(field)
    if name == "name":
        if field.get("variant") not in ("fullName", "splitName"):
            raise errors.bad_request("Booking field 'name' must have the variant fullName or splitName.")
    elif name not in (*_DEFAULTS, PHONE, *WORKFLOW_ADDED):
        raise errors.bad_request(f"Unsupported booking field '{name}'.")
    if field.get("slug", name) != name:
        raise errors.bad_request(f"The slug of booking field '{name}' must be '{name}'.")
    return {**field, "slug": name}


def _checked_custom(field: Mapping[str, Any]) -> Field:
    """Return a custom field. Its slug follows a stricter rule than in 2024-06-14."""
    kind, slug = str(field.get("type")), field.get("slug")
    if kind not in _OLD_TYPES:
        raise errors.bad_request(f"Unsupported type '{kind}' of a custom booking field.")
    # Slugs of 2024-06-14 are free text.
    if not isinstance(slug, str) or not _SLUG.fullmatch(slug):
        raise errors.bad_request(
            "The slug of a custom booking field must start with a lower-case letter and consist of lower-case letters, "
            f"digits and single hyphens: '{slug}'."
        )
    if kind in _WITH_OPTIONS and not field.get("options"):
        raise errors.bad_request(f"Booking field '{slug}' must have options.")
    return dict(field)


def _check_slugs(slugs: Sequence[str]) -> None:
    """Raise an error if two fields have the same slug."""
    for slug in slugs:
        if slugs.count(slug) > 1:
            raise errors.bad_request(
                f"Duplicate bookingFields slug '{slug}' found. All bookingFields slugs must be unique."
            )


def _in_older_shape(field: Field) -> Field:
    """Return a checked field in the shape of 2024-06-14."""
    name = field["field"]
    if name == "name":
        if field["variant"] == "splitName":
            return {"type": "splitName", **_picked(field, _SPLIT_NAME)}
        return {"type": "name", **_picked(field, _NAME)}
    if name == "email":
        return {"type": "email", **_picked(field, _SETTINGS)}
    if name == PHONE:
        return {"type": "phone", "slug": PHONE, "label": "", "required": False, **_picked(field, _SETTINGS)}
    if name != "custom":
        return {"slug": name, **_picked(field, _SETTINGS)}
    kind = "text" if field["type"] == "email" else _OLD_TYPES[field["type"]]
    return {"type": kind, "slug": field["slug"], "required": False, **_picked(field, (*_SETTINGS, "options"))}
