"""The catalog: the operations that the specification has, the sandbox answers, and nothing else."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from functools import cache
from typing import Any, get_args

import msgspec
import pytest
from http_client import sandbox_client

from calcom_async.operations.catalog import OPERATIONS, Operation, field_names, find_operation
from calcom_async.operations.python_calls import python_calls
from calcom_async.sandbox import version_2024_04_15
from calcom_async.sandbox.http.routing import Route
from calcom_async.sandbox.http.server_kind import DEFAULT_VERSION, SERVER_KINDS
from calcom_async.sandbox.sandbox import ROUTES

VERSIONS = SERVER_KINDS["hosted"].versions
UNSPECIFIED = {
    ("DELETE", "/v2/bookings/{bookingUid}/attendees/{attendeeId}"),
    ("GET", "/health"),
    ("GET", "/docs"),
    ("GET", "/v2/timezones"),
    ("GET", "/v2/provider/{clientId}"),
    ("GET", "/v2/provider/{clientId}/access-token"),
    ("GET", "/v2/gcal/check"),
    ("POST", "/v2/oauth/{clientId}/exchange"),
}
"""What servers answer and the specification does not name, apart from the oldest version."""

ROUTES_OF: dict[tuple[str, str], list[Route]] = {}
for route in ROUTES:
    ROUTES_OF.setdefault((route.method, route.path), []).append(route)


def route_of(operation: Operation) -> Route:
    """The route that answers the version which the catalog names."""
    version = operation.version or DEFAULT_VERSION
    routes = ROUTES_OF[operation.verb, operation.path]
    return next(route for route in routes if route.accepts(version))


def test_the_sandbox_has_every_operation():
    """Each operation has a route, and few routes of later versions than the oldest are no operations."""
    known = {(operation.verb, operation.path) for operation in OPERATIONS}
    assert len(known) == len(OPERATIONS) == 349
    assert known - ROUTES_OF.keys() == set()
    oldest = {(route.method, route.path) for route in version_2024_04_15.ROUTES}
    assert ROUTES_OF.keys() - known - oldest == UNSPECIFIED


def test_no_route_hides_another():
    """Where two handlers share a path, they answer different versions."""
    for key, routes in ROUTES_OF.items():
        answering = [version for route in routes for version in VERSIONS if route.accepts(version)]
        assert len(answering) == len(set(answering)), key


def test_operations_without_state_are_marked():
    """Routes and catalog agree on the operations that only return a shape."""
    marked = {(operation.verb, operation.path) for operation in OPERATIONS if not operation.stateful}
    assert marked == {(route.method, route.path) for route in ROUTES if not route.stateful}
    assert len(marked) < len(OPERATIONS) / 10


def test_groups_have_the_counts_of_the_specification():
    """At least as many operations lie below each first word as in March 2026."""
    below = Counter(operation.path.split("/")[2] for operation in OPERATIONS)
    assert below >= Counter(
        {
            "me": 2,
            "event-types": 15,
            "bookings": 21,
            "schedules": 6,
            "slots": 5,
            "webhooks": 5,
            "calendars": 11,
            "selected-calendars": 2,
            "destination-calendars": 1,
            "conferencing": 7,
            "stripe": 3,
            "teams": 33,
            "verified-resources": 8,
            "organizations": 131,
            "routing-forms": 1,
            "oauth-clients": 17,
            "oauth": 1,
            "auth": 2,
            "api-keys": 1,
        }
    )


def versions_of(path: str) -> frozenset[str]:
    """The versions that answer in the shapes of the catalog, by family."""
    nothing_sent = frozenset({"2024-04-15"})
    families = {
        r"/v2/slots(/.*)?": frozenset({"2024-09-04"}),
        r"/v2/bookings/\{bookingUid\}/(guests|location)": frozenset({"2024-08-13"}),
        r"/v2/bookings/verification/.*": VERSIONS,
        r"/v2/bookings/\{bookingUid\}/request-reschedule": frozenset({"2026-02-25"}),
        r"/v2/bookings(/.*)?": frozenset({"2024-08-13", "2026-02-25"}),
        r"/v2/event-types/\{eventTypeId\}/private-links(/.*)?": nothing_sent,
        r"/v2/event-types(/\{eventTypeId\})?": frozenset({"2024-06-14", "2026-06-12"}),
        r"/v2/(.*/)?event-types/\{eventTypeId\}/booking-fields(/.*)?": frozenset({"2026-06-12"}),
        r"/v2/event-types/\{eventTypeId\}/(history|scheduling-config|crm-sync-errors)": frozenset({"2026-06-12"}),
        r"/v2/schedules(/.*)?": frozenset({"2024-06-11", "2024-06-14"}),
        r"/v2/(.*/)?verified-resources(/.*)?": nothing_sent,
    }
    return next((versions for family, versions in families.items() if re.fullmatch(family, path)), VERSIONS)


def test_versions():
    """A route answers the versions of its family, and the catalog names one of them where sending none would not do."""
    for operation in OPERATIONS:
        expected = versions_of(operation.path)
        assert answered(route_of(operation)) == expected, operation
        assert operation.version in (expected if "2024-04-15" not in expected else {None}), operation


def answered(route: Route) -> frozenset[str]:
    return frozenset(version for version in VERSIONS if route.accepts(version))


def test_reads_are_idempotent_and_creations_are_not():
    """A GET that changes no state is idempotent; a POST that creates something is not."""
    for operation in OPERATIONS:
        if not operation.changes or operation.verb == "PUT":
            assert operation.idempotent, operation
        if operation.verb == "POST" and route_of(operation).status == 201:
            assert not operation.idempotent, operation
    computing = {operation.path for operation in OPERATIONS if operation.verb == "POST" and not operation.changes}
    assert {path for path in computing if not path.startswith("/v2/insights/")} == {
        "/v2/routing-forms/{routingFormId}/calculate-slots",
        "/v2/bookings/verification/email/verify-code",
    }


# --- shape-only answers


PLACEHOLDERS = {
    "/v2/event-types/{event_type_id}": "/v2/event-types/1",
    "{organization_id}": "1",
    "{team_id}": "2",
    "{event_uid}": "uid",
    "{uuid}": "11111111-1111-4111-8111-111111111111",
    "{service}": "webhooks",
    "{event_type_id}": "{}",
    "{user_id}": "1",
}
ONLY_IN_LISTS = {"GET /v2/events/{uuid}": {"confirmedCount"}}
"""Fields that an operation does not return, although its model has them."""


@cache
def shapes() -> dict[str, Any]:
    """The request that makes each shape-only operation, and what its method reads the answer as."""
    shapes_by_operation = {}
    for call in python_calls():
        operation = find_operation(call.request.method, call.path)
        if operation is not None and not operation.stateful:
            shapes_by_operation[str(operation)] = call
    return shapes_by_operation


@pytest.mark.parametrize("name", [str(operation) for operation in OPERATIONS if not operation.stateful])
def test_a_shape_fits(name):
    """An operation that only returns a shape returns every field of its model, strictly decoded."""
    call = shapes()[name]
    path = call.path
    for placeholder, value in PLACEHOLDERS.items():
        path = path.replace(placeholder, value)
    with sandbox_client(bookings=1) as api:
        event_type = {"title": "T", "slug": "t", "lengthInMinutes": 30, "schedulingType": "roundRobin"}
        team = path.partition("/event-types")[0]
        if "{}" in path:
            path = path.format(api.post(f"{team}/event-types", event_type).data["id"])
        booking = next(iter(api.sandbox.store.bookings.values()))
        booking.references = [{"type": "google_calendar", "eventUid": "uid"}]
        query = f"?{call.request.query}" if call.request.query else ""
        api.version = call.request.headers.get("cal-api-version", "")
        response = api(call.request.method, path + query, json.loads(call.request.body or "null"))
    if call.return_type is type(None):
        assert response.status == 200
        return
    kind = list[get_args(call.return_type)[0]] if call.is_list else call.return_type
    rows = response.data["auditLogs"] if call.is_list and isinstance(response.data, dict) else response.data
    decoded = msgspec.convert(rows, kind)
    assert set(missing_fields(decoded, rows)) <= ONLY_IN_LISTS.get(name, set())


def missing_fields(decoded: Any, data: Any) -> Iterator[str]:
    """Yield the fields of the outermost models that the JSON does not have."""
    if isinstance(decoded, msgspec.Struct):
        yield from (name for name in decoded.__struct_encode_fields__ if name not in data)
    elif isinstance(decoded, list):
        for item, row in zip(decoded, data, strict=True):
            yield from missing_fields(item, row)


def test_custom_titles_with_variables():
    """Nested names are read at any depth."""
    assert field_names("a{b c{d}} e") == {"a", "a.b", "a.c", "a.c.d", "e"}
    assert field_names("") == frozenset()
