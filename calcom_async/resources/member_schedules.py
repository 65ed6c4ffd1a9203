"""Schedules of the members of an organization and its teams."""

from __future__ import annotations

from typing import Unpack

from calcom_async.models.schedules import Schedule
from calcom_async.pages import Pages
from calcom_async.pagination import PaginationSpec
from calcom_async.resources._base import Paging, Resource

# Without a total: only a full page tells that there may be another one.
PAGINATION = PaginationSpec(maximum=250)


class MemberSchedules(Resource):
    """Schedules of all members in a scope."""

    def list(self, **paging: Unpack[Paging]) -> Pages[Schedule]:
        """List all schedules of all members by id, 250 per page."""
        return self._pages(Schedule, "/schedules", pagination=PAGINATION, **paging)


class OrganizationSchedules(MemberSchedules):
    """Schedules of the users of an organization; for admins and owners. To change one: `user(id).schedules`."""


class TeamSchedules(MemberSchedules):
    """Schedules of the members of a team; for admins of the team."""


class OrganizationTeamSchedules(Resource):
    """Schedules of the members of a team in an organization; for admins of either."""

    def list(self, *, event_type_id: int | None = None, **paging: Unpack[Paging]) -> Pages[Schedule]:
        """List all schedules of all members by id, 250 per page, or those that the hosts of an event type use."""
        query = {"eventTypeId": event_type_id}
        return self._pages(Schedule, "/schedules", pagination=PAGINATION, query=query, **paging)

    def list_for_user(self, user_id: int, *, event_type_id: int | None = None) -> Pages[Schedule]:
        """List all schedules of one member, in one response. A user outside the team raises `ForbiddenError`."""
        return self._pages(Schedule, "/users/{}/schedules", user_id, query={"eventTypeId": event_type_id})
