"""Request bodies as Express parses them, with the messages of its JSON parser."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qsl

import msgspec

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


class BodyError(ValueError):
    """The body is declared as JSON, and is invalid or nested too deeply."""


def parse_body(raw: bytes, content_type: str) -> dict[str, Any] | list[Any]:
    """Return the JSON object or array of a body; an empty object for no body and for another content type."""
    # Text and forms count as an empty body, so the response is the 400 that lists every required field.
    if not raw or not content_type.endswith(("/json", "+json")):
        return {}
    try:
        body = msgspec.json.decode(raw)
    except RecursionError:
        raise BodyError(TOO_DEEP) from None
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise BodyError(_parse_error(raw)) from None
    if _is_deep(body):
        raise BodyError(TOO_DEEP)
    if isinstance(body, (dict, list)):
        return body
    text = raw.decode(errors="replace").lstrip()
    raise BodyError(_unexpected(text, 0))


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


def _parse_error(raw: bytes) -> str:
    """Return the message of V8's JSON parser for an invalid body."""
    text = raw.decode(errors="replace")
    try:
        json.loads(text)
    except RecursionError:
        return TOO_DEEP
    except json.JSONDecodeError as error:
        if error.msg in _V8 and (error.pos < len(text) or error.msg == _NAMELESS):
            return _V8[error.msg].format(at=error.pos, end=len(text))
        return _unexpected(text, error.pos)
    return "Bad control character in string literal in JSON"


def _unexpected(text: str, at: int) -> str:
    """Return V8's message for an unexpected token, with up to 20 characters around it."""
    if at >= len(text):
        return "Unexpected end of JSON input"
    around = text if len(text) <= 20 else f"...{text[max(0, at - 10) : at + 10]}..."
    return f"Unexpected token '{text[at]}', \"{around}\" is not valid JSON"
