"""Fixtures for the tests of programs that use Cal.com: a sandbox, and a client of it.

The package is imported when a test uses a fixture. The fixtures are synchronous, so they work with pytest-asyncio in
either mode, with anyio, or without a plugin:

    @pytest.mark.calcom(bookings=50, rate_limit=120)
    async def test_my_service(calcom_client):
        async with calcom_client() as cal:
            assert (await cal.me.get()).email
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from calcom_async.client import Calcom
    from calcom_async.sandbox import Sandbox

MARKER = "calcom"


def pytest_configure(config: pytest.Config) -> None:
    """Declare the marker."""
    config.addinivalue_line("markers", f"{MARKER}(**options): options of the test's sandbox, those of Sandbox()")


@pytest.fixture
def calcom_sandbox(request: pytest.FixtureRequest) -> Iterator[Sandbox]:
    """A local Cal.com server for this test: `.url`, `.api_key`, `.store`, `.faults`, `.requests`, `.clock`.

    `@pytest.mark.calcom(bookings=50, now=..., rate_limit=120, server=..., world=...)` on the test, its class or its
    module sets options of `Sandbox`. The nearest marker wins, option by option.
    """
    # In a thread with an event loop of its own, so that the loop of the test plugin does not matter.
    with _sandbox(_marked_options(request.node)) as sandbox:
        yield sandbox


@pytest.fixture(scope="session")
def calcom_session_options() -> Mapping[str, Any]:
    """The options of `calcom_session_sandbox`, those of `Sandbox`. Override this fixture to change them."""
    return {}


@pytest.fixture(scope="session")
def calcom_session_sandbox(calcom_session_options: Mapping[str, Any]) -> Iterator[Sandbox]:
    """One server for all tests of the session, for example for a service that runs as long; `.reset()` restores it.

    With pytest-xdist each worker has its own, on a port of its own.
    """
    with _sandbox(calcom_session_options) as sandbox:
        yield sandbox


@pytest.fixture
def calcom_client(calcom_sandbox: Sandbox) -> Callable[..., Calcom]:
    """Return a function that creates clients of this test's sandbox; its keywords are those of `Calcom`."""
    from calcom_async.client import Calcom  # noqa: PLC0415 - loaded only if a test uses it

    return partial(_client, Calcom, calcom_sandbox)


def _sandbox(options: Mapping[str, Any]) -> Sandbox:
    from calcom_async.sandbox import Sandbox  # noqa: PLC0415 - loaded only if a test uses it

    try:
        return Sandbox(**options)
    except (TypeError, ValueError) as error:
        problem = str(error).replace("Sandbox.__init__() ", "")
    raise pytest.UsageError(f"cannot start a sandbox with the options {', '.join(options)}: {problem}")


def _marked_options(node: pytest.Item) -> dict[str, Any]:
    """Merge the options of all markers of a test, the nearest last."""
    options: dict[str, Any] = {}
    for marker in reversed([*node.iter_markers(MARKER)]):
        if marker.args:
            raise pytest.UsageError(f"{MARKER} takes keywords only, such as bookings=50, got {marker.args[0]!r}")
        options |= marker.kwargs
    return options


def _client(kind: type[Calcom], sandbox: Sandbox, credentials: object = None, **fields: object) -> Calcom:
    if credentials is None:
        credentials = sandbox.api_key
    return kind(credentials, **{"base_url": sandbox.url, **fields})  # type: ignore[arg-type]
