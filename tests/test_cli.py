"""The command line: output, files, exit codes, interruption and the progress display."""

from __future__ import annotations

import csv
import json
import os
import pty
import re
import resource
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from cli_process import cli_command, cli_environment, run_cli, start_cli, wait_until
from cli_runner import SECRET, connection_args, invoke
from timeouts import TIMEOUT, closed_port
from typer.main import get_command

from calcom_async.cli import app, connect, exit_codes
from calcom_async.cli.progress import ProgressDisplay
from calcom_async.client import Stats
from calcom_async.events import ClientEvent
from calcom_async.export import ExportProgress
from calcom_async.export.rows import BOOKING_COLUMNS
from calcom_async.sandbox import Sandbox


@pytest.fixture(autouse=True)
def _no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hide the credentials of the developer who runs the tests, and print long lines unbroken."""
    for name in ("CAL_API_KEY", "CAL_API_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("COLUMNS", "200")


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(bookings=300) as sandbox:
        yield sandbox


@pytest.fixture
def working_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Change to an empty folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def uids(file: Path) -> list[str]:
    """Return the uids in a JSON Lines file."""
    return [json.loads(line)["uid"] for line in file.read_text("utf-8").splitlines()]


# --- help and usage -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("args", [["--help"], ["export", "bookings", "--help"]])
def test_help_lists_every_exit_code(args: list[str]) -> None:
    """The help lists every exit code with its meaning."""
    text = " ".join(invoke(*args).output.split())
    for code, (what, _) in exit_codes.EXIT_CODES.items():
        assert f"{code} {what}" in text
    assert "0 success" in text
    assert "130 interrupted" in text


def commands(command: Any, *words: str) -> Iterator[list[str]]:
    """Yield the words of a command and of all below it."""
    yield [*words]
    for name, child in getattr(command, "commands", {}).items():
        yield from commands(child, *words, name)


COMMANDS = [*commands(get_command(app))]


@pytest.mark.parametrize("args", COMMANDS, ids=" ".join)
def test_help_fits_the_terminal_and_shows_no_python_types(args: list[str]) -> None:
    """The help has the same words on a narrow and on a wide terminal, and no option shows a Python type."""
    outputs = []
    for columns in (60, 120):
        text = invoke(*args, "--help", terminal_width=columns).output
        assert max(map(len, text.splitlines())) <= columns
        outputs.append(text)
    narrow, wide = (re.sub(r"\s|-", "", text) for text in outputs)
    assert narrow == wide
    assert "…" not in outputs[0]
    assert not re.search(r"\w\.\.\.$", outputs[0].partition("Commands:")[2], re.MULTILINE)
    assert not re.search(r"<(str|int|float|bool|path|list)", outputs[0])


@pytest.mark.parametrize("args", [[], ["export"], ["book"], ["slots"], ["webhooks"]], ids=" ".join)
def test_a_command_without_arguments_prints_its_help(args: list[str]) -> None:
    """A command without arguments prints the same text as with --help."""
    assert invoke(*args).output.rstrip() == invoke(*args, "--help").output.rstrip()


@pytest.mark.parametrize(
    "args",
    [
        ["--sandbox", "export", "bookings"],
        ["export", "--sandbox", "bookings"],
        ["export", "bookings", "--sandbox"],
    ],
    ids=" ".join,
)
def test_sandbox_is_accepted_anywhere(args: list[str], tmp_path: Path) -> None:
    """`--sandbox` works before, between and after the words of the command."""
    result = invoke(*args, "-o", tmp_path / "out.jsonl")
    assert result.exit_code == 0
    assert len(set(uids(tmp_path / "out.jsonl"))) == connect.SANDBOX_BOOKINGS


def test_sandbox_excludes_a_base_url() -> None:
    """`--sandbox` together with `--base-url` is an error."""
    result = invoke("whoami", "--sandbox", "--base-url", "http://127.0.0.1:1")
    assert result.exit_code == 2
    assert "--sandbox cannot be combined with --base-url" in result.stderr


def test_a_missing_key_names_three_solutions() -> None:
    """Without an API key the error names the option, the variable and the sandbox."""
    result = invoke("whoami")
    assert result.exit_code == 2
    assert all(solution in result.stderr for solution in ("--api-key", "CAL_API_KEY", "--sandbox"))


def test_key_and_base_url_from_the_environment(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """CAL_API_KEY and CAL_API_URL are used if no option is given."""
    monkeypatch.setenv("CAL_API_KEY", sandbox.api_key)
    monkeypatch.setenv("CAL_API_URL", sandbox.url)
    assert json.loads(invoke("whoami", "--json").stdout)["username"] == "ana"


def test_a_missing_extra_is_one_sentence() -> None:
    """Without typer the command says what to install, and nothing else."""
    code = "import sys; sys.modules['typer'] = None; from calcom_async.__main__ import main; main()"
    run = subprocess.run(
        [sys.executable, "-c", code], env=cli_environment(), capture_output=True, text=True, check=False
    )
    assert run.returncode == 1
    assert run.stderr == "The command line needs typer: pip install 'calcom-async[cli]'\n"


# --- failures: one message, the right code, no secret, no file -------------------------------------------------------


def read_only_folder(tmp_path: Path) -> Path:
    """Return a folder that not even root can write to."""
    folder = tmp_path / "locked"
    folder.mkdir(mode=0o555)
    return Path("/sys") if os.access(folder, os.W_OK) else folder


INVALID_OPTIONS = [
    pytest.param(["--status", "sleeping"], 2, "got 'sleeping'", id="unknown status"),
    pytest.param(["--status", ""], 2, "got ''", id="empty status"),
    pytest.param(["--since", "2026-01-31T09:00"], 2, "has no time zone", id="naive datetime"),
    pytest.param(["--since", "yesterday"], 2, "--since wants 2026-01-31", id="no time"),
    pytest.param(["--until", "0001-01-01T00:00+14:00"], 2, "--until wants", id="before all times"),
    pytest.param(["--since", "2026-02-01", "--until", "2026-01-01"], 2, "is later than", id="since after until"),
    pytest.param(["--page-size", "0"], 2, "--page-size", id="page size 0"),
    pytest.param(["--page-size", "251"], 2, "--page-size", id="page size 251"),
    pytest.param(["--page-size", "many"], 2, "--page-size", id="page size many"),
    pytest.param(["--accounts", "accounts.csv"], 2, "cannot read accounts from accounts.csv", id="no accounts"),
    pytest.param(["--redis", f"http://:{SECRET}@here"], 2, "invalid Redis URL", id="no Redis URL"),
    pytest.param(
        ["--incremental", "--status", "past"], 2, "--status and --incremental exclude", id="changes of a status"
    ),
    pytest.param(
        ["--incremental", "--team", "3"], 2, "--incremental does not work with --team", id="changes of a team"
    ),
    pytest.param(["--format", "xlsx"], 2, "--format", id="unknown format"),
    pytest.param(["-o", "out.xlsx"], 2, "Name it .jsonl or .csv", id="unknown suffix"),
    pytest.param(["-o", "/dev/full"], 7, "No space left on device. Free some space", id="full disk"),
    pytest.param(["-o", "nowhere/out.csv"], 7, "No such file or directory", id="no folder"),
    pytest.param(["--api-key", SECRET + "\n"], 2, "the API key ends with a line break", id="key with a line end"),
    pytest.param(["--base-url", f"https://me:{SECRET}@cal.test"], 2, "base URL must not contain", id="password in URL"),
    pytest.param(["--base-url", "http://cal.test"], 2, "unencrypted", id="plain http"),
    pytest.param(["--base-url", "cal.test"], 2, "base URL must look like", id="no URL"),
]


@pytest.mark.parametrize(("options", "code", "message"), INVALID_OPTIONS)
def test_invalid_options(options: list[str], code: int, message: str, sandbox: Sandbox, working_folder: Path) -> None:
    """An invalid option is one message, before a request is sent or a file is created."""
    server = {"CAL_API_KEY": sandbox.api_key, "CAL_API_URL": sandbox.url}
    result = invoke("export", "bookings", "-o", "out.jsonl", *options, env=server)
    assert result.exit_code == code
    assert message in result.stderr
    assert SECRET not in result.output
    assert list(working_folder.iterdir()) == []
    if code == 2:
        assert sandbox.requests == []


INVALID_RESPONSES = [
    pytest.param({"status": 401}, 4, "401", id="401"),
    pytest.param({"status": 403}, 4, "403", id="403"),
    pytest.param({"status": 404}, 3, "404", id="404"),
    pytest.param({"html": True, "status": 400}, 3, "not a response of Cal.com: 400 Bad Request", id="a proxy's page"),
    pytest.param({"invalid_body": True}, 6, "not JSON", id="bytes"),
    pytest.param({"body": b""}, 6, "the answer is empty", id="nothing"),
    pytest.param({"body": "[]"}, 6, "Expected `object`", id="a list"),
    pytest.param({"body": '{"data": 5}'}, 6, "Expected `array`", id="a number"),
    pytest.param({"body": '{"data": [{"uid": "x"'}, 6, "not JSON", id="half an answer"),
]


@pytest.mark.parametrize("option", ["--since", "--until", "--status"])
def test_a_filter_of_bookings_is_for_bookings_only(option: str, working_folder: Path) -> None:
    """A filter that the list does not support is an error that names the option."""
    result = invoke("export", "event-types", "-o", "out.jsonl", option, "2026-01-01", "--sandbox")
    assert result.exit_code == 2
    assert f"{option} works with bookings only, not with event-types" in result.stderr


@pytest.mark.parametrize(("fault", "code", "message"), INVALID_RESPONSES)
def test_invalid_responses(fault: dict[str, Any], code: int, message: str, sandbox: Sandbox, tmp_path: Path) -> None:
    """An error status or an unreadable response ends with one message and an exit code, and leaves no file."""
    sandbox.faults.add("GET", "/v2/bookings", times=100, **fault)
    result = invoke("export", "bookings", *connection_args(sandbox), "-o", tmp_path / "out.jsonl")
    assert result.exit_code == code
    assert message in result.stderr
    assert result.stderr.count("error:") == 1
    assert list(tmp_path.iterdir()) == []


def test_a_rejected_key_is_not_printed(sandbox: Sandbox, tmp_path: Path) -> None:
    """A rejected key ends with code 4 after one request, and is not printed."""
    result = invoke("export", "bookings", *connection_args(sandbox, SECRET), "-o", tmp_path / "out.jsonl")
    assert result.exit_code == 4
    assert "Invalid API Key" in result.stderr
    assert SECRET not in result.output
    assert [request.status for request in sandbox.requests] == [401]


def test_a_wrong_key_says_where_to_create_one(sandbox: Sandbox) -> None:
    """The errors of a rejected key and of a missing key say where to create one."""
    for result in (invoke("whoami", *connection_args(sandbox, SECRET)), invoke("whoami", "--base-url", sandbox.url)):
        assert "Settings > Developer > API keys" in result.stderr
        assert "https://app.cal.com/settings/developer/api-keys" in result.stderr
    assert "Settings > Developer" in invoke("doctor", *connection_args(sandbox, SECRET)).stdout


def test_a_booking_limit_is_not_reported_as_a_wrong_key(sandbox: Sandbox) -> None:
    """Cal.com returns 401 for a booking limit too; that message does not recommend another key."""
    body = json.dumps({"status": "error", "error": {"code": "UNAUTHORIZED", "message": "booking_limit_reached"}})
    sandbox.faults.add("GET", "/v2/me", status=401, body=body)
    result = invoke("whoami", *connection_args(sandbox))
    assert result.exit_code == 4
    assert "API keys" not in result.stderr


CONNECTING_COMMANDS = [
    ["export", "bookings", "-o", "x.jsonl"], ["api", "GET", "/v2/me"], ["whoami"], ["doctor"], ["slots", "show", "1"],
    ["slots", "watch", "1"], ["book", "1", "--start", "first", "--name", "A", "--email", "a@b.test"],
    ["webhooks", "listen"],
]  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("args", CONNECTING_COMMANDS, ids=lambda args: " ".join(args[:2]))
def test_plain_http_can_be_allowed(args: list[str], working_folder: Path) -> None:
    """Every command that connects accepts the option and the variable for plain HTTP, and its error names both."""
    assert "--allow-http" in invoke(*args, "--help").output
    if args[0] != "webhooks":  # it does not connect to the base URL
        refused = invoke(*args, "--base-url", "http://cal.invalid", "--api-key", SECRET)
        assert refused.exit_code == 2
        assert "--allow-http" in refused.stderr
        assert "CAL_ALLOW_HTTP=1" in refused.stderr
        server = ["--base-url", "http://cal.invalid", "--api-key", SECRET]
        for allowed in (invoke("--allow-http", *args, *server), invoke(*args, *server, env={"CAL_ALLOW_HTTP": "1"})):
            assert allowed.exit_code == 5


def test_a_read_only_folder(sandbox: Sandbox, tmp_path: Path) -> None:
    """A folder that cannot be written to ends with code 7 before the first request."""
    result = invoke("export", "bookings", *connection_args(sandbox), "-o", read_only_folder(tmp_path) / "out.jsonl")
    assert result.exit_code == 7
    assert re.search("denied|not permitted|[Rr]ead-only", result.stderr)
    assert sandbox.requests == []


def test_an_unreachable_host_fails_after_one_attempt(tmp_path: Path) -> None:
    """A refused connection ends with code 5 after one attempt, and the message names the option to check."""
    with closed_port() as port:
        address = f"http://127.0.0.1:{port}"
        result = invoke("export", "bookings", "--base-url", address, "--api-key", SECRET, "-o", tmp_path / "out.jsonl")
    assert result.exit_code == 5
    assert "Connection refused" in result.stderr
    assert "--base-url" in result.stderr
    assert "attempts" not in result.stderr
    assert SECRET not in result.output


def test_a_host_that_does_not_respond(monkeypatch: pytest.MonkeyPatch) -> None:
    """A connection that is not accepted within CONNECT_TIMEOUT ends with code 5 and is not retried."""
    monkeypatch.setattr(connect, "CONNECT_TIMEOUT", 0.2)
    with ExitStack() as clients, socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen(0)
        for _ in range(4):  # fill the queue of a listener that never accepts
            client = clients.enter_context(socket.socket())
            client.settimeout(0)
            client.connect_ex(silent.getsockname())
        result = invoke("whoami", "--base-url", f"http://127.0.0.1:{silent.getsockname()[1]}", "--api-key", "cal_x")
    assert result.exit_code == 5
    assert "no response within 0.2 s" in result.stderr


PLENTY = {f"X-RateLimit-{what}-Default": "100" for what in ("Limit", "Remaining", "Reset")}


def short_list(total: int) -> str:
    """Return a list response with one row and a larger total."""
    row = {"uid": "a", "start": "2026-01-01T09:00:00.000Z", "createdAt": "2025-12-01T09:00:00.000Z"}
    pagination = {
        "returnedItems": 1, "totalItems": total, "itemsPerPage": 250, "remainingItems": 0, "currentPage": 1,
        "totalPages": 1, "hasNextPage": False, "hasPreviousPage": False,
    }  # fmt: skip
    return json.dumps({"status": "success", "data": [row], "pagination": pagination})


def test_missing_bookings_are_a_warning_or_with_strict_an_error(sandbox: Sandbox, tmp_path: Path) -> None:
    """If the server returns fewer bookings than its total, that is a warning, and with --strict code 8."""
    sandbox.faults.add("GET", "/v2/bookings", times=100, body=short_list(total=3), headers=PLENTY)
    lax = invoke("export", "bookings", *connection_args(sandbox), "-o", tmp_path / "lax.jsonl")
    strict = invoke("export", "bookings", *connection_args(sandbox), "-o", tmp_path / "strict.jsonl", "--strict")
    assert (lax.exit_code, strict.exit_code) == (0, 8)
    assert "lax.jsonl: 2 rows that the server counts were not returned, of 3" in lax.stderr
    assert uids(tmp_path / "lax.jsonl") == uids(tmp_path / "strict.jsonl.part") == ["a"]


@pytest.mark.slow
def test_an_unexpected_error_shows_no_secret() -> None:
    """The traceback of an unexpected error shows no local variables, so it holds no key."""
    code = (
        "import calcom_async.client as c\n"
        "async def broken(*_, **__): raise RuntimeError('a bug')\n"
        "c.Calcom.request = broken\n"
        "from calcom_async.__main__ import main; main()"
    )
    with Sandbox() as sandbox:
        run = subprocess.run(
            [sys.executable, "-c", code, "api", "GET", "/v2/me", *connection_args(sandbox, SECRET)],
            env=cli_environment(), capture_output=True, text=True, check=False,
        )  # fmt: skip
    assert run.returncode == 1
    assert "a bug" in run.stderr
    assert SECRET not in run.stdout + run.stderr


# --- export -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["out.jsonl", "out.ndjson", "out.csv"])
def test_an_export_holds_every_booking_once(name: str, sandbox: Sandbox, tmp_path: Path) -> None:
    """The file has every booking once and the name that was given; the summary has the figures and the file name."""
    result = invoke("export", "bookings", *connection_args(sandbox), "-o", tmp_path / name, "--page-size", "70")
    assert result.exit_code == 0
    assert [file.name for file in tmp_path.iterdir()] == [name]
    with (tmp_path / name).open(encoding="utf-8", newline="") as file:
        exported = [row["uid"] for row in csv.DictReader(file)] if name.endswith("csv") else uids(tmp_path / name)
    assert sorted(exported) == sorted(sandbox.store.bookings)
    assert re.search(r"300 bookings in \S+ s \(\S+ a second\), 7 requests, .* s waited.*: .*" + name, result.stderr)
    assert result.stdout == ""


def test_filters_reach_the_server(sandbox: Sandbox, tmp_path: Path) -> None:
    """Status and times are sent in the API's format, times in UTC, and rows are ordered by creation."""
    options = ["--status", "upcoming,past", "--since", "2020-01-31", "--until", "2030-01-31T09:00+01:00"]
    assert (
        invoke("export", "bookings", *connection_args(sandbox), "-o", tmp_path / "out.jsonl", *options).exit_code == 0
    )
    sent = dict(sandbox.requests[1].query)
    assert sent["status"] == "upcoming,past"
    assert (sent["afterStart"], sent["beforeEnd"]) == ("2020-01-31T00:00:00Z", "2030-01-31T08:00:00Z")
    created = [json.loads(line)["createdAt"] for line in (tmp_path / "out.jsonl").read_text("utf-8").splitlines()]
    assert created == sorted(created)


