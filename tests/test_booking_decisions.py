"""`cal.cancel`, `cal.confirm` and `cal.decline`: one change, even if its response is lost."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any

import pytest
from sent_requests import ADA, BEA, CLASS, MONDAY, at, book

from calcom_async import BadRequestError, Calcom, InvalidRequestError, NotFoundError, UnknownOutcomeError
from calcom_async.models import Booking
from calcom_async.sandbox import Sandbox
from calcom_async.sandbox.event_types.records import new_event_type

Decide = Callable[[Calcom, str], Awaitable[Booking]]
DECISIONS: dict[str, tuple[Decide, str]] = {
    "cancel": (lambda cal, uid: cal.cancel(uid, reason="Ill"), "cancelled"),
    "confirm": (lambda cal, uid: cal.confirm(uid), "accepted"),
    "decline": (lambda cal, uid: cal.decline(uid, reason="Full"), "rejected"),
}


@pytest.fixture(scope="module")
def running() -> Iterator[Sandbox]:
    with Sandbox(now=MONDAY) as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(running: Sandbox) -> Sandbox:
    """Return a sandbox without bookings and faults."""
    running.store.bookings.clear()
    running.faults.clear()
    return running


@pytest.fixture
async def cal(sandbox: Sandbox) -> AsyncIterator[Calcom]:
    async with Calcom(sandbox.api_key, base_url=sandbox.url, backoff_base=0.001) as cal:
        yield cal


async def pending(cal: Calcom, sandbox: Sandbox) -> str:
    """Book a time that a host has to confirm, and return the uid."""
    policy = {"type": "always", "blockUnconfirmedBookingsInBooker": True}
    fields = {"title": "Ask", "slug": "ask", "lengthInMinutes": 30, "confirmationPolicy": policy}
    uid: str = (await book(cal, 9, new_event_type(sandbox.store, 1, fields)["id"])).uid
    sandbox.requests.clear()
    return uid


def writes(sandbox: Sandbox) -> list[str]:
    return [request.path for request in sandbox.requests if request.method == "POST"]


@pytest.mark.parametrize("name", DECISIONS)
@pytest.mark.parametrize("cut", [None, "before", "after"])
async def test_a_decision_is_made_once(name: str, cut: Any, cal: Calcom, sandbox: Sandbox) -> None:
    """The booking is decided if nothing fails, and if the response is lost before or after the server acted."""
    decide, status = DECISIONS[name]
    uid = await pending(cal, sandbox)
    if cut:
        sandbox.faults.add("POST", f"/v2/bookings/{uid}/{name}", cut=cut, times=1)
    booking = await decide(cal, uid)
    assert (booking.uid, booking.status) == (uid, status)
    assert writes(sandbox) == [f"/v2/bookings/{uid}/{name}"] * (2 if cut == "before" else 1)


@pytest.mark.parametrize("name", DECISIONS)
async def test_an_unknown_outcome(name: str, cal: Calcom, sandbox: Sandbox) -> None:
    """If the look-up after a lost response fails, the outcome is unknown."""
    decide, _ = DECISIONS[name]
    uid = await pending(cal, sandbox)
    sandbox.faults.add("POST", f"/v2/bookings/{uid}/{name}", cut="after", times=1)
    sandbox.faults.add("GET", f"/v2/bookings/{uid}", after=name != "cancel", status=403)
    with pytest.raises(UnknownOutcomeError, match="the look-up failed: GET") as raised:
        await decide(cal, uid)
    assert raised.value.lookup == {"uid": uid}
    assert uid in raised.value.hint


@pytest.mark.parametrize("name", ["confirm", "decline"])
async def test_only_a_pending_booking_is_confirmed_or_declined(name: str, cal: Calcom, sandbox: Sandbox) -> None:
    """The server would restore a cancelled booking, so nothing is sent."""
    uid = await pending(cal, sandbox)
    await cal.cancel(uid, reason="Ill")
    sandbox.requests.clear()
    with pytest.raises(InvalidRequestError, match=f"booking {uid} is cancelled, not pending"):
        await DECISIONS[name][0](cal, uid)
    assert writes(sandbox) == []


async def test_a_lost_response_is_not_mistaken_for_a_reschedule(cal: Calcom, sandbox: Sandbox) -> None:
    """A booking that somebody else has moved counts as not cancelled."""
    booking = await book(cal, 9)
    moved = await cal.reschedule(booking.uid, start=at(11))
    sandbox.faults.add("POST", f"/v2/bookings/{booking.uid}/cancel", cut="before", times=1)
    with pytest.raises(BadRequestError) as raised:
        await cal.cancel(booking.uid, reason="Ill")
    assert raised.value.reason == "already_cancelled"
    assert (await cal.bookings.get(moved.uid)).is_accepted


@pytest.mark.parametrize("cut", ["before", "after"])
async def test_a_seat(cut: Any, cal: Calcom, sandbox: Sandbox) -> None:
    """One seat is cancelled, even if the response is lost; the other one stays."""
    seat, other = [await book(cal, 9, CLASS, attendee) for attendee in (ADA, BEA)]
    sandbox.faults.add("POST", f"/v2/bookings/{seat.uid}/cancel", cut=cut, times=1)
    booking = await cal.cancel(seat.uid, reason="Ill", seat_uid=seat.seat_uid)
    assert booking.is_accepted
    with pytest.raises(NotFoundError):
        await cal.bookings.get_by_seat(seat.seat_uid)
    assert (await cal.bookings.get_by_seat(other.seat_uid)).uid == seat.uid


async def test_the_rest_of_a_series(cal: Calcom, sandbox: Sandbox) -> None:
    """With `following`, an occurrence and all later ones are cancelled, and that occurrence is returned."""
    recurrence = {"interval": 1, "occurrences": 3, "frequency": "weekly"}
    fields = {"title": "Course", "slug": "course", "lengthInMinutes": 30, "recurrence": recurrence}
    first, second, third = await book(cal, 9, new_event_type(sandbox.store, 1, fields)["id"], recurrence_count=3)
    booking = await cal.cancel(second.uid, reason="Over", following=True)
    assert (booking.uid, booking.status) == (second.uid, "cancelled")
    statuses = [row.status for row in await cal.bookings.get_series(first.recurring_booking_uid)]
    assert statuses == ["accepted", "cancelled", "cancelled"]
    with pytest.raises(InvalidRequestError, match="cannot be combined with seat_uid"):
        await cal.cancel(third.uid, following=True, seat_uid="x")
