"""Paging of lists that return no pagination object, and of lists with a cursor."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from calcom_async.sandbox.http.call import Call
from calcom_async.sandbox.http.constraints import maximum, minimum, number, string
from calcom_async.sandbox.http.errors import bad_request
from calcom_async.sandbox.http.forms import Field, Form, take_and_skip, to_int

T = TypeVar("T")

# Defaults of a query; validation errors repeat them as if they had been sent.
QUERY_DEFAULTS = {"take": 250, "skip": 0}


def paged_form(*fields: Field) -> Form:
    """Return the form of a list query: `take` up to 250, `skip`, and its own filters."""
    return Form(*take_and_skip(), *fields)


PAGING = paged_form()


def read_query(call: Call, form: Form = PAGING) -> dict[str, Any]:
    """Validate the query of a list."""
    return form.read({**QUERY_DEFAULTS, **call.fields})


def page(rows: Sequence[T], query: dict[str, Any]) -> Sequence[T]:
    """Return the rows of the requested page."""
    # Without a pagination object, only a page shorter than `take` tells that the list has ended.
    return rows[query["skip"] : query["skip"] + query["take"]]


def cursor_form(*fields: Field, default: int, most: int) -> Form:
    """Return the form of a list with a cursor: its `limit`, `cursor`, and filters."""
    limit = Field("limit", maximum(most), minimum(1), number, optional=True, convert=to_int, default=default)
    return Form(limit, Field("cursor", string, optional=True), *fields)


def cursor_page(
    rows: Sequence[Mapping[str, Any]], query: Mapping[str, Any]
) -> tuple[list[Mapping[str, Any]], dict[str, Any]]:
    """Return the rows after the cursor, which is the id of the last row before, and where the next page begins."""
    start = 0
    if (cursor := query.get("cursor")) is not None:
        ids = [row["id"] for row in rows]
        if cursor not in ids:
            raise bad_request("Invalid cursor")
        start = ids.index(cursor) + 1
    items = list(rows[start : start + query["limit"]])
    has_more = start + len(items) < len(rows)
    return items, {"nextCursor": items[-1]["id"] if has_more else None, "hasMore": has_more}
