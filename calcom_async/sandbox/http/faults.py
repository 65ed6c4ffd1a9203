"""Scripted faults: what the sandbox does wrong, and when.

    sandbox.faults.add("GET", "/v2/bookings", status=503, times=2).add("POST", "/v2/bookings", cut="after")

Faults happen in front of the server, so the rate limiter does not count them.
"""

from __future__ import annotations

import random
import re
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from typing import Any, Literal

from calcom_async.sandbox.http.errors import HttpError, by_status, no_envelope, string_details
from calcom_async.sandbox.state.store import Store

_WILD = re.compile(r"(\*|\{\w+\})")
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_HEADER_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*")
Cut = Literal["before", "after"]
_PROXY_PAGE = "<html>\n<head><title>{0}</title></head>\n<body><center><h1>{0}</h1></center></body>\n</html>\n"


@dataclass(slots=True)
class Fault:
    """A fault on a route; `times` and `after` count down with each matching request.

    `number` counts from 1 since the last `clear`. `struck` is how often the fault has occurred.
    """

    method: str
    path: str
    pattern: re.Pattern[str]
    times: int | None
    after: int = 0
    probability: float | None = None
    status: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Any = None
    cut: Cut | None = None
    slow: float = 0
    invalid_body: bool = False
    truncated: bool = False
    html: bool = False
    number: int = 0
    struck: int = 0

    def matches(self, method: str, path: str) -> bool:
        """Return whether the fault is for this method and path."""
        return self.method in {"*", method} and self.pattern.fullmatch(path) is not None

    @property
    def replaces_response(self) -> bool:
        """Whether the server does not act at all."""
        return self.cut == "before" or self.status is not None or self.html or self.body is not None

    def replacement(self) -> tuple[int, Any, str]:
        """Return status, body and content type of the response that replaces the real one."""
        if self.html:
            status = self.status or 502
            return status, _PROXY_PAGE.format(f"{status} {_phrase(status)}"), "text/html"
        return self.status or 200, self.body, "application/json; charset=utf-8"

    def error(self) -> HttpError | None:
        """Return the error for a plain `status`, in the shape of the real server."""
        if self.status is None or self.html or self.body is not None:
            return None
        return _error(self.status)


class Faults:
    """The scripted faults. All methods may be called from any thread while the server runs."""

    def __init__(self, seed: int = 0) -> None:
        self._seed = seed
        self._lock = threading.Lock()
        self.clear()

    def clear(self) -> Faults:
        """Remove all faults and callbacks, and reset the counter."""
        # The same script of faults occurs again after a reset.
        self._rng = random.Random(self._seed)
        self._faults: list[Fault] = []
        self._added = 0
        self._callbacks: list[tuple[str, re.Pattern[str], Callable[[Store], object]]] = []
        self.fired: int = 0
        return self

    def add(
        self,
        method: str,
        path: str,
        *,
        times: int | None = None,
        after: int = 0,
        probability: float | None = None,
        status: int | None = None,
        headers: Mapping[str, str] | None = None,
        body: Any = None,
        cut: Cut | None = None,
        slow: float = 0,
        invalid_body: bool = False,
        truncated: bool = False,
        html: bool = False,
    ) -> Faults:
        """Add a fault for requests whose method and path match; `*` and `{placeholders}` match anything.

        - `slow`: wait this many seconds first.
        - `status`, `html` (the error page of a proxy), `body`: respond without acting.
        - `cut`: drop the connection, "before" or "after" acting.
        - `invalid_body`, `truncated`: act, and send a body that is not JSON, or half of it.
        - `times`, `after`, `probability`: the fault occurs once after the first `after` matches, `times` times, or with
          this probability at each match.

        If several faults are due, the one that was added first occurs. Raises ValueError for a fault that cannot occur.
        """
        fault = Fault(
            method.upper(),
            path,
            path_pattern(path),
            1 if times is None and probability is None else times,
            after,
            probability,
            status=status,
            headers=headers or {},
            body=body,
            cut=cut,
            slow=slow,
            invalid_body=invalid_body,
            truncated=truncated,
            html=html,
        )
        _check(fault)
        with self._lock:
            self._added += 1
            fault.number = self._added
            self._faults.append(fault)
        return self

    def all(self) -> list[Fault]:
        """Return the faults in the order in which they were added, with those that have occurred for the last time."""
        with self._lock:
            return [replace(fault) for fault in self._faults]

    def remove(self, number: int) -> bool:
        """Remove one fault. Return whether there was one with this number."""
        with self._lock:
            kept = [fault for fault in self._faults if fault.number != number]
            found = len(kept) < len(self._faults)
            self._faults = kept
        return found

    def after_each(self, method: str, path: str, callback: Callable[[Store], object]) -> Faults:
        """Run `callback(store)` in the server's thread after every matching response, for instance to move rows."""
        with self._lock:
            self._callbacks.append((method.upper(), path_pattern(path), callback))
        return self

    def match(self, method: str, path: str) -> Fault | None:
        """Return the fault that is due for this request, and count it."""
        if not self._faults:
            return None
        with self._lock:
            # A fault that is not due yet still counts this request down, so the next one may occur instead.
            due = next((fault for fault in self._faults if fault.matches(method, path) and self._is_due(fault)), None)
            if due is not None:
                self.fired += 1
            return due

    def run_callbacks(self, method: str, path: str, store: Store) -> None:
        """Run the callbacks of `after_each`."""
        for verb, pattern, callback in tuple(self._callbacks):
            if verb in {"*", method} and pattern.fullmatch(path):
                callback(store)

    def _is_due(self, fault: Fault) -> bool:
        """Return whether a matching fault occurs now, and count down."""
        if fault.after > 0:
            fault.after -= 1
            return False
        if fault.times == 0 or (fault.probability is not None and self._rng.random() >= fault.probability):
            return False
        if fault.times is not None:
            fault.times -= 1
        fault.struck += 1
        return True


