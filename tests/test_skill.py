"""The skill for agents: its commands and blocks run against the sandbox, and its facts are those of the catalog."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cli_runner import invoke
from typer.main import get_command

from calcom_async.cli import app
from calcom_async.cli.exit_codes import EXIT_CODES
from calcom_async.cli.skill import read_text
from calcom_async.mcp.tools import TOOLS
from calcom_async.models.webhooks import WEBHOOK_TRIGGERS
from calcom_async.operations.catalog import OPERATIONS
from calcom_async.sandbox import Sandbox

SKILL, REFERENCE = read_text("SKILL.md"), read_text("llms.txt")
OPERATION = {str(operation): operation for operation in OPERATIONS}


def blocks(text: str, language: str) -> list[str]:
    """Return the code blocks of a language."""
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def running_sandbox() -> Iterator[Sandbox]:
    """Start the server once."""
    with Sandbox(bookings=20) as server:
        yield server


@pytest.fixture
def sandbox(running_sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Sandbox:
    """Return a sandbox that the environment points to, and change to an empty folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CAL_API_URL", running_sandbox.url)
    monkeypatch.setenv("CAL_API_KEY", running_sandbox.api_key)
    return running_sandbox


def test_the_commands_run_in_order(sandbox: Sandbox) -> None:
    """Every command runs as written, with the start and the uids that earlier ones print."""
    found: dict[str, str] = {}
    [block] = blocks(SKILL, "sh")
    for line in block.splitlines():
        words = [found.get(word, word) for word in shlex.split(line)]
        result = invoke(*words[1:])
        assert result.exit_code == 0, f"{line}\n{result.output}"
        if words[1:3] == ["slots", "show"]:
            found["START"] = json.loads(result.stdout)[0]["start"]
        elif words[1] == "book":
            found["UID"] = json.loads(result.stdout)["uid"]
        elif words[2] == "reschedule":
            found["NEW_UID"] = json.loads(result.stdout)["uid"]
    old = json.loads(invoke("bookings", "get", found["UID"], "--json").stdout)
    assert (old["status"], old["rescheduledToUid"]) == ("cancelled", found["NEW_UID"])
    assert sandbox.store.bookings[found["NEW_UID"]].status == "accepted"


def test_the_python_block_runs(sandbox: Sandbox, capsys: pytest.CaptureFixture[str]) -> None:
    """The Python block books, moves and cancels, and prints the bookings and the event types."""
    [block] = blocks(REFERENCE, "python")
    exec(compile(block, "llms.txt", "exec"), {})
    printed = capsys.readouterr().out
    assert "taken" not in printed
    assert "lengthInMinutes" in printed
    assert [booking.cancellation_reason for booking in sandbox.store.bookings.values()].count("conflict") == 1


def test_the_mcp_configuration_starts_the_server() -> None:
    """The configuration is JSON, its command exists, and every tool of the server is named."""
    [block] = blocks(SKILL, "json")
    [server] = json.loads(block)["mcpServers"].values()
    assert server["command"] == "calcom-async"
    assert invoke(*server["args"], "--help").exit_code == 0
    section = SKILL.partition("## MCP")[2]
    assert sorted(set(re.findall(r"`(\w+)`", section))) == sorted(tool.name for tool in TOOLS)


def rows() -> list[tuple[str, str, str]]:
    """Return the operation, version and parameters of each row of the table."""
    table = re.findall(r"^\| ([A-Z]+ /v2\S+) \| (\S*) ?\| (.*?) ?\|$", REFERENCE, re.MULTILINE)
    assert len(table) == REFERENCE.count("| GET /") + REFERENCE.count("| POST /") + REFERENCE.count("| PATCH /")
    return table


@pytest.mark.parametrize(("name", "version", "parameters"), rows())
def test_operations_versions_and_parameters_are_those_of_the_catalog(name: str, version: str, parameters: str) -> None:
    """Every operation of the table exists, with this version and with all parameters that the table names."""
    operation = OPERATION[name]
    assert (operation.version or "") == version
    named = set(re.findall(r"[a-z][\w.]*", parameters)) - {"and", "or", "with"}
    assert named <= operation.query | operation.body


