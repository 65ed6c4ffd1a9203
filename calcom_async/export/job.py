"""export(): read a list in batches, write each to a file, and save a checkpoint after it."""

from __future__ import annotations

import asyncio
import os
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import aclosing, contextmanager
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import NamedTuple

import msgspec

from calcom_async.client import Calcom
from calcom_async.errors import CalcomError, IncompleteListError, InvalidRequestError, UnfinishedExportError
from calcom_async.export.checkpoint import Checkpoint, RunState
from calcom_async.export.integrity import ModifiedFileWarning, ValidPrefix
from calcom_async.export.lock import exclusive
from calcom_async.export.plan import ExportPlan, Source
from calcom_async.export.sinks import FileSink, open_sink, usable_path
from calcom_async.export.sources import ExportJob, account_id
from calcom_async.keyset import ReadStats
from calcom_async.pages import IncompleteListWarning

MAX_LOOKBACK = timedelta(days=3650)
DEFAULT_LOOKBACK = timedelta(minutes=10)
"""Updates may become visible out of order, so an incremental run reads this much again."""
CALLER_OF_EXPORT = 4
"""Level of the stack that warnings name: a step of the run, `run`, `export`, and its caller."""


class ExportProgress(msgspec.Struct, frozen=True):
    """Progress of an export. `total` is the total that the server returned, None if it returned none.

    `rows_before` is the number of rows that an interrupted run had written before this one continued it. `path` is the
    partial file, which `resume=True` continues; None for a stream.
    """

    rows: int
    total: int | None
    rows_before: int = 0
    path: Path | None = None


class ExportReport(msgspec.Struct, frozen=True, kw_only=True):
    """Result of an export."""

    rows: int
    """Rows in the file. After an incremental run, all of them and not only the changed ones."""
    requests: int
    """Requests that the client sent during the export, retries included."""
    duplicates: int
    """Rows that the server returned again, and that were dropped."""
    max_passes: int
    """Largest number of passes over rows with equal times until all of them were returned."""
    missing_rows: int
    """Rows that the server counts but did not return. After an incremental run: rows that the file lacks."""
    stale: int = 0
    """After an incremental run: rows of the file that the server no longer counts. Most were deleted."""
    rate_limit_wait: float
    """Seconds that requests waited for the rate limit; concurrent waits are added up."""
    seconds: float
    is_full: bool
    """Whether the whole list was read, and not only the changes."""
    resumed: bool
    """Whether the run continued from a checkpoint."""
    rows_before: int = 0
    """Rows that an interrupted run had written before this one continued it."""


async def export(
    cal: Calcom,
    job: ExportJob,
    output: str | os.PathLike[str] | FileSink,
    *,
    format: str | None = None,
    escape: bool = True,
    bom: bool = False,
    resume: bool = False,
    restart: bool = False,
    incremental: bool = False,
    verify: bool = False,
    checkpoint: str | os.PathLike[str] | None = None,
    lookback: timedelta = DEFAULT_LOOKBACK,
    strict: bool = False,
    on_progress: Callable[[ExportProgress], object] | None = None,
) -> ExportReport:
    """Export a list to a file. Every row that exists for the whole run is written exactly once.

    The extension of the file or `format` selects the format; `escape` and `bom` are for CSV; see `open_sink`. The file
    is named `.part` until it is complete. A checkpoint next to it, `.checkpoint` unless named, records the progress.
    After an error, a cancellation or a kill, `resume=True` continues, to the same bytes; without an interrupted run it
    starts one. Lists other than bookings are read again from the start. Without `resume`, the rows of an interrupted
    run are an `UnfinishedExportError`; `restart=True` discards them. A checkpoint of another job or another file is an
    `ExportError`. An error that ends the run keeps its class, so a 403 is a `ForbiddenError`; its `hint` says how many
    rows are in the partial file and how to continue.

    If another program writes to the partial file during the run, that is an `UnfinishedExportError`, and the file of an
    earlier export keeps its name. If it was modified or copied before `resume`, that is a `ModifiedFileWarning`.
    `integrity.py` states what is noticed.

    One export at a time writes a file: during the run, `FILE.lock` and `CHECKPOINT.lock` are locked, and a second
    export of the same file raises `ExportLockedError`.

    `incremental=True` brings the file up to date with what was created, changed or cancelled since the last such run.
    Rows are matched by uid. The first run is a full one. Only bookings support it. To stdout, with a `checkpoint`, it
    writes only the changes.
    The API does not list deletions: after each such run, the rows of the file are compared with the server's total. If
    they differ, an `IncompleteListWarning` has the figures. `verify=True` reads everything again and replaces the file.

    Rows that the server counts but does not return are an `IncompleteListWarning` and in the report; with `strict` they
    are an `IncompleteListError`, and a full run does not rename the file. Memory does not grow with the rows.
    """
    mode = RunMode(resume=resume, restart=restart, incremental=incremental, verify=verify)
    mode.check()
    _check_arguments(job, lookback, on_progress)
    source = job.source(cal)
    if incremental:
        source.check_incremental()
    if isinstance(output, FileSink):
        sink = output
    else:
        sink = open_sink(output, source.model, key=source.key, format=format, escape=escape, bom=bom)
    path = _checkpoint_path(sink, checkpoint, mode)
    exporter = _Exporter(cal, source, sink, mode, lookback=lookback, strict=strict, on_progress=on_progress)
    with exclusive(*([sink.whole] if sink.is_regular_file else []), *([path] if path else [])), sink:
        await exporter.begin()
        if path:
            await exporter.load_checkpoint(path, job)
        return await exporter.run()


