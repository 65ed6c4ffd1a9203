"""Handlers of IP allowlists. The addresses are those that RFC 5737 reserves for documentation."""

from __future__ import annotations

from typing import Any

from calcom_async.sandbox.http import errors
from calcom_async.sandbox.http.call import Call
from calcom_async.sandbox.http.routing import Routes

ROUTES = Routes()


_METADATA = {"schemaVersion": "1"}
_SERVICES: dict[str, dict[str, Any]] = {
    "api": {"direction": "ingress-to-cal", "ipv4": ["198.51.100.0/28"]},
    "webhooks": {"direction": "egress-from-cal", "ipv4": ["192.0.2.0/28", "203.0.113.7/32"]},
}


@ROUTES.add("GET", "/v2/allowlists", auth="public", stateful=False)
def get_allowlists(call: Call) -> object:  # noqa: ARG001
    """Return the addresses of all services."""
    return {"metadata": _METADATA, "services": _SERVICES}


@ROUTES.add("GET", "/v2/allowlists/{service}", auth="public", stateful=False)
def get_allowlist(call: Call) -> object:
    """Return the addresses of one service. An unknown one is a 404."""
    # The addresses are those of documentation networks (RFC 5737).
    name = call.path["service"]
    if (service := _SERVICES.get(name)) is None:
        raise errors.not_found(f"Allowlist service {name} not found")
    return {"metadata": _METADATA, "service": {"name": name, **service}}