def test_each_account_has_a_file_and_a_line(sandbox: Sandbox, working_folder: Path) -> None:
    """Each account has a file and a line; if one fails, the others are exported and the exit code tells."""
    (working_folder / "accounts.csv").write_text(
        f"name,api_key\nana,{sandbox.api_key}\nbo,cal_sandbox_bo\nwrong,{SECRET}\n"
    )
    server = ["--base-url", sandbox.url]
    result = invoke("export", "bookings", *server, "-o", "{account}.jsonl", "--accounts", "accounts.csv")
    assert result.exit_code == 4
    assert "ana: 300 bookings in" in result.stderr
    assert "wrong: GET /me: 401" in result.stderr
    assert "2 of 3 accounts exported" in result.stderr
    assert SECRET not in result.output
    assert {file.name for file in working_folder.iterdir()} == {"accounts.csv", "ana.jsonl", "bo.jsonl"}


def test_an_incremental_run_updates_the_file(sandbox: Sandbox, working_folder: Path) -> None:
    """With --incremental the second run requests only changes, and the file is complete."""
    nightly = ["export", "bookings", *connection_args(sandbox), "-o", "out.jsonl", "--incremental", "--resume"]
    assert invoke(*nightly).exit_code == 0
    requests_of_the_first = len(sandbox.requests)
    next(iter(sandbox.store.bookings.values())).status = "cancelled"
    second = invoke(*nightly)
    assert second.exit_code == 0
    assert "300 bookings up to date in" in second.stderr
    assert len(sandbox.requests) - requests_of_the_first <= 7
    assert sorted(uids(working_folder / "out.jsonl")) == sorted(sandbox.store.bookings)


