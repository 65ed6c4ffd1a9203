"""OAuth clients of a platform, the users that they manage, and what belongs to one client."""

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
from calcom_async.resources._base import Paging, Resource, secret_argument
from calcom_async.resources.webhooks import BulkDeleteWebhooks
from calcom_async.secret import Secret
from calcom_async.wire import Listing

LISTING = Listing(maximum=250, take="limit", skip="offset", furthest=250)


class OAuthClients(Resource):
    """OAuth clients of your platform organisation.

    `list` and `create` have to know the organisation: they take `PlatformClient` credentials or a key bound to it, and
    refuse a personal key (`UnauthorizedError`). The others take the key of the organisation's admin or owner, or the
    credentials of that very client; those of another one are an `UnauthorizedError`. An ordinary organisation is a
    `ForbiddenError`. Cal.com calls all of this deprecated.
    """

    def list(self) -> Pages[models.OAuthClient]:
        """All clients with their secrets, in one answer."""
        return self._pages(models.OAuthClient, "/oauth-clients")

    async def get(self, client_id: str) -> models.OAuthClient:
        """Fetch one client, its secret included. Raises `NotFoundError` when unknown."""
        return await self._get(models.OAuthClient, "/oauth-clients/{}", client_id)

    async def create(self, client: CreateOAuthClient) -> OAuthClientCredentials:
        """Make a client; for its admin or owner. The answer is what `PlatformClient` takes."""
        return await self._post(OAuthClientCredentials, "/oauth-clients", body=client)

    async def update(self, client_id: str, changes: UpdateOAuthClient) -> models.OAuthClient:
        """Change a client; what is not given stays, `redirect_uris` replaces the whole list."""
        return await self._patch(models.OAuthClient, "/oauth-clients/{}", client_id, body=changes)

    async def delete(self, client_id: str) -> models.OAuthClient:
        """Delete a client and return it as it was; its tokens end with it."""
        return await self._delete(models.OAuthClient, "/oauth-clients/{}", client_id)

    async def refresh(self, client_id: str, refresh_token: str | Secret) -> ManagedUserTokens:
        """New tokens for a managed user; an `AccessToken` credential does this by itself.

        The refresh token is spent: store the new pair at once. The old access token works until it expires. A refresh
        token that is unknown or spent is a `BadRequestError`; `force_refresh` of the client's users helps then. Never
        repeated.
        """
        refresh_token = Secret(refresh_token)
        body = {"refreshToken": secret_argument(refresh_token, "refresh_token")}
        return await self._post(ManagedUserTokens, "/oauth/{}/refresh", client_id, body=body)


class OAuthClient(Resource):
    """What belongs to one OAuth client; takes `PlatformClient` credentials of that very client."""

    @property
    def users(self) -> ManagedUsers:
        """Its managed users."""
        return self._below(ManagedUsers)

    @property
    def webhooks(self) -> BulkDeleteWebhooks:
        """Its webhooks, which hear of all its managed users."""
        return self._below(BulkDeleteWebhooks)


class ManagedUsers(Resource):
    """Users that an OAuth client manages."""

    def list(self, *, emails: Sequence[str] | None = None, **paging: Unpack[Paging]) -> Pages[ManagedUser]:
        """Managed users by id, 250 a page; `emails` picks those with these addresses, as given when they were made.

        The server answers no offset beyond 250, so nobody after the 500th user can be listed: the walk ends there with
        an `IncompleteListWarning`, or with `strict=True` an `IncompleteListError`. Ask for the others by `emails`. A
        smaller `take` meets that wall earlier.
        """
        return self._pages(ManagedUser, "/users", listing=LISTING, query={"emails": emails}, **paging)

    async def get(self, user_id: int) -> ManagedUser:
        """Fetch one managed user. Raises `NotFoundError` when it is not one of this client's."""
        return await self._get(ManagedUser, "/users/{}", user_id)

    async def create(self, user: CreateManagedUser) -> ManagedUserCreated:
        """Make a managed user; the answer holds its tokens, which are shown only here.

        Without a `time_zone` it has no schedule. An address that exists is a `ConflictError`; its message names the id
        of that user. Not repeated when the answer is lost: look with `list(emails=[...])`, then `force_refresh`.
        """
        return await self._post(ManagedUserCreated, "/users", body=user)

    async def update(self, user_id: int, changes: UpdateManagedUser) -> ManagedUser:
        """Change a managed user; what is not given stays."""
        return await self._patch(ManagedUser, "/users/{}", user_id, body=changes)

    async def delete(self, user_id: int) -> ManagedUser:
        """Delete a managed user with all that it has, and return it as it was."""
        return await self._delete(ManagedUser, "/users/{}", user_id)

    async def force_refresh(self, user_id: int) -> ManagedUserTokens:
        """New tokens without the old ones, all of which end at once. For when a refresh token was lost."""
        return await self._post(ManagedUserTokens, "/users/{}/force-refresh", user_id)
