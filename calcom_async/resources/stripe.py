"""Stripe: the account that paid bookings are paid to."""

from __future__ import annotations

from types import NoneType

from calcom_async.models.conferencing import StripeAuthUrl
from calcom_async.resources._base import Resource, secret_argument
from calcom_async.secret import Secret


class Stripe(Resource):
    """The Stripe account of a user, or of a team of an organisation (for its admins)."""

    async def connect_url(self, *, return_to: str, on_error_return_to: str) -> StripeAuthUrl:
        """Where the user must go to connect an account. The URL holds your key: do not log or store it."""
        query = {"returnTo": return_to, "onErrorReturnTo": on_error_return_to}
        return await self._get(StripeAuthUrl, "/stripe/connect", query=query)

    async def complete_connect(self, *, state: str | Secret, code: str | Secret) -> str:
        """Finish a connection with the `state` and `code` that Stripe sent the user back with.

        Returns the address to send the user on to, which is empty when the state names none; it is not followed.
        Usually the user's browser calls this. A code works once, so this is not repeated.
        """
        state, code = Secret(state), Secret(code)
        query = {"state": state, "code": secret_argument(code, "code")}
        return await self._location("/stripe/save", query=query)

    async def check(self) -> None:
        """Raise unless the account can be paid to.

        `NotFoundError` when none is connected, `BadRequestError` when it does not work or is not active.
        """
        await self._get(NoneType, "/stripe/check")
