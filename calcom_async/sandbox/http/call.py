"""What a handler receives: the request and the services of the sandbox."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from math import nan
from typing import Any

from calcom_async.sandbox.http.auth import Caller
from calcom_async.sandbox.http.constraints import fits_column
from calcom_async.sandbox.http.context import Context, Settings
from calcom_async.sandbox.http.errors import bad_request, database
from calcom_async.sandbox.http.query_string import parse_query
from calcom_async.sandbox.http.server_kind import ServerKind
from calcom_async.sandbox.state.clock import Clock
from calcom_async.sandbox.state.store import Store


@dataclass(slots=True)
class Call:
    """A request that was matched, counted and authenticated."""

    context: Context
    caller: Caller
    method: str
    url: str
    """Path and query string as sent; error responses repeat them as `path`."""
    path: dict[str, str]
    query: list[tuple[str, str]]
    body: dict[str, Any]
    """The decoded JSON object; empty if the request had no body, or none in JSON."""
    version: str
    headers: Mapping[str, str]
    items: list[Any] = field(default_factory=list)
    """The decoded JSON array if the body was one; nearly all operations take an object."""

    @property
    def store(self) -> Store:
        """The state of the sandbox."""
        return self.context.store

    @property
    def clock(self) -> Clock:
        """The clock of the sandbox."""
        return self.context.clock

    @property
    def settings(self) -> Settings:
        """The options of the sandbox."""
        return self.context.settings

    @property
    def server(self) -> ServerKind:
        """The kind of server that the sandbox is."""
        return self.context.server

    @property
    def base_url(self) -> str:
        """The base URL of the sandbox, with `/v2`."""
        return self.context.base_url()

    @property
    def user(self) -> dict[str, Any]:
        """The record of the caller; only for routes that require credentials."""
        assert self.caller.user_id is not None, "this route accepts callers without a user"
        return self.store.users[self.caller.user_id]

    def param(self, name: str) -> str | None:
        """Return the last value of a query parameter, or None if it was not sent."""
        return next((value for key, value in reversed(self.query) if key == name), None)

    def params(self, name: str) -> list[str] | None:
        """Return all values of a list parameter, or None if it was not sent.

        Accepted forms: repeated parameters, `a[]=`, `a[0]=` and values separated by commas.
        """
        pattern = re.compile(re.escape(name) + r"(\[\d*\])?")
        # Lists of this API accept all these forms, except where a field says otherwise.
        sent = [value for key, value in self.query if pattern.fullmatch(key)]
        return [part.strip() for value in sent for part in value.split(",")] if sent else None

    @property
    def fields(self) -> dict[str, Any]:
        """The query as nested values for `Form.read`: `a[0][b]=c` becomes `{"a": [{"b": "c"}]}`."""
        return parse_query(self.query)

    def int_path(self, name: str, *, checked: bool = False) -> int:
        """Return a path parameter as int.

        Most routes of the real server pass any text to the database, which fails with 500. Routes with a ParseIntPipe
        (`checked`) return 400.
        """
        text = self.path[name]
        number = _path_number(text)
        if number is None and checked:
            raise bad_request("Validation failed (numeric string is expected)")
        # Unchecked routes read `1.5` as 1, as parseInt does. Ids beyond 32 bits do not fit the column.
        leading = re.match(r"\s*-?\d+", text)
        if number is None and leading is not None:
            number = int(leading[0])
        if number is None or not fits_column(number):
            raise database(500)
        return number

    def emit(self, trigger: str, payload: Mapping[str, Any], **scope: Any) -> None:
        """Emit an event for the webhooks of its owners: `user_id`, `event_type_id` and `team_id` in `scope`."""
        self.context.events.emit(trigger, payload, scope)


def _path_number(text: str) -> int | None:
    """Return a whole number as JavaScript's Number() reads it, `2.0` included (measured), or None for other text."""
    try:
        number = float(text) if re.fullmatch(r"-?[\d.]+(e\d+)?", text) else nan
    except ValueError:
        return None
    return int(number) if number.is_integer() else None
