"""Attributes, their options and assignments, stored in JSON form."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

from calcom_async.sandbox.accounts.teams import membership_of, slugify
from calcom_async.sandbox.http import errors
from calcom_async.sandbox.http.constraints import (
    array,
    boolean,
    each,
    min_size,
    minimum,
    not_empty,
    number,
    one_of,
    string,
)
from calcom_async.sandbox.http.forms import Field, Form, comma_ids, to_int, to_list
from calcom_async.sandbox.state.clock import iso
from calcom_async.sandbox.state.store import Store

Wire = dict[str, Any]

SELECTS = ("SINGLE_SELECT", "MULTI_SELECT")
RELATIONSHIP = "USER_RELATIONSHIP"
"""A type of the hosted API. How it appears in memberships is not known."""
# Types in the spelling of memberships.
_SHOWN_AS = {"TEXT": "text", "NUMBER": "number", "SINGLE_SELECT": "singleSelect", "MULTI_SELECT": "multiSelect"}

CREATE_OPTION = Form(Field("value", not_empty, string), Field("slug", string))
UPDATE_OPTION = CREATE_OPTION.partial()


def _form(types: Iterable[str]) -> Form:
    """Return the form of a new attribute."""
    return Form(
        Field("name", not_empty, string),
        Field("slug", not_empty, string),
        Field("type", not_empty, one_of(types)),
        Field("options", array, nested=CREATE_OPTION),
        Field("enabled", boolean, optional=True),
    )


def _update_form(create: Form) -> Form:
    """Return the form of a change, which has no options."""
    return Form(*(create.partial().fields[name] for name in ("name", "slug", "type", "enabled")))


CREATE = {False: _form(_SHOWN_AS), True: _form((*_SHOWN_AS, RELATIONSHIP))}
"""By whether the server has the types of September 2026, as is `UPDATE`."""
UPDATE = {newer: _update_form(form) for newer, form in CREATE.items()}
ASSIGN = Form(
    Field("value", string, optional=True),
    Field("attributeOptionId", string, optional=True),
    Field("attributeId", string),
    Field("weight", minimum(0), number, optional=True),
)
WEIGHT = Form(Field("weight", minimum(0), number, optional=True))
FILTERS = (
    Field(
        "assignedOptionIds",
        min_size(1).with_text("assignedOptionIds must contain at least 1 attribute option id"),
        optional=True,
        convert=to_list,
    ),
    Field(
        "teamIds",
        each(number),
        min_size(1).with_text("teamIds must contain at least 1 team id"),
        optional=True,
        convert=comma_ids,
    ),
)
ASSIGNED = Form(
    Field("skip", optional=True, convert=to_int, default=0),
    Field("take", optional=True, convert=to_int, default=250),
    *FILTERS,
)


# --- attributes -----------------------------------------------------------------------------------------------------


def new_attribute(store: Store, org_id: int, body: Mapping[str, Any], now: datetime) -> Wire:
    """Create an attribute; only the two select types have options."""
    _check_slug(store, org_id, body["slug"])
    attribute: Wire = {
        "id": store.uuid(),
        "teamId": org_id,
        "type": body["type"],
        "name": body["name"],
        "slug": body["slug"],
        "enabled": body.get("enabled") is not False,
        "usersCanEditRelation": False,
        "createdAt": iso(now),
        "updatedAt": iso(now),
        "isWeightsEnabled": False,
        "isLocked": False,
    }
    store.attributes[attribute["id"]] = attribute
    for option in body["options"] if body["type"] in SELECTS else ():
        new_option(store, attribute["id"], option)
    return attribute


def change_attribute(store: Store, attribute: Wire, body: Mapping[str, Any], now: datetime) -> None:
    """Apply a validated update."""
    if body.get("slug") not in (None, attribute["slug"]):
        _check_slug(store, attribute["teamId"], body["slug"])
    attribute |= {name: value for name, value in body.items() if value is not None} | {"updatedAt": iso(now)}


def remove_attribute(store: Store, attribute: Wire) -> None:
    """Delete an attribute with its options and their assignments."""
    for option in options_of(store, attribute["id"]):
        remove_option(store, option)
    del store.attributes[attribute["id"]]


def attributes_of(store: Store, org_id: int) -> list[Wire]:
    """List an organization's attributes by id, which is a UUID and so no order of creation."""
    return _by_id(attribute for attribute in store.attributes.values() if attribute["teamId"] == org_id)


