"""The sandbox itself: a Cal.com API v2 on loopback, in a thread and an event loop of its own."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Coroutine
from datetime import datetime
from types import TracebackType
from typing import Any, Self, TypeVar

from aiohttp import web

from . import handlers
from .clock import Clock
from .delivery import Delivery, deliveries
from .faults import Faults
from .routes import ROUTES, RouteTable
from .seed import API_KEY, populate
from .server import Seen, Server
from .store import Store, Ties
from .throttle import Limit, Throttler

assert handlers.__all__, "importing the handlers registers their routes"

T = TypeVar("T")

#: "No limit" still sends the headers, as a generous deployment does.
UNLIMITED = 1_000_000


class Sandbox:
    """A Cal.com to run against; use it as a context manager, or `start()` and `stop()` it.

    `bookings` rows are made up from `seed`. `rate_limit` requests a `window` of seconds are allowed to each caller
    (None: a million), one more blocks for `block` seconds. `ties` makes equal sort keys common, and their order
    unstable from page to page; "restless" makes it unstable from request to request. `now` freezes the clock.
    `races=True` gives creates the races of the real server: each takes a moment between its checks and the insert, so
    that requests meet. Of accepted bookings with one host, start and end one is made, and the others get a 409
    `booking_conflict_error`, or a 400 as if the time were taken. Nothing stops pending or overlapping bookings that
    meet, nor more attendees than seats. Without it creates are handled one after another.
    `seed_dialect` is for handlers that speak the older texts.
    """

    def __init__(
        self,
        *,
        bookings: int = 0,
        seed: int = 0,
        now: datetime | None = None,
        rate_limit: int | None = None,
        window: float = 60,
        block: float = 60,
        ties: Ties = False,
        races: bool = False,
        seed_dialect: bool = False,
        port: int = 0,
    ) -> None:
        self.rate_limit: int = UNLIMITED if rate_limit is None else rate_limit
        self.window = window
        self.block = block
        self.races = races
        self.seed_dialect = seed_dialect
        self.api_key = API_KEY
        self.clock: Clock = Clock(now)
        self.store: Store = Store(seed=seed, ties=ties)
        self.faults: Faults = Faults(seed)
        self.throttler: Throttler = Throttler()
        self.requests: list[Seen] = []
        self.failures: list[Exception] = []
        """Unplanned errors inside handlers; each was also logged, and answered with 500."""
        self._bookings = bookings
        self._seed = seed
        self._port = port
        self._runtime: _Runtime | None = None
        populate(self.store, self.clock, bookings=bookings, ties=bool(ties))

    # --- life

    def start(self) -> Self:
        """Start to listen; returns when requests are answered. Raises OSError when the port is taken."""
        if self._runtime is None:
            self._runtime = _Runtime(Server(self, RouteTable(ROUTES)), self._port)
        return self

    def stop(self) -> None:
        """Close the socket and all connections, cancel what `spawn` started, end the thread."""
        runtime, self._runtime = self._runtime, None
        if runtime is not None:
            runtime.stop()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()

    @property
    def url(self) -> str:
        """The base URL for a client, `http://127.0.0.1:PORT/v2`."""
        return f"http://127.0.0.1:{self._running.port}/v2"

    @property
    def deliveries(self) -> list[Delivery]:
        """The webhook deliveries so far, in the order in which they ended; `settle()` waits for those under way."""
        return self.run(lambda: deliveries(self.store))

    def reset(self) -> None:
        """Put the world back as it was at first: state, faults, limits and what was recorded; the clock stays."""
        self.run(self._reset)

    def _reset(self) -> None:
        self.store.reset(self._seed)
        self.faults.clear()
        self.throttler.clear()
        self.requests.clear()
        self.failures.clear()
        populate(self.store, self.clock, bookings=self._bookings, ties=bool(self.store.ties))

    # --- work in the sandbox's thread

    def run(self, function: Callable[[], T]) -> T:
        """Call `function` between two requests, in the sandbox's thread, and return its result."""
        return function() if self._runtime is None else self._runtime.call(function)

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Run `work` beside the answers; from the sandbox's thread only."""
        self._running.spawn(work)

    def settle(self, timeout: float = 5) -> None:
        """Wait until everything spawned so far (webhook deliveries) is done. Raises TimeoutError."""
        self._running.settle(timeout)

    def on_stop(self, close: Callable[[], Awaitable[object]]) -> None:
        """Have `close()` awaited when the sandbox stops."""
        self._running.closers.append(close)

    def limits_of(self, key: str | None) -> list[Limit]:
        """The named limits of an API key, or the default one."""
        own = self.store.limits.get(key or "")
        return own or [Limit("default", self.rate_limit, self.window, self.block)]

    @property
    def _running(self) -> _Runtime:
        if self._runtime is None:
            raise RuntimeError("the sandbox is not running; call start(), or use it in a with statement")
        return self._runtime


class _Runtime:
    """The thread, its event loop and its listening socket; alive from construction to `stop()`."""

    def __init__(self, server: Server, port: int) -> None:
        self.closers: list[Callable[[], Awaitable[object]]] = []
        self.port = port
        self._server = server
        self._tasks: set[asyncio.Task[None]] = set()
        self._ready = threading.Event()
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._main, name="calcom-sandbox", daemon=True)
        self._thread.start()
        self._ready.wait()
        if self._failure is not None:
            self._thread.join()
            raise self._failure

    def stop(self) -> None:
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stopping.set)
        self._thread.join()

    def call(self, function: Callable[[], T]) -> T:
        if threading.current_thread() is self._thread:
            return function()
        return asyncio.run_coroutine_threadsafe(_calling(function), self._loop).result()

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def settle(self, timeout: float) -> None:
        asyncio.run_coroutine_threadsafe(self._drain(), self._loop).result(timeout)

    async def _drain(self) -> None:
        while self._tasks:
            await asyncio.wait(set(self._tasks))

    def _main(self) -> None:
        try:
            asyncio.run(self._serve())
        except BaseException as error:  # noqa: BLE001 - it belongs to the thread that called start()
            self._failure = error
        finally:
            self._ready.set()

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._stopping = asyncio.Event()
        # The real server closes a connection that was idle for 5 s, and says so in Keep-Alive.
        server = web.Server(self._server, keepalive_timeout=5.0, access_log=None)
        listener = await self._loop.create_server(server, "127.0.0.1", self.port)
        self.port = listener.sockets[0].getsockname()[1]
        self._ready.set()
        try:
            await self._stopping.wait()
        finally:
            await self._close(listener, server)

    async def _close(self, listener: asyncio.Server, server: web.Server) -> None:
        # A connection that is being accepted becomes the server's some turns of the loop later; closed before that, the
        # listener would lose its socket.
        for door in listener.sockets:
            self._loop.remove_reader(door.fileno())
        for _ in range(3):
            await asyncio.sleep(0)
        listener.close()
        for task in set(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for close in self.closers:
            await close()
        transports = [connection.transport for connection in server.connections]
        server.pre_shutdown()
        await server.shutdown(0.05)
        for transport in filter(None, transports):
            transport.abort()  # one whose client has stopped reading is never done with its answer
        await asyncio.sleep(0)


async def _calling(function: Callable[[], T]) -> T:
    return function()
