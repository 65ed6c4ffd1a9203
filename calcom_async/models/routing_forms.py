"""Routing forms: questions whose answers decide which event type, page or message somebody gets."""

from datetime import date, datetime
from typing import Any

from calcom_async.models._base import Model
from calcom_async.models.bookings import Routing
from calcom_async.models.slots import Slot, SlotDays


class RoutingForm(Model, frozen=True, kw_only=True):
    """A form with its fields and routes as the form editor stores them, which is why they stay plain JSON."""

    id: str
    name: str
    description: str | None = None
    position: int
    created_at: datetime
    updated_at: datetime
    updated_by_id: int | None = None
    user_id: int
    team_id: int | None = None
    disabled: bool
    fields: list[dict[str, Any]] | dict[str, Any] | None = None
    """The questions; `identifier` of each is its key in the answers. Documented as an object, sent as a list."""
    routes: list[dict[str, Any]] | dict[str, Any] | None = None
    """Tried from the first; the fallback takes what no other matches. Documented as an object, sent as a list."""
    settings: dict[str, Any] | None = None


class RoutingFormResponse(Model, frozen=True, kw_only=True):
    """Somebody's answers; `response` holds a `{label, value}` for each field id."""

    id: int
    form_id: str
    form_filler_id: str
    routed_to_booking_uid: str | None = None
    """The booking that came of it."""
    response: dict[str, Any]
    created_at: datetime


class RoutedSlots(Model, frozen=True, kw_only=True):
    """The event type that the answers lead to, and its free slots by date."""

    event_type_id: int
    slots: dict[date, list[Slot]]

    @property
    def days(self) -> SlotDays:
        """The slots as `cal.slots.search` returns them."""
        return SlotDays(self.slots or {})


class RoutedResponse(Model, frozen=True, kw_only=True):
    """Where a new response leads: to an event type, to a message or to another site; the rest is None.

    For an event type, book one of `slots` with this `event_type_id` and `routing`.
    """

    event_type_id: int | None = None
    routing: Routing | None = None
    slots: dict[date, list[Slot]] | None = None
    routing_custom_message: str | None = None
    routing_external_redirect_url: str | None = None

    @property
    def days(self) -> SlotDays:
        """The slots as `cal.slots.search` returns them; empty where the form leads elsewhere."""
        return SlotDays(self.slots or {})
