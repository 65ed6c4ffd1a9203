"""Cache: cached event types, shared requests, invalidation by writes, and separation of credentials."""

from __future__ import annotations

import asyncio
import gc
import json
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Mapping
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
from calcom_async.secret import Secret

TTL = 60.0
ME = ApiKey("cal_me")


def make_request(
    method: str, route: str, event_type_id: int = 1, *, priority: int = 0, **fields: Any
) -> tuple[Request, CallContext]:
    """Return a request and its context, as a resource makes them."""
    request = Request(method=method, route=route, path=route.replace("{}", str(event_type_id)), **fields)
    return request, CallContext(priority=priority)


def get_event_type(event_type_id: int = 1, **fields: Any) -> tuple[Request, CallContext]:
    """Return a request for one event type."""
    return make_request("GET", "/event-types/{}", event_type_id, **fields)


def with_cache(
    send: Send, cache: Cache | None = None, credentials: Any = ME, headers: Mapping[str, Any] | None = None
) -> Send:
    """Wrap a `Send` in a cache."""
    return (cache or Cache(TTL)).wrap(send, credentials, headers or {})


class CountingSend:
    """A `Send` that returns, after a second, the number of its requests and an ETag."""

    def __init__(self) -> None:
        self.sent: list[Request] = []
        self.contexts: list[CallContext] = []
        self.cancelled = 0

    async def __call__(self, request: Request, context: CallContext) -> Response:
        self.sent.append(request)
        self.contexts.append(context)
        number = len(self.sent)
        try:
            await asyncio.sleep(1)
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        return ok_response(number, etag=f'W/"{number}"')


def data_of(response: Response) -> int:
    """Return the data of a response."""
    data: int = json.loads(response.body)["data"]
    return data


# --------------------------------------------------------------------------------------------------------------- expiry


def test_a_response_is_cached_for_its_ttl():
    """Within the TTL the response is cached; afterwards it is requested again."""

    async def scene() -> list[int]:
        send = with_cache(CountingSend())
        responses = [data_of(await send(*get_event_type()))]  # it answers at 1 s
        for pause in (0, TTL - 0.001, 0.001):
            await asyncio.sleep(pause)
            responses.append(data_of(await send(*get_event_type())))
        return responses

    assert run(scene()) == [1, 1, 1, 2]


def test_a_304_renews_a_response():
    """After the TTL the ETag is sent; a 304 makes the cached response valid for another TTL."""
    fake_send = FakeSend(ok_response("old", etag='W/"1"'), Response(304, {}, b""), ok_response("new"))

    async def scene() -> list[Any]:
        send = with_cache(fake_send)
        responses = []
        for pause in (0, TTL, TTL - 1, 1):
            await asyncio.sleep(pause)
            responses.append(data_of(await send(*get_event_type())))
        return responses

    assert run(scene()) == ["old", "old", "old", "new"]
    assert [request.headers.get("If-None-Match") for request in fake_send.sent] == [None, 'W/"1"', 'W/"1"']


def test_a_response_without_etag():
    """A response without ETag is requested again after the TTL."""
    fake_send = FakeSend(ok_response(1), ok_response(2))

    async def scene() -> int:
        send = with_cache(fake_send)
        await send(*get_event_type())
        await asyncio.sleep(TTL)
        return data_of(await send(*get_event_type()))

    assert run(scene()) == 2
    assert "If-None-Match" not in fake_send.sent[1].headers


def test_an_unexpected_304():
    """A 304 without a cached response raises an error."""
    with pytest.raises(ApiError, match="304"):
        run(with_cache(FakeSend(Response(304, {}, b"")))(*get_event_type()))


def test_a_ttl_of_zero():
    """With a TTL of 0 every read sends a request with the ETag, and concurrent equal reads share one."""
    counting_send = CountingSend()

    async def scene() -> None:
        send = with_cache(counting_send, Cache(0))
        await asyncio.gather(*(send(*get_event_type()) for _ in range(5)))
        await send(*get_event_type())

    run(scene())
    assert [request.headers.get("If-None-Match") for request in counting_send.sent] == [None, 'W/"1"']


