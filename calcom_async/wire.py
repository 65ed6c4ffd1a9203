"""Requests and responses as values: how a question is written and how an answer is read. Pure; read this file first.

Going down, `fill`, `query_string` and `encode` turn arguments into a `Request`. Coming back, `check` raises the error
that a refusal means, `read` and `read_page` decode the rest. No function here performs I/O. None looks at a
clock, but for a `Retry-After` date without a `Date`.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from copy import copy
from datetime import UTC, date, datetime
from email.utils import parsedate_to_datetime
from functools import cache
from math import inf, isfinite
from types import NoneType, UnionType
from typing import Any, Generic, TypeVar, Union, get_args, get_origin, get_type_hints
from urllib.parse import quote, urlencode

import msgspec

from calcom_async.errors import (
    BY_STATUS,
    ApiError,
    DecodeError,
    InvalidRequestError,
    RateLimit,
    RateLimitedError,
    ServerError,
    printable,
    shown,
)
from calcom_async.lenient_json import TOO_DEEP, NotJsonError, parse
from calcom_async.models.pagination import Pagination
from calcom_async.models.times import parse_datetime
from calcom_async.rate_limit_window import MAX_NAMED_LIMITS, MAX_RETRY_AFTER, plausible_limits
from calcom_async.refusals import evidence
from calcom_async.secret import Hidden, Secret

log: logging.Logger = logging.getLogger("calcom_async")

T = TypeVar("T")

# ---------------------------------------------------------------------------------------------------- values


class Throttle(msgspec.Struct, frozen=True):
    """A limit of its own that Cal.com puts on one operation, instead of the general one; calls a minute."""

    name: str
    limit: int


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """One question to Cal.com, complete but for the proof of who asks."""

    method: str
    template: str
    """The path with `{}` for its ids: what logs and events show."""
    path: str
    """Below the base URL, ids filled in and quoted."""
    query: str = ""
    headers: Mapping[str, str] = {}
    body: bytes | None = None
    repeatable: bool = False
    """Whether asking twice does no more than asking once; the operation decides that, whatever its verb."""
    final: int = 0
    """A status of 5xx that is not retried: it would come again."""
    redirects: bool = False
    """Whether a redirect is the answer that is hoped for; none is ever followed."""
    throttle: Throttle | None = None
    priority: int = 0
    timeout: float | None = None
    """Seconds left for this attempt, where less than the configured ones."""
    attempt: int = 1
    caller: str = ""
    """Fingerprint of the credential: whose rate limit it counts against."""
    budget: int = 120
    """The documented limit of that credential, in calls a minute."""

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        # Headers and bodies hold credentials, and a traceback with local variables prints what it meets.
        return [("method", self.method), ("path", self.path)]

    def __repr__(self) -> str:
        return f"<Request {self.method} {self.path}>"


class Response(msgspec.Struct, frozen=True):
    """One answer, read to its end. Headers are found by their names in lower case; `limits` are read from them."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    seconds: float = 0.0
    limits: tuple[RateLimit, ...] = ()

    def __post_init__(self) -> None:
        msgspec.structs.force_setattr(self, "limits", rate_limits(self.headers))

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        return [("status", self.status), ("size", len(self.body))]

    def __repr__(self) -> str:
        return f"<Response {self.status}, {len(self.body)} bytes>"

    @property
    def request_id(self) -> str | None:
        """The server's id for the request, for a support case."""
        text = self.headers.get("x-request-id")
        return text and printable(text, 200)


class Page(msgspec.Struct, Generic[T], frozen=True):
    """One page of a list. `total_items` is None where the server gives no total."""

    items: list[T]
    skip: int
    take: int
    pagination: Pagination | None = None

    @property
    def total_items(self) -> int | None:
        """How many rows the whole list has, if the server says so."""
        return self.pagination.total_items if self.pagination else None

    @property
    def has_next(self) -> bool:
        """Whether the walk goes on: the server's word if there is one, else a full page; never after an empty one."""
        if not self.items or not self.take:
            return False
        told = self.pagination
        if told is None or (told.has_next_page is None and told.total_items is None):
            return len(self.items) >= self.take
        return self.skip + len(self.items) < told.total_items if told.has_next_page is None else told.has_next_page


