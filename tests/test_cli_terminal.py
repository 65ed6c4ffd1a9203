"""What reaches the terminal: no control character of others, one line where one is meant, and a quiet end."""

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
from calcom_async.rate_limiter import Bucket, TokenBucket
from calcom_async.sandbox import Sandbox

CONTROLS = [chr(code) for code in range(sys.maxunicode) if unicodedata.category(chr(code)) in {"Cc", "Zl", "Zp", "Cs"}]
BIDI = [chr(code) for code in (0x061C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A))]
EVIL = "\x1b]0;owned\x07\x1b[2Jx\n\rerror: forged\x9b31m\x7f\x85\u202etxt\u2028\u2066y"


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """A sandbox with one booking, whose owner and booker chose evil names."""
    with Sandbox(bookings=1) as sandbox:
        sandbox.store.users[1]["name"] = EVIL
        next(iter(sandbox.store.bookings.values())).title = EVIL
        yield sandbox


def unsafe(text: str) -> set[str]:
    """The characters that must not reach a terminal."""
    return set(text) & ({*CONTROLS, *BIDI} - {"\n"})


# --- one place -----------------------------------------------------------------------------------------------------


def test_every_control_character_is_removed() -> None:
    """C0, C1, DEL, separators, bidi overrides and lone surrogates leave nothing in a line."""
    assert unsafe(terminal.one_line("".join([*CONTROLS, *BIDI]))) == set()
    assert "\n" not in terminal.one_line("a\nb\r\nc\u2028d\x85e")
    assert terminal.one_line("Łódź 👩‍💻 می‌خواهم") == "Łódź 👩‍💻 می‌خواهم"


@pytest.mark.parametrize("file", sorted((ROOT / "calcom_async/cli").glob("*.py")), ids=lambda file: file.stem)
def test_all_output_passes_through_one_file(file: Path) -> None:
    """No module of the command line but `terminal` prints by itself."""
    calls = [
        ast.unparse(node.func) for node in ast.walk(ast.parse(file.read_text("utf-8"))) if isinstance(node, ast.Call)
    ]
    own = {"print", "typer.echo", "typer.secho", "Console", "sys.stdout.write", "sys.stderr.write"}
    assert file.stem == "terminal" or not own & {*calls}


