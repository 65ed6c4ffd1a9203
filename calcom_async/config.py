"""Config: everything about the client that is not a credential object, with the defaults in one place."""

from __future__ import annotations

import os
from collections.abc import Mapping
from ipaddress import ip_address
from math import nan
from typing import Any
from urllib.parse import urlsplit

import msgspec

from calcom_async.errors import ConfigError

BASE_URL = "https://api.cal.com/v2"

AREAS = ("bookings", "event_types", "schedules", "slots")
"""Areas of the API whose paths need a `cal-api-version`."""

_POSITIVE = (
    "timeout",
    "connect_timeout",
    "deadline",
    "keepalive",
    "max_attempts",
    "max_connections",
    "max_response_bytes",
)
_NOT_NEGATIVE = ("backoff_base", "backoff_cap", "retry_budget")
_NOT_NEGATIVE_OR_NONE = ("max_wait", "cache_ttl")


class Config(msgspec.Struct, frozen=True, kw_only=True):
    """Settings of a client: frozen, picklable, checked when made; its repr hides the key.

    All times are seconds. Raises `ConfigError` for a value that cannot work.
    """

    base_url: str = BASE_URL
    """Where the API lives, with or without `/v2`, with a path prefix if there is one. Plain http only to loopback."""
    api_key: str | None = None
    """The key to use when the client is given no credentials."""
    allow_http: bool = False
    """Permit plain http to other hosts than this machine. The key then travels in clear."""

    timeout: float = 60.0
    """One attempt, from the moment it is sent to the last byte; waiting for the rate limit does not count."""
    connect_timeout: float = 10.0
    deadline: float = 300.0
    """All attempts of one call together with the pauses between them; waiting for the rate limit does not count."""
    max_attempts: int = 5
    backoff_base: float = 0.5
    """The first pause before a repeat is drawn from 0 to this, each next one from 0 to twice as much."""
    backoff_cap: float = 30.0
    retry_budget: float = 0.2
    """Repeats that the client may make per call, on average: trouble must not multiply the load on the server."""

    rate_limit: int | None = None
    """Calls a minute to start from, instead of the documented limit; the figure of the first answer replaces it."""
    max_wait: float | None = None
    """Longest wait for the rate limit before `RateLimitedError` is raised at once; None waits as long as it takes."""
    priority: int = 0
    """Place in the queue for the rate limit; lower goes first among the waiting calls of one credential."""
    cache_ttl: float | None = None
    """Seconds for which event types that were read are answered from memory; None asks each time.

    Later the server is asked whether they changed, which is a call like any other; 0 does so each time. Equal reads
    that meet are one call. Event types that this client, or one made from it, writes are read anew at once.
    """

    max_connections: int = 100
    keepalive: float = 4.0
    """Idle connections are dropped after this, before the server does so after its 5 s."""
    max_response_bytes: int = 64 * 2**20
    versions: Mapping[str, str] = {}
    """`cal-api-version` by area ("bookings", "event_types", "schedules", "slots"), where yours differs from ours."""
    user_agent: str = ""

    def __post_init__(self) -> None:
        msgspec.structs.force_setattr(self, "base_url", _checked_url(self.base_url, allow_http=self.allow_http))
        for name in _POSITIVE:
            if not _number(getattr(self, name)) > 0:
                raise ConfigError(f"Config.{name} must be a number above 0, not {getattr(self, name)!r}")
        for name in _NOT_NEGATIVE:
            if not _number(getattr(self, name)) >= 0:
                raise ConfigError(f"Config.{name} must be a number from 0 on, not {getattr(self, name)!r}")
        if self.rate_limit is not None and not _number(self.rate_limit) >= 1:
            raise ConfigError(f"Config.rate_limit must be at least 1 a minute, not {self.rate_limit!r}")
        for name in _NOT_NEGATIVE_OR_NONE:
            value = getattr(self, name)
            if value is not None and not _number(value) >= 0:
                raise ConfigError(f"Config.{name} must be seconds from 0 on, or None, not {value!r}")
        if _number(self.priority) != self.priority:
            raise ConfigError(f"Config.priority must be a number, not {self.priority!r}")
        for area, version in self.versions.items():
            if area not in AREAS or not isinstance(version, str):
                raise ConfigError(
                    f"Config.versions holds texts by area ({', '.join(AREAS)}), not {area!r}: {version!r}"
                )

    def __rich_repr__(self) -> Any:
        for name, default in zip(self.__struct_fields__, self.__struct_defaults__, strict=True):
            value = getattr(self, name)
            if value not in (default, {}) or name == "base_url":
                yield name, "***" if name == "api_key" else value

    def __repr__(self) -> str:
        return f"Config({', '.join(f'{name}={value!r}' for name, value in self.__rich_repr__())})"

    @classmethod
    def from_env(cls, **overrides: Any) -> Config:
        """Read `CAL_API_KEY` and `CAL_API_URL`, the variables of the official command line; overrides win.

        `CAL_ALLOW_HTTP=1` sets `allow_http`.
        """
        found = {
            "api_key": os.environ.get("CAL_API_KEY"),
            "base_url": os.environ.get("CAL_API_URL"),
            "allow_http": _switch("CAL_ALLOW_HTTP"),
        }
        return cls(**{name: value for name, value in found.items() if value} | overrides)


def _switch(variable: str) -> bool:
    """The value of a variable that is on or off."""
    text = os.environ.get(variable, "").strip().lower()
    if text in {"1", "true", "yes", "on"}:
        return True
    if text in {"", "0", "false", "no", "off"}:
        return False
    raise ConfigError(f"{variable} must be 1 or 0, got {text!r}")


def _number(value: Any) -> float:
    """The value if it is a number, else what compares with nothing."""
    return value if isinstance(value, int | float) else nan


def _checked_url(url: str, *, allow_http: bool) -> str:
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018 - it is read for its ValueError
    except ValueError as error:
        raise ConfigError(f"the base URL must look like {BASE_URL}; the given one is invalid: {error}") from None
    # What may hold a secret is refused before anything is quoted in a message.
    if "@" in parts.netloc:
        raise ConfigError("the base URL must not contain a user name or password")
    if parts.query or parts.fragment:
        raise ConfigError("the base URL must not contain a query or fragment")
    if parts.scheme not in {"http", "https"} or not parts.hostname or " " in url:
        raise ConfigError(f"the base URL must look like {BASE_URL}, got {url!r}")
    if sends_in_clear(url) and not allow_http:
        raise ConfigError(f"{url} would send the API key unencrypted: use https, or pass allow_http=True")
    path = parts.path.rstrip("/")
    return f"{parts.scheme}://{parts.netloc}{path if path.lower().endswith('/v2') else path + '/v2'}"


def sends_in_clear(url: str) -> bool:
    """Whether requests to a base URL leave this machine without encryption."""
    parts = urlsplit(url)
    return parts.scheme == "http" and not _is_loopback(parts.hostname or "")


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