class RunMode(NamedTuple):
    """What a run does with the file and the checkpoint of earlier ones: the options of `export` with these names."""

    resume: bool
    restart: bool
    incremental: bool
    verify: bool

    def check(self) -> None:
        """Raise `InvalidRequestError` for options that exclude each other."""
        if self.resume and self.restart:
            raise InvalidRequestError(
                "resume=True continues an interrupted run and restart=True discards it; choose one"
            )
        if self.verify and not self.incremental:
            raise InvalidRequestError("verify=True needs incremental=True; any other export reads everything anyway")


def _check_arguments(job: object, lookback: object, on_progress: object) -> None:
    if not isinstance(job, ExportJob):
        raise InvalidRequestError(f'the job must be an ExportJob, such as ExportJob("bookings"), got {job!r}')
    if on_progress is not None and not callable(on_progress):
        raise InvalidRequestError(f"on_progress must be a function, got {on_progress!r}")
    if not isinstance(lookback, timedelta) or not timedelta() <= lookback <= MAX_LOOKBACK:
        raise InvalidRequestError(f"lookback must be a timedelta from 0 to {MAX_LOOKBACK.days} days, got {lookback!r}")


def _checkpoint_path(sink: FileSink, path: str | os.PathLike[str] | None, mode: RunMode) -> Path | None:
    """Return the path of the checkpoint. Streams have none unless the caller names one."""
    if mode.resume and not sink.is_regular_file:
        raise InvalidRequestError(
            f"cannot resume: {sink.path} is not a regular file", hint="Export without resume=True"
        )
    if mode.incremental and not sink.is_regular_file and path is None:
        raise InvalidRequestError("an incremental export to a stream needs a checkpoint file to store its watermark")
    if path is None:
        return _default_checkpoint(sink) if sink.is_regular_file else None
    checkpoint = usable_path(path, "the checkpoint")
    outputs = {os.path.realpath(file) for file in (sink.whole, sink.partial)}
    if sink.is_regular_file and os.path.realpath(checkpoint) in outputs:
        raise InvalidRequestError(f"the checkpoint {checkpoint} is the output itself; choose another checkpoint")
    return checkpoint


def _default_checkpoint(sink: FileSink) -> Path:
    return sink.whole.with_name(sink.whole.name + ".checkpoint")


def _output_name(sink: FileSink, checkpoint: Path) -> str:
    """Name the output in a checkpoint of another name: another output must not advance its watermark.

    The name is relative to the checkpoint, so that a directory with both can be moved.
    """
    checkpoint, whole = Path(os.path.realpath(checkpoint)), sink.whole
    if not sink.is_regular_file or checkpoint == _default_checkpoint(sink):
        return ""
    is_on_same_drive = checkpoint.anchor == whole.anchor
    return f" into {os.path.relpath(whole, checkpoint.parent) if is_on_same_drive else whole}"


