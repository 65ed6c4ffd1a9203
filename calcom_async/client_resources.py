"""Resources of the client, each imported when it is first used."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Generic, NoReturn, Self, TypeVar, overload

from calcom_async.resources._base import Resource, ResourceContext

if TYPE_CHECKING:
    from calcom_async.resources.allowlists import IpAllowlists
    from calcom_async.resources.api_keys import ApiKeys
    from calcom_async.resources.bookings import Bookings
    from calcom_async.resources.calendars import Calendars
    from calcom_async.resources.conferencing import Conferencing
    from calcom_async.resources.credits import Credits
    from calcom_async.resources.event_types import EventTypes
    from calcom_async.resources.insights import Insights
    from calcom_async.resources.me import Me
    from calcom_async.resources.notifications import Notifications
    from calcom_async.resources.oauth2 import OAuth2
    from calcom_async.resources.oauth_clients import OAuthClient, OAuthClients
    from calcom_async.resources.organizations import Organization
    from calcom_async.resources.routing_forms import UserRoutingForms
    from calcom_async.resources.rsvp_events import RsvpEvents
    from calcom_async.resources.schedules import Schedules
    from calcom_async.resources.slots import Slots
    from calcom_async.resources.stripe import Stripe
    from calcom_async.resources.teams import Team, Teams
    from calcom_async.resources.verified_resources import VerifiedResources
    from calcom_async.resources.webhooks import Webhooks
    from calcom_async.resources.workflows import UserWorkflows

R = TypeVar("R", bound=Resource)


class resource(Generic[R]):  # noqa: N801 - used like `property`
    """A resource of the client, imported and created when it is first used."""

    def __init__(self, module: str, class_name: str, doc: str) -> None:
        self.module = module
        self.class_name = class_name
        self.__doc__ = doc

    def __set_name__(self, owner: type[ClientResources], name: str) -> None:
        self.name = name

    @overload
    def __get__(self, client: None, owner: type[ClientResources]) -> Self: ...
    @overload
    def __get__(self, client: ClientResources, owner: type[ClientResources]) -> R: ...
    def __get__(self, client: ClientResources | None, owner: type[ClientResources]) -> Self | R:
        if client is None:
            return self
        found: R | None = client.__dict__.get(self.name)
        if found is None:
            cls = getattr(import_module(f"calcom_async.resources.{self.module}"), self.class_name)
            found = client.__dict__[self.name] = cls(client._context)  # noqa: SLF001 - a part of the client
        return found

    def __set__(self, client: ClientResources, value: Any) -> NoReturn:
        raise AttributeError(f"{self.name} of a Calcom client cannot be set")


class ClientResources:
    """The resources of a client, and the scopes that have more of them."""

    _context: ResourceContext

    # Resources. Importing all of them would cost 11 % of the import of aiohttp, so each is imported at first use.

    me: resource[Me] = resource("me", "Me", "The user that the credentials belong to.")
    event_types: resource[EventTypes] = resource("event_types", "EventTypes", "The user's event types.")
    bookings: resource[Bookings] = resource("bookings", "Bookings", "Bookings that the credentials can see.")
    schedules: resource[Schedules] = resource("schedules", "Schedules", "The user's working hours.")
    slots: resource[Slots] = resource("slots", "Slots", "Available times, and reservations of them.")
    webhooks: resource[Webhooks] = resource("webhooks", "Webhooks", "The user's webhooks.")
    calendars: resource[Calendars] = resource("calendars", "Calendars", "Connected calendars and their busy times.")
    teams: resource[Teams] = resource("teams", "Teams", "Teams that the user is a member of.")
    verified_resources: resource[VerifiedResources] = resource(
        "verified_resources", "VerifiedResources", "Verified email addresses and phone numbers."
    )
    conferencing: resource[Conferencing] = resource("conferencing", "Conferencing", "The user's video apps.")
    insights: resource[Insights] = resource("insights", "Insights", "Statistics of bookings and routing forms.")
    workflows: resource[UserWorkflows] = resource("workflows", "UserWorkflows", "Workflows of the user's event types.")
    stripe: resource[Stripe] = resource("stripe", "Stripe", "The user's Stripe account.")
    routing_forms: resource[UserRoutingForms] = resource(
        "routing_forms", "UserRoutingForms", "Slots for answers to routing forms."
    )
    credits: resource[Credits] = resource("credits", "Credits", "Credits for text messages, phone calls and AI agents.")
    notifications: resource[Notifications] = resource(
        "notifications", "Notifications", "Notifications on devices and in chats."
    )
    events: resource[RsvpEvents] = resource("rsvp_events", "RsvpEvents", "Event pages that guests RSVP to; read only.")
    allowlists: resource[IpAllowlists] = resource(
        "allowlists", "IpAllowlists", "IP addresses that Cal.com uses, for firewalls."
    )
    oauth_clients: resource[OAuthClients] = resource("oauth_clients", "OAuthClients", "OAuth clients of a platform.")
    oauth2: resource[OAuth2] = resource("oauth2", "OAuth2", "Third-party OAuth2: clients and tokens.")
    api_keys: resource[ApiKeys] = resource("api_keys", "ApiKeys", "The API key in use, and its refresh.")

    # Scopes: what belongs to one team, organization or OAuth client.

    def team(self, team_id: int) -> Team:
        """Return the resources of one team outside an organization: event types, bookings, memberships and more."""
        from calcom_async.resources.teams import Team

        return Team(self._context, "/teams/{}", team_id)

    def organization(self, organization_id: int) -> Organization:
        """Return the resources of one organization: teams, users, bookings and more."""
        from calcom_async.resources.organizations import Organization

        return Organization(self._context, "/organizations/{}", organization_id)

    def oauth_client(self, client_id: str) -> OAuthClient:
        """Return the resources of one OAuth client: managed users and webhooks."""
        from calcom_async.resources.oauth_clients import OAuthClient

        return OAuthClient(self._context, "/oauth-clients/{}", client_id)
