"""Roles: named sets of permissions of an organization or of one of its teams."""

from datetime import datetime
from typing import Literal

from calcom_async.models._base import Model

RoleType = Literal["SYSTEM", "CUSTOM"] | str

# The permissions in the official specification, for completion in editors; system roles have others too. Roles of a
# team cannot have those of the organization (`organization.*`, `watchlist.*`, `team.create`, `*.*`).
Permission = (
    Literal[
        "*.*",
        "role.create",
        "role.read",
        "role.update",
        "role.delete",
        "eventType.create",
        "eventType.read",
        "eventType.update",
        "eventType.delete",
        "team.create",
        "team.read",
        "team.update",
        "team.delete",
        "team.invite",
        "team.remove",
        "team.listMembers",
        "team.listMembersPrivate",
        "team.changeMemberRole",
        "team.impersonate",
        "organization.create",
        "organization.read",
        "organization.listMembers",
        "organization.listMembersPrivate",
        "organization.invite",
        "organization.remove",
        "organization.manageBilling",
        "organization.changeMemberRole",
        "organization.impersonate",
        "organization.passwordReset",
        "organization.update",
        "organization.attributes.create",
        "organization.attributes.read",
        "organization.attributes.update",
        "organization.attributes.delete",
        "organization.attributes.editUsers",
        "booking.read",
        "booking.readTeamBookings",
        "booking.readOrgBookings",
        "booking.readRecordings",
        "booking.update",
        "booking.readTeamAuditLogs",
        "booking.readOrgAuditLogs",
        "insights.read",
        "workflow.create",
        "workflow.read",
        "workflow.update",
        "workflow.delete",
        "routingForm.create",
        "routingForm.read",
        "routingForm.update",
        "routingForm.delete",
        "webhook.create",
        "webhook.read",
        "webhook.update",
        "webhook.delete",
        "watchlist.create",
        "watchlist.read",
        "watchlist.update",
        "watchlist.delete",
        "featureOptIn.read",
        "featureOptIn.update",
        # The hosted API has had the following ones since September 2026.
        "role.readTeamRoles",
        "role.readOrgRoles",
        "eventType.readTeamEventTypes",
        "eventType.readOrgEventTypes",
        "team.readOrgTeams",
        "team.readTeamSettings",
        "team.readConferencing",
        "team.readVerifiedResources",
        "team.readMemberships",
        "organization.readMemberships",
        "organization.readManagedOrganizations",
        "organization.readDelegationCredentials",
        "organization.editUsers",
        "organization.delete",
        "booking.updateOrgBookings",
        "booking.reassignOrgPastBookings",
        "workflow.readTeamWorkflows",
        "organization.attributes.readSyncHistory",
        "organization.attributes.readAuditLogs",
        "routingForm.readTeamRoutingForms",
        "routingForm.readOrgRoutingForms",
        "routingForm.readOrgAuditLogs",
        "routingForm.readResponsePii",
        "webhook.readOrgWebhooks",
        "availability.readTeamAvailability",
        "availability.readOrgAvailability",
        "availability.updateOrgAvailability",
        "ooo.readOrgOoo",
        "organization.customDomain.create",
        "organization.customDomain.read",
        "organization.customDomain.update",
        "organization.customDomain.delete",
        "tag.create",
        "tag.update",
        "tag.delete",
        "booking.updateTeamBookings",
        "booking.reassignTeamPastBookings",
        "routingForm.readTeamAuditLogs",
    ]
    | str
)


class Role(Model, frozen=True, kw_only=True):
    """A named set of permissions. The three SYSTEM roles have no owner and cannot be changed."""

    id: str
    name: str
    color: str | None = None
    """Hexadecimal: "#1BA774"."""
    description: str | None = None
    organization_id: int | None = None
    """The owner, if it is an organization; None for system roles."""
    team_id: int | None = None
    """The owner, if it is a team."""
    type: RoleType
    permissions: list[Permission]
    created_at: datetime
    updated_at: datetime


class _RoleBody(Model, frozen=True, kw_only=True):
    """Base of the request bodies."""

    color: str | None = None
    description: str | None = None
    permissions: list[Permission] | None = None


class CreateRole(_RoleBody, frozen=True, kw_only=True):
    """A new role; without `permissions` it has none."""

    name: str


class UpdateRole(_RoleBody, frozen=True, kw_only=True):
    """Changes to a role; `permissions` is replaced as a whole."""

    name: str | None = None
