"""Shards of an export: a list is divided by time, and any executor writes each shard to a file of its own.

partition    divides a list into shards; their files, concatenated in order, contain the rows of a local export
run_shard    writes one shard to a file, in any process of any machine
Manifest     adds up the files, and compares them with the server's totals

`distributed` runs shards on a Dask cluster.
"""

from __future__ import annotations

import asyncio
import os
import re
import socket
import time
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from datetime import datetime
from hashlib import file_digest
from math import inf
from pathlib import Path
from string import Template
from typing import Any

import msgspec

from calcom_async._version import __version__
from calcom_async.client import Calcom
from calcom_async.config import Config
from calcom_async.errors import ConfigError, InvalidRequestError, in_range, shown
from calcom_async.export.job import DEFAULT_LOOKBACK
from calcom_async.export.lock import exclusive
from calcom_async.export.plan import ExportPlan, Segment
from calcom_async.export.sinks import COMPRESSIONS, open_sink
from calcom_async.export.sources import ExportJob, account_id
from calcom_async.extras import require_extra
from calcom_async.keyset import ReadStats

VERSION = 1

# --------------------------------------------------------------------------------------------------------- shards


class Shard(msgspec.Struct, frozen=True, kw_only=True):
    """One task of an export: a job, restricted to a time range. It can be pickled, and contains no credentials.

    `account_id` identifies the user, so that no worker exports the list of another user instead. A shard of a client
    with additional headers can be run in this process only: their values are secrets, which are not pickled.
    """

    job: ExportJob
    account_id: str
    plan: ExportPlan
    config: Config
    account: str | None = None

    def __reduce__(self) -> Any:
        if self.config.headers:
            raise ConfigError(
                "the shards of a client with additional headers cannot be pickled: the values are secrets",
                hint="Call partition with a client without headers, or run the shards in threads of this process",
            )
        return super().__reduce__()

    def __str__(self) -> str:
        parts = [self.list]
        if self.account:
            parts.append(f"account {self.account}")
        if self.window:
            since = f" from {self.window.after.isoformat()}" if self.window.after else ""
            parts.append(f"{self.window.by}{since} up to {self.window.until.isoformat()}")
        return ", ".join(parts)

    @property
    def list(self) -> str:
        """The list and account of this shard."""
        return f"{self.job} of {self.account_id}"

    @property
    def window(self) -> Segment | None:
        """Return the time range of this shard, both ends included; None if the list is empty or not read by time."""
        return self.plan.segments[0] if self.plan.segments else None

    @property
    def variable(self) -> str:
        """Environment variable of a worker that contains the API key: `CAL_API_KEY`, or `CAL_API_KEY_<ACCOUNT>`."""
        return "CAL_API_KEY" + (re.sub(r"[^A-Z0-9]", "_", f"_{self.account.upper()}") if self.account else "")


async def partition(cal: Calcom, job: ExportJob, *, shards: int = 8, account: str | None = None) -> list[Shard]:
    """Divide a list of bookings into up to `shards` time ranges with similar row counts. Other lists are one shard.

    Bookings created later belong to the next run. The workers use the settings of `cal`, the proxy of their own
    environment, and an API key of the same user from there: `CAL_API_KEY`, or `CAL_API_KEY_ACME` for an `account` such
    as "acme". The shards of several accounts, concatenated, form one data set.
    """
    if not isinstance(job, ExportJob):
        raise InvalidRequestError(f'job must be an ExportJob, such as ExportJob("bookings"), got {shown(job)}')
    if not isinstance(shards, int) or not in_range(shards, 1, inf):
        raise InvalidRequestError(f"shards must be an integer >= 1, got {shown(shards)}")
    if not isinstance(account, str | None):
        raise InvalidRequestError(f"account must be a name (str), got {shown(account)}")
    source = job.source(cal)
    plan = await source.plan(since=None, lookback=DEFAULT_LOOKBACK, incremental=False)
    # Shards travel to the workers. A key, and a proxy URL with a password, must not.
    config = msgspec.structs.replace(cal.config, api_key=None, proxy=None)
    user = await account_id(cal)
    parts = await source.split(plan, shards)
    return [Shard(job=job, account_id=user, plan=part, config=config, account=account) for part in parts]


# ------------------------------------------------------------------------------------------------------- results


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """One file of a data set, with its statistics."""

    file: str
    list: str
    account: str | None
    window: Segment | None
    rows: int
    missing_rows: int
    size: int
    sha256: str
    requests: int
    seconds: float


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """Content of a directory; the file exists only while all parts do. The parts are in order.

    `expected` is the server's total, or None if it counts other rows too. `missing_rows` are rows that it counts but
    did not return. `watermark` is the latest time that was read; later rows belong to the next run.
    """

    lists: tuple[str, ...]
    format: str
    rows: int
    expected: int | None
    missing_rows: int
    watermark: datetime | None
    parts: tuple[Part, ...]
    made_by: str = f"calcom_async {__version__}"
    version: int = VERSION

    @classmethod
    def of(cls, shards: Sequence[Shard], parts: Sequence[Part]) -> Manifest:
        """Add up the parts of all shards, in order, and compare them with the server's totals, if it sends them."""
        if not parts or len(parts) != len(shards):
            raise InvalidRequestError(f"there must be one part for each shard, got {len(parts)} for {len(shards)}")
        lists, rows = lists_of(shards), sum(part.rows for part in parts)
        counts = {shard.list: shard.plan.expected for shard in shards if shard.plan.verify_total}
        known = [count for count in counts.values() if count is not None]
        expected = sum(known) if len(known) == len(lists) else None
        return cls(
            lists=lists,
            format=_format(parts[0].file),
            rows=rows,
            expected=expected,
            # A part counts what it could not read among equal times. The totals show what else is missing.
            missing_rows=max(sum(part.missing_rows for part in parts), (expected or 0) - rows),
            watermark=max((shard.window.until for shard in shards if shard.window), default=None),
            parts=tuple(parts),
        )


