"""Handlers of the conferencing apps of an organization's users."""

from __future__ import annotations

from calcom_async.sandbox.calendars.conferencing import APPS, CAL_VIDEO, connected, default_app, set_default
from calcom_async.sandbox.calendars.oauth_redirects import Owner
from calcom_async.sandbox.http.call import Call
from calcom_async.sandbox.http.constraints import one_of
from calcom_async.sandbox.http.forms import Field, Form
from calcom_async.sandbox.http.results import Status
from calcom_async.sandbox.http.routing import Routes
from calcom_async.sandbox.organizations.users import guarded_user

ROUTES = Routes()


ALL = "/v2/organizations/{orgId}/users/{userId}/conferencing"
_DEFAULT = Form(Field("appSlug", one_of((*APPS, CAL_VIDEO))))


def _owner(call: Call) -> Owner:
    """Return the user of the path as owner of conferencing apps."""
    _, user = guarded_user(call)
    # The same connections as in the user's own list; an admin sees and sets them here.
    return ("user", user["id"])


@ROUTES.add("GET", ALL)
def list_apps_of_user(call: Call) -> object:
    """List the conferencing apps of a user of the organization."""
    owner = _owner(call)
    default = default_app(call.store, owner)
    return [
        {name: app[name] for name in ("id", "type", "userId", "invalid")}
        | {"appSlug": slug, "isDefault": slug == default}
        for slug, app in connected(call.store, owner).items()
    ]


@ROUTES.add("POST", ALL + "/default")
def choose_default_of_user(call: Call) -> object:
    """Set the default conferencing app of a user of the organization."""
    owner, body = _owner(call), _DEFAULT.read(call.body)
    set_default(call.store, owner, body["appSlug"])
    return Status()
