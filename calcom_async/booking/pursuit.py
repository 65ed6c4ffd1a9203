"""Pursuit: one wish, asked for until it is known what became of it."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any, NoReturn, TypeVar

from calcom_async.errors import (
    BadRequestError,
    CalcomError,
    ConflictError,
    DecodeError,
    RateLimitedError,
    ServerError,
    SlotTakenError,
    TransportError,
    UnknownOutcomeError,
)
from calcom_async.models.bookings import Booking
from calcom_async.models.slots import Slot
from calcom_async.resources.slots import Slots, has_room

R = TypeVar("R")

DEADLINE = 300.0
PAUSE = 0.5
ATTEMPTS = 5
LOOKS = (0, 1, 2, 4)
"""Pauses before the looks that follow a lost answer, in units of the first pause."""
ALTERNATIVES = 10

TAKEN = ("already has booking at this time or is not available", 'can\'t be booked at the "start" time provided')


def answer_is_lost(trouble: CalcomError) -> bool:
    """Whether Cal.com may have acted; a 5xx may come from a proxy that gave up waiting."""
    return isinstance(trouble, ServerError | DecodeError) or (isinstance(trouble, TransportError) and trouble.sent)


def says_taken(trouble: CalcomError) -> bool:
    """Whether the time is not free, as far as Cal.com says why it refuses."""
    if isinstance(trouble, BadRequestError):
        return any(text in trouble.message for text in TAKEN)
    return isinstance(trouble, ConflictError | SlotTakenError)


class Pursuit(ABC):
    """One wish, asked for until it is known what became of it."""

    def __init__(self, slots: Slots, start: datetime, *, deadline: float | None, pause: float) -> None:
        self._slots = slots
        self._start = start.replace(microsecond=0)  # as Cal.com keeps it
        self._pause = pause
        self._now = asyncio.get_running_loop().time
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
    def _search(self) -> dict[str, Any]:
        """The keywords that name the event type in a search for slots."""

    async def outcome(self) -> list[Booking]:
        """The result, or the error that means that there is none."""
        attempts = 0
        while True:
            attempts += 1
            try:
                return await self._ask()
            except CalcomError as error:
                trouble = error
            self._lost = self._lost or answer_is_lost(trouble)
            if not (self._lost or self._is_to_be_looked_into(trouble)):
                raise trouble
            if found := await self._find(trouble):
                return found
            late = attempts == ATTEMPTS or self._now() >= self._ends
            if late or not await self._may_ask_again(trouble):
                await self._give_up(trouble)

    def _is_to_be_looked_into(self, refusal: CalcomError) -> bool:
        return says_taken(refusal)

    async def _may_ask_again(self, trouble: CalcomError) -> bool:
        """Whether it is worth it, now that a look has shown that nothing was done."""
        return answer_is_lost(trouble)

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
        """Put a question again while the trouble is of the passing kind."""
        for tries in range(ATTEMPTS):
            try:
                return await question()
            except (TransportError, ServerError, RateLimitedError, DecodeError):
                pass
            await self._rest(2**tries)
        return await question()

    async def _rest(self, pauses: float) -> None:
        await asyncio.sleep(max(0.0, min(pauses * self._pause, self._ends - self._now())))

    async def _give_up(self, trouble: CalcomError) -> NoReturn:
        """Say why there is no booking."""
        if says_taken(trouble):
            raise await self._taken(str(trouble)) from trouble
        if self._lost:
            trouble.add_note("This call has looked for the booking: none of its making stands.")
        raise trouble

    def _unknown(self, why: str) -> UnknownOutcomeError:
        wanted = self._looks_for()
        return UnknownOutcomeError(
            f"Cal.com may have acted, which could not be learned: {why}. Before asking again look for {wanted}",
            look_for=wanted,
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

    async def _offer(self, **how: Any) -> list[Slot]:
        """The slots from the day before to a week later; whole days, since the span moves the raster."""
        midnight = self._start.replace(hour=0, minute=0, second=0)
        days = await self._slots.search(
            start=midnight - timedelta(days=1), end=midnight + timedelta(days=7), **self._search(), **how
        )
        return [slot for slot in days.slots() if has_room(slot)]

    async def _offer_if_told(self) -> list[Slot]:
        with suppress(CalcomError):
            return await self._offer()
        return []

    def _is_in(self, offer: Sequence[Slot]) -> bool:
        return any(slot.start == self._start for slot in offer)
