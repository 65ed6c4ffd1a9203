"""Event types of users and teams, their private links and phone calls."""

from calcom_async.sandbox.event_types import handlers, phone_call_handlers, private_link_handlers

ROUTES = (
    *handlers.ROUTES,
    *phone_call_handlers.ROUTES,
    *private_link_handlers.ROUTES,
)
