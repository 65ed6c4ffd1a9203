"""Event types of a user or of a team."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, ClassVar, Literal, Unpack

from msgspec import UNSET
from msgspec.structs import replace

from calcom_async.errors import ApiError
from calcom_async.models._base import DisableableSetting
from calcom_async.models.booking_fields import BookingField
from calcom_async.models.event_type_history import CrmSyncError, EventTypeAuditLog
from calcom_async.models.event_types import (
    CreateEventType,
    CreateTeamEventType,
    DeletedEventType,
    EventType,
    UpdateEventType,
    UpdateTeamEventType,
)
from calcom_async.models.scheduling_config import SchedulingConfig
from calcom_async.pages import Pages
from calcom_async.pagination import PaginationSpec
from calcom_async.requests import fill
from calcom_async.resources._base import CursorPaging, List, Resource
from calcom_async.resources.booking_fields import EventTypeBookingFields, upgraded
from calcom_async.resources.phone_calls import PhoneCalls
from calcom_async.resources.private_links import PrivateLinks
from calcom_async.resources.webhooks import BulkDeleteWebhooks
from calcom_async.versions import EVENT_TYPES

Order = Literal["asc", "desc"]
# The rows of the history and their cursor are in `data`, those of the CRM errors are `data` itself, with the cursor in
# `pagination` (specification of September 2026).
HISTORY = PaginationSpec(maximum=50, take="limit", cursor=True, rows="auditLogs")
CRM_SYNC_ERRORS = PaginationSpec(maximum=100, take="limit", cursor=True)
ONE_OR_MANY: Any = EventType | list[EventType]


_NEWER_FIELDS = (
    "skip_attendee_email_deliverability_check",
    "private_note_enabled",
    "private_note_mode",
    "private_note_template",
    "booking_proposal_count",
    "allow_rr_host_choice_on_reschedule",
)
_NEWER_VIDEO_SETTINGS = (
    "hide_transcription_for_guests",
    "hide_transcription_for_organizer",
    "disable_attendee_recording_download_email",
    "transcription_language",
)
_NULLABLE = frozenset({"booking_proposal_count", "transcription_language"})
"""Fields that are also given if they are None."""


def _gives(body: Any, names: Iterable[str]) -> bool:
    """Whether a body has one of these fields."""
    values = ((name, getattr(body, name, UNSET)) for name in names)
    return any(value is not UNSET and (value is not None or name in _NULLABLE) for name, value in values)


def _needs_newer_version(body: Any, *, of_team: bool) -> bool:
    """Whether a field of a body exists only in version 2026-06-12."""
    # Event types of teams have had email settings before.
    names = _NEWER_FIELDS if of_team else (*_NEWER_FIELDS, "email_settings")
    fields = getattr(body, "booking_fields", None)
    return (
        _gives(body, names)
        or _gives(getattr(body, "cal_video_settings", None), _NEWER_VIDEO_SETTINGS)
        or (isinstance(fields, list) and any(getattr(field, "field", None) is not None for field in fields))
    )


class _EventTypes(Resource):
    """Base of resources that create and update event types."""

    of_team: ClassVar[bool] = True

    async def _send_event_type(self, kind: type[Any], method: str, route: str, *ids: int, body: Any) -> Any:
        """Send an event type, in version 2026-06-12 if one of its fields needs it.

        Raises `ApiError` if the server ignored such fields, because it does not know the version.
        """
        needed = EVENT_TYPES if _needs_newer_version(body, of_team=self.of_team) else ""
        version = self._context.versions.for_route(method, self._scope + route, needed)
        if version >= EVENT_TYPES and getattr(body, "booking_fields", None):
            body = replace(body, booking_fields=upgraded(body.booking_fields))
        # A server that does not know the version drops the new fields without an error. Only the shape of the response
        # tells: in that of 2026-06-12, each booking field has a `field`.
        send = self._post if method == "POST" else self._patch
        result = await send(kind, route, *ids, body=body, needed=needed)
        # A managed event type is a list, and the first one is the parent.
        stored = result[0] if isinstance(result, list) and result else result
        if needed and any(field.field is None for field in getattr(stored, "booking_fields", None) or [BookingField()]):
            raise ApiError(
                f"the server does not know cal-api-version {EVENT_TYPES} and ignored the fields that need it. "
                f"{'The event type was created without them' if method == 'POST' else 'Other changes were made'}",
                status=200,
                method=method,
                path=self._prefix + fill(route, ids),
            )
        return result

    def booking_fields(self, event_type_id: int) -> EventTypeBookingFields:
        """Booking fields of one event type, to change them one by one. Self-hosted servers do not have this."""
        return self._child(EventTypeBookingFields, "/event-types/{}", event_type_id)

    def _check_disabled(self, changes: UpdateEventType, changed: Any, event_type_id: int) -> None:
        """Raise `ApiError` if a setting that was to be disabled is still on."""
        # Seen with `recurrence`: 200, and the event type still recurs (recorded from a self-hosted server of 2026-07).
        for name in ("recurrence", "seats", "confirmation_policy"):
            wanted, current = getattr(changes, name, None), getattr(changed, name, None)
            if (
                isinstance(wanted, DisableableSetting)
                and wanted.disabled
                and isinstance(current, DisableableSetting)
                and not current.disabled
            ):
                raise ApiError(
                    f"the server accepted the update but left {name} on. To turn it off, create another event type",
                    status=200,
                    method="PATCH",
                    path=f"{self._prefix}/event-types/{event_type_id}",
                )


class EventTypes(_EventTypes):
    """Event types of a user.

    `Config(api_versions={"event_types": "2026-06-12"})` selects the newest version for all of them. Without it, that
    version is sent only where a field needs it.
    """

    of_team = False

    def list(
        self,
        *,
        username: str | None = None,
        event_slug: str | None = None,
        usernames: Sequence[str] | None = None,
        organization_slug: str | None = None,
        organization_id: int | None = None,
        sort_created_at: Order | None = None,
    ) -> Pages[EventType]:
        """List your own event types, hidden ones included, or the public ones of `username`; in one response.

        `event_slug` selects one event type of `username`. `usernames` returns a generated event type for a meeting with
        all of them (id 0, slug "dynamic"). An unknown user returns an empty list. `sort_created_at` sorts by id.
        """
        query = {
            "username": username,
            "eventSlug": event_slug,
            "usernames": usernames,
            "orgSlug": organization_slug,
            "orgId": organization_id,
            "sortCreatedAt": sort_created_at,
        }
        return self._pages(EventType, "/event-types", query=query)

    async def get(self, event_type_id: int) -> EventType:
        """Fetch one event type. Raises `NotFoundError` if it is unknown or belongs to another user."""
        return await self._get(EventType, "/event-types/{}", event_type_id)

    async def create(self, event_type: CreateEventType) -> EventType:
        """Create an event type. A slug that you already use raises `BadRequestError`."""
        created: EventType = await self._send_event_type(EventType, "POST", "/event-types", body=event_type)
        return created

    async def update(self, event_type_id: int, changes: UpdateEventType) -> EventType:
        """Update the given fields of an event type. Lists such as `booking_fields` are replaced as a whole.

        Raises `ApiError` if the server accepts `DISABLED` but leaves the setting on, as known servers do with
        `recurrence`. All other changes have been made by then.
        """
        changed: EventType = await self._send_event_type(
            EventType, "PATCH", "/event-types/{}", event_type_id, body=changes
        )
        self._check_disabled(changes, changed, event_type_id)
        return changed

    async def delete(self, event_type_id: int) -> DeletedEventType:
        """Delete an event type. Raises `ForbiddenError` if it belongs to another user."""
        return await self._delete(DeletedEventType, "/event-types/{}", event_type_id)

    def history(self, event_type_id: int, **paging: Unpack[CursorPaging]) -> Pages[EventTypeAuditLog]:
        """List the changes of an event type, the newest first, 50 per page.

        Only for its owner, or the admins of its team. Needs the OAuth scope `EVENT_TYPE_READ`. Self-hosted servers do
        not have this.
        """
        return self._pages(EventTypeAuditLog, "/event-types/{}/history", event_type_id, pagination=HISTORY, **paging)

    def crm_sync_errors(
        self,
        event_type_id: int,
        *,
        app_slug: str,
        include_dismissed: bool | None = None,
        **paging: Unpack[CursorPaging],
    ) -> Pages[CrmSyncError]:
        """List the bookings that could not be written to a CRM such as "salesforce", 100 per page.

        Needs the OAuth scope `EVENT_TYPE_READ`. Self-hosted servers do not have this.
        """
        query = {"appSlug": app_slug, "includeDismissed": include_dismissed}
        route = "/event-types/{}/crm-sync-errors"
        return self._pages(CrmSyncError, route, event_type_id, pagination=CRM_SYNC_ERRORS, query=query, **paging)

    async def scheduling_config(self, event_type_id: int) -> SchedulingConfig:
        """Return how an event type of a team selects the host of a booking. It cannot be written.

        Raises `UnprocessableError` for an event type of a user. Needs the OAuth scope `EVENT_TYPE_READ`. Self-hosted
        servers do not have this.
        """
        return await self._get(SchedulingConfig, "/event-types/{}/scheduling-config", event_type_id)

    def webhooks(self, event_type_id: int) -> BulkDeleteWebhooks:
        """Webhooks of one event type. Cal.com calls them in addition to the webhooks of its owner."""
        return self._child(BulkDeleteWebhooks, "/event-types/{}", event_type_id)

    def private_links(self, event_type_id: int) -> PrivateLinks:
        """Private links of one event type: they allow a limited number of bookings, or expire."""
        return self._child(PrivateLinks, "/event-types/{}", event_type_id)


class TeamEventTypes(PhoneCalls, _EventTypes):
    """Event types of a team: collective, round robin or managed."""

    def list(
        self,
        *,
        event_slug: str | None = None,
        hosts_limit: int | None = None,
        sort_created_at: Order | None = None,
    ) -> Pages[EventType]:
        """List all event types of the team, or the one with `event_slug`; public, in one response, unsorted.

        The server accepts `hosts_limit` but ignores it.
        """
        query = {"eventSlug": event_slug, "hostsLimit": hosts_limit, "sortCreatedAt": sort_created_at}
        return self._pages(EventType, "/event-types", query=query)

    async def get(self, event_type_id: int) -> EventType:
        """Fetch one event type of the team. A managed child is only found through its owner's `cal.event_types`."""
        return await self._get(EventType, "/event-types/{}", event_type_id)

    async def create(self, event_type: CreateTeamEventType) -> EventType | List[EventType]:
        """Create an event type. A managed one returns a list: the parent, then one child per host.

        An error may leave the event type behind (403 while a member is pending): check before you retry.
        """
        created: EventType | List[EventType] = await self._send_event_type(
            ONE_OR_MANY, "POST", "/event-types", body=event_type
        )
        return created

    async def update(self, event_type_id: int, changes: UpdateTeamEventType) -> EventType | List[EventType]:
        """Update the given fields of an event type. A managed one returns a list, like `create`.

        Raises `ApiError` if the server accepts `DISABLED` but leaves the setting on, as known servers do with
        `recurrence`. All other changes have been made by then.
        """
        changed: Any = await self._send_event_type(ONE_OR_MANY, "PATCH", "/event-types/{}", event_type_id, body=changes)
        first = changed[0] if isinstance(changed, list) and changed else changed
        self._check_disabled(changes, first, event_type_id)
        result: EventType | List[EventType] = changed
        return result

    async def delete(self, event_type_id: int) -> DeletedEventType:
        """Delete an event type. The response contains its id and title only."""
        return await self._delete(DeletedEventType, "/event-types/{}", event_type_id)


class UserTeamEventTypes(TeamEventTypes):
    """Event types of a team outside an organization."""

    def webhooks(self, event_type_id: int) -> BulkDeleteWebhooks:
        """Webhooks of one event type. Cal.com calls them in addition to the webhooks of its owner."""
        return self._child(BulkDeleteWebhooks, "/event-types/{}", event_type_id)


class OrganizationTeamEventTypes(TeamEventTypes):
    """Event types of a team in an organization."""

    def private_links(self, event_type_id: int) -> PrivateLinks:
        """Private links of one event type: they allow a limited number of bookings, or expire."""
        return self._child(PrivateLinks, "/event-types/{}", event_type_id)
