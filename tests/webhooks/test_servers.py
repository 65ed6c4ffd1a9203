"""Deliveries over aiohttp.web and ASGI: from a sandbox over real sockets, and as single messages."""

from __future__ import annotations

import asyncio
import gzip
import subprocess
import sys
import time
import zlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from cpu_time import cpu_time
from sent_requests import MONDAY, THIRTY, book
from signed_requests import SECRET, signed_request, webhook_body

from calcom_async import Calcom
from calcom_async.models.webhook_payloads import BookingPayload
from calcom_async.sandbox import Sandbox
from calcom_async.webhooks import WebhookEvent, WebhookReceiver, WebhookRouter

TRIGGERS = ["BOOKING_CREATED", "BOOKING_RESCHEDULED", "BOOKING_CANCELLED"]


@asynccontextmanager
async def serve_app(app: web.Application) -> AsyncIterator[str]:
    """Serve the application on loopback, and yield its URL."""
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


def aiohttp_app(receiver: WebhookReceiver) -> web.Application:
    """Return an aiohttp application, as users write it."""
    app = web.Application()
    app.router.add_post("/cal", receiver.aiohttp_handler)
    receiver.setup(app)
    return app


def asgi_app(receiver: WebhookReceiver) -> web.Application:
    """Return an application that calls the receiver over ASGI, with its lifespan."""

    async def run_lifespan(app: web.Application) -> AsyncIterator[None]:
        messages: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        replies: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        lifespan = asyncio.create_task(receiver({"type": "lifespan"}, messages.get, replies.put))
        for stage in ("startup", "shutdown"):
            messages.put_nowait({"type": f"lifespan.{stage}"})
            assert await replies.get() == {"type": f"lifespan.{stage}.complete"}
            if stage == "startup":
                yield
        await lifespan

    async def serve(request: web.Request) -> web.Response:
        raw = await request.read()
        status, _, text = await send_asgi_request(receiver, raw[:10], b"", raw[10:], headers=list(request.raw_headers))
        return web.Response(status=status, text=text)

    app = web.Application()
    app.router.add_post("/cal", serve)
    app.cleanup_ctx.append(run_lifespan)
    return app


async def send_asgi_request(receiver: WebhookReceiver, *parts: bytes, headers: Any = (), method: str = "POST") -> Any:
    """Return status, headers and text of the ASGI application's response to a body in parts."""
    incoming = [{"type": "http.request", "body": part, "more_body": True} for part in parts]
    incoming = [*incoming[:-1], {"type": "http.request", "body": parts[-1]}]
    sent: list[Any] = []

    async def receive() -> Any:
        assert incoming[0]["body"] != b"too much"
        return incoming.pop(0)

    async def send(message: Any) -> None:
        sent.append(message)

    await receiver({"type": "http", "method": method, "path": "/", "headers": headers}, receive, send)
    start, rest = sent
    assert (start["type"], rest["type"]) == ("http.response.start", "http.response.body")
    return start["status"], dict(start["headers"]), rest["body"].decode()


def raw_headers(headers: dict[str, str]) -> list[tuple[bytes, bytes]]:
    return [(name.lower().encode(), value.encode()) for name, value in headers.items()]


@pytest.mark.parametrize("application", [aiohttp_app, asgi_app])
async def test_the_sandbox_delivers(application):
    """Changes of a booking arrive as typed events, from two webhooks of one URL."""
    router, events = WebhookRouter(), []

    @router.on(*TRIGGERS)
    async def append_event(event: WebhookEvent[BookingPayload]) -> None:
        events.append(event)

    receiver = WebhookReceiver(router, secrets=[SECRET, "old"])
    with Sandbox(now=MONDAY) as sandbox:
        async with serve_app(application(receiver)) as url, Calcom(sandbox.api_key, base_url=sandbox.url) as cal:
            await cal.webhooks.ensure(f"{url}/cal", TRIGGERS, secret="old")
            await cal.event_types.webhooks(THIRTY).ensure(f"{url}/cal", TRIGGERS, secret=SECRET)
            booked = await book(cal, 9)
            moved = await cal.bookings.reschedule(booked.uid, start=booked.end)
            await cal.bookings.cancel(moved.uid, reason="rain")
            await asyncio.to_thread(sandbox.wait_idle)
        assert [delivery.status for delivery in sandbox.deliveries] == [200] * 6
    expected = [("BOOKING_CANCELLED", moved.uid), ("BOOKING_CREATED", booked.uid), ("BOOKING_RESCHEDULED", moved.uid)]
    assert sorted((event.trigger, event.uid) for event in events) == sorted(expected * 2)
    by_trigger = {event.trigger: event.payload for event in events}
    assert by_trigger["BOOKING_CREATED"].start_time == booked.start
    assert by_trigger["BOOKING_RESCHEDULED"].reschedule_uid == booked.uid
    assert by_trigger["BOOKING_CANCELLED"].cancellation_reason == "rain"


