"""The command line: help, failures and their exit codes, `api`, `whoami` and `sandbox`."""

from __future__ import annotations

import json
import os
import re
import shlex
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest
from cli_process import cli_environment, interrupt, run_cli, start_cli
from cli_runner import SECRET, connection_args, invoke
from export_runs import uids
from timeouts import TIMEOUT, closed_port
from typer.main import get_command

from calcom_async.__main__ import main
from calcom_async.cli import app, connect, exit_codes
from calcom_async.cli.options import Command
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


# --- help and usage -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("args", [["--help"], ["export", "--help"], ["api", "--help"], ["whoami", "-h"]])
def test_help_lists_every_exit_code(args: list[str]) -> None:
    """The help lists every exit code with its meaning."""
    text = " ".join(invoke(*args).output.split())
    for code, (meaning, _) in exit_codes.EXIT_CODES.items():
        assert f"{code} {meaning}" in text
    assert "0 success" in text
    assert "130 interrupted" in text


def is_group(command: Any) -> bool:
    """Whether a command has commands below it."""
    return hasattr(command, "commands")


def commands(command: Any, *words: str) -> Iterator[tuple[list[str], Any]]:
    """Yield a command and all below it, each with its words."""
    yield [*words], command
    for name, child in getattr(command, "commands", {}).items():
        yield from commands(child, *words, name)


COMMANDS = [words for words, _ in commands(get_command(app))]
HELP_TEXTS = {" ".join(words): command.help for words, command in commands(get_command(app)) if not is_group(command)}


@pytest.mark.parametrize("command", HELP_TEXTS)
def test_the_help_has_an_example(command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The help of every command shows how to call it, with options that exist."""
    monkeypatch.setattr(Command, "invoke", lambda *_: None)
    examples = re.findall(r"^calcom-async (.+)$", HELP_TEXTS[command], re.MULTILINE)
    assert examples
    for example in examples:
        assert example.startswith(command)
        assert invoke(*shlex.split(example)).exit_code == 0


def test_the_help_lists_the_commands_in_the_order_of_use() -> None:
    """Commands for bookings come first, then the others."""
    names = re.findall(r"^  ([a-z-]+)  ", invoke("--help").stdout.partition("Commands:")[2], re.MULTILINE)
    assert (names[:4], names[-1]) == (["bookings", "agenda", "book", "slots"], "sandbox")


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
    pytest.param(["--since", "2026-01-31T09:00"], 2, "has no UTC offset", id="naive datetime"),
    pytest.param(["--since", "yesterday"], 2, "--since must be a date such as", id="no time"),
    pytest.param(["--until", "0001-01-01T00:00+14:00"], 2, "--until must be a date such as", id="before all times"),
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
    pytest.param({"body": b""}, 6, "the response is empty", id="nothing"),
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
    ["bookings", "watch"], ["webhooks", "listen"],
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


PLENTY = {f"X-RateLimit-{part}-Default": "100" for part in ("Limit", "Remaining", "Reset")}


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
        "api", "PATCH", "/v2/me", "--data", body, *connection_args(sandbox), input=text if source == "stdin" else None
    )
    assert json.loads(result.stdout)["data"]["name"] == "Ana Łódź"
    assert sandbox.requests[0].body == {"name": "Ana Łódź"}


def test_api_with_dry_run_sends_no_change(sandbox: Sandbox) -> None:
    """With --dry-run, `api` prints a request that would change data instead of sending it."""
    change = ["api", "PATCH", "/v2/me", "-d", '{"timeZone": "Asia/Tokyo"}', "--dry-run"]
    result = invoke(*change, *connection_args(sandbox))
    assert result.exit_code == 0
    assert json.loads(result.stdout) == {"method": "PATCH", "path": "/v2/me", "body": {"timeZone": "Asia/Tokyo"}}
    assert sandbox.requests == []


@pytest.mark.parametrize(
    ("args", "code", "message"),
    [
        (["GET", "/v2/bookings", "-q", "take"], 2, "--query must be NAME=VALUE, got take"),
        (["GET", "bookings?take=1"], 2, "a path must look like /v2/bookings"),
        (["PATCH", "/v2/me", "-d", "{name: 1}"], 2, "--data must be JSON"),
        (["PATCH", "/v2/me", "-d", "@nowhere.json"], 2, "cannot read nowhere.json: No such file"),
        (["PATCH", "/v2/me", "-d", "@latin.json"], 2, "--data must be JSON"),
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
    args = ["whoami", *connection_args(sandbox)]
    table, plain = invoke(*args, terminal=True), invoke(*args, "--json")
    assert re.search(r"email +ana@sandbox\.test", table.stdout)
    assert "email\tana@sandbox.test\n" in invoke(*args).stdout
    assert json.loads(plain.stdout)["email"] == "ana@sandbox.test"


@pytest.mark.parametrize("name", ["A [/x]", r"A \[/x]", "[red]Ana"])
def test_text_of_the_server_is_not_markup(name: str) -> None:
    """Brackets in a name or a title are printed unchanged, in tables of one object and of many."""
    with Sandbox(bookings=1) as sandbox:
        sandbox.store.users[1]["name"] = name
        next(iter(sandbox.store.bookings.values())).title = name
        me, rows = (
            invoke("whoami", *connection_args(sandbox), terminal=True),
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


def test_a_sandbox_whose_output_cannot_be_written_does_not_blame_the_port(monkeypatch: pytest.MonkeyPatch) -> None:
    """A full disk is an error of the output, not of the port."""
    monkeypatch.setattr(
        sys.modules["calcom_async.cli.sandbox"], "echo", Mock(side_effect=OSError(28, "No space left on device"))
    )
    result = invoke("sandbox", "--port", "0", "--bookings", "0")
    assert result.exit_code == 7
    assert result.stderr == "error: cannot write the output: No space left on device\n"


def test_ctrl_c_during_the_imports(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Ctrl-C before the first line of the command runs is one word and code 130, as later."""
    commands = Mock(spec=[])
    type(commands).app = property(Mock(side_effect=KeyboardInterrupt))
    monkeypatch.setitem(sys.modules, "calcom_async.cli", commands)
    with pytest.raises(SystemExit, match="130"):
        main()
    assert capsys.readouterr().err == "interrupted.\n"


@pytest.mark.parametrize("port", [lambda: None, lambda: 70_000, lambda: -1], ids=["in use", "too high", "negative"])
def test_an_unusable_port(port: Callable[[], int | None], sandbox: Sandbox) -> None:
    """A port that is in use or out of range is one message and code 2."""
    taken = sandbox.url.split(":")[2].split("/")[0]
    result = invoke("sandbox", "--port", str(port() or taken))
    assert result.exit_code == 2
    assert "port" in result.stderr
