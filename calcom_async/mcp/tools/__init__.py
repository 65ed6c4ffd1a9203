"""The tools, by area."""

from __future__ import annotations

from calcom_async.mcp.tool import Tool
from calcom_async.mcp.tools.account import who_am_i
from calcom_async.mcp.tools.slots import find_times

TOOLS: tuple[Tool, ...] = (who_am_i, find_times)
