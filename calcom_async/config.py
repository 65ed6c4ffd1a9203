"""Config: all settings of a client other than its credentials, with their defaults."""

from __future__ import annotations

import os
from collections.abc import Mapping
from ipaddress import ip_address
from typing import Any, Literal
from urllib.parse import SplitResult, urlsplit

import msgspec

from calcom_async.errors import ConfigError, shown
from calcom_async.secret import Hidden, Secret
from calcom_async.versions import override_names

BASE_URL = "https://api.cal.com/v2"
BOOKING_URL = "https://cal.com"

SECRETS = ("api_key", "proxy", "base_url")
"""Settings that may contain a secret. A URL does if it contains a password."""

OWN_HEADERS = (
    "accept accept-encoding authorization cal-api-version connection content-encoding content-length content-type "
    "expect host if-none-match keep-alive proxy-authorization proxy-connection te trailer transfer-encoding upgrade "
    "user-agent x-cal-client-id x-cal-secret-key"
)
"""Headers that the client or aiohttp sets, or that would change how a message is read."""
_NAME_CHARACTERS = "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz"

_SWITCHES = ("allow_http", "read_only")
_POSITIVE = ("timeout", "connect_timeout", "total_timeout", "keepalive_expiry")
_COUNTS = ("max_attempts", "max_connections", "max_response_bytes")
_NOT_NEGATIVE = ("backoff_base", "backoff_max", "retry_budget")
_NOT_NEGATIVE_OR_NONE = ("max_wait", "cache_ttl")


