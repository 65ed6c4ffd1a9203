"""Write a request: the values `Request` and `CallContext`, and the encoding of path, query and body. No I/O."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from copy import copy
from datetime import UTC, date, datetime
from functools import cache
from math import inf, isfinite
from typing import Any
from urllib.parse import quote, urlencode

import msgspec

from calcom_async.errors import InvalidRequestError
from calcom_async.models.times import parse_datetime
from calcom_async.secret import Hidden, Secret


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """An HTTP request to Cal.com, relative to the base URL."""

    method: str
    route: str
    """The path with `{}` in place of ids, as logs and events show it."""
    path: str
    query: str = ""
    headers: Mapping[str, str] = {}
    body: bytes | None = None

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        # Headers and bodies hold credentials, and tracebacks with local variables print them.
        return [("method", self.method), ("path", self.path)]

    def __repr__(self) -> str:
        return f"<Request {self.method} {self.path}>"


class EndpointLimit(msgspec.Struct, frozen=True):
    """A rate limit that Cal.com puts on one operation instead of the general one, in requests per minute."""

    name: str
    limit: int


class CallContext(msgspec.Struct, frozen=True, kw_only=True):
    """How the client handles a call: retries, rate limit and priority. It travels next to the `Request`."""

    idempotent: bool = False
    """Whether sending the request twice has the same effect as sending it once; a property of the operation."""
    final_status: int = 0
    """A 5xx status that is not retried, because the server would return it again."""
    expects_redirect: bool = False
    """Whether a redirect is the expected response. The client never follows one."""
    endpoint_limit: EndpointLimit | None = None
    priority: int = 0
    timeout: float = inf
    """Timeout of each attempt, in seconds, if shorter than `Config.timeout`."""
    is_anonymous: bool = False
    """Whether the request carries no credentials, such as one that refreshes a token. It is counted by IP address."""

    # Set by the middleware on the way to the socket.
    call_id: int = 0
    """`ClientEvent.call_id`; 0 if no event of the call is passed on or logged."""
    attempt: int = 1
    time_left: float | None = None
    """Seconds left for this attempt, if less than `Config.timeout`."""


def fill(route: str, ids: Sequence[int | str]) -> str:
    """Put ids into the `{}` of a route, quoted so that none can change the path."""
    return route.format(*map(_path_part, ids)) if ids else route


def _path_part(value: int | str) -> str:
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise InvalidRequestError(f"an id in a path must be a number or a text; this one is {_kind(value)}")
    if value in {"", ".", ".."}:
        raise InvalidRequestError(f"an id in a path must be a number or a text, not {value!r}")
    return quote(_text(value, "an id in a path"), safe="")


class RepeatedParam(tuple[Any, ...]):
    """Values of a query parameter that is repeated, where the server accepts no comma-separated list."""

    __slots__ = ()


def query_string(params: Mapping[str, Any], where: str = "") -> str:
    """Write query parameters: None is omitted, sequences become comma-separated lists, times are written in UTC.

    Errors name a parameter by its Python keyword, or with `where` as an item of that mapping.
    """
    pairs = [
        (_text(name, "a name in the query"), _query_value(one, _keyword(name, where)))
        for name, value in params.items()
        if value is not None
        for one in (value if isinstance(value, RepeatedParam) else [value])
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
    """Return the text of a value; raise if it cannot be encoded."""
    try:
        text = str(value)
        text.encode()
    except UnicodeEncodeError:
        raise InvalidRequestError(f"{where} has a character that UTF-8 cannot encode") from None
    except ValueError:
        raise InvalidRequestError(f"{where} is a number with too many digits") from None
    return text


def _kind(value: Any) -> str:
    """Describe a value that cannot be sent, without showing it: it may be a secret."""
    return str(value) if isinstance(value, float) else f"of type {type(value).__name__}"


def _keyword(name: Any, where: str) -> str:
    """Return the name of an argument for an error: its Python keyword, or an item of the mapping `where`."""
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


SERIALIZED_LATER = (datetime, date, bytes, bytearray)
"""Types that `_serialize_datetimes` writes or rejects later."""


def encode(body: Any, where: str = "") -> bytes:
    """Write a body as JSON: omit what is not given, write times in UTC, reject naive ones.

    Raises `InvalidRequestError` for everything that JSON cannot represent, naming it by its keyword, or with `where` as
    an item of that mapping. No frame of its traceback contains the body.
    """
    body = Hidden(body)
    try:
        return msgspec.json.encode(
            _serialize_datetimes(
                msgspec.to_builtins(_without_nones(body.reveal()), builtin_types=SERIALIZED_LATER, enc_hook=_reveal), ""
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
    """Return the value without the model fields in which None means "not given"."""
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
            sent = copy(value)  # does not validate the fields again
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
    """Return the fields whose default is None, which means "not given"."""
    return frozenset(field.name for field in msgspec.structs.fields(kind) if field.default is None)


def _reveal(value: Any) -> Any:
    if isinstance(value, Hidden):
        return value.reveal()
    raise TypeError(f"it has a value {_kind(value)}")


def _serialize_datetimes(value: Any, where: str) -> Any:
    match value:
        case dict():
            return {name: _serialize_datetimes(item, where) for name, item in value.items()}
        case list() | tuple():
            return [_serialize_datetimes(item, where) for item in value]
        case datetime() | date():
            return timestamp(value, where)
        case bytes() | bytearray():
            raise InvalidRequestError(f"{where or 'the body'} cannot be sent as JSON: it is {_kind(value)}")
        case float() if not isfinite(value):
            raise InvalidRequestError(f"{where or 'the body'} cannot be sent as JSON: it is {_kind(value)}")
    return value


def _locate(value: Any, where: str) -> None:
    """Raise for the first part of a body that cannot be written, naming its place."""
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
            _serialize_datetimes(value, where)
        case _:
            try:
                msgspec.to_builtins(value, enc_hook=_reveal)
            except TypeError:
                raise InvalidRequestError(
                    f"{where or 'the body'} cannot be sent as JSON: it is {_kind(value)}"
                ) from None
