"""Roles and permissions of an organization and of its teams."""

from __future__ import annotations

from collections.abc import Sequence
from types import NoneType
from typing import Unpack

from calcom_async.models.roles import CreateRole, Permission, Role, UpdateRole
from calcom_async.pages import Pages
from calcom_async.pagination import PaginationSpec
from calcom_async.resources._base import List, Paging, Resource, drop_unset, listed

PAGINATION = PaginationSpec(maximum=250)
PERMISSIONS = "/roles/{}/permissions"


class Roles(Resource):
    """Roles; for admins and owners of the organization, also for its teams.

    A permission is `resource.action`, such as "booking.read"; an unknown one raises `BadRequestError`. System roles
    (such as "owner_role") are listed only: all other operations raise `NotFoundError` for them.
    """

    def list(self, **paging: Unpack[Paging]) -> Pages[Role]:
        """List all roles, 250 per page: the three system roles first, then custom ones."""
        return self._pages(Role, "/roles", pagination=PAGINATION, **paging)

    async def get(self, role_id: str) -> Role:
        """Fetch one custom role. Raises `NotFoundError`."""
        return await self._get(Role, "/roles/{}", role_id)

    async def create(
        self,
        *,
        name: str,
        color: str | None = None,
        description: str | None = None,
        permissions: Sequence[Permission] | None = None,
    ) -> Role:
        """Create a role. `color` is hexadecimal ("#1BA774"). A name that is taken raises `BadRequestError`."""
        body = CreateRole(name=name, color=color, description=description, permissions=_listed(permissions))
        return await self._post(Role, "/roles", body=body)

    async def update(
        self,
        role_id: str,
        *,
        name: str | None = None,
        color: str | None = None,
        description: str | None = None,
        permissions: Sequence[Permission] | None = None,
    ) -> Role:
        """Update the given fields; `permissions` is replaced as a whole. Builds of 2025 ignore `description`."""
        body = UpdateRole(name=name, color=color, description=description, permissions=_listed(permissions))
        return await self._patch(Role, "/roles/{}", role_id, body=body)

    async def delete(self, role_id: str) -> Role:
        """Delete a role. Returns the deleted role, without its permissions."""
        return await self._delete(Role, "/roles/{}", role_id)

    # Permissions

    async def permissions(self, role_id: str) -> List[Permission]:
        """List the permissions of a role."""
        return await self._get(List[Permission], PERMISSIONS, role_id)

    async def add_permissions(self, role_id: str, permissions: Sequence[Permission]) -> List[Permission]:
        """Add permissions; existing ones stay. Returns all permissions of the role."""
        body = drop_unset(permissions=_listed(permissions))
        return await self._post(List[Permission], PERMISSIONS, role_id, body=body)

    async def set_permissions(self, role_id: str, permissions: Sequence[Permission]) -> List[Permission]:
        """Replace all permissions. Returns all permissions of the role."""
        body = drop_unset(permissions=_listed(permissions))
        return await self._put(list[Permission], PERMISSIONS, role_id, body=body)

    async def remove_permissions(self, role_id: str, permissions: Sequence[Permission]) -> None:
        """Remove permissions; those that the role does not have are ignored."""
        # A DELETE without a body: the list is in the query, separated by commas.
        query = {"permissions": _listed(permissions)}
        await self._delete(NoneType, PERMISSIONS, role_id, query=query)

    async def remove_permission(self, role_id: str, permission: Permission) -> None:
        """Remove one permission; one that the role does not have is ignored."""
        await self._delete(NoneType, PERMISSIONS + "/{}", role_id, permission)


def _listed(permissions: Sequence[Permission] | None) -> List[Permission] | None:
    """Return permissions as a list; a single string, which is a sequence too, counts as one permission."""
    if permissions is None:
        return None
    return [permissions] if isinstance(permissions, str) else listed("permissions", permissions)
