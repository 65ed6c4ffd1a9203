"""The options of `calcom-async mcp`, without serving."""

from __future__ import annotations

import json
import os
import sys
import tomllib
from pathlib import Path

import pytest
from cli_runner import connection_args, invoke

from calcom_async.cli.mcp import TOKEN_VARIABLE, _token
from calcom_async.errors import ConfigError
from calcom_async.mcp import stdio

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["--deny", "bok"], "unknown tool: bok. The tools are who_am_i, find_times"),
        (["--allow", "bok"], "unknown tool: bok"),
        (["--export-dir", "/no/such/directory"], "--export-dir /no/such/directory is not a directory"),
    ],
)
def test_wrong_options_are_reported_before_anything_starts(args, message):
    """An unknown tool and a missing directory are usage errors."""
    result = invoke("mcp", "--sandbox", *args)
    assert (result.exit_code, result.stdout) == (2, "")
    assert message in result.stderr


def test_the_command_serves_until_its_input_ends(sandbox):
    """The command answers the messages of its input, and ends with it."""
    params = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}}
    message = {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": params}
    result = invoke("mcp", *connection_args(sandbox), input=json.dumps(message) + "\n")
    assert result.exit_code == 0
    assert json.loads(result.stdout)["result"]["serverInfo"]["name"] == "calcom-async"


async def test_standard_input_is_read_without_a_thread(monkeypatch):
    """A pipe is read by the event loop. A message that is too long is skipped, and bytes that are no text replaced."""
    monkeypatch.setattr(stdio, "MAX_LINE", 100)
    reading, writing = os.pipe()
    with open(reading) as stdin:  # noqa: ASYNC230, PTH123 - nothing is read from it here
        monkeypatch.setattr(sys, "stdin", stdin)
        lines = await stdio._stdin()
        os.write(writing, b"x" * 300 + b"\nfirst \xff\n")
        os.close(writing)
        received = [line async for line in lines]
    assert received[-1] == "first \ufffd\n"
    assert all("x" * 101 not in line for line in received)


def test_a_port_in_use_is_reported():
    """The message says why, and what to try."""
    from calcom_async.mcp.http import listen

    with listen(0) as listener:
        result = invoke("mcp", "--sandbox", "--http", str(listener.getsockname()[1]))
    assert result.exit_code == 2
    assert "Try --http 0" in result.stderr


def test_the_server_listens_on_loopback_only():
    """Other machines cannot connect."""
    from calcom_async.mcp.http import listen

    with listen(0) as listener:
        assert listener.getsockname()[0] == "127.0.0.1"


def test_the_token_is_that_of_the_environment_or_a_new_one(monkeypatch, capsys):
    """A short or invalid token is rejected without printing it; a new one is printed, also with --quiet."""
    for given in ("short", "with a space in it", ""):
        monkeypatch.setenv(TOKEN_VARIABLE, given)
        with pytest.raises(ConfigError, match=TOKEN_VARIABLE) as raised:
            _token()
        assert not given or given not in str(raised.value)
    monkeypatch.setenv(TOKEN_VARIABLE, "a-token-of-this-test")
    assert _token().reveal() == "a-token-of-this-test"
    assert capsys.readouterr() == ("", "")
    monkeypatch.delenv(TOKEN_VARIABLE)
    token = _token().reveal()
    assert len(token) > 40
    assert token in capsys.readouterr().err


def test_without_the_sdk_the_command_says_how_to_install_it(monkeypatch):
    """The MCP SDK is an extra, which only this command needs."""
    for name in [name for name in sys.modules if name.split(".")[0] in {"mcp", "mcp_types"}]:
        monkeypatch.setitem(sys.modules, name, None)
    for name in [name for name in sys.modules if name.startswith("calcom_async.mcp")]:
        monkeypatch.delitem(sys.modules, name)
    result = invoke("mcp", "--sandbox")
    assert result.exit_code == 2
    assert "pip install 'calcom-async[mcp]'" in result.stderr


def test_the_extra_installs_the_command():
    """`calcom-async mcp` is a command, so the extra `mcp` includes the extra `cli`."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    assert "calcom-async[cli]" in project["optional-dependencies"]["mcp"]
