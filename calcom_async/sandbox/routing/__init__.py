"""Routing forms and workflows, measured on the self-hosted build of 2025-12."""

from calcom_async.sandbox.routing import form_handlers, workflow_handlers

ROUTES = (
    *form_handlers.ROUTES,
    *workflow_handlers.ROUTES,
)
