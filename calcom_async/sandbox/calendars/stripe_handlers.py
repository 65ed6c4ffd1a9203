"""Handlers of Stripe accounts, of users and of teams of an organization."""

from __future__ import annotations

from calcom_async.sandbox.calendars.conferencing_handlers import TEAM
from calcom_async.sandbox.calendars.oauth_redirects import (
    OwnerOf,
    authorization_url,
    parse_callback,
    team_owner,
    user_owner,
)
from calcom_async.sandbox.http import errors
from calcom_async.sandbox.http.auth import Auth
from calcom_async.sandbox.http.call import Call
from calcom_async.sandbox.http.results import Status
from calcom_async.sandbox.http.routing import Routes

ROUTES = Routes()


def _add_stripe_routes(path: str, owner_of: OwnerOf, *, save_auth: Auth) -> None:
    """Declare the routes below a path."""

    @ROUTES.add("GET", path + "/connect")
    def auth_url(call: Call) -> object:
        """Return the URL of Stripe's consent page."""
        owner_of(call)
        about = {"stripe_user[email]": call.user["email"], "stripe_user[first_name]": call.user["name"]}
        # The callback of a team is the user's path too; the state names the team.
        back = f"{call.base_url}/stripe/save"
        address = "https://connect.stripe.com/oauth/authorize"
        return {"authUrl": authorization_url(call, address, back, client_id="ca_sandbox", scope="read_write", **about)}

    @ROUTES.add("GET", path + "/save", auth=save_auth)
    def save(call: Call) -> object:
        """Connect the account of the owner in the state, if Stripe returned a code."""
        back = parse_callback(call)
        if back.owner is not None:
            call.store.extras["stripe"][back.owner] = True
        return back.answer

    @ROUTES.add("GET", path + "/check")
    def check(call: Call) -> object:
        """Succeed if Stripe is connected."""
        if owner_of(call) not in call.store.extras["stripe"]:
            # A missing connection is an error here: there is no response that says "not connected".
            raise errors.not_found("Credentials for stripe not found.")
        return Status()


_add_stripe_routes("/v2/stripe", user_owner, save_auth="public")
_add_stripe_routes(TEAM + "/stripe", team_owner, save_auth="required")
