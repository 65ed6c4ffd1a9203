"""What of a response must be the same on every server, and how two responses differ."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple


class ServerResponse(NamedTuple):
    """A response: its status, its headers by lower-case name, and its decoded body (text if it is not JSON)."""

    status: int
    headers: Mapping[str, str]
    body: Any


class Difference(NamedTuple):
    """One place where two responses differ."""

    where: str
    recorded: str
    actual: str

    def __str__(self) -> str:
        return f"{self.where}: {self.recorded} / {self.actual}"


FREE = (".metadata", ".response", "[].bookingFieldsResponses")
"""Objects whose fields are those that clients have sent; the bookings of a list are of many clients."""
HEADERS = ("x-ratelimit-limit-default", "x-request-id", "etag", "content-type")
TEXTS = re.compile(
    r"^body\.(status|message|error\.(code|message|details\.(message|error)|details))$|\.constraints\.\w+$"
    r"|^body\.data\.(status|role|customRoleId|type|schedulingType)$"
)
"""The texts that are compared: those of errors, and words of a single object that have a meaning."""
VALUES = (
    (re.compile(r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b"), "UUID"),
    (re.compile(r"\b(?=\w*\d)(?=\w*[A-Z])[1-9A-HJ-NP-Za-km-z]{20,22}\b"), "UID"),
    (re.compile(r"\d{4}-\d\d-\d\dT[\d:.]+Z?"), "TIME"),
    (re.compile(r"\bnobody[\w-]*|\b[\w.]+@[\w.]+|https?://\S+"), "NAME"),
    (re.compile(r"(?<=Missing required fields )[^{}]+|(?<=routing form with id=\()[\w-]+"), "NAME"),
    (re.compile(r"\d+"), "N"),
)


def differences(recorded: ServerResponse, actual: ServerResponse) -> list[Difference]:
    """Return where a response differs from the recorded one: status, headers, fields, types and some texts.

    Other values are not compared, and neither are fields that are null or lists that are empty on one side.
    """
    if recorded.status != actual.status:
        return [Difference("status", str(recorded.status), str(actual.status))]
    found = [
        Difference(f"header {name}", _presence(recorded, name), _presence(actual, name))
        for name in HEADERS
        if _presence(recorded, name) != _presence(actual, name)
    ]
    return [*found, *_compare("body", recorded.body, actual.body)]


def _presence(response: ServerResponse, name: str) -> str:
    """Return what counts of a header: the type of the content, and of others whether they are there."""
    value = response.headers.get(name)
    if name == "content-type":
        return str(value)
    return "missing" if value is None else "sent"


def _compare(where: str, recorded: Any, actual: Any) -> Iterator[Difference]:
    """Yield the differences of two JSON values."""
    if recorded is None or actual is None or where.endswith(FREE):
        return
    if _kind(recorded) != _kind(actual):
        yield Difference(where, _kind(recorded), _kind(actual))
    elif isinstance(recorded, dict):
        # The days of a search are names of fields, and depend on the day.
        if all(re.fullmatch(r"\d{4}-\d\d-\d\d", name) for name in [*recorded, *actual]):
            recorded, actual = {"DAY": [*recorded.values()]}, {"DAY": [*actual.values()]}
        for name in sorted({*recorded, *actual}):
            if name not in actual:
                yield Difference(f"{where}.{name}", _kind(recorded[name]), "missing")
            elif name not in recorded:
                yield Difference(f"{where}.{name}", "missing", _kind(actual[name]))
            else:
                yield from _compare(f"{where}.{name}", recorded[name], actual[name])
    elif isinstance(recorded, list):
        if recorded and actual:
            yield from _compare_rows(f"{where}[]", recorded, actual)
    elif TEXTS.match(where) and _text(recorded) != _text(actual):
        yield Difference(where, _text(recorded), _text(actual))


def _kind(value: Any) -> str:
    """Return the JSON type of a value."""
    kinds = {bool: "boolean", int: "number", float: "number", str: "text", dict: "object", list: "list"}
    return kinds.get(type(value), "null")


def _compare_rows(where: str, recorded: list[Any], actual: list[Any]) -> Iterator[Difference]:
    """Yield how the rows of two lists differ. A field that only some rows have may be missing in all of the others."""
    for difference in _compare(where, _merged(recorded), _merged(actual)):
        name = difference.where.removeprefix(f"{where}.")
        rows = recorded if difference.actual == "missing" else actual
        is_optional = "missing" in (difference.recorded, difference.actual) and not all(name in row for row in rows)
        if "." in name or not is_optional:
            yield difference


def _merged(rows: list[Any]) -> Any:
    """Return one row with the fields of all rows, since a field may be missing in some."""
    if not all(isinstance(row, dict) for row in rows):
        return rows[0]
    merged: dict[str, Any] = {}
    for row in rows:
        merged |= {name: value for name, value in row.items() if value is not None or name not in merged}
    return merged


def _text(value: Any) -> str:
    """Return a text with names for what differs from run to run."""
    text = value if isinstance(value, str) else json.dumps(value)
    for pattern, name in VALUES:
        text = pattern.sub(name, text)
    return text
