"""Async Python SDK for Cal.com API v2.

    from calcom_async import Calcom

    async with Calcom("cal_live_...") as cal:
        async for booking in cal.bookings.list(status="upcoming"):
            print(booking.start, booking.title)

Models are in `calcom_async.models`. Names are imported when first used; importing the package does nothing else.
"""

from typing import TYPE_CHECKING

from calcom_async._lazy import lazy, parse_homes
from calcom_async._version import __version__ as __version__

if TYPE_CHECKING:
    from calcom_async.auth import (
        AccessToken as AccessToken,
        ApiKey as ApiKey,
        PlatformClient as PlatformClient,
        Tokens as Tokens,
    )
    from calcom_async.client import (
        Calcom as Calcom,
        Stats as Stats,
    )
    from calcom_async.concurrency import MapResult as MapResult
    from calcom_async.config import Config as Config
    from calcom_async.deprecation import DeprecatedOperationWarning as DeprecatedOperationWarning
    from calcom_async.errors import (
        ApiError as ApiError,
        BadRequestError as BadRequestError,
        CalcomError as CalcomError,
        ConfigError as ConfigError,
        ConflictError as ConflictError,
        ConnectionFailedError as ConnectionFailedError,
        DecodeError as DecodeError,
        ExportError as ExportError,
        ExportLockedError as ExportLockedError,
        ForbiddenError as ForbiddenError,
        IncompleteListError as IncompleteListError,
        InvalidRequestError as InvalidRequestError,
        NotFoundError as NotFoundError,
        RateLimit as RateLimit,
        RateLimitedError as RateLimitedError,
        ReadOnlyError as ReadOnlyError,
        ServerError as ServerError,
        SignatureError as SignatureError,
        SlotTakenError as SlotTakenError,
        TimedOutError as TimedOutError,
        TokenExpiredError as TokenExpiredError,
        TokenStoreError as TokenStoreError,
        TransportError as TransportError,
        UnauthorizedError as UnauthorizedError,
        UnfinishedExportError as UnfinishedExportError,
        UnknownOutcomeError as UnknownOutcomeError,
        UnprocessableError as UnprocessableError,
    )
    from calcom_async.events import ClientEvent as ClientEvent
    from calcom_async.pages import (
        CursorFallbackWarning as CursorFallbackWarning,
        IncompleteListWarning as IncompleteListWarning,
        Pages as Pages,
    )
    from calcom_async.pagination import Page as Page
    from calcom_async.rate_limiter import (
        RateLimiter as RateLimiter,
        TokenBucket as TokenBucket,
    )
    from calcom_async.secret import Secret as Secret
    from calcom_async.token_store import (
        FileTokenStore as FileTokenStore,
        TokenStore as TokenStore,
    )
    from calcom_async.watch import (
        BookingChange as BookingChange,
        BookingWatcher as BookingWatcher,
        SlotChange as SlotChange,
        SlotQuery as SlotQuery,
        SlotWatcher as SlotWatcher,
        StalenessWarning as StalenessWarning,
        WatchStats as WatchStats,
    )
    from calcom_async.webhooks import (
        InMemoryDeduplicator as InMemoryDeduplicator,
        WebhookReceiver as WebhookReceiver,
        WebhookRouter as WebhookRouter,
        sign as sign,
        verify as verify,
    )


_HOMES = parse_homes("""
    auth: AccessToken ApiKey PlatformClient Tokens
    client: Calcom Stats
    concurrency: MapResult
    config: Config
    errors: ApiError BadRequestError CalcomError ConfigError ConflictError ConnectionFailedError DecodeError
        ExportError ExportLockedError ForbiddenError IncompleteListError InvalidRequestError NotFoundError RateLimit
        RateLimitedError ReadOnlyError ServerError SignatureError SlotTakenError TimedOutError TokenExpiredError
        TokenStoreError TransportError UnauthorizedError UnfinishedExportError UnknownOutcomeError UnprocessableError
    deprecation: DeprecatedOperationWarning
    events: ClientEvent
    rate_limiter: RateLimiter TokenBucket
    pages: CursorFallbackWarning IncompleteListWarning Pages
    secret: Secret
    token_store: FileTokenStore TokenStore
    watch: BookingChange BookingWatcher SlotChange SlotQuery SlotWatcher StalenessWarning WatchStats
    webhooks: WebhookReceiver InMemoryDeduplicator WebhookRouter sign verify
    pagination: Page
""")

if not TYPE_CHECKING:  # type checkers see the imports above; with `__getattr__` they would accept every name
    __all__, __getattr__, __dir__ = lazy(__name__, _HOMES)
