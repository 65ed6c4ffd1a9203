"""Cache: event types from memory, one call for all who meet, nothing old after a write, nothing of anybody else."""

from __future__ import annotations

import asyncio
import gc
import json
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from fakes import EventRecorder, FakeSend, error_response, ok_response
from sent_requests import ANA, ORGANIZATION, SALES, SIXTY, THIRTY
from virtual_time import run

from calcom_async import ApiError, ApiKey, Calcom, ConnectionFailedError, DecodeError, NotFoundError, ServerError
from calcom_async.auth import Send
from calcom_async.cache import Cache
from calcom_async.models import CreateEventType, UpdateEventType
from calcom_async.requests import CallContext, Request
from calcom_async.responses import Response
from calcom_async.sandbox import Sandbox

TTL = 60.0
ME = ApiKey("cal_me")


def asking(
    method: str, route: str, event_type_id: int = 1, *, priority: int = 0, **fields: Any
) -> tuple[Request, CallContext]:
    """A request to a path and its context, the way a resource makes them."""
    request = Request(method=method, route=route, path=route.replace("{}", str(event_type_id)), **fields)
    return request, CallContext(priority=priority)


def get(event_type_id: int = 1, **fields: Any) -> tuple[Request, CallContext]:
    """A read of one event type."""
    return asking("GET", "/event-types/{}", event_type_id, **fields)


def cached(send: Send, cache: Cache | None = None, credentials: Any = ME) -> Send:
    return (cache or Cache(TTL)).wrap(send, credentials)


class Desk:
    """A `Send` that returns, after a second, the number of its requests and an ETag."""

    def __init__(self) -> None:
        self.sent: list[Request] = []
        self.contexts: list[CallContext] = []
        self.given_up = 0

    async def __call__(self, request: Request, context: CallContext) -> Response:
        self.sent.append(request)
        self.contexts.append(context)
        number = len(self.sent)
        try:
            await asyncio.sleep(1)
        except asyncio.CancelledError:
            self.given_up += 1
            raise
        return ok_response(number, etag=f'W/"{number}"')


def number(response: Response) -> int:
    found: int = json.loads(response.body)["data"]
    return found


# ---------------------------------------------------------------------------------------------------- how long it keeps


def test_an_answer_serves_for_its_time_and_no_longer():
    """Within the TTL the response is cached; afterwards it is requested again."""

    async def scene() -> list[int]:
        send = cached(Desk())
        told = [number(await send(*get()))]  # it answers at 1 s
        for pause in (0, TTL - 0.001, 0.001):
            await asyncio.sleep(pause)
            told.append(number(await send(*get())))
        return told

    assert run(scene()) == [1, 1, 1, 2]


def test_an_unchanged_answer_is_renewed():
    """After the TTL the ETag is sent; a 304 makes the cached response valid for another TTL."""
    fake_send = FakeSend(ok_response("old", etag='W/"1"'), Response(304, {}, b""), ok_response("new"))

    async def scene() -> list[Any]:
        send = cached(fake_send)
        told = []
        for pause in (0, TTL, TTL - 1, 1):
            await asyncio.sleep(pause)
            told.append(number(await send(*get())))
        return told

    assert run(scene()) == ["old", "old", "old", "new"]
    assert [request.headers.get("If-None-Match") for request in fake_send.sent] == [None, 'W/"1"', 'W/"1"']


def test_without_a_tag_the_whole_is_asked_for():
    """A response without ETag is requested again after the TTL."""
    fake_send = FakeSend(ok_response(1), ok_response(2))

    async def scene() -> int:
        send = cached(fake_send)
        await send(*get())
        await asyncio.sleep(TTL)
        return number(await send(*get()))

    assert run(scene()) == 2
    assert "If-None-Match" not in fake_send.sent[1].headers


def test_a_304_that_nobody_asked_for_is_an_error():
    """Without anything in memory a 304 has no meaning and is raised."""
    with pytest.raises(ApiError, match="304"):
        run(cached(FakeSend(Response(304, {}, b"")))(*get()))