def lists_of(shards: Iterable[Shard]) -> tuple[str, ...]:
    """Return the lists of the shards, each once."""
    return tuple(dict.fromkeys(shard.list for shard in shards))


def _format(name: str) -> str:
    """Return the extension of a file, with that of its compression."""
    *_, format, last = ["", *Path(name).suffixes]
    return (format + last if last in COMPRESSIONS else last).lstrip(".")


# ----------------------------------------------------------------------------------------------------- run a shard


def run_shard(shard: Shard, path: str | os.PathLike[str], *, redis: str | None = None) -> Part:
    """Write one shard to a file, whose extension selects the format as in `open_sink`, and return its statistics.

    Any executor can call it, in any process of any machine. The API key comes from the environment of the process, see
    `partition`. The file gets its name only when it is complete: after a crash, call it again with the same arguments.
    The file of an earlier call is replaced. A second call with the same path at the same time raises
    `ExportLockedError`.

    `redis` is the URL of the Redis through which concurrent calls share the rate limit. `$NAME` in it stands for an
    environment variable of the process, where the password belongs. Without it, run the shards of an account one after
    the other: concurrent ones would exceed the rate limit together.

    This function blocks until the end. In a coroutine, call it with `asyncio.to_thread`.
    """
    if not isinstance(shard, Shard):
        raise InvalidRequestError(f"shard must be one Shard of those that partition returns, got {shown(shard)}")
    if not isinstance(redis, str | None):
        raise InvalidRequestError(f"redis must be a URL (str), got {type(redis).__name__}")
    if _is_in_event_loop():
        raise InvalidRequestError("run_shard blocks the event loop: call it with asyncio.to_thread")
    sink = open_sink(path)  # raises for an unknown format before anything runs
    if not sink.is_regular_file:
        raise InvalidRequestError(f"run_shard writes a regular file, and {path} is none")
    with exclusive(sink.whole):
        return asyncio.run(write_shard(shard, sink.whole, redis))


def _is_in_event_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


async def write_shard(shard: Shard, path: Path, redis: str | None, *, check: Callable[[], None] | None = None) -> Part:
    """Write a shard to a file. `check` is called before the first and before each batch; its exception ends the run."""
    started, stats = time.monotonic(), ReadStats()
    async with _calcom(shard, redis) as cal:
        source = shard.job.source(cal)
        if check:
            check()
        with open_sink(path, source.model, key=source.key) as sink:
            sink.begin()
            rows = source.batches(shard.plan, None, stats=stats, minimum=sink.min_batch_rows)
            async with aclosing(rows) as batches:
                async for batch in batches:
                    if check:
                        check()
                    sink.write(batch.rows)
            sink.finish()
        requests = cal.stats().requests
    # The file is read again, because the statistics describe what is on the disk, which may be a shared one.
    with path.open("rb") as file:
        digest, size = file_digest(file, "sha256").hexdigest(), file.seek(0, os.SEEK_END)
    return Part(
        file=path.name,
        list=shard.list,
        account=shard.account,
        window=shard.window,
        rows=sink.rows,
        missing_rows=stats.missing_rows,
        size=size,
        sha256=digest,
        requests=requests,
        seconds=time.monotonic() - started,
    )


@asynccontextmanager
async def _calcom(shard: Shard, redis: str | None) -> AsyncIterator[Calcom]:
    """Create a client from the environment of this worker, for the account of the shard."""
    async with AsyncExitStack() as stack:
        key = _expand_env(f"${shard.variable}")
        limiter = None
        if redis is not None:  # an empty one is an error, not a run without a shared limit
            with require_extra("a rate limit shared through Redis", "redis"):
                from calcom_async.redis_rate_limiter import RedisTokenBucket  # noqa: PLC0415 - an extra

            limiter = await stack.enter_async_context(RedisTokenBucket(_expand_env(redis)))
        cal = await stack.enter_async_context(Calcom(key, config=shard.config, limiter=limiter))
        if (user := await account_id(cal)) != shard.account_id:
            raise ConfigError(f"{shard.variable} on {socket.gethostname()} is of {user}, not of {shard.account_id}")
        yield cal


def _expand_env(text: str) -> str:
    """Replace variables of this worker's environment in a text."""
    try:
        return Template(text).substitute(os.environ)
    except KeyError as missing:
        raise ConfigError(
            f"{missing.args[0]} is not set in the environment of the worker on {socket.gethostname()}; start it with "
            "that variable"
        ) from None
    except ValueError:
        raise ConfigError("the URL of Redis has a $ that no name follows; write %24 for the sign itself") from None
