"""Schedules: the working hours from which slots are computed."""

from __future__ import annotations

from types import NoneType
from typing import Any

from calcom_async.models.schedules import Availability, CreateSchedule, Override, Schedule, UpdateSchedule
from calcom_async.pages import Pages
from calcom_async.resources._base import List, Resource

MAYBE: Any = Schedule | None
"""The server returns null for a user without a default schedule."""


class UserSchedules(Resource):
    """Schedules of a user, each with its own time zone."""

    def list(self) -> Pages[Schedule]:
        """List all schedules, in one response."""
        return self._pages(Schedule, "/schedules")

    async def get(self, schedule_id: int) -> Schedule:
        """Fetch one schedule. Raises `NotFoundError`, or `ForbiddenError` if it belongs to another user."""
        return await self._get(Schedule, "/schedules/{}", schedule_id)

    async def create(
        self,
        *,
        name: str,
        time_zone: str,
        is_default: bool = False,
        availability: List[Availability] | None = None,
        overrides: List[Override] | None = None,
    ) -> Schedule:
        """Create a schedule; without `availability` it is Monday to Friday, 09:00 to 17:00.

        Not retried if the response is lost: names are not unique, so a retry could create a second schedule.
        """
        # `is_default` is required by the server, so it is sent even if it is false.
        body = CreateSchedule(
            name=name,
            time_zone=time_zone,
            is_default=is_default,
            availability=availability,
            overrides=overrides,
        )
        return await self._post(Schedule, "/schedules", body=body)

    async def update(
        self,
        schedule_id: int,
        *,
        name: str | None = None,
        time_zone: str | None = None,
        is_default: bool | None = None,
        availability: List[Availability] | None = None,
        overrides: List[Override] | None = None,
    ) -> Schedule:
        """Update the given fields; `availability` and `overrides` are replaced as a whole. A default stays one."""
        body = UpdateSchedule(
            name=name,
            time_zone=time_zone,
            is_default=is_default,
            availability=availability,
            overrides=overrides,
        )
        return await self._patch(Schedule, "/schedules/{}", schedule_id, body=body)

    async def delete(self, schedule_id: int) -> None:
        """Delete a schedule. An unknown id raises `BadRequestError`. After deleting the default, there is none."""
        await self._delete(NoneType, "/schedules/{}", schedule_id)


class Schedules(UserSchedules):
    """Your own schedules."""

    async def default(self) -> Schedule | None:
        """Return the default schedule. Without one (None), slots are Monday to Friday, 09:00 to 17:00."""
        return await self._get(MAYBE, "/schedules/default")
