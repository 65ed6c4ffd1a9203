"""Bookings: creation, changes, attendees and lists."""

from calcom_async.sandbox.bookings import attendee_handlers, handlers, list_handlers

ROUTES = (
    *attendee_handlers.ROUTES,
    *handlers.ROUTES,
    *list_handlers.ROUTES,
)
