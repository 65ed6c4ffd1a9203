"""The exceptions of the package: one tree, split by what the caller can do about them.

    CalcomError                              .message says what happened, .hint what to do
    ├─ ConfigError (ValueError)              invalid setup; no request was sent
    ├─ InvalidRequestError (ValueError)      invalid argument; no request was sent
    ├─ ReadOnlyError                         the client is read-only; no request was sent: .method .path .body
    ├─ TransportError                        no usable response: .sent says whether Cal.com may have acted
    │  ├─ ConnectionFailedError (ConnectionError)
    │  └─ TimedOutError (TimeoutError)
    ├─ ApiError                              error response: .status .reason .code .fields .request_id
    │  ├─ BadRequestError                    400
    │  ├─ UnauthorizedError                  401
    │  │  └─ TokenExpiredError               498, expired access token of a managed user
    │  ├─ ForbiddenError                     403
    │  ├─ NotFoundError (LookupError)        404
    │  ├─ ConflictError                      409
    │  ├─ UnprocessableError                 422
    │  ├─ RateLimitedError                   429, or a wait longer than max_wait: .retry_after
    │  └─ ServerError                        500 and above
    ├─ DecodeError                           the response does not fit the model; the message holds the path
    ├─ SignatureError                        webhook delivery without a valid signature: do not trust it
    ├─ TokenStoreError                       tokens that processes share could not be read, locked or stored
    ├─ IncompleteListError                   a strict list returned fewer rows than its total
    ├─ SlotTakenError                        the time is not free, nothing was booked: .alternatives
    ├─ UnknownOutcomeError                   a lost response whose outcome could not be determined: .lookup
    └─ ExportError                           an export could not be written
       ├─ ExportLockedError                  another export is writing the same file
       └─ UnfinishedExportError              rows of an interrupted export are in the way: .path .rows .can_resume

All of them can be pickled and deep-copied, so they cross processes. None of them holds a credential.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from calcom_async.error_reasons import Reason

if TYPE_CHECKING:
    from pathlib import Path

    from calcom_async.models.slots import Slot


MAX_QUOTED = 1_000
"""Longest text from the server that an error message quotes, in characters."""


def printable(text: object, limit: int = MAX_QUOTED) -> str:
    """Return untrusted text for an error message: at most `limit` characters, without control characters."""
    short = str(text)[: limit + 1]
    clean = "".join(letter if letter.isprintable() else " " for letter in short[:limit])
    return clean.strip() + ("..." if len(short) > limit else "")


class RateLimit(msgspec.Struct, frozen=True):
    """One `X-RateLimit-*-<Name>` triple of a response.

    `reset` is the number of seconds from the response until the window, or the block, ends.
    """

    name: str
    limit: int
    remaining: int
    reset: float


class CalcomError(Exception):
    """Base class of all exceptions of this package.

    `message` says what happened. `hint` says what to do about it, in terms of Python; it may be empty. `str(error)` is
    both.
    """

    def __init__(self, message: str = "", *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        if not self.hint:
            return self.message
        return f"{self.message}{' ' if self.message.endswith(('.', '?', '!')) else '. '}{self.hint}"

    # By default an exception is pickled as a call of its class with `args`, which lacks the keywords of __init__.
    def __reduce__(self) -> tuple[Any, ...]:
        return _restore, (type(self), self.args, self.__dict__)


def _restore(cls: type[CalcomError], args: tuple[Any, ...], state: dict[str, Any]) -> CalcomError:
    error = cls.__new__(cls, *args)
    error.args = args  # OSError.__new__ drops them for subclasses that define __init__
    error.__dict__.update(state)
    return error


def shown(value: object) -> str:
    """Return a short repr for an error message. It never fails, unlike `repr` of a very long integer."""
    try:
        return f"{value!r:.80}"  # the repr of an integer with more than 4,300 digits raises ValueError
    except Exception:  # noqa: BLE001 - the value is of any class
        return f"a value of type {type(value).__name__}"


def in_range(value: object, least: float, most: float) -> bool:
    """Return whether an argument is a number from `least` to `most`. NaN and booleans are not."""
    return isinstance(value, int | float) and not isinstance(value, bool) and least <= value <= most


class ConfigError(CalcomError, ValueError):
    """Invalid setup of the client; no request was sent."""


class InvalidRequestError(CalcomError, ValueError):
    """Invalid argument, such as a naive datetime; no request was sent."""


class ReadOnlyError(CalcomError):
    """A request that may change data, of a client with `Config.read_only`; it was not sent.

    `path` is the path below `/v2`, with the query. `body` is decoded JSON, with `***` in place of secrets, or None.
    """

    def __init__(self, message: str, *, method: str = "", path: str = "", body: Any = None, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.method = method
        self.path = path
        self.body = body


class TransportError(CalcomError):
    """No usable response. `sent` says whether Cal.com may have acted on the request.

    `seconds` is the duration of the attempt. `retryable` is False if a retry cannot help, for example after an
    untrusted certificate.
    """

    def __init__(
        self, message: str, *, sent: bool, seconds: float = 0.0, retryable: bool = True, hint: str = ""
    ) -> None:
        super().__init__(message, hint=hint)
        self.sent = sent
        self.seconds = seconds
        self.retryable = retryable


class ConnectionFailedError(TransportError, ConnectionError):
    """The connection failed (`sent` is False), or was lost before the response was complete (`sent` is True)."""


class TimedOutError(TransportError, TimeoutError):
    """One attempt, or all attempts together, took longer than allowed."""


class ApiError(CalcomError):
    """Cal.com returned an error.

    `server_message` is the server's own text. `code` is the server's class name for the error
    ("NotFoundException"), or None if the response has none. `reason` is what the error means, the same for all servers:
    "slot_taken", "already_cancelled", "already_rescheduled", "in_the_past", "booking_limit", "no_permission" and others
    of `calcom_async.error_reasons`, or None. `fields` maps the path of each rejected field to the
    reasons ("attendee.timeZone": ["must be a valid IANA time-zone"]). It is empty if the server named no fields.
    `details` is what the server sent next to its message; it may repeat what you sent.
    """

    def __init__(
        self,
        message: str,
        *,
        status: int,
        code: str | None = None,
        reason: Reason | None = None,
        details: Any = None,
        fields: Mapping[str, Sequence[str]] | None = None,
        request_id: str | None = None,
        rate_limits: Sequence[RateLimit] = (),
        method: str = "",
        path: str = "",
        seconds: float = 0.0,
        hint: str = "",
    ) -> None:
        where = f"{method} {path}: " if path else ""
        because = printable("; ".join(f"{name}: {', '.join(reasons)}" for name, reasons in (fields or {}).items()))
        text = f"{where}{status} {printable(message)}" + (f" ({because})" if because else "")
        super().__init__(text + (f" [request {printable(request_id, 100)}]" if request_id else ""), hint=hint)
        self.server_message = message
        self.status = status
        self.code = code
        self.reason: Reason | None = reason
        self.details = details
        self.fields: dict[str, list[str]] = {name: list(reasons) for name, reasons in (fields or {}).items()}
        self.request_id = request_id
        self.rate_limits: tuple[RateLimit, ...] = tuple(rate_limits)
        self.method = method
        self.path = path
        self.seconds = seconds


class BadRequestError(ApiError):
    """400: the request is invalid; `fields` may name the rejected fields."""


class UnauthorizedError(ApiError):
    """401: missing, unknown or expired credentials.

    Cal.com also returns 401 in two cases that are not about credentials: the booking limit of an event type is used
    up (`reason` is "booking_limit"), or the busy times of another user's calendar were requested.
    """


class TokenExpiredError(UnauthorizedError):
    """498: the access token of a managed user has expired. `AccessToken` refreshes it, so callers rarely see this."""


class ForbiddenError(ApiError):
    """403: the credentials are valid, but do not permit this."""


class NotFoundError(ApiError, LookupError):
    """404: it does not exist, is not visible to you, or the route does not exist for the `cal-api-version` sent."""


class ConflictError(ApiError):
    """409: it exists already, no seats are left, or another booking took the slot."""


class UnprocessableError(ApiError):
    """422: the slot is reserved or booked, or a team event type has no hosts."""


class RateLimitedError(ApiError):
    """429, or a wait for the rate limit that would exceed `max_wait`: then no request was `sent`.

    `retry_after` is the number of seconds to wait before the next attempt.
    """

    def __init__(
        self, message: str, *, retry_after: float, status: int = 429, sent: bool = True, **parse_error_body: Any
    ) -> None:
        super().__init__(message, status=status, **parse_error_body)
        self.retry_after = retry_after
        self.sent = sent
        if not sent:
            # The message would begin with a status that no server has sent.
            self.message = message
            self.args: tuple[Any, ...] = (message,)


class ServerError(ApiError):
    """5xx: the server, or a proxy in front of it, failed. The request may still have taken effect.

    `retry_after` is the number of seconds from the `Retry-After` header, or 0.
    """

    def __init__(self, message: str, *, retry_after: float = 0.0, **parse_error_body: Any) -> None:
        super().__init__(message, **parse_error_body)
        self.retry_after = retry_after


class DecodeError(CalcomError):
    """The response does not fit the model. The message names the place, e.g. `$.data[3].start`."""


class SignatureError(CalcomError):
    """A webhook delivery without a signature, or not signed with a given secret: do not trust its body."""


class TokenStoreError(CalcomError):
    """A token store could not be read or locked, or refreshed tokens could not be stored; the message says which."""


class IncompleteListError(CalcomError):
    """A list with `strict=True` returned fewer rows than the server's total.

    `expected` is the server's total, `seen` the number of distinct rows received. For busy times they are the number
    of connected calendars, and of those that work.
    """

    def __init__(self, message: str, *, expected: int, seen: int, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.expected = expected
        self.seen = seen


class SlotTakenError(CalcomError):
    """The time is not free; the call has booked nothing.

    `alternatives` are free slots around that time, the nearest first. It is empty if there are none, or if the search
    for them failed.
    """

    def __init__(self, message: str, *, alternatives: Sequence[Slot] = (), hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.alternatives: tuple[Slot, ...] = tuple(alternatives)


class UnknownOutcomeError(CalcomError):
    """The response was lost and the outcome could not be determined. Do not retry blindly.

    `lookup` identifies the booking: keyword arguments of `bookings.list` and its `metadata`, or the `uid` of the
    booking to be rescheduled and its new `start`.
    """

    def __init__(self, message: str, *, lookup: Mapping[str, Any] | None = None, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.lookup: dict[str, Any] = dict(lookup or {})


class ExportError(CalcomError):
    """An export could not be written. The part written before the error is valid."""


class ExportLockedError(ExportError):
    """Another export, in this or another process, is writing the same file or checkpoint; nothing was changed."""


class UnfinishedExportError(ExportError):
    """An interrupted export has left rows that a new export would overwrite, or that another program has changed.

    `path` is the partial file, `rows` the number of rows that it has or should have. `restart=True` discards them. If
    `can_resume` is True, `resume=True` continues the export.
    """

    def __init__(self, message: str, *, path: Path, rows: int, can_resume: bool) -> None:
        remedy = "Continue it with resume=True, or discard it" if can_resume else "Discard it"
        super().__init__(message, hint=f"{remedy} with restart=True")
        self.path = path
        self.rows = rows
        self.can_resume = can_resume


BY_STATUS: Mapping[int, type[ApiError]] = {
    400: BadRequestError,
    401: UnauthorizedError,
    403: ForbiddenError,
    404: NotFoundError,
    409: ConflictError,
    422: UnprocessableError,
    498: TokenExpiredError,
}
"""Error class by status. 429 and 5xx are handled separately; any other status is a plain `ApiError`."""

TRANSIENT_STATUSES = frozenset({408, 425})
"""Statuses below 500 that do not depend on the request: Request Timeout and Too Early."""


def is_transient(error: CalcomError) -> bool:
    """Return whether the same call may succeed later. Retries, look-ups and watchers share this rule.

    It may if there was no response, if the response was not from Cal.com (a proxy's HTML page, truncated JSON), or if
    the server failed, was busy, or reported an error with a success status. Other errors are final.
    """
    if isinstance(error, TransportError):
        return error.retryable
    if isinstance(error, ApiError):
        return error.status < 300 or error.status >= 500 or error.status in TRANSIENT_STATUSES | {429}
    return isinstance(error, DecodeError)


def may_have_acted(error: CalcomError) -> bool:
    """Return whether a failed call may have taken effect."""
    if isinstance(error, TransportError):
        return error.sent
    if isinstance(error, ApiError):
        # A server can fail after it has acted: creating an event type of a team returned 403, and a booking 500, with
        # the new row in place (recorded from a self-hosted server of 2025-12). A 4xx almost always changes nothing.
        return error.status >= 500 or error.status in TRANSIENT_STATUSES
    return isinstance(error, DecodeError)  # a success whose body could not be read
