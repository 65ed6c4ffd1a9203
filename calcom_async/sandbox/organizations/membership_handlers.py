"""Handlers of memberships of teams and organizations, and of invitations to teams."""

from __future__ import annotations

from typing import Any

from calcom_async.sandbox.accounts.guards import guarded_organization, guarded_team
from calcom_async.sandbox.accounts.teams import membership_of
from calcom_async.sandbox.http import errors
from calcom_async.sandbox.http.call import Call
from calcom_async.sandbox.http.constraints import each, email, max_size
from calcom_async.sandbox.http.forms import Field, to_list
from calcom_async.sandbox.http.paging import PAGING, page, paged_form, read_query
from calcom_async.sandbox.http.routing import Routes
from calcom_async.sandbox.organizations import memberships
from calcom_async.sandbox.organizations.memberships import (
    CREATE,
    CREATE_BY_EMAIL,
    CREATE_DEFAULTS,
    UPDATE,
    Membership,
    organization_membership_view as organization_view,
    team_membership_view as team_view,
)

ROUTES = Routes()


TEAM = "/v2/teams/{teamId}/memberships"
ORG_TEAM = "/v2/organizations/{orgId}/teams/{teamId}/memberships"
ORGANIZATION = "/v2/organizations/{orgId}/memberships"
ONE = "/{membershipId}"

_EMAILS = paged_form(
    Field(
        "emails",
        each(email).with_text("Each email must be a valid email address"),
        max_size(20).with_text(
            "emails array cannot contain more than 20 email addresses for team membership filtering"
        ),
        optional=True,
        convert=lambda value: list(dict.fromkeys(address.lower() for address in to_list(value) if address)) or None,
    )
)

# --- memberships of teams --------------------------------------------------------------------------------------------


@ROUTES.add("GET", TEAM)
@ROUTES.add("GET", ORG_TEAM)
def list_team_memberships(call: Call) -> object:
    """List a team's members; the list of an organization's team ignores the email filter."""
    team = guarded_team(call, "TEAM_ADMIN")
    query = read_query(call, PAGING if "orgId" in call.path else _EMAILS)
    rows = [team_view(call.store, membership) for membership in memberships.by_id(call.store, team["id"])]
    wanted = query.get("emails")
    return page([row for row in rows if wanted is None or row["user"]["email"].lower() in wanted], query)


@ROUTES.add("POST", TEAM, status=201)
@ROUTES.add("POST", ORG_TEAM, status=201)
def create_team_membership(call: Call) -> object:
    """Create a membership. Below an organization only its members can join."""
    team = guarded_team(call, "TEAM_ADMIN")
    body = CREATE.read({**CREATE_DEFAULTS, **call.body})
    if "orgId" in call.path and membership_of(call.store, call.int_path("orgId"), body["userId"]) is None:
        raise errors.unprocessable("User is not part of the Organization")
    if membership_of(call.store, team["id"], body["userId"]) is not None:
        raise errors.database(409)
    return team_view(call.store, memberships.join(call.store, team["id"], body, call.clock.now()))


@ROUTES.add("GET", TEAM + ONE)
@ROUTES.add("GET", ORG_TEAM + ONE)
def get_team_membership(call: Call) -> object:
    """Return a membership of the team."""
    return team_view(call.store, _of_team(call))


@ROUTES.add("PATCH", TEAM + ONE)
@ROUTES.add("PATCH", ORG_TEAM + ONE)
def update_team_membership(call: Call) -> object:
    """Update a membership of the team."""
    membership = _of_team(call, UPDATE.read(call.body))
    return team_view(call.store, membership)


@ROUTES.add("DELETE", TEAM + ONE)
@ROUTES.add("DELETE", ORG_TEAM + ONE)
def delete_team_membership(call: Call) -> object:
    """Delete a membership of the team and return it. The message of the 404 differs from that of a read."""
    team, membership_id = guarded_team(call, "TEAM_ADMIN"), call.int_path("membershipId", checked=True)
    membership = memberships.find(call.store, team["id"], membership_id)
    if membership is None:
        above = f" of organization {team['parent_id']}" if "orgId" in call.path else ""
        raise errors.not_found(f"Membership with id {membership_id} not found in team {team['id']}{above}")
    view = team_view(call.store, membership)
    memberships.leave(call.store, membership, call.clock.now())
    return view


