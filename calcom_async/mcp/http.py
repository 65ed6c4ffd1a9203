"""Serve over streamable HTTP on loopback, with a bearer token.

Any page in a browser can send requests to loopback. It does not know the token, and the check of the `Host` and
`Origin` headers stops it even if it does.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Awaitable, Callable, Iterator, MutableMapping
from contextlib import contextmanager
from typing import Any

import uvicorn
from mcp.server import Server
from mcp.server.transport_security import TransportSecuritySettings

from calcom_async.secret import Secret

PATH = "/mcp"
CLOSE_AFTER = 2
"""Seconds that open connections get when the server ends."""

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]


def build_app(server: Server[Any], port: int, token: Secret) -> App:
    """Return the ASGI application. It accepts requests with the token that were sent to this port of loopback."""
    hosts = [f"{name}:{port}" for name in ("127.0.0.1", "localhost", "[::1]")]
    security = TransportSecuritySettings(allowed_hosts=hosts, allowed_origins=[f"http://{host}" for host in hosts])
    return _with_token(server.streamable_http_app(streamable_http_path=PATH, transport_security=security), token)


def _with_token(app: App, token: Secret) -> App:
    """Reject requests without the token."""

    async def checked(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and not _has_token(scope, token):
            headers = [(b"www-authenticate", b"Bearer"), (b"content-type", b"text/plain")]
            await send({"type": "http.response.start", "status": 401, "headers": headers})
            await send({"type": "http.response.body", "body": b"A bearer token is required.\n"})
            return
        await app(scope, receive, send)

    return checked


def _has_token(scope: Scope, token: Secret) -> bool:
    values = [value for name, value in scope["headers"] if name == b"authorization"]
    if len(values) != 1:
        return False
    scheme, _, given = values[0].decode("latin-1").partition(" ")
    return scheme.lower() == "bearer" and Secret(given.strip()) == token  # compared in constant time


class _Uvicorn(uvicorn.Server):
    """A server that leaves signals to the caller."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


async def serve_http(server: Server[Any], listener: socket.socket, token: Secret) -> None:
    """Serve until the task is cancelled."""
    app = build_app(server, listener.getsockname()[1], token)
    # Without a log configuration uvicorn writes to standard output.
    config = uvicorn.Config(app, log_config=None, access_log=False, timeout_graceful_shutdown=CLOSE_AFTER)
    http = _Uvicorn(config)
    serving = asyncio.create_task(http.serve(sockets=[listener]))
    try:
        await asyncio.shield(serving)
    finally:
        http.should_exit = True
        with _without_tracebacks_of_cancelled_calls():
            await serving


@contextmanager
def _without_tracebacks_of_cancelled_calls() -> Iterator[None]:
    """Hide what uvicorn logs, as errors of the application, when it cancels the calls that run at the end."""
    logger = logging.getLogger("uvicorn.error")

    def is_error(record: logging.LogRecord) -> bool:
        return not (record.exc_info and isinstance(record.exc_info[1], asyncio.CancelledError))

    logger.addFilter(is_error)
    try:
        yield
    finally:
        logger.removeFilter(is_error)


def listen(port: int) -> socket.socket:
    """Return a socket that listens on loopback only. Raises OSError if the port is in use."""
    return socket.create_server(("127.0.0.1", port))
