"""Organizations: the scope of users, teams and the resources they share."""

from __future__ import annotations

from calcom_async.resources._base import Resource
from calcom_async.resources.attributes import Attributes
from calcom_async.resources.bookings import OrganizationBookings, UserBookings
from calcom_async.resources.conferencing import UserConferencing
from calcom_async.resources.delegation_credentials import DelegationCredentials
from calcom_async.resources.managed_organizations import ManagedOrganizations
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
    """One user of an organization; for its admins and owners."""

    @property
    def bookings(self) -> UserBookings:
        """Bookings of the user."""
        return self._child(UserBookings)

    @property
    def schedules(self) -> UserSchedules:
        """Schedules of the user."""
        return self._child(UserSchedules)

    @property
    def out_of_office(self) -> UserOutOfOffice:
        """Out-of-office entries of the user."""
        return self._child(UserOutOfOffice)

    @property
    def conferencing(self) -> UserConferencing:
        """Conferencing apps of the user."""
        return self._child(UserConferencing)


class Organization(Resource):
    """One organization; most operations are for its admins and owners."""

    def team(self, team_id: int) -> OrganizationTeam:
        """One team of the organization."""
        return self._child(OrganizationTeam, "/teams/{}", team_id)

    def user(self, user_id: int) -> OrganizationUser:
        """One user of the organization."""
        return self._child(OrganizationUser, "/users/{}", user_id)

    @property
    def teams(self) -> OrganizationTeams:
        """Teams of the organization."""
        return self._child(OrganizationTeams)

    @property
    def users(self) -> OrganizationUsers:
        """Users of the organization."""
        return self._child(OrganizationUsers)

    @property
    def memberships(self) -> OrganizationMemberships:
        """Memberships of the organization: users and their roles."""
        return self._child(OrganizationMemberships)

    @property
    def bookings(self) -> OrganizationBookings:
        """Bookings of all teams and members."""
        return self._child(OrganizationBookings)

    @property
    def schedules(self) -> OrganizationSchedules:
        """Schedules of all users."""
        return self._child(OrganizationSchedules)

    @property
    def out_of_office(self) -> OutOfOffice:
        """Out-of-office entries of all users."""
        return self._child(OutOfOffice)

    @property
    def attributes(self) -> Attributes:
        """Attributes of the members, their options and assignments."""
        return self._child(Attributes)

    @property
    def roles(self) -> Roles:
        """Roles and their permissions."""
        return self._child(Roles)

    @property
    def webhooks(self) -> Webhooks:
        """Webhooks of the organization, called for events of all its teams and members."""
        return self._child(Webhooks)

    @property
    def routing_forms(self) -> OrganizationRoutingForms:
        """Routing forms and their responses."""
        return self._child(OrganizationRoutingForms)

    @property
    def organizations(self) -> ManagedOrganizations:
        """Organizations managed by this one; for platforms."""
        return self._child(ManagedOrganizations)

    @property
    def delegation_credentials(self) -> DelegationCredentials:
        """Service accounts that act for all users."""
        return self._child(DelegationCredentials)
