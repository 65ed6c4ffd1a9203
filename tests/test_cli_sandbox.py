"""The command `sandbox`: its data, its address, its control API, and its end."""

from __future__ import annotations

import json
import re
import shlex
import signal
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest
from cli_process import start_cli
from cli_runner import invoke
from timeouts import TIMEOUT

from calcom_async.sandbox import Sandbox

README = Path(__file__).resolve().parent.parent / "README.md"
WORLD = {
    "users": [{"username": "zoe"}],
    "eventTypes": [{"slug": "call", "owner": "zoe", "lengthInMinutes": 15}],
    "bookings": [
        {
            "eventType": "zoe/call",
            "start": "2026-11-01T09:00:00Z",
            "attendees": [{"name": "Ada", "email": "ada@b.test"}],
        }
    ],
}


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Sandbox]]:
    """Record the sandboxes that the command starts, and end it at once."""
    sandboxes: list[Sandbox] = []
    start = Sandbox.start

    def record(sandbox: Sandbox) -> Sandbox:
        sandboxes.append(sandbox)
        return start(sandbox)

    monkeypatch.setattr(Sandbox, "start", record)
    ended = Mock(Event=Mock(side_effect=KeyboardInterrupt))
    monkeypatch.setattr(sys.modules["calcom_async.cli.sandbox"], "threading", ended)
    before = signal.getsignal(signal.SIGTERM)
    yield sandboxes
    signal.signal(signal.SIGTERM, before)


def run(started: list[Sandbox], *options: Any) -> tuple[Sandbox, Any]:
    """Return the sandbox that the command started, and its output."""
    result = invoke("sandbox", "--port", "0", *map(str, options))
    assert result.exit_code == 0, result.stderr
    return started[-1], result


def test_the_options_of_the_data(started: list[Sandbox], tmp_path: Path) -> None:
    """The sandbox starts with sample data, one user, or the data of a file; the key is that of the first user."""
    (tmp_path / "world.json").write_text(json.dumps(WORLD))
    (tmp_path / "world.yml").write_text("users: [{username: yan}]")
    sandbox, result = run(started, "--bookings", "3", "--key", "cal_mine", "--now", "2026-12-01T09:00+01:00")
    assert (len(sandbox.store.bookings), sandbox.store.api_keys["cal_mine"]) == (3, 1)
    assert sandbox.clock.now().isoformat() == "2026-12-01T08:00:00+00:00"
    assert result.stdout.endswith(" CAL_API_KEY=cal_mine\n")
    sandbox, _ = run(started, "--empty")
    assert [user["username"] for user in sandbox.store.users.values()] == ["ana"]
    assert sandbox.store.event_types == {}
    sandbox, result = run(started, "--world", tmp_path / "world.json")
    assert sandbox.store.api_keys == {"cal_sandbox": 1}
    assert "1 booking," in result.stderr
    sandbox, _ = run(started, "--world", tmp_path / "world.yml")
    assert [user["username"] for user in sandbox.store.users.values()] == ["yan"]


def test_the_url_is_printed_with_and_without_the_version(started: list[Sandbox]) -> None:
    """The URL for this package is on stdout, and the one for clients that add /v2 themselves on stderr."""
    _, result = run(started, "--empty")
    [origin] = re.findall(r"^export CAL_API_URL=(\S+)/v2 CAL_API_KEY=cal_sandbox$", result.stdout, re.MULTILINE)
    assert f"take the URL without /v2: export CAL_API_URL={origin}\n" in result.stderr
    assert f"Open {origin}/_sandbox in a browser" in result.stderr


