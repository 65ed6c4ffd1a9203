"""A small synchronous HTTP client for the tests of the sandbox: they need neither the SDK nor an event loop."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from timeouts import TIMEOUT

from calcom_async.sandbox import Sandbox
from calcom_async.sandbox.http.routing import RouteTable
from calcom_async.sandbox.http.server_kind import SERVER_KINDS
from calcom_async.sandbox.sandbox import ROUTES

HOSTED_ROUTES = RouteTable(ROUTES)


@dataclass(frozen=True, slots=True)
class ApiResponse:
    """A response of the sandbox."""

    status: int
    reason: str
    headers: Mapping[str, str]
    content: bytes

    @property
    def body(self) -> Any:
        """The decoded body, None if it is empty."""
        return json.loads(self.content) if self.content else None

    @property
    def data(self) -> Any:
        assert self.status < 300, self.content
        return self.body["data"]

    @property
    def message(self) -> str:
        assert self.status >= 400, self.content
        return self.body.get("error", self.body)["message"]

    @property
    def error(self) -> tuple[int, str]:
        """Status and message of an error."""
        return self.status, self.message

    @property
    def constraints(self) -> dict[str, dict[str, str]]:
        """The constraints of a validation error by property; nested names are joined by dots."""
        return dict(_constraints(self.body["error"]["details"]["errors"], ""))

    @property
    def rate_limit(self) -> dict[str, int]:
        """The rate limit headers, without their common prefix."""
        return {
            name.removeprefix("X-RateLimit-"): int(value)
            for name, value in self.headers.items()
            if name.startswith("X-RateLimit-")
        }


def _constraints(errors: list[dict[str, Any]], prefix: str) -> Any:
    """Yield each property with its constraints, nested properties included."""
    for error in errors:
        name = prefix + error["property"]
        if "constraints" in error:
            yield name, error["constraints"]
        yield from _constraints(error["children"], f"{name}.")


def send_request(
    sandbox: Sandbox,
    method: str,
    path: str,
    body: Any = None,
    *,
    key: str | None = "cal_sandbox",
    version: str | None = None,
    headers: Mapping[str, str] | None = None,
) -> ApiResponse:
    """Send one request on a connection of its own. Bytes are sent unchanged, other bodies as JSON."""
    sent = {"Authorization": f"Bearer {key}"} if key else {}
    if version is not None:
        sent["cal-api-version"] = version
    if body is not None and not isinstance(body, bytes):
        sent["Content-Type"] = "application/json"
        body = json.dumps(body).encode()
    connection = http.client.HTTPConnection(urlsplit(sandbox.url).netloc, timeout=TIMEOUT)
    try:
        connection.request(method, path, body=body, headers=sent | dict(headers or {}))
        response = connection.getresponse()
        content = response.read()
    finally:
        connection.close()
    if response.status == 404:
        skip_missing_route(sandbox, method, path.partition("?")[0], version)
    return ApiResponse(response.status, response.reason, dict(response.headers.items()), content)


def skip_missing_route(sandbox: Sandbox, method: str, path: str, version: str | None) -> None:
    """Skip a test that runs once per kind of server if this kind does not have the route."""
    hosted, kind = SERVER_KINDS["hosted"], sandbox.context.server
    if kind is not SERVER_KINDS[Sandbox.__init__.__kwdefaults__["server"]]:
        return  # the test chose the kind, and expects the 404
    match = HOSTED_ROUTES.find(method, path, hosted.version(version))
    if match is not None and not kind.has(method, match[0].path, match[0].versions):
        pytest.skip(f"this server has no {method} {match[0].path}")


@dataclass(slots=True)
class ApiClient:
    """A client with one API key and one API version."""

    sandbox: Sandbox
    version: str = ""
    key: str | None = "cal_sandbox"

    def as_user(self, name: str | None) -> ApiClient:
        """Return a client with the key of another user, or without a key."""
        keys = {"ana": "cal_sandbox", "bo": "cal_sandbox_bo", "cy": "cal_sandbox_cy"}
        return ApiClient(self.sandbox, self.version, keys[name] if name else None)

    def __call__(self, method: str, path: str, body: Any = None) -> ApiResponse:
        return send_request(self.sandbox, method, path, body, key=self.key, version=self.version)

    def get(self, path: str) -> ApiResponse:
        return self("GET", path)

    def post(self, path: str, body: Any = None) -> ApiResponse:
        return self("POST", path, body)

    def patch(self, path: str, body: Any) -> ApiResponse:
        return self("PATCH", path, body)

    def delete(self, path: str) -> ApiResponse:
        return self("DELETE", path)


@contextmanager
def sandbox_client(version: str = "", **options: Any) -> Iterator[ApiClient]:
    """Run a fresh sandbox and yield a client for it. Fail if a handler of the sandbox failed."""
    with Sandbox(**options) as sandbox:
        yield ApiClient(sandbox, version)
        assert sandbox.handler_errors == []


def recorded_body(shared: Path, name: str) -> Any:
    """Return the body of a recorded response; `name` is its path below `reference/real` without `.json`."""
    return json.loads((shared / "reference" / "real" / f"{name}.json").read_text())["response"]["body"]
