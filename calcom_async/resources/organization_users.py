"""Users of an organisation: its admins find, make, change and delete them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Literal, Unpack

from calcom_async.errors import ServerError
from calcom_async.models.organization_users import CreateOrganizationUser, OrganizationUser, UpdateOrganizationUser
from calcom_async.pages import Pages
from calcom_async.resources._base import INTERNAL, Paging, Resource, listed
from calcom_async.wire import Listing, Repeated

LISTING = Listing(maximum=1000)
NO_WEEKDAY = ". Some servers cannot store weekday: try without it"


@contextmanager
def _explained(body: CreateOrganizationUser | UpdateOrganizationUser) -> Iterator[None]:
    """Say in a 500 that `weekday` may be the cause."""
    try:
        yield
    except ServerError as error:
        if error.status == INTERNAL and body.weekday is not None:
            error.message += NO_WEEKDAY
            error.args = (f"{error}{NO_WEEKDAY}",)
        raise


class OrganizationUsers(Resource):
    """Users of an organisation; for its admins and owners."""

    def list(
        self,
        *,
        emails: Sequence[str] = (),
        assigned_option_ids: Sequence[str] | None = None,
        attribute_query_operator: Literal["AND", "OR", "NONE"] | None = None,
        team_ids: Sequence[int] | None = None,
        **paging: Unpack[Paging],
    ) -> Pages[OrganizationUser]:
        """All users, 1,000 a page by id; or those with one of these e-mail addresses, and in one of these teams.

        With `assigned_option_ids` only users who have all of these attribute options, any of them ("OR"), or some
        other one ("NONE": who has no attribute at all is not listed).
        """
        # Here, and only here, a comma list of addresses is refused.
        query = {
            "emails": Repeated([emails] if isinstance(emails, str) else listed("emails", emails or ())),
            "assignedOptionIds": assigned_option_ids,
            "attributeQueryOperator": attribute_query_operator,
            "teamIds": team_ids,
        }
        return self._pages(OrganizationUser, "/users", listing=LISTING, query=query, **paging)

    async def create(self, user: CreateOrganizationUser) -> OrganizationUser:
        """Make a user and a member of the organisation; they are mailed a link to choose a password.

        They have no schedule yet. Raises `ConflictError` when the organisation has the address already.
        """
        with _explained(user):
            return await self._post(OrganizationUser, "/users", body=user)

    async def update(self, user_id: int, changes: UpdateOrganizationUser) -> OrganizationUser:
        """Change a user; what is not given stays, `metadata` is replaced whole. An unknown one is a `ForbiddenError`.

        A 500 to `weekday` is not retried, since some servers cannot store it.
        """
        with _explained(changes):
            final = 0 if getattr(changes, "weekday", None) is None else INTERNAL
            return await self._patch(OrganizationUser, "/users/{}", user_id, body=changes, final=final)

    async def delete(self, user_id: int) -> OrganizationUser:
        """Delete a user, from Cal.com and not only from the organisation, and return them as they were.

        To let somebody leave the organisation delete their membership. An unknown user is a `ForbiddenError`.
        """
        return await self._delete(OrganizationUser, "/users/{}", user_id)
