"""Terminal output: no control characters of others, one line per message, and a quiet end."""

from __future__ import annotations

import ast
import asyncio
import errno
import json
import logging
import os
import pty
import re
import signal
import socket
import subprocess
import sys
import termios
import unicodedata
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from cli_process import ROOT, cli_command, cli_environment, run_cli, start_cli
from cli_runner import connection_args, invoke
from timeouts import TIMEOUT, slow
from virtual_time import run as run_virtually

from calcom_async.cli import terminal
from calcom_async.cli.rate_limit_notices import AnnouncingLimiter
from calcom_async.cli.run import run
from calcom_async.errors import CalcomError, RateLimit
from calcom_async.pages import IncompleteListWarning
from calcom_async.rate_limit_state import Bucket
from calcom_async.rate_limiter import TokenBucket
from calcom_async.sandbox import Sandbox

CONTROLS = [chr(code) for code in range(sys.maxunicode) if unicodedata.category(chr(code)) in {"Cc", "Zl", "Zp", "Cs"}]
BIDI = [chr(code) for code in (0x061C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A))]
HOSTILE_TEXT = "\x1b]0;owned\x07\x1b[2Jx\n\rerror: forged\x9b31m\x7f\x85\u202etxt\u2028\u2066y"


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """Run a sandbox with a user name and a booking title full of control characters."""
    with Sandbox(bookings=1) as sandbox:
        sandbox.store.users[1]["name"] = HOSTILE_TEXT
        next(iter(sandbox.store.bookings.values())).title = HOSTILE_TEXT
        yield sandbox


def unsafe(text: str) -> set[str]:
    """Return the characters that must not reach a terminal."""
    return set(text) & ({*CONTROLS, *BIDI} - {"\n"})


# --- one module ----------------------------------------------------------------------------------------------------


def test_every_control_character_is_removed() -> None:
    """`one_line` removes C0, C1, DEL, separators, bidi overrides and lone surrogates."""
    assert unsafe(terminal.one_line("".join([*CONTROLS, *BIDI]))) == set()
    assert "\n" not in terminal.one_line("a\nb\r\nc\u2028d\x85e")
    assert terminal.one_line("Łódź 👩‍💻 می‌خواهم") == "Łódź 👩‍💻 می‌خواهم"


@pytest.mark.parametrize("file", sorted((ROOT / "calcom_async/cli").glob("*.py")), ids=lambda file: file.stem)
def test_only_the_module_terminal_prints(file: Path) -> None:
    """No module of the command line except `terminal` prints."""
    calls = [
        ast.unparse(node.func) for node in ast.walk(ast.parse(file.read_text("utf-8"))) if isinstance(node, ast.Call)
    ]
    own = {"print", "typer.echo", "typer.secho", "Console", "sys.stdout.write", "sys.stderr.write"}
    assert file.stem == "terminal" or not own & {*calls}


# --- text of others ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "args",
    [
        ["api", "GET", "/v2/bookings", "--all"],
        ["api", "GET", "/v2/bookings", "--all", "--json"],
        ["bookings", "list"],
        ["bookings", "list", "--json"],
        ["api", "GET", "/v2/bookings"],
        ["whoami"],
        ["whoami", "--json"],
        ["doctor"],
        ["doctor", "--json"],
    ],
    ids=" ".join,
)
def test_texts_of_the_server_cannot_control_the_terminal(args: list[str], sandbox: Sandbox) -> None:
    """Tables and JSON contain no control character; JSON still decodes to the same text."""
    result = invoke(*args, *connection_args(sandbox), terminal=True)
    assert result.exit_code == 0
    assert unsafe(result.output) == set()
    if "--json" in args and args[0] != "doctor":
        assert HOSTILE_TEXT in str_values(json.loads(result.stdout))


def str_values(value: Any) -> list[str]:
    """Return all texts inside a JSON value."""
    if isinstance(value, dict | list):
        inner = value.values() if isinstance(value, dict) else value
        return [text for item in inner for text in str_values(item)]
    return [value] if isinstance(value, str) else []


