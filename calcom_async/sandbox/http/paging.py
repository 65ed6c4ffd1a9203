"""Paging of lists that return no pagination object."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

from calcom_async.sandbox.http.call import Call
from calcom_async.sandbox.http.forms import Field, Form, take_and_skip

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
    return rows[query["skip"] : query["skip"] + query["take"]]
