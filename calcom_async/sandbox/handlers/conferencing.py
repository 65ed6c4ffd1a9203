"""Operations: conferencing apps and Stripe accounts, of users and of teams of an organisation."""

from __future__ import annotations

from collections.abc import Callable

from calcom_async.sandbox import errors
from calcom_async.sandbox.conferencing_accounts import (
    GOOGLE_MEET,
    connect,
    connected,
    disconnect,
    set_default,
    with_consent,
)
from calcom_async.sandbox.guards import guarded_team
from calcom_async.sandbox.oauth_detours import Owner, way_back, way_out
from calcom_async.sandbox.routes import Auth, Call, Status, route

OwnerOf = Callable[[Call], Owner]

_TEAM = "/v2/organizations/{orgId}/teams/{teamId}"


def _user(call: Call) -> Owner:
    return "user", call.user["id"]


def _team(call: Call) -> Owner:
    return "team", guarded_team(call, "TEAM_ADMIN")["id"]


def _register_conferencing(path: str, owner_of: OwnerOf) -> None:
    @route("GET", path)
    def list_apps(call: Call) -> object:
        return list(connected(call.store, owner_of(call)).values())

    @route("POST", path + "/{app}/connect")
    def connect_app(call: Call) -> object:
        owner = owner_of(call)
        _check_google_meet(call, owner)
        return connect(call.store, owner, GOOGLE_MEET)

    @route("GET", path + "/{app}/oauth/auth-url")
    def auth_url(call: Call) -> object:
        owner_of(call)
        app = with_consent(call.path["app"])
        back = f"{call.sandbox.url}/conferencing/{app.slug}/oauth/callback"
        return {"url": way_out(call, app.authorize or "", back, client_id="sandbox")}

    @route("GET", path + "/{app}/oauth/callback", auth="public")
    def callback(call: Call) -> object:
        """Finish what `auth_url` began: whoever comes back with a code and the state has the app connected."""
        back = way_back(call)
        if back.owner is not None:
            connect(call.store, back.owner, with_consent(call.path["app"]))
        return back.answer

    @route("GET", path + "/default")
    def get_default(call: Call) -> object:
        slug = call.store.extras["default_conferencing"].get(owner_of(call))
        return Status() if slug is None else {"appSlug": slug}

    @route("POST", path + "/{app}/default")
    def choose_default(call: Call) -> object:
        set_default(call.store, owner_of(call), call.path["app"])
        return Status()

    @route("DELETE", path + "/{app}/disconnect")
    def disconnect_app(call: Call) -> object:
        disconnect(call.store, owner_of(call), call.path["app"])
        return Status()


def _check_google_meet(call: Call, owner: Owner) -> None:
    if call.path["app"] != GOOGLE_MEET.slug:
        raise errors.bad_request("Invalid conferencing app. Available apps: GOOGLE_MEET.")
    calendars = call.store.calendars.get(call.user["id"], [])
    if not any(one["integration"]["type"] == "google_calendar" for one in calendars):
        raise errors.bad_request("Google Meet requires a Google Calendar connection.")
    if GOOGLE_MEET.slug in connected(call.store, owner):
        raise errors.bad_request("Google Meet is already connected for this user.")


def _register_stripe(path: str, owner_of: OwnerOf, *, save_auth: Auth) -> None:
    @route("GET", path + "/connect")
    def auth_url(call: Call) -> object:
        owner_of(call)
        about = {"stripe_user[email]": call.user["email"], "stripe_user[first_name]": call.user["name"]}
        # A team's account comes back to the user's path as well; the state says that it is a team's.
        back = f"{call.sandbox.url}/stripe/save"
        address = "https://connect.stripe.com/oauth/authorize"
        return {"authUrl": way_out(call, address, back, client_id="ca_sandbox", scope="read_write", **about)}

    @route("GET", path + "/save", auth=save_auth)
    def save(call: Call) -> object:
        back = way_back(call)
        if back.owner is not None:
            call.store.extras["stripe"][back.owner] = True
        return back.answer

    @route("GET", path + "/check")
    def check(call: Call) -> object:
        if owner_of(call) not in call.store.extras["stripe"]:
            raise errors.not_found("Credentials for stripe not found.")
        return Status()


_register_conferencing("/v2/conferencing", _user)
_register_conferencing(_TEAM + "/conferencing", _team)
_register_stripe("/v2/stripe", _user, save_auth="public")
_register_stripe(_TEAM + "/stripe", _team, save_auth="required")
