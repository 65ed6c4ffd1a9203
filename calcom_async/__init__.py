"""Async Python SDK for Cal.com API v2.

    from calcom_async import Calcom

    async with Calcom("cal_live_...") as cal:
        async for booking in cal.bookings.list(status="upcoming"):
            print(booking.start, booking.title)

Models are in `calcom_async.models`. Names are imported when first used; importing the package does nothing else.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from calcom_async.auth import AccessToken, ApiKey, PlatformClient, Tokens
    from calcom_async.client import Calcom, Stats
    from calcom_async.config import Config
    from calcom_async.errors import (
        ApiError,
        BadRequestError,
        CalcomError,
        ConfigError,
        ConflictError,
        ConnectionFailedError,
        DecodeError,
        ExportError,
        ForbiddenError,
        IncompleteListError,
        InvalidRequestError,
        NotFoundError,
        RateLimitedError,
        ServerError,
        TimedOutError,
        TokenExpiredError,
        TransportError,
        UnauthorizedError,
        UnprocessableError,
    )
    from calcom_async.events import Event
    from calcom_async.limiter import Limiter, TokenBucket
    from calcom_async.pages import IncompleteListWarning, Pages
    from calcom_async.wire import Page

__version__ = "0.1.0"

_HOMES = {
    "auth": ("AccessToken", "ApiKey", "PlatformClient", "Tokens"),
    "client": ("Calcom", "Stats"),
    "config": ("Config",),
    "errors": (
        "ApiError",
        "BadRequestError",
        "CalcomError",
        "ConfigError",
        "ConflictError",
        "ConnectionFailedError",
        "DecodeError",
        "ExportError",
        "ForbiddenError",
        "IncompleteListError",
        "InvalidRequestError",
        "NotFoundError",
        "RateLimitedError",
        "ServerError",
        "TimedOutError",
        "TokenExpiredError",
        "TransportError",
        "UnauthorizedError",
        "UnprocessableError",
    ),
    "events": ("Event",),
    "limiter": ("Limiter", "TokenBucket"),
    "pages": ("IncompleteListWarning", "Pages"),
    "wire": ("Page",),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__all__ = [
    "AccessToken",
    "ApiError",
    "ApiKey",
    "BadRequestError",
    "Calcom",
    "CalcomError",
    "Config",
    "ConfigError",
    "ConflictError",
    "ConnectionFailedError",
    "DecodeError",
    "Event",
    "ExportError",
    "ForbiddenError",
    "IncompleteListError",
    "IncompleteListWarning",
    "InvalidRequestError",
    "Limiter",
    "NotFoundError",
    "Page",
    "Pages",
    "PlatformClient",
    "RateLimitedError",
    "ServerError",
    "Stats",
    "TimedOutError",
    "TokenBucket",
    "TokenExpiredError",
    "Tokens",
    "TransportError",
    "UnauthorizedError",
    "UnprocessableError",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOME_OF[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
