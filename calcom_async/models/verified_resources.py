"""Verified email addresses and phone numbers, which workflows may send messages to."""

from calcom_async.models._base import Model


class VerifiedEmail(Model, frozen=True, kw_only=True, gc=False):
    """A verified address; `team_id` is set if it was verified for a team."""

    id: int
    email: str
    user_id: int | None = None
    team_id: int | None = None


class VerifiedPhone(Model, frozen=True, kw_only=True, gc=False):
    """A verified phone number; `team_id` is set if it was verified for a team."""

    id: int
    phone_number: str
    user_id: int | None = None
    team_id: int | None = None
