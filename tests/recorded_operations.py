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


def mount(place: str, reach: Callable[..., Any], kit: Operations) -> dict[str, Operation]:
    """Return the calls below a path. `reach` takes the client and the ids of the path, the calls take the others."""
    blanks = place.count("{}")

    def bound(call: Operation) -> Operation:
        return lambda cal, *ids: call(reach(cal, *ids[:blanks]), *ids[blanks:])

    table = {}
    for key, call in kit.items():
        verb, _, rest = key.partition(" ")
        table[f"{verb} {place}{rest}"] = bound(call)
    return table


# --- operations of a resource

LIST: Operations = {"GET": lambda noun: noun.list().first_page()}
READ: Operations = {"GET /{}": lambda noun, one: noun.get(one), "DELETE /{}": lambda noun, one: noun.delete(one)}


def bodies(create: type[Any], update: type[Any]) -> Operations:
    """Return the operations of a resource whose bodies are models."""
    return (
        LIST
        | READ
        | {
            "POST": lambda noun: noun.create(minimal(create)),
            "PATCH /{}": lambda noun, one: noun.update(one, minimal(update)),
        }
    )


WEBHOOKS: Operations = (
    LIST
    | READ
    | {
        "POST": lambda noun: noun.create(subscriber_url="https://x.test", triggers=[]),
        "PATCH /{}": lambda noun, one: noun.update(one, active=True),
    }
)
SCHEDULES: Operations = (
    LIST
    | READ
    | {
        "POST": lambda noun: noun.create(
            name="x", time_zone="UTC", availability=[Availability(days=[1], start_time="09:00", end_time="10:00")]
        ),
        "PATCH /{}": lambda noun, one: noun.update(one, name="x"),
    }
)
MEMBERSHIPS: Operations = (
    LIST
    | READ
    | {
        "POST": lambda noun: noun.create(user_id=1),
        "PATCH /{}": lambda noun, one: noun.update(one, accepted=True),
    }
)
ROLES: Operations = (
    LIST
    | READ
    | {
        "POST": lambda noun: noun.create(name="x"),
        "PATCH /{}": lambda noun, one: noun.update(one, name="x"),
        "GET /{}/permissions": lambda noun, one: noun.permissions(one),
        "POST /{}/permissions": lambda noun, one: noun.add_permissions(one, ["x.y"]),
        "PUT /{}/permissions": lambda noun, one: noun.set_permissions(one, ["x.y"]),
        "DELETE /{}/permissions": lambda noun, one: noun.remove_permissions(one, ["x.y"]),
        "DELETE /{}/permissions/{}": lambda noun, one, permission: noun.remove_permission(one, permission),
    }
)
LINKS: Operations = {
    "GET": lambda noun: noun.list().first_page(),
    "POST": lambda noun: noun.create(expires_at=NOON),
    "PATCH /{}": lambda noun, one: noun.update(one, expires_at=NOON),
    "DELETE /{}": lambda noun, one: noun.delete(one),
}
FORMS: Operations = LIST | {
    "GET /{}/responses": lambda noun, form: noun.responses(form).list().first_page(),
    "POST /{}/responses": lambda noun, form: noun.responses(form).create(answers={}, **DAY),
    "PATCH /{}/responses/{}": lambda noun, form, one: noun.responses(form).update(one, response={}),
}
CONFERENCING: Operations = LIST | {
    "GET /default": lambda noun: noun.default(),
    "POST /{}/default": lambda noun, app: noun.set_default(app),
    "POST /{}/connect": lambda noun, app: noun.connect(app),
    "DELETE /{}/disconnect": lambda noun, app: noun.disconnect(app),
    "GET /{}/oauth/auth-url": lambda noun, app: noun.connect_url(app, **BACK),
    "GET /{}/oauth/callback": lambda noun, app: noun.complete_connect(app, state="x", code="x"),
}
STRIPE: Operations = {
    "GET /check": lambda noun: noun.check(),
    "GET /connect": lambda noun: noun.connect_url(**BACK),
    "GET /save": lambda noun: noun.complete_connect(state="x", code="x"),
}
VERIFIED: Operations = {
    "GET /emails": lambda noun: noun.emails.list().first_page(),
    "GET /emails/{}": lambda noun, one: noun.emails.get(one),
    "POST /emails/verification-code/request": lambda noun: noun.emails.request_code("x@x.test"),
    "POST /emails/verification-code/verify": lambda noun: noun.emails.verify("x@x.test", code="1"),
    "GET /phones": lambda noun: noun.phones.list().first_page(),
    "GET /phones/{}": lambda noun, one: noun.phones.get(one),
    "POST /phones/verification-code/request": lambda noun: noun.phones.request_code("+351210000000"),
    "POST /phones/verification-code/verify": lambda noun: noun.phones.verify("+351210000000", code="1"),
}
ATTRIBUTES: Operations = (
    LIST
    | READ
    | {
        "POST": lambda noun: noun.create(
            name="x", slug="x", type="SINGLE_SELECT", options=[minimal(CreateAttributeOption)]
        ),
        "PATCH /{}": lambda noun, one: noun.update(one, name="x"),
        "GET /{}/options": lambda noun, one: noun.options(one).first_page(),
        "POST /{}/options": lambda noun, one: noun.create_option(one, value="x", slug="x"),
        "PATCH /{}/options/{}": lambda noun, one, option: noun.update_option(one, option, value="x"),
        "DELETE /{}/options/{}": lambda noun, one, option: noun.delete_option(one, option),
        "GET /{}/options/assigned": lambda noun, one: noun.assigned_options(one).first_page(),
        "GET /slugs/{}/options/assigned": lambda noun, slug: noun.assigned_options_by_slug(slug).first_page(),
        "GET /options/{}": lambda noun, user: noun.list_for_user(user).first_page(),
        "POST /options/{}": lambda noun, user: noun.assign(user, attribute_id="x", value="x"),
        "DELETE /options/{}/{}": lambda noun, user, option: noun.unassign(user, option),
    }
)
TEAM_EVENT_TYPES: Operations = bodies(CreateTeamEventType, UpdateTeamEventType) | {
    "POST /{}/create-phone-call": lambda noun, one: noun.create_phone_call(one, minimal(CreatePhoneCall)),
}
BOOKINGS: Operations = {
    "POST": lambda noun: noun.create_series(start=NOON, event_type_id=1, attendee=ADA, recurrence_count=2),
    "GET": lambda noun: noun.list().first_page(),
    "GET /{}": lambda noun, uid: noun.get_series(uid),
    "POST /{}/reschedule": lambda noun, uid: noun.reschedule(uid, start=NOON),
    "POST /{}/cancel": lambda noun, uid: noun.cancel(uid),
    "POST /{}/confirm": lambda noun, uid: noun.confirm(uid),
    "POST /{}/mark-absent": lambda noun, uid: noun.mark_absent(uid, host=True),
    "POST /{}/reassign": lambda noun, uid: noun.reassign(uid),
    "POST /{}/reassign/{}": lambda noun, uid, user: noun.reassign_to(uid, user),
    "GET /{}/attendees": lambda noun, uid: noun.attendees(uid),
    "POST /{}/guests": lambda noun, uid: noun.add_guests(uid, Guest(email="x")),
    "GET /{}/calendar-links": lambda noun, uid: noun.calendar_links(uid),
    "GET /{}/references": lambda noun, uid: noun.references(uid),
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
    "PATCH /delegation-credentials/{}": lambda org, one: org.delegation_credentials.update(one, enabled=True),
}
OUT_OF_OFFICE: Operations = {
    "GET": lambda noun: noun.list().first_page(),
    "POST": lambda noun: noun.create(**DAY),
    "PATCH /{}": lambda noun, one: noun.update(one, notes="x"),
    "DELETE /{}": lambda noun, one: noun.delete(one),
}


