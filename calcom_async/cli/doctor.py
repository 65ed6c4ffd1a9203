"""`doctor`: whether all is well between here and Cal.com."""

from __future__ import annotations

import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from statistics import median
from types import SimpleNamespace
from typing import Annotated, Any, Literal, TypeVar

import msgspec
import typer
from aiohttp import ClientSession, TraceConfig, TraceRequestEndParams, TraceRequestStartParams
from rich.table import Table
from rich.text import Text

from calcom_async import __version__
from calcom_async.cli.connect import check_reachable, connect
from calcom_async.cli.exit_codes import exit_code
from calcom_async.cli.options import AllowHttpOption, ApiKeyOption, BaseUrlOption, SandboxOption, Target, target_from
from calcom_async.cli.run import error_lines, run
from calcom_async.cli.terminal import one_line, print_json, stdout
from calcom_async.client import Calcom
from calcom_async.errors import CalcomError, ForbiddenError, NotFoundError
from calcom_async.events import ClientEvent
from calcom_async.models.event_types import EventType
from calcom_async.models.me import Me
from calcom_async.models.slots import SlotDays
from calcom_async.pages import Pages
from calcom_async.pagination import Page
from calcom_async.rate_limiter import BucketStats
from calcom_async.resources._base import Resource
from calcom_async.resources.slots import WEEK

T = TypeVar("T")

State = Literal["ok", "warn", "fail"]
STYLES: dict[State, str] = {"ok": "green", "warn": "yellow", "fail": "bold red"}

SKEW = 5.0
"""Seconds that the clocks may differ; the server tells its own in whole ones."""
SLOW = 2.0
SCARCE = 0.1
"""Part of the limit below which what is left of it is worth a warning."""
PATIENCE: dict[str, Any] = {"max_attempts": 2, "timeout": 15.0, "max_wait": 15.0}
"""Settings of the client: trouble shall be told soon."""


class CheckResult(msgspec.Struct, frozen=True, omit_defaults=True):
    """What was looked at, and how it is."""

    name: str
    state: State
    text: str
    code: int = 0
    """The exit code that it means."""


def doctor(
    context: typer.Context,
    json: Annotated[bool, typer.Option("--json", help="Print JSON instead of lines.")] = False,
    base_url: BaseUrlOption = None,
    api_key: ApiKeyOption = None,
    sandbox: SandboxOption = False,
    allow_http: AllowHttpOption = False,
) -> None:
    """Check the API key and the connection.

    Also check the clock, the API versions, the rate limit and the latency, and count what the key can access. This
    takes eight requests and changes nothing. The exit code is 0, or that of the first failure. Warnings do not count.
    """
    results = run(_examine(target_from(context, base_url, api_key, sandbox, allow_http)))
    if json:
        print_json(results)
    else:
        _print_lines(results)
    raise typer.Exit(next((one.code for one in results if one.code), 0))


async def _examine(target: Target) -> list[CheckResult]:
    report, watch = Report(), ResponseMonitor()
    async with connect(target, watch.on_event, trace_configs=[watch.trace()], **PATIENCE) as cal:
        report.add("package", "ok", f"calcom_async {__version__} on Python {sys.version.split()[0]}")
        await _see(cal, report)
        watch.add_to(report, cal.stats().limits)
    return report.results


async def _see(cal: Calcom, report: Report) -> None:
    """Ask for everything once; without a connection, or with a key that is refused, for nothing more."""
    await report.run_check("address", check_reachable(cal), lambda _: cal.config.base_url, vital=True)
    if report.is_bad:
        return
    me = await report.run_check("key", cal.me.get(), _whose, vital=True)
    if me is None:
        return
    lists: list[tuple[str, Resource, Pages[Any]]] = [
        ("event types", cal.event_types, cal.event_types.list()),
        ("schedules", cal.schedules, cal.schedules.list()),
        ("bookings", cal.bookings, cal.bookings.list(take=1)),
        ("webhooks", cal.webhooks, cal.webhooks.list()),
        ("teams", cal.teams, cal.teams.list()),
    ]
    pages = {}
    for name, resource, rows in lists:
        page = await report.run_check(name, rows.first_page(), _total, version=_version(cal, resource))
        pages[name] = page
    await _see_slots(cal, report, pages["event types"])
    if (organization := me.organization_id) is not None:
        bookings = cal.organization(organization).bookings.list(take=1)
        await report.run_check(
            "organisation", bookings.first_page(), lambda page: f"{_total(page)} bookings, id {organization}"
        )


