"""Handlers of tokens and API keys."""

from __future__ import annotations

import hmac
from typing import Any

from calcom_async.sandbox.http.call import Call
from calcom_async.sandbox.http.constraints import boolean, minimum, number, string
from calcom_async.sandbox.http.errors import HttpError, bad_request, string_details, unauthorized
from calcom_async.sandbox.http.forms import Field, Form
from calcom_async.sandbox.http.results import RawResponse
from calcom_async.sandbox.http.routing import Routes
from calcom_async.sandbox.platform.clients import guarded_client, managed_user
from calcom_async.sandbox.platform.tokens import drop_tokens, store_tokens
from calcom_async.sandbox.state.store import Store

ROUTES = Routes()


SCOPE = "EVENT_TYPE_READ BOOKING_READ BOOKING_WRITE PROFILE_READ"
"""The scope of an app that has none of its own in the store."""
NO_STORE = {"Cache-Control": "no-store", "Pragma": "no-cache"}

# --- platform tokens of managed users


REFRESH = Form(Field("refreshToken", string))


@ROUTES.add("POST", "/v2/oauth/{clientId}/refresh")
def refresh_managed(call: Call) -> object:
    """Refresh a token pair. The refresh token becomes invalid; the old access token works until it expires.

    Without the client's secret this is a 401. Other valid credentials pass that check, and are a 400 then.
    """
    token = REFRESH.read(call.body)["refreshToken"]
    client = call.store.oauth_clients.get(call.path["clientId"])
    if client is None or not _same(client["secret"], call.headers.get("x-cal-secret-key")):
        raise bad_request("Invalid OAuthClient credentials.")
    owner = call.store.refresh_tokens.get(token)
    # Of two processes that share a refresh token, the second one ends here; `force-refresh` helps.
    if owner is None or owner["client_id"] != client["id"] or owner["expires"] <= call.clock.now():
        raise bad_request("Invalid refresh token")
    del call.store.refresh_tokens[token]
    pair = store_tokens(call.store, call.clock.now(), kind="managed", user_id=owner["user_id"], client_id=client["id"])
    return pair.managed()


@ROUTES.add("POST", "/v2/oauth-clients/{clientId}/users/{userId}/force-refresh")
def force_refresh(call: Call) -> object:
    """Create a pair without a refresh token; all older tokens of that user become invalid."""
    client = guarded_client(call, "ORG_ADMIN")
    client_id, user_id = client["id"], managed_user(call, client)["id"]
    drop_tokens(call.store, user_id, client_id)
    return store_tokens(call.store, call.clock.now(), kind="managed", user_id=user_id, client_id=client_id).managed()


# --- third-party OAuth2


_GRANTS = {
    ("authorization_code", True): ("code", "redirect_uri", "client_secret"),
    ("authorization_code", False): ("code", "redirect_uri", "code_verifier"),
    ("refresh_token", True): ("refresh_token", "client_secret"),
    ("refresh_token", False): ("refresh_token",),
}


@ROUTES.add("POST", "/v2/auth/oauth2/token", auth="public", form=True)
def oauth2_token(call: Call) -> object:
    """Exchange a code or a refresh token for a pair; neither the response nor its errors have an envelope."""
    try:
        sent = _grant(call.body)
    except HttpError as error:
        return _oauth2_error(400, "invalid_request", error.message)
    app = call.store.oauth2_apps.get(sent["client_id"])
    if app is None:
        return _oauth2_error(401, "invalid_client", "client_not_found")
    if not _same(app["secret"] or "", sent.get("client_secret")) and app["secret"] is not None:
        return _oauth2_error(401, "invalid_client", "invalid_client_credentials")
    owner, fault = _owner(call, sent, app)
    if owner is None:
        return _oauth2_error(400, "invalid_grant", fault)
    now = call.clock.now()
    pair = store_tokens(call.store, now, kind="oauth2", user_id=owner["user_id"], client_id=app["id"])
    scope = app.get("scope", SCOPE) if call.server.tokens_have_scope else None
    return RawResponse(pair.oauth2(scope=scope), headers=NO_STORE)