def test_a_failed_run_keeps_existing_files(sandbox: Sandbox, tmp_path: Path) -> None:
    """A run that receives no rows changes neither the output file nor the partial file."""
    whole, partial = tmp_path / "out.jsonl", tmp_path / "out.jsonl.part"
    whole.write_text("whole\n")
    partial.write_text("partial\n")
    assert invoke("export", "bookings", *connection_args(sandbox, "cal_wrong"), "-o", whole, "--restart").exit_code == 4
    assert (whole.read_text(), partial.read_text()) == ("whole\n", "partial\n")


def test_an_interrupted_export_prints_how_to_continue(sandbox: Sandbox, tmp_path: Path) -> None:
    """After a failure the message says how many rows are safe, and --resume exports the rest."""
    sandbox.faults.add("GET", "/v2/bookings", after=3, times=100, invalid_body=True)
    file = tmp_path / "out.jsonl"
    options = ["--page-size", "100", "--status", "past,upcoming,cancelled"]
    command = ["export", "bookings", *connection_args(sandbox), "-o", file, *options]
    result = invoke(*command)
    assert result.exit_code == 6
    saved = len(uids(tmp_path / "out.jsonl.part"))
    assert f"{saved} rows are in {file}.part. Run the same command with --resume to continue." in result.stderr
    assert "=True" not in result.stderr
    assert sandbox.api_key not in result.stderr
    sandbox.faults.clear()
    assert invoke(*command, "--resume").exit_code == 0
    assert sorted(uids(file)) == sorted(sandbox.store.bookings)