class Config(msgspec.Struct, frozen=True, kw_only=True):
    """Settings of a client: frozen, picklable, and validated on creation. The repr hides the key.

    All times are in seconds. Raises `ConfigError` for an invalid value.
    """

    base_url: str = BASE_URL
    """Base URL of the API, with or without `/v2`, optionally with a path prefix. Plain HTTP only to loopback."""
    api_key: str | Secret | None = None
    """Key to use if the client is given no credentials; stored as a `Secret`."""
    booking_url: str = BOOKING_URL
    """Where the booking pages are, for `Calcom.link`: that of a self-hosted server differs."""
    allow_http: bool = False
    """Allow plain HTTP to other hosts than this machine. The key is then sent unencrypted."""
    read_only: bool = False
    """Raise `ReadOnlyError` instead of sending a request that may change data. It holds what would be sent."""
    proxy: str | Secret | None = None
    """URL of an HTTP proxy for all requests, `http://user:password@proxy.example.com:3128`; held as a `Secret`.

    None uses the proxy settings of the environment (`HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY`, `NO_PROXY`, or those of
    the operating system), and never a proxy for this machine.
    """

    timeout: float = 60.0
    """Timeout of one attempt, from sending to the last byte; waiting for the rate limit does not count."""
    connect_timeout: float = 10.0
    total_timeout: float = 300.0
    """Timeout of a call: all attempts and the pauses between them.

    Waiting in the queue for the rate limit does not count (see `max_wait`). The pause that a 429 demands does: if it is
    longer than the time left, the call raises `RateLimitedError` immediately.
    """
    max_attempts: int = 5
    backoff_base: float = 0.5
    """The pause before the first retry is random between 0 and this value; the maximum doubles each time."""
    backoff_max: float = 30.0
    retry_budget: float = 0.2
    """Average number of retries per call over all calls, so that an outage does not multiply the load on the server."""

    rate_limit: int | None = None
    """Initial limit in requests per minute, instead of the documented one. The first response replaces it."""
    max_wait: float | None = None
    """Longest wait for the rate limit. A longer one raises `RateLimitedError` immediately. None: no maximum."""
    priority: int = 0
    """Position in the queue for the rate limit; among the requests of one credential, lower numbers go first."""
    cache_ttl: float | None = None
    """Seconds for which event types are returned from memory; None disables the cache.

    After that time, a request checks whether they have changed; with 0, every read sends one. Concurrent
    identical reads share one request. After this client, or one made from it, writes an event type, the next read goes
    to the server.
    """

    max_connections: int = 100
    keepalive_expiry: float = 4.0
    """Close idle connections after this time, before the server does so after 5 s.

    A request on a connection that the server is closing fails, and nobody knows whether it was received.
    """
    max_response_bytes: int = 64 * 2**20
    api_versions: Mapping[str, str] | Literal["latest"] = {}
    """`cal-api-version` to send instead of the default, by area ("bookings") or operation ("bookings.list").

    An operation takes precedence over its area. "latest" sends the newest version everywhere, except to the lists of
    bookings. `calcom_async.versions` names all areas, operations and versions.
    """
    user_agent: str = ""
    headers: Mapping[str, str | Secret] = {}
    """Additional headers of every request, such as those of a gateway; the values are held as `Secret` objects.

    Headers that the client sets itself, such as Authorization, raise a `ConfigError`.
    """

    def __post_init__(self) -> None:
        # First of all, so that the traceback of a later error shows no secret.
        for name in SECRETS:
            if getattr(self, name) is not None:
                msgspec.structs.force_setattr(self, name, Secret(getattr(self, name)))
        msgspec.structs.force_setattr(self, "headers", hide_headers(self.headers))
        for name in SECRETS:
            value = getattr(self, name)
            if not (isinstance(value, Secret) and value.holds_text()) and (value is not None or name == "base_url"):
                raise ConfigError(f"Config.{name} must be a string")
        if isinstance(self.proxy, Secret):
            proxy_parts(self.proxy, "Config.proxy")
        for name in _SWITCHES:
            if not isinstance(getattr(self, name), bool):
                raise ConfigError(f"Config.{name} must be True or False, got {shown(getattr(self, name))}")
        msgspec.structs.force_setattr(self, "base_url", _checked_url(Secret(self.base_url), allow_http=self.allow_http))
        for name in _POSITIVE:
            if not (_is_number(getattr(self, name)) and getattr(self, name) > 0):
                raise ConfigError(f"Config.{name} must be a number > 0, got {shown(getattr(self, name))}")
        for name in _COUNTS:
            if not (_is_count(getattr(self, name)) and getattr(self, name) > 0):
                raise ConfigError(f"Config.{name} must be an integer >= 1, got {shown(getattr(self, name))}")
        for name in _NOT_NEGATIVE:
            if not (_is_number(getattr(self, name)) and getattr(self, name) >= 0):
                raise ConfigError(f"Config.{name} must be a number >= 0, got {shown(getattr(self, name))}")
        if self.rate_limit is not None and not (_is_count(self.rate_limit) and self.rate_limit >= 1):
            raise ConfigError(f"Config.rate_limit must be an integer >= 1, got {shown(self.rate_limit)}")
        for name in _NOT_NEGATIVE_OR_NONE:
            value = getattr(self, name)
            if value is not None and not (_is_number(value) and value >= 0):
                raise ConfigError(f"Config.{name} must be a number of seconds >= 0, or None, got {shown(value)}")
        # NaN differs from itself. It has no place in a queue that is ordered by priority.
        if not _is_number(self.priority) or self.priority != self.priority:
            raise ConfigError(f"Config.priority must be a number, got {shown(self.priority)}")
        _check_booking_url(self.booking_url)
        _check_api_versions(self.api_versions)
        if self.user_agent != "" and not is_header_value(self.user_agent):
            raise ConfigError("Config.user_agent must be printable ASCII without surrounding white space")
        msgspec.structs.force_setattr(self, "headers", _checked_headers(self.headers))

    def __rich_repr__(self) -> Any:
        for name, default in zip(self.__struct_fields__, self.__struct_defaults__, strict=True):
            value = getattr(self, name)
            if value not in (default, {}) or name == "base_url":
                yield name, str(value) if isinstance(value, Secret) else value

    def __repr__(self) -> str:
        return f"Config({', '.join(f'{name}={value!r}' for name, value in self.__rich_repr__())})"

    @classmethod
    def from_env(cls, **overrides: Any) -> Config:
        """Read `CAL_API_KEY` and `CAL_API_URL`, the variables of the official command line. Overrides take precedence.

        `CAL_ALLOW_HTTP=1` sets `allow_http`.
        """
        overrides = guarded(overrides)
        values: dict[str, Any] = {
            "api_key": Secret(os.environ.get("CAL_API_KEY", "")),
            "base_url": Secret(os.environ.get("CAL_API_URL", "")),
            "booking_url": os.environ.get("CAL_BOOKING_URL", ""),
            "allow_http": parse_switch("CAL_ALLOW_HTTP", os.environ.get("CAL_ALLOW_HTTP", "")),
        }
        return cls(**{name: value for name, value in values.items() if value and value != Secret("")} | overrides)


def guarded(fields: dict[str, Any]) -> dict[str, Any]:
    """Return the fields with secrets wrapped, for a function whose variables a traceback may show."""
    hidden = {name: Secret(value) for name, value in fields.items() if name in SECRETS and value is not None}
    if "headers" in fields:
        hidden["headers"] = hide_headers(fields["headers"])
    return fields | hidden


def hide_headers(headers: Any) -> Any:
    """Return headers with their values as secrets; anything but a mapping is hidden as a whole."""
    if isinstance(headers, Mapping):
        return {name: Secret(value) for name, value in headers.items()}
    return headers if isinstance(headers, Hidden) else Hidden(headers)


def parse_switch(variable: str, text: str) -> bool:
    """Return the boolean that the text of a variable means."""
    text = text.strip().lower()
    if text in {"1", "true", "yes", "on"}:
        return True
    if text in {"", "0", "false", "no", "off"}:
        return False
    raise ConfigError(f"{variable} must be 1 or 0, got {text!r}")


def is_header_value(value: object) -> bool:
    """Whether a value can be sent in a header."""
    return isinstance(value, str) and value.isascii() and value.isprintable() and value == value.strip() != ""


