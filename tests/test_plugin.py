"""The pytest plugin in users' projects: every asyncio mode, without an asyncio plugin, and its cost."""

from __future__ import annotations

import subprocess
import sys
import tomllib

import pytest
from cli_process import ROOT, cli_environment

pytest_plugins = ["pytester"]

ASYNCIO = ["-p", "pytest_asyncio.plugin", "-o", "asyncio_default_fixture_loop_scope=function"]

WITHOUT_LOOP = """
import asyncio
import urllib.request

def test_sandbox(calcom_sandbox):
    request = urllib.request.Request(
        calcom_sandbox.url + "/me", headers={"Authorization": "Bearer " + calcom_sandbox.api_key}
    )
    with urllib.request.urlopen(request) as answer:
        assert b"ana@sandbox.test" in answer.read()
    assert [seen.path for seen in calcom_sandbox.requests] == ["/v2/me"]

def test_client(calcom_client):
    async def ask():
        async with calcom_client() as cal:
            return await cal.me.get()

    assert asyncio.run(ask()).username == "ana"
"""
MARKED = """
import pytest

@pytest.mark.asyncio
async def test_client(calcom_client, calcom_sandbox):
    async with calcom_client() as cal:
        assert (await cal.me.get()).username == "ana"
    assert len(calcom_sandbox.requests) == 1
"""
MARKERS = """
from datetime import UTC, datetime
import pytest
from calcom_async.sandbox.world import User, World

NOON = datetime(2026, 12, 1, 12, tzinfo=UTC)
pytestmark = pytest.mark.calcom(server="self-hosted-2026-07", now=NOON, rate_limit=7)

@pytest.mark.calcom(bookings=3, rate_limit=5)
def test_the_nearest_marker_wins(calcom_sandbox):
    assert calcom_sandbox.store.teams == {}
    assert len(calcom_sandbox.store.bookings) == 3
    assert (calcom_sandbox.clock.now(), calcom_sandbox.settings.rate_limit) == (NOON, 5)

@pytest.mark.calcom(world=World(users=[User(username="eve")]))
def test_world(calcom_sandbox):
    assert [user["username"] for user in calcom_sandbox.store.users.values()] == ["eve"]
"""
WRONG_MARKERS = """
import pytest

@pytest.mark.calcom(booking=3)
def test_unknown(calcom_sandbox):
    pass

@pytest.mark.calcom(50)
def test_positional(calcom_sandbox):
    pass

@pytest.mark.calcom(host="192.0.2.1")
def test_rejected(calcom_sandbox):
    pass
"""
SESSION = """
import pytest

@pytest.fixture(scope="session")
def calcom_session_options():
    return {"bookings": 2}

@pytest.fixture(scope="session")
def service(calcom_session_sandbox):
    return calcom_session_sandbox.url

@pytest.mark.parametrize("number", range(4))
def test_service(calcom_session_sandbox, service, number):
    assert calcom_session_sandbox.url == service
    assert len(calcom_session_sandbox.store.bookings) == 2
    calcom_session_sandbox.store.bookings.clear()
    calcom_session_sandbox.reset()
"""
UNMARKED = """
async def test_client(calcom_client):
    async with calcom_client() as cal:
        assert (await cal.me.get()).username == "ana"
"""
ANYIO = """
import pytest

@pytest.mark.anyio
@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_client(calcom_client, anyio_backend):
    async with calcom_client() as cal:
        assert (await cal.me.get()).username == "ana"
"""
KEYWORDS = """
from calcom_async import ApiKey

async def test_credentials(calcom_client):
    async with calcom_client("cal_sandbox_bo") as bo, calcom_client(ApiKey("cal_sandbox_cy")) as cy:
        assert [(await cal.me.get()).username for cal in (bo, cy)] == ["bo", "cy"]

async def test_settings(calcom_client, calcom_sandbox):
    events = []
    async with calcom_client(user_agent="mine", on_event=events.append) as cal:
        await cal.me.get()
    assert calcom_sandbox.requests[0].headers["User-Agent"] == "mine"
    assert [event.kind for event in events] == ["request", "call"]

def test_not_open(calcom_client):
    assert not calcom_client().is_open
"""
SEPARATE = """
def test_one(calcom_sandbox, calcom_client):
    assert calcom_client().config.base_url == calcom_sandbox.url
    calcom_sandbox.store.users[1]["name"] = "Changed"

def test_other(calcom_sandbox):
    assert calcom_sandbox.store.users[1]["name"] == "Ana Sandbox"
"""


