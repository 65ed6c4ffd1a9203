"""Private links: URLs to book an event type for a limited time or number of bookings."""

from datetime import datetime

from calcom_async.models._base import Model


class PrivateLink(Model, frozen=True, kw_only=True, gc=False):
    """A link that expires at `expires_at` or after `max_usage_count` bookings; the other one is None."""

    link_id: str
    event_type_id: int
    is_expired: bool
    booking_url: str
    expires_at: datetime | None = None
    max_usage_count: int | None = None
    """-1 for any number of bookings."""
    usage_count: int | None = None


class DeletedPrivateLink(Model, frozen=True, kw_only=True, gc=False):
    """A deleted link."""

    link_id: str
    message: str
