"""`sandbox`: run a local Cal.com server with sample data."""

from __future__ import annotations

import os
import signal
import socket
import threading
from contextlib import ExitStack
from errno import EACCES, EADDRINUSE, EADDRNOTAVAIL
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Annotated, cast

import typer

from calcom_async.cli.arguments import parse_time
from calcom_async.cli.options import one_of
from calcom_async.cli.terminal import echo, stderr
from calcom_async.errors import ConfigError

if TYPE_CHECKING:
    from calcom_async.sandbox import Sandbox, ServerName
    from calcom_async.sandbox.world import World

SERVERS = ("hosted", "self-hosted-2025-12", "self-hosted-2026-07")
SAMPLE_BOOKINGS = 1_254


def sandbox(
    port: Annotated[
        int, typer.Option(metavar="PORT", min=0, max=65_535, help="Port to listen on. 0 selects a free one.")
    ] = 8765,
    host: Annotated[
        str,
        typer.Option(
            metavar="ADDRESS", help="Address to listen on. One that other machines can reach needs --allow-remote."
        ),
    ] = "127.0.0.1",
    allow_remote: Annotated[
        bool,
        typer.Option(
            "--allow-remote", help="Let other machines connect, as in a container. /_sandbox then needs a token."
        ),
    ] = False,
    control_token: Annotated[
        str | None,
        typer.Option(metavar="TOKEN", help="Token for /_sandbox. [default: a random one with --allow-remote, or none]"),
    ] = None,
    server: Annotated[
        str,
        typer.Option(
            metavar="KIND",
            parser=one_of(SERVERS),
            autocompletion=lambda: SERVERS,
            help=f"Kind of server: {', '.join(SERVERS)}. The last one has no teams.",
        ),
    ] = "hosted",
    bookings: Annotated[
        int | None, typer.Option(metavar="N", min=0, help=f"Number of sample bookings. [default: {SAMPLE_BOOKINGS}]")
    ] = None,
    world: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Start with the data of this JSON or YAML file instead of the sample data."),
    ] = None,
    empty: Annotated[
        bool, typer.Option("--empty", help="Start with one user and nothing else instead of the sample data.")
    ] = False,
    key: Annotated[str, typer.Option(metavar="KEY", help="API key of the first user.")] = "cal_sandbox",
    now: Annotated[
        str | None, typer.Option(metavar="TIME", help="Freeze the clock at this time, such as 2026-12-01T09:00+01:00.")
    ] = None,
    seed: Annotated[
        int, typer.Option(metavar="N", help="Seed of the sample data. The same seed creates the same data.")
    ] = 0,
    limit: Annotated[
        int, typer.Option(metavar="N", min=1, max=1_000_000, help="Rate limit, in requests per window.")
    ] = 120,
    window: Annotated[
        float, typer.Option(metavar="SECONDS", min=0.001, max=86_400, help="Length of the rate limit window.")
    ] = 60,
    block: Annotated[
        float,
        typer.Option(
            metavar="SECONDS", min=0, max=86_400, help="How long requests are rejected after the limit is exceeded."
        ),
    ] = 60,
    ties: Annotated[bool, typer.Option("--ties", help="Create many bookings with equal times.")] = False,
    legacy_formats: Annotated[
        bool,
        typer.Option("--legacy-formats", help="Also accept the forms of older documentation."),
    ] = False,
) -> None:
    """Run a local server with sample data.

    It behaves as Cal.com does. The first line of the output sets the variables that the other commands and the Python
    client read. The server runs until Ctrl-C and sends nothing to other machines. In a browser, /_sandbox shows what
    happens. A test in any language can change data, clock, faults and rate limit: see /_sandbox/openapi.json.

    calcom-async sandbox --bookings 100000
    """
    # A container is stopped with SIGTERM, also while the data is created.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        from calcom_async.sandbox import Sandbox
        from calcom_async.sandbox.webhooks.delivery import is_loopback_host
        from calcom_async.sandbox.world import WorldError

        if not host:
            raise ConfigError("--host must be an address, got an empty text")
        if not (allow_remote or is_loopback_host(host)):
            raise ConfigError(f"--host {host} is reachable from other machines. Add --allow-remote to allow that")
        if not key.startswith("cal_") or not _is_header_token(key):
            raise ConfigError("--key must begin with cal_, and be printable ASCII without spaces")
        if control_token is not None and not _is_header_token(control_token):
            raise ConfigError("--control-token must be printable ASCII without spaces, and must not be empty")
        if sum(option is not None and option is not False for option in (world, empty, bookings)) > 1:
            raise ConfigError("--world, --empty and --bookings exclude each other")
        try:
            declared = _declared(world, empty=empty)
            local_server = Sandbox(
                server=cast("ServerName", server),
                world=declared,
                bookings=(SAMPLE_BOOKINGS if bookings is None else bookings) if declared is None else 0,
                seed=seed,
                now=None if now is None else parse_time(now, "--now"),
                rate_limit=limit,
                window=window,
                block=block,
                ties=ties,
                legacy_formats=legacy_formats,
                host=host,
                port=port,
                allow_remote=allow_remote,
                control_token=control_token,
                api_key=key,
            )
        except WorldError as error:
            raise ConfigError(f"cannot load {world}: {error}") from None
        _serve(local_server, host, port, is_token_given=control_token is not None)
    except KeyboardInterrupt:
        stderr.print("stopped")