@pytest.mark.parametrize("difference", [{"query": "a=1"}, {"headers": {"cal-api-version": "2030-01-01"}}])
def test_the_cache_key(difference):
    """Path, query and API version are the key of a cached response."""

    async def scene() -> list[int]:
        send = with_cache(CountingSend())
        return [
            data_of(await send(*request))
            for request in (get_event_type(1), get_event_type(2), get_event_type(1, **difference), get_event_type(1))
        ]

    assert run(scene()) == [1, 2, 3, 1]


def test_the_number_of_entries_is_bounded(monkeypatch):
    """The least recently used entry is evicted."""
    monkeypatch.setattr(Cache, "MAX_ENTRIES", 2)
    counting_send = CountingSend()

    async def scene() -> list[int]:
        send = with_cache(counting_send)
        return [data_of(await send(*get_event_type(event_type_id))) for event_type_id in (1, 2, 1, 3, 1, 2)]

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


@pytest.mark.parametrize(("route", "calls"), [*((route, 1) for route in READS), *((route, 2) for route in OTHERS)])
def test_only_event_types_are_cached(route, calls):
    """Event types of users, teams and organizations are cached, other responses are not."""
    counting_send = CountingSend()

    async def scene() -> None:
        send = with_cache(counting_send)
        await send(*make_request("GET", route))
        await send(*make_request("GET", route))

    run(scene())
    assert len(counting_send.sent) == calls


# --------------------------------------------------------------------------------------------------- concurrent callers


def test_concurrent_equal_reads_share_one_request():
    """A hundred concurrent callers share one request and its response."""
    counting_send = CountingSend()

    async def scene() -> set[int]:
        send = with_cache(counting_send)
        return {data_of(response) for response in await asyncio.gather(*(send(*get_event_type()) for _ in range(100)))}

    assert run(scene()) == {1}
    assert len(counting_send.sent) == 1


def test_a_cancelled_caller_does_not_affect_the_others():
    """If one caller is cancelled, even the first one, the others get the response."""
    counting_send = CountingSend()

    async def scene() -> list[Any]:
        send = with_cache(counting_send)
        callers = [asyncio.create_task(send(*get_event_type())) for _ in range(3)]
        await asyncio.sleep(0.5)
        callers[0].cancel()
        return await asyncio.gather(*callers, return_exceptions=True)

    first, *rest = run(scene())
    assert isinstance(first, asyncio.CancelledError)
    assert [data_of(response) for response in rest] == [1, 1]
    assert (len(counting_send.sent), counting_send.cancelled) == (1, 0)


def test_a_request_without_callers_is_cancelled():
    """When the last caller is cancelled, the request is cancelled too; a new caller sends a new one."""
    counting_send = CountingSend()

    async def scene() -> int:
        send = with_cache(counting_send)
        callers = [asyncio.create_task(send(*get_event_type())) for _ in range(2)]
        await asyncio.sleep(0.5)
        for caller in callers:
            caller.cancel()
        late = asyncio.create_task(send(*get_event_type()))
        response = data_of(await late)
        assert asyncio.all_tasks() == {asyncio.current_task()}
        return response

    assert run(scene()) == 2
    assert counting_send.cancelled == 1


def test_a_cancelled_request_is_not_joined():
    """A caller does not join a request that was cancelled and has not ended yet."""
    counting_send, ending = CountingSend(), asyncio.Event()

    async def slow_to_end(request: Request, context: CallContext) -> Response:
        try:
            return await counting_send(request, context)
        except asyncio.CancelledError:
            await ending.wait()
            raise

    async def scene() -> int:
        send = with_cache(slow_to_end)
        caller = asyncio.create_task(send(*get_event_type()))
        await asyncio.sleep(0.5)
        caller.cancel()
        await asyncio.wait([caller])
        response = data_of(await send(*get_event_type()))
        ending.set()
        return response

    assert run(scene()) == 2


