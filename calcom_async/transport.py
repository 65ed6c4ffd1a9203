"""Send requests over aiohttp: the session, proxy and TLS, and the mapping of its exceptions to ours."""

from __future__ import annotations

import asyncio
import os
import ssl
import time
from base64 import b64encode
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from types import SimpleNamespace
from typing import Any
from urllib.parse import SplitResult, unquote, urlsplit

import aiohttp
from aiohttp import ClientHandlerType, ClientRequest, ClientResponse, ClientSession, StreamReader
from yarl import URL

from calcom_async.config import Config, is_loopback, proxy_parts
from calcom_async.errors import (
    CalcomError,
    ConfigError,
    ConnectionFailedError,
    DecodeError,
    TimedOutError,
    printable,
)
from calcom_async.requests import CallContext, Request
from calcom_async.responses import Response, check
from calcom_async.secret import Hidden, Secret, without_frames

TraceConfig = aiohttp.TraceConfig


class Transport:
    """The session: opened and closed with the client, or given by the user and left unchanged."""

    def __init__(
        self,
        config: Config,
        user_agent: str,
        *,
        session: ClientSession | None = None,
        trace_configs: Sequence[TraceConfig] = (),
    ) -> None:
        if session is not None and trace_configs:
            raise ConfigError("trace_configs belong to the session; give them to the ClientSession that you pass")
        if session is not None and config.proxy is not None:
            raise ConfigError("a proxy belongs to the session; give it to the ClientSession that you pass")
        self.config = config
        self.borrowed = session
        self.trace_configs: list[TraceConfig] = list(trace_configs)
        self._headers: dict[str, str] = {"Accept": "application/json", "User-Agent": user_agent}
        self._session: ClientSession | None = None
        self._connection_slots = ConnectionSlots(0)
        self._timeout = self._within(config.timeout)
        self._options: dict[str, Any] = {}
        self._proxy: Proxy | None = None
        self._home: tuple[asyncio.AbstractEventLoop, int] | None = None

    def _within(self, seconds: float) -> aiohttp.ClientTimeout:
        """Return the timeout of one attempt, from sending it to the last byte, including the connection."""
        return aiohttp.ClientTimeout(
            total=seconds, sock_connect=self.config.connect_timeout, ceil_threshold=seconds + 1
        )

    async def open(self) -> None:
        """Create the session in the running event loop, or use the given one."""
        if self.borrowed is None:
            self._proxy = Proxy.of(self.config)
            self._session = self._own_session()
        else:
            if self.borrowed.closed:
                raise ConfigError("the session given to Calcom() is closed")
            self._session = self.borrowed
            middlewares = (*getattr(self.borrowed, "_middlewares", ()), _no_resend)
            self._options = {"timeout": self._timeout, "middlewares": middlewares, "raise_for_status": False}
        self._home = asyncio.get_running_loop(), os.getpid()
        limits = [getattr(self._session.connector, name, 0) for name in ("limit", "limit_per_host")]
        limit = min(filter(None, limits), default=self.config.max_connections)
        self._connection_slots = ConnectionSlots(limit)

    def _own_session(self) -> ClientSession:
        """Create the session of a client that was given none."""
        is_encrypted = any(url.startswith("https:") for url in (self.config.base_url, self.proxy or ""))
        connector = aiohttp.TCPConnector(
            limit=self.config.max_connections,
            keepalive_timeout=self.config.keepalive_expiry,
            ssl=(_ssl_context() if is_encrypted else None) or True,
        )
        session = ClientSession(
            connector=connector,
            headers=self._headers,
            timeout=self._timeout,
            cookie_jar=aiohttp.DummyCookieJar(),
            trace_configs=self.trace_configs,
        )
        # Costs nothing per request, but is private to aiohttp; the middleware does the same by public means.
        if getattr(session, "_retry_connection", None) is True:
            session._retry_connection = False  # noqa: SLF001
            self._options = {}
        else:
            self._options = {"middlewares": (_no_resend,)}
        return session

    async def aclose(self) -> None:
        """Close the session unless it was given. If its event loop is closed, only detach it."""
        session, self._session = self._session, None
        if session is None or session is self.borrowed:
            return
        if self._home and self._home[0].is_closed():
            session.detach()
        else:
            await session.close()

    @property
    def is_open(self) -> bool:
        """Whether the session is open, in an event loop that has not ended."""
        is_dead = self._home is not None and self._home[0].is_closed()
        return self._session is not None and not self._session.closed and not is_dead

    @property
    def proxy(self) -> str | None:
        """URL of the proxy without its password."""
        return self._proxy.url if self._proxy else None

    def check_event_loop(self) -> None:
        """Raise `ConfigError` if the client is not open in this process and this event loop.

        Connections belong to the event loop that opened them. Using them in another one breaks the calls of the first.
        """
        if self._session is None or self._home is None:
            raise ConfigError(
                "the client is not open: use `async with Calcom(...) as cal:`, or `cal = await Calcom(...).open()`"
            )
        loop, process = self._home
        if os.getpid() != process:
            raise ConfigError("the client was opened in another process. After a fork, open a client in each process")
        if asyncio.get_running_loop() is not loop:
            how = (
                "which is closed. Open a client within each asyncio.run()"
                if loop.is_closed()
                else "perhaps in another thread. Open a client in each event loop, or hand the call to that loop with "
                "asyncio.run_coroutine_threadsafe()"
            )
            raise ConfigError(f"the client was opened in another event loop, {how}")

    @property
    def connections(self) -> int:
        """Connections in use or kept alive."""
        connector = None if self._session is None else self._session.connector
        return sum(map(len, getattr(connector, "_conns", {}).values())) + len(getattr(connector, "_acquired", ()))

    async def exchange(self, request: Request, context: CallContext) -> Response:
        """Send a request, read the whole response, and raise the error that it means.

        Exceptions of aiohttp become ours here. Their frames hold the headers and so the key: no traceback that leaves
        this function has them.
        """
        # Acquired before the timeout starts, so that waiting for a free connection does not count.
        if self._connection_slots.free:
            self._connection_slots.free -= 1
        else:
            await self._connection_slots.wait()
        failure: Exception | None = None
        started = time.perf_counter()
        try:
            response = await self._send(request, context, started)
        except CalcomError:
            raise
        except Exception as error:  # noqa: BLE001 - whatever aiohttp raises, the caller gets one of ours
            failure = _mapped(error, request, time.perf_counter() - started)
        except BaseException as error:
            without_frames(error)  # a cancelled call; its traceback starts here
            raise
        finally:
            self._connection_slots.release()
        if failure is not None:
            raise failure  # outside of the handler: as its context, aiohttp's exception would keep the frames
        check(request, response, expects_redirect=context.expects_redirect)
        return response

    async def _send(self, request: Request, context: CallContext, started: float) -> Response:
        session = self._session
        if session is None or session.closed:
            raise ConfigError("the client was closed during the call")
        options = self._options
        timeout = context.timeout if context.time_left is None else min(context.timeout, context.time_left)
        if timeout < self.config.timeout:
            options = {**options, "timeout": self._within(timeout)}
        # Without `async with` and `answer.read()`, which would add seven coroutines: 3 % of a small request. The end of
        # the body frees the connection already.
        answer = await session.request(
            request.method,
            _url(self.config.base_url, request.path, request.query),
            data=request.body,
            allow_redirects=False,
            **options,
            **self._secret_options(request),
        )
        try:
            body = await self._read(answer.content)
        except BaseException:
            answer.close()
            raise
        if body is None:
            answer.close()
            raise DecodeError(
                f"{request.method} {request.path}: the response is larger than the limit of "
                f"{self.config.max_response_bytes:,} bytes. Request fewer rows per page"
            )
        return Response(answer.status, answer.headers, body, time.perf_counter() - started)

    async def _read(self, content: StreamReader) -> bytes | None:
        """Return the body; None if it exceeds `max_response_bytes`, which a compressed one may do as it is read."""
        chunks, size = [], 0
        while not content.at_eof():
            chunks.append(await content.readany())
            size += len(chunks[-1])
            if size > self.config.max_response_bytes:
                return None
        return b"".join(chunks)

    def _secret_options(self, request: Request) -> dict[str, Any]:
        """Return the options of aiohttp that hold secrets. Do not bind them to a variable."""
        if self._proxy is None and self.borrowed is None and request.body is None:
            return {"headers": request.headers}
        # The session of the client sends the fixed headers by itself; a given one must not be changed.
        headers = Hidden({**self._headers, **request.headers} if self.borrowed else {**request.headers})
        if request.body is not None:
            headers.reveal()["Content-Type"] = "application/json"
        if self._proxy is None:
            return {"headers": headers.reveal()}
        # aiohttp sends `proxy_headers` with CONNECT only; a request without a tunnel carries the header itself.
        has_tunnel = self.config.base_url.startswith("https:")
        with_request = {} if has_tunnel else self._proxy.headers.reveal()
        return {
            "headers": {**headers.reveal(), **with_request},
            "proxy": self._proxy.url,
            "proxy_headers": self._proxy.headers.reveal() if has_tunnel else {},
        }


