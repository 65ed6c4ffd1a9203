"""`webhooks verify` and `webhooks listen`: what is genuine, what is shown, and what is left behind."""

from __future__ import annotations

import asyncio
import json
import re
import shlex
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession, web
from aiohttp.test_utils import TestServer
from cli_process import start_cli
from cli_runner import connection_args, invoke
from sent_requests import ADA
from signed_requests import SECRET, signed_request, webhook_body
from timeouts import TIMEOUT, closed_port

from calcom_async import Calcom
from calcom_async.cli.webhooks import _forward, _print_line
from calcom_async.sandbox import Sandbox
from calcom_async.webhooks import parse, sign, verify

KEPT = {"CAL_WEBHOOK_SECRET": SECRET}


@pytest.fixture(autouse=True)
def _no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    """The secret of whoever runs the tests stays out."""
    monkeypatch.delenv("CAL_WEBHOOK_SECRET", raising=False)


# --- verify


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A body, as it came."""
    (tmp_path / "body.json").write_bytes(webhook_body())
    return tmp_path / "body.json"


def check(file: Path | str, signature: str, *options: str, env: dict[str, str] | None = None, **more: Any) -> Any:
    return invoke(
        "webhooks", "verify", file, "--signature", signature, *options, env=KEPT if env is None else env, **more
    )


@pytest.mark.parametrize("source", ["file", "stdin"])
def test_a_genuine_delivery_is_its_trigger_and_key(source: str, file: Path) -> None:
    """What verifies is told by trigger and key, from a file or from standard input."""
    result = check(
        file if source == "file" else "-",
        sign(webhook_body(), SECRET),
        input=webhook_body() if source == "stdin" else None,
    )
    assert result.exit_code == 0
    assert result.stdout == f"BOOKING_CREATED {parse(webhook_body()).key}\n"


def test_the_secret_may_have_another_name(file: Path) -> None:
    """--secret-env names the variable that holds the secret."""
    signature = sign(webhook_body(), SECRET)
    assert check(file, signature, "--secret-env", "MINE", env={"MINE": SECRET}).exit_code == 0
    missing = check(file, signature, "--secret-env", "MINE", env={})
    assert missing.exit_code == 2
    assert "MINE is not set" in missing.stderr


@pytest.mark.parametrize(
    ("signature", "message"),
    [
        ("00" * 32, "does not match the body"),
        ("no-secret-provided", "this webhook has no secret"),
        ("", "has no X-Cal"),
    ],
)
def test_a_forgery_is_a_code_of_its_own(signature: str, message: str, file: Path) -> None:
    """A signature that does not fit is code 11, with the reason and without the secret."""
    result = check(file, signature)
    assert (result.exit_code, result.stdout) == (11, "")
    assert message in result.stderr
    assert SECRET not in result.output


def test_what_cannot_be_read_is_told(tmp_path: Path) -> None:
    """A file that is not there is code 2; a signed body that is no JSON is code 6, unless it came as text."""
    (tmp_path / "half").write_bytes(b'{"triggerEvent"')
    signature = sign(b'{"triggerEvent"', SECRET)
    assert check(tmp_path / "none", "00").exit_code == 2
    assert check(tmp_path / "half", signature).exit_code == 6
    as_text = check(tmp_path / "half", signature, "--content-type", "text/plain")
    assert as_text.stdout.startswith("no trigger")


# --- listen


def lines(running: subprocess.Popen[str], stream: str = "stdout") -> Iterator[str]:
    return iter(getattr(running, stream).readline, "")


ENDS = {
    signal.SIGINT: (130, "interrupted.\n"),
    signal.SIGTERM: (143, "terminated.\n"),
    signal.SIGHUP: (129, "terminated.\n"),
}


@contextmanager
def listening(
    *args: str, env: dict[str, str] | None = None, by: signal.Signals = signal.SIGINT
) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A listener and where it listens; it ends by a signal, and as it should."""
    running = start_cli(
        "webhooks", "listen", "--port", "0", *args, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    said = next(lines(running, "stderr"))
    try:
        yield running, re.findall(r"http://127\.0\.0\.1:\d+/\w+", said)[0]
    finally:
        running.send_signal(by)
        _, rest = running.communicate(timeout=TIMEOUT)
    code, last = ENDS[by]
    assert running.returncode == code
    assert "Traceback" not in rest
    assert rest.endswith(last)


async def book_first(cal: Calcom) -> str:
    today = datetime.now(UTC).date()
    slot = await cal.slots.first_available(event_type_id=1, start=today, end=today + timedelta(days=7))
    assert slot
    return (await cal.bookings.create(event_type_id=1, start=slot.start, attendee=ADA)).uid


@pytest.mark.slow
@pytest.mark.parametrize("by", ENDS)
async def test_a_sandbox_is_listened_to_and_left_as_it_was(by: signal.Signals) -> None:
    """Against a Cal.com on this machine the webhook is made, events are lines, and any signal deletes the webhook."""
    with Sandbox() as sandbox:
        async with Calcom(sandbox.api_key, base_url=sandbox.url) as cal:
            with listening(*connection_args(sandbox), by=by) as (running, url):
                [made] = await cal.webhooks.list().collect()
                uid = await book_first(cal)
                line = next(lines(running))
            assert await cal.webhooks.list().collect() == []
    assert made.subscriber_url == url
    assert made.secret
    assert all(one.startswith("BOOKING_") for one in made.triggers)
    assert re.fullmatch(rf"\d\d:\d\d:\d\d  BOOKING_CREATED  Thirty minutes between .* and Ada  {uid}\n", line)


def test_a_webhook_whose_creation_was_not_confirmed_is_deleted() -> None:
    """When the server has created the webhook and its response is lost, no webhook is left behind."""
    with Sandbox() as sandbox:
        sandbox.faults.add("POST", "/v2/webhooks", cut="after")
        sandbox.faults.add("GET", "/v2/webhooks", after=1, times=1, status=403)
        result = invoke("webhooks", "listen", "--port", "0", *connection_args(sandbox))
        assert result.exit_code == 4
        assert [seen.method for seen in sandbox.requests if seen.path.startswith("/v2/webhooks/")] == ["DELETE"]
        assert not sandbox.store.webhooks


@pytest.mark.slow
async def test_a_listener_ends_as_soon_as_nobody_reads_it() -> None:
    """The listener need not wait for the next delivery to notice that its output is closed."""
    with Sandbox() as sandbox:
        running = start_cli(
            "webhooks",
            "listen",
            "--port",
            "0",
            *connection_args(sandbox),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        next(lines(running, "stderr"))
        assert running.stdout
        running.stdout.close()
        assert await asyncio.to_thread(running.wait, 30) == 141
        assert not sandbox.store.webhooks
        assert running.stderr
        assert running.stderr.read() == ""
        running.stderr.close()


async def test_a_closed_output_ends_the_listener_and_its_webhook() -> None:
    """When the reader of the lines is gone, as after `| head -1`, the listener deletes its webhook and ends."""
    with Sandbox() as sandbox:
        running = start_cli(
            "webhooks",
            "listen",
            "--port",
            "0",
            *connection_args(sandbox),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        next(lines(running, "stderr"))
        assert running.stdout
        running.stdout.close()
        async with Calcom(sandbox.api_key, base_url=sandbox.url) as cal:
            await book_first(cal)
            assert await asyncio.to_thread(running.wait, TIMEOUT) == 141
            assert await cal.webhooks.list().collect() == []
        assert running.stderr
        assert running.stderr.read() == ""
        running.stderr.close()


async def test_deliveries_are_passed_on_unchanged() -> None:
    """--forward posts body and signature as they came and tells the status; --json prints the whole body."""
    got: list[tuple[str | None, bytes]] = []

    async def take(request: web.Request) -> web.Response:
        got.append((request.headers.get("X-Cal-Signature-256"), await request.read()))
        return web.Response(status=202)

    app = web.Application()
    app.router.add_post("/in", take)
    with Sandbox() as sandbox:
        async with TestServer(app) as server, Calcom(sandbox.api_key, base_url=sandbox.url) as cal:
            options = ["--json", "--forward", str(server.make_url("/in")), "--trigger", "booking_created"]
            with listening(*connection_args(sandbox), *options, env=KEPT) as (running, _):
                await book_first(cal)
                printed = await asyncio.to_thread(next, lines(running))
                told = await asyncio.to_thread(next, lines(running, "stderr"))
    [(signature, raw)] = got
    verify(raw, signature, SECRET)
    assert json.loads(printed) == json.loads(raw)
    assert told == "forwarded: 202\n"


async def test_what_nobody_signed_is_not_shown() -> None:
    """A delivery with a wrong signature gets a 401 and is reported as rejected; the next one is shown."""
    with Sandbox() as sandbox, listening(*connection_args(sandbox), env=KEPT) as (running, url):
        async with ClientSession() as session:
            for secret, status in (("another", 401), (SECRET, 200)):
                headers, raw = signed_request(webhook_body(secret), secret)
                async with session.post(url, data=raw, headers=headers) as answer:
                    assert answer.status == status
        assert SECRET in next(lines(running))
        assert "rejected" in next(lines(running, "stderr"))


@pytest.mark.slow
@pytest.mark.parametrize("env", [{}, KEPT], ids=["a new one", "of the environment"])
def test_for_a_distant_server_it_says_what_to_register(env: dict[str, str]) -> None:
    """Without a key: path, triggers, and the secret only when it was made here."""
    with listening("--path", "/hook", "--trigger", "BOOKING_PAID", env=env) as (running, url):
        told = [next(lines(running, "stderr")) for _ in range(4)]
    assert url.endswith("/hook")
    assert told[1].split() == ["URL", "https://PUBLIC/hook"]
    assert told[3].split() == ["triggers", "BOOKING_PAID"]
    if env:
        assert told[2] == "  secret   the value of CAL_WEBHOOK_SECRET\n"
    else:
        assert re.fullmatch(r"  secret   [0-9a-f]{32}\n", told[2])


@pytest.mark.slow
def test_the_built_in_sandbox_says_how_to_book_in_it() -> None:
    """With --sandbox the command that makes an event is told, and it works."""
    with listening("--sandbox") as (running, _):
        words = shlex.split(next(lines(running, "stderr")).partition("calcom-async ")[2])
        assert invoke(*words).exit_code == 0
        assert "BOOKING_CREATED" in next(lines(running))


WRONG = [
    (["--path", "cal"], "--path must start with a slash"),
    (["--path", "/{x}"], "--path must start with a slash"),
    (["--forward", "http://example.com/in"], "--forward must be an https:// URL"),
    (["--forward", "ftp://127.0.0.1/"], "--forward must be an https:// URL"),
    (["--forward", "http://[1"], "--forward must be an https:// URL"),
    (["--trigger", "BOOKING_CONFIRMED"], "must be one of BOOKING_CREATED"),
    (["--secret-env", "NOT_SET_AT_ALL"], "NOT_SET_AT_ALL is not set"),
    (["--port", "70000"], "--port"),
]


@pytest.mark.parametrize(("options", "message"), WRONG)
def test_wrong_options_are_told_before_anything_is_sent(options: list[str], message: str) -> None:
    """What cannot work is one message and code 2, without a request."""
    with Sandbox() as sandbox:
        result = invoke("webhooks", "listen", *connection_args(sandbox), *options)
        assert (result.exit_code, sandbox.requests) == (2, [])
    assert message in result.stderr


def test_a_port_in_use_is_told() -> None:
    """A port that is taken is code 2, and no webhook is made."""
    with Sandbox() as sandbox, socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        result = invoke("webhooks", "listen", *connection_args(sandbox), "--port", other.getsockname()[1])
        assert (result.exit_code, sandbox.requests) == (2, [])
    assert "Try --port 0" in result.stderr


def test_text_of_strangers_steers_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    """Control characters of a title are left out, and a line end is a blank: an event is a line."""
    sent = {"triggerEvent": "BOOKING_CREATED", "payload": {"title": "a\x1b[2Jb\nc"}}
    _print_line(parse(json.dumps(sent).encode()))
    assert capsys.readouterr().out.endswith("  BOOKING_CREATED  a[2Jb c\n")


async def test_a_target_that_is_down_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    """What could not be passed on is told, and is no failure of the listener."""
    with closed_port() as port:
        async with ClientSession() as session:
            await _forward(session, f"http://127.0.0.1:{port}/", {}, b"{}")
    assert capsys.readouterr().err.startswith("not forwarded: Cannot connect")