# --- paths


def team_operations(place: str, team: Callable[..., Any]) -> dict[str, Operation]:
    """Return the operations of a team below a path."""
    return {
        **mount(place, team, {"POST /invite": lambda one: one.invite()}),
        **mount(f"{place}/event-types", lambda *at: team(*at).event_types, TEAM_EVENT_TYPES),
        **mount(f"{place}/bookings", lambda *at: team(*at).bookings, LIST),
        **mount(f"{place}/memberships", lambda *at: team(*at).memberships, MEMBERSHIPS),
        **mount(f"{place}/schedules", lambda *at: team(*at).schedules, LIST),
        **mount(f"{place}/verified-resources", lambda *at: team(*at).verified_resources, VERIFIED),
    }


def organization_team(cal: Calcom, org: Any, team: Any) -> OrganizationTeam:
    return cal.organization(org).team(team)


def organization_operations(place: str, org: Callable[..., Any]) -> dict[str, Operation]:
    """Return the operations of an organization, its teams included."""
    team = f"{place}/teams/{{}}"
    return {
        **mount(place, org, ORGANIZATION),
        **mount(f"{place}/teams", lambda *at: org(*at).teams, bodies(CreateTeam, UpdateTeam)),
        **mount(f"{place}/memberships", lambda *at: org(*at).memberships, MEMBERSHIPS),
        **mount(f"{place}/attributes", lambda *at: org(*at).attributes, ATTRIBUTES),
        **mount(f"{place}/roles", lambda *at: org(*at).roles, ROLES),
        **mount(f"{place}/webhooks", lambda *at: org(*at).webhooks, WEBHOOKS),
        **mount(f"{place}/routing-forms", lambda *at: org(*at).routing_forms, FORMS),
        **mount(
            f"{place}/organizations",
            lambda *at: org(*at).organizations,
            bodies(CreateManagedOrganization, UpdateManagedOrganization),
        ),
        **mount(f"{place}/users/{{}}/schedules", lambda cal, one, user: org(cal, one).user(user).schedules, SCHEDULES),
        **mount(
            f"{place}/users/{{}}/ooo", lambda cal, one, user: org(cal, one).user(user).out_of_office, OUT_OF_OFFICE
        ),
        **team_operations(team, organization_team),
        **mount(f"{team}/roles", lambda *at: organization_team(*at).roles, ROLES),
        **mount(f"{team}/routing-forms", lambda *at: organization_team(*at).routing_forms, FORMS),
        **mount(f"{team}/conferencing", lambda *at: organization_team(*at).conferencing, CONFERENCING),
        **mount(f"{team}/stripe", lambda *at: organization_team(*at).stripe, STRIPE),
        **mount(f"{team}/workflows", lambda *at: organization_team(*at).workflows, WORKFLOWS),
        **mount(
            f"{team}/event-types/{{}}/private-links",
            lambda cal, one, team, kind: organization_team(cal, one, team).event_types.private_links(kind),
            LINKS,
        ),
    }


