"""retrying(authenticated(limited(observed(exchange)))): functions from `Send` to `Send`, one task each.

Retry is outermost, so that each attempt carries fresh credentials and pays its own place under the limit.
"""

from __future__ import annotations

import asyncio
from collections.abc import Generator
from functools import lru_cache
from typing import Any

import backoff
import msgspec

from calcom_async.auth import Credentials, Send
from calcom_async.config import Config
from calcom_async.errors import (
    ApiError,
    ConfigError,
    DecodeError,
    RateLimit,
    RateLimitedError,
    ServerError,
    TimedOutError,
    TransportError,
    UnauthorizedError,
    is_transient,
    may_have_acted,
)
from calcom_async.events import ClientEvent, Observer
from calcom_async.rate_limiter import DEFAULT_RETRY_AFTER, Bucket, RateLimiter
from calcom_async.requests import EndpointLimit, Request
from calcom_async.responses import Response

AttemptError = ApiError | TransportError

MIN_REPORTED_WAIT = 0.001
"""Seconds; what is shorter is no wait to tell about."""


def observed(send: Send, observer: Observer) -> Send:
    """Tell about every attempt, answered or not."""

    def report(request: Request, status: int | None, seconds: float, limits: tuple[RateLimit, ...]) -> None:
        remaining = max((limit.remaining for limit in limits), default=None)
        observer.emit(
            ClientEvent(kind="request", method=request.method, path=request.route, seconds=seconds, status=status,
                  attempt=request.attempt, remaining=remaining)
        )  # fmt: skip

    async def observe(request: Request) -> Response:
        try:
            response = await send(request)
        except ApiError as error:
            report(request, error.status, error.seconds, error.rate_limits)
            raise
        except TransportError as error:
            report(request, None, error.seconds, ())
            raise
        except DecodeError:
            report(request, None, 0.0, ())
            raise
        report(request, response.status, response.seconds, response.limits)
        return response

    return observe


def limited(send: Send, limiter: RateLimiter, config: Config, observer: Observer) -> Send:
    """Wait for a place under the rate limit, and learn from what the answer says about it."""

    @lru_cache(maxsize=64)  # tokens change, and each is a caller of its own
    def bucket(rate_limit_key: str, budget: int, endpoint_limit: EndpointLimit | None) -> Bucket:
        if endpoint_limit:
            return Bucket(rate_limit_key, endpoint_limit.name, endpoint_limit.limit)
        return Bucket(rate_limit_key, limit=config.rate_limit or budget)

    async def limit(request: Request) -> Response:
        place = bucket(request.rate_limit_key, request.default_limit, request.endpoint_limit)
        permit = await limiter.acquire(place, priority=request.priority, max_wait=config.max_wait)
        if permit.waited > MIN_REPORTED_WAIT:
            observer.emit(ClientEvent(kind="wait", method=request.method, path=request.route, seconds=permit.waited))
        limits: tuple[RateLimit, ...] | None = None
        refused, sent = None, True
        try:
            response = await send(request)
            limits = response.limits
        except RateLimitedError as error:
            limits, refused = error.rate_limits, error.retry_after or DEFAULT_RETRY_AFTER
            raise
        except ApiError as error:
            limits = error.rate_limits
            raise
        except (ConfigError, TransportError) as error:
            sent = getattr(error, "sent", False)
            raise
        finally:
            await limiter.release(permit, limits, retry_after=refused, sent=sent)
        return response

    return limit


def authenticated(send: Send, credentials: Credentials, place: str) -> Send:
    """Sign each request; when the token has expired, renew it once and sign again.

    `place` is the server's address: the same key on two servers is counted twice. Renewals carry no credentials, so the
    server counts them by its caller's address; they go to `send` directly and never pass through here themselves.
    """

    def signed(request: Request) -> Request:
        return msgspec.structs.replace(
            request,
            headers={**request.headers, **credentials.headers},
            rate_limit_key=f"{place} {credentials.fingerprint}",
            default_limit=credentials.default_rate_limit,
        )

    async def renew(request: Request) -> Response:
        return await send(msgspec.structs.replace(request, rate_limit_key=place))

    async def authorize(request: Request) -> Response:
        await credentials.refresh_if_expiring(renew)
        tried = credentials.fingerprint
        try:
            return await send(signed(request))
        except UnauthorizedError as refusal:
            if not await credentials.refresh_after(renew, tried, refusal):
                raise
        return await send(signed(request))

    return authorize