class PaginationSpec(msgspec.Struct, frozen=True):
    """How one list of the API is paged: the largest page, its parameter names, what it tells about itself."""

    maximum: int = 250
    take: str = "take"
    skip: str = "skip"
    has_total: bool = False
    """Whether its answers carry a pagination object."""
    max_skip: int | None = None
    """The largest skip that the server takes; it refuses a larger one."""
    fragile: bool = False
    """Whether some servers answer 500 to its `take` and `skip`. They are sent only for rows after the first page."""
    orders: tuple[Mapping[str, str | None], ...] = ()
    """Other orders to walk in when rows are missing; only where the total can be trusted."""

    @property
    def skip_limit(self) -> float:
        """The largest skip, or infinity."""
        return inf if self.max_skip is None else self.max_skip

    def page_size(self, take: int | None) -> int:
        """Check a page size, or choose the largest."""
        if take is None or not self.maximum:
            return self.maximum
        if isinstance(take, bool) or not isinstance(take, int) or not 1 <= take <= self.maximum:
            raise InvalidRequestError(f"take must be from 1 to {self.maximum} for this list, not {shown(take)}")
        return take


class PageOffset(msgspec.Struct, frozen=True):
    """Where a walk stands: the next page to ask for, and the order that this pass walks in."""

    skip: int
    take: int
    order: Mapping[str, str | None] = {}

    def advance(self, pages: int) -> PageOffset:
        """So many pages further."""
        return PageOffset(self.skip + pages * self.take, self.take, self.order)


UNPAGED = PaginationSpec(maximum=0)
"""A list that always comes whole, in one answer."""


# ------------------------------------------------------------------------------------------- writing a request


def fill(template: str, ids: Sequence[int | str]) -> str:
    """Put ids into the `{}` of a path, quoted so that none can leave its place."""
    return template.format(*map(_path_part, ids)) if ids else template


def _path_part(value: int | str) -> str:
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise InvalidRequestError(f"an id in a path must be a number or a text; this one is {_kind(value)}")
    if value in {"", ".", ".."}:
        raise InvalidRequestError(f"an id in a path must be a number or a text, not {value!r}")
    return quote(_text(value, "an id in a path"), safe="")


class Repeated(tuple[Any, ...]):
    """Values that a query names one by one, where the server takes no comma list."""

    __slots__ = ()


def query_string(params: Mapping[str, Any], where: str = "") -> str:
    """Write query parameters: None is not sent, sequences become comma lists, times are written in UTC.

    Errors name a parameter by its keyword, or with `where` as it is written in that mapping.
    """
    pairs = [
        (_text(name, "a name in the query"), _query_value(one, _keyword(name, where)))
        for name, value in params.items()
        if value is not None
        for one in (value if isinstance(value, Repeated) else [value])
    ]
    return urlencode(pairs)


def _query_value(value: Any, where: str) -> str:
    if isinstance(value, Iterable) and not isinstance(value, str | bytes | bytearray | Mapping):
        return ",".join(_query_item(item, where) for item in value)
    return _query_item(value, where)


def _query_item(value: Any, where: str) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case str() | int():
            return _text(value, where)
        case float() if isfinite(value):
            return str(value)
        case datetime() | date():
            return timestamp(value, where)
        case Secret():
            return _query_item(value.reveal(), where)
    raise InvalidRequestError(f"{where} cannot be sent in a query: it is {_kind(value)}")


def _text(value: str | int, where: str) -> str:
    """The text of a value, if it can be sent."""
    try:
        text = str(value)
        text.encode()
    except UnicodeEncodeError:
        raise InvalidRequestError(f"{where} has a character that UTF-8 cannot encode") from None
    except ValueError:
        raise InvalidRequestError(f"{where} is a number with too many digits") from None
    return text


def _kind(value: Any) -> str:
    """How a message calls a value that cannot be sent; the value may be a secret."""
    return str(value) if isinstance(value, float) else f"of type {type(value).__name__}"


def _keyword(name: Any, where: str) -> str:
    """How a message calls an argument: by its Python keyword, or as an item of the mapping `where`."""
    if where:
        return f"{where}.{name}"
    return re.sub("[A-Z]", lambda letter: "_" + letter[0].lower(), str(name))


def timestamp(value: datetime | date | str, where: str) -> str:
    """Write a time in UTC (`2030-05-06T10:00:00Z`) or a date; a naive time raises `InvalidRequestError`."""
    if isinstance(value, date) and not isinstance(value, datetime):
        return value.isoformat()
    try:
        utc = parse_datetime(value, where).astimezone(UTC)
    except OverflowError:
        raise InvalidRequestError(f"{where} is out of range: {value}") from None
    return utc.isoformat(timespec="milliseconds" if utc.microsecond else "seconds").replace("+00:00", "Z")


