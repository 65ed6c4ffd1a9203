"""Everything else: search the operations of the API, and call one."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from calcom_async.errors import InvalidRequestError, printable
from calcom_async.mcp.call import ToolCall
from calcom_async.mcp.confirmation import Confirm
from calcom_async.mcp.raw import raw_view
from calcom_async.mcp.times import call_zone
from calcom_async.mcp.tool import Result, TimeZone, tool
from calcom_async.mcp.untrusted import clean
from calcom_async.mcp.views import MAX_ROWS, Row
from calcom_async.operations.catalog import OPERATIONS, Operation, find_operation
from calcom_async.read_only import without_secrets

DEFAULT_TAKE = 20
"""Rows of a raw list, whose rows are long."""
MAX_DESCRIBED = 5
"""Most operations of which all parameters are shown."""
OWN_TOOLS = {
    "POST /v2/bookings": "book",
    "POST /v2/bookings/{bookingUid}/reschedule": "reschedule_booking",
    "POST /v2/bookings/{bookingUid}/cancel": "cancel_booking",
}
"""Operations for which a tool does more: it makes one booking only, or asks."""
ISSUES_SECRETS = {
    "GET /v2/conferencing/{app}/oauth/auth-url",
    "GET /v2/organizations/{orgId}/teams/{teamId}/conferencing/{app}/oauth/auth-url",
    "POST /v2/api-keys/refresh",
    "POST /v2/notifications/subscriptions/app-push",
    "POST /v2/auth/oauth2/token",
    "POST /v2/oauth/{clientId}/refresh",
    "POST /v2/oauth-clients",
    "POST /v2/oauth-clients/{clientId}/users",
    "POST /v2/oauth-clients/{clientId}/users/{userId}/force-refresh",
    "POST /v2/organizations/{orgId}/organizations",
}
"""Operations that return a new secret. No result shows it, so it would be lost, and the old one may be revoked."""

Path = Annotated[str, Meta(description="From search_operations, with ids filled in", examples=["/v2/webhooks"])]
Query = Annotated[dict[str, Any], Meta(description="Query parameters", examples=[{"take": 10}])]


class OperationRow(Row, kw_only=True):
    """An operation."""

    method: str
    path: str
    query: list[str] | None = None
    body: list[str] | None = None


class Operations(Result, kw_only=True):
    """Operations that match."""

    operations: list[OperationRow]


class RawResult(Result, kw_only=True):
    """A response of Cal.com."""

    untrusted: Any


@tool(changes=False, open_world=False)
async def search_operations(
    _call: ToolCall,
    *,
    words: Annotated[str, Meta(description="Words of method or path", examples=["GET webhooks"])],
) -> Operations:
    """Search all operations of the Cal.com API, for what no other tool does. Call one with call_read or call_write."""
    wanted = words.casefold().split()
    found = [operation for operation in OPERATIONS if _matches(operation, wanted)]
    rows = [_row(operation, details=len(found) <= MAX_DESCRIBED) for operation in found[:MAX_ROWS]]
    message = f"{len(found)} operations."
    if not found:
        message += " Try one word, such as webhooks, teams, calendars, workflows or insights."
    elif len(found) > MAX_DESCRIBED:
        message += " Search for a whole path to see its fields."
    return Operations(message=message, operations=rows)


def _matches(operation: Operation, words: list[str]) -> bool:
    text = str(operation).casefold()
    return all(word in text for word in words)


def _row(operation: Operation, *, details: bool) -> OperationRow:
    row = OperationRow(method=operation.verb, path=operation.path)
    if details:
        row.query, row.body = sorted(operation.query) or None, sorted(operation.body) or None
    return row


@tool(changes=False)
async def call_read(call: ToolCall, *, path: Path, time_zone: TimeZone, query: Query | None = None) -> RawResult:
    """Read with any GET operation of the Cal.com API.

    Lists have 20 rows; pass take (up to 50) and skip. Times are written UTC = local. Secrets are masked.
    """
    zone, operation = call_zone(time_zone), _operation_at("GET", path)
    if operation.changes:
        raise InvalidRequestError(f"{operation} changes state, which call_read never does")
    _reject_secrets(operation)
    query = dict(query or {})
    if "take" in operation.query:
        query["take"] = min(MAX_ROWS, _count(query.get("take", DEFAULT_TAKE)))
    response = await call.cal.request("GET", path, query=query)
    return RawResult(message=f"Response of GET {printable(path)}.", untrusted=raw_view(response, zone))


def _count(value: Any) -> int:
    try:
        return max(1, int(value))
    except (TypeError, ValueError, OverflowError):
        raise InvalidRequestError(f"query: take must be a number, got {printable(value, 40)}") from None


@tool(destructive=True, idempotent=False)
async def call_write(
    call: ToolCall,
    *,
    method: Annotated[Literal["POST", "PATCH", "PUT", "DELETE"], Meta(description="HTTP method", examples=["PATCH"])],
    path: Path,
    time_zone: TimeZone,
    body: Annotated[dict[str, Any], Meta(description="JSON body, times in UTC", examples=[{"name": "Ada"}])]
    | None = None,
    query: Query | None = None,
    confirm: Confirm = False,
) -> RawResult:
    """Change something with any other operation of the Cal.com API, after the user has agreed."""
    zone, operation = call_zone(time_zone), _operation_at(method, path)
    if name := OWN_TOOLS.get(str(operation)):
        raise InvalidRequestError(f"use the tool {name} instead: it is safe to repeat")
    _reject_secrets(operation)
    await call.confirmation.ask(_question(operation, path, body, query), confirmed=confirm)
    response = await call.cal.request(
        method, path, query=query, body=body, idempotent=operation.idempotent and method != "POST"
    )
    return RawResult(message=f"Done: {method} {printable(path)}.", untrusted=raw_view(response, zone))


def _operation_at(method: str, path: str) -> Operation:
    operation = find_operation(method, path)
    if operation is None:
        raise InvalidRequestError(f"no operation is {method} {printable(path, 200)}. Find one with search_operations")
    return operation


def _reject_secrets(operation: Operation) -> None:
    if str(operation) in ISSUES_SECRETS:
        raise InvalidRequestError(
            f"{operation} returns a secret, and no tool shows secrets. The user can do it with: calcom-async api"
        )


def _question(operation: Operation, path: str, body: dict[str, Any] | None, query: dict[str, Any] | None) -> str:
    """Return the question for the user."""
    if str(operation) == "POST /v2/credits/charge":
        return f"Charge {printable((body or {}).get('credits'), 40)} credits, which costs real money?"
    shown = "".join(
        f" with {name} {clean(msgspec.json.encode(without_secrets(fields)).decode(), 500)}"
        for name, fields in (("query", query), ("body", body))
        if fields
    )
    return f"Change Cal.com: {operation.verb} {printable(path, 300)}{shown}?"
