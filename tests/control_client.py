"""A client of the control API of a sandbox, with and without a socket."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from typing import Any

from calcom_async.sandbox import Sandbox
from calcom_async.sandbox.control.api import ControlApi
from calcom_async.sandbox.http.messages import HttpRequest


@dataclass
class ControlResponse:
    """The status and the decoded body of a response."""

    status: int
    body: Any


class ControlClient:
    """Sends requests to the control API of a sandbox without a socket."""

    def __init__(self, sandbox: Sandbox, **options: Any) -> None:
        self.api = ControlApi(sandbox, self._unexpected, **options)

    async def _unexpected(self, request: object) -> Any:
        raise AssertionError(request)

    def send(self, method: str, path: str, body: Any = None, **headers: str) -> ControlResponse:
        """Send a request; `body` may be bytes."""
        return asyncio.run(self.send_async(method, path, body, **headers))

    async def send_async(self, method: str, path: str, body: Any = None, **headers: str) -> ControlResponse:
        """Send a request from a running event loop."""
        url, _, query = path.partition("?")
        raw = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        sent = {"Host": "127.0.0.1:8765", **{name.replace("_", "-"): value for name, value in headers.items()}}
        response = await self.api.respond(HttpRequest(method, f"/_sandbox{url}", query, sent, raw, "ip"))
        return ControlResponse(response.status, json.loads(response.body) if response.body else None)

    def get(self, path: str) -> Any:
        """Return the body of a successful GET."""
        response = self.send("GET", path)
        assert response.status == 200, response
        return response.body
