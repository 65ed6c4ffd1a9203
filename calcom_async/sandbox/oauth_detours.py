"""Ways out to a provider and back: the address that somebody is sent to, and what its state says on return."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

from calcom_async.sandbox import errors
from calcom_async.sandbox.auth import Credentials, authenticate, check_key_exists
from calcom_async.sandbox.routes import Bare, Call, Route

Owner = tuple[str, int]
"""Whose account is connected: ("user", id) or ("team", id)."""

_CREDENTIAL = Route("GET", "", handler=lambda call: call)


@dataclass(frozen=True, slots=True)
class Return:
    """Somebody who came back: whose account it is to be (nobody, if the way was not gone to its end), and where to."""

    owner: Owner | None
    location: str

    @property
    def answer(self) -> Bare:
        """The redirect; its address is empty when the state names none."""
        return Bare(None, 301, {"Location": self.location})


def way_out(call: Call, address: str, redirect_uri: str, **fields: str) -> str:
    """Write the address to send somebody to.

    The real server writes the caller's own credential into the state; whoever logs this URL leaks it.
    """
    state: dict[str, Any] = {
        "returnTo": call.param("returnTo") or call.headers.get("Origin", ""),
        "onErrorReturnTo": call.param("onErrorReturnTo") or call.headers.get("Origin", ""),
        "fromApp": False,
        "accessToken": call.headers.get("Authorization", "").replace("Bearer ", ""),
        **{name: call.path[name] for name in ("teamId", "orgId") if name in call.path},
    }
    asked = {"response_type": "code", **fields, "redirect_uri": redirect_uri, "state": json.dumps(state)}
    return f"{address}?{urlencode(asked, quote_via=quote)}"


def way_back(call: Call) -> Return:
    """Read the state that somebody brings back; without a code they have refused."""
    text = call.param("state")
    if not text:
        raise errors.bad_request("Missing `state` query param")
    state = _decoded(text)
    if not state.get("accessToken"):
        return Return(None, str(state.get("onErrorReturnTo") or ""))
    if call.param("error") or not call.param("code"):
        return Return(None, str(state.get("onErrorReturnTo") or ""))
    return Return(_owner(call, state), str(state.get("returnTo") or ""))


def _decoded(text: str) -> Mapping[str, Any]:
    try:
        state = json.loads(text)
    except json.JSONDecodeError:
        return {}
    return state if isinstance(state, dict) else {}


def _owner(call: Call, state: Mapping[str, Any]) -> Owner:
    """Say for whom the state asks: for a team that it names, else for whoever its credential belongs to."""
    sent = Credentials(str(state["accessToken"]), None, None, None)
    check_key_exists(call.store, sent)
    caller = authenticate(call.store, sent, _CREDENTIAL, call.clock.now())
    if state.get("teamId"):
        return "team", int(state["teamId"])
    assert caller.user_id is not None, "a bearer is somebody"
    return "user", caller.user_id
