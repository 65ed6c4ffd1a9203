"""`profiles add|list|remove`, `--profile` and `.env`, with real files; `--debug` and `--quiet`."""

from __future__ import annotations

import json
import os
import re
import stat
import sys
from collections.abc import Iterator
from pathlib import Path
from unittest.mock import Mock

import pytest
import typer
from cli_runner import SECRET, connection_args, invoke

from calcom_async.cli.connect import _printing
from calcom_async.cli.profiles import _read_key
from calcom_async.events import ClientEvent
from calcom_async.sandbox import Sandbox
from calcom_async.secret import Secret


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(bookings=3) as sandbox:
        yield sandbox


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Change to an empty folder, and return the path of the profiles in a new home."""
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setattr("typer.get_app_dir", lambda name: str(Path(os.environ["XDG_CONFIG_HOME"]) / name))
    return tmp_path / "config" / "calcom-async" / "profiles.toml"


def whoami(*args: str, **env: str) -> str:
    """Return the name of the user, or the error."""
    result = invoke("whoami", "--json", *args, env=env)
    return json.loads(result.stdout)["username"] if result.exit_code == 0 else result.stderr


def add(name: str, sandbox: Sandbox, key: str | None = None, *args: str) -> None:
    """Add a profile of the sandbox."""
    added = invoke("profiles", "add", name, "--base-url", sandbox.url, *args, input=f"{key or sandbox.api_key}\n")
    assert added.exit_code == 0, added.stderr


def test_a_profile_from_its_creation_to_its_removal(file: Path, sandbox: Sandbox) -> None:
    """A profile is added with the key from stdin, used, listed without the key, replaced with --force, and removed."""
    add("work", sandbox)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    assert whoami("--profile", "work") == "ana"
    listed = invoke("profiles", "list", "--json")
    assert json.loads(listed.stdout) == [{"name": "work", "base_url": sandbox.url, "booking_url": None}]
    again = invoke("profiles", "add", "work", input="x\n")
    assert again.exit_code == 2
    assert "profile work exists. Replace it with --force" in again.stderr
    add("work", sandbox, "cal_sandbox_bo", "--force")
    assert whoami("--profile", "work") == "bo"
    assert invoke("profiles", "remove", "work").exit_code == 0
    assert "unknown profile work. There are no profiles." in whoami("--profile", "work")
    assert [path.name for path in file.parent.iterdir()] == ["profiles.toml"]


def test_a_list_without_profiles_says_how_to_add_one(file: Path) -> None:
    """Without profiles, the list has only its header, and stderr has the command that adds one."""
    listed = invoke("profiles", "list")
    assert listed.stdout == "name\tbase_url\tbooking_url\n"
    assert listed.stderr == "no profiles. Add one with: calcom-async profiles add NAME\n"


def test_ctrl_c_at_the_prompt(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C instead of a key adds no profile, and ends with the code of an interruption."""
    monkeypatch.setattr(sys.modules["calcom_async.cli.profiles"], "_read_key", Mock(side_effect=typer.Abort))
    result = invoke("profiles", "add", "work")
    assert (result.exit_code, result.stderr) == (130, "interrupted.\n")
    assert not file.exists()


def test_the_order_of_the_sources(file: Path, sandbox: Sandbox) -> None:
    """The order is: options or --profile, the environment, the profile `default`, `.env`."""
    unknown = {"CAL_API_KEY": SECRET, "CAL_API_URL": sandbox.url}
    Path(".env").write_text(f"CAL_API_URL={sandbox.url}\nCAL_API_KEY={sandbox.api_key}\n")
    assert whoami() == "ana"
    add("default", sandbox, "cal_sandbox_bo")
    add("work", sandbox)
    assert whoami() == "bo"
    assert whoami(CAL_PROFILE="work") == "ana"
    rejected = whoami(**unknown, CAL_PROFILE="work")
    assert "Invalid API Key" in rejected
    assert "Used: API key from CAL_API_KEY, base URL from CAL_API_URL." in rejected
    assert whoami("--profile", "work", **unknown) == "ana"
    assert whoami(*connection_args(sandbox, "cal_sandbox_bo"), **unknown) == "bo"


def test_a_key_is_not_sent_to_the_url_of_dotenv(file: Path, sandbox: Sandbox) -> None:
    """The key of the environment is not sent to a URL that the working directory sets, and nothing else is."""
    Path(".env").write_text(f"CAL_API_URL={sandbox.url}\nCAL_API_KEY=cal_x\n")
    before = len(sandbox.requests)
    assert "Add CAL_API_URL, or leave out CAL_API_KEY to use the key of that URL" in whoami(CAL_API_KEY=SECRET)
    assert len(sandbox.requests) == before


