"""Whatever a server returns and whatever a caller passes: the outcome is a result or a `CalcomError`, in bounded work.

`CALCOM_ASYNC_FUZZ_CASES` sets the number of cases and `CALCOM_ASYNC_FUZZ_SEED` where they start. A failure names its
case, which is all that is needed to run it again.
"""

from __future__ import annotations

import asyncio
import copy
import json
import pickle
import random
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from datetime import UTC, datetime, timedelta
from functools import partial
from inspect import isawaitable
from operator import attrgetter
from typing import Any

import pytest
from fakes import CutResponse, FakeServer
from fuzzing import (
    ARGUMENTS,
    CASES,
    REFUSALS,
    SEED,
    FakeTransport,
    Method,
    client_over,
    examine,
    full,
    headers,
    methods,
    mutate_body,
    response,
    sample,
)
from virtual_time import run

from calcom_async import AccessToken, Calcom, CalcomError, Pages, webhooks
from calcom_async.models import Attendee
from calcom_async.models.webhook_payloads import PAYLOADS
from calcom_async.requests import CallContext, Request
from calcom_async.responses import Response
from calcom_async.sandbox import Sandbox

START = datetime(2030, 1, 7, 9, tzinfo=UTC)
ADA = Attendee(name="Ada", email="ada@visitors.test", time_zone="Europe/Lisbon")
LONGEST = 200_000
"""Seconds on the virtual clock; no response may keep a call waiting for longer."""
EMPTY = b'{"status":"success","data":[]}'
Bodies = dict[tuple[str, str], bytes]
Way = Callable[[Request], Awaitable[Response]]
Every = tuple[list[Method], list[bytes], list[Way]]

pytestmark = [
    pytest.mark.filterwarnings("ignore::calcom_async.IncompleteListWarning"),
    pytest.mark.filterwarnings("ignore::calcom_async.StalenessWarning"),
]


def share(part: float) -> range:
    """Return the number of cases of one test, as its share of all."""
    return range(max(1, int(CASES * part)))


@pytest.fixture(scope="module")
def recorded() -> Bodies:
    """Return the bodies of a sandbox's responses, by method and route."""
    bodies: Bodies = {}

    async def scene(sandbox: Sandbox) -> None:
        async with Calcom(sandbox.api_key, base_url=sandbox.url) as cal:
            send = cal._core.transport.exchange

            async def exchange(request: Request, context: CallContext) -> Response:
                response = await send(request, context)
                bodies[request.method, request.route] = response.body
                return response

            cal._core.transport.exchange = exchange  # type: ignore[method-assign]
            cal._build_middleware()
            await cal.me.get()
            await cal.event_types.list().collect()
            await cal.event_types.get(1)
            await cal.schedules.list().collect()
            await cal.teams.list().collect()
            await cal.webhooks.create(subscriber_url="https://x.test", triggers=["BOOKING_CREATED"])
            await cal.webhooks.list().collect()
            await cal.calendars.list()
            slot = await cal.slots.first_available(event_type_id=1, start=START, end=START + timedelta(days=7))
            assert slot is not None
            booking = await cal.book(start=slot.start, event_type_id=1, attendee=ADA)
            await cal.bookings.get(booking.uid)
            await cal.reschedule(booking.uid, start=slot.start + timedelta(days=7))
            await cal.bookings.list(take=5).first_page()

    with Sandbox() as sandbox:
        asyncio.run(scene(sandbox))
    return bodies


def examine_error(error: CalcomError) -> None:
    """Print and pickle an error."""
    assert len(str(error) + repr(error)) < 200_000
    assert str(pickle.loads(pickle.dumps(error))) == str(copy.deepcopy(error)) == str(error)


def survives(action: Callable[[], Awaitable[Any]], case: str, *, allowed: tuple[type[Exception], ...] = ()) -> None:
    """Run a case on a virtual clock; the outcome must be a result or a `CalcomError`."""

    async def scene() -> None:
        try:
            async with asyncio.timeout(LONGEST):
                examine(await action())
        except CalcomError as error:
            examine_error(error)
        except allowed:
            pass

    try:
        run(scene())
    except BaseException as error:
        error.add_note(f"case {case}")
        raise


