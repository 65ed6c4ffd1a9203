"""Event types: what can be booked, of a user or of a team."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from calcom_async.errors import ApiError
from calcom_async.models._base import DisableableSetting
from calcom_async.models.event_types import (
    CreateEventType,
    CreateTeamEventType,
    DeletedEventType,
    EventType,
    UpdateEventType,
    UpdateTeamEventType,
)
from calcom_async.pages import Pages
from calcom_async.resources._base import List, Resource
from calcom_async.resources.phone_calls import PhoneCalls
from calcom_async.resources.private_links import PrivateLinks
from calcom_async.resources.webhooks import BulkDeleteWebhooks

Order = Literal["asc", "desc"]
ONE_OR_MANY: Any = EventType | list[EventType]


class _CheckedUpdates(Resource):
    """What updates of event types have in common."""

    def _check_disabled(self, changes: UpdateEventType, changed: Any, event_type_id: int) -> None:
        """Raise `ApiError` for a setting that should be off and is not."""
        for name in ("recurrence", "seats", "confirmation_policy"):
            wanted, found = getattr(changes, name, None), getattr(changed, name, None)
            if (
                isinstance(wanted, DisableableSetting)
                and wanted.disabled
                and isinstance(found, DisableableSetting)
                and not found.disabled
            ):
                raise ApiError(
                    f"the server accepted the changes but left {name} on. To be rid of it, create another event type",
                    status=200,
                    method="PATCH",
                    path=f"{self._prefix}/event-types/{event_type_id}",
                )


class EventTypes(_CheckedUpdates):
    """Event types of a user."""

    area = "event_types"
    version = "2024-06-14"

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
        """Your own event types, hidden ones included, or those of `username` that are public; they come in one answer.

        `event_slug` picks one of `username`'s. `usernames` answer one made-up event type for a meeting with all of
        them (id 0, slug "dynamic"). An unknown user has none: no error. `sort_created_at` sorts by id.
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
        """Fetch one event type. Raises `NotFoundError` for unknown ones and for those of others."""
        return await self._get(EventType, "/event-types/{}", event_type_id)

    async def create(self, event_type: CreateEventType) -> EventType:
        """Make an event type. A slug that you have already is a `BadRequestError`."""
        return await self._post(EventType, "/event-types", body=event_type)

    async def update(self, event_type_id: int, changes: UpdateEventType) -> EventType:
        """Change an event type; what is not given stays, lists such as `booking_fields` are replaced whole.

        Raises `ApiError` if the server accepts `DISABLED` and leaves the setting on, as known servers do with
        `recurrence`; all other changes are made then.
        """
        changed = await self._patch(EventType, "/event-types/{}", event_type_id, body=changes)
        self._check_disabled(changes, changed, event_type_id)
        return changed

    async def delete(self, event_type_id: int) -> DeletedEventType:
        """Delete an event type. One of others is a `ForbiddenError`."""
        return await self._delete(DeletedEventType, "/event-types/{}", event_type_id)

    def webhooks(self, event_type_id: int) -> BulkDeleteWebhooks:
        """Webhooks of one event type; they are called beside those of its owner."""
        return self._below(BulkDeleteWebhooks, "/event-types/{}", event_type_id)

    def private_links(self, event_type_id: int) -> PrivateLinks:
        """Links that book one event type and then expire."""
        return self._below(PrivateLinks, "/event-types/{}", event_type_id)


class TeamEventTypes(PhoneCalls, _CheckedUpdates):
    """Event types of a team: collective, round robin or managed."""

    def list(
        self,
        *,
        event_slug: str | None = None,
        hosts_limit: int | None = None,
        sort_created_at: Order | None = None,
    ) -> Pages[EventType]:
        """All event types of the team, or the one with `event_slug`; public, in one answer, in no fixed order.

        The server takes `hosts_limit` and does nothing with it.
        """
        query = {"eventSlug": event_slug, "hostsLimit": hosts_limit, "sortCreatedAt": sort_created_at}
        return self._pages(EventType, "/event-types", query=query)

    async def get(self, event_type_id: int) -> EventType:
        """Fetch one event type of the team; a managed child is only found at its owner's `cal.event_types`."""
        return await self._get(EventType, "/event-types/{}", event_type_id)

    async def create(self, event_type: CreateTeamEventType) -> EventType | List[EventType]:
        """Make an event type; a managed one answers a list, the parent first and then a child for each host.

        A refusal may leave the event type behind (403 while a member is pending): look before you try again.
        """
        return await self._post(ONE_OR_MANY, "/event-types", body=event_type)

    async def update(self, event_type_id: int, changes: UpdateTeamEventType) -> EventType | List[EventType]:
        """Change an event type; what is not given stays. A managed one answers a list, as in `create`.

        Raises `ApiError` if the server accepts `DISABLED` and leaves the setting on, as known servers do with
        `recurrence`; all other changes are made then.
        """
        changed: Any = await self._patch(ONE_OR_MANY, "/event-types/{}", event_type_id, body=changes)
        first = changed[0] if isinstance(changed, list) and changed else changed
        self._check_disabled(changes, first, event_type_id)
        result: EventType | List[EventType] = changed
        return result

    async def delete(self, event_type_id: int) -> DeletedEventType:
        """Delete an event type; the answer holds its id and title only."""
        return await self._delete(DeletedEventType, "/event-types/{}", event_type_id)


class UserTeamEventTypes(TeamEventTypes):
    """Event types of a team of one's own."""

    def webhooks(self, event_type_id: int) -> BulkDeleteWebhooks:
        """Webhooks of one event type; they are called beside those of its owner."""
        return self._below(BulkDeleteWebhooks, "/event-types/{}", event_type_id)


class OrganizationTeamEventTypes(TeamEventTypes):
    """Event types of a team of an organisation."""

    def private_links(self, event_type_id: int) -> PrivateLinks:
        """Links that book one event type and then expire."""
        return self._below(PrivateLinks, "/event-types/{}", event_type_id)
