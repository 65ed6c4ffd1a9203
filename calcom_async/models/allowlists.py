"""IP addresses that Cal.com uses, for firewalls."""

from typing import Literal

from calcom_async.models._base import Model

AllowlistDirection = Literal["ingress-to-cal", "egress-from-cal"] | str


# The shapes are those of the specification of September 2026; no server has been seen to return them.
class AllowlistMetadata(Model, frozen=True, kw_only=True, gc=False):
    """Version of the format."""

    schema_version: str


class AllowlistService(Model, frozen=True, kw_only=True):
    """The addresses of a service of Cal.com."""

    direction: AllowlistDirection
    """Whether requests go to these addresses, or come from them."""
    ipv4: list[str]
    """Networks in CIDR notation."""
    name: str | None = None
    """Set only by `cal.allowlists.get`."""


class Allowlists(Model, frozen=True, kw_only=True):
    """The addresses of all services, by their names."""

    metadata: AllowlistMetadata | None = None
    services: dict[str, AllowlistService]


class Allowlist(Model, frozen=True, kw_only=True):
    """The addresses of one service."""

    metadata: AllowlistMetadata | None = None
    service: AllowlistService
