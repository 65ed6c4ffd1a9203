"""Third-party OAuth2: what a client is, and the tokens that it gets for a code or a refresh token."""

from __future__ import annotations

from typing import Any, overload

from calcom_async.errors import InvalidRequestError
from calcom_async.models.oauth import OAuth2Tokens
from calcom_async.models.oauth_clients import OAuth2Client
from calcom_async.resources._base import Resource
from calcom_async.wire import decode


class OAuth2(Resource):
    """The OAuth2 server for apps that act for Cal.com users. The page where users consent is not part of the API."""

    async def client(self, client_id: str) -> OAuth2Client:
        """Fetch what a client shows of itself; any credential will do. Raises `NotFoundError` when unknown."""
        return await self._get(OAuth2Client, "/auth/oauth2/clients/{}", client_id)

    @overload
    async def token(
        self, client_id: str, *, code: str, redirect_uri: str, client_secret: str | None = ...
    ) -> OAuth2Tokens: ...
    @overload
    async def token(self, client_id: str, *, code: str, redirect_uri: str, code_verifier: str) -> OAuth2Tokens: ...
    @overload
    async def token(self, client_id: str, *, refresh_token: str, client_secret: str | None = ...) -> OAuth2Tokens: ...
    async def token(
        self,
        client_id: str,
        *,
        code: str | None = None,
        redirect_uri: str | None = None,
        refresh_token: str | None = None,
        client_secret: str | None = None,
        code_verifier: str | None = None,
    ) -> OAuth2Tokens:
        """Trade the `code` of a consent, or a `refresh_token`, for tokens: 30 minutes and 30 days.

        A confidential client gives its `client_secret`; a public one the `code_verifier` of its code, and nothing more
        than the refresh token later. `redirect_uri` is the one that the code was sent to. A refresh does not end the
        old refresh token, and an `AccessToken(..., oauth2=True)` credential does it by itself.

        Raises `BadRequestError` (code or refresh token not taken) or `UnauthorizedError` (client), with `.code` as of
        RFC 6749, such as `invalid_grant`. A code works once, so this is not repeated when the answer is lost.
        """
        grant = _code_grant(code, redirect_uri, client_secret, code_verifier) if code else _refresh_grant(refresh_token)
        body = {"client_id": client_id, **grant}
        if client_secret:
            body["client_secret"] = client_secret
        request = self._request("POST", "/auth/oauth2/token", (), body=body, repeatable=False)
        # The one answer of the API without an envelope.
        tokens: OAuth2Tokens = decode(OAuth2Tokens, (await self._channel.send(request)).body)
        return tokens


def _code_grant(
    code: str, redirect_uri: str | None, client_secret: str | None, code_verifier: str | None
) -> dict[str, Any]:
    if not redirect_uri or bool(client_secret) == bool(code_verifier):
        raise InvalidRequestError("a code goes with its redirect_uri, and with either client_secret or code_verifier")
    proof = {"code_verifier": code_verifier} if code_verifier else {}
    return {"grant_type": "authorization_code", "code": code, "redirect_uri": redirect_uri, **proof}


def _refresh_grant(refresh_token: str | None) -> dict[str, Any]:
    if not refresh_token:
        raise InvalidRequestError("give a code (with redirect_uri), or a refresh_token")
    return {"grant_type": "refresh_token", "refresh_token": refresh_token}
