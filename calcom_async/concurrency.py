"""Call an async function for many items at a time, for `Calcom.map`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterable, Awaitable, Callable, Iterable
from contextlib import aclosing
from math import inf
from typing import Any, Generic, TypeVar

import msgspec

from calcom_async.errors import InvalidRequestError, in_range, shown

Item = TypeVar("Item")
Value = TypeVar("Value")


class MapResult(msgspec.Struct, Generic[Item, Value], frozen=True):
    """Result of a call: `value`, or the `error` that it raised; one of the two is None."""

    item: Item
    value: Value | None = None
    error: Exception | None = None

    def unwrap(self) -> Value:
        """Return the value, or raise the error."""
        if self.error is not None:
            raise self.error
        return self.value  # type: ignore[return-value]


def map_concurrently(
    function: Callable[[Item], Awaitable[Value]],
    items: Iterable[Item] | AsyncIterable[Item],
    *,
    concurrency: int,
    ordered: bool,
) -> AsyncGenerator[MapResult[Item, Value], None]:
    """Check the arguments and return the results as an iterator, which starts with its first step."""
    if not callable(function):
        raise InvalidRequestError(f"function must be an async function, got {shown(function)}")
    if isinstance(items, str | bytes) or not isinstance(items, Iterable | AsyncIterable):
        raise InvalidRequestError(f"items must be an iterable or an async iterable, got {shown(items)}")
    if not isinstance(concurrency, int) or not in_range(concurrency, 1, inf):
        raise InvalidRequestError(f"concurrency must be an integer of at least 1, got {shown(concurrency)}")
    return _results(function, items, concurrency=concurrency, ordered=ordered)


async def _results(
    function: Callable[[Item], Awaitable[Value]],
    items: Iterable[Item] | AsyncIterable[Item],
    *,
    concurrency: int,
    ordered: bool,
) -> AsyncGenerator[MapResult[Item, Value], None]:
    """Yield the results. A task reads items and starts calls, so that calls start also while the caller is busy."""
    free = asyncio.Semaphore(concurrency)  # held from before an item is read until its result is taken
    queue: asyncio.Queue[asyncio.Task[Any]] = asyncio.Queue()
    calls: set[asyncio.Task[Any]] = set()

    async def start_calls() -> None:
        await free.acquire()
        async with aclosing(_each(items)) as iterator:
            async for item in iterator:
                call = asyncio.create_task(_call(function, item))
                calls.add(call)
                if ordered:
                    queue.put_nowait(call)
                else:
                    call.add_done_callback(queue.put_nowait)
                await free.acquire()

    starter = asyncio.create_task(start_calls())
    starter.add_done_callback(queue.put_nowait)
    try:
        while calls or not starter.done():
            task = await queue.get()
            if task is starter:
                continue
            await asyncio.wait([task])
            calls.discard(task)
            free.release()
            yield task.result()
        starter.result()  # raises the error of `items`
    finally:
        for task in (starter, *calls):
            task.cancel()
        await asyncio.gather(starter, *calls, return_exceptions=True)


async def _each(items: Iterable[Item] | AsyncIterable[Item]) -> AsyncGenerator[Item, None]:
    """Yield the items, and close an iterator that was made here, such as that of `Pages`."""
    if not isinstance(items, AsyncIterable):  # tested first: `Pages` has an `__iter__` too, which raises
        for item in items:
            yield item
        return
    iterator = aiter(items)
    try:
        async for item in iterator:
            yield item
    finally:
        if iterator is not items and isinstance(iterator, AsyncGenerator):
            await iterator.aclose()


async def _call(function: Callable[[Item], Awaitable[Value]], item: Item) -> MapResult[Item, Value]:
    try:
        return MapResult(item, value=await function(item))
    except Exception as error:  # noqa: BLE001 - any error belongs to its item
        return MapResult(item, error=error)
