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
from calcom_async.operations.specification import catalog_as_specification

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
"""Operations that answer so differently that they are several methods; every other is one."""

OTHER_NAMES = {
    "orgId": {"organization_id"},
    "managedOrganizationId": {"organization_id"},
    "bookingUid": {"uid", "recurring_uid"},
    "uid": {"reservation_uid"},
    "attributeOptionId": {"option_id"},
    "oooId": {"entry_id"},
    "routingFormId": {"form_id"},
}
"""Ids that are called otherwise in Python than in the specification, but for its case."""


@cache
def made() -> dict[Operation, list[PythonCall]]:
    """Return the calls of every operation; other calls have a test of their own."""
    found: dict[Operation, list[PythonCall]] = {}
    for call in python_calls():
        if (operation := find_operation(call.request.method, call.path)) is not None:
            found.setdefault(operation, []).append(call)
    return found


def test_every_operation_has_a_method():
    """Each operation in the catalog has a method."""
    missing = [str(operation) for operation in OPERATIONS if operation not in made()]
    assert missing == [], f"{len(missing)} operations have no method"
    assert len(made()) == len(OPERATIONS) >= 272


def test_every_method_is_an_operation():
    """No method calls an operation that the API does not have."""
    unknown = {
        f"{call.request.method} {call.path}"
        for call in python_calls()
        if find_operation(call.request.method, call.path) is None
    }
    assert unknown == UNSPECIFIED


def test_nothing_is_reachable_under_two_names():
    """Each operation has one method, so removing any method leaves an operation without one."""
    spelled = {str(operation): {call.expression for call in ways} for operation, ways in made().items()}
    assert {operation: ways for operation, ways in spelled.items() if len(ways) > 1} == SHARED


def test_the_python_calls_are_up_to_date():
    """`python_calls.json` is what `python -m calcom_async.operations.python_calls` writes."""
    assert read_python_calls() == expressions()


def test_a_method_that_goes_is_missed():
    """Without any one method, operations are without a method, or one of two ways of asking is gone."""
    methods = {call.method for ways in made().values() for call in ways}
    assert len(methods) > 200
    for gone in methods:
        for operation, ways in made().items():
            left = {call.expression for call in ways if call.method != gone}
            if len(left) < len({call.expression for call in ways}):
                assert not left or str(operation) in SHARED, f"{operation} is still made by {left} without {gone}"


def test_exclusive_keywords_belong_to_methods_that_exist():
    """The exceptions of the calls are those of methods that exist."""
    assert EXCLUSIVE_KEYWORDS.keys() <= {call.method for ways in made().values() for call in ways}


def test_query_body_and_version_are_the_specified_ones():
    """Methods accept exactly the parameters and fields of their operation; each difference has a reason."""
    assert unexplained(compare(catalog_as_specification())) == []


def test_every_exception_explains_a_difference():
    """Each exception about what is sent explains a difference from the catalog."""
    used = set(map(explanation_of, compare(catalog_as_specification())))
    assert [row for row in EXCEPTIONS if row.part in {"query", "body"} and row not in used] == []


def test_versions_are_sent_where_they_are_needed():
    """Each operation sends the API version that it needs, or a newer one that a field needs."""
    wrong = [
        (call.expression, call.request.headers.get("cal-api-version"), operation.version)
        for operation, ways in made().items()
        for call in ways
        if operation.version
        and call.request.headers.get("cal-api-version") not in {operation.version, *operation.newer_versions}
    ]
    assert wrong == []


def test_only_what_is_repeatable_is_repeated():
    """Whether a request is idempotent is a property of the operation."""
    wrong = {
        (call.method, call.context.idempotent)
        for operation, ways in made().items()
        for call in ways
        if call.context.idempotent != operation.idempotent
    }
    assert wrong == set()


def test_redirects_are_answers_only_where_they_are_hoped_for():
    """Only the five GETs that change state may return a redirect."""
    redirected = {operation for operation, ways in made().items() if ways[0].context.expects_redirect}
    assert redirected == {one for one in OPERATIONS if one.verb == "GET" and one.changes}
    assert len(redirected) == 5


def test_ids_are_in_their_places():
    """Each id of a path comes from the parameter of that name, in the order in which they are written."""
    for operation, ways in made().items():
        for call in ways:
            places = [
                (place[1:-1], part[1:-1])
                for place, part in zip(operation.path.split("/"), call.path.split("/"), strict=True)
                if place.startswith("{") and part.startswith("{")
            ]
            for place, name in places:
                snake = re.sub(r"(?=[A-Z])", "_", place).lower()
                assert name in OTHER_NAMES.get(place, {snake}), f"{call.expression}: {{{place}}} is filled with {name}"
            spelled = re.findall(r"\w+(?=[,)])", call.expression)
            named = [name for _, name in places]
            assert [word for word in spelled if word in named] == named, call.expression


def test_lists():
    """A read that answers rows is `Pages`, or a plain list where the answer is short; what is paged is walked."""
    for operation, ways in made().items():
        for call in ways:
            if operation.verb == "GET" and str(operation) not in SHARED:
                assert (call.is_list or get_origin(call.return_type) is list) == operation.is_list, call.expression
            if {"take", "limit"} & operation.query:
                assert call.is_list, call.expression


def test_catalogued_lists_take_what_they_page_by():
    """Errors of paged lists name the page."""
    for operation, ways in made().items():
        if paging := operation.query & {"take", "skip", "limit", "offset"}:
            assert all(paging <= query_names(call) for call in ways), operation
