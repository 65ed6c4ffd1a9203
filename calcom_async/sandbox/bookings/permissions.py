"""Permissions to see and change bookings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from calcom_async.sandbox.state.booking import Booking
from calcom_async.sandbox.state.store import Store

LEADERS = frozenset({"ADMIN", "OWNER"})


@dataclass(frozen=True, slots=True)
class BookingScope:
    """The users and teams whose bookings somebody manages, and the address under which they attend."""

    users: frozenset[int]
    teams: frozenset[int] = frozenset()
    email: str | None = None

    def covers(self, booking: Booking) -> bool:
        """Return whether the scope contains the booking."""
        if booking.user_id in self.users or (booking.team_id is not None and booking.team_id in self.teams):
            return True
        # Hosts beside the organizer are attendees for the server. They see the booking as hosts.
        if len(booking.host_ids) > 1 and not self.users.isdisjoint(booking.host_ids):
            return True
        return self.email is not None and any(attendee["email"] == self.email for attendee in booking.attendees)


def led_teams(store: Store, user_id: int) -> frozenset[int]:
    """Return the ids of the teams and organizations that the user manages, teams of organizations included."""
    led = {
        row["team_id"]
        for row in store.memberships.values()
        if row["user_id"] == user_id and row["accepted"] and row["role"] in LEADERS
    }
    return frozenset(led | {team["id"] for team in store.teams.values() if team.get("parent_id") in led})


def members(store: Store, team_ids: frozenset[int]) -> frozenset[int]:
    """Return the user ids of the accepted members of these teams."""
    rows = store.memberships.values()
    return frozenset(row["user_id"] for row in rows if row["team_id"] in team_ids and row["accepted"])


def booking_scope(store: Store, user_id: int) -> BookingScope:
    """Return the scope of a user's list: own bookings, attended ones, and those of teams that they manage."""
    teams = led_teams(store, user_id)
    return BookingScope(members(store, teams) | {user_id}, teams, store.users[user_id]["email"])


def organization_scope(store: Store, organization_id: int) -> BookingScope:
    """Return the scope of an organization: its members and its teams."""
    teams = frozenset(team["id"] for team in store.teams.values() if team.get("parent_id") == organization_id)
    return BookingScope(members(store, frozenset({organization_id})), teams | {organization_id})


def may_manage(store: Store, booking: Booking, user_id: int | None) -> bool:
    """Return whether the user hosts the booking or manages a host's team; attending is not enough."""
    # A key may outlive its user.
    if user_id is None or user_id not in store.users:
        return False
    teams = led_teams(store, user_id)
    return is_host(booking, user_id) or BookingScope(members(store, teams), teams).covers(booking)


def is_host(booking: Booking, user_id: int | None) -> bool:
    """Return whether the user is the organizer or one of the hosts."""
    return user_id is not None and (user_id == booking.user_id or user_id in booking.host_ids)


def event_type_hosts(event_type: dict[str, Any]) -> list[int]:
    """Return the user ids of the hosts of an event type: a team's hosts, or its owner."""
    hosts = [host["userId"] for host in event_type.get("hosts") or []]
    return hosts if event_type.get("schedulingType") else [event_type["ownerId"]]


def may_book_protected(store: Store, event_type: dict[str, Any], user_id: int) -> bool:
    """Return whether the user may book an event type that requires authentication."""
    hosts = frozenset(event_type_hosts(event_type))
    teams = led_teams(store, user_id)
    return user_id in hosts or event_type.get("teamId") in teams or not hosts.isdisjoint(members(store, teams))
