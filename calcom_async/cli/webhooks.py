"""`webhooks`: deliveries shown as they come, and one that is verified from a file."""

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

from calcom_async.cli.connect import CONNECT_TIMEOUT, check_reachable, config_of, connect
from calcom_async.cli.exit_codes import EXIT_CODES_HELP
from calcom_async.cli.options import AllowHttpOption, ApiKeyOption, BaseUrlOption, SandboxOption, Target, target_from
from calcom_async.cli.run import fail, run
from calcom_async.cli.terminal import echo, line, print_json, print_status, stderr
from calcom_async.client import Calcom
from calcom_async.errors import CalcomError, ConfigError, InvalidRequestError
from calcom_async.models.webhooks import WEBHOOK_TRIGGERS
from calcom_async.webhooks import WebhookEvent, WebhookReceiver, WebhookRouter, parse, verify
from calcom_async.webhooks.deliveries import JSON, SIGNATURE

if TYPE_CHECKING:
    from aiohttp import ClientSession, web

SECRET = "CAL_WEBHOOK_SECRET"  # noqa: S105 - the name of a variable
OF_BOOKINGS = [trigger for trigger in WEBHOOK_TRIGGERS if trigger.startswith("BOOKING_")]
FORWARDED = ("Content-Type", SIGNATURE, "X-Cal-Webhook-Version")
SECONDS_TO_FORWARD = 10.0

SecretOption = Annotated[
    str, typer.Option("--secret-env", metavar="NAME", help="Environment variable that contains the secret.")
]

webhooks: typer.Typer = typer.Typer(name="webhooks", help="Receive and verify webhooks.", no_args_is_help=True)


@webhooks.command("verify", epilog=EXIT_CODES_HELP, no_args_is_help=True)
def verify_file(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="The body exactly as received. Use - for standard input.")
    ],
    signature: Annotated[str, typer.Option(metavar="HEX", help=f"Value of the header {SIGNATURE}.")],
    secret_env: SecretOption = SECRET,
    content_type: Annotated[str, typer.Option(metavar="TYPE", help="Value of the header Content-Type.")] = JSON,
) -> None:
    """Verify the signature of a delivery.

    If it is valid, print the trigger and the key of the delivery.

    calcom-async webhooks verify body.json --signature 5d9c...
    """
    try:
        body = _content(file)
        verify(body, signature, _secret(secret_env))
        event = parse(body, content_type)
    except CalcomError as error:
        fail(error)
    echo(f"{event.trigger or 'no trigger'} {event.key or 'no key: a repeat cannot be told from another event'}")


def _content(file: Path) -> bytes:
    try:
        return sys.stdin.buffer.read() if str(file) == "-" else file.read_bytes()
    except OSError as error:
        raise InvalidRequestError(f"cannot read {file}: {error.strerror}") from error


def _secret(variable: str) -> str:
    if secret := os.environ.get(variable):
        return secret
    raise ConfigError(f"{variable} is not set: put the webhook's secret there, or name its variable with --secret-env")


# --- listening ------------------------------------------------------------------------------------------------------


@webhooks.command("listen", epilog=EXIT_CODES_HELP)
def listen(
    context: typer.Context,
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
        typer.Option(metavar="TRIGGER", help="Trigger to subscribe to (idempotent). [default: all of bookings]"),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print the complete bodies, one JSON text per line.")] = False,
    base_url: BaseUrlOption = None,
    api_key: ApiKeyOption = None,
    sandbox: SandboxOption = False,
    allow_http: AllowHttpOption = False,
) -> None:
    """Print webhook deliveries until Ctrl-C.

    If the Cal.com server runs on this machine, for example a sandbox, the command creates the webhook and deletes it
    at the end. Any other server needs a public URL that leads here. The command prints what to register, and needs no
    API key.
    """
    target = target_from(context, base_url, api_key, sandbox, allow_http)
    try:
        given = secret_env or (SECRET if os.environ.get(SECRET) else None)
        listener = WebhookListener(
            port=port,
            path=_checked_path(path),
            secret=_secret(given) if given else secrets.token_hex(16),
            secret_is_from=given,
            forward=forward and _checked_target(forward),
            triggers=[_checked_trigger(one) for one in trigger or OF_BOOKINGS],
            show=_print_json if json else _print_line,
        )
        is_local = target.sandbox or _is_loopback(config_of(target).base_url)
    except CalcomError as error:
        fail(error)
    run(listener.listen_local(target) if is_local else listener.listen_public(), endless=True)


def _is_loopback(url: str) -> bool:
    from calcom_async.sandbox.delivery import is_loopback

    return is_loopback(url)


def _checked_path(path: str) -> str:
    if path.startswith("/") and not set(path) & set("{}?# "):
        return path
    raise InvalidRequestError(f"--path looks like /cal, not {path!r}")


def _checked_target(url: str) -> str:
    with suppress(ValueError):
        scheme = urlsplit(url).scheme
        if urlsplit(url).hostname and (scheme == "https" or (scheme == "http" and _is_loopback(url))):
            return url
    raise InvalidRequestError("--forward wants a URL with https, or with http on this machine")


def _checked_trigger(name: str) -> str:
    if name.upper() in WEBHOOK_TRIGGERS:
        return name.upper()
    raise InvalidRequestError(f"there is no trigger {name!r}; there are {', '.join(WEBHOOK_TRIGGERS)}")


