"""Versions of the API: which `cal-api-version` a request sends, and what an error says about it."""

from __future__ import annotations

import pytest
from fakes import FakeServer, http_response

from calcom_async import BadRequestError, Calcom, ConfigError, NotFoundError
from calcom_async.config import Config
from calcom_async.operations.catalog import OPERATIONS
from calcom_async.operations.python_calls import python_calls
from calcom_async.versions import (
    ADDED,
    NEWEST_EVERYWHERE,
    ApiVersions,
    find_versions,
    operation_versions,
    override_names,
    version_hint,
)

OK = http_response(body=b'{"status":"success","data":[]}')
UNKNOWN = http_response(404, b'{"status":"error","error":{"message":"Cannot GET /v2/event-types/7/private-links"}}')


def select(overrides, method, route, needed=""):
    return ApiVersions(overrides).for_route(method, route, needed)


def test_the_default_is_a_version_that_every_server_knows():
    """Only operations that self-hosted servers lack have a default of 2026."""
    newer = {row.name for row in operation_versions().values() if row.default > NEWEST_EVERYWHERE}
    assert newer == {
        "bookings.request_reschedule",
        "event_types.history",
        "event_types.scheduling_config",
        "event_types.crm_sync_errors",
        *(f"booking_fields.{name}" for name in ("get", "replace", "add", "update", "delete")),
    }


def test_versions_ascend():
    """The newer versions of an operation follow its default in order, so the last one is the newest."""
    for row in operation_versions().values():
        assert [row.default, *row.newer] == sorted({row.default, *row.newer}), row


def test_every_addition_names_an_existing_version():
    """Every feature names a version that its area or operation has."""
    for name, version in map(str.split, ADDED):
        rows = [row for row in operation_versions().values() if name in {row.name, row.area}]
        assert any(version in row.newer for row in rows), name


@pytest.mark.parametrize(
    ("overrides", "method", "route", "version"),
    [
        ({}, "GET", "/bookings", "2024-08-13"),
        ({}, "GET", "/me", ""),
        ({}, "GET", "/teams/{}/event-types", ""),
        ({"bookings": "2026-02-25"}, "POST", "/bookings", "2026-02-25"),
        ({"bookings": "2026-02-25", "bookings.list": "2024-08-13"}, "GET", "/bookings", "2024-08-13"),
        ({"bookings.list": "2026-05-01"}, "POST", "/bookings", "2024-08-13"),
        ("latest", "POST", "/bookings", "2026-02-25"),
        ("latest", "GET", "/bookings", "2024-08-13"),
        ("latest", "GET", "/organizations/{}/bookings", ""),
        ("latest", "GET", "/event-types/{}/private-links", "2024-09-04"),
        ("latest", "GET", "/slots", "2024-09-04"),
    ],
)
def test_the_version_of_an_operation(overrides, method, route, version):
    """An override of the operation precedes one of its area, and both precede the default."""
    assert select(overrides, method, route) == version


def test_a_feature_raises_the_version_unless_the_settings_name_one():
    """The version that a field needs replaces the default, not an override."""
    assert select({}, "POST", "/bookings", "2026-02-25") == "2026-02-25"
    assert select({"bookings": "2024-08-13"}, "POST", "/bookings", "2026-02-25") == "2024-08-13"


def test_literal_parts_of_a_path_precede_ids():
    """`/schedules/default` is its own operation, not the schedule with the id "default"."""
    assert find_versions("GET", "/schedules/default").name == "schedules.get_default"
    assert find_versions("GET", "/schedules/17").name == "schedules.get"
    assert find_versions("GET", "/me") is None


def test_every_row_belongs_to_an_operation_that_a_method_calls():
    """No row of the table is unused, except for routes that some owners do not have."""
    sent = {(call.request.method, call.request.route) for call in python_calls()}
    names = {row.name for key, row in operation_versions().items() if key in sent}
    assert {row.name for row in operation_versions().values()} - names == set()


def test_typed_methods_send_the_version_of_the_catalog():
    """The catalog takes its versions from the same table."""
    assert {operation.version for operation in OPERATIONS} >= {"2024-08-13", "2024-06-14", "2024-06-11", "2024-09-04"}


@pytest.mark.parametrize("overrides", [{"bokings": "x"}, {"bookings.lists": "x"}, {"bookings": 5}, "newest", 5])
def test_an_override_that_has_no_effect_is_rejected(overrides):
    """A name that is neither an area nor an operation, and a version that is no text, raise `ConfigError`."""
    with pytest.raises(ConfigError, match="api_versions"):
        Config(api_versions=overrides)


def test_every_name_of_the_table_can_be_overridden():
    """All areas and operations of the table are names of `Config.api_versions`."""
    assert Config(api_versions=dict.fromkeys(override_names(), "2024-08-13")).api_versions
    assert Config(api_versions="latest").api_versions == "latest"


async def test_private_links_fall_back_to_no_version_once():
    """If the server does not know the version of private links, requests are sent without it from then on."""
    async with FakeServer(UNKNOWN, OK, OK) as server, Calcom("cal_x", base_url=server.url) as cal:
        links = cal.event_types.private_links(7)
        assert [await links.list().collect(), await links.list().collect()] == [[], []]
        assert [request.headers.get("cal-api-version") for request in server.received] == ["2024-09-04", None, None]


async def test_an_unknown_event_type_is_no_unknown_version():
    """A 404 for the event type is raised, and the next call sends the version again."""
    missing = http_response(404, b'{"status":"error","error":{"message":"Event type with id 7 not found"}}')
    async with FakeServer(missing, OK) as server, Calcom("cal_x", base_url=server.url) as cal:
        links = cal.event_types.private_links(7)
        with pytest.raises(NotFoundError, match="Event type with id 7"):
            await links.list().collect()
        await links.list().collect()
        assert {request.headers.get("cal-api-version") for request in server.received} == {"2024-09-04"}


async def test_an_error_names_a_version_that_the_server_may_not_know():
    """A 400 or an unknown operation in a version of 2026 says which version was sent; a known one is not mentioned."""
    bad = http_response(400, b'{"status":"error","error":{"message":"eventTypeId must be a number"}}')
    async with (
        FakeServer(bad, bad) as server,
        Calcom("cal_x", base_url=server.url, api_versions={"event_types.get": "2026-06-12"}) as cal,
    ):
        with pytest.raises(BadRequestError) as newer:
            await cal.event_types.get(1)
        with pytest.raises(BadRequestError) as known:
            await cal.bookings.get("abc")
    assert "cal-api-version 2026-06-12" in newer.value.hint
    assert known.value.hint == ""


@pytest.mark.parametrize(
    ("status", "reason", "version", "part"),
    [
        (404, "unknown_operation", "2024-08-13", "no such operation in cal-api-version 2024-08-13"),
        (400, None, "2026-02-25", "sent with cal-api-version 2026-02-25"),
        (409, "slot_taken", "2026-02-25", ""),
        (404, None, "2026-02-25", ""),
        (400, None, None, ""),
    ],
)
def test_the_hint_about_a_version(status, reason, version, part):
    """Only errors that another version can cause mention it."""
    hint = version_hint(status, reason, version)
    assert part in hint
    assert bool(part) == bool(hint)
