"""Options of `export`."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from calcom_async.export import EXPORTABLE


class Format(StrEnum):
    """Formats of files."""

    JSONL = "jsonl"
    CSV = "csv"
    PARQUET = "parquet"


WhatArgument = Annotated[
    str,
    typer.Argument(metavar="WHAT", help=f"What to export: {', '.join(EXPORTABLE)}.", autocompletion=lambda: EXPORTABLE),
]
OutputOption = Annotated[
    Path,
    typer.Option(
        "--output",
        "-o",
        metavar="FILE",
        help="Output file. The extension selects the format. With --dask, a directory. Use - for stdout.",
    ),
]
FormatOption = Annotated[
    Format | None, typer.Option("--format", help="Output format. Overrides the extension of FILE.")
]
SinceOption = Annotated[
    str | None,
    typer.Option(
        metavar="TIME",
        help="Only bookings that start on or after this date (in UTC), or at or after this time.",
    ),
]
UntilOption = Annotated[
    str | None,
    typer.Option(
        metavar="TIME", help="Only bookings that end on or before this date (in UTC), or at or before this time."
    ),
]
StatusOption = Annotated[
    str | None,
    typer.Option(
        metavar="STATUS",
        help="Only bookings with this status: upcoming, recurring, past, cancelled or unconfirmed. "
        "Separate several with commas.",
    ),
]
OrganizationOption = Annotated[int | None, typer.Option(metavar="ID", help="Export from this organization.")]
TeamOption = Annotated[
    int | None,
    typer.Option(metavar="ID", help="Export from this team, with --organization a team of the organization."),
]
UserOption = Annotated[int | None, typer.Option(metavar="ID", help="With --organization: export from this member.")]
IncrementalOption = Annotated[
    bool, typer.Option("--incremental", help="Update the file with the changes since its last --incremental run.")
]
VerifyOption = Annotated[
    bool, typer.Option("--verify", help="With --incremental: read everything again and replace the file.")
]
ResumeOption = Annotated[
    bool, typer.Option("--resume", help="Resume an interrupted run, or start a new one if there is none.")
]
RestartOption = Annotated[
    bool, typer.Option("--restart", help="Discard the rows of an interrupted run and start a new one.")
]
NoEscapeOption = Annotated[
    bool, typer.Option("--no-escape", help="CSV: do not put an apostrophe before texts that look like formulas.")
]
BomOption = Annotated[bool, typer.Option("--bom", help="CSV: write a byte order mark, so that Excel reads UTF-8.")]
CheckpointOption = Annotated[
    Path | None, typer.Option(metavar="FILE", help="Checkpoint file. [default: FILE.checkpoint]")
]
StrictOption = Annotated[bool, typer.Option("--strict", help="Fail if the server returns fewer rows than its total.")]
PageSizeOption = Annotated[int | None, typer.Option(metavar="N", min=1, max=250, help="Rows per page.")]
AccountsOption = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="Export each account of this CSV file (columns name, api_key). The name of the output file must "
        "contain {account}.",
    ),
]
RedisOption = Annotated[
    str | None,
    typer.Option(metavar="URL", help="Share the rate limit with other processes through this Redis (redis://...)."),
]
DaskOption = Annotated[
    str | None,
    typer.Option(
        metavar="URL",
        help="Run on this Dask cluster (tcp://...) and write a directory. Set CAL_API_KEY on the workers.",
    ),
]
ReportOption = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE", help="Write the result to this file as JSON, also if the export fails. Use - for stdout."
    ),
]
