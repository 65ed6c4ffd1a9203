"""API keys: the renewal of the one in use."""

from __future__ import annotations

from calcom_async.auth import ApiKey, Credentials
from calcom_async.errors import ConfigError
from calcom_async.events import log
from calcom_async.models.oauth import ApiKeyRefreshed
from calcom_async.resources._base import Channel, Resource, given


class ApiKeys(Resource):
    """The API key that the client uses. There is no way to list keys, or to make one without one."""

    def __init__(self, channel: Channel, credentials: Credentials) -> None:
        super().__init__(channel)
        self._credentials = credentials

    async def refresh(self, *, days_valid: int | None = None, never_expires: bool | None = None) -> ApiKeyRefreshed:
        """A new key for the one in use, for 30 days, or `days_valid`, or for good: store it at once.

        The old key is dead as soon as the server has acted. This client, and every other that holds the same `ApiKey`,
        goes on with the new one; calls on their way are made again with it. Other processes have to be told. Only with
        an API key; other credentials are an `UnauthorizedError`. Never repeated: when the answer is lost, both keys
        are, and a new one has to be made in the settings.
        """
        body = given(apiKeyDaysValid=days_valid, apiKeyNeverExpires=never_expires)
        refreshed = await self._post(ApiKeyRefreshed, "/api-keys/refresh", body=body)
        if isinstance(self._credentials, ApiKey):
            try:
                self._credentials.replace(refreshed.api_key)
            except ConfigError:  # the caller gets the key all the same: it is the only copy
                log.warning("the refreshed API key cannot be sent in a header; this client keeps the old one")
        return refreshed