@lru_cache(maxsize=128)  # yarl and aiohttp keep what they compute from a URL in the object
def _url(base_url: str, path: str, query: str) -> URL:
    return URL(f"{base_url}{path}?{query}" if query else base_url + path, encoded=True)


class ConnectionSlots:
    """A semaphore that costs nothing while a slot is free: one of asyncio costs 1 % of a small request."""

    def __init__(self, number: int) -> None:
        self.free: int = number
        self._waiters: deque[asyncio.Future[None]] = deque()

    async def wait(self) -> None:
        """Wait for a slot that `release` passes on; first come, first served."""
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiters.append(waiter)
        try:
            await waiter
        except BaseException:
            if waiter.done() and not waiter.cancelled():
                self.release()  # passed on and cancelled at the same moment
            waiter.cancel()
            raise

    def release(self) -> None:
        """Pass a slot on to the next request that waits for one, if there is any."""
        while self._waiters:
            waiter = self._waiters.popleft()
            if not waiter.done():
                waiter.set_result(None)
                return
        self.free += 1


class Proxy:
    """An HTTP proxy: its URL without credentials, and the header that holds them."""

    def __init__(self, url: Secret, what: str) -> None:
        parts = Hidden(proxy_parts(url, what))
        self.url: str = f"{parts.reveal().scheme}://{parts.reveal().netloc.rpartition('@')[2]}"
        names_user = parts.reveal().username is not None
        self.headers: Hidden[dict[str, str]] = Hidden({"Proxy-Authorization": _basic(parts)} if names_user else {})

    @classmethod
    def of(cls, config: Config) -> Proxy | None:
        """Return the proxy of the settings or of the environment; None if there is none.

        aiohttp's `trust_env` is not used, because it reads credentials from netrc too.
        """
        if config.proxy is not None:
            return cls(Secret(config.proxy), "the proxy of the settings")
        base = urlsplit(config.base_url)
        if is_loopback(base.hostname or ""):
            return None
        from urllib.request import getproxies, proxy_bypass  # noqa: PLC0415 - slow to import, and rarely needed

        proxies = Hidden(getproxies())
        name = next((name for name in (base.scheme, "all") if proxies.reveal().get(name)), None)
        if name is None or proxy_bypass(base.netloc):
            return None
        return cls(Secret(proxies.reveal()[name]), f"the proxy of the environment ({name.upper()}_PROXY)")


