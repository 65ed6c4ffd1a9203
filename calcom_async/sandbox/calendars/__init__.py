"""Calendars, conferencing apps and Stripe accounts.

Sources: errors and the ICS feed were measured on the self-hosted build of 2026-07. It had no account at Google,
Microsoft, Apple, Zoom or Stripe, so the responses of connected accounts follow the specification of March 2026.
"""

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
