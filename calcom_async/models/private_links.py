"""Private links: addresses that let somebody book an event type, for a while or a number of times."""

from datetime import datetime

from calcom_async.models._base import Model


class PrivateLink(Model, frozen=True, kw_only=True, gc=False):
    """A link that ends either at `expires_at` or after `max_usage_count` bookings; the other is None."""

    link_id: str
    event_type_id: int
    is_expired: bool
    booking_url: str
    expires_at: datetime | None = None
    max_usage_count: int | None = None
    usage_count: int | None = None


class DeletedPrivateLink(Model, frozen=True, kw_only=True, gc=False):
    """What is left of a deleted link."""

    link_id: str
    message: str
