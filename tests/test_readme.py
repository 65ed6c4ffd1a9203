"""The code of README.md and of the guides runs against the sandbox as pasted, and their commands exist.

A guide is the docstring of a package, with code blocks like those of the README.
"""

from __future__ import annotations

import ast
import asyncio
import builtins
import code
import inspect
import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import CodeType, FunctionType
from typing import Any

import pytest
import redis_server
from aiohttp import ClientSession, web
from distributed import LocalCluster
from httpx import ASGITransport, AsyncClient
from opentelemetry import trace
from typer.testing import CliRunner

import calcom_async.booking
import calcom_async.export
import calcom_async.sandbox
import calcom_async.sandbox.control
import calcom_async.sandbox.world
import calcom_async.webhooks
from calcom_async import BadRequestError, BookingChange, Calcom, sign
from calcom_async.cli import app
from calcom_async.models import Attendee
from calcom_async.sandbox import Sandbox

# Commands that do not end, or need a delivery or a key: the tests only print their help.
ENDLESS = (
    ["slots", "watch"],
    ["bookings", "watch"],
    ["webhooks", "listen"],
    ["webhooks", "verify"],
    ["profiles", "add"],
)
ADA = Attendee(name="Ada", email="ada@example.com", time_zone="Europe/Rome")
README = (Path(__file__).resolve().parent.parent / "README.md").read_text("utf-8")
GUIDES = [
    *(calcom_async.booking, calcom_async.export, calcom_async.webhooks),
    *(calcom_async.sandbox, calcom_async.sandbox.control, calcom_async.sandbox.world),
]
TEXTS = [README, *(guide.__doc__ or "" for guide in GUIDES)]


def blocks(language: str) -> list[str]:
    """Return the code blocks of a language, those of the README first."""
    pattern = re.compile(rf"^```{language}\n(.*?)^```", re.MULTILINE | re.DOTALL)
    return [block for text in TEXTS for block in pattern.findall(text)]


PYTHON = blocks("python")
SHELL = blocks("sh")
COMMANDS = [line for block in SHELL for line in block.splitlines() if line.startswith("calcom-async ")]


