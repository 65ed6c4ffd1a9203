"""Attributes of an organisation's members: their options, and who has which."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Unpack

from calcom_async.errors import InvalidRequestError
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
)
from calcom_async.pages import Pages
from calcom_async.resources._base import Paging, Resource, listed
from calcom_async.resources._found import found
from calcom_async.wire import Listing

LISTING = Listing(maximum=250)
# The server names no maximum for this one, and cuts at 250 without a `take`.
ASSIGNED = Listing(maximum=1000)
MAYBE: Any = Attribute | None


class Attributes(Resource):
    """What an organisation notes about its members. Members read, admins and owners write."""

    def list(self, **paging: Unpack[Paging]) -> Pages[Attribute]:
        """All attributes, 250 a page by id."""
        return self._pages(Attribute, "/attributes", listing=LISTING, **paging)

    async def get(self, attribute_id: str) -> Attribute:
        """Fetch one attribute. Raises `NotFoundError`, though the server answers an unknown one with a 200 and null."""
        attribute: Attribute | None = await self._get(MAYBE, "/attributes/{}", attribute_id)
        return found(attribute, f"attribute {attribute_id}")

    async def create(
        self,
        *,
        name: str,
        slug: str,
        type: AttributeType,
        options: Sequence[CreateAttributeOption] = (),
        enabled: bool | None = None,
    ) -> Attribute:
        """Make an attribute; a slug that is taken is a `ConflictError`.

        `options` are what members can choose from, for the two SELECT types; TEXT and NUMBER take none. The answer does
        not show them: `options(attribute.id)` does.
        """
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
        """Change what is given. Raises `NotFoundError` when unknown."""
        body = UpdateAttribute(name=name, slug=slug, type=type, enabled=enabled)
        return await self._patch(Attribute, "/attributes/{}", attribute_id, body=body)

    async def delete(self, attribute_id: str) -> Attribute:
        """Delete an attribute with its options, whoever has them, and return it as it was."""
        return await self._delete(Attribute, "/attributes/{}", attribute_id)

    # --- options

    def options(self, attribute_id: str) -> Pages[AttributeOption]:
        """All options of an attribute, in one answer; none for an unknown attribute."""
        return self._pages(AttributeOption, "/attributes/{}/options", attribute_id)

    async def create_option(self, attribute_id: str, *, value: str, slug: str) -> AttributeOption:
        """Add an option. The same one twice makes two; an unknown attribute is a `BadRequestError`."""
        body = CreateAttributeOption(value=value, slug=slug)
        return await self._post(AttributeOption, "/attributes/{}/options", attribute_id, body=body)

    async def update_option(
        self, attribute_id: str, option_id: str, *, value: str | None = None, slug: str | None = None
    ) -> AttributeOption:
        """Rename an option, for everybody who has it."""
        body = UpdateAttributeOption(value=value, slug=slug)
        return await self._patch(AttributeOption, "/attributes/{}/options/{}", attribute_id, option_id, body=body)

    async def delete_option(self, attribute_id: str, option_id: str) -> AttributeOption:
        """Delete an option, whoever has it, and return it as it was."""
        return await self._delete(AttributeOption, "/attributes/{}/options/{}", attribute_id, option_id)

    # --- who has which

    def assigned_options(
        self,
        attribute_id: str,
        *,
        assigned_option_ids: Sequence[str] | None = None,
        team_ids: Sequence[int] | None = None,
        **paging: Unpack[Paging],
    ) -> Pages[AssignedOption]:
        """Options of an attribute that somebody has, with the ids of those users; 1,000 a page.

        `team_ids` keeps options that a member of one of these teams has. `assigned_option_ids`, of any attributes,
        keeps options of users who have one of these as well. If nobody has one, the list is empty, or the server
        answers with a `NotFoundError`.
        """
        query = {"assignedOptionIds": assigned_option_ids, "teamIds": team_ids}
        template = "/attributes/{}/options/assigned"
        return self._pages(AssignedOption, template, attribute_id, listing=ASSIGNED, query=query, **paging)

    def assigned_options_by_slug(
        self,
        attribute_slug: str,
        *,
        assigned_option_ids: Sequence[str] | None = None,
        team_ids: Sequence[int] | None = None,
        **paging: Unpack[Paging],
    ) -> Pages[AssignedOption]:
        """The same as `assigned_options`, for the attribute with this slug."""
        query = {"assignedOptionIds": assigned_option_ids, "teamIds": team_ids}
        template = "/attributes/slugs/{}/options/assigned"
        return self._pages(AssignedOption, template, attribute_slug, listing=ASSIGNED, query=query, **paging)

    def list_for_user(self, user_id: int) -> Pages[AttributeOption]:
        """All options that a user has, of all attributes, in one answer; none for an unknown user."""
        return self._pages(AttributeOption, "/attributes/options/{}", user_id)

    async def assign(
        self,
        user_id: int,
        *,
        attribute_id: str,
        option_id: str | None = None,
        value: str | None = None,
    ) -> OptionAssignment:
        """Give a user an option: by `option_id`, or for TEXT and NUMBER by `value`, which makes the option.

        Nothing is replaced: an attribute of one choice can so come to have two, and only the first is shown. A pending
        member is a `NotFoundError`.
        """
        if option_id is None and value is None:
            raise InvalidRequestError("assign wants an option_id, or for TEXT and NUMBER attributes a value")
        body = AssignOption(attribute_id=attribute_id, attribute_option_id=option_id, value=value)
        return await self._post(OptionAssignment, "/attributes/options/{}", user_id, body=body)

    async def unassign(self, user_id: int, option_id: str) -> OptionAssignment:
        """Take an option from a user. Raises `NotFoundError` when they have it not. Any member may do this."""
        return await self._delete(OptionAssignment, "/attributes/options/{}/{}", user_id, option_id)
