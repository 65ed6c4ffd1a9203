"""What of a response must be the same on every server, and how two responses differ."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from itertools import chain
from typing import Any, NamedTuple


class ServerResponse(NamedTuple):
    """A response: its status, its headers by lower-case name, and its decoded body (text if it is not JSON).

    The status is 0, and the body says why, if the request was not sent.
    """

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
HEADERS = ("x-ratelimit-limit-default", "x-request-id", "etag", "location", "content-type")
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
        return [Difference("status", str(recorded.status), str(actual.status or actual.body))]
    found = [
        Difference(f"header {name}", _presence(recorded, name), _presence(actual, name))
        for name in HEADERS
        if _presence(recorded, name) != _presence(actual, name)
    ]
    return [*found, *_compare("body", [recorded.body], [actual.body])]


def _presence(response: ServerResponse, name: str) -> str:
    """Return what counts of a header: the type of the content, and of others whether they are there."""
    value = response.headers.get(name)
    if name == "content-type":
        return str(value)
    return "missing" if value is None else "sent"


def _compare(where: str, recorded: list[Any], actual: list[Any]) -> Iterator[Difference]:
    """Yield the differences of the JSON values at one place: one value each, or those of all rows of a list."""
    recorded, actual = ([value for value in values if value is not None] for values in (recorded, actual))
    if not recorded or not actual or where.endswith(FREE):
        return
    if {*map(_kind, recorded)}.isdisjoint(map(_kind, actual)):
        yield Difference(where, _kinds(recorded), _kinds(actual))
        return
    yield from _compare_objects(where, _only(dict, recorded), _only(dict, actual))
    yield from _compare(f"{where}[]", [*chain(*_only(list, recorded))], [*chain(*_only(list, actual))])
    if TEXTS.search(where) and (texts := _texts(recorded)) != (actual_texts := _texts(actual)):
        yield Difference(where, " | ".join(texts), " | ".join(actual_texts))


def _compare_objects(where: str, recorded: list[Any], actual: list[Any]) -> Iterator[Difference]:
    """Yield the differences of objects. A field that only some of them have may be missing in all of the others."""
    if not recorded or not actual:
        return
    names = {*chain(*recorded, *actual)}
    # The days of a search are names of fields, and depend on the day.
    if all(re.fullmatch(r"\d{4}-\d\d-\d\d", name) for name in names):
        names = {"DAY"}
        recorded, actual = ([{"DAY": [*row.values()]} for row in rows] for rows in (recorded, actual))
    for name in sorted(names):
        values, actual_values = ([row[name] for row in rows if name in row] for rows in (recorded, actual))
        if values and actual_values:
            yield from _compare(f"{where}.{name}", values, actual_values)
        elif len(values) == len(recorded):
            yield Difference(f"{where}.{name}", _kinds(values), "missing")
        elif len(actual_values) == len(actual):
            yield Difference(f"{where}.{name}", "missing", _kinds(actual_values))


def _only(kind: type, values: list[Any]) -> list[Any]:
    """Return the values of one type."""
    return [value for value in values if isinstance(value, kind)]


def _kind(value: Any) -> str:
    """Return the JSON type of a value."""
    kinds = {bool: "boolean", int: "number", float: "number", str: "text", dict: "object", list: "list"}
    return kinds.get(type(value), "null")


def _kinds(values: list[Any]) -> str:
    """Return the JSON types of values."""
    return " | ".join(sorted({*map(_kind, values)}))


def _texts(values: list[Any]) -> list[str]:
    """Return the different texts of scalar values."""
    return sorted({_text(value) for value in values if not isinstance(value, dict | list)})


def _text(value: Any) -> str:
    """Return a text with names for what differs from run to run."""
    text = value if isinstance(value, str) else json.dumps(value)
    for pattern, name in VALUES:
        text = pattern.sub(name, text)
    return text
