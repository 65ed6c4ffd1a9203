"""Delegation credentials of an organization."""

from __future__ import annotations

from typing import Unpack

from calcom_async.models.delegation_credentials import (
    CreateDelegationCredential,
    DelegationCredential,
    ServiceAccountKey,
    UpdateDelegationCredential,
    WorkspacePlatformSlug,
)
from calcom_async.pages import Pages
from calcom_async.pagination import PaginationSpec
from calcom_async.resources._base import Paging, Resource

PAGINATION = PaginationSpec(maximum=250)


class DelegationCredentials(Resource):
    """Service accounts that let Cal.com use the calendars of everyone in a domain; for organization admins.

    OAuth tokens cannot use them, since no scope includes them. Self-hosted servers have `create` and `update` only.
    """

    def list(self, *, domain: str | None = None, **paging: Unpack[Paging]) -> Pages[DelegationCredential]:
        """List all credentials, 250 per page, or the one of a `domain`.

        Needs the permission `organization.readDelegationCredentials`.
        """
        query = {"domain": domain}
        return self._pages(
            DelegationCredential, "/delegation-credentials", pagination=PAGINATION, query=query, **paging
        )

    async def get(self, credential_id: str) -> DelegationCredential:
        """Fetch one credential. Raises `NotFoundError`. Needs `organization.readDelegationCredentials`."""
        return await self._get(DelegationCredential, "/delegation-credentials/{}", credential_id)

    async def create(
        self,
        *,
        workspace_platform_slug: WorkspacePlatformSlug,
        domain: str,
        service_account_key: ServiceAccountKey,
        opt_out_auto_secret_rotation: bool | None = None,
    ) -> DelegationCredential:
        """Add a `google` or `office365` service account, initially disabled. Needs `organization.update`.

        A second one for a domain raises `BadRequestError`. Cal.com renews the client secret of an `office365` account
        unless `opt_out_auto_secret_rotation` is true.
        """
        # Not retried after a lost response: the second request would fail, as a domain has one credential.
        body = CreateDelegationCredential(
            workspace_platform_slug=workspace_platform_slug,
            domain=domain,
            service_account_key=service_account_key,
            opt_out_auto_secret_rotation=opt_out_auto_secret_rotation,
        )
        return await self._post(DelegationCredential, "/delegation-credentials", body=body)

    async def update(
        self,
        credential_id: str,
        *,
        enabled: bool | None = None,
        service_account_key: ServiceAccountKey | None = None,
        opt_out_auto_secret_rotation: bool | None = None,
    ) -> DelegationCredential:
        """Update the given fields. Needs `organization.update`.

        Enabling an account whose key does not work raises `ServerError`. `opt_out_auto_secret_rotation` raises
        `BadRequestError` for `google`.
        """
        body = UpdateDelegationCredential(
            enabled=enabled,
            service_account_key=service_account_key,
            opt_out_auto_secret_rotation=opt_out_auto_secret_rotation,
        )
        return await self._patch(DelegationCredential, "/delegation-credentials/{}", credential_id, body=body)

    async def delete(self, credential_id: str) -> DelegationCredential:
        """Delete a credential. Returns the deleted credential. Raises `NotFoundError`. Needs `organization.update`."""
        return await self._delete(DelegationCredential, "/delegation-credentials/{}", credential_id)

    async def reset_rotation(self, credential_id: str) -> DelegationCredential:
        """Let Cal.com renew the client secret again, after failures stopped it. Needs `organization.update`.

        Raises `BadRequestError` unless the credential is for `office365`, and `NotFoundError`.
        """
        # Only clears a failure, so it may be repeated.
        route = "/delegation-credentials/{}/reset-rotation"
        return await self._post(DelegationCredential, route, credential_id, idempotent=True)