def _checked_headers(headers: Any) -> dict[str, Secret]:
    """Return the headers with their names in lower case."""
    if not isinstance(headers, Mapping):
        raise ConfigError(f"Config.headers must be a mapping of names to values, got {type(headers.reveal()).__name__}")
    checked = {}
    for name, value in headers.items():
        # An invalid name is not quoted: it may be a whole line with a secret in it.
        if not (isinstance(name, str) and name.isascii() and name) or name.lower().strip(_NAME_CHARACTERS):
            raise ConfigError("Config.headers: a name must be letters, digits and hyphens, such as X-Request-Id")
        if name.lower() in OWN_HEADERS.split():
            hint = "Set Config.user_agent instead" if name.lower() == "user-agent" else "Leave it out"
            raise ConfigError(f"Config.headers must not contain {name}: the client sets this header", hint=hint)
        if not is_header_value(value.reveal()):
            raise ConfigError(
                f"Config.headers: the value of {name} must be printable ASCII without surrounding white space"
            )
        checked[name.lower()] = value
    return checked


def _check_booking_url(url: object) -> None:
    parts = urlsplit(url) if isinstance(url, str) and url.isprintable() else None
    if parts is None or parts.scheme not in {"http", "https"} or not parts.hostname or "@" in parts.netloc:
        raise ConfigError(f"Config.booking_url must be a URL such as {BOOKING_URL}, got {shown(url)}")


def _check_api_versions(overrides: object) -> None:
    if overrides == "latest":
        return
    if not isinstance(overrides, Mapping):
        raise ConfigError(f'Config.api_versions must be a mapping or "latest", got {shown(overrides)}')
    for name, version in overrides.items():
        if name not in override_names():
            areas = ", ".join(sorted(name for name in override_names() if "." not in name))
            raise ConfigError(
                f"Config.api_versions: {shown(name)} is neither an area ({areas}) "
                'nor an operation that has versions, such as "bookings.list"'
            )
        if not is_header_value(version):
            raise ConfigError(f"Config.api_versions: the version of {name} must be a text, got {shown(version)}")


def _is_number(value: object) -> bool:
    # True and False are integers in Python. As a setting, such as timeout=True, they are a mistake.
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _checked_url(url: Secret, *, allow_http: bool) -> str:
    try:
        parts = Hidden(urlsplit(url.reveal()))
        parts.reveal().port  # noqa: B018 - raises ValueError for an invalid port
    except ValueError:
        parts = Hidden(urlsplit(""))
    # Reject URLs that may contain a secret before any message quotes the URL.
    if "@" in parts.reveal().netloc:
        raise ConfigError("the base URL must not contain a user name or password")
    if parts.reveal().query or parts.reveal().fragment:
        raise ConfigError("the base URL must not contain a query or fragment")
    # Without a scheme, `urlsplit` takes "user:password@host" as the path.
    if "@" in url.reveal():
        raise ConfigError(f"the base URL must look like {BASE_URL}")
    plain, place = url.reveal(), parts.reveal()
    if place.scheme not in {"http", "https"} or not place.hostname or " " in plain:
        raise ConfigError(f"the base URL must look like {BASE_URL}, got {plain!r:.200}")
    if not (plain.isascii() and plain.isprintable()):
        raise ConfigError(
            f"the base URL must be printable ASCII, got {plain!r:.200}. Write an international host as xn--..."
        )
    if sends_in_clear(plain) and not allow_http:
        raise ConfigError(
            f"refusing to send the API key over plain HTTP to {plain}", hint="Use https, or pass allow_http=True"
        )
    path = place.path.rstrip("/")
    return f"{place.scheme}://{place.netloc}{path if path.lower().endswith('/v2') else path + '/v2'}"


def sends_in_clear(url: str) -> bool:
    """Whether requests to a base URL leave this machine without encryption."""
    parts = urlsplit(url)
    return parts.scheme == "http" and not is_loopback(parts.hostname or "")


def proxy_parts(url: Secret, what: str) -> SplitResult:
    """Split the URL of a proxy; `what` names its source in errors. Never assign the result to a variable."""
    url = url.checked(what)
    # No message quotes the URL, which may contain a password.
    shape = "it must look like http://proxy.example.com:3128"
    try:
        parts = Hidden(urlsplit(url.reveal() if "://" in url.reveal() else f"http://{url.reveal()}"))
        port = parts.reveal().port
    except ValueError:
        port = -1
    if port == -1:
        raise ConfigError(f"{what} is not a URL; {shape}")
    scheme, host = parts.reveal().scheme, parts.reveal().hostname
    if scheme.startswith("socks"):
        raise ConfigError(f"{what} is a SOCKS proxy, which is not supported; {shape}")
    if scheme not in {"http", "https"} or not host or not (url.reveal().isascii() and url.reveal().isprintable()):
        raise ConfigError(f"{what} cannot be used; {shape}")
    return parts.reveal()


def is_loopback(host: str) -> bool:
    """Whether a host is this machine."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        # RFC 6761 reserves these names for this machine, so no DNS lookup is needed.
        return host == "localhost" or host.endswith(".localhost")