class RetryBudget:
    """How many repeats the client may still make: each call earns a part of one, each repeat costs one.

    When everything fails, the load on the server grows by that part and not by the number of attempts.
    """

    FULL = 10.0

    def __init__(self, per_call: float) -> None:
        self.per_call = per_call
        self.left: float = self.FULL

    def earn(self) -> None:
        """A call is being made."""
        self.left = min(self.FULL, self.left + self.per_call)

    def spend(self) -> bool:
        """Pay for a repeat; False when there is nothing left."""
        if self.left < 1:
            return False
        self.left -= 1
        return True


def should_retry(error: AttemptError, request: Request) -> bool:
    """The whole policy: a 429 and a request that was never sent always, a fate unknown only where it does no harm."""
    if isinstance(error, RateLimitedError):
        return error.request_id is not None or error.path != ""
    if isinstance(error, ApiError) and error.status == request.final:
        return False
    return is_transient(error) and (request.idempotent or not may_have_acted(error))


def retrying(send: Send, config: Config, budget: RetryBudget, observer: Observer) -> Send:
    """Repeat what may pass, after a pause; never past the deadline, and never sooner than the server said."""

    async def retry(request: Request) -> Response:
        budget.earn()
        call = _Call(config, request)
        while True:
            try:
                return await send(call.attempt())
            except (ApiError, TransportError) as error:
                pause = call.pause_after(error, budget)
                if pause is None:
                    raise
                status = getattr(error, "status", None)
                observer.emit(
                    ClientEvent(kind="retry", method=request.method, path=request.route, seconds=pause, status=status,
                          attempt=call.attempts)
                )  # fmt: skip
            # Outside the handler: the answer was read and its connection is free before anybody sleeps.
            await asyncio.sleep(pause)

    return retry


class _Call:
    """One call over all its attempts: how many there were and how much of the deadline is left."""

    def __init__(self, config: Config, request: Request) -> None:
        self.config = config
        self.request = request
        self.attempts = 0
        self.left = config.total_timeout
        self._pauses: Generator[float, Any, None] | None = None

    def attempt(self) -> Request:
        self.attempts += 1
        if self.attempts == 1 and self.left >= self.config.timeout:
            return self.request
        return msgspec.structs.replace(self.request, attempt=self.attempts, timeout=self.left)

    def pause_after(self, error: AttemptError, budget: RetryBudget) -> float | None:
        """Seconds until the next attempt, or None when the error is final."""
        self.left -= error.seconds
        if self.attempts >= self.config.max_attempts or not should_retry(error, self.request):
            return None
        if isinstance(error, RateLimitedError) and error.retry_after:
            # The limiter holds all requests back for that long, so there is no pause here, but it counts.
            if error.retry_after >= self.left:
                raise self._too_long(error) from error
            self.left -= error.retry_after
            return 0.0
        pause = max(self._backoff(), error.retry_after if isinstance(error, ServerError) else 0.0)
        if self.left <= pause:
            raise TimedOutError(
                f"{self.request.method} {self.request.path}: gave up after {self.attempts} attempts and "
                f"{self.config.total_timeout:g} s; the last one said: {error}",
                sent=getattr(error, "sent", True),
            ) from error
        self.left -= pause
        return pause if isinstance(error, RateLimitedError) or budget.spend() else None

    def _too_long(self, error: RateLimitedError) -> RateLimitedError:
        return RateLimitedError(
            f"{error.server_message} The server asks to wait {error.retry_after:.0f} s, longer than the "
            f"{max(0.0, self.left):.0f} s that are left of the {self.config.total_timeout:g} s for this call",
            retry_after=error.retry_after,
            code=error.code,
            details=error.details,
            fields=error.fields,
            request_id=error.request_id,
            rate_limits=error.rate_limits,
            method=error.method,
            path=error.path,
            seconds=error.seconds,
        )

    def _backoff(self) -> float:
        """Full jitter over an exponential: the first pauses are 0..base, 0..2 base, 0..4 base and so on."""
        if self._pauses is None:
            self._pauses = backoff.expo(factor=self.config.backoff_base, max_value=self.config.backoff_max)
            self._pauses.send(None)
        return backoff.full_jitter(next(self._pauses))
