"""Kinds of servers: versions, routes, and the statuses and shapes that differ."""

from __future__ import annotations

import json
from typing import get_args

import pytest
from http_client import ApiClient
from sent_requests import MONDAY

from calcom_async.cli.sandbox import SERVERS
from calcom_async.sandbox import Sandbox, ServerName
from calcom_async.sandbox.http.server_kind import SERVER_KINDS
from calcom_async.sandbox.sandbox import ROUTES

HOSTED, WITH_TEAMS, WITHOUT_TEAMS = get_args(ServerName)


@pytest.fixture
def start():
    """A function that starts a sandbox of a kind, and returns it."""
    started: list[Sandbox] = []

    def start(server: ServerName) -> Sandbox:
        started.append(Sandbox(server=server, now=MONDAY).start())
        return started[-1]

    yield start
    for sandbox in started:
        sandbox.stop()
        assert sandbox.handler_errors == []


def test_every_kind_has_a_name():
    """The command line, the type and the table name the same kinds; an unknown name raises ValueError."""
    assert [*SERVER_KINDS] == [*get_args(ServerName)] == [*SERVERS]
    with pytest.raises(ValueError, match="server must be one of hosted, self-hosted-2025-12, self-hosted-2026-07, got"):
        Sandbox(server="cloud")  # type: ignore[arg-type]


@pytest.mark.parametrize(("server", "status"), [(HOSTED, 200), (WITH_TEAMS, 200), (WITHOUT_TEAMS, 404)])
def test_teams_exist_only_on_two_kinds(start, server, status):
    """The build of 2026-07 has no teams and organizations."""
    api = ApiClient(start(server), "")
    assert api.get("/v2/teams").status == status
    assert api.get("/v2/organizations/1/teams").status == status
    assert api.get("/v2/me").data["organizationId"] == (1 if status == 200 else None)


def test_self_hosted_builds_lack_exactly_the_operations_of_september(shared):
    """Self-hosted builds have no operation that only the specification of September 2026 has."""
    march, september = (
        {
            (verb.upper(), path)
            for path, operations in json.loads((shared / "reference" / name).read_text())["paths"].items()
            for verb in operations
        }
        for name in ("openapi.json", "live/openapi.json")
    )
    for server in (WITH_TEAMS, WITHOUT_TEAMS):
        kind = SERVER_KINDS[server]
        assert [operation for operation in september - march if kind.has(*operation)] == []
    missing = {operation for operation in march if not SERVER_KINDS[WITH_TEAMS].has(*operation)}
    assert len(missing) == 16, missing
    without = {path for verb, path in march if not SERVER_KINDS[WITHOUT_TEAMS].has(verb, path)}
    assert without == {path for _, path in march if path.startswith(("/v2/teams", "/v2/organizations"))}


def test_every_missing_route_is_a_route(start):
    """Each pattern of a missing route stands for at least one route of the sandbox or of the specification."""
    assert all(kind.has("GET", "/v2/me") and kind.has("POST", "/v2/bookings") for kind in SERVER_KINDS.values())
    assert all(SERVER_KINDS[HOSTED].has(route.method, route.path) for route in ROUTES)


@pytest.mark.parametrize(("server", "version"), [(HOSTED, "2026-05-01"), (WITH_TEAMS, "2024-04-15")])
def test_self_hosted_builds_read_a_newer_version_as_the_oldest(start, server, version):
    """A self-hosted build treats a version of 2026 like a missing one."""
    assert SERVER_KINDS[server].version("2026-05-01") == version
    response = ApiClient(start(server), "2026-05-01").get("/v2/bookings")
    assert isinstance(response.data, list) == (server == HOSTED)
