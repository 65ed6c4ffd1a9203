"""Bookings: creation, changes, attendees and lists.

Sources: shapes, messages and the order of the checks come from recorded responses of the self-hosted build of 2026-07,
and for teams, hosts and permissions of the build of 2025-12. Races between concurrent requests were measured on both.
Success responses for recordings, transcripts and video sessions follow the specification of March 2026. Blocking and
reporting follow that of September 2026.
"""

from calcom_async.sandbox.bookings import (
    attendee_handlers,
    email_verification_handlers,
    handlers,
    list_handlers,
    report_handlers,
)

ROUTES = (
    *attendee_handlers.ROUTES,
    *email_verification_handlers.ROUTES,
    *handlers.ROUTES,
    *list_handlers.ROUTES,
    *report_handlers.ROUTES,
)
