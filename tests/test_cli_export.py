"""`export`: the files, messages and exit codes, interruption, and the report for other programs."""

from __future__ import annotations

import csv
import json
import os
import pty
import re
import resource
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cli_process import cli_command, cli_environment, interrupt, read_terminal, run_cli, start_cli, wait_until
from cli_runner import SECRET, connection_args, invoke
from export_runs import uids
from timeouts import TIMEOUT

from calcom_async.cli import connect, exit_codes
from calcom_async.cli.progress import ProgressDisplay
from calcom_async.export import ExportProgress
from calcom_async.export.rows import BOOKING_COLUMNS
from calcom_async.sandbox import Sandbox


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """A server with 300 bookings."""
    with Sandbox(bookings=300) as server:
        yield server


# --- files ----------------------------------------------------------------------------------------------------------


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


def test_until_includes_its_day(sandbox: Sandbox, working_folder: Path) -> None:
    """A date in --until ends with the last moment of that day in UTC, as in `bookings list`."""
    options = [*connection_args(sandbox), "-o", "out.jsonl", "--until", "2026-12-31"]
    assert invoke("export", "bookings", *options).exit_code == 0
    assert dict(sandbox.requests[1].query)["beforeEnd"] == "2027-01-01T00:00:00Z"


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
    options = ["--page-size", "100", "--status", "past,upcoming,cancelled,unconfirmed"]
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


# --- the report -------------------------------------------------------------------------------------------------------


