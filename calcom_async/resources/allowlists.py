"""IP addresses that Cal.com uses, for firewalls."""

from __future__ import annotations

from calcom_async.models.allowlists import Allowlist, Allowlists
from calcom_async.resources._base import Resource


class IpAllowlists(Resource):
    """IPv4 addresses that Cal.com uses, for firewalls. Needs no credentials.

    The addresses change, so do not hard-code them. In September 2026 the hosted API still returned 404 for both
    operations.
    """

    async def list(self) -> Allowlists:
        """Fetch the addresses of all services."""
        return await self._get(Allowlists, "/allowlists")

    async def get(self, service: str) -> Allowlist:
        """Fetch the addresses of one service, such as `webhooks`. Raises `NotFoundError` for an unknown service."""
        return await self._get(Allowlist, "/allowlists/{}", service)
