"""Calcom: the client. It builds the middleware and exposes the resources."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Any, Generic, NoReturn, Self, TypeVar, Unpack, overload
from weakref import WeakValueDictionary

import msgspec
from msgspec import UNSET, UnsetType

from calcom_async._version import __version__
from calcom_async.auth import Anonymous, Credentials, rate_limit_key
from calcom_async.client_arguments import build_config, check_arguments, choose_credentials, wrap_credentials
from calcom_async.config import Config, guarded
from calcom_async.errors import ConfigError, DecodeError
from calcom_async.events import ClientEvent, Observer
from calcom_async.middleware import authenticated, limited
from calcom_async.rate_limit_state import DEFAULT_LIMIT_NAME
from calcom_async.rate_limiter import RateLimiter, TokenBucket
from calcom_async.raw_request import build_raw_request, is_read
from calcom_async.read_only import read_only
from calcom_async.requests import CallContext, Request
from calcom_async.resources._base import Resource, ResourceContext, name_request
from calcom_async.responses import Response, Send, read_whole
from calcom_async.retry import RetryBudget, retrying
from calcom_async.secret import Hidden, Secret
from calcom_async.transport import Transport
from calcom_async.versions import ApiVersions

if TYPE_CHECKING:
    from datetime import date, datetime

    import aiohttp

    from calcom_async.booking import AgendaDay, BookingLink
    from calcom_async.cache import Cache
    from calcom_async.errors import CalcomError
    from calcom_async.models.bookings import Attendee, Booking
    from calcom_async.resources.allowlists import IpAllowlists
    from calcom_async.resources.api_keys import ApiKeys
    from calcom_async.resources.bookings import BookingFields, Bookings, RescheduleFields
    from calcom_async.resources.calendars import Calendars
    from calcom_async.resources.conferencing import Conferencing
    from calcom_async.resources.credits import Credits
    from calcom_async.resources.event_types import EventTypes
    from calcom_async.resources.insights import Insights
    from calcom_async.resources.me import Me
    from calcom_async.resources.notifications import Notifications
    from calcom_async.resources.oauth2 import OAuth2
    from calcom_async.resources.oauth_clients import OAuthClient, OAuthClients
    from calcom_async.resources.organizations import Organization
    from calcom_async.resources.routing_forms import UserRoutingForms
    from calcom_async.resources.rsvp_events import RsvpEvents
    from calcom_async.resources.schedules import Schedules
    from calcom_async.resources.slots import Slots
    from calcom_async.resources.stripe import Stripe
    from calcom_async.resources.teams import Team, Teams
    from calcom_async.resources.verified_resources import VerifiedResources
    from calcom_async.resources.webhooks import Webhooks
    from calcom_async.resources.workflows import UserWorkflows
    from calcom_async.watch import SlotQuery, SlotWatcher


R = TypeVar("R", bound=Resource)


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


class resource(Generic[R]):  # noqa: N801 - used like `property`
    """A resource of the client, imported and created when it is first used."""

    def __init__(self, module: str, class_name: str, doc: str) -> None:
        self.module = module
        self.class_name = class_name
        self.__doc__ = doc

    def __set_name__(self, owner: type[Calcom], name: str) -> None:
        self.name = name

    @overload
    def __get__(self, client: None, owner: type[Calcom]) -> Self: ...
    @overload
    def __get__(self, client: Calcom, owner: type[Calcom]) -> R: ...
    def __get__(self, client: Calcom | None, owner: type[Calcom]) -> Self | R:
        if client is None:
            return self
        found: R | None = client.__dict__.get(self.name)
        if found is None:
            cls = getattr(import_module(f"calcom_async.resources.{self.module}"), self.class_name)
            found = client.__dict__[self.name] = cls(client._context)  # noqa: SLF001 - a part of the client
        return found

    def __set__(self, client: Calcom, value: Any) -> NoReturn:
        raise AttributeError(f"{self.name} of a Calcom client cannot be set")


class _Core(msgspec.Struct, eq=False):
    """What a client shares with its views."""

    transport: Transport
    limiter: RateLimiter
    retry_budget: RetryBudget
    cache: Cache | None
    versions: ApiVersions
    credentials_in_use: WeakValueDictionary[int, Credentials]
    cursor_support: dict[str, bool] = msgspec.field(default_factory=dict)


class Calcom:
    """A client of the Cal.com API v2, for use in one event loop at a time.

        async with Calcom("cal_live_...") as cal:
            me = await cal.me.get()

    In a notebook: `cal = await Calcom("cal_live_...").open()`, and `await cal.aclose()` at the end.

    `credentials` are an API key, an `ApiKey`, an `AccessToken` or a `PlatformClient`. Without them the API key comes
    from `config`. Without `config`, it is `Config.from_env()`: `CAL_API_KEY` and `CAL_API_URL` of the environment.
    Further keyword arguments are fields of `Config`. A given `session` is used and never closed. Clients with the same
    `limiter` share their rate limits. `on_event` receives a `ClientEvent` for every attempt, retry, wait and page.
    `trace_configs` are passed to aiohttp.
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
        )
        self._is_view = False
        self._observer = Observer(on_event)
        self._build_middleware()

    @classmethod
    def anonymous(cls, **options: Any) -> Self:
        """Return a client without credentials; `options` are those of `Calcom()`.

        Public are `slots.search`, `event_types.list(username=...)`, `book` and `link`, and with the uid of a booking
        `bookings.get`, `reschedule` and `bookings.cancel`. Anything else raises `UnauthorizedError` or
        `ForbiddenError`. An anonymous client cannot look a booking up, so `book` raises `UnknownOutcomeError` if a
        response is lost.
        """
        return cls(Anonymous(), **options)

    def _build_middleware(self) -> None:
        """Put the middleware in order; a request passes it from bottom to top, the response from top to bottom."""
        core, config, observer = self._core, self.config, self._observer
        send: Send = core.transport.exchange
        send = limited(send, core.limiter, self.credentials, config, observer)
        send = authenticated(send, self.credentials)
        send = retrying(send, config, core.retry_budget, observer)
        if core.cache:
            # Outermost: a cached response waits for no rate limit, and callers who share a request share its retries.
            send = core.cache.wrap(send, self.credentials)
        if config.read_only:
            send = read_only(send)
        self._send = self._in_own_event_loop(send)
        self._context = ResourceContext(
            self._send,
            observer,
            core.versions,
            config.priority,
            credentials=self.credentials,
            cursor_support=core.cursor_support,
        )
        # For `aclose`, which waits for their token refreshes. Weak, since a service may have a view per user.
        core.credentials_in_use[id(self.credentials)] = self.credentials

    def _in_own_event_loop(self, send: Send) -> Send:
        """Check the event loop first, before a call touches what all calls share, such as the rate limiter."""
        check_event_loop = self._core.transport.check_event_loop

        def send_here(request: Request, context: CallContext) -> Awaitable[Response]:
            check_event_loop()
            return send(request, context)

        return send_here

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

    def with_credentials(self, credentials: Credentials | Secret | str) -> Calcom:
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
    ) -> Calcom:
        """Return a view of this client with other values of these settings; see `Config`."""
        given = {
            "total_timeout": total_timeout,
            "max_attempts": max_attempts,
            "max_wait": max_wait,
            "read_only": read_only,
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

    # Composed operations: several calls of the resources below.

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
            **self._retries(total_timeout),
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
            **self._retries(total_timeout),
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
            **self._retries(total_timeout),
            **fields,
        )

    async def cancel(
        self,
        uid: str,
        *,
        reason: str | None = None,
        seat_uid: str | None = None,
        following: bool = False,
        total_timeout: float | None = None,
    ) -> Booking:
        """Cancel a booking, one seat of it, or an occurrence of a series and all `following` ones. Return the booking.

        If the response is lost, the booking shows whether Cal.com has acted; if not, the request is sent again. Raises
        `UnknownOutcomeError` if it cannot be read. Hosts must usually give a `reason`.
        """
        from calcom_async.booking import cancel

        return await cancel(
            self.bookings, uid, reason=reason, seat_uid=seat_uid, following=following, **self._retries(total_timeout)
        )

    async def confirm(self, uid: str, *, total_timeout: float | None = None) -> Booking:
        """Accept a pending booking. Cal.com does not check for conflicts.

        Reads the booking first, and raises `InvalidRequestError` if it is not pending: `bookings.confirm` would also
        restore a cancelled or declined one. A lost response is handled as by `cancel`.
        """
        from calcom_async.booking import confirm

        return await confirm(self.bookings, uid, **self._retries(total_timeout))

    async def decline(self, uid: str, *, reason: str | None = None, total_timeout: float | None = None) -> Booking:
        """Decline a pending booking, as `confirm` accepts one. The attendee receives the reason."""
        from calcom_async.booking import decline

        return await decline(self.bookings, uid, reason=reason, **self._retries(total_timeout))

    def _retries(self, total_timeout: float | None) -> dict[str, float]:
        """Return how long a composed operation retries, and the first pause."""
        timeout = self.config.total_timeout if total_timeout is None else total_timeout
        return {"total_timeout": timeout, "pause": self.config.backoff_base}

    async def agenda(self, start: date | str, *, days: int = 1, time_zone: str | None = None) -> list[AgendaDay]:
        """Return the accepted and pending bookings that the user hosts or attends, for each day from `start`.

        Days are those of `time_zone`, by default that of the user. A day without bookings has an empty list, and a
        booking over midnight is on both days. Takes one request for the user, and one per 250 bookings.
        """
        from calcom_async.booking import agenda

        return await agenda(self.bookings, await self.me.get(), start=start, days=days, time_zone=time_zone)

    def link(self, url: str) -> BookingLink:
        """Return what a booking link leads to, such as `https://cal.com/ana/30min`; no request, the link is not opened.

        `await link.slots(...)` searches for free slots, `await link.book(...)` books. The host must be that of
        `Config.booking_url`, or a subdomain of it for an organization. Raises `InvalidRequestError` for another host.
        """
        from calcom_async.booking import BookingLink
        from calcom_async.booking_links import parse_booking_link

        return BookingLink(
            parse_booking_link(url, self.config.booking_url),
            slots=self.slots,
            event_types=self.event_types,
            book=self.book,
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
            rate=self._requests_per_second,
            on_error=on_error,
        )

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

    # Resources. Importing all of them would cost 11 % of the import of aiohttp, so each is imported at first use.

    me: resource[Me] = resource("me", "Me", "The user that the credentials belong to.")
    event_types: resource[EventTypes] = resource("event_types", "EventTypes", "The user's event types.")
    bookings: resource[Bookings] = resource("bookings", "Bookings", "Bookings that the credentials can see.")
    schedules: resource[Schedules] = resource("schedules", "Schedules", "The user's working hours.")
    slots: resource[Slots] = resource("slots", "Slots", "Available times, and reservations of them.")
    webhooks: resource[Webhooks] = resource("webhooks", "Webhooks", "The user's webhooks.")
    calendars: resource[Calendars] = resource("calendars", "Calendars", "Connected calendars and their busy times.")
    teams: resource[Teams] = resource("teams", "Teams", "Teams that the user is a member of.")
    verified_resources: resource[VerifiedResources] = resource(
        "verified_resources", "VerifiedResources", "Verified email addresses and phone numbers."
    )
    conferencing: resource[Conferencing] = resource("conferencing", "Conferencing", "The user's video apps.")
    insights: resource[Insights] = resource("insights", "Insights", "Statistics of bookings and routing forms.")
    workflows: resource[UserWorkflows] = resource("workflows", "UserWorkflows", "Workflows of the user's event types.")
    stripe: resource[Stripe] = resource("stripe", "Stripe", "The user's Stripe account.")
    routing_forms: resource[UserRoutingForms] = resource(
        "routing_forms", "UserRoutingForms", "Slots for answers to routing forms."
    )
    credits: resource[Credits] = resource("credits", "Credits", "Credits for text messages, phone calls and AI agents.")
    notifications: resource[Notifications] = resource(
        "notifications", "Notifications", "Notifications on devices and in chats."
    )
    events: resource[RsvpEvents] = resource("rsvp_events", "RsvpEvents", "Event pages that guests RSVP to; read only.")
    allowlists: resource[IpAllowlists] = resource(
        "allowlists", "IpAllowlists", "IP addresses that Cal.com uses, for firewalls."
    )
    oauth_clients: resource[OAuthClients] = resource("oauth_clients", "OAuthClients", "OAuth clients of a platform.")
    oauth2: resource[OAuth2] = resource("oauth2", "OAuth2", "Third-party OAuth2: clients and tokens.")
    api_keys: resource[ApiKeys] = resource("api_keys", "ApiKeys", "The API key in use, and its refresh.")

    # Scopes: what belongs to one team, organization or OAuth client.

    def team(self, team_id: int) -> Team:
        """Return the resources of one team outside an organization: event types, bookings, memberships and more."""
        from calcom_async.resources.teams import Team

        return Team(self._context, "/teams/{}", team_id)

    def organization(self, organization_id: int) -> Organization:
        """Return the resources of one organization: teams, users, bookings and more."""
        from calcom_async.resources.organizations import Organization

        return Organization(self._context, "/organizations/{}", organization_id)

    def oauth_client(self, client_id: str) -> OAuthClient:
        """Return the resources of one OAuth client: managed users and webhooks."""
        from calcom_async.resources.oauth_clients import OAuthClient

        return OAuthClient(self._context, "/oauth-clients/{}", client_id)


def _cache(ttl: float | None) -> Cache | None:
    """Return a cache for event types; None, without importing it, if there is no `Config.cache_ttl`."""
    if ttl is None:
        return None
    from calcom_async.cache import Cache

    return Cache(ttl)
