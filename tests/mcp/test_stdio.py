"""`calcom-async mcp` in a process of its own, driven by the SDK's client over standard input and output."""

from __future__ import annotations

from mcp import Client
from mcp_agent import KOLKATA, Agent, server_process


async def test_an_agent_learns_who_it_works_for_and_finds_a_time():
    """An agent can find a free time in its user's time zone, with nothing but the command."""
    async with Client(server_process("--sandbox")) as client:
        agent = Agent(client)
        account = await agent.call("who_am_i")
        event_type = account["event_types"][0]["id"]
        day = account["now"][:10]
        free = await agent.call("find_times", event_type=event_type, start=day, end="2026-12-31", time_zone=KOLKATA)
    assert account["username"] == "ana"
    assert free["times"][0]["start"].endswith("+05:30")
    assert free["times"][0]["start_utc"].endswith("Z")
