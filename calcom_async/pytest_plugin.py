"""Fixtures for the tests of programs that use Cal.com: a sandbox, and a client of it.

The package is imported when a test uses a fixture. The fixtures are synchronous, so they work with pytest-asyncio in
either mode, with anyio, or without a plugin:

    async def test_my_service(calcom_client):
        async with calcom_client() as cal:
            assert (await cal.me.get()).email
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from calcom_async.client import Calcom
    from calcom_async.sandbox import Sandbox, ServerName


@pytest.fixture
def calcom_server() -> ServerName:
    """The kind of server that `calcom_sandbox` is. Override or parametrize this fixture for a self-hosted build."""
    return "hosted"


@pytest.fixture
def calcom_sandbox(calcom_server: ServerName) -> Iterator[Sandbox]:
    """A local Cal.com server for this test: `.url`, `.api_key`, `.store`, `.faults`, `.requests`, `.clock`."""
    from calcom_async.sandbox import Sandbox  # noqa: PLC0415 - loaded only if a test uses it

    # In a thread with an event loop of its own, so that the loop of the test plugin does not matter.
    with Sandbox(server=calcom_server) as sandbox:
        yield sandbox


@pytest.fixture
def calcom_client(calcom_sandbox: Sandbox) -> Callable[..., Calcom]:
    """Return a function that creates clients of this test's sandbox; its keywords are those of `Calcom`."""
    from calcom_async.client import Calcom  # noqa: PLC0415 - loaded only if a test uses it

    return partial(_client, Calcom, calcom_sandbox)


def _client(kind: type[Calcom], sandbox: Sandbox, credentials: object = None, **fields: object) -> Calcom:
    if credentials is None:
        credentials = sandbox.api_key
    return kind(credentials, **{"base_url": sandbox.url, **fields})  # type: ignore[arg-type]
