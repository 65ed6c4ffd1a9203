"""Teams, and organizations in their role as teams."""

from typing import Any, ClassVar

from msgspec.structs import force_setattr

from calcom_async.models._base import Model, SecretModel
from calcom_async.models.times import Weekday


# Servers return null for what is not set, although the specifications of 2026 do not allow it.
class Team(Model, frozen=True, kw_only=True):
    """A team; in an organization, `parent_id` is the organization.

    `GET /v2/teams` also lists the organization itself (`is_organization`) and pending memberships.
    """

    id: int
    parent_id: int | None = None
    name: str
    slug: str | None = None
    logo_url: str | None = None
    cal_video_logo: str | None = None
    app_logo: str | None = None
    app_icon_logo: str | None = None
    bio: str | None = None
    hide_branding: bool | None = None
    is_organization: bool = False
    is_private: bool | None = None
    hide_book_a_team_member: bool | None = None
    metadata: dict[str, Any] | None = None
    theme: str | None = None
    brand_color: str | None = None
    dark_brand_color: str | None = None
    banner_url: str | None = None
    time_format: int | None = None
    time_zone: str | None = None
    week_start: str | None = None
    role: str | None = None
    """The caller's role, like `accepted`; only in the organization's list of one's own teams."""
    accepted: bool | None = None


class TeamAwaitingPayment(Model, frozen=True, kw_only=True):
    """Returned instead of a new team where teams are billed: the team exists once it is paid for."""

    message: str
    payment_link: str
    pending_team: Team


class TeamInvite(SecretModel, frozen=True, kw_only=True):
    """A link that lets anyone who opens it join the team, so reprs mask it."""

    secret_fields: ClassVar[frozenset[str]] = frozenset({"token", "invite_link"})

    token: str
    invite_link: str


class _TeamBody(Model, frozen=True, kw_only=True):
    """Base of the request bodies."""

    slug: str | None = None
    logo_url: str | None = None
    cal_video_logo: str | None = None
    app_logo: str | None = None
    app_icon_logo: str | None = None
    bio: str | None = None
    hide_branding: bool | None = None
    is_private: bool | None = None
    hide_book_a_team_member: bool | None = None
    metadata: dict[str, Any] | None = None
    theme: str | None = None
    brand_color: str | None = None
    dark_brand_color: str | None = None
    banner_url: str | None = None
    time_format: int | None = None
    time_zone: str | None = None
    """Default: Europe/London."""
    week_start: int | str | None = None
    """A weekday in any form that `Weekday.of` accepts; 0 = Sunday."""

    def __post_init__(self) -> None:
        if self.week_start is not None:
            force_setattr(self, "week_start", Weekday.of(self.week_start))


class CreateTeam(_TeamBody, frozen=True, kw_only=True):
    """A new team. Where teams are billed, the response is a `TeamAwaitingPayment`."""

    name: str
    """Up to 155 characters, without URLs."""
    auto_accept_creator: bool | None = None
    add_creator_as_owner: bool | None = None
    """Only for teams of an organization. Default: true. Self-hosted servers ignore it."""


class UpdateTeam(_TeamBody, frozen=True, kw_only=True):
    """Changes to a team; `metadata` is replaced as a whole."""

    name: str | None = None
    booking_limits: str | None = None
    include_managed_events_in_limits: bool | None = None
