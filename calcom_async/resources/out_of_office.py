"""Out-of-office entries: days on which users cannot be booked."""

from __future__ import annotations

from datetime import date, datetime
from typing import Literal, Unpack

from calcom_async.models.out_of_office import (
    CreateOutOfOffice,
    OutOfOfficeEntry,
    OutOfOfficeReason,
    UpdateOutOfOffice,
)
from calcom_async.models.times import bound
from calcom_async.pages import Pages
from calcom_async.pagination import PaginationSpec
from calcom_async.resources._base import Paging, Resource

Order = Literal["asc", "desc"]
# Without a sort the server lists by id. With one it loses rows that share a time (recorded from a self-hosted server of
# 2025-12: 14 of 300 in pages of 7).
PAGINATION = PaginationSpec(maximum=250)


class OutOfOffice(Resource):
    """Out-of-office entries of all users of an organization; for its admins and owners."""

    def list(
        self,
        *,
        sort_start: Order | None = None,
        sort_end: Order | None = None,
        email: str | None = None,
        **paging: Unpack[Paging],
    ) -> Pages[OutOfOfficeEntry]:
        """List all entries by id, 250 per page, or those of the user with this email address.

        Use a sort for the first page only: entries on the same day can change places between pages, so a sorted list
        over several pages may miss some.
        """
        query = {"sortStart": sort_start, "sortEnd": sort_end, "email": email}
        return self._pages(OutOfOfficeEntry, "/ooo", pagination=PAGINATION, query=query, **paging)


class UserOutOfOffice(Resource):
    """Out-of-office entries of the current user, of a member of a team, or of a user of an organization.

    Those of a user of an organization are for its admins and owners. Which role those of a team member need is not
    documented. Raises `ForbiddenError` for a user outside the team or organization, and for an entry that is unknown
    or belongs to another user. OAuth scopes SCHEDULE_READ and SCHEDULE_WRITE, with the prefix TEAM_ or ORG_ for others.
    """

    def list(
        self, *, sort_start: Order | None = None, sort_end: Order | None = None, **paging: Unpack[Paging]
    ) -> Pages[OutOfOfficeEntry]:
        """List all entries of the user by id, 250 per page."""
        query = {"sortStart": sort_start, "sortEnd": sort_end}
        return self._pages(OutOfOfficeEntry, "/ooo", pagination=PAGINATION, query=query, **paging)

    async def create(
        self,
        *,
        start: datetime | date | str,
        end: datetime | date | str,
        notes: str | None = None,
        to_user_id: int | None = None,
        reason: OutOfOfficeReason | None = None,
    ) -> OutOfOfficeEntry:
        """Add days off: from the beginning of the day of `start` to the end of the day of `end`, both in UTC.

        Prefer dates: 23:00 in New York is the next day in UTC. `to_user_id` receives the bookings during that time and
        must share a team with the user. The same days twice raise `ConflictError`.
        """
        # In UTC, the only form that the server accepts: a time with another offset is "Invalid Date." (400).
        body = CreateOutOfOffice(
            start=bound(start, "start"), end=bound(end, "end"), notes=notes, to_user_id=to_user_id, reason=reason
        )
        return await self._post(OutOfOfficeEntry, "/ooo", body=body)

    async def update(
        self,
        entry_id: int,
        *,
        start: datetime | date | str | None = None,
        end: datetime | date | str | None = None,
        notes: str | None = None,
        to_user_id: int | None = None,
        reason: OutOfOfficeReason | None = None,
    ) -> OutOfOfficeEntry:
        """Update the given fields; `start` and `end` must be given together. Unchanged days raise `ConflictError`."""
        body = UpdateOutOfOffice(
            start=None if start is None else bound(start, "start"),
            end=None if end is None else bound(end, "end"),
            notes=notes,
            to_user_id=to_user_id,
            reason=reason,
        )
        return await self._patch(OutOfOfficeEntry, "/ooo/{}", entry_id, body=body)

    async def delete(self, entry_id: int) -> OutOfOfficeEntry:
        """Delete an entry. Returns the deleted entry."""
        return await self._delete(OutOfOfficeEntry, "/ooo/{}", entry_id)