@pytest.fixture(scope="module")
def all_methods() -> Every:
    """Return every method of the client, with a response that fits each, and where to set how to send."""
    senders: list[Way] = []

    async def send(request: Request, context: CallContext) -> Response:
        return await senders[0](request, context)

    async def nothing(_: Request, context: CallContext) -> Response:
        return Response(200, {}, b"")

    senders.append(nothing)
    client_methods = methods(None, send)
    return client_methods, [sample(method) for method in client_methods], senders


async def use_call(chance: random.Random, result: Any) -> Any:
    """Await a call, or read a list in one of the possible ways."""
    if not isinstance(result, Pages):
        return await result
    match chance.randrange(5):
        case 0:
            return await result.first()
        case 1:
            return await result.first_page()
        case 2:
            return [page async for page in result.pages()]
        case 3:
            return await result.raw().collect()
    return await result.collect()


@pytest.mark.slow
def test_responses(all_methods: Every, recorded: Bodies) -> None:
    """Any response to any method, error bodies and headers included, is a result or a `CalcomError`."""
    client_methods, samples, senders = all_methods
    for number in share(0.55):
        chance = random.Random(f"{SEED} response {number}")
        index = number % len(client_methods) if number < len(client_methods) else chance.randrange(len(client_methods))
        method, body = client_methods[index], samples[index]
        responses: list[Response] = []

        def respond(
            request: Request, chance: random.Random = chance, body: bytes = body, responses: Any = responses
        ) -> Response:
            known = recorded.get((request.method, request.route))
            if not responses or chance.random() < 0.3:
                responses[:] = [response(chance, known if known and chance.random() < 0.5 else body)]
            return responses[0]

        cal = client_over(FakeTransport(respond))
        senders[0] = cal._send
        survives(
            lambda method=method, chance=chance: use_call(chance, method.call(*method.arguments, **method.keywords)),
            f"{SEED} response {number}: {method.name}",
        )


async def read_changes(cal: Calcom) -> Any:
    async with asyncio.timeout(1800):
        async with aclosing(cal.watch_slots([1, 2], start=START, days=7)) as watcher:
            changes = aiter(watcher)
            return [await anext(changes) for _ in range(3)]


SCENES: dict[str, Callable[[Calcom], Awaitable[Any]]] = {
    "book": lambda cal: cal.book(start=START, event_type_id=1, attendee=ADA),
    "book off the grid": lambda cal: cal.book(start=START, event_type_id=1, attendee=ADA, check=False, reserve=True),
    "book a series": lambda cal: cal.book_series(start=START, event_type_id=1, attendee=ADA, recurrence_count=3),
    "reschedule": lambda cal: cal.reschedule("abc", start=START),
    "first_available": lambda cal: cal.slots.first_available(
        event_type_id=1, start=START, end=START + timedelta(days=90)
    ),
    "search_many": lambda cal: cal.slots.search_many(
        [{"event_type_id": number, "start": START.date(), "end": START.date()} for number in range(5)]
    ),
    "webhooks.ensure": lambda cal: cal.webhooks.ensure(subscriber_url="https://x.test", triggers=["BOOKING_CREATED"]),
    "request": lambda cal: cal.request("GET", "/v2/bookings"),
    "prefetch": lambda cal: cal.bookings.list(prefetch=5).collect(),
    "strict": lambda cal: cal.bookings.list(strict=True, take=5).collect(),
    "watch_slots": read_changes,
}


@pytest.mark.slow
def test_composed_calls(recorded: Bodies) -> None:
    """Booking, rescheduling, searching, watching and long lists survive faults in any of their responses."""
    names = list(SCENES)
    for number in share(0.15):
        chance = random.Random(f"{SEED} scene {number}")
        name = names[number % len(names)]
        faults = chance.choice([0.05, 0.3, 1.0])

        def respond(request: Request, chance: random.Random = chance, faults: float = faults) -> Response:
            body = recorded.get((request.method, request.route), EMPTY)
            return response(chance, body) if chance.random() < faults else Response(200, {}, body)

        cal = client_over(FakeTransport(respond), cache_ttl=chance.choice([None, 60.0]))
        survives(
            lambda name=name, cal=cal: SCENES[name](cal),
            f"{SEED} scene {number}: {name}",
            allowed=(TimeoutError,) if name == "watch_slots" else (),
        )


EXPIRES = 1_893_456_000_000
PAIR = {"accessToken": "a", "refreshToken": "r", "accessTokenExpiresAt": EXPIRES, "refreshTokenExpiresAt": EXPIRES}
MANAGED = {"status": "success", "data": PAIR}
OAUTH2 = {"access_token": "a", "token_type": "bearer", "refresh_token": "r", "expires_in": 1800}


