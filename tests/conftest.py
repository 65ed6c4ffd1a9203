"""Fixtures for the whole suite."""

from __future__ import annotations

import inspect
import os
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from aiohttp import ClientResponse
from aioresponses import aioresponses
from stand_ins import Diary, Script

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder with answers recorded from a real server, beside the project; tests that need it skip without."""
    folder = Path(os.environ.get("CALCOM_ASYNC_SHARED", ROOT.parent / "shared"))
    if not (folder / "reference" / "real").is_dir():
        pytest.skip("no recorded answers of a real server beside the project")
    return folder


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
def script() -> Script:
    """A `Send` that remembers what it was asked and always succeeds; give it other `.steps` to change that."""
    return Script()


@pytest.fixture
def diary() -> Diary:
    """An `on_event` that writes down what it is told."""
    return Diary()


@pytest.fixture(autouse=True)
def no_account(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test may find the credentials of whoever runs it."""
    for name in ("CAL_API_KEY", "CAL_API_URL", "CAL_ALLOW_HTTP"):
        monkeypatch.delenv(name, raising=False)
