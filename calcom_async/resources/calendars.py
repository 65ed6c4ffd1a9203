"""Calendars: connect them, list them, and read their busy times."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from datetime import date, datetime
from types import NoneType
from typing import Any, Literal

from calcom_async.errors import IncompleteListError, InvalidRequestError, shown
from calcom_async.models.calendar_events import CalendarEvent, UpdateCalendarEvent
from calcom_async.models.calendars import (
    BusyTime,
    Calendar,
    CalendarAuthUrl,
    CalendarCredential,
    ConnectAppleCalendar,
    ConnectedCalendar,
    ConnectedCalendars,
    SaveIcsFeeds,
    SelectCalendar,
    SelectedCalendar,
    SetDestinationCalendar,
)
from calcom_async.pages import IncompleteListWarning
from calcom_async.requests import timestamp
from calcom_async.resources._base import List, Resource, listed, secret_argument
from calcom_async.secret import Hidden, Secret

Provider = Literal["google", "office365", "apple", "ics-feed"] | str
"""A calendar provider as it appears in paths; elsewhere the API calls it `integration`, such as `google_calendar`."""
MAYBE_SELECTED: Any = SelectedCalendar | None
"""The server returns 201 without `data` for a calendar that is already selected."""


def _check_working(connected: Sequence[ConnectedCalendar], *, strict: bool) -> None:
    """Warn or raise if a connection is broken: without its busy times, the result would look free."""
    broken = [connection for connection in connected if connection.error is not None]
    if not broken:
        return
    reasons = [
        f"{connection.integration.type} ({(connection.error and connection.error.message) or 'no reason'})"
        for connection in broken
    ]
    problem = f"busy times of {len(broken)} of {len(connected)} calendar connections are missing: {', '.join(reasons)}"
    hint = "Connect these calendars again, or pass the calendars to read"
    if strict:
        raise IncompleteListError(problem, expected=len(connected), seen=len(connected) - len(broken), hint=hint)
    warnings.warn(f"{problem}. {hint}", IncompleteListWarning, stacklevel=3)


class Calendars(Resource):
    """Calendars that the user has connected."""

    async def list(self) -> ConnectedCalendars:
        """List all connections with their calendars. The server caches the result for a short time."""
        return await self._get(ConnectedCalendars, "/calendars")

    async def busy_times(
        self,
        *,
        start: date | datetime | str,
        end: date | datetime | str,
        calendars: Sequence[Calendar] | None = None,
        time_zone: str = "UTC",
        strict: bool = False,
    ) -> List[BusyTime]:
        """Return when calendars are busy, in UTC; by default of all connected calendars, which costs one more request.

        `calendars` come from `list()`. An ICS feed returns all its events, whatever the dates. The calendar of another
        user raises `UnauthorizedError`, and a failing provider raises `ServerError`. If you pass no `calendars` and a
        connection is broken, its busy times are missing: this emits an `IncompleteListWarning`, or with `strict=True`
        raises `IncompleteListError`.
        """
        query: dict[str, object] = {
            "timeZone": time_zone,
            "dateFrom": timestamp(start, "start"),
            "dateTo": timestamp(end, "end"),
        }
        if calendars is None:
            connected = (await self.list()).connected_calendars
            _check_working(connected, strict=strict)
            calendars = [calendar for connection in connected for calendar in connection.calendars or ()]
        if not calendars:  # the server rejects an empty list (400)
            return []
        for index, calendar in enumerate(listed("calendars", calendars)):
            if not isinstance(calendar, Calendar):
                raise InvalidRequestError(f"calendars must be Calendar objects, got {shown(calendar)}")
            # The only form that servers read. They ignore the flat parameters of the specification of March 2026.
            query[f"calendarsToLoad[{index}][credentialId]"] = calendar.credential_id
            query[f"calendarsToLoad[{index}][externalId]"] = calendar.external_id
        return await self._get(list[BusyTime], "/calendars/busy-times", query=query)

    async def check(self, calendar: Provider) -> None:
        """Raise unless the connection to `google`, `office365`, `apple` or `ics-feed` works."""
        await self._get(NoneType, "/calendars/{}/check", calendar)

    async def connect_url(
        self, calendar: Provider, *, redirect_to: str | None = None, dry_run: bool | None = None
    ) -> CalendarAuthUrl:
        """Return the URL to connect `google` or `office365`. It contains your key: do not log or store it."""
        query = {"redir": redirect_to, "isDryRun": dry_run}
        return await self._get(CalendarAuthUrl, "/calendars/{}/connect", calendar, query=query)

    async def connect_apple(self, *, username: str, password: str | Secret) -> None:
        """Connect an Apple calendar with an app-specific password."""
        password = Secret(password)
        body = ConnectAppleCalendar(username=username, password=secret_argument(password, "password").reveal())
        await self._post(NoneType, "/calendars/{}/credentials", "apple", body=body)

    async def connect_ics(self, *urls: str, read_only: bool | None = None) -> CalendarCredential:
        """Connect ICS feeds; each URL must end in `.ics`."""
        feeds = Hidden(urls)
        del urls  # the URL of a private feed is a secret
        body = SaveIcsFeeds(urls=[*feeds.reveal()], read_only=read_only)
        return await self._post(CalendarCredential, "/calendars/ics-feed/save", body=body)

    async def disconnect(self, calendar: Provider, *, credential_id: int) -> CalendarCredential:
        """Disconnect `google`, `office365`, `apple` or `ics-feed`, given the `credential_id` of the connection."""
        return await self._post(CalendarCredential, "/calendars/{}/disconnect", calendar, body={"id": credential_id})

    async def complete_connect(self, calendar: Provider, *, state: str | Secret, code: str | Secret) -> str:
        """Complete a connection that `connect_url` started, with the values that the provider returned.

        Returns the URL to redirect the user to, or an empty string. Usually the browser of the user makes this request.
        `state` contains the user's key. This GET changes state, so it is not retried.
        """
        state, code = Secret(state), Secret(code)
        query = {"state": state, "code": secret_argument(code, "code")}
        return await self._get_redirect("/calendars/{}/save", calendar, query=query)

    # Which calendars are checked for conflicts, and which one receives new bookings.

    async def select(
        self,
        *,
        integration: str,
        external_id: str,
        credential_id: int,
        delegation_credential_id: str | None = None,
    ) -> SelectedCalendar | None:
        """Check this calendar from `list()` for conflicts; returns None if it is already selected."""
        body = SelectCalendar(
            integration=integration,
            external_id=external_id,
            credential_id=credential_id,
            delegation_credential_id=delegation_credential_id,
        )
        return await self._post(MAYBE_SELECTED, "/selected-calendars", body=body)

    async def deselect(
        self, *, integration: str, external_id: str, credential_id: int, delegation_credential_id: str | None = None
    ) -> SelectedCalendar:
        """Stop checking a calendar for conflicts. Raises `NotFoundError` if it is not selected."""
        query = {
            "integration": integration,
            "externalId": external_id,
            "credentialId": credential_id,
            "delegationCredentialId": delegation_credential_id,
        }
        return await self._delete(SelectedCalendar, "/selected-calendars", query=query)

    async def set_destination(
        self,
        *,
        integration: Literal["apple_calendar", "google_calendar", "office365_calendar"] | str,
        external_id: str,
        delegation_credential_id: str | None = None,
    ) -> SelectedCalendar:
        """Write new bookings to this calendar from `list()`. Raises `NotFoundError` if it is read-only."""
        body = SetDestinationCalendar(
            integration=integration, external_id=external_id, delegation_credential_id=delegation_credential_id
        )
        return await self._put(SelectedCalendar, "/destination-calendars", body=body)

    # Calendar events. So far the API supports them for `google` only.

    async def event(self, calendar: Literal["google"] | str, event_uid: str) -> CalendarEvent:
        """Fetch a calendar event with the responses of its attendees, given the uid in a booking's reference."""
        return await self._get(CalendarEvent, "/calendars/{}/event/{}", calendar, event_uid)

    async def update_event(
        self, calendar: Literal["google"] | str, event_uid: str, changes: UpdateCalendarEvent
    ) -> CalendarEvent:
        """Update the given fields of an event in the calendar itself. This does not update the booking."""
        return await self._patch(CalendarEvent, "/calendars/{}/events/{}", calendar, event_uid, body=changes)
