"""Ask a sandbox over a real socket, without a client library and without an event loop."""

from __future__ import annotations

import http.client
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from patience import PATIENCE

from calcom_async.sandbox import Sandbox


@dataclass(frozen=True)
class Reply:
    status: int
    reason: str
    headers: Mapping[str, str]
    content: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.content)

    @property
    def data(self) -> Any:
        assert self.status < 300, self.content
        return self.json["data"]

    @property
    def message(self) -> str:
        return self.json["error"]["message"]

    @property
    def rate(self) -> dict[str, int]:
        """The rate-limit headers, without their common beginning."""
        return {
            name.removeprefix("X-RateLimit-"): int(value)
            for name, value in self.headers.items()
            if name.startswith("X-RateLimit-")
        }


def ask(
    sandbox: Sandbox,
    method: str,
    path: str,
    body: Any = None,
    *,
    key: str | None = "cal_sandbox",
    version: str | None = None,
    headers: Mapping[str, str] | None = None,
) -> Reply:
    """Send one request; dicts and lists go as JSON, bytes as they are."""
    sent = {"Authorization": f"Bearer {key}"} if key else {}
    if version:
        sent["cal-api-version"] = version
    if body is not None and not isinstance(body, bytes):
        sent["Content-Type"] = "application/json"
        body = json.dumps(body).encode()
    connection = http.client.HTTPConnection(urlsplit(sandbox.url).netloc, timeout=PATIENCE)
    try:
        connection.request(method, path, body=body, headers=sent | dict(headers or {}))
        answer = connection.getresponse()
        return Reply(answer.status, answer.reason, dict(answer.headers.items()), answer.read())
    finally:
        connection.close()