def _basic(parts: Hidden[SplitResult]) -> str:
    """Return the header value of HTTP Basic authentication with the user and password of a URL."""
    pair = Secret(f"{unquote(parts.reveal().username or '')}:{unquote(parts.reveal().password or '')}")
    return "Basic " + b64encode(pair.reveal().encode()).decode()


def _ssl_context() -> ssl.SSLContext | None:
    """Return a TLS context with the certificates of SSL_CERT_FILE and SSL_CERT_DIR; None if neither is set.

    aiohttp creates its context at import, and OpenSSL silently ignores a file that it cannot read.
    """
    file, folders = os.environ.get("SSL_CERT_FILE"), os.environ.get("SSL_CERT_DIR")
    if not (file or folders):
        return None
    context = ssl.create_default_context()
    context.set_alpn_protocols(["http/1.1"])
    if folders and not any(map(os.path.isdir, folders.split(os.pathsep))):
        raise ConfigError(f"SSL_CERT_DIR names no directory: {printable(folders)}")
    try:
        if file:
            context.load_verify_locations(cafile=file)
    except OSError as error:
        what = f"SSL_CERT_FILE: cannot read certificates from {printable(file)}"
        raise ConfigError(f"{what}: {printable(error)}") from None
    return context


async def _no_resend(request: ClientRequest, handler: ClientHandlerType) -> ClientResponse:
    """Keep aiohttp from resending GET, PUT and DELETE when a reused connection was dropped.

    The rate limiter would not see such a request. aiohttp resends after two of its exceptions only, so these two are
    replaced by their common base class.
    """
    try:
        return await handler(request)
    except aiohttp.ClientConnectorError:
        raise
    except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError) as error:
        raise aiohttp.ClientConnectionError(_reason(error)) from error


