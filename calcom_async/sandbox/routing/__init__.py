"""Routing forms and workflows."""

from calcom_async.sandbox.routing import form_handlers, workflow_handlers

ROUTES = (
    *form_handlers.ROUTES,
    *workflow_handlers.ROUTES,
)
