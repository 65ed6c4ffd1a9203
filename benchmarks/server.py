"""A fast server with prepared responses, in a process of its own, on loopback.

It answers GET /v2/bookings?take&skip, by start or by creation (sortCreated, afterCreatedAt, beforeCreatedAt), and GET
/v2/me. The responses have the headers of real ones, among them the rate limit headers, with a limit that is never
reached. `--latency` delays every response by so many milliseconds. It prints its port. It ends when its standard input
does, so it cannot outlive the process that started it.

Bias: it is faster than any real server, because it reads only the first line of a request, and checks nothing.
"""

from __future__ import annotations

import argparse
import asyncio
import math
import os
import sys
import time
from bisect import bisect_left, bisect_right
from datetime import datetime
from email.utils import formatdate
from functools import lru_cache
from urllib.parse import parse_qsl, urlsplit

import msgspec

from benchmarks import data

LIMIT = 1_000_000
WINDOW = 60.0
EVER = "1970-01-01T00:00:00Z", "9999-01-01T00:00:00Z"
KEPT = 1000  # bodies, a quarter of a megabyte each
# What helmet sends by default, which the real server uses as it is.
HEADERS = {
    "Content-Security-Policy": "default-src 'self';base-uri 'self';font-src 'self' https: data:;"
    "form-action 'self';frame-ancestors 'self';img-src 'self' data:;object-src 'none';script-src 'self';"
    "script-src-attr 'none';style-src 'self' https: 'unsafe-inline';upgrade-insecure-requests",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Origin-Agent-Cluster": "?1",
    "Referrer-Policy": "no-referrer",
    "Strict-Transport-Security": "max-age=31536000; includeSubDomains",
    "X-Content-Type-Options": "nosniff",
    "X-DNS-Prefetch-Control": "off",
    "X-Download-Options": "noopen",
    "X-Frame-Options": "SAMEORIGIN",
    "X-Permitted-Cross-Domain-Policies": "none",
    "X-XSS-Protection": "0",
    "Access-Control-Allow-Origin": "*",
    "X-Request-Id": "0b5a4a3e-52a6-4b0e-9c1d-1f6f6f0f7c11",
    "Content-Type": "application/json; charset=utf-8",
    "ETag": 'W/"f1-q2p5V1z0m3yq9d3aU5o8b1cXo7k"',
    "Connection": "keep-alive",
    "Keep-Alive": "timeout=5",
}
FIXED = "".join(f"{name}: {value}\r\n" for name, value in HEADERS.items())


class Book:
    """The response bodies. Rows are encoded once, and recent bodies are kept."""

    def __init__(self, bookings: int) -> None:
        self.rows: list[bytes] = []
        created: list[datetime] = []
        for row in data.bookings(bookings):
            self.rows.append(msgspec.json.encode(row))
            created.append(datetime.fromisoformat(row["createdAt"]))
        self.by_creation = sorted(range(bookings), key=created.__getitem__)
        self.creations = [created[number] for number in self.by_creation]
        self.me = msgspec.json.encode({"status": "success", "data": data.ME})
        self.body = lru_cache(KEPT)(self._body)

    def _body(self, target: bytes) -> bytes:
        url = urlsplit(target.decode())
        if url.path == "/v2/me":
            return self.me
        query = dict(parse_qsl(url.query))
        take, skip = int(query.get("take", 100)), int(query.get("skip", 0))
        where = msgspec.json.encode(data.pagination(len(self.rows), take, skip))
        rows = b",".join(self._page(query, take, skip))
        return b'{"status":"success","data":[' + rows + b'],"pagination":' + where + b"}"

    def _page(self, query: dict[str, str], take: int, skip: int) -> list[bytes]:
        if "sortCreated" not in query:
            return self.rows[skip : skip + take]
        after = datetime.fromisoformat(query.get("afterCreatedAt", EVER[0]))
        before = datetime.fromisoformat(query.get("beforeCreatedAt", EVER[1]))
        places = range(bisect_left(self.creations, after), bisect_right(self.creations, before))
        if query["sortCreated"] == "desc":
            places = places[::-1]
        return [self.rows[self.by_creation[place]] for place in places[skip : skip + take]]


class Window:
    """The rate limit windows that the headers report."""

    def __init__(self) -> None:
        self.hits = 0
        self.ends = -math.inf

    def headers(self) -> str:
        """Count a request."""
        now = time.monotonic()
        if now >= self.ends:
            self.hits, self.ends = 0, now + WINDOW
        self.hits += 1
        return (
            f"X-RateLimit-Limit-Default: {LIMIT}\r\nX-RateLimit-Remaining-Default: {LIMIT - self.hits}\r\n"
            f"X-RateLimit-Reset-Default: {math.ceil(self.ends - now)}\r\n"
        )


class Connection(asyncio.Protocol):
    """A connection that reads requests without a body and writes responses."""

    def __init__(self, book: Book, window: Window, latency: float) -> None:
        self.book = book
        self.window = window
        self.latency = latency
        self.unread = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, received: bytes) -> None:
        *requests, self.unread = (self.unread + received).split(b"\r\n\r\n")
        for request in requests:
            response = self.respond(request.split(b" ", 2)[1])
            if self.latency:
                asyncio.get_running_loop().call_later(self.latency, self.transport.write, response)
            else:
                self.transport.write(response)

    def respond(self, target: bytes) -> bytes:
        """Return the whole response to one target."""
        body = self.book.body(target)
        changing = f"{self.window.headers()}Date: {formatdate(usegmt=True)}\r\nContent-Length: {len(body)}\r\n\r\n"
        return f"HTTP/1.1 200 OK\r\n{FIXED}{changing}".encode() + body


async def serve(bookings: int, latency: float) -> None:
    """Serve until standard input ends."""
    book, window = Book(bookings), Window()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Connection(book, window, latency), "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await loop.run_in_executor(None, sys.stdin.read)
    # An orderly shutdown would wait for open client connections.
    os._exit(0)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bookings", type=int, default=10_000, help="number of bookings (%(default)s)")
    parser.add_argument("--latency", type=float, default=0, help="milliseconds per response (%(default)s)")
    options = parser.parse_args()
    asyncio.run(serve(options.bookings, options.latency / 1000))
