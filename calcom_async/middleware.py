"""Middleware around the transport: observe, authenticate, wait for the rate limit, add headers.

Each is a function from `Send` to `Send`. `Calcom._build_middleware` puts them in order. Retries are in `retry.py`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Mapping
from functools import lru_cache
from itertools import count
from typing import Any

import msgspec

from calcom_async.auth import Anonymous, Credentials, rate_limit_key
from calcom_async.config import Config
from calcom_async.deprecation import deprecation_notice
from calcom_async.errors import (
    ApiError,
    ConfigError,
    DecodeError,
    RateLimit,
    RateLimitedError,
    TransportError,
    UnauthorizedError,
)
from calcom_async.events import ClientEvent, Observer
from calcom_async.rate_limit_state import Bucket
from calcom_async.rate_limiter import DEFAULT_RETRY_AFTER, RateLimiter
from calcom_async.requests import CallContext, EndpointLimit, Request
from calcom_async.responses import RateLimitReader, Response, Send
from calcom_async.secret import Secret

MIN_REPORTED_WAIT = 0.001
"""Shorter waits, in seconds, are not reported as events."""
ANONYMOUS = Anonymous()
CALL_IDS = count(1)


def observed(send: Send, observer: Observer) -> Send:
    """Give each call an id, and report its end to the observer."""

    async def observe(request: Request, context: CallContext) -> Response:
        clock = asyncio.get_running_loop().time
        started, call_id = clock(), next(CALL_IDS)
        status: int | None = None
        error_type: str | None = None
        try:
            response = await send(request, msgspec.structs.replace(context, call_id=call_id))
            status = response.status
        except BaseException as error:  # a cancelled call ends too
            error_type = type(error).__name__
            if isinstance(error, ApiError) and getattr(error, "sent", True):
                status = error.status
            raise
        finally:
            observer.emit(
                ClientEvent(
                    kind="call",
                    call_id=call_id,
                    method=request.method,
                    path=request.route,
                    seconds=clock() - started,
                    status=status,
                    error=error_type,
                )
            )
        return msgspec.structs.replace(response, call_id=call_id)

    return observe


def authenticated(send: Send, credentials: Credentials, *, send_refresh: Send | None = None) -> Send:
    """Add the credentials to each request. If the token has expired, refresh it once and send again.

    Requests that refresh a token carry other secrets, so they go to `send_refresh`, or to `send` directly.
    """
    send_refresh = send_refresh or send

    def sign(request: Request) -> Request:
        return msgspec.structs.replace(request, headers={**request.headers, **credentials.headers})

    async def authenticate(request: Request, context: CallContext) -> Response:
        await credentials.refresh_if_expiring(send_refresh)
        fingerprint = credentials.fingerprint
        try:
            return await send(sign(request), context)
        except UnauthorizedError as error:
            if not await credentials.refresh_after(send_refresh, fingerprint, error):
                raise
        return await send(sign(request), context)

    return authenticate


def limited(
    send: Send,
    limiter: RateLimiter,
    credentials: Credentials,
    config: Config,
    observer: Observer,
    *,
    shared_reads: dict[Any, Any] | None = None,
) -> Send:
    """Wait for a permit of the rate limiter, and report the result of each attempt to it and to the observer.

    `shared_reads` are reads in flight. After an attempt of a write, also a failed one, no later read joins them.
    """

    @lru_cache(maxsize=64)  # access tokens change, and each has a rate limit of its own
    def bucket(fingerprint: str, default_limit: int, endpoint_limit: EndpointLimit | None) -> Bucket:
        key = rate_limit_key(config.base_url, fingerprint)
        if endpoint_limit:
            return Bucket(key, endpoint_limit.name, endpoint_limit.limit)
        return Bucket(key, limit=config.rate_limit or default_limit)

    reader = RateLimitReader()

    async def limit(request: Request, context: CallContext) -> Response:
        counted = ANONYMOUS if context.is_anonymous else credentials
        permit = await limiter.acquire(
            bucket(counted.fingerprint, counted.default_rate_limit, context.endpoint_limit),
            priority=context.priority,
            max_wait=config.max_wait,
        )
        if permit.waited > MIN_REPORTED_WAIT:
            observer.emit(
                ClientEvent(
                    kind="wait",
                    call_id=context.call_id,
                    method=request.method,
                    path=request.route,
                    seconds=permit.waited,
                )
            )
        limits: tuple[RateLimit, ...] | None = None
        retry_after, sent = None, True
        try:
            response = await send(request, context)
            limits = reader.read(response.headers)
            msgspec.structs.force_setattr(response, "rate_limits", limits)  # faster than a copy
            observer.record_attempt(request, context, response.status, response.seconds, limits)
        except ApiError as error:
            limits = error.rate_limits
            if isinstance(error, RateLimitedError):
                retry_after = error.retry_after or DEFAULT_RETRY_AFTER
            observer.record_attempt(request, context, error.status, error.seconds, limits, error=error)
            raise
        except TransportError as error:
            sent = error.sent
            observer.record_attempt(request, context, None, error.seconds, error=error)
            raise
        except DecodeError as error:
            observer.record_attempt(request, context, None, error=error)
            raise
        except ConfigError:
            sent = False
            raise
        finally:
            # Few requests pass this while there are shared reads. A GET that is not idempotent completes a consent.
            if shared_reads and (request.method != "GET" or not context.idempotent):
                shared_reads.clear()
            await limiter.release(permit, limits, retry_after=retry_after, sent=sent)
        if (notice := deprecation_notice(response.headers)) is not None:
            observer.warn_deprecated(request.method, request.route, notice)
        return response

    return limit


def with_headers(send: Send, headers: Mapping[str, str | Secret]) -> Send:
    """Add the headers of `Config.headers`. Those of the request, such as the credentials, take precedence."""

    def add(request: Request, context: CallContext) -> Awaitable[Response]:
        return send(msgspec.structs.replace(request, headers={**revealed(), **request.headers}), context)

    def revealed() -> dict[str, str]:
        return {name: Secret(value).reveal() for name, value in headers.items()}

    return add
