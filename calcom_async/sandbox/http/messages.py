"""HTTP requests and responses as values: reading them from aiohttp, and writing them."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha1
from typing import Any
from urllib.parse import parse_qsl

import msgspec
from aiohttp import web

from calcom_async.sandbox.http.faults import Fault

#: The default of Express: 102,400 bytes pass, one more is a 413 (recorded).
BODY_LIMIT = 102_400
JSON = "application/json; charset=utf-8"

#: Headers that helmet and the CORS middleware add to every response.
STANDARD_HEADERS = {
    "Access-Control-Allow-Origin": "*",
    "Content-Security-Policy": "default-src 'self'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Origin-Agent-Cluster": "?1",
    "Referrer-Policy": "no-referrer",
    "Strict-Transport-Security": "max-age=31536000; includeSubDomains",
    "X-Content-Type-Options": "nosniff",
    "X-DNS-Prefetch-Control": "off",
    "X-Download-Options": "noopen",
    "X-Frame-Options": "SAMEORIGIN",
    "X-Permitted-Cross-Domain-Policies": "none",
    "X-XSS-Protection": "0",
}
PREFLIGHT_HEADERS = {
    "Access-Control-Allow-Methods": "GET,PATCH,DELETE,HEAD,POST,PUT,OPTIONS",
    "Access-Control-Allow-Headers": "x-cal-client-id,x-cal-secret-key,x-cal-platform-embed,cal-api-version,Accept,"
    "Authorization,Content-Type,Origin",
    "Access-Control-Max-Age": "86400",
}


@dataclass(slots=True)
class HttpRequest:
    """An HTTP request with its body. `raw` is None if the body was too large; `fault` describes an unreadable one."""

    method: str
    path: str
    query_string: str
    headers: Mapping[str, str]
    raw: bytes | None
    ip: str
    fault: str = ""

    @property
    def url(self) -> str:
        """The path with the query string."""
        return f"{self.path}?{self.query_string}" if self.query_string else self.path

    @property
    def query(self) -> list[tuple[str, str]]:
        """The query parameters in order, blank ones included."""
        return parse_qsl(self.query_string, keep_blank_values=True)

    @property
    def content_type(self) -> str:
        """The media type in lower case, without parameters."""
        return self.headers.get("Content-Type", "").partition(";")[0].strip().lower()

    @property
    def charset(self) -> str:
        """The charset of the content type in lower case; UTF-8 if it has none."""
        found = re.search(r";\s*charset=\"?([^\s;\"]+)", self.headers.get("Content-Type", ""), re.IGNORECASE)
        return found[1].lower() if found else "utf-8"


@dataclass(slots=True)
class HttpResponse:
    """An HTTP response, before it is written to a socket."""

    status: int
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    content_type: str = JSON


# --- reading and writing -------------------------------------------------------------------------------------------


async def read_request(request: web.BaseRequest, *, body_limit: int = BODY_LIMIT) -> HttpRequest:
    """Read a request with its body from a connection."""
    raw_path, _, query = request.raw_path.partition("?")
    body, fault = await _body(request, body_limit)
    return HttpRequest(
        request.method, _rewritten(raw_path), query, request.headers, body, request.remote or "local", fault
    )


async def _body(request: web.BaseRequest, limit: int) -> tuple[bytes | None, str]:
    """Return the body, or None if it is too large, and what is wrong with it. Decompression stops at the limit."""
    if (request.content_length or 0) > limit:
        return None, ""
    body = bytearray()
    try:
        while len(body) <= limit and (part := await request.content.readany()):
            body += part
    except web.RequestPayloadError:
        return b"", "incorrect header check"
    return (bytes(body), "") if len(body) <= limit else (None, "")


def _rewritten(path: str) -> str:
    """Return the path in its standard form; self-hosted servers accept these variants, and proxies send whole URLs."""
    path = re.sub(r"^https?://[^/]*", "", path, flags=re.IGNORECASE) or "/"
    for wrong, right in (("/api/v2/", "/v2/"), ("/v2/ee/", "/v2/")):
        if path.startswith(wrong):
            path = right + path.removeprefix(wrong)
    return path.replace("reccuring", "recurring")


def json_response(status: int, body: object) -> HttpResponse:
    """Return a response with this JSON body."""
    return HttpResponse(status, msgspec.json.encode(body))


def encode_body(body: object) -> bytes:
    """Return a body as bytes: None is empty, text and bytes stay, other values become JSON."""
    if body is None:
        return b""
    if isinstance(body, bytes):
        return body
    return body.encode() if isinstance(body, str) else msgspec.json.encode(body)


def decode_body(body: bytes | None) -> Any:
    """Return the body as JSON if possible, or as text; None if there was no body."""
    if not body:
        return None
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return body.decode(errors="replace")


def etag(body: bytes) -> str:
    """Return the weak ETag of Express: length in hex and SHA-1."""
    digest = b64encode(sha1(body, usedforsecurity=False).digest()).decode().rstrip("=")
    return f'W/"{len(body):x}-{digest}"'


async def send_response(request: web.BaseRequest, response: HttpResponse, fault: Fault | None) -> web.StreamResponse:
    """Write a response to the connection, or cut it off as the fault demands."""
    headers = STANDARD_HEADERS | response.headers
    if response.body:
        headers["Content-Type"] = response.content_type
    if request.keep_alive:
        headers |= {"Connection": "keep-alive", "Keep-Alive": "timeout=5"}
    if fault is not None and fault.cut is not None:
        _close_connection(request)
        return web.Response(status=500)
    # aiohttp has no reason phrase for 498; the real server sends "unknown".
    reason = "unknown" if response.status == 498 else None
    if fault is not None and fault.truncated:
        return await _send_half(request, response, headers)
    return await finish(
        request, web.Response(status=response.status, body=response.body, headers=headers, reason=reason)
    )


async def finish(request: web.BaseRequest, sent: web.Response) -> web.Response:
    """Send a response at once and close the connection, if the rest of the body of the request must not be read."""
    if sent.status >= 400 and "Content-Encoding" in request.headers:
        # aiohttp would decompress and discard the rest of the body, which may be a million times its size.
        sent.headers["Connection"] = "close"
        await sent.prepare(request)
        await sent.write_eof()
        request.protocol.force_close()
    return sent


async def _send_half(request: web.BaseRequest, response: HttpResponse, headers: dict[str, str]) -> web.StreamResponse:
    """Announce the whole body, send half of it, close the connection."""
    stream = web.StreamResponse(status=response.status, headers=headers)
    stream.content_length = len(response.body)
    await stream.prepare(request)
    await stream.write(response.body[: len(response.body) // 2])
    _close_connection(request, graceful=True)
    return stream


def _close_connection(request: web.BaseRequest, *, graceful: bool = False) -> None:
    """Close the connection: at once with a reset, or `graceful` after what is written."""
    if request.transport is not None:
        request.transport.close() if graceful else request.transport.abort()
