"""The requests that a sandbox has received."""

from __future__ import annotations

import threading
from bisect import bisect_right
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from operator import attrgetter
from typing import Any

from calcom_async.sandbox.http.faults import path_pattern
from calcom_async.sandbox.http.messages import HttpRequest, HttpResponse, decode_body

#: The log keeps at least this many of the latest requests. A sandbox may run for days.
MIN_RECORDED = 10_000
_SECRET_HEADERS = {"authorization", "x-cal-secret-key", "cookie"}


@dataclass(frozen=True, slots=True)
class RecordedRequest:
    """A received request. Secrets in `headers` are `***`; `status` is 0 if a fault cut it before the server acted.

    - `number`: counts from 1 and does not start again.
    - `time`: the time of the sandbox's clock when the response was ready.
    - `seconds`: the real time that the response took, with the delay of a fault.
    - `remaining`: how many requests the rate limit leaves, or None if the request was not counted.
    - `fault`: the number of the fault that occurred, or None.
    """

    method: str
    path: str
    query: list[tuple[str, str]]
    headers: dict[str, str]
    body: Any
    status: int
    number: int
    time: datetime
    seconds: float
    remaining: int | None
    fault: int | None


class RequestLog(list[RecordedRequest]):
    """The received requests in order of their responses. It may be read and waited for in any thread."""

    def __init__(self) -> None:
        super().__init__()
        self._recorded = 0
        self._changed = threading.Condition()

    @property
    def first_number(self) -> int:
        """The number of the earliest request that is kept, or of the next one if there is none."""
        return self[0].number if self else self._recorded + 1

    def record(
        self, request: HttpRequest, response: HttpResponse, *, time: datetime, seconds: float, fault: int | None
    ) -> None:
        """Append a request with its response, without its secrets."""
        self._recorded += 1
        headers = {name: "***" if name.lower() in _SECRET_HEADERS else value for name, value in request.headers.items()}
        self.append(
            RecordedRequest(
                request.method,
                request.path,
                request.query,
                headers,
                decode_body(request.raw),
                response.status,
                self._recorded,
                time,
                seconds,
                _remaining(response.headers),
                fault,
            )
        )
        if len(self) > 2 * MIN_RECORDED:
            del self[:-MIN_RECORDED]
        with self._changed:
            self._changed.notify_all()

    def matching(
        self, *, method: str = "*", path: str = "*", status: int | None = None, after: int = 0
    ) -> list[RecordedRequest]:
        """Return the requests with a method, path and status, and with a number above `after`.

        Method and path are those of `Faults.add`: `*` and `{placeholders}` match anything.
        """
        verb, pattern = method.upper(), path_pattern(path)
        return [
            request
            for request in self._after(after)
            if verb in {"*", request.method} and status in {None, request.status} and pattern.fullmatch(request.path)
        ]

    def counter(self, count: int, *, method: str, path: str, status: int | None, after: int) -> Callable[[], bool]:
        """Return a function that says whether `count` requests match, for calling it after each request.

        It looks only at new requests: a look at all 20,000 at each request of a load test would take all the time.
        """
        matching = partial(self.matching, method=method, path=path, status=status)
        found, seen = 0, after

        def enough() -> bool:
            """Count the new matches. If that seems enough, count all of them, since the log may have been cleared."""
            nonlocal found, seen
            latest = max(seen, self._recorded)
            found += len(matching(after=seen))
            seen = latest
            if found >= count:
                found = len(matching(after=after))
            return found >= count

        return enough

    def _after(self, number: int) -> list[RecordedRequest]:
        """Return the requests with a number above this one."""
        requests = list(self)  # another thread may append
        return requests[bisect_right(requests, number, key=attrgetter("number")) :]

    def wait_for(
        self,
        *,
        method: str = "*",
        path: str = "*",
        status: int | None = None,
        after: int = 0,
        count: int = 1,
        timeout: float = 10.0,
    ) -> list[RecordedRequest]:
        """Block until `count` requests match, and return those that do. Raises TimeoutError after so many seconds.

        In a coroutine call it with `asyncio.to_thread`, so that the client in the same event loop goes on.
        """
        enough = self.counter(count, method=method, path=path, status=status, after=after)
        with self._changed:
            self._changed.wait_for(enough, timeout)
        found = self.matching(method=method, path=path, status=status, after=after)
        if len(found) < count:
            wanted = f"{method.upper()} {path}" + ("" if status is None else f" with status {status}")
            latest = ", ".join(f"{request.method} {request.path} {request.status}" for request in self[-5:])
            raise TimeoutError(
                f"{len(found)} of {count} requests {wanted} were received within {timeout:g} s. "
                f"The latest requests: {latest or 'none'}"
            )
        return found


def _remaining(headers: Mapping[str, str]) -> int | None:
    """Return what the rate limit leaves, as the response says; with several limits the smallest number."""
    numbers = [int(value) for name, value in headers.items() if name.startswith("X-RateLimit-Remaining")]
    return min(numbers, default=None)
