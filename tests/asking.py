"""A plain way to ask a sandbox over HTTP, so that its tests need neither the client nor an event loop."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from patience import PATIENCE

from calcom_async.sandbox import Sandbox


@dataclass(frozen=True, slots=True)
class Answer:
    """A status and a decoded body."""

    status: int
    body: Any
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def data(self) -> Any:
        assert self.status < 300, self.body
        return self.body["data"]

    @property
    def message(self) -> str:
        assert self.status >= 400, self.body
        return self.body.get("error", self.body)["message"]

    @property
    def refusal(self) -> tuple[int, str]:
        return self.status, self.message

    @property
    def constraints(self) -> dict[str, dict[str, str]]:
        """The constraints of a validation error by property, nested ones joined by dots."""
        return dict(_constraints(self.body["error"]["details"]["errors"], ""))


def _constraints(errors: list[dict[str, Any]], prefix: str) -> Any:
    for error in errors:
        name = prefix + error["property"]
        if "constraints" in error:
            yield name, error["constraints"]
        yield from _constraints(error["children"], f"{name}.")


@dataclass(slots=True)
class Api:
    """Asks as the holder of a key; `as_user("bo")` is somebody else, `as_user(None)` nobody."""

    sandbox: Sandbox
    version: str = ""
    key: str | None = "cal_sandbox"

    def as_user(self, name: str | None) -> Api:
        keys = {"ana": "cal_sandbox", "bo": "cal_sandbox_bo", "cy": "cal_sandbox_cy"}
        return Api(self.sandbox, self.version, keys[name] if name else None)

    def __call__(self, method: str, path: str, body: Any = None) -> Answer:
        connection = http.client.HTTPConnection(urlsplit(self.sandbox.url).netloc, timeout=PATIENCE)
        headers = {"Content-Type": "application/json", "cal-api-version": self.version}
        if self.key is not None:
            headers["Authorization"] = f"Bearer {self.key}"
        try:
            connection.request(method, path, None if body is None else json.dumps(body), headers)
            response = connection.getresponse()
            raw = response.read()
            return Answer(response.status, json.loads(raw) if raw else None, dict(response.headers))
        finally:
            connection.close()

    def get(self, path: str) -> Answer:
        return self("GET", path)

    def post(self, path: str, body: Any = None) -> Answer:
        return self("POST", path, body)

    def patch(self, path: str, body: Any) -> Answer:
        return self("PATCH", path, body)

    def delete(self, path: str) -> Answer:
        return self("DELETE", path)


@contextmanager
def asking(version: str = "", **options: Any) -> Iterator[Api]:
    """A fresh sandbox to ask; in the end no handler may have failed."""
    with Sandbox(**options) as sandbox:
        yield Api(sandbox, version)
        assert sandbox.failures == []


def recorded(shared: Path, name: str) -> Any:
    """The body of a recorded answer; `name` is its path below `reference/real` without `.json`."""
    return json.loads((shared / "reference" / "real" / f"{name}.json").read_text())["response"]["body"]
