"""`doctor`: its checks, their results and the exit code."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest
from cli_runner import SECRET, connection_args, invoke
from fakes import FakeServer, http_response
from timeouts import closed_port

from calcom_async import Calcom, ServerError, UnauthorizedError
from calcom_async.diagnostics import Report, ResponseMonitor, diagnose, find_server_kind
from calcom_async.events import ClientEvent
from calcom_async.rate_limit_state import BucketStats
from calcom_async.sandbox import Sandbox

KNOWN = http_response(404, b'{"status":"error","error":{"message":"Event type with id 0 not found"}}')
UNKNOWN = http_response(404, b'{"status":"error","error":{"message":"Cannot GET /v2/event-types/0/booking-fields"}}')
VERSIONS = {
    "event types": "2024-06-14", "schedules": "2024-06-11", "bookings": "2024-08-13", "slots": "2024-09-04",
}  # fmt: skip


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(bookings=300) as sandbox:
        yield sandbox


def run_doctor(sandbox: Sandbox, key: str | None = None) -> tuple[int, dict[str, dict[str, Any]]]:
    """Return the exit code, and the results by name."""
    result = invoke("doctor", "--json", *connection_args(sandbox, key))
    assert SECRET not in result.output
    return result.exit_code, {check["name"]: check for check in json.loads(result.stdout)}


def names(results: dict[str, dict[str, Any]], state: str) -> list[str]:
    """Return the names of the results with a state."""
    return [name for name, check in results.items() if check["state"] == state]


def test_all_checks_pass(sandbox: Sandbox) -> None:
    """With a valid key every check is ok and reports its figures, in at most ten requests."""
    code, results = run_doctor(sandbox)
    assert (code, names(results, "ok")) == (0, [*results])
    assert results["address"]["text"] == sandbox.url
    assert "ana@sandbox.test" in results["key"]["text"]
    assert results["event types"]["text"].startswith("3, ")
    assert results["bookings"]["text"].startswith("300, ")
    assert results["teams"]["text"] == "3"
    assert results["organization"]["text"] == "300 bookings, id 1"
    assert results["clock"]["text"] == "same as the server"
    assert results["latency"]["text"].endswith(f"median of {len(sandbox.requests)} requests")
    assert 9 <= len(sandbox.requests) <= 10
    assert {request.method for request in sandbox.requests} == {"GET"}


def test_reported_versions_are_those_sent(sandbox: Sandbox) -> None:
    """The reported API version of each area is the one that was sent."""
    _, results = run_doctor(sandbox)
    sent = {
        request.path.split("/")[2].replace("-", " "): request.headers.get("cal-api-version")
        for request in sandbox.requests
        if request.path.count("/") == 2
    }
    for area, version in VERSIONS.items():
        assert results[area]["text"].endswith(f"version {version}")
        assert sent[area] == version


def test_results_are_lines(sandbox: Sandbox) -> None:
    """Without --json each result is a line that begins with its state, and brackets are not markup."""
    sandbox.store.users[1]["username"] = "[red]ana"
    lines = invoke("doctor", *connection_args(sandbox)).stdout.splitlines()
    assert all(line.startswith("ok ") for line in lines)
    assert any("[red]ana" in line for line in lines)


@pytest.mark.parametrize(
    ("path", "status", "code", "failed"),
    [
        ("/v2/me", 401, 4, ["key"]),
        ("/v2/me", 403, 4, ["key"]),
        ("/v2/schedules", 404, 3, ["schedules"]),
        ("/v2/slots", 400, 3, ["slots"]),
        ("/v2/bookings", 503, 3, ["bookings"]),
    ],
)
def test_a_failed_check(path: str, status: int, code: int, failed: list[str], sandbox: Sandbox) -> None:
    """A failed check is reported, and its code is the exit code; a rejected key ends the run, other failures do not."""
    sandbox.faults.add("GET", path, times=9, status=status)
    exit_code, results = run_doctor(sandbox)
    assert (exit_code, names(results, "fail")) == (code, failed)
    assert str(status) in results[failed[0]]["text"]
    assert ("teams" in results) == (failed != ["key"])


def test_a_404_names_the_version(sandbox: Sandbox) -> None:
    """A 404 for a versioned area names the version, which the server may not support."""
    sandbox.faults.add("GET", "/v2/bookings", status=404)
    _, results = run_doctor(sandbox)
    assert "cal-api-version 2024-08-13" in results["bookings"]["text"]


@pytest.mark.parametrize(
    ("path", "name"),
    [("/v2/teams", "teams"), ("/v2/webhooks", "webhooks"), ("/v2/organizations/1/bookings", "organization")],
)
def test_a_missing_optional_route_is_a_warning(path: str, name: str, sandbox: Sandbox) -> None:
    """A server without teams, webhooks or organizations gets a warning, and the exit code stays 0."""
    sandbox.faults.add("GET", path, status=404)
    code, results = run_doctor(sandbox)
    assert (code, names(results, "warn")) == (0, [name])
    assert results[name]["text"] == "not available: this server does not have this route"


def test_a_base_url_without_the_api(sandbox: Sandbox) -> None:
    """A 404 for the key's own user ends with code 3."""
    sandbox.faults.add("GET", "/v2/me", status=404)
    assert run_doctor(sandbox)[0] == 3