def test_a_line_break_in_a_title_adds_no_line(sandbox: Sandbox) -> None:
    """A table has one line per row, and so have tab-separated values, whatever the titles contain."""
    args = ["api", "GET", "/v2/bookings", "--all", *connection_args(sandbox)]
    table, values = (invoke(*args, terminal=terminal).stdout.splitlines() for terminal in (True, False))
    assert (len(table), len(values)) == (3, 2)
    assert not any(line.lstrip().startswith("error:") for line in table + values)
    assert unsafe("".join(values)) == {"\t"}


@pytest.mark.parametrize(
    "args", [["whoami"], ["api", "GET", "/v2/me"], ["doctor"], ["slots", "show", "1"]], ids=" ".join
)
def test_an_error_of_the_server_is_one_line(args: list[str], sandbox: Sandbox) -> None:
    """The error message of a server can neither add a line nor set the window title."""
    body = json.dumps({"status": "error", "error": {"code": "B", "message": HOSTILE_TEXT}})
    sandbox.faults.add("GET", "*", times=9, status=400, body=body)
    result = invoke(*args, *connection_args(sandbox))
    assert result.exit_code == 3
    assert unsafe(result.output) == set()
    assert not re.search("^error: forged", result.output, re.MULTILINE)


@pytest.mark.parametrize(
    "args",
    [
        [HOSTILE_TEXT],
        ["whoami", f"--{HOSTILE_TEXT}"],
        ["slots", "show", HOSTILE_TEXT],
        ["slots", "show", "1", "--time-zone", HOSTILE_TEXT],
        ["slots", "show", "1", "--days", HOSTILE_TEXT],
        ["api", HOSTILE_TEXT, "/v2/me"],
        ["api", "GET", HOSTILE_TEXT],
        ["ops", HOSTILE_TEXT],
        ["export", HOSTILE_TEXT, "-o", "x.jsonl"],
        ["export", "bookings", "-o", f"{HOSTILE_TEXT}.xlsx"],
        ["book", HOSTILE_TEXT, "--start", HOSTILE_TEXT, "--name", HOSTILE_TEXT, "--email", HOSTILE_TEXT],
        ["webhooks", "listen", "--path", HOSTILE_TEXT],
        ["webhooks", "listen", "--trigger", HOSTILE_TEXT],
        ["webhooks", "verify", HOSTILE_TEXT, "--signature", HOSTILE_TEXT],
    ],
    ids=lambda args: " ".join(word for word in args if word != HOSTILE_TEXT)[:40],
)
def test_arguments_cannot_control_the_terminal(args: list[str], sandbox: Sandbox, tmp_path: Path) -> None:
    """Control characters in arguments, which a script may pass on, are not printed."""
    env = {"CAL_API_KEY": sandbox.api_key, "CAL_API_URL": sandbox.url, "CAL_WEBHOOK_SECRET": "x"}
    result = invoke(*args, env=env)
    assert result.exit_code != 0
    assert unsafe(result.output) == set()


@pytest.mark.parametrize(
    "emit",
    [
        lambda: warnings.warn(HOSTILE_TEXT, IncompleteListWarning, stacklevel=1),
        lambda: logging.getLogger("calcom_async").warning("odd: %s", HOSTILE_TEXT),
        lambda: logging.getLogger("aiohttp.server").error(HOSTILE_TEXT),
    ],
    ids=["warning", "our log", "log of a library"],
)
def test_warnings_and_logs_cannot_control_the_terminal(emit: Any, capsys: pytest.CaptureFixture[str]) -> None:
    """Warnings and log records are printed to stderr without control characters."""

    async def main() -> None:
        emit()

    run(main())
    message = capsys.readouterr().err
    assert message.startswith("warning: ")
    assert unsafe(message) == set()


def test_an_error_has_a_line_for_each_of_its_notes(capsys: pytest.CaptureFixture[str]) -> None:
    """Each note is a line, line breaks inside it are removed, and the hint for Python is omitted."""

    async def main() -> None:
        error = CalcomError("a\nb", hint="Pass x=1")
        error.add_note("note\n1")
        raise error

    with pytest.raises(typer.Exit):
        run(main())
    assert capsys.readouterr().err == "error: a b\nnote 1\n"


