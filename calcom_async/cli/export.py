"""`export`: write lists of the API to files. This module checks the options; `export_run.py` runs the exports."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from calcom_async.cli.arguments import instants_of, parse_bound
from calcom_async.cli.export_dask import export_on_cluster
from calcom_async.cli.export_options import (
    AccountsOption,
    BomOption,
    CheckpointOption,
    DaskOption,
    FormatOption,
    IncrementalOption,
    NoEscapeOption,
    OrganizationOption,
    OutputOption,
    PageSizeOption,
    RedisOption,
    ReportOption,
    RestartOption,
    ResumeOption,
    SinceOption,
    StatusOption,
    StrictOption,
    TeamOption,
    UntilOption,
    UserOption,
    VerifyOption,
    WhatArgument,
)
from calcom_async.cli.export_report import ReportFile
from calcom_async.cli.export_run import ExportRun, export_accounts_to_files, export_to_file
from calcom_async.cli.options import Target, with_target
from calcom_async.errors import ConfigError, InvalidRequestError
from calcom_async.export import EXPORTABLE, ExportJob
from calcom_async.export.accounts import read_accounts


@with_target
def export_command(
    target: Target,
    thing: WhatArgument,
    output: OutputOption,
    format: FormatOption = None,
    since: SinceOption = None,
    until: UntilOption = None,
    status: StatusOption = None,
    organization: OrganizationOption = None,
    team: TeamOption = None,
    user: UserOption = None,
    incremental: IncrementalOption = False,
    verify: VerifyOption = False,
    resume: ResumeOption = False,
    restart: RestartOption = False,
    no_escape: NoEscapeOption = False,
    bom: BomOption = False,
    checkpoint: CheckpointOption = None,
    strict: StrictOption = False,
    page_size: PageSizeOption = None,
    accounts: AccountsOption = None,
    redis: RedisOption = None,
    dask: DaskOption = None,
    report: ReportOption = None,
) -> None:
    """Export a list to a file.

    Each row is written once, even if data changes during the export. Bookings are sorted by their time of creation.

    The extension selects the format: .jsonl, .csv or .parquet. After .jsonl and .csv, .gz or .zst selects a
    compression. The file is named FILE.part until it is complete. After an interruption, --resume continues and
    --restart starts again. Without either, an export does not overwrite the rows of an interrupted run. Only one
    export at a time can write a file.

    In CSV, a text that a spreadsheet would execute as a formula gets an apostrophe in front. Phone numbers do not.

    A --report has one line of JSON per export: its file, rows, requests, missing rows and seconds, whether it was
    resumed, and the error if it failed.

    calcom-async export bookings -o past.csv --status past --since 2026-01-01

    calcom-async export bookings -o bookings.jsonl --incremental --resume
    """
    _check_report(report, output, checkpoint, accounts)
    with ReportFile(report, thing, output) as lines:
        _check_modes(resume=resume, restart=restart, incremental=incremental, verify=verify)
        filters = _filters(status, since, until)
        _check_filters(thing, {"--status": status, "--since": since, "--until": until}, team, incremental=incremental)
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
        job = ExportJob(thing, organization, team, user, filters, page_size)
        export_run = ExportRun(target, job, output, everybody, options, redis, lines)
        if dask:
            export_on_cluster(export_run, dask)
        elif everybody:
            export_accounts_to_files(export_run)
        else:
            export_to_file(export_run)


def _check_report(report: Path | None, output: Path, checkpoint: Path | None, accounts: Path | None) -> None:
    """Reject a report that would go to the same place as something else."""
    if report is None:
        return
    others = [output, Path(f"{output}.part"), Path(f"{output}.checkpoint"), *filter(None, [checkpoint, accounts])]
    if _real_path(report) in {_real_path(other) for other in others}:
        place = "standard output" if str(report) == "-" else report
        raise InvalidRequestError(f"--report cannot be {place}: this export uses it already. Choose another file")


def _real_path(path: Path) -> str:
    return os.path.realpath("/dev/stdout" if str(path) == "-" else path)


def _check_modes(*, resume: bool, restart: bool, incremental: bool, verify: bool) -> None:
    if resume and restart:
        raise InvalidRequestError("--resume continues an interrupted run and --restart discards it; choose one")
    if verify and not incremental:
        raise InvalidRequestError("--verify needs --incremental; any other export reads everything anyway")


def _filters(status: str | None, since: str | None, until: str | None) -> dict[str, Any]:
    after, before = instants_of(
        None if since is None else parse_bound(since, "--since"),
        None if until is None else parse_bound(until, "--until"),
        "UTC",
    )
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
        raise InvalidRequestError(
            "--incremental does not work with --team: not every server lists the changed bookings of a team"
        )
