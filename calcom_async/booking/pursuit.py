"""Pursuit: one wish, asked for until it is known what became of it."""

from __future__ import annotations

import asyncio
import random
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any, NoReturn, TypeVar

from calcom_async.errors import (
    BadRequestError,
    CalcomError,
    ConflictError,
    InvalidRequestError,
    SlotTakenError,
    UnknownOutcomeError,
    in_range,
    is_transient,
    may_have_acted,
    shown,
)
from calcom_async.models.bookings import Booking
from calcom_async.models.slots import Slot
from calcom_async.models.times import parse_datetime
from calcom_async.resources.slots import Slots, has_room

R = TypeVar("R")

LONGEST = 1e9  # seconds that a deadline can be away
DEADLINE = 300.0
PAUSE = 0.5
ATTEMPTS = 5
"""How often an operation is tried whose response is lost, and a question whose response is."""
RACES = 20
"""How often a slot is tried that others try to get at the same moment, while it stays free."""
LOOKS = (0, 1, 2, 4)
"""Pauses before the looks that follow a lost answer, in units of the first pause."""
ALTERNATIVES = 10
DAY = timedelta(days=1)

TAKEN = ("already has booking at this time or is not available", 'can\'t be booked at the "start" time provided')


def says_taken(trouble: CalcomError) -> bool:
    """Whether the time is not free, as far as Cal.com says why it refuses."""
    if isinstance(trouble, BadRequestError):
        return any(text in trouble.message for text in TAKEN)
    return isinstance(trouble, ConflictError | SlotTakenError)


class Pursuit(ABC):
    """One wish, asked for until it is known what became of it."""

    def __init__(self, slots: Slots, start: Any, *, deadline: float | None, pause: float) -> None:
        self._slots = slots
        start = parse_datetime(start, "start")
        try:
            self._start: datetime = start.astimezone(UTC).replace(microsecond=0)  # as Cal.com keeps it
            self._midnight = self._start.replace(hour=0, minute=0, second=0)
            self._days: dict[str, Any] = {"start": self._midnight - DAY, "end": self._midnight + 7 * DAY}
        except OverflowError:
            raise InvalidRequestError(f"start is out of range: {start.isoformat()}") from None
        self._pause = pause
        self._now = asyncio.get_running_loop().time
        if deadline is not None and not in_range(deadline, 0, LONGEST):
            raise InvalidRequestError(f"deadline must be from 0 to {LONGEST:g} seconds, not {shown(deadline)}")
        self._ends = self._now() + (DEADLINE if deadline is None else deadline)
        self._lost = False
        """Whether any answer was lost so far."""
        self._may_leave_parts = False
        """Whether a refusal, too, may have left something behind."""

    @abstractmethod
    async def _ask(self) -> list[Booking]:
        """Ask Cal.com to act."""

    @abstractmethod
    async def _look(self) -> list[Booking] | None:
        """What it has made of the wish so far, if anything."""

    @abstractmethod
    def _looks_for(self) -> dict[str, Any]:
        """What identifies the result, for somebody else to look for."""

    @abstractmethod
    def _sought(self) -> str:
        """The same in words."""

    @abstractmethod
    def _search(self) -> dict[str, Any]:
        """The keywords that name the event type in a search for slots."""

    async def outcome(self) -> list[Booking]:
        """The result, or the error that means that there is none."""
        lost = refused = 0
        while True:
            try:
                return await self._ask()
            except CalcomError as error:
                trouble = error
            if may_have_acted(trouble):
                lost += 1
                self._lost = True
            else:
                refused += 1
            if not (self._lost or self._is_to_be_looked_into(trouble)):
                raise trouble
            if found := await self._find(trouble):
                return found
            late = lost == ATTEMPTS or refused == RACES or self._now() >= self._ends
            if late or not await self._may_ask_again(trouble):
                await self._give_up(trouble)

    def _is_to_be_looked_into(self, refusal: CalcomError) -> bool:
        return says_taken(refusal)

    async def _may_ask_again(self, trouble: CalcomError) -> bool:
        """Whether it is worth it, now that a look has shown that nothing was done."""
        return may_have_acted(trouble)

    async def _find(self, trouble: CalcomError) -> list[Booking] | None:
        """Look; after a lost answer several times, as the request may still be under way."""
        try:
            for pause in LOOKS if self._lost else LOOKS[:1]:
                await self._rest(pause)
                if found := await self._persistently(self._look):
                    return found
        except CalcomError as problem:
            if self._lost or self._may_leave_parts:
                raise self._unknown(f"the look-up failed: {problem}") from trouble
        return None

    async def _persistently(self, question: Callable[[], Awaitable[R]]) -> R:
        """Put a question again while the trouble is of the passing kind, but not after the deadline."""
        tries = 0
        while True:
            try:
                return await question()
            except CalcomError as error:
                if not is_transient(error) or tries == ATTEMPTS or self._now() >= self._ends:
                    raise
            await self._rest(2**tries)
            tries += 1

    async def _rest(self, pauses: float) -> None:
        await asyncio.sleep(max(0.0, min(pauses * self._pause, self._ends - self._now())))

    async def _rest_after_a_race(self, races: int) -> None:
        """Pause at random, so that those who met once do not meet again; longer from time to time."""
        await self._rest(random.uniform(0, min(2**races, 8)))  # noqa: S311 - no secret

    async def _give_up(self, trouble: CalcomError) -> NoReturn:
        """Say why there is no booking."""
        if says_taken(trouble):
            raise await self._taken(str(trouble)) from trouble
        if self._lost:
            trouble.add_note("This call has looked for the booking: none of its making stands.")
        raise trouble

    def _unknown(self, why: str) -> UnknownOutcomeError:
        return UnknownOutcomeError(
            f"Cal.com may have acted, but the outcome could not be determined: {why}. "
            f"Before you try again, look for {self._sought()}",
            look_for=self._looks_for(),
        )

    async def _taken(self, why: str, offer: Sequence[Slot] | None = None) -> SlotTakenError:
        if offer is None:
            offer = await self._offer_if_told()
        others = sorted(
            (slot for slot in offer if slot.start != self._start), key=lambda slot: abs(slot.start - self._start)
        )
        nearest = f"; the nearest free slot is {others[0].start.isoformat()}" if others else ""
        text = f"{self._start.isoformat()} is not free: {why}{nearest}"
        return SlotTakenError(text, alternatives=others[:ALTERNATIVES])

    async def _offer(self) -> list[Slot]:
        """The slots from the day before to a week later; whole days, since the span moves the raster."""
        days = await self._slots.search(**self._days, **self._search())
        return [slot for slot in days.slots() if has_room(slot)]

    async def _offer_if_told(self) -> list[Slot]:
        with suppress(CalcomError):
            return await self._offer()
        return []
