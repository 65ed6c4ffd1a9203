"""Results that a handler may return instead of the value of `data`.

The pagination object is computed like in `apps/api/v2/src/lib/pagination/pagination.ts` of
https://github.com/calcom/cal.com.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import ceil
from typing import Any


@dataclass(frozen=True, slots=True)
class Page:
    """A list with its `pagination` object."""

    items: Sequence[Any]
    pagination: dict[str, Any]

    @classmethod
    def of(cls, items: Sequence[Any], *, total: int, take: int, skip: int) -> Page:
        """Return a page with the metadata of the real server: `returnedItems` may differ from the length of `data`."""
        return cls(items, pagination(total=total, take=take, skip=skip))


def pagination(*, total: int, take: int, skip: int) -> dict[str, Any]:
    """Return the pagination object, which follows from the total and the query alone."""
    # Computed from the total, which ignores filters on creation and update. So `hasNextPage` may be true on an empty
    # page, and `returnedItems` may differ from the rows.
    start = min(skip, total)
    pages = ceil(total / take)
    return {
        "returnedItems": max(0, min(total - start, take)),
        "totalItems": total,
        "itemsPerPage": take,
        "remainingItems": max(0, total - (start + take)),
        "currentPage": min(start // take + 1, pages),
        "totalPages": pages,
        "hasNextPage": start + take < total,
        "hasPreviousPage": start > 0,
    }


@dataclass(frozen=True, slots=True)
class RawResponse:
    """A response without envelope: JSON for dicts and lists, text for str, empty for None."""

    body: Any = None
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    content_type: str = "application/json; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Status:
    """The response `{"status": "success"}` without data; `status` replaces the HTTP status of the route."""

    status: int | None = None


@dataclass(frozen=True, slots=True)
class Data:
    """A response with fields next to `data`, or with another HTTP status than the route's."""

    data: Any
    status: int | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)
