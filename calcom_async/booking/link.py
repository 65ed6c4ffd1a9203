"""BookingLink: the slots and bookings of the event type that a booking link names."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import date, datetime
from typing import Any, Unpack

from calcom_async.booking_links import BookingTarget
from calcom_async.errors import InvalidRequestError, NotFoundError
from calcom_async.models.bookings import Attendee, Booking
from calcom_async.models.slots import SlotDays
from calcom_async.resources.bookings import BookingFields
from calcom_async.resources.event_types import EventTypes
from calcom_async.resources.slots import Slots


class BookingLink:
    """A booking link, of which the event type can be searched for slots and booked. Create it with `cal.link(url)`.

    `target` holds what the link names. Links to event types of users and teams are public, so they need no credentials.
    A private link (`/d/...`) works only for the owner of its event type, which takes two requests or more to find. A
    link to several users (`/first+second/...`) can be searched in an organization, and not be booked.
    """

    def __init__(
        self, target: BookingTarget, *, slots: Slots, event_types: EventTypes, book: Callable[..., Awaitable[Booking]]
    ) -> None:
        self.target = target
        self._slots = slots
        self._event_types = event_types
        self._book = book
        self._event_type_id: int | None = None

    def __repr__(self) -> str:
        return f"<BookingLink to {self.target!r}>"

    async def slots(
        self, *, start: date | datetime | str, end: date | datetime | str, time_zone: str | None = None
    ) -> SlotDays:
        """Return the free slots from `start` to `end`, by date in `time_zone`. See `cal.slots.search`."""
        keywords = self.target.search_keywords
        if self.target.private_link_id is not None:
            keywords = {"duration": self.target.duration, **await self._event_type()}
        return await self._slots.search(start=start, end=end, time_zone=time_zone, **keywords)

    async def book(
        self,
        *,
        start: datetime | str,
        attendee: Attendee,
        idempotency_key: str | None = None,
        **fields: Unpack[BookingFields],
    ) -> Booking:
        """Book the event type. See `cal.book`; the link selects the event type and, if it has one, the length."""
        if self.target.usernames:
            raise InvalidRequestError(
                "Cal.com's API cannot book a meeting with several users by their names; book it on the page of the link"
            )
        options: dict[str, Any] = {**fields, **await self._event_type()}
        # Only if the link names a length: event types with one length reject it.
        if self.target.duration is not None:
            options.setdefault("length_in_minutes", self.target.duration)
        return await self._book(start=start, attendee=attendee, idempotency_key=idempotency_key, **options)

    async def _event_type(self) -> dict[str, Any]:
        """Return the keywords that select the event type."""
        if self.target.private_link_id is None:
            return self.target.event_type
        if self._event_type_id is None:
            self._event_type_id = await self._find_private(self.target.private_link_id)
        return {"event_type_id": self._event_type_id}

    async def _find_private(self, private_link_id: str) -> int:
        """Find the event type of a private link among those of the credentials: the API has no way to open a link."""
        async for event_type in self._event_types.list():
            if event_type.slug != self.target.event_type_slug:
                continue
            async for link in self._event_types.private_links(event_type.id).list():
                if link.link_id == private_link_id:
                    return event_type.id
        raise NotFoundError(
            f"no event type {self.target.event_type_slug} of these credentials has this private link",
            status=404,
            hint="Cal.com's API can open a private link only for the owner of its event type",
        )