def test_an_error_without_callers_is_not_reported():
    """If the last caller is cancelled while the request fails, asyncio reports no unretrieved error."""
    callers, reports = [], []

    async def fail(_: Request, context: CallContext) -> Response:
        callers[0].cancel()
        raise ConnectionFailedError("lost", sent=True, seconds=1.0)

    async def scene() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, context: reports.append(context))
        callers.append(asyncio.create_task(with_cache(fail)(*get_event_type())))
        await asyncio.wait(callers)
        assert callers.pop().cancelled()

    run(scene())
    gc.collect()
    assert reports == []


def test_errors_are_shared_and_not_cached():
    """All waiting callers get the error; the next caller sends a new request."""
    fake_send = FakeSend(error_response(500), ok_response(2))

    async def scene() -> tuple[list[Any], int]:
        send = with_cache(fake_send)
        errors = await asyncio.gather(*(send(*get_event_type()) for _ in range(3)), return_exceptions=True)
        return errors, data_of(await send(*get_event_type()))

    errors, then = run(scene())
    assert [type(error) for error in errors] == [ServerError] * 3
    assert then == 2


def test_a_failed_revalidation():
    """A failed revalidation is an error, never the old response; the next one still sends the ETag."""
    fake_send = FakeSend(ok_response(1, etag='W/"1"'), error_response(503), Response(304, {}, b""))

    async def scene() -> int:
        send = with_cache(fake_send)
        await send(*get_event_type())
        await asyncio.sleep(TTL)
        with pytest.raises(ServerError):
            await send(*get_event_type())
        return data_of(await send(*get_event_type()))

    assert run(scene()) == 1


@pytest.mark.parametrize("body", [b"<html>Maintenance</html>", b'{"status":"success"}', b""])
def test_unreadable_responses_are_not_cached(body):
    """A response without data, such as the HTML page of a proxy, is not cached."""
    fake_send = FakeSend(Response(200, {"etag": '"1"'}, body), ok_response(2))

    async def scene() -> int:
        send = with_cache(fake_send)
        assert (await send(*get_event_type())).body == body
        return data_of(await send(*get_event_type()))

    assert run(scene()) == 2


def test_priorities_do_not_share_requests():
    """Callers of different priority share cached responses, but not requests in flight."""
    counting_send = CountingSend()

    async def scene() -> int:
        send = with_cache(counting_send)
        await asyncio.gather(
            send(*get_event_type(priority=1)), send(*get_event_type(priority=0)), send(*get_event_type(priority=1))
        )
        return data_of(await send(*get_event_type(priority=5)))

    run(scene())
    assert [context.priority for context in counting_send.contexts] == [1, 0]


# ----------------------------------------------------------------------------------------------------------- separation


def test_credentials_do_not_share_responses():
    """Two credentials never share a response, even if they are equal."""
    counting_send, cache = CountingSend(), Cache(TTL)

    class Lookalike(ApiKey):
        __hash__ = None  # type: ignore[assignment]

        def __eq__(self, other: object) -> bool:
            return True

    async def scene() -> list[int]:
        first, second = (with_cache(counting_send, cache, Lookalike("cal_x")) for _ in range(2))
        responses = [
            data_of(response) for response in await asyncio.gather(first(*get_event_type()), second(*get_event_type()))
        ]
        return [*responses, data_of(await first(*get_event_type())), data_of(await second(*get_event_type()))]

    assert run(scene()) == [1, 2, 1, 2]