def _check(fault: Fault) -> None:
    """Raise ValueError for a fault that does nothing or cannot be sent."""
    if not (
        fault.replaces_response or fault.cut or fault.slow or fault.invalid_body or fault.truncated or fault.headers
    ):
        effects = "a status, headers, a body, a cut, a delay, a proxy page, an invalid body, a truncated body"
        raise ValueError(f"a fault needs one of: {effects}")
    if fault.status is not None and not 200 <= fault.status <= 599:
        raise ValueError(f"status must be from 200 to 599, got {fault.status}")
    for name, value in fault.headers.items():
        if not _HEADER_NAME.fullmatch(name) or not _HEADER_VALUE.fullmatch(value):
            raise ValueError(f"headers must be names and texts without line breaks, got {name!r}: {value!r}")


def path_pattern(path: str) -> re.Pattern[str]:
    """Compile a path: `*` matches anything, `{name}` one segment; case and a trailing slash are ignored.

    Raises ValueError for a path that begins with neither `/` nor `*`, and so could match no request, for more than two
    `*`, and for more than two placeholders in one segment.
    """
    if not path.startswith(("/", "*")):
        raise ValueError(f"a path must begin with / or *, got {path!r}")
    if "?" in path:
        raise ValueError(f"a path must have no query string, got {path!r}")
    # More of them would make the time to match a long path grow with its third power.
    if path.count("*") > 2 or any(len(_WILD.findall(segment)) > 2 for segment in path.split("/")):
        raise ValueError(f"a path must have at most two *, and two placeholders in a segment, got {path!r}")
    parts = _WILD.split(path.rstrip("/"))
    wild = {"*": ".*"}
    source = "".join(wild.get(p, "[^/]+") if p.startswith(("*", "{")) else re.escape(p) for p in parts)
    return re.compile(source + "/?", re.IGNORECASE)


def _error(status: int) -> HttpError:
    """Return the error that the real server sends with a status."""
    if status == 429:
        return string_details(
            429, "ThrottlerException", "CustomThrottlerGuard - Too many requests. Please try again later."
        )
    if status == 498:
        return string_details(498, "TokenExpiredException", "ACCESS_TOKEN_IS_EXPIRED")
    # Other errors of the real server come from its base filter or from a gateway, without an envelope.
    if status in {400, 401, 403, 404, 409, 422}:
        return by_status(status, f"scripted fault {status}")
    return no_envelope(status, "Internal server error" if status == 500 else _phrase(status))


def _phrase(status: int) -> str:
    """Return the reason phrase of a status."""
    return HTTPStatus(status).phrase if status in HTTPStatus._value2member_map_ else "Error"
