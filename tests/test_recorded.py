"""Answers recorded from a real server go through the client's own methods: what each makes of its own answer.

The table says which method asks what was asked; the method itself decides what the answer is decoded as. Decoding is
strict here: the client's lenience towards a server that breaks its word is switched off.
"""

from __future__ import annotations

import json
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import msgspec
import pytest

from calcom_async import Calcom, errors, wire
from calcom_async.events import Observer
from calcom_async.models import (
    AbsentAttendee,
    Attendee,
    Booking,
    Calendar,
    CreateEventType,
    CreateTeam,
    CreateTeamEventType,
    Guest,
    UpdateEventType,
    UpdateMe,
    UpdateTeam,
    UpdateTeamEventType,
)
from calcom_async.resources._base import Channel
from calcom_async.resources.teams import Team
from calcom_async.wire import Request, Response

NOON = datetime(2027, 2, 25, 12, tzinfo=UTC)
DAY = {"start": date(2027, 2, 25), "end": date(2027, 2, 26)}
ADA = Attendee(name="Ada", email="ada@visitors.test", time_zone="UTC")
FEED = Calendar(read_only=True, external_id="x", is_selected=True, credential_id=1)
URL = "https://hooks.test"
NEW = CreateEventType(title="x", slug="x", length_in_minutes=30)
NEW_OF_TEAM = CreateTeamEventType(title="x", slug="x", length_in_minutes=30, scheduling_type="collective")

Ask = Callable[..., Awaitable[Any]]


def _of_team(place: str, team: Callable[..., Team]) -> dict[str, Ask]:
    """What a team has, wherever it stands; `team` takes the client and the ids of the place."""
    types = f"{place}/event-types"
    return {
        f"GET {types}": lambda cal, *at: team(cal, *at).event_types.list().first_page(),
        f"POST {types}": lambda cal, *at: team(cal, *at).event_types.create(NEW_OF_TEAM),
        f"GET {types}/{{}}": lambda cal, *at: team(cal, *at[:-1]).event_types.get(at[-1]),
        f"PATCH {types}/{{}}": lambda cal, *at: team(cal, *at[:-1]).event_types.update(at[-1], UpdateTeamEventType()),
        f"DELETE {types}/{{}}": lambda cal, *at: team(cal, *at[:-1]).event_types.delete(at[-1]),
        f"GET {place}/bookings": lambda cal, *at: team(cal, *at).bookings.list().first_page(),
    }


def _raw(cal: Calcom, method: str, path: str) -> Awaitable[Any]:
    return cal.request(method, path)


