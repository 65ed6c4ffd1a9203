"""Exports on a Dask cluster: a list is divided by time into shards, and each task writes one part.

    shards = await partition(cal, ExportJob("bookings", organization=7), shards=64)
    manifest = export_on_dask(dask_client, shards, "/shared/bookings", format="parquet", redis="redis://redis:6379/0")

partition         divides a list into shards; the parts, concatenated in order, are the rows of a local export
export_on_dask    runs the shards on Dask, and moves the parts into place once all of them are complete
Manifest          content of a directory

Dask may run a task twice. So every attempt writes to a hidden directory of its own, and the client moves only the
result that Dask has accepted into place. Tasks end with an error when the directory of their run is gone.
"""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import socket
import time
import warnings
from collections import defaultdict, deque
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from contextlib import AsyncExitStack, aclosing, asynccontextmanager, contextmanager
from datetime import datetime
from hashlib import file_digest
from pathlib import Path
from secrets import token_hex
from string import Template
from typing import Any
from urllib.parse import urlsplit

import msgspec

from calcom_async._version import __version__
from calcom_async.client import Calcom
from calcom_async.config import Config
from calcom_async.errors import ConfigError, ExportError, InvalidRequestError
from calcom_async.export.job import DEFAULT_LOOKBACK
from calcom_async.export.lock import exclusive
from calcom_async.export.plan import ExportPlan, Segment
from calcom_async.export.sinks import open_sink, usable_path
from calcom_async.export.sources import ExportJob, account_id
from calcom_async.extras import import_extra, require_extra
from calcom_async.keyset import ReadStats
from calcom_async.pages import IncompleteListWarning

with import_extra("an export on a Dask cluster", "dask"):
    from distributed import Client, Future, as_completed

MANIFEST = "_manifest.json"  # readers of data sets ignore names with this prefix
STAGING = ".run-"
VERSION = 1

# --------------------------------------------------------------------------------------------------------- shards


class Shard(msgspec.Struct, frozen=True, kw_only=True):
    """One task of an export: a job, restricted to a time range. It can be pickled, and contains no credentials.

    `account_id` identifies the user, so that no worker exports the list of another user instead.
    """

    job: ExportJob
    account_id: str
    plan: ExportPlan
    config: Config
    account: str | None = None

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
    if shards < 1:
        raise InvalidRequestError(f"shards must be an integer >= 1, got {shards}")
    source = job.source(cal)
    plan = await source.plan(since=None, lookback=DEFAULT_LOOKBACK, incremental=False)
    # Shards travel to the workers. A key, and a proxy URL with a password, must not.
    config = msgspec.structs.replace(cal.config, api_key=None, proxy=None)
    user = await account_id(cal)
    parts = await source.split(plan, shards)
    return [Shard(job=job, account_id=user, plan=part, config=config, account=account) for part in parts]


# ------------------------------------------------------------------------------------------------------- manifest


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


def _manifest(shards: Sequence[Shard], parts: tuple[Part, ...], format: str) -> Manifest:
    """Add up the parts, and compare them with the server's totals of all lists, if it sends all of them."""
    lists, rows = _lists(shards), sum(part.rows for part in parts)
    counts = {shard.list: shard.plan.expected for shard in shards if shard.plan.verify_total}
    known = [count for count in counts.values() if count is not None]
    expected = sum(known) if len(known) == len(lists) else None
    return Manifest(
        lists=lists,
        format=format,
        rows=rows,
        expected=expected,
        # A part counts what it could not read among equal times. The totals show what else is missing.
        missing_rows=max(sum(part.missing_rows for part in parts), (expected or 0) - rows),
        watermark=max((shard.window.until for shard in shards if shard.window), default=None),
        parts=parts,
    )


def _lists(shards: Iterable[Shard]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(shard.list for shard in shards))


# ------------------------------------------------------------------------------------------------ the directory


@contextmanager
def _staging(folder: Path, lists: tuple[str, ...]) -> Iterator[Path]:
    """Create a hidden directory for one run; the directory of the data set must be empty or hold the same lists."""
    with _map_os_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
    # Otherwise two runs at the same time would delete each other's folders.
    with exclusive(folder / MANIFEST), _staged(folder, lists) as staging:
        yield staging