def _check_slug(store: Store, org_id: int, slug: str) -> None:
    """Raise a 409 if the organization has an attribute with this slug."""
    if any(attribute["slug"] == slug for attribute in attributes_of(store, org_id)):
        raise errors.database(409)


def _by_id(rows: Iterable[Wire]) -> list[Wire]:
    """Sort rows by id."""
    return sorted(rows, key=lambda row: str(row["id"]))


# --- options --------------------------------------------------------------------------------------------------------


def new_option(store: Store, attribute_id: str, body: Mapping[str, Any]) -> Wire:
    """Create an option; equal ones are allowed."""
    option = {"id": store.uuid(), "attributeId": attribute_id, "value": body["value"], "slug": body["slug"]}
    option |= {"isGroup": False, "contains": []}
    store.attribute_options[option["id"]] = option
    return option


def remove_option(store: Store, option: Wire) -> None:
    """Delete an option with its assignments."""
    del store.attribute_options[option["id"]]
    for key, row in list(store.attribute_assignments.items()):
        if row["attributeOptionId"] == option["id"]:
            del store.attribute_assignments[key]


def options_of(store: Store, attribute_id: str) -> list[Wire]:
    """List an attribute's options by id."""
    return _by_id(option for option in store.attribute_options.values() if option["attributeId"] == attribute_id)


# --- assignments -----------------------------------------------------------------------------------------------------


def assign(store: Store, org_id: int, user_id: int, body: Mapping[str, Any], now: datetime) -> Wire:
    """Assign an option to a member: the one that the body names, or a new one with its value."""
    attribute = store.attributes.get(body["attributeId"])
    if attribute is None or attribute["teamId"] != org_id:
        raise errors.not_found("Attribute not found")
    membership = _membership(store, org_id, user_id)
    if not membership["accepted"]:
        raise errors.not_found("User is not a member of the organization")
    if body.get("value") and attribute["type"] in SELECTS:
        raise errors.bad_request("Attribute type does not support value")
    return _store_assignment(store, membership["id"], _option_for(store, attribute, body), body.get("weight"), now)


def _membership(store: Store, org_id: int, user_id: int) -> Wire:
    """Return a user's membership of the organization, or raise a 404."""
    membership = membership_of(store, org_id, user_id)
    if membership is None:
        raise errors.not_found(f"Membership for user with id {user_id} within organization id {org_id} not found")
    return membership


def _option_for(store: Store, attribute: Wire, body: Mapping[str, Any]) -> str:
    """Return the id of the option that a body names, or of a new one with its value."""
    if option_id := body.get("attributeOptionId"):
        if option_id not in store.attribute_options:
            raise errors.database(400)
        return str(option_id)
    if not (value := body.get("value")):
        # Neither a value nor an option: the server does not check for that.
        raise errors.no_envelope(500, "Internal server error")
    return str(new_option(store, attribute["id"], {"value": value, "slug": slugify(value)})["id"])


def _store_assignment(store: Store, member_id: int, option_id: str, weight: float | None, now: datetime) -> Wire:
    """Store an assignment. Raises a 409 if the member already has the option."""
    # A second option of a single-choice attribute is no error; memberships show the first.
    if any(assignment["attributeOptionId"] == option_id for assignment in _assignments(store, member_id)):
        raise errors.database(409)
    row: Wire = {"id": store.uuid(), "memberId": member_id, "attributeOptionId": option_id, "weight": weight}
    row |= {"createdAt": iso(now), "createdById": None, "createdByDSyncId": None}
    row |= {"updatedAt": iso(now), "updatedById": None, "updatedByDSyncId": None}
    store.attribute_assignments[row["id"]] = row
    return row


def unassign(store: Store, org_id: int, user_id: int, option_id: str) -> Wire:
    """Remove an option from a member."""
    row = assignment(store, org_id, user_id, option_id)
    return store.attribute_assignments.pop(row["id"])


