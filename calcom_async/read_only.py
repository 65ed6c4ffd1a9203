"""Reject requests that may change data, for `Config.read_only`."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import parse_qsl, urlencode

import msgspec

from calcom_async.errors import ReadOnlyError
from calcom_async.raw_request import is_read
from calcom_async.requests import CallContext, Request
from calcom_async.responses import Response, Send

SECRET_NAME = re.compile("secret|password|token|credential|api_?key|private_?key", re.IGNORECASE)


def read_only(send: Send) -> Send:
    """Send requests that only read. Raise `ReadOnlyError` for the others."""

    async def send_read(request: Request, context: CallContext) -> Response:
        """Send a request if it only reads."""
        if is_read(request):
            return await send(request, context)
        body = None if request.body is None else without_secrets(msgspec.json.decode(request.body))
        query = without_secrets(dict(parse_qsl(request.query, keep_blank_values=True)))
        raise ReadOnlyError(
            f"{request.method} {request.path} was not sent: the client is read-only",
            method=request.method,
            path=f"{request.path}?{urlencode(query)}" if query else request.path,
            body=body,
        )

    return send_read


def without_secrets(value: Any) -> Any:
    """Return decoded JSON with `***` in place of fields that hold secrets, judged by their names."""
    if isinstance(value, list):
        return [without_secrets(item) for item in value]
    if isinstance(value, dict):
        return {
            name: "***" if SECRET_NAME.search(name) and inner is not None else without_secrets(inner)
            for name, inner in value.items()
        }
    return value
