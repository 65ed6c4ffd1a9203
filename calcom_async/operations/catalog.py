"""The operations of the Cal.com API v2.

The tests compare this catalog with the sandbox's routes, with the methods of the client and with the official OpenAPI
document (https://cal.com/docs/api-reference/v2). Neither client nor sandbox imports it, so it can check both.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec

from calcom_async.operations.names import BODIES, QUERIES
from calcom_async.operations.table import TABLE
from calcom_async.versions import operation_versions


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation of the API."""

    verb: str
    path: str
    """The path template of the official specification, such as `/v2/bookings/{bookingUid}`."""
    version: str | None
    """The `cal-api-version` that every server understands; None if any version works, or none must be sent."""
    newer_versions: tuple[str, ...]
    is_list: bool
    """Whether it returns rows."""
    changes: bool
    """Whether it changes state."""
    idempotent: bool
    """Whether a repetition has the same effect as one call."""
    stateful: bool
    """Whether the sandbox implements it; otherwise it only returns the right shape."""
    query: frozenset[str]
    body: frozenset[str]
    """Field names; those of nested objects with dots, such as `attendee.name`."""

    def __str__(self) -> str:
        return f"{self.verb} {self.path}"


def field_names(text: str) -> frozenset[str]:
    """Expand `a{b c} d` into `a`, `a.b`, `a.c` and `d`."""
    # `outer` holds the prefixes of the open braces, the innermost last.
    names, outer = set(), [""]
    for name, brace in re.findall(r"(\w*)([{}]?)", text):
        if name:
            names.add(outer[-1] + name)
        if brace == "{":
            outer.append(f"{outer[-1]}{name}.")
        elif brace:
            outer.pop()
    return frozenset(names)


def _operations() -> Iterator[Operation]:
    base = ""
    for line in TABLE.splitlines():
        if line.startswith("/"):
            base = line
        elif line.startswith(" "):
            verb, rest, *notes = line.split()
            yield _operation(verb, base + rest.removeprefix("."), notes)


def _operation(verb: str, path: str, notes: list[str]) -> Operation:
    route = re.sub(r"{\w+}", "{}", path.removeprefix("/v2"))
    versions = operation_versions().get((verb, route))
    query = next((QUERIES.get(note[1:], note[1:].replace(",", " ")) for note in notes if note[0] == "?"), "")
    body = next((BODIES[note[1:]] for note in notes if note[0] == "="), "")
    changes = "computes" not in notes and (verb != "GET" or "changes" in notes)
    idempotent = "idempotent" in notes or not changes or verb in {"PUT", "PATCH"}
    return Operation(
        verb,
        path,
        version=(versions and versions.default) or None,  # "" stands for no header
        newer_versions=versions.newer if versions else (),
        is_list="list" in notes,
        changes=changes,
        idempotent=idempotent and "not-idempotent" not in notes,
        stateful="shape" not in notes,
        query=frozenset(query.split()),
        body=field_names(body),
    )


OPERATIONS = tuple(_operations())

PYTHON_CALLS = Path(__file__).with_name("python_calls.json")
"""The Python calls of each operation, written by `python -m calcom_async.operations.python_calls`."""


def read_python_calls() -> dict[str, list[str]]:
    """Return the Python calls of each operation, by `str(operation)`. `cal` is an open client."""
    return msgspec.json.decode(PYTHON_CALLS.read_bytes(), type=dict[str, list[str]])


def find_operation(verb: str, path: str) -> Operation | None:
    """Return the operation that a server selects for a request: literal parts take precedence over placeholders."""
    # Like the server, which ignores the case of paths and a slash at their end.
    parts = path.lower().removesuffix("/").split("/")
    matching = [operation for operation in OPERATIONS if operation.verb == verb and _matches(operation.path, parts)]
    # `False` sorts before `True`, so the first part that differs decides for the literal one.
    return min(matching, key=lambda operation: [part[:1] == "{" for part in operation.path.split("/")], default=None)


def _matches(template: str, parts: list[str]) -> bool:
    names = template.lower().split("/")
    return len(names) == len(parts) and all(
        name == part or name[:1] == "{" for name, part in zip(names, parts, strict=True)
    )