@ROUTES.add("GET", "/v2/auth/oauth2/clients/{clientId}")
def oauth2_client(call: Call) -> object:
    """Return the public part of a third-party app."""
    app = call.store.oauth2_apps.get(call.path["clientId"])
    if app is None:
        raise string_details(404, "HttpException", "unauthorized_client")
    return {
        "client_id": app["id"],
        "redirect_uris": app["redirect_uris"],
        "name": app["name"],
        "logo": None,
        "is_trusted": False,
        "client_type": "CONFIDENTIAL" if app["secret"] else "PUBLIC",
    }


def _grant(body: dict[str, Any]) -> dict[str, Any]:
    """Return the validated fields of one of the four grants; without a secret it is a public client."""
    if not body.get("client_id"):
        raise bad_request("client_id is required")
    grant = body.get("grant_type")
    if grant not in {"authorization_code", "refresh_token"}:
        raise bad_request("grant_type must be 'authorization_code' or 'refresh_token'")
    # A confidential client that forgets its secret is told to send `code_verifier`.
    names = ("client_id", "grant_type", *_GRANTS[grant, "client_secret" in body])
    return Form(*(Field(name, string) for name in names)).read_strict(body)


def _owner(call: Call, sent: dict[str, Any], app: dict[str, Any]) -> tuple[dict[str, Any] | None, str]:
    """Return the user id for the tokens, or raise an error."""
    if sent["grant_type"] == "authorization_code":
        return _spend_code(call.store, sent, app)
    owner = call.store.refresh_tokens.get(sent["refresh_token"])
    if owner is None or owner["kind"] != "oauth2" or owner["expires"] <= call.clock.now():
        # An unknown, an expired and a managed user's token look the same.
        return None, "invalid_refresh_token"
    return (owner, "") if owner["client_id"] == app["id"] else (None, "client_id_mismatch")


def _spend_code(store: Store, sent: dict[str, Any], app: dict[str, Any]) -> tuple[dict[str, Any] | None, str]:
    """Return the user of a code.

    The consent page creates codes and is no part of the API; tests use `extras["oauth2_codes"]`.
    """
    if sent["redirect_uri"] not in app["redirect_uris"]:
        return None, "redirect_uri_mismatch"
    return store.extras["oauth2_codes"].pop(sent["code"], None), "code_invalid_or_expired"


def _oauth2_error(status: int, error: str, description: str) -> RawResponse:
    """Return an error in the form of RFC 6749."""
    # A self-hosted server of 2026-07 sends this literal id with these errors.
    body = {"error": error, "error_description": description}
    return RawResponse(body, status, NO_STORE | {"X-Request-Id": "unknown-request-id"})


def _same(secret: str, sent: str | None) -> bool:
    """Compare secrets in constant time."""
    return hmac.compare_digest(secret.encode(), (sent or "").encode())


# --- API keys


KEY = Form(
    Field("apiKeyDaysValid", minimum(1), number, optional=True),
    Field("apiKeyNeverExpires", boolean, optional=True),
)


@ROUTES.add("POST", "/v2/api-keys/refresh")
def refresh_key(call: Call) -> object:
    """Replace an API key; the old one becomes invalid. A reset of the sandbox restores the keys it started with."""
    if call.caller.key is None:
        raise unauthorized(
            "ApiKeysService - This endpoint can only be accessed using an API key by providing "
            "'Authorization: Bearer <apiKey>' header"
        )
    settings = KEY.read(call.body)
    if settings.get("apiKeyDaysValid") and settings.get("apiKeyNeverExpires"):
        raise bad_request(
            "ApiKeysService -Cannot set both apiKeyDaysValid and apiKeyNeverExpires. "
            "It has to be either or none of them."
        )
    # The old key is dead at once: a client that loses this response has no key any more.
    user_id = call.store.api_keys.pop(call.caller.key)
    key = f"cal_{call.store.uuid().replace('-', '')}"
    call.store.api_keys[key] = user_id
    return {"apiKey": key}
