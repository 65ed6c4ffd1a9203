"""Verified e-mail addresses and phone numbers, of a user, a team, or a team of an organisation."""

from __future__ import annotations

from types import NoneType
from typing import Any, ClassVar, Unpack

from calcom_async.models.verified_resources import VerifiedEmail, VerifiedPhone
from calcom_async.pages import Pages
from calcom_async.resources._base import Paging, Resource, secret_argument
from calcom_async.resources._found import found
from calcom_async.secret import Secret
from calcom_async.wire import Listing, Throttle

LISTING = Listing(maximum=250)
EMAIL: Any = VerifiedEmail | None
PHONE: Any = VerifiedPhone | None

OWNERS = {"": "users", "/teams/{}": "teams", "/organizations/{}/teams/{}": "org_teams"}
"""How the limits call whom a scope belongs to."""
# Limits of their own, calls a minute, as the headers of a real server told them; what is missing has the general one.
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
# Which limit a verification counts against: a user's e-mail address carries the name meant for phones.
VERIFICATIONS = {
    ("users", "emails"): "phones_verify",
    ("teams", "phones"): "phones_verify",
    ("org_teams", "phones"): "phones_verify",
}


class VerifiedResources(Resource):
    """Where workflows may send messages to: addresses whose owner has read out a code.

    Two steps each: `request_code` sends one, `verify` takes it. Few calls a minute are allowed, and the client waits
    for them. These paths know no `cal-api-version`, so none is sent. For a team, its admins may do this.
    """

    @property
    def emails(self) -> VerifiedEmails:
        """E-mail addresses."""
        return self._below(VerifiedEmails)

    @property
    def phones(self) -> VerifiedPhones:
        """Phone numbers."""
        return self._below(VerifiedPhones)


class _Verified(Resource):
    """The operations of both kinds."""

    kind: ClassVar[str]
    field: ClassVar[str]

    async def _request_code(self, address: str) -> None:
        throttle = self._throttle(f"{self.kind}_requests")
        body, template = {self.field: address}, self._path("/verification-code/request")
        await self._post(NoneType, template, body=body, throttle=throttle)

    async def _verify(self, model: type[Any], address: str, code: Secret) -> Any:
        throttle = self._throttle(VERIFICATIONS.get((OWNERS[self._scope], self.kind)))
        body = {self.field: address, "code": secret_argument(code, "code")}
        return await self._post(model, self._path("/verification-code/verify"), body=body, throttle=throttle)

    def _path(self, rest: str = "") -> str:
        return f"/verified-resources/{self.kind}{rest}"

    def _throttle(self, name: str | None) -> Throttle | None:
        owner = OWNERS[self._scope]
        return Throttle(f"{owner}_verified_resources_{name}", LIMITS[owner, name]) if name else None


class VerifiedEmails(_Verified):
    """Verified e-mail addresses."""

    kind = "emails"
    field = "email"

    def list(self, **paging: Unpack[Paging]) -> Pages[VerifiedEmail]:
        """All addresses, 250 a page; a user's list holds those that they verified for teams as well."""
        return self._pages(VerifiedEmail, self._path(), listing=LISTING, **paging)

    async def get(self, id: int) -> VerifiedEmail:
        """Fetch one address by its id. Raises `NotFoundError` when unknown (the server says null)."""
        verified: VerifiedEmail = found(await self._get(EMAIL, self._path("/{}"), id), f"verified e-mail address {id}")
        return verified

    async def request_code(self, email: str) -> None:
        """Send a code to an address; a `ConflictError` when it is verified already. Never repeated: each is a mail."""
        await self._request_code(email)

    async def verify(self, email: str, *, code: str | Secret) -> VerifiedEmail:
        """Verify an address with the code that was sent to it; a wrong one is a `BadRequestError`."""
        code = Secret(code)
        verified: VerifiedEmail = await self._verify(VerifiedEmail, email, code)
        return verified


class VerifiedPhones(_Verified):
    """Verified phone numbers, such as `+351912345678`."""

    kind = "phones"
    field = "phone"

    def list(self, **paging: Unpack[Paging]) -> Pages[VerifiedPhone]:
        """All numbers, 250 a page; a user's list holds those that they verified for teams as well."""
        return self._pages(VerifiedPhone, self._path(), listing=LISTING, **paging)

    async def get(self, id: int) -> VerifiedPhone:
        """Fetch one number by its id. Raises `NotFoundError` when unknown (the server says null)."""
        verified: VerifiedPhone = found(await self._get(PHONE, self._path("/{}"), id), f"verified phone number {id}")
        return verified

    async def request_code(self, phone: str) -> None:
        """Send a code to a number. Never repeated: each is a message."""
        await self._request_code(phone)

    async def verify(self, phone: str, *, code: str | Secret) -> VerifiedPhone:
        """Verify a number with the code that was sent to it; a wrong one is a `BadRequestError`."""
        code = Secret(code)
        verified: VerifiedPhone = await self._verify(VerifiedPhone, phone, code)
        return verified