@dataclass(frozen=True)
class WebhookListener:
    """Where deliveries come in, and what becomes of them."""

    port: int
    path: str
    secret: str = field(repr=False)
    secret_is_from: str | None
    forward: str | None
    triggers: list[str]
    show: Callable[[WebhookEvent[Any]], None]
    _failures: asyncio.Queue[OSError] = field(default_factory=asyncio.Queue)

    async def listen_local(self, target: Target) -> None:
        """Listen to a Cal.com that reaches this machine: with a webhook of our own, for as long as we listen."""
        async with connect(target) as cal, self._open() as url:
            await check_reachable(cal)
            webhook = None
            try:
                webhook = await cal.webhooks.ensure(url, self.triggers, secret=self.secret)
                print_status("[green]listening[/]", f"at {url}; Ctrl-C ends it, and deletes the webhook")
                if target.sandbox:
                    print_status("try this", f"in another shell: {_booking_at(cal.config.base_url)}")
                await self._output_closed()
            finally:
                await _delete(cal, url, webhook.id if webhook else None)

    async def listen_public(self) -> None:
        """Listen to a Cal.com that does not: somebody has to lead it here."""
        async with self._open() as url:
            print_status("[green]listening[/]", f"at {url}; Ctrl-C ends it")
            print_status("next:", "lead a public address here, since Cal.com does not reach this one, and register")
            to_register = {
                "URL": f"https://PUBLIC{self.path}",
                "secret": f"that of {self.secret_is_from}" if self.secret_is_from else self.secret,
                "triggers": ", ".join(self.triggers),
            }
            for name, value in to_register.items():
                stderr.print(f"  {name:<8} {value}", markup=False)
            await self._output_closed()

    async def _output_closed(self) -> NoReturn:
        """Wait until a line could not be printed; a handler that raises does not end the receiver."""
        raise await self._failures.get()

    def _show(self, event: WebhookEvent[Any]) -> None:
        try:
            self.show(event)
        except OSError as error:
            self._failures.put_nowait(error)

    @asynccontextmanager
    async def _open(self) -> AsyncIterator[str]:
        """Answer deliveries inside this block; the address is what they are posted to."""
        from aiohttp import ClientSession, ClientTimeout, web

        router = WebhookRouter()
        router.on_any(self._show)
        receiver = WebhookReceiver(router, secrets=self.secret)
        async with ClientSession(timeout=ClientTimeout(total=SECONDS_TO_FORWARD)) as session:

            async def answer(request: web.Request) -> web.Response:
                body = await request.read()
                status, text = receiver.receive(request.headers, body)
                if status == 200 and self.forward:
                    await _pass_on(session, self.forward, request.headers, body)
                return web.Response(status=status, text=text)

            app = web.Application()
            app.router.add_post(self.path, answer)
            receiver.setup(app)
            runner = web.AppRunner(app, access_log=None)
            await runner.setup()
            try:
                yield f"http://127.0.0.1:{await _bound(runner, self.port)}{self.path}"
            finally:
                await runner.cleanup()


async def _bound(runner: web.AppRunner, port: int) -> int:
    """Listen; returns the port."""
    from aiohttp import web

    try:
        await web.TCPSite(runner, "127.0.0.1", port).start()
    except OSError as error:
        why = os.strerror(error.errno) if error.errno else error
        raise ConfigError(f"cannot listen on port {port}: {why}. Try --port 0") from error
    bound: int = runner.addresses[0][1]
    return bound


async def _pass_on(session: ClientSession, url: str, headers: Mapping[str, str], body: bytes) -> None:
    """Post a delivery as it came, and tell how that was answered."""
    from aiohttp import ClientError

    kept = {name: headers[name] for name in FORWARDED if name in headers}
    try:
        async with session.post(url, data=body, headers=kept, allow_redirects=False) as response:
            print_status("forwarded:", response.status)
    except (ClientError, TimeoutError) as error:
        print_status("[yellow]not forwarded:[/]", str(error) or f"no answer in {SECONDS_TO_FORWARD:g} s")


async def _delete(cal: Calcom, url: str, webhook_id: str | None) -> None:
    """Delete the webhook; without its id, because its creation was interrupted, the one with our URL.

    Deleting has a time limit, since the command has to end soon.
    """
    try:
        async with asyncio.timeout(CONNECT_TIMEOUT):
            ids = (
                [webhook_id]
                if webhook_id
                else [one.id async for one in cal.webhooks.list() if one.subscriber_url == url]
            )
            for id in ids:
                await cal.webhooks.delete(id)
    except (CalcomError, TimeoutError) as error:
        print_status(
            "[yellow]warning:[/]", f"could not delete webhook {webhook_id or url}: {str(error) or 'no answer'}"
        )


def _booking_at(base_url: str) -> str:
    from calcom_async.sandbox.seed import API_KEY

    who = "--name Ada --email ada@example.com"
    return f"calcom-async book ana/thirty --start first {who} --base-url {base_url} --api-key {API_KEY}"


def _print_line(event: WebhookEvent[Any]) -> None:
    title = getattr(event.payload, "title", None)
    told = [f"{datetime.now().astimezone():%H:%M:%S}", event.trigger or "no trigger", title, event.uid]
    echo("  ".join(line(part) for part in told if part))


def _print_json(event: WebhookEvent[Any]) -> None:
    print_json(event.raw, compact=True)
