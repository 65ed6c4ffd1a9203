"""A client belongs to the event loop and the process that opened it; elsewhere it raises one clear error."""

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


async def test_another_thread_gets_an_error_and_does_no_harm():
    """Calls from the event loop of another thread raise an error before they reach the limiter."""
    errors: list[BaseException] = []
    limiter = TokenBucket()
    async with FakeServer(ME) as peer, Calcom("cal_x", base_url=peer.url, limiter=limiter) as cal:

        def other() -> None:
            async def go() -> None:
                errors.extend(await asyncio.gather(*(cal.me.get() for _ in range(20)), return_exceptions=True))
                errors.extend(await asyncio.gather(cal.bookings.list().collect(), cal.aclose(), return_exceptions=True))

            asyncio.run(go())

        thread = threading.Thread(target=other)
        thread.start()
        owned = await asyncio.gather(*(cal.me.get() for _ in range(20)))
        await asyncio.to_thread(thread.join)
        assert cal.is_open
        assert cal.stats().requests == 20
    assert len(owned) == 20
    assert {type(error) for error in errors} == {ConfigError}
    assert "another event loop, perhaps in another thread" in str(errors[0])
    assert len(errors) == 22


def test_a_loop_that_is_over_is_told():
    """A client left open in a closed loop raises a clear error, and can be closed or opened in the next loop."""
    with Sandbox() as sandbox:
        cal = Calcom(sandbox.api_key, base_url=sandbox.url)

        async def leave_open() -> None:
            await cal.open()

        async def ask() -> int:
            return (await cal.me.get()).id

        async def again() -> int:
            async with cal:
                return await ask()

        asyncio.run(leave_open())
        assert not cal.is_open
        with pytest.raises(ConfigError, match=r"closed\. Open a client within each"):
            asyncio.run(ask())
        asyncio.run(cal.aclose())
        assert asyncio.run(again()) == 1


async def test_another_process_gets_an_error(monkeypatch):
    """A forked child must not use or close the sockets of its parent."""
    async with FakeServer(ME) as peer, Calcom("cal_x", base_url=peer.url) as cal:
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


async def test_open_and_aclose_for_notebooks():
    """`open()` returns the open client. Opening it twice raises an error, closing it twice does not."""
    async with FakeServer(ME) as peer:
        cal = await Calcom("cal_x", base_url=peer.url).open()
        assert (await cal.me.get()).id == 1
        with pytest.raises(ConfigError, match="open already"):
            await cal.open()
        await cal.aclose()
        await cal.aclose()
        assert not cal.is_open
        async with cal:
            assert (await cal.me.get()).id == 1


@pytest.mark.parametrize("travel", [pickle.dumps, copy.copy, copy.deepcopy])
async def test_a_client_is_not_pickled(travel):
    """A client cannot be pickled, open or not: each process makes its own."""
    cal = Calcom("cal_x", base_url="http://localhost")
    with pytest.raises(ConfigError, match="cannot be pickled or copied"):
        travel(cal)
    async with cal:
        with pytest.raises(ConfigError, match="cannot be pickled or copied"):
            travel(cal)
