"""Calendars: connected ones, their busy times, and how to connect more."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from types import NoneType

from msgspec import UNSET, UnsetType

from calcom_async.models.calendars import (
    BusyTime,
    Calendar,
    CalendarAuthUrl,
    CalendarCredential,
    ConnectAppleCalendar,
    ConnectedCalendars,
    SaveIcsFeeds,
)
from calcom_async.resources._base import Resource


class Calendars(Resource):
    """Calendars that the user has connected."""

    async def connected(self) -> ConnectedCalendars:
        """All connections with their calendars. Cached by the server for a short time."""
        return await self._get(ConnectedCalendars, "/calendars")

    async def busy_times(
        self,
        *,
        start: date | datetime,
        end: date | datetime,
        calendars: Sequence[Calendar] | None = None,
        time_zone: str = "UTC",
    ) -> list[BusyTime]:
        """When the given calendars are busy, in UTC; without any, all connected ones (one request more, to learn them).

        `calendars` are those of `connected()`. An ICS feed answers all its events, whatever the dates. Somebody else's
        calendar is an `UnauthorizedError`; a provider that fails, a `ServerError`.
        """
        if calendars is None:
            connected = (await self.connected()).connected_calendars
            calendars = [calendar for connection in connected for calendar in connection.calendars or ()]
        if not calendars:
            return []
        query: dict[str, object] = {"timeZone": time_zone, "dateFrom": start, "dateTo": end}
        for index, calendar in enumerate(calendars):
            query[f"calendarsToLoad[{index}][credentialId]"] = calendar.credential_id
            query[f"calendarsToLoad[{index}][externalId]"] = calendar.external_id
        return await self._get(list[BusyTime], "/calendars/busy-times", query=query)

    async def check(self, calendar: str) -> None:
        """Raise unless the connection to `google`, `office365`, `apple` or `ics-feed` works."""
        await self._get(NoneType, "/calendars/{}/check", calendar)

    async def connect_url(
        self, calendar: str, *, redirect_to: str | None = None, dry_run: bool | None = None
    ) -> CalendarAuthUrl:
        """Where the user must go to connect `google` or `office365`. The URL holds your key: do not log or store it."""
        query = {"redir": redirect_to, "isDryRun": dry_run}
        return await self._get(CalendarAuthUrl, "/calendars/{}/connect", calendar, query=query)

    async def connect_apple(self, *, username: str, password: str) -> None:
        """Connect an Apple calendar with an app-specific password."""
        body = ConnectAppleCalendar(username=username, password=password)
        await self._post(NoneType, "/calendars/{}/credentials", "apple", body=body)

    async def connect_ics(self, *urls: str, read_only: bool | UnsetType = UNSET) -> CalendarCredential:
        """Connect ICS feeds; each URL must end in `.ics`."""
        return await self._post(
            CalendarCredential, "/calendars/ics-feed/save", body=SaveIcsFeeds(urls=[*urls], read_only=read_only)
        )

    async def disconnect(self, calendar: str, *, credential_id: int) -> CalendarCredential:
        """Disconnect `google`, `office365`, `apple` or `ics-feed`; the id is the connection's `credential_id`."""
        return await self._post(CalendarCredential, "/calendars/{}/disconnect", calendar, body={"id": credential_id})
