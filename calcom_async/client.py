"""Calcom: the client. It opens the transport, builds the middleware, and returns views with other settings."""

from __future__ import annotations

import sys
from collections.abc import AsyncGenerator, AsyncIterable, Awaitable, Callable, Iterable, Mapping, Sequence
from logging import DEBUG
from typing import TYPE_CHECKING, Any, NoReturn, Self, TypeVar
from weakref import WeakValueDictionary

import msgspec
from msgspec import UNSET, UnsetType

from calcom_async._version import __version__
from calcom_async.auth import Anonymous, Credentials, rate_limit_key
from calcom_async.client_arguments import build_config, check_arguments, choose_credentials, wrap_credentials
from calcom_async.client_booking import ClientBooking
from calcom_async.config import Config, guarded, hide_headers
from calcom_async.errors import ConfigError, DecodeError
from calcom_async.events import ClientEvent, Observer, log
from calcom_async.middleware import authenticated, limited, observed, with_headers
from calcom_async.rate_limit_state import DEFAULT_LIMIT_NAME
from calcom_async.rate_limiter import RateLimiter, TokenBucket
from calcom_async.raw_request import build_raw_request, is_read
from calcom_async.read_only import read_only
from calcom_async.requests import CallContext, Request
from calcom_async.resources._base import ResourceContext, name_request
from calcom_async.responses import Response, Send, read_whole
from calcom_async.retry import RetryBudget, retrying
from calcom_async.secret import Hidden, Secret
from calcom_async.transport import Transport
from calcom_async.versions import ApiVersions

if TYPE_CHECKING:
    from datetime import date, datetime

    import aiohttp

    from calcom_async.cache import Cache
    from calcom_async.concurrency import MapResult
    from calcom_async.credential_provider import CredentialsProvider
    from calcom_async.errors import CalcomError
    from calcom_async.telemetry import Telemetry
    from calcom_async.watch import SlotQuery, SlotWatcher

Item = TypeVar("Item")
Value = TypeVar("Value")


class Stats(msgspec.Struct, frozen=True, kw_only=True):
    """Counts of a client and of its views since it was created. `limits` is the state of the rate limiter."""

    requests: int
    retries: int
    waits: int
    rate_limited: int
    """Number of 429 responses; the rate limiter keeps this at 0."""
    pages: int
    seconds_waited: float
    connections: int
    limits: Sequence[Any]


class RateLimitRate(msgspec.Struct, frozen=True):
    """The rate limit of credentials: `limit` requests per `window` seconds."""

    limit: int
    window: float = 60.0
    is_confirmed: bool = False
    """Whether the server has reported it; else it is the documented limit, or `Config.rate_limit`."""


class _Core(msgspec.Struct, eq=False):
    """What a client shares with its views."""

    transport: Transport
    limiter: RateLimiter
    retry_budget: RetryBudget
    cache: Cache | None
    versions: ApiVersions
    credentials_in_use: WeakValueDictionary[int, Credentials]
    cursor_support: dict[str, bool] = msgspec.field(default_factory=dict)
    slot_searches: dict[Any, Any] = msgspec.field(default_factory=dict)
    telemetry: Telemetry | None = None