def limit_results(*limits: BucketStats, remaining: int | None) -> list[tuple[str, str]]:
    """Return the results about the rate limit."""
    report, monitor = Report(), ResponseMonitor()
    monitor._seconds.append(0.1)
    monitor.on_event(ClientEvent(kind="request", method="GET", path="/me", remaining=remaining))
    monitor.add_to(report, limits)
    return [(result.state, result.text) for result in report.results if result.name == "limit"]


BUCKET = BucketStats(
    key="k", name="default", limit=120, available=1, in_flight=0, waiting=0, blocked_for=0.0, next_permit_in=0.0
)


def test_remaining_requests_come_from_the_server() -> None:
    """The number of remaining requests is the one that the server reported, not the limiter's."""
    assert limit_results(BUCKET, remaining=117) == [("ok", "117 of 120 requests left in 60 s")]
    assert limit_results(remaining=117) == [("ok", "117 requests left")]
    assert limit_results(BUCKET, remaining=None) == [("warn", "the server reports no rate limit")]


def test_a_403_of_an_organization_is_a_warning(sandbox: Sandbox) -> None:
    """A 403 for anything but the key's own user is a warning."""
    sandbox.faults.add("GET", "/v2/organizations/1/bookings", status=403)
    code, results = run_doctor(sandbox)
    assert (code, names(results, "warn")) == (0, ["organization"])
    assert results["organization"]["text"] == "this key has no access"


def test_slots_need_an_event_type(sandbox: Sandbox) -> None:
    """An account without event types gets a warning for slots."""
    sandbox.store.event_types.clear()
    code, results = run_doctor(sandbox)
    assert (code, names(results, "warn")) == (0, ["slots"])


@pytest.mark.parametrize(("seconds", "direction"), [(3600, "behind"), (-90, "ahead of")])
def test_a_wrong_clock_is_a_warning(seconds: float, direction: str, sandbox: Sandbox) -> None:
    """A clock that differs from the server's `Date` is a warning with the difference."""
    date = format_datetime(datetime.now(UTC) + timedelta(seconds=seconds), usegmt=True)
    sandbox.faults.add("GET", "*", times=99, headers={"Date": date})
    code, results = run_doctor(sandbox)
    assert (code, names(results, "warn")) == (0, ["clock"])
    difference, words = results["clock"]["text"].split(" s ")
    assert words == f"{direction} the server"
    assert abs(int(difference) - abs(seconds)) <= 2


def test_a_limit_that_is_nearly_used_up_is_a_warning() -> None:
    """A small number of remaining requests is a warning."""
    with Sandbox(rate_limit=10) as sandbox:
        code, results = run_doctor(sandbox)
    assert (code, results["limit"]["state"]) == (0, "warn")
    assert " of 10 requests left in 60 s" in results["limit"]["text"]


def test_a_rejected_key_ends_the_run(sandbox: Sandbox) -> None:
    """A rejected key ends with code 4 after one request, and is not printed."""
    code, results = run_doctor(sandbox, SECRET)
    assert (code, results["key"]["state"]) == (4, "fail")
    assert len(sandbox.requests) == 1


def test_a_refused_connection() -> None:
    """A refused connection ends with code 5 and is reported as a wrong address."""
    with closed_port() as port:
        result = invoke("doctor", "--base-url", f"http://127.0.0.1:{port}", "--api-key", SECRET)
    assert result.exit_code == 5
    assert "fail  address" in result.stdout
    assert SECRET not in result.output


def test_the_help_states_the_number_of_requests() -> None:
    """--help states the number of requests."""
    assert "ten requests" in invoke("doctor", "--help").stdout


async def test_diagnose_in_python(sandbox: Sandbox) -> None:
    """`diagnose` returns the results that `doctor` prints; a failed one has its error."""
    monitor = ResponseMonitor()
    async with Calcom(
        sandbox.api_key, base_url=sandbox.url, on_event=monitor.on_event, trace_configs=[monitor.trace()]
    ) as cal:
        results = {result.name: result for result in await diagnose(cal, monitor)}
    assert {result.state for result in results.values()} == {"ok"}
    assert {"key", "bookings", "latency", "clock", "limit"} <= results.keys()
    async with Calcom("cal_wrong", base_url=sandbox.url) as cal:
        assert isinstance((await diagnose(cal))[-1].error, UnauthorizedError)


@pytest.mark.parametrize(
    ("answers", "kind"),
    [
        ([KNOWN], "hosted"),
        ([UNKNOWN, KNOWN], "self-hosted-2026-07"),
        ([UNKNOWN, UNKNOWN], "self-hosted-2025-12"),
    ],
)
async def test_the_kind_of_server_is_found_in_two_requests(answers: list[bytes], kind: str) -> None:
    """The operations that a server has tell its kind; an error about the id means that it has the operation."""
    async with FakeServer(*answers) as server, Calcom("cal_x", base_url=server.url) as cal:
        assert await find_server_kind(cal) == kind
        assert len(server.received) == len(answers)


async def test_a_failing_server_is_of_no_kind() -> None:
    """A 5xx says nothing about the operations, so it is raised."""
    async with FakeServer(http_response(500)) as server, Calcom("cal_x", base_url=server.url, max_attempts=1) as cal:
        with pytest.raises(ServerError):
            await find_server_kind(cal)
