"""Request bodies as Express parses them, with the messages of its JSON parser."""

from __future__ import annotations

import codecs
import json
import re
from typing import Any
from urllib.parse import parse_qsl

import msgspec

from calcom_async.sandbox.http.errors import HttpError, bad_request, database, no_envelope
from calcom_async.sandbox.http.query_string import parse_query

_NAMELESS = "Expecting property name enclosed in double quotes"

#: Messages of Python's JSON parser and of V8; `{at}` is the position.
_V8 = {
    _NAMELESS: "Expected double-quoted property name in JSON at position {at}",
    "Expecting ',' delimiter": "Expected ',' or '}}' after property value in JSON at position {at}",
    "Expecting ':' delimiter": "Expected ':' after property name in JSON at position {at}",
    "Extra data": "Unexpected non-whitespace character after JSON at position {at}",
    "Unterminated string starting at": "Unterminated string in JSON at position {end}",
}


#: Maximum nesting of a body: handlers and the JSON encoder recurse through it.
MAX_DEPTH = 100
TOO_DEEP = f"JSON is nested deeper than {MAX_DEPTH} levels"


_SURROGATE = re.compile("[\ud800-\udfff]")


def parse_body(raw: bytes, content_type: str, charset: str = "utf-8") -> dict[str, Any] | list[Any]:
    """Return the JSON object or array of a body; an empty object for no body and for another content type.

    Raises an `HttpError` for a body that is declared as JSON, and is invalid, nested too deeply or cannot be stored.
    """
    # Text, forms and other kinds of JSON count as an empty body, so the response is the 400 that lists every required
    # field.
    if not raw or content_type != "application/json":
        return {}
    _check_charset(charset)
    text = raw.decode(charset, errors="replace").removeprefix("\ufeff")
    try:
        body = _DECODER.decode(raw.decode(charset).removeprefix("\ufeff"))
    except RecursionError:
        raise bad_request(TOO_DEEP) from None
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise _parse_error(text) from None
    if _is_deep(body):
        raise bad_request(TOO_DEEP)
    if isinstance(body, (dict, list)):
        return body
    raise bad_request(_unexpected(text.lstrip(), 0))


def _check_charset(charset: str) -> None:
    """Raise a 415 for all charsets but those of Unicode."""
    try:
        known = charset.startswith("utf-") and bool(codecs.lookup(charset))
    except LookupError:
        known = False
    if not known:
        raise no_envelope(415, f'unsupported charset "{charset.upper()}"')


def _number(text: str) -> int | float:
    """Return a number as JavaScript reads it: 30.0 and 3e1 are 30."""
    number = float(text)
    return int(number) if number.is_integer() else number


_DECODER = msgspec.json.Decoder(float_hook=_number)


def parse_form(raw: bytes) -> dict[str, Any]:
    """Return a form-encoded body; only the OAuth2 token endpoint accepts one."""
    return parse_query(parse_qsl(raw.decode(errors="replace"), keep_blank_values=True))


def _is_deep(value: Any) -> bool:
    """Return whether a value is nested deeper than `MAX_DEPTH`, level by level and so without recursion."""
    level = [value]
    for _ in range(MAX_DEPTH):
        parts = [item.values() if isinstance(item, dict) else item for item in level if isinstance(item, (dict, list))]
        level = [item for part in parts for item in part]
        if not level:
            return False
    return True


def _parse_error(text: str) -> HttpError:
    """Return the error for an invalid body, with the message of V8's JSON parser."""
    try:
        body = json.loads(text)
    except RecursionError:
        return bad_request(TOO_DEEP)
    except json.JSONDecodeError as error:
        if error.msg in _V8 and (error.pos < len(text) or error.msg == _NAMELESS):
            return bad_request(_V8[error.msg].format(at=error.pos, end=len(text)))
        return bad_request(_unexpected(text, error.pos))
    if _SURROGATE.search(json.dumps(body, ensure_ascii=False)):
        # JavaScript parses half of a surrogate pair, and the database rejects it. The real server finds that out later,
        # after the checks of the body.
        return database(500)
    return bad_request("Bad control character in string literal in JSON")


def _unexpected(text: str, at: int) -> str:
    """Return V8's message for an unexpected token, with up to 20 characters around it."""
    if at >= len(text):
        return "Unexpected end of JSON input"
    around = text if len(text) <= 20 else f"...{text[max(0, at - 10) : at + 10]}..."
    return f"Unexpected token '{text[at]}', \"{around}\" is not valid JSON"