def test_token_responses() -> None:
    """Any response to a token refresh results in a new token or a `CalcomError`."""
    pair = {"accessToken": "a", "refreshToken": "r", "accessTokenExpiresAt": 1893456000000,
            "refreshTokenExpiresAt": 1893456000000}  # fmt: skip
    managed = json.dumps({"status": "success", "data": pair}).encode()
    oauth2 = json.dumps(
        {"access_token": "a", "token_type": "bearer", "refresh_token": "r", "expires_in": 1800}
    ).encode()
    me = json.dumps({"status": "success", "data": {"id": 1}}).encode()
    for number in share(0.06):
        chance = random.Random(f"{SEED} token {number}")
        is_oauth2 = number % 2 == 0

        renewed, expired = (oauth2, 401) if is_oauth2 else (managed, 498)

        def respond(
            request: Request, chance: random.Random = chance, renewed: bytes = renewed, expired: int = expired
        ) -> Response:
            if request.route != "/me":
                return response(chance, renewed)
            if chance.random() < 0.6:
                return Response(expired, {}, json.dumps(REFUSALS[0]).encode())
            return Response(200, {}, me)

        expires = chance.choice([None, datetime(2020, 1, 1, tzinfo=UTC)]) if is_oauth2 else None
        token = AccessToken("t", "r", client_id="c", client_secret="s", oauth2=is_oauth2, expires_at=expires)
        cal = client_over(FakeTransport(respond), token)
        survives(lambda cal=cal: cal.me.get(), f"{SEED} token {number}")
        assert repr(token)


def test_webhook_deliveries() -> None:
    """Any body of a webhook delivery is an event or a `CalcomError`."""
    payloads = {trigger: json.dumps(full(kind)) for trigger, kind in PAYLOADS.items()}
    for number in share(0.08):
        chance = random.Random(f"{SEED} webhook {number}")
        trigger = chance.choice(list(payloads))
        body = f'{{"triggerEvent":"{trigger}","createdAt":"2030-01-01T00:00:00Z","payload":{payloads[trigger]}}}'

        async def action(chance: random.Random = chance, body: str = body) -> Any:
            sent = mutate_body(chance, body.encode())
            event = webhooks.parse(sent, chance.choice(["application/json", "text/plain", "", "\udcff"]))
            examine(event)
            examine(event.payload)
            webhooks.verify(sent, chance.choice([None, "", "no-secret-provided", "\udcff", "x" * 64]), "s")

        survives(action, f"{SEED} webhook {number}: {trigger}")


def replace_argument(
    chance: random.Random, sample_arguments: list[Any], fields: dict[str, Any]
) -> tuple[Any, Any, str]:
    """Replace one of the arguments and return which."""
    arguments, keywords = list(sample_arguments), dict(fields)
    which = chance.randrange(len(ARGUMENTS))
    name = chance.choice([*range(len(arguments)), *keywords, None])
    if isinstance(name, int):
        arguments[name] = ARGUMENTS[which]
    elif name is not None:
        keywords[name] = ARGUMENTS[which]
    return arguments, keywords, f"{name}=ARGUMENTS[{which}]"


def test_arguments(all_methods: Every) -> None:
    """Any argument of any method is sent, or rejected with a `CalcomError`."""
    client_methods, samples, senders = all_methods
    for number in share(0.1):
        chance = random.Random(f"{SEED} argument {number}")
        index = chance.randrange(len(client_methods))
        method, body = client_methods[index], samples[index]
        arguments, keywords, odd = replace_argument(chance, method.arguments, method.keywords)
        cal = client_over(FakeTransport(lambda _, body=body: Response(200, {}, body)))
        senders[0] = cal._send

        async def action(
            method: Method = method,
            arguments: Any = arguments,
            keywords: Any = keywords,
            chance: random.Random = chance,
        ) -> Any:
            return await use_call(chance, method.call(*arguments, **keywords))

        survives(action, f"{SEED} argument {number}: {method.name} {odd}")


