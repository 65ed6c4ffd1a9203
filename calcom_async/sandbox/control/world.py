"""The data of the sandbox: declare it, keep copies of it, and restore it."""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from calcom_async.sandbox.control.operations import ControlError, Operations
from calcom_async.sandbox.control.target import Target, View
from calcom_async.sandbox.http.messages import HttpRequest
from calcom_async.sandbox.world.documents import World
from calcom_async.sandbox.world.loading import Loaded, WorldError
from calcom_async.sandbox.world.reading import read_world

OPERATIONS = Operations()
BODY_LIMIT = 16_000_000
MAX_SNAPSHOTS = 100
_EXAMPLE: dict[str, Any] = {
    "users": [{"username": "ana", "timeZone": "Europe/Rome"}],
    "eventTypes": [{"slug": "intro", "owner": "ana", "lengthInMinutes": 30}],
    "bookings": [
        {
            "eventType": "ana/intro",
            "start": "2026-11-02T09:00:00Z",
            "attendees": [{"name": "Ada", "email": "ada@example.com", "timeZone": "Europe/Rome"}],
        }
    ],
}


class LoadedRow(View):
    """The id of a declared row, and the name that it was declared with."""

    id: int
    name: str


class LoadedView(View):
    """The ids of the declared rows, in the order of the document. A booking is named by its uid."""

    users: list[LoadedRow]
    teams: list[LoadedRow]
    schedules: list[LoadedRow]
    event_types: list[LoadedRow]
    bookings: list[LoadedRow]


class SnapshotView(View):
    """The number of a snapshot."""

    number: int


class SnapshotsView(View):
    """The snapshots in the order in which they were made."""

    snapshots: list[SnapshotView]


def _read(request: HttpRequest) -> World:
    """Read a world from the body, as YAML if the content type says so."""
    try:
        return read_world(request.raw or b"", yaml="yaml" in request.content_type)
    except WorldError as error:
        raise ControlError(HTTPStatus.BAD_REQUEST, f"body: {error}") from None


@OPERATIONS.add("PUT", "/world", example=_EXAMPLE, body_limit=BODY_LIMIT, read=_read)
def replace_world(sandbox: Target, body: World) -> LoadedView:
    """Replace the data by what the document declares, in JSON or YAML. A reset restores it.

    The first user gets the API key of the sandbox. Faults, rate limits, requests and deliveries are cleared. If a row
    is wrong, nothing changes.
    """
    return _loaded(sandbox.load_world, body)


@OPERATIONS.add(
    "POST", "/world", status=201, example={"users": [{"username": "zoe"}]}, body_limit=BODY_LIMIT, read=_read
)
def add_world(sandbox: Target, body: World) -> LoadedView:
    """Add what the document declares, in JSON or YAML, until the next reset. If a row is wrong, nothing changes."""
    return _loaded(sandbox.add_world, body)


def _loaded(load: Callable[[World], Loaded], world: World) -> LoadedView:
    """Load a world and return the ids of its rows."""
    try:
        loaded = load(world)
    except WorldError as error:
        raise ControlError(HTTPStatus.BAD_REQUEST, f"body: {error}") from None
    return LoadedView(
        users=[LoadedRow(id=user["id"], name=user["username"]) for user in loaded.users],
        teams=[LoadedRow(id=team["id"], name=team["slug"]) for team in loaded.teams],
        schedules=[LoadedRow(id=schedule["id"], name=schedule["name"]) for schedule in loaded.schedules],
        event_types=[LoadedRow(id=row["id"], name=row["slug"]) for row in loaded.event_types],
        bookings=[LoadedRow(id=booking.id, name=booking.uid) for booking in loaded.bookings],
    )


# --- reset and snapshots


@OPERATIONS.add("POST", "/reset", status=204)
def reset(sandbox: Target) -> None:
    """Restore the initial data, and clear faults, rate limits, requests and deliveries. Clock and settings stay."""
    sandbox.reset()


@OPERATIONS.add("GET", "/snapshots")
def list_snapshots(sandbox: Target) -> SnapshotsView:
    """List the snapshots."""
    return SnapshotsView(snapshots=[SnapshotView(number=number) for number in sandbox.snapshots])


@OPERATIONS.add("POST", "/snapshots", status=201)
def make_snapshot(sandbox: Target) -> SnapshotView:
    """Keep a copy of the data."""
    if len(sandbox.snapshots) >= MAX_SNAPSHOTS:
        raise ControlError(HTTPStatus.CONFLICT, f"there are {MAX_SNAPSHOTS} snapshots already; delete one first")
    number = max(sandbox.snapshots, default=0) + 1
    sandbox.snapshots[number] = sandbox.snapshot()
    return SnapshotView(number=number)


@OPERATIONS.add("POST", "/snapshots/{number}/restore", status=204)
def restore_snapshot(sandbox: Target, number: int) -> None:
    """Do as a reset, but restore the data of a snapshot. It can be restored again."""
    if (snapshot := sandbox.snapshots.get(number)) is None:
        raise _unknown(number)
    sandbox.restore(snapshot)


@OPERATIONS.add("DELETE", "/snapshots/{number}", status=204)
def delete_snapshot(sandbox: Target, number: int) -> None:
    """Delete a snapshot."""
    if sandbox.snapshots.pop(number, None) is None:
        raise _unknown(number)


def _unknown(number: int) -> ControlError:
    """Return the error of a snapshot that does not exist."""
    return ControlError(HTTPStatus.NOT_FOUND, f"there is no snapshot {number}")
