"""Export a list to a file below the export directory."""

from __future__ import annotations

import asyncio
import os
import re
from pathlib import Path
from typing import Annotated, Any, Literal

from msgspec import Meta

from calcom_async.errors import InvalidRequestError
from calcom_async.export import ExportJob, ExportProgress, export as run_export
from calcom_async.mcp.call import ToolCall
from calcom_async.mcp.times import call_zone, parse_range
from calcom_async.mcp.tool import Result, TimeZone, tool

FILE_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}\.(jsonl|csv|parquet|(jsonl|csv)\.(gz|zst))")
OUTPUTS = ("", ".part", ".checkpoint", ".lock", ".checkpoint.lock")
"""What an export adds to the name of its file for the files that it writes."""
What = Annotated[
    Literal["bookings", "event-types", "schedules", "teams"], Meta(description="Which list", examples=["bookings"])
]


class ExportResult(Result, kw_only=True):
    """The exported file."""

    file: str
    rows: int
    missing_rows: int = 0


@tool(changes=False, writes_file=True, idempotent=False)
async def export(
    call: ToolCall,
    *,
    file: Annotated[str, Meta(description="Name of a new file: .jsonl, .csv or .parquet", examples=["2026.csv"])],
    time_zone: TimeZone,
    what: What = "bookings",
    start: Annotated[str, Meta(description="Bookings from this day or time on", examples=["2026-01-01"])] | None = None,
    end: Annotated[str, Meta(description="Bookings ending by this day or time", examples=["2026-12-31"])] | None = None,
) -> ExportResult:
    """Export a list to a file on the user's machine, with all rows and fields.

    Times in the file are in UTC. If it is interrupted, call again to continue.
    """
    zone, directory = call_zone(time_zone), call.export_dir
    assert directory is not None  # else the tool is not available
    first, last = parse_range(start, end, zone)
    given: dict[str, Any] = {"after_start": first, "before_end": last}
    filters = {name: moment for name, moment in given.items() if moment is not None}
    if filters and what != "bookings":
        raise InvalidRequestError(f"start and end are for bookings; {what} are exported as a whole")
    path = await asyncio.to_thread(_new_file, directory, file)

    def on_progress(progress: ExportProgress) -> None:
        call.progress.set_rows(progress.rows, progress.total)

    report = await run_export(call.bulk, ExportJob(what, filters=filters), path, resume=True, on_progress=on_progress)
    missing = f", {report.missing_rows} rows are missing" if report.missing_rows else ""
    return ExportResult(
        message=f"Exported {report.rows:,} {what}{missing}.",
        file=str(path),
        rows=report.rows,
        missing_rows=report.missing_rows,
    )


def _new_file(directory: Path, name: str) -> Path:
    """Return the path of a file to be created. Raises `InvalidRequestError` for any other."""
    if not FILE_NAME.fullmatch(name):
        raise InvalidRequestError(
            "file must be a plain name that ends in .jsonl, .csv or .parquet (or .jsonl.gz, .csv.zst and so on), "
            "with letters, digits and _ . - only"
        )
    path = directory / name
    if os.path.lexists(path):
        raise InvalidRequestError(f"file {name} exists already; choose another name")
    if any((directory / (name + ending)).is_symlink() for ending in OUTPUTS):
        raise InvalidRequestError(f"file {name}: a link is in the way; choose another name")
    return path
