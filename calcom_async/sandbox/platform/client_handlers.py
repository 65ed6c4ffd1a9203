"""Handlers of OAuth clients and their managed users."""

from __future__ import annotations

from typing import Any

from calcom_async.sandbox.accounts.users import PROFILE, change_profile, new_user
from calcom_async.sandbox.event_types.records import new_event_type
from calcom_async.sandbox.http import errors
from calcom_async.sandbox.http.call import Call
from calcom_async.sandbox.http.constraints import (
    array,
    boolean,
    check,
    each,
    is_email,
    maximum,
    minimum,
    number,
    string,
)
from calcom_async.sandbox.http.forms import Field, Form, to_int, to_list
from calcom_async.sandbox.http.routing import Routes
from calcom_async.sandbox.platform.clients import (
    PERMISSIONS,
    Client,
    User,
    client_view,
    guarded_client,
    managed_user,
    own_organization,
    permission_bits,
    remove_client,
    remove_user,
    settings,
    stored_email,
    user_view,
    username_of,
)
from calcom_async.sandbox.platform.tokens import store_tokens

ROUTES = Routes()


CLIENTS = "/v2/oauth-clients"
ONE = "/v2/oauth-clients/{clientId}"
USERS = "/v2/oauth-clients/{clientId}/users"
ONE_USER = "/v2/oauth-clients/{clientId}/users/{userId}"

# --- clients

_SETTINGS = (
    Field("logo", string, optional=True),
    Field("name", string),
    Field("redirectUris", each(string), array),
    Field("bookingRedirectUri", string, optional=True),
    Field("bookingCancelRedirectUri", string, optional=True),
    Field("bookingRescheduleRedirectUri", string, optional=True),
    Field("areEmailsEnabled", boolean, optional=True),
    Field("areDefaultEventTypesEnabled", boolean, optional=True),
    Field("areCalendarEventsEnabled", boolean, optional=True),
)
# The message ends after the colon, as measured: the server's list of names is empty.
_PERMISSION = check(
    "isEnum",
    "$property must be one of the following values: ",
    lambda value: isinstance(value, str) and value in (*PERMISSIONS, "*"),
)
_CREATE_DEFAULTS = {"areDefaultEventTypesEnabled": False, "areCalendarEventsEnabled": True}
_CREATE = Form(*_SETTINGS, Field("permissions", each(_PERMISSION), array))
_UPDATE = Form(*_SETTINGS).partial()


@ROUTES.add("GET", CLIENTS)
def list_clients(call: Call) -> object:
    """List the clients of the caller's organization."""
    organization_id = own_organization(call)
    return [
        client_view(client)
        for client in call.store.oauth_clients.values()
        if client["organization_id"] == organization_id
    ]


@ROUTES.add("POST", CLIENTS, status=201)
def create_client(call: Call) -> object:
    """Create a client and return its id and secret."""
    organization_id = own_organization(call)
    given = _CREATE.read({**_CREATE_DEFAULTS, **call.body})
    client_id = f"c{call.store.uuid().replace('-', '')[:24]}"
    call.store.oauth_clients[client_id] = {
        "id": client_id,
        "secret": f"secret-{call.store.uid()}",
        "user_id": call.user["id"],
        "organization_id": organization_id,
        "permissions": permission_bits(given["permissions"]),
        "managed": [],
        "created_at": call.clock.now(),
        **settings(given),
    }
    return {"clientId": client_id, "clientSecret": call.store.oauth_clients[client_id]["secret"]}


@ROUTES.add("GET", ONE)
def get_client(call: Call) -> object:
    """Return a client with its secret."""
    return client_view(guarded_client(call, "ORG_MEMBER"))


@ROUTES.add("PATCH", ONE)
def update_client(call: Call) -> object:
    """Update a client; its permissions cannot be changed."""
    client = guarded_client(call, "ORG_ADMIN")
    client.update(settings(_UPDATE.read(call.body)))
    return client_view(client)


@ROUTES.add("DELETE", ONE)
def delete_client(call: Call) -> object:
    """Delete a client with its managed users."""
    client = guarded_client(call, "ORG_ADMIN")
    remove_client(call.store, client, call.clock.now())
    return client_view(client)


# --- managed users

