"""The hosts of a booking: the owner, all hosts of a collective event type, or the next of a round robin."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from calcom_async.sandbox.event_types.forms import PRIORITIES
from calcom_async.sandbox.event_types.records import host_ids, is_team_event_type
from calcom_async.sandbox.http import errors
from calcom_async.sandbox.http.call import Call
from calcom_async.sandbox.slots.availability import host_is_free
from calcom_async.sandbox.state.booking import Booking
from calcom_async.sandbox.state.store import Store


@dataclass(frozen=True, slots=True)
class HostAssignment:
    """The organizer of a booking, and the hosts that are stored as attendees."""

    organizer: int
    others: list[int] = field(default_factory=list)

    @property
    def everybody(self) -> list[int]:
        """The ids of all hosts, the organizer first."""
        return [self.organizer, *self.others]


def assign_hosts(
    call: Call, event_type: dict[str, Any], start: datetime, end: datetime, *, allow_conflicts: bool = False
) -> HostAssignment:
    """Choose the hosts for a time that was found bookable; with `allow_conflicts` they may be busy."""
    if not is_team_event_type(event_type):
        return HostAssignment(event_type["ownerId"])
    if event_type["schedulingType"] == "collective":
        # The first host of a collective event type is always its organizer.
        organizer, *others = host_ids(event_type)
        return HostAssignment(organizer, others)
    return _next_in_turn(call, event_type, start, end, allow_conflicts=allow_conflicts)


def _next_in_turn(
    call: Call, event_type: dict[str, Any], start: datetime, end: datetime, *, allow_conflicts: bool
) -> HostAssignment:
    """Choose the host of a round robin; hosts that are mandatory always take part."""
    fixed = [host["userId"] for host in event_type["hosts"] if host.get("mandatory")]
    chosen = free_host(call, event_type, start, end, but=fixed)
    if chosen is None and allow_conflicts:
        chosen = next(iter(_in_turn(call.store, event_type, but=fixed)), None)
    if chosen is None:
        if not fixed:
            # The server has a name for this case, `round_robin_host_unavailable_for_booking`, and no status for it.
            raise errors.no_envelope(500, "Internal server error")
        return HostAssignment(fixed[0], fixed[1:])
    return HostAssignment(chosen, fixed)


def free_host(
    call: Call,
    event_type: dict[str, Any],
    start: datetime,
    end: datetime,
    *,
    but: Collection[int] = (),
    ignore_uid: str | None = None,
) -> int | None:
    """Return the free host of the highest priority who was booked least recently."""
    for host_id in _in_turn(call.store, event_type, but=but):
        if host_is_free(call.store, call.clock, event_type, host_id, start, end, ignore_uid=ignore_uid):
            return host_id
    return None


def _in_turn(store: Store, event_type: dict[str, Any], *, but: Collection[int]) -> list[int]:
    """Return the hosts of a round robin: highest priority first, then the one who was booked least recently."""

    def turn(host: dict[str, Any]) -> tuple[int, int]:
        """Return the sort key of a host."""
        latest = store.bookings.newest(event_type["id"], host["userId"])
        return (-PRIORITIES.index(host.get("priority", "medium")), latest.id if latest else 0)

    hosts = [host for host in event_type["hosts"] if host["userId"] not in but]
    return [int(host["userId"]) for host in sorted(hosts, key=turn)]


def replace_organizer(store: Store, booking: Booking, user_id: int) -> None:
    """Replace the organizer, in the title too."""
    old, new = store.users[booking.user_id], store.users[user_id]
    booking.host_ids = [
        user_id,
        *(host_id for host_id in booking.host_ids if host_id not in (booking.user_id, user_id)),
    ]
    booking.title = booking.title.replace(str(old["name"]), str(new["name"]), 1)
    booking.user_id = user_id
