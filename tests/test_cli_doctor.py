"""`doctor`: what it looks at, what each trouble looks like, and the code that it ends with."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest
from cli_runner import SECRET, connection_args, invoke
from timeouts import closed_port

from calcom_async import Calcom, UnauthorizedError
from calcom_async.diagnostics import Report, ResponseMonitor, diagnose
from calcom_async.events import ClientEvent
from calcom_async.rate_limiter import BucketStats
from calcom_async.sandbox import Sandbox

VERSIONS = {
    "event types": "2024-06-14", "schedules": "2024-06-11", "bookings": "2024-08-13", "slots": "2024-09-04",
}  # fmt: skip


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(bookings=300) as sandbox:
        yield sandbox


def examined(sandbox: Sandbox, key: str | None = None) -> tuple[int, dict[str, dict[str, Any]]]:
    """The exit code, and the findings by name."""
    result = invoke("doctor", "--json", *connection_args(sandbox, key))
    assert SECRET not in result.output
    return result.exit_code, {one["name"]: one for one in json.loads(result.stdout)}


def states(found: dict[str, dict[str, Any]], state: str) -> list[str]:
    return [name for name, one in found.items() if one["state"] == state]


def test_all_is_well(sandbox: Sandbox) -> None:
    """A good key on a good server: every line is ok, counts and versions are told, for eight requests."""
    code, found = examined(sandbox)
    assert (code, states(found, "ok")) == (0, [*found])
    assert found["address"]["text"] == sandbox.url
    assert "ana@sandbox.test" in found["key"]["text"]
    assert found["event types"]["text"].startswith("3, ")
    assert found["bookings"]["text"].startswith("300, ")
    assert found["teams"]["text"] == "3"
    assert found["organization"]["text"] == "300 bookings, id 1"
    assert found["clock"]["text"] == "same as the server"
    assert found["latency"]["text"].endswith("median of 8 requests")
    assert len(sandbox.requests) == 8
    assert {seen.method for seen in sandbox.requests} == {"GET"}


def test_each_area_is_asked_for_in_its_version(sandbox: Sandbox) -> None:
    """The versions that are told are those that were sent."""
    _, found = examined(sandbox)
    sent = {seen.path.split("/")[2].replace("-", " "): seen.headers.get("cal-api-version") for seen in sandbox.requests}
    for area, version in VERSIONS.items():
        assert found[area]["text"].endswith(f"version {version}")
        assert sent[area] == version


def test_lines_are_for_people(sandbox: Sandbox) -> None:
    """Without --json each finding is a line that begins with its state, brackets of strangers and all."""
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
def test_a_failure_is_a_line_and_the_code(
    path: str, status: int, code: int, failed: list[str], sandbox: Sandbox
) -> None:
    """What fails is a line, and its code is that of the command; the rest is looked at all the same."""
    sandbox.faults.add("GET", path, times=9, status=status)
    ended, found = examined(sandbox)
    assert (ended, states(found, "fail")) == (code, failed)
    assert str(status) in found[failed[0]]["text"]
    assert ("teams" in found) == (failed != ["key"])


def test_a_route_that_is_not_there_names_the_version(sandbox: Sandbox) -> None:
    """A 404 of an area with versions says which one this server may not know."""
    sandbox.faults.add("GET", "/v2/bookings", status=404)
    _, found = examined(sandbox)
    assert "cal-api-version 2024-08-13" in found["bookings"]["text"]


@pytest.mark.parametrize(
    ("path", "name"),
    [("/v2/teams", "teams"), ("/v2/webhooks", "webhooks"), ("/v2/organizations/1/bookings", "organization")],
)
def test_a_route_that_some_servers_lack_is_no_failure(path: str, name: str, sandbox: Sandbox) -> None:
    """A self-hosted server without teams or organizations is a finding, and the exit code stays 0."""
    sandbox.faults.add("GET", path, status=404)
    code, found = examined(sandbox)
    assert (code, states(found, "warn")) == (0, [name])
    assert found[name]["text"] == "not available: this server does not have this route"


def test_an_address_without_the_api_is_a_failure(sandbox: Sandbox) -> None:
    """A 404 for the key's own user means that the address is wrong."""
    sandbox.faults.add("GET", "/v2/me", status=404)
    assert examined(sandbox)[0] == 3


