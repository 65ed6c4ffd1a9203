"""OAuth clients of a platform, the users that they manage, and their webhooks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Unpack

from calcom_async.models import oauth_clients as models
from calcom_async.models.oauth import ManagedUserTokens
from calcom_async.models.oauth_clients import (
    CreateManagedUser,
    CreateOAuthClient,
    ManagedUser,
    ManagedUserCreated,
    OAuthClientCredentials,
    UpdateManagedUser,
    UpdateOAuthClient,
)
from calcom_async.pages import Pages
from calcom_async.pagination import PaginationSpec
from calcom_async.resources._base import Paging, Resource, secret_argument
from calcom_async.resources.webhooks import BulkDeleteWebhooks
from calcom_async.secret import Secret

# The only list with these names, and the only one with a largest offset: more than 250 is an error (recorded from a
# self-hosted server of 2025-12).
PAGINATION = PaginationSpec(maximum=250, take="limit", skip="offset", max_skip=250)


class OAuthClients(Resource):
    """OAuth clients of your platform organization. Cal.com has deprecated the platform.

    `list` and `create` need to know the organization: they accept `PlatformClient` credentials or a key that is bound
    to it; a personal key raises `UnauthorizedError`. The others accept a key of an admin or owner of the organization,
    or the credentials of the client itself; those of another client raise `UnauthorizedError`. An organization that is
    no platform raises `ForbiddenError`.
    """

    def list(self) -> Pages[models.OAuthClient]:
        """List all clients with their secrets, in one response."""
        return self._pages(models.OAuthClient, "/oauth-clients")

    async def get(self, client_id: str) -> models.OAuthClient:
        """Fetch one client with its secret. Raises `NotFoundError`."""
        return await self._get(models.OAuthClient, "/oauth-clients/{}", client_id)

    async def create(self, client: CreateOAuthClient) -> OAuthClientCredentials:
        """Create a client; for admins and owners. Pass the id and secret of the result to `PlatformClient`."""
        return await self._post(OAuthClientCredentials, "/oauth-clients", body=client)

    async def update(self, client_id: str, changes: UpdateOAuthClient) -> models.OAuthClient:
        """Update the given fields of a client. `redirect_uris` is replaced as a whole."""
        return await self._patch(models.OAuthClient, "/oauth-clients/{}", client_id, body=changes)

    async def delete(self, client_id: str) -> models.OAuthClient:
        """Delete a client and revoke its tokens. Returns the deleted client."""
        return await self._delete(models.OAuthClient, "/oauth-clients/{}", client_id)

    async def refresh(self, client_id: str, refresh_token: str | Secret) -> ManagedUserTokens:
        """Refresh the tokens of a managed user; an `AccessToken` credential does this by itself.

        The server revokes the refresh token: store the new pair at once. The old access token works until it expires.
        An unknown or used refresh token raises `BadRequestError`; call `force_refresh` of the client's users then.
        Never retried.
        """
        refresh_token = Secret(refresh_token)
        body = {"refreshToken": secret_argument(refresh_token, "refresh_token")}
        return await self._post(ManagedUserTokens, "/oauth/{}/refresh", client_id, body=body)


class OAuthClient(Resource):
    """One OAuth client; needs `PlatformClient` credentials of this client."""

    @property
    def users(self) -> ManagedUsers:
        """Users managed by the client."""
        return self._child(ManagedUsers)

    @property
    def webhooks(self) -> BulkDeleteWebhooks:
        """Webhooks of the client, called for events of all its managed users."""
        return self._child(BulkDeleteWebhooks)


class ManagedUsers(Resource):
    """Users managed by an OAuth client."""

    def list(self, *, emails: Sequence[str] | None = None, **paging: Unpack[Paging]) -> Pages[ManagedUser]:
        """List managed users by id, 250 per page; `emails` selects users by the addresses they were created with.

        The server accepts no `skip` over 250, so users after the 500th cannot be listed: the iteration ends there with
        an `IncompleteListWarning`, or with `strict=True` an `IncompleteListError`. Select the others by `emails`. A
        smaller `take` reaches this limit earlier.
        """
        return self._pages(ManagedUser, "/users", pagination=PAGINATION, query={"emails": emails}, **paging)

    async def get(self, user_id: int) -> ManagedUser:
        """Fetch one managed user. Raises `NotFoundError` if the client does not manage the user."""
        return await self._get(ManagedUser, "/users/{}", user_id)

    async def create(self, user: CreateManagedUser) -> ManagedUserCreated:
        """Create a managed user. Only this response contains the user's tokens.

        Without `time_zone` the user has no schedule. An existing address raises `ConflictError`, whose message contains
        the id of that user. Not retried if the response is lost: look the user up with `list(emails=[...])`, then call
        `force_refresh`.
        """
        return await self._post(ManagedUserCreated, "/users", body=user)

    async def update(self, user_id: int, changes: UpdateManagedUser) -> ManagedUser:
        """Update the given fields of a managed user."""
        return await self._patch(ManagedUser, "/users/{}", user_id, body=changes)

    async def delete(self, user_id: int) -> ManagedUser:
        """Delete a managed user and all data of the user. Returns the deleted user."""
        return await self._delete(ManagedUser, "/users/{}", user_id)

    async def force_refresh(self, user_id: int) -> ManagedUserTokens:
        """Create new tokens without the old ones, and revoke those. For a lost refresh token."""
        # Valid for 60 minutes and a year, like those of a refresh:
        # https://cal.com/docs/api-reference/v2/platform-managed-users/force-refresh-tokens
        return await self._post(ManagedUserTokens, "/users/{}/force-refresh", user_id)