class _Exporter:
    """One run of an export.

    begin -> load_checkpoint -> plan -> read: write each batch, save the position after it -> complete -> report
    """

    def __init__(
        self,
        cal: Calcom,
        source: Source,
        sink: FileSink,
        mode: RunMode,
        *,
        lookback: timedelta,
        strict: bool,
        on_progress: Callable[[ExportProgress], object] | None,
    ) -> None:
        self._cal = cal
        self._source = source
        self._sink = sink
        self._mode = mode
        self._lookback = lookback
        self._strict = strict
        self._on_progress = on_progress
        self._checkpoint: Checkpoint | None = None
        self._stats = ReadStats()
        self._stale = 0
        self._rows_before = 0
        self._stats_before = cal.stats()
        self._started = time.monotonic()

    async def begin(self) -> None:
        """Open a new partial file, before the first request, so that an unwritable file is reported at once."""
        if self._mode.resume:
            return  # the checkpoint says where to continue
        if not self._mode.restart:
            await self._check_nothing_is_lost()
        self._sink.begin()

    async def load_checkpoint(self, path: Path, job: ExportJob) -> None:
        """Load the checkpoint of an earlier run, or prepare a new one."""
        account = await account_id(self._cal)
        self._checkpoint = Checkpoint(
            path, f"{job} as {self._sink.format}{_output_name(self._sink, path)}, of {account}"
        )
        self._checkpoint.load(same_job=self._mode.resume or self._mode.incremental, restart=self._mode.restart)
        if self._mode.resume and not self._checkpoint.state.run:
            await self._check_nothing_is_lost(problem=f"there is no checkpoint {path} to resume from")

    async def _check_nothing_is_lost(self, problem: str = "") -> None:
        """Raise `UnfinishedExportError` if the rows of an interrupted run would be overwritten.

        `problem` is the reason why they cannot be resumed.
        """
        sink = self._sink
        rows = await asyncio.to_thread(sink.rows_left)
        if rows is None:
            return
        message = (
            f"{problem}, and {sink.partial} has {rows:,} rows that would be lost. Move it away to keep them"
            if problem
            else f"{sink.partial} has {rows:,} rows of an interrupted export, which would be lost"
        )
        raise UnfinishedExportError(message, path=sink.partial, rows=rows, can_resume=not problem)

    async def run(self) -> ExportReport:
        """Read everything in the plan, complete the file and report."""
        interrupted = self._interrupted_run()
        if interrupted and interrupted.is_read and self._is_renamed():
            self._finish_checkpoint(interrupted.plan)
            return self._report(interrupted.plan, self._rows_before, resumed=True)
        run = interrupted or await self._start()
        if self._mode.resume:  # any other run has opened its file in `begin`
            await self._continue_file(run.prefix)
        if not run.is_read:
            with self._resume_hint():
                run = await self._read(run)
            self._check_total(run.plan)
            # A run that is killed from here on does not read the list again.
            self._save(msgspec.structs.replace(run, is_read=True))
        await self._complete(run.plan)
        if self._is_upsert(run.plan):
            await self._compare_with_server(run.plan)
        return self._report(run.plan, self._sink.rows, resumed=interrupted is not None)

    def _interrupted_run(self) -> RunState | None:
        """Return the run to continue, if there is one."""
        run = self._checkpoint.state.run if self._checkpoint and self._mode.resume else None
        if not run:
            return None
        self._rows_before = run.prefix.rows if run.prefix else 0
        if self._mode.verify and not run.plan.is_full:
            raise UnfinishedExportError(
                f"{self._sink.whole}: an interrupted run has read only what changed. Complete it before you verify",
                path=self._sink.partial,
                rows=self._rows_before,
                can_resume=True,
            )
        return run

    def _is_renamed(self) -> bool:
        """Whether an earlier run completed the file and was killed before it updated the checkpoint."""
        return self._sink.whole.exists() and not self._sink.partial.exists()

    async def _start(self) -> RunState:
        """Plan a new run, and save it before the rows of an earlier one are overwritten."""
        is_update = self._mode.incremental and not self._mode.verify
        since = self._checkpoint.state.watermarks if self._checkpoint and is_update else None
        if self._sink.is_regular_file and not self._sink.whole.exists():
            since = None  # there is no file to bring up to date
        incremental = self._mode.incremental
        run = RunState(await self._source.plan(since=since, lookback=self._lookback, incremental=incremental))
        self._save(run)
        return run

    async def _continue_file(self, prefix: ValidPrefix | None) -> None:
        """Open the partial file after the rows of the interrupted run, or a new one if there was none."""
        await _run_in_thread(self._sink.begin, prefix)
        if self._sink.was_modified:
            warnings.warn(ModifiedFileWarning(self._sink.partial), stacklevel=CALLER_OF_EXPORT)

    async def _read(self, run: RunState) -> RunState:
        """Write each batch, and save the position after it."""
        plan, prefix = run.plan, run.prefix
        if self._rows_before:
            self._show_progress(plan)
        batches = self._source.batches(plan, run.position, stats=self._stats, minimum=self._sink.min_batch_rows)
        async with aclosing(batches):
            async for batch in batches:
                if batch.rows:
                    prefix = self._sink.write(batch.rows)
                # Within a group of equal times there is no position. A run that is killed there reads the group again.
                if batch.position:
                    self._save(RunState(plan, batch.position, prefix))
                self._show_progress(plan)
                await asyncio.sleep(0)  # let other tasks run, and a cancellation arrive, while batches are ready
        return RunState(plan, None, prefix)

    def _show_progress(self, plan: ExportPlan) -> None:
        if self._on_progress is not None:
            path = self._sink.partial if self._sink.is_regular_file else None
            self._on_progress(ExportProgress(self._sink.rows, plan.expected, self._rows_before, path))

    @contextmanager
    def _resume_hint(self) -> Iterator[None]:
        """Say in the hint of an error which rows are safe and how to continue."""
        try:
            yield
        except UnfinishedExportError:
            raise  # another program changed the rows
        except CalcomError as error:
            if self._sink.rows and self._sink.is_regular_file:
                saved = f"{self._sink.rows:,} rows are in {self._sink.partial}; continue with resume=True"
                error.hint = f"{error.hint}. {saved}" if error.hint else saved
            raise

    def _save(self, run: RunState) -> None:
        # What went to a stream cannot be continued. Its checkpoint only has the watermarks.
        if self._checkpoint and self._sink.is_regular_file:
            self._checkpoint.save(run)

    def _is_upsert(self, plan: ExportPlan) -> bool:
        """Whether the rows are changes that are merged into the file of an earlier run."""
        return not plan.is_full and self._sink.is_regular_file

    async def _complete(self, plan: ExportPlan) -> None:
        """Give the file its name, and only then forget how to resume."""
        await _run_in_thread(partial(self._sink.finish, upsert=self._is_upsert(plan)))
        self._finish_checkpoint(plan)

    def _finish_checkpoint(self, plan: ExportPlan) -> None:
        if self._checkpoint:
            self._checkpoint.finish(plan.watermarks)

    def _check_total(self, plan: ExportPlan) -> None:
        """Compare the rows with the server's total, if it counts the same rows."""
        rows, missing = self._sink.rows, plan.missing(self._sink.rows, self._stats)
        self._stats.missing_rows = missing
        if missing:
            message = (
                f"{self._sink.path}: {missing} rows that the server counts were not returned, of "
                f"{plan.expected or 'an unknown number'}. They may have been deleted during the export; run it again "
                "to see"
            )
            if self._strict:
                raise IncompleteListError(message, expected=rows + missing, seen=rows)
            warnings.warn(message, IncompleteListWarning, stacklevel=CALLER_OF_EXPORT)

    async def _compare_with_server(self, plan: ExportPlan) -> None:
        """Compare an incrementally updated file with the server's total, since deletions are not listed.

        Bookings may be created at the same time, so every number between the totals at the beginning and now is
        correct.
        """
        rows, before = self._sink.rows, plan.listed
        # If the first total agrees with the file, a second request is not needed.
        now = before if before in {None, rows} else await self._source.count()
        if before is None or now is None:
            return
        lacking = max(0, min(before, now) - rows)
        self._stats.missing_rows = max(self._stats.missing_rows, lacking)
        self._stale = max(0, rows - max(before, now))
        if not (lacking or self._stale):
            return
        difference = (
            f"it lacks {lacking}"
            if lacking
            else f"at least {self._stale} of them are gone from the server, most likely deleted"
        )
        message = (
            f"{self._sink.path} has {rows:,} rows, but the server counts {now:,}: {difference}. Verify the file to "
            "read everything again"
        )
        if self._strict and lacking:
            raise IncompleteListError(message, expected=now, seen=rows)
        warnings.warn(message, IncompleteListWarning, stacklevel=CALLER_OF_EXPORT)

    def _report(self, plan: ExportPlan, rows: int, *, resumed: bool) -> ExportReport:
        stats = self._cal.stats()
        return ExportReport(
            rows=rows,
            requests=stats.requests - self._stats_before.requests,
            duplicates=self._stats.duplicates,
            max_passes=self._stats.max_passes,
            missing_rows=self._stats.missing_rows,
            stale=self._stale,
            rate_limit_wait=stats.seconds_waited - self._stats_before.seconds_waited,
            seconds=time.monotonic() - self._started,
            is_full=plan.is_full,
            resumed=resumed,
            rows_before=self._rows_before,
        )


async def _run_in_thread(work: Callable[..., object], *arguments: object) -> None:
    """Do slow file work in a thread. A cancelled caller waits for its end, because a thread cannot be stopped."""
    thread = asyncio.ensure_future(asyncio.to_thread(work, *arguments))
    try:
        await asyncio.shield(thread)
    except asyncio.CancelledError:
        await asyncio.wait([thread])
        raise
