"""Calcom: one client, its layers put together and its resources within reach."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, NoReturn, Self, Unpack
from weakref import WeakValueDictionary

import msgspec

from calcom_async import __version__
from calcom_async.auth import ApiKey, Credentials
from calcom_async.config import Config, guarded
from calcom_async.errors import ConfigError, DecodeError
from calcom_async.events import ClientEvent, Observer
from calcom_async.middleware import RetryBudget, authenticated, limited, observed, retrying
from calcom_async.rate_limiter import DEFAULT_LIMIT_NAME, RateLimiter, TokenBucket
from calcom_async.raw_request import build_raw_request
from calcom_async.requests import Request
from calcom_async.resources._base import RequestContext, named
from calcom_async.responses import Response, read_whole
from calcom_async.secret import Hidden, Secret
from calcom_async.transport import Transport

if TYPE_CHECKING:
    from datetime import date, datetime

    import aiohttp

    from calcom_async.cache import Cache
    from calcom_async.errors import CalcomError
    from calcom_async.models.bookings import Attendee, Booking
    from calcom_async.resources.api_keys import ApiKeys
    from calcom_async.resources.bookings import BookingFields, Bookings, RescheduleFields
    from calcom_async.resources.calendars import Calendars
    from calcom_async.resources.conferencing import Conferencing
    from calcom_async.resources.event_types import EventTypes
    from calcom_async.resources.me import Me
    from calcom_async.resources.oauth2 import OAuth2
    from calcom_async.resources.oauth_clients import OAuthClient, OAuthClients
    from calcom_async.resources.organizations import Organization
    from calcom_async.resources.routing_forms import UserRoutingForms
    from calcom_async.resources.schedules import Schedules
    from calcom_async.resources.slots import Slots
    from calcom_async.resources.stripe import Stripe
    from calcom_async.resources.teams import Team, Teams
    from calcom_async.resources.verified_resources import VerifiedResources
    from calcom_async.resources.webhooks import Webhooks
    from calcom_async.watch import SlotQuery, SlotWatcher


class Stats(msgspec.Struct, frozen=True, kw_only=True):
    """What the client did so far, with those made from it by `with_credentials` and `with_priority`.

    `limits` is the limiter's own account, a value for each credential and limit.
    """

    requests: int
    retries: int
    waits: int
    rate_limited: int
    """Answers 429; the limiter is there to keep this at 0."""
    pages: int
    seconds_waited: float
    connections: int
    limits: Sequence[Any]


class Calcom:
    """A client of Cal.com API v2, for use in one event loop at a time.

        async with Calcom("cal_live_...") as cal:
            me = await cal.me.get()

    In a notebook: `cal = await Calcom("cal_live_...").open()`, and `await cal.aclose()` at the end.

    `credentials` are an API key, an `ApiKey`, an `AccessToken` or a `PlatformClient`; without them the key comes from
    `config`. Without a `config`, it is `Config.from_env()`: `CAL_API_KEY` and `CAL_API_URL` of the environment.
    Further keywords are fields of `Config`. A `session` of yours is used and never closed. Give several clients one
    `limiter` and they share its limits. `on_event` gets an `ClientEvent` for every attempt, repeat, wait and page;
    `trace_configs` go to aiohttp.
    """

    def __init__(
        self,
        credentials: Credentials | Secret | str | None = None,
        *,
        config: Config | None = None,
        session: aiohttp.ClientSession | None = None,
        limiter: RateLimiter | None = None,
        on_event: Callable[[ClientEvent], object] | None = None,
        trace_configs: Sequence[aiohttp.TraceConfig] = (),
        **config_fields: Any,
    ) -> None:
        credentials, config_fields = _wrapped(credentials), guarded(config_fields)
        _check_arguments(config, session, limiter, on_event, trace_configs)
        self.config: Config = _configured(config, config_fields)
        self.credentials: Credentials = _credentials(credentials, self.config)
        self.limiter: RateLimiter = limiter if limiter is not None else TokenBucket()
        self._observer = Observer(on_event)
        agent = self.config.user_agent or f"calcom_async/{__version__}"
        self._transport = Transport(self.config, agent, session=session, trace_configs=trace_configs)
        self._owns_transport = True
        self._retry_budget = RetryBudget(self.config.retry_budget)
        self._cache = _cache(self.config.cache_ttl)
        self._in_use: WeakValueDictionary[int, Credentials] = WeakValueDictionary()
        self._stack()

    def _stack(self) -> None:
        exchange, observer, config = self._transport.exchange, self._observer, self.config
        limits = limited(observed(exchange, observer), self.limiter, config, observer)
        signs = authenticated(limits, self.credentials, config.base_url)
        self._in_use[id(self.credentials)] = self.credentials
        repeats = retrying(signs, config, self._retry_budget, observer)
        self._send = self._at_home(self._cache.over(repeats, self.credentials) if self._cache else repeats)
        self._context = RequestContext(self._send, observer, config.api_versions, config.priority)

    def _at_home(self, send: Callable[[Request], Awaitable[Response]]) -> Callable[[Request], Awaitable[Response]]:
        """Check the event loop before anything that its calls share, such as the limiter, is touched."""
        check_home = self._transport.check_home

        def send_here(request: Request) -> Awaitable[Response]:
            check_home()
            return send(request)

        return send_here

    def __repr__(self) -> str:
        if not hasattr(self, "_context"):
            return "<Calcom, not set up>"  # a traceback with local variables shows it when `__init__` has failed
        return f"<Calcom {self.config.base_url} as {self.credentials!r}, {'open' if self.is_open else 'not open'}>"

    def __reduce__(self) -> NoReturn:
        raise ConfigError("a client cannot be pickled or copied. Create one in each process, from the same settings")

    async def open(self) -> Self:
        """Open the connections and return the client, as `async with` does; end with `await cal.aclose()`.

        For notebooks and the REPL. In a program `async with` closes the client even after an error.
        """
        if self._owns_transport:
            if self.is_open:
                raise ConfigError("the client is open already; opened once, it serves many tasks")
            await self._transport.open()
        return self

    async def __aenter__(self) -> Self:
        return await self.open()

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close the connections, unless they are borrowed; a token renewal in flight is waited for."""
        if self.is_open:
            self._transport.check_home()
        for credentials in list(self._in_use.values()) if self._owns_transport else [self.credentials]:
            await credentials.aclose()
        if self._owns_transport:
            await self._transport.aclose()

    @property
    def is_open(self) -> bool:
        """Whether requests can be sent."""
        return self._transport.is_open

    @property
    def proxy(self) -> str | None:
        """Address of the proxy that requests go through, without its password; None before the client is open."""
        return self._transport.proxy

    def with_credentials(self, credentials: Credentials | Secret | str) -> Calcom:
        """A second client on the same connections with other credentials and so its own rate limit.

        It lives as long as this one and needs no `async with`.
        """
        credentials = _wrapped(credentials)
        if credentials is None:
            raise ConfigError("with_credentials needs credentials: an API key, a PlatformClient or an AccessToken")
        return self._twin(credentials=_credentials(credentials, self.config))

    def with_priority(self, priority: int) -> Calcom:
        """A second client on the same connections and the same limit, whose calls queue at another place.

        Lower goes first: give an export `cal.with_priority(1)` and interactive calls overtake it.
        """
        return self._twin(config=msgspec.structs.replace(self.config, priority=priority))

    def _twin(self, *, credentials: Credentials | None = None, config: Config | None = None) -> Calcom:
        twin = object.__new__(Calcom)
        twin.config = self.config if config is None else config
        twin.credentials = self.credentials if credentials is None else credentials
        twin.limiter = self.limiter
        twin._observer = self._observer.child()
        twin._transport = self._transport
        twin._retry_budget = self._retry_budget
        twin._cache = self._cache
        twin._in_use = self._in_use
        twin._owns_transport = False
        twin._stack()
        return twin

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
        """Ask for anything, e.g. `request("GET", "/v2/me")`; returns the decoded JSON, envelope and all.

        `version` is the `cal-api-version`; without it, what the path needs. `idempotent` says whether the call may be
        made again when its answer is lost: reads may, unless told otherwise. Errors are those of the typed methods.
        """
        body = Hidden(body)
        request = build_raw_request(
            method,
            path,
            query=query,
            body=body,
            versions=self.config.api_versions,
            version=version,
            idempotent=idempotent,
            priority=self.config.priority,
        )
        response = await self._send(request)
        try:
            return read_whole(response, request)
        except DecodeError as error:
            problem = named(error, request)
        raise problem

    # What is more than one call: made of the resources below, with the same limits, repeats and errors.

    async def book(
        self,
        *,
        start: datetime | str,
        attendee: Attendee,
        idempotency_key: str | None = None,
        check: bool = True,
        reserve: bool = False,
        total_timeout: float | None = None,
        **fields: Unpack[BookingFields],
    ) -> Booking:
        """Create one booking, even if responses are lost. Takes the fields of `bookings.create`.

        Books every slot that a search in some time zone offers; `check=False` skips that search, and so allows start
        times outside the slot grid. `reserve=True` hides the slot from others while it is booked. Of a recurring event
        type all occurrences are booked or none, and the first is returned. `total_timeout` replaces that of the config.

        With an `idempotency_key`, such as an order number, a later call with the same key, event type and start returns
        that booking as it is now, rescheduled or not, unless it was cancelled or rejected.

        Raises `SlotTakenError`, with `alternatives`, if the time is not free, and `UnknownOutcomeError`, with what to
        look for, if no look-up can tell whether a booking was made, as for event types whose bookings you cannot list.
        Any other error means that nothing was booked. The server does not guarantee three things. Where a host has to
        confirm, several attendees can hold pending bookings of one slot (`reserve=True` keeps callers of this method
        apart). A seated event type can get more attendees than seats. A seat that was rescheduled leaves no trace, so
        its idempotency key finds nothing.
        """
        from calcom_async.booking import book

        return await book(
            self.bookings,
            self.slots,
            self.event_types,
            start=start,
            attendee=attendee,
            idempotency_key=idempotency_key,
            check=check,
            reserve=reserve,
            total_timeout=self.config.total_timeout if total_timeout is None else total_timeout,
            pause=self.config.backoff_base,
            **fields,
        )

    async def book_series(
        self,
        *,
        start: datetime | str,
        attendee: Attendee,
        recurrence_count: int,
        idempotency_key: str | None = None,
        check: bool = True,
        reserve: bool = False,
        total_timeout: float | None = None,
        **fields: Unpack[BookingFields],
    ) -> list[Booking]:
        """Create `recurrence_count` occurrences of a recurring event type, or none. Otherwise like `book`.

        Returns the occurrences in order of their start. For an event type that does not recur, the server ignores the
        count, and the list has one booking.
        """
        from calcom_async.booking import book_series

        return await book_series(
            self.bookings,
            self.slots,
            self.event_types,
            start=start,
            attendee=attendee,
            recurrence_count=recurrence_count,
            idempotency_key=idempotency_key,
            check=check,
            reserve=reserve,
            total_timeout=self.config.total_timeout if total_timeout is None else total_timeout,
            pause=self.config.backoff_base,
            **fields,
        )

    async def reschedule(
        self, uid: str, *, start: datetime | str, total_timeout: float | None = None, **fields: Unpack[RescheduleFields]
    ) -> Booking:
        """Move a booking, or one seat of it, once. Return the booking as it is now, which has a new `uid`.

        The `uid` from before an earlier reschedule stands for the booking as it is now. If a response is lost, the
        chain of reschedules shows whether Cal.com has acted. Raises `SlotTakenError` if the time is not free.
        """
        from calcom_async.booking import reschedule

        return await reschedule(
            self.bookings,
            self.slots,
            uid,
            start=start,
            total_timeout=self.config.total_timeout if total_timeout is None else total_timeout,
            pause=self.config.backoff_base,
            **fields,
        )

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
            rate=self._calls_a_second,
            on_error=on_error,
        )

    def _calls_a_second(self) -> float:
        """What the limit of these credentials allows, as far as is known."""
        caller = f"{self.config.base_url} {self.credentials.fingerprint}"
        known = [
            one
            for one in self._limits()
            if (getattr(one, "key", None), getattr(one, "name", None)) == (caller, DEFAULT_LIMIT_NAME)
        ]
        start = self.config.rate_limit or self.credentials.default_rate_limit
        return known[0].limit / known[0].window if known else start / 60

    def stats(self) -> Stats:
        """A snapshot of the counts, the limiter and the connections."""
        counts = self._observer.counts
        return Stats(
            requests=counts["request"],
            retries=counts["retry"],
            waits=counts["wait"],
            rate_limited=counts["rate_limited"],
            pages=counts["page"],
            seconds_waited=self._observer.seconds_waited,
            connections=self._transport.connections,
            limits=self._limits(),
        )

    def _limits(self) -> Sequence[Any]:
        """What the limiter knows; one of the caller's own may know nothing."""
        return self.limiter.stats() or ()

    # The resources; each is imported when it is first used, so that a program pays for what it needs.

    @cached_property
    def me(self) -> Me:
        """The user that the credentials belong to."""
        from calcom_async.resources.me import Me

        return Me(self._context)

    @cached_property
    def event_types(self) -> EventTypes:
        """The user's event types."""
        from calcom_async.resources.event_types import EventTypes

        return EventTypes(self._context)

    @cached_property
    def bookings(self) -> Bookings:
        """Bookings that the credentials may see."""
        from calcom_async.resources.bookings import Bookings

        return Bookings(self._context)

    @cached_property
    def schedules(self) -> Schedules:
        """The user's working hours."""
        from calcom_async.resources.schedules import Schedules

        return Schedules(self._context)

    @cached_property
    def slots(self) -> Slots:
        """Free times, and their reservation."""
        from calcom_async.resources.slots import Slots

        return Slots(self._context)

    @cached_property
    def webhooks(self) -> Webhooks:
        """The user's webhooks."""
        from calcom_async.resources.webhooks import Webhooks

        return Webhooks(self._context)

    @cached_property
    def calendars(self) -> Calendars:
        """Connected calendars and their busy times."""
        from calcom_async.resources.calendars import Calendars

        return Calendars(self._context)

    @cached_property
    def teams(self) -> Teams:
        """Teams that the user is a member of."""
        from calcom_async.resources.teams import Teams

        return Teams(self._context)

    @cached_property
    def verified_resources(self) -> VerifiedResources:
        """The user's verified e-mail addresses and phone numbers."""
        from calcom_async.resources.verified_resources import VerifiedResources

        return VerifiedResources(self._context)

    @cached_property
    def conferencing(self) -> Conferencing:
        """The user's video apps."""
        from calcom_async.resources.conferencing import Conferencing

        return Conferencing(self._context)

    @cached_property
    def stripe(self) -> Stripe:
        """The user's Stripe account."""
        from calcom_async.resources.stripe import Stripe

        return Stripe(self._context)

    @cached_property
    def routing_forms(self) -> UserRoutingForms:
        """The user's routing forms: slots for their answers."""
        from calcom_async.resources.routing_forms import UserRoutingForms

        return UserRoutingForms(self._context)

    @cached_property
    def oauth_clients(self) -> OAuthClients:
        """OAuth clients of a platform."""
        from calcom_async.resources.oauth_clients import OAuthClients

        return OAuthClients(self._context)

    @cached_property
    def oauth2(self) -> OAuth2:
        """Third-party OAuth2: clients and tokens."""
        from calcom_async.resources.oauth2 import OAuth2

        return OAuth2(self._context)

    @cached_property
    def api_keys(self) -> ApiKeys:
        """The API key in use, and its renewal."""
        from calcom_async.resources.api_keys import ApiKeys

        return ApiKeys(self._context, self.credentials)

    # The scopes: what belongs to one team, organisation or OAuth client.

    def team(self, team_id: int) -> Team:
        """What belongs to one team of your own: event types, bookings, memberships and more."""
        from calcom_async.resources.teams import Team

        return Team(self._context, "/teams/{}", team_id)

    def organization(self, organization_id: int) -> Organization:
        """What belongs to one organisation: teams, users, bookings and more."""
        from calcom_async.resources.organizations import Organization

        return Organization(self._context, "/organizations/{}", organization_id)

    def oauth_client(self, client_id: str) -> OAuthClient:
        """What belongs to one OAuth client: managed users and webhooks."""
        from calcom_async.resources.oauth_clients import OAuthClient

        return OAuthClient(self._context, "/oauth-clients/{}", client_id)