CALLS: dict[str, Ask] = {
    "GET /me": lambda cal: cal.me.get(),
    "PATCH /me": lambda cal: cal.me.update(UpdateMe()),
    "GET /event-types": lambda cal: cal.event_types.list().first_page(),
    "POST /event-types": lambda cal: cal.event_types.create(NEW),
    "GET /event-types/{}": lambda cal, one: cal.event_types.get(one),
    "PATCH /event-types/{}": lambda cal, one: cal.event_types.update(one, UpdateEventType()),
    "DELETE /event-types/{}": lambda cal, one: cal.event_types.delete(one),
    "GET /bookings": lambda cal: cal.bookings.list().first_page(),
    "POST /bookings": lambda cal: cal.bookings.create(start=NOON, event_type_id=1, attendee=ADA, recurrence_count=2),
    "GET /bookings/{}": lambda cal, uid: cal.bookings.get_series(uid),
    "POST /bookings/{}/reschedule": lambda cal, uid: cal.bookings.reschedule(uid, start=NOON),
    "POST /bookings/{}/cancel": lambda cal, uid: cal.bookings.cancel(uid),
    "POST /bookings/{}/confirm": lambda cal, uid: cal.bookings.confirm(uid),
    "POST /bookings/{}/mark-absent": lambda cal, uid: cal.bookings.mark_absent(
        uid, attendees=[AbsentAttendee(email="x")]
    ),
    "POST /bookings/{}/reassign": lambda cal, uid: cal.bookings.reassign(uid),
    "POST /bookings/{}/reassign/{}": lambda cal, uid, user: cal.bookings.reassign_to(uid, user),
    "GET /bookings/{}/attendees": lambda cal, uid: cal.bookings.attendees(uid),
    "POST /bookings/{}/guests": lambda cal, uid: cal.bookings.add_guests(uid, Guest(email="x")),
    "GET /bookings/{}/calendar-links": lambda cal, uid: cal.bookings.calendar_links(uid),
    "GET /bookings/{}/references": lambda cal, uid: cal.bookings.references(uid),
    "GET /schedules": lambda cal: cal.schedules.list().first_page(),
    "POST /schedules": lambda cal: cal.schedules.create(name="x", time_zone="UTC"),
    "GET /schedules/default": lambda cal: cal.schedules.default(),
    "GET /schedules/{}": lambda cal, one: cal.schedules.get(one),
    "PATCH /schedules/{}": lambda cal, one: cal.schedules.update(one, name="x"),
    "DELETE /schedules/{}": lambda cal, one: cal.schedules.delete(one),
    "GET /slots": lambda cal: cal.slots.search(event_type_id=1, **DAY),
    "POST /slots/reservations": lambda cal: cal.slots.reservations.create(event_type_id=1, start=NOON),
    "GET /slots/reservations/{}": lambda cal, uid: cal.slots.reservations.get(uid),
    "DELETE /slots/reservations/{}": lambda cal, uid: cal.slots.reservations.delete(uid),
    "GET /webhooks": lambda cal: cal.webhooks.list().first_page(),
    "POST /webhooks": lambda cal: cal.webhooks.create(subscriber_url=URL, triggers=[]),
    "GET /webhooks/{}": lambda cal, one: cal.webhooks.get(one),
    "PATCH /webhooks/{}": lambda cal, one: cal.webhooks.update(one, active=True),
    "DELETE /webhooks/{}": lambda cal, one: cal.webhooks.delete(one),
    "GET /calendars": lambda cal: cal.calendars.connected(),
    "GET /calendars/busy-times": lambda cal: cal.calendars.busy_times(calendars=[FEED], **DAY),
    "GET /teams": lambda cal: cal.teams.list().first_page(),
    "POST /teams": lambda cal: cal.teams.create(CreateTeam(name="x")),
    "GET /teams/{}": lambda cal, team: cal.teams.get(team),
    "PATCH /teams/{}": lambda cal, team: cal.teams.update(team, UpdateTeam()),
    "DELETE /teams/{}": lambda cal, team: cal.teams.delete(team),
    **_of_team("/teams/{}", lambda cal, team: cal.team(team)),
    "GET /organizations/{}/teams": lambda cal, org: cal.organization(org).teams.list().first_page(),
    "GET /organizations/{}/teams/me": lambda cal, org: cal.organization(org).teams.mine().first_page(),
    "POST /organizations/{}/teams": lambda cal, org: cal.organization(org).teams.create(CreateTeam(name="x")),
    "GET /organizations/{}/teams/{}": lambda cal, org, team: cal.organization(org).teams.get(team),
    "PATCH /organizations/{}/teams/{}": lambda cal, org, team: cal.organization(org).teams.update(team, UpdateTeam()),
    "DELETE /organizations/{}/teams/{}": lambda cal, org, team: cal.organization(org).teams.delete(team),
    **_of_team("/organizations/{}/teams/{}", lambda cal, org, team: cal.organization(org).team(team)),
    "GET /organizations/{}/teams/{}/bookings/{}/references": lambda cal, org, team, uid: (
        cal.organization(org).team(team).bookings.references(uid)
    ),
    "GET /organizations/{}/bookings": lambda cal, org: cal.organization(org).bookings.list().first_page(),
    "GET /organizations/{}/users/{}/bookings": lambda cal, org, user: (
        cal.organization(org).user(user).bookings.list().first_page()
    ),
    # What no method asks is asked by path.
    "POST /me": lambda cal: _raw(cal, "POST", "/v2/me"),
    "PUT /me": lambda cal: _raw(cal, "PUT", "/v2/me"),
    "GET /nope": lambda cal: _raw(cal, "GET", "/v2/nope"),
}