def test_with_no_time_at_all_only_those_who_meet_share():
    """A TTL of 0 requests each time, with the ETag, and still shares concurrent equal reads."""
    desk = Desk()

    async def scene() -> None:
        send = cached(desk, Cache(0))
        await asyncio.gather(*(send(*get()) for _ in range(5)))
        await send(*get())

    run(scene())
    assert [request.headers.get("If-None-Match") for request in desk.sent] == [None, 'W/"1"']


@pytest.mark.parametrize("difference", [{"query": "a=1"}, {"headers": {"cal-api-version": "2030-01-01"}}])
def test_different_questions_have_different_answers(difference):
    """Path, query and version make the question."""

    async def scene() -> list[int]:
        send = cached(Desk())
        return [number(await send(*one)) for one in (get(1), get(2), get(1, **difference), get(1))]

    assert run(scene()) == [1, 2, 3, 1]


def test_memory_is_bounded(monkeypatch):
    """The least recently used entry is evicted."""
    monkeypatch.setattr(Cache, "MAX_ENTRIES", 2)
    desk = Desk()

    async def scene() -> list[int]:
        send = cached(desk)
        return [number(await send(*get(one))) for one in (1, 2, 1, 3, 1, 2)]

    assert run(scene()) == [1, 2, 1, 3, 1, 4]


READS = [
    "/event-types",
    "/event-types/{}",
    "/teams/{}/event-types",
    "/teams/{}/event-types/{}",
    "/organizations/{}/teams/{}/event-types",
    "/organizations/{}/teams/{}/event-types/{}",
    "/organizations/{}/teams/event-types",
]
OTHERS = ["/me", "/slots", "/event-types/{}/webhooks", "/event-types/{}/private-links", "/teams/{}", "/bookings/{}"]


@pytest.mark.parametrize(("route", "calls"), [*((one, 1) for one in READS), *((one, 2) for one in OTHERS)])
def test_only_event_types_are_kept(route, calls):
    """Event types of users, teams and organizations are cached, nothing else is."""
    desk = Desk()

    async def scene() -> None:
        send = cached(desk)
        await send(*asking("GET", route))
        await send(*asking("GET", route))

    run(scene())
    assert len(desk.sent) == calls


# ----------------------------------------------------------------------------------------------------------- who meets


def test_equal_reads_that_meet_are_one_call():
    """A hundred concurrent callers share one request and its response."""
    desk = Desk()

    async def scene() -> set[int]:
        send = cached(desk)
        return {number(response) for response in await asyncio.gather(*(send(*get()) for _ in range(100)))}

    assert run(scene()) == {1}
    assert len(desk.sent) == 1


def test_one_who_leaves_does_not_take_the_call_along():
    """A caller that is cancelled, the first one too, changes nothing for the others."""
    desk = Desk()

    async def scene() -> list[Any]:
        send = cached(desk)
        callers = [asyncio.create_task(send(*get())) for _ in range(3)]
        await asyncio.sleep(0.5)
        callers[0].cancel()
        return await asyncio.gather(*callers, return_exceptions=True)

    first, *rest = run(scene())
    assert isinstance(first, asyncio.CancelledError)
    assert [number(one) for one in rest] == [1, 1]
    assert (len(desk.sent), desk.given_up) == (1, 0)


def test_a_call_that_nobody_waits_for_is_given_up():
    """When the last caller is cancelled the request is cancelled too, and a new caller sends a new one."""
    desk = Desk()

    async def scene() -> int:
        send = cached(desk)
        callers = [asyncio.create_task(send(*get())) for _ in range(2)]
        await asyncio.sleep(0.5)
        for caller in callers:
            caller.cancel()
        late = asyncio.create_task(send(*get()))
        told = number(await late)
        assert asyncio.all_tasks() == {asyncio.current_task()}
        return told

    assert run(scene()) == 2
    assert desk.given_up == 1


