"""Stripe: the account that receives payments for bookings."""

from __future__ import annotations

from types import NoneType

from calcom_async.models.conferencing import StripeAuthUrl
from calcom_async.resources._base import Resource, secret_argument
from calcom_async.secret import Secret


class Stripe(Resource):
    """The Stripe account of a user, or of a team of an organization (for its admins)."""

    async def connect_url(self, *, return_to: str, on_error_return_to: str) -> StripeAuthUrl:
        """Return the URL where the user connects an account. It contains your key: do not log or store it."""
        query = {"returnTo": return_to, "onErrorReturnTo": on_error_return_to}
        return await self._get(StripeAuthUrl, "/stripe/connect", query=query)

    async def complete_connect(self, *, state: str | Secret, code: str | Secret) -> str:
        """Complete a connection with the `state` and `code` that Stripe returned to the user.

        Returns the URL to redirect the user to, without requesting it; an empty string if `state` has none. Usually the
        browser of the user makes this request. A code works once, so the request is not retried.
        """
        state, code = Secret(state), Secret(code)  # first of all, for tracebacks
        query = {"state": state, "code": secret_argument(code, "code")}
        return await self._get_redirect("/stripe/save", query=query)

    async def check(self) -> None:
        """Raise unless the account can receive payments.

        `NotFoundError` if none is connected, `BadRequestError` if it does not work or is not active.
        """
        await self._get(NoneType, "/stripe/check")
