"""KeyLocks: one call at a time for each key."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from timeouts import TIMEOUT

from calcom_async.booking.key_locks import KeyLocks


class Counter:
    """Counts how many are inside at once, and the most there ever were."""

    def __init__(self, turns: KeyLocks) -> None:
        self.turns = turns
        self.inside = self.most = self.total = 0

    async def visit(self, key: str = "k") -> None:
        async with self.turns.hold(key):
            self.inside += 1
            self.most = max(self.most, self.inside)
            await asyncio.sleep(0)
            self.total += 1
            self.inside -= 1


async def test_one_at_a_time_for_each_key():
    """Calls with one key follow each other, others do not wait, and no key is kept."""
    turns = KeyLocks()
    one, other = Counter(turns), Counter(turns)
    async with turns.hold("held"):
        await asyncio.gather(*[one.visit() for _ in range(20)], *[other.visit("o") for _ in range(20)])
    assert (one.most, one.total, other.total) == (1, 20, 20)
    assert turns._waiting == {}


@pytest.mark.parametrize("turns_of_the_loop", range(4))
async def test_who_stops_waiting_holds_up_nobody(turns_of_the_loop):
    """A call that is cancelled before, while or after its turn comes passes the turn on."""
    turns = KeyLocks()
    counter = Counter(turns)
    async with turns.hold("k"):
        waiting = [asyncio.ensure_future(counter.visit()) for _ in range(3)]
        await asyncio.sleep(0)
        waiting[1].cancel()
    for _ in range(turns_of_the_loop):
        await asyncio.sleep(0)
    waiting[0].cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
    await counter.visit()
    assert turns._waiting == {}


async def test_a_failure_gives_the_turn_back():
    """An error inside the block ends the turn."""
    turns = KeyLocks()
    with pytest.raises(KeyError):
        async with turns.hold("k"):
            raise KeyError
    assert turns._waiting == {}


def test_threads_wait_for_each_other():
    """Event loops of other threads wait in the same line."""
    turns, barrier = KeyLocks(), threading.Barrier(4)
    counter = Counter(turns)

    async def visits() -> None:
        barrier.wait(TIMEOUT)
        await asyncio.gather(*[counter.visit() for _ in range(10)])

    with ThreadPoolExecutor(4) as pool:
        for done in [pool.submit(asyncio.run, visits()) for _ in range(4)]:
            done.result(TIMEOUT)
    assert (counter.most, counter.total) == (1, 40)
    assert turns._waiting == {}
