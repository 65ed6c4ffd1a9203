"""Verification of the email addresses of attendees."""

from calcom_async.models._base import Model


class SendVerificationCode(Model, frozen=True, kw_only=True):
    """An address to which to send a code."""

    email: str
    username: str | None = None
    """Name by which the email addresses the recipient."""
    language: str | None = None
    is_verifying_email: bool | None = None


class VerifyCode(Model, frozen=True, kw_only=True):
    """A code, and the address that received it."""

    email: str
    code: str


class SentCode(Model, frozen=True, kw_only=True):
    """Whether a code was sent; false for an address that needs none."""

    sent: bool = False


class VerifiedCode(Model, frozen=True, kw_only=True):
    """Whether a code is right."""

    verified: bool = False
