"""Locks per key: one holder at a time, across threads and event loops."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from timeouts import TIMEOUT

from calcom_async.booking.key_locks import KeyLocks


class Counter:
    """Counts how many calls hold a key at once."""

    def __init__(self, locks: KeyLocks) -> None:
        self.locks = locks
        self.holders = self.most = self.total = 0

    async def hold(self, key: str = "k") -> None:
        async with self.locks.hold(key):
            self.holders += 1
            self.most = max(self.most, self.holders)
            await asyncio.sleep(0)
            self.total += 1
            self.holders -= 1


async def test_one_holder_per_key():
    """Calls with one key run one after the other, other keys do not wait, and no key is kept."""
    locks = KeyLocks()
    counter, other_counter = Counter(locks), Counter(locks)
    async with locks.hold("held"):
        await asyncio.gather(*[counter.hold() for _ in range(20)], *[other_counter.hold("o") for _ in range(20)])
    assert (counter.most, counter.total, other_counter.total) == (1, 20, 20)
    assert locks._waiting == {}


@pytest.mark.parametrize("loop_iterations", range(4))
async def test_a_cancelled_waiter_blocks_nobody(loop_iterations):
    """A call that is cancelled before, while or after it gets the lock passes it on."""
    locks = KeyLocks()
    counter = Counter(locks)
    async with locks.hold("k"):
        waiting = [asyncio.ensure_future(counter.hold()) for _ in range(3)]
        await asyncio.sleep(0)
        waiting[1].cancel()
    for _ in range(loop_iterations):
        await asyncio.sleep(0)
    waiting[0].cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
    await counter.hold()
    assert locks._waiting == {}


async def test_an_error_releases_the_key():
    """An error inside the block releases the key."""
    locks = KeyLocks()
    with pytest.raises(KeyError):
        async with locks.hold("k"):
            raise KeyError
    assert locks._waiting == {}


def test_threads_share_the_locks():
    """Event loops in other threads wait in the same queue."""
    locks, barrier = KeyLocks(), threading.Barrier(4)
    counter = Counter(locks)

    async def holds() -> None:
        barrier.wait(TIMEOUT)
        await asyncio.gather(*[counter.hold() for _ in range(10)])

    with ThreadPoolExecutor(4) as pool:
        for done in [pool.submit(asyncio.run, holds()) for _ in range(4)]:
            done.result(TIMEOUT)
    assert (counter.most, counter.total) == (1, 40)
    assert locks._waiting == {}
