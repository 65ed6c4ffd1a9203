"""Which tools a server has."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec

from calcom_async.errors import ConfigError
from calcom_async.mcp.tool import Tool


class ServerOptions(msgspec.Struct, frozen=True, kw_only=True):
    """What the tools may do.

    `read_only` leaves only the tools that change nothing in Cal.com. `allow` leaves only the named ones, `deny` removes
    the named ones. Without `export_dir` no tool writes files.
    """

    read_only: bool = False
    allow: Sequence[str] = ()
    deny: Sequence[str] = ()
    export_dir: Path | None = None

    def select(self, tools: Sequence[Tool]) -> dict[str, Tool]:
        """Return the available tools by name. Raises `ConfigError` for an unknown name, and if no tool is left."""
        names = [tool.name for tool in tools]
        for name in [*self.allow, *self.deny]:
            if name not in names:
                raise ConfigError(f"unknown tool: {name}. The tools are {', '.join(names)}")
        selected = {tool.name: tool for tool in tools if not self.reason_against(tool)}
        if not selected:
            reasons = "; ".join(
                f"{tool.name}: {self.reason_against(tool)}" for tool in tools if tool.name in self.allow
            )
            raise ConfigError(f"no tool is left. {reasons or 'All are denied'}")
        return selected

    def reason_against(self, tool: Tool) -> str:
        """Return why a tool is not available; empty if it is."""
        if self.read_only and tool.changes:
            return "the server is read-only"
        if tool.name in self.deny or (self.allow and tool.name not in self.allow):
            return "the user has not allowed this tool"
        if tool.writes_file and self.export_dir is None:
            return "the server has no export directory"
        return ""


DEFAULTS = ServerOptions()
