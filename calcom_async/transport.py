"""exchange(): the one place that touches a socket, and the only client-side import of aiohttp."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from typing import Any

import aiohttp
from aiohttp import ClientHandlerType, ClientRequest, ClientResponse, ClientSession
from yarl import URL

from calcom_async.config import Config
from calcom_async.errors import ConfigError, ConnectionFailedError, DecodeError, TimedOutError
from calcom_async.wire import Request, Response, check


class Transport:
    """The session: opened with the client, closed with it, or borrowed and left as it was."""

    def __init__(
        self,
        config: Config,
        user_agent: str,
        *,
        session: ClientSession | None = None,
        trace_configs: Sequence[aiohttp.TraceConfig] = (),
    ) -> None:
        if session is not None and trace_configs:
            raise ConfigError("trace_configs belong to the session; give them to the ClientSession that you pass")
        self.config = config
        self.borrowed = session
        self.trace_configs: list[aiohttp.TraceConfig] = list(trace_configs)
        self.headers: dict[str, str] = {"Accept": "application/json", "User-Agent": user_agent}
        self._session: ClientSession | None = None
        self._places = asyncio.Semaphore()
        self._timeout = self._within(config.timeout)
        self._options: dict[str, Any] = {}

    def _within(self, seconds: float) -> aiohttp.ClientTimeout:
        """One attempt, from the moment it is sent to the last byte; part of it for the connection."""
        return aiohttp.ClientTimeout(
            total=seconds, sock_connect=self.config.connect_timeout, ceil_threshold=seconds + 1
        )

    async def open(self) -> None:
        """Make the session in the running loop, or take the borrowed one."""
        if self.borrowed is None:
            self._session = self._own_session()
            self._options = {}
        else:
            if self.borrowed.closed:
                raise ConfigError("the session given to Calcom() is closed")
            self._session = self.borrowed
            middlewares = (*getattr(self.borrowed, "_middlewares", ()), _no_resend)
            self._options = {"timeout": self._timeout, "middlewares": middlewares, "raise_for_status": False}
        limits = [getattr(self._session.connector, name, 0) for name in ("limit", "limit_per_host")]
        limit = min(filter(None, limits), default=self.config.max_connections)
        # A place in our queue, taken before the clock starts: the wait for a connection is no part of the timeout.
        self._places = asyncio.Semaphore(limit)

    def _own_session(self) -> ClientSession:
        connector = aiohttp.TCPConnector(limit=self.config.max_connections, keepalive_timeout=self.config.keepalive)
        return ClientSession(
            connector=connector,
            timeout=self._timeout,
            cookie_jar=aiohttp.DummyCookieJar(),
            trace_configs=self.trace_configs,
            middlewares=(_no_resend,),
        )

    async def aclose(self) -> None:
        """Close the session if it is ours."""
        session, self._session = self._session, None
        if session is not None and session is not self.borrowed:
            await session.close()

    @property
    def is_open(self) -> bool:
        """Whether requests can be sent now."""
        return self._session is not None and not self._session.closed

    @property
    def connections(self) -> int:
        """Connections in use or kept alive."""
        connector = self._session.connector if self._session else None
        return sum(map(len, getattr(connector, "_conns", {}).values())) + len(getattr(connector, "_acquired", ()))

    async def exchange(self, request: Request) -> Response:
        """Send one request, read its answer to the end, raise what it means. Every foreign exception is mapped here."""
        async with self._places:
            session = self._session
            if session is None or session.closed:
                raise ConfigError("the client is not open: use `async with Calcom(...) as cal:`")
            started = time.perf_counter()
            try:
                response = await self._answer(session, request, started)
            except (TimeoutError, aiohttp.ClientError, OSError) as error:
                raise _mapped(error, request, time.perf_counter() - started) from error
        check(request, response)
        return response

    async def _answer(self, session: ClientSession, request: Request, started: float) -> Response:
        headers = {**self.headers, **request.headers}
        options = self._options
        if request.body is not None:
            headers["Content-Type"] = "application/json"
        if request.timeout is not None and request.timeout < self.config.timeout:
            options = {**options, "timeout": self._within(request.timeout)}
        async with session.request(
            request.method,
            self._url(request),
            headers=headers,
            data=request.body,
            allow_redirects=False,
            **options,
        ) as answer:
            body = await self._read(answer, request)
            return Response(answer.status, answer.headers, body, time.perf_counter() - started)

    def _url(self, request: Request) -> URL:
        query = f"?{request.query}" if request.query else ""
        return URL(f"{self.config.base_url}{request.path}{query}", encoded=True)

    async def _read(self, answer: ClientResponse, request: Request) -> bytes:
        """The whole body, if it is not larger than allowed (a compressed one is measured as it unfolds)."""
        limit = self.config.max_response_bytes
        length = answer.content_length
        if length is not None and length <= limit and "Content-Encoding" not in answer.headers:
            return await answer.read()
        chunks, size = [], 0
        async for chunk in answer.content.iter_any():
            chunks.append(chunk)
            size += len(chunk)
            if size > limit:
                answer.close()
                raise DecodeError(
                    f"{request.method} {request.path}: the response is larger than the limit of {limit:,} bytes. "
                    "Request fewer rows per page"
                )
        return b"".join(chunks)


async def _no_resend(request: ClientRequest, handler: ClientHandlerType) -> ClientResponse:
    """Keep aiohttp from repeating GET, PUT and DELETE by itself on a reused connection that dropped.

    Such a repeat would be a call that the rate limit never sees. aiohttp repeats on two of its exceptions only, so
    these two leave here as their common base.
    """
    try:
        return await handler(request)
    except aiohttp.ClientConnectorError:
        raise
    except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError) as error:
        raise aiohttp.ClientConnectionError(f"{type(error).__name__}: {error}") from error


def _mapped(error: BaseException, request: Request, seconds: float) -> Exception:
    """Aiohttp's exceptions as ours; only a failure to connect proves that nothing was sent."""
    what = f"{request.method} {request.path}"
    if isinstance(error, aiohttp.InvalidURL):
        return ConfigError(f"{what}: the base URL cannot be used: {error}")
    never_sent = isinstance(error, aiohttp.ClientConnectorError | aiohttp.ConnectionTimeoutError)
    if isinstance(error, TimeoutError):
        doing = "connecting took too long" if never_sent else "no answer in time"
        return TimedOutError(f"{what}: {doing}, {seconds:.1f} s", sent=not never_sent, seconds=seconds)
    if never_sent:
        where = f"{getattr(error, 'host', '')}:{getattr(error, 'port', '')}"
        why = getattr(error, "os_error", error)
        trusted = not isinstance(error, aiohttp.ClientConnectorCertificateError)
        return ConnectionFailedError(
            f"{what}: cannot connect to {where}: {why}", sent=False, seconds=seconds, passing=trusted
        )
    return ConnectionFailedError(
        f"{what}: the connection broke before the answer was whole ({error or type(error).__name__}); "
        "Cal.com may have acted on it",
        sent=True,
        seconds=seconds,
    )