def read_report(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def test_the_report_of_a_complete_export(sandbox: Sandbox, tmp_path: Path) -> None:
    """The report states the list, the file and the figures, and has no error."""
    file, report = tmp_path / "out.jsonl", tmp_path / "report.json"
    report.write_text("the report of an earlier command, which is longer than this one" * 20)
    command = ["export", "bookings", *connection_args(sandbox), "-o", file]
    assert invoke(*command, "--report", report).exit_code == 0
    [line] = read_report(report)
    assert line.pop("seconds") > 0
    assert line.pop("rate_limit_wait") >= 0
    assert line == {
        "list": "bookings", "file": str(file), "account": None, "rows": 300, "rows_before": 0, "missing_rows": 0,
        "stale": 0, "requests": len(sandbox.requests), "resumed": False, "is_full": True, "partial_file": None,
        "error": None, "exit_code": 0,
    }  # fmt: skip
    on_stdout = invoke(*command, "--report", "-")
    assert json.loads(on_stdout.stdout)["rows"] == 300


def test_the_report_of_a_failed_export_and_of_the_one_that_resumes_it(sandbox: Sandbox, tmp_path: Path) -> None:
    """After an error the report has the reason and the saved rows; then it says how many rows were there before."""
    sandbox.faults.add("GET", "/v2/bookings", after=3, times=1, status=403)
    file, report = tmp_path / "out.jsonl", tmp_path / "report.json"
    command = ["export", "bookings", *connection_args(sandbox), "-o", file, "--page-size", "100", "--report", report]
    assert invoke(*command).exit_code == 4
    [failed] = read_report(report)
    saved = len((tmp_path / "out.jsonl.part").read_bytes().splitlines())
    assert (failed["rows"], failed["partial_file"], failed["exit_code"]) == (saved, f"{file}.part", 4)
    assert failed["error"].startswith("GET /bookings: 403")
    assert failed["requests"] > 0
    assert invoke(*command, "--resume").exit_code == 0
    [resumed] = read_report(report)
    assert (resumed["rows"], resumed["rows_before"], resumed["resumed"]) == (300, saved, True)
    assert (resumed["error"], resumed["partial_file"]) == (None, None)


def test_the_report_of_a_command_that_does_not_start(sandbox: Sandbox, tmp_path: Path) -> None:
    """Wrong options and a key that is rejected are in the report too, so that it never is that of an earlier run."""
    report = tmp_path / "report.json"
    command = ["export", "bookings", "-o", tmp_path / "out.jsonl", "--report", report]
    assert invoke(*command, *connection_args(sandbox), "--verify").exit_code == 2
    [line] = read_report(report)
    assert (line["exit_code"], line["rows"], line["requests"]) == (2, 0, None)
    assert line["error"].startswith("--verify needs --incremental")
    assert invoke(*command, *connection_args(sandbox, SECRET)).exit_code == 4
    [line] = read_report(report)
    assert line["exit_code"] == 4
    assert line["error"].startswith("GET /me: 401")
    assert SECRET not in report.read_text()


def test_the_report_of_a_file_whose_name_is_not_utf_8(sandbox: Sandbox, working_folder: Path) -> None:
    """Such a name is written with escapes."""
    name = os.fsdecode(b"out-\xff.jsonl")
    command = ["export", "bookings", *connection_args(sandbox), "-o", name, "--report", "report.json"]
    assert invoke(*command).exit_code == 0
    [line] = read_report(working_folder / "report.json")
    assert (line["file"], line["rows"]) == (r"out-\udcff.jsonl", 300)


def test_the_report_has_a_line_for_each_account(sandbox: Sandbox, working_folder: Path) -> None:
    """Each line names its account and file; an account that failed has its error."""
    (working_folder / "accounts.csv").write_text(f"name,api_key\nana,{sandbox.api_key}\nwrong,{SECRET}\n")
    server = ["--base-url", sandbox.url, "--accounts", "accounts.csv", "--report", "report.json"]
    assert invoke("export", "bookings", *server, "-o", "{account}.jsonl").exit_code == 4
    lines = {line["account"]: line for line in read_report(working_folder / "report.json")}
    assert (lines["ana"]["file"], lines["ana"]["rows"], lines["ana"]["exit_code"]) == ("ana.jsonl", 300, 0)
    assert (lines["wrong"]["file"], lines["wrong"]["rows"], lines["wrong"]["exit_code"]) == ("wrong.jsonl", 0, 4)
    assert lines["wrong"]["error"].startswith("GET /me: 401")
    assert len(lines) == 2


@pytest.mark.parametrize(
    ("report", "output"),
    [("-", "-"), ("-", "/dev/stdout"), ("a.jsonl", "a.jsonl"), ("./a.jsonl.part", "a.jsonl"), ("state", "a.jsonl")],
)
def test_the_report_does_not_overwrite_another_file(working_folder: Path, report: str, output: str) -> None:
    """The report cannot go where the rows, the partial file or the checkpoint are."""
    for name in ("a.jsonl", "a.jsonl.part", "state"):
        (working_folder / name).write_text("rows")
    result = invoke("--sandbox", "export", "bookings", "-o", output, "--checkpoint", "state", "--report", report)
    assert result.exit_code == 2
    assert "--report cannot be " in result.stderr
    assert {file.read_text() for file in working_folder.iterdir()} == {"rows"}


def test_a_report_that_cannot_be_written_is_an_error(sandbox: Sandbox, working_folder: Path) -> None:
    """The error comes before the export, or after it if the disk is full."""
    command = ["export", "bookings", *connection_args(sandbox), "-o", "out.jsonl"]
    result = invoke(*command, "--report", "nowhere/report.json")
    assert result.exit_code == 7
    assert "cannot write the report nowhere/report.json: No such file" in result.stderr
    assert sandbox.requests == []
    full = invoke(*command, "--report", "/dev/full")
    assert full.exit_code == 7
    assert "cannot write the report /dev/full: No space left" in full.stderr


@pytest.mark.slow
def test_the_report_of_an_interrupted_export(sandbox: Sandbox, tmp_path: Path) -> None:
    """After Ctrl-C the report has the rows that were saved, and the exit code."""
    sandbox.faults.add("GET", "/v2/bookings", after=4, times=1, slow=30)
    file, report = tmp_path / "out.jsonl", tmp_path / "report.json"
    options = ["-o", file, "--page-size", "40", "--report", report]
    running = start_cli("export", "bookings", *connection_args(sandbox), *options, stderr=subprocess.PIPE)
    part = tmp_path / "out.jsonl.part"
    wait_until(lambda: part.exists() and part.read_bytes().count(b"\n") >= 70, "two pages")
    running.send_signal(signal.SIGINT)
    running.communicate(timeout=TIMEOUT)
    [line] = read_report(report)
    assert (line["error"], line["exit_code"], line["partial_file"]) == ("interrupted", 130, str(part))
    assert line["rows"] == len(part.read_bytes().splitlines())
