"""The clock: read, set, move, freeze and release it."""

from __future__ import annotations

from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Annotated

from msgspec import UNSET, Meta, UnsetType

from calcom_async.sandbox.control.operations import ControlError, Operations
from calcom_async.sandbox.control.target import Body, Target, View
from calcom_async.sandbox.state.clock import EARLIEST, LATEST, Clock, iso

OPERATIONS = Operations()
Moment = Annotated[datetime, Meta(tz=True, examples=["2026-12-01T09:00:00Z"])]
MILLENNIUM = 31_557_600_000.0


class ClockView(View):
    """The clock of the sandbox; `now` is in UTC."""

    now: str
    frozen: bool


class ClockChange(Body):
    """Changes of the clock, applied in this order.

    `now` sets the clock and freezes it. `moveBy` moves it by seconds, back if negative. `frozen: false` lets it run.
    """

    now: Moment | UnsetType = UNSET
    move_by: Annotated[float, Meta(ge=-MILLENNIUM, le=MILLENNIUM)] = 0
    frozen: bool | UnsetType = UNSET


@OPERATIONS.add("GET", "/clock")
def read_clock(sandbox: Target) -> ClockView:
    """Read the clock."""
    return _view(sandbox.context.clock)


@OPERATIONS.add("PATCH", "/clock", example={"now": "2026-12-01T09:00:00Z"})
def change_clock(sandbox: Target, body: ClockChange) -> ClockView:
    """Set, move, freeze or release the clock. What is due by then, such as webhooks of meetings that begin, is sent."""
    clock = sandbox.context.clock
    try:
        target = (clock.now() if body.now is UNSET else body.now) + timedelta(seconds=body.move_by)
        within = EARLIEST <= target <= LATEST
    except OverflowError:
        within = False
    if not within:
        raise ControlError(HTTPStatus.BAD_REQUEST, f"the clock must stay between {iso(EARLIEST)} and {iso(LATEST)}")
    if body.now is not UNSET:
        clock.set(body.now)
    clock.move(seconds=body.move_by)
    if body.frozen is not UNSET:
        clock.freeze() if body.frozen else clock.resume()
    sandbox.context.store.schedule.run_due(clock.now())
    return _view(clock)


def _view(clock: Clock) -> ClockView:
    """Return the clock as JSON."""
    return ClockView(now=iso(clock.now()), frozen=clock.frozen)
