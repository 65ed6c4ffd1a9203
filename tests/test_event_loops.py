"""A client belongs to the event loop and the process that opened it; elsewhere it raises a clear error."""

from __future__ import annotations

import asyncio
import copy
import pickle
import threading

import pytest
from fakes import FakeServer, http_response

from calcom_async import Calcom, ConfigError, TokenBucket
from calcom_async.sandbox import Sandbox

ME = http_response(body=b'{"status":"success","data":{"id":1,"email":"a@b.test"}}')


async def test_another_thread():
    """Calls from the event loop of another thread raise an error before they reach the limiter."""
    errors: list[BaseException] = []
    limiter = TokenBucket()
    async with FakeServer(ME) as server, Calcom("cal_x", base_url=server.url, limiter=limiter) as cal:

        def call_in_thread() -> None:
            async def call() -> None:
                errors.extend(await asyncio.gather(*(cal.me.get() for _ in range(20)), return_exceptions=True))
                errors.extend(await asyncio.gather(cal.bookings.list().collect(), cal.aclose(), return_exceptions=True))

            asyncio.run(call())

        thread = threading.Thread(target=call_in_thread)
        thread.start()
        users = await asyncio.gather(*(cal.me.get() for _ in range(20)))
        await asyncio.to_thread(thread.join)
        assert cal.is_open
        assert cal.stats().requests == 20
    assert len(users) == 20
    assert {type(error) for error in errors} == {ConfigError}
    assert "another event loop, perhaps in another thread" in str(errors[0])
    assert len(errors) == 22


def test_a_closed_event_loop():
    """A client left open in a closed loop raises a clear error, and can be closed or opened in the next loop."""
    with Sandbox() as sandbox:
        cal = Calcom(sandbox.api_key, base_url=sandbox.url)

        async def leave_open() -> None:
            await cal.open()

        async def read_id() -> int:
            return (await cal.me.get()).id

        async def open_and_read() -> int:
            async with cal:
                return await read_id()

        asyncio.run(leave_open())
        assert not cal.is_open
        with pytest.raises(ConfigError, match=r"closed\. Open a client within each"):
            asyncio.run(read_id())
        asyncio.run(cal.aclose())
        assert asyncio.run(open_and_read()) == 1


async def test_another_process(monkeypatch):
    """A forked child must not use or close the sockets of its parent."""
    async with FakeServer(ME) as server, Calcom("cal_x", base_url=server.url) as cal:
        await cal.me.get()
        with monkeypatch.context() as child:
            child.setattr("os.getpid", lambda: -1)
            for call in (
                cal.me.get(),
                cal.request("GET", "/v2/me"),
                cal.with_credentials("cal_y").me.get(),
                cal.aclose(),
            ):
                with pytest.raises(ConfigError, match="another process"):
                    await call
        assert (await cal.me.get()).id == 1


async def test_open_and_aclose():
    """`open()` returns the open client. Opening it twice raises an error, closing it twice does not."""
    async with FakeServer(ME) as server:
        cal = await Calcom("cal_x", base_url=server.url).open()
        assert (await cal.me.get()).id == 1
        with pytest.raises(ConfigError, match="open already"):
            await cal.open()
        await cal.aclose()
        await cal.aclose()
        assert not cal.is_open
        async with cal:
            assert (await cal.me.get()).id == 1


@pytest.mark.parametrize("transfer", [pickle.dumps, copy.copy, copy.deepcopy])
async def test_a_client_cannot_be_pickled(transfer):
    """A client can be neither pickled nor copied, open or not."""
    cal = Calcom("cal_x", base_url="http://localhost")
    with pytest.raises(ConfigError, match="cannot be pickled or copied"):
        transfer(cal)
    async with cal:
        with pytest.raises(ConfigError, match="cannot be pickled or copied"):
            transfer(cal)