def report_of(*limits: BucketStats, remaining: int | None) -> list[tuple[str, str]]:
    report, watch = Report(), ResponseMonitor()
    watch._seconds.append(0.1)
    watch.on_event(ClientEvent(kind="request", method="GET", path="/me", remaining=remaining))
    watch.add_to(report, limits)
    return [(one.state, one.text) for one in report.results if one.name == "limit"]


BUCKET = BucketStats(
    key="k", name="default", limit=120, available=1, in_flight=0, waiting=0, blocked_for=0.0, next_permit_in=0.0
)


def test_the_figure_of_the_limit_is_the_servers() -> None:
    """What is left is what the server reported, whatever the limiter of this process knows of it."""
    assert report_of(BUCKET, remaining=117) == [("ok", "117 of 120 requests left in 60 s")]
    assert report_of(remaining=117) == [("ok", "117 requests left")]
    assert report_of(BUCKET, remaining=None) == [("warn", "the server reports no rate limit")]


def test_what_the_key_may_not_see_is_a_warning(sandbox: Sandbox) -> None:
    """A 403 beside the key's own is "not allowed", and no failure."""
    sandbox.faults.add("GET", "/v2/organizations/1/bookings", status=403)
    code, found = examined(sandbox)
    assert (code, states(found, "warn")) == (0, ["organization"])
    assert found["organization"]["text"] == "this key has no access"


def test_without_event_types_there_are_no_slots_to_ask_for(sandbox: Sandbox) -> None:
    """An account without event types is a warning."""
    sandbox.store.event_types.clear()
    code, found = examined(sandbox)
    assert (code, states(found, "warn")) == (0, ["slots"])


@pytest.mark.parametrize(("seconds", "told"), [(3600, "behind"), (-90, "ahead of")])
def test_a_wrong_clock_is_a_warning(seconds: float, told: str, sandbox: Sandbox) -> None:
    """Our clock is compared with the server's Date."""
    date = format_datetime(datetime.now(UTC) + timedelta(seconds=seconds), usegmt=True)
    sandbox.faults.add("GET", "*", times=99, headers={"Date": date})
    code, found = examined(sandbox)
    assert (code, states(found, "warn")) == (0, ["clock"])
    off, words = found["clock"]["text"].split(" s ")
    assert words == f"{told} the server"
    assert abs(int(off) - abs(seconds)) <= 2


def test_a_limit_that_is_nearly_used_up_is_a_warning() -> None:
    """What is left of the limit is told, and when it is little that is a warning."""
    with Sandbox(rate_limit=8) as sandbox:
        code, found = examined(sandbox)
    assert (code, found["limit"]["state"]) == (0, "warn")
    assert "0 of 8 requests left in 60 s" in found["limit"]["text"]


def test_a_wrong_key_ends_it(sandbox: Sandbox) -> None:
    """A wrong key is code 4 after one request, and is not printed."""
    code, found = examined(sandbox, SECRET)
    assert (code, found["key"]["state"]) == (4, "fail")
    assert len(sandbox.requests) == 1


def test_nobody_there_is_told() -> None:
    """Where nobody listens the address is the failure, code 5, and nothing else is looked at."""
    with closed_port() as port:
        result = invoke("doctor", "--base-url", f"http://127.0.0.1:{port}", "--api-key", SECRET)
    assert result.exit_code == 5
    assert "fail  address" in result.stdout
    assert SECRET not in result.output


def test_the_help_tells_what_it_costs() -> None:
    """The number of requests stands in --help."""
    assert "eight requests" in invoke("doctor", "--help").stdout


async def test_a_program_can_diagnose_too(sandbox: Sandbox) -> None:
    """What `doctor` prints is a list in Python as well; a failed check has its error."""
    monitor = ResponseMonitor()
    async with Calcom(
        sandbox.api_key, base_url=sandbox.url, on_event=monitor.on_event, trace_configs=[monitor.trace()]
    ) as cal:
        results = {result.name: result for result in await diagnose(cal, monitor)}
    assert {result.state for result in results.values()} == {"ok"}
    assert {"key", "bookings", "latency", "clock", "limit"} <= results.keys()
    async with Calcom("cal_wrong", base_url=sandbox.url) as cal:
        assert isinstance((await diagnose(cal))[-1].error, UnauthorizedError)
