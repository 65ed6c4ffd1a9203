"""Routing forms: questions whose answers select an event type, a message or a URL."""

from datetime import date, datetime
from typing import Any

from calcom_async.models._base import Model
from calcom_async.models.bookings import Routing
from calcom_async.models.slots import Slot, SlotDays


class RoutingForm(Model, frozen=True, kw_only=True):
    """A form. Its fields and routes are plain JSON, as the form editor stores them."""

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
    """The questions; answers refer to their `identifier`. Documented as an object, sent as a list."""
    routes: list[dict[str, Any]] | dict[str, Any] | None = None
    """Checked in order; the fallback matches everything else. Documented as an object, sent as a list."""
    settings: dict[str, Any] | None = None


class RoutingFormResponse(Model, frozen=True, kw_only=True):
    """Answers of one person; `response` contains a `{label, value}` per field id."""

    id: int
    form_id: str
    form_filler_id: str
    routed_to_booking_uid: str | None = None
    """The resulting booking."""
    response: dict[str, Any]
    created_at: datetime


class RoutedSlots(Model, frozen=True, kw_only=True):
    """The event type that the answers select, and its free slots by date."""

    event_type_id: int
    slots: dict[date, list[Slot]]

    @property
    def days(self) -> SlotDays:
        """The slots as `cal.slots.search` returns them."""
        return SlotDays(self.slots or {})


class RoutedResponse(Model, frozen=True, kw_only=True):
    """Route of a new response: an event type, a message or a URL; the other fields are None.

    For an event type, book one of `slots` with this `event_type_id` and `routing`.
    """

    event_type_id: int | None = None
    # Exactly one of the three routes is set: `event_type_id` with `routing` and `slots`, a message, or a URL.
    routing: Routing | None = None
    slots: dict[date, list[Slot]] | None = None
    routing_custom_message: str | None = None
    routing_external_redirect_url: str | None = None

    @property
    def days(self) -> SlotDays:
        """The slots as `cal.slots.search` returns them; empty if the route is not an event type."""
        return SlotDays(self.slots or {})
