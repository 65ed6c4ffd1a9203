"""Credits of the user, or of their team or organization."""

from __future__ import annotations

from calcom_async.models.credits import AvailableCredits, ChargedCredits, CreditUse
from calcom_async.resources._base import Resource, drop_unset


class Credits(Resource):
    """Credits, which pay for text messages, AI phone calls and AI agents."""

    async def available(self) -> AvailableCredits:
        """Fetch the balance. OAuth scope CREDITS_READ."""
        return await self._get(AvailableCredits, "/credits/available")

    async def charge(self, *, credits: float, credit_for: CreditUse, external_ref: str | None = None) -> ChargedCredits:
        """Charge at least one credit, which costs real money. OAuth scope CREDITS_WRITE.

        After a lost response the call is retried only if there is an `external_ref`, such as an order number, which
        identifies the charge. What the server returns for a repeated charge is not documented.
        """
        body = drop_unset(credits=credits, creditFor=credit_for, externalRef=external_ref)
        return await self._post(ChargedCredits, "/credits/charge", body=body, idempotent=external_ref is not None)
