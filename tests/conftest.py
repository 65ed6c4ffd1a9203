"""Fixtures for the whole suite."""

from __future__ import annotations

import gc
import inspect
import os
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, get_args

import pytest
from aiohttp import ClientResponse
from aioresponses import aioresponses
from fakes import EventRecorder, FakeSend
from hypothesis import HealthCheck, settings

from calcom_async.sandbox import Sandbox, ServerName

ROOT = Path(__file__).resolve().parent.parent
RECORDINGS = Path(os.environ.get("CALCOM_ASYNC_SHARED", ROOT.parent / "shared"))
BY_SERVER = {
    *("sandbox/test_bookings_attendees", "sandbox/test_bookings_change", "sandbox/test_bookings_create"),
    *("sandbox/test_bookings_lists", "sandbox/test_bookings_shapes", "sandbox/test_slots"),
    *("sandbox/test_event_types", "sandbox/test_event_type_fields", "sandbox/test_team_event_types"),
    *("sandbox/test_schedules", "sandbox/test_webhooks"),
    *("resources/test_bookings", "resources/test_booking_lists", "resources/test_booking_people"),
    *("resources/test_slots", "resources/test_event_types", "resources/test_schedules", "resources/test_webhooks"),
    *("resources/test_webhook_scopes", "resources/test_private_links", "test_booking", "test_flows"),
}
"""Test files whose tests run once per kind of sandbox server."""
DESELECTED = pytest.StashKey[int]()

# The only profile. How long an example takes depends on the machine, so no test of Hypothesis has a deadline or fails
# because generating is slow. Each example gets fresh objects from the tests themselves, not from fixtures.
settings.register_profile(
    "calcom_async", deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
)
settings.load_profile("calcom_async")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Deselect the tests that need the recorded responses where there are none."""
    if (RECORDINGS / "reference" / "real").is_dir():
        return
    recorded = [item for item in items if "shared" in getattr(item, "fixturenames", ())]
    if recorded:
        items[:] = [item for item in items if "shared" not in getattr(item, "fixturenames", ())]
        config.stash[DESELECTED] = len(recorded)
        config.hook.pytest_deselected(items=recorded)


# Without this, each of the many `gc.collect()` calls of the tests would scan all imported modules.
def pytest_collection_finish() -> None:
    """Exclude imported objects from garbage collection."""
    gc.collect()
    gc.freeze()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Print one line for all deselected tests."""
    if count := config.stash.get(DESELECTED, 0):
        terminalreporter.write_line(
            f"{count} tests deselected: they need responses recorded from a real server, and {RECORDINGS} has none"
            " (set CALCOM_ASYNC_SHARED to a folder that has them)"
        )


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run the tests of the main areas once per kind of server; only the first kind is in the fast suite."""
    marker = metafunc.definition.get_closest_marker("servers")
    name = metafunc.definition.path.relative_to(ROOT / "tests").with_suffix("").as_posix()
    if marker is None and name not in BY_SERVER:
        return
    first, *others = marker.args if marker else get_args(ServerName)
    kinds = [first, *(pytest.param(name, marks=pytest.mark.slow) for name in others)]
    metafunc.parametrize("server_kind", kinds, indirect=True)


@pytest.fixture(autouse=True)
def server_kind(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> ServerName:
    """The kind of server that the sandboxes of this test are, unless the test names one."""
    kind: ServerName = getattr(request, "param", "hosted")
    if kind != "hosted":
        monkeypatch.setitem(Sandbox.__init__.__kwdefaults__, "server", kind)
    return kind


@pytest.fixture(scope="session")
def shared() -> Path:
    """Return the folder with responses recorded from a real server; without it, tests that use it are deselected."""
    return RECORDINGS


class MockedResponse(ClientResponse):
    """A response with the argument that aiohttp 3.14 requires and aioresponses 0.7.9 omits."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        if "stream_writer" in inspect.signature(ClientResponse.__init__).parameters:
            kwargs.setdefault("stream_writer", SimpleNamespace(output_size=0))
        super().__init__(*args, **kwargs)


class Mocked(aioresponses):
    """`aioresponses` with a response class that the installed aiohttp accepts."""

    def add(self, *args: Any, **kwargs: Any) -> None:
        super().add(*args, **{"response_class": MockedResponse} | kwargs)


@pytest.fixture
def mocked() -> Iterator[Mocked]:
    """Mock responses by URL. A request to any other URL fails like a refused connection."""
    with Mocked() as responses:
        yield responses


@pytest.fixture
def fake_send() -> FakeSend:
    """Return a `Send` that records requests and succeeds; set `.steps` to change that."""
    return FakeSend()


@pytest.fixture
def recorder() -> EventRecorder:
    """Return an `on_event` callback that records the events."""
    return EventRecorder()


@pytest.fixture(autouse=True)
def no_account(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hide the credentials of the developer who runs the tests."""
    for name in ("CAL_API_KEY", "CAL_API_URL", "CAL_ALLOW_HTTP", "CAL_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", "/nonexistent")


@pytest.fixture
def working_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Change to an empty folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path
