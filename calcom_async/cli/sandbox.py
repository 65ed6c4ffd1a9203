"""`sandbox`: a Cal.com on this machine."""

from __future__ import annotations

import signal
import threading
from typing import Annotated

import typer

from calcom_async.cli.terminal import echo, say, stderr


def sandbox(
    port: Annotated[int, typer.Option(min=0, max=65_535, help="The port on 127.0.0.1; 0 takes a free one.")] = 8765,
    bookings: Annotated[int, typer.Option(min=0, help="How many made-up bookings.")] = 1_254,
    seed: Annotated[int, typer.Option(help="The same seed makes the same world.")] = 0,
    limit: Annotated[int, typer.Option(min=1, help="Calls that a window allows, as the real one does.")] = 120,
    window: Annotated[float, typer.Option(min=0.001, help="Seconds of a window.")] = 60,
    block: Annotated[float, typer.Option(min=0, help="Seconds of refusals after one call too many.")] = 60,
    ties: Annotated[bool, typer.Option("--ties", help="Let many bookings share their times.")] = False,
    seed_dialect: Annotated[
        bool,
        typer.Option("--seed-dialect", help="Also accept the forms of older documentation."),
    ] = False,
) -> None:
    """Run a Cal.com with made-up data until Ctrl-C. Nothing leaves this machine."""
    from calcom_async.sandbox import Sandbox

    server = Sandbox(
        bookings=bookings,
        seed=seed,
        rate_limit=limit,
        window=window,
        block=block,
        ties=ties,
        seed_dialect=seed_dialect,
        port=port,
    )
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with server:
            echo(f"export CAL_API_URL={server.url} CAL_API_KEY={server.api_key}")
            stderr.print(f"{bookings:,} bookings, {limit} calls in {window:g} s; Ctrl-C ends it.")
            threading.Event().wait()
    except OSError as error:
        say("[red]error:[/]", f"cannot listen on port {port}: {error.strerror}. Try --port 0")
        raise typer.Exit(2) from None
    except KeyboardInterrupt:
        stderr.print("stopped")
