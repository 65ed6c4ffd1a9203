"""`mcp`: run a server with tools for AI agents."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from calcom_async.cli.connect import connect
from calcom_async.cli.options import Target, with_target
from calcom_async.cli.run import run
from calcom_async.extras import require_extra

if TYPE_CHECKING:
    from calcom_async.mcp.options import ServerOptions


@with_target
def mcp(
    target: Target,
    read_only: Annotated[bool, typer.Option("--read-only", help="Only tools that change nothing in Cal.com.")] = False,
    allow: Annotated[
        list[str] | None, typer.Option(metavar="TOOL", help="Only this tool, of those available (repeatable).")
    ] = None,
    deny: Annotated[list[str] | None, typer.Option(metavar="TOOL", help="Not this tool (repeatable).")] = None,
) -> None:
    """Run an MCP server with tools for AI agents.

    The server communicates on standard input and output until its input is closed. Agents start it themselves: see the
    README for their configuration.

    calcom-async mcp --sandbox
    """
    with require_extra("calcom-async mcp", "mcp"):
        from calcom_async.mcp.options import ServerOptions
        from calcom_async.mcp.tools import TOOLS
    options = ServerOptions(read_only=read_only, allow=allow or (), deny=deny or ())
    options.select(TOOLS)  # an unknown tool is an error before anything is opened
    run(_serve(target, options))


async def _serve(target: Target, options: ServerOptions) -> None:
    from calcom_async.mcp.server import build_server
    from calcom_async.mcp.stdio import serve_stdio

    async with connect(target) as cal:
        await serve_stdio(build_server(cal, options))
