"""Available slots and their reservations."""

from calcom_async.sandbox.slots import handlers, reservation_handlers

ROUTES = (
    *handlers.ROUTES,
    *reservation_handlers.ROUTES,
)
