"""Raise `NotFoundError` where the server returns 200 with null for an unknown id."""

from __future__ import annotations

from typing import TypeVar

from calcom_async.errors import NotFoundError

T = TypeVar("T")


def require_found(value: T | None, what: str) -> T:
    """Return the value, or raise the `NotFoundError` that the server should have returned.

    Its `status` is 404 like that of any other; `code` is None, since the server gave none.
    """
    if value is None:
        raise NotFoundError(f"{what} not found", status=404)
    return value
