"""Receive webhook deliveries, respond immediately and run the handlers in the background."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import TYPE_CHECKING, Any, Self

from calcom_async.errors import ConfigError, DecodeError, InvalidRequestError, SignatureError
from calcom_async.events import log
from calcom_async.models.webhook_events import WebhookEvent
from calcom_async.webhooks.asgi import Message, Receive, Send, serve_asgi
from calcom_async.webhooks.parsing import JSON, parse
from calcom_async.webhooks.router import WebhookRouter, maybe_await
from calcom_async.webhooks.signature import SIGNATURE_HEADER, Secrets, check_secrets, to_bytes, to_secrets, verify

if TYPE_CHECKING:
    from aiohttp import web

ACCEPTED = 200
Deduplicate = Callable[[str], bool | Awaitable[bool]]
OnError = Callable[[Exception, WebhookEvent[Any]], object]


class WebhookReceiver:
    """Responds to deliveries and runs the router's handlers in the background, `concurrency` events at a time.

    It runs inside `async with receiver:`. At most `max_pending` events are accepted but not handled. Further ones get a
    503 and are logged, because Cal.com usually sends a delivery once. On exit, accepted events have `shutdown_timeout`
    seconds to finish, and are then cancelled. An error of a handler is logged and passed to `on_error`.

    `deduplicate` is called with the `key` of each event that has one, and drops the event by returning true. If it
    fails, the error is logged and the event is handled. An event with the key of one that is being handled is dropped
    too. If `deduplicate` has a method `forget`, it is called with the key of an event whose handler failed or was
    cancelled, so that the event is handled if it is delivered again.

    It is also an ASGI application for POST requests at any path, and runs during the lifespan of its server. In FastAPI
    and Starlette use `app.add_route("/cal", receiver)` with `lifespan=receiver.lifespan`. Do not mount it: a mount
    redirects `/cal` to `/cal/`, and Cal.com follows no redirects.
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
        secrets = to_secrets(secrets)  # first, so that the traceback of an invalid argument shows no secret
        self._router = router
        self._max_body = max_body
        self._max_pending = max_pending
        self._concurrency = concurrency
        self._shutdown_timeout = shutdown_timeout
        self._deduplicate = deduplicate
        self._on_error = on_error
        self._semaphore: asyncio.Semaphore | None = None  # while it is running
        self._loop: asyncio.AbstractEventLoop | None = None
        self._tasks: set[asyncio.Task[None]] = set()  # asyncio itself keeps only weak references to tasks
        self._lock = threading.Lock()  # for `_semaphore` and `_pending`: other threads may pass deliveries
        self._pending = 0
        self._in_progress: set[str] = set()
        for name, number in {"max_body": max_body, "max_pending": max_pending, "concurrency": concurrency}.items():
            if not isinstance(number, int) or number < 1:
                raise ConfigError(f"{name} must be an integer of at least 1, got {number!r}")
        if not isinstance(shutdown_timeout, int | float) or not shutdown_timeout >= 0:
            raise ConfigError(f"shutdown_timeout must be at least 0 seconds, got {shutdown_timeout!r}")
        self._secrets = check_secrets(secrets)

    def __repr__(self) -> str:
        state = "running" if self._semaphore else "stopped"
        return f"<WebhookReceiver {state}, {self.pending} of {self._max_pending} pending>"

    @property
    def pending(self) -> int:
        """Number of events that are accepted but not handled."""
        return self._pending

    # --- lifecycle

    async def start(self) -> None:
        """Accept deliveries from now on. `async with` calls this."""
        if self._semaphore:
            raise ConfigError(
                "this WebhookReceiver is running already", hint="Start it once: with async with, setup() or lifespan"
            )
        self._loop = asyncio.get_running_loop()
        self._semaphore = asyncio.Semaphore(self._concurrency)

    async def stop(self) -> None:
        """Accept no more deliveries. Wait for accepted events, and cancel them after `shutdown_timeout` seconds."""
        with self._lock:
            self._semaphore = None  # after this, no thread can pass another event
        try:
            await asyncio.sleep(0)  # events passed by other threads become tasks
            if self._tasks:
                await asyncio.wait(self._tasks, timeout=self._shutdown_timeout)
        finally:
            if unfinished := [task for task in self._tasks if not task.done()]:
                log.error("webhooks: the receiver stops with %d events unfinished, which are lost", len(unfinished))
                for task in unfinished:
                    task.cancel()
                await asyncio.gather(*unfinished, return_exceptions=True)

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    # --- one delivery

    def receive(self, headers: Mapping[str, str], body: bytes) -> tuple[int, str]:
        """Return status and text of the response to a delivery. An accepted event (200) is handled later.

        413: too large. 401: wrong signature. 400: neither JSON nor text. 503: too many pending events, or not running.
        May be called from any thread, such as that of a WSGI server: the handlers run in the event loop of
        `async with receiver:`.
        """
        raw, lower_headers = to_bytes(body), _lower_names(headers)
        if len(raw) > self._max_body:
            return 413, f"larger than {self._max_body} bytes"
        # Verified before it is parsed: only Cal.com decides what the parser gets.
        try:
            verify(raw, lower_headers.get(SIGNATURE_HEADER.lower()), self._secrets)
            event = parse(raw, lower_headers.get("content-type", JSON))
        except SignatureError as error:
            log.warning("webhooks: delivery rejected: %s", error)
            return 401, "invalid signature"
        except DecodeError as error:
            log.warning("webhooks: delivery rejected: %s", error)
            return 400, "neither JSON nor text"
        return self._accept(event)

    def _accept(self, event: WebhookEvent[Any]) -> tuple[int, str]:
        """Accept an event for the background, or return 503. May be called from any thread."""
        with self._lock:
            if not self._semaphore or not self._loop or self._loop.is_closed():
                reason = "not running"
            elif self._pending >= self._max_pending:
                reason = "too many pending events"
            else:
                # Counted here and not in the task: many deliveries can arrive before the loop runs one of them.
                self._pending += 1
                if _running_loop() is self._loop:
                    self._spawn(event, self._semaphore)
                else:
                    self._loop.call_soon_threadsafe(self._spawn, event, self._semaphore)
                return ACCEPTED, "accepted"
        if reason == "not running":
            log.error("webhooks: %r is lost: the receiver is not running. Use async with, setup() or lifespan", event)
        else:
            log.error("webhooks: %r rejected: %d events are pending", event, self._max_pending)
        return 503, reason

    def _spawn(self, event: WebhookEvent[Any], semaphore: asyncio.Semaphore) -> None:
        task = asyncio.get_running_loop().create_task(self._handle(event, semaphore))
        self._tasks.add(task)
        task.add_done_callback(self._on_done)

    def _on_done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        with self._lock:
            self._pending -= 1

    async def _handle(self, event: WebhookEvent[Any], semaphore: asyncio.Semaphore) -> None:
        """Handle an accepted event, unless one with its key is being handled."""
        async with semaphore:
            key = event.key
            if self._deduplicate is None or key is None:
                await self._dispatch(event)
            elif key in self._in_progress:
                log.debug("webhooks: %r dropped: it is being handled", event)
            else:
                self._in_progress.add(key)
                try:
                    await self._handle_once(event, key, self._deduplicate)
                finally:
                    self._in_progress.discard(key)

    async def _handle_once(self, event: WebhookEvent[Any], key: str, deduplicate: Deduplicate) -> None:
        """Handle an event unless `deduplicate` knows its key; forget the key if the handlers fail."""
        try:
            if await maybe_await(deduplicate(key)):
                log.debug("webhooks: %r dropped: it was delivered before", event)
                return
        except Exception:  # noqa: BLE001 - whatever it is, the event matters more
            log.exception("webhooks: cannot determine whether %r was delivered before; handling it", event)
        succeeded = False
        try:
            succeeded = await self._dispatch(event)
        finally:  # also if the receiver stops and cancels the handlers
            if not succeeded:
                await self._forget(event, key)

    async def _forget(self, event: WebhookEvent[Any], key: str) -> None:
        """Let the event count as new if it is delivered again."""
        try:
            if (forget := getattr(self._deduplicate, "forget", None)) is not None:
                await maybe_await(forget(key))
        except Exception:  # noqa: BLE001 - the handlers have finished
            log.exception("webhooks: cannot forget %r; it will be dropped if it is delivered again", event)

    async def _dispatch(self, event: WebhookEvent[Any]) -> bool:
        """Run the handlers, and return whether all succeeded."""
        try:
            await self._router.dispatch(event)
        except ExceptionGroup as failed:
            for error in failed.exceptions:
                await self._report(error, event)
            return False
        return True

    async def _report(self, error: Exception, event: WebhookEvent[Any]) -> None:
        """Log the error of a handler and pass it to `on_error`."""
        log.error("webhooks: a handler of %r failed", event, exc_info=error)
        try:
            if self._on_error is not None:
                await maybe_await(self._on_error(error, event))
        except Exception:  # noqa: BLE001 - the other events continue
            log.exception("webhooks: on_error failed as well")

    # --- servers

    async def respond(self, headers: Mapping[str, str], read: Callable[[], Awaitable[bytes]]) -> tuple[int, str]:
        """`receive` for a body that is still arriving: `read` returns the next part, and b"" at the end.

        Reads no more than `max_body` allows.
        """
        body = bytearray()
        while len(body) <= self._max_body and (part := await read()):
            body += part
        return self.receive(headers, bytes(body))

    async def aiohttp_handler(self, request: web.Request) -> web.Response:
        """Handle a request of aiohttp.web: `app.router.add_post("/cal", receiver.aiohttp_handler)`; see `setup`."""
        from aiohttp import web  # noqa: PLC0415 - only aiohttp servers need it

        try:
            status, text = await self.respond(request.headers, request.content.readany)
        except (web.RequestPayloadError, ConnectionError) as error:
            cause = type(error.__cause__ or error).__name__
            log.warning("webhooks: delivery rejected: cannot read the body: %s", cause)
            status, text = 400, "cannot read the body"
        response = web.Response(status=status, text=text)
        if status != ACCEPTED and "Content-Encoding" in request.headers:
            # Otherwise aiohttp decompresses the rest of the body to drop it, which may be a million times its size.
            response.force_close()
            await response.prepare(request)
            await response.write_eof()
            request.protocol.force_close()
        return response

    def setup(self, app: web.Application) -> None:
        """Run as long as the aiohttp application does."""
        app.cleanup_ctx.append(self._run)

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Serve one ASGI connection."""
        await serve_asgi(self, scope, receive, send)

    def lifespan(self, app: object) -> AbstractAsyncContextManager[None]:
        """Return a lifespan for FastAPI and Starlette. Inside a lifespan of your own, use `async with receiver:`."""
        return asynccontextmanager(self._run)(app)

    async def _run(self, _: object) -> AsyncIterator[None]:
        async with self:
            yield


def _lower_names(headers: Mapping[str, str]) -> dict[str, str]:
    if not isinstance(headers, Mapping) or not all(isinstance(name, str) for name in headers):
        raise InvalidRequestError(f"headers must be a mapping of texts, got {type(headers).__name__}")
    return {name.lower(): value for name, value in headers.items()}


def _running_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None