AS_THEY_ARE = (datetime, date, bytes, bytearray)
"""Types that a body keeps until `_stamped` writes or refuses them."""


def encode(body: Any, where: str = "") -> bytes:
    """Write a body as JSON: what is not given is not sent, times are written in UTC, naive ones are refused.

    Raises `InvalidRequestError` for everything that JSON cannot hold. It names the place by its keyword, or with
    `where` as it is written in that mapping. No frame of its traceback holds the body.
    """
    body = Hidden(body)
    try:
        return msgspec.json.encode(
            _stamped(
                msgspec.to_builtins(_without_nones(body.reveal()), builtin_types=AS_THEY_ARE, enc_hook=_revealed), ""
            )
        )
    except RecursionError:
        problem = "the body is nested too deeply, or contains itself"
    except (TypeError, ValueError, OverflowError, msgspec.MsgspecError) as error:
        problem = f"the body cannot be sent: {error}"
        try:
            _locate(body, where)
        except InvalidRequestError as located:
            problem = str(located)
    raise InvalidRequestError(problem)


def _without_nones(value: Any) -> Any:
    """The value, whose models do not send the fields in which None says "not given"."""
    match value:
        case msgspec.Struct():
            optional = _optional_fields(type(value))
            changes = {}
            for name in value.__struct_fields__:
                item = getattr(value, name)
                slim = msgspec.UNSET if item is None and name in optional else _without_nones(item)
                if slim is not item:
                    changes[name] = slim
            if not changes:
                return value
            sent = copy(value)  # which does not check the fields again
            for name, item in changes.items():
                msgspec.structs.force_setattr(sent, name, item)
            return sent
        case list() | tuple():
            return [_without_nones(item) for item in value]
        case dict():
            return {name: _without_nones(item) for name, item in value.items()}
    return value


@cache
def _optional_fields(kind: type[msgspec.Struct]) -> frozenset[str]:
    """Fields whose default is None, which stands for "not given"."""
    return frozenset(field.name for field in msgspec.structs.fields(kind) if field.default is None)


def _revealed(value: Any) -> Any:
    if isinstance(value, Hidden):
        return value.reveal()
    raise TypeError(f"it has a value {_kind(value)}")


def _stamped(value: Any, where: str) -> Any:
    match value:
        case dict():
            return {name: _stamped(item, where) for name, item in value.items()}
        case list() | tuple():
            return [_stamped(item, where) for item in value]
        case datetime() | date():
            return timestamp(value, where)
        case bytes() | bytearray():
            raise InvalidRequestError(f"{where or 'the body'} cannot be sent as JSON: it is {_kind(value)}")
        case float() if not isfinite(value):
            raise InvalidRequestError(f"{where or 'the body'} cannot be sent as JSON: it is {_kind(value)}")
    return value


def _locate(value: Any, where: str) -> None:
    """Raise for the first part of a body that cannot be written, with its place in the message."""
    match value:
        case Hidden():
            _locate(value.reveal(), where)
        case msgspec.Struct():
            for name in value.__struct_fields__:
                if (item := getattr(value, name)) is not msgspec.UNSET:
                    _locate(item, f"{where}.{name}" if where else name)
        case Mapping():
            for name, item in value.items():
                if not isinstance(name, str | int | float):
                    raise InvalidRequestError(f"{where or 'the body'} has a name {_kind(name)}, not a text (str)")
                _locate(name, f"a name in {where or 'the body'}")
                _locate(item, _keyword(name, where))
        case list() | tuple() | set() | frozenset():
            for index, item in enumerate(value):
                _locate(item, f"{where or 'body'}[{index}]")
        case str() | int():
            _text(value, where or "the body")
        case datetime() | date() | bytes() | bytearray() | float():
            _stamped(value, where)
        case _:
            try:
                msgspec.to_builtins(value, enc_hook=_revealed)
            except TypeError:
                raise InvalidRequestError(
                    f"{where or 'the body'} cannot be sent as JSON: it is {_kind(value)}"
                ) from None


# ------------------------------------------------------------------------------------------- reading an answer


def check(request: Request, response: Response) -> None:
    """Raise the error that the status means; do nothing for a success."""
    if response.status < 300 or (request.redirects and response.status < 400):
        return
    told = _told(response, request)
    if response.status == 429:
        raise RateLimitedError(**told, retry_after=retry_after(response) or 0.0)
    if response.status >= 500:
        raise ServerError(**told, retry_after=max(_proxy_asks(response.headers), default=0.0))
    raise BY_STATUS.get(response.status, ApiError)(**told)


