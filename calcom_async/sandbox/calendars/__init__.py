"""Calendars, conferencing apps and Stripe accounts."""

from calcom_async.sandbox.calendars import (
    conferencing_handlers,
    event_handlers,
    handlers,
    selected_handlers,
    stripe_handlers,
)

ROUTES = (
    *conferencing_handlers.ROUTES,
    *event_handlers.ROUTES,
    *handlers.ROUTES,
    *selected_handlers.ROUTES,
    *stripe_handlers.ROUTES,
)