async def _see_slots(cal: Calcom, report: Report, event_types: Page[EventType] | None) -> None:
    if not (event_types and event_types.items):
        report.add("slots", "warn", "not asked for: no event type is known")
        return
    today = datetime.now(UTC).date()
    week = cal.slots.search(event_type_id=event_types.items[0].id, start=today, end=today + WEEK)
    await report.run_check("slots", week, _free, version=_version(cal, cal.slots))


def _version(cal: Calcom, resource: Resource) -> str:
    return cal.config.api_versions.get(resource.area, resource.version)


def _whose(me: Me) -> str:
    return f"of {me.username or me.name} ({me.email}, id {me.id}), {me.time_zone}"


def _total(page: Page[Any]) -> str:
    more = "+" if page.has_next else ""
    return f"{len(page.items):,}{more}" if page.total_items is None else f"{page.total_items:,}"


def _free(days: SlotDays) -> str:
    return f"{sum(map(len, days.values()))} free within a week"


class Report:
    """The findings so far."""

    def __init__(self) -> None:
        self.results: list[CheckResult] = []

    @property
    def is_bad(self) -> bool:
        """Whether anything has failed."""
        return any(one.state == "fail" for one in self.results)

    def add(self, name: str, state: State, text: str, code: int = 0) -> None:
        """Keep a finding."""
        self.results.append(CheckResult(name, state, text, code))

    async def run_check(
        self, name: str, question: Awaitable[T], summary: Callable[[T], str], *, version: str = "", vital: bool = False
    ) -> T | None:
        """Keep what the answer tells, or what the error means; None after an error.

        A route without a `version` is one that some servers lack, which is no failure.
        """
        try:
            answer = await question
        except ForbiddenError as error:
            if vital:
                self.add(name, "fail", ". ".join(error_lines(error)), exit_code(error))
            else:
                self.add(name, "warn", "not allowed for this key")
        except NotFoundError as error:
            if version or vital:
                hint = f". This server may not support cal-api-version {version} of {name}" if version else ""
                self.add(name, "fail", f"{error}{hint}", exit_code(error))
            else:
                self.add(name, "warn", "not available: this server does not have this route")
        except CalcomError as error:
            self.add(name, "fail", ". ".join(error_lines(error)), exit_code(error))
        else:
            self.add(name, "ok", summary(answer) + (f", version {version}" if version else ""))
            return answer
        return None


class ResponseMonitor:
    """Looks at every answer: how long it took, what time the server says it is, and what it says of the limit."""

    def __init__(self) -> None:
        self._seconds: list[float] = []
        self._behind: list[float] = []
        self._remaining: int | None = None

    def trace(self) -> TraceConfig:
        """What the session has to call."""
        trace = TraceConfig()
        trace.on_request_start.append(self._start)
        trace.on_request_end.append(self._end)
        return trace

    def on_event(self, event: ClientEvent) -> None:
        """Keep what the server last reported of its limit."""
        self._remaining = self._remaining if event.remaining is None else event.remaining

    async def _start(self, _session: ClientSession, request: SimpleNamespace, _: TraceRequestStartParams) -> None:
        request.at = time.time()

    async def _end(self, _session: ClientSession, request: SimpleNamespace, params: TraceRequestEndParams) -> None:
        now = time.time()
        self._seconds.append(now - request.at)
        with suppress(ValueError, TypeError):
            date = parsedate_to_datetime(params.response.headers.get("Date", "")).timestamp()
            self._behind.append((request.at + now) / 2 - (date + 0.5))  # half of the second that the header cuts off

    def add_to(self, report: Report, limits: Sequence[BucketStats]) -> None:
        """Add what was seen to the report."""
        if not self._seconds:
            return
        latency = median(self._seconds)
        report.add(
            "latency",
            "warn" if latency > SLOW else "ok",
            f"{1000 * latency:.0f} ms, the median of {len(self._seconds)}",
        )
        if self._behind:
            skew = median(self._behind)
            text = f"{abs(skew):.0f} s {'ahead of' if skew > 0 else 'behind'} the server's"
            report.add("clock", "warn" if abs(skew) > SKEW else "ok", text if abs(skew) > 1 else "as the server's")
        if self._remaining is None:
            report.add("limit", "warn", "the server reports none")
        elif not limits:
            report.add("limit", "ok" if self._remaining else "warn", f"{self._remaining:,} calls left")
        else:
            for limit in limits:
                left = self._remaining if len(limits) == 1 else limit.available
                text = f"{left:,} of {limit.limit:,} calls left in {limit.window:.0f} s"
                report.add("limit", "ok" if left > limit.limit * SCARCE else "warn", text)


def _print_lines(results: Sequence[CheckResult]) -> None:
    table = Table(box=None, show_header=False, pad_edge=False)
    for one in results:
        table.add_row(Text(one.state, STYLES[one.state]), one.name, Text(one_line(one.text)))
    stdout().print(table)
