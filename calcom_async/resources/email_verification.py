"""Verification of the email addresses of attendees, for event types that require it."""

from __future__ import annotations

from calcom_async.models.email_verification import SendVerificationCode, SentCode, VerifiedCode, VerifyCode
from calcom_async.resources._base import Resource


class EmailVerification(Resource):
    """Email addresses that must be verified before they can be booked with; only the hosted API (September 2026).

    No credentials are needed. The code that the attendee receives goes into `email_verification_code` of
    `bookings.create` and `bookings.reschedule`.
    """

    async def check(self, *, email: str, user_session_email: str | None = None) -> bool:
        """Return whether an address must be verified before it can be booked with.

        `user_session_email` is the address of the user who is logged in: it needs no code.
        """
        query = {"email": email, "userSessionEmail": user_session_email}
        return await self._get(bool, "/bookings/verification/email/check", query=query)

    async def send_code(
        self,
        *,
        email: str,
        username: str | None = None,
        language: str | None = None,
        is_verifying_email: bool | None = None,
    ) -> SentCode:
        """Send a code to an address. Every call sends an email, so it is never retried."""
        body = SendVerificationCode(
            email=email, username=username, language=language, is_verifying_email=is_verifying_email
        )
        return await self._post(SentCode, "/bookings/verification/email/send-code", body=body)

    async def verify_code(self, *, email: str, code: str) -> VerifiedCode:
        """Check a code before it is used. A wrong one raises `BadRequestError`."""
        body = VerifyCode(email=email, code=code)
        return await self._post(VerifiedCode, "/bookings/verification/email/verify-code", body=body, idempotent=True)
