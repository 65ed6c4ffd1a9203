"""Request bodies as Express reads them, with the complaints of its JSON parser."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qsl

import msgspec

from .query import parse_query

_NAMELESS = "Expecting property name enclosed in double quotes"

#: Python's JSON complaints and how V8 words them; `{at}` is the position.
_V8 = {
    _NAMELESS: "Expected double-quoted property name in JSON at position {at}",
    "Expecting ',' delimiter": "Expected ',' or '}}' after property value in JSON at position {at}",
    "Expecting ':' delimiter": "Expected ':' after property name in JSON at position {at}",
    "Extra data": "Unexpected non-whitespace character after JSON at position {at}",
    "Unterminated string starting at": "Unterminated string in JSON at position {end}",
}


class BodyError(ValueError):
    """The body claims to be JSON and is not."""


def parse_body(raw: bytes, content_type: str) -> dict[str, Any]:
    """The JSON object of a body; empty for no body, another content type or an array."""
    if not raw or not content_type.endswith(("/json", "+json")):
        return {}
    try:
        body = msgspec.json.decode(raw)
    except msgspec.DecodeError:
        raise BodyError(_complaint(raw)) from None
    if isinstance(body, (dict, list)):
        return body if isinstance(body, dict) else {}
    text = raw.decode(errors="replace").lstrip()
    raise BodyError(_unexpected(text, 0))


def parse_form(raw: bytes) -> dict[str, Any]:
    """A form-encoded body; only the OAuth2 token endpoint reads one."""
    return parse_query(parse_qsl(raw.decode(errors="replace"), keep_blank_values=True))


def _complaint(raw: bytes) -> str:
    text = raw.decode(errors="replace")
    try:
        json.loads(text)
    except json.JSONDecodeError as error:
        if error.msg in _V8 and (error.pos < len(text) or error.msg == _NAMELESS):
            return _V8[error.msg].format(at=error.pos, end=len(text))
        return _unexpected(text, error.pos)
    return "Bad control character in string literal in JSON"


def _unexpected(text: str, at: int) -> str:
    if at >= len(text):
        return "Unexpected end of JSON input"
    around = text if len(text) <= 20 else f"...{text[max(0, at - 10) : at + 10]}..."
    return f"Unexpected token '{text[at]}', \"{around}\" is not valid JSON"
