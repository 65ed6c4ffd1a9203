"""What the sandbox recorded: requests and webhook deliveries. Both lists can be waited for."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Annotated, Any

from msgspec import Meta, Raw

from calcom_async.sandbox.control.operations import ControlError, Operations
from calcom_async.sandbox.control.target import Body, Target, View, any_json
from calcom_async.sandbox.http.delivery_log import Delivery
from calcom_async.sandbox.http.messages import decode_body
from calcom_async.sandbox.http.request_log import RecordedRequest
from calcom_async.sandbox.state.clock import iso
from calcom_async.sandbox.webhooks.delivery import redeliver

OPERATIONS = Operations()
MAX_WAIT = 60.0


class Waiting(Body):
    """Which rows to return, and how long to wait for them.

    `after` is a number: only later rows count. `wait` is at most how many seconds to wait until `count` rows match; the
    response then has what there is. `take` is how many of the latest matching rows to return.
    """

    after: Annotated[int, Meta(ge=0)] = 0
    wait: Annotated[float, Meta(ge=0, le=MAX_WAIT)] = 0
    count: Annotated[int, Meta(ge=1, le=10_000)] = 1
    take: Annotated[int, Meta(ge=1, le=10_000)] = 1_000


# --- requests


class RequestQuery(Waiting):
    """Which requests to return. `method` and `path` are those of faults: `*` and `{placeholders}` match anything."""

    method: Annotated[str, Meta(max_length=20)] = "*"
    path: Annotated[str, Meta(max_length=500)] = "*"
    status: int | None = None


class RequestView(View):
    """A received request, and the status of its response (0 if a fault cut it before the server acted).

    `time` is the clock of the sandbox, `milliseconds` the real time until the response, `remaining` what the rate limit
    leaves (null: not counted), and `fault` the number of the fault that occurred. The names of headers are in lower
    case, and secrets are `***`.
    """

    number: int
    time: str
    method: str
    path: str
    query: list[tuple[str, str]]
    headers: dict[str, str]
    body: Raw
    status: int
    milliseconds: float
    remaining: int | None
    fault: int | None


class RequestsView(View):
    """Received requests in order of their responses."""

    requests: list[RequestView]


@OPERATIONS.add("GET", "/requests")
async def list_requests(sandbox: Target, query: RequestQuery) -> RequestsView:
    """List the received requests that match, or wait for them. Requests to `/_sandbox` are not recorded."""
    wanted: dict[str, Any] = {"method": query.method, "path": query.path, "status": query.status, "after": query.after}
    try:
        await sandbox.context.changes.wait_until(sandbox.requests.counter(query.count, **wanted), query.wait)
        matching = sandbox.requests.matching(**wanted)
        return RequestsView(requests=[_request_view(request) for request in matching[-query.take :]])
    except ValueError as error:
        raise ControlError(HTTPStatus.BAD_REQUEST, f"query: {error}") from None


@OPERATIONS.add("DELETE", "/requests", status=204)
def clear_requests(sandbox: Target) -> None:
    """Forget the received requests. Their numbers go on."""
    sandbox.requests.clear()


def latest_requests(sandbox: Target, *, after: int, take: int) -> list[RequestView]:
    """Return the latest requests, at most `take`, with a number above `after`."""
    return [_request_view(request) for request in sandbox.requests[-take:] if request.number > after]


def _request_view(request: RecordedRequest) -> RequestView:
    """Return a request as JSON."""
    return RequestView(
        number=request.number,
        time=iso(request.time),
        method=request.method,
        path=request.path,
        query=request.query,
        headers=_lower(request.headers),
        body=any_json(request.body),
        status=request.status,
        milliseconds=round(request.seconds * 1000, 3),
        remaining=request.remaining,
        fault=request.fault,
    )


def _lower(headers: Mapping[str, str]) -> dict[str, str]:
    """Return headers with names in lower case, since each client writes them in another way."""
    return {name.lower(): value for name, value in headers.items()}


# --- webhook deliveries


class DeliveryQuery(Waiting):
    """Which webhook deliveries to return."""

    trigger: str | None = None


class DeliveryView(View):
    """A completed webhook delivery. `status` is null if there was no response, and `error` says why."""

    number: int
    webhook_id: str
    url: str
    trigger: str
    headers: dict[str, str]
    body: Raw
    status: int | None
    error: str | None


class DeliveriesView(View):
    """Webhook deliveries in order of completion."""

    deliveries: list[DeliveryView]


@OPERATIONS.add("GET", "/deliveries")
async def list_deliveries(sandbox: Target, query: DeliveryQuery) -> DeliveriesView:
    """List the completed webhook deliveries that match, or wait for them."""

    def matching() -> list[Delivery]:
        """Return the deliveries that match now."""
        return [
            delivery
            for delivery in sandbox.context.deliveries
            if delivery.number > query.after and query.trigger in {None, delivery.trigger}
        ]

    await sandbox.context.changes.wait_until(lambda: len(matching()) >= query.count, query.wait)
    return DeliveriesView(deliveries=[_delivery_view(delivery) for delivery in matching()[-query.take :]])


@OPERATIONS.add("POST", "/deliveries/{number}/redeliver", status=201)
async def redeliver_delivery(sandbox: Target, number: int) -> DeliveryView:
    """Send a delivery again, byte for byte, and return the new one."""
    for delivery in sandbox.context.deliveries:
        if delivery.number == number:
            return _delivery_view(await redeliver(sandbox.context, delivery))
    raise ControlError(HTTPStatus.NOT_FOUND, f"there is no delivery {number}")


def latest_deliveries(sandbox: Target, *, after: int, take: int) -> list[DeliveryView]:
    """Return the latest deliveries, at most `take`, with a number above `after`."""
    return [_delivery_view(delivery) for delivery in sandbox.context.deliveries[-take:] if delivery.number > after]


def _delivery_view(delivery: Delivery) -> DeliveryView:
    """Return a delivery as JSON."""
    return DeliveryView(
        number=delivery.number,
        webhook_id=delivery.webhook_id,
        url=delivery.url,
        trigger=delivery.trigger,
        headers=_lower(delivery.headers),
        body=any_json(decode_body(delivery.body)),
        status=delivery.status,
        error=delivery.error,
    )
