"""Fixtures for the whole suite."""

from __future__ import annotations

import gc
import inspect
import os
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from aiohttp import ClientResponse
from aioresponses import aioresponses
from fakes import EventRecorder, FakeSend
from hypothesis import HealthCheck, settings

ROOT = Path(__file__).resolve().parent.parent
RECORDINGS = Path(os.environ.get("CALCOM_ASYNC_SHARED", ROOT.parent / "shared"))
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
    needing = [item for item in items if "shared" in getattr(item, "fixturenames", ())]
    if needing:
        items[:] = [item for item in items if "shared" not in getattr(item, "fixturenames", ())]
        config.stash[DESELECTED] = len(needing)
        config.hook.pytest_deselected(items=needing)


def pytest_collection_finish() -> None:
    """Let the garbage collector leave out what was imported, which stays: many tests collect garbage."""
    gc.collect()
    gc.freeze()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """One line for all tests that were deselected."""
    if count := config.stash.get(DESELECTED, 0):
        terminalreporter.write_line(
            f"{count} tests deselected: they need responses recorded from a real server, and {RECORDINGS} has none"
            " (set CALCOM_ASYNC_SHARED to a folder that has them)"
        )


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder with responses recorded from a real server; tests that use it are deselected where there is none."""
    return RECORDINGS


class MockedResponse(ClientResponse):
    """Fills the argument that aiohttp has wanted since 3.14 and aioresponses 0.7.9 does not give."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        if "stream_writer" in inspect.signature(ClientResponse.__init__).parameters:
            kwargs.setdefault("stream_writer", SimpleNamespace(output_size=0))
        super().__init__(*args, **kwargs)


class Mocked(aioresponses):
    """`aioresponses`, whose answers are of a class that the aiohttp at hand can make."""

    def add(self, *args: Any, **kwargs: Any) -> None:
        super().add(*args, **{"response_class": MockedResponse} | kwargs)


@pytest.fixture
def mocked() -> Iterator[Mocked]:
    """Answers to aiohttp by address instead of a server; an address without an answer refuses the connection."""
    with Mocked() as answers:
        yield answers


@pytest.fixture
def fake_send() -> FakeSend:
    """A `Send` that remembers what it was asked and always succeeds; give it other `.steps` to change that."""
    return FakeSend()


@pytest.fixture
def recorder() -> EventRecorder:
    """An `on_event` that writes down what it is told."""
    return EventRecorder()


@pytest.fixture(autouse=True)
def no_account(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test may find the credentials of whoever runs it."""
    for name in ("CAL_API_KEY", "CAL_API_URL", "CAL_ALLOW_HTTP"):
        monkeypatch.delenv(name, raising=False)