# --- what others send ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "args",
    [
        ["api", "GET", "/v2/bookings", "--all"],
        ["api", "GET", "/v2/bookings", "--all", "--json"],
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
    result = invoke(*args, *connection_args(sandbox))
    assert result.exit_code == 0
    assert unsafe(result.output) == set()
    if "--json" in args and args[0] != "doctor":
        assert EVIL in str_values(json.loads(result.stdout))


def str_values(value: Any) -> list[str]:
    if isinstance(value, dict | list):
        inner = value.values() if isinstance(value, dict) else value
        return [text for one in inner for text in str_values(one)]
    return [value] if isinstance(value, str) else []


def test_a_line_end_in_a_title_is_no_row(sandbox: Sandbox) -> None:
    """A table has one line for each row, whatever its texts hold."""
    lines = invoke("api", "GET", "/v2/bookings", "--all", *connection_args(sandbox)).stdout.splitlines()
    assert len(lines) == 3
    assert not any(one.lstrip().startswith("error:") for one in lines)


@pytest.mark.parametrize(
    "args", [["whoami"], ["api", "GET", "/v2/me"], ["doctor"], ["slots", "show", "1"]], ids=" ".join
)
def test_an_error_of_the_server_is_one_line(args: list[str], sandbox: Sandbox) -> None:
    """The message of a refusal forges neither a line nor a title of the window."""
    body = json.dumps({"status": "error", "error": {"code": "B", "message": EVIL}})
    sandbox.faults.add("GET", "*", times=9, status=400, body=body)
    result = invoke(*args, *connection_args(sandbox))
    assert result.exit_code == 3
    assert unsafe(result.output) == set()
    assert not re.search("^error: forged", result.output, re.MULTILINE)


@pytest.mark.parametrize(
    "args",
    [
        [EVIL],
        ["whoami", f"--{EVIL}"],
        ["slots", "show", EVIL],
        ["slots", "show", "1", "--time-zone", EVIL],
        ["slots", "show", "1", "--days", EVIL],
        ["api", EVIL, "/v2/me"],
        ["api", "GET", EVIL],
        ["ops", EVIL],
        ["export", EVIL, "-o", "x.jsonl"],
        ["export", "bookings", "-o", f"{EVIL}.xlsx"],
        ["book", EVIL, "--start", EVIL, "--name", EVIL, "--email", EVIL],
        ["webhooks", "listen", "--path", EVIL],
        ["webhooks", "listen", "--trigger", EVIL],
        ["webhooks", "verify", EVIL, "--signature", EVIL],
    ],
    ids=lambda args: " ".join(word for word in args if word != EVIL)[:40],
)
def test_arguments_cannot_control_the_terminal(args: list[str], sandbox: Sandbox, tmp_path: Path) -> None:
    """What a script passes on may come from others as well."""
    env = {"CAL_API_KEY": sandbox.api_key, "CAL_API_URL": sandbox.url, "CAL_WEBHOOK_SECRET": "x"}
    result = invoke(*args, env=env)
    assert result.exit_code != 0
    assert unsafe(result.output) == set()


@pytest.mark.parametrize(
    "tell",
    [
        lambda: warnings.warn(EVIL, IncompleteListWarning, stacklevel=1),
        lambda: logging.getLogger("calcom_async").warning("odd: %s", EVIL),
        lambda: logging.getLogger("aiohttp.server").error(EVIL),
    ],
    ids=["warning", "our log", "log of a library"],
)
def test_warnings_and_logs_cannot_control_the_terminal(tell: Any, capsys: pytest.CaptureFixture[str]) -> None:
    """Warnings and log records are messages on stderr, like errors."""

    async def main() -> None:
        tell()

    run(main())
    told = capsys.readouterr().err
    assert told.startswith("warning: ")
    assert unsafe(told) == set()


def test_an_error_has_a_line_for_each_of_its_notes(capsys: pytest.CaptureFixture[str]) -> None:
    """Notes are separate lines, a line break inside one adds none, and the hint for Python programs is left out."""

    async def main() -> None:
        error = CalcomError("a\nb", hint="Pass x=1")
        error.add_note("note\n1")
        raise error

    with pytest.raises(typer.Exit):
        run(main())
    assert capsys.readouterr().err == "error: a b\nnote 1\n"


def on_a_terminal(*args: str, sandbox: Sandbox) -> str:
    """What a command draws on a terminal with colors."""
    ours, theirs = pty.openpty()
    running = start_cli(
        *args, *connection_args(sandbox), env={"TERM": "xterm-256color"}, stdin=theirs, stdout=theirs, stderr=theirs
    )
    os.close(theirs)
    drawn = b""
    try:
        while chunk := os.read(ours, 4096):
            drawn += chunk
    except OSError as error:
        assert error.errno == errno.EIO  # noqa: PT017 - what Linux reports when the other end is closed
    os.close(ours)
    assert running.wait(TIMEOUT) == 0
    return drawn.decode()


@pytest.mark.slow
@pytest.mark.parametrize("args", [["api", "GET", "/v2/bookings", "--all"], ["api", "GET", "/v2/bookings"], ["whoami"]])
def test_on_a_terminal_only_our_own_colors_are_sequences(args: list[str], sandbox: Sandbox) -> None:
    """With colors on, the only escape sequences are those that set them."""
    drawn = on_a_terminal(*args, sandbox=sandbox)
    assert unsafe(re.sub(r"\x1b\[[\d;]*m|\r\n", "", drawn)) == set()
    assert "owned" in drawn


@pytest.mark.slow
def test_an_output_that_cannot_hold_a_character_gets_an_escape(sandbox: Sandbox) -> None:
    """An ASCII terminal shows an escape where a letter is missing; JSON stays JSON."""
    sandbox.store.users[1]["name"] = "Łódź é"
    ascii_only = {"PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"}
    for args in (["whoami"], ["whoami", "--json"]):
        done = subprocess.run(
            cli_command(*args, *connection_args(sandbox)),
            env=cli_environment(**ascii_only),
            capture_output=True,
            text=True,
            check=True,
        )
        assert "\\u0141\\u00" in done.stdout or "\\u0141" in done.stdout
        if "--json" in args:
            assert json.loads(done.stdout)["name"] == "Łódź é"


# --- the output is closed, or full ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "args",
    [["ops"], *slow(["--help"], ["api", "GET", "/v2/bookings"], ["api", "GET", "/v2/bookings", "--all"], ["whoami"])],
    ids=" ".join,
)
def test_a_closed_pipe_ends_a_command_quietly(args: list[str], sandbox: Sandbox) -> None:
    """When the reader is gone, as after `| head -1`, the command ends without a word, with 141."""
    ours, theirs = os.pipe()
    os.close(ours)
    running = (
        start_cli(*args, *connection_args(sandbox), stdout=theirs, stderr=subprocess.PIPE)
        if args not in (["ops"], ["--help"])
        else start_cli(*args, stdout=theirs, stderr=subprocess.PIPE)
    )
    os.close(theirs)
    _, told = running.communicate(timeout=TIMEOUT)
    assert (running.returncode, told) == (141, "")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full")