def test_equal_views_share_the_cache():
    """Two views with the same credentials, as from `with_priority`, share the cache."""
    counting_send, cache = CountingSend(), Cache(TTL)

    async def scene() -> None:
        await with_cache(counting_send, cache)(*get_event_type())
        await with_cache(counting_send, cache)(*get_event_type())

    run(scene())
    assert len(counting_send.sent) == 1


def test_views_with_other_headers_do_not_share_responses():
    """Views share the cache, and a request in flight, only if they send the same headers."""
    counting_send, cache = CountingSend(), Cache(TTL)
    tenants: list[dict[str, Any]] = [{"x-tenant": Secret(name)} for name in ("a", "b", "a")]

    async def scene() -> list[int]:
        sends = [with_cache(counting_send, cache, headers=headers) for headers in [*tenants, {}]]
        responses = [await asyncio.gather(*(send(*get_event_type()) for send in sends)) for _ in range(2)]
        return [data_of(response) for response in [*responses[0], *responses[1]]]

    assert run(scene()) == [1, 2, 1, 3] * 2


def test_each_event_loop_has_its_own_cache():
    """Another event loop, whose clock may differ, has its own cache."""
    counting_send = CountingSend()
    send = with_cache(counting_send)
    assert [data_of(run(send(*get_event_type()), start=start)) for start in (1000.0, 10.0)] == [1, 2]


# --------------------------------------------------------------------------------------------------------------- writes


@pytest.mark.parametrize("method", ["POST", "PATCH", "DELETE"])
@pytest.mark.parametrize("credentials", [ME, ApiKey("cal_other")])
def test_a_write_clears_the_cache(method, credentials):
    """After a write through any view, every read sends a request, lists and other event types included."""
    counting_send, cache = CountingSend(), Cache(TTL)

    async def scene() -> list[int]:
        send = with_cache(counting_send, cache)
        reads = get_event_type(1), get_event_type(2), make_request("GET", "/event-types")
        before = [data_of(await send(*read)) for read in reads]
        await with_cache(counting_send, cache, credentials)(*make_request(method, "/teams/{}/event-types/{}"))
        return before + [data_of(await send(*read)) for read in reads]

    assert run(scene()) == [1, 2, 3, 5, 6, 7]


def test_a_failed_write_clears_the_cache():
    """A write whose response is lost clears the cache, because the server may have acted."""
    fake_send = FakeSend(ok_response(1), error_response(500), ok_response(2))

    async def scene() -> int:
        send = with_cache(fake_send)
        await send(*get_event_type())
        with pytest.raises(ServerError):
            await send(*make_request("PATCH", "/event-types/{}"))
        return data_of(await send(*get_event_type()))

    assert run(scene()) == 2


def test_other_writes_do_not_clear_the_cache():
    """Writes to webhooks and private links of an event type do not clear the cache."""
    counting_send = CountingSend()

    async def scene() -> int:
        send = with_cache(counting_send)
        await send(*get_event_type())
        await send(*make_request("POST", "/event-types/{}/webhooks"))
        await send(*make_request("DELETE", "/event-types/{}/private-links/{}"))
        return data_of(await send(*get_event_type()))

    assert run(scene()) == 1


def test_a_read_that_overlaps_a_write_is_not_cached():
    """A read that overlaps a write returns its response, which reads after the write do not share."""

    async def slow_reads(request: Request, context: CallContext) -> Response:
        await asyncio.sleep(10 if request.method == "GET" else 1)
        return ok_response(asyncio.get_running_loop().time())

    async def scene() -> list[int]:
        send = with_cache(slow_reads)
        early = asyncio.create_task(send(*get_event_type()))
        await asyncio.sleep(1)
        await send(*make_request("PATCH", "/event-types/{}"))  # until 2 s
        late = asyncio.create_task(send(*get_event_type()))
        return [data_of(response) for response in (await early, await late, await send(*get_event_type()))]

    assert run(scene(), start=0.0) == [10.0, 12.0, 12.0]


# ----------------------------------------------------------------------------------------------------------- the client


