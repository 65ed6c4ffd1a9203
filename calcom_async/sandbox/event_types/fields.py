"""Booking fields and locations of event types: validation of the body, and the JSON that the server returns."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from calcom_async.sandbox.http import errors
from calcom_async.sandbox.http.constraints import array, boolean, check, one_of, string, url

Field = dict[str, Any]

INTEGRATIONS = (
    "cal-video", "google-meet", "zoom", "whereby-video", "whatsapp-video", "webex-video", "telegram-video", "tandem",
    "sylaps-video", "skype-video", "sirius-video", "signal-video", "shimmer-video", "salesroom-video", "roam-video",
    "riverside-video", "ping-video", "office365-video", "mirotalk-video", "jitsi", "jelly-video", "jelly-conferencing",
    "huddle", "facetime-video", "element-call-video", "eightxeight-video", "discord-video", "demodesk-video",
    "campfire-video",
)  # fmt: skip


def is_phone(value: object) -> bool:
    """Return whether a value is an international phone number."""
    if not isinstance(value, str) or not value.startswith("+"):
        return False
    digits = value[1:].replace(" ", "").replace("-", "")
    return digits.isdigit() and 8 <= len(digits) <= 15


_RULES = {
    "text": string,
    "flag": boolean,
    "list": array,
    "url": url,
    "phone": check("isPhoneNumber", "$property must be a valid phone number", is_phone),
    "app": one_of(INTEGRATIONS, name="isIn"),
}

# The app of an integration, if its slug is different.
_APP_SLUGS = {"office365-video": "msteams", "facetime-video": "facetime", "webex-video": "webex", "huddle": "huddle01"}

# A trailing "?" marks an optional key.
_SHOWN = {"required": "flag?", "hidden": "flag?", "label": "text?", "placeholder": "text?", "disableOnPrefill": "flag?"}
_SYSTEM_INPUTS: dict[str, dict[str, str]] = {
    "name": {"label": "text?", "placeholder": "text?", "disableOnPrefill": "flag?"},
    "splitName": {
        "firstNameLabel": "text?",
        "firstNamePlaceholder": "text?",
        "lastNameLabel": "text?",
        "lastNamePlaceholder": "text?",
        "lastNameRequired": "flag?",
        "disableOnPrefill": "flag?",
    },
    "email": _SHOWN,
    "location": {"label": "text?"},
    "title": _SHOWN,
    "notes": _SHOWN,
    "guests": _SHOWN,
    "rescheduleReason": _SHOWN,
}
_BY_TYPE = ("name", "splitName", "email")
_BY_SLUG = ("title", "notes", "guests", "rescheduleReason", "location")
_CUSTOM = {"slug": "text", "label": "text", "required": "flag"}
_EXTRAS = {"disableOnPrefill": "flag?", "hidden": "flag?"}
_PLACEHOLDER = {"placeholder": "text?"}
_OPTIONS = {"options": "list"}
_TYPED = {**_CUSTOM, **_PLACEHOLDER, **_EXTRAS}
_CHOSEN = {**_CUSTOM, **_OPTIONS, **_EXTRAS}
_CUSTOM_INPUTS: dict[str, dict[str, str]] = {
    **{kind: dict(_TYPED) for kind in ("phone", "address", "text", "number", "textarea", "multiemail", "url")},
    **{kind: dict(_CHOSEN) for kind in ("multiselect", "checkbox", "radio")},
    "select": {**_CHOSEN, **_PLACEHOLDER},
    "boolean": {**_CUSTOM, **_EXTRAS},
}

_LOCATION_INPUTS: dict[str, dict[str, str]] = {
    "address": {"address": "text", "public": "flag"},
    "link": {"link": "url", "public": "flag"},
    "phone": {"phone": "phone", "public": "flag"},
    "integration": {"integration": "app"},
    "attendeeAddress": {},
    "attendeePhone": {},
    "attendeeDefined": {},
    "organizersDefaultApp": {},
}


def _field_errors(given: Field, rules: dict[str, str]) -> list[str]:
    """Return the validation messages of the server for an object."""
    messages = []
    for name, kind in rules.items():
        if kind.endswith("?") and given.get(name) is None:
            continue
        rule = _RULES[kind.removesuffix("?")]
        if not rule.test(given.get(name)):
            messages.append(rule.text.replace("$property", name))
    return messages


# --- booking fields -------------------------------------------------------------------------------------------------


def default_booking_fields() -> list[Field]:
    """Return the default booking fields; custom ones come after `location`."""
    return [
        {**_system("name", "name", required=True), "label": "your_name", "disableOnPrefill": False},
        {**_system("email", "email", required=True), "disableOnPrefill": False, "hidden": False},
        {**_system("radioInput", "location", required=False), "hidden": False},
        {**_system("text", "title", required=True), "disableOnPrefill": False, "hidden": True},
        {**_system("textarea", "notes", required=False), "disableOnPrefill": False, "hidden": False},
        {**_system("multiemail", "guests", required=False), "disableOnPrefill": False, "hidden": False},
        {**_system("textarea", "rescheduleReason", required=False), "disableOnPrefill": False, "hidden": False},
    ]


def _system(kind: str, slug: str, *, required: bool) -> Field:
    """Return the common part of a default booking field."""
    return {"isDefault": True, "type": kind, "slug": slug, "required": required}


def booking_fields(given: object, *, phone_suffices: bool = False) -> list[Field]:
    """Return the complete booking fields for those of a body. Raises the server's errors.

    `phone_suffices`: a required `attendeePhoneNumber` may replace the email, as for teams in organizations.
    """
    fields = _checked_fields(given)
    custom = [_custom_field(field) for field in fields if not _system_name(field)]
    system = {name: field for field in fields if (name := _system_name(field))}
    result = []
    for default in default_booking_fields():
        result.append(_with_settings(default, system))
        # The server keeps the order of its own fields, and puts custom ones between location and title.
        if default["slug"] == "location":
            result.extend(custom)
    _require_a_contact(result, phone_suffices=phone_suffices)
    return result


def _system_name(field: Field) -> str | None:
    """Return the built-in field that an input replaces: three are identified by type, five by slug."""
    kind, slug = field.get("type"), field.get("slug")
    if slug in _BY_SLUG:
        return str(slug)
    return str(kind) if kind in _BY_TYPE else None


def _with_settings(default: Field, settings: dict[str, Field]) -> Field:
    """Return a default field with the settings of the body."""
    if default["slug"] == "name" and "splitName" in settings:
        return _split_name(settings["splitName"])
    given = settings.get(default["slug"], {})
    return {**default, **{key: given[key] for key in _SYSTEM_INPUTS[default["slug"]] if given.get(key) is not None}}


def _split_name(given: Field) -> Field:
    """Return the field that asks for first and last name, as recorded on both self-hosted builds."""
    texts = {key: given[key] for key in _SYSTEM_INPUTS["splitName"] if isinstance(given.get(key), str)}
    return {
        "isDefault": True,
        "type": "splitName",
        "slug": "splitName",
        "firstNamePlaceholder": "",
        "lastNamePlaceholder": "",
        **texts,
        "lastNameRequired": bool(given.get("lastNameRequired")),
        "disableOnPrefill": bool(given.get("disableOnPrefill")),
    }


def _custom_field(given: Field) -> Field:
    """Return a custom field with the settings of the body."""
    rules = _CUSTOM_INPUTS[given["type"]]
    settings = {key: given[key] for key in rules if given.get(key) is not None}
    return {"isDefault": False, "type": given["type"], "disableOnPrefill": False, "hidden": False, **settings}


def _checked_fields(given: object) -> list[Field]:
    """Return the fields of a body after all checks."""
    if not isinstance(given, list):
        raise errors.bad_request("'bookingFields' must be an array.")
    if not given:
        raise errors.bad_request("'bookingFields' must contain at least 1 booking field.")
    slugs: set[str] = set()
    for field in given:
        _check_field(field if isinstance(field, dict) else {}, slugs)
    return given


def _check_field(field: Field, slugs: set[str]) -> None:
    """Validate a field; `slugs` are those of the fields before it."""
    kind, slug = field.get("type"), field.get("slug")
    if slug not in _BY_SLUG and not kind:
        raise errors.bad_request(
            "All booking fields except ones with slug equal to title, notes, guests, rescheduleReason and location "
            "must have a 'type' property."
        )
    if kind not in _BY_TYPE:
        _reserve_slug(slug, slugs)
    rules = _field_rules(field)
    if rules is None:
        raise errors.bad_request(f"Unsupported booking field type '{kind}'.")
    if messages := _field_errors(field, rules):
        raise errors.bad_request(f"Validation failed for {kind or slug} booking field: {', '.join(messages)}")
    # A clash with a field of the server is found later than one between custom fields, and has another error.
    if rules is _CUSTOM_INPUTS.get(str(kind)) and slug in ("name", "email"):
        raise errors.no_details(400, "TRPCError", f"Duplicate booking field name: {slug}")


def _field_rules(field: Field) -> dict[str, str] | None:
    """Return the rules of a field, or None for an unknown type."""
    name = _system_name(field)
    return _SYSTEM_INPUTS[name] if name else _CUSTOM_INPUTS.get(str(field.get("type")))


def _reserve_slug(slug: object, taken: set[str]) -> None:
    """Raise an error for a missing or repeated slug; otherwise remember it."""
    if not slug:
        raise errors.bad_request(
            "Each booking field except ones with type equal to name, splitName, email must have a 'slug' property."
        )
    if str(slug) in taken:
        raise errors.bad_request(
            f"Duplicate bookingFields slug '{slug}' found. All bookingFields slugs must be unique."
        )
    taken.add(str(slug))


def _require_a_contact(fields: list[Field], *, phone_suffices: bool) -> None:
    """Raise an error if the attendee could leave both email and phone empty."""
    if _must_be_filled(fields, "email"):
        return
    if not _must_be_filled(fields, "attendeePhoneNumber"):
        raise errors.bad_request(
            "Booking fields validation failed: visible and required email or visible and required attendee phone "
            "field is needed."
        )
    # Two checks in a row: the first accepts a phone instead of the email, the second rejects it for event types of
    # users and of teams outside organizations.
    if not phone_suffices:
        raise errors.bad_request("checkIsEmailUserAccessible - Email booking field must be required and visible")


def _must_be_filled(fields: list[Field], slug: str) -> bool:
    """Return whether a field is shown and required."""
    return any(field["slug"] == slug and field["required"] and not field.get("hidden") for field in fields)


def split_name(fields: Iterable[Field], name: str) -> Field | None:
    """Return first and last name if the fields ask for both; all after the first word is the last name."""
    if all(field.get("type") != "splitName" for field in fields):
        return None
    first, _, last = name.strip().partition(" ")
    return {"firstName": first, "lastName": last.strip()}


def visible_fields(fields: Iterable[Field]) -> list[Field]:
    """Return the fields that the booking page shows, as in all lists of event types."""
    return [field for field in fields if not field.get("hidden")]


# --- locations ------------------------------------------------------------------------------------------------------


def locations(given: object, *, of_team: bool = False) -> list[Field]:
    """Return the JSON of locations for those of a body. Raises the server's errors."""
    if not isinstance(given, list):
        raise errors.bad_request("'locations' must be an array.")
    if not given:
        raise errors.bad_request("'locations' must contain at least 1 location.")
    return [_location(item if isinstance(item, dict) else {}, of_team=of_team) for item in given]


def _location(given: Field, *, of_team: bool) -> Field:
    """Return the JSON of one location."""
    kind = given.get("type")
    if not kind:
        raise errors.bad_request("Each object in 'locations' must have a 'type' property.")
    rules = _LOCATION_INPUTS.get(str(kind))
    if rules is None or (kind == "organizersDefaultApp" and not of_team):
        raise errors.bad_request(
            f"Unsupported location type '{kind}'. Valid types are address, link, integration, and phone."
        )
    if messages := _field_errors(given, rules):
        raise errors.bad_request(f"Validation failed for {kind} location: {', '.join(messages)}")
    return {"type": kind, **{key: given[key] for key in rules}}


def check_connected(given: Iterable[Field], connected: Iterable[str]) -> None:
    """Raise an error for a conferencing app that is not connected; Cal Video needs no connection."""
    for location in given:
        app = str(location.get("integration", "cal-video"))
        slug = _APP_SLUGS.get(app, app)
        if app != "cal-video" and slug not in connected:
            raise errors.bad_request(f"{slug} not connected.")
