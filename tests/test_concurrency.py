"""Calcom.map: bounded concurrency, order, errors per item, and no task that outlives the loop."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import aclosing
from typing import Any

import pytest
from sent_requests import THIRTY
from virtual_time import run

from calcom_async import Calcom, InvalidRequestError, MapResult, NotFoundError

cal_map = Calcom.map


class Calls:
    """An async function that sleeps as many seconds as its item says, and counts the calls in progress."""

    def __init__(self) -> None:
        self.running = self.most = self.started = self.cancelled = 0

    async def __call__(self, seconds: float) -> float:
        self.started += 1
        self.running += 1
        self.most = max(self.most, self.running)
        try:
            await asyncio.sleep(seconds)
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        finally:
            self.running -= 1
        return seconds * 10


async def fail_for(item: Any) -> Any:
    """Raise the item if it is an exception."""
    if isinstance(item, BaseException):
        raise item
    return item


async def collect(results: AsyncIterator[MapResult[Any, Any]]) -> list[Any]:
    return [result.value async for result in results]


async def as_async(items: Any) -> AsyncIterator[Any]:
    """Yield items; an exception among them is raised."""
    for item in items:
        await asyncio.sleep(0)
        yield await fail_for(item)


def others() -> int:
    """Return the number of tasks other than the current one."""
    return len(asyncio.all_tasks()) - 1


@pytest.mark.parametrize("items", [[3, 1, 2], as_async([3, 1, 2]), iter([3, 1, 2])])
def test_results_come_in_the_order_of_the_items(items):
    """By default the results have the order of the items, from an iterable or an async iterable."""
    assert run(collect(cal_map(Calls(), items))) == [30, 10, 20]


def test_results_as_completed():
    """With `ordered=False` results come as soon as they are there."""
    assert run(collect(cal_map(Calls(), [3, 1, 2], ordered=False))) == [10, 20, 30]


@pytest.mark.parametrize("ordered", [True, False])
def test_calls_in_progress_are_bounded(ordered):
    """At most `concurrency` calls are in progress, and that many are if there are enough items."""
    calls = Calls()
    assert run(collect(cal_map(calls, [1] * 10, concurrency=3, ordered=ordered))) == [10] * 10
    assert calls.most == 3


@pytest.mark.parametrize("ordered", [True, False])
def test_a_slow_reader_bounds_what_is_read(ordered):
    """Of endless items only `concurrency` are read ahead of the reader, however long it takes."""
    read: list[float] = []

    def endless() -> Iterator[float]:
        for number in itertools.count():
            read.append(number)
            yield 0.1

    async def scene() -> list[int]:
        lengths = []
        async with aclosing(cal_map(Calls(), endless(), concurrency=3, ordered=ordered)) as results:
            async for _ in results:
                await asyncio.sleep(100)
                lengths.append(len(read))
                if len(lengths) == 3:
                    break
        return lengths

    assert run(scene()) == [4, 5, 6]


def test_calls_start_while_the_reader_is_busy():
    """A call starts when a result is taken, not when the reader wants the next one."""
    calls = Calls()

    async def scene() -> int:
        async with aclosing(cal_map(calls, [1] * 9, concurrency=2)) as results:
            await anext(results)
            await asyncio.sleep(0.5)
            return calls.started

    assert run(scene()) == 3


def test_results_do_not_wait_for_the_next_item():
    """A result is delivered while the next item is not there yet."""

    async def slow_items() -> AsyncIterator[float]:
        yield 1
        await asyncio.sleep(100)
        yield 1

    async def scene() -> list[float]:
        clock = asyncio.get_running_loop().time
        return [clock() async for _ in cal_map(Calls(), slow_items())]

    assert run(scene(), start=0.0) == [1, 101]


def test_no_items():
    """Without items there is no result, and nothing starts before the loop."""

    async def scene() -> tuple[int, list[Any]]:
        results = cal_map(Calls(), [])
        return others(), await collect(results)

    assert run(scene()) == (0, [])


# --------------------------------------------------------------------------------------------------------------- errors


@pytest.mark.parametrize("ordered", [True, False])
def test_an_error_belongs_to_its_item(ordered):
    """A failed call gives a result with its error, and the others go on."""

    async def scene() -> list[MapResult[Any, Any]]:
        return [result async for result in cal_map(fail_for, [1, ValueError("odd"), 3], ordered=ordered)]

    first, failed, last = run(scene())
    assert (first.unwrap(), last.unwrap()) == (1, 3)
    assert (failed.value, failed.error, first.error) == (None, failed.item, None)
    with pytest.raises(ValueError, match="odd"):
        failed.unwrap()


@pytest.mark.parametrize("ordered", [True, False])
@pytest.mark.parametrize("error", [ValueError("odd"), asyncio.CancelledError("odd")])
def test_an_error_of_the_items_comes_last(ordered, error):
    """An error of the iterable is raised after the results of the items before it."""
    values = []

    async def scene() -> None:
        async for result in cal_map(Calls(), as_async([2, 1, error]), ordered=ordered):
            values.append(result.value)  # noqa: PERF401 - those before the error count

    with pytest.raises(type(error), match="odd"):
        run(scene())
    assert sorted(values) == [10, 20]


@pytest.mark.parametrize("ordered", [True, False])
def test_a_cancelled_call_is_no_result(ordered):
    """A CancelledError of the function is raised in the loop, and ends the other calls."""
    calls = Calls()

    async def call(item: Any) -> Any:
        return await (calls(item) if item else fail_for(asyncio.CancelledError("inside")))

    async def scene() -> int:
        with pytest.raises(asyncio.CancelledError):
            await collect(cal_map(call, [0, 5, 5], ordered=ordered))
        return others()

    assert run(scene()) == 0
    assert calls.cancelled == 2


def test_an_interrupt_is_no_result():
    """A KeyboardInterrupt in a call ends the program, as anywhere else."""
    with pytest.raises(KeyboardInterrupt):
        run(collect(cal_map(fail_for, [KeyboardInterrupt()])))


@pytest.mark.parametrize(
    ("function", "items", "options", "message"),
    [
        (None, [], {}, "function must be an async function, got None"),
        (fail_for, 5, {}, "items must be an iterable or an async iterable, got 5"),
        (fail_for, "uid", {}, "items must be an iterable or an async iterable, got 'uid'"),
        (fail_for, [], {"concurrency": 0}, "concurrency must be an integer of at least 1, got 0"),
        (fail_for, [], {"concurrency": True}, "concurrency must be an integer of at least 1, got True"),
        (fail_for, [], {"concurrency": 1.5}, "concurrency must be an integer of at least 1, got 1.5"),
    ],
)
def test_invalid_arguments_raise_at_once(function, items, options, message):
    """Invalid arguments raise before the loop starts."""
    with pytest.raises(InvalidRequestError, match=message):
        cal_map(function, items, **options)


# -------------------------------------------------------------------------------------------------------------- the end


@pytest.mark.parametrize("ordered", [True, False])
def test_leaving_the_loop_ends_all_calls(ordered):
    """After `break` the calls in progress are cancelled and awaited, even without `aclosing`."""
    calls = Calls()

    async def scene() -> int:
        async for _ in cal_map(calls, itertools.chain([0], itertools.repeat(9)), concurrency=4, ordered=ordered):
            break
        for _ in range(5):
            await asyncio.sleep(0)
        return others()

    assert run(scene()) == 0
    assert (calls.running, calls.cancelled) == (0, calls.started - 1)


@pytest.mark.parametrize("ordered", [True, False])
def test_cancelling_the_loop_ends_all_calls(ordered):
    """When the task of the loop is cancelled, all calls have ended before it has."""
    calls = Calls()

    async def scene() -> int:
        loop = asyncio.create_task(collect(cal_map(calls, [5] * 9, concurrency=4, ordered=ordered)))
        await asyncio.sleep(1)
        loop.cancel()
        await asyncio.wait([loop])
        assert loop.cancelled()
        return others()

    assert run(scene()) == 0
    assert (calls.running, calls.cancelled) == (0, 4)


def test_an_own_iterator_of_items_is_closed():
    """An iterator that the loop has made from `items` is closed; one that the caller holds can be used further."""
    closed = []

    class Rows:
        async def __aiter__(self) -> AsyncIterator[float]:
            try:
                for _ in range(9):
                    yield 0
            finally:
                closed.append(True)

    async def scene() -> int:
        for items in (Rows(), held := aiter(Rows())):
            async with aclosing(cal_map(Calls(), items, concurrency=1)) as results:
                await anext(results)
        assert closed == [True]
        return len([item async for item in held])

    assert run(scene()) in {7, 8}


async def test_with_a_client(calcom_client: Callable[..., Calcom]):
    """A list and a method of the client: rows are the items, and an API error belongs to its item."""
    async with calcom_client() as cal:
        ids = [THIRTY, 10**6]
        found, missing = [result async for result in cal.map(cal.event_types.get, ids, concurrency=2)]
        assert found.unwrap().id == THIRTY
        assert (type(missing.error), missing.item) == (NotFoundError, 10**6)

        async def title(event_type: Any) -> str:
            return (await cal.event_types.get(event_type.id)).title

        assert len(await collect(cal.map(title, cal.event_types.list()))) == 3