def _configured(config: Config | None, fields: Mapping[str, Any]) -> Config:
    known = Config.__struct_fields__
    if unknown := [name for name in fields if name not in known]:
        raise ConfigError(f"Calcom() has no setting {unknown[0]!r}; the settings are {', '.join(known)}")
    return msgspec.structs.replace(config, **fields) if config else Config.from_env(**fields)


def _cache(ttl: float | None) -> Cache | None:
    if ttl is None:
        return None
    from calcom_async.cache import Cache

    return Cache(ttl)


def _wrapped(credentials: Any) -> Any:
    """Credentials, with everything that is no object made for them hidden: it may be a key in a wrong form."""
    return credentials if credentials is None or hasattr(credentials, "fingerprint") else Secret(credentials)


def _check_arguments(config: object, session: object, limiter: object, on_event: object, trace_configs: object) -> None:
    if not isinstance(config, Config | None):
        raise ConfigError(f"config must be a Config, not {type(config).__name__}")
    if session is not None and not (hasattr(session, "request") and hasattr(session, "closed")):
        raise ConfigError(f"session must be an aiohttp.ClientSession, not {type(session).__name__}")
    if limiter is not None and not all(hasattr(limiter, name) for name in ("acquire", "release", "stats")):
        raise ConfigError(f"limiter must have the methods of RateLimiter, which {type(limiter).__name__} has not")
    if on_event is not None and not callable(on_event):
        raise ConfigError(f"on_event must be a function, not {type(on_event).__name__}")
    if not isinstance(trace_configs, Sequence) or isinstance(trace_configs, str | bytes):
        raise ConfigError(f"trace_configs must be a list, not {type(trace_configs).__name__}")


def _credentials(given: Credentials | Secret | str | None, config: Config) -> Credentials:
    if given is None and config.api_key is not None:
        given = Secret(config.api_key)
    if given is None:
        raise ConfigError(
            "no credentials: pass an API key to Calcom(), or set CAL_API_KEY in the environment "
            "(a config= of yours reads it when made by Config.from_env())"
        )
    if isinstance(given, str | Secret):
        given = Secret(given)
        if not given.holds_text():
            raise ConfigError(
                "credentials are a key as text, an ApiKey, a PlatformClient or an AccessToken, not "
                f"{type(given.reveal()).__name__}"
            )
        return ApiKey(given)
    return given
