"""Attributes of the members of an organization: their options, and which member has which option."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Unpack

from calcom_async.errors import InvalidRequestError
from calcom_async.models._base import IntOrFloat
from calcom_async.models.attribute_history import AttributeAuditLog, AttributeSyncRun
from calcom_async.models.attributes import (
    AssignedOption,
    AssignOption,
    Attribute,
    AttributeOption,
    AttributeType,
    CreateAttribute,
    CreateAttributeOption,
    OptionAssignment,
    UpdateAttribute,
    UpdateAttributeOption,
    UpdateOptionWeight,
)
from calcom_async.pages import Pages
from calcom_async.pagination import PaginationSpec
from calcom_async.resources._base import CursorPaging, Paging, Resource, listed
from calcom_async.resources._not_found import require_found

PAGINATION = PaginationSpec(maximum=250)
# No maximum is documented. Without `take` the server returns 250 rows at most.
ASSIGNED = PaginationSpec(maximum=1000)
# The cursor of the history is in `data`, next to the rows, and that of the synchronizations in `meta` (specification of
# September 2026).
HISTORY = PaginationSpec(maximum=50, take="limit", cursor=True, rows="auditLogs")
SYNC_HISTORY = PaginationSpec(maximum=100, take="limit", cursor=True)
MAYBE: Any = Attribute | None  # `Any`, because type checkers accept no union as `type[T]`


class Attributes(Resource):
    """Attributes that an organization defines for its members. Members can read them; admins and owners can write."""

    def list(self, **paging: Unpack[Paging]) -> Pages[Attribute]:
        """List all attributes by id, 250 per page."""
        return self._pages(Attribute, "/attributes", pagination=PAGINATION, **paging)

    async def get(self, attribute_id: str) -> Attribute:
        """Fetch one attribute. Raises `NotFoundError`, although the server returns 200 with null for an unknown id."""
        attribute: Attribute | None = await self._get(MAYBE, "/attributes/{}", attribute_id)
        return require_found(attribute, f"attribute {attribute_id}")

    async def create(
        self,
        *,
        name: str,
        slug: str,
        type: AttributeType,
        options: Sequence[CreateAttributeOption] = (),
        enabled: bool | None = None,
    ) -> Attribute:
        """Create an attribute. A slug that is taken raises `ConflictError`.

        `options` are the choices of a SINGLE_SELECT or MULTI_SELECT attribute; TEXT and NUMBER take none. The response
        does not contain them: call `options(attribute.id)`.
        """
        # The API requires the list of options for all four types (recorded from a self-hosted server of 2025-12).
        body = CreateAttribute(name=name, slug=slug, type=type, options=listed("options", options), enabled=enabled)
        return await self._post(Attribute, "/attributes", body=body)

    async def update(
        self,
        attribute_id: str,
        *,
        name: str | None = None,
        slug: str | None = None,
        type: AttributeType | None = None,
        enabled: bool | None = None,
    ) -> Attribute:
        """Update the given fields. Raises `NotFoundError`."""
        body = UpdateAttribute(name=name, slug=slug, type=type, enabled=enabled)
        return await self._patch(Attribute, "/attributes/{}", attribute_id, body=body)

    async def delete(self, attribute_id: str) -> Attribute:
        """Delete an attribute with its options, even if members have them. Returns the deleted attribute."""
        return await self._delete(Attribute, "/attributes/{}", attribute_id)

    # Options

    def options(self, attribute_id: str) -> Pages[AttributeOption]:
        """List all options of an attribute, in one response; empty for an unknown attribute."""
        return self._pages(AttributeOption, "/attributes/{}/options", attribute_id)

    async def create_option(self, attribute_id: str, *, value: str, slug: str) -> AttributeOption:
        """Add an option. Adding it twice creates two; an unknown attribute raises `BadRequestError`."""
        body = CreateAttributeOption(value=value, slug=slug)
        return await self._post(AttributeOption, "/attributes/{}/options", attribute_id, body=body)

    async def update_option(
        self, attribute_id: str, option_id: str, *, value: str | None = None, slug: str | None = None
    ) -> AttributeOption:
        """Rename an option, for every member who has it."""
        body = UpdateAttributeOption(value=value, slug=slug)
        return await self._patch(AttributeOption, "/attributes/{}/options/{}", attribute_id, option_id, body=body)

    async def delete_option(self, attribute_id: str, option_id: str) -> AttributeOption:
        """Delete an option, even if members have it. Returns the deleted option."""
        return await self._delete(AttributeOption, "/attributes/{}/options/{}", attribute_id, option_id)

    # Assignments

    def assigned_options(
        self,
        attribute_id: str,
        *,
        assigned_option_ids: Sequence[str] | None = None,
        team_ids: Sequence[int] | None = None,
        **paging: Unpack[Paging],
    ) -> Pages[AssignedOption]:
        """List the options of an attribute that members have, with the ids of those users; 1,000 per page.

        `team_ids` keeps options that a member of one of these teams has. `assigned_option_ids`, of any attributes,
        keeps options of users who also have one of these. If no user has any, the list is empty, or the server raises
        `NotFoundError`.
        """
        query = {"assignedOptionIds": assigned_option_ids, "teamIds": team_ids}
        route = "/attributes/{}/options/assigned"
        return self._pages(AssignedOption, route, attribute_id, pagination=ASSIGNED, query=query, **paging)

    def assigned_options_by_slug(
        self,
        attribute_slug: str,
        *,
        assigned_option_ids: Sequence[str] | None = None,
        team_ids: Sequence[int] | None = None,
        **paging: Unpack[Paging],
    ) -> Pages[AssignedOption]:
        """Like `assigned_options`, for the attribute with this slug."""
        query = {"assignedOptionIds": assigned_option_ids, "teamIds": team_ids}
        route = "/attributes/slugs/{}/options/assigned"
        return self._pages(AssignedOption, route, attribute_slug, pagination=ASSIGNED, query=query, **paging)

    def list_for_user(self, user_id: int) -> Pages[AttributeOption]:
        """List all options of all attributes that a user has, in one response; empty for an unknown user."""
        return self._pages(AttributeOption, "/attributes/options/{}", user_id)

    async def assign(
        self,
        user_id: int,
        *,
        attribute_id: str,
        option_id: str | None = None,
        value: str | None = None,
        weight: IntOrFloat | None = None,
    ) -> OptionAssignment:
        """Assign an option to a user: by `option_id`, or by `value` for TEXT and NUMBER, which creates the option.

        Nothing is replaced: a single-choice attribute can end up with two options, of which only the first is shown. A
        pending member raises `NotFoundError`. Self-hosted servers ignore `weight`, which must be at least 0.
        """
        if option_id is None and value is None:  # the server returns a bare 500
            raise InvalidRequestError(
                "the option to assign is missing", hint="Pass option_id, or value for a TEXT or NUMBER attribute"
            )
        body = AssignOption(attribute_id=attribute_id, attribute_option_id=option_id, value=value, weight=weight)
        return await self._post(OptionAssignment, "/attributes/options/{}", user_id, body=body)

    async def set_weight(self, user_id: int, option_id: str, *, weight: IntOrFloat) -> OptionAssignment:
        """Set the weight of an option that a user has; for admins with `organization.attributes.editUsers`.

        `weight` must be at least 0. No list contains weights: read them from this response or from the history.
        """
        body = UpdateOptionWeight(weight=weight)
        return await self._patch(OptionAssignment, "/attributes/options/{}/{}", user_id, option_id, body=body)

    async def unassign(self, user_id: int, option_id: str) -> OptionAssignment:
        """Remove an option from a user. Raises `NotFoundError` if the user does not have it. Any member may do this."""
        return await self._delete(OptionAssignment, "/attributes/options/{}/{}", user_id, option_id)

    # History

    def history(self, user_id: int, **paging: Unpack[CursorPaging]) -> Pages[AttributeAuditLog]:
        """List the changes of the attributes of a user, 50 per page.

        For admins with `organization.attributes.readAuditLogs`. Self-hosted servers do not have this.
        """
        route = "/attributes/assignments/{}/history"
        return self._pages(AttributeAuditLog, route, user_id, pagination=HISTORY, **paging)

    def sync_history(self, **paging: Unpack[CursorPaging]) -> Pages[AttributeSyncRun]:
        """List the synchronizations of attributes with other systems, 100 per page.

        Probably needs `organization.attributes.readSyncHistory`; the documentation does not say. Self-hosted servers do
        not have this.
        """
        return self._pages(AttributeSyncRun, "/attributes/sync-history", pagination=SYNC_HISTORY, **paging)

    def user_sync_history(self, user_id: int, **paging: Unpack[CursorPaging]) -> Pages[AttributeSyncRun]:
        """Like `sync_history`, for the attributes of one user."""
        route = "/attributes/sync-history/user/{}"
        return self._pages(AttributeSyncRun, route, user_id, pagination=SYNC_HISTORY, **paging)
