"""Handlers of the booking fields of one event type: of a user, of a team, and of a team in an organization."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from typing import Any

from calcom_async.sandbox.accounts.guards import guarded_team
from calcom_async.sandbox.event_types.fields import Field
from calcom_async.sandbox.event_types.named_fields import (
    NAMED_FIELDS,
    WORKFLOW_ADDED,
    checked,
    named_fields,
    stored_fields,
)
from calcom_async.sandbox.event_types.records import EventType, workflow_added
from calcom_async.sandbox.event_types.team_event_types import children_of
from calcom_async.sandbox.http import errors
from calcom_async.sandbox.http.call import Call
from calcom_async.sandbox.http.routing import Routes

ROUTES = Routes()


EventTypeOf = Callable[[Call], EventType]
_PATH = "/event-types/{eventTypeId}/booking-fields"


def _of_user(call: Call) -> EventType:
    """Return the caller's own event type of the path."""
    return _owned(call, "ownerId", call.user["id"])


def _of_team(call: Call) -> EventType:
    """Return the event type of the path if the caller is an admin of its team."""
    return _owned(call, "teamId", guarded_team(call, "TEAM_ADMIN")["id"])


def _owned(call: Call, owner: str, owner_id: int) -> EventType:
    """Return the event type of the path, or raise a 404 if it has another owner."""
    event_type_id = call.int_path("eventTypeId", checked=True)
    record = call.store.event_types.get(event_type_id)
    if record is None or record.get(owner) != owner_id:
        raise errors.not_found(f"Event type with id {event_type_id} not found")
    return record


def _add_routes(scope: str, event_type_of: EventTypeOf) -> None:
    """Declare the five operations below a scope. All of them return all fields afterwards."""
    path, version = scope + _PATH, (NAMED_FIELDS,)

    @ROUTES.add("GET", path, version=version)
    def get_fields(call: Call) -> object:
        """Return all fields, hidden ones included."""
        return _answer(event_type_of(call))

    @ROUTES.add("PUT", path, version=version)
    def replace_fields(call: Call) -> object:
        """Replace all fields. Default fields that are missing return to their defaults."""
        return _save(call, event_type_of(call), _given(call))

    @ROUTES.add("POST", path, version=version, status=201)
    def add_fields(call: Call) -> object:
        """Add custom fields."""
        record, given = event_type_of(call), _given(call)
        if any(checked(field)["field"] != "custom" for field in given):
            raise errors.bad_request("Only custom booking fields can be added.")
        return _save(call, record, [*named_fields(record["bookingFields"]), *given])

    @ROUTES.add("PATCH", path, version=version)
    def update_fields(call: Call) -> object:
        """Change fields by slug."""
        record = event_type_of(call)
        fields = {field["slug"]: field for field in named_fields(record["bookingFields"])}
        slugs = set()
        for change in _given(call):
            slug = str(change.get("slug"))
            if slug in slugs:
                raise errors.bad_request(f"Booking field '{slug}' is changed twice.")
            slugs.add(slug)
            # One invalid change rejects all of them.
            fields[slug] = _changed(fields.get(slug), change)
        return _save(call, record, list(fields.values()))

    @ROUTES.add("DELETE", path + "/{slug}", version=version)
    def delete_field(call: Call) -> object:
        """Delete a custom field; a default field can only be hidden."""
        record, slug = event_type_of(call), call.path["slug"]
        fields = named_fields(record["bookingFields"])
        field = next((field for field in fields if field["slug"] == slug), None)
        if field is None:
            raise _unknown(slug)
        if field["field"] != "custom":
            raise errors.bad_request(f"Booking field '{slug}' is not a custom field and cannot be deleted.")
        return _save(call, record, [kept for kept in fields if kept is not field])


def _unknown(slug: object) -> errors.HttpError:
    """Return the error for a slug that no field has."""
    return errors.not_found(f"Booking field with slug '{slug}' not found")


def _given(call: Call) -> list[Field]:
    """Return the fields of a body."""
    given = call.body.get("bookingFields")
    if not isinstance(given, list) or not given or not all(isinstance(field, dict) for field in given):
        raise errors.bad_request("'bookingFields' must contain at least 1 booking field.")
    return given


def _changed(field: Field | None, change: Field) -> Field:
    """Return a field after a change, of which name and type are fixed."""
    if field is None:
        raise _unknown(change.get("slug"))
    if field["field"] in WORKFLOW_ADDED:
        raise errors.bad_request(f"Booking field '{field['slug']}' is added by a workflow and cannot be changed.")
    if None in change.values() or not change.keys() - {"slug", "field"}:
        raise errors.bad_request(
            "Each booking field must have a slug and at least one other property that is not null."
        )
    if any(change.get(key, field.get(key)) != field.get(key) for key in ("field", "type")):
        raise errors.bad_request(f"The type of booking field '{field['slug']}' cannot be changed.")
    return field | change


def _save(call: Call, record: EventType, fields: list[Field]) -> dict[str, Any]:
    """Store the fields of an event type and of its managed children."""
    # Fields that a workflow has added cannot be replaced or removed by these operations.
    stored = [*stored_fields(fields), *workflow_added(record)]
    for target in (record, *children_of(call.store, record)):
        target["bookingFields"] = deepcopy(stored)
    return _answer(record)


def _answer(record: EventType) -> dict[str, Any]:
    """Return the response of all five operations."""
    return {"bookingFields": named_fields(record["bookingFields"])}


_add_routes("/v2", _of_user)
_add_routes("/v2/teams/{teamId}", _of_team)
_add_routes("/v2/organizations/{orgId}/teams/{teamId}", _of_team)
