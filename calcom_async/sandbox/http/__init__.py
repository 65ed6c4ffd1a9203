"""The HTTP machinery of the sandbox, which knows nothing of bookings.

Headers, body limits, parser errors, the rate limiter and the shapes of errors were recorded from the self-hosted build
of 2026-07.
"""
