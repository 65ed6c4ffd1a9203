"""Forms of the bodies of event types, without the rules between fields.

`fields.py` checks locations and booking fields, whose errors are sentences.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from calcom_async.sandbox.http.constraints import (
    Rule,
    array,
    array_not_empty,
    boolean,
    check,
    each,
    integer,
    is_iso_date,
    maximum,
    minimum,
    one_of,
    string,
    url,
)
from calcom_async.sandbox.http.forms import Field, Form

# An empty text means the language of the visitor.
INTERFACE_LANGUAGES = (
    "", "en", "ar", "az", "bg", "bn", "ca", "cs", "da", "de", "el", "es", "es-419", "eu", "et", "fi", "fr", "he", "hu",
    "it", "ja", "km", "ko", "nl", "no", "pl", "pt-BR", "pt", "ro", "ru", "sk-SK", "sr", "sv", "tr", "uk", "vi",
    "zh-CN", "zh-TW",
)  # fmt: skip
SCHEDULING_TYPES = {"roundRobin": "ROUND_ROBIN", "collective": "COLLECTIVE", "managed": "MANAGED"}
PRIORITIES = ("lowest", "low", "medium", "high", "highest")
_LAYOUTS = ("month", "week", "column")
_PERIODS = ("day", "week", "month", "year")


def _is_off(value: Mapping[str, Any]) -> bool:
    """Return whether a setting is switched off."""
    return bool(value.get("disabled"))


def _is_on(value: Mapping[str, Any]) -> bool:
    """Return whether a setting is not switched off."""
    return not _is_off(value)


def _flag(name: str) -> Field:
    """Return an optional boolean field."""
    return Field(name, boolean, optional=True)


def _anything(name: str) -> Field:
    """Return a field without rules: it is not checked, or checked later."""
    return Field(name, optional=True)


# --- limits ---------------------------------------------------------------------------------------------------------


def _limit_rules(field: str, what: str) -> list[Rule]:
    """Return rules that a limit for a period is at most the limit for each longer one.

    All rules have the same name. The server reports the last one that fails, so the shortest period comes last.
    """
    name = f"Validate{field[0].upper()}{field[1:]}"
    pairs = [(short, long) for at, short in enumerate(_PERIODS) for long in _PERIODS[at + 1 :]]
    shape = check(name, f"Invalid {field}", lambda value: isinstance(value, dict))
    return [shape, *(_pair_rule(name, field, what, short, long) for short, long in reversed(pairs))]


def _pair_rule(name: str, field: str, what: str, short: str, long: str) -> Rule:
    """Return the rule for one pair of periods."""

    def holds(value: Any) -> bool:
        """Return whether the limit of the shorter period is not above that of the longer one."""
        if not isinstance(value, dict) or "disabled" in value:
            return True
        less, more = value.get(short), value.get(long)
        # 0 passes, like a missing limit: the documented minimum is not enforced (recorded from a self-hosted server of
        # 2026-07).
        return not (less and more and less > more)

    text = f"Invalid {field}: The {what} for {short} cannot exceed the {what} for {long}."
    return check(name, text, holds)


# --- windows and policies -------------------------------------------------------------------------------------------


def _is_window(value: Any) -> bool:
    """Return whether a value is a booking window."""
    if not isinstance(value, dict):
        return False
    if value.get("disabled") is True:
        return True
    given = value.get("value")
    if value.get("type") == "range":
        # Neither the order nor the number of dates is checked; one date alone is a 500 later.
        return isinstance(given, list) and all(map(is_iso_date, given))
    rolls = value.get("rolling")
    days = isinstance(given, (int, float)) and not isinstance(given, bool)
    return value.get("type") in ("businessDays", "calendarDays") and days and (rolls is None or isinstance(rolls, bool))


def _is_policy(value: Any) -> bool:
    """Return whether a value is a confirmation policy."""
    if not isinstance(value, dict):
        return False
    if _is_off(value) or value.get("type") == "always":
        return True
    threshold = value.get("noticeThreshold")
    return (
        value.get("type") == "time"
        and isinstance(threshold, dict)
        and isinstance(threshold.get("count"), (int, float))
        and isinstance(threshold.get("unit"), str)
    )


_WINDOW = check("ValidateBookingWindow", "Invalid bookingWindow structure.", _is_window)
_POLICY = check(
    "ConfirmationPolicyValidator",
    'Invalid requiresConfirmation structure. Use "type": "always" or provide a valid time and unit in '
    '"noticeThreshold" for "type": "time".',
    _is_policy,
)
_NOT_EMPTY_WHEN_ON = check(
    "requiresAtLeastOnePropertyWhenNotDisabled",
    "When disabled is false {disabled: false} at least one other property must be provided, because it means that the "
    "property is enabled but then other properties must be provided too.",
    lambda value: not isinstance(value, dict) or _is_off(value) or bool(value.keys() - {"disabled"}),
)

# --- objects --------------------------------------------------------------------------------------------------------

# An object that is switched off needs no other field, and its other fields are not checked.
_ACTIVE_BOOKINGS = Form(
    _anything("disabled"),
    Field("maximumActiveBookings", minimum(1), integer, when=_is_on),
    Field("offerReschedule", boolean, optional=True, when=_is_on),
)
_RECURRENCE = Form(
    _anything("disabled"),
    Field("interval", integer, when=_is_on),
    Field("occurrences", integer, when=_is_on),
    Field("frequency", one_of(("yearly", "monthly", "weekly")), when=_is_on),
)
_SEATS = Form(
    _anything("disabled"),
    Field("seatsPerTimeSlot", maximum(1000), minimum(1), integer, when=_is_on),
    Field("showAttendeeInfo", boolean, when=_is_on),
    Field("showAvailabilityCount", boolean, when=_is_on),
)
_DISABLE_CANCELLING = Form(_flag("disabled"))
_DISABLE_RESCHEDULING = Form(_flag("disabled"), Field("minutesBefore", minimum(1), integer, optional=True))
_VIDEO = Form(
    _flag("disableRecordingForOrganizer"),
    _flag("disableRecordingForGuests"),
    Field("redirectUrlOnExit", url, optional=True),
    _flag("enableAutomaticRecordingForOrganizer"),
    _flag("enableAutomaticTranscription"),
    _flag("disableTranscriptionForGuests"),
    _flag("disableTranscriptionForOrganizer"),
    _flag("sendTranscriptionEmails"),
)


def _offers_default(value: Mapping[str, Any]) -> bool:
    """Return whether the default layout is among the enabled ones."""
    enabled = value.get("enabledLayouts")
    return isinstance(enabled, list) and value.get("defaultLayout") in enabled


def _layout_rules(name: str) -> tuple[Rule, Rule]:
    """Return the rules of a layout field."""
    words = f"{name} must be an array containing" if name == "enabledLayouts" else f"{name} must be one of the"
    valid = check("IsValidLayout", f"{words} valid layouts - month, week or column", _are_layouts)
    return one_of(_LAYOUTS) if name == "defaultLayout" else each(one_of(_LAYOUTS)), valid


def _are_layouts(value: Any) -> bool:
    """Return whether a value is a layout or a list of layouts."""
    return all(item in _LAYOUTS for item in (value if isinstance(value, list) else [value]))


_BOOKER_LAYOUTS = Form(
    Field("defaultLayout", *_layout_rules("defaultLayout")),
    Field("enabledLayouts", *_layout_rules("enabledLayouts")),
)
_LAYOUTS_AGREE = check(
    "isDefaultLayoutWithinEnabledLayouts",
    "If you pass the optional 'bookerLayouts' property, you must provide both 'bookerLayouts.defaultLayout' and "
    "'bookerLayouts.enabledLayouts' and 'bookerLayouts.enabledLayouts' must include 'bookerLayouts.defaultLayout'",
    lambda value: not isinstance(value, dict) or _offers_default(value),
)

# --- whole bodies ---------------------------------------------------------------------------------------------------

_COMMON = (
    # Checked later, with sentences instead of constraints: these errors have no `details.errors`.
    _anything("locations"),
    Field("lengthInMinutes", minimum(1), integer),
    Field(
        "lengthInMinutesOptions",
        each(minimum(1)),
        each(integer),
        check("arrayUnique", "All $property's elements must be unique", lambda v: isinstance(v, list) and _unique(v)),
        array_not_empty,
        array,
        optional=True,
    ),
    Field("title", string),
    Field("slug", string),
    Field("description", string, optional=True),
    _anything("bookingFields"),
    _flag("disableGuests"),
    Field("slotInterval", integer, optional=True),
    Field("minimumBookingNotice", minimum(0), integer, optional=True),
    # Negative buffers pass, as on the real server.
    Field("beforeEventBuffer", integer, optional=True),
    Field("afterEventBuffer", integer, optional=True),
    Field("scheduleId", integer, optional=True),
    Field("bookingLimitsCount", *_limit_rules("bookingLimitsCount", "number of bookings"), optional=True),
    Field("bookerActiveBookingsLimit", _NOT_EMPTY_WHEN_ON, optional=True, nested=_ACTIVE_BOOKINGS),
    _flag("onlyShowFirstAvailableSlot"),
    Field("bookingLimitsDuration", *_limit_rules("bookingLimitsDuration", "duration of bookings"), optional=True),
    Field("bookingWindow", _WINDOW, optional=True),
    Field("offsetStart", minimum(0), integer, optional=True),
    Field("bookerLayouts", _LAYOUTS_AGREE, optional=True, nested=_BOOKER_LAYOUTS),
    Field("confirmationPolicy", _POLICY, optional=True),
    Field("recurrence", optional=True, nested=_RECURRENCE),
    _flag("requiresBookerEmailVerification"),
    _flag("hideCalendarNotes"),
    _flag("lockTimeZoneToggleOnBookingPage"),
    # Any text passes as a color.
    _anything("color"),
    Field("seats", optional=True, nested=_SEATS),
    Field("customName", string, optional=True),
    _anything("destinationCalendar"),
    _flag("useDestinationCalendarEmail"),
    _flag("hideCalendarEventDetails"),
    Field("successRedirectUrl", url, optional=True),
    _flag("hideOrganizerEmail"),
    Field("calVideoSettings", optional=True, nested=_VIDEO),
    _flag("hidden"),
    _flag("bookingRequiresAuthentication"),
    Field("disableCancelling", optional=True, nested=_DISABLE_CANCELLING),
    Field("disableRescheduling", optional=True, nested=_DISABLE_RESCHEDULING),
    Field("interfaceLanguage", one_of(INTERFACE_LANGUAGES, name="isIn"), string, optional=True),
    _flag("allowReschedulingPastBookings"),
    _flag("allowReschedulingCancelledBookings"),
    _flag("showOptimizedSlots"),
)


def _unique(values: list[Any]) -> bool:
    """Return whether the values are distinct."""
    return len({repr(value) for value in values}) == len(values)


def _database_name(value: Any) -> Any:
    """Return the checked name of a scheduling type; the names of the database are accepted too."""
    return SCHEDULING_TYPES.get(value, value) if isinstance(value, str) else value


_HOST = Form(
    Field("userId", integer),
    Field("mandatory", boolean, optional=True),
    Field("priority", one_of(PRIORITIES), optional=True),
)
_EMAIL_SETTINGS = Field(
    "emailSettings", optional=True, nested=Form(_flag("disableEmailsToAttendees"), _flag("disableEmailsToHosts"))
)
_TEAM = (
    # The messages name the values of the database, although requests and responses use camelCase.
    Field("schedulingType", one_of(SCHEDULING_TYPES.values()), convert=_database_name),
    Field("hosts", array, optional=True, nested=_HOST),
    _flag("assignAllTeamMembers"),
    _EMAIL_SETTINGS,
    _flag("rescheduleWithSameRoundRobinHost"),
    _flag("rrHostSubsetEnabled"),
)

CREATE = Form(*_COMMON)
UPDATE = CREATE.partial()
TEAM_CREATE = Form(*_TEAM, *_COMMON)
TEAM_UPDATE = TEAM_CREATE.partial()

_VIDEO_LANGUAGES = (
    "multi", "ar", "bg", "ca", "zh-HK", "hr", "cs", "da", "nl", "nl-BE", "fi", "fr", "fr-CA", "de", "de-CH", "el",
    "he", "hi", "hu", "id", "it", "ja", "ko", "lv", "lt", "ms", "no", "pl", "pt", "pt-BR", "ro", "ru", "sr", "sk",
    "sl", "es", "es-419", "sv", "th", "tr", "uk", "vi",
)  # fmt: skip
_NEWER_VIDEO = _VIDEO.extended(
    _flag("hideTranscriptionForGuests"),
    _flag("hideTranscriptionForOrganizer"),
    _flag("disableAttendeeRecordingDownloadEmail"),
    Field("transcriptionLanguage", one_of(_VIDEO_LANGUAGES), optional=True),
)
_NEWER = (
    Field("calVideoSettings", optional=True, nested=_NEWER_VIDEO),
    _flag("skipAttendeeEmailDeliverabilityCheck"),
    _flag("privateNoteEnabled"),
    Field("privateNoteMode", one_of(("duplicate_event", "separate_events")), optional=True),
    Field("privateNoteTemplate", string, optional=True),
)
_PROPOSALS = Field("bookingProposalCount", minimum(1), integer, optional=True)


def _newer(form: Form, *fields: Field) -> Form:
    """Return a form of version 2026-06-12, which has no `disableGuests`."""
    replaced = {"disableGuests", *(field.name for field in (*_NEWER, *fields))}
    kept = (part for part in form.parts if part.name not in replaced)
    return Form(*kept, *_NEWER, *fields)


NEWER_CREATE = _newer(CREATE, _EMAIL_SETTINGS)
NEWER_UPDATE = _newer(UPDATE, _EMAIL_SETTINGS, _PROPOSALS)
NEWER_TEAM_CREATE = _newer(TEAM_CREATE, _flag("allowRRHostChoiceOnReschedule"))
NEWER_TEAM_UPDATE = _newer(TEAM_UPDATE, _flag("allowRRHostChoiceOnReschedule"), _PROPOSALS)

SORTED = Form(Field("sortCreatedAt", one_of(("asc", "desc"), name="isIn"), optional=True))


def scheduling_type(value: str | None) -> str | None:
    """Return the scheduling type as responses contain it."""
    return next((wire for wire, database in SCHEDULING_TYPES.items() if value == database), None)
