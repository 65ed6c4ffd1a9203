"""Webhooks of users, event types, teams, organizations and OAuth clients, in one shape."""

from datetime import datetime
from typing import TYPE_CHECKING, ClassVar, Final, Literal, get_args

from msgspec import field
from msgspec.structs import force_setattr

from calcom_async.models._base import SecretModel

# Only the hosted API of 2026 has these; older servers reject them.
_HostedTrigger = Literal[
    "BOOKING_LOCATION_UPDATED",
    "BOOKING_REASSIGNED",
    "INSTANT_MEETING_ACCEPTED",
    "CALENDAR_ENTRY_REJECTED",
    "DELEGATION_CREDENTIAL_SECRET_ROTATED",
    "DELEGATION_CREDENTIAL_SECRET_ROTATION_FAILED",
    "DELEGATION_CREDENTIAL_ROTATION_REQUIRED",
]
# BOOKING_CONFIRMED appears in the official examples but does not exist: confirming fires BOOKING_CREATED.
_Trigger = Literal[
    "BOOKING_CREATED",
    "BOOKING_PAYMENT_INITIATED",
    "BOOKING_PAID",
    "BOOKING_RESCHEDULED",
    "BOOKING_REQUESTED",
    "BOOKING_CANCELLED",
    "BOOKING_REJECTED",
    "BOOKING_NO_SHOW_UPDATED",
    "FORM_SUBMITTED",
    "MEETING_ENDED",
    "MEETING_STARTED",
    "RECORDING_READY",
    "INSTANT_MEETING",
    "RECORDING_TRANSCRIPTION_GENERATED",
    "OOO_CREATED",
    "AFTER_HOSTS_CAL_VIDEO_NO_SHOW",
    "AFTER_GUESTS_CAL_VIDEO_NO_SHOW",
    "FORM_SUBMITTED_NO_EVENT",
    "ROUTING_FORM_FALLBACK_HIT",
    "DELEGATION_CREDENTIAL_ERROR",
    "WRONG_ASSIGNMENT_REPORT",
]
# Open, like every list of words in the API: a subscription may have a trigger that this version does not know.
WebhookTimeUnit = Literal["DAY", "HOUR", "MINUTE"] | str
WebhookTrigger = _Trigger | _HostedTrigger | str
HOSTED_TRIGGERS: Final[tuple[str, ...]] = get_args(_HostedTrigger)
WEBHOOK_TRIGGERS: Final[tuple[str, ...]] = (*get_args(_Trigger), *HOSTED_TRIGGERS)


# The specification declares a number, and servers send a UUID; both are read as text.
if TYPE_CHECKING:
    _Id = str
else:
    _Id = str | int


class Webhook(SecretModel, frozen=True, kw_only=True):
    """A subscription to triggers; the one id among the four that is set identifies its owner.

    The server returns `secret` in clear; reprs mask it.
    `created_at` and the fields after it are only set when a webhook of a user is fetched by id.
    """

    secret_fields: ClassVar[frozenset[str]] = frozenset({"secret"})

    id: _Id
    user_id: int | None = None
    team_id: int | None = None
    """The team, or the organization."""
    event_type_id: int | None = None
    oauth_client_id: str | None = field(name="oAuthClientId", default=None)
    subscriber_url: str
    payload_template: str | None = None
    active: bool
    secret: str | None = None
    triggers: list[WebhookTrigger]
    created_at: datetime | None = None
    app_id: str | None = None
    platform: bool | None = None
    time: int | None = None
    """How long after the start AFTER_..._CAL_VIDEO_NO_SHOW is sent, in `time_unit`."""
    time_unit: WebhookTimeUnit | None = None
    version: str | None = None

    def __post_init__(self) -> None:
        if isinstance(self.id, int):
            force_setattr(self, "id", str(self.id))


class CreateWebhook(SecretModel, frozen=True, kw_only=True):
    """A new webhook; a second one with the same `subscriber_url` for one owner raises `ConflictError`."""

    secret_fields: ClassVar[frozenset[str]] = frozenset({"secret"})

    subscriber_url: str
    triggers: list[WebhookTrigger]
    active: bool = True
    secret: str | None = None
    """Signs the deliveries; without it their signature is `no-secret-provided`."""
    payload_template: str | None = None
    """A Handlebars template; if it does not produce JSON, deliveries are form-encoded."""
    version: str | None = None
    """Version of the payload: "2021-10-20", or "2026-07-27" on the hosted API, which adds ICS files to bookings."""
    time: int | None = None
    """How long after the start AFTER_..._CAL_VIDEO_NO_SHOW is sent; at least 1."""
    time_unit: WebhookTimeUnit | None = None


class UpdateWebhook(SecretModel, frozen=True, kw_only=True):
    """Changes to a webhook; omitted fields stay unchanged."""

    secret_fields: ClassVar[frozenset[str]] = frozenset({"secret"})

    subscriber_url: str | None = None
    triggers: list[WebhookTrigger] | None = None
    active: bool | None = None
    secret: str | None = None
    payload_template: str | None = None
    version: str | None = None
    time: int | None = None
    time_unit: WebhookTimeUnit | None = None
