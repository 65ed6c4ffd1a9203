"""The options of `calcom-async mcp`, without serving."""

from __future__ import annotations

import sys

import pytest
from cli_runner import invoke

from calcom_async.cli.mcp import TOKEN_VARIABLE, _token
from calcom_async.errors import ConfigError


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