def _of_team(call: Call, changes: dict[str, Any] | None = None) -> Membership:
    """Return the membership of the path if the caller is an admin of the team; apply changes if given."""
    team, membership_id = guarded_team(call, "TEAM_ADMIN"), call.int_path("membershipId", checked=True)
    membership = memberships.find(call.store, team["id"], membership_id)
    if membership is None:
        raise errors.not_found("Organization's Team membership not found")
    if changes is not None:
        memberships.change(call.store, membership, changes, call.clock.now())
    return membership


# --- memberships of organizations ------------------------------------------------------------------------------------


@ROUTES.add("GET", ORGANIZATION)
def list_organization_memberships(call: Call) -> object:
    """List the memberships of the organization by id."""
    organization = guarded_organization(call, "ORG_ADMIN")
    rows = page(memberships.by_id(call.store, organization["id"]), read_query(call))
    return [organization_view(call.store, membership) for membership in rows]


@ROUTES.add("POST", ORGANIZATION, status=201)
def create_organization_membership(call: Call) -> object:
    """Create a membership. Like the real server, overwrite an existing one."""
    organization, now = guarded_organization(call, "ORG_ADMIN"), call.clock.now()
    given = (
        _found_by_email(call, organization) if "email" in call.body and call.server.newer_organizations else call.body
    )
    # The defaults overwrite too: an accepted member becomes pending if `accepted` is not sent (recorded from a self-
    # hosted server of 2025-12).
    body = CREATE.read({**CREATE_DEFAULTS, **given})
    membership = membership_of(call.store, organization["id"], body["userId"])
    if membership is None:
        membership = memberships.join(call.store, organization["id"], body, now)
        user = call.store.users[body["userId"]]
        user["organization_id"] = user["organization_id"] or organization["id"]
    else:
        memberships.change(call.store, membership, body, now)
    return organization_view(call.store, membership)


def _found_by_email(call: Call, organization: dict[str, Any]) -> dict[str, Any]:
    """Return the body for the user with the address. Members of the organization's own domain are accepted at once."""
    body = CREATE_BY_EMAIL.read(call.body)
    user = next((user for user in call.store.users.values() if user["email"] == body["email"]), None)
    if user is None:
        raise errors.not_found(f"User with email {body['email']} not found")
    accepted = body["email"].partition("@")[2] == organization.get("auto_accept_domain")
    return {"userId": user["id"], "accepted": accepted, **({"role": body["role"]} if "role" in body else {})}


@ROUTES.add("GET", ORGANIZATION + ONE)
def get_organization_membership(call: Call) -> object:
    """Return a membership of the organization."""
    return organization_view(call.store, _of_organization(call))


@ROUTES.add("PATCH", ORGANIZATION + ONE)
def update_organization_membership(call: Call) -> object:
    """Update a membership of the organization."""
    membership = _of_organization(call)
    memberships.change(call.store, membership, UPDATE.read(call.body), call.clock.now())
    return organization_view(call.store, membership)


@ROUTES.add("DELETE", ORGANIZATION + ONE)
def delete_organization_membership(call: Call) -> object:
    """Delete a membership of the organization, and those of its teams."""
    membership = _of_organization(call)
    view = organization_view(call.store, membership)
    memberships.leave_organization(call.store, membership, call.clock.now())
    return view


def _of_organization(call: Call) -> Membership:
    """Return the membership of the path if the caller is an admin of the organization."""
    organization, membership_id = guarded_organization(call, "ORG_ADMIN"), call.int_path("membershipId")
    membership = memberships.find(call.store, organization["id"], membership_id)
    if membership is None:
        raise errors.not_found(f"IsMembershipInOrg - Membership ({membership_id}) not found.")
    return membership


# --- invitations ----------------------------------------------------------------------------------------------------


@ROUTES.add("POST", "/v2/teams/{teamId}/invite")
@ROUTES.add("POST", "/v2/organizations/{orgId}/teams/{teamId}/invite")
def invite(call: Call) -> object:
    """Return a link that lets anybody join the team."""
    team = guarded_team(call, "TEAM_ADMIN")
    token = f"{call.store.rng.getrandbits(256):064x}"
    call.store.invites[token] = team["id"]
    link = f"https://app.sandbox.test/signup?token={token}&callbackUrl=/getting-started"
    return {"token": token, "inviteLink": link}
