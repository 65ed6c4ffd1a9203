"""Read a response: the `Response` value, the error that a status means, rate limit headers and data. No I/O.

No function looks at a clock, except for a `Retry-After` date in a response without a `Date`.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import cache
from types import NoneType
from typing import Any, TypeVar

import msgspec

from calcom_async.decoding import CHECK_BASE_URL, CursorEnvelope, Envelope, decode, nullable
from calcom_async.error_body import parse_error_body
from calcom_async.errors import BY_STATUS, ApiError, DecodeError, RateLimit, RateLimitedError, ServerError, printable
from calcom_async.rate_limit_window import MAX_NAMED_LIMITS, MAX_RETRY_AFTER, plausible_limits
from calcom_async.requests import CallContext, Request
from calcom_async.versions import version_hint

log: logging.Logger = logging.getLogger("calcom_async")

E = TypeVar("E", Envelope[Any], CursorEnvelope)


class Response(msgspec.Struct, frozen=True):
    """A complete response. Look up headers in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    seconds: float = 0.0
    rate_limits: tuple[RateLimit, ...] = ()
    """The rate limits in the headers, set by the middleware that reads them."""
    call_id: int = 0
    """`ClientEvent.call_id`; 0 if no event of the call is passed on or logged."""

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        return [("status", self.status), ("size", len(self.body))]

    def __repr__(self) -> str:
        return f"<Response {self.status}, {len(self.body)} bytes>"

    @property
    def request_id(self) -> str | None:
        """The id that the server gave the request, for support."""
        text = self.headers.get("x-request-id")
        return text and printable(text, 200)


Send = Callable[[Request, CallContext], Awaitable[Response]]
"""Sends a request and returns its response: the transport, and each middleware around it."""


def check(request: Request, response: Response, *, expects_redirect: bool = False) -> None:
    """Raise the error that the status means; return for a success."""
    if response.status < 300 or (expects_redirect and response.status < 400):
        return
    fields = _error_fields(response, request)
    if response.status == 429:
        raise RateLimitedError(**fields, retry_after=retry_after(fields["rate_limits"], response.headers) or 0.0)
    if response.status >= 500:
        raise ServerError(**fields, retry_after=max(_proxy_asks(response.headers), default=0.0))
    raise BY_STATUS.get(response.status, ApiError)(**fields)


NO_CREDENTIALS = "Slots, booking and the event types of a named user are public; everything else needs credentials"


def _error_fields(response: Response, request: Request | None) -> dict[str, Any]:
    """Return the arguments of the `ApiError` for a response."""
    version = request.headers.get("cal-api-version") if request else None
    fields = parse_error_body(response.status, response.body)
    return {
        **fields,
        "hint": NO_CREDENTIALS
        if fields["reason"] == "no_credentials"
        else version_hint(response.status, fields["reason"], version),
        "status": response.status,
        "request_id": response.request_id,
        "rate_limits": rate_limits(response.headers),
        "method": request.method if request else "",
        "path": request.path if request else "",
        "seconds": response.seconds,
    }


def rate_limits(headers: Mapping[str, str]) -> tuple[RateLimit, ...]:
    """Read every `X-RateLimit-{Limit,Remaining,Reset}-<Name>` triple; log and skip implausible ones."""
    return _read_limits(headers, _find_limits(headers))


class RateLimitReader:
    """Reads the rate limits of successive responses, and searches for their names only if these seem to have changed.

    They seem the same if there are as many headers as in the last response, and one of its limits. A limit that took
    the place of another header is then missed, which does no harm: only when all limits are used up, there is a 429.
    """

    def __init__(self) -> None:
        self._headers_count = -1
        self._names: Sequence[LimitNames] = ()

    def read(self, headers: Mapping[str, str]) -> tuple[RateLimit, ...]:
        """Read the limits of a response, as `rate_limits` does."""
        if len(headers) == self._headers_count and (limits := _read_limits(headers, self._names)):
            return limits
        self._headers_count, self._names = len(headers), _find_limits(headers)
        return _read_limits(headers, self._names)


LimitNames = tuple[str, str, str, str]
"""The name of a rate limit, and those of its three headers."""


def _find_limits(headers: Mapping[str, str]) -> list[LimitNames]:
    """Return the names of each rate limit."""
    found = []
    for rest in "\n".join(headers).lower().split("x-ratelimit-limit-")[1 : MAX_NAMED_LIMITS + 1]:
        name = rest.partition("\n")[0]
        limit, remaining, reset = [f"x-ratelimit-{part}-{name}" for part in ("limit", "remaining", "reset")]
        found.append((name, limit, remaining, reset))
    return found


