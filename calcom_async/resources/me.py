"""The current user."""

from __future__ import annotations

from calcom_async.models import me as models
from calcom_async.resources._base import Resource


class Me(Resource):
    """The user that the credentials belong to."""

    async def get(self) -> models.Me:
        """Fetch the user. A platform client acts as the owner of its organization."""
        return await self._get(models.Me, "/me")

    async def update(self, changes: models.UpdateMe) -> models.Me:
        """Update the given fields of the user. The response lacks `organization`.

        A new email address takes effect once the user has opened the link in the verification email.
        """
        return await self._patch(models.Me, "/me", body=changes)
