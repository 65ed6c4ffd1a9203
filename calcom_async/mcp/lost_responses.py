"""Find out what became of a change whose response was lost, before the tool returns."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

from calcom_async.errors import CalcomError, UnknownOutcomeError, may_have_acted

T = TypeVar("T")


async def resolve_if_lost(change: Awaitable[T], find_result: Callable[[], Awaitable[T | None]]) -> T:
    """Return the result of a change; if its response is lost, that of `find_result` (None: nothing changed)."""
    try:
        return await change
    except CalcomError as error:
        if not may_have_acted(error):
            raise
        try:
            result = await find_result()
        except CalcomError as problem:
            raise UnknownOutcomeError(f"the response was lost, and so was the look-up: {problem.message}") from error
        if result is None:
            raise CalcomError(
                f"the response was lost ({error.message}). A look-up shows that nothing changed: repeat the call"
            ) from error
        return result
