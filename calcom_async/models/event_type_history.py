"""History of an event type, and its errors when bookings are written to a CRM."""

from datetime import datetime
from typing import Any, Literal

from calcom_async.models._base import Model


class AuditActor(Model, frozen=True, kw_only=True, gc=False):
    """The user or program that made a change."""

    type: Literal["USER", "GUEST", "ATTENDEE", "SYSTEM", "APP"] | str | None = None
    """None for the administrator who acted as the actor."""
    display_name: str | None = None
    display_email: str | None = None
    display_avatar: str | None = None


# The specification has four shapes with a tag, folded into one here: a fifth one must not lose the entry.
class AuditFieldValue(Model, frozen=True, kw_only=True):
    """The value of a changed field; `type` determines which other attributes are set.

    - "rawValue": `value`
    - "rawValues": `values`
    - "valueChange": `previous` and `next`
    - "diff": `previous` and `next`, both JSON text
    """

    type: Literal["rawValue", "rawValues", "valueChange", "diff"] | str
    value: str | None = None
    values: list[str] | None = None
    previous: str | None = None
    next: str | None = None


class AuditDisplayField(Model, frozen=True, kw_only=True):
    """A changed field."""

    label: str
    field_value: AuditFieldValue | None = None


class EventTypeAuditLog(Model, frozen=True, kw_only=True):
    """One change of an event type."""

    id: str
    action: Literal["EVENT_TYPE_MODIFIED", "EVENT_TYPE_CREATED", "EVENT_TYPE_DELETED"] | str
    type: str | None = None
    """For example "RECORD_MODIFIED"."""
    timestamp: datetime
    source: str | None = None
    """For example "WEBAPP"."""
    actor: AuditActor | None = None
    impersonated_by: AuditActor | None = None
    """The administrator who acted as `actor`."""
    action_display_title: str | None = None
    display_fields: list[AuditDisplayField] | None = None
    display_json: dict[str, Any] | None = None
    has_error: bool | None = None
    """Whether the server could read only a part of the entry."""


# Only the specification of September 2026 shows these fields: the hosted API returned an empty list.
class CrmSyncError(Model, frozen=True, kw_only=True):
    """A booking that could not be written to a CRM, or only in part."""

    id: str
    credential_id: int | None = None
    event_type_id: int | None = None
    app_slug: str | None = None
    timestamp: datetime
    error_code: str | None = None
    error_message: str | None = None
    raw_message: str | None = None
    """The message of the CRM."""
    dropped_fields: list[str] | None = None
    """Fields that the CRM rejected."""
    event_created: bool | None = None
    """Whether the event exists in the CRM nevertheless."""
    booking_uid: str | None = None
    dismissed_at: datetime | None = None
    """None as long as nobody has dismissed the error."""
