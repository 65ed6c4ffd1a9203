"""Booking fields: the questions that an event type asks the booker.

The guide to them is https://cal.com/docs/platform/guides/booking-fields.
"""

from typing import Literal

from msgspec.structs import replace

from calcom_async.models._base import Model

BookingFieldName = (
    Literal[
        "name",
        "email",
        "location",
        "title",
        "notes",
        "guests",
        "rescheduleReason",
        "attendeePhoneNumber",
        "smsReminderNumber",
        "aiAgentCallPhoneNumber",
        "custom",
        "unknown",
    ]
    | str
)

_NAMES_BY_TYPE = {"name": "name", "splitName": "name", "email": "email"}
_NAMES_BY_SLUG = frozenset(
    {
        "location",
        "title",
        "notes",
        "guests",
        "rescheduleReason",
        "attendeePhoneNumber",
        "smsReminderNumber",
        "aiAgentCallPhoneNumber",
    }
)
_TYPES = {
    "text": "shortText",
    "textarea": "longText",
    "multiselect": "multiSelect",
    "multiemail": "multiEmail",
    "checkbox": "checkboxGroup",
    "boolean": "checkbox",
    "radio": "radioGroup",
}
"""New names of the types of custom fields, by the old ones; other types have kept theirs."""


class BookingField(Model, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """A question for the booker, in the shape of either version of the API.

    - Version 2026-06-12, which `cal.event_types.booking_fields(id)` uses: `field` is the name of a default field, or
      "custom". Name fields also have a `variant`, custom ones a `type`, `slug` and `label`. The types are shortText,
      longText, number, email, multiEmail, phone, address, url, select, multiSelect, checkboxGroup, radioGroup and
      checkbox.
    - Version 2024-06-14: there is no `field`. Default fields are identified by `type` (name, splitName, email) or
      `slug` (title, notes, guests, rescheduleReason, location). Custom ones need `type`, `slug`, `label` and
      `required`. The types are text, textarea, number, multiemail, phone, address, url, select, multiselect, checkbox,
      radio and boolean.

    The type "checkbox" is a group of choices in 2024-06-14 and a single box in 2026-06-12. To read both alike, use
    `upgraded()`.
    """

    field: BookingFieldName | None = None
    """None in the shape of 2024-06-14."""
    variant: Literal["fullName", "splitName"] | str | None = None
    is_default: bool | None = None
    """Read only, and only in the shape of 2024-06-14: true for default fields."""
    type: str | None = None
    slug: str | None = None
    """New slugs of custom fields consist of lower-case letters, digits and single hyphens; older ones may not."""
    label: str | None = None
    required: bool | None = None
    placeholder: str | None = None
    options: list[str] | None = None
    """Choices of a select field, and of groups of checkboxes and radio buttons."""
    disable_on_prefill: bool | None = None
    """Whether a value from the URL of the booking page cannot be changed."""
    hidden: bool | None = None
    first_name_label: str | None = None
    """This and the following fields are for split names."""
    first_name_placeholder: str | None = None
    first_name_disable_on_prefill: bool | None = None
    last_name_label: str | None = None
    last_name_placeholder: str | None = None
    last_name_required: bool | None = None
    last_name_disable_on_prefill: bool | None = None
    exclude_emails: list[str] | None = None
    """For email fields, like `require_emails`."""
    require_emails: list[str] | None = None
    min_length: int | None = None
    """For longText, like `max_length`: from 0 to 1000 characters."""
    max_length: int | None = None
    booking_field: str | None = None
    """Read only: a field that the server could not parse, as JSON text. Its `field` is "unknown"."""

    def upgraded(self) -> "BookingField":
        """Return the field in the shape of version 2026-06-12. A field that has this shape is returned as it is."""
        if self.field is not None:
            return self
        is_custom = self.is_default is False
        # In 2024-06-14 a custom field may have any slug, so the type decides first: a text field may be called "email".
        if not is_custom and self.type in _NAMES_BY_TYPE and self.slug not in _NAMES_BY_SLUG:
            name = _NAMES_BY_TYPE[self.type]
            return self._upgraded_name() if name == "name" else replace(self, field=name, slug=name, **_NOT_SENT)
        if self.slug in _NAMES_BY_SLUG:
            if self.slug == "location":  # its options are the locations of the event type, and cannot be written
                return BookingField(field="location", slug="location", label=self.label)
            return replace(self, field=self.slug, **_NOT_SENT)
        if self.type == "unknown":
            return replace(self, field="unknown", **_NOT_SENT)
        return replace(self, field="custom", is_default=None, type=_TYPES.get(self.type or "", self.type))

    def _upgraded_name(self) -> "BookingField":
        # The name field has no settings of its own if it is split: they are those of its two parts.
        if self.type == "splitName":
            return replace(
                self,
                field="name",
                slug="name",
                variant="splitName",
                label=None,
                placeholder=None,
                required=None,
                hidden=None,
                first_name_disable_on_prefill=None,
                last_name_disable_on_prefill=None,
                **_NOT_SENT,
            )
        return BookingField(
            field="name",
            slug="name",
            variant="fullName",
            label=self.label,
            placeholder=self.placeholder,
            disable_on_prefill=self.disable_on_prefill,
        )


_NOT_SENT = {"is_default": None, "type": None}
"""Fields that default booking fields do not have in the shape of version 2026-06-12."""


class BookingFields(Model, frozen=True, kw_only=True):
    """The booking fields of one event type."""

    booking_fields: list[BookingField]
