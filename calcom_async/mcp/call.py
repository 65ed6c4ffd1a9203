"""One call of a tool: the client of the library, and the way back to the MCP client."""

from __future__ import annotations

from dataclasses import dataclass

from calcom_async.client import Calcom


@dataclass(frozen=True)
class Call:
    """What a tool works with."""

    cal: Calcom
