"""Responses of any operation, for a model: without secrets and control characters, bounded, with local times."""

from __future__ import annotations

import re
from datetime import datetime, tzinfo
from typing import Any

import msgspec

from calcom_async import models
from calcom_async.mcp.times import local, utc
from calcom_async.mcp.untrusted import clean
from calcom_async.mcp.views import MAX_ROWS
from calcom_async.models._base import SecretModel
from calcom_async.read_only import SECRET_NAME

MASKED = "[masked: a secret]"
MAX_DEPTH = 20
MAX_RAW_TEXT = 1_000
MAX_SIZE = 40_000
"""Longest result, in characters."""
COMMON_NAMES = {"url", "identifier"}
"""Names that are secrets in one model only. The operations that return it are refused."""


def _secret_names() -> frozenset[str]:
    """Return the names of the members that the models treat as secrets."""
    kinds = [getattr(models, name) for name in dir(models)]
    names = set[str]()
    for kind in kinds:
        if isinstance(kind, type) and issubclass(kind, SecretModel):
            wire_names = dict(zip(kind.__struct_fields__, kind.__struct_encode_fields__, strict=True))
            names |= {wire_names[field] for field in kind.secret_fields}
    return frozenset(names - COMMON_NAMES)


SECRET_NAMES = _secret_names()
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,6})?)?(Z|[+-]\d\d:\d\d)", re.ASCII)


def raw_view(response: Any, zone: tzinfo) -> Any:
    """Return a decoded response as a model may see it. Of one that is too long, return a text that says so."""
    view = _view(response, zone, MAX_DEPTH)
    size = len(msgspec.json.encode(view))
    if size > MAX_SIZE:
        return (
            f"The response has {size:,} characters, more than {MAX_SIZE:,}. If it is a list, pass a smaller take in "
            "query, or read one row by its id."
        )
    return view


def _view(value: Any, zone: tzinfo, depth: int) -> Any:
    if not depth:
        return "[nested too deeply]"
    match value:
        case str():
            return _text(value, zone)
        case list():
            rows = [_view(item, zone, depth - 1) for item in value[:MAX_ROWS]]
            return [*rows, f"[{len(value) - MAX_ROWS} more]"] if len(value) > MAX_ROWS else rows
        case dict():
            return {clean(name, 100): _member(name, item, zone, depth) for name, item in value.items()}
    return value


def _member(name: str, value: Any, zone: tzinfo, depth: int) -> Any:
    looks_secret = SECRET_NAME.search(name) and not isinstance(value, int)  # a count of tokens is none
    if value and value is not True and (name in SECRET_NAMES or looks_secret):
        return MASKED
    return _view(value, zone, depth - 1)


def _text(text: str, zone: tzinfo) -> str:
    if TIME.fullmatch(text):
        try:
            moment = datetime.fromisoformat(text)
            return f"{utc(moment)} = {local(moment, zone)}"
        except (ValueError, OverflowError):
            pass
    return clean(text, MAX_RAW_TEXT)
