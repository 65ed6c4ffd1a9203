"""Event pages: events on a fixed date that guests RSVP to."""

from datetime import datetime
from typing import Literal

from calcom_async.models._base import IntOrFloat, Model


class RsvpEventLocation(Model, frozen=True, kw_only=True, gc=False):
    """Where an event takes place; `type` tells which of the other fields is set."""

    type: Literal["address", "link", "integration", "organizersDefaultApp"] | str
    address: str | None = None
    link: str | None = None
    integration: str | None = None
    credential_id: int | None = None


class RsvpEvent(Model, frozen=True, kw_only=True):
    """An event page at cal.com/{slug}. It is neither an event type nor an event of a calendar."""

    uuid: str
    slug: str
    title: str
    description: str | None = None
    start_time: datetime
    end_time: datetime
    time_zone: str
    visibility: Literal["PUBLIC", "UNLISTED"] | str
    hidden: bool = False
    published_at: datetime | None = None
    cancelled_at: datetime | None = None
    locations: list[RsvpEventLocation] | None = None
    cover_image_url: str | None = None
    requires_approval: bool = False
    waitlist_enabled: bool = False
    confirmed_count: IntOrFloat | None = None
    """Number of confirmed guests; only in a list."""
