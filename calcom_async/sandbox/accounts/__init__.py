"""Users, teams and their permissions; `/v2/me` and verified resources."""

from calcom_async.sandbox.accounts import me_handlers, verified_handlers

ROUTES = (
    *me_handlers.ROUTES,
    *verified_handlers.ROUTES,
)
