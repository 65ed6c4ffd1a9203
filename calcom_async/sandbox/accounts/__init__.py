"""Users, teams and their permissions; `/v2/me`, verified resources, credits, notifications, events and allowlists.

Sources: `/v2/me` was measured on both self-hosted builds, 2025-12 and 2026-07. The order of the guards of teams and
organizations and their messages were measured on the build of 2025-12, since that of 2026-07 has neither. Contacts
could not be verified there, so the responses to a right code follow the specification of March 2026. Credits,
notifications, events and allowlists follow that of September 2026; of these only the balance of credits was seen, on
the hosted API. Booking limits follow it as well, and the hosted API showed the user's own; the errors are guesses.
"""

from calcom_async.sandbox.accounts import (
    allowlist_handlers,
    booking_limit_handlers,
    credit_handlers,
    event_page_handlers,
    me_handlers,
    notification_handlers,
    verified_handlers,
)

ROUTES = (
    *me_handlers.ROUTES,
    *booking_limit_handlers.ROUTES,
    *verified_handlers.ROUTES,
    *credit_handlers.ROUTES,
    *notification_handlers.ROUTES,
    *event_page_handlers.ROUTES,
    *allowlist_handlers.ROUTES,
)
