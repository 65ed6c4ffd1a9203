"""Open a client for a command, and check early that the server can be reached."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from calcom_async import diagnostics
from calcom_async.auth import Credentials
from calcom_async.cli.hints import NEW_KEY
from calcom_async.cli.options import Target
from calcom_async.cli.rate_limit_notices import AnnouncingLimiter
from calcom_async.cli.run import run
from calcom_async.client import Calcom
from calcom_async.config import BASE_URL, Config, sends_in_clear
from calcom_async.errors import ConfigError, ConnectionFailedError
from calcom_async.events import ClientEvent
from calcom_async.rate_limiter import RateLimiter, TokenBucket

T = TypeVar("T")

SANDBOX_BOOKINGS = 2_000
CONNECT_TIMEOUT = 4.0
NETWORK_HINT = "Check --base-url or CAL_API_URL, and the proxy settings (HTTPS_PROXY, HTTP_PROXY, ALL_PROXY)"


def config_of(target: Target) -> Config:
    """Return the settings of the environment with the base URL of the options."""
    base_url = {"base_url": target.base_url} if target.base_url else {}
    allow_http = target.allow_http or Config.from_env(base_url=BASE_URL).allow_http
    config = Config.from_env(**base_url, allow_http=True)
    if sends_in_clear(config.base_url) and not allow_http:
        raise ConfigError(
            f"{config.base_url} would send the API key unencrypted. Use https://, or allow it with --allow-http or "
            "CAL_ALLOW_HTTP=1"
        )
    return config


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
    settings |= {"on_event": on_event, "limiter": limiter}
    if target.sandbox:
        if target.base_url:
            raise ConfigError("--sandbox cannot be combined with --base-url: they select different servers")
        from calcom_async.sandbox import Sandbox

        with Sandbox(bookings=SANDBOX_BOOKINGS) as server:
            async with Calcom(credentials or server.api_key, base_url=server.url, **settings) as cal:
                yield cal
        return
    config = config_of(target)
    credentials = credentials or target.api_key
    if not (credentials or config.api_key):
        raise ConfigError(f"no API key: use --api-key, set CAL_API_KEY, or try --sandbox. {NEW_KEY}")
    async with Calcom(credentials, config=config, **settings) as cal:
        yield cal


async def check_reachable(cal: Calcom) -> None:
    """Check that the server accepts connections, and add to the error which option to check."""
    try:
        await diagnostics.check_reachable(cal, CONNECT_TIMEOUT)
    except ConnectionFailedError as error:
        error.add_note(f"{NETWORK_HINT}.")
        raise


def run_with_client(target: Target, work: Callable[[Calcom], Awaitable[T]], *, endless: bool = False) -> T:
    """Run `work` with an open client of a server that can be reached. See `run` for errors and `endless`."""

    async def main() -> T:
        async with connect(target) as cal:
            await check_reachable(cal)
            return await work(cal)

    return run(main(), endless=endless)
