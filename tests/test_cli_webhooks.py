"""`webhooks verify` and `webhooks listen`: verification, output and cleanup."""

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

SECRET_ENVIRONMENT = {"CAL_WEBHOOK_SECRET": SECRET}


@pytest.fixture(autouse=True)
def _no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hide the webhook secret of the developer who runs the tests."""
    monkeypatch.delenv("CAL_WEBHOOK_SECRET", raising=False)


# --- verify


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Return a file with the body of a delivery."""
    (tmp_path / "body.json").write_bytes(webhook_body())
    return tmp_path / "body.json"


def run_verify(file: Path | str, signature: str, *options: str, env: dict[str, str] | None = None, **more: Any) -> Any:
    """Run `webhooks verify`."""
    return invoke(
        "webhooks",
        "verify",
        file,
        "--signature",
        signature,
        *options,
        env=SECRET_ENVIRONMENT if env is None else env,
        **more,
    )


@pytest.mark.parametrize("source", ["file", "stdin"])
def test_a_valid_delivery(source: str, file: Path) -> None:
    """A valid delivery prints its trigger and key, from a file or from standard input."""
    result = run_verify(
        file if source == "file" else "-",
        sign(webhook_body(), SECRET),
        input=webhook_body() if source == "stdin" else None,
    )
    assert result.exit_code == 0
    assert result.stdout == f"BOOKING_CREATED {parse(webhook_body()).key}\n"


def test_the_secret_may_have_another_name(file: Path) -> None:
    """--secret-env names the variable with the secret."""
    signature = sign(webhook_body(), SECRET)
    assert run_verify(file, signature, "--secret-env", "MINE", env={"MINE": SECRET}).exit_code == 0
    missing = run_verify(file, signature, "--secret-env", "MINE", env={})
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
def test_an_invalid_signature(signature: str, message: str, file: Path) -> None:
    """An invalid signature ends with code 11 and a reason, without the secret."""
    result = run_verify(file, signature)
    assert (result.exit_code, result.stdout) == (11, "")
    assert message in result.stderr
    assert SECRET not in result.output


def test_unreadable_input(tmp_path: Path) -> None:
    """A missing file ends with code 2, a signed body that is not JSON with code 6, unless it is text."""
    (tmp_path / "half").write_bytes(b'{"triggerEvent"')
    signature = sign(b'{"triggerEvent"', SECRET)
    assert run_verify(tmp_path / "none", "00").exit_code == 2
    assert run_verify(tmp_path / "half", signature).exit_code == 6
    as_text = run_verify(tmp_path / "half", signature, "--content-type", "text/plain")
    assert as_text.stdout.startswith("no trigger")


# --- listen


def lines(running: subprocess.Popen[str], stream: str = "stdout") -> Iterator[str]:
    """Return an iterator over the lines of a stream."""
    return iter(getattr(running, stream).readline, "")


ENDS = {
    signal.SIGINT: (130, "interrupted.\n"),
    signal.SIGTERM: (143, "terminated.\n"),
    signal.SIGHUP: (129, "terminated.\n"),
}


