"""Exports on a Dask cluster: each task writes one shard, and a directory contains all of them and a manifest.

    shards = await partition(cal, ExportJob("bookings", organization=7), shards=64)
    manifest = export_on_dask(dask_client, shards, "/shared/bookings", format="parquet", redis="redis://redis:6379/0")

Dask may run a task twice. So every attempt writes to a hidden directory of its own, and the client moves only the
result that Dask has accepted into place. Tasks end with an error when the directory of their run is gone.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import warnings
from collections import defaultdict, deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from secrets import token_hex
from typing import Any
from urllib.parse import urlsplit

import msgspec

from calcom_async.errors import ConfigError, ExportError, InvalidRequestError
from calcom_async.export.lock import exclusive
from calcom_async.export.shards import Manifest, Part, Shard, lists_of, write_shard
from calcom_async.export.sinks import open_sink, usable_path
from calcom_async.extras import import_extra
from calcom_async.pages import IncompleteListWarning

with import_extra("an export on a Dask cluster", "dask"):
    from distributed import Client, Future, as_completed

MANIFEST = "_manifest.json"  # readers of data sets ignore names with this prefix
STAGING = ".run-"

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
    with _staging(place, lists_of(shards)) as staging:
        results = _results(dask_client, shards, names, staging, redis=redis, retries=retries)
        attempts, parts = zip(*results, strict=True)
        manifest = Manifest.of(shards, parts)
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
    """Write a shard to a file in a directory of this attempt, as a task of Dask, which takes no coroutine."""
    path = staging / token_hex(4) / name

    def check() -> None:
        _check_is_running(staging)
        path.parent.mkdir(exist_ok=True)

    return path, asyncio.run(write_shard(shard, path, redis, check=check))


def _check_is_running(staging: Path) -> None:
    """Raise `ExportError` if the client has ended the run, so that a lost task does not go on for hours."""
    if not staging.is_dir():
        raise ExportError(
            f"{staging} is not there on {socket.gethostname()}: its run has ended, or the folder is not one that the "
            "workers share with the client of Dask under the same path"
        )