def _told(response: Response, request: Request | None) -> dict[str, Any]:
    """Return the arguments of the `ApiError` that a response means."""
    return {
        **evidence(response.status, response.body),
        "status": response.status,
        "request_id": response.request_id,
        "rate_limits": response.limits,
        "method": request.method if request else "",
        "path": request.path if request else "",
        "seconds": response.seconds,
    }


def rate_limits(headers: Mapping[str, str]) -> tuple[RateLimit, ...]:
    """Read every `X-RateLimit-{Limit,Remaining,Reset}-<Name>` family; log and skip those that cannot be true."""
    found: list[RateLimit] = []
    # One search over all names at once: an answer has some 25 headers, and every answer is searched.
    for rest in "\n".join(headers).lower().split("x-ratelimit-limit-")[1 : MAX_NAMED_LIMITS + 1]:
        name = rest.partition("\n")[0]
        limit = headers.get(f"x-ratelimit-limit-{name}")
        remaining = headers.get(f"x-ratelimit-remaining-{name}")
        reset = headers.get(f"x-ratelimit-reset-{name}")
        if limit is None or remaining is None or reset is None:
            continue
        try:
            read = plausible_limits([RateLimit(name, _whole(limit), _whole(remaining), float(reset))])
        except (ValueError, OverflowError):
            read = []
        if not read:
            texts = [limit, remaining, reset]
            log.warning(
                "ignored the rate limit %.40a of a response: limit, remaining and reset are %.120a", name, texts
            )
        found += read
    return tuple(found if len(found) < 2 else plausible_limits(found))


def _whole(text: str) -> int:
    """Read a number of calls, also one written as `120.0` or `1e6`."""
    try:
        return int(text)
    except ValueError:
        return int(float(text))


def retry_after(response: Response) -> float | None:
    """Seconds that the server asks to wait, or None.

    With several limits the smallest Reset counts, since one free limit is enough. `Retry-After` (seconds or an HTTP
    date) is not Cal.com's own but a proxy's in front of it; the longer of the two is believed.
    """
    resets = [limit.reset for limit in response.limits if limit.remaining == 0]
    asked = [min(resets)] if resets else []
    return max(asked + _proxy_asks(response.headers), default=None)


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


class Envelope(msgspec.Struct, Generic[T], frozen=True, rename="camel"):
    """`{"status": "success", "data": ..., "pagination": ...}`, of which some answers have no data."""

    data: T = None  # type: ignore[assignment]  # `_data` refuses it where there must be data
    status: str | None = None
    pagination: Pagination | None = None
    meta: Any = None
    """Like `next_cursor` and `has_more`, sent by lists that are read with a cursor."""
    next_cursor: Any = None
    has_more: Any = None


class Outcome(msgspec.Struct, frozen=True):
    """What is read of an answer whose data nobody needs."""

    status: str | None = None


@cache
def raw_key(name: str) -> Callable[[msgspec.Raw], Any]:
    """Reads one field of a row that is left as JSON text; a row without it is a `DecodeError`."""
    key = decoder(msgspec.defstruct("Key", [(name, int | str | None)]))

    def read_key(row: msgspec.Raw) -> Any:
        try:
            return getattr(key.decode(row), name)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise DecodeError(f"a row of the list has no usable {name}: {error}") from error

    return read_key


_decoders: dict[Any, msgspec.json.Decoder[Any]] = {}


def decoder(kind: Any) -> msgspec.json.Decoder[Any]:
    """The decoder of a type, built once: building costs more than decoding."""
    try:
        return _decoders[kind]
    except KeyError:
        return _decoders.setdefault(kind, msgspec.json.Decoder(kind))


def read(kind: Any, response: Response, request: Request | None = None) -> Any:
    """Decode the `data` of an answer as `kind`; None for an answer that has none.

    Raises the `ApiError` that the body holds if the server sent one with a status of success.
    """
    if response.status == 204 and _nullable(kind):
        return None
    if kind is NoneType:
        if response.body and _says_refused(decode(Outcome, response.body)):
            raise ApiError(**_told(response, request))
        return None
    return _data(_envelope(kind, response, request), kind)


def read_whole(response: Response, request: Request | None = None) -> Any:
    """Decode an answer as plain objects, envelope included; None for an empty one."""
    answer = decode(Any, response.body) if response.body else None
    if isinstance(answer, dict) and answer.get("status") == REFUSED:
        raise ApiError(**_told(response, request))
    return answer


