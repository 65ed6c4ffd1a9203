"""Webhook subscriptions and deliveries.

Sources: subscriptions and deliveries were recorded from the self-hosted build of 2026-07, those of organizations and
FORM_SUBMITTED from the build of 2025-12. Triggers that neither could cause follow the specification of March 2026.
"""

from calcom_async.sandbox.webhooks import handlers

ROUTES = (*handlers.ROUTES,)
