"""The limiter of many processes: the books of each bucket are in Redis, the lines of those who wait in each process.

    redis_limiter.lua  gauges and ledger once more: runs whole, on Redis's own clock
    RedisScript               the way to the script
    RedisBucketQueue         one bucket in one process: a line, and one call of the script at a time for all in it
    RedisTokenBucket       the desks of all buckets

A call of the script takes what has ended since the last one and asks for as many turns as there are in the line; it
tells how many there are, and how the limits stand. From that copy of the books a process knows when to ask again, and
who would wait too long. What a process holds when it dies is written off a window later.
"""

from __future__ import annotations

import asyncio
import hashlib
import itertools
import logging
import secrets
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Literal, Self

import msgspec
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import AuthenticationError, NoPermissionError

from calcom_async.errors import ConfigError, ConnectionFailedError, RateLimit
from calcom_async.rate_limit_window import (
    CALM,
    CLOCK_TOLERANCE,
    JOINERS,
    MARGIN,
    MAX_LIMIT,
    MAX_NAMED_LIMITS,
    MAX_RESET,
    MAX_RETRY_AFTER,
    MOST_PEERS,
    PEERS_PART,
    WindowEstimate,
)
from calcom_async.rate_limiter import Bucket, BucketQueue, BucketState, Permit, TokenBucket, Waiter
from calcom_async.secret import Secret, without_frames

log: logging.Logger = logging.getLogger("calcom_async")

PATIENCE = 5.0
"""Seconds after which a call of the script counts as unanswered."""
PROBE = 1.0
"""Seconds between attempts to reach Redis while it is away."""
SOON = 0.01
"""Seconds until a process first looks whether an answer to another one has opened the window; then ever longer."""
MIN_REPORTED_WAIT = 0.001
"""Seconds between two calls at least, when the first came a hair too early."""
TIMES = ("earliest", "ends", "ended", "answered_at", "lost_at", "paced_at")
"""The fields of a gauge that are times."""

CONSTANTS: bytes = msgspec.json.encode(
    {
        "grace": CLOCK_TOLERANCE,
        "longest_reset": MAX_RESET,
        "longest_retry_after": MAX_RETRY_AFTER,
        "most_limit": MAX_LIMIT,
        "most_names": MAX_NAMED_LIMITS,
        "most_peers": MOST_PEERS,
        "peers_part": PEERS_PART,
        "joiners": JOINERS,
        "margin": MARGIN,
        "calm": CALM,
    }
)
"""The constants of gauge.py, for the script."""

SCRIPT: str = Path(__file__).with_suffix(".lua").read_text("utf-8")


class PermitResult(msgspec.Struct, omit_defaults=True):
    """What became of one turn. `sent_at` is no later, `at` no earlier than it was by Redis's clock."""

    number: int
    sent_at: float
    at: float
    limits: Sequence[RateLimit] | None = None
    retry_after: float | None = None
    unsent: bool = False


class ScriptRequest(msgspec.Struct):
    """What the script is asked: turns numbered from `first` on. `doubt`: some were sent that it never heard of.

    `pause`: seconds after which a process that waits looks again, at the latest.
    """

    process: str
    known: list[tuple[str, int, float]]
    events: list[PermitResult]
    first: int
    wanted: int
    pause: float
    doubt: bool


class ScriptReply(msgspec.Struct):
    """How many turns there are, and how things stand; times are in seconds from now."""

    granted: int
    in_flight: int
    blocked_for: float
    gauges: dict[str, WindowEstimate]

    def ledger(self, bucket: Bucket, now: float) -> BucketState:
        """A copy of the books for our clock."""
        ledger = BucketState(bucket, bucket.limit, bucket.window, now)
        ledger.gauges = self.gauges
        for gauge in self.gauges.values():
            for field in TIMES:
                setattr(gauge, field, now + getattr(gauge, field))
        ledger.blocked_until = now + self.blocked_for
        ledger.on_the_way = dict.fromkeys(range(-self.in_flight, 0), now)  # whose they are does not matter here
        return ledger