def test_keys_of_dask_workers_are_not_sent_to_the_url_of_dotenv(file: Path) -> None:
    """An export on a cluster whose URL comes from `.env` is an error, because the workers have keys of their own."""
    Path(".env").write_text("CAL_API_URL=https://cal.test\nCAL_API_KEY=cal_x\n")
    result = invoke("export", "bookings", "-o", "parts", "--dask", "tcp://127.0.0.1:1")
    assert result.exit_code == 2
    assert (
        "the keys from the Dask workers are not sent to https://cal.test/v2, which CAL_API_URL in .env" in result.stderr
    )


@pytest.mark.parametrize("command", ["whoami", "doctor"])
def test_the_sources_are_shown(command: str, file: Path, sandbox: Sandbox) -> None:
    """`whoami` and `doctor` say where the key and the URL come from, and do not show the key."""
    add("work", sandbox)
    result = invoke(command, "--profile", "work")
    assert "API key and base URL from profile work" in result.output
    assert invoke("--debug", command, "--profile", "work").stderr.count("using") == 1
    assert sandbox.api_key not in result.output


def test_a_file_that_others_can_read_is_not_used(file: Path, sandbox: Sandbox) -> None:
    """A file of profiles that other users can read is an error that says what to do."""
    add("work", sandbox)
    file.chmod(0o640)
    assert f"{file} can be read by other users. Run: chmod 600 {file}" in whoami("--profile", "work")
    assert whoami("--sandbox") == whoami(*connection_args(sandbox)) == "ana"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"[work", "is not valid TOML"),
        (b"\xff", "it is not UTF-8"),
        (b"#" * 1_000_001, "it has more than 1,000,000 bytes"),
    ],
    ids=["TOML", "UTF-8", "size"],
)
def test_a_file_that_cannot_be_read(content: bytes, message: str, file: Path) -> None:
    """A broken file is one message that names the file."""
    file.parent.mkdir(parents=True)
    file.touch(mode=0o600)
    file.write_bytes(content)
    assert message in (error := whoami("--profile", "work"))
    assert str(file) in error


def test_unwritable_and_unreadable_places(file: Path) -> None:
    """A place that cannot be written, or that is no file, is one message or counts as no file."""
    file.parent.parent.write_text("")
    result = invoke("profiles", "add", "work", input="cal_x\n")
    assert result.exit_code == 2
    assert "cannot write" in result.stderr
    os.mkfifo(".env")
    assert "no API key: use --api-key" in whoami()


def test_a_file_that_cannot_be_replaced_leaves_no_partial_file(file: Path) -> None:
    """If the file cannot be replaced, the error says so, and no copy of the keys is left."""
    file.mkdir(parents=True)
    assert "cannot write" in invoke("profiles", "add", "work", input="cal_x\n").stderr
    assert [*file.parent.iterdir()] == [file]


def test_a_file_that_cannot_be_opened(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A `.env` that this user may not read is one message."""
    Path(".env").touch()
    monkeypatch.setattr(Path, "open", Mock(side_effect=PermissionError(13, "Permission denied")))
    assert "cannot read .env: Permission denied" in whoami()


def test_the_key_is_not_echoed_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a terminal, the prompt is on stderr and hides the key."""
    prompt = Mock(return_value=" cal_x ")
    monkeypatch.setattr("typer.prompt", prompt)
    monkeypatch.setattr("sys.stdin", Mock(isatty=lambda: True))
    assert _read_key() == Secret("cal_x")
    prompt.assert_called_once_with("API key", hide_input=True, err=True)


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["profiles", "add", "my work"], "has up to 64 letters, digits, - and _, got my work"),
        (["profiles", "add", "work", "--base-url", "http://cal.test"], "unencrypted"),
        (["profiles", "add", "work", "--base-url", f"https://x:{SECRET}@cal.test"], "must not contain a user name"),
        (["profiles", "add", "work", "--booking-url", "cal.test"], "the booking URL must look like"),
        (["profiles", "add", "work"], "the API key of profile work is empty"),
        (["profiles", "remove", "work"], "unknown profile work. There are no profiles. Add one with: calcom-async"),
        (["whoami", "--profile", "work", "--api-key", SECRET], "--profile cannot be combined with --api-key"),
        (["whoami", "--profile", "work", "--base-url", "https://cal.test"], "cannot be combined with --base-url"),
        (["whoami", "--profile", "work", "--sandbox"], "--sandbox cannot be combined with --profile"),
    ],
)
def test_invalid_arguments(args: list[str], message: str, file: Path) -> None:
    """Invalid arguments are one message, and write no file."""
    result = invoke(*args, input="\n")
    assert result.exit_code == 2
    assert message in result.stderr
    assert SECRET not in result.output
    assert not file.exists()


