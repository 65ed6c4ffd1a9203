"""`export --report`: the result of each export as a line of JSON, for other programs."""

from __future__ import annotations

import time
from io import FileIO
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

import msgspec
import typer

from calcom_async.cli.exit_codes import OUTPUT_CLOSED, exit_code
from calcom_async.cli.progress import ProgressDisplay
from calcom_async.cli.terminal import print_json
from calcom_async.errors import CalcomError, ExportError
from calcom_async.export import ExportProgress, ExportReport

if TYPE_CHECKING:
    from calcom_async.export.shards import Manifest

STDOUT = Path("-")
NO_PROGRESS = ExportProgress(0, None)


class ReportLine(msgspec.Struct, frozen=True, kw_only=True):
    """Result of one export.

    After an error, `rows` is the number of rows in `partial_file`, and figures that were not counted are null.
    """

    list: str
    file: str
    account: str | None = None
    rows: int = 0
    rows_before: int = 0
    missing_rows: int | None = None
    stale: int | None = None
    requests: int | None = None
    seconds: float = 0.0
    rate_limit_wait: float | None = None
    resumed: bool = False
    is_full: bool | None = None
    partial_file: str | None = None
    error: str | None = None
    exit_code: int = 0


class ReportFile:
    """The file of `--report`, with a line for each export. A command that fails before its first export has one too.

    The file is emptied at the beginning. So after a kill it does not have the report of an earlier command.
    """

    def __init__(self, path: Path | None, noun: str, output: Path) -> None:
        self._path = path
        self._noun = noun
        self._file: FileIO | None = None
        self._output = output
        self._display: ProgressDisplay | None = None
        self._is_empty = True
        self._started = time.monotonic()

    def __enter__(self) -> Self:
        if self._path and self._path != STDOUT:
            try:
                self._file = self._path.open("wb", buffering=0)
            except (OSError, ValueError) as error:
                raise self._unwritable(error) from error
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if isinstance(error, typer.Exit) and error.__context__:  # `run` has printed this error
                self._add_failure_of_command(error.__context__, error.exit_code)
            elif error and self._is_empty:
                self._add_failure_of_command(error, OUTPUT_CLOSED if isinstance(error, OSError) else exit_code(error))
        finally:
            if self._file:
                self._file.close()

    def follow(self, display: ProgressDisplay) -> None:
        """Let a display count the rows and requests of the only export."""
        self._display = display

    def add(self, report: ExportReport, file: object, *, account: str | None = None) -> None:
        """Add a complete export."""
        figures = {name: getattr(report, name) for name in ReportLine.__struct_fields__ if hasattr(report, name)}
        self._write(ReportLine(list=self._noun, file=str(file), account=account, **figures))

    def add_manifest(self, manifest: Manifest, folder: object) -> None:
        """Add a complete export on a cluster."""
        self._write(
            ReportLine(
                list=self._noun,
                file=str(folder),
                rows=manifest.rows,
                missing_rows=manifest.missing_rows,
                requests=sum(part.requests for part in manifest.parts),
                seconds=time.monotonic() - self._started,
                is_full=True,
            )
        )

    def add_failure(
        self,
        error: BaseException,
        file: object,
        saved: ExportProgress,
        *,
        code: int,
        account: str | None = None,
        requests: int | None = None,
    ) -> None:
        """Add an export that did not complete. Its `saved` rows are in a partial file."""
        is_saved = bool(saved.rows and saved.path and saved.path.is_file())
        self._write(
            ReportLine(
                list=self._noun,
                file=str(file),
                account=account,
                rows=saved.rows if is_saved else 0,
                rows_before=saved.rows_before,
                requests=requests,
                seconds=time.monotonic() - self._started,
                resumed=bool(saved.rows_before),
                partial_file=str(saved.path) if is_saved else None,
                error=_message(error),
                exit_code=code,
            )
        )

    def _add_failure_of_command(self, error: BaseException, code: int) -> None:
        saved = self._display.saved if self._display else NO_PROGRESS
        requests = self._display.requests if self._display else None
        self.add_failure(error, self._output, saved, code=code, requests=requests)

    def _write(self, line: ReportLine) -> None:
        """Write a line at once, so that it can be read while further accounts are exported."""
        self._is_empty = False
        fields = {
            # A file name that is not UTF-8 contains surrogates, which JSON cannot contain.
            name: value.encode(errors="backslashreplace").decode() if isinstance(value, str) else value
            for name, value in msgspec.structs.asdict(line).items()
        }
        if self._path == STDOUT:
            print_json(fields, compact=True)
        elif self._file:
            try:
                self._file.write(msgspec.json.encode(fields) + b"\n")
            except OSError as error:
                raise self._unwritable(error) from error

    def _unwritable(self, error: OSError | ValueError) -> ExportError:
        reason = getattr(error, "strerror", None) or error
        return ExportError(f"cannot write the report {self._path}: {reason}. Choose another file")


def _message(error: BaseException) -> str:
    if isinstance(error, CalcomError):
        return error.message
    return str(error) if isinstance(error, Exception) else "interrupted"  # by Ctrl-C or a signal
