"""Users, teams and their permissions; `/v2/me` and verified resources.

Sources: `/v2/me` was measured on both self-hosted builds, 2025-12 and 2026-07. The order of the guards of teams and
organizations and their messages were measured on the build of 2025-12, since that of 2026-07 has neither. Contacts
could not be verified there, so the responses to a right code follow the specification of March 2026.
"""

from calcom_async.sandbox.accounts import me_handlers, verified_handlers

ROUTES = (
    *me_handlers.ROUTES,
    *verified_handlers.ROUTES,
)
