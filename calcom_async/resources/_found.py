"""The few answers in which the server says "unknown" with a 200 and null."""

from __future__ import annotations

from typing import TypeVar

from calcom_async.errors import NotFoundError

T = TypeVar("T")


def found(value: T | None, what: str) -> T:
    """Return what was asked for, or raise the `NotFoundError` that the server should have answered.

    Its `status` is 404, as with any other; `code` is None, since the server gave none.
    """
    if value is None:
        raise NotFoundError(f"{what} not found", status=404)
    return value
