"""Send the requests of a suite to a server, and compare the responses with recorded ones."""

from __future__ import annotations

import http.client
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from time import sleep
from typing import Any
from urllib.parse import quote, urlsplit

from conformance.plan import CLIENT, PlannedRequest, Suite, start_values, today
from conformance.shapes import Difference, ServerResponse, differences

SENT_HEADERS = ("content-type", "etag", "location", "x-request-id")
SECONDS = 30
SECRETS = re.compile(r"^(apiKey|clientSecret|secret|accessToken|refreshToken|token)$")


def run(url: str, suite: Suite, options: Mapping[str, str]) -> dict[str, tuple[PlannedRequest, ServerResponse]]:
    """Send all requests of a suite; return those that repeat a recorded exchange, with their responses, by name.

    `options` are the first values, such as API keys. A request that needs one that is missing or empty is not sent.
    """
    server = _Server(url)
    values: dict[str, Any] = {**start_values(today()), **{name: value for name, value in options.items() if value}}
    responses = {}
    for step in suite.steps:
        try:
            path, body, headers = fill(step.path, values), fill(step.body, values), _credentials(step.key, values)
        except KeyError as missing:
            if step.recorded:
                responses[step.name] = step, ServerResponse(0, {}, f"not sent, there is no {missing}")
            continue
        if step.version:
            headers["cal-api-version"] = step.version
        response = server.send(step.method, path, body, headers)
        if step.recorded:
            responses[step.name] = step, response
        for name, place in step.save.items():
            if (value := _at(response.body, place)) is not None:
                values[name] = value
    return responses


def _credentials(key: str | None, values: Mapping[str, Any]) -> dict[str, str]:
    """Return the headers with the credentials of a request."""
    if key == CLIENT:
        return {"x-cal-client-id": values["client_id"], "x-cal-secret-key": values["client_secret"]}
    return {"Authorization": f"Bearer {values[key]}"} if key else {}


def fill(template: Any, values: Mapping[str, Any]) -> Any:
    """Replace `{name}` in all texts and names of fields; a text that is only a name becomes the value itself."""
    if isinstance(template, dict):
        return {fill(name, values): fill(value, values) for name, value in template.items()}
    if isinstance(template, list):
        return [fill(value, values) for value in template]
    if not isinstance(template, str):
        return template
    if template.startswith("{") and template.endswith("}") and template[1:-1].isidentifier():
        return values[template[1:-1]]
    return template.format_map(values)


def _at(body: Any, place: str) -> Any:
    """Return the value at a path such as `data.0.id`, or None."""
    for part in place.split("."):
        try:
            body = body[int(part) if part.isdigit() else part]
        except (KeyError, IndexError, TypeError):
            return None
    return body


class _Server:
    """Sends requests to one base URL, each on a connection of its own; waits when a rate limit is used up."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        self._address = parts.netloc
        self._prefix = parts.path.rstrip("/")
        self._waits: dict[str | None, int] = {}

    def send(self, method: str, path: str, body: Any, headers: dict[str, str]) -> ServerResponse:
        """Send a request, when the rate limit of its key allows it. Redirects are not followed."""
        key = headers.get("Authorization") or headers.get("x-cal-client-id")
        if key in self._waits:
            sleep(self._waits.pop(key))
        if body is not None:
            headers["Content-Type"] = "application/json"
        data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        connection = self._kind(self._address, timeout=SECONDS)
        try:
            connection.request(method, self._prefix + quote(path, safe="/?&=,[]%-_:"), data, headers)
            response = connection.getresponse()
            raw = response.read()
            sent = {name.lower(): value for name, value in response.getheaders()}
        finally:
            connection.close()
        if sent.get("x-ratelimit-remaining-default") == "0":
            self._waits[key] = int(sent["x-ratelimit-reset-default"])
        return ServerResponse(response.status, sent, _decoded(raw))


def _decoded(raw: bytes) -> Any:
    """Return a body as JSON if it is, or as text."""
    if not raw:
        return None
    try:
        return json.loads(raw)
    except ValueError:
        return raw.decode(errors="replace")


# --- recordings: a folder with a JSON file per exchange


def record(responses: Mapping[str, tuple[PlannedRequest, ServerResponse]], folder: Path) -> None:
    """Write the responses to a folder, without secrets."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, (step, response) in responses.items():
        if not response.status:
            continue
        headers = {k: v for k, v in response.headers.items() if k in SENT_HEADERS or k.startswith("x-ratelimit")}
        exchange = {
            "request": {"method": step.method, "path": "/v2" + step.path, "cal-api-version": step.version},
            "response": {"status": response.status, "headers": headers, "body": _without_secrets(response.body)},
        }
        (folder / f"{name}.json").write_text(json.dumps(exchange, indent=1), "utf-8")


def _without_secrets(value: Any) -> Any:
    """Return a JSON value with stars in place of keys, tokens and secrets."""
    if isinstance(value, dict):
        return {
            name: "***" if SECRETS.match(name) and isinstance(item, str) else _without_secrets(item)
            for name, item in value.items()
        }
    if isinstance(value, list):
        return [_without_secrets(item) for item in value]
    return re.sub(r"cal_\w+", "cal_***", value) if isinstance(value, str) else value


def load(folder: Path) -> dict[str, ServerResponse]:
    """Read the recorded responses of a folder by name."""
    responses = {}
    for file in sorted(folder.glob("*.json")):
        response = json.loads(file.read_bytes()).get("response")
        if response is not None:
            headers = {name.lower(): value for name, value in response["headers"].items()}
            responses[file.stem] = ServerResponse(response["status"], headers, response["body"])
    return responses


# --- the comparison


@dataclass
class Report:
    """The result: exchanges that are equal, differ with a reason, differ without one, and were not repeated."""

    equal: list[str]
    explained: dict[str, list[tuple[Difference, str]]]
    unexplained: dict[str, list[Difference]]
    not_repeated: dict[str, str]
    unknown: list[str]
    """Recorded exchanges for which there is neither a step nor a reason."""

    @property
    def is_explained(self) -> bool:
        """Whether there is a reason for everything that is not equal."""
        return not self.unexplained and not self.unknown

    def __str__(self) -> str:
        total = len(self.equal) + len(self.explained) + len(self.unexplained)
        lines = [f"{len(self.equal)} of {total} responses are as recorded, {len(self.explained)} differ with a reason"]
        lines += [f"{name}: {d} ({why})" for name, found in self.explained.items() for d, why in found]
        lines += [f"{name}: not sent: {why}" for name, why in self.not_repeated.items()]
        lines += [f"UNEXPLAINED {name}: {d}" for name, found in self.unexplained.items() for d in found]
        lines += [f"UNEXPLAINED {name}: no step repeats it" for name in self.unknown]
        return "\n".join(lines)


def compare(
    suite: Suite,
    recorded: Mapping[str, ServerResponse],
    responses: Mapping[str, tuple[PlannedRequest, ServerResponse]],
) -> Report:
    """Compare responses with the recorded ones of the same names."""
    report = Report([], {}, {}, {}, [])
    for name, expected in recorded.items():
        if name not in responses:
            if name in suite.not_repeated:
                report.not_repeated[name] = suite.not_repeated[name]
            else:
                report.unknown.append(name)
            continue
        found = differences(expected, responses[name][1])
        reasons = suite.differences.get(name, {})
        unexplained = [difference for difference in found if difference.where not in reasons]
        if unexplained:
            report.unexplained[name] = unexplained
        elif found:
            report.explained[name] = [(difference, reasons[difference.where]) for difference in found]
        else:
            report.equal.append(name)
    return report
