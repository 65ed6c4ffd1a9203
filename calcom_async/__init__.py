"""Async Python SDK for Cal.com API v2.

    from calcom_async import Calcom

    async with Calcom("cal_live_...") as cal:
        async for booking in cal.bookings.list(status="upcoming"):
            print(booking.start, booking.title)

Models are in `calcom_async.models`. Names are imported when first used; importing the package does nothing else.
"""

from typing import TYPE_CHECKING

from calcom_async._lazy import lazy

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
        ExportLockedError,
        ForbiddenError,
        IncompleteListError,
        InvalidRequestError,
        NotFoundError,
        RateLimit,
        RateLimitedError,
        ServerError,
        SignatureError,
        SlotTakenError,
        TimedOutError,
        TokenExpiredError,
        TransportError,
        UnauthorizedError,
        UnknownOutcomeError,
        UnprocessableError,
    )
    from calcom_async.events import ClientEvent
    from calcom_async.pages import IncompleteListWarning, Pages
    from calcom_async.pagination import Page
    from calcom_async.rate_limiter import RateLimiter, TokenBucket
    from calcom_async.secret import Secret
    from calcom_async.watch import SlotChange, SlotQuery, SlotWatcher, StalenessWarning, WatchStats
    from calcom_async.webhooks import InMemoryDeduplicator, WebhookReceiver, WebhookRouter, sign, verify

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
        "ExportLockedError",
        "ForbiddenError",
        "IncompleteListError",
        "InvalidRequestError",
        "NotFoundError",
        "RateLimit",
        "RateLimitedError",
        "ServerError",
        "SignatureError",
        "SlotTakenError",
        "TimedOutError",
        "TokenExpiredError",
        "TransportError",
        "UnauthorizedError",
        "UnknownOutcomeError",
        "UnprocessableError",
    ),
    "events": ("ClientEvent",),
    "rate_limiter": ("RateLimiter", "TokenBucket"),
    "pages": ("IncompleteListWarning", "Pages"),
    "secret": ("Secret",),
    "watch": ("SlotChange", "SlotQuery", "SlotWatcher", "StalenessWarning", "WatchStats"),
    "webhooks": ("WebhookReceiver", "InMemoryDeduplicator", "WebhookRouter", "sign", "verify"),
    "pagination": ("Page",),
}
__all__ = [
    "AccessToken",
    "ApiError",
    "ApiKey",
    "BadRequestError",
    "Calcom",
    "CalcomError",
    "ClientEvent",
    "Config",
    "ConfigError",
    "ConflictError",
    "ConnectionFailedError",
    "DecodeError",
    "ExportError",
    "ExportLockedError",
    "ForbiddenError",
    "InMemoryDeduplicator",
    "IncompleteListError",
    "IncompleteListWarning",
    "InvalidRequestError",
    "NotFoundError",
    "Page",
    "Pages",
    "PlatformClient",
    "RateLimit",
    "RateLimitedError",
    "RateLimiter",
    "Secret",
    "ServerError",
    "SignatureError",
    "SlotChange",
    "SlotQuery",
    "SlotTakenError",
    "SlotWatcher",
    "StalenessWarning",
    "Stats",
    "TimedOutError",
    "TokenBucket",
    "TokenExpiredError",
    "Tokens",
    "TransportError",
    "UnauthorizedError",
    "UnknownOutcomeError",
    "UnprocessableError",
    "WatchStats",
    "WebhookReceiver",
    "WebhookRouter",
    "sign",
    "verify",
]

if not TYPE_CHECKING:  # a checker that saw it would take every misspelt name for Any
    __getattr__, __dir__ = lazy(__name__, _HOMES)
