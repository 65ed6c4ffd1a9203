"""API keys: refresh the key in use."""

from __future__ import annotations

from calcom_async.auth import ApiKey
from calcom_async.errors import ConfigError
from calcom_async.events import log
from calcom_async.models.oauth import ApiKeyRefreshed
from calcom_async.resources._base import Resource, drop_unset


class ApiKeys(Resource):
    """The API key that the client uses. The API cannot list keys, and needs a key to create one."""

    async def refresh(self, *, days_valid: int | None = None, never_expires: bool | None = None) -> ApiKeyRefreshed:
        """Replace the key in use by a new one, valid for 30 days, for `days_valid`, or forever: store it at once.

        The server revokes the old key immediately. This client and all clients that hold the same `ApiKey` use the new
        key from then on, and retry requests that were rejected during the change. Other processes need the new key.
        Other credentials than an API key raise `UnauthorizedError`. Never retried: if the response is lost, both
        keys are lost too, and a new one has to be created in the settings of Cal.com.
        """
        body = drop_unset(apiKeyDaysValid=days_valid, apiKeyNeverExpires=never_expires)
        refreshed = await self._post(ApiKeyRefreshed, "/api-keys/refresh", body=body)
        credentials = self._context.credentials
        credentials = getattr(credentials, "current", credentials)  # that of a function
        if isinstance(credentials, ApiKey):
            # Before this returns: requests of other tasks with the old key are being rejected by now, and wait for it.
            try:
                credentials.replace(refreshed.api_key)
            except ConfigError:  # the caller must get the key: no other copy exists
                log.warning("the refreshed API key cannot be sent in a header; this client keeps the old one")
        return refreshed
