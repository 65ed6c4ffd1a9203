"""OAuth2 for third-party apps: fetch a client, and exchange a code or a refresh token for tokens."""

from __future__ import annotations

from typing import overload

from calcom_async.decoding import decode
from calcom_async.errors import DecodeError, InvalidRequestError
from calcom_async.models.oauth import OAuth2Tokens
from calcom_async.models.oauth_clients import OAuth2Client
from calcom_async.requests import CallContext
from calcom_async.resources._base import Resource, name_request, secret_argument
from calcom_async.secret import Secret


class OAuth2(Resource):
    """The OAuth2 server for apps that act on behalf of Cal.com users. The consent page is not part of the API."""

    async def client(self, client_id: str) -> OAuth2Client:
        """Fetch the public data of a client; any credentials will do. Raises `NotFoundError`."""
        return await self._get(OAuth2Client, "/auth/oauth2/clients/{}", client_id)

    @overload
    async def token(
        self, client_id: str, *, code: str | Secret, redirect_uri: str, client_secret: str | Secret | None = ...
    ) -> OAuth2Tokens: ...
    @overload
    async def token(
        self, client_id: str, *, code: str | Secret, redirect_uri: str, code_verifier: str | Secret
    ) -> OAuth2Tokens: ...
    @overload
    async def token(
        self, client_id: str, *, refresh_token: str | Secret, client_secret: str | Secret | None = ...
    ) -> OAuth2Tokens: ...
    async def token(
        self,
        client_id: str,
        *,
        code: str | Secret | None = None,
        redirect_uri: str | None = None,
        refresh_token: str | Secret | None = None,
        client_secret: str | Secret | None = None,
        code_verifier: str | Secret | None = None,
    ) -> OAuth2Tokens:
        """Exchange an authorization `code` or a `refresh_token` for tokens, valid for 30 minutes and 30 days.

        A confidential client gives its `client_secret`. A public one gives the `code_verifier` of its code, and later
        only the refresh token. `redirect_uri` is the one that received the code. The old refresh token stays valid. An
        `AccessToken(..., oauth2=True)` credential refreshes by itself.

        Raises `BadRequestError` (code or refresh token rejected) or `UnauthorizedError` (client), whose `.code` is that
        of RFC 6749, such as `invalid_grant`. A code works once, so the request is not retried if the response is lost.
        """
        # First of all, so that the traceback of an error below shows no secret.
        code, refresh_token = _secret(code), _secret(refresh_token)
        client_secret, code_verifier = _secret(client_secret), _secret(code_verifier)
        if code and not (redirect_uri and bool(client_secret) != bool(code_verifier)):
            raise InvalidRequestError(
                "a code goes with its redirect_uri, and with either client_secret or code_verifier"
            )
        if not (code or refresh_token):
            raise InvalidRequestError("give a code (with redirect_uri), or a refresh_token")
        # The server rejects fields of another grant (400), so only those of this one are sent.
        names = ("code", "redirect_uri", "code_verifier") if code else ("refresh_token",)
        fields = {
            "client_id": client_id,
            "grant_type": "authorization_code" if code else "refresh_token",
            "code": code,
            "redirect_uri": redirect_uri,
            "refresh_token": refresh_token,
            "client_secret": client_secret,
            "code_verifier": code_verifier,
        }
        sent = ("client_id", "grant_type", *names, "client_secret")
        body = {name: fields[name] for name in sent if fields[name] is not None}
        for name, value in body.items():
            if isinstance(value, Secret):
                secret_argument(value, name)
        # No `_post`, which expects the envelope. JSON is accepted like the form encoding of RFC 6749.
        request = self._request("POST", "/auth/oauth2/token", (), body=body)
        response = await self._context.send(request, CallContext(priority=self._context.priority))
        try:
            tokens: OAuth2Tokens = decode(OAuth2Tokens, response.body)
        except DecodeError as error:
            problem = error
        else:
            return tokens
        raise name_request(problem, request)


def _secret(text: str | Secret | None) -> Secret | None:
    return None if text is None or text == "" else Secret(text)