@contextmanager
def _staged(folder: Path, lists: tuple[str, ...]) -> Iterator[Path]:
    """Delete what killed runs have left, and create the directory of this run."""
    with _map_os_errors(folder):
        old_staging = list(folder.glob(f"{STAGING}*"))
        _check_owner(folder, lists, has_staging=bool(old_staging))
        for old in old_staging:
            shutil.rmtree(old, ignore_errors=True)
        staging = folder / f"{STAGING}{token_hex(4)}"
        staging.mkdir()
    try:
        yield staging
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def _check_owner(folder: Path, lists: tuple[str, ...], *, has_staging: bool) -> None:
    """Raise `ExportError` if a directory has files that no export of these lists wrote."""
    try:
        manifest = msgspec.json.decode((folder / MANIFEST).read_bytes(), type=Manifest)
    except FileNotFoundError:
        # A killed run leaves parts without a manifest, but next to its hidden directory.
        if not has_staging and any(file.name != f"{MANIFEST}.lock" for file in folder.iterdir()):
            raise ExportError(f"{folder} is not empty and has no {MANIFEST}; choose another folder") from None
        return
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise ExportError(f"cannot read {folder / MANIFEST}: {error}. Choose another folder, or empty it") from error
    if manifest.lists != lists:
        raise ExportError(
            f"{folder} holds another export: {'; '.join(manifest.lists)}. This one is: {'; '.join(lists)}. "
            "Choose another folder, or empty it"
        )


def _publish(manifest: Manifest, attempts: Sequence[Path], folder: Path, staging: Path) -> None:
    """Replace the parts of an earlier run. There is no manifest while they change."""
    with _map_os_errors(folder):
        fresh = staging / MANIFEST
        fresh.write_bytes(msgspec.json.format(msgspec.json.encode(manifest)))
        (folder / MANIFEST).unlink(missing_ok=True)
        for old in folder.glob(f"part-{'[0-9]' * 5}.*"):
            old.unlink()
        for part, attempt in zip(manifest.parts, attempts, strict=True):
            attempt.replace(folder / part.file)
        fresh.replace(folder / MANIFEST)