def test_a_token_is_printed_once(started: list[Sandbox]) -> None:
    """With --allow-remote a random token is printed on stderr, and one of --control-token is not."""
    sandbox, result = run(started, "--empty", "--allow-remote", "--host", "0.0.0.0")
    assert sandbox.control_token
    assert len(sandbox.control_token) > 30
    assert result.stderr.count(sandbox.control_token) == 1
    assert sandbox.control_token not in result.stdout
    sandbox, result = run(started, "--empty", "--allow-remote", "--control-token", "hush-hush")
    assert (sandbox.control_token, "hush" in result.output) == ("hush-hush", False)
    sandbox, _ = run(started, "--empty")
    assert sandbox.control_token is None


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--host", "0.0.0.0"], "--host 0.0.0.0 is reachable from other machines. Add --allow-remote to allow that"),
        (["--host", "example.com"], "--host example.com is reachable from other machines. Add --allow-remote"),
        (["--key", "secret"], "--key must begin with cal_, and be printable ASCII without spaces"),
        (["--key", "cal_a b"], "--key must begin with cal_, and be printable ASCII without spaces"),
        (["--host", ""], "--host must be an address, got an empty text"),
        (["--control-token", ""], "--control-token must be printable ASCII without spaces, and must not be empty"),
        (["--control-token", "a\nb"], "--control-token must be printable ASCII without spaces, and must not be empty"),
        (["--empty", "--bookings", "3"], "--world, --empty and --bookings exclude each other"),
        (["--world", "missing.json"], "cannot read missing.json: No such file or directory"),
        (["--world", "wrong.json"], "cannot load wrong.json: there is no user 'ana' - at `$.eventTypes[0].owner`"),
        (["--world", "wrong.yaml"], "cannot load wrong.yaml: Expected `object`, got `array`"),
        (["--now", "noon"], "--now must be a time such as 2026-12-01T09:00+01:00, got noon"),
        (["--now", "2026-12-01T09:00"], "--now 2026-12-01T09:00 has no UTC offset"),
        (["--host", "192.0.2.1", "--allow-remote", "--empty"], "cannot listen on 192.0.2.1: this machine does not"),
    ],
)
def test_wrong_options(
    options: list[str], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, started: list[Sandbox]
) -> None:
    """An option that cannot be used is one message with code 2."""
    monkeypatch.chdir(tmp_path)
    Path("wrong.json").write_text('{"eventTypes": [{"slug": "a", "owner": "ana", "lengthInMinutes": 5}]}')
    Path("wrong.yaml").write_text("- a")
    result = invoke("sandbox", "--port", "0", *options)
    assert (result.exit_code, result.stderr.startswith(f"error: {message}")) == (2, True), result.stderr


# --- the container of the README


def dockerfile() -> list[str]:
    """Return the lines of the Dockerfile in the README."""
    [block] = re.findall(r"^```dockerfile\n(.*?)^```", README.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    return block.splitlines()


def entry_point() -> list[str]:
    """Return the command of the container, without the name of the program."""
    [command] = [
        json.loads(line.removeprefix("ENTRYPOINT ")) for line in dockerfile() if line.startswith("ENTRYPOINT ")
    ]
    assert command[0] == "calcom-async"
    return command[1:]


def test_the_dockerfile() -> None:
    """The Dockerfile has at most 8 lines, installs extras that exist, and starts a command that exists."""
    lines = dockerfile()
    assert len(lines) <= 8
    assert [line.split()[0] for line in lines] == ["FROM", "COPY", "RUN", "USER", "HEALTHCHECK", "ENTRYPOINT"]
    with README.with_name("pyproject.toml").open("rb") as file:
        project = tomllib.load(file)["project"]
    [extras] = re.findall(r"/source\[(.*?)\]", lines[2])
    assert set(extras.split(",")) <= set(project["optional-dependencies"])
    assert invoke(*entry_point(), "--help").exit_code == 0


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGTERM")
def test_the_container_is_healthy_and_stops() -> None:
    """The command of the container passes its health check without a token, and SIGTERM ends it with code 0."""
    options = (*entry_point(), "--port", "0", "--empty")
    process = start_cli(*options, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout
    origin = re.search(r"CAL_API_URL=(\S+)/v2", process.stdout.readline())
    assert origin
    check = shlex.split(next(line for line in dockerfile() if line.startswith("HEALTHCHECK")).partition("CMD ")[2])
    for path in ("/health", "/_sandbox/health"):
        code = check[2].replace("http://127.0.0.1:8765/health", origin[1] + path)
        subprocess.run([sys.executable, check[1], code], check=True, timeout=TIMEOUT)
    process.send_signal(signal.SIGTERM)
    _, message = process.communicate(timeout=TIMEOUT)
    assert process.returncode == 0
    assert "stopped" in message
    assert "Traceback" not in message
