"""Available slots and their reservations.

The slot computation returns the same lists as the self-hosted build of 2026-07 for all recorded queries, clock changes
included. Round robins and collective events follow measurements on the build of 2025-12.
"""

from calcom_async.sandbox.slots import handlers, reservation_handlers

ROUTES = (
    *handlers.ROUTES,
    *reservation_handlers.ROUTES,
)
