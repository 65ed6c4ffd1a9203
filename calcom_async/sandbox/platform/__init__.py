"""OAuth clients, managed users, tokens and API keys."""

from calcom_async.sandbox.platform import client_handlers, token_handlers

ROUTES = (
    *client_handlers.ROUTES,
    *token_handlers.ROUTES,
)
