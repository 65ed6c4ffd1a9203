"""OAuth clients, managed users, tokens and API keys.

Sources: clients and managed users were measured on the self-hosted build of 2025-12, third-party OAuth2 on that of
2026-07 up to the checks of the client. Successful token responses follow the specification of March 2026 and RFC 6749.
"""

from calcom_async.sandbox.platform import client_handlers, token_handlers, unlisted_handlers

ROUTES = (
    *client_handlers.ROUTES,
    *token_handlers.ROUTES,
    *unlisted_handlers.ROUTES,
)
