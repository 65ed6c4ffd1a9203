"""Open a client for a command, and check early that the server can be reached."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from calcom_async import diagnostics
from calcom_async.auth import Credentials
from calcom_async.cli.hints import NEW_KEY
from calcom_async.cli.options import Target
from calcom_async.cli.profile_files import load_default_profile, load_dotenv, load_profile
from calcom_async.cli.rate_limit_notices import AnnouncingLimiter
from calcom_async.cli.run import run
from calcom_async.cli.settings import VARIABLES, Connection, Source, choose, from_variables
from calcom_async.cli.terminal import print_status
from calcom_async.client import Calcom
from calcom_async.errors import ConfigError, ConnectionFailedError, UnauthorizedError
from calcom_async.events import ClientEvent
from calcom_async.rate_limiter import RateLimiter, TokenBucket
from calcom_async.secret import Secret

T = TypeVar("T")

SANDBOX_BOOKINGS = 2_000
CONNECT_TIMEOUT = 4.0
NETWORK_HINT = "Check --base-url or CAL_API_URL, and the proxy settings (HTTPS_PROXY, HTTP_PROXY, ALL_PROXY)"


def sources(target: Target) -> Iterator[Source]:
    """Yield the places that a URL and a key can come from, the first ones first. Files are read only when needed."""
    yield Source("--base-url", "--api-key", _secret(target.base_url), _secret(target.api_key))
    if target.profile:
        yield load_profile(target.profile)
    yield _environment()
    if not target.profile and (default := load_default_profile()):
        yield default
    if dotenv := load_dotenv():
        yield dotenv


def _secret(text: str | None) -> Secret | None:
    return Secret(text) if text else None


def _environment() -> Source:
    return from_variables({name: Secret(os.environ.get(name, "")) for name in VARIABLES})


def connection_of(target: Target, *, keys_of: str | None = None) -> Connection:
    """Return the base URL and the API key of the options, or of the other sources; see `settings`."""
    if target.profile and (target.base_url or target.api_key):
        option = "--base-url" if target.base_url else "--api-key"
        raise ConfigError(f"--profile cannot be combined with {option}: the profile has a base URL and an API key")
    environment = _environment()
    return choose(
        sources(target),
        allow_http=target.allow_http or environment.allow_http,
        booking_url=environment.booking_url,
        keys_of=keys_of,
    )


def origin_of(target: Target) -> str:
    """Return where the API key and the base URL of a command come from, in words and without the key."""
    return "built-in sandbox" if target.sandbox else connection_of(target).origin


@asynccontextmanager
async def connect(
    target: Target,
    on_event: Callable[[ClientEvent], object] | None = None,
    *,
    limiter: RateLimiter | None = None,
    credentials: Credentials | str | None = None,
    announce_waits: bool = True,
    **settings: Any,
) -> AsyncIterator[Calcom]:
    """Open a client, with --sandbox for a new built-in server. `settings` are those of `Calcom`.

    `announce_waits=False` is for a command that displays the waits for the rate limit itself.
    """
    if announce_waits:
        limiter = AnnouncingLimiter(TokenBucket() if limiter is None else limiter)
    if target.debug:
        on_event = _printing(on_event)
    settings |= {"on_event": on_event, "limiter": limiter}
    if target.sandbox:
        if other := "--base-url" if target.base_url else "--profile" if target.profile else None:
            raise ConfigError(f"--sandbox cannot be combined with {other}: they select different servers")
        from calcom_async.sandbox import Sandbox

        with Sandbox(bookings=SANDBOX_BOOKINGS) as server:
            async with Calcom(credentials or server.api_key, base_url=server.url, **settings) as cal:
                yield cal
        return
    connection = connection_of(target, keys_of="--accounts" if credentials else None)
    if not (credentials or connection.api_key):
        raise ConfigError(
            "no API key: use --api-key, set CAL_API_KEY, add a profile (calcom-async profiles add), or try --sandbox. "
            f"{NEW_KEY}"
        )
    if target.debug:
        print_status("debug:", f"using {connection.origin}")
    async with Calcom(credentials or connection.api_key, config=connection.config, **settings) as cal:
        try:
            yield cal
        except (ConnectionFailedError, UnauthorizedError) as error:
            error.add_note(f"Used: {connection.origin}.")
            raise


def _printing(on_event: Callable[[ClientEvent], object] | None) -> Callable[[ClientEvent], None]:
    """Return a callback that prints an event and passes it on."""

    def print_event(event: ClientEvent) -> None:
        if on_event is not None:
            on_event(event)
        if event.kind not in ("call", "page"):
            print_status("debug:", _describe(event))

    return print_event


def _describe(event: ClientEvent) -> str:
    what = f"{event.method} {event.path}"
    if event.kind == "wait":
        return f"{what}: waited {event.seconds:.3f} s for the rate limit"
    if event.kind == "retry":
        return f"{what}: retry in {event.seconds:.3f} s, after attempt {event.attempt}"
    left = "" if event.remaining is None else f", {event.remaining:,} requests left"
    return f"{what}: {event.status or 'no response'} in {event.seconds:.3f} s{left}"


async def check_reachable(cal: Calcom) -> None:
    """Check that the server accepts connections, and add to the error which option to check."""
    try:
        await diagnostics.check_reachable(cal, CONNECT_TIMEOUT)
    except ConnectionFailedError as error:
        error.add_note(f"{NETWORK_HINT}.")
        raise


def run_with_client(
    target: Target, work: Callable[[Calcom], Awaitable[T]], *, endless: bool = False, dry_run: bool = False
) -> T:
    """Run `work` with an open client of a server that can be reached.

    With `dry_run`, the first request that would change data ends the command: it is printed instead of sent. See `run`
    for errors and `endless`.
    """

    async def main() -> T:
        async with connect(target, read_only=dry_run) as cal:
            await check_reachable(cal)
            return await work(cal)

    return run(main(), endless=endless)
