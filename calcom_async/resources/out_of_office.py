"""Out of office: days on which users of an organisation take no bookings."""

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
from calcom_async.resources._base import Paging, Resource
from calcom_async.wire import Listing

Order = Literal["asc", "desc"]
LISTING = Listing(maximum=250)


class OutOfOffice(Resource):
    """Days off of all users of an organisation; for its admins and owners."""

    def list(
        self,
        *,
        sort_start: Order | None = None,
        sort_end: Order | None = None,
        email: str | None = None,
        **paging: Unpack[Paging],
    ) -> Pages[OutOfOfficeEntry]:
        """All entries, 250 a page by id; or those of the user with this e-mail address.

        A sort is for reading the first page: entries that share a day change places between pages, so a sorted walk
        over several pages may miss some.
        """
        query = {"sortStart": sort_start, "sortEnd": sort_end, "email": email}
        return self._pages(OutOfOfficeEntry, "/ooo", listing=LISTING, query=query, **paging)


class UserOutOfOffice(Resource):
    """Days off of one user of an organisation; for its admins and owners.

    A user from outside the organisation is a `ForbiddenError`, and so is an entry that is not the user's or not there.
    """

    def list(
        self, *, sort_start: Order | None = None, sort_end: Order | None = None, **paging: Unpack[Paging]
    ) -> Pages[OutOfOfficeEntry]:
        """All entries of the user, 250 a page by id."""
        query = {"sortStart": sort_start, "sortEnd": sort_end}
        return self._pages(OutOfOfficeEntry, "/ooo", listing=LISTING, query=query, **paging)

    async def create(
        self,
        *,
        start: datetime | date | str,
        end: datetime | date | str,
        notes: str | None = None,
        to_user_id: int | None = None,
        reason: OutOfOfficeReason | None = None,
    ) -> OutOfOfficeEntry:
        """Enter days off: from the beginning of `start`'s day to the end of `end`'s, both in UTC.

        Best given as dates: 23:00 in New York is the next day in UTC. `to_user_id` takes the bookings meanwhile; it has
        to share a team with the user. The same days twice are a `ConflictError`.
        """
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
        """Change what is given. `start` and `end` go together; the days that it has already are a `ConflictError`."""
        body = UpdateOutOfOffice(
            start=None if start is None else bound(start, "start"),
            end=None if end is None else bound(end, "end"),
            notes=notes,
            to_user_id=to_user_id,
            reason=reason,
        )
        return await self._patch(OutOfOfficeEntry, "/ooo/{}", entry_id, body=body)

    async def delete(self, entry_id: int) -> OutOfOfficeEntry:
        """Delete an entry and return it as it was."""
        return await self._delete(OutOfOfficeEntry, "/ooo/{}", entry_id)