def test_who_comes_while_the_call_is_being_given_up_asks_anew():
    """A call that was cancelled and has not ended yet is not joined."""
    desk, ending = Desk(), asyncio.Event()

    async def slow_to_end(request: Request, context: CallContext) -> Response:
        try:
            return await desk(request, context)
        except asyncio.CancelledError:
            await ending.wait()
            raise

    async def scene() -> int:
        send = cached(slow_to_end)
        caller = asyncio.create_task(send(*get()))
        await asyncio.sleep(0.5)
        caller.cancel()
        await asyncio.wait([caller])
        told = number(await send(*get()))
        ending.set()
        return told

    assert run(scene()) == 2


def test_an_error_that_nobody_is_left_to_hear_is_silent():
    """The last caller goes in the moment in which the call fails: asyncio has nothing to complain about."""
    callers, complaints = [], []

    async def fail(_: Request, context: CallContext) -> Response:
        callers[0].cancel()
        raise ConnectionFailedError("lost", sent=True, seconds=1.0)

    async def scene() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context))
        callers.append(asyncio.create_task(cached(fail)(*get())))
        await asyncio.wait(callers)
        assert callers.pop().cancelled()

    run(scene())
    gc.collect()
    assert complaints == []


def test_an_error_is_everybodys_and_is_not_kept():
    """All waiting callers get the error; the next caller sends a new request."""
    fake_send = FakeSend(error_response(500), ok_response(2))

    async def scene() -> tuple[list[Any], int]:
        send = cached(fake_send)
        told = await asyncio.gather(*(send(*get()) for _ in range(3)), return_exceptions=True)
        return told, number(await send(*get()))

    errors, then = run(scene())
    assert [type(error) for error in errors] == [ServerError] * 3
    assert then == 2


def test_an_error_leaves_what_was_known_to_be_renewed():
    """A failed revalidation is an error, never the old response; the next one still sends the ETag."""
    fake_send = FakeSend(ok_response(1, etag='W/"1"'), error_response(503), Response(304, {}, b""))

    async def scene() -> int:
        send = cached(fake_send)
        await send(*get())
        await asyncio.sleep(TTL)
        with pytest.raises(ServerError):
            await send(*get())
        return number(await send(*get()))

    assert run(scene()) == 1


@pytest.mark.parametrize("body", [b"<html>Maintenance</html>", b'{"status":"success"}', b""])
def test_what_cannot_be_read_is_not_kept(body):
    """An HTML page of a proxy is not cached as an event type."""
    fake_send = FakeSend(Response(200, {"etag": '"1"'}, body), ok_response(2))

    async def scene() -> int:
        send = cached(fake_send)
        assert (await send(*get())).body == body
        return number(await send(*get()))

    assert run(scene()) == 2


def test_an_urgent_call_does_not_wait_for_a_patient_one():
    """Callers of different priority share cached responses, but not requests in flight."""
    desk = Desk()

    async def scene() -> int:
        send = cached(desk)
        await asyncio.gather(send(*get(priority=1)), send(*get(priority=0)), send(*get(priority=1)))
        return number(await send(*get(priority=5)))

    run(scene())
    assert [context.priority for context in desk.contexts] == [1, 0]


# ------------------------------------------------------------------------------------------------------- who sees what


def test_nobody_sees_what_another_was_told():
    """Two credentials never share a response, even if they are equal."""
    desk, cache = Desk(), Cache(TTL)

    class Lookalike(ApiKey):
        __hash__ = None  # type: ignore[assignment]

        def __eq__(self, other: object) -> bool:
            return True

    async def scene() -> list[int]:
        one, two = (cached(desk, cache, Lookalike("cal_x")) for _ in range(2))
        told = [number(response) for response in await asyncio.gather(one(*get()), two(*get()))]
        return [*told, number(await one(*get())), number(await two(*get()))]

    assert run(scene()) == [1, 2, 1, 2]


