"""Receiver: answers deliveries at once, and has the handlers run behind the answer."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import cached_property
from typing import TYPE_CHECKING, Any, Self

from calcom_async.errors import ConfigError, DecodeError, SignatureError
from calcom_async.events import log
from calcom_async.models.webhook_events import WebhookEvent
from calcom_async.webhooks.asgi import Asgi
from calcom_async.webhooks.deliveries import JSON, SIGNATURE, parse, usable, verify
from calcom_async.webhooks.router import Router, resolved

if TYPE_CHECKING:
    from aiohttp import web

DAY = 86_400.0
Seen = Callable[[str], bool | Awaitable[bool]]
OnError = Callable[[Exception, WebhookEvent[Any]], object]


class RecentDeliveries:
    """Remembers the keys of the latest deliveries, at most `size` of them and each for `ttl` seconds.

    Calling it says whether a key was there, and keeps it if not. One per process: several need a shared store, such as
    Redis with SET NX EX. A delivery replayed after `ttl` passes for a new one.
    """

    def __init__(self, size: int = 10_000, ttl: float = DAY, *, clock: Callable[[], float] = time.monotonic) -> None:
        if size < 1 or ttl <= 0:
            raise ConfigError(f"size and ttl must be greater than 0, not {size} and {ttl}")
        self._size = size
        self._ttl = ttl
        self._clock = clock
        self._until: dict[str, float] = {}  # the oldest first, which is also the first to expire

    def __call__(self, key: str) -> bool:
        """Whether the key was seen lately; from now on it was."""
        now = self._clock()
        while self._until and self._until[oldest := next(iter(self._until))] <= now:
            del self._until[oldest]
        if key in self._until:
            return True
        if len(self._until) == self._size:
            del self._until[next(iter(self._until))]
        self._until[key] = now + self._ttl
        return False

    def __len__(self) -> int:
        return len(self._until)


class Receiver:
    """Answers deliveries and runs the router's handlers in the background, `concurrency` events at a time.

    It runs inside `async with receiver:`. At most `queue` events are accepted and not yet handled; with more it answers
    503 and logs it, for Cal.com as a rule sends once. Leaving gives what was accepted `drain` seconds to end, then
    cancels it. `seen` is asked with the `key` of each event that has one, a store that fails is logged and the event
    handled; a handler that fails is logged and told to `on_error`.
    """

    def __init__(
        self,
        router: Router,
        *,
        secrets: str | Sequence[str],
        max_body: int = 1 << 20,
        queue: int = 1000,
        concurrency: int = 8,
        drain: float = 30.0,
        seen: Seen | None = None,
        on_error: OnError | None = None,
    ) -> None:
        if min(max_body, queue, concurrency) < 1 or drain < 0:
            raise ConfigError("max_body, queue and concurrency must be at least 1, and drain not below 0")
        self._router = router
        self._secrets = usable(secrets)
        self._max_body = max_body
        self._queue = queue
        self._concurrency = concurrency
        self._drain = drain
        self._seen = seen
        self._on_error = on_error
        self._turns: asyncio.Semaphore | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    def __repr__(self) -> str:
        return f"<Receiver {'running' if self._turns else 'stopped'}, {self.pending} of {self._queue} pending>"

    @property
    def pending(self) -> int:
        """How many events are accepted and not yet handled."""
        return len(self._tasks)

    # --- its life

    async def start(self) -> None:
        """Accept deliveries from now on; `async with` does it for you."""
        if self._turns:
            raise ConfigError("this Receiver is running already: start it once, by one of async with, run_in, lifespan")
        self._turns = asyncio.Semaphore(self._concurrency)

    async def stop(self) -> None:
        """Accept nothing more, let what was accepted end, cancel what has not ended after `drain` seconds."""
        self._turns = None
        try:
            if self._tasks:
                await asyncio.wait(self._tasks, timeout=self._drain)
        finally:
            if left := [task for task in self._tasks if not task.done()]:
                log.error("webhooks: the receiver stops, %d events are cut short or never handled", len(left))
                for task in left:
                    task.cancel()
                await asyncio.gather(*left, return_exceptions=True)

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    # --- one delivery

    def receive(self, headers: Mapping[str, str], body: bytes) -> tuple[int, str]:
        """The answer to a delivery, as status and text; an accepted event (200) is handled later.

        413 too large, 401 signature refused, 400 neither JSON nor text, 503 queue full or not running.
        """
        if len(body) > self._max_body:
            return 413, f"larger than {self._max_body} bytes"
        sent = {name.lower(): value for name, value in headers.items()}
        try:
            verify(body, sent.get(SIGNATURE.lower()), self._secrets)
            event = parse(body, sent.get("content-type", JSON))
        except SignatureError as error:
            log.warning("webhooks: refused: %s", error)
            return 401, "signature refused"
        except DecodeError as error:
            log.warning("webhooks: refused: %s", error)
            return 400, "neither JSON nor text"
        return self._accept(event)

    def _accept(self, event: WebhookEvent[Any]) -> tuple[int, str]:
        if not self._turns:
            log.error("webhooks: %r is lost, the receiver is not running; use async with, run_in or lifespan", event)
            return 503, "not running"
        if len(self._tasks) >= self._queue:
            log.error("webhooks: %r is refused, %d events wait for the handlers", event, len(self._tasks))
            return 503, "queue full"
        task = asyncio.create_task(self._handle(event, self._turns))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return 200, "accepted"

    async def _handle(self, event: WebhookEvent[Any], turns: asyncio.Semaphore) -> None:
        async with turns:
            if await self._is_repeat(event):
                log.debug("webhooks: %r came before", event)
                return
            try:
                await self._router.dispatch(event)
            except ExceptionGroup as failed:
                for error in failed.exceptions:
                    await self._report(error, event)

    async def _is_repeat(self, event: WebhookEvent[Any]) -> bool:
        if not self._seen or not event.key:
            return False
        try:
            return await resolved(self._seen(event.key))
        except Exception:  # noqa: BLE001 - whatever it is, the event counts more
            log.exception("webhooks: cannot tell whether %r came before; it is handled", event)
            return False

    async def _report(self, error: Exception, event: WebhookEvent[Any]) -> None:
        log.error("webhooks: a handler of %r failed", event, exc_info=error)
        try:
            if self._on_error:
                await resolved(self._on_error(error, event))
        except Exception:  # noqa: BLE001 - the other events go on
            log.exception("webhooks: on_error failed as well")

    # --- where deliveries come from

    async def answer(self, headers: Mapping[str, str], read: Callable[[], Awaitable[bytes]]) -> tuple[int, str]:
        """`receive` for a body that is still coming: `read` gives the next part, and b"" at the end.

        No more is read than is allowed.
        """
        body = bytearray()
        while len(body) <= self._max_body and (part := await read()):
            body += part
        return self.receive(headers, bytes(body))

    async def aiohttp_handler(self, request: web.Request) -> web.Response:
        """For aiohttp.web: `app.router.add_post("/cal", receiver.aiohttp_handler)`, with `receiver.run_in(app)`."""
        from aiohttp import web  # noqa: PLC0415 - only servers of aiohttp need it

        status, text = await self.answer(request.headers, request.content.readany)
        return web.Response(status=status, text=text)

    def run_in(self, app: web.Application) -> None:
        """Run for as long as the aiohttp application does."""
        app.cleanup_ctx.append(self._running)

    @cached_property
    def asgi(self) -> Asgi:
        """For ASGI: `app.add_route("/cal", receiver.asgi)` in FastAPI and Starlette, with `lifespan=receiver.lifespan`.

        It is an application by itself as well, at any path. Do not mount it: a mount redirects `/cal` to `/cal/`, and
        Cal.com follows no redirects.
        """
        return Asgi(self)

    def lifespan(self, app: object) -> AbstractAsyncContextManager[None]:
        """For `FastAPI(lifespan=...)` and `Starlette(lifespan=...)`; within one of your own use `async with`."""
        return asynccontextmanager(self._running)(app)

    async def _running(self, _: object) -> AsyncIterator[None]:
        async with self:
            yield