async def test_invalid_deliveries_over_http():
    """A forged delivery gets a 401, one that is too large a 413 without being read, another method a 405."""
    events: list[Any] = []
    router = WebhookRouter()
    router.on_any(events.append)
    app = aiohttp_app(WebhookReceiver(router, secrets=SECRET, max_body=2000))
    async with serve_app(app) as url, aiohttp.ClientSession(url) as session:

        async def status(headers: dict[str, str], data: bytes, method: str = "POST") -> int:
            async with session.request(method, "/cal", headers=headers, data=data) as response:
                return response.status

        assert await status(*signed_request(webhook_body())) == 200
        assert await status(*signed_request(webhook_body(), "stolen")) == 401
        assert await status(signed_request(webhook_body())[0], webhook_body("bK2")) == 401
        assert await status(*signed_request(b"x" * 2001)) == 413
        assert await status(*signed_request(b"x" * 1_000_000)) == 413
        assert await status(*signed_request(webhook_body()), "GET") == 405
    assert [event.uid for event in events] == ["bK1"]


@pytest.mark.slow
async def test_compressed_deliveries(caplog):
    """A compressed body is read; a broken one gets a 400, and one that becomes too large a 413."""
    events: list[Any] = []
    router = WebhookRouter()
    router.on_any(events.append)
    headers, raw = signed_request(webhook_body())
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    bomb = b"".join(packer.compress(bytes(1 << 20)) for _ in range(100)) + packer.flush()
    async with (
        serve_app(aiohttp_app(WebhookReceiver(router, secrets=SECRET))) as url,
        aiohttp.ClientSession(url) as session,
    ):

        async def status(data: bytes, encoding: str = "gzip") -> int:
            sent = headers | {"Content-Encoding": encoding}
            async with session.post("/cal", headers=sent, data=data) as response:
                return response.status

        assert await status(gzip.compress(raw)) == 200
        assert await status(b"no gzip") == 400
        assert await status(gzip.compress(raw) + b"no gzip") in {200, 400}
        assert await status(gzip.compress(raw)[:-9]) in {200, 400, 401}
        assert await status(b"\xff\xff", "deflate") == 400
        started = time.process_time()
        assert await status(bomb) == 413
        used = time.process_time() - started
    assert used < cpu_time(lambda: zlib.decompress(bomb, 31), repeats=1), "less than decompressing all of it"
    assert {event.uid for event in events} == {"bK1"}
    assert "Unhandled" not in caplog.text


async def test_an_interrupted_body(caplog, monkeypatch):
    """A connection that breaks during the body is logged in one line, without a traceback."""
    receiver, reading = WebhookReceiver(WebhookRouter(), secrets=SECRET), asyncio.Event()
    respond = receiver.respond

    async def start_reading(headers: Any, read: Any) -> Any:
        reading.set()
        return await respond(headers, read)

    monkeypatch.setattr(receiver, "respond", start_reading)
    async with serve_app(aiohttp_app(receiver)) as url:
        port = int(url.rpartition(":")[2])
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"POST /cal HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nhalf")
        await writer.drain()
        await reading.wait()
        writer.close()
        while "cannot read the body" not in caplog.text:  # noqa: ASYNC110 - a few iterations of the loop
            await asyncio.sleep(0)
    assert not [record for record in caplog.records if record.exc_info]


async def test_asgi_bodies():
    """A body in parts is joined, read up to the maximum size, and accepted only with POST."""
    headers, raw = signed_request(webhook_body())
    events: list[Any] = []
    router = WebhookRouter()
    router.on_any(events.append)
    async with WebhookReceiver(router, secrets=SECRET, max_body=len(raw)) as receiver:
        response = await send_asgi_request(receiver, raw[:3], b"", raw[3:], b"", headers=raw_headers(headers))
        assert response == (200, {b"content-type": b"text/plain; charset=utf-8", b"content-length": b"8"}, "accepted")
        assert (await send_asgi_request(receiver, raw, b"x", b"too much", headers=raw_headers(headers)))[0] == 413
        status, sent, _ = await send_asgi_request(receiver, b"", method="GET")
        assert (status, sent[b"allow"]) == (405, b"POST")
    assert [event.uid for event in events] == ["bK1"]


async def test_asgi_without_a_response():
    """A sender that disconnects gets no response, and a WebSocket is closed."""
    sent: list[Any] = []

    async def receive() -> Any:
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        sent.append(message)

    async with WebhookReceiver(WebhookRouter(), secrets=SECRET) as receiver:
        await receiver({"type": "http", "method": "POST", "headers": []}, receive, send)
        assert (sent, receiver.pending) == ([], 0)
        await receiver({"type": "websocket"}, receive, send)
    assert sent == [{"type": "websocket.close"}]


async def test_lifespan_of_a_framework():
    """`lifespan` runs the receiver during the lifetime of a FastAPI or Starlette application."""
    receiver = WebhookReceiver(WebhookRouter(), secrets=SECRET)
    async with receiver.lifespan(object()):
        assert receiver.receive(*signed_request(b"{}"))[0] == 200
    assert receiver.receive(*signed_request(b"{}"))[0] == 503


def test_aiohttp_is_not_imported():
    """Receiving over ASGI does not import aiohttp."""
    code = "import sys, calcom_async.webhooks; print('aiohttp' in sys.modules)"
    completed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert completed.stdout.strip() == "False"
