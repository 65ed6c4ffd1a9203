"""Event types of users and teams, their private links and phone calls.

Sources: event types of users and their private links come from recorded responses of the self-hosted build of 2026-07,
those of teams from the build of 2025-12. Phone calls follow the specification of March 2026. Version 2026-06-12,
booking fields and history follow that of September 2026; the texts of their errors are made up.
"""

from calcom_async.sandbox.event_types import (
    booking_field_handlers,
    handlers,
    history_handlers,
    phone_call_handlers,
    private_link_handlers,
)

ROUTES = (
    *booking_field_handlers.ROUTES,
    *handlers.ROUTES,
    *history_handlers.ROUTES,
    *phone_call_handlers.ROUTES,
    *private_link_handlers.ROUTES,
)
