"""A Cal.com API v2 on loopback, in a thread with an event loop of its own."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Coroutine
from datetime import datetime
from functools import cache, partial
from secrets import token_urlsafe
from types import TracebackType
from typing import Any, Self, TypeVar

from calcom_async.sandbox import (
    accounts,
    bookings,
    calendars,
    event_types,
    organizations,
    platform,
    routing,
    schedules,
    slots,
    version_2024_04_15,
    webhooks,
)
from calcom_async.sandbox.control.api import ControlApi
from calcom_async.sandbox.http.auth import KEY_PREFIX
from calcom_async.sandbox.http.changes import Changes
from calcom_async.sandbox.http.context import Context, Settings
from calcom_async.sandbox.http.delivery_log import DeliveryLog
from calcom_async.sandbox.http.events import EventBus
from calcom_async.sandbox.http.faults import Faults
from calcom_async.sandbox.http.rate_limiter import RateLimiter
from calcom_async.sandbox.http.request_log import RequestLog
from calcom_async.sandbox.http.routing import Route, RouteTable
from calcom_async.sandbox.http.server import Server
from calcom_async.sandbox.http.server_kind import ServerKind, ServerName, server_kind
from calcom_async.sandbox.runtime import Runtime
from calcom_async.sandbox.seed.world import API_KEY, seed_store
from calcom_async.sandbox.state.clock import Clock
from calcom_async.sandbox.state.store import Snapshot, Store
from calcom_async.sandbox.webhooks.delivery import deliver, is_loopback_host
from calcom_async.sandbox.webhooks.scheduled import plan
from calcom_async.sandbox.world.documents import World
from calcom_async.sandbox.world.loading import Loaded, WorldError, load_world

T = TypeVar("T")

ROUTES: tuple[Route, ...] = (
    *accounts.ROUTES,
    *event_types.ROUTES,
    *calendars.ROUTES,
    *slots.ROUTES,
    *bookings.ROUTES,
    *organizations.ROUTES,
    *schedules.ROUTES,
    *routing.ROUTES,
    *platform.ROUTES,
    *webhooks.ROUTES,
    *version_2024_04_15.ROUTES,
)

#: Without a limit the headers are still sent, as by a generous deployment.
UNLIMITED = 1_000_000


@cache
def _route_table(kind: ServerKind) -> RouteTable:
    """Return the routes of a kind of server. Building the table takes longer than the rest of a start."""
    return RouteTable([route for route in ROUTES if kind.has(route.method, route.path, route.versions)])


class Sandbox:
    """A local Cal.com server; a context manager, or use `start()` and `stop()`.

    - `server`: the kind of server: "hosted", or a self-hosted build, "self-hosted-2025-12" (with teams and
      organizations) or "self-hosted-2026-07" (without). Versions, routes, statuses and shapes differ.
    - `bookings`: number of sample bookings, created from `seed`.
    - `world`: the data to start with, in place of the sample data.
    - `api_key`: the API key of the first user; it must begin with `cal_`.
    - `now`: freezes the clock at this aware datetime.
    - `rate_limit`: requests per `window` seconds and caller (None: a million). One more request blocks the caller for
      `block` seconds.
    - `ties`: many bookings share their times, and the order of equal rows differs from page to page. With
      `unstable_order` it also differs from request to request, so the same page can return other rows.
    - `races`: creations interleave as on the real server, each with a pause between its checks and the insert. Of
      accepted bookings with the same host, start and end only one is created. The others get a 409
      `booking_conflict_error`, or the 400 of a time that is taken. Pending or overlapping bookings, and more attendees
      than seats, are not prevented. Without `races`, creations run one after another.
    - `legacy_formats`: also accept the parameter names and values of older documentation.
    - `host`, `port`: where to listen; port 0 selects a free one. Another host than a loopback address needs
      `allow_remote`. Then `/_sandbox/` can be used only with `control_token`, which is random unless it is given.
    """

    def __init__(
        self,
        *,
        server: ServerName = "hosted",
        world: World | None = None,
        bookings: int = 0,
        seed: int = 0,
        api_key: str = API_KEY,
        now: datetime | None = None,
        rate_limit: int | None = None,
        window: float = 60,
        block: float = 60,
        ties: bool = False,
        unstable_order: bool = False,
        races: bool = False,
        legacy_formats: bool = False,
        host: str = "127.0.0.1",
        port: int = 0,
        allow_remote: bool = False,
        control_token: str | None = None,
    ) -> None:
        if not allow_remote and not is_loopback_host(host):
            raise ValueError(f"host must be a loopback address unless allow_remote is set, got {host!r}")
        if control_token is not None and not re.fullmatch(r"[\x21-\x7e]+", control_token):
            raise ValueError("control_token must be printable ASCII without spaces, and must not be empty")
        if not api_key.startswith(KEY_PREFIX):
            raise ValueError(f"api_key must begin with {KEY_PREFIX}")
        if bookings < 0:
            raise ValueError(f"bookings must be at least 0, got {bookings}")
        if rate_limit is not None and rate_limit < 1:
            raise ValueError(f"rate_limit must be at least 1, got {rate_limit}; a fault with status=429 rejects all")
        if not 0 < window < math.inf or not 0 <= block < math.inf:
            raise ValueError(f"window and block must be seconds, window above 0, got {window} and {block}")
        if not isinstance(world, World | None):
            raise TypeError(
                f"world must be a World, got {type(world).__name__}; read_world reads one from JSON or YAML"
            )
        if world is not None and bookings:
            raise ValueError("bookings are part of the sample data, which a world replaces; declare them in the world")
        self.api_key: str = api_key
        self.settings: Settings = Settings(
            UNLIMITED if rate_limit is None else rate_limit, window, block, races, legacy_formats
        )
        self.clock: Clock = Clock(now)
        self.store: Store = Store(seed=seed, ties=ties, unstable_order=unstable_order)
        self.faults: Faults = Faults(seed)
        self.rate_limiter: RateLimiter = RateLimiter()
        self.requests: RequestLog = RequestLog()
        self.deliveries: DeliveryLog = DeliveryLog()
        """The completed webhook deliveries in order of completion; call `wait_idle()` first."""
        self.snapshots: dict[int, Snapshot] = {}
        """The snapshots of the control API by number."""
        self.handler_errors: list[Exception] = []
        """Unplanned errors of handlers. Each was also logged, and the client received a 500."""
        self.context: Context = Context(
            self.store,
            self.clock,
            self.settings,
            server_kind(server),
            EventBus(),
            Changes(),
            self.deliveries,
            base_url=lambda: self.url,
            spawn=self.spawn,
            on_error=self.handler_errors.append,
        )
        # Deliveries and plans follow the same events. A planned delivery comes later, by the clock.
        self.context.events.subscribe(partial(deliver, self.context))
        self.context.events.subscribe(partial(plan, self.context))
        self._world = world
        self._bookings = bookings
        self._seed = seed
        self._host = host
        self._port = port
        self._allow_remote = allow_remote
        self.control_token: str | None = control_token or (token_urlsafe(24) if allow_remote else None)
        self._runtime: Runtime | None = None
        self._seed_store()

    def start(self) -> Self:
        """Start to listen, and return when requests are accepted. Raises OSError if the port is in use."""
        if self._runtime is None:
            server = self.server(_route_table(self.context.server))
            control = ControlApi(self, server, token=self.control_token, remote=self._allow_remote)
            self._runtime = Runtime(control, self._host, self._port)
        return self

    def stop(self) -> None:
        """Close the socket and all connections, cancel the background tasks and end the thread."""
        runtime, self._runtime = self._runtime, None
        if runtime is not None:
            runtime.stop()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()

    def server(self, routes: RouteTable) -> Server:
        """Build a server for these routes on the state of this sandbox, without a socket."""
        return Server(self.context, routes, self.faults, self.rate_limiter, self.requests)

    @property
    def url(self) -> str:
        """The base URL for a client, `http://127.0.0.1:PORT/v2`."""
        # A client on this machine cannot connect to the address that means all of its addresses.
        host = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}.get(self._host, self._host)  # noqa: S104
        return f"http://{f'[{host}]' if ':' in host else host}:{self._running.port}/v2"

    def reset(self) -> None:
        """Restore the initial data and clear faults, rate limits and recordings; the clock and the settings stay."""
        self.run(self._reset)

    def _reset(self) -> None:
        """Do the work of `reset` in the thread of the sandbox."""
        # Connections and the seeded keys stay: only the data changes.
        self.store.reset(self._seed)
        self._forget()
        self._seed_store()

    def _forget(self) -> None:
        """Clear faults, rate limits and recordings."""
        self.faults.clear()
        self.rate_limiter.clear()
        self.requests.clear()
        self.deliveries.clear()
        self.handler_errors.clear()

    def _seed_store(self) -> None:
        """Fill the empty store with the world or the sample data."""
        if self._world is not None:
            self._add(self._world)
            return
        organizations = self.context.server.has_organizations
        seed_store(self.store, self.clock, bookings=self._bookings, ties=self.store.ties, organizations=organizations)
        if self.api_key != API_KEY:
            self.store.api_keys[self.api_key] = self.store.api_keys.pop(API_KEY)

    def snapshot(self) -> Snapshot:
        """Return a copy of the data for `restore`; a second for 20,000 bookings."""
        return self.run(lambda: self.store.save(self.context))

    def restore(self, snapshot: Snapshot) -> None:
        """Do as `reset`, but restore the data of a snapshot of this sandbox."""
        self.run(lambda: self._restore(snapshot))

    def _restore(self, snapshot: Snapshot) -> None:
        """Do the work of `restore` in the thread of the sandbox."""
        self.store.restore(snapshot, self.context)
        self._forget()

    def add_world(self, world: World) -> Loaded:
        """Add to the data, until the next reset. Raises a `WorldError` and changes nothing if a row is wrong."""
        return self.run(lambda: self._load(world, replaces=False))

    def load_world(self, world: World) -> Loaded:
        """Replace the data, also what `reset` restores. Raises a `WorldError` and changes nothing if a row is wrong."""
        return self.run(lambda: self._load(world, replaces=True))

    def _load(self, world: World, *, replaces: bool) -> Loaded:
        """Do the work of `add_world` and `load_world` in the thread of the sandbox."""
        snapshot = self.store.save(self.context)
        try:
            if replaces:
                self.store.reset(self._seed)
            loaded = self._add(world)
        except WorldError:
            self.store.restore(snapshot, self.context)
            raise
        if replaces:
            self._world = world
            self._forget()
        return loaded

    def _add(self, world: World) -> Loaded:
        """Add a world to the store."""
        organizations = self.context.server.has_organizations
        return load_world(self.store, world, self.clock.now(), api_key=self.api_key, organizations=organizations)

    def run(self, function: Callable[[], T]) -> T:
        """Call `function` in the sandbox's thread, between two requests, and return its result."""
        return function() if self._runtime is None else self._runtime.call(function)

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Run a coroutine in the background. Call this only in the sandbox's thread."""
        self._running.spawn(work)

    def wait_idle(self, timeout: float = 5) -> None:
        """Send the webhook deliveries that are due, and wait until all are done. Raises TimeoutError."""
        self.run(lambda: self.store.schedule.run_due(self.clock.now()))
        self._running.wait_idle(timeout)

    @property
    def _running(self) -> Runtime:
        """The running server. Raises RuntimeError before `start()`."""
        if self._runtime is None:
            raise RuntimeError("the sandbox is not running; call start(), or use it in a with statement")
        return self._runtime
