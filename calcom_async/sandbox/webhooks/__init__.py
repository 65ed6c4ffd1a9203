"""Webhook subscriptions and deliveries."""

from calcom_async.sandbox.webhooks import handlers

ROUTES = (*handlers.ROUTES,)
