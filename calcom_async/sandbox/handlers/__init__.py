"""One module for each area of the API; importing them registers their routes."""

from . import (
    account,
    booking_lists,
    booking_people,
    bookings,
    calendars,
    event_types,
    me,
    organizations,
    schedules,
    slots,
    teams,
    webhooks,
)

__all__ = [
    "account",
    "booking_lists",
    "booking_people",
    "bookings",
    "calendars",
    "event_types",
    "me",
    "organizations",
    "schedules",
    "slots",
    "teams",
    "webhooks",
]
