"""Schedules of the caller and of team members."""

from calcom_async.sandbox.schedules import handlers, member_handlers

ROUTES = (
    *handlers.ROUTES,
    *member_handlers.ROUTES,
)
