"""Organizations that a platform organization manages."""

from __future__ import annotations

from typing import Unpack

from calcom_async.models.organizations import (
    CreateManagedOrganization,
    ManagedOrganization,
    UpdateManagedOrganization,
)
from calcom_async.pages import Pages
from calcom_async.pagination import PaginationSpec
from calcom_async.resources._base import Paging, Resource

# Apart from bookings, the only list of the API with a total.
PAGINATION = PaginationSpec(maximum=250, has_total=True)


class ManagedOrganizations(Resource):
    """Organizations managed by a platform organization; for its admins. An unknown id raises `ForbiddenError`."""

    def list(
        self,
        *,
        slug: str | None = None,
        metadata_key: str | None = None,
        metadata_value: str | None = None,
        **paging: Unpack[Paging],
    ) -> Pages[ManagedOrganization]:
        """List managed organizations by id, 250 per page; `metadata_key` and `metadata_value` go together."""
        query = {"slug": slug, "metadataKey": metadata_key, "metadataValue": metadata_value}
        return self._pages(ManagedOrganization, "/organizations", pagination=PAGINATION, query=query, **paging)

    async def get(self, organization_id: int) -> ManagedOrganization:
        """Fetch one organization."""
        return await self._get(ManagedOrganization, "/organizations/{}", organization_id)

    async def create(self, organization: CreateManagedOrganization) -> ManagedOrganization:
        """Create an organization.

        Only this response contains its `api_key`. A slug that is taken raises `ConflictError`.

        An error may leave the organization behind (400 if both settings of the key are given): check before you retry.
        """
        return await self._post(ManagedOrganization, "/organizations", body=organization)

    async def update(self, organization_id: int, changes: UpdateManagedOrganization) -> ManagedOrganization:
        """Update the given fields of an organization. `metadata` is replaced as a whole."""
        return await self._patch(ManagedOrganization, "/organizations/{}", organization_id, body=changes)

    async def delete(self, organization_id: int) -> ManagedOrganization:
        """Delete an organization. Returns the deleted organization."""
        return await self._delete(ManagedOrganization, "/organizations/{}", organization_id)
