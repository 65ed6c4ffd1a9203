"""Rules for the tests themselves, checked in their source."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

TESTS = Path(__file__).resolve().parent
# Helpers that wait for a server of their own, and the test of a lock that needs a sleeping process.
MAY_SLEEP = {"cli_process.py", "redis_server.py", "export/test_lock.py", "sandbox/test_server.py"}


def functions(file: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Yield the test functions of a file."""
    for node in ast.parse(file.read_text("utf-8")).body:
        for member in node.body if isinstance(node, ast.ClassDef) else [node]:
            if isinstance(member, ast.FunctionDef | ast.AsyncFunctionDef) and member.name.startswith("test_"):
                yield member


def test_every_test_states_its_rule() -> None:
    """The docstring of a test begins with its rule, in one line."""
    missing = [
        f"{file.name}: {function.name}"
        for file in sorted(TESTS.rglob("test_*.py"))
        for function in functions(file)
        if not (ast.get_docstring(function) or "").split("\n\n")[0].endswith(".")
        or "\n" in (ast.get_docstring(function) or "").split("\n\n")[0]
    ]
    assert missing == []


def test_time_is_faked() -> None:
    """Only helpers that wait for another process call `time.sleep`; tests use virtual time or events."""
    sleeping = {
        str(file.relative_to(TESTS))
        for file in TESTS.rglob("*.py")
        if file.name != Path(__file__).name and "time.sleep(" in file.read_text("utf-8")
    }
    assert sleeping <= MAY_SLEEP