class Calcom(ClientBooking):
    """A client of the Cal.com API v2, for use in one event loop at a time.

        async with Calcom("cal_live_...") as cal:
            me = await cal.me.get()

    In a notebook: `cal = await Calcom("cal_live_...").open()`, and `await cal.aclose()` at the end.

    `credentials` are an API key, an `ApiKey`, an `AccessToken`, a `PlatformClient`, or a function, also an async one,
    that returns one of them. The function is called at the first request, and once more for a key that the server has
    rejected (again a minute later if it still returns that key). An async one may take up to 60 s. Without credentials
    the API key comes from `config`. Without `config`, it is `Config.from_env()`: `CAL_API_KEY` and `CAL_API_URL` of the
    environment. Further keyword arguments are fields of `Config`. A given `session` is used and never closed. Clients
    with the same `limiter` share their rate limits. `on_event` receives a `ClientEvent` for every attempt, retry, wait,
    call and page. `trace_configs` are passed to aiohttp. If a tracer or meter provider of OpenTelemetry is set when the
    client is created, each call is a span, and `calcom_async.telemetry` describes the rest.
    """

    def __init__(
        self,
        credentials: Credentials | Secret | str | CredentialsProvider | None = None,
        *,
        config: Config | None = None,
        session: aiohttp.ClientSession | None = None,
        limiter: RateLimiter | None = None,
        on_event: Callable[[ClientEvent], object] | None = None,
        trace_configs: Sequence[aiohttp.TraceConfig] = (),
        **config_fields: Any,
    ) -> None:
        credentials, config_fields = wrap_credentials(credentials), guarded(config_fields)
        check_arguments(config, session, limiter, on_event, trace_configs)
        self.config: Config = build_config(config, config_fields)
        self.credentials: Credentials = choose_credentials(credentials, self.config)
        agent = self.config.user_agent or f"calcom_async/{__version__}"
        self._core = _Core(
            transport=Transport(self.config, agent, session=session, trace_configs=trace_configs),
            limiter=limiter if limiter is not None else TokenBucket(),
            retry_budget=RetryBudget(self.config.retry_budget),
            cache=_cache(self.config.cache_ttl),
            versions=ApiVersions(self.config.api_versions),
            credentials_in_use=WeakValueDictionary(),
            telemetry=_telemetry(self.config),
        )
        self._is_view = False
        telemetry = self._core.telemetry
        self._observer = Observer(telemetry.record_events(on_event) if telemetry else on_event)
        self._build_middleware()

    @classmethod
    def anonymous(cls, **options: Any) -> Self:
        """Return a client without credentials; `options` are those of `Calcom()`.

        Public are `slots.search`, `event_types.list(username=...)`, `book` and `link`, and with the uid of a booking
        `bookings.get`, `reschedule` and `bookings.cancel`. Anything else raises `UnauthorizedError` or
        `ForbiddenError`. An anonymous client cannot look a booking up, so `book` raises `UnknownOutcomeError` if a
        response is lost.
        """
        options = guarded(options)
        return cls(Anonymous(), **options)

    def _build_middleware(self) -> None:
        """Put the middleware in order; a request passes it from bottom to top, the response from top to bottom."""
        core, config, observer = self._core, self.config, self._observer
        send: Send = core.transport.exchange
        if core.telemetry:
            send = core.telemetry.trace_attempts(send)
        if config.headers:
            send = with_headers(send, config.headers)
        send = limited(send, core.limiter, self.credentials, config, observer, shared_reads=core.slot_searches)
        send = authenticated(send, self.credentials, send_refresh=self._entrance(send))
        send = retrying(send, config, core.retry_budget, observer)
        if core.cache:
            # Outermost: a cached response waits for no rate limit, and callers who share a request share its retries.
            send = core.cache.wrap(send, self.credentials, config.headers)
        if config.read_only:
            send = read_only(send)
        self._send = self._entrance(send)
        self._context = ResourceContext(
            self._send,
            observer,
            core.versions,
            config.priority,
            credentials=self.credentials,
            cursor_support=core.cursor_support,
            slot_searches=core.slot_searches,
        )
        # For `aclose`, which waits for their token refreshes. Weak, since a service may have a view per user.
        core.credentials_in_use[id(self.credentials)] = self.credentials

    def _entrance(self, send: Send) -> Send:
        """Check the event loop before a call touches what all calls share; observe the call if events are wanted."""
        check_event_loop, observer, telemetry = (
            self._core.transport.check_event_loop,
            self._observer,
            self._core.telemetry,
        )
        send_observed = observed(telemetry.trace_calls(send) if telemetry else send, observer)

        def enter(request: Request, context: CallContext) -> Awaitable[Response]:
            check_event_loop()
            if observer.on_event is None and not log.isEnabledFor(DEBUG):
                return send(request, context)
            return send_observed(request, context)

        return enter

    def __repr__(self) -> str:
        if not hasattr(self, "_context"):
            return "<Calcom, not set up>"  # for tracebacks with local variables of a failed `__init__`
        return f"<Calcom {self.config.base_url} as {self.credentials!r}, {'open' if self.is_open else 'not open'}>"

    def __reduce__(self) -> NoReturn:
        raise ConfigError(
            "a client cannot be pickled or copied", hint="Create one in each process, from the same settings"
        )

    async def open(self) -> Self:
        """Open the client and return it, as `async with` does; close it with `await cal.aclose()`.

        For notebooks and the REPL. In a program use `async with`, which closes the client even after an error.
        """
        if not self._is_view:
            if self.is_open:
                raise ConfigError("the client is open already", hint="Open it once and use it in many tasks")
            await self._core.transport.open()
        return self

    async def __aenter__(self) -> Self:
        return await self.open()

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close the connections, unless the session was given, and wait for token refreshes in flight."""
        transport = self._core.transport
        if self.is_open:
            transport.check_event_loop()
        for credentials in [self.credentials] if self._is_view else list(self._core.credentials_in_use.values()):
            await credentials.aclose()
        if not self._is_view:
            await transport.aclose()

    @property
    def is_open(self) -> bool:
        """Whether requests can be sent."""
        return self._core.transport.is_open

    @property
    def limiter(self) -> RateLimiter:
        """The rate limiter that the client and its views use."""
        return self._core.limiter

    @property
    def proxy(self) -> str | None:
        """URL of the proxy without its password; None if there is none, or the client is not open."""
        return self._core.transport.proxy

    def with_credentials(self, credentials: Credentials | Secret | str | CredentialsProvider) -> Calcom:
        """Return a view of this client with other credentials, and so with another rate limit.

        It uses the same connections, is usable as long as this client is open, and needs no `async with`.
        """
        credentials = wrap_credentials(credentials)
        if credentials is None:
            raise ConfigError(
                "with_credentials needs credentials", hint="Pass an API key, a PlatformClient or an AccessToken"
            )
        return self._view(self.config, choose_credentials(credentials, self.config))

    def with_priority(self, priority: int) -> Calcom:
        """Return a view of this client whose calls have another priority in the queue for the rate limit.

        Lower numbers go first: with `cal.with_priority(1)` for an export, interactive calls overtake it.
        """
        return self._view(msgspec.structs.replace(self.config, priority=priority), self.credentials)

    def with_options(
        self,
        *,
        total_timeout: float | UnsetType = UNSET,
        max_attempts: int | UnsetType = UNSET,
        max_wait: float | UnsetType | None = UNSET,
        read_only: bool | UnsetType = UNSET,
        headers: Mapping[str, str | Secret] | UnsetType = UNSET,
    ) -> Calcom:
        """Return a view of this client with other values of these settings; see `Config`.

        `headers` are sent in addition to those of this client, for example the id of a trace. One with the same name
        replaces that of this client.
        """
        headers = UNSET if headers is UNSET else hide_headers(headers)
        if isinstance(headers, Mapping):
            headers = {**self.config.headers, **headers}
        given = {
            "total_timeout": total_timeout,
            "max_attempts": max_attempts,
            "max_wait": max_wait,
            "read_only": read_only,
            "headers": headers,
        }
        fields: Any = {name: value for name, value in given.items() if value is not UNSET}
        return self._view(msgspec.structs.replace(self.config, **fields), self.credentials)

    def _view(self, config: Config, credentials: Credentials) -> Calcom:
        """Return a client that shares connections, rate limiter, retry budget and cache with this one."""
        view = object.__new__(Calcom)
        view.config, view.credentials = config, credentials
        view._core = self._core
        view._is_view = True
        view._observer = self._observer.child()
        view._build_middleware()
        return view

    async def request(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, Any] | None = None,
        body: Any = None,
        version: str | None = None,
        idempotent: bool | None = None,
    ) -> Any:
        """Send any request, such as `request("GET", "/v2/me")`, and return the decoded JSON with its envelope.

        `version` is the `cal-api-version`, by default the one that the path needs. `idempotent` says whether to retry
        if the response is lost, by default only for reads. Raises the same errors as the typed methods.
        """
        body = Hidden(body)
        request = build_raw_request(
            method,
            path,
            query=query,
            body=body,
            versions=self._core.versions,
            version=version,
        )
        context = CallContext(
            idempotent=is_read(request) if idempotent is None else idempotent, priority=self.config.priority
        )
        response = await self._send(request, context)
        try:
            return read_whole(response, request)
        except DecodeError as error:
            problem = name_request(error, request)
        raise problem

    def watch_slots(
        self,
        targets: Iterable[int | SlotQuery] | Mapping[Any, int | SlotQuery],
        *,
        start: date | datetime | str | None = None,
        end: date | datetime | str | None = None,
        days: float | None = None,
        time_zone: str | None = None,
        interval: float = 60.0,
        rate_limit_share: float = 0.9,
        on_error: Callable[[SlotQuery, CalcomError], object] | None = None,
    ) -> SlotWatcher:
        """Poll the slots of event types: `async for change in cal.watch_slots([1, 2])` yields what opens and closes.

        `targets` are ids and `SlotQuery` objects, or a mapping that gives them names; equal ones cost one search. The
        range is `start` to `end` (a date includes its day), or `days` from `start`, 14 by default. Without `start` it
        begins now and moves with the clock. Dates are days of `time_zone` (UTC without one), which is also the time
        zone of every target that has none.

        The first change of a key holds all free slots (`change.is_initial`). Slots whose start has passed are not
        reported as closed; slots that a moving range reaches are reported as opened. A slow reader gets merged changes.

        Each target is polled every `interval` seconds, with at most `rate_limit_share` of the rate limit and a lower
        priority than the other calls of this client. If that is not enough, a `StalenessWarning` is issued, and
        `watcher.staleness` is the longest time between two polls. Transient errors go to `on_error`, or else to the
        log; other errors are raised in the loop. Leaving the loop ends the polls; to end them at a defined point, use
        `contextlib.aclosing` or `await watcher.aclose()`.
        """
        from calcom_async.watch import SlotWatcher

        polls = self.with_priority(self.config.priority + 1)
        return SlotWatcher(
            targets,
            polls.slots.search,
            start=start,
            end=end,
            days=days,
            time_zone=time_zone,
            interval=interval,
            rate_limit_share=rate_limit_share,
            rate=self._requests_per_second,
            on_error=on_error,
        )

    @staticmethod
    def map(
        function: Callable[[Item], Awaitable[Value]],
        items: Iterable[Item] | AsyncIterable[Item],
        *,
        concurrency: int = 8,
        ordered: bool = True,
    ) -> AsyncGenerator[MapResult[Item, Value], None]:
        """Call an async function for each item, and iterate over the results: `item`, and `value` or `error`.

            async for result in cal.map(cal.bookings.get, uids):
                print(result.item, result.unwrap().title)

        `items` may be endless or a list of the API. At most `concurrency` of them are read, in progress, or done and
        not taken. Results come in the order of the items, or with `ordered=False` as soon as they are there.

        An exception of the function is the `error` of its result, which `unwrap()` raises; it does not end the loop. An
        error of `items` is raised after the results before it. Leaving the loop cancels the calls in progress; to end
        them at a defined point, use `contextlib.aclosing`.

        Requests wait for the rate limit of the client that the function uses, whatever the `concurrency` is. The
        default uses the whole limit of 120 requests per minute if a call takes up to 4 seconds.
        """
        from calcom_async.concurrency import map_concurrently

        return map_concurrently(function, items, concurrency=concurrency, ordered=ordered)

    def rate_limit(self) -> RateLimitRate:
        """Return the general rate limit of the credentials, as far as it is known; no request.

        Endpoints may have limits of their own, see `stats().limits`.
        """
        key = rate_limit_key(self.config.base_url, self.credentials.fingerprint)
        for bucket in self._limits():
            # Limiters of users may return objects of their own.
            if getattr(bucket, "key", None) == key and getattr(bucket, "name", None) == DEFAULT_LIMIT_NAME:
                return RateLimitRate(bucket.limit, bucket.window, is_confirmed=True)
        return RateLimitRate(self.config.rate_limit or self.credentials.default_rate_limit)

    def _requests_per_second(self) -> float:
        rate_limit = self.rate_limit()
        return rate_limit.limit / rate_limit.window

    def stats(self) -> Stats:
        """Return the counts of this client, the state of the rate limiter and the number of connections."""
        counts = self._observer.counts
        return Stats(
            requests=counts["request"],
            retries=counts["retry"],
            waits=counts["wait"],
            rate_limited=counts["rate_limited"],
            pages=counts["page"],
            seconds_waited=self._observer.seconds_waited,
            connections=self._core.transport.connections,
            limits=self._limits(),
        )

    def _limits(self) -> Sequence[Any]:
        """Return the state of the rate limiter; that of a user may return None."""
        return self._core.limiter.stats() or ()


def _cache(ttl: float | None) -> Cache | None:
    """Return a cache for event types; None, without importing it, if there is no `Config.cache_ttl`."""
    if ttl is None:
        return None
    from calcom_async.cache import Cache

    return Cache(ttl)


def _telemetry(config: Config) -> Telemetry | None:
    """Return what reports to OpenTelemetry; None, without importing it, if the application has set no provider."""
    getters = {"opentelemetry.trace": "get_tracer_provider", "opentelemetry.metrics": "get_meter_provider"}
    providers = [getattr(sys.modules[name], getter)() for name, getter in getters.items() if name in sys.modules]
    # The providers of the API itself stand for one that is not set, and do nothing.
    if all(type(provider).__module__.startswith(tuple(getters)) for provider in providers):
        return None
    try:
        from calcom_async.telemetry import Telemetry

        return Telemetry(config)
    except (ImportError, TypeError, AttributeError) as error:
        log.warning("no telemetry, because it needs opentelemetry-api 1.30 or newer: %s", error)
        return None