@contextmanager
def _map_os_errors(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise ExportError(f"cannot write to {folder}: {error}; choose another folder") from error


# -------------------------------------------------------------------------------------------------- the cluster


def export_on_dask(
    dask_client: Client,
    shards: Sequence[Shard],
    folder: str | os.PathLike[str],
    *,
    format: str = "jsonl",
    redis: str | None = None,
    retries: int = 3,
) -> Manifest:
    """Export all shards of one or several lists on a Dask cluster: one file per shard, and `_manifest.json`.

    `folder` is a directory that this process and all workers can reach under the same path. A second run into it at the
    same time raises `ExportLockedError`. Its files are named `part-00000.jsonl` and so on; `format` is the extension,
    as in `open_sink`. Parts of an earlier run of the same lists are replaced once all new parts are complete. A shard
    that fails after `retries` more attempts ends the run with an `ExportError`, and the directory stays as it was.

    `redis` is the URL of the Redis through which the workers share the rate limit. `$NAME` in it stands for an
    environment variable of the workers, where the password belongs. Without it, the shards of an account run one after
    the other, so that workers do not exceed the limit together. That is slower only where latency is the bottleneck.

    This function blocks until the end. In a coroutine, call it with `asyncio.to_thread`.
    """
    if dask_client.asynchronous:
        raise InvalidRequestError(
            "export_on_dask needs a Client that blocks: leave out asynchronous=True, and use a thread"
        )
    if not shards:
        raise InvalidRequestError("there are no shards: partition() returns one even for an empty list")
    names = [f"part-{number:05}.{format}" for number in range(len(shards))]
    open_sink(names[0])  # raises for an unknown format before anything runs
    if "$" not in (urlsplit(redis or "").password or "$"):
        raise ConfigError("the password of Redis would travel in Dask's tasks; write $NAME, a variable of the workers")
    place = usable_path(folder, "the folder").absolute()
    with _staging(place, _lists(shards)) as staging:
        results = _results(dask_client, shards, names, staging, redis=redis, retries=retries)
        attempts, parts = zip(*results, strict=True)
        manifest = _manifest(shards, parts, format)
        _publish(manifest, attempts, place, staging)
    if manifest.missing_rows:
        warnings.warn(
            f"{place}: {manifest.missing_rows} rows that the server counts were not returned, of {manifest.expected}. "
            "They may have been deleted during the export; run it again to see",
            IncompleteListWarning,
            stacklevel=2,
        )
    return manifest


def _results(
    client: Any,
    shards: Sequence[Shard],
    names: Sequence[str],
    staging: Path,
    *,
    redis: str | None,
    retries: int,
) -> list[tuple[Path, Part]]:
    """Run a task per shard, and return the results in order. If one fails for good, cancel the others.

    The tasks of one queue run one after the other, but not as dependencies: Dask would repeat all earlier ones if it
    lost the result of one. For the same reason each result is released as soon as it has arrived.
    """
    run = token_hex(4)
    queues: defaultdict[str | int | None, deque[int]] = defaultdict(deque)
    for number, shard in enumerate(shards):
        queues[number if redis else shard.account].append(number)
    running: dict[Future[Any], deque[int]] = {}
    results: dict[int, tuple[Path, Part]] = {}

    def start(queue: deque[int]) -> Future[Any]:
        number = queue[0]
        task = shards[number], names[number], staging, redis
        key = f"calcom-export-{run}-{number:05}"
        future: Future[Any] = client.submit(_write, *task, key=key, retries=retries)
        running[future] = queue
        return future

    try:
        completed: Any = as_completed([start(queue) for queue in queues.values()])  # type: ignore[no-untyped-call]
        for future in completed:
            queue = running.pop(future)
            number = queue.popleft()
            try:
                results[number] = future.result()
            except Exception as cause:
                raise ExportError(f"{shards[number]}: {type(cause).__name__}: {cause}") from cause
            if queue:
                completed.add(start(queue))
    finally:
        client.cancel(list(running))
    return [results[number] for number in range(len(shards))]


# --------------------------------------------------------------------------------------------------- the worker


def _write(shard: Shard, name: str, staging: Path, redis: str | None) -> tuple[Path, Part]:
    """Run a shard as a task of Dask, which takes no coroutine."""
    return asyncio.run(_write_shard(shard, name, staging, redis))


async def _write_shard(shard: Shard, name: str, staging: Path, redis: str | None) -> tuple[Path, Part]:
    """Write a shard to a file in a directory of this attempt."""
    started, stats = time.monotonic(), ReadStats()
    path = staging / token_hex(4) / name
    async with _calcom(shard, redis) as cal:
        source = shard.job.source(cal)
        _check_is_running(staging)
        path.parent.mkdir()
        with open_sink(path, source.model, key=source.key) as sink:
            sink.begin()
            rows = source.batches(shard.plan, None, stats=stats, minimum=sink.min_batch_rows)
            async with aclosing(rows) as batches:
                async for batch in batches:
                    _check_is_running(staging)
                    sink.write(batch.rows)
            sink.finish()
        requests = cal.stats().requests
    # The file is read again, because the manifest describes what is on the shared disk.
    with path.open("rb") as file:
        digest = file_digest(file, "sha256").hexdigest()
    part = Part(
        file=name,
        list=shard.list,
        account=shard.account,
        window=shard.window,
        rows=sink.rows,
        missing_rows=stats.missing_rows,
        size=path.stat().st_size,
        sha256=digest,
        requests=requests,
        seconds=time.monotonic() - started,
    )
    return path, part


def _check_is_running(staging: Path) -> None:
    """Raise `ExportError` if the client has ended the run, so that a lost task does not go on for hours."""
    if not staging.is_dir():
        raise ExportError(
            f"{staging} is not there on {socket.gethostname()}: its run has ended, or the folder is not one that the "
            "workers share with the client of Dask under the same path"
        )


@asynccontextmanager
async def _calcom(shard: Shard, redis: str | None) -> AsyncIterator[Calcom]:
    """Create a client from the environment of this worker, for the account of the shard."""
    async with AsyncExitStack() as stack:
        key = _expand_env(f"${shard.variable}")
        limiter = None
        if redis:
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