@pytest.mark.parametrize(
    ("files", "plugins", "passed"),
    [
        pytest.param([WITHOUT_LOOP, SEPARATE, MARKERS, SESSION], [], 10, id="no async plugin"),
        pytest.param([UNMARKED, KEYWORDS], [*ASYNCIO, "--asyncio-mode=auto"], 4, id="auto"),
        pytest.param([MARKED], [*ASYNCIO, "--asyncio-mode=strict"], 1, id="strict", marks=pytest.mark.slow),
        pytest.param([SESSION, SEPARATE], ["-p", "xdist", "-n", "2"], 6, id="xdist", marks=pytest.mark.slow),
        pytest.param([ANYIO], ["-p", "anyio.pytest_plugin"], 1, id="anyio", marks=pytest.mark.slow),
    ],
)
def test_the_fixtures_work(
    files: list[str], plugins: list[str], passed: int, pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The fixtures work in either asyncio mode, under anyio and without any, and leave no warning behind."""
    if "anyio.pytest_plugin" in plugins:
        pytest.importorskip("anyio")
    run_pytest(pytester, monkeypatch, files, *plugins).assert_outcomes(passed=passed)


def run_pytest(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, files: list[str], *options: str
) -> pytest.RunResult:
    """Run pytest as in a user's project: without other installed plugins, with warnings as errors."""
    for name, value in cli_environment(PYTEST_DISABLE_PLUGIN_AUTOLOAD="1").items():
        monkeypatch.setenv(name, value)
    pytester.makepyfile(**{f"test_{number}": content for number, content in enumerate(files)})
    return pytester.runpytest_subprocess("-p", "calcom_async.pytest_plugin", "-W", "error", *options)


def test_the_fixtures_are_documented(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    """`pytest --fixtures` shows the fixtures with their docstrings."""
    result = run_pytest(pytester, monkeypatch, [""], "--fixtures")
    lines = ["calcom_sandbox*", "*A local Cal.com server*", "calcom_session_options*", "calcom_session_sandbox*"]
    result.stdout.fnmatch_lines([*lines, "*One server for all tests*", "calcom_client*"])


def test_wrong_options_are_named(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    """An unknown option, a positional one and one that the sandbox rejects are errors that say what is wrong."""
    result = run_pytest(pytester, monkeypatch, [WRONG_MARKERS])
    result.assert_outcomes(errors=3)
    result.stdout.fnmatch_lines(
        [
            "*cannot start a sandbox with the options booking: *unexpected keyword argument 'booking'*",
            "*calcom takes keywords only, such as bookings=50, got 50*",
            "*cannot start a sandbox with the options host: host must be a loopback address*",
        ]
    )


def loaded_by(statement: str) -> set[str]:
    """Return the modules that a statement imports."""
    code = f"import sys; before = set(sys.modules); {statement}; print(*set(sys.modules) - before)"
    run = subprocess.run(
        [sys.executable, "-c", code], env=cli_environment(), capture_output=True, text=True, check=True
    )
    return set(run.stdout.split())


def test_loading_the_plugin_imports_little() -> None:
    """Loading the plugin loads neither aiohttp, nor msgspec, nor the client, nor the sandbox."""
    loaded = loaded_by("import pytest; before = set(sys.modules); import calcom_async.pytest_plugin")
    heavy = {"aiohttp", "msgspec", "backoff", "asyncio", "calcom_async.client", "calcom_async.sandbox"}
    assert "calcom_async.pytest_plugin" in loaded
    assert not loaded & heavy


def test_unused_fixtures_cost_nothing(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    """A test run that uses no fixture of the plugin imports neither the client nor the sandbox."""
    content = """
        import sys

        def test_nothing():
            assert not {"aiohttp", "msgspec", "calcom_async.sandbox"} & sys.modules.keys()
    """
    run_pytest(pytester, monkeypatch, [content]).assert_outcomes(passed=1)


def test_the_plugin_is_an_entry_point() -> None:
    """Installing the package makes the fixtures available."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    assert project["entry-points"]["pytest11"] == {"calcom_async": "calcom_async.pytest_plugin"}
