"""Run the exports of one command: to one file, or to a file for each account."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import typer

from calcom_async.cli.connect import check_reachable, connect
from calcom_async.cli.exit_codes import exit_code
from calcom_async.cli.export_report import NO_PROGRESS, ReportFile
from calcom_async.cli.options import Target
from calcom_async.cli.progress import ProgressDisplay
from calcom_async.cli.run import run
from calcom_async.cli.terminal import print_problem, stderr
from calcom_async.client import Calcom
from calcom_async.errors import CalcomError, ExportError, UnfinishedExportError
from calcom_async.export import ExportJob, ExportProgress, ExportReport, export
from calcom_async.export.accounts import CONCURRENT_ACCOUNTS, Account, AccountResult, export_accounts
from calcom_async.extras import require_extra
from calcom_async.rate_limiter import RateLimiter

VERIFY = "Run the same command with --verify to read everything again."


@dataclass(frozen=True)
class ExportRun:
    """What a command exports, and where to. `options` are keywords of `export`, and `redis` is a URL."""

    target: Target
    job: ExportJob
    output: Path
    accounts: list[Account]
    options: dict[str, Any]
    redis: str | None
    report: ReportFile


def export_to_file(export_run: ExportRun) -> None:
    """Export to one file, with a display of the progress."""
    job, output = export_run.job, export_run.output
    display = ProgressDisplay(job.resource)
    export_run.report.follow(display)

    async def main() -> ExportReport:
        async with _connected(export_run, display) as cal:
            try:
                return await export(cal, job, output, on_progress=display.on_progress, **export_run.options)
            except UnfinishedExportError as error:
                error.add_note(_remedy(error))
                display.forget_saved_rows()  # otherwise a second hint would offer --resume
                raise
            except ExportError as error:
                if isinstance(error.__cause__, BrokenPipeError):
                    raise error.__cause__ from None  # the reader has gone, as with `| head`
                raise

    report = run(main(), resume_hint=lambda: _resume_hint(display.saved, export_run.target))
    stderr.print(f"{_summary(report, job.resource, display)}: {output}", markup=False)
    if _is_outdated(report):
        print_problem("", VERIFY)
    export_run.report.add(report, output)


def export_accounts_to_files(export_run: ExportRun) -> None:
    """Export each account to its own file, and print one line for each."""
    job, output, accounts = export_run.job, str(export_run.output), export_run.accounts
    display = ProgressDisplay(job.resource)
    saved: defaultdict[str, ExportProgress] = defaultdict(lambda: NO_PROGRESS)

    def on_progress(account: Account, progress: ExportProgress) -> None:
        saved[account.name] = progress

    def on_result(result: AccountResult) -> None:
        file = output.replace("{account}", result.account)
        error = result.error
        if result.report:
            stderr.print(f"{result.account}: {_summary(result.report, job.resource, display)}", markup=False)
            if _is_outdated(result.report):
                print_problem("", VERIFY)
            export_run.report.add(result.report, file, account=result.account)
        if error:
            print_problem("[red]error:[/]", *_failure(result))
            progress = NO_PROGRESS if isinstance(error, UnfinishedExportError) else saved[result.account]
            export_run.report.add_failure(error, file, progress, code=exit_code(error), account=result.account)

    async def main() -> list[AccountResult]:
        async with _connected(export_run, display) as cal:
            return await export_accounts(
                cal,
                accounts,
                job,
                output,
                concurrent_accounts=CONCURRENT_ACCOUNTS,
                on_result=on_result,
                on_progress=on_progress,
                **export_run.options,
            )

    results = run(main(), resume_hint=lambda: "Run the same command with --resume to continue.")
    failed = [result for result in results if result.error]
    stderr.print(f"{len(results) - len(failed)} of {len(results)} accounts exported", markup=False)
    if failed:
        raise typer.Exit(exit_code(failed[0].error))


@asynccontextmanager
async def _connected(export_run: ExportRun, display: ProgressDisplay) -> AsyncIterator[Calcom]:
    """Open a client, check that the server can be reached, and show the progress inside this block."""
    # Each account replaces these credentials. The first ones only open the client.
    credentials = export_run.accounts[0].credentials if export_run.accounts else None
    async with (
        _shared_limiter(export_run.redis) as limiter,
        connect(
            export_run.target, display.on_event, limiter=limiter, credentials=credentials, announce_waits=False
        ) as cal,
    ):
        await check_reachable(cal)
        async with display.following(cal):
            yield cal


@asynccontextmanager
async def _shared_limiter(redis: str | None) -> AsyncIterator[RateLimiter | None]:
    """Open the rate limiter that is shared through Redis, if there is a URL."""
    if redis is None:
        yield None
        return
    with require_extra("--redis", "redis"):
        from calcom_async.redis_rate_limiter import RedisTokenBucket

    async with RedisTokenBucket(redis) as limiter:
        yield limiter


def _summary(report: ExportReport, noun: str, display: ProgressDisplay) -> str:
    count = f"{report.rows:,} {noun}" if report.is_full else f"{report.rows:,} {noun} up to date"
    new = report.rows - report.rows_before
    rate = f" ({new / report.seconds:,.0f} a second)" if report.is_full and report.seconds else ""
    return (
        f"{count} in {report.seconds:.1f} s{rate}, {report.requests} requests, "
        f"{display.waited:.1f} s waited for the rate limit"
    )


def _is_outdated(report: ExportReport) -> bool:
    """Whether an incremental run left a file that differs from the list."""
    return not report.is_full and bool(report.stale or report.missing_rows)


def _resume_hint(saved: ExportProgress, target: Target) -> str:
    """Say how many rows are in the partial file and how to get the rest; empty if there is none."""
    if not (saved.rows and saved.path and saved.path.is_file()):
        return ""
    remedy = (
        "Each --sandbox command has a new sandbox, so this export cannot be resumed; --restart discards the rows."
        if target.sandbox
        else "Run the same command with --resume to continue."
    )
    return f"{saved.rows:,} rows are in {saved.path}. {remedy}"


def _remedy(error: UnfinishedExportError) -> str:
    """Say what to do about the rows of an interrupted run."""
    if error.can_resume:
        return "Continue it with --resume, or discard it with --restart."
    return "Discard it with --restart."


def _failure(result: AccountResult) -> list[str]:
    """Say why the export of an account failed, and what to do about it."""
    error = result.error
    lines = [f"{result.account}: {error.message if isinstance(error, CalcomError) else error}"]
    return [*lines, _remedy(error)] if isinstance(error, UnfinishedExportError) else lines
