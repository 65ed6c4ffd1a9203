"""`webhooks`: print deliveries as they arrive, and verify one in a file."""

from __future__ import annotations

import asyncio
import os
import secrets
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn
from urllib.parse import urlsplit

import typer

from calcom_async.cli.connect import CONNECT_TIMEOUT, check_reachable, connect, connection_of, run_with_client
from calcom_async.cli.options import (
    Command,
    DryRunOption,
    Target,
    one_of,
    with_target,
)
from calcom_async.cli.run import run
from calcom_async.cli.terminal import echo, one_line, print_json, print_problem, print_status, stderr
from calcom_async.client import Calcom
from calcom_async.errors import CalcomError, ConfigError, InvalidRequestError
from calcom_async.models.webhooks import HOSTED_TRIGGERS, WEBHOOK_TRIGGERS
from calcom_async.webhooks import WebhookEvent, WebhookReceiver, WebhookRouter, parse, verify
from calcom_async.webhooks.parsing import JSON
from calcom_async.webhooks.signature import SIGNATURE_HEADER

if TYPE_CHECKING:
    from aiohttp import ClientSession, web

SECRET = "CAL_WEBHOOK_SECRET"  # noqa: S105 - the name of a variable
BOOKING_TRIGGERS = [
    trigger for trigger in WEBHOOK_TRIGGERS if trigger.startswith("BOOKING_") and trigger not in HOSTED_TRIGGERS
]
"""The default: what every server accepts."""
FORWARDED_HEADERS = ("Content-Type", SIGNATURE_HEADER, "X-Cal-Webhook-Version")
FORWARD_TIMEOUT = 10.0

SecretOption = Annotated[
    str, typer.Option("--secret-env", metavar="NAME", help="Environment variable that contains the secret.")
]

webhooks: typer.Typer = typer.Typer(name="webhooks", help="Receive and verify webhooks.", no_args_is_help=True)


@webhooks.command("verify", cls=Command, no_args_is_help=True)
def verify_file(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="The body exactly as received. Use - for standard input.")
    ],
    signature: Annotated[str, typer.Option(metavar="HEX", help=f"Value of the header {SIGNATURE_HEADER}.")],
    secret_env: SecretOption = SECRET,
    content_type: Annotated[str, typer.Option(metavar="TYPE", help="Value of the header Content-Type.")] = JSON,
) -> None:
    """Verify the signature of a delivery.

    If it is valid, print the trigger and the deduplication key of the delivery. Retries have the same key.

    calcom-async webhooks verify body.json --signature 5d9c...
    """
    body = _content(file)
    verify(body, signature, _secret(secret_env))
    event = parse(body, content_type)
    echo(f"{event.trigger or 'no trigger'} {event.key or 'no key: duplicates cannot be detected'}")


def _content(file: Path) -> bytes:
    try:
        return sys.stdin.buffer.read() if str(file) == "-" else file.read_bytes()
    except OSError as error:
        raise InvalidRequestError(f"cannot read {file}: {error.strerror}") from error


def _secret(variable: str) -> str:
    """Return the secret that an environment variable holds."""
    if secret := os.environ.get(variable):
        return secret
    raise ConfigError(
        f"{variable} is not set. Set it to the secret of the webhook, or name another variable with --secret-env"
    )


# --- listening ------------------------------------------------------------------------------------------------------


