"""The sandbox itself: whether it runs, what it is, its rate limit, and the description of these operations."""

from __future__ import annotations

from typing import Annotated

from msgspec import UNSET, Meta, UnsetType

from calcom_async.sandbox.control.operations import Operations
from calcom_async.sandbox.control.target import Body, Target, View
from calcom_async.sandbox.http.server_kind import SERVER_KINDS

OPERATIONS = Operations()


class HealthView(View):
    """The answer of a sandbox that runs."""

    status: str = "ok"


class ServerView(View):
    """The kind of server that the sandbox is, and the base URLs with and without `/v2`."""

    kind: str
    url: str
    origin: str


class RateLimitView(View):
    """Requests per window of so many seconds and caller. One more request blocks the caller for `block` seconds."""

    limit: int
    window: float
    block: float


class RateLimitChange(Body):
    """Changes of the rate limit; what is not given stays."""

    limit: Annotated[int, Meta(ge=1, le=1_000_000)] | UnsetType = UNSET
    window: Annotated[float, Meta(gt=0, le=86_400)] | UnsetType = UNSET
    block: Annotated[float, Meta(ge=0, le=86_400)] | UnsetType = UNSET


@OPERATIONS.add("GET", "/health", public=True)
def read_health(sandbox: Target) -> HealthView:  # noqa: ARG001
    """Say that the sandbox runs. This needs no token."""
    return HealthView()


@OPERATIONS.add("GET", "/server")
def read_server(sandbox: Target) -> ServerView:
    """Read the kind of server. It is chosen at the start, since the sample data and the routes depend on it."""
    kind = next(name for name, known in SERVER_KINDS.items() if known is sandbox.context.server)
    url = sandbox.context.base_url()
    return ServerView(kind=kind, url=url, origin=url.removesuffix("/v2"))


@OPERATIONS.add("GET", "/rate-limit")
def read_rate_limit(sandbox: Target) -> RateLimitView:
    """Read the rate limit of callers that have none of their own."""
    settings = sandbox.context.settings
    return RateLimitView(limit=settings.rate_limit, window=settings.window, block=settings.block)


@OPERATIONS.add("PATCH", "/rate-limit", example={"limit": 10, "window": 60})
def change_rate_limit(sandbox: Target, body: RateLimitChange) -> RateLimitView:
    """Change the rate limit. All counts start again, and nobody stays blocked."""
    settings = sandbox.context.settings
    settings.rate_limit = settings.rate_limit if body.limit is UNSET else body.limit
    settings.window = settings.window if body.window is UNSET else body.window
    settings.block = settings.block if body.block is UNSET else body.block
    sandbox.rate_limiter.clear()
    return read_rate_limit(sandbox)
