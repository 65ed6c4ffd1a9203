"""`export`: lists of the API into files."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime, time
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from calcom_async.cli.connect import CONNECT_TIMEOUT, check_reachable, connect
from calcom_async.cli.exit_codes import exit_code
from calcom_async.cli.options import Target, with_target
from calcom_async.cli.progress import ProgressDisplay
from calcom_async.cli.run import fail, run
from calcom_async.cli.terminal import print_status, stderr
from calcom_async.errors import (
    CalcomError,
    ConfigError,
    ConnectionFailedError,
    ExportError,
    IncompleteListError,
    InvalidRequestError,
    UnfinishedExportError,
)
from calcom_async.export import EXPORTABLE, ExportJob, ExportProgress, ExportReport, export
from calcom_async.export.accounts import CONCURRENT_ACCOUNTS, Account, AccountResult, export_accounts, read_accounts
from calcom_async.extras import require_extra
from calcom_async.rate_limiter import RateLimiter

SHARDS_PER_WORKER = 4
"""More than one, so that a worker that was quick takes over from one that was not."""


class Format(StrEnum):
    """Formats of files."""

    JSONL = "jsonl"
    CSV = "csv"
    PARQUET = "parquet"


@with_target
def export_command(
    target: Target,
    thing: Annotated[str, typer.Argument(metavar="WHAT", help=f"What to export: {', '.join(EXPORTABLE)}.")],
    output: Annotated[
        Path,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="Output file. The extension selects the format. With --dask, a directory. Use - for stdout.",
        ),
    ],
    format: Annotated[
        Format | None, typer.Option("--format", help="Output format. Overrides the extension of FILE.")
    ] = None,
    since: Annotated[
        str | None,
        typer.Option(
            metavar="TIME",
            help="Only bookings that start at or after this date (00:00 UTC) or time (with UTC offset).",
        ),
    ] = None,
    until: Annotated[
        str | None, typer.Option(metavar="TIME", help="Only bookings that end at or before this date or time.")
    ] = None,
    status: Annotated[
        str | None,
        typer.Option(
            metavar="STATUS",
            help="Only bookings with this status: upcoming, recurring, past, cancelled or unconfirmed. "
            "Separate several with commas.",
        ),
    ] = None,
    organization: Annotated[int | None, typer.Option(metavar="ID", help="Export from this organization.")] = None,
    team: Annotated[
        int | None,
        typer.Option(metavar="ID", help="Export from this team, with --organization a team of the organization."),
    ] = None,
    user: Annotated[
        int | None, typer.Option(metavar="ID", help="With --organization: export from this member.")
    ] = None,
    incremental: Annotated[
        bool, typer.Option("--incremental", help="Update the file with the changes since its last --incremental run.")
    ] = False,
    verify: Annotated[
        bool, typer.Option("--verify", help="With --incremental: read everything again and replace the file.")
    ] = False,
    resume: Annotated[
        bool, typer.Option("--resume", help="Resume an interrupted run, or start a new one if there is none.")
    ] = False,
    restart: Annotated[
        bool, typer.Option("--restart", help="Discard the rows of an interrupted run and start a new one.")
    ] = False,
    no_escape: Annotated[
        bool, typer.Option("--no-escape", help="CSV: do not put an apostrophe before texts that look like formulas.")
    ] = False,
    bom: Annotated[
        bool, typer.Option("--bom", help="CSV: write a byte order mark, so that Excel reads UTF-8.")
    ] = False,
    checkpoint: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Checkpoint file. [default: FILE.checkpoint]")
    ] = None,
    strict: Annotated[
        bool, typer.Option("--strict", help="Fail if the server returns fewer rows than its total.")
    ] = False,
    page_size: Annotated[int | None, typer.Option(metavar="N", min=1, max=250, help="Rows per page.")] = None,
    accounts: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Export each account of this CSV file (columns name, api_key). The name of the output file must "
            "contain {account}.",
        ),
    ] = None,
    redis: Annotated[
        str | None,
        typer.Option(metavar="URL", help="Share the rate limit with other processes through this Redis (redis://...)."),
    ] = None,
    dask: Annotated[
        str | None,
        typer.Option(
            metavar="URL",
            help="Run on this Dask cluster (tcp://...) and write a directory. Set CAL_API_KEY on the workers.",
        ),
    ] = None,
) -> None:
    """Export a list to a file.

    Each row is written once, even if data changes during the export. Bookings are sorted by their time of creation.

    The extension selects the format: .jsonl, .csv or .parquet. After .jsonl and .csv, .gz or .zst selects a
    compression. The file is named FILE.part until it is complete. After an interruption, --resume continues and
    --restart starts again. Without either, an export does not overwrite the rows of an interrupted run. Only one
    export at a time can write a file.

    In CSV, a text that a spreadsheet would execute as a formula gets an apostrophe in front. Phone numbers do not.
    """
    try:
        _check_modes(resume=resume, restart=restart, incremental=incremental, verify=verify)
        filters = _filters(status, since, until)
        _check_filters(thing, {"--status": status, "--since": since, "--until": until}, team, incremental=incremental)
        job = ExportJob(thing, organization, team, user, filters, page_size)
        options: dict[str, Any] = {
            "format": format and format.value,
            "escape": not no_escape,
            "bom": bom,
            "resume": resume,
            "restart": restart,
            "incremental": incremental,
            "verify": verify,
            "checkpoint": checkpoint,
            "strict": strict,
        }
        everybody = [*read_accounts(accounts)] if accounts else []
        if accounts and not everybody:
            raise ConfigError(f"{accounts} names no account")
        if dask:
            _export_on_dask(dask, target, everybody, job, output, options, redis)
        elif everybody:
            _export_accounts(target, everybody, job, str(output), options, redis)
        else:
            _export_one(target, job, output, options, redis)
    except CalcomError as error:
        fail(error)


def _check_modes(*, resume: bool, restart: bool, incremental: bool, verify: bool) -> None:
    if resume and restart:
        raise InvalidRequestError("--resume continues an interrupted run and --restart discards it; choose one")
    if verify and not incremental:
        raise InvalidRequestError("--verify needs --incremental; any other export reads everything anyway")


def _export_one(target: Target, job: ExportJob, output: Path, options: dict[str, Any], redis: str | None) -> None:
    """Export to one file, with a display of the progress."""
    display = ProgressDisplay(job.resource)

    async def main() -> ExportReport:
        async with (
            _limited(redis) as limiter,
            connect(target, display.on_event, limiter=limiter, announce_waits=False) as cal,
        ):
            await check_reachable(cal)
            async with display.following(cal):
                try:
                    return await export(cal, job, output, on_progress=display.on_progress, **options)
                except UnfinishedExportError as error:
                    error.add_note(_remedy(error))
                    display.forget_saved_rows()
                    raise
                except ExportError as error:
                    if isinstance(error.__cause__, BrokenPipeError):
                        raise error.__cause__ from None  # the reader has gone, as with `| head`
                    raise

    report = run(main(), resume_hint=lambda: _resume_hint(display.saved, target))
    stderr.print(f"{_summary(report, job.resource, display)}: {output}", markup=False)
    if _is_outdated(report):
        print_status("", VERIFY)


def _is_outdated(report: ExportReport) -> bool:
    """Whether an incremental run left a file that differs from the list."""
    return not report.is_full and bool(report.stale or report.missing_rows)


VERIFY = "Run the same command with --verify to read everything again."


def _remedy(error: UnfinishedExportError) -> str:
    """What to do about the rows of an interrupted run."""
    if error.can_resume:
        return "Continue it with --resume, or discard it with --restart."
    return "Discard it with --restart."


def _summary(report: ExportReport, thing: str, display: ProgressDisplay) -> str:
    done = f"{report.rows:,} {thing}" if report.is_full else f"{report.rows:,} {thing} up to date"
    new = report.rows - report.rows_before
    rate = f" ({new / report.seconds:,.0f} a second)" if report.is_full and report.seconds else ""
    return (
        f"{done} in {report.seconds:.1f} s{rate}, {report.requests} requests, "
        f"{display.waited:.1f} s waited for the rate limit"
    )


@asynccontextmanager
async def _limited(redis: str | None) -> AsyncIterator[RateLimiter | None]:
    """The limiter that is shared through Redis, if one is."""
    if redis is None:
        yield None
        return
    with require_extra("--redis", "redis"):
        from calcom_async.redis_rate_limiter import RedisTokenBucket

    async with RedisTokenBucket(redis) as limiter:
        yield limiter


def _export_on_dask(
    address: str,
    target: Target,
    accounts: list[Account],
    job: ExportJob,
    folder: Path,
    options: dict[str, Any],
    redis: str | None,
) -> None:
    """A part for each shard, in a folder; the workers have the key in their own environment."""
    with require_extra("--dask", "dask"):
        from dask.distributed import Client

        from calcom_async.export.distributed import Shard, export_on_dask, partition
    one_process = {**options, "no_escape": not options["escape"]}
    unfit = ("resume", "restart", "incremental", "verify", "checkpoint", "no_escape", "bom")
    if given := [name for name in unfit if one_process[name]]:
        raise InvalidRequestError(f"--{given[0].replace('_', '-')} cannot be combined with --dask")

    async def shards(most: int) -> list[Shard]:
        async with connect(target, credentials=accounts[0].credentials if accounts else None) as cal:
            if not accounts:
                return await partition(cal, job, shards=most)
            cut: list[Shard] = []
            for one in accounts:
                theirs = cal.with_credentials(one.credentials)
                cut += await partition(theirs, one.for_account(job), shards=most, account=one.name)
            return cut

    try:
        client: Any = Client(address, timeout=CONNECT_TIMEOUT)  # type: ignore[no-untyped-call]
    except (OSError, ValueError) as error:
        raise ConnectionFailedError(f"cannot connect to Dask at {address}: {error}", sent=False) from error
    with client:
        workers = len(client.scheduler_info()["workers"])
        if not workers:
            raise ConfigError(f"Dask at {address} has no workers; start some with CAL_API_KEY in their environment")
        cut = asyncio.run(shards(SHARDS_PER_WORKER * workers))
        stderr.print(f"{len(cut)} shards on {workers} workers", markup=False)
        manifest = export_on_dask(client, cut, folder, format=options["format"] or "jsonl", redis=redis)
    stderr.print(f"{manifest.rows:,} {job.resource} in {len(manifest.parts)} parts: {folder}", markup=False)
    if manifest.missing_rows and options["strict"]:
        raise IncompleteListError(
            f"{manifest.missing_rows} rows were not returned", expected=manifest.rows, seen=manifest.rows
        )


def _resume_hint(saved: ExportProgress, target: Target) -> str:
    """What is in the partial file, and how to get the rest; empty if there is none."""
    if not (saved.rows and saved.path and saved.path.is_file()):
        return ""
    remedy = (
        "Each --sandbox command has a new sandbox, so this export cannot be resumed; --restart discards the rows."
        if target.sandbox
        else "Run the same command with --resume to continue."
    )
    return f"{saved.rows:,} rows are in {saved.path}. {remedy}"


def _export_accounts(
    target: Target, accounts: list[Account], job: ExportJob, output: str, options: dict[str, Any], redis: str | None
) -> None:
    """One file for each account, and a line that says what became of it."""
    display = ProgressDisplay(job.resource)

    def tell(result: AccountResult) -> None:
        if result.report:
            stderr.print(f"{result.account}: {_summary(result.report, job.resource, display)}", markup=False)
            if _is_outdated(result.report):
                print_status("", VERIFY)
        else:
            print_status("[red]error:[/]", *_failure(result))

    async def main() -> list[AccountResult]:
        async with (
            _limited(redis) as limiter,
            connect(
                target,
                display.on_event,
                limiter=limiter,
                credentials=accounts[0].credentials,
                announce_waits=False,
            ) as cal,
        ):
            await check_reachable(cal)
            async with display.following(cal):
                return await export_accounts(
                    cal, accounts, job, output, concurrent_accounts=CONCURRENT_ACCOUNTS, on_result=tell, **options
                )

    results = run(main(), resume_hint=lambda: "Run the same command with --resume to continue.")
    failed = [result for result in results if result.error]
    stderr.print(f"{len(results) - len(failed)} of {len(results)} accounts exported", markup=False)
    if failed:
        raise typer.Exit(exit_code(failed[0].error))


def _failure(result: AccountResult) -> list[str]:
    """Why the export of an account failed, and what to do about it."""
    error = result.error
    lines = [f"{result.account}: {error.message if isinstance(error, CalcomError) else error}"]
    return [*lines, _remedy(error)] if isinstance(error, UnfinishedExportError) else lines


def _filters(status: str | None, since: str | None, until: str | None) -> dict[str, Any]:
    after, before = _moment("--since", since), _moment("--until", until)
    if after and before and after > before:
        raise InvalidRequestError(f"--since {since} is later than --until {until}")
    statuses = status.split(",") if status is not None else None
    chosen = {"status": statuses, "after_start": after, "before_end": before}
    return {name: value for name, value in chosen.items() if value is not None}


def _check_filters(thing: str, given: dict[str, str | None], team: int | None, *, incremental: bool) -> None:
    """Refuse, by the names of the options, what the library refuses by the names of its keywords."""
    chosen = [option for option, value in given.items() if value is not None]
    if chosen and thing != "bookings" and thing in EXPORTABLE:
        raise InvalidRequestError(f"{chosen[0]} works with bookings only, not with {thing}")
    if chosen and incremental:
        raise InvalidRequestError(
            f"{chosen[0]} and --incremental exclude each other: a booking that stops matching would stay in the file. "
            f"Leave out {chosen[0]}"
        )
    if team is not None and incremental and thing == "bookings":
        raise InvalidRequestError("--incremental does not work with --team: the API does not list its changed bookings")


def _moment(option: str, text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        if len(text) <= len("2026-01-31"):
            return datetime.combine(date.fromisoformat(text), time(), UTC)
        moment = datetime.fromisoformat(text)
        if moment.tzinfo:
            return moment.astimezone(UTC)
    except (ValueError, OverflowError):
        raise InvalidRequestError(f"{option} wants 2026-01-31 or 2026-01-31T09:00+01:00, not {text!r}") from None
    raise InvalidRequestError(f"{option} {text} has no time zone: add Z for UTC, or an offset such as +01:00")