def _read_limits(headers: Mapping[str, str], names: Sequence[LimitNames]) -> tuple[RateLimit, ...]:
    """Return the limits with these names that the headers contain."""
    limits: list[RateLimit] = []
    for name, limit_header, remaining_header, reset_header in names:
        try:
            limit, remaining, reset = headers[limit_header], headers[remaining_header], headers[reset_header]
        except KeyError:  # gateways send limits of their own, some without a Reset
            continue
        try:
            read = plausible_limits((RateLimit(name, _integer(limit), _integer(remaining), float(reset)),))
        except (ValueError, OverflowError):
            read = ()
        if not read:
            texts = [limit, remaining, reset]
            log.warning(
                "ignored the rate limit %.40a of a response: limit, remaining and reset are %.120a", name, texts
            )
        limits += read
    return tuple(limits if len(limits) < 2 else plausible_limits(limits))


def _integer(text: str) -> int:
    """Read a number of requests, also one written as `120.0` or `1e6`."""
    try:
        return int(text)
    except ValueError:
        return int(float(text))


def retry_after(limits: Sequence[RateLimit], headers: Mapping[str, str]) -> float | None:
    """Return the number of seconds that the server asks to wait, or None.

    With several limits it is the smallest Reset, since one free limit is enough. `Retry-After` (seconds or an HTTP
    date) comes from a proxy, not from Cal.com; if it is longer, it counts.
    """
    resets = [limit.reset for limit in limits if limit.remaining == 0]
    asked = [min(resets)] if resets else []
    return max(asked + _proxy_asks(headers), default=None)


def _proxy_asks(headers: Mapping[str, str]) -> list[float]:
    """Read `Retry-After`: one number of seconds, or none if it is missing, unreadable or too long."""
    text = headers.get("retry-after")
    if text is None:
        return []
    try:
        seconds = _seconds_until(text, headers.get("date"))
    except (ValueError, TypeError, IndexError, OverflowError):
        seconds = -1.0
    if 0 <= seconds <= MAX_RETRY_AFTER:
        return [seconds]
    log.warning("ignored Retry-After: %.60a: it must be seconds or a time, at most an hour ahead", text)
    return []


def _seconds_until(text: str, date_header: str | None) -> float:
    """Read seconds or an HTTP date. The date counts from the server's own `Date`, so that no two clocks are compared.

    Without a usable `Date` it counts from the local clock.
    """
    if "," not in text and ":" not in text:
        return float(text)
    end = parsedate_to_datetime(text)
    try:
        now = parsedate_to_datetime(date_header or "")
    except (ValueError, TypeError, IndexError, OverflowError):
        now = datetime.now(UTC)
    return max(0.0, (_in_utc(end) - _in_utc(now)).total_seconds())


def _in_utc(moment: datetime) -> datetime:
    """Return an HTTP date as an aware time: `-0000` and missing zones mean UTC."""
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


class StatusOnly(msgspec.Struct, frozen=True):
    """The part of a response that is read if its data is not needed."""

    status: str | None = None


FAILURE = "error"
"""The `status` in the body of a failed request."""


def read(kind: Any, response: Response, request: Request | None = None) -> Any:
    """Decode the `data` of a response as `kind`; return None if it has none.

    Raises an `ApiError` if the body reports an error with a success status.
    """
    if response.status == 204 and nullable(kind):
        return None
    if kind is NoneType:
        if response.body and _is_failure(decode(StatusOnly, response.body)):
            raise ApiError(**_error_fields(response, request))
        return None
    return data_of(read_envelope(enveloped(kind), response, request), kind)


def read_whole(response: Response, request: Request | None = None) -> Any:
    """Decode a response with its envelope as plain objects; return None if it is empty."""
    body = decode(Any, response.body) if response.body else None
    if isinstance(body, dict) and body.get("status") == FAILURE:
        raise ApiError(**_error_fields(response, request))
    return body


@cache
def enveloped(kind: Any) -> type[Envelope[Any]]:
    """Return the type of an envelope whose data is of `kind`."""
    return Envelope[kind]


def read_envelope(envelope_type: type[E], response: Response, request: Request | None) -> E:
    """Decode the envelope of a response; raise the `ApiError` in the body of a failure with a status of success."""
    try:
        envelope: E | None = decode(envelope_type, response.body)
    except DecodeError:
        # A failure has no data, or other data than a success.
        if not _reports_failure(response.body):
            raise
    else:
        if envelope is None:
            raise DecodeError(NO_DATA)
        if envelope.status != FAILURE:
            return envelope
    raise ApiError(**_error_fields(response, request))


def _reports_failure(body: bytes) -> bool:
    try:
        return _is_failure(decode(StatusOnly, body))
    except DecodeError:
        return False


def _is_failure(outcome: StatusOnly | None) -> bool:
    return outcome is not None and outcome.status == FAILURE


NO_DATA = f'the response has no data: it is not {{"data": ...}}. {CHECK_BASE_URL}'


def data_of(envelope: Envelope[Any], kind: Any) -> Any:
    """Return the data of an envelope. Nulls are tolerated inside the data, but not in place of it."""
    if envelope.data is None and not nullable(kind):
        raise DecodeError(NO_DATA)
    return envelope.data