def trace_responses(on_response: Callable[[float, float, Mapping[str, str]], object]) -> TraceConfig:
    """Return hooks for a session, which call `on_response` with two times and the headers of each response.

    The times are those of the machine: when the request started, and when the headers had arrived.
    """

    async def on_start(_session: ClientSession, request: SimpleNamespace, _: aiohttp.TraceRequestStartParams) -> None:
        request.started_at = time.time()

    async def on_end(_session: ClientSession, request: SimpleNamespace, params: aiohttp.TraceRequestEndParams) -> None:
        on_response(request.started_at, time.time(), params.response.headers)

    trace = TraceConfig()
    trace.on_request_start.append(on_start)
    trace.on_request_end.append(on_end)
    return trace


def _reason(error: Exception) -> str:
    """Return what an exception of aiohttp says, without the headers that it may hold."""
    if isinstance(error, aiohttp.ServerDisconnectedError):
        return "the server closed the connection"  # the exception may quote the headers of half a response
    if isinstance(error, aiohttp.ClientOSError):
        return f"{type(error).__name__}: {error}"
    return error.message if isinstance(error, aiohttp.ClientResponseError) else str(error)


def _mapped(error: Exception, request: Request, seconds: float) -> Exception:
    """Return our exception for one of aiohttp. Only a failure to connect proves that nothing was sent."""
    failure = _failure(error, f"{request.method} {request.path}", seconds)
    # Exceptions of aiohttp hold headers and the proxy, and some cannot be pickled: only the operating system's stays.
    reason = getattr(error, "os_error", error)
    failure.__cause__ = None if isinstance(reason, aiohttp.ClientError) else without_frames(reason)
    return failure


def _failure(error: Exception, what: str, seconds: float) -> Exception:
    """Return our exception without a cause; `what` is the method and path."""
    if isinstance(error, aiohttp.InvalidURL | UnicodeError):
        return ConfigError(f"{what}: the base URL cannot be used: {error}")
    if isinstance(error, aiohttp.ClientHttpProxyError):
        return ConnectionFailedError(
            f"{what}: the proxy rejected the connection: {error.status} {printable(error.message, 300)}",
            sent=False,
            seconds=seconds,
            retryable=error.status >= 500,
        )
    never_sent = isinstance(error, aiohttp.ClientConnectorError | aiohttp.ConnectionTimeoutError)
    if isinstance(error, TimeoutError):
        doing = "connecting took too long" if never_sent else "no response in time"
        return TimedOutError(f"{what}: {doing}, {seconds:.1f} s", sent=not never_sent, seconds=seconds)
    if never_sent:
        proxy = "the proxy " if isinstance(error, aiohttp.ClientProxyConnectionError) else ""
        where = f"{proxy}{getattr(error, 'host', '')}:{getattr(error, 'port', '')}"
        why = getattr(error, "os_error", error)
        trusted = not isinstance(error, aiohttp.ClientConnectorCertificateError)
        return ConnectionFailedError(
            f"{what}: cannot connect to {where}: {why}", sent=False, seconds=seconds, retryable=trusted
        )
    why = printable(_reason(error), 300) or type(error).__name__
    return ConnectionFailedError(
        f"{what}: the connection was lost before the response was complete ({why}); Cal.com may have acted on it",
        sent=True,
        seconds=seconds,
    )