def test_an_interrupted_export_is_not_overwritten(sandbox: Sandbox, tmp_path: Path) -> None:
    """Without --resume, existing rows are an error that names the options; --restart discards them."""
    sandbox.faults.add("GET", "/v2/bookings", after=3, times=1, status=403)
    file = tmp_path / "out.jsonl"
    command = ["export", "bookings", *connection_args(sandbox), "-o", file, "--page-size", "100"]
    assert invoke(*command).exit_code == 4
    saved = len(uids(tmp_path / "out.jsonl.part"))
    refused = invoke(*command)
    assert refused.exit_code == 7
    assert f"{saved} rows of an interrupted export" in refused.stderr
    assert "Continue it with --resume, or discard it with --restart" in refused.stderr
    assert "=True" not in refused.stderr
    both = invoke(*command, "--resume", "--restart")
    assert both.exit_code == 2
    assert "--resume continues an interrupted run and --restart discards it" in both.stderr
    assert invoke(*command, "--restart").exit_code == 0
    assert sorted(uids(file)) == sorted(sandbox.store.bookings)


def test_an_interrupted_export_that_was_modified_is_reported(sandbox: Sandbox, tmp_path: Path) -> None:
    """The warning of a resumed export names the file and --restart; the rows are used."""
    sandbox.faults.add("GET", "/v2/bookings", after=3, times=1, status=403)
    file = tmp_path / "out.jsonl"
    command = ["export", "bookings", *connection_args(sandbox), "-o", file, "--page-size", "100"]
    assert invoke(*command).exit_code == 4
    os.utime(tmp_path / "out.jsonl.part", (0, 0))
    resumed = invoke(*command, "--resume")
    assert resumed.exit_code == 0
    assert f"warning: {file}.part was modified after" in resumed.stderr
    assert "discard the rows with --restart" in resumed.stderr
    assert "=True" not in resumed.stderr
    assert sorted(uids(file)) == sorted(sandbox.store.bookings)


