"""Handlers of attributes of an organization's members. Members may read, admins may write."""

from __future__ import annotations

from collections.abc import Iterable

from calcom_async.sandbox.accounts.guards import guarded_organization
from calcom_async.sandbox.http import errors
from calcom_async.sandbox.http.call import Call
from calcom_async.sandbox.http.paging import page, read_query
from calcom_async.sandbox.http.routing import Routes
from calcom_async.sandbox.organizations import attributes
from calcom_async.sandbox.organizations.attribute_history import note_change
from calcom_async.sandbox.organizations.attributes import (
    ASSIGN,
    ASSIGNED,
    CREATE,
    CREATE_OPTION,
    UPDATE,
    UPDATE_OPTION,
    WEIGHT,
    Wire,
)
from calcom_async.sandbox.state.clock import iso

ROUTES = Routes()


ALL = "/v2/organizations/{orgId}/attributes"
ONE = ALL + "/{attributeId}"
OPTIONS = ONE + "/options"


def _reads(call: Call) -> int:
    """Return the organization's id for its members."""
    organization: dict[str, int] = guarded_organization(call, "ORG_MEMBER")
    return organization["id"]


def _writes(call: Call) -> int:
    """Return the organization's id for its admins."""
    organization: dict[str, int] = guarded_organization(call, "ORG_ADMIN")
    return organization["id"]


@ROUTES.add("GET", ALL)
def list_attributes(call: Call) -> object:
    """List the attributes of the organization."""
    org_id = _reads(call)
    return page(attributes.attributes_of(call.store, org_id), read_query(call))


@ROUTES.add("GET", ONE)
def get_attribute(call: Call) -> object:
    """Return the attribute; null for an unknown one, like the real server."""
    return _find_attribute(call, _reads(call))


@ROUTES.add("POST", ALL, status=201)
def create_attribute(call: Call) -> object:
    """Create an attribute. A slug that exists is a 409."""
    org_id = _writes(call)
    body = CREATE[call.server.newer_organizations].read(call.body)
    return attributes.new_attribute(call.store, org_id, body, call.clock.now())


@ROUTES.add("PATCH", ONE)
def update_attribute(call: Call) -> object:
    """Update an attribute."""
    org_id, body = _writes(call), UPDATE[call.server.newer_organizations].read(call.body)
    attribute = _existing(_find_attribute(call, org_id))
    attributes.change_attribute(call.store, attribute, body, call.clock.now())
    return attribute


@ROUTES.add("DELETE", ONE)
def delete_attribute(call: Call) -> object:
    """Delete an attribute with its options, and return it."""
    attribute = _existing(_find_attribute(call, _writes(call)))
    attributes.remove_attribute(call.store, attribute)
    return attribute


def _find_attribute(call: Call, org_id: int) -> Wire | None:
    """Return the attribute of the path, or None."""
    attribute = call.store.attributes.get(call.path["attributeId"])
    return attribute if attribute is not None and attribute["teamId"] == org_id else None


def _existing(row: Wire | None) -> Wire:
    """Return the record, or raise the 404 of the database."""
    if row is None:
        raise errors.database(404)
    return row


# --- options --------------------------------------------------------------------------------------------------------


@ROUTES.add("GET", OPTIONS)
def list_options(call: Call) -> object:
    """List the options of an attribute; an unknown attribute has none."""
    _reads(call)
    return attributes.options_of(call.store, call.path["attributeId"])


@ROUTES.add("POST", OPTIONS, status=201)
def create_option(call: Call) -> object:
    """Create an option. An unknown attribute is a 400 here, not a 404."""
    org_id, body = _writes(call), CREATE_OPTION.read(call.body)
    # The server does not look for the attribute; the database rejects the option.
    if (attribute := _find_attribute(call, org_id)) is None:
        raise errors.database(400)
    return attributes.new_option(call.store, attribute["id"], body)


@ROUTES.add("PATCH", OPTIONS + "/{optionId}")
def update_option(call: Call) -> object:
    """Update an option."""
    _writes(call)
    body = UPDATE_OPTION.read(call.body)
    # The message differs from that of DELETE: an update fails in the database.
    option = _existing(_option(call))
    option |= {name: value for name, value in body.items() if value is not None}
    return option


@ROUTES.add("DELETE", OPTIONS + "/{optionId}")
def delete_option(call: Call) -> object:
    """Delete an option with its assignments, and return it."""
    _writes(call)
    if (option := _option(call)) is None:
        raise errors.not_found("Attribute option not found")
    attributes.remove_option(call.store, option)
    return option


def _option(call: Call) -> Wire | None:
    """Return the option of the path, or None."""
    option = call.store.attribute_options.get(call.path["optionId"])
    return option if option is not None and option["attributeId"] == call.path["attributeId"] else None


# --- assignments -----------------------------------------------------------------------------------------------------


@ROUTES.add("GET", OPTIONS + "/assigned")
def list_assigned_options(call: Call) -> object:
    """List the options of an attribute that are assigned to somebody."""
    return _assigned(call, [attribute for attribute in [_find_attribute(call, _reads(call))] if attribute])


@ROUTES.add("GET", ALL + "/slugs/{attributeSlug}/options/assigned")
def list_assigned_options_by_slug(call: Call) -> object:
    """List the assigned options of the attribute with this slug."""
    own = attributes.attributes_of(call.store, _reads(call))
    return _assigned(call, [attribute for attribute in own if attribute["slug"] == call.path["attributeSlug"]])


def _assigned(call: Call, among: Iterable[Wire]) -> object:
    """Return a page of the assigned options of these attributes."""
    query = ASSIGNED.read(call.fields)
    options = [option for attribute in among for option in attributes.options_of(call.store, attribute["id"])]
    return page(attributes.assigned_options(call.store, options, query), query)


@ROUTES.add("GET", ALL + "/options/{userId}")
def list_options_of_user(call: Call) -> object:
    """List the options that are assigned to a user."""
    return attributes.options_of_user(call.store, _reads(call), call.int_path("userId", checked=True))


@ROUTES.add("POST", ALL + "/options/{userId}", status=201)
def assign_option(call: Call) -> object:
    """Assign an option to a member of the organization."""
    org_id, user_id = _writes(call), call.int_path("userId", checked=True)
    row = attributes.assign(call.store, org_id, user_id, ASSIGN.read(call.body), call.clock.now())
    note_change(call, "ASSIGNED", after=row)
    return row


@ROUTES.add("PATCH", ALL + "/options/{userId}/{attributeOptionId}")
def update_weight(call: Call) -> object:
    """Set the weight of an option that a member has."""
    org_id, user_id = _writes(call), call.int_path("userId", checked=True)
    weight = WEIGHT.read(call.body).get("weight")
    row = attributes.assignment(call.store, org_id, user_id, call.path["attributeOptionId"])
    if weight is not None:
        before = dict(row)
        row |= {"weight": weight, "updatedAt": iso(call.clock.now())}
        note_change(call, "WEIGHT_CHANGED", before=before, after=row)
    return row


@ROUTES.add("DELETE", ALL + "/options/{userId}/{attributeOptionId}")
def unassign_option(call: Call) -> object:
    """Remove an option from a user; like the real server, allow it to every member."""
    org_id, user_id = _reads(call), call.int_path("userId", checked=True)
    row = attributes.unassign(call.store, org_id, user_id, call.path["attributeOptionId"])
    note_change(call, "UNASSIGNED", before=row)
    return row
