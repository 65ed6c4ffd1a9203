"""Organisations: the scope that most of what is shared by people lies in."""

from __future__ import annotations

from calcom_async.resources._base import Resource
from calcom_async.resources.attributes import Attributes
from calcom_async.resources.bookings import OrganizationBookings, UserBookings
from calcom_async.resources.managed_organizations import DelegationCredentials, ManagedOrganizations
from calcom_async.resources.member_schedules import OrganizationSchedules
from calcom_async.resources.memberships import OrganizationMemberships
from calcom_async.resources.organization_users import OrganizationUsers
from calcom_async.resources.out_of_office import OutOfOffice, UserOutOfOffice
from calcom_async.resources.roles import Roles
from calcom_async.resources.routing_forms import OrganizationRoutingForms
from calcom_async.resources.schedules import UserSchedules
from calcom_async.resources.teams import OrganizationTeam, OrganizationTeams
from calcom_async.resources.webhooks import Webhooks


class OrganizationUser(Resource):
    """What belongs to one user of an organisation; for its admins and owners."""

    @property
    def bookings(self) -> UserBookings:
        """The user's bookings."""
        return self._below(UserBookings)

    @property
    def schedules(self) -> UserSchedules:
        """The user's working hours."""
        return self._below(UserSchedules)

    @property
    def out_of_office(self) -> UserOutOfOffice:
        """When the user is away."""
        return self._below(UserOutOfOffice)


class Organization(Resource):
    """What belongs to one organisation; most of it is for its admins and owners."""

    def team(self, team_id: int) -> OrganizationTeam:
        """One of its teams."""
        return self._below(OrganizationTeam, "/teams/{}", team_id)

    def user(self, user_id: int) -> OrganizationUser:
        """One of its users."""
        return self._below(OrganizationUser, "/users/{}", user_id)

    @property
    def teams(self) -> OrganizationTeams:
        """Its teams."""
        return self._below(OrganizationTeams)

    @property
    def users(self) -> OrganizationUsers:
        """Its users."""
        return self._below(OrganizationUsers)

    @property
    def memberships(self) -> OrganizationMemberships:
        """Who is in it, and as what."""
        return self._below(OrganizationMemberships)

    @property
    def bookings(self) -> OrganizationBookings:
        """Bookings of all its teams and members."""
        return self._below(OrganizationBookings)

    @property
    def schedules(self) -> OrganizationSchedules:
        """Working hours of all its users."""
        return self._below(OrganizationSchedules)

    @property
    def out_of_office(self) -> OutOfOffice:
        """When its users are away."""
        return self._below(OutOfOffice)

    @property
    def attributes(self) -> Attributes:
        """Attributes of its users, their options and who has which."""
        return self._below(Attributes)

    @property
    def roles(self) -> Roles:
        """Its roles and their permissions."""
        return self._below(Roles)

    @property
    def webhooks(self) -> Webhooks:
        """Its webhooks, which hear of every team and member."""
        return self._below(Webhooks)

    @property
    def routing_forms(self) -> OrganizationRoutingForms:
        """Its routing forms and their responses."""
        return self._below(OrganizationRoutingForms)

    @property
    def organizations(self) -> ManagedOrganizations:
        """Organisations that it manages; for platforms."""
        return self._below(ManagedOrganizations)

    @property
    def delegation_credentials(self) -> DelegationCredentials:
        """Workspace accounts that act for all its users."""
        return self._below(DelegationCredentials)