@webhooks.command("listen", cls=Command)
@with_target
def listen(
    target: Target,
    port: Annotated[
        int, typer.Option(metavar="PORT", min=0, max=65_535, help="Port on 127.0.0.1. 0 selects a free one.")
    ] = 8770,
    path: Annotated[str, typer.Option(metavar="PATH", help="Path that receives the deliveries.")] = "/cal",
    secret_env: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", help=f"Environment variable that contains the secret. [default: {SECRET}, or a new secret]"
        ),
    ] = None,
    forward: Annotated[
        str | None, typer.Option(metavar="URL", help="Also post each verified delivery to this URL, unchanged.")
    ] = None,
    trigger: Annotated[
        list[str] | None,
        typer.Option(
            metavar="TRIGGER",
            parser=one_of(WEBHOOK_TRIGGERS),
            autocompletion=lambda: WEBHOOK_TRIGGERS,
            help="Trigger to subscribe to (repeatable). [default: all BOOKING_* triggers]",
        ),
    ] = None,
    dry_run: DryRunOption = False,
    json: Annotated[bool, typer.Option("--json", help="Print the complete bodies, one JSON text per line.")] = False,
) -> None:
    """Print webhook deliveries until Ctrl-C.

    If the Cal.com server runs on this machine, for example a sandbox, the command creates the webhook and deletes it
    at the end. Any other server needs a public URL that forwards to this port. The command then prints what to
    register in Cal.com, and needs no API key.

    calcom-async webhooks listen --sandbox

    calcom-async webhooks listen --forward http://localhost:8000/cal
    """
    variable = secret_env or (SECRET if os.environ.get(SECRET) else None)
    listener = WebhookListener(
        port=port,
        path=_require_path(path),
        secret=_secret(variable) if variable else secrets.token_hex(16),
        secret_variable=variable,
        forward=forward and _require_forward_url(forward),
        triggers=trigger or BOOKING_TRIGGERS,
        show=_print_json if json else _print_line,
    )
    is_local = target.sandbox or _is_loopback(connection_of(target).config.base_url)
    if dry_run:
        _dry_run(target, listener, is_local=is_local)
    else:
        run(listener.listen_local(target) if is_local else listener.listen_public(), endless=True)


def _dry_run(target: Target, listener: WebhookListener, *, is_local: bool) -> None:
    """Print the request that would create the webhook."""
    if is_local:
        url = f"http://127.0.0.1:{listener.port}{listener.path}"
        run_with_client(
            target, lambda cal: cal.webhooks.ensure(url, listener.triggers, secret=listener.secret), dry_run=True
        )
    print_status("[yellow]dry run:[/]", "the command would create no webhook, only listen")


def _is_loopback(url: str) -> bool:
    from calcom_async.sandbox.webhooks.delivery import is_loopback

    return is_loopback(url)


def _require_path(path: str) -> str:
    if path.startswith("/") and not set(path) & set("{}?# "):
        return path
    raise InvalidRequestError(f"--path must start with a slash, for example /cal, got {path}")


def _require_forward_url(url: str) -> str:
    """Return the URL of --forward. Deliveries hold personal data, so http:// is for this machine only."""
    with suppress(ValueError):
        scheme = urlsplit(url).scheme
        if urlsplit(url).hostname and (scheme == "https" or (scheme == "http" and _is_loopback(url))):
            return url
    raise InvalidRequestError("--forward must be an https:// URL, or an http:// URL of this machine")


