"""Schedules of the caller and of team members.

Sources: the caller's schedules come from recorded responses of the self-hosted build of 2026-07, those of members from
measurements on the build of 2025-12.
"""

from calcom_async.sandbox.schedules import handlers, member_handlers

ROUTES = (
    *handlers.ROUTES,
    *member_handlers.ROUTES,
)
