"""The client method for each recorded request, by verb and path below /v2.

Most resources exist below several paths. `Operations` holds the calls of one resource; `mount` puts them below a path.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, date, datetime
from typing import Any

import msgspec

from calcom_async import Calcom
from calcom_async.models import (
    Attendee,
    Availability,
    Calendar,
    CreateAttributeOption,
    CreateEventType,
    CreateManagedOrganization,
    CreateManagedUser,
    CreateOAuthClient,
    CreateOrganizationUser,
    CreatePhoneCall,
    CreateTeam,
    CreateTeamEventType,
    CreateWorkflow,
    Guest,
    UpdateEventType,
    UpdateManagedOrganization,
    UpdateManagedUser,
    UpdateMe,
    UpdateOAuthClient,
    UpdateOrganizationUser,
    UpdateTeam,
    UpdateTeamEventType,
    UpdateWorkflow,
)
from calcom_async.resources.teams import OrganizationTeam

Operation = Callable[..., Awaitable[Any]]
Operations = dict[str, Operation]

NOON = datetime(2027, 2, 25, 12, tzinfo=UTC)
DAY = {"start": date(2027, 2, 25), "end": date(2027, 2, 26)}
ADA = Attendee(name="Ada", email="ada@visitors.test", time_zone="UTC")
FEED = Calendar(read_only=True, external_id="x", is_selected=True, credential_id=1)
BACK = {"return_to": "https://x.test", "on_error_return_to": "https://x.test"}
KEY = {"client_email": "x", "client_id": "x", "private_key": "x"}


def minimal(kind: type[Any]) -> Any:
    """Return a body with text in every required field; the values do not matter here."""
    return kind(**{field.name: "x" for field in msgspec.structs.fields(kind) if field.required})


def mount(prefix: str, reach: Callable[..., Any], operations: Operations) -> dict[str, Operation]:
    """Return the calls below a path. `reach` takes the client and the ids of the path, the calls take the others."""
    blanks = prefix.count("{}")

    def bound(call: Operation) -> Operation:
        return lambda cal, *ids: call(reach(cal, *ids[:blanks]), *ids[blanks:])

    table = {}
    for key, call in operations.items():
        verb, _, rest = key.partition(" ")
        table[f"{verb} {prefix}{rest}"] = bound(call)
    return table


# --- operations of a resource

LIST: Operations = {"GET": lambda resource: resource.list().first_page()}
READ: Operations = {
    "GET /{}": lambda resource, row_id: resource.get(row_id),
    "DELETE /{}": lambda resource, row_id: resource.delete(row_id),
}


def bodies(create: type[Any], update: type[Any]) -> Operations:
    """Return the operations of a resource whose bodies are models."""
    return (
        LIST
        | READ
        | {
            "POST": lambda resource: resource.create(minimal(create)),
            "PATCH /{}": lambda resource, row_id: resource.update(row_id, minimal(update)),
        }
    )


WEBHOOKS: Operations = (
    LIST
    | READ
    | {
        "POST": lambda resource: resource.create(subscriber_url="https://x.test", triggers=[]),
        "PATCH /{}": lambda resource, row_id: resource.update(row_id, active=True),
    }
)
SCHEDULES: Operations = (
    LIST
    | READ
    | {
        "POST": lambda resource: resource.create(
            name="x", time_zone="UTC", availability=[Availability(days=[1], start_time="09:00", end_time="10:00")]
        ),
        "PATCH /{}": lambda resource, row_id: resource.update(row_id, name="x"),
    }
)
MEMBERSHIPS: Operations = (
    LIST
    | READ
    | {
        "POST": lambda resource: resource.create(user_id=1),
        "PATCH /{}": lambda resource, row_id: resource.update(row_id, accepted=True),
    }
)
ROLES: Operations = (
    LIST
    | READ
    | {
        "POST": lambda resource: resource.create(name="x"),
        "PATCH /{}": lambda resource, row_id: resource.update(row_id, name="x"),
        "GET /{}/permissions": lambda resource, row_id: resource.permissions(row_id),
        "POST /{}/permissions": lambda resource, row_id: resource.add_permissions(row_id, ["x.y"]),
        "PUT /{}/permissions": lambda resource, row_id: resource.set_permissions(row_id, ["x.y"]),
        "DELETE /{}/permissions": lambda resource, row_id: resource.remove_permissions(row_id, ["x.y"]),
        "DELETE /{}/permissions/{}": lambda resource, row_id, permission: resource.remove_permission(
            row_id, permission
        ),
    }
)
LINKS: Operations = {
    "GET": lambda resource: resource.list().first_page(),
    "POST": lambda resource: resource.create(expires_at=NOON),
    "PATCH /{}": lambda resource, row_id: resource.update(row_id, expires_at=NOON),
    "DELETE /{}": lambda resource, row_id: resource.delete(row_id),
}
FORMS: Operations = LIST | {
    "GET /{}/responses": lambda resource, form: resource.responses(form).list().first_page(),
    "POST /{}/responses": lambda resource, form: resource.responses(form).create(answers={}, **DAY),
    "PATCH /{}/responses/{}": lambda resource, form, row_id: resource.responses(form).update(row_id, response={}),
}
CONFERENCING: Operations = LIST | {
    "GET /default": lambda resource: resource.default(),
    "POST /{}/default": lambda resource, app: resource.set_default(app),
    "POST /{}/connect": lambda resource, app: resource.connect(app),
    "DELETE /{}/disconnect": lambda resource, app: resource.disconnect(app),
    "GET /{}/oauth/auth-url": lambda resource, app: resource.connect_url(app, **BACK),
    "GET /{}/oauth/callback": lambda resource, app: resource.complete_connect(app, state="x", code="x"),
}
STRIPE: Operations = {
    "GET /check": lambda resource: resource.check(),
    "GET /connect": lambda resource: resource.connect_url(**BACK),
    "GET /save": lambda resource: resource.complete_connect(state="x", code="x"),
}
VERIFIED: Operations = {
    "GET /emails": lambda resource: resource.emails.list().first_page(),
    "GET /emails/{}": lambda resource, row_id: resource.emails.get(row_id),
    "POST /emails/verification-code/request": lambda resource: resource.emails.request_code("x@x.test"),
    "POST /emails/verification-code/verify": lambda resource: resource.emails.verify("x@x.test", code="1"),
    "GET /phones": lambda resource: resource.phones.list().first_page(),
    "GET /phones/{}": lambda resource, row_id: resource.phones.get(row_id),
    "POST /phones/verification-code/request": lambda resource: resource.phones.request_code("+351210000000"),
    "POST /phones/verification-code/verify": lambda resource: resource.phones.verify("+351210000000", code="1"),
}
ATTRIBUTES: Operations = (
    LIST
    | READ
    | {
        "POST": lambda resource: resource.create(
            name="x", slug="x", type="SINGLE_SELECT", options=[minimal(CreateAttributeOption)]
        ),
        "PATCH /{}": lambda resource, row_id: resource.update(row_id, name="x"),
        "GET /{}/options": lambda resource, row_id: resource.options(row_id).first_page(),
        "POST /{}/options": lambda resource, row_id: resource.create_option(row_id, value="x", slug="x"),
        "PATCH /{}/options/{}": lambda resource, row_id, option: resource.update_option(row_id, option, value="x"),
        "DELETE /{}/options/{}": lambda resource, row_id, option: resource.delete_option(row_id, option),
        "GET /{}/options/assigned": lambda resource, row_id: resource.assigned_options(row_id).first_page(),
        "GET /slugs/{}/options/assigned": lambda resource, slug: resource.assigned_options_by_slug(slug).first_page(),
        "GET /options/{}": lambda resource, user: resource.list_for_user(user).first_page(),
        "POST /options/{}": lambda resource, user: resource.assign(user, attribute_id="x", value="x"),
        "DELETE /options/{}/{}": lambda resource, user, option: resource.unassign(user, option),
    }
)
TEAM_EVENT_TYPES: Operations = bodies(CreateTeamEventType, UpdateTeamEventType) | {
    "POST /{}/create-phone-call": lambda resource, row_id: resource.create_phone_call(row_id, minimal(CreatePhoneCall)),
}
BOOKINGS: Operations = {
    "POST": lambda resource: resource.create_series(start=NOON, event_type_id=1, attendee=ADA, recurrence_count=2),
    "GET": lambda resource: resource.list().first_page(),
    "GET /{}": lambda resource, uid: resource.get_series(uid),
    "POST /{}/reschedule": lambda resource, uid: resource.reschedule(uid, start=NOON),
    "POST /{}/cancel": lambda resource, uid: resource.cancel(uid),
    "POST /{}/confirm": lambda resource, uid: resource.confirm(uid),
    "POST /{}/mark-absent": lambda resource, uid: resource.mark_absent(uid, host=True),
    "POST /{}/reassign": lambda resource, uid: resource.reassign(uid),
    "POST /{}/reassign/{}": lambda resource, uid, user: resource.reassign_to(uid, user),
    "GET /{}/attendees": lambda resource, uid: resource.attendees(uid),
    "POST /{}/guests": lambda resource, uid: resource.add_guests(uid, Guest(email="x")),
    "GET /{}/calendar-links": lambda resource, uid: resource.calendar_links(uid),
    "GET /{}/references": lambda resource, uid: resource.references(uid),
}
ORGANIZATION: Operations = {
    "GET /users": lambda org: org.users.list().first_page(),
    "POST /users": lambda org: org.users.create(minimal(CreateOrganizationUser)),
    "PATCH /users/{}": lambda org, user: org.users.update(user, minimal(UpdateOrganizationUser)),
    "DELETE /users/{}": lambda org, user: org.users.delete(user),
    "GET /users/{}/bookings": lambda org, user: org.user(user).bookings.list().first_page(),
    "GET /bookings": lambda org: org.bookings.list().first_page(),
    "GET /schedules": lambda org: org.schedules.list().first_page(),
    "GET /ooo": lambda org: org.out_of_office.list().first_page(),
    "GET /teams/me": lambda org: org.teams.list_mine().first_page(),
    "GET /teams/event-types": lambda org: org.teams.event_types().first_page(),
    "GET /teams/{}/users/{}/schedules": lambda org, team, user: (
        org.team(team).schedules.list_for_user(user).first_page()
    ),
    "GET /teams/{}/bookings/{}/references": lambda org, team, uid: org.team(team).bookings.references(uid),
    "POST /delegation-credentials": lambda org: org.delegation_credentials.create(
        workspace_platform_slug="x", domain="x", service_account_key=KEY
    ),
    "PATCH /delegation-credentials/{}": lambda org, row_id: org.delegation_credentials.update(row_id, enabled=True),
}
OUT_OF_OFFICE: Operations = {
    "GET": lambda resource: resource.list().first_page(),
    "POST": lambda resource: resource.create(**DAY),
    "PATCH /{}": lambda resource, row_id: resource.update(row_id, notes="x"),
    "DELETE /{}": lambda resource, row_id: resource.delete(row_id),
}


# --- paths


def team_operations(prefix: str, team: Callable[..., Any]) -> dict[str, Operation]:
    """Return the operations of a team below a path."""
    return {
        **mount(prefix, team, {"POST /invite": lambda row_id: row_id.invite()}),
        **mount(f"{prefix}/event-types", lambda *at: team(*at).event_types, TEAM_EVENT_TYPES),
        **mount(f"{prefix}/bookings", lambda *at: team(*at).bookings, LIST),
        **mount(f"{prefix}/memberships", lambda *at: team(*at).memberships, MEMBERSHIPS),
        **mount(f"{prefix}/schedules", lambda *at: team(*at).schedules, LIST),
        **mount(f"{prefix}/verified-resources", lambda *at: team(*at).verified_resources, VERIFIED),
    }


def organization_team(cal: Calcom, org: Any, team: Any) -> OrganizationTeam:
    return cal.organization(org).team(team)


def organization_operations(prefix: str, org: Callable[..., Any]) -> dict[str, Operation]:
    """Return the operations of an organization, its teams included."""
    team = f"{prefix}/teams/{{}}"
    return {
        **mount(prefix, org, ORGANIZATION),
        **mount(f"{prefix}/teams", lambda *at: org(*at).teams, bodies(CreateTeam, UpdateTeam)),
        **mount(f"{prefix}/memberships", lambda *at: org(*at).memberships, MEMBERSHIPS),
        **mount(f"{prefix}/attributes", lambda *at: org(*at).attributes, ATTRIBUTES),
        **mount(f"{prefix}/roles", lambda *at: org(*at).roles, ROLES),
        **mount(f"{prefix}/webhooks", lambda *at: org(*at).webhooks, WEBHOOKS),
        **mount(f"{prefix}/routing-forms", lambda *at: org(*at).routing_forms, FORMS),
        **mount(
            f"{prefix}/organizations",
            lambda *at: org(*at).organizations,
            bodies(CreateManagedOrganization, UpdateManagedOrganization),
        ),
        **mount(
            f"{prefix}/users/{{}}/schedules", lambda cal, row_id, user: org(cal, row_id).user(user).schedules, SCHEDULES
        ),
        **mount(
            f"{prefix}/users/{{}}/ooo",
            lambda cal, row_id, user: org(cal, row_id).user(user).out_of_office,
            OUT_OF_OFFICE,
        ),
        **team_operations(team, organization_team),
        **mount(f"{team}/roles", lambda *at: organization_team(*at).roles, ROLES),
        **mount(f"{team}/routing-forms", lambda *at: organization_team(*at).routing_forms, FORMS),
        **mount(f"{team}/conferencing", lambda *at: organization_team(*at).conferencing, CONFERENCING),
        **mount(f"{team}/stripe", lambda *at: organization_team(*at).stripe, STRIPE),
        **mount(f"{team}/workflows", lambda *at: organization_team(*at).workflows, WORKFLOWS),
        **mount(
            f"{team}/event-types/{{}}/private-links",
            lambda cal, row_id, team, kind: organization_team(cal, row_id, team).event_types.private_links(kind),
            LINKS,
        ),
    }


WORKFLOWS: Operations = bodies(CreateWorkflow, UpdateWorkflow) | {
    "GET /routing-form": lambda resource: resource.routing_forms.list().first_page(),
    "POST /routing-form": lambda resource: resource.routing_forms.create(minimal(CreateWorkflow)),
    "GET /{}/routing-form": lambda resource, row_id: resource.routing_forms.get(row_id),
    "PATCH /{}/routing-form": lambda resource, row_id: resource.routing_forms.update(row_id, minimal(UpdateWorkflow)),
    "DELETE /{}/routing-form": lambda resource, row_id: resource.routing_forms.delete(row_id),
}

OPERATIONS: dict[str, Operation] = {
    "GET /me": lambda cal: cal.me.get(),
    "PATCH /me": lambda cal: cal.me.update(UpdateMe()),
    **mount("/event-types", lambda cal: cal.event_types, bodies(CreateEventType, UpdateEventType)),
    "POST /event-types/{}/webhooks": lambda cal, row_id: cal.event_types.webhooks(row_id).create(
        subscriber_url="https://x.test", triggers=[]
    ),
    **mount("/event-types/{}/private-links", lambda cal, row_id: cal.event_types.private_links(row_id), LINKS),
    **mount("/bookings", lambda cal: cal.bookings, BOOKINGS),
    **mount("/schedules", lambda cal: cal.schedules, SCHEDULES | {"GET /default": lambda resource: resource.default()}),
    "GET /slots": lambda cal: cal.slots.search(event_type_id=1, **DAY),
    "POST /slots/reservations": lambda cal: cal.slots.reservations.create(event_type_id=1, start=NOON),
    **mount("/slots/reservations", lambda cal: cal.slots.reservations, READ),
    **mount("/webhooks", lambda cal: cal.webhooks, WEBHOOKS),
    "GET /calendars": lambda cal: cal.calendars.list(),
    "GET /calendars/busy-times": lambda cal: cal.calendars.busy_times(calendars=[FEED], **DAY),
    **mount("/conferencing", lambda cal: cal.conferencing, CONFERENCING),
    **mount("/stripe", lambda cal: cal.stripe, STRIPE),
    **mount("/verified-resources", lambda cal: cal.verified_resources, VERIFIED),
    "POST /routing-forms/{}/calculate-slots": lambda cal, form: cal.routing_forms.calculate_slots(
        form, answers={}, **DAY
    ),
    **mount("/teams", lambda cal: cal.teams, bodies(CreateTeam, UpdateTeam)),
    **team_operations("/teams/{}", lambda cal, team: cal.team(team)),
    "GET /teams/{}/event-types/{}/webhooks": lambda cal, team, row_id: (
        cal.team(team).event_types.webhooks(row_id).list().first_page()
    ),
    **organization_operations("/organizations/{}", lambda cal, org: cal.organization(org)),
    **mount("/oauth-clients", lambda cal: cal.oauth_clients, bodies(CreateOAuthClient, UpdateOAuthClient)),
    **mount(
        "/oauth-clients/{}/users",
        lambda cal, client: cal.oauth_client(client).users,
        bodies(CreateManagedUser, UpdateManagedUser)
        | {"POST /{}/force-refresh": lambda resource, user: resource.force_refresh(user)},
    ),
    **mount(
        "/oauth-clients/{}/webhooks",
        lambda cal, client: cal.oauth_client(client).webhooks,
        WEBHOOKS | {"DELETE": lambda resource: resource.delete_all()},
    ),
    "POST /oauth/{}/refresh": lambda cal, client: cal.oauth_clients.refresh(client, "x"),
    "POST /api-keys/refresh": lambda cal: cal.api_keys.refresh(),
    # Requests without a method of their own.
    "POST /me": lambda cal: cal.request("POST", "/v2/me"),
    "PUT /me": lambda cal: cal.request("PUT", "/v2/me"),
    "GET /nope": lambda cal: cal.request("GET", "/v2/nope"),
}
