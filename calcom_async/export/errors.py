"""Errors that several modules of the export raise."""

from __future__ import annotations

from pathlib import Path

from calcom_async.errors import ExportError


def incompatible_file(path: Path, reason: str) -> ExportError:
    """Return the error about a file that was not written by an export of this format."""
    return ExportError(
        f"{path} was not written by an export of this format: {reason}. Move it away, or choose another file"
    )
