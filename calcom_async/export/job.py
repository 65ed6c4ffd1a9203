"""export(): a list of the API, walked exactly, through a sink into a file, with a checkpoint behind every batch."""

from __future__ import annotations

import asyncio
import os
import time
import warnings
from collections.abc import Callable
from contextlib import aclosing
from datetime import timedelta
from functools import partial

import msgspec

from calcom_async.client import Calcom
from calcom_async.errors import IncompleteListError, InvalidRequestError
from calcom_async.export.checkpoint import Checkpoint, Run
from calcom_async.export.plan import Plan, Source
from calcom_async.export.sinks import FileSink, open_sink
from calcom_async.export.sources import Job, owner
from calcom_async.export.walk import Tally
from calcom_async.pages import IncompleteListWarning

OVERLAP = timedelta(minutes=10)
"""An update may become visible after later ones; a run that asks for changes looks back this far."""
PARALLEL = 8


class Progress(msgspec.Struct, frozen=True):
    """How far an export is; `total` is the number of rows that the server counts, None where it does not."""

    rows: int
    total: int | None


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What an export did."""

    rows: int
    """Rows in the file; where changes were followed, all of them and not the changed ones alone."""
    requests: int
    """What the client sent meanwhile, repeats included."""
    duplicates: int
    """Rows that the server showed again, and that were dropped."""
    passes: int
    """How often rows that share every time were paged through before all of them had shown."""
    gaps: int
    """Rows that the server counts and never showed."""
    waited: float
    """Seconds that calls of the client waited for the rate limit; calls side by side are added up."""
    seconds: float
    is_full: bool
    """Whether everything was asked for, and not what has changed."""
    resumed: bool
    """Whether it went on from a checkpoint."""


async def export(
    cal: Calcom,
    job: Job,
    output: str | os.PathLike[str] | FileSink,
    *,
    format: str | None = None,
    resume: bool = False,
    since_last: bool = False,
    checkpoint: str | os.PathLike[str] | None = None,
    overlap: timedelta = OVERLAP,
    parallel: int = PARALLEL,
    strict: bool = False,
    on_progress: Callable[[Progress], object] | None = None,
) -> Report:
    """Write every row of a list into a file: each that exists throughout the run once, whatever changes meanwhile.

    The format goes by the name of the file, or by `format`; see `open_sink`. The file is named `.part` at its end until
    it is whole, and beside it stands a checkpoint, `.checkpoint` at its end unless one is named. After a failure, a
    cancellation or a kill, `resume=True` goes on from there, to the same file; where there is nothing to go on from, it
    starts. A checkpoint of another job is an `ExportError`.

    `since_last=True` brings the file up to date with what was created, changed or cancelled since the last such run, by
    uid; the first run is a full one. It is for bookings. To stdout, with a `checkpoint`, it writes the changes alone.

    At most `parallel` requests are under way, and only where limit and latency make that worth while. Rows that the
    server counts and never shows are told by an `IncompleteListWarning` and in the report; with `strict` they are an
    `IncompleteListError`, and the file is not made whole. Memory does not grow with the rows.
    """
    if parallel < 1:
        raise InvalidRequestError(f"parallel is {parallel}: it is the number of requests at once, from 1 on")
    source = job.source(cal)
    if since_last:
        source.check_follows()
    sink = output if isinstance(output, FileSink) else open_sink(output, source.model, key=source.key, format=format)
    run = _Run(cal, source, sink, overlap=overlap, parallel=parallel, strict=strict, on_progress=on_progress)
    _check_stream(sink, checkpoint, resume=resume, since_last=since_last)
    with sink:
        if not resume:
            sink.begin()  # what cannot be written is told before anything is sent
        book = await _checkpoint(cal, job, sink, checkpoint, resume=resume, since_last=since_last)
        return await run.go(book, resume=resume, since_last=since_last)


def _check_stream(sink: FileSink, checkpoint: object, *, resume: bool, since_last: bool) -> None:
    if resume and not sink.is_plain:
        raise InvalidRequestError(f"{sink.path} is not a file that could be gone on with; leave out resume")
    if since_last and not sink.is_plain and checkpoint is None:
        raise InvalidRequestError("to follow changes without a file, name a checkpoint that remembers the last run")


async def _checkpoint(
    cal: Calcom,
    job: Job,
    sink: FileSink,
    path: str | os.PathLike[str] | None,
    *,
    resume: bool,
    since_last: bool,
) -> Checkpoint | None:
    """The checkpoint of this job and this account; a device or a pipe has none of its own."""
    if path is None and not sink.is_plain:
        return None
    what = f"{job} as {sink.format}, of {await owner(cal)}"
    book = Checkpoint(sink.whole.with_name(sink.whole.name + ".checkpoint") if path is None else path, what)
    if resume or since_last:
        book.load()
    return book


class _Run:
    """One run of an export: how the walk, the sink and the checkpoint go together."""

    def __init__(
        self,
        cal: Calcom,
        source: Source,
        sink: FileSink,
        *,
        overlap: timedelta,
        parallel: int,
        strict: bool,
        on_progress: Callable[[Progress], object] | None,
    ) -> None:
        self._cal = cal
        self._source = source
        self._sink = sink
        self._overlap = overlap
        self._parallel = parallel
        self._strict = strict
        self._on_progress = on_progress
        self._tally = Tally()
        self._before = cal.stats()
        self._started = time.monotonic()

    async def go(self, book: Checkpoint | None, *, resume: bool, since_last: bool) -> Report:
        """From the plan to the whole file."""
        left = book.state.run if book and resume else None
        if book and left and left.is_walked and self._is_whole():
            book.finish(left.plan.horizons)
            return self._report(left.plan, left.mark.rows if left.mark else 0, resumed=True)
        run = left or Run(await self._plan(book, since_last=since_last))
        if book and not left and book.path.exists():
            self._keep(book, run)  # what an earlier run has left is about to be written over
        if resume:
            await _to_its_end(self._sink.begin, run.mark)
        if not run.is_walked:
            run = await self._walk(run, book)
            self._audit(run.plan)
            self._keep(book, msgspec.structs.replace(run, is_walked=True))
        upsert = not run.plan.is_full and self._sink.is_plain
        await _to_its_end(partial(self._sink.finish, upsert=upsert))
        if book:
            book.finish(run.plan.horizons)
        return self._report(run.plan, self._sink.rows, resumed=left is not None)

    def _is_whole(self) -> bool:
        """Whether an earlier run was killed when there was nothing left to do but to say so."""
        return self._sink.whole.exists() and not self._sink.partial.exists()

    async def _plan(self, book: Checkpoint | None, *, since_last: bool) -> Plan:
        since = book.state.horizons if book and since_last else None
        if self._sink.is_plain and not self._sink.whole.exists():
            since = None  # there is no file to bring up to date
        return await self._source.plan(since=since, overlap=self._overlap, follow=since_last)

    async def _walk(self, run: Run, book: Checkpoint | None) -> Run:
        """Write every batch, and after each one how far that is."""
        plan, place, mark = run.plan, run.place, run.mark
        batches = self._source.batches(plan, place, parallel=self._parallel, tally=self._tally)
        async with aclosing(batches):
            async for batch in batches:
                if batch.rows:
                    mark = self._sink.write(batch.rows)
                if batch.place:
                    self._keep(book, Run(plan, batch.place, mark))
                if self._on_progress:
                    self._on_progress(Progress(self._sink.rows, plan.expected))
        return Run(plan, None, mark)

    def _keep(self, book: Checkpoint | None, run: Run) -> None:
        if book and self._sink.is_plain:
            book.save(run)

    def _audit(self, plan: Plan) -> None:
        """Hold the rows against the server's count, where it counts the same ones."""
        self._tally.gaps = plan.missing(self._sink.rows, self._tally)
        if not self._tally.gaps:
            return
        told = (
            f"{self._sink.path}: {self._tally.gaps} rows that the server counts were never shown, of "
            f"{plan.expected or 'an unknown number'}. They may have been deleted meanwhile; run the export again to see"
        )
        if self._strict:
            raise IncompleteListError(told, expected=self._sink.rows + self._tally.gaps, seen=self._sink.rows)
        warnings.warn(told, IncompleteListWarning, stacklevel=4)

    def _report(self, plan: Plan, rows: int, *, resumed: bool) -> Report:
        after = self._cal.stats()
        return Report(
            rows=rows,
            requests=after.requests - self._before.requests,
            duplicates=self._tally.duplicates,
            passes=self._tally.passes,
            gaps=self._tally.gaps,
            waited=after.seconds_waited - self._before.seconds_waited,
            seconds=time.monotonic() - self._started,
            is_full=plan.is_full,
            resumed=resumed,
        )


async def _to_its_end(work: Callable[..., object], *arguments: object) -> None:
    """Do slow work on a file in a thread; who is cancelled meanwhile waits for its end, since a thread cannot stop."""
    thread = asyncio.ensure_future(asyncio.to_thread(work, *arguments))
    try:
        await asyncio.shield(thread)
    except asyncio.CancelledError:
        await asyncio.wait([thread])
        raise
