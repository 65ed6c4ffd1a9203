"""`calcom-async mcp` in a process of its own, driven by the SDK's client over standard input and output."""

from __future__ import annotations

import asyncio
import json
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx2
import pytest
from cli_process import cli_command, cli_environment, restore_sigint, run_cli
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from mcp_agent import KOLKATA, Agent, server_process
from timeouts import TIMEOUT

from calcom_async.sandbox import Sandbox

INITIALIZE = {
    "jsonrpc": "2.0", "id": 1, "method": "initialize",
    "params": {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}},
}  # fmt: skip


@asynccontextmanager
async def agent_process(sandbox: Sandbox, *args: str) -> AsyncIterator[Agent]:
    """Connect an agent to `calcom-async mcp` for an account of the sandbox."""
    process = server_process(*args, CAL_API_URL=sandbox.url, CAL_API_KEY=sandbox.api_key)
    async with Client(process) as client:
        yield Agent(client)


async def test_an_agent_schedules_over_stdio(sandbox):
    """Find a time in Asia/Kolkata, book it although the response is lost, move it, and cancel it."""
    async with agent_process(sandbox) as agent:
        account = await agent.call("who_am_i")
        event_type = account["event_types"][0]["id"]
        week = {"start": "2026-11-03", "end": "2026-11-09"}
        free = await agent.call("find_times", event_type=event_type, time_zone=KOLKATA, **week)
        first, second = free["times"][:2]
        sandbox.faults.add("POST", "/v2/bookings", cut="after")
        ada = {"name": "Ada", "email": "ada@visitors.test", "attendee_time_zone": "Europe/Rome"}
        booked = await agent.call("book", event_type=event_type, start=first["start"], time_zone=KOLKATA, **ada)
        count = len(sandbox.store.bookings)
        uid = booked["booking"]["uid"]
        moved = await agent.call("reschedule_booking", uid=uid, start=second["start"], time_zone=KOLKATA)
        cancel = {"uid": moved["booking"]["uid"], "time_zone": KOLKATA, "reason": "Ill"}
        asked = await agent.error("cancel_booking", **cancel)
        cancelled = await agent.call("cancel_booking", **cancel, confirm=True)
        searches = [agent.call("find_times", event_type=1, time_zone=KOLKATA, **week) for _ in range(20)]
        parallel = await asyncio.gather(*searches)
    assert (booked["booking"]["start"], moved["booking"]["start"]) == (first["start"], second["start"])
    assert count == 1
    assert "Ask the user" in asked
    assert cancelled["booking"]["status"] == "cancelled"
    assert all(result == free for result in parallel)


@pytest.mark.slow
async def test_options_of_the_command(sandbox, tmp_path):
    """The command hides what its options exclude, and `--sandbox` needs no account."""
    async with agent_process(sandbox, "--read-only", "--deny", "call_read", "--export-dir", str(tmp_path)) as agent:
        names = {tool.name for tool in (await agent.client.list_tools()).tools}
        rejected = await agent.error("cancel_booking", uid="x", time_zone=KOLKATA)
    assert {"export", "find_times"} < names
    assert not names & {"book", "cancel_booking", "call_write", "call_read"}
    assert "the server is read-only" in rejected
    async with Client(server_process("--sandbox")) as client:
        assert (await Agent(client).call("list_bookings", time_zone=KOLKATA))["bookings"]


@pytest.mark.slow
@pytest.mark.parametrize(("stop", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130), (None, 0)])
async def test_the_command_ends_cleanly(sandbox, stop, code):
    """Ctrl-C, SIGTERM and a closed input end it without a traceback; only the protocol is on standard output."""
    environment = cli_environment(CAL_API_URL=sandbox.url, CAL_API_KEY=sandbox.api_key)
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        *cli_command("mcp"), env=environment, stdin=pipe, stdout=pipe, stderr=pipe, preexec_fn=restore_sigint
    )
    process.stdin.write(f"{json.dumps(INITIALIZE)}\nno JSON\n".encode())
    assert json.loads(await process.stdout.readline())["id"] == 1
    if stop is None:
        process.stdin.close()
    else:
        process.send_signal(stop)
    async with asyncio.timeout(TIMEOUT):
        out, err = await process.stdout.read(), await process.stderr.read()
        assert await process.wait() == code
    assert all(json.loads(line)["jsonrpc"] == "2.0" for line in out.splitlines())
    assert b"Traceback" not in err


@pytest.mark.slow
def test_an_input_that_is_a_file_is_read_to_its_end(sandbox, tmp_path):
    """The command answers what is in the file, or nothing for /dev/null, and ends."""
    file = tmp_path / "input"
    file.write_text(f"{json.dumps(INITIALIZE)}\n")
    for path, lines in ((file, 1), (Path("/dev/null"), 0)):
        with path.open() as stdin:
            result = run_cli("mcp", env={"CAL_API_URL": sandbox.url, "CAL_API_KEY": sandbox.api_key}, stdin=stdin)
        assert (result.returncode, len(result.stdout.splitlines()), result.stderr) == (0, lines, "")


@pytest.mark.slow
async def test_http_ends_cleanly(sandbox):
    """`--http` prints the URL, serves, and ends at SIGTERM without a traceback."""
    environment = cli_environment(CAL_API_URL=sandbox.url, CAL_API_KEY=sandbox.api_key)
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        *cli_command("mcp", "--http", "0"), env=environment, stdout=pipe, stderr=pipe
    )
    token = (await process.stderr.readline()).decode().split()[1]
    url = (await process.stderr.readline()).decode().split()[1].rstrip(".")
    async with (
        httpx2.AsyncClient(headers={"Authorization": f"Bearer {token}"}) as http,
        Client(streamable_http_client(url, http_client=http)) as client,
    ):
        assert (await Agent(client).call("who_am_i"))["username"] == "ana"
    process.send_signal(signal.SIGTERM)
    async with asyncio.timeout(TIMEOUT):
        out, err = await process.communicate()
    assert (process.returncode, out, err) == (143, b"", b"terminated.\n")
