"""`sandbox`: run a local Cal.com server with sample data."""

from __future__ import annotations

import os
import signal
import threading
from contextlib import ExitStack
from typing import TYPE_CHECKING, Annotated, cast

import typer

from calcom_async.cli.options import one_of
from calcom_async.cli.terminal import echo, stderr
from calcom_async.errors import ConfigError

if TYPE_CHECKING:
    from calcom_async.sandbox import ServerName

SERVERS = ("hosted", "self-hosted-2025-12", "self-hosted-2026-07")


def sandbox(
    port: Annotated[
        int, typer.Option(metavar="PORT", min=0, max=65_535, help="Port on 127.0.0.1. 0 selects a free one.")
    ] = 8765,
    server: Annotated[
        str,
        typer.Option(
            metavar="KIND",
            parser=one_of(SERVERS),
            autocompletion=lambda: SERVERS,
            help=f"Kind of server: {', '.join(SERVERS)}. The last one has no teams.",
        ),
    ] = "hosted",
    bookings: Annotated[int, typer.Option(metavar="N", min=0, help="Number of sample bookings.")] = 1_254,
    seed: Annotated[
        int, typer.Option(metavar="N", help="Seed of the sample data. The same seed creates the same data.")
    ] = 0,
    limit: Annotated[int, typer.Option(metavar="N", min=1, help="Rate limit, in requests per window.")] = 120,
    window: Annotated[float, typer.Option(metavar="SECONDS", min=0.001, help="Length of the rate limit window.")] = 60,
    block: Annotated[
        float,
        typer.Option(metavar="SECONDS", min=0, help="How long requests are rejected after the limit is exceeded."),
    ] = 60,
    ties: Annotated[bool, typer.Option("--ties", help="Create many bookings with equal times.")] = False,
    legacy_formats: Annotated[
        bool,
        typer.Option("--legacy-formats", help="Also accept the forms of older documentation."),
    ] = False,
) -> None:
    """Run a local server with sample data.

    It behaves as Cal.com does. The first line of the output sets the variables that the other commands and the Python
    client read. The server runs until Ctrl-C and sends nothing to other machines.

    calcom-async sandbox --bookings 100000
    """
    from calcom_async.sandbox import Sandbox

    local_server = Sandbox(
        server=cast("ServerName", server),
        bookings=bookings,
        seed=seed,
        rate_limit=limit,
        window=window,
        block=block,
        ties=ties,
        legacy_formats=legacy_formats,
        port=port,
    )
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with ExitStack() as stack:
            try:
                stack.enter_context(local_server)
            except OSError as error:
                reason = os.strerror(error.errno) if error.errno else str(error)
                raise ConfigError(f"cannot listen on port {port}: {reason}. Try --port 0") from None
            echo(f"export CAL_API_URL={local_server.url} CAL_API_KEY={local_server.api_key}")
            stderr.print(f"{bookings:,} bookings, rate limit {limit} requests per {window:g} s. Press Ctrl-C to stop.")
            threading.Event().wait()
    except KeyboardInterrupt:
        stderr.print("stopped")
