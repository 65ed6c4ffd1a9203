"""Handlers of conferencing apps, of users and of teams of an organization."""

from __future__ import annotations

from calcom_async.sandbox.calendars.conferencing import (
    GOOGLE_MEET,
    connect,
    connected,
    default_app,
    disconnect,
    set_default,
    with_consent,
)
from calcom_async.sandbox.calendars.oauth_redirects import (
    Owner,
    OwnerOf,
    authorization_url,
    parse_callback,
    team_owner,
    user_owner,
)
from calcom_async.sandbox.http import errors
from calcom_async.sandbox.http.call import Call
from calcom_async.sandbox.http.results import Status
from calcom_async.sandbox.http.routing import Routes

ROUTES = Routes()


TEAM = "/v2/organizations/{orgId}/teams/{teamId}"


def _add_conferencing_routes(path: str, owner_of: OwnerOf) -> None:
    """Declare the routes below a path."""

    @ROUTES.add("GET", path)
    def list_apps(call: Call) -> object:
        """List the connected apps; Cal Video is not listed, because it needs no connection."""
        return list(connected(call.store, owner_of(call)).values())

    @ROUTES.add("POST", path + "/{app}/connect")
    def connect_app(call: Call) -> object:
        """Connect Google Meet, the only app that needs no consent page."""
        owner = owner_of(call)
        _check_google_meet(call, owner)
        return connect(call.store, owner, GOOGLE_MEET)

    @ROUTES.add("GET", path + "/{app}/oauth/auth-url")
    def auth_url(call: Call) -> object:
        """Return the URL of the app's consent page."""
        owner_of(call)
        app = with_consent(call.path["app"])
        # One callback for all owners: the state says which team it is.
        back = f"{call.base_url}/conferencing/{app.slug}/oauth/callback"
        return {"url": authorization_url(call, app.authorize or "", back, client_id="sandbox")}

    @ROUTES.add("GET", path + "/{app}/oauth/callback", auth="public")
    def callback(call: Call) -> object:
        """Connect the app of the owner in the state, if the provider returned a code."""
        back = parse_callback(call)
        if back.owner is not None:
            connect(call.store, back.owner, with_consent(call.path["app"]))
        return back.answer

    @ROUTES.add("GET", path + "/default")
    def get_default(call: Call) -> object:
        """Return the default app. Without one the response has no `data` (measured on a self-hosted build)."""
        slug = default_app(call.store, owner_of(call))
        return Status() if slug is None else {"appSlug": slug}

    @ROUTES.add("POST", path + "/{app}/default")
    def choose_default(call: Call) -> object:
        """Set the default app."""
        set_default(call.store, owner_of(call), call.path["app"])
        return Status()

    @ROUTES.add("DELETE", path + "/{app}/disconnect")
    def disconnect_app(call: Call) -> object:
        """Disconnect an app."""
        disconnect(call.store, owner_of(call), call.path["app"])
        return Status()


def _check_google_meet(call: Call, owner: Owner) -> None:
    """Raise a 400 unless Google Meet can be connected: it needs a connected Google calendar."""
    if call.path["app"] != GOOGLE_MEET.slug:
        raise errors.bad_request("Invalid conferencing app. Available apps: GOOGLE_MEET.")
    # The calendar of the caller counts, also when a team connects.
    calendars = call.store.calendars.get(call.user["id"], [])
    if not any(account["integration"]["type"] == "google_calendar" for account in calendars):
        raise errors.bad_request("Google Meet requires a Google Calendar connection.")
    if GOOGLE_MEET.slug in connected(call.store, owner):
        raise errors.bad_request("Google Meet is already connected for this user.")


_add_conferencing_routes("/v2/conferencing", user_owner)
_add_conferencing_routes(TEAM + "/conferencing", team_owner)