def test_the_same_credentials_share():
    """Two stacks with the same credentials, as those of `with_priority`, have one memory."""
    desk, cache = Desk(), Cache(TTL)

    async def scene() -> None:
        await cached(desk, cache)(*get())
        await cached(desk, cache)(*get())

    run(scene())
    assert len(desk.sent) == 1


def test_another_event_loop_begins_anew():
    """Another event loop, whose clock may differ, has its own cache."""
    desk = Desk()
    send = cached(desk)
    assert [number(run(send(*get()), start=start)) for start in (1000.0, 10.0)] == [1, 2]


# -------------------------------------------------------------------------------------------------------------- writes


@pytest.mark.parametrize("method", ["POST", "PATCH", "DELETE"])
@pytest.mark.parametrize("credentials", [ME, ApiKey("cal_other")])
def test_a_write_forgets_everything(method, credentials):
    """After a write through any view, every read sends a request, lists and other event types included."""
    desk, cache = Desk(), Cache(TTL)

    async def scene() -> list[int]:
        send = cached(desk, cache)
        reads = get(1), get(2), asking("GET", "/event-types")
        before = [number(await send(*read)) for read in reads]
        await cached(desk, cache, credentials)(*asking(method, "/teams/{}/event-types/{}"))
        return before + [number(await send(*read)) for read in reads]

    assert run(scene()) == [1, 2, 3, 5, 6, 7]


def test_a_write_that_failed_forgets_too():
    """A write whose response is lost clears the cache, because the server may have acted."""
    fake_send = FakeSend(ok_response(1), error_response(500), ok_response(2))

    async def scene() -> int:
        send = cached(fake_send)
        await send(*get())
        with pytest.raises(ServerError):
            await send(*asking("PATCH", "/event-types/{}"))
        return number(await send(*get()))

    assert run(scene()) == 2


def test_a_write_beside_event_types_forgets_nothing():
    """Their webhooks and private links are no part of them."""
    desk = Desk()

    async def scene() -> int:
        send = cached(desk)
        await send(*get())
        await send(*asking("POST", "/event-types/{}/webhooks"))
        await send(*asking("DELETE", "/event-types/{}/private-links/{}"))
        return number(await send(*get()))

    assert run(scene()) == 1


def test_a_read_from_before_a_write_is_not_kept():
    """A read that overlaps a write returns its response, which reads after the write do not share."""

    async def slow_reads(request: Request, context: CallContext) -> Response:
        await asyncio.sleep(10 if request.method == "GET" else 1)
        return ok_response(asyncio.get_running_loop().time())

    async def scene() -> list[int]:
        send = cached(slow_reads)
        early = asyncio.create_task(send(*get()))
        await asyncio.sleep(1)
        await send(*asking("PATCH", "/event-types/{}"))  # until 2 s
        late = asyncio.create_task(send(*get()))
        return [number(one) for one in (await early, await late, await send(*get()))]

    assert run(scene(), start=0.0) == [10.0, 12.0, 12.0]


# ---------------------------------------------------------------------------------------------------------- the client


@pytest.fixture
async def cal(calcom_client: Callable[..., Calcom]) -> AsyncIterator[Calcom]:
    """An open client with a cache."""
    async with calcom_client(cache_ttl=TTL) as cal:
        yield cal


async def test_reads_cost_one_call(cal: Calcom, calcom_sandbox: Sandbox):
    """Event types, single or listed, typed, raw or through a view of another priority, are requested once."""
    for _ in range(3):
        first = await cal.event_types.get(THIRTY)
        assert await cal.with_priority(3).event_types.get(THIRTY) == first
        assert (await cal.request("GET", f"/v2/event-types/{THIRTY}"))["data"]["ownerId"] == ANA
        await cal.event_types.list().collect()
        await cal.event_types.list(username="ana").collect()
        await cal.team(SALES).event_types.list().collect()
        await cal.organization(ORGANIZATION).team(SALES).event_types.list().collect()
    assert cal.stats().requests == len(calcom_sandbox.requests) == 5


