"""A `WebhookReceiver` as an ASGI application, by the specification's own messages: no framework is needed."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from calcom_async.webhooks.receiver import WebhookReceiver

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


class Asgi:
    """Answers POST requests at any path; its own lifespan, if the server has one, is the receiver's.

    An object and not a method, for Starlette takes methods for functions from a request to a response.
    """

    def __init__(self, receiver: WebhookReceiver) -> None:
        self._receiver = receiver

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        elif scope["type"] == "http":
            await self._answer(scope, receive, send)
        else:
            await send({"type": "websocket.close"})

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()
        async with self._receiver:
            await send({"type": "lifespan.startup.complete"})
            await receive()
        await send({"type": "lifespan.shutdown.complete"})

    async def _answer(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["method"] != "POST":
            await _respond(send, 405, "only POST", (b"allow", b"POST"))
            return
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        try:
            status, text = await self._receiver.answer(headers, _Body(receive).read)
        except ConnectionError:
            return  # nobody is left to answer
        await _respond(send, status, text)


class _Body:
    """The body of a request, part by part."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._more = True

    async def read(self) -> bytes:
        """The next part that is not empty; b"" at the end."""
        while self._more:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                raise ConnectionError("the sender hung up")
            self._more = message.get("more_body", False)
            if part := message.get("body", b""):
                return bytes(part)
        return b""


async def _respond(send: Send, status: int, text: str, *headers: tuple[bytes, bytes]) -> None:
    body = text.encode()
    kind = [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": status, "headers": [*kind, *headers]})
    await send({"type": "http.response.body", "body": body})
