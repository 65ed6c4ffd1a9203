"""Read a booking link, such as `https://cal.com/ana/30min`. No I/O: a link is never fetched."""

from __future__ import annotations

from typing import Any
from urllib.parse import SplitResult, parse_qs, unquote, urlsplit

import msgspec

from calcom_async.errors import InvalidRequestError, shown

MAX_LENGTH = 2_000
WEB_APP = frozenset({"app", "www"})
"""Subdomains that are no organizations."""
OTHER_PAGES = frozenset(
    [
        "api",
        "apps",
        "auth",
        "availability",
        "booking",
        "bookings",
        "event-types",
        "forms",
        "getting-started",
        "insights",
        "login",
        "org",
        "reschedule",
        "routing",
        "routing-forms",
        "settings",
        "signup",
        "teams",
        "video",
        "workflows",
    ]
)
"""First parts of paths that lead to other pages than those of event types."""
MAX_DURATION = 1_440


class BookingTarget(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a booking link names: the event type of a user, a team or several users, or a private link."""

    event_type_slug: str
    username: str | None = None
    usernames: tuple[str, ...] = ()
    """Two or more users, for a meeting with all of them; the slug has no meaning then."""
    team_slug: str | None = None
    organization_slug: str | None = None
    private_link_id: str | None = None
    duration: int | None = None
    """Minutes, if the link selects one of several lengths."""

    @property
    def search_keywords(self) -> dict[str, Any]:
        """The keywords of `slots.search`. Several users can be searched within their organization only."""
        if not self.usernames:
            return self.event_type | ({} if self.duration is None else {"duration": self.duration})
        if self.organization_slug is None:
            raise InvalidRequestError(
                "the free times of several users can be searched only in their organization, "
                "with a link such as https://acme.cal.com/ana+bo/30min"
            )
        users = {"usernames": list(self.usernames), "organization_slug": self.organization_slug}
        return users | ({} if self.duration is None else {"duration": self.duration})

    @property
    def event_type(self) -> dict[str, Any]:
        """The keywords of `slots.search` and `bookings.create` that select the event type."""
        names = ("event_type_slug", "username", "team_slug", "organization_slug")
        return {name: value for name in names if (value := getattr(self, name)) is not None}


def parse_booking_link(link: str, booking_url: str) -> BookingTarget:
    """Read a link to a booking page below `booking_url`; subdomains of its host are organizations.

    The forms are `/user/slug`, `/first+second/slug`, `/team/team/slug` and `/d/private-link/slug`, each with
    `?duration=` or without. Raises `InvalidRequestError` for anything else, and for other hosts.
    """
    url, home = _split(link), urlsplit(booking_url)
    if not home.hostname:
        raise InvalidRequestError(f"the booking URL must be a URL such as https://cal.com, got {shown(booking_url)}")
    organization = _organization(link, url, home)
    prefix = home.path.rstrip("/")
    if not url.path.startswith(prefix + "/"):
        raise _unreadable(link, f"its path must be below {booking_url}")
    parts = [unquote(part) for part in url.path.removeprefix(prefix).strip("/").split("/")]
    # A decoded part may contain a slash (%2F) or be "..", and it becomes part of the path of a request.
    if not all(part.isprintable() and "/" not in part and part not in {"", ".", ".."} for part in parts):
        raise _unreadable(link, "its path has an empty or invalid part")
    common: dict[str, Any] = {"organization_slug": organization, "duration": _duration(link, url)}
    match parts:
        case ["team", team, slug]:
            return BookingTarget(team_slug=team, event_type_slug=slug, **common)
        case ["d", private_link, slug]:
            return BookingTarget(private_link_id=private_link, event_type_slug=slug, **common)
        case [users, slug] if users not in OTHER_PAGES | {"team", "d"}:
            # A program that encodes the link may write the plus sign as %20, as in the query of a URL.
            names = tuple(users.replace(" ", "+").split("+"))
            if len(names) > 1 and all(names):
                return BookingTarget(usernames=names, event_type_slug=slug, **common)
            if len(names) == 1:
                return BookingTarget(username=users, event_type_slug=slug, **common)
        case [user] if user not in OTHER_PAGES:
            raise _unreadable(link, "it names no event type")
    raise _unreadable(link, "it must end in USER/EVENT-TYPE, team/TEAM/EVENT-TYPE or d/PRIVATE-LINK/EVENT-TYPE")


def looks_like_link(text: str) -> bool:
    """Return whether a text is meant as a link, and not as `user/slug` or an id."""
    return "://" in text or (text.count("/") > 1 and "." in text.partition("/")[0])


def _split(link: str) -> SplitResult:
    if not isinstance(link, str):
        raise InvalidRequestError(f"a booking link must be a text, got {shown(link)}")
    if len(link) > MAX_LENGTH:
        raise InvalidRequestError(f"a booking link must have at most {MAX_LENGTH:,} characters, got {len(link):,}")
    try:
        url = urlsplit(link if "://" in link else f"https://{link}")
        _ = url.port  # raises ValueError for an invalid port
    except ValueError as error:
        raise _unreadable(link, str(error)) from None
    # In https://cal.com@example.com/ana/30min the host is example.com.
    if url.scheme not in {"https", "http"} or url.username is not None:
        raise _unreadable(link, "it must be an https:// URL without a user name")
    return url


def _organization(link: str, url: SplitResult, home: SplitResult) -> str | None:
    """Return the organization that the host names; raise for the host of somebody else."""
    host, own = (url.hostname or "").lower(), (home.hostname or "").lower()
    subdomain = host.removesuffix(own).removesuffix(".")
    if host != own and not (host.endswith("." + own) and subdomain and "." not in subdomain):
        raise _unreadable(link, f"its host must be {own} or a subdomain of it")
    if url.port != home.port and host == own:
        raise _unreadable(link, f"its port must be that of {home.geturl()}")
    return None if host == own or subdomain in WEB_APP else subdomain


def _duration(link: str, url: SplitResult) -> int | None:
    try:
        texts = parse_qs(url.query, max_num_fields=100).get("duration", [])
    except ValueError:
        raise _unreadable(link, "it has too many parameters") from None
    if not texts:
        return None
    text = texts[0]
    # `isdigit` accepts digits such as "²" too, for which `int` raises; the length bounds the cost of `int`.
    if not (text.isascii() and text.isdigit() and len(text) <= 4 and 1 <= int(text) <= MAX_DURATION):
        raise _unreadable(link, f"duration must be minutes from 1 to {MAX_DURATION:,}")
    return int(text)


def _unreadable(link: str, reason: str) -> InvalidRequestError:
    return InvalidRequestError(f"not a booking link: {shown(link)}: {reason}")
