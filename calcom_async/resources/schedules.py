"""Schedules: the working hours that slots are computed from."""

from __future__ import annotations

from types import NoneType
from typing import Any

from calcom_async.models.schedules import Availability, CreateSchedule, Override, Schedule, UpdateSchedule
from calcom_async.pages import Pages
from calcom_async.resources._base import List, Resource

MAYBE: Any = Schedule | None


class UserSchedules(Resource):
    """Working hours of a user, each in a time zone of its own."""

    area = "schedules"
    version = "2024-06-11"

    def list(self) -> Pages[Schedule]:
        """All schedules; they come in one answer."""
        return self._pages(Schedule, "/schedules")

    async def get(self, schedule_id: int) -> Schedule:
        """Fetch one schedule. Raises `NotFoundError` when unknown, `ForbiddenError` when somebody else's."""
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
        """Make a schedule; without `availability` it is Monday to Friday, 09:00 to 17:00.

        Not repeated when the answer is lost: names are not unique, so a repeat would make a second one.
        """
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
        """Change what is given; `availability` and `overrides` replace the whole list. A default stays one."""
        body = UpdateSchedule(
            name=name,
            time_zone=time_zone,
            is_default=is_default,
            availability=availability,
            overrides=overrides,
        )
        return await self._patch(Schedule, "/schedules/{}", schedule_id, body=body)

    async def delete(self, schedule_id: int) -> None:
        """Delete a schedule. An unknown one is a `BadRequestError`, not a 404; deleting the default leaves none."""
        await self._delete(NoneType, "/schedules/{}", schedule_id)


class Schedules(UserSchedules):
    """Your own working hours."""

    async def default(self) -> Schedule | None:
        """The default schedule; None if the user has none, and then slots are those of Monday to Friday, 09 to 17 h."""
        return await self._get(MAYBE, "/schedules/default")