_PAGE = Form(
    Field("limit", maximum(250), minimum(1), number, optional=True, convert=to_int, default=50),
    Field("offset", maximum(250), minimum(0), number, optional=True, convert=to_int, default=0),
    Field("emails", array, optional=True, convert=to_list),
)
_NEW_USER = Form(
    Field("email", string),
    Field("name", string),
    *(PROFILE.fields[name] for name in ("timeFormat", "weekStart", "timeZone", "locale", "avatarUrl", "bio")),
    PROFILE.fields["metadata"],
)
_MEETINGS = (("Thirty Minutes", 30), ("Sixty Minutes", 60))


@ROUTES.add("GET", USERS)
def list_managed_users(call: Call) -> object:
    """List the managed users by id. The address in the filter may be the plain or the stored one."""
    page, client = _PAGE.read(call.fields), _client(call)
    # The highest offset is 250, so a client with more than 500 users cannot list all of them.
    users = [call.store.users[user_id] for user_id in sorted(client["managed"])]
    if wanted := page.get("emails"):
        stored = {stored_email(email, client["id"]) for email in wanted}
        users = [user for user in users if user["email"] in stored]
    return [user_view(client, user) for user in users[page["offset"] : page["offset"] + page["limit"]]]


@ROUTES.add("POST", USERS, status=201)
def create_managed_user(call: Call) -> object:
    """Create a managed user and return them with a token pair."""
    client = _client(call)
    given = _NEW_USER.read(call.body)
    if not is_email(given["email"]):
        raise errors.bad_request(f"Invalid email {given['email']}")
    email = stored_email(given["email"], client["id"])
    _check_new(call, email)
    user = _create_user(call, client, given, email)
    pair = store_tokens(call.store, call.clock.now(), kind="managed", user_id=user["id"], client_id=client["id"])
    return {"user": user_view(client, user), **pair.managed()}


@ROUTES.add("GET", ONE_USER)
def get_managed_user(call: Call) -> object:
    """Return a managed user."""
    client = _client(call)
    return user_view(client, managed_user(call, client))


@ROUTES.add("PATCH", ONE_USER)
def update_managed_user(call: Call) -> object:
    """Update a managed user. A new email address applies at once, and changes the username."""
    client = _client(call)
    user, given = managed_user(call, client), PROFILE.read(call.body)
    if (email := given.pop("email", None)) is not None:
        stored = stored_email(email, client["id"])
        _check_new(call, stored, but=user)
        user.update(email=stored, username=username_of(stored))
    change_profile(user, given)
    return user_view(client, user)


@ROUTES.add("DELETE", ONE_USER)
def delete_managed_user(call: Call) -> object:
    """Delete a managed user with all their data."""
    client = _client(call)
    user = managed_user(call, client)
    remove_user(call.store, client, user["id"], call.clock.now())
    return user_view(client, user)


def _client(call: Call) -> Client:
    """Return the client of the path for itself and for admins of its organization."""
    return guarded_client(call, "ORG_ADMIN")


def _check_new(call: Call, email: str, but: User | None = None) -> None:
    """Raise a 409 if another user has this address."""
    for user in call.store.users.values():
        if user["email"] == email and user is not but:
            raise errors.conflict(f"User with the provided e-mail already exists. Existing user ID={user['id']}")


def _create_user(call: Call, client: Client, given: dict[str, Any], email: str) -> User:
    """Create a user; without a time zone they have no schedule."""
    store, now, zone = call.store, call.clock.now(), given.get("timeZone")
    user = new_user(store, store.next_id("user"), username_of(email), given["name"], zone or "Europe/London")
    # The server sets no language, so responses contain null until one is given.
    user.update(email=email, created_date=now, locale=None, organization_id=client["organization_id"])
    change_profile(user, {name: value for name, value in given.items() if name != "email"})
    if zone is None:
        # The server creates a schedule only if the request has a time zone.
        del store.schedules[user["default_schedule_id"]]
        user["default_schedule_id"] = None
    client["managed"].append(user["id"])
    if client.get("are_default_event_types_enabled"):
        _create_default_event_types(call, user)
    return user


def _create_default_event_types(call: Call, user: User) -> None:
    """Create the event types of a new user, as the client's settings demand."""
    for title, minutes in _MEETINGS:
        for more in ("", " Video"):
            slug = (title + more).lower().replace(" ", "-")
            body = {"title": title + more, "slug": slug, "lengthInMinutes": minutes}
            new_event_type(call.store, user["id"], body, now=call.clock.now())