def run_on_a_terminal(*args: str, sandbox: Sandbox, columns: int = 200) -> str:
    """Return what a command writes to a terminal with colors."""
    terminal, process_side = pty.openpty()
    termios.tcsetwinsize(terminal, (40, columns))
    running = start_cli(
        *args,
        *connection_args(sandbox),
        env={"TERM": "xterm-256color", "COLUMNS": ""},
        stdin=process_side,
        stdout=process_side,
        stderr=process_side,
    )
    os.close(process_side)
    drawn = b""
    try:
        while chunk := os.read(terminal, 4096):
            drawn += chunk
    except OSError as error:
        assert error.errno == errno.EIO  # noqa: PT017 - Linux reports this once the other end is closed
    os.close(terminal)
    assert running.wait(TIMEOUT) == 0
    return drawn.decode()


@pytest.mark.slow
@pytest.mark.parametrize("args", [["api", "GET", "/v2/bookings", "--all"], ["api", "GET", "/v2/bookings"], ["whoami"]])
def test_colors_are_the_only_escape_sequences(args: list[str], sandbox: Sandbox) -> None:
    """With colors on, the only escape sequences are those that set colors."""
    drawn = run_on_a_terminal(*args, sandbox=sandbox)
    assert unsafe(re.sub(r"\x1b\[[\d;]*m|\r\n", "", drawn)) == set()
    assert "owned" in drawn


@pytest.mark.slow
@pytest.mark.parametrize("columns", [60, 80, 120])
def test_tables_fit_the_terminal(columns: int, sandbox: Sandbox) -> None:
    """A table is as wide as the terminal allows, and the uid is never shortened."""
    [booking] = sandbox.store.bookings.values()
    booking.title = "A title that is too long for every terminal " * 3
    drawn = run_on_a_terminal("bookings", "list", sandbox=sandbox, columns=columns)
    header, row, last = re.sub(r"\x1b\[[\d;]*m", "", drawn).splitlines()
    assert header.split()[:3] == ["uid", "start", "title"]
    assert row.startswith(booking.uid)
    assert "…" in row
    assert max(len(header), len(row)) <= columns
    assert ("too narrow for" in last) == (columns == 60)


@pytest.mark.slow
def test_an_ascii_output_gets_escapes(sandbox: Sandbox) -> None:
    """On ASCII output other characters are escaped; JSON remains valid."""
    sandbox.store.users[1]["name"] = "Łódź é"
    ascii_only = {"PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"}
    for args in (["whoami"], ["whoami", "--json"]):
        completed = subprocess.run(
            cli_command(*args, *connection_args(sandbox)),
            env=cli_environment(**ascii_only),
            capture_output=True,
            text=True,
            check=True,
        )
        assert "\\u0141\\u00" in completed.stdout or "\\u0141" in completed.stdout
        if "--json" in args:
            assert json.loads(completed.stdout)["name"] == "Łódź é"


# --- closed and full outputs ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "args",
    [["ops"], *slow(["--help"], ["api", "GET", "/v2/bookings"], ["api", "GET", "/v2/bookings", "--all"], ["whoami"])],
    ids=" ".join,
)
def test_a_closed_pipe_ends_a_command_quietly(args: list[str], sandbox: Sandbox) -> None:
    """If the reader has closed the pipe, as after `| head -1`, the command ends with code 141 and no message."""
    read_end, write_end = os.pipe()
    os.close(read_end)
    running = (
        start_cli(*args, *connection_args(sandbox), stdout=write_end, stderr=subprocess.PIPE)
        if args not in (["ops"], ["--help"])
        else start_cli(*args, stdout=write_end, stderr=subprocess.PIPE)
    )
    os.close(write_end)
    _, message = running.communicate(timeout=TIMEOUT)
    assert (running.returncode, message) == (141, "")


