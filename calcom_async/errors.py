"""Every exception of the package, one tree, split by what the caller can do about it.

    CalcomError
    ├─ ConfigError (ValueError)              we were set up wrong; nothing was sent
    ├─ InvalidRequestError (ValueError)      an argument that Cal.com could not understand; nothing was sent
    ├─ TransportError                        no usable answer; .sent says whether Cal.com may have acted
    │  ├─ ConnectionFailedError (ConnectionError)
    │  └─ TimedOutError (TimeoutError)
    ├─ ApiError                              Cal.com refused: .status .code .message .fields .request_id
    │  ├─ BadRequestError                    400
    │  ├─ UnauthorizedError                  401
    │  │  └─ TokenExpiredError               498, the expired access token of a managed user
    │  ├─ ForbiddenError                     403
    │  ├─ NotFoundError (LookupError)        404
    │  ├─ ConflictError                      409
    │  ├─ UnprocessableError                 422
    │  ├─ RateLimitedError                   429, or a wait longer than max_wait: .retry_after
    │  └─ ServerError                        500 and above
    ├─ DecodeError                           the answer does not fit the model; the message holds the path
    ├─ SignatureError                        a webhook delivery that no given secret has signed: do not trust it
    ├─ IncompleteListError                   a strict walk ended with rows that the server counts but never showed
    ├─ SlotTakenError                        the time is not free, nothing was booked: .alternatives
    ├─ UnknownOutcomeError                   an answer was lost and no look-up could tell what became of it: .lookup
    └─ ExportError                           an export could not be written
       └─ ExportLockedError                  another export is writing the same file

All of them pickle and deep-copy, so they cross processes whole. None of them holds a credential.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from calcom_async.models.slots import Slot


LONGEST = 1_000
"""Characters of a server's text that the message of an error quotes."""


def printable(text: object, limit: int = LONGEST) -> str:
    """A text from the network for the message of an error: bounded, and without control characters."""
    short = str(text)[: limit + 1]
    clean = "".join(letter if letter.isprintable() else " " for letter in short[:limit])
    return clean.strip() + ("..." if len(short) > limit else "")


class RateLimit(NamedTuple):
    """How one named limit stood at an answer: an `X-RateLimit-*-<Name>` triple.

    `reset` is in seconds from the answer until the window, or the block, ends.
    """

    name: str
    limit: int
    remaining: int
    reset: float


class CalcomError(Exception):
    """Base of everything that this package raises on purpose."""

    def __reduce__(self) -> tuple[Any, ...]:
        return _restore, (type(self), self.args, self.__dict__)


def _restore(cls: type[CalcomError], args: tuple[Any, ...], state: dict[str, Any]) -> CalcomError:
    error = cls.__new__(cls, *args)
    error.args = args  # an OSError with an __init__ of its own forgets them in __new__
    error.__dict__.update(state)
    return error


def shown(value: object) -> str:
    """A value as error messages show it: short, and without failing itself, as Python does for very long integers."""
    try:
        return f"{value!r:.80}"
    except Exception:  # noqa: BLE001 - the value is of any class
        return f"a value of type {type(value).__name__}"


def in_range(value: object, least: float, most: float) -> bool:
    """Whether an argument is a number from `least` to `most`; NaN and booleans are none."""
    return isinstance(value, int | float) and not isinstance(value, bool) and least <= value <= most


class ConfigError(CalcomError, ValueError):
    """The client was set up wrong; nothing was sent."""


class InvalidRequestError(CalcomError, ValueError):
    """An argument that Cal.com could not understand, such as a naive datetime; nothing was sent."""


class TransportError(CalcomError):
    """No usable answer came. `sent` says whether Cal.com may have acted on the request.

    `seconds` is how long the attempt took. `retryable` is False where trying again cannot help, as with a certificate
    that is not trusted.
    """

    def __init__(self, message: str, *, sent: bool, seconds: float = 0.0, retryable: bool = True) -> None:
        super().__init__(message)
        self.sent = sent
        self.seconds = seconds
        self.retryable = retryable


class ConnectionFailedError(TransportError, ConnectionError):
    """The connection could not be made (`sent` is False) or broke before the answer was whole (`sent` is True)."""


class TimedOutError(TransportError, TimeoutError):
    """An attempt, or all of them together, took longer than allowed."""


class ApiError(CalcomError):
    """Cal.com refused the request.

    `code` is the server's class name for the fault ("NotFoundException") or None where the body had none. `fields`
    maps the path of each rejected field to the reasons ("attendee.timeZone": ["must be a valid IANA time-zone"]); it
    is empty where the server did not say. `details` is what the server sent beside the message; it may echo what you
    sent.
    """

    def __init__(
        self,
        message: str,
        *,
        status: int,
        code: str | None = None,
        details: Any = None,
        fields: Mapping[str, Sequence[str]] | None = None,
        request_id: str | None = None,
        rate_limits: Sequence[RateLimit] = (),
        method: str = "",
        path: str = "",
        seconds: float = 0.0,
    ) -> None:
        where = f"{method} {path}: " if path else ""
        because = printable("; ".join(f"{name}: {', '.join(reasons)}" for name, reasons in (fields or {}).items()))
        text = f"{where}{status} {printable(message)}" + (f" ({because})" if because else "")
        super().__init__(text + (f" [request {printable(request_id, 100)}]" if request_id else ""))
        self.message = message
        self.status = status
        self.code = code
        self.details = details
        self.fields: dict[str, list[str]] = {name: list(reasons) for name, reasons in (fields or {}).items()}
        self.request_id = request_id
        self.rate_limits: tuple[RateLimit, ...] = tuple(rate_limits)
        self.method = method
        self.path = path
        self.seconds = seconds


