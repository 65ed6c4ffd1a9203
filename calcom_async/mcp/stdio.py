"""Serve over standard input and output. Nothing but the protocol goes to standard output."""

from __future__ import annotations

import asyncio
import logging
import os
import stat
import sys
from collections.abc import AsyncIterator
from typing import Any

from mcp.server import Server
from mcp.server.stdio import stdio_server

MAX_LINE = 4 * 1024 * 1024
"""Longest message of a client, in bytes."""

log: logging.Logger = logging.getLogger(__name__)


async def serve_stdio(server: Server[Any]) -> None:
    """Serve until standard input is closed, or the task is cancelled."""
    async with stdio_server(stdin=await _stdin()) as (read, write):
        await server.run(read, write, server.create_initialization_options())


async def _stdin() -> Any:
    """Return the lines of standard input; None lets the SDK read them.

    The SDK reads in a thread, which would keep a cancelled server alive until the next line comes. Where the event loop
    can read standard input itself (a pipe, a socket or a terminal, not on Windows), no thread is needed.
    """
    if os.name == "nt":
        return None
    reader = asyncio.StreamReader(limit=MAX_LINE)
    try:
        number = sys.stdin.fileno()
        if os.isatty(number):
            # The event loop changes the mode of what it reads, and the shell uses this terminal too: open it again.
            source = os.open(os.ttyname(number), os.O_RDONLY)
        elif stat.S_IFMT(os.fstat(number).st_mode) in {stat.S_IFIFO, stat.S_IFSOCK}:
            source = os.dup(number)
        else:
            return None  # reading a file never waits
        pipe = os.fdopen(source, "rb", buffering=0)
        await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), pipe)
    except (OSError, ValueError):  # closed, or not a file of the system
        return None
    return _lines(reader)


async def _lines(reader: asyncio.StreamReader) -> AsyncIterator[str]:
    while True:
        try:
            line = await reader.readline()
        except ValueError:
            log.warning("ignored a message of more than %d bytes", MAX_LINE)
            continue
        if not line:
            return
        yield line.decode("utf-8", "replace")