def _serve(local_server: Sandbox, host: str, port: int, *, is_token_given: bool) -> None:
    """Listen until the process is interrupted, and print how to use the server."""
    with ExitStack() as stack:
        try:
            stack.enter_context(local_server)
        except OSError as error:
            raise ConfigError(_not_listening(error, host, port)) from None
        echo(f"export CAL_API_URL={local_server.url} CAL_API_KEY={quote(local_server.api_key)}")
        # The official command line reads the same variable, and adds /v2 itself.
        origin = local_server.url.removesuffix("/v2")
        stderr.print(f"Most clients of other authors take the URL without /v2: export CAL_API_URL={origin}")
        stderr.print(f"Open {origin}/_sandbox in a browser to watch and control the sandbox.")
        if not is_token_given and local_server.control_token is not None:
            stderr.print(f"/_sandbox needs the header Authorization: Bearer {local_server.control_token}")
        count, settings = len(local_server.store.bookings), local_server.settings
        stored = f"{count:,} booking{'' if count == 1 else 's'}"
        stderr.print(
            f"{stored}, rate limit {settings.rate_limit} requests per {settings.window:g} s. Press Ctrl-C to stop."
        )
        threading.Event().wait()


def _is_header_token(text: str) -> bool:
    """Return whether a text can be sent as a key or a token: it has printable ASCII characters only, and no spaces."""
    return text.isascii() and text.isprintable() and " " not in text and bool(text)


def _declared(file: Path | None, *, empty: bool) -> World | None:
    """Return the data of a file, or one user, or None for the sample data."""
    from calcom_async.sandbox.world import User, World, read_world

    if file is None:
        return World(users=[User(username="ana")]) if empty else None
    try:
        return read_world(file.read_bytes(), yaml=file.suffix.lower() in {".yaml", ".yml"})
    except OSError as error:
        raise ConfigError(f"cannot read {file}: {error.strerror}") from None


def _not_listening(error: OSError, host: str, port: int) -> str:
    """Say why the server cannot listen."""
    if error.errno in {None, EADDRNOTAVAIL}:  # since Python 3.13, asyncio leaves this number out
        return f"cannot listen on {host}: this machine does not have that address"
    reason = error.strerror if isinstance(error, socket.gaierror) else os.strerror(error.errno or 0)
    if error.errno in {EACCES, EADDRINUSE}:
        return f"cannot listen on port {port}: {reason}. Try --port 0"
    return f"cannot listen on {host}: {reason}"