async def test_what_is_given_out_is_nobody_elses(cal: Calcom):
    """A caller that changes its copy changes nothing for the next one."""
    mine = await cal.request("GET", "/v2/event-types")
    mine["data"].clear()
    assert len(await cal.event_types.list().collect()) == 3


async def test_our_own_changes_are_seen_at_once(cal: Calcom):
    """Creating, updating and deleting is visible in the very next read."""
    assert len(await cal.event_types.list().collect()) == 3
    made = await cal.event_types.create(CreateEventType(title="Chat", slug="chat", length_in_minutes=15))
    assert len(await cal.event_types.list().collect()) == 4
    await cal.event_types.get(made.id)
    await cal.event_types.update(made.id, UpdateEventType(title="Talk"))
    assert (await cal.event_types.get(made.id)).title == "Talk"
    await cal.event_types.delete(made.id)
    with pytest.raises(NotFoundError):
        await cal.event_types.get(made.id)


async def test_a_stranger_is_refused_what_the_owner_has_in_memory(cal: Calcom, calcom_sandbox: Sandbox):
    """A view with other credentials sends its own request, which is forbidden."""
    await cal.event_types.get(SIXTY)
    with pytest.raises(NotFoundError):
        await cal.with_credentials("cal_sandbox_cy").event_types.get(SIXTY)


async def test_the_server_says_304_and_counts_it(calcom_client: Callable[..., Calcom], calcom_sandbox: Sandbox):
    """A revalidation returns no body, and counts as a request in the events and for the limit."""
    recorder = EventRecorder()
    async with calcom_client(cache_ttl=0, on_event=recorder) as cal:
        first = await cal.event_types.get(THIRTY)
        assert await cal.event_types.get(THIRTY) == first
        await cal.request("PATCH", f"/v2/event-types/{THIRTY}", body={"title": "New"})
        assert (await cal.event_types.get(THIRTY)).title == "New"
    told = recorder.of_kind("request")
    assert [event.status for event in told] == [200, 304, 200, 200]
    assert [told[0].remaining - event.remaining for event in told] == [0, 1, 2, 3]


async def test_garbage_is_told_once(cal: Calcom, calcom_sandbox: Sandbox):
    """A response that is not JSON raises an error and is not cached."""
    calcom_sandbox.faults.add("GET", "/v2/event-types/{id}", invalid_body=True)
    with pytest.raises(DecodeError):
        await cal.event_types.get(THIRTY)
    assert (await cal.event_types.get(THIRTY)).id == THIRTY


async def test_a_failure_with_status_200_is_not_kept(cal: Calcom, calcom_sandbox: Sandbox):
    """A response with `"status": "error"` raises an error and is not cached."""
    body = {"status": "error", "error": {"code": "Busy", "message": "try later"}}
    calcom_sandbox.faults.add("GET", "/v2/event-types/{id}", body=body)
    with pytest.raises(ApiError, match=f"GET /event-types/{THIRTY}: 200 try later"):
        await cal.event_types.get(THIRTY)
    assert (await cal.event_types.get(THIRTY)).id == THIRTY


async def test_off_unless_asked_for(calcom_client: Callable[..., Calcom], calcom_sandbox: Sandbox):
    """Without `cache_ttl` every read is a call."""
    async with calcom_client() as cal:
        await cal.event_types.get(THIRTY)
        await cal.event_types.get(THIRTY)
    assert len(calcom_sandbox.requests) == 2


def test_who_has_no_cache_does_not_load_it():
    """The module is imported for clients with a `cache_ttl` only."""
    loaded = "'calcom_async.cache' in sys.modules"
    code = f"""
import sys
from calcom_async import Calcom
Calcom("cal_x")
assert not {loaded}
Calcom("cal_x", cache_ttl=1)
assert {loaded}
"""
    subprocess.run([sys.executable, "-c", code], check=True)
