"""E-mail addresses and phone numbers whose owner has proved to read them; workflows may write to these."""

from calcom_async.models._base import Model


class VerifiedEmail(Model, frozen=True, kw_only=True, gc=False):
    """A verified address; `team_id` where it was verified for a team."""

    id: int
    email: str
    user_id: int | None = None
    team_id: int | None = None


class VerifiedPhone(Model, frozen=True, kw_only=True, gc=False):
    """A verified phone number; `team_id` where it was verified for a team."""

    id: int
    phone_number: str
    user_id: int | None = None
    team_id: int | None = None
