"""Streamable HTTP: only requests with the token, for this port of this machine, reach the server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import aiohttp
import httpx2
import pytest
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from mcp.server import Server

from calcom_async import Calcom
from calcom_async.mcp import http as mcp_http
from calcom_async.mcp.http import PATH, listen, serve_http
from calcom_async.mcp.server import build_server
from calcom_async.sandbox import Sandbox
from calcom_async.secret import Secret

TOKEN = "a-token-of-this-test"
AUTHORIZED = {"Authorization": f"Bearer {TOKEN}", "Accept": "application/json, text/event-stream"}
DISCOVER = {"jsonrpc": "2.0", "id": 1, "method": "server/discover", "params": {}}


@asynccontextmanager
async def serving(sandbox: Sandbox) -> AsyncIterator[str]:
    """Serve on a free port, and yield the URL."""
    listener = listen(0)
    async with Calcom(sandbox.api_key, base_url=sandbox.url) as cal:
        task = asyncio.create_task(serve_http(build_server(cal), listener, Secret(TOKEN)))
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}{PATH}"
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task


@pytest.mark.parametrize("mode", ["auto", "legacy"])
async def test_a_client_with_the_token_uses_the_tools(sandbox, mode):
    """The SDK's own client works with both generations of the protocol."""
    async with (
        serving(sandbox) as url,
        httpx2.AsyncClient(headers={"Authorization": f"Bearer {TOKEN}"}) as http,
        Client(streamable_http_client(url, http_client=http), mode=mode) as client,
    ):
        result = await client.call_tool("who_am_i", {})
    assert result.structured_content["username"] == "ana"


async def test_other_requests_are_rejected(sandbox):
    """Without the token the status is 401, from another origin 403, and for another host 421."""
    modern = AUTHORIZED | {"MCP-Protocol-Version": "2026-07-28", "Mcp-Method": "server/discover"}
    async with serving(sandbox) as url, aiohttp.ClientSession() as session:
        origin = url.removesuffix(PATH)
        statuses = {}
        for name, headers in {
            "no token": {},
            "wrong token": {"Authorization": "Bearer wrong"},
            "wrong scheme": {"Authorization": f"Basic {TOKEN}"},
            "wrong origin": AUTHORIZED | {"Origin": "http://evil.test"},
            "origin on another port": AUTHORIZED | {"Origin": "http://localhost:1"},
            "no origin at all": AUTHORIZED | {"Origin": "null"},
            "wrong host": AUTHORIZED | {"Host": "evil.test"},
            "wrong origin, new protocol": modern | {"Origin": "http://evil.test"},
            "wrong host, new protocol": modern | {"Host": "evil.test:80"},
        }.items():
            async with session.post(url, json=DISCOVER, headers=headers) as response:
                statuses[name] = response.status
        async with session.post(url, json=DISCOVER, headers=modern | {"Origin": origin}) as response:
            own_origin = response.status
        async with session.get(f"{origin}/elsewhere") as response:
            elsewhere = response.status
    assert list(statuses.values()) == [401, 401, 401, 403, 403, 403, 421, 403, 421]
    assert own_origin not in {401, 403, 421}
    assert elsewhere == 401


async def test_a_call_that_runs_at_the_end_is_cancelled_without_a_traceback(caplog, monkeypatch):
    """Ctrl-C during a call is no error of the server, so nothing with a traceback is logged."""
    monkeypatch.setattr(mcp_http, "CLOSE_AFTER", 0)
    has_begun = asyncio.Event()

    async def call_tool(_context, _params):
        has_begun.set()
        await asyncio.Event().wait()

    listener = listen(0)
    url = f"http://127.0.0.1:{listener.getsockname()[1]}{PATH}"
    task = asyncio.create_task(serve_http(Server("endless", on_call_tool=call_tool), listener, Secret(TOKEN)))
    async with httpx2.AsyncClient(headers={"Authorization": f"Bearer {TOKEN}"}) as http:
        with suppress(Exception):  # of the client, whose connection ends
            async with Client(streamable_http_client(url, http_client=http)) as client, asyncio.timeout(20):
                call = asyncio.create_task(client.call_tool("any", {}))
                await has_begun.wait()
                task.cancel()
                await asyncio.wait([task])
                await call
    assert task.cancelled()
    assert [record.getMessage() for record in caplog.records if record.exc_info] == []