class RedisScript:
    """The way to the script: over a client of our own, made anew in each event loop, or a borrowed one."""

    def __init__(self, redis: str | Secret | Redis, prefix: str) -> None:
        self.prefix = prefix
        redis = Secret(redis) if isinstance(redis, str) else redis
        self._url = redis if isinstance(redis, Secret) else None
        self._client: Redis = _connect(redis) if isinstance(redis, Secret) else redis
        self._loop: asyncio.AbstractEventLoop | None = None
        self._broken: bool = False

    @property
    def place(self) -> str:
        """Where Redis is; without the password."""
        where = self._client.connection_pool.connection_kwargs
        return where.get("path") or f"{where.get('host', 'localhost')}:{where.get('port', 6379)}/{where.get('db') or 0}"

    async def run(self, bucket: Bucket, now: str, call: ScriptRequest) -> tuple[float, ScriptReply]:
        """Call the script; Redis's time, and the reply."""
        loop = asyncio.get_running_loop()
        if self._url and self._loop is not loop:  # connections do not outlive their loop
            self._client = _connect(self._url)
            self._loop = loop
        whose = hashlib.sha256(bucket.key.encode(errors="surrogatepass")).hexdigest()[:32]
        books = f"{self.prefix}:{{{whose}:{bucket.name}}}"
        script = self._client.register_script(SCRIPT)
        async with asyncio.timeout(PATIENCE):
            clock, told = await script(keys=[books, f"{books}:turns"], args=[now, msgspec.json.encode(call), CONSTANTS])
        return float(clock), msgspec.json.decode(told, type=ScriptReply)

    async def aclose(self) -> None:
        """Close what is ours."""
        if self._url:
            await self._client.aclose()

    def broke(self, error: Exception, share: float) -> None:
        """Say that we go on alone, once."""
        if not self._broken:
            log.warning(
                "Redis at %s does not answer (%s): going on alone with %g of the rate limit until it does",
                self.place, self._reason(error), share,
            )  # fmt: skip
        self._broken = True

    def works(self) -> None:
        """Say that we are not alone any more, if we were."""
        if self._broken:
            log.warning("Redis at %s answers again: the rate limit is shared with other processes again", self.place)
        self._broken = False

    def trouble(self, error: Exception) -> ConnectionFailedError:
        """What to raise without Redis."""
        refused = isinstance(error, AuthenticationError | NoPermissionError)
        trouble = ConnectionFailedError(
            f"nothing was sent: Redis at {self.place}, which holds the rate limit, does not answer "
            f"({self._reason(error)}); see that it runs and "
            "that the URL is right",
            sent=False,
            retryable=not refused,
        )
        trouble.__cause__ = without_frames(error)  # the frames of redis hold the password
        return trouble

    def _reason(self, error: Exception) -> str:
        password = Secret(self._client.connection_pool.connection_kwargs.get("password") or "")
        reason = f"{type(error).__name__}: {error}".rstrip(": ")
        return reason.replace(password.reveal(), "***") if password != Secret("") else reason


def _connect(url: Secret) -> Redis:
    try:
        # Without retries: a repeated call of the script would take its turns twice.
        return Redis.from_url(url.reveal(), retry=Retry(NoBackoff(), 0))
    except (ValueError, TypeError):
        pass
    # Without its cause: what cannot be parsed may be a part of the password.
    raise ConfigError(
        "RedisTokenBucket: the URL of Redis cannot be read; write redis://:password@host:6379/0 (rediss:// for TLS, "
        "unix:///path for a socket), and percent-encode special characters of the password"
    )


