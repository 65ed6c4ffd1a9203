"""Retries: which errors are retried, after which pause, and when a call gives up. After a 429, start here.

A 429 is retried without a pause of its own: the rate limiter (`rate_limiter.py`) holds back all requests with the same
credentials for as long as the server asked.
"""

from __future__ import annotations

import asyncio
from collections.abc import Generator
from typing import Any

import backoff
import msgspec

from calcom_async.config import Config
from calcom_async.errors import (
    ApiError,
    RateLimitedError,
    ServerError,
    TimedOutError,
    TransportError,
    is_transient,
    may_have_acted,
)
from calcom_async.events import ClientEvent, Observer
from calcom_async.requests import CallContext, Request
from calcom_async.responses import Response, Send

AttemptError = ApiError | TransportError


def should_retry(error: AttemptError, context: CallContext) -> bool:
    """Retry policy: always retry 429s and unsent requests; retry an unknown outcome only if the call is idempotent."""
    if isinstance(error, RateLimitedError):
        return error.sent
    if isinstance(error, ApiError) and error.status == context.final_status:
        return False
    return is_transient(error) and (context.idempotent or not may_have_acted(error))


class RetryBudget:
    """Number of retries that a client may still make: each call adds a fraction of one, each retry costs one.

    If every request fails, the load on the server grows by this fraction and not by the number of attempts.
    """

    FULL = 10.0

    def __init__(self, per_call: float) -> None:
        self.per_call = per_call
        self.left: float = self.FULL

    def earn(self) -> None:
        """Add the share of one call."""
        if self.left < self.FULL:
            self.left = min(self.FULL, self.left + self.per_call)

    def spend(self) -> bool:
        """Pay for a retry; return False if nothing is left."""
        if self.left < 1:
            return False
        self.left -= 1
        return True


def retrying(send: Send, config: Config, budget: RetryBudget, observer: Observer) -> Send:
    """Retry failed attempts with exponential backoff, within the total timeout and not sooner than the server asks."""
    may_be_shortened = config.total_timeout < config.timeout

    async def retry(request: Request, context: CallContext) -> Response:
        budget.earn()
        if may_be_shortened:
            context = msgspec.structs.replace(context, time_left=config.total_timeout)
        # Nearly every call ends with this attempt. Inside of backoff's loop a small request would cost 9 % more.
        try:
            return await send(request, context)
        except (ApiError, TransportError) as error:
            call = _RetryState(send, request, context, config=config, budget=budget, observer=observer)
            pause = call.pause_after(error)
        await asyncio.sleep(pause)
        return await _send_until_final(call)

    return retry


class _RetryState:
    """The attempts of one call: how many there were, and how much of the total timeout is left."""

    def __init__(
        self,
        send: Send,
        request: Request,
        context: CallContext,
        *,
        config: Config,
        budget: RetryBudget,
        observer: Observer,
    ) -> None:
        self.send = send
        self.request = request
        self.context = context
        self.config = config
        self.budget = budget
        self.observer = observer
        self.attempts = 1
        self.left = config.total_timeout
        self._pauses: Generator[float, Any, None] = backoff.expo(
            factor=config.backoff_base, max_value=config.backoff_max
        )
        self._pauses.send(None)

    async def attempt(self) -> Response | float:
        """Send once more. Return the response, or the number of seconds to wait before the next attempt."""
        self.attempts += 1
        context = msgspec.structs.replace(self.context, attempt=self.attempts, time_left=self.left)
        try:
            return await self.send(self.request, context)
        except (ApiError, TransportError) as error:
            return self.pause_after(error)

    def pause_after(self, error: AttemptError) -> float:
        """Return the number of seconds until the next attempt; raise if there is none."""
        self.left -= error.seconds
        if self.attempts >= self.config.max_attempts or not should_retry(error, self.context):
            raise error
        if isinstance(error, RateLimitedError) and error.retry_after:
            # The rate limiter makes the next attempt wait that long, outside of the timeout; here it is only counted.
            if error.retry_after >= self.left:
                raise self._wait_too_long(error) from error
            self.left -= error.retry_after
            return self._report(0.0, error)
        pause = max(
            backoff.full_jitter(next(self._pauses)), error.retry_after if isinstance(error, ServerError) else 0.0
        )
        if self.left <= pause:
            raise TimedOutError(
                f"{self.request.method} {self.request.path} failed after {self.attempts} attempts and "
                f"{self.config.total_timeout:g} s. The last error: {error}",
                sent=getattr(error, "sent", True),
            ) from error
        self.left -= pause
        if not isinstance(error, RateLimitedError) and not self.budget.spend():
            raise error
        return self._report(pause, error)

    def _report(self, pause: float, error: AttemptError) -> float:
        status = error.status if isinstance(error, ApiError) else None
        self.observer.emit(
            ClientEvent(
                kind="retry",
                call_id=self.context.call_id,
                method=self.request.method,
                path=self.request.route,
                seconds=pause,
                status=status,
                error=type(error).__name__,
                attempt=self.attempts,
            )
        )
        return pause

    def _wait_too_long(self, error: RateLimitedError) -> RateLimitedError:
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


@backoff.on_predicate(
    backoff.runtime,
    lambda result: not isinstance(result, Response),
    value=lambda pause: pause,
    jitter=None,  # `pause_after` has drawn it
    logger=None,
)
async def _attempt(call: _RetryState) -> Response | float:
    return await call.attempt()


async def _send_until_final(call: _RetryState) -> Response:
    """Send until there is a response or an error is final; backoff sleeps the pauses between the attempts."""
    response = await _attempt(call)
    assert isinstance(response, Response)
    return response
