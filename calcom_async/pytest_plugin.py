"""Fixtures for the tests of programs that use Cal.com: a sandbox, and a client of it.

Nothing is imported until a test asks for a fixture. The fixtures are synchronous, so they work with pytest-asyncio in
either mode, with anyio, or with no plugin at all:

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
    from calcom_async.sandbox import Sandbox


@pytest.fixture
def calcom_sandbox() -> Iterator[Sandbox]:
    """A Cal.com on loopback for this test alone: `.url`, `.api_key`, `.store`, `.faults`, `.requests`, `.clock`."""
    from calcom_async.sandbox import Sandbox  # noqa: PLC0415 - loaded only for those who ask

    with Sandbox() as sandbox:
        yield sandbox


@pytest.fixture
def calcom_client(calcom_sandbox: Sandbox) -> Callable[..., Calcom]:
    """Makes clients of this test's sandbox, not yet open; further keywords are those of `Calcom`."""
    from calcom_async.client import Calcom  # noqa: PLC0415 - loaded only for those who ask

    return partial(_client, Calcom, calcom_sandbox)


def _client(kind: type[Calcom], sandbox: Sandbox, credentials: object = None, **fields: object) -> Calcom:
    if credentials is None:
        credentials = sandbox.api_key
    return kind(credentials, **{"base_url": sandbox.url, **fields})  # type: ignore[arg-type]