def read_page(kind: Any, response: Response, *, skip: int, take: int, request: Request | None = None) -> Page[Any]:
    """Decode one page of a list of `kind`."""
    return _page(_envelope(list[kind], response, request), list[kind], skip, take)


def page_of(answer: Any, *, skip: int, take: int) -> Page[Any]:
    """Make a page of an answer that is decoded already; its rows stay as they are."""
    return _page(_answer(Envelope[list[Any]], answer, "$"), list[Any], skip, take)


REFUSED = "error"
"""The `status` in the body of an answer that failed."""


@cache
def _enveloped(kind: Any) -> Any:
    return Envelope[kind]


def _envelope(kind: Any, response: Response, request: Request | None) -> Envelope[Any]:
    try:
        envelope: Envelope[Any] | None = decode(_enveloped(kind), response.body)
    except DecodeError:
        # A failure has no data, or other data than a success.
        if not _is_refusal(response.body):
            raise
    else:
        if envelope is None:
            raise DecodeError(NO_DATA)
        if envelope.status != REFUSED:
            return envelope
    raise ApiError(**_told(response, request))


def _is_refusal(body: bytes) -> bool:
    try:
        return _says_refused(decode(Outcome, body))
    except DecodeError:
        return False


def _says_refused(outcome: Outcome | None) -> bool:
    return outcome is not None and outcome.status == REFUSED


NO_DATA = 'the answer holds no data: not {"data": ...} as Cal.com answers. Is the base URL right?'


def _data(envelope: Envelope[Any], kind: Any) -> Any:
    """What an envelope holds. A null is forgiven deep inside an answer, but not in the place of the answer itself."""
    if envelope.data is None and not _nullable(kind):
        raise DecodeError(NO_DATA)
    return envelope.data


def _page(envelope: Envelope[Any], kind: Any, skip: int, take: int) -> Page[Any]:
    """Make a page, unless the answer says in a way that the client cannot follow that the list goes on."""
    page = Page(_data(envelope, kind), skip, take, envelope.pagination)
    if envelope.next_cursor or envelope.has_more or _names_next_page(envelope.meta):
        raise DecodeError(f"{UNKNOWN_PAGING}: the answer points to a next page by a cursor")
    if not take and page.pagination and page.pagination.has_next_page:
        raise DecodeError(f"{UNKNOWN_PAGING}: it came in one answer so far, but the server says that there is more")
    return page


def _names_next_page(meta: Any) -> bool:
    """Whether the `meta` of an answer, or an object in it, says that the list goes on."""
    if not isinstance(meta, dict):
        return False
    objects = [meta, *(item for item in meta.values() if isinstance(item, dict))]
    return any(found.get(name) for found in objects for name in NEXT_PAGE)


NEXT_PAGE = ("nextCursor", "next_cursor", "hasMore", "has_more", "hasNextPage", "has_next_page")

UNKNOWN_PAGING = "this list is paged in a way that this version does not know, so rows would be lost"


def decode(kind: Any, body: bytes) -> Any:
    """Decode JSON as `kind`; a value that does not fit becomes None, an answer that does not fit a `DecodeError`."""
    try:
        return decoder(kind).decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        pass
    try:
        return _answer(kind, parse(body), "$")
    except NotJsonError as error:
        if not body.strip():
            raise DecodeError(
                "the answer is empty, but data is due. Is the base URL right, or a proxy in between?"
            ) from None
        # Broken JSON is not quoted: what begins like an answer may go on with a token.
        begins = "" if body.lstrip()[:1] in {b"{", b"["} else f"; it begins {body[:80]!r}"
        reason = f"the answer is not JSON ({error}){begins}"
    except RecursionError:
        reason = f"the answer is JSON that is {TOO_DEEP}"
    raise DecodeError(f"{reason}. Is the base URL right, or a proxy in between?")


# The slow way, for the rare answer that breaks its specification: what does not fit is dropped, piece by piece.