WORKFLOWS: Operations = bodies(CreateWorkflow, UpdateWorkflow) | {
    "GET /routing-form": lambda noun: noun.routing_forms.list().first_page(),
    "POST /routing-form": lambda noun: noun.routing_forms.create(minimal(CreateWorkflow)),
    "GET /{}/routing-form": lambda noun, one: noun.routing_forms.get(one),
    "PATCH /{}/routing-form": lambda noun, one: noun.routing_forms.update(one, minimal(UpdateWorkflow)),
    "DELETE /{}/routing-form": lambda noun, one: noun.routing_forms.delete(one),
}

OPERATIONS: dict[str, Operation] = {
    "GET /me": lambda cal: cal.me.get(),
    "PATCH /me": lambda cal: cal.me.update(UpdateMe()),
    **mount("/event-types", lambda cal: cal.event_types, bodies(CreateEventType, UpdateEventType)),
    "POST /event-types/{}/webhooks": lambda cal, one: cal.event_types.webhooks(one).create(
        subscriber_url="https://x.test", triggers=[]
    ),
    **mount("/event-types/{}/private-links", lambda cal, one: cal.event_types.private_links(one), LINKS),
    **mount("/bookings", lambda cal: cal.bookings, BOOKINGS),
    **mount("/schedules", lambda cal: cal.schedules, SCHEDULES | {"GET /default": lambda noun: noun.default()}),
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
    "GET /teams/{}/event-types/{}/webhooks": lambda cal, team, one: (
        cal.team(team).event_types.webhooks(one).list().first_page()
    ),
    **organization_operations("/organizations/{}", lambda cal, org: cal.organization(org)),
    **mount("/oauth-clients", lambda cal: cal.oauth_clients, bodies(CreateOAuthClient, UpdateOAuthClient)),
    **mount(
        "/oauth-clients/{}/users",
        lambda cal, client: cal.oauth_client(client).users,
        bodies(CreateManagedUser, UpdateManagedUser)
        | {"POST /{}/force-refresh": lambda noun, user: noun.force_refresh(user)},
    ),
    **mount(
        "/oauth-clients/{}/webhooks",
        lambda cal, client: cal.oauth_client(client).webhooks,
        WEBHOOKS | {"DELETE": lambda noun: noun.delete_all()},
    ),
    "POST /oauth/{}/refresh": lambda cal, client: cal.oauth_clients.refresh(client, "x"),
    "POST /api-keys/refresh": lambda cal: cal.api_keys.refresh(),
    # Requests without a method of their own.
    "POST /me": lambda cal: cal.request("POST", "/v2/me"),
    "PUT /me": lambda cal: cal.request("PUT", "/v2/me"),
    "GET /nope": lambda cal: cal.request("GET", "/v2/nope"),
}