WRONG = [
    ("startTime", "GET /v2/slots -q eventTypeId=1 -q startTime=2030-01-01 -q endTime=2030-01-02", None),
    ("eventTypeSlug", "GET /v2/slots -q eventTypeId=1 -q eventTypeSlug=x -q start=2030-01-01 -q end=2030-01-02", None),
    ("organizationSlug", "GET /v2/slots -q eventTypeSlug=x -q start=2030-01-01 -q end=2030-01-02", None),
    ("take", "GET /v2/bookings -q take=251", None),
    (
        "timeZone",
        "POST /v2/bookings",
        {"start": "2030-01-01T09:00", "eventTypeId": 1, "attendee": {"name": "Ada", "email": "ada@example.com"}},
    ),
    (
        "triggers",
        "POST /v2/webhooks",
        {"subscriberUrl": "https://example.com", "active": True, "triggers": ["BOOKING_CONFIRMED"]},
    ),
    (
        "days",
        "PATCH /v2/schedules/1",
        {"availability": [{"days": [1], "startTime": "09:00", "endTime": "10:00"}]},
    ),
]


@pytest.mark.parametrize(("field", "request_line", "body"), WRONG)
def test_what_the_texts_call_wrong_is_rejected(field: str, request_line: str, body: Any, sandbox: Sandbox) -> None:
    """The server answers 400 to each request that the texts call wrong, and names the field."""
    result = invoke("api", *shlex.split(request_line), *(["-d", json.dumps(body)] if body else []))
    assert result.exit_code == 3
    assert ": 400 " in result.stderr
    assert field in result.stderr


def test_other_facts() -> None:
    """The numbers, commands, exit codes and names in the texts are true."""
    assert f"all {len(OPERATIONS)} operations" in REFERENCE
    assert "BOOKING_CONFIRMED" not in WEBHOOK_TRIGGERS
    codes = re.findall(r"(\d+) \w", SKILL.partition("Exit codes:")[2].partition("\n\n")[0])
    assert {*map(int, codes)} - {0} <= {*EXIT_CODES}
    for command in re.findall(r"`calcom-async (\w+)", SKILL + REFERENCE):
        assert command in get_command(app).commands
    assert "--llms" in invoke("skill", "--help").stdout


def test_the_texts_are_short() -> None:
    """An agent reads the whole skill: together the texts have at most 10,000 characters, and lines of at most 120."""
    assert len(SKILL) + len(REFERENCE) <= 10_000
    front = re.match(r"---\nname: ([a-z-]{1,64})\ndescription: ([^\n]{50,1024})\n---\n", SKILL)
    assert front
    assert ": " not in front[2]
    assert front[1] == "calcom-async"


def test_the_command_prints_the_texts() -> None:
    """`skill` prints SKILL.md, and `skill --llms` prints llms.txt."""
    assert invoke("skill").stdout == SKILL
    assert invoke("skill", "--llms").stdout == REFERENCE


def test_the_command_installs_the_texts_but_replaces_no_file(tmp_path: Path) -> None:
    """`skill --install` writes both files. If one exists, it writes none without --force."""
    folder = tmp_path / "skills" / "calcom-async"
    assert invoke("skill", "--install", folder).exit_code == 0
    assert (folder / "SKILL.md").read_text("utf-8") == SKILL
    (folder / "SKILL.md").unlink()
    (folder / "llms.txt").write_text("mine")
    refused = invoke("skill", "--install", folder)
    assert refused.exit_code == 2
    assert "llms.txt exists. Replace it with --force" in refused.stderr
    assert [path.name for path in folder.iterdir()] == ["llms.txt"]
    assert invoke("skill", "--install", folder, "--force").exit_code == 0
    assert (folder / "llms.txt").read_text("utf-8") == REFERENCE
    assert "cannot write to" in invoke("skill", "--install", folder / "SKILL.md" / "x").stderr