def _answer(kind: Any, value: Any, where: str) -> Any:
    """Build an answer, or a row of one: parts that do not fit are dropped, but something else is a `DecodeError`."""
    if value is None:
        return None
    if get_origin(kind) is Envelope and isinstance(value, dict):
        return _answered_envelope(get_args(kind)[0], value)
    if kind is msgspec.Raw:
        return msgspec.Raw(msgspec.json.encode(value))
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        misfit = error
    if isinstance(value, list) and (rows := _alternative(kind, list)):
        if where != DATA or None not in value:
            return [_answer(get_args(rows)[0], item, f"{where}[{index}]") for index, item in enumerate(value)]
    elif isinstance(value, dict) and (struct := _alternative(kind, msgspec.Struct)):
        fields = _fields(struct, value)
        if _resembles(struct, value, fields):
            return struct(**fields)
        if _nullable(kind):
            return None
    elif isinstance(value, dict) and _alternative(kind, dict) and (table := _part(kind, value)):
        return table
    raise _unknown_form(misfit, where)


DATA = "$.data"


def _unknown_form(misfit: Exception, where: str) -> DecodeError:
    error = DecodeError(f"{misfit} (in {where}). Cal.com answered in a form that this version does not know")
    error.__cause__ = misfit
    return error


def _answered_envelope(kind: Any, value: dict[str, Any]) -> Envelope[Any]:
    return Envelope(
        data=_answer(kind, value.get("data"), DATA),
        status=_part(str, value.get("status")),
        pagination=_pagination(value.get("pagination")),
        meta=value.get("meta"),
        next_cursor=value.get("nextCursor"),
        has_more=value.get("hasMore"),
    )


def _pagination(value: Any) -> Pagination | None:
    """Read a pagination object. One that says in another way whether there is more must not be taken for an end."""
    if value is None:
        return None
    told: Pagination | None = _part(Pagination, value)
    if told is None or (told.has_next_page is None and told.total_items is None):
        known = isinstance(value, dict) and value.keys() <= set(Pagination.__struct_encode_fields__)
        if not (known and value and value.get("hasNextPage") is None and value.get("totalItems") is None):
            names = ", ".join(sorted(map(str, value))[:8]) if isinstance(value, dict) else type(value).__name__
            raise DecodeError(f"{UNKNOWN_PAGING}: its pagination object holds {names[:200] or 'nothing'}")
    return told


def _part(kind: Any, value: Any) -> Any:
    """Build a part of an answer without what does not fit; None if nothing of it does."""
    if value is None:
        return None
    if kind is msgspec.Raw:
        return msgspec.Raw(msgspec.json.encode(value))
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError:
        pass
    if isinstance(value, list) and (items := _alternative(kind, list)):
        return _fitting(get_args(items)[0], value)
    if isinstance(value, dict) and (struct := _alternative(kind, msgspec.Struct)):
        fields = _fields(struct, value)
        return struct(**fields) if _resembles(struct, value, fields) else None
    if isinstance(value, dict) and (table := _alternative(kind, dict)):
        names, items = get_args(table)
        parts = ((_part(names, name), _part(items, item)) for name, item in value.items())
        return {name: part for name, part in parts if name is not None and part is not None}
    return None


def _fitting(kind: Any, items: list[Any]) -> list[Any]:
    parts = (_part(kind, item) for item in items)
    return [part for part in parts if part is not None]


def _nullable(kind: Any) -> bool:
    return kind in {Any, NoneType} or NoneType in get_args(kind)


def _alternative(kind: Any, base: type) -> Any:
    """The type itself, or the one of a union, that is made of `base`; None where there is none."""
    for item in get_args(kind) if get_origin(kind) in (Union, UnionType) else (kind,):
        origin = get_origin(item) or item
        if isinstance(origin, type) and issubclass(origin, base):
            return item
    return None


@cache
def _specification(kind: type[msgspec.Struct]) -> list[tuple[str, str, Any, bool]]:
    """Name, name on the wire, type and whether it is required, of each field of a model."""
    hints = get_type_hints(kind)
    fields = msgspec.structs.fields(kind)
    return [(field.name, field.encode_name, hints[field.name], field.required) for field in fields]


def _fields(kind: type[msgspec.Struct], value: dict[str, Any]) -> dict[str, Any]:
    """The fields of a model that can be read; None for those that cannot, and for missing ones that it requires."""
    return {
        name: _part(hint, value.get(sent)) for name, sent, hint, required in _specification(kind)
        if sent in value or required
    }  # fmt: skip


def _resembles(kind: type[msgspec.Struct], value: dict[str, Any], fields: dict[str, Any]) -> bool:
    """Whether an object is the model with faults, and not something else: a field of it can be read, or is null."""
    if any(field is not None for field in fields.values()):
        return True
    known = value.keys() & set(kind.__struct_encode_fields__)
    return bool(known) and all(value[name] is None for name in known)
