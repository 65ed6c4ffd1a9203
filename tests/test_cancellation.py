"""A call that is cancelled at any point leaves rate limit, connections and other calls unaffected."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Any

import pytest
from fakes import FakeSend, FakeServer, error_response, http_response, make_call, ok_response
from timeouts import TIMEOUT
from virtual_time import run

from calcom_async import AccessToken, ApiKey, Calcom, Config, ConnectionFailedError, Pages, TokenBucket
from calcom_async.events import Observer
from calcom_async.list_call import PagedList
from calcom_async.middleware import authenticated, limited
from calcom_async.pagination import Page, PageOffset, PaginationSpec
from calcom_async.rate_limit_state import Bucket
from calcom_async.requests import CallContext, Request
from calcom_async.responses import Response
from calcom_async.retry import RetryBudget, retrying
from calcom_async.transport import ConnectionSlots, Transport

ONE_A_MINUTE = Bucket("me", limit=2)


async def cancel_after(seconds: float, awaitable: Awaitable[Any]) -> None:
    """Start a call, cancel it after some seconds, and check that it ends as cancelled."""
    task = asyncio.ensure_future(awaitable)
    await asyncio.sleep(seconds)
    assert not task.done()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def slow_send(request: Request, context: CallContext) -> Response:
    await asyncio.sleep(10)
    return ok_response()


def with_all_middleware(send: Any, limiter: TokenBucket, credentials: Any = None, **settings: Any) -> Any:
    config, observer = Config(**settings), Observer()
    credentials = credentials or ApiKey("cal_x")
    signs = authenticated(limited(send, limiter, credentials, config, observer), credentials)
    return retrying(signs, config, RetryBudget(0.2), observer)


def test_while_waiting_for_a_permit():
    """A call cancelled while it waits for a permit leaves the queue without sending anything."""
    fake_send, limiter = FakeSend(), TokenBucket(limit=2)

    async def scene() -> None:
        send = with_all_middleware(fake_send, limiter, rate_limit=2)
        await send(*make_call())
        await cancel_after(0.5, send(*make_call()))
        [bucket] = limiter.stats()
        assert (bucket.waiting, bucket.in_flight) == (0, 0)
        await send(*make_call())

    run(scene())
    assert len(fake_send.sent) == 2


def test_after_sending():
    """A call cancelled after sending releases its permit; the server may have counted the request."""
    limiter = TokenBucket()

    async def scene() -> None:
        await cancel_after(1, with_all_middleware(slow_send, limiter)(*make_call()))
        [bucket] = limiter.stats()
        assert (bucket.waiting, bucket.in_flight) == (0, 0)

    run(scene())


@pytest.mark.parametrize("step", [ConnectionFailedError("no", sent=False), error_response(503)])
def test_during_backoff(step):
    """A call cancelled during backoff holds no permit and sends nothing more."""
    fake_send, limiter = FakeSend(step), TokenBucket()

    async def scene() -> None:
        task = asyncio.create_task(
            with_all_middleware(fake_send, limiter, backoff_base=1000, backoff_max=1000, total_timeout=10_000)(
                *make_call(idempotent=True)
            )
        )
        await asyncio.sleep(0.001)
        assert len(fake_send.sent) == 1
        [bucket] = limiter.stats()
        assert (bucket.waiting, bucket.in_flight) == (0, 0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await asyncio.sleep(5000)

    run(scene())
    assert len(fake_send.sent) == 1


class FakeAuthServer:
    """A server on which the token has expired and a refresh takes ten seconds."""

    def __init__(self) -> None:
        self.refreshes = 0
        self.pair = {
            "accessToken": "new",
            "refreshToken": "newer",
            "accessTokenExpiresAt": 2_000_000_000_000,
            "refreshTokenExpiresAt": 2_000_000_000_000,
        }

    async def __call__(self, request: Request, context: CallContext) -> Response:
        if request.path.endswith("/refresh"):
            self.refreshes += 1
            await asyncio.sleep(10)
            return ok_response(self.pair)
        good = request.headers["Authorization"] == "Bearer new"
        return await FakeSend(ok_response("done") if good else error_response(498, "TokenExpiredException"))(
            request, context
        )


def test_during_a_token_refresh():
    """A call cancelled during a token refresh leaves the refresh running: other calls get the new token."""
    server, stored = FakeAuthServer(), []

    async def scene() -> list[Response]:
        token = AccessToken("old", "r", client_id="c", client_secret="s", on_refresh=stored.append)
        send = with_all_middleware(server, TokenBucket(), token)
        others = [asyncio.create_task(send(*make_call())) for _ in range(3)]
        await cancel_after(5, send(*make_call()))
        return await asyncio.gather(*others)

    assert len(run(scene())) == 3
    assert (server.refreshes, len(stored)) == (1, 1)


def test_the_only_call_of_a_token_refresh():
    """A token refresh completes and is stored even if no call waits for it any more."""
    server, stored = FakeAuthServer(), []

    async def scene() -> None:
        token = AccessToken("old", "r", client_id="c", client_secret="s", on_refresh=stored.append)
        send = with_all_middleware(server, TokenBucket(), token)
        await cancel_after(5, send(*make_call()))
        await asyncio.sleep(60)
        await send(*make_call())

    run(scene())
    assert (server.refreshes, len(stored)) == (1, 1)


def test_a_cancelled_close_during_a_token_refresh():
    """Even if closing the client is cancelled, the requested token pair is stored."""
    stored: list[Any] = []

    async def scene() -> None:
        token = AccessToken("old", "r", client_id="c", client_secret="s", on_refresh=stored.append)
        await cancel_after(1, authenticated(FakeAuthServer(), token)(*make_call()))
        await cancel_after(1, token.aclose())
        await asyncio.sleep(60)

    run(scene())
    assert len(stored) == 1


def test_during_prefetch():
    """Cancelling an iteration cancels its pages in flight; the next one resumes after the last row."""
    running = 0

    class Numbers(PagedList[int]):
        def key(self) -> Any:
            return int

        async def fetch_page(self, offset: PageOffset, query: Any = None) -> Page[int]:
            nonlocal running
            running += 1
            try:
                await asyncio.sleep(10)
            finally:
                running -= 1
            return Page(list(range(100))[offset.skip : offset.skip + offset.take], offset.skip, offset.take)

    async def scene() -> None:
        pages, rows = Pages(Numbers("/numbers", PaginationSpec(maximum=10), int), prefetch=4), []

        async def loop() -> None:
            async for row in pages:
                rows.append(row)  # noqa: PERF401 - a comprehension would lose them

        await cancel_after(25, loop())
        for _ in range(5):
            await asyncio.sleep(0)
        assert (running, len(asyncio.all_tasks())) == (0, 1)
        assert rows
        await loop()
        assert rows == list(range(100))

    run(scene())


async def test_in_flight_on_a_real_connection():
    """Cancelling a request in flight closes its connection and frees its slot in the pool."""
    arrived = asyncio.Event()

    async def hang(writer: asyncio.StreamWriter) -> None:
        arrived.set()
        await writer.wait_closed()

    async with FakeServer(hang, http_response()) as server:
        transport = Transport(Config(base_url=server.url, max_connections=1), "tests/1")
        await transport.open()
        call = asyncio.create_task(transport.exchange(*make_call()))
        await arrived.wait()
        waiting = asyncio.create_task(transport.exchange(*make_call()))
        await asyncio.sleep(0)
        call.cancel()
        assert (await asyncio.wait_for(waiting, TIMEOUT)).status == 200
        assert call.cancelled()
        assert transport.connections == 1
        assert [request.connection for request in server.received] == [1, 2]
        await transport.aclose()


async def test_while_waiting_for_a_connection():
    """A call cancelled while it waits for a connection leaves its slot to other calls."""
    arrived, go = asyncio.Event(), asyncio.Event()

    async def hold(writer: asyncio.StreamWriter) -> None:
        arrived.set()
        await go.wait()
        writer.write(http_response())

    async with (
        FakeServer(http_response(), hold, http_response()) as server,
        Calcom("cal_x", base_url=server.url, max_connections=1) as cal,
    ):
        await cal.request("GET", "/v2/me")  # after a first response the limiter lets two requests through
        first = asyncio.create_task(cal.request("GET", "/v2/me"))
        await arrived.wait()
        second, third = (asyncio.create_task(cal.request("GET", "/v2/me")) for _ in range(2))
        while cal.stats().limits[0].in_flight < 2:  # noqa: ASYNC110 - a few iterations of the loop
            await asyncio.sleep(0)
        second.cancel()
        go.set()
        await asyncio.wait_for(asyncio.gather(first, third), TIMEOUT)
        assert second.cancelled()
    assert len(server.received) == 3


async def test_a_connection_passed_on_to_a_cancelled_call():
    """Connections are passed on in order of arrival; one that reaches a call as it is cancelled goes to the next."""
    slots = ConnectionSlots(0)
    order: list[int] = []

    async def wait(number: int) -> None:
        await slots.wait()
        order.append(number)

    tasks = [asyncio.create_task(wait(number)) for number in range(4)]
    await asyncio.sleep(0)
    tasks[0].cancel()
    slots.release()
    slots.release()
    tasks[1].cancel()  # it has been passed a connection already
    await asyncio.wait(tasks)
    assert (order, slots.free) == ([2, 3], 0)
    slots.release()
    assert slots.free == 1


async def test_many_calls_cancelled_at_random():
    """After a hundred calls cancelled at all stages no permit, connection or task is leaked."""
    async with FakeServer(http_response()) as server, Calcom("cal_x", base_url=server.url, max_connections=4) as cal:
        await cal.request("GET", "/v2/me")
        calls = [asyncio.create_task(cal.request("GET", "/v2/me")) for _ in range(100)]
        for number, call in enumerate(calls):
            if number % 3:
                await asyncio.sleep(0)
            call.cancel()
        await asyncio.wait(calls)
        assert all(bucket.in_flight == bucket.waiting == 0 for bucket in cal.stats().limits)
        assert cal._core.transport._connection_slots.free == 4
        await asyncio.wait_for(asyncio.gather(*(cal.request("GET", "/v2/me") for _ in range(8))), TIMEOUT)
        assert cal.stats().connections <= 4
