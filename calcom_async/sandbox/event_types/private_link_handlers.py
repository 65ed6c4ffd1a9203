"""Handlers of private links of event types of users and of teams in an organization."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from calcom_async.sandbox.accounts.guards import guarded_team
from calcom_async.sandbox.event_types.views import WEBSITE
from calcom_async.sandbox.http import errors
from calcom_async.sandbox.http.auth import Auth
from calcom_async.sandbox.http.call import Call
from calcom_async.sandbox.http.constraints import date_string, minimum, number
from calcom_async.sandbox.http.forms import Field, Form
from calcom_async.sandbox.http.messages import DEFAULT_VERSION
from calcom_async.sandbox.http.routing import Routes
from calcom_async.sandbox.state.clock import iso

ROUTES = Routes()


Link = dict[str, Any]
EventTypeOf = Callable[[Call], int]

_FORM = Form(Field("expiresAt", date_string, optional=True), Field("maxUsageCount", minimum(1), number, optional=True))


def _of_user(call: Call) -> int:
    return _event_type(call, "ownerId", call.user["id"])


def _of_team(call: Call) -> int:
    return _event_type(call, "teamId", guarded_team(call, "TEAM_ADMIN")["id"])


def _event_type(call: Call, owner: str, owner_id: int) -> int:
    """Return the event type of the path; 404 unless the owner matches."""
    event_type_id = call.int_path("eventTypeId", checked=True)
    if call.store.event_types.get(event_type_id, {}).get(owner) != owner_id:
        raise errors.not_found(f"Event type with id {event_type_id} not found")
    return event_type_id


def _add_routes(
    path: str, event_type_of: EventTypeOf, *, version: tuple[str, ...] = (), auth: Auth = "required"
) -> None:
    """Declare the routes below a path."""
    link_path = path + "/{linkId}"

    @ROUTES.add("POST", path, version=version, auth=auth, status=201)
    def create(call: Call) -> object:
        event_type_id, given = event_type_of(call), _FORM.read(call.body)
        _check_one(given)
        link = {"id": call.store.uid(), "event_type_id": event_type_id, "used": 0, **_ending(given)}
        call.store.private_links[link["id"]] = link
        return _view(call, link)

    @ROUTES.add("GET", path, version=version, auth=auth)
    def list_all(call: Call) -> object:
        event_type_id, links = event_type_of(call), call.store.private_links.values()
        return [_view(call, link) for link in links if link["event_type_id"] == event_type_id]

    @ROUTES.add("PATCH", link_path, version=version, auth=auth)
    def update(call: Call) -> object:
        link = _known(call, event_type_of(call), "Updated")
        link.update(_ending(_FORM.read(call.body)))
        return _view(call, link)

    @ROUTES.add("DELETE", link_path, version=version, auth=auth)
    def delete(call: Call) -> object:
        link = _known(call, event_type_of(call), "Deleted")
        del call.store.private_links[link["id"]]
        return {"linkId": link["id"], "message": "Private link deleted successfully"}


def _known(call: Call, event_type_id: int, word: str) -> Link:
    link = call.store.private_links.get(call.path["linkId"])
    if link is None or link["event_type_id"] != event_type_id:
        raise errors.not_found(f"{word} link not found")
    return link


def _check_one(given: Link) -> None:
    ways = [name for name in ("expiresAt", "maxUsageCount") if given.get(name) is not None]
    if not ways:
        raise errors.bad_request("Either expiresAt or maxUsageCount must be provided")
    if len(ways) > 1:
        raise errors.bad_request("Provide only one of expiresAt or maxUsageCount")


def _ending(given: Link) -> Link:
    """Return the expiry of a link; if both kinds are given, the time wins."""
    if (text := given.get("expiresAt")) is not None:
        try:
            until = datetime.fromisoformat(text)
        except ValueError:
            raise errors.bad_request("Invalid Date.") from None
        return {"until": until.replace(tzinfo=until.tzinfo or UTC).astimezone(UTC), "uses": None}
    uses = given.get("maxUsageCount")
    return {} if uses is None else {"until": None, "uses": uses}


def _view(call: Call, link: Link) -> Link:
    until, uses = link["until"], link["uses"]
    ends = {"maxUsageCount": uses, "usageCount": link["used"]} if until is None else {"expiresAt": iso(until)}
    return {
        "linkId": link["id"],
        "eventTypeId": link["event_type_id"],
        "isExpired": link["used"] >= uses if until is None else until <= call.clock.now(),
        "bookingUrl": f"{WEBSITE}/d/{link['id']}",
        **ends,
    }


_add_routes("/v2/event-types/{eventTypeId}/private-links", _of_user, version=(DEFAULT_VERSION,), auth="guarded")
_add_routes("/v2/organizations/{orgId}/teams/{teamId}/event-types/{eventTypeId}/private-links", _of_team)
