"""The data of the sandbox as JSON."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta

from calcom_async.sandbox.accounts.teams import memberships_of, team_view
from calcom_async.sandbox.accounts.users import profile_view
from calcom_async.sandbox.bookings.views import booking_view
from calcom_async.sandbox.control.operations import Operations
from calcom_async.sandbox.control.target import Body, Target, View
from calcom_async.sandbox.event_types import views
from calcom_async.sandbox.event_types.records import EventType, is_team_event_type
from calcom_async.sandbox.schedules.records import show_schedule
from calcom_async.sandbox.state.store import Store

OPERATIONS = Operations()
Row = dict[str, Any]


class StateQuery(Body):
    """How many rows of each list to return, the latest ones."""

    take: Annotated[int, Meta(ge=1, le=10_000)] = 1_000


class StateView(View):
    """The data of the sandbox, each row in the form in which the API sends it to its owner.

    `counts` says how many rows there are, and `rows` are the latest of them. API keys, tokens and secrets are left out.
    """

    counts: dict[str, int]
    users: list[Row]
    teams: list[Row]
    schedules: list[Row]
    event_types: list[Row]
    bookings: list[Row]
    webhooks: list[Row]


@OPERATIONS.add("GET", "/state")
def read_state(sandbox: Target, query: StateQuery) -> StateView:
    """Read the data of the sandbox."""
    store, take = sandbox.context.store, query.take
    tables: dict[str, list[Any]] = {
        "users": [*store.users.values()],
        "teams": [*store.teams.values()],
        "schedules": [*store.schedules.values()],
        "eventTypes": [*store.event_types.values()],
        "bookings": [*store.bookings.values()],
        "webhooks": [*store.webhooks.values()],
    }
    counts = {name: len(rows) for name, rows in tables.items()}
    users, teams, schedules, event_types, bookings, webhooks = (rows[-take:] for rows in tables.values())
    return StateView(
        counts=counts,
        users=[profile_view(user) for user in users],
        teams=[_team(store, team) for team in teams],
        schedules=[show_schedule(store, schedule) for schedule in schedules],
        event_types=[_event_type(store, event_type) for event_type in event_types],
        bookings=[booking_view(store, booking) for booking in bookings],
        webhooks=[_webhook(webhook) for webhook in webhooks],
    )


def _team(store: Store, team: Row) -> Row:
    """Return a team with its members."""
    members = [
        {"userId": row["user_id"], "role": row["role"], "accepted": row["accepted"]}
        for row in memberships_of(store, team["id"])
    ]
    return {**team_view(team), "members": members}


def _webhook(webhook: Row) -> Row:
    """Return a webhook without its secret."""
    return {name: value for name, value in webhook.items() if name != "secret" and not name.startswith("_")}


def _event_type(store: Store, record: EventType) -> Row:
    """Return an event type of a user or a team."""
    view = views.team_view if is_team_event_type(record) else views.user_view
    return view(store, record)
