"""Users of an organization: list, create, update and delete them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Literal, Unpack

from calcom_async.errors import ServerError
from calcom_async.models.organization_users import CreateOrganizationUser, OrganizationUser, UpdateOrganizationUser
from calcom_async.pages import Pages
from calcom_async.pagination import PaginationSpec
from calcom_async.requests import RepeatedParam
from calcom_async.resources._base import INTERNAL, Paging, Resource, listed

PAGINATION = PaginationSpec(maximum=1000)
NO_WEEKDAY = "Some servers cannot store weekday: try without it"


@contextmanager
def _explained(body: CreateOrganizationUser | UpdateOrganizationUser) -> Iterator[None]:
    """Add to a 500 that `weekday` may be the cause."""
    try:
        yield
    except ServerError as error:
        if error.status == INTERNAL and body.weekday is not None:
            error.hint = NO_WEEKDAY
        raise


class OrganizationUsers(Resource):
    """Users of an organization; for its admins and owners."""

    def list(
        self,
        *,
        emails: Sequence[str] = (),
        assigned_option_ids: Sequence[str] | None = None,
        attribute_query_operator: Literal["AND", "OR", "NONE"] | None = None,
        team_ids: Sequence[int] | None = None,
        **paging: Unpack[Paging],
    ) -> Pages[OrganizationUser]:
        """List all users by id, 1,000 per page, or those with one of these email addresses, or in one of these teams.

        With `assigned_option_ids`, list only users who have all of these attribute options, any of them ("OR"), or none
        of them but another one ("NONE"; users without any attribute are not listed).
        """
        # This is the only filter for which the server rejects a comma-separated list.
        query = {
            "emails": RepeatedParam([emails] if isinstance(emails, str) else listed("emails", emails or ())),
            "assignedOptionIds": assigned_option_ids,
            "attributeQueryOperator": attribute_query_operator,
            "teamIds": team_ids,
        }
        return self._pages(OrganizationUser, "/users", pagination=PAGINATION, query=query, **paging)

    async def create(self, user: CreateOrganizationUser) -> OrganizationUser:
        """Create a user as a member of the organization. Cal.com emails the user a link to set a password.

        With `skip_notification_email` there is no email. The user has no schedule yet. Raises `ConflictError` if the
        address is already in the organization, and on the hosted API also if it has a Cal.com account: then create a
        membership by email.
        """
        with _explained(user):
            return await self._post(OrganizationUser, "/users", body=user)

    async def update(self, user_id: int, changes: UpdateOrganizationUser) -> OrganizationUser:
        """Update the given fields of a user. `metadata` is replaced as a whole. An unknown id raises `ForbiddenError`.

        A 500 after `weekday` is not retried, since some servers cannot store it.
        """
        with _explained(changes):
            # A 500 is usually worth a retry. This one comes every time.
            final = 0 if getattr(changes, "weekday", None) is None else INTERNAL
            return await self._patch(OrganizationUser, "/users/{}", user_id, body=changes, final_status=final)

    async def delete(self, user_id: int) -> OrganizationUser:
        """Delete the user account, not only the membership. Returns the deleted user.

        To remove a user from the organization, delete the membership. An unknown id raises `ForbiddenError`.
        """
        return await self._delete(OrganizationUser, "/users/{}", user_id)
