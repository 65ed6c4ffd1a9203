"""What a handler may return instead of the value of `data`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import ceil
from typing import Any

# --- what a handler may return -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Page:
    """A list with its sibling `pagination` object."""

    items: Sequence[Any]
    pagination: dict[str, Any]

    @classmethod
    def of(cls, items: Sequence[Any], *, total: int, take: int, skip: int) -> Page:
        """A page with the metadata that the real server computes (`returnedItems` is not the length of `data`)."""
        return cls(items, pagination(total=total, take=take, skip=skip))


def pagination(*, total: int, take: int, skip: int) -> dict[str, Any]:
    """The pagination object: everything follows from the total and what was asked for."""
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
    """An answer without envelope: JSON for dicts and lists, text for str, nothing for None."""

    body: Any = None
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    content_type: str = "application/json; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Status:
    """The answer `{"status": "success"}` without data; `status` overrides the route's HTTP status."""

    status: int | None = None


@dataclass(frozen=True, slots=True)
class Data:
    """`data` with keys beside it, or with another HTTP status than the route's."""

    data: Any
    status: int | None = None
    beside: Mapping[str, Any] = field(default_factory=dict)
