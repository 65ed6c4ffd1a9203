"""WebhookReceiver: answers deliveries at once, and has the handlers run behind the answer."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import cached_property
from typing import TYPE_CHECKING, Any, Self

from calcom_async.errors import ConfigError, DecodeError, InvalidRequestError, SignatureError
from calcom_async.events import log
from calcom_async.models.webhook_events import WebhookEvent
from calcom_async.webhooks.asgi import Asgi
from calcom_async.webhooks.deliveries import JSON, SIGNATURE, Secrets, bytes_of, concealed, parse, usable, verify
from calcom_async.webhooks.router import WebhookRouter, resolved

if TYPE_CHECKING:
    from aiohttp import web

DAY = 86_400.0
ACCEPTED = 200
Deduplicate = Callable[[str], bool | Awaitable[bool]]
OnError = Callable[[Exception, WebhookEvent[Any]], object]


class InMemoryDeduplicator:
    """Remembers the keys of the latest deliveries, at most `size` of them and each for `ttl` seconds.

    Calling it says whether a key was there, and keeps it if not. One per process: several need a shared store, such as
    Redis with SET NX EX. A delivery replayed after `ttl` passes for a new one.
    """

    def __init__(self, size: int = 10_000, ttl: float = DAY, *, clock: Callable[[], float] = time.monotonic) -> None:
        for name, number in {"size": size, "ttl": ttl}.items():
            if not isinstance(number, int | float) or not number > 0:
                raise ConfigError(f"{name} must be a number greater than 0, got {number!r}")
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

    def forget(self, key: str) -> None:
        """Take the key for a new one from now on."""
        self._until.pop(key, None)

    def __len__(self) -> int:
        return len(self._until)


class WebhookReceiver:
    """Answers deliveries and runs the router's handlers in the background, `concurrency` events at a time.

    It runs inside `async with receiver:`. At most `max_pending` events are accepted and not yet handled; with more it
    answers 503 and logs it, for Cal.com as a rule sends once. Leaving gives what was accepted `shutdown_timeout`
    seconds to end, then cancels it. A handler that fails is logged and told to `on_error`.

    `deduplicate` is called with the `key` of each event that has one, and drops the event by returning true; a store
    that fails is logged and the event handled. An event with the key of one that is being handled is dropped too. If
    `deduplicate` has a method `forget`, it is called with the key when a handler failed or was cancelled, so that the
    event is handled if it comes again.
    """

    def __init__(
        self,
        router: WebhookRouter,
        *,
        secrets: Secrets,
        max_body: int = 1 << 20,
        max_pending: int = 1000,
        concurrency: int = 8,
        shutdown_timeout: float = 30.0,
        deduplicate: Deduplicate | None = None,
        on_error: OnError | None = None,
    ) -> None:
        secrets = concealed(secrets)
        self._router = router
        self._max_body = max_body
        self._max_pending = max_pending
        self._concurrency = concurrency
        self._shutdown_timeout = shutdown_timeout
        self._deduplicate = deduplicate
        self._on_error = on_error
        self._turns: asyncio.Semaphore | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._lock = threading.Lock()  # for `_turns` and `_pending`: deliveries may come from other threads
        self._pending = 0
        self._in_progress: set[str] = set()
        for name, number in {"max_body": max_body, "max_pending": max_pending, "concurrency": concurrency}.items():
            if not isinstance(number, int) or number < 1:
                raise ConfigError(f"{name} must be a whole number from 1 on, got {number!r}")
        if not isinstance(shutdown_timeout, int | float) or not shutdown_timeout >= 0:
            raise ConfigError(f"shutdown_timeout must be seconds from 0 on, got {shutdown_timeout!r}")
        self._secrets = usable(secrets)

    def __repr__(self) -> str:
        state = "running" if self._turns else "stopped"
        return f"<WebhookReceiver {state}, {self.pending} of {self._max_pending} pending>"

    @property
    def pending(self) -> int:
        """How many events are accepted and not yet handled."""
        return self._pending

    # --- its life

    async def start(self) -> None:
        """Accept deliveries from now on; `async with` does it for you."""
        if self._turns:
            raise ConfigError(
                "this WebhookReceiver is running already: start it once, by one of async with, setup, lifespan"
            )
        self._loop = asyncio.get_running_loop()
        self._turns = asyncio.Semaphore(self._concurrency)

    async def stop(self) -> None:
        """Accept nothing more, let what was accepted end, cancel the rest after `shutdown_timeout` seconds."""
        with self._lock:
            self._turns = None
        try:
            await asyncio.sleep(0)  # what other threads have handed over becomes a task
            if self._tasks:
                await asyncio.wait(self._tasks, timeout=self._shutdown_timeout)
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

        413 too large, 401 signature refused, 400 neither JSON nor text, 503 queue full or not running. May be called
        from any thread, such as that of a WSGI server: the handlers run in the event loop of `async with receiver:`.
        """
        raw, sent = bytes_of(body), _lower(headers)
        if len(raw) > self._max_body:
            return 413, f"larger than {self._max_body} bytes"
        try:
            verify(raw, sent.get(SIGNATURE.lower()), self._secrets)
            event = parse(raw, sent.get("content-type", JSON))
        except SignatureError as error:
            log.warning("webhooks: refused: %s", error)
            return 401, "signature refused"
        except DecodeError as error:
            log.warning("webhooks: refused: %s", error)
            return 400, "neither JSON nor text"
        return self._accept(event)

    def _accept(self, event: WebhookEvent[Any]) -> tuple[int, str]:
        with self._lock:
            if not self._turns or not self._loop or self._loop.is_closed():
                refusal = "not running"
            elif self._pending >= self._max_pending:
                refusal = "queue full"
            else:
                self._pending += 1
                if _running_loop() is self._loop:
                    self._spawn(event, self._turns)
                else:
                    self._loop.call_soon_threadsafe(self._spawn, event, self._turns)
                return ACCEPTED, "accepted"
        if refusal == "queue full":
            log.error("webhooks: %r is refused, %d events wait for the handlers", event, self._max_pending)
        else:
            log.error("webhooks: %r is lost, the receiver is not running; use async with, setup or lifespan", event)
        return 503, refusal

    def _spawn(self, event: WebhookEvent[Any], turns: asyncio.Semaphore) -> None:
        task = asyncio.get_running_loop().create_task(self._handle(event, turns))
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        with self._lock:
            self._pending -= 1

    async def _handle(self, event: WebhookEvent[Any], turns: asyncio.Semaphore) -> None:
        async with turns:
            key = event.key
            if self._deduplicate is None or key is None:
                await self._dispatch(event)
            elif key in self._in_progress:
                log.debug("webhooks: %r is being handled", event)
            else:
                self._in_progress.add(key)
                try:
                    await self._handle_once(event, key, self._deduplicate)
                finally:
                    self._in_progress.discard(key)

    async def _handle_once(self, event: WebhookEvent[Any], key: str, deduplicate: Deduplicate) -> None:
        try:
            if await resolved(deduplicate(key)):
                log.debug("webhooks: %r came before", event)
                return
        except Exception:  # noqa: BLE001 - whatever it is, the event counts more
            log.exception("webhooks: cannot tell whether %r came before; it is handled", event)
        succeeded = False
        try:
            succeeded = await self._dispatch(event)
        finally:
            if not succeeded:
                await self._forget(event, key)

    async def _forget(self, event: WebhookEvent[Any], key: str) -> None:
        try:
            if (forget := getattr(self._deduplicate, "forget", None)) is not None:
                await resolved(forget(key))
        except Exception:  # noqa: BLE001 - the handlers are done with the event
            log.exception("webhooks: cannot forget %r; it is dropped if it comes again", event)

    async def _dispatch(self, event: WebhookEvent[Any]) -> bool:
        """Run the handlers; whether all succeeded."""
        try:
            await self._router.dispatch(event)
        except ExceptionGroup as failed:
            for error in failed.exceptions:
                await self._report(error, event)
            return False
        return True

    async def _report(self, error: Exception, event: WebhookEvent[Any]) -> None:
        log.error("webhooks: a handler of %r failed", event, exc_info=error)
        try:
            if self._on_error is not None:
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
        """For aiohttp.web: `app.router.add_post("/cal", receiver.aiohttp_handler)`, with `receiver.setup(app)`."""
        from aiohttp import web  # noqa: PLC0415 - only servers of aiohttp need it

        try:
            status, text = await self.answer(request.headers, request.content.readany)
        except (web.RequestPayloadError, ConnectionError) as error:
            log.warning("webhooks: refused: the body cannot be read: %s", type(error.__cause__ or error).__name__)
            status, text = 400, "the body cannot be read"
        response = web.Response(status=status, text=text)
        if status != ACCEPTED and "Content-Encoding" in request.headers:
            # Otherwise aiohttp decompresses and drops the rest of the body, which may be a million times its size.
            response.force_close()
            await response.prepare(request)
            await response.write_eof()
            request.protocol.force_close()
        return response

    def setup(self, app: web.Application) -> None:
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


def _lower(headers: Mapping[str, str]) -> dict[str, str]:
    if not isinstance(headers, Mapping) or not all(isinstance(name, str) for name in headers):
        raise InvalidRequestError(f"headers must be a mapping of texts, got {type(headers).__name__}")
    return {name.lower(): value for name, value in headers.items()}


def _running_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None