@pytest.mark.parametrize("args", [["whoami"], *slow(["whoami", "--json"], ["ops"])], ids=" ".join)
def test_a_full_disk_behind_the_output_is_an_error(args: list[str], sandbox: Sandbox) -> None:
    """Output that cannot be written is one message and code 7."""
    with Path("/dev/full").open("w") as full:
        place = connection_args(sandbox) if args != ["ops"] else []
        running = start_cli(*args, *place, stdout=full, stderr=subprocess.PIPE)
        _, told = running.communicate(timeout=TIMEOUT)
    assert (running.returncode, told) == (7, "error: cannot write the output: No space left on device\n")


# --- waits and signals ---------------------------------------------------------------------------------------------


def waits(blocked: float) -> None:
    """Make five requests during a block of the rate limit, on a faked clock."""

    async def main() -> None:
        limiter = AnnouncingLimiter(TokenBucket())
        roomy = [RateLimit("default", 100, 100, 60.0)]

        async def request(retry_after: float | None = None) -> None:
            permit = await limiter.acquire(Bucket("key"))
            await limiter.release(permit, roomy, retry_after=retry_after)

        await request(retry_after=blocked)
        await asyncio.gather(*(request() for _ in range(5)))

    run_virtually(main())


def test_a_wait_for_the_rate_limit_is_announced_once(capsys: pytest.CaptureFixture[str]) -> None:
    """A wait of more than 2 s is announced on stderr with its length, once however many requests wait."""
    waits(42.0)
    told = capsys.readouterr()
    assert re.fullmatch(r"waiting: the rate limit allows the next request in (39|4[0-2]) s\n", told.err)
    assert told.out == ""


def test_a_short_wait_is_not_announced(capsys: pytest.CaptureFixture[str]) -> None:
    """A wait of less than 2 s is no news."""
    waits(1.5)
    assert capsys.readouterr().err == ""


@pytest.mark.slow
def test_commands_announce_waits() -> None:
    """A command that waits for the rate limit says so on stderr, before the wait is over."""
    with Sandbox(rate_limit=1, window=120, block=120) as sandbox:
        assert invoke("whoami", *connection_args(sandbox)).exit_code == 0
        running = start_cli(
            "slots", "show", "1", *connection_args(sandbox), stderr=subprocess.PIPE, stdout=subprocess.DEVNULL
        )
        assert running.stderr
        told = running.stderr.readline()
        running.send_signal(signal.SIGTERM)
        _, rest = running.communicate(timeout=TIMEOUT)
    assert re.fullmatch(r"waiting: the rate limit allows the next request in \d+ s\n", told)
    assert (running.returncode, rest) == (143, "terminated.\n")


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_signals_clean_up(number: signal.Signals, code: int, capsys: pytest.CaptureFixture[str]) -> None:
    """SIGTERM and SIGHUP cancel the command, so that its cleanup runs, and give the exit code of the signal."""
    done = []

    async def main() -> None:
        try:
            signal.raise_signal(number)
            await asyncio.sleep(3600)
        finally:
            await asyncio.sleep(0)
            done.append("cleaned up")

    with pytest.raises(typer.Exit) as ended:
        run(main(), resume_hint=lambda: "a file")
    assert ended.value.exit_code == code
    assert done == ["cleaned up"]
    assert capsys.readouterr().err == "terminated. a file\n"


def test_an_ignored_signal_stays_ignored() -> None:
    """Under nohup a closed terminal does not end the command."""
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
def test_a_port_in_use_is_told_in_words() -> None:
    """The message of the sandbox has the reason, without the address as Python writes it."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = run_cli("sandbox", "--port", str(port))
    assert done.returncode == 2
    assert done.stderr == f"error: cannot listen on port {port}: Address already in use. Try --port 0\n"
