"""Handlers of `/v2/me`, the user of the credentials."""

from __future__ import annotations

from calcom_async.sandbox.accounts.users import PROFILE, change_profile, me_view
from calcom_async.sandbox.http.call import Call
from calcom_async.sandbox.http.routing import Routes

ROUTES = Routes()


@ROUTES.add("GET", "/v2/me")
def get_me(call: Call) -> object:
    """Return the profile. Only this response has `organization`, as measured on a self-hosted build."""
    return me_view(call, organization=True)


@ROUTES.add("PATCH", "/v2/me")
def patch_me(call: Call) -> object:
    """Update the profile. A new email address waits for verification, or applies at once, depending on the server."""
    # `metadata` is accepted and in no response.
    change_profile(call.user, PROFILE.read(call.body), verifies_email=call.server.email_waits_for_verification)
    return me_view(call, organization=False)