@pytest.fixture
async def cal(calcom_client: Callable[..., Calcom]) -> AsyncIterator[Calcom]:
    """An open client with a cache."""
    async with calcom_client(cache_ttl=TTL) as cal:
        yield cal


async def test_repeated_reads_send_one_request(cal: Calcom, calcom_sandbox: Sandbox):
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


async def test_callers_get_separate_copies(cal: Calcom):
    """A caller that changes its copy changes nothing for the next one."""
    response = await cal.request("GET", "/v2/event-types")
    response["data"].clear()
    assert len(await cal.event_types.list().collect()) == 3


async def test_own_changes_are_visible_at_once(cal: Calcom):
    """Creating, updating and deleting is visible in the very next read."""
    assert len(await cal.event_types.list().collect()) == 3
    event_type = await cal.event_types.create(CreateEventType(title="Chat", slug="chat", length_in_minutes=15))
    assert len(await cal.event_types.list().collect()) == 4
    await cal.event_types.get(event_type.id)
    await cal.event_types.update(event_type.id, UpdateEventType(title="Talk"))
    assert (await cal.event_types.get(event_type.id)).title == "Talk"
    await cal.event_types.delete(event_type.id)
    with pytest.raises(NotFoundError):
        await cal.event_types.get(event_type.id)


async def test_other_credentials_do_not_read_the_cache(cal: Calcom, calcom_sandbox: Sandbox):
    """A view with other credentials sends its own request, which is forbidden."""
    await cal.event_types.get(SIXTY)
    with pytest.raises(NotFoundError):
        await cal.with_credentials("cal_sandbox_cy").event_types.get(SIXTY)


async def test_a_304_of_the_server(calcom_client: Callable[..., Calcom], calcom_sandbox: Sandbox):
    """A revalidation returns no body, and counts as a request in the events and for the limit."""
    recorder = EventRecorder()
    async with calcom_client(cache_ttl=0, on_event=recorder) as cal:
        first = await cal.event_types.get(THIRTY)
        assert await cal.event_types.get(THIRTY) == first
        await cal.request("PATCH", f"/v2/event-types/{THIRTY}", body={"title": "New"})
        assert (await cal.event_types.get(THIRTY)).title == "New"
    events = recorder.of_kind("request")
    assert [event.status for event in events] == [200, 304, 200, 200]
    assert [events[0].remaining - event.remaining for event in events] == [0, 1, 2, 3]


async def test_a_response_that_is_not_json_is_not_cached(cal: Calcom, calcom_sandbox: Sandbox):
    """A response that is not JSON raises an error and is not cached."""
    calcom_sandbox.faults.add("GET", "/v2/event-types/{id}", invalid_body=True)
    with pytest.raises(DecodeError):
        await cal.event_types.get(THIRTY)
    assert (await cal.event_types.get(THIRTY)).id == THIRTY


async def test_an_error_with_status_200_is_not_cached(cal: Calcom, calcom_sandbox: Sandbox):
    """A response with `"status": "error"` raises an error and is not cached."""
    body = {"status": "error", "error": {"code": "Busy", "message": "try later"}}
    calcom_sandbox.faults.add("GET", "/v2/event-types/{id}", body=body)
    with pytest.raises(ApiError, match=f"GET /event-types/{THIRTY}: 200 try later"):
        await cal.event_types.get(THIRTY)
    assert (await cal.event_types.get(THIRTY)).id == THIRTY


async def test_the_cache_is_off_by_default(calcom_client: Callable[..., Calcom], calcom_sandbox: Sandbox):
    """Without `cache_ttl` every read sends a request."""
    async with calcom_client() as cal:
        await cal.event_types.get(THIRTY)
        await cal.event_types.get(THIRTY)
    assert len(calcom_sandbox.requests) == 2


def test_the_module_is_imported_only_when_used():
    """The module is imported only if a client has a `cache_ttl`."""
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