# --- --debug and --quiet ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("args", [["--debug", "api", "GET"], ["api", "--debug", "GET"]], ids=" ".join)
def test_debug_prints_requests_and_retries_without_ids(args: list[str], sandbox: Sandbox) -> None:
    """With --debug, stderr has a line for each request and retry, with the route instead of the path, and no key."""
    sandbox.faults.add("GET", "/v2/event-types/1", times=1, status=503)
    result = invoke(*args, "/v2/event-types/1", *connection_args(sandbox))
    sandbox.faults.clear()
    lines = re.sub(r"\d+\.\d{3} s", "N s", result.stderr).splitlines()
    assert [re.sub(r", [\d,]+ requests left$", "", line) for line in lines] == [
        "debug: using API key from --api-key, base URL from --base-url",
        "debug: GET /event-types/{}: 503 in N s",
        "debug: GET /event-types/{}: retry in N s, after attempt 1",
        "debug: GET /event-types/{}: 200 in N s",
    ]
    assert json.loads(result.stdout)["data"]["id"] == 1


def test_debug_prints_waits(capsys: pytest.CaptureFixture[str]) -> None:
    """With --debug, a wait for the rate limit is a line, and an attempt without a response says so."""
    received: list[ClientEvent] = []
    print_event = _printing(received.append)
    events = [
        ClientEvent(kind="wait", method="GET", path="/me", seconds=2.5),
        ClientEvent(kind="request", method="GET", path="/me", seconds=1.0),
        ClientEvent(kind="page", method="GET", path="/me", rows=1),
    ]
    for event in events:
        print_event(event)
    assert received == events
    assert capsys.readouterr().err == (
        "debug: GET /me: waited 2.500 s for the rate limit\ndebug: GET /me: no response in 1.000 s\n"
    )


def test_quiet_prints_only_errors_and_warnings(sandbox: Sandbox, tmp_path: Path) -> None:
    """With --quiet, stderr has errors only; the next command without it prints everything again."""
    export = ["export", "bookings", *connection_args(sandbox), "-o", tmp_path / "out.jsonl"]
    assert invoke("--quiet", *export).stderr == ""
    assert invoke(*export, "--restart", "--quiet").stderr == ""
    assert invoke(*export, "--restart").stderr != ""
    assert "Invalid API Key" in invoke("whoami", "--quiet", *connection_args(sandbox, SECRET)).stderr


# --- completion ---------------------------------------------------------------------------------------------------


def completed(words: str, shell: str = "bash") -> list[str]:
    """Return what the shell offers for the last word."""
    variables = {
        "_CALCOM_ASYNC_COMPLETE": f"complete_{shell}",
        "COMP_WORDS": f"calcom-async {words}",
        "COMP_CWORD": str(words.count(" ") + 1),
        "_TYPER_COMPLETE_ARGS": f"calcom-async {words}",
        "_TYPER_COMPLETE_FISH_ACTION": "get-args",
    }
    return invoke(env=variables, prog_name="calcom-async").stdout.split()


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("prof", ["profiles"]),
        ("api DE", ["DELETE"]),
        ("api GET /v2/me", ["/v2/me", "/v2/me/ooo", "/v2/me/booking-limits", "/v2/me/team-booking-limits"]),
        ("api POST /v2/bookings/abc/c", ["/v2/bookings/abc/cancel", "/v2/bookings/abc/confirm"]),
        ("api DELETE /v2/webhooks/a", ["/v2/webhooks/a"]),
        ("api GET /v2//b", []),
        ("webhooks listen --trigger BOOKING_C", ["BOOKING_CREATED", "BOOKING_CANCELLED"]),
        ("whoami --profile w", ["work"]),
        ("--profile w", ["work"]),
        ("profiles remove w", ["work"]),
        ("export ev", ["event-types"]),
        ("bookings list --status pa", ["past"]),
    ],
)
def test_the_shell_completes(words: str, expected: list[str], file: Path, sandbox: Sandbox) -> None:
    """The shell completes commands, methods, paths with ids that were typed, triggers and profiles, offline."""
    add("work", sandbox)
    assert completed(words) == expected


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_other_shells_complete_too(shell: str, file: Path) -> None:
    """In zsh and fish, completion offers the same words. A broken file of profiles is no error while the user types."""
    file.parent.mkdir(parents=True)
    file.write_text("[broken")
    assert "/v2/me/ooo" in " ".join(completed("api GET /v2/me/o", shell))
    assert completed("whoami --profile w", shell) in ([], ["_files"])
