"""Cursors: opaque texts from which the next call with the same arguments continues."""

from __future__ import annotations

import base64
import binascii
import hashlib
from typing import Any

import msgspec

from calcom_async.errors import InvalidRequestError

MAX_POSITION = 1_000_000


class _Position(msgspec.Struct, array_like=True, forbid_unknown_fields=True):
    skip: int
    check: str


def seal_cursor(skip: int, *arguments: Any) -> str:
    """Return the cursor to the rows after the first `skip` ones of a call with these arguments."""
    content = msgspec.json.encode(_Position(skip, _check(arguments)))
    return base64.urlsafe_b64encode(content).decode().rstrip("=")


def open_cursor(cursor: str | None, *arguments: Any) -> int:
    """Return how many rows to skip. Raises `InvalidRequestError` for a cursor of a call with other arguments."""
    if cursor is None:
        return 0
    try:
        content = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        position = msgspec.json.decode(content, type=_Position)
    except (binascii.Error, ValueError):
        position = None
    if position is None or position.check != _check(arguments) or not 0 < position.skip <= MAX_POSITION:
        raise InvalidRequestError(
            "cursor does not belong to this call. Repeat the call that returned it with its other arguments unchanged, "
            "or call without cursor to start over"
        )
    return position.skip


def _check(arguments: Any) -> str:
    return hashlib.sha256(repr(arguments).encode("utf-8", "replace")).hexdigest()[:12]
