"""All requests of an organization, in order."""

from __future__ import annotations

from conformance.organizations import apps, attributes, bookings, contacts, members, platform, routing, teams
from conformance.organizations.members import ORG
from conformance.organizations.roles import roles

STEPS = (
    *members.PEOPLE,
    *members.USERS,
    *attributes.STEPS,
    *roles("org", ORG),
    *teams.ORGANIZATION_TEAMS,
    *roles("org_team", teams.TEAM),
    *teams.ORGANIZATION_EVENT_TYPES,
    *teams.PLAIN_TEAMS,
    *bookings.STEPS,
    *contacts.STEPS,
    *routing.ROUTING,
    *routing.WORKFLOW_STEPS,
    *apps.STEPS,
    *platform.STEPS,
    *members.END,
    *teams.END,
)