# Operations that have no method yet, as patterns of the path below /v2, with what they wait for.
LATER = {
    r"/conferencing(/.*)?": "conferencing apps",
    r"/stripe/.*": "Stripe",
    r"(/organizations/\d+)?(/teams/\d+)?/verified-resources/.*": "verified resources",
    r"(/organizations/\d+/teams/\d+)?/event-types/\d+/private-links(/.*)?": "private links",
    r"/event-types/\d+/webhooks(/.*)?": "webhooks of event types",
    r"/teams/\d+/event-types/\d+/webhooks(/.*)?": "webhooks of team event types",
    r"/organizations/\d+/webhooks(/.*)?": "webhooks of organisations",
    r"/oauth-clients(/.*)?": "OAuth clients and their managed users",
    r"/oauth/.*": "renewal of credentials, which is not a method",
    r"/api-keys/refresh": "renewal of API keys",
    r"/routing-forms/.*": "routing forms",
    r"/organizations/\d+(/teams/\d+)?/routing-forms(/.*)?": "routing forms of organisations",
    r"/organizations/\d+(/teams/\d+)?/roles(/.*)?": "roles",
    r"/organizations/\d+(/teams/\d+)?/memberships(/.*)?": "memberships of organisations",
    r"/teams/\d+/memberships(/.*)?": "memberships of teams",
    r"/organizations/\d+/attributes(/.*)?": "attributes",
    r"/organizations/\d+(/users/\d+)?/ooo(/.*)?": "out of office",
    r"/organizations/\d+/delegation-credentials(/.*)?": "delegation credentials",
    r"/organizations/\d+/organizations(/.*)?": "managed organisations",
    r"/organizations/\d+/users(/\d+)?": "users of organisations",
    r"/(organizations|teams)/\d+(/.*)?/schedules(/.*)?": "schedules of others",
    r"(/organizations/\d+)?/teams/\d+/invite": "invitations",
    r"(/organizations/\d+)?/teams/\d+/event-types/\d+/create-phone-call": "phone calls",
    r"/organizations/\d+/teams/\d+/(conferencing|stripe|workflows)(/.*)?": "apps and workflows of teams",
}

# Recorded to show what a client must not do.
NOT_OURS = {
    "head_me": "a verb that the client has no use for",
    "options_me": "a verb that the client has no use for",
    "noversion_schedules_create": "the old answer to a request without version",
}


@dataclass(frozen=True)
class Exchange:
    """One recorded exchange, by its file's name."""

    name: str
    method: str
    path: str
    response: Response
    body: Any

    @classmethod
    def of(cls, file: Path) -> Exchange:
        record = json.loads(file.read_bytes())
        request, response = record["request"], record["response"]
        body = response["body"]
        headers = {name.lower(): value for name, value in response["headers"].items()}
        raw = body.encode() if isinstance(body, str) else json.dumps(body).encode()
        path = request["path"].removeprefix("/v2").partition("?")[0]
        return cls(file.stem, request["method"], path, Response(response["status"], headers, raw), body)

    @cached_property
    def operation(self) -> str | None:
        """The key in the table: the one with the fewest blanks that fits."""
        fits = (key for key in CALLS if _pattern(key).fullmatch(f"{self.method} {self.path}"))
        return min(fits, key=lambda key: key.count("{}"), default=None)


def _pattern(key: str) -> re.Pattern[str]:
    return re.compile(re.escape(key).replace(r"\{\}", "([^/]+)"))


@cache
def exchanges(shared: Path) -> list[Exchange]:
    """All recorded exchanges; deliveries of webhooks and the pages of the walk are none."""
    folder = shared / "reference" / "real"
    files = sorted([*folder.glob("*.json"), *folder.glob("organisations/*.json")])
    return [Exchange.of(file) for file in files if not file.name.startswith("webhook_delivery_")]


class Wire:
    """The other end of a client that sends nothing: it gives the recorded answer, and keeps what was asked."""

    def __init__(self, answer: Callable[[Request], Response]) -> None:
        self.asked: list[Request] = []
        self._answer = answer

    async def send(self, request: Request) -> Response:
        self.asked.append(request)
        response = self._answer(request)
        wire.check(request, response)
        return response

    def client(self) -> Calcom:
        cal = Calcom("cal_recorded")
        cal._send = self.send
        cal._channel = Channel(self.send, Observer(None))
        return cal


@pytest.fixture
def strict(monkeypatch):
    """Decoding without mercy: what does not fit the model is an error."""

    def refuse(kind: Any, value: Any, where: str) -> Any:
        msgspec.convert(value, kind)
        raise AssertionError(f"decoded only by lenience at {where}")

    monkeypatch.setattr(wire, "_lenient", refuse)


async def ask(exchange: Exchange) -> Any:
    """Ask by the method of the table; it has to send what was recorded."""
    assert exchange.operation is not None
    end = Wire(lambda request: exchange.response)
    ids = _pattern(exchange.operation).fullmatch(f"{exchange.method} {exchange.path}")
    try:
        return await CALLS[exchange.operation](end.client(), *ids.groups())
    finally:
        (request,) = end.asked
        assert (request.method, request.path) == (exchange.method, exchange.path)


