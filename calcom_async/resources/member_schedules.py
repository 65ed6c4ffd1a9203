"""Schedules of other people: the lists that an organisation and its teams have of their members'."""

from __future__ import annotations

from typing import Unpack

from calcom_async.models.schedules import Schedule
from calcom_async.pages import Pages
from calcom_async.resources._base import Paging, Resource
from calcom_async.wire import Listing

LISTING = Listing(maximum=250)


class MemberSchedules(Resource):
    """Schedules of everybody in a scope."""

    def list(self, **paging: Unpack[Paging]) -> Pages[Schedule]:
        """All schedules of everybody, 250 a page by id."""
        return self._pages(Schedule, "/schedules", listing=LISTING, **paging)


class OrganizationSchedules(MemberSchedules):
    """Schedules of an organisation's users; for its admins and owners. To change one: `user(id).schedules`."""


class TeamSchedules(MemberSchedules):
    """Schedules of a team's members; for admins of the team."""


class OrganizationTeamSchedules(Resource):
    """Schedules of the members of an organisation's team; for admins of the team or of the organisation."""

    def list(self, *, event_type_id: int | None = None, **paging: Unpack[Paging]) -> Pages[Schedule]:
        """All schedules of all members, 250 a page by id; or those by which an event type's hosts are booked."""
        query = {"eventTypeId": event_type_id}
        return self._pages(Schedule, "/schedules", listing=LISTING, query=query, **paging)

    def list_for_user(self, user_id: int, *, event_type_id: int | None = None) -> Pages[Schedule]:
        """All schedules of one member, in one answer. Somebody from outside the team is a `ForbiddenError`."""
        return self._pages(Schedule, "/users/{}/schedules", user_id, query={"eventTypeId": event_type_id})
