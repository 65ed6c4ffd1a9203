"""One call of a tool: the clients of the library, and the way back to the person and the program at the other end."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from calcom_async.client import Calcom
from calcom_async.mcp.confirmation import Confirmation
from calcom_async.mcp.progress import Progress


@dataclass(frozen=True)
class ToolCall:
    """What a tool works with."""

    cal: Calcom
    """For requests that somebody waits for: it gives up early rather than wait long for the rate limit."""
    bulk: Calcom
    """For exports: it waits as long as the rate limit needs, and lets other calls go first."""
    confirmation: Confirmation
    progress: Progress
    export_dir: Path | None = None
