"""Check the API key, the connection, the clock, the API versions and the rate limit of a client."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from statistics import median
from typing import Any, Literal, NamedTuple, TypeVar
from urllib.parse import urlsplit

from calcom_async._version import __version__
from calcom_async.client import Calcom
from calcom_async.errors import (
    ApiError,
    CalcomError,
    ConnectionFailedError,
    ForbiddenError,
    NotFoundError,
    is_transient,
)
from calcom_async.events import ClientEvent
from calcom_async.models.event_types import EventType
from calcom_async.models.me import Me
from calcom_async.models.slots import SlotDays
from calcom_async.pages import Pages
from calcom_async.pagination import Page
from calcom_async.rate_limit_state import BucketStats
from calcom_async.time_ranges import WEEK
from calcom_async.transport import TraceConfig, trace_responses
from calcom_async.versions import ApiVersions

T = TypeVar("T")

CONNECT_TIMEOUT = 4.0
State = Literal["ok", "warn", "fail"]
ServerKind = Literal["hosted", "self-hosted-2026-07", "self-hosted-2025-12"]
SERVER_KINDS: Mapping[str, str] = {
    "hosted": "the hosted API of 2026, or a server that is as new",
    "self-hosted-2026-07": "self-hosted, with the operations of July 2026 and versions up to 2024-09-04",
    "self-hosted-2025-12": "self-hosted, with the operations of December 2025 and versions up to 2024-09-04",
}
"""What `diagnose` says about each kind of server."""
MAX_CLOCK_SKEW = 5.0
"""Allowed difference of the clocks in seconds. The server reports its time in whole seconds."""
MAX_LATENCY = 2.0
MIN_REMAINING = 0.1
"""Share of the rate limit; less remaining requests are a warning."""


class CheckResult(NamedTuple):
    """Result of one check."""

    name: str
    state: State
    text: str
    error: CalcomError | None = None
    """The error of a failed check."""


async def diagnose(cal: Calcom, monitor: ResponseMonitor | None = None) -> list[CheckResult]:
    """Check what the key can access, in at most ten requests that change nothing.

    A `monitor` adds the latency, the clock and the rate limit. Create the client with its hooks:
    `Calcom(on_event=monitor.on_event, trace_configs=[monitor.trace()])`.
    """
    report = Report()
    report.add("package", "ok", f"calcom_async {__version__} on Python {sys.version.split()[0]}")
    await _check_account(cal, report)
    if monitor is not None:
        monitor.add_to(report, cal.stats().limits)
    return report.results


async def find_server_kind(cal: Calcom) -> ServerKind:
    """Find out which operations and versions the server has, in two requests at most.

    Only the hosted API has the booking fields of event types as operations (September 2026). Of the self-hosted builds
    only the one of July 2026 can look a booking up by its seat.
    """
    if await _has_operation(cal, "/v2/event-types/0/booking-fields"):
        return "hosted"
    return "self-hosted-2026-07" if await _has_operation(cal, "/v2/bookings/by-seat/0") else "self-hosted-2025-12"


async def _has_operation(cal: Calcom, path: str) -> bool:
    """Return whether the server has a GET of this path. Other errors than an unknown operation mean that it has it."""
    # The id 0 exists nowhere, so the answer is an error. Its text tells an unknown operation from an unknown id.
    try:
        await cal.request("GET", path)
    except ApiError as error:
        if is_transient(error):
            raise
        return error.reason != "unknown_operation"
    return True


async def check_reachable(cal: Calcom, connect_timeout: float = CONNECT_TIMEOUT) -> None:
    """Connect to the server, or to the proxy if there is one, and disconnect; raise `ConnectionFailedError`.

    The client itself retries for a minute. That is right during an export, but too long for a wrong URL.
    """
    url = urlsplit(cal.proxy or cal.config.base_url)
    try:
        async with asyncio.timeout(connect_timeout):
            port = url.port or (443 if url.scheme == "https" else 80)
            _, writer = await asyncio.open_connection(
                url.hostname, port, ssl=url.scheme == "https", happy_eyeballs_delay=0.25
            )
    except (OSError, ValueError) as error:
        system = os.strerror(error.errno) if isinstance(error, ConnectionError) and error.errno else None
        reason = system or getattr(error, "strerror", None) or str(error) or f"no response within {connect_timeout:g} s"
        server, setting = ("the proxy ", "the proxy settings") if cal.proxy else ("", "base_url or CAL_API_URL")
        raise ConnectionFailedError(
            f"cannot connect to {server}{url.netloc}: {reason}", sent=False, hint=f"Check {setting}"
        ) from error
    # Without waiting: a TLS server may take long to confirm the end of a connection.
    writer.close()


async def _check_account(cal: Calcom, report: Report) -> None:
    """Run each check once. Stop if there is no connection, or if the key is invalid."""
    await report.run_check("address", check_reachable(cal), lambda _: cal.config.base_url, required=True)
    if report.has_failed:
        return
    me = await report.run_check("key", cal.me.get(), _describe_user, required=True)
    if me is None:
        return
    await report.run_check("server", find_server_kind(cal), SERVER_KINDS.__getitem__, required=True)
    lists: list[tuple[str, Pages[Any]]] = [
        ("event types", cal.event_types.list()),
        ("schedules", cal.schedules.list()),
        ("bookings", cal.bookings.list(take=1)),
        ("webhooks", cal.webhooks.list()),
        ("teams", cal.teams.list()),
    ]
    pages = {}
    for name, rows in lists:
        page = await report.run_check(name, rows.first_page(), _total, version=_version(cal, rows.list_call.name))
        pages[name] = page
    await _check_slots(cal, report, pages["event types"])
    if (organization := me.organization_id) is not None:
        bookings = cal.organization(organization).bookings.list(take=1)
        await report.run_check(
            "organization", bookings.first_page(), lambda page: f"{_total(page)} bookings, id {organization}"
        )


async def _check_slots(cal: Calcom, report: Report, event_types: Page[EventType] | None) -> None:
    if not (event_types and event_types.items):
        report.add("slots", "warn", "not checked: there is no event type")
        return
    today = datetime.now(UTC).date()
    week = cal.slots.search(event_type_id=event_types.items[0].id, start=today, end=today + WEEK)
    await report.run_check("slots", week, _count_free, version=_version(cal, "/slots"))


def _version(cal: Calcom, route: str) -> str:
    """Return the `cal-api-version` that a GET of this route sends."""
    return ApiVersions(cal.config.api_versions).for_route("GET", route)


def _describe_user(me: Me) -> str:
    return f"{me.username or me.name} ({me.email}, id {me.id}), {me.time_zone}"


def _total(page: Page[Any]) -> str:
    more = "+" if page.has_next else ""
    return f"{len(page.items):,}{more}" if page.total_items is None else f"{page.total_items:,}"


def _count_free(days: SlotDays) -> str:
    return f"{sum(map(len, days.values()))} free times in the next week"


class Report:
    """Results of the checks so far."""

    def __init__(self) -> None:
        self.results: list[CheckResult] = []

    @property
    def has_failed(self) -> bool:
        """Whether a check has failed."""
        return any(result.state == "fail" for result in self.results)

    def add(self, name: str, state: State, text: str, error: CalcomError | None = None) -> None:
        """Add a result."""
        self.results.append(CheckResult(name, state, text, error))

    async def run_check(
        self,
        name: str,
        request: Awaitable[T],
        summary: Callable[[T], str],
        *,
        version: str = "",
        required: bool = False,
    ) -> T | None:
        """Add the summary of a response, or the error; return None after an error.

        Without a `version`, a 404 is only a warning: some servers do not have the route.
        """
        try:
            response = await request
        except ForbiddenError as error:
            if required:
                self.add(name, "fail", error.message, error)
            else:
                self.add(name, "warn", "this key has no access")
        except NotFoundError as error:
            if version or required:
                hint = f". This server may not support cal-api-version {version} for {name}" if version else ""
                self.add(name, "fail", f"{error.message}{hint}", error)
            else:
                self.add(name, "warn", "not available: this server does not have this route")
        except CalcomError as error:
            self.add(name, "fail", error.message, error)
        else:
            self.add(name, "ok", summary(response) + (f", version {version}" if version else ""))
            return response
        return None


class ResponseMonitor:
    """Records the latency, the clock and the rate limit of every response."""

    def __init__(self) -> None:
        self._seconds: list[float] = []
        self._offsets: list[float] = []
        self._remaining: int | None = None

    def trace(self) -> TraceConfig:
        """Return the hooks for the HTTP session."""
        return trace_responses(self._on_response)

    def on_event(self, event: ClientEvent) -> None:
        """Keep the remaining requests that the server reported last."""
        self._remaining = self._remaining if event.remaining is None else event.remaining

    def _on_response(self, sent_at: float, received_at: float, headers: Mapping[str, str]) -> None:
        self._seconds.append(received_at - sent_at)
        with suppress(ValueError, TypeError):
            date = parsedate_to_datetime(headers.get("Date", "")).timestamp()
            # The server wrote the header about halfway between the two times, and cut it to whole seconds.
            self._offsets.append((sent_at + received_at) / 2 - (date + 0.5))

    def add_to(self, report: Report, limits: Sequence[BucketStats]) -> None:
        """Add the results to the report."""
        if not self._seconds:
            return
        latency = median(self._seconds)
        report.add(
            "latency",
            "warn" if latency > MAX_LATENCY else "ok",
            f"{1000 * latency:.0f} ms, median of {len(self._seconds)} requests",
        )
        if self._offsets:
            skew = median(self._offsets)
            text = f"{abs(skew):.0f} s {'ahead of' if skew > 0 else 'behind'} the server"
            report.add(
                "clock", "warn" if abs(skew) > MAX_CLOCK_SKEW else "ok", text if abs(skew) > 1 else "same as the server"
            )
        if self._remaining is None:
            report.add("limit", "warn", "the server reports no rate limit")
        elif not limits:  # a limiter of the user may have no state to show
            report.add("limit", "ok" if self._remaining else "warn", f"{self._remaining:,} requests left")
        else:
            for limit in limits:
                # With several limits, `_remaining` is that of an unknown one of them.
                remaining = self._remaining if len(limits) == 1 else limit.available
                text = f"{remaining:,} of {limit.limit:,} requests left in {limit.window:.0f} s"
                report.add("limit", "ok" if remaining > limit.limit * MIN_REMAINING else "warn", text)