@pytest.fixture
def sandbox(monkeypatch, tmp_path):
    """Run a sandbox that the environment points to, and change to an empty folder."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "accounts.csv").write_text("name,api_key\nana,cal_sandbox\nbo,cal_sandbox_bo\n")
    monkeypatch.setenv("CAL_WEBHOOK_SECRET", "whsec_of_a_reader")
    monkeypatch.setenv("DLT_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("RUNTIME__DLTHUB_TELEMETRY", "false")
    with Sandbox(bookings=300) as server:
        monkeypatch.setenv("CAL_API_URL", server.url)
        monkeypatch.setenv("CAL_API_KEY", server.api_key)
        yield server


@pytest.fixture(autouse=True)
def tracer_provider_of_one_block(monkeypatch):
    """Let a provider that a block sets hold for this block only, instead of for the rest of the process."""

    def set_provider(provider: trace.TracerProvider) -> None:
        monkeypatch.setattr(trace, "get_tracer_provider", lambda: provider)

    monkeypatch.setattr(trace, "set_tracer_provider", set_provider)


OPENING = next(block for block in PYTHON if ".open()" in block)


class Repl(code.InteractiveConsole):
    """The REPL of `python -m asyncio`, which takes one line after another and raises errors."""

    def __init__(self, runner: asyncio.Runner) -> None:
        self.runner = runner
        self.names: dict[str, Any] = {"__name__": "__console__", "__builtins__": builtins}
        super().__init__(self.names)
        self.compile.compiler.flags |= ast.PyCF_ALLOW_TOP_LEVEL_AWAIT

    def runcode(self, compiled: CodeType) -> None:
        result = FunctionType(compiled, self.names)()
        if inspect.isawaitable(result):
            self.runner.get_loop().run_until_complete(result)

    def showsyntaxerror(self, *_: Any, **__: Any) -> None:
        error = sys.exception()
        assert error
        raise error

    def paste(self, block: str) -> None:
        assert not any([self.push(line) for line in [*block.splitlines(), ""]][-1:]), "the block is not complete"


def _run(block: str) -> None:
    """Paste a block into a REPL with an open client."""
    with asyncio.Runner() as runner:
        repl = Repl(runner)
        repl.paste(OPENING)
        cal = repl.names["cal"]
        try:
            repl.paste("" if block == OPENING else block)
            runner.run(_use(dict(repl.names), cal))
        finally:
            runner.run(cal.aclose())


async def _use(names: dict[str, Any], cal: Calcom) -> None:
    """Call the tests, the application or the callback that a block defines."""
    for name, value in list(names.items()):
        if name.startswith("test_"):
            (marker,) = value.pytestmark
            with Sandbox(**marker.kwargs) as marked:
                await value(marked, lambda: Calcom(marked.api_key, base_url=marked.url))
        elif name == "app" and isinstance(value, web.Application):
            await _send_requests(value)
        elif name == "app":
            await _book_through(value, cal)
        elif name == "notify":
            await _wait_for_message(value, cal)
        elif name == "follow":
            await _wait_for_change(value, cal)


async def _send_requests(app: web.Application) -> None:
    """Serve an application, and send a request to each of its routes."""
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    host, port = runner.addresses[0]
    body = b'{"triggerEvent":"BOOKING_CREATED","createdAt":"2026-11-22T10:00:00Z","payload":{"uid":"u","title":"t"}}'
    signed = {"X-Cal-Signature-256": sign(body, os.environ["CAL_WEBHOOK_SECRET"])}
    async with ClientSession(f"http://{host}:{port}") as session:
        for method, path, data in (("GET", "/free/1", None), ("POST", "/cal", body)):
            if any(route.method == method for route in app.router.routes()):
                async with session.request(method, path, data=data, headers=signed) as response:
                    assert response.status == 200, await response.text()
    await runner.cleanup()


async def _book_through(app: Any, cal: Calcom) -> None:
    """Book a slot through an application of FastAPI."""
    now = datetime.now(UTC)
    slot = await cal.slots.first_available(event_type_id=1, start=now + timedelta(days=2), end=now + timedelta(days=9))
    assert slot
    http = AsyncClient(transport=ASGITransport(app), base_url="http://service")
    async with app.router.lifespan_context(app), http as client:
        attendee = {"name": "Ada", "email": "ada@example.com", "timeZone": "Europe/Rome"}
        response = await client.post("/book/1", params={"start": slot.start.isoformat()}, json=attendee)
        assert datetime.fromisoformat(response.json()["start"]) == slot.start


async def _wait_for_message(notify: Callable[..., Awaitable[None]], cal: Calcom) -> None:
    """Make and cancel bookings until the watcher reports that the time is free again."""
    messages: asyncio.Queue[str] = asyncio.Queue()
    watching = asyncio.create_task(notify(cal, messages.put))
    now = datetime.now(UTC)
    slot = await cal.slots.first_available(event_type_id=1, start=now + timedelta(days=2), end=now + timedelta(days=9))
    assert slot
    pause = 0.1
    while messages.empty():
        booking = await cal.book(start=slot.start, event_type_id=1, attendee=ADA)
        await asyncio.sleep(pause)
        await cal.bookings.cancel(booking.uid, reason="it was a test")
        await asyncio.sleep(pause)
        pause *= 2  # on a slow machine the polls are rarer
    assert "free again: event type" in await messages.get()  # both event types have the same host
    watching.cancel()
    await asyncio.wait([watching])


async def _wait_for_change(follow: Callable[..., Awaitable[None]], cal: Calcom) -> None:
    """Make a booking, and wait until the watcher reports it and has stored its watermark."""
    changes: asyncio.Queue[tuple[str, str]] = asyncio.Queue()
    marks: asyncio.Queue[datetime] = asyncio.Queue()

    async def handle(change: BookingChange) -> None:
        await changes.put((change.kind, change.uid))

    start = datetime.now(UTC) - timedelta(days=1)
    following = asyncio.create_task(follow(cal, start, handle, marks.put_nowait))
    now = datetime.now(UTC)
    slot = await cal.slots.first_available(event_type_id=1, start=now + timedelta(days=2), end=now + timedelta(days=9))
    assert slot
    booking = await cal.book(start=slot.start, event_type_id=1, attendee=ADA)
    while await changes.get() != ("created", booking.uid):
        pass
    assert await marks.get() == start
    assert await marks.get() > start
    following.cancel()
    await asyncio.wait([following])


@contextmanager
def _with_test_servers(block: str, folder: Path) -> Iterator[str]:
    """Yield the block with the servers and the folder of the tests in place of those of the text."""
    if ("redis" in block or "dask" in block) and not redis_server.is_available():
        pytest.skip(redis_server.MISSING)
    block = block.replace("interval=60", "interval=0.05")
    if "redis://localhost" in block:
        block = block.replace("redis://localhost", redis_server.session_url())
    if "FileTokenStore" in block:
        for text, name in {"access": "access-token", "refresh": "refresh-token", "client-id": "client"}.items():
            block = block.replace(f'"{text}"', f'"sandbox-{name}"')
        block = block.replace('"client-secret"', '"sandbox-secret"')
    if "dask" not in block:
        yield block
        return
    env = {"CAL_API_KEY": os.environ["CAL_API_KEY"], "REDIS_URL": redis_server.session_url()}
    with LocalCluster(n_workers=1, threads_per_worker=1, dashboard_address=":0", env=env) as cluster:
        yield block.replace("tcp://scheduler:8786", cluster.scheduler_address).replace("/shared", str(folder))


@pytest.mark.parametrize("module", [calcom_async, *GUIDES], ids=lambda module: module.__name__)
def test_help_describes_every_public_name(module):
    """`help()` describes every public name: it has a docstring of its own, or a guide mentions it."""
    texts = "".join(TEXTS)
    own = {
        name
        for name in module.__all__
        if (getattr(module, name).__doc__ or "").strip() not in {"", str.__doc__, tuple.__doc__}
    }
    assert [name for name in module.__all__ if name not in own and not re.search(rf"\b{name}\b", texts)] == []


def test_the_readme_links_every_guide():
    """The README names each guide with a link to its source, and has at most 460 lines."""
    for guide in GUIDES:
        path = guide.__name__.replace(".", "/") + "/__init__.py"
        assert f"[`{guide.__name__}`]({path})" in README.replace("\n", " ")
    assert len(README.splitlines()) <= 460


def test_there_are_code_blocks():
    """The patterns of this file find the code blocks."""
    assert len(PYTHON) >= 6
    assert len(COMMANDS) >= 4


def _named(number: int, block: str) -> Any:
    """Return a block with the id of its test; a warehouse, a cluster, a pool and data frames take seconds to start."""
    is_slow = any(text in block for text in ("import dlt", "dask.distributed", "__main__", "import duckdb"))
    name = f"{number} {block.strip().splitlines()[0][:40]}"
    return pytest.param(block, id=name, marks=[pytest.mark.slow] if is_slow else [])


@pytest.mark.parametrize("block", [_named(number, block) for number, block in enumerate(PYTHON)])
def test_python_blocks_run(block, sandbox, tmp_path, capsys):
    """Every Python block runs as pasted: into the REPL, or as a file if it starts its own event loop."""
    with _with_test_servers(block, tmp_path) as pasted:
        if "__main__" in pasted:
            (tmp_path / "pasted.py").write_text(pasted)
            printed = subprocess.run([sys.executable, "pasted.py"], capture_output=True, text=True, check=True).stdout
            assert printed == "300\n"
            exported = b"".join(part.read_bytes() for part in sorted(tmp_path.glob("part-*.jsonl")))
            assert exported == _export_locally(tmp_path / "local.jsonl")
        elif "asyncio.run(" in pasted:
            exec(compile(pasted, "README.md", "exec"), {})
            assert re.search("ana|300", capsys.readouterr().out)
        else:
            _run(pasted)


def _export_locally(path: Path) -> bytes:
    """Return the bookings of the sandbox, exported to one file."""

    async def write() -> None:
        async with Calcom() as cal:
            await calcom_async.export.export(cal, calcom_async.export.ExportJob("bookings"), path)

    asyncio.run(write())
    return path.read_bytes()


@pytest.mark.parametrize("command", COMMANDS)
def test_commands_run(command, sandbox):
    """Every calcom-async command runs as written."""
    uid = next(booking.uid for booking in sandbox.store.bookings.values() if booking.status == "accepted")
    words = [uid if word == "UID" else word for word in shlex.split(command)[1:]]
    if words[0] == "sandbox" or words[:2] in ENDLESS:
        words.append("--help")
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 0, result.output


def test_the_configuration_of_an_mcp_client_is_json():
    """The configuration for clients with a JSON file is a block of its own, valid, with a command that exists."""
    [configuration] = blocks("json")
    [server] = json.loads(configuration)["mcpServers"].values()
    assert server["command"] == "calcom-async"
    assert CliRunner().invoke(app, [*server["args"], "--help"]).exit_code == 0


def test_shell_blocks_can_be_pasted():
    """Every line of a shell block begins with the name of a program."""
    programs = {shlex.split(line)[0] for block in SHELL for line in block.splitlines()}
    assert programs <= {"pip", "python3", "calcom-async", "claude", "codex", "code"}


def test_the_error_in_the_readme(sandbox):
    """The error in the README is the one that the client raises."""

    async def raise_error() -> str:
        async with Calcom(sandbox.api_key, base_url=sandbox.url) as cal:
            try:
                await cal.schedules.create(name="x", time_zone="Nowhere")
            except BadRequestError as error:
                return f"{type(error).__name__}: {error}"
        return "no error"

    shown = re.search(r"^```text\n(.*?) \[request", README, re.MULTILINE | re.DOTALL)[1]
    assert asyncio.run(raise_error()).startswith(shown)
