"""Parse JSON from the network as plain objects, also if it contains values that are not valid JSON. No I/O."""

from __future__ import annotations

import json
from math import isfinite
from typing import Any

import msgspec

MOST_DIGITS = 4300
"""The longest integer that msgspec and Python's `int` read."""


class NotJsonError(ValueError):
    """The bytes are not JSON, or are nested too deeply. The message quotes nothing of them."""


def parse(body: bytes) -> Any:
    """Parse JSON. Numbers out of range become None; bytes that are no UTF-8 and lone surrogates become U+FFFD."""
    try:
        return msgspec.json.decode(body)
    except RecursionError:
        raise NotJsonError(TOO_DEEP) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        reason = str(error)
    # msgspec rejects the whole text for one such value. The module json reads it, more slowly.
    try:
        text = body.decode("utf-8", "replace")
        return _clean(json.loads(text, parse_int=_integer, parse_float=_float, parse_constant=lambda _: None))
    except RecursionError:
        reason = TOO_DEEP
    except ValueError:
        pass
    # Raised here, because the exceptions above hold the text, and it may hold a token.
    raise NotJsonError(reason)


TOO_DEEP = "nested too deeply"


def _integer(digits: str) -> int | None:
    # `int` raises for longer ones, because its time grows with the square of the length.
    return int(digits) if len(digits) <= MOST_DIGITS else None


def _float(text: str) -> float | None:
    number = float(text)
    return number if isfinite(number) else None


def _clean(value: Any) -> Any:
    """Replace lone surrogates: text that has one can be neither encoded nor printed."""
    match value:
        # UTF-16 joins the two halves of a surrogate pair, which are one letter, and replaces only lone ones.
        case str():
            return value if value.isascii() else value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        case list():
            return [_clean(item) for item in value]
        case dict():
            return {_clean(name): _clean(item) for name, item in value.items()}
    return value