@dataclass(frozen=True)
class WebhookListener:
    """Receives deliveries, prints them and forwards them."""

    port: int
    path: str
    secret: str = field(repr=False)
    secret_variable: str | None
    forward: str | None
    triggers: list[str]
    show: Callable[[WebhookEvent[Any]], None]
    _failures: asyncio.Queue[OSError] = field(default_factory=asyncio.Queue)

    async def listen_local(self, target: Target) -> None:
        """Create a webhook on a Cal.com server of this machine, listen, and delete the webhook at the end."""
        async with connect(target) as cal, self._open() as url:
            await check_reachable(cal)
            webhook = None
            try:
                webhook = await cal.webhooks.ensure(url, self.triggers, secret=self.secret)
                print_status("[green]listening[/]", f"at {url}. Press Ctrl-C to stop and to delete the webhook")
                if target.sandbox:
                    print_status("try:", f"in another shell: {_book_command(cal.config.base_url)}")
                await self._output_closed()
            finally:
                # Also after Ctrl-C during `ensure`: the server may have created the webhook.
                await _delete(cal, url, webhook.id if webhook else None)

    async def listen_public(self) -> None:
        """Listen to a server that cannot reach this machine: the user forwards a public URL to this port."""
        async with self._open() as url:
            print_status("[green]listening[/]", f"at {url}. Press Ctrl-C to stop")
            print_status("next:", "forward a public URL to this port, and register this webhook in Cal.com")
            to_register = {
                "URL": f"https://PUBLIC{self.path}",
                "secret": f"the value of {self.secret_variable}" if self.secret_variable else self.secret,
                "triggers": ", ".join(self.triggers),
            }
            for name, value in to_register.items():
                stderr.print(f"  {name:<8} {value}", markup=False)
            await self._output_closed()

    async def _output_closed(self) -> NoReturn:
        """Wait until a line cannot be printed, and raise. An exception in a handler does not end the receiver."""
        raise await self._failures.get()

    def _show(self, event: WebhookEvent[Any]) -> None:
        try:
            self.show(event)
        except OSError as error:
            self._failures.put_nowait(error)

    @asynccontextmanager
    async def _open(self) -> AsyncIterator[str]:
        """Receive deliveries inside this block, which gets the URL that they are posted to."""
        from aiohttp import ClientSession, ClientTimeout, web

        router = WebhookRouter()
        router.on_any(self._show)
        receiver = WebhookReceiver(router, secrets=self.secret)
        async with ClientSession(timeout=ClientTimeout(total=FORWARD_TIMEOUT)) as session:

            async def respond(request: web.Request) -> web.Response:
                body = await request.read()
                status, text = receiver.receive(request.headers, body)
                # `receive` has verified the delivery: nothing unsigned reaches the other server.
                if status == 200 and self.forward:
                    await _forward(session, self.forward, request.headers, body)
                return web.Response(status=status, text=text)

            app = web.Application()
            app.router.add_post(self.path, respond)
            receiver.setup(app)
            runner = web.AppRunner(app, access_log=None)
            await runner.setup()
            try:
                yield f"http://127.0.0.1:{await _start_site(runner, self.port)}{self.path}"
            finally:
                await runner.cleanup()


async def _start_site(runner: web.AppRunner, port: int) -> int:
    """Start to listen, and return the port."""
    from aiohttp import web

    try:
        await web.TCPSite(runner, "127.0.0.1", port).start()
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else error
        raise ConfigError(f"cannot listen on port {port}: {reason}. Try --port 0") from error
    bound: int = runner.addresses[0][1]
    return bound


async def _forward(session: ClientSession, url: str, headers: Mapping[str, str], body: bytes) -> None:
    """Post a delivery unchanged, and print the status of the response."""
    from aiohttp import ClientError

    kept = {name: headers[name] for name in FORWARDED_HEADERS if name in headers}
    try:
        async with session.post(url, data=body, headers=kept, allow_redirects=False) as response:
            print_status("forwarded:", response.status)
    except (ClientError, TimeoutError) as error:
        print_problem("[yellow]not forwarded:[/]", str(error) or f"no response within {FORWARD_TIMEOUT:g} s")


async def _delete(cal: Calcom, url: str, webhook_id: str | None) -> None:
    """Delete the webhook, or all with this URL if the id is unknown because creating it was interrupted.

    Deleting has a time limit, so that the command ends soon.
    """
    try:
        async with asyncio.timeout(CONNECT_TIMEOUT):
            ids = (
                [webhook_id]
                if webhook_id
                else [webhook.id async for webhook in cal.webhooks.list() if webhook.subscriber_url == url]
            )
            for id in ids:
                await cal.webhooks.delete(id)
    except (CalcomError, TimeoutError) as error:
        print_problem(
            "[yellow]warning:[/]", f"could not delete webhook {webhook_id or url}: {str(error) or 'no response'}"
        )


def _book_command(base_url: str) -> str:
    from calcom_async.sandbox.seed.world import API_KEY

    attendee = "--name Ada --email ada@example.com"
    return f"calcom-async book ana/thirty --start first {attendee} --base-url {base_url} --api-key {API_KEY}"


def _print_line(event: WebhookEvent[Any]) -> None:
    title = getattr(event.payload, "title", None)
    fields = [f"{datetime.now().astimezone():%H:%M:%S}", event.trigger or "no trigger", title, event.uid]
    echo("  ".join(one_line(part) for part in fields if part))


def _print_json(event: WebhookEvent[Any]) -> None:
    print_json(event.raw, compact=True)