def assignment(store: Store, org_id: int, user_id: int, option_id: str) -> Wire:
    """Return the assignment of an option to a member."""
    member_id = _membership(store, org_id, user_id)["id"]
    row = next((row for row in _assignments(store, member_id) if row["attributeOptionId"] == option_id), None)
    if row is None:
        raise errors.not_found("Attribute does not belong to this user")
    return row


def options_of_user(store: Store, org_id: int, user_id: int) -> list[Wire]:
    """List the assigned options of a user for all attributes; empty for non-members."""
    membership = membership_of(store, org_id, user_id)
    return list(_options(store, membership["id"])) if membership else []


def _assignments(store: Store, member_id: int) -> Iterator[Wire]:
    """Yield the assignments of a membership."""
    return (assignment for assignment in store.attribute_assignments.values() if assignment["memberId"] == member_id)


def _options(store: Store, member_id: int) -> Iterator[Wire]:
    """Yield the options of a membership."""
    return (store.attribute_options[assignment["attributeOptionId"]] for assignment in _assignments(store, member_id))


def member_attributes(store: Store, member_id: int) -> list[Wire]:
    """Return the attributes of a membership; for a single-choice attribute the first assignment counts."""
    groups: dict[str, list[Wire]] = {}
    for option in _options(store, member_id):
        groups.setdefault(option["attributeId"], []).append(option)
    attributes = ((store.attributes[attribute_id], options) for attribute_id, options in groups.items())
    return [_group_view(attribute, options) for attribute, options in attributes if attribute["type"] in _SHOWN_AS]


def _group_view(attribute: Wire, options: list[Wire]) -> Wire:
    """Return one attribute of a membership as JSON."""
    shown = [{"optionId": option["id"], "option": option["value"]} for option in options]
    values: Wire = {"options": shown} if attribute["type"] == "MULTI_SELECT" else dict(shown[0])
    if attribute["type"] == "NUMBER":
        values["option"] = _number(values["option"])
    return {"id": attribute["id"], "name": attribute["name"], **values, "type": _SHOWN_AS[attribute["type"]]}


def _number(text: str) -> float | None:
    """Convert like JavaScript's unary plus; NaN is sent as null."""
    try:
        number = float(text)
    except ValueError:
        return None
    return int(number) if number.is_integer() else number


def assigned_options(store: Store, options: Iterable[Wire], query: Mapping[str, Any]) -> list[Wire]:
    """Return the assigned options of an attribute with their users, after the filters."""
    rows = [option | {"assignedUserIds": _users_with(store, option["id"])} for option in options]
    keep = _keeping(store, query)
    shown = ("id", "attributeId", "value", "slug", "assignedUserIds")
    # The ids are numbers, which the specification declares as texts.
    return [{name: row[name] for name in shown} for row in rows if row["assignedUserIds"] and keep(row)]


def _keeping(store: Store, query: Mapping[str, Any]) -> Callable[[Wire], bool]:
    """Return the test for the filters by team and by option."""
    teams = query.get("teamIds")
    in_teams = _members(store, teams) if teams else None
    matching = None
    if wanted := query.get("assignedOptionIds"):
        matching = {user for option_id in wanted for user in _users_with(store, option_id)}
    return lambda row: all(
        users is None or not users.isdisjoint(row["assignedUserIds"]) for users in (in_teams, matching)
    )


def _users_with(store: Store, option_id: str) -> list[int]:
    """List the users who have an option."""
    rows = (
        assignment
        for assignment in store.attribute_assignments.values()
        if assignment["attributeOptionId"] == option_id
    )
    return [store.memberships[assignment["memberId"]]["user_id"] for assignment in rows]


def _members(store: Store, team_ids: Iterable[int]) -> set[int]:
    """Return the users of these teams, pending ones included."""
    teams = set(team_ids)
    return {membership["user_id"] for membership in store.memberships.values() if membership["team_id"] in teams}


def option_ids_of(store: Store, org_id: int, user_id: int) -> set[str]:
    """Return the option ids of a user of an organization."""
    return {option["id"] for option in options_of_user(store, org_id, user_id)}
