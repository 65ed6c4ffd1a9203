"""Conferencing apps: which are connected, which one bookings use, and how to connect more."""

from __future__ import annotations

from types import NoneType
from typing import Any

from calcom_async.models.conferencing import (
    ConferencingApp,
    ConferencingAppSlug,
    ConferencingAuthUrl,
    DefaultConferencingApp,
)
from calcom_async.pages import Pages
from calcom_async.resources._base import Resource, secret_argument
from calcom_async.secret import Secret

MAYBE: Any = DefaultConferencingApp | None


class Conferencing(Resource):
    """Conferencing apps of a user, or of a team of an organisation (for its admins).

    Google Meet is connected with `connect`; Zoom and Microsoft Teams by sending somebody to `connect_url`. Cal Video
    (`daily-video`) is always there.
    """

    def list(self) -> Pages[ConferencingApp]:
        """All connected apps, in one answer; Cal Video is not among them."""
        return self._pages(ConferencingApp, "/conferencing")

    async def connect(self, app: ConferencingAppSlug = "google-meet") -> ConferencingApp:
        """Connect Google Meet, the only app that needs no consent page; its calendar must be connected already.

        Without a Google calendar, the second time, and for any other app it is a `BadRequestError`.
        """
        return await self._post(ConferencingApp, "/conferencing/{}/connect", app)

    async def connect_url(
        self, app: ConferencingAppSlug, *, return_to: str, on_error_return_to: str
    ) -> ConferencingAuthUrl:
        """Where the user must go to connect `zoom` or `msteams`. The URL holds your key: do not log or store it."""
        query = {"returnTo": return_to, "onErrorReturnTo": on_error_return_to}
        return await self._get(ConferencingAuthUrl, "/conferencing/{}/oauth/auth-url", app, query=query)

    async def complete_connect(
        self,
        app: ConferencingAppSlug,
        *,
        state: str | Secret,
        code: str | Secret | None = None,
        error: str | None = None,
    ) -> str:
        """Finish a connection with the `state` and `code` (or `error`) that the provider sent the user back with.

        Returns the address to send the user on to, which is empty when the state names none; it is not followed.
        Usually the user's browser calls this. A code works once, so this is not repeated.
        """
        state, code = Secret(state), None if code is None else Secret(code)
        query = {
            "state": state,
            "code": None if code is None else secret_argument(code, "code"),
            "error": error,
        }
        return await self._location("/conferencing/{}/oauth/callback", app, query=query)

    async def default(self) -> DefaultConferencingApp | None:
        """The app that bookings use where their event type names no location; None if never set."""
        return await self._get(MAYBE, "/conferencing/default")

    async def set_default(self, app: ConferencingAppSlug) -> None:
        """Make `google-meet`, `zoom`, `msteams` or `daily-video` the default; a `BadRequestError` if not connected."""
        await self._post(NoneType, "/conferencing/{}/default", app, repeatable=True)

    async def disconnect(self, app: ConferencingAppSlug) -> None:
        """Disconnect `google-meet`, `zoom` or `msteams`; a `BadRequestError` if it is not connected.

        Beware: some servers also wipe the link or address of every location in all event types of the owner.
        """
        await self._delete(NoneType, "/conferencing/{}/disconnect", app)