@contextmanager
def run_listener(
    *args: str, env: dict[str, str] | None = None, number: signal.Signals = signal.SIGINT
) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Run a listener and yield it with its URL; end it with a signal and check its exit code."""
    running = start_cli(
        "webhooks", "listen", "--port", "0", *args, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    message = next(lines(running, "stderr"))
    try:
        yield running, re.findall(r"http://127\.0\.0\.1:\d+/\w+", message)[0]
    finally:
        running.send_signal(number)
        _, rest = running.communicate(timeout=TIMEOUT)
    code, last = ENDS[number]
    assert running.returncode == code
    assert "Traceback" not in rest
    assert rest.endswith(last)


async def book_first(cal: Calcom) -> str:
    """Book the first free slot and return the uid."""
    today = datetime.now(UTC).date()
    slot = await cal.slots.first_available(event_type_id=1, start=today, end=today + timedelta(days=7))
    assert slot
    return (await cal.bookings.create(event_type_id=1, start=slot.start, attendee=ADA)).uid


@pytest.mark.slow
@pytest.mark.parametrize("by", ENDS)
async def test_listen_to_a_local_server(by: signal.Signals) -> None:
    """With a server on this machine the listener creates a webhook, prints events, and deletes it on any signal."""
    with Sandbox() as sandbox:
        async with Calcom(sandbox.api_key, base_url=sandbox.url) as cal:
            with run_listener(*connection_args(sandbox), number=by) as (running, url):
                [webhook] = await cal.webhooks.list().collect()
                uid = await book_first(cal)
                line = next(lines(running))
            assert await cal.webhooks.list().collect() == []
    assert webhook.subscriber_url == url
    assert webhook.secret
    assert all(trigger.startswith("BOOKING_") for trigger in webhook.triggers)
    assert re.fullmatch(rf"\d\d:\d\d:\d\d  BOOKING_CREATED  Thirty minutes between .* and Ada  {uid}\n", line)


def test_a_webhook_whose_creation_was_not_confirmed_is_deleted() -> None:
    """If the response to the creation of a webhook is lost, the webhook is deleted."""
    with Sandbox() as sandbox:
        sandbox.faults.add("POST", "/v2/webhooks", cut="after")
        sandbox.faults.add("GET", "/v2/webhooks", after=1, times=1, status=403)
        result = invoke("webhooks", "listen", "--port", "0", *connection_args(sandbox))
        assert result.exit_code == 4
        assert [request.method for request in sandbox.requests if request.path.startswith("/v2/webhooks/")] == [
            "DELETE"
        ]
        assert not sandbox.store.webhooks


def test_a_dry_run_creates_no_webhook() -> None:
    """`--dry-run` prints the webhook that would be created, without its secret, and ends."""
    with Sandbox() as sandbox:
        options = ["--dry-run", "--trigger", "BOOKING_CREATED", *connection_args(sandbox)]
        result = invoke("webhooks", "listen", *options, env=SECRET_ENVIRONMENT)
        assert {request.method for request in sandbox.requests} == {"GET"}
    assert result.exit_code == 0
    request = json.loads(result.stdout)
    assert (request["method"], request["path"]) == ("POST", "/v2/webhooks")
    assert (request["body"]["subscriberUrl"], request["body"]["secret"]) == ("http://127.0.0.1:8770/cal", "***")


def test_a_dry_run_without_a_webhook() -> None:
    """With a server on another machine, no webhook would be created."""
    result = invoke("webhooks", "listen", "--dry-run", "--base-url", "https://cal.test", "--api-key", "key")
    assert (result.exit_code, result.stdout) == (0, "")
    assert result.stderr == "dry run: the command would create no webhook, only listen\n"


@contextmanager
def listener_with_closed_output() -> Iterator[tuple[Sandbox, subprocess.Popen[str]]]:
    """Run a listener whose output is closed; check that it writes nothing more to stderr."""
    with Sandbox() as sandbox:
        args = ["webhooks", "listen", "--port", "0", *connection_args(sandbox)]
        running = start_cli(*args, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        next(lines(running, "stderr"))
        assert running.stdout
        running.stdout.close()
        yield sandbox, running
        assert running.stderr
        assert running.stderr.read() == ""
        running.stderr.close()


@pytest.mark.slow
async def test_a_listener_ends_when_its_output_is_closed() -> None:
    """The listener notices a closed output without waiting for the next delivery."""
    with listener_with_closed_output() as (sandbox, running):
        assert await asyncio.to_thread(running.wait, 30) == 141
        assert not sandbox.store.webhooks


@pytest.mark.slow
async def test_a_closed_output_ends_the_listener_and_its_webhook() -> None:
    """If the output is closed, the next delivery ends the listener, which deletes its webhook."""
    with listener_with_closed_output() as (sandbox, running):
        async with Calcom(sandbox.api_key, base_url=sandbox.url) as cal:
            await book_first(cal)
            assert await asyncio.to_thread(running.wait, TIMEOUT) == 141
            assert await cal.webhooks.list().collect() == []


@pytest.mark.slow
async def test_deliveries_are_forwarded_unchanged() -> None:
    """--forward posts body and signature unchanged and prints the status; --json prints the whole body."""
    forwarded: list[tuple[str | None, bytes]] = []

    async def receive(request: web.Request) -> web.Response:
        forwarded.append((request.headers.get("X-Cal-Signature-256"), await request.read()))
        return web.Response(status=202)

    app = web.Application()
    app.router.add_post("/in", receive)
    with Sandbox() as sandbox:
        async with TestServer(app) as server, Calcom(sandbox.api_key, base_url=sandbox.url) as cal:
            options = ["--json", "--forward", str(server.make_url("/in")), "--trigger", "booking_created"]
            with run_listener(*connection_args(sandbox), *options, env=SECRET_ENVIRONMENT) as (running, _):
                await book_first(cal)
                printed = await asyncio.to_thread(next, lines(running))
                status = await asyncio.to_thread(next, lines(running, "stderr"))
    [(signature, raw)] = forwarded
    verify(raw, signature, SECRET)
    assert json.loads(printed) == json.loads(raw)
    assert status == "forwarded: 202\n"


@pytest.mark.slow
async def test_a_delivery_with_a_wrong_signature_is_rejected() -> None:
    """A delivery with a wrong signature gets a 401 and is reported as rejected; the next valid one is printed."""
    with Sandbox() as sandbox, run_listener(*connection_args(sandbox), env=SECRET_ENVIRONMENT) as (running, url):
        async with ClientSession() as session:
            for secret, status in (("another", 401), (SECRET, 200)):
                headers, raw = signed_request(webhook_body(secret), secret)
                async with session.post(url, data=raw, headers=headers) as response:
                    assert response.status == status
        assert SECRET in next(lines(running))
        assert "rejected" in next(lines(running, "stderr"))


@pytest.mark.slow
@pytest.mark.parametrize("env", [{}, SECRET_ENVIRONMENT], ids=["a new one", "of the environment"])
def test_without_a_key_the_webhook_to_create_is_printed(env: dict[str, str]) -> None:
    """Without a key the listener prints path, triggers, and its secret if it generated one."""
    with run_listener("--path", "/hook", "--trigger", "BOOKING_PAID", env=env) as (running, url):
        messages = [next(lines(running, "stderr")) for _ in range(4)]
    assert url.endswith("/hook")
    assert messages[1].split() == ["URL", "https://PUBLIC/hook"]
    assert messages[3].split() == ["triggers", "BOOKING_PAID"]
    if env:
        assert messages[2] == "  secret   the value of CAL_WEBHOOK_SECRET\n"
    else:
        assert re.fullmatch(r"  secret   [0-9a-f]{32}\n", messages[2])


@pytest.mark.slow
def test_the_built_in_sandbox_prints_a_booking_command() -> None:
    """With --sandbox the printed command makes a booking, which is delivered."""
    with run_listener("--sandbox") as (running, _):
        words = shlex.split(next(lines(running, "stderr")).partition("calcom-async ")[2])
        assert invoke(*words).exit_code == 0
        assert "BOOKING_CREATED" in next(lines(running))


INVALID_OPTIONS = [
    (["--path", "cal"], "--path must start with a slash"),
    (["--path", "/{x}"], "--path must start with a slash"),
    (["--forward", "http://example.com/in"], "--forward must be an https:// URL"),
    (["--forward", "ftp://127.0.0.1/"], "--forward must be an https:// URL"),
    (["--forward", "http://[1"], "--forward must be an https:// URL"),
    (["--trigger", "BOOKING_CONFIRMED"], "must be one of BOOKING_CREATED"),
    (["--secret-env", "NOT_SET_AT_ALL"], "NOT_SET_AT_ALL is not set"),
    (["--port", "70000"], "--port"),
]


@pytest.mark.parametrize(("options", "message"), INVALID_OPTIONS)
def test_invalid_options(options: list[str], message: str) -> None:
    """An invalid option is one message and code 2, and no request is sent."""
    with Sandbox() as sandbox:
        result = invoke("webhooks", "listen", *connection_args(sandbox), *options)
        assert (result.exit_code, sandbox.requests) == (2, [])
    assert message in result.stderr


def test_a_port_in_use() -> None:
    """A port in use ends with code 2, and no webhook is created."""
    with Sandbox() as sandbox, socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        result = invoke("webhooks", "listen", *connection_args(sandbox), "--port", listener.getsockname()[1])
        assert (result.exit_code, sandbox.requests) == (2, [])
    assert "Try --port 0" in result.stderr


def test_titles_cannot_control_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    """An event is one line without control characters, whatever its title contains."""
    event = {"triggerEvent": "BOOKING_CREATED", "payload": {"title": "a\x1b[2Jb\nc"}}
    _print_line(parse(json.dumps(event).encode()))
    assert capsys.readouterr().out.endswith("  BOOKING_CREATED  a[2Jb c\n")


async def test_an_unreachable_forward_target_is_reported(capsys: pytest.CaptureFixture[str]) -> None:
    """A delivery that cannot be forwarded is a message, and the listener continues."""
    with closed_port() as port:
        async with ClientSession() as session:
            await _forward(session, f"http://127.0.0.1:{port}/", {}, b"{}")
    assert capsys.readouterr().err.startswith("not forwarded: Cannot connect")
