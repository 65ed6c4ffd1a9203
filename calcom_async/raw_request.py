"""Build a request for any path, for `Calcom.request`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

from calcom_async.config import is_header_value
from calcom_async.errors import InvalidRequestError, shown
from calcom_async.requests import Request, encode, query_string
from calcom_async.secret import Hidden
from calcom_async.versions import ApiVersions

PATH = re.compile(r"(?:[\w.~!$&'()*+,;=:@/-]|%[0-9A-Fa-f]{2})+", re.ASCII)
WORD = re.compile(r"[a-z][a-z-]*\d{0,3}")


def build_raw_request(
    method: str,
    path: str,
    *,
    query: Mapping[str, Any] | None,
    body: Hidden[Any],
    versions: ApiVersions,
    version: str | None,
) -> Request:
    """Build a request. Raises `InvalidRequestError` for an invalid path or method."""
    if not (isinstance(method, str) and method.isascii() and method.isalpha()):
        raise InvalidRequestError(f"method must be a word such as GET, not {shown(method)}")
    method = method.upper()
    if not isinstance(query, Mapping | None):
        raise InvalidRequestError(f"query must be a mapping, not {type(query).__name__}")
    if version is not None and not is_header_value(version):
        raise InvalidRequestError(f"version must be a text such as 2024-08-13, not {shown(version)}")
    path = _below_base(path)
    version = version or versions.for_path(method, path)
    return Request(
        method=method,
        route=_route(path),
        path=path,
        query=query_string(query or {}, "query"),
        headers={"cal-api-version": version} if version else {},
        body=None if body.reveal() is None else encode(body, "body"),
    )


def _below_base(path: str) -> str:
    """Return the path below the base URL; reject paths that could lead elsewhere."""
    if not isinstance(path, str):
        raise InvalidRequestError(f"path must be a text (str) such as /v2/me, not {type(path).__name__}")
    path = path.removeprefix("/v2") if path.startswith("/v2/") else path
    first, *parts = path.split("/")
    # The URL library resolves "..", also if it is written %2e%2e. The key would then go to a path outside of the API.
    leads_away = first or not parts or any(unquote(part) in {"", ".", ".."} for part in parts)
    if leads_away or not PATH.fullmatch(path):
        raise InvalidRequestError(f"a path must look like /v2/bookings/{{uid}}, without a query; got {path!r}")
    return path


def _route(path: str) -> str:
    """Return the route for events: segments that are no words of the API count as ids."""
    return re.sub(r"[^/]+", lambda part: part[0] if WORD.fullmatch(part[0]) else "{}", path)


def is_read(request: Request) -> bool:
    """Return whether a request only reads. The GETs that complete an OAuth consent do not."""
    # A code of a consent works once: a retry would fail, although the first request has succeeded.
    return request.method in {"GET", "HEAD"} and not request.path.endswith(("/save", "/callback"))
