"""The sandbox as a server: its rates with 1,000 and with 100,000 bookings, its start and its memory.

Shows: requests per second and CPU time of GET /v2/me, of a week of GET /v2/slots, of a page of 100 bookings, of the
same page after a booking, and of POST /v2/bookings; each as a ratio to GET /v2/me of the same server; the growth from
the small sandbox to the large one; the time from the start of the process until it listens; its peak memory.

Method: both sandboxes run in processes of their own, side by side. This process sends the requests over plain sockets,
four at a time, and does one round of each kind in turn. CPU time is that of the server process alone. The fastest round
of a process counts; medians over new processes (`--repeats`) are reported. Ratios are of CPU time, so that the cost of
the client does not count.

Bias: the sample bookings belong to one host, within a year of now, so 100,000 of them fill each week with 950 bookings
that overlap, and no slot is left. New bookings lie after the sample ones, where the host is free. They differ in their
start only: no team, no seats, no webhook. GET /v2/me is one of the cheapest routes, and most of its cost is HTTP.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import resource
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from statistics import median
from typing import Any

from benchmarks import report
from benchmarks.run import KIB

CONNECTIONS = 4
ROUNDS = 5
ME, SLOTS, PAGE, BOOK, AFTER = "GET /v2/me", "a week of slots", "100 bookings", "POST /v2/bookings", "100 after a POST"
#: Requests per round.
COUNTS = {ME: 400, SLOTS: 80, PAGE: 80, BOOK: 40, AFTER: 20}
EVENT_TYPE = 1
HEADERS = "Host: 127.0.0.1\r\nAuthorization: Bearer cal_sandbox\r\nContent-Type: application/json\r\n"
BUDGETS = {SLOTS: 9, BOOK: 18}
START, MEMORY = 2.0, 250.0


@dataclass
class Life:
    """The measurements of one server process: by kind of request, the CPU and wall seconds of each round."""

    start: float
    peak: float = 0
    cpu: dict[str, list[float]] = field(default_factory=dict)
    wall: dict[str, list[float]] = field(default_factory=dict)

    def ratio(self, kind: str) -> float:
        """Return the CPU time of a request over that of GET /v2/me."""
        return min(self.cpu[kind]) / min(self.cpu[ME])


class Server:
    """A sandbox in a process of its own, and the connections to it."""

    def __init__(self, bookings: int) -> None:
        began = time.monotonic()
        command = [sys.executable, "-m", "benchmarks.sandbox", "--serve", str(bookings)]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.port = self._read()["port"]
        self.life = Life(time.monotonic() - began)
        self.starts = self._free_starts()

    def round(self) -> None:
        """Send one round of each kind of request."""
        now = datetime.now(UTC).date()
        week = f"/v2/slots?eventTypeId={EVENT_TYPE}&start={now + timedelta(1)}&end={now + timedelta(8)}"
        page = request("GET", "/v2/bookings?take=100&skip=100", version="2024-08-13")
        self._measure(ME, lambda: request("GET", "/v2/me", version="2024-08-13"))
        self._measure(SLOTS, lambda: request("GET", week, version="2024-09-04"))
        self._measure(PAGE, lambda: page)
        self._measure(BOOK, self._booking)
        self._measure_after(page)

    def close(self) -> None:
        """Read the peak memory, and end the process."""
        self.life.peak = self._usage()["peak"]
        self.process.communicate(timeout=10)

    def _measure(self, kind: str, make: Callable[[], bytes]) -> None:
        """Send the requests of one kind, four at a time."""
        requests = [make() for _ in range(COUNTS[kind])]
        with self._connections(CONNECTIONS) as connections:
            cpu, wall = self._usage()["cpu"], time.perf_counter()
            for turn in range(0, len(requests), CONNECTIONS):
                batch = list(zip(connections, requests[turn : turn + CONNECTIONS], strict=False))
                for connection, data in batch:
                    connection.sendall(data)
                for connection, _ in batch:
                    response(connection)
            wall = time.perf_counter() - wall
            self._keep(kind, self._usage()["cpu"] - cpu, wall)

    def _measure_after(self, page: bytes) -> None:
        """Read a page after each booking, and count only the page."""
        cpu = wall = 0.0
        with self._connections(1) as [connection]:
            for _ in range(COUNTS[AFTER]):
                exchange(connection, self._booking())
                before, began = self._usage()["cpu"], time.perf_counter()
                exchange(connection, page)
                wall += time.perf_counter() - began
                cpu += self._usage()["cpu"] - before
        self._keep(AFTER, cpu, wall)

    def _keep(self, kind: str, cpu: float, wall: float) -> None:
        self.life.cpu.setdefault(kind, []).append(cpu / COUNTS[kind])
        self.life.wall.setdefault(kind, []).append(wall / COUNTS[kind])

    @contextlib.contextmanager
    def _connections(self, number: int) -> Iterator[list[socket.socket]]:
        """Open connections for one round: the sandbox closes those that are idle for 5 s."""
        with contextlib.ExitStack() as stack:
            yield [stack.enter_context(socket.create_connection(("127.0.0.1", self.port))) for _ in range(number)]

    def _booking(self) -> bytes:
        attendee = {"name": "Ada", "email": "ada@visitors.test", "timeZone": "Europe/Rome"}
        body = {"start": next(self.starts), "eventTypeId": EVENT_TYPE, "attendee": attendee}
        return request("POST", "/v2/bookings", body, version="2024-08-13")

    def _free_starts(self) -> Iterator[str]:
        """Return free starts after all sample bookings."""
        first = datetime.now(UTC).date() + timedelta(400)
        query = f"eventTypeId={EVENT_TYPE}&start={first}&end={first + timedelta(60)}"
        with self._connections(1) as [connection]:
            days = json.loads(exchange(connection, request("GET", f"/v2/slots?{query}", version="2024-09-04")))["data"]
        return iter([slot["start"] for slots in days.values() for slot in slots])

    def _usage(self) -> dict[str, float]:
        """Return the CPU seconds and the peak memory of the process."""
        assert self.process.stdin
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        return self._read()

    def _read(self) -> dict[str, Any]:
        assert self.process.stdout
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit(f"the sandbox failed with exit code {self.process.wait()}; see its output above")
        message: dict[str, Any] = json.loads(line)
        return message


def request(method: str, target: str, body: object = None, *, version: str) -> bytes:
    """Return a request as bytes."""
    content = b"" if body is None else json.dumps(body).encode()
    head = (
        f"{method} {target} HTTP/1.1\r\n{HEADERS}cal-api-version: {version}\r\nContent-Length: {len(content)}\r\n\r\n"
    )
    return head.encode() + content


def exchange(connection: socket.socket, data: bytes) -> bytes:
    """Send a request and return the body of its response."""
    connection.sendall(data)
    return response(connection)


def response(connection: socket.socket) -> bytes:
    """Read a response and return its body; any error ends the benchmark."""
    with connection.makefile("rb") as stream:
        status, length = stream.readline(), 0
        while (line := stream.readline()) not in {b"\r\n", b""}:
            name, _, value = line.partition(b":")
            if name.lower() == b"content-length":
                length = int(value)
        body = stream.read(length)
    if status.split(b" ", 2)[1:2][:1] not in ([b"200"], [b"201"]):
        raise SystemExit(f"the sandbox responded {status.decode()}: {body.decode()[:500]}")
    return body


def serve(bookings: int) -> None:
    """Run a sandbox. For each line of standard input, print the CPU time and the peak memory so far."""
    from calcom_async.sandbox import Sandbox

    with Sandbox(bookings=bookings) as sandbox:
        print(json.dumps({"port": int(sandbox.url.rsplit(":", 1)[1].split("/")[0])}), flush=True)
        for _ in sys.stdin:
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * KIB
            print(json.dumps({"cpu": time.process_time(), "peak": peak}), flush=True)


def measure(sizes: Sequence[int], rounds: int) -> dict[int, Life]:
    """Run a sandbox of each size, and the rounds of both in turn."""
    with contextlib.ExitStack() as stack:
        servers: dict[int, Server] = {}
        for size in sizes:
            servers[size] = Server(size)
            stack.callback(servers[size].close)
        for _ in range(rounds):  # in turn, so that a busy machine slows both equally
            for server in servers.values():
                server.round()
    return {size: server.life for size, server in servers.items()}


def rows(sizes: Sequence[int], lives: list[dict[int, Life]]) -> list[dict[str, Any]]:
    """Return a line of the table for each kind of request."""
    table = []
    for kind in COUNTS:
        row: dict[str, Any] = {"what": kind}
        for size in sizes:
            found = [life[size] for life in lives]
            row |= {
                f"requests/s, {size:,}": round(1 / median(min(life.wall[kind]) for life in found)),
                f"CPU us, {size:,}": round(median(min(life.cpu[kind]) for life in found) * 1e6),
                f"CPU / me, {size:,}": round(median(life.ratio(kind) for life in found), 2),
            }
        small, large = sizes
        growth = median(min(life[large].cpu[kind]) / min(life[small].cpu[kind]) for life in lives)
        table.append(row | {"growth": round(growth, 2)})
    return table


def main(arguments: list[str] | None = None) -> None:
    """Measure and report."""
    parser = report.parser(__doc__, repeats=3)
    parser.add_argument("--small", type=int, default=1_000, help="bookings of the small sandbox (%(default)s)")
    parser.add_argument("--large", type=int, default=100_000, help="bookings of the large sandbox (%(default)s)")
    parser.add_argument("--serve", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.serve is not None:
        serve(options.serve)
        return
    del options.serve
    sizes = options.small, options.large
    lives = [measure(sizes, ROUNDS) for _ in range(options.repeats)]
    large = [life[options.large] for life in lives]
    budgets = [
        report.Budget(f"CPU of {kind} over {ME}", median(life.ratio(kind) for life in large), most)
        for kind, most in BUDGETS.items()
    ]
    budgets += [
        report.Budget("start", median(life.start for life in large), START, "s"),
        report.Budget("peak memory", median(life.peak for life in large) / 1e6, MEMORY, "MB"),
    ]
    report.Report("sandbox", vars(options), rows(sizes, lives), budgets).show(as_json=options.json)


if __name__ == "__main__":
    main()
