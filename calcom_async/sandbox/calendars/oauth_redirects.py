"""OAuth redirects: the authorization URL of a provider, and its callback."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

from calcom_async.sandbox.accounts.guards import guarded_team
from calcom_async.sandbox.http import errors
from calcom_async.sandbox.http.auth import Credentials, authenticate, check_key_exists
from calcom_async.sandbox.http.call import Call
from calcom_async.sandbox.http.results import RawResponse
from calcom_async.sandbox.http.routing import Routes

ROUTES = Routes()


Owner = tuple[str, int]
"""The owner of a connected account: ("user", id) or ("team", id)."""
OwnerOf = Callable[[Call], Owner]


def user_owner(call: Call) -> Owner:
    """Return the caller as owner."""
    return "user", call.user["id"]


def team_owner(call: Call) -> Owner:
    """Return the team of the path as owner, if the caller is one of its admins."""
    return "team", guarded_team(call, "TEAM_ADMIN")["id"]


@dataclass(frozen=True, slots=True)
class OAuthCallback:
    """A parsed callback: the owner of the new account (None if authorization failed), and the redirect target."""

    owner: Owner | None
    location: str

    @property
    def answer(self) -> RawResponse:
        """The redirect response; its address is empty if the state has none."""
        return RawResponse(None, 301, {"Location": self.location})


def authorization_url(call: Call, address: str, redirect_uri: str, **fields: str) -> str:
    """Return the URL of the provider's consent page.

    Like the real server, put the caller's credential into the state. Logging this URL leaks it.
    """
    state: dict[str, Any] = {
        "returnTo": call.param("returnTo") or call.headers.get("Origin", ""),
        "onErrorReturnTo": call.param("onErrorReturnTo") or call.headers.get("Origin", ""),
        "fromApp": False,
        "accessToken": call.headers.get("Authorization", "").replace("Bearer ", ""),
        # The callback has no other way to know whose account it is.
        **{name: call.path[name] for name in ("teamId", "orgId") if name in call.path},
    }
    parameters = {"response_type": "code", **fields, "redirect_uri": redirect_uri, "state": json.dumps(state)}
    return f"{address}?{urlencode(parameters, quote_via=quote)}"


def parse_callback(call: Call) -> OAuthCallback:
    """Parse the state of a callback; without a code the user declined."""
    text = call.param("state")
    if not text:
        raise errors.bad_request("Missing `state` query param")
    state = _decoded(text)
    if not state.get("accessToken"):
        return OAuthCallback(None, str(state.get("onErrorReturnTo") or ""))
    # The user declined on the page of the provider, or closed it.
    if call.param("error") or not call.param("code"):
        return OAuthCallback(None, str(state.get("onErrorReturnTo") or ""))
    return OAuthCallback(_owner(call, state), str(state.get("returnTo") or ""))


def _decoded(text: str) -> Mapping[str, Any]:
    """Return the state of a callback; empty if it is no JSON object. Other text is a bare 500, as on the server."""
    try:
        state = json.loads(text)
    except ValueError:
        raise errors.no_envelope(500, "Internal server error") from None
    return state if isinstance(state, dict) else {}


def _owner(call: Call, state: Mapping[str, Any]) -> Owner:
    """Return the owner: the team in the state, or the user of its credential."""
    sent = Credentials(str(state["accessToken"]), None, None, None)
    check_key_exists(call.store, sent)
    caller = authenticate(call.store, sent, call.clock.now())
    # The state is not signed, and the role in the team was checked when it was made.
    if state.get("teamId"):
        return "team", int(state["teamId"])
    assert caller.user_id is not None, "a bearer is somebody"
    return "user", caller.user_id
