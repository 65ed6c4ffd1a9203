"""The current user."""

from __future__ import annotations

from calcom_async.models import me as models
from calcom_async.resources._base import Resource


class Me(Resource):
    """The user that the credentials belong to."""

    async def get(self) -> models.Me:
        """Fetch the user. A platform client acts as the owner of its organisation."""
        return await self._get(models.Me, "/me")

    async def update(self, changes: models.UpdateMe) -> models.Me:
        """Change the user; what is not given stays. The answer lacks `organization`.

        A new e-mail address is applied only when its owner has followed the verification mail.
        """
        return await self._patch(models.Me, "/me", body=changes)