def test_an_export_whose_rows_another_program_changes_is_not_resumed(
    sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The error names --restart and does not offer --resume."""
    file = tmp_path / "out.jsonl"
    show = ProgressDisplay.on_progress

    def edit(display: ProgressDisplay, progress: ExportProgress) -> None:
        os.utime(f"{file}.part", (0, 0))
        show(display, progress)

    monkeypatch.setattr(ProgressDisplay, "on_progress", edit)
    failed = invoke("export", "bookings", *connection_args(sandbox), "-o", file, "--page-size", "100")
    assert failed.exit_code == 7
    assert "out.jsonl.part was changed. Another program" in failed.stderr
    assert "Discard it with --restart" in failed.stderr
    assert "--resume" not in failed.stderr
    assert "=True" not in failed.stderr


def test_deleted_bookings_are_reported_and_verify_drops_them(sandbox: Sandbox, working_folder: Path) -> None:
    """An incremental run warns about deleted bookings and names --verify, which removes them."""
    nightly = ["export", "bookings", *connection_args(sandbox), "-o", "out.jsonl", "--incremental", "--resume"]
    assert invoke(*nightly).exit_code == 0
    for uid in [*sandbox.store.bookings][:5]:
        del sandbox.store.bookings[uid]
    sandbox.store.changed()
    stale = invoke(*nightly)
    assert stale.exit_code == 0
    assert "out.jsonl has 300 rows, but the server counts 295: at least 5 of them" in stale.stderr
    assert "with --verify to read everything" in stale.stderr
    verified = invoke(*nightly, "--verify")
    assert "warning" not in verified.stderr
    assert len(uids(working_folder / "out.jsonl")) == 295


def test_csv_options(sandbox: Sandbox, working_folder: Path) -> None:
    """--bom and --no-escape change the CSV output; with other formats they are an error."""
    next(iter(sandbox.store.bookings.values())).title = "=1+1"
    command = ["export", "bookings", *connection_args(sandbox)]
    for options, begin, cell in (([], b"id,", ",'=1+1,"), (["--bom", "--no-escape"], b"\xef\xbb\xbfid,", ",=1+1,")):
        assert invoke(*command, "-o", "out.csv", *options).exit_code == 0
        assert (working_folder / "out.csv").read_bytes().startswith(begin)
        assert cell in (working_folder / "out.csv").read_text("utf-8")
    assert invoke(*command, "-o", "out.jsonl", "--bom").exit_code == 2


@pytest.mark.slow
def test_a_closed_pipe_ends_the_export_quietly(sandbox: Sandbox) -> None:
    """`export -o - | head -1` prints one line and no error."""
    with start_cli(
        "export", "bookings", *connection_args(sandbox), "-o", "-", stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as running:
        assert running.stdout
        assert running.stderr
        assert running.stdout.readline()
        running.stdout.close()
        message = running.stderr.read()
    assert running.returncode == exit_codes.OUTPUT_CLOSED
    assert "error" not in message
    assert "Traceback" not in message


def test_a_path_with_brackets_is_printed_unchanged(sandbox: Sandbox, tmp_path: Path) -> None:
    """Brackets in a file name are not parsed as markup."""
    result = invoke("export", "bookings", *connection_args(sandbox), "-o", tmp_path / "[red]out.jsonl")
    assert "[red]out.jsonl" in result.stderr


def test_standard_output_is_json_lines() -> None:
    """An export to standard output writes JSON Lines there and everything else to stderr."""
    run = run_cli("--sandbox", "export", "bookings", "-o", "/dev/stdout")
    assert run.returncode == 0
    assert len({json.loads(line)["uid"] for line in run.stdout.splitlines()}) == connect.SANDBOX_BOOKINGS


@pytest.mark.slow
def test_dev_stdout_is_not_replaced(tmp_path: Path) -> None:
    """If /dev/stdout is redirected to a file, the rows go there and the link stays."""
    with (tmp_path / "out.jsonl").open("w") as out:
        run = subprocess.run(
            cli_command("--sandbox", "export", "bookings", "-o", "/dev/stdout", "--format", "jsonl"),
            env=cli_environment(), stdout=out, stderr=subprocess.PIPE, check=False,
        )  # fmt: skip
    assert run.returncode == 0
    assert Path("/dev/stdout").is_symlink()
    assert len(uids(tmp_path / "out.jsonl")) == connect.SANDBOX_BOOKINGS


@pytest.mark.slow
def test_a_full_disk_leaves_complete_lines(tmp_path: Path) -> None:
    """If the disk is full, the partial file holds complete lines."""

    def small_disk() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (500_000, 500_000))

    run = run_cli("--sandbox", "export", "bookings", "-o", tmp_path / "out.jsonl", preexec_fn=small_disk)
    assert run.returncode == 7
    assert "Free some space" in run.stderr
    assert not (tmp_path / "out.jsonl").exists()
    saved = uids(tmp_path / "out.jsonl.part")
    assert saved
    assert f"{len(saved):,} rows are in" in run.stderr


# --- Ctrl-C -------------------------------------------------------------------------------------------------------


def read_terminal(terminal: int) -> Iterator[bytes]:
    """Yield what the other side of a pseudo-terminal writes."""
    try:
        while chunk := os.read(terminal, 4096):
            yield chunk
    except OSError:  # Linux raises EIO once the other side is closed
        os.close(terminal)


def interrupt(process: subprocess.Popen[str]) -> tuple[int, str]:
    """Send Ctrl-C; return the exit code and the text on stderr."""
    process.send_signal(signal.SIGINT)
    _, message = process.communicate(timeout=TIMEOUT)
    return process.returncode, message


def test_ctrl_c_leaves_a_file_that_can_be_resumed(sandbox: Sandbox, tmp_path: Path) -> None:
    """After Ctrl-C the partial file holds complete lines, and the same command with --resume completes the export."""
    sandbox.faults.add("GET", "/v2/bookings", after=4, times=1, slow=30)
    file, partial = tmp_path / "out.jsonl", tmp_path / "out.jsonl.part"
    command = ["export", "bookings", *connection_args(sandbox), "-o", file, "--page-size", "40"]
    running = start_cli(*command, stderr=subprocess.PIPE)
    wait_until(lambda: partial.exists() and partial.read_bytes().count(b"\n") >= 70, "two pages")
    code, message = interrupt(running)
    assert code == 130
    assert "Traceback" not in message
    assert not file.exists()
    assert f"{len(uids(partial))} rows are in {partial}. Run the same command with --resume" in message
    sandbox.faults.clear()
    assert invoke(*command, "--resume").exit_code == 0
    assert sorted(uids(file)) == sorted(sandbox.store.bookings)


@pytest.mark.slow
def test_a_wait_for_the_limit_is_shown_and_can_be_interrupted(tmp_path: Path) -> None:
    """While the export waits for the rate limit, stderr says so, and Ctrl-C ends it at once."""
    terminal, stderr = pty.openpty()
    with Sandbox(bookings=300, rate_limit=6, window=60) as sandbox:
        running = start_cli(
            "export",
            "bookings",
            *connection_args(sandbox),
            "-o",
            tmp_path / "out.csv",
            "--page-size",
            "10",
            stderr=stderr,
        )
        os.close(stderr)
        drawn, screen = b"", read_terminal(terminal)
        while b"waiting for the rate limit" not in drawn:
            drawn += next(screen)
        running.send_signal(signal.SIGINT)
        drawn += b"".join(screen)
        assert running.wait(TIMEOUT) == 130
    assert b"interrupted" in drawn
    with (tmp_path / "out.csv.part").open(encoding="utf-8", newline="") as file:
        header, *rows = csv.reader(file)
    assert header == list(BOOKING_COLUMNS)
    assert {len(row) for row in rows} == {len(header)}
    assert 429 not in {request.status for request in sandbox.requests}


# --- the progress display -------------------------------------------------------------------------------------------


def make_stats(**changes: Any) -> Stats:
    """Return statistics with one rate limit."""
    bucket = SimpleNamespace(
        **{
            "blocked_for": 0.0,
            "waiting": 0,
            "in_flight": 0,
            "next_permit_in": 0.0,
            "limit": 120,
            "window": 60.0,
            "available": 9,
            **changes,
        }
    )
    return Stats(
        requests=1, retries=0, waits=0, rate_limited=0, pages=0, seconds_waited=0, connections=0, limits=[bucket]
    )


def make_event(**changes: Any) -> ClientEvent:
    """Return the event of one request."""
    return ClientEvent(**{"kind": "request", "method": "GET", "path": "/bookings", "status": 200, **changes})


@pytest.mark.parametrize(
    ("stats", "expected"),
    [
        ({"waiting": 2, "next_permit_in": 12.2}, "waiting for the rate limit, 12 s"),
        ({"waiting": 2, "next_permit_in": 12.2, "blocked_for": 41.6}, "blocked by the rate limit for 42 s"),
        ({"waiting": 2, "next_permit_in": 12.2, "in_flight": 1}, "118 calls left"),
        ({}, "118 calls left"),
    ],
)
def test_the_progress_display_shows_waits(stats: dict[str, Any], expected: str) -> None:
    """The progress display shows a wait for the rate limit, or a block, with its seconds."""
    display = ProgressDisplay("bookings")
    display.on_event(make_event(remaining=118))
    display._read_limits(make_stats(**stats))
    assert expected in display._text()


def test_the_progress_display_shows_a_retry() -> None:
    """A retry is shown until the next response."""
    display = ProgressDisplay("bookings")
    display.on_event(make_event(kind="retry", status=503))
    assert "503, trying again" in display._text()
    display.on_event(make_event())
    assert "503" not in display._text()


def test_concurrent_waits_count_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two pages that wait during the same ten seconds count as ten seconds, not twenty."""
    display = ProgressDisplay("bookings")
    begun = display._waited_until
    monkeypatch.setattr(time, "monotonic", lambda: begun + 10)
    display.on_event(make_event(kind="wait", seconds=10.0))
    display.on_event(make_event(kind="wait", seconds=9.0))
    assert display.waited == 10.0


def test_the_progress_display_estimates_the_time_left(monkeypatch: pytest.MonkeyPatch) -> None:
    """Row count, rate, calls left and remaining time are computed from the progress and the clock."""
    display = ProgressDisplay("bookings")
    display._started = time.monotonic()
    monkeypatch.setattr(time, "monotonic", lambda: display._started + 10)
    display.on_event(make_event(remaining=7))
    display.on_progress(ExportProgress(1_000, 4_000))
    assert display._text() == "1,000 of 4,000 bookings, 100/s, 7 calls left, 0:00:30 to go"


def test_the_time_left_respects_the_rate_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    """The estimate after a burst of requests includes the minutes that the rate limit will add."""
    display = ProgressDisplay("bookings")
    display._started = time.monotonic()
    monkeypatch.setattr(time, "monotonic", lambda: display._started + 1)
    for _ in range(100):
        display.on_event(make_event(remaining=20))
    display._read_limits(make_stats(limit=120))
    display.on_progress(ExportProgress(25_000, 100_000))
    assert display._text().endswith("0:02:20 to go")


def test_the_time_left_includes_the_wait_and_decreases(monkeypatch: pytest.MonkeyPatch) -> None:
    """During a wait the remaining time is at least the wait, and decreases with it."""
    display, texts = ProgressDisplay("bookings"), []
    begun = display._started
    monkeypatch.setattr(time, "monotonic", lambda: begun + 10)
    for _ in range(10):
        display.on_event(make_event(remaining=0))
    display.on_progress(ExportProgress(1_000, 1_500))
    for passed in range(45):
        monkeypatch.setattr(time, "monotonic", lambda passed=passed: begun + 10 + passed)
        display._read_limits(make_stats(waiting=1, next_permit_in=45.0 - passed))
        texts.append(display._text())
    assert texts[0].endswith("waiting for the rate limit, 45 s, 0:00:50 to go")
    assert texts[20].endswith("waiting for the rate limit, 25 s, 0:00:30 to go")
    monkeypatch.setattr(time, "monotonic", lambda: begun + 55)
    display.on_event(make_event(kind="wait", seconds=45.0))
    display._read_limits(make_stats())
    assert display._text().endswith("0:00:05 to go")


def test_the_time_left_includes_further_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    """Requests that do not fit into the window after the wait add further windows to the estimate."""
    display = ProgressDisplay("bookings")
    begun = display._started
    monkeypatch.setattr(time, "monotonic", lambda: begun + 1)
    for _ in range(100):
        display.on_event(make_event(remaining=0))
    display.on_progress(ExportProgress(25_000, 100_000))
    display._read_limits(make_stats(limit=120, waiting=8, next_permit_in=59.0))
    # 59 s of waiting, then 300 requests: 120 at once and 180 in one and a half windows.
    assert display._text().endswith("0:02:29 to go")


def test_rows_of_an_earlier_run_do_not_count_for_the_rate(monkeypatch: pytest.MonkeyPatch) -> None:
    """After a resume, the rate and the remaining time are computed from the rows of this run only."""
    display = ProgressDisplay("bookings")
    begun = display._started
    monkeypatch.setattr(time, "monotonic", lambda: begun + 10)
    display.on_progress(ExportProgress(51_000, 52_000, 50_000))
    assert display._text() == "51,000 of 52,000 bookings, 100/s, 0:00:10 to go"


def test_a_terminal_gets_a_bar(tmp_path: Path) -> None:
    """On a terminal the progress bar is drawn on stderr, with rows and calls left."""
    terminal, stderr = pty.openpty()
    running = start_cli("--sandbox", "export", "bookings", "-o", tmp_path / "out.jsonl", stderr=stderr)
    os.close(stderr)
    drawn = b"".join(read_terminal(terminal)).decode()
    assert running.wait(TIMEOUT) == 0
    assert "━" in drawn
    assert "2,000 of 2,000 bookings" in drawn
    assert "calls left" in drawn


# --- api and whoami -----------------------------------------------------------------------------------------------


def test_api_prints_the_response_as_json(sandbox: Sandbox) -> None:
    """`api` prints the whole response; query parameters are sent, repeated names as a comma-separated list."""
    query = ["-q", "take=5", "--query", "status=past", "-q", "status=upcoming"]
    result = invoke("api", "get", "/v2/bookings", *query, *connection_args(sandbox))
    assert len(json.loads(result.stdout)["data"]) == 5
    assert dict(sandbox.requests[0].query) == {"take": "5", "status": "past,upcoming"}


@pytest.mark.parametrize("source", ["inline", "file", "stdin"])
def test_api_takes_a_body(source: str, sandbox: Sandbox, tmp_path: Path) -> None:
    """A request body is read from the argument, from @FILE, or from @- (standard input)."""
    text = json.dumps({"name": "Ana Łódź"})
    (tmp_path / "body.json").write_text(text, "utf-8")
    body = {"inline": text, "file": f"@{tmp_path / 'body.json'}", "stdin": "@-"}[source]
    result = invoke(
        "api", "PATCH", "/v2/me", "--body", body, *connection_args(sandbox), input=text if source == "stdin" else None
    )
    assert json.loads(result.stdout)["data"]["name"] == "Ana Łódź"
    assert sandbox.requests[0].body == {"name": "Ana Łódź"}


@pytest.mark.parametrize(
    ("args", "code", "message"),
    [
        (["GET", "/v2/bookings", "-q", "take"], 2, "--query must be NAME=VALUE, got take"),
        (["GET", "bookings?take=1"], 2, "a path must look like /v2/bookings"),
        (["PATCH", "/v2/me", "-b", "{name: 1}"], 2, "--body must be JSON"),
        (["PATCH", "/v2/me", "-b", "@nowhere.json"], 2, "cannot read nowhere.json: No such file"),
        (["PATCH", "/v2/me", "-b", "@latin.json"], 2, "--body must be JSON"),
        (["GET", "/v2/bookings/nobody"], 3, "404"),
        (["GET", "/v2/nowhere"], 3, "Cannot GET"),
    ],
)
def test_api_errors(args: list[str], code: int, message: str, sandbox: Sandbox, working_folder: Path) -> None:
    """An invalid query, path or body fails before a request is sent; a rejection prints the server's message."""
    (working_folder / "latin.json").write_bytes(b'"\xe9"')
    result = invoke("api", *args, *connection_args(sandbox))
    assert result.exit_code == code
    assert message in result.stderr
    assert result.stdout == ""


def test_whoami_is_a_table_or_json(sandbox: Sandbox) -> None:
    """`whoami` prints the owner of the key as a table or as JSON."""
    table, plain = invoke("whoami", *connection_args(sandbox)), invoke("whoami", "--json", *connection_args(sandbox))
    assert re.search(r"email +ana@sandbox\.test", table.stdout)
    assert json.loads(plain.stdout)["email"] == "ana@sandbox.test"


@pytest.mark.parametrize("name", ["A [/x]", r"A \[/x]", "[red]Ana"])
def test_text_of_the_server_is_not_markup(name: str) -> None:
    """Brackets in a name or a title are printed unchanged, in tables of one object and of many."""
    with Sandbox(bookings=1) as sandbox:
        sandbox.store.users[1]["name"] = name
        next(iter(sandbox.store.bookings.values())).title = name
        me, rows = (
            invoke("whoami", *connection_args(sandbox)),
            invoke("api", "GET", "/v2/bookings", "--all", *connection_args(sandbox), terminal=True),
        )
    assert (me.exit_code, rows.exit_code) == (0, 0)
    assert name in me.stdout
    assert name in rows.stdout


def test_an_unknown_http_method(sandbox: Sandbox) -> None:
    """An unknown HTTP method is an error before a request is sent."""
    result = invoke("api", "FOO", "/v2/me", *connection_args(sandbox))
    assert (result.exit_code, sandbox.requests) == (2, [])
    assert "must be one of GET" in result.stderr


@pytest.mark.slow
def test_a_dash_writes_to_standard_output() -> None:
    """`-o -` writes JSON Lines to standard output, and nothing else."""
    running = start_cli("export", "bookings", "--sandbox", "-o", "-", stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    rows, _ = running.communicate(timeout=TIMEOUT)
    assert running.returncode == 0
    assert len({json.loads(row)["uid"] for row in rows.splitlines()}) == 2000


# --- sandbox ------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_the_sandbox_says_how_to_connect_and_frees_its_port() -> None:
    """`sandbox` prints the settings for connecting to it, and Ctrl-C frees its port."""
    options = ("--port", "0", "--bookings", "5", "--server", "self-hosted-2026-07")
    running = start_cli("sandbox", *options, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert running.stdout
    settings = dict(re.findall(r"(CAL_\w+)=(\S+)", running.stdout.readline()))
    assert settings.keys() == {"CAL_API_URL", "CAL_API_KEY"}
    me = run_cli("whoami", "--json", env=settings)
    assert json.loads(me.stdout)["username"] == "ana"
    assert "404" in run_cli("api", "GET", "/v2/teams", env=settings).stderr
    code, message = interrupt(running)
    assert code == 0
    assert "5 bookings" in message
    assert "Traceback" not in message
    port = int(settings["CAL_API_URL"].split(":")[2].split("/")[0])
    with Sandbox(port=port) as again:
        assert str(port) in again.url


def test_an_unknown_kind_of_sandbox() -> None:
    """A kind of server that does not exist is one message with the known ones, and code 2."""
    result = invoke("sandbox", "--server", "cloud")
    assert result.exit_code == 2
    assert "must be one of hosted, self-hosted-2025-12, self-hosted-2026-07, got cloud" in result.stderr


@pytest.mark.parametrize("port", [lambda: None, lambda: 70_000, lambda: -1], ids=["in use", "too high", "negative"])
def test_an_unusable_port(port: Callable[[], int | None], sandbox: Sandbox) -> None:
    """A port that is in use or out of range is one message and code 2."""
    taken = sandbox.url.split(":")[2].split("/")[0]
    result = invoke("sandbox", "--port", str(port() or taken))
    assert result.exit_code == 2
    assert "port" in result.stderr
