"""Conferencing apps: connect them, list them, and choose the default one."""

from __future__ import annotations

from types import NoneType
from typing import Any

from calcom_async.models.conferencing import (
    ConferencingApp,
    ConferencingAppSlug,
    ConferencingAuthUrl,
    DefaultConferencingApp,
    UserConferencingApp,
)
from calcom_async.pages import Pages
from calcom_async.resources._base import Resource, secret_argument
from calcom_async.secret import Secret

MAYBE: Any = DefaultConferencingApp | None
"""The server returns 200 without `data` if no default was ever set."""


class Conferencing(Resource):
    """Conferencing apps of a user, or of a team of an organization (for its admins).

    Google Meet is connected with `connect`. For Zoom and Microsoft Teams, send the user to `connect_url`. Cal Video
    (`daily-video`) is always available.
    """

    def list(self) -> Pages[ConferencingApp]:
        """List all connected apps, in one response. Cal Video is not in the list."""
        return self._pages(ConferencingApp, "/conferencing")

    async def connect(self, app: ConferencingAppSlug = "google-meet") -> ConferencingApp:
        """Connect Google Meet, the only app without a consent page. A Google calendar must be connected first.

        Raises `BadRequestError` without a Google calendar, the second time, and for any other app.
        """
        return await self._post(ConferencingApp, "/conferencing/{}/connect", app)

    async def connect_url(
        self, app: ConferencingAppSlug, *, return_to: str, on_error_return_to: str
    ) -> ConferencingAuthUrl:
        """Return the URL where the user connects `zoom` or `msteams`. It contains your key: do not log or store it.

        The hosted API accepts the URL for 10 minutes.
        """
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
        """Complete a connection with the `state` and `code` (or `error`) that the provider returned to the user.

        Returns the URL to redirect the user to, without requesting it; an empty string if `state` has none. Usually the
        browser of the user makes this request. A code works once, so the request is not retried.
        """
        state, code = Secret(state), None if code is None else Secret(code)
        query = {
            "state": state,
            "code": None if code is None else secret_argument(code, "code"),
            "error": error,
        }
        return await self._get_redirect("/conferencing/{}/oauth/callback", app, query=query)

    async def default(self) -> DefaultConferencingApp | None:
        """Return the app for event types without a location of their own; None if none was ever set."""
        return await self._get(MAYBE, "/conferencing/default")

    async def set_default(self, app: ConferencingAppSlug) -> None:
        """Set the default: `google-meet`, `zoom`, `msteams` or `daily-video`.

        Raises `BadRequestError` if not connected.
        """
        # An absolute value, so a repetition does no harm.
        await self._post(NoneType, "/conferencing/{}/default", app, idempotent=True)

    async def disconnect(self, app: ConferencingAppSlug) -> None:
        """Disconnect `google-meet`, `zoom` or `msteams`. Raises `BadRequestError` if it is not connected.

        Warning: servers also delete the link or address of every location in all event types of the owner. This was
        recorded from a self-hosted server of 2025-12.
        """
        await self._delete(NoneType, "/conferencing/{}/disconnect", app)


class UserConferencing(Resource):
    """Conferencing apps of one user of an organization."""

    def list(self) -> Pages[UserConferencingApp]:
        """List all connected apps and which one is the default, in one response. Needs the OAuth scope `APPS_READ`."""
        return self._pages(UserConferencingApp, "/conferencing")

    async def set_default(self, app: ConferencingAppSlug) -> None:
        """Set the default: `google-meet`, `zoom`, `msteams` or `daily-video`. Needs the OAuth scope `APPS_WRITE`.

        Raises `BadRequestError` if not connected.
        """
        # The app is in the body here, and in the path above (specification of September 2026).
        await self._post(NoneType, "/conferencing/default", body={"appSlug": app}, idempotent=True)
