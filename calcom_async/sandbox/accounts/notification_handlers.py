"""Handlers of subscriptions to notifications. The sandbox stores none of them."""

from __future__ import annotations

from datetime import timedelta

from calcom_async.sandbox.http.call import Call
from calcom_async.sandbox.http.constraints import not_empty, one_of, string
from calcom_async.sandbox.http.forms import Field, Form
from calcom_async.sandbox.http.results import RawResponse
from calcom_async.sandbox.http.routing import Routes
from calcom_async.sandbox.state.clock import iso

ROUTES = Routes()


BASE = "/v2/notifications/subscriptions"
_TOKEN = Field("token", not_empty, string)
_IDENTIFIER = Field("identifier", not_empty, string)
_REGISTER = Form(_TOKEN, Field("platform", one_of(("IOS", "ANDROID"))), Field("deviceId", not_empty, string))
_REMOVE_APP_PUSH = Form(_TOKEN)
_REMOVE_SLACK = Form(_IDENTIFIER, Field("teamId", not_empty, string))
_REMOVE_TELEGRAM = Form(_IDENTIFIER)


@ROUTES.add("POST", BASE + "/app-push", kinds=("key",), status=201, stateful=False)
def register_app_push(call: Call) -> object:
    """Return the subscription of a device."""
    body, now = _REGISTER.read(call.body), iso(call.clock.now())
    return {
        "id": call.store.next_id("subscription"),
        "userId": call.user["id"],
        "type": "APP_PUSH",
        "platform": body["platform"],
        "identifier": body["token"],
        "deviceId": body["deviceId"],
        "createdAt": now,
        "updatedAt": now,
    }


@ROUTES.add("POST", BASE + "/slack/link-intents", kinds=("key",), status=201, stateful=False)
@ROUTES.add("POST", BASE + "/telegram/link-intents", kinds=("key",), status=201, stateful=False)
def create_link_intent(call: Call) -> object:
    """Return a new one-time token."""
    return {"token": call.store.uuid(), "expiresAt": iso(call.clock.now() + timedelta(minutes=10))}


@ROUTES.add("DELETE", BASE + "/app-push", kinds=("key",), stateful=False)
def remove_app_push(call: Call) -> object:
    """Remove a device, named in the body."""
    return _removed(call, _REMOVE_APP_PUSH)


@ROUTES.add("DELETE", BASE + "/slack", kinds=("key",), stateful=False)
def remove_slack(call: Call) -> object:
    """Remove a Slack account, named in the body."""
    return _removed(call, _REMOVE_SLACK)


@ROUTES.add("DELETE", BASE + "/telegram", kinds=("key",), stateful=False)
def remove_telegram(call: Call) -> object:
    """Remove a Telegram chat, named in the body."""
    return _removed(call, _REMOVE_TELEGRAM)


def _removed(call: Call, form: Form) -> RawResponse:
    """Check the body; the response has a message instead of data."""
    # A DELETE with a body: the specification of the hosted API says so for all three.
    form.read(call.body)
    return RawResponse({"status": "success", "message": "Subscription removed"})