class RedisBucketQueue(BucketQueue):
    """One bucket in one event loop. `ledger` is a copy of the books in Redis, or what we go by while it is away."""

    ledger: BucketState

    def __init__(
        self,
        ledger: BucketState,
        loop: asyncio.AbstractEventLoop,
        *,
        link: RedisScript,
        numbers: Iterator[int],
        fallback: Literal["raise"] | float,
        clock: Callable[[], str],
    ) -> None:
        super().__init__(ledger, loop)
        self.link = link
        self.fallback = fallback
        self.process: str = secrets.token_hex(8)
        self.alone: bool = False
        self._numbers = numbers
        self._now = clock
        self._known = _sizes(ledger)
        self._events: list[PermitResult] = []
        self._ours: set[int] = set()  # turns of this process on their way
        # Redis's clock less ours, at least and at most. Until it has told: sent long ago, and answered now.
        self._ahead: tuple[float, float] = (0.0, 1e12)
        self._talk: asyncio.Task[None] | None = None
        self._more: bool = False
        self._pause: float = SOON
        self._probe_at: float = 0.0

    def is_open(self, now: float) -> bool:
        """Whether a newcomer may go at once: only Redis can tell, while it is there."""
        return self.alone and super().is_open(now)

    def admit(self, bucket: Bucket, number: int, since: float, now: float) -> Permit:
        """Let one go while Redis is away."""
        self._probe(now)
        return super().admit(bucket, number, since, now)

    def _join(self, waiter: Waiter) -> None:
        if self.alone:
            super()._join(waiter)
        else:
            self.line.join(waiter)
            self.ask()

    def serve(self) -> None:
        """Ask for the turns of all who wait."""
        if self.alone:
            super().serve()
            self._probe(self.loop.time())
        elif self.line:
            self.ask()

    def release(
        self, permit: Permit, limits: Sequence[RateLimit] | None, retry_after: float | None, *, sent: bool
    ) -> None:
        """One has ended, or was not sent: Redis hears of it at once, and nobody waits for that."""
        self._ours.discard(permit.number)
        if self.alone:
            # The server's figures are not those of our share; they only count when they leave nothing.
            if retry_after is None and limits and all(told.remaining < 1 for told in limits):
                retry_after = min(told.reset for told in limits)
            super().release(permit, None, retry_after, sent=sent)
            return
        at_least, at_most = self._ahead
        sent_at, at = permit.sent_at + at_least, self.loop.time() + at_most
        self._events.append(PermitResult(permit.number, sent_at, at, limits, retry_after, not sent))
        self._pause = SOON
        self.ask()

    def ask(self) -> None:
        """Call the script now, or again as soon as the present call has come back."""
        self._more = True
        if self._talk is None:
            self._talk = self.loop.create_task(self._converse())

    async def finish(self) -> None:
        """Wait until Redis knows all that we know."""
        if self._talk and self.loop is asyncio.get_running_loop():
            await asyncio.wait([self._talk])

    def _probe(self, now: float) -> None:
        if self.alone and now >= self._probe_at:
            self._probe_at = now + PROBE
            self.ask()

    async def _converse(self) -> None:
        try:
            while self._more:
                self._more = False
                await self._call()
        finally:
            self._talk = None

    async def _call(self) -> None:
        numbers = list(itertools.islice(self._numbers, len(self.line)))
        first = numbers[0] if numbers else 0
        call = ScriptRequest(
            self.process, self._known, self._events, first, len(numbers), self._longest_pause, doubt=self.alone
        )
        self._events = []
        asked_at = self.loop.time()
        try:
            clock, reply = await self.link.run(self.ledger.bucket, self._now(), call)
        except Exception as error:  # noqa: BLE001 - whatever it is, nobody may be left standing in the line
            self._events = call.events + self._events
            self._do_without(error)
            return
        now = self.loop.time()
        self._ahead = clock - now, clock - asked_at
        self._hear(reply, numbers, now)

    def _hear(self, reply: ScriptReply, numbers: list[int], now: float) -> None:
        self.ledger = reply.ledger(self.ledger.bucket, now)
        self._known = _sizes(self.ledger)
        self.alone = False
        self.link.works()
        for number in numbers[: reply.granted]:
            self._hand_out(number, now)
        if self.line:
            self._wake_at(self._next_call(now))
            self._review(now, until=numbers[0] if numbers else 0)  # who came meanwhile has not been asked for
            self._log_long_wait(self.ledger.ready_at(now))

    def _hand_out(self, number: int, now: float) -> None:
        """A turn for the head of the line; back to Redis when everybody has left."""
        self._pause = SOON
        self._ours.add(number)
        head = self.line.head()
        permit = Permit(head.bucket if head else self.ledger.bucket, number, now, now - head.since if head else 0.0)
        if head:
            self.line.leave(head)
        if head and not head.future.done():
            head.future.set_result(permit)
        else:
            self.release(permit, None, None, sent=False)

    def _next_call(self, now: float) -> float:
        """When there will be room; sooner where an answer to another process may make room, which only Redis knows."""
        opens_at = self.ledger.ready_at(now)
        if opens_at <= now:  # there is room, but others wait too
            return now + self._longest_pause
        if len(self.ledger.on_the_way) > len(self._ours) and self.ledger.turn_at(now, 0) < opens_at:
            opens_at = min(opens_at, now + self._pause)
            self._pause = min(2 * self._pause, self._longest_pause)
        return max(opens_at, now + MIN_REPORTED_WAIT)

    @property
    def _longest_pause(self) -> float:
        return max(SOON, max(window for _, _, window in self._known) / 100)

    def _expire(self, waiter: Waiter) -> None:
        if self.alone:
            super()._expire(waiter)
        else:
            self.ask()  # and the review of the reply sends it away

    def _do_without(self, error: Exception) -> None:
        share = self.fallback
        if isinstance(share, str):
            for waiter in list(self.line):
                self.line.leave(waiter)
                if not waiter.future.done():
                    waiter.future.set_exception(self.link.trouble(error))
            return
        self.link.broke(error, share)
        now = self.loop.time()
        self._probe_at = now + PROBE
        if not self.alone:
            self.alone = True
            self.ledger = _part(self.ledger, share, now)
        super().serve()
        self._review(now)


