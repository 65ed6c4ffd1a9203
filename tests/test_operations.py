"""The contract: every operation of the API has a method, with exactly the parameters of the operation.

`calcom_async.operations.python_calls` calls each method with all parameters. The request is compared with
`calcom_async.operations.catalog`, which the tests in tests/sandbox compare with the official specification.
"""

from __future__ import annotations

import re
from functools import cache
from typing import get_origin

from calcom_async.operations.catalog import OPERATIONS, Operation, find_operation, read_python_calls
from calcom_async.operations.drift import compare, explanation_of, query_names, unexplained
from calcom_async.operations.exceptions import EXCEPTIONS
from calcom_async.operations.python_calls import EXCLUSIVE_KEYWORDS, PythonCall, expressions, python_calls
from calcom_async.operations.specification import catalog_as_specification, read_specification

UNSPECIFIED = {"DELETE /v2/bookings/{uid}/attendees/{attendee_id}"}
"""Parameters of newer servers that the specification does not list."""

SHARED = {
    "GET /v2/bookings/{bookingUid}": {"cal.bookings.get(uid)", "cal.bookings.get_series(recurring_uid)"},
    "POST /v2/bookings/{bookingUid}/cancel": {
        "cal.bookings.cancel(uid, ...)",
        "cal.bookings.cancel_subsequent(uid, ...)",
        "cal.bookings.cancel_series(recurring_uid, ...)",
    },
    "POST /v2/bookings": {"cal.bookings.create(...)", "cal.bookings.create_series(...)"},
}
"""Operations with responses so different that they are several methods; every other operation is one."""

OTHER_NAMES = {
    "orgId": {"organization_id"},
    "managedOrganizationId": {"organization_id"},
    "bookingUid": {"uid", "recurring_uid"},
    "uid": {"reservation_uid"},
    "attributeOptionId": {"option_id"},
    "oooId": {"entry_id"},
    "routingFormId": {"form_id"},
}
"""Ids whose Python name is not the one of the specification in snake case."""


@cache
def all_calls() -> list[PythonCall]:
    """Return every call that the client offers."""
    return list(python_calls())


@cache
def calls_by_operation() -> dict[Operation, list[PythonCall]]:
    """Return the calls of every operation."""
    by_operation: dict[Operation, list[PythonCall]] = {}
    for call in all_calls():
        if (operation := find_operation(call.request.method, call.path)) is not None:
            by_operation.setdefault(operation, []).append(call)
    return by_operation


def test_every_operation_has_a_method():
    """Each operation in the catalog has a method."""
    missing = [str(operation) for operation in OPERATIONS if operation not in calls_by_operation()]
    assert missing == [], f"{len(missing)} operations have no method"
    assert len(calls_by_operation()) == len(OPERATIONS) == 349


def test_every_method_is_an_operation():
    """No method calls an operation that the API does not have."""
    unknown = {
        f"{call.request.method} {call.path}"
        for call in all_calls()
        if find_operation(call.request.method, call.path) is None
    }
    assert unknown == UNSPECIFIED


def test_each_operation_has_one_method():
    """Each operation has one method, except those that are listed as several."""
    spelled = {str(operation): {call.expression for call in calls} for operation, calls in calls_by_operation().items()}
    assert {operation: calls for operation, calls in spelled.items() if len(calls) > 1} == SHARED


def test_the_python_calls_are_up_to_date():
    """`python_calls.json` is what `python -m calcom_async.operations.python_calls` writes."""
    assert read_python_calls() == expressions()


def test_no_method_is_superfluous():
    """Without any one method, an operation has no method, or one fewer of the listed ones."""
    methods = {call.method for calls in calls_by_operation().values() for call in calls}
    assert len(methods) > 200
    for removed in methods:
        for operation, calls in calls_by_operation().items():
            remaining = {call.expression for call in calls if call.method != removed}
            if len(remaining) < len({call.expression for call in calls}):
                assert not remaining or str(operation) in SHARED, (
                    f"{operation} is still made by {remaining} without {removed}"
                )


def test_exclusive_keywords_belong_to_methods():
    """Each entry of `EXCLUSIVE_KEYWORDS` is the name of a method."""
    assert EXCLUSIVE_KEYWORDS.keys() <= {call.method for calls in calls_by_operation().values() for call in calls}


def test_query_and_body_are_the_specified_ones():
    """Methods accept exactly the parameters and fields of their operation; each difference has a reason."""
    assert unexplained(compare(catalog_as_specification())) == []


def test_every_exception_explains_a_difference(shared):
    """Each exception about what is sent explains a difference from the catalog or from the newest specification."""
    newest = read_specification(shared / "reference" / "live" / "openapi.json")
    specifications = (catalog_as_specification(), newest)
    used = {explanation_of(difference) for known in specifications for difference in compare(known)}
    assert [row for row in EXCEPTIONS if row.part in {"query", "body"} and row not in used] == []


def test_versions_are_sent_where_they_are_needed():
    """Each operation sends the API version that it needs, or a newer one that a field needs."""
    wrong = [
        (call.expression, call.request.headers.get("cal-api-version"), operation.version)
        for operation, calls in calls_by_operation().items()
        for call in calls
        if operation.version
        and call.request.headers.get("cal-api-version") not in {operation.version, *operation.newer_versions}
    ]
    assert wrong == []


def test_idempotent_operations():
    """Requests are idempotent exactly if their operation is."""
    wrong = {
        (call.method, call.context.idempotent)
        for operation, calls in calls_by_operation().items()
        for call in calls
        if call.context.idempotent != operation.idempotent
    }
    assert wrong == set()


def test_operations_that_return_redirects():
    """Exactly the five GET operations that change state may return a redirect."""
    redirected = {operation for operation, calls in calls_by_operation().items() if calls[0].context.expects_redirect}
    assert redirected == {operation for operation in OPERATIONS if operation.verb == "GET" and operation.changes}
    assert len(redirected) == 5


def test_ids_of_paths():
    """Each id of a path comes from the parameter of its name, in the order of the path."""
    for operation, calls in calls_by_operation().items():
        for call in calls:
            placeholders = [
                (placeholder[1:-1], part[1:-1])
                for placeholder, part in zip(operation.path.split("/"), call.path.split("/"), strict=True)
                if placeholder.startswith("{") and part.startswith("{")
            ]
            for placeholder, name in placeholders:
                snake = re.sub(r"(?=[A-Z])", "_", placeholder).lower()
                assert name in OTHER_NAMES.get(placeholder, {snake}), (
                    f"{call.expression}: {{{placeholder}}} is filled with {name}"
                )
            spelled = re.findall(r"\w+(?=[,)])", call.expression)
            named = [name for _, name in placeholders]
            assert [word for word in spelled if word in named] == named, call.expression


def test_lists():
    """A read that returns rows is `Pages` or a list, and an operation with pages is `Pages`."""
    for operation, calls in calls_by_operation().items():
        for call in calls:
            if operation.verb == "GET" and str(operation) not in SHARED:
                assert (call.is_list or get_origin(call.return_type) is list) == operation.is_list, call.expression
            if {"take", "limit"} & operation.query:
                assert call.is_list, call.expression


def test_lists_send_their_pagination():
    """Lists send all pagination parameters of their operation."""
    for operation, calls in calls_by_operation().items():
        if paging := operation.query & {"take", "skip", "limit", "offset"}:
            assert all(paging <= query_names(call) for call in calls), operation
