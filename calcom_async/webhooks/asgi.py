"""ASGI for a webhook receiver, written to the specification: no framework is needed."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


class Receiver(Protocol):
    """What ASGI needs of a webhook receiver."""

    async def respond(self, headers: Mapping[str, str], read: Callable[[], Awaitable[bytes]]) -> tuple[int, str]:
        """Return status and text for a delivery. `read` returns the next part of the body, and b"" at the end."""

    def lifespan(self, app: object) -> AbstractAsyncContextManager[None]:
        """Run the receiver inside this block."""


async def serve_asgi(receiver: Receiver, scope: Message, receive: Receive, send: Send) -> None:
    """Serve one connection: a POST request at any path, or the lifespan of the server."""
    if scope["type"] == "lifespan":
        await _serve_lifespan(receiver, receive, send)
    elif scope["type"] == "http":
        await _serve_http(receiver, scope, receive, send)
    else:
        await send({"type": "websocket.close"})


async def _serve_lifespan(receiver: Receiver, receive: Receive, send: Send) -> None:
    """Run the receiver from the start of the server to its end."""
    # The protocol allows exactly one sequence of messages: startup, its confirmation, shutdown, its confirmation.
    await receive()
    async with receiver.lifespan(None):
        await send({"type": "lifespan.startup.complete"})
        await receive()
    await send({"type": "lifespan.shutdown.complete"})


async def _serve_http(receiver: Receiver, scope: Message, receive: Receive, send: Send) -> None:
    """Respond to one request."""
    if scope["method"] != "POST":
        await _send_response(send, 405, "only POST is allowed", (b"allow", b"POST"))
        return
    # Bytes in ASGI. Latin-1 decodes every byte, so a hostile header raises no error here.
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
    try:
        status, text = await receiver.respond(headers, _Body(receive).read)
    except ConnectionError:
        return  # the sender is gone
    await _send_response(send, status, text)


class _Body:
    """Body of a request, read part by part."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._has_more = True

    async def read(self) -> bytes:
        """Return the next part that is not empty, and b"" at the end."""
        while self._has_more:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                raise ConnectionError("the sender closed the connection")
            self._has_more = message.get("more_body", False)
            if part := message.get("body", b""):
                return bytes(part)
        return b""


async def _send_response(send: Send, status: int, text: str, *headers: tuple[bytes, bytes]) -> None:
    body = text.encode()
    common = [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": status, "headers": [*common, *headers]})
    await send({"type": "http.response.body", "body": body})
