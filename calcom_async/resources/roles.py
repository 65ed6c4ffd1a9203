"""Roles and their permissions, of an organisation and of its teams."""

from __future__ import annotations

from collections.abc import Sequence
from types import NoneType
from typing import Unpack

from calcom_async.models.roles import CreateRole, Permission, Role, UpdateRole
from calcom_async.pages import Pages
from calcom_async.resources._base import List, Paging, Resource, given, listed
from calcom_async.wire import Listing

LISTING = Listing(maximum=250)
PERMISSIONS = "/roles/{}/permissions"


class Roles(Resource):
    """Roles; for admins and owners of the organisation, those of its teams as well.

    A permission is `resource.action`, such as "booking.read"; one that the server does not know is a `BadRequestError`.
    System roles ("owner_role" and its like) are only listed: everything else calls them a `NotFoundError`.
    """

    def list(self, **paging: Unpack[Paging]) -> Pages[Role]:
        """All roles, 250 a page: the three of the system first, then custom ones."""
        return self._pages(Role, "/roles", listing=LISTING, **paging)

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
        """Make a role. `color` is hexadecimal ("#1BA774"). A name that is taken is a `BadRequestError`."""
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
        """Change what is given; `permissions` replaces them all. A server of 2025 accepts and drops a `description`."""
        body = UpdateRole(name=name, color=color, description=description, permissions=_listed(permissions))
        return await self._patch(Role, "/roles/{}", role_id, body=body)

    async def delete(self, role_id: str) -> Role:
        """Delete a role and return it as it was."""
        return await self._delete(Role, "/roles/{}", role_id)

    # --- permissions

    async def permissions(self, role_id: str) -> List[Permission]:
        """List a role's permissions."""
        return await self._get(List[Permission], PERMISSIONS, role_id)

    async def add_permissions(self, role_id: str, permissions: Sequence[Permission]) -> List[Permission]:
        """Add permissions; answers all that the role has then. Those that it has already stay."""
        body = given(permissions=_listed(permissions))
        return await self._post(List[Permission], PERMISSIONS, role_id, body=body)

    async def set_permissions(self, role_id: str, permissions: Sequence[Permission]) -> List[Permission]:
        """Replace all permissions; answers those that the role has then."""
        body = given(permissions=_listed(permissions))
        return await self._put(list[Permission], PERMISSIONS, role_id, body=body)

    async def remove_permissions(self, role_id: str, permissions: Sequence[Permission]) -> None:
        """Take permissions away; those that the role has not are no error."""
        query = {"permissions": _listed(permissions)}
        await self._delete(NoneType, PERMISSIONS, role_id, query=query)

    async def remove_permission(self, role_id: str, permission: Permission) -> None:
        """Take one permission away; one that the role has not is no error."""
        await self._delete(NoneType, PERMISSIONS + "/{}", role_id, permission)


def _listed(permissions: Sequence[Permission] | None) -> List[Permission] | None:
    """A list of permissions; a single text, which is a sequence too, is one permission."""
    if permissions is None:
        return None
    return [permissions] if isinstance(permissions, str) else listed("permissions", permissions)