@pytest.mark.slow
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full")
@pytest.mark.parametrize("args", [["whoami"], *slow(["whoami", "--json"], ["ops"])], ids=" ".join)
def test_output_to_a_full_disk(args: list[str], sandbox: Sandbox) -> None:
    """If output cannot be written, the command ends with one message and code 7."""
    with Path("/dev/full").open("w") as full:
        server = connection_args(sandbox) if args != ["ops"] else []
        running = start_cli(*args, *server, stdout=full, stderr=subprocess.PIPE)
        _, message = running.communicate(timeout=TIMEOUT)
    assert (running.returncode, message) == (7, "error: cannot write the output: No space left on device\n")


# --- waits and signals ---------------------------------------------------------------------------------------------


def make_blocked_requests(blocked: float) -> None:
    """Make five requests during a block of the rate limit, in virtual time."""

    async def main() -> None:
        limiter = AnnouncingLimiter(TokenBucket())
        limits = [RateLimit("default", 100, 100, 60.0)]

        async def request(retry_after: float | None = None) -> None:
            permit = await limiter.acquire(Bucket("key"))
            await limiter.release(permit, limits, retry_after=retry_after)

        await request(retry_after=blocked)
        await asyncio.gather(*(request() for _ in range(5)))

    run_virtually(main())


def test_a_wait_for_the_rate_limit_is_announced_once(capsys: pytest.CaptureFixture[str]) -> None:
    """A wait of more than 2 s is announced on stderr with its length, once for all waiting requests."""
    make_blocked_requests(42.0)
    output = capsys.readouterr()
    assert re.fullmatch(r"waiting: the rate limit allows the next request in (39|4[0-2]) s\n", output.err)
    assert output.out == ""


def test_a_short_wait_is_not_announced(capsys: pytest.CaptureFixture[str]) -> None:
    """A wait of less than 2 s is not announced."""
    make_blocked_requests(1.5)
    assert capsys.readouterr().err == ""


@pytest.mark.slow
def test_commands_announce_waits() -> None:
    """A command that waits for the rate limit says so on stderr before the wait is over."""
    with Sandbox(rate_limit=1, window=120, block=120) as sandbox:
        assert invoke("whoami", *connection_args(sandbox)).exit_code == 0
        running = start_cli(
            "slots", "show", "1", *connection_args(sandbox), stderr=subprocess.PIPE, stdout=subprocess.DEVNULL
        )
        assert running.stderr
        message = running.stderr.readline()
        running.send_signal(signal.SIGTERM)
        _, rest = running.communicate(timeout=TIMEOUT)
    assert re.fullmatch(r"waiting: the rate limit allows the next request in \d+ s\n", message)
    assert (running.returncode, rest) == (143, "terminated.\n")


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_signals_clean_up(number: signal.Signals, code: int, capsys: pytest.CaptureFixture[str]) -> None:
    """SIGTERM and SIGHUP cancel the command, so that its cleanup runs, and set the exit code of the signal."""
    done = []

    async def main() -> None:
        try:
            signal.raise_signal(number)
            await asyncio.sleep(3600)
        finally:
            await asyncio.sleep(0)
            done.append("cleaned up")

    with pytest.raises(typer.Exit) as exit_error:
        run(main(), resume_hint=lambda: "a file")
    assert exit_error.value.exit_code == code
    assert done == ["cleaned up"]
    assert capsys.readouterr().err == "terminated. a file\n"


def test_an_ignored_signal_stays_ignored() -> None:
    """If SIGHUP is ignored, as under nohup, it does not end the command."""
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:

        async def main() -> str:
            signal.raise_signal(signal.SIGHUP)
            await asyncio.sleep(0)
            return "done"

        assert run(main()) == "done"
    finally:
        signal.signal(signal.SIGHUP, before)


@pytest.mark.slow
def test_a_port_in_use() -> None:
    """The error of a port in use has the reason in words."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        completed = run_cli("sandbox", "--port", str(port))
    assert completed.returncode == 2
    assert completed.stderr == f"error: cannot listen on port {port}: Address already in use. Try --port 0\n"
