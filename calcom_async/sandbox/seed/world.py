"""The sample data of every sandbox; the same seed creates the same data."""

from __future__ import annotations

from datetime import datetime, timedelta

from calcom_async.sandbox.accounts.teams import add_member, new_team
from calcom_async.sandbox.accounts.users import new_user
from calcom_async.sandbox.calendars.accounts import ICS, connect
from calcom_async.sandbox.event_types.records import new_event_type
from calcom_async.sandbox.platform.tokens import store_tokens
from calcom_async.sandbox.routing.forms import field, new_form, route_to
from calcom_async.sandbox.seed.bookings import add_bookings
from calcom_async.sandbox.state.clock import Clock
from calcom_async.sandbox.state.store import Store

API_KEY = "cal_sandbox"
CLIENT_ID, CLIENT_SECRET = "sandbox-client", "sandbox-secret"
APP_ID, APP_SECRET = "sandbox-app", "sandbox-app-secret"
ACCESS_TOKEN, REFRESH_TOKEN = "sandbox-access-token", "sandbox-refresh-token"

ANA, BO, CY, MIA = 1, 2, 3, 4
ORGANIZATION = 1
FORM = "sandbox-form"
SALES_CALL = "sales-call"
ALL_PERMISSIONS = 1023

_PEOPLE = (
    (ANA, "ana", "Ana Sandbox", "Europe/Lisbon"),
    (BO, "bo", "Bo Sandbox", "America/New_York"),
    (CY, "cy", "Cy Sandbox", "Asia/Tokyo"),
)
_FEED = "https://calendars.sandbox.test/ana.ics"


def seed_store(
    store: Store, clock: Clock, *, bookings: int = 0, ties: bool = False, organizations: bool = True
) -> None:
    """Fill an empty store with the sample data and with `bookings` bookings around the clock's time.

    Without `organizations` there is no team, no routing form and no platform client either.
    """
    now = clock.now()
    _people(store)
    _event_types(store, now)
    if organizations:
        _organization(store)
        _team_event_type(store, now)
        _platform(store, now)
        _routing_form(store, now)
    _app(store, now)
    _calendar(store, now)
    add_bookings(store, now, count=bookings, host_id=ANA, ties=ties)


def _people(store: Store) -> None:
    """Create three users with API keys."""
    for user_id, username, name, zone in _PEOPLE:
        new_user(store, user_id, username, name, zone)
    store.api_keys |= {API_KEY: ANA, "cal_sandbox_bo": BO, "cal_sandbox_cy": CY}


def _event_types(store: Store, now: datetime) -> None:
    """Create Ana's event types: 30 minutes, 60 minutes, and one with ten seats."""
    thirty = {"title": "Thirty minutes", "slug": "thirty", "lengthInMinutes": 30}
    sixty = {"title": "Sixty minutes", "slug": "sixty", "lengthInMinutes": 60}
    seats = {"seatsPerTimeSlot": 10, "showAttendeeInfo": True, "showAvailabilityCount": True}
    group = {"title": "Class", "slug": "class", "lengthInMinutes": 60, "seats": seats}
    for body in (thirty, sixty, group):
        new_event_type(store, ANA, body, now=now)


def _organization(store: Store) -> None:
    """Create an organization with two teams."""
    store.organizations[ORGANIZATION] = {
        "id": ORGANIZATION,
        "name": "Sandbox Org",
        "slug": "sandbox-org",
        "owner_id": ANA,
        # Only such an organization can have OAuth clients; ordinary ones get a 403.
        "is_platform": True,
    }
    for user_id, role in ((ANA, "OWNER"), (BO, "ADMIN"), (CY, "MEMBER")):
        add_member(store, ORGANIZATION, user_id, role=role)
        store.users[user_id]["organization_id"] = ORGANIZATION
    for name, others in (("Sales", (BO, CY)), ("Support", (BO,))):
        team = new_team(store, {"name": name}, creator_id=ANA, parent_id=ORGANIZATION)
        for user_id in others:
            add_member(store, team["id"], user_id)


def _team_event_type(store: Store, now: datetime) -> None:
    """Create a round robin of Bo and Cy in the first team, to which its routing form leads."""
    team = next(iter(store.teams.values()))
    body = {"title": "Sales call", "slug": SALES_CALL, "lengthInMinutes": 30}
    hosts = [{"userId": user_id, "mandatory": False, "priority": "medium"} for user_id in (BO, CY)]
    new_event_type(store, None, body, now=now, teamId=team["id"], schedulingType="roundRobin", hosts=hosts)


def _platform(store: Store, now: datetime) -> None:
    """Create a platform client with a managed user."""
    store.oauth_clients[CLIENT_ID] = {
        "id": CLIENT_ID,
        "secret": CLIENT_SECRET,
        "name": "Sandbox Platform",
        "user_id": ANA,
        "organization_id": ORGANIZATION,
        "permissions": ALL_PERMISSIONS,
        "redirect_uris": ["https://platform.sandbox.test/callback"],
        "managed": [MIA],
        "created_at": now,
    }
    # The stored form of an address of a managed user, and the username that the server makes of it.
    email = f"mia+{CLIENT_ID}@sandbox.test"
    new_user(store, MIA, f"mia-{CLIENT_ID}-sandbox-test", "Mia Managed", "Europe/Rome", email=email)
    store_tokens(store, now, kind="managed", user_id=MIA, client_id=CLIENT_ID, pair=(ACCESS_TOKEN, REFRESH_TOKEN))


def _app(store: Store, now: datetime) -> None:
    """Create a third-party app with a token pair of Ana."""
    store.oauth2_apps[APP_ID] = {
        "id": APP_ID,
        "secret": APP_SECRET,
        "name": "Sandbox App",
        "redirect_uris": ["https://app.sandbox.test/callback"],
    }
    app_pair = ("sandbox-app-access", "sandbox-app-refresh")
    store_tokens(store, now, kind="oauth2", user_id=ANA, client_id=APP_ID, pair=app_pair)


def _calendar(store: Store, now: datetime) -> None:
    """Create Ana's ICS feed: busy 12:00-13:00 UTC on each of the next 14 days."""
    account = connect(store, ANA, ICS, [_FEED], read_only=True)
    account["calendars"][0] |= {"name": "Sandbox feed", "isSelected": True}
    # Within Ana's working hours, so that some slots of every seeded world are taken.
    noon = now.replace(hour=12, minute=0, second=0, microsecond=0)
    for day in range(14):
        start = noon + timedelta(days=day)
        times = {"start": start, "end": start + timedelta(hours=1)}
        busy = {"user_id": ANA, "calendar_id": _FEED, "credential_id": account["credentialId"], "title": "Lunch"}
        store.busy.append(busy | times)


def _routing_form(store: Store, now: datetime) -> None:
    """Create a form of the first team: "sales" routes to its event type, "press" to a URL."""
    team = next(iter(store.teams.values()))
    new_form(
        store,
        now,
        form_id=FORM,
        name="Contact us",
        team_id=team["id"],
        user_id=ANA,
        fields=[field("topic", "Topic", required=True), field("company", "Company")],
        routes=[
            route_to("to-team", "eventTypeRedirectUrl", f"team/{team['slug']}/{SALES_CALL}", topic="sales"),
            route_to("to-press", "externalRedirectUrl", "https://press.sandbox.test", topic="press"),
            route_to("to-all-others", "customPageMessage", "Write to help@sandbox.test"),
        ],
    )
