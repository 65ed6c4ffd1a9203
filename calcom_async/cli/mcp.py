"""`mcp`: run a server with tools for AI agents."""

from __future__ import annotations

import os
import secrets
import socket
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from calcom_async.cli.connect import connect
from calcom_async.cli.options import Target, with_target
from calcom_async.cli.run import run
from calcom_async.cli.terminal import print_problem, print_status
from calcom_async.errors import ConfigError
from calcom_async.extras import require_extra
from calcom_async.secret import Secret

if TYPE_CHECKING:
    from calcom_async.mcp.options import ServerOptions

TOKEN_VARIABLE = "CALCOM_MCP_TOKEN"  # noqa: S105 - the name of a variable
MIN_TOKEN = 16


@with_target
def mcp(
    target: Target,
    read_only: Annotated[bool, typer.Option("--read-only", help="Only tools that change nothing in Cal.com.")] = False,
    allow: Annotated[
        list[str] | None, typer.Option(metavar="TOOL", help="Only this one of the tools (repeatable).")
    ] = None,
    deny: Annotated[list[str] | None, typer.Option(metavar="TOOL", help="Without this tool (repeatable).")] = None,
    export_dir: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Directory for exports. Without it there is no tool that writes files."),
    ] = None,
    http: Annotated[
        int | None,
        typer.Option(
            metavar="PORT",
            min=0,
            max=65_535,
            help=f"Serve HTTP on 127.0.0.1 instead. 0 selects a free port. Clients need the bearer token of "
            f"{TOKEN_VARIABLE}; without this variable, one is generated and printed on stderr.",
        ),
    ] = None,
) -> None:
    """Run an MCP server for AI agents.

    Agents start the command themselves and use its standard input and output. The README shows how to configure them.

    calcom-async mcp --read-only
    """
    with require_extra("calcom-async mcp", "mcp"):
        from calcom_async.mcp.options import ServerOptions
        from calcom_async.mcp.tools import TOOLS
    options = ServerOptions(read_only=read_only, allow=allow or (), deny=deny or (), export_dir=export_dir)
    options.select(TOOLS)  # reject an unknown tool before anything is opened
    if export_dir is not None and not export_dir.is_dir():
        raise ConfigError(f"--export-dir {export_dir} is not a directory")
    listener = None if http is None else _listen(http)
    token = None if http is None else _token()
    run(_serve(target, options, listener, token))


async def _serve(target: Target, options: ServerOptions, listener: socket.socket | None, token: Secret | None) -> None:
    from calcom_async.mcp.server import build_server

    async with connect(target) as cal:
        server: Any = build_server(cal, options)
        if listener is None or token is None:
            from calcom_async.mcp.stdio import serve_stdio

            await serve_stdio(server)
            return
        from calcom_async.mcp.http import PATH, serve_http

        print_status("[green]serving[/]", f"http://127.0.0.1:{listener.getsockname()[1]}{PATH}. Press Ctrl-C to stop.")
        await serve_http(server, listener, token)


def _listen(port: int) -> socket.socket:
    from calcom_async.mcp.http import listen

    try:
        return listen(port)
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else str(error)
        raise ConfigError(f"cannot listen on port {port}: {reason}. Try --http 0") from None


def _token() -> Secret:
    """Return the token of the environment, or a new one, which is printed."""
    given = os.environ.get(TOKEN_VARIABLE)
    if given is None:
        token = secrets.token_urlsafe(32)
        print_problem("[green]token:[/]", token)  # also with --quiet: nobody else knows it
        return Secret(token)
    token_secret = Secret(given).checked(TOKEN_VARIABLE, in_header=True)
    if len(given) < MIN_TOKEN:
        raise ConfigError(f"{TOKEN_VARIABLE} must have at least {MIN_TOKEN} characters")
    return token_secret
