"""Verified email addresses and phone numbers of a user, a team, or a team of an organization."""

from __future__ import annotations

from types import NoneType
from typing import Any, ClassVar, Unpack

from calcom_async.models.verified_resources import VerifiedEmail, VerifiedPhone
from calcom_async.pages import Pages
from calcom_async.pagination import PaginationSpec
from calcom_async.requests import EndpointLimit
from calcom_async.resources._base import Paging, Resource, secret_argument
from calcom_async.resources._not_found import require_found
from calcom_async.secret import Secret

PAGINATION = PaginationSpec(maximum=250)
EMAIL: Any = VerifiedEmail | None
PHONE: Any = VerifiedPhone | None

OWNERS = {"": "users", "/teams/{}": "teams", "/organizations/{}/teams/{}": "org_teams"}
"""Name of each scope in the names of its rate limits."""
# Own limits in requests per minute, from the headers of self-hosted servers of 2025-12 and 2026-07. All others have the
# general limit.
LIMITS = {
    ("users", "emails_requests"): 5,
    ("users", "phones_requests"): 3,
    ("users", "phones_verify"): 3,
    ("teams", "emails_requests"): 5,
    ("teams", "phones_requests"): 3,
    ("teams", "phones_verify"): 3,
    ("org_teams", "emails_requests"): 3,
    ("org_teams", "phones_requests"): 3,
    ("org_teams", "phones_verify"): 3,
}
# The limit that a verification counts against. For a user's email address it is the one named after phones.
VERIFICATIONS = {
    ("users", "emails"): "phones_verify",
    ("teams", "phones"): "phones_verify",
    ("org_teams", "phones"): "phones_verify",
}


class VerifiedResources(Resource):
    """Addresses that workflows may send messages to, verified by a code.

    Two steps: `request_code` sends the code, `verify` takes it. Both have low rate limits of their own, for which the
    client waits. These paths ignore `cal-api-version`, so the client sends none. For a team: for its admins.
    """

    @property
    def emails(self) -> VerifiedEmails:
        """Verified email addresses."""
        return self._child(VerifiedEmails)

    @property
    def phones(self) -> VerifiedPhones:
        """Verified phone numbers."""
        return self._child(VerifiedPhones)


class _Verified(Resource):
    """Base of both kinds."""

    kind: ClassVar[str]
    field: ClassVar[str]

    async def _request_code(self, address: str) -> None:
        endpoint_limit = self._endpoint_limit(f"{self.kind}_requests")
        body, route = {self.field: address}, self._path("/verification-code/request")
        await self._post(NoneType, route, body=body, endpoint_limit=endpoint_limit)

    async def _verify(self, model: type[Any], address: str, code: Secret) -> Any:
        # Not retried, like the request of a code: a code works once, and a wrong guess counts against the limit.
        endpoint_limit = self._endpoint_limit(VERIFICATIONS.get((OWNERS[self._scope], self.kind)))
        body = {self.field: address, "code": secret_argument(code, "code")}
        return await self._post(
            model, self._path("/verification-code/verify"), body=body, endpoint_limit=endpoint_limit
        )

    def _path(self, rest: str = "") -> str:
        return f"/verified-resources/{self.kind}{rest}"

    def _endpoint_limit(self, name: str | None) -> EndpointLimit | None:
        owner = OWNERS[self._scope]
        return EndpointLimit(f"{owner}_verified_resources_{name}", LIMITS[owner, name]) if name else None


class VerifiedEmails(_Verified):
    """Verified email addresses."""

    kind = "emails"
    field = "email"

    def list(self, **paging: Unpack[Paging]) -> Pages[VerifiedEmail]:
        """List all addresses, 250 per page. The list of a user includes those verified for teams."""
        return self._pages(VerifiedEmail, self._path(), pagination=PAGINATION, **paging)

    async def get(self, id: int) -> VerifiedEmail:
        """Fetch one address by its id. Raises `NotFoundError`, although the server returns null."""
        verified: VerifiedEmail = require_found(
            await self._get(EMAIL, self._path("/{}"), id), f"verified email address {id}"
        )
        return verified

    async def request_code(self, email: str) -> None:
        """Send a code to an address.

        Raises `ConflictError` if it is verified. Never retried: each request sends an email.
        """
        await self._request_code(email)

    async def verify(self, email: str, *, code: str | Secret) -> VerifiedEmail:
        """Verify an address with the code that was sent to it. A wrong code raises `BadRequestError`."""
        code = Secret(code)
        verified: VerifiedEmail = await self._verify(VerifiedEmail, email, code)
        return verified


class VerifiedPhones(_Verified):
    """Verified phone numbers, such as `+351912345678`."""

    kind = "phones"
    field = "phone"

    def list(self, **paging: Unpack[Paging]) -> Pages[VerifiedPhone]:
        """List all numbers, 250 per page. The list of a user includes those verified for teams."""
        return self._pages(VerifiedPhone, self._path(), pagination=PAGINATION, **paging)

    async def get(self, id: int) -> VerifiedPhone:
        """Fetch one number by its id. Raises `NotFoundError`, although the server returns null."""
        verified: VerifiedPhone = require_found(
            await self._get(PHONE, self._path("/{}"), id), f"verified phone number {id}"
        )
        return verified

    async def request_code(self, phone: str) -> None:
        """Send a code to a number. Never retried: each request sends a message."""
        await self._request_code(phone)

    async def verify(self, phone: str, *, code: str | Secret) -> VerifiedPhone:
        """Verify a number with the code that was sent to it. A wrong code raises `BadRequestError`."""
        code = Secret(code)
        verified: VerifiedPhone = await self._verify(VerifiedPhone, phone, code)
        return verified