class BadRequestError(ApiError):
    """400: the request was understood and refused; `fields` may say which part of it is wrong."""


class UnauthorizedError(ApiError):
    """401: missing, unknown or expired credentials.

    Two 401s are no credential problem: a used-up booking limit of an event type (message `booking_limit_reached` or
    `duration_limit_reached`), and busy times of somebody else's calendar.
    """


class TokenExpiredError(UnauthorizedError):
    """498: the access token of a managed user has expired. `AccessToken` renews it and you do not see this."""


class ForbiddenError(ApiError):
    """403: the credentials are good but not for this."""


class NotFoundError(ApiError, LookupError):
    """404: no such thing, or not yours, or the route does not exist for the `cal-api-version` sent."""


class ConflictError(ApiError):
    """409: it exists already, the seats are gone, or another booking won the race for the slot."""


class UnprocessableError(ApiError):
    """422: a slot that is reserved or booked, or a team event type without hosts."""


class RateLimitedError(ApiError):
    """429, or a wait for the limit that would be longer than `max_wait` (then nothing was sent).

    `retry_after` is the number of seconds after which the request has a chance.
    """

    def __init__(self, message: str, *, retry_after: float, status: int = 429, **parse_error_body: Any) -> None:
        super().__init__(message, status=status, **parse_error_body)
        self.retry_after = retry_after


class ServerError(ApiError):
    """5xx: the server, or a proxy in front of it, failed. What was asked may have been done all the same.

    `retry_after` is the number of seconds that a proxy asked to wait, or 0.
    """

    def __init__(self, message: str, *, retry_after: float = 0.0, **parse_error_body: Any) -> None:
        super().__init__(message, **parse_error_body)
        self.retry_after = retry_after


class DecodeError(CalcomError):
    """The answer does not fit the model. The message names the place, e.g. `$.data[3].start`."""


class SignatureError(CalcomError):
    """A webhook delivery without a signature, or signed with none of the given secrets: do not trust its body."""


class IncompleteListError(CalcomError):
    """A strict walk ended, yet the server counts more rows than it showed.

    `expected` is the server's total, `seen` the number of distinct rows it gave in all passes. For busy times they
    count the calendar connections: all, and those that work.
    """

    def __init__(self, message: str, *, expected: int, seen: int) -> None:
        super().__init__(message)
        self.expected = expected
        self.seen = seen


class SlotTakenError(CalcomError):
    """The time is not free, and the call has booked nothing.

    `alternatives` are free slots around that time, the nearest first; empty when Cal.com knows none, or could not say.
    """

    def __init__(self, message: str, *, alternatives: Sequence[Slot] = ()) -> None:
        super().__init__(message)
        self.alternatives: tuple[Slot, ...] = tuple(alternatives)


class UnknownOutcomeError(CalcomError):
    """The answer to a call was lost, and no look-up could tell whether Cal.com acted on it; do not just repeat it.

    `lookup` is what identifies the booking: keywords of `bookings.list`, and the `metadata` that only it carries; or
    the `uid` that was to be moved, and the `start` it was to be moved to.
    """

    def __init__(self, message: str, *, lookup: Mapping[str, Any] | None = None) -> None:
        super().__init__(message)
        self.lookup: dict[str, Any] = dict(lookup or {})


class ExportError(CalcomError):
    """An export could not be written. What was written before it is valid as far as it goes."""


class ExportLockedError(ExportError):
    """Another export, of this process or another one, is writing the same file or checkpoint; nothing was changed."""


BY_STATUS: Mapping[int, type[ApiError]] = {
    400: BadRequestError,
    401: UnauthorizedError,
    403: ForbiddenError,
    404: NotFoundError,
    409: ConflictError,
    422: UnprocessableError,
    498: TokenExpiredError,
}
"""Which class a status becomes; 429 and 5xx are built apart, anything else is a plain `ApiError`."""

PASSING_STATUSES = frozenset({408, 425})
"""Refusals below 500 that say nothing about the request: it timed out, or came too early."""


def is_transient(error: CalcomError) -> bool:
    """Return whether the same call may succeed later: the one rule for retries, look-ups and watchers.

    That is so if no response came, if it was not one that Cal.com gives (a proxy's HTML page, half a JSON text), and if
    the server failed, was busy or reported an error with a status of success. Other refusals are final.
    """
    if isinstance(error, TransportError):
        return error.retryable
    if isinstance(error, ApiError):
        return error.status < 300 or error.status >= 500 or error.status in PASSING_STATUSES | {429}
    return isinstance(error, DecodeError)


def may_have_acted(error: CalcomError) -> bool:
    """Return whether Cal.com may have done what the call asked for, although the call failed."""
    if isinstance(error, TransportError):
        return error.sent
    if isinstance(error, ApiError):
        return error.status >= 500 or error.status in PASSING_STATUSES
    return isinstance(error, DecodeError)
