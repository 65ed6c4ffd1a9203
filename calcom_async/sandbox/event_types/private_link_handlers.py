"""Handlers of private links of event types of users and of teams in an organization."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC
from typing import Any

from calcom_async.sandbox.accounts.guards import guarded_team
from calcom_async.sandbox.event_types.views import WEBSITE
from calcom_async.sandbox.http import errors
from calcom_async.sandbox.http.auth import Auth
from calcom_async.sandbox.http.call import Call
from calcom_async.sandbox.http.constraints import check, date_string, minimum, number
from calcom_async.sandbox.http.forms import Field, Form
from calcom_async.sandbox.http.routing import Routes
from calcom_async.sandbox.http.server_kind import DEFAULT_VERSION
from calcom_async.sandbox.http.time_zones import parse_iso_time
from calcom_async.sandbox.state.clock import iso

ROUTES = Routes()


Link = dict[str, Any]
EventTypeOf = Callable[[Call], int]

VERSION = "2024-09-04"
"""The version of the hosted API, in which a link needs no expiry; older ones need exactly one kind."""

_EXPIRES_AT = Field("expiresAt", date_string, optional=True)
_OLD_FORM = Form(_EXPIRES_AT, Field("maxUsageCount", minimum(1), number, optional=True))
_USES = check("min", minimum(1).text, lambda uses: uses == -1 or minimum(1).test(uses))
_FORM = Form(_EXPIRES_AT, Field("maxUsageCount", _USES, number, optional=True))


def _of_user(call: Call) -> int:
    """Return the event type of the path if the caller owns it."""
    return _event_type(call, "ownerId", call.user["id"])


def _of_team(call: Call) -> int:
    """Return the event type of the path if the caller is an admin of its team."""
    return _event_type(call, "teamId", guarded_team(call, "TEAM_ADMIN")["id"])


def _event_type(call: Call, owner: str, owner_id: int) -> int:
    """Return the event type of the path; 404 unless the owner matches."""
    event_type_id = call.int_path("eventTypeId", checked=True)
    if call.store.event_types.get(event_type_id, {}).get(owner) != owner_id:
        raise errors.not_found(f"Event type with id {event_type_id} not found")
    return event_type_id


def _body(call: Call) -> Link:
    """Return the validated body. Only 2024-09-04 accepts -1, for any number of uses."""
    return (_FORM if call.version == VERSION else _OLD_FORM).read(call.body)


def _add_routes(
    path: str, event_type_of: EventTypeOf, *, version: tuple[str, ...] = (), auth: Auth = "required"
) -> None:
    """Declare the routes below a path."""
    link_path = path + "/{linkId}"

    @ROUTES.add("POST", path, version=version, auth=auth, status=201)
    def create(call: Call) -> object:
        """Create a link that expires at a time or after a number of uses."""
        event_type_id, given = event_type_of(call), _body(call)
        # The hosted API of September 2026 makes a link for one use; older versions demand one of the two kinds.
        if call.version == VERSION and not _ending(given):
            given["maxUsageCount"] = 1
        _check_one(given)
        link = {"id": call.store.uid(), "event_type_id": event_type_id, "used": 0, **_ending(given)}
        call.store.private_links[link["id"]] = link
        return _view(call, link)

    @ROUTES.add("GET", path, version=version, auth=auth)
    def list_all(call: Call) -> object:
        """List the links of the event type."""
        event_type_id, links = event_type_of(call), call.store.private_links.values()
        return [_view(call, link) for link in links if link["event_type_id"] == event_type_id]

    @ROUTES.add("PATCH", link_path, version=version, auth=auth)
    def update(call: Call) -> object:
        """Change the expiry of a link."""
        link = _known(call, event_type_of(call), "Updated")
        # Giving one kind replaces the other; an empty body changes nothing, and both are no error here.
        link.update(_ending(_body(call)))
        return _view(call, link)

    @ROUTES.add("DELETE", link_path, version=version, auth=auth)
    def delete(call: Call) -> object:
        """Delete a link."""
        link = _known(call, event_type_of(call), "Deleted")
        del call.store.private_links[link["id"]]
        return {"linkId": link["id"], "message": "Private link deleted successfully"}


def _known(call: Call, event_type_id: int, word: str) -> Link:
    """Return the link of the path, or raise a 404; `word` is the past participle in its message."""
    link = call.store.private_links.get(call.path["linkId"])
    if link is None or link["event_type_id"] != event_type_id:
        raise errors.not_found(f"{word} link not found")
    return link


def _check_one(given: Link) -> None:
    """Raise a 400 unless exactly one kind of expiry is given."""
    ways = [name for name in ("expiresAt", "maxUsageCount") if given.get(name) is not None]
    if not ways:
        raise errors.bad_request("Either expiresAt or maxUsageCount must be provided")
    if len(ways) > 1:
        raise errors.bad_request("Provide only one of expiresAt or maxUsageCount")


def _ending(given: Link) -> Link:
    """Return the expiry of a link; if both kinds are given, the time wins."""
    if (text := given.get("expiresAt")) is not None:
        until = parse_iso_time(text)
        return {"until": until.replace(tzinfo=until.tzinfo or UTC).astimezone(UTC), "uses": None}
    uses = given.get("maxUsageCount")
    return {} if uses is None else {"until": None, "uses": uses}


def _view(call: Call, link: Link) -> Link:
    """Return a link as JSON, with its own kind of expiry."""
    until, uses = link["until"], link["uses"]
    slug = call.store.event_types[link["event_type_id"]]["slug"]
    ends = {"maxUsageCount": uses, "usageCount": link["used"]} if until is None else {"expiresAt": iso(until)}
    return {
        "linkId": link["id"],
        "eventTypeId": link["event_type_id"],
        # A time in the past is accepted when the link is created.
        "isExpired": 0 <= uses <= link["used"] if until is None else until <= call.clock.now(),
        "bookingUrl": f"{WEBSITE}/d/{link['id']}" + (f"/{slug}" if call.version == VERSION else ""),
        **ends,
    }


for _version in (DEFAULT_VERSION, VERSION):
    _add_routes("/v2/event-types/{eventTypeId}/private-links", _of_user, version=(_version,), auth="guarded")
_add_routes("/v2/organizations/{orgId}/teams/{teamId}/event-types/{eventTypeId}/private-links", _of_team)
