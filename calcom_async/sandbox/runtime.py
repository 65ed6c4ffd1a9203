"""The thread, the event loop and the listening socket of a sandbox."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Coroutine
from functools import partial
from typing import Any, TypeVar

from aiohttp import web

Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]
T = TypeVar("T")


class Runtime:
    """A running server; it runs from construction until `stop()`."""

    def __init__(self, handler: Handler, host: str, port: int) -> None:
        self.port: int = port
        self._host = host
        self._handler = handler
        self._tasks: set[asyncio.Task[None]] = set()
        self._ready = threading.Event()
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._main, name="calcom-sandbox", daemon=True)
        self._thread.start()
        # Set after the port is known, and after a failure too.
        self._ready.wait()
        if self._failure is not None:
            self._thread.join()
            raise self._failure

    def stop(self) -> None:
        """Stop the server and wait for the thread to end."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stopping.set)
        self._thread.join()

    def call(self, function: Callable[[], T]) -> T:
        """Call a function in the thread of the sandbox and return its result."""
        if threading.current_thread() is self._thread:
            return function()
        return asyncio.run_coroutine_threadsafe(_calling(function), self._loop).result()

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Run a coroutine in the background; `stop` cancels it."""
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def wait_idle(self, timeout: float) -> None:
        """Wait until no background task is left. Raises TimeoutError."""
        asyncio.run_coroutine_threadsafe(self._drain(), self._loop).result(timeout)

    async def _drain(self) -> None:
        """Wait for the background tasks, and for those that they start."""
        while self._tasks:
            await asyncio.wait(set(self._tasks))

    def _main(self) -> None:
        """Run the event loop of the thread."""
        try:
            asyncio.run(self._serve())
        except BaseException as error:  # noqa: BLE001 - raised in the thread that called start()
            self._failure = error
        finally:
            self._ready.set()

    async def _serve(self) -> None:
        """Listen until `stop` is called."""
        self._loop = asyncio.get_running_loop()
        self._stopping = asyncio.Event()
        # The default of Node.js, which the real server sends in its Keep-Alive header.
        server = web.Server(
            self._respond, request_factory=partial(_Request, loop=self._loop), keepalive_timeout=5.0, access_log=None
        )
        listener = await self._loop.create_server(server, self._host, self.port)
        self.port = listener.sockets[0].getsockname()[1]
        self._ready.set()
        try:
            await self._stopping.wait()
        finally:
            await self._close(listener, server)

    async def _respond(self, request: web.BaseRequest) -> web.StreamResponse:
        """Handle a request. A client that hangs up while it sends a body is not an error to log."""
        try:
            return await self._handler(request)
        except ConnectionError:
            return web.Response()

    async def _close(self, listener: asyncio.Server, server: web.Server) -> None:
        """Close the listener, the tasks and the connections."""
        # asyncio leaks a socket if a listener is closed while it accepts one: stop accepting, let the loop finish
        # what it accepted, then close.
        for listening in listener.sockets:
            self._loop.remove_reader(listening.fileno())
        for _ in range(3):
            await asyncio.sleep(0)
        listener.close()
        for task in set(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        transports = [connection.transport for connection in server.connections]
        # Idle connections close at once. Handlers get a moment, and what is left is cut off below.
        server.pre_shutdown()
        await server.shutdown(0.05)
        for transport in filter(None, transports):
            transport.abort()  # a client that stopped reading would keep it open
        await asyncio.sleep(0)


class _Request(web.BaseRequest):
    """A request whose response does not name the software, as on the real server."""

    async def _prepare_hook(self, response: web.StreamResponse) -> None:
        """Remove the header that aiohttp adds. Without this hook the header would stay, and nothing else change."""
        response.headers.pop("Server", None)


async def _calling(function: Callable[[], T]) -> T:
    """Wrap a call in a coroutine."""
    return function()