def _sizes(ledger: BucketState) -> list[tuple[str, int, float]]:
    return [(name, gauge.limit, gauge.window) for name, gauge in ledger.gauges.items()]


def _part(whole: BucketState, share: float, now: float) -> BucketState:
    """A share of what is left of this window, and of each window to come at a steady pace."""
    part = BucketState(whole.bucket, whole.bucket.limit, whole.bucket.window, now)
    part.blocked_until = whole.blocked_until
    part.gauges = {
        name: WindowEstimate(
            limit=max(1, int(gauge.limit * share)),
            window=gauge.window,
            ends=gauge.ends,
            remaining=int(max(0, gauge.left(len(whole.on_the_way))) * share),
            before=0.0,
            paced_at=gauge.paced_at,
        )
        for name, gauge in whole.gauges.items()
    }
    return part


class RedisTokenBucket(TokenBucket):
    """`TokenBucket` for many processes: all that name the same Redis and `prefix` share the turns of a credential.

        async with RedisTokenBucket("redis://localhost") as limiter, Calcom(limiter=limiter) as cal:
            ...

    `fallback` says what happens while Redis does not answer: "raise" a `ConnectionFailedError`, or go on alone
    with a share of the limit, such as 0.25 for each of four processes, and a warning in the log. `redis` is a URL, or a
    client, which is not closed here and has to be of the event loop in use. First come first served holds within a
    process. `stats` tells how things stood when Redis was last asked.
    """

    def __init__(
        self,
        redis: str | Secret | Redis,
        *,
        prefix: str = "calcom_async",
        fallback: Literal["raise"] | float = "raise",
        limit: int | None = None,
        window: float | None = None,
    ) -> None:
        redis = Secret(redis) if isinstance(redis, str) else redis
        super().__init__(limit, window=window)
        if fallback != "raise" and not (isinstance(fallback, float | int) and 0 < fallback <= 1):
            raise ConfigError(
                f'RedisTokenBucket: fallback is {fallback!r}; it has to be "raise", or the share of the limit '
                "that this process may use alone, above 0 and up to 1"
            )
        self.prefix = prefix
        self.fallback = fallback
        self._link = RedisScript(redis, prefix)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    def __repr__(self) -> str:
        if not hasattr(self, "_link"):
            return "<RedisTokenBucket, not set up>"
        return f"RedisTokenBucket({self._link.place!r}, prefix={self.prefix!r}, fallback={self.fallback!r})"

    async def aclose(self) -> None:
        """Tell Redis what it has not heard yet, and close the connection unless it was borrowed; use opens it again."""
        for desk in self._desks.values():
            if isinstance(desk, RedisBucketQueue):
                await desk.finish()
        await self._link.aclose()

    def _new_desk(self, ledger: BucketState, loop: asyncio.AbstractEventLoop) -> BucketQueue:
        return RedisBucketQueue(
            ledger, loop, link=self._link, numbers=self._numbers, fallback=self.fallback, clock=self._now
        )

    def _now(self) -> str:
        """Nothing: the script looks at Redis's clock. Tests that run in virtual time say here how late it is."""
        return ""
