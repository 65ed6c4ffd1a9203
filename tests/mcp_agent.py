"""Call the MCP server as an agent does, through the SDK's own client."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from cli_process import cli_environment
from mcp import Client
from mcp.client.stdio import StdioServerParameters

from calcom_async import Calcom
from calcom_async.mcp.options import ServerOptions
from calcom_async.mcp.server import build_server
from calcom_async.sandbox import Sandbox

KOLKATA = "Asia/Kolkata"


class Agent:
    """An MCP client that expects each call to succeed, or each to fail."""

    def __init__(self, client: Client, cal: Calcom | None = None) -> None:
        self.client = client
        self.cal = cal

    async def call(self, tool: str, **arguments: Any) -> dict[str, Any]:
        """Call a tool and return its structured result."""
        result = await self.client.call_tool(tool, arguments)
        assert not result.is_error, result.content
        return result.structured_content or {}

    async def error(self, tool: str, **arguments: Any) -> str:
        """Call a tool and return the text of its error."""
        result = await self.client.call_tool(tool, arguments)
        assert result.is_error, result
        return result.content[0].text


@asynccontextmanager
async def agent_of(
    sandbox: Sandbox, options: ServerOptions | None = None, *, api_key: str = "", **client_options: Any
) -> AsyncIterator[Agent]:
    """Connect an agent to a server in this process."""
    async with (
        Calcom(api_key or sandbox.api_key, base_url=sandbox.url) as cal,
        Client(build_server(cal, options or ServerOptions()), **client_options) as client,
    ):
        yield Agent(client, cal)


def server_process(*args: str, **environment: str) -> StdioServerParameters:
    """Return how a client starts `calcom-async mcp` in a process of its own."""
    return StdioServerParameters(
        command=sys.executable, args=["-m", "calcom_async", "mcp", *args], env=cli_environment(**environment)
    )
