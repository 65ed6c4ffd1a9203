"""Organisations that a platform organisation manages, and credentials that act for everybody in a domain."""

from __future__ import annotations

from typing import Unpack

from calcom_async.models.organizations import (
    CreateDelegationCredential,
    CreateManagedOrganization,
    DelegationCredential,
    ManagedOrganization,
    ServiceAccountKey,
    UpdateDelegationCredential,
    UpdateManagedOrganization,
)
from calcom_async.pages import Pages
from calcom_async.resources._base import Paging, Resource
from calcom_async.wire import Listing

LISTING = Listing(maximum=250, counted=True)


class ManagedOrganizations(Resource):
    """Organisations below a platform's own; for its admins. An unknown one is a `ForbiddenError`."""

    def list(
        self,
        *,
        slug: str | None = None,
        metadata_key: str | None = None,
        metadata_value: str | None = None,
        **paging: Unpack[Paging],
    ) -> Pages[ManagedOrganization]:
        """The managed organisations by id, 250 a page; `metadata_key` and `metadata_value` go together."""
        query = {"slug": slug, "metadataKey": metadata_key, "metadataValue": metadata_value}
        return self._pages(ManagedOrganization, "/organizations", listing=LISTING, query=query, **paging)

    async def get(self, organization_id: int) -> ManagedOrganization:
        """Fetch one organisation."""
        return await self._get(ManagedOrganization, "/organizations/{}", organization_id)

    async def create(self, organization: CreateManagedOrganization) -> ManagedOrganization:
        """Make an organisation. Only this answer holds its `api_key`; a slug that is taken is a `ConflictError`.

        A refusal may leave the organisation behind (400 for both key settings): look before you try again.
        """
        return await self._post(ManagedOrganization, "/organizations", body=organization)

    async def update(self, organization_id: int, changes: UpdateManagedOrganization) -> ManagedOrganization:
        """Change an organisation; what is not given stays, `metadata` replaces the whole object."""
        return await self._patch(ManagedOrganization, "/organizations/{}", organization_id, body=changes)

    async def delete(self, organization_id: int) -> ManagedOrganization:
        """Delete an organisation, and return it as it was."""
        return await self._delete(ManagedOrganization, "/organizations/{}", organization_id)


class DelegationCredentials(Resource):
    """Service accounts that let Cal.com use the calendars of everybody in a domain; for admins of the organisation.

    There is no list: keep the id.
    """

    async def create(
        self, *, workspace_platform_slug: str, domain: str, service_account_key: ServiceAccountKey
    ) -> DelegationCredential:
        """Add a service account of `google` or `office365`, disabled at first. A domain twice: `BadRequestError`."""
        body = CreateDelegationCredential(
            workspace_platform_slug=workspace_platform_slug, domain=domain, service_account_key=service_account_key
        )
        return await self._post(DelegationCredential, "/delegation-credentials", body=body)

    async def update(
        self,
        credential_id: str,
        *,
        enabled: bool | None = None,
        service_account_key: ServiceAccountKey | None = None,
    ) -> DelegationCredential:
        """Change what is given. Enabling one whose key does not work is a `ServerError`."""
        body = UpdateDelegationCredential(enabled=enabled, service_account_key=service_account_key)
        return await self._patch(DelegationCredential, "/delegation-credentials/{}", credential_id, body=body)