SLOTS = {"event_type_id": 1, "start": START, "end": START + timedelta(days=7)}
BOOKING = {"start": START, "event_type_id": 1, "attendee": ADA, "total_timeout": 9}
COMPOSED: list[tuple[str, list[Any], dict[str, Any]]] = [
    ("request", ["GET", "/v2/me"], {"query": {"a": 1}, "body": {"a": 1}, "version": "2024-08-13", "idempotent": True}),
    ("book", [], {**BOOKING, "metadata": {"a": "b"}, "guests": ["a@b.test"]}),
    ("book_series", [], {**BOOKING, "check": False, "reserve": True, "recurrence_count": 2}),
    ("reschedule", ["abc"], {"start": START, "reason": "x", "total_timeout": 9}),
    ("slots.first_available", [], {**SLOTS, "time_zone": "Europe/Lisbon"}),
    ("slots.search_many", [[SLOTS]], {"concurrency": 2}),
    ("webhooks.ensure", [], {"subscriber_url": "https://x.test", "triggers": ["BOOKING_CREATED"], "secret": "s"}),
    ("watch_slots", [[1]], {"start": START, "days": 7, "interval": 60, "rate_limit_share": 0.5}),
    ("watch_bookings", [], {"since": START, "interval": 60, "rate_limit_share": 0.5, "event_type_ids": [1]}),
    ("bookings.list", [], {"take": 5, "skip": 1, "prefetch": 1, "strict": True}),
    ("with_priority", [1], {}),
    (
        "with_options",
        [],
        {"total_timeout": 5, "max_attempts": 1, "max_wait": 2, "read_only": True, "headers": {"X-A": "b"}},
    ),
    ("with_credentials", ["cal_y"], {}),
    ("team", [1], {}),
]
"""Calls that `methods` does not find, by name."""


async def consume(call: Callable[[], Any]) -> Any:
    """Make a call and consume its result."""
    result = call()
    if isinstance(result, Pages):
        return await result.collect()
    return await result if isawaitable(result) else result


def test_arguments_of_composed_calls(recorded: Bodies) -> None:
    """Any argument of a call that makes several requests is used, or rejected with a `CalcomError`."""
    for number in share(0.04):
        chance = random.Random(f"{SEED} composed argument {number}")
        name, sample_arguments, fields = COMPOSED[number % len(COMPOSED)]
        arguments, keywords, odd = replace_argument(chance, sample_arguments, fields)
        cal = client_over(
            FakeTransport(lambda request: Response(200, {}, recorded.get((request.method, request.route), EMPTY)))
        )
        call = partial(attrgetter(name)(cal), *arguments, **keywords)
        survives(partial(consume, call), f"{SEED} composed argument {number}: {name} {odd}")


def test_bytes_on_a_socket(recorded: Bodies) -> None:
    """Any bytes on a real connection, cut or not, are a result or a `CalcomError`."""
    body = recorded["GET", "/bookings"]

    def http(chance: random.Random) -> bytes:
        sent = mutate_body(chance, body)
        valid_headers = {
            name: value for name, value in headers(chance).items() if value.isascii() and "\0" not in value
        }
        length = chance.choice([len(sent)] * 6 + [len(sent) + 5, max(0, len(sent) - 5)])
        lines = [b"HTTP/1.1 %d x" % chance.choice([200, 200, 200, 204, 302, 400, 404, 500, 999])]
        lines += [f"{name}: {value}".encode("ascii", "replace") for name, value in valid_headers.items()]
        lines += chance.choice(
            [
                [b"Content-Length: %d" % length],
                [b"Content-Length: %d" % length],
                [b"Transfer-Encoding: chunked"],
                [b"Content-Encoding: gzip", b"Content-Length: %d" % length],
                [b"Content-Length: -1"],
                [b"X: \xff\xfe", b"Content-Length: %d" % length],
                [],
            ]
        )
        whole = b"\r\n".join(lines) + b"\r\n\r\n" + sent
        return CutResponse(whole[: chance.randrange(len(whole))] if chance.random() < 0.1 else whole)

    async def scene() -> None:
        chance = random.Random(f"{SEED} socket")
        async with FakeServer() as server:
            for number in share(0.02):
                server.steps = [http(chance)]
                async with Calcom("cal_x", base_url=server.url, max_attempts=1, max_wait=0, rate_limit=10**6) as cal:
                    try:
                        examine(await cal.bookings.list(take=5).first())
                        examine(await cal.request("GET", "/v2/me"))
                    except CalcomError as error:
                        examine_error(error)
                    except BaseException as error:
                        error.add_note(f"case {SEED} socket {number}: {bytes(server.steps[0])[:300]!r}")
                        raise

    asyncio.run(scene())
