"""Check the arguments of `Calcom`, and choose its config and its credentials. No I/O."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from calcom_async.auth import ApiKey, Credentials
from calcom_async.config import Config
from calcom_async.errors import ConfigError
from calcom_async.secret import Secret

if TYPE_CHECKING:
    from calcom_async.credential_provider import CredentialsProvider


def build_config(config: Config | None, fields: Mapping[str, Any]) -> Config:
    """Return the config with the keyword arguments of `Calcom` as fields."""
    known = Config.__struct_fields__
    if unknown := [name for name in fields if name not in known]:
        raise ConfigError(f"Calcom() has no setting {unknown[0]!r}. The settings are {', '.join(known)}")
    return msgspec.structs.replace(config, **fields) if config else Config.from_env(**fields)


def wrap_credentials(credentials: Any) -> Any:
    """Hide credentials that are neither an object made for them nor a function: they may be a key of the wrong type."""
    is_function = callable(credentials) and not isinstance(credentials, type)
    is_known = credentials is None or hasattr(credentials, "fingerprint") or is_function
    return credentials if is_known else Secret(credentials)


def check_arguments(config: object, session: object, limiter: object, on_event: object, trace_configs: object) -> None:
    """Raise `ConfigError` for an argument of `Calcom` that has the wrong type."""
    if not isinstance(config, Config | None):
        raise ConfigError(f"config must be a Config, got {type(config).__name__}")
    if session is not None and not (hasattr(session, "request") and hasattr(session, "closed")):
        raise ConfigError(f"session must be an aiohttp.ClientSession, got {type(session).__name__}")
    if limiter is not None and not all(hasattr(limiter, name) for name in ("acquire", "release", "stats")):
        raise ConfigError(f"limiter must have the methods of RateLimiter, got {type(limiter).__name__}")
    if on_event is not None and not callable(on_event):
        raise ConfigError(f"on_event must be a function, got {type(on_event).__name__}")
    if not isinstance(trace_configs, Sequence) or isinstance(trace_configs, str | bytes):
        raise ConfigError(f"trace_configs must be a list, got {type(trace_configs).__name__}")


def choose_credentials(given: Credentials | Secret | str | CredentialsProvider | None, config: Config) -> Credentials:
    """Return the credentials to use: those given, else the API key of the config."""
    if given is None and config.api_key is not None:
        given = Secret(config.api_key)
    if given is None:
        raise ConfigError(
            "no credentials",
            hint="Pass an API key to Calcom(), or set CAL_API_KEY. Only Config.from_env() reads the environment",
        )
    if isinstance(given, str | Secret):
        given = Secret(given)
        if not given.holds_text():
            raise ConfigError(
                "credentials must be an API key (str), an ApiKey, a PlatformClient, an AccessToken or a function, got "
                f"{type(given.reveal()).__name__}"
            )
        return ApiKey(given)
    if callable(given):
        from calcom_async.credential_provider import ProvidedCredentials

        return ProvidedCredentials(given)
    return given
