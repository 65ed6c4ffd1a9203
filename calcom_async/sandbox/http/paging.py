"""Lists without a pagination object: which rows of one a request asks for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

from calcom_async.sandbox.http.call import Call
from calcom_async.sandbox.http.forms import Field, Form, take_and_skip

T = TypeVar("T")

# What a query starts from; validation errors echo these as if they had been sent.
ASKED_AS = {"take": 250, "skip": 0}


def paged_form(*fields: Field) -> Form:
    """The query of a list: `take` up to 250, `skip`, and filters of its own."""
    return Form(*take_and_skip(), *fields)


PAGING = paged_form()


def read_query(call: Call, form: Form = PAGING) -> dict[str, Any]:
    """Read the query of a list."""
    return form.read({**ASKED_AS, **call.fields})


def page(rows: Sequence[T], query: dict[str, Any]) -> Sequence[T]:
    """The rows that a query asks for."""
    return rows[query["skip"] : query["skip"] + query["take"]]