CLASSES = {
    400: errors.BadRequestError,
    401: errors.UnauthorizedError,
    403: errors.ForbiddenError,
    404: errors.NotFoundError,
    409: errors.ConflictError,
    413: errors.ApiError,
    422: errors.UnprocessableError,
    429: errors.RateLimitedError,
    498: errors.TokenExpiredError,
    500: errors.ServerError,
}


@pytest.mark.parametrize("operation", CALLS)
async def test_recorded_answers(shared, strict, operation):
    """Each recorded success is decoded, strictly and whole, as what its method promises, each refusal raised."""
    found = [one for one in exchanges(shared) if one.operation == operation and one.name not in NOT_OURS]
    assert found, "an operation without recorded answers has no place in the table"
    for exchange in found:
        await (check_success if exchange.response.status < 300 else check_refusal)(exchange)


async def check_success(exchange: Exchange) -> None:
    """What came is what was recorded: as many rows, the same ids, nothing where there was nothing."""
    result, data = await ask(exchange), exchange.body.get("data")
    rows = getattr(result, "items", result)
    if isinstance(data, list):
        assert len(rows) == len(data), exchange.name
    elif data is None:
        assert result is None, exchange.name
    else:
        one = rows[0] if isinstance(rows, list) else result
        for key in {"id", "uid"} & data.keys():
            assert getattr(one, key) == data[key], exchange.name


async def check_refusal(exchange: Exchange) -> None:
    """The error is the class of its status, with the server's message, code, request id and limits, and no echo."""
    with pytest.raises(errors.ApiError) as caught:
        await ask(exchange)
    error, response = caught.value, exchange.response
    inner = exchange.body.get("error", exchange.body)
    assert type(error) is CLASSES[response.status], exchange.name
    assert (error.status, error.message, error.code) == (response.status, inner["message"], inner.get("code"))
    assert error.request_id == response.headers.get("x-request-id")
    assert [limit.name for limit in error.rate_limits] == _limits(response.headers)
    assert bool(error.fields) == _names_fields(inner), exchange.name
    assert "target" not in json.dumps(error.details)


def _limits(headers: dict[str, str]) -> list[str]:
    return [name.removeprefix("x-ratelimit-limit-") for name in headers if name.startswith("x-ratelimit-limit-")]


def _names_fields(error: dict[str, Any]) -> bool:
    """Whether a recorded error says which fields are wrong."""
    details = error.get("details")
    return "property is wrong" in error["message"] or (isinstance(details, dict) and "errors" in details)


def test_every_recorded_operation_is_known(shared):
    """Each recorded exchange is of an operation of the table or of one that is listed as coming later, never both."""
    lost, double = [], []
    for one in exchanges(shared):
        later = [pattern for pattern in LATER if re.fullmatch(pattern, one.path)]
        known = one.operation is not None or one.name in NOT_OURS
        if known and later:
            double.append((one.name, later))
        elif not known and not later:
            lost.append(f"{one.name}: {one.method} {one.path}")
    assert lost == []
    assert double == []


@pytest.mark.parametrize("pattern", LATER)
def test_operations_that_come_later(shared, pattern):
    """What has no method yet is counted; a pattern that matches nothing recorded is out of place."""
    count = sum(bool(re.fullmatch(pattern, one.path)) for one in exchanges(shared))
    assert count
    pytest.skip(f"{LATER[pattern]}: {count} recorded answers, no method yet")


async def test_recorded_walk(shared, strict):
    """The six recorded pages are one walk: every booking once, in order, to the server's total, without a warning."""
    folder = shared / "reference" / "real" / "bookings_walk"

    def answer(request: Request) -> Response:
        query = dict(pair.split("=") for pair in request.query.split("&"))
        assert (query["take"], query["sortCreated"]) == ("250", "asc")
        return Response(200, {}, (folder / f"skip-{query['skip']}.json").read_bytes())

    end = Wire(answer)
    pages = end.client().bookings.list(sort_created="asc", strict=True)
    rows = [row async for row in pages]
    assert len(end.asked) == len([*folder.iterdir()]) == 6
    assert len({row.uid for row in rows}) == len(rows) == pages.total == 1254
    assert all(isinstance(row, Booking) for row in rows)
    assert [row.created_at for row in rows] == sorted(row.created_at for row in rows)
