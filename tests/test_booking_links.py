"""Booking links: what they name, which are rejected, and the slots and bookings behind them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Any

import pytest
from cli_runner import connection_args, invoke
from sent_requests import MONDAY

from calcom_async import ApiError, Calcom, InvalidRequestError, NotFoundError, SlotTakenError, UnauthorizedError
from calcom_async.booking_links import BookingTarget, looks_like_link, parse_booking_link
from calcom_async.config import BOOKING_URL, Config
from calcom_async.errors import ConfigError
from calcom_async.models import Attendee, UpdateEventType
from calcom_async.sandbox import Sandbox

ADA = Attendee(name="Ada", email="ada@visitors.test", time_zone="Europe/Rome")
WEDNESDAY = date(2026, 11, 4)
NINE = datetime(2026, 11, 4, 9, tzinfo=UTC)


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(now=MONDAY) as sandbox:
        yield sandbox


def target(**fields: Any) -> BookingTarget:
    return BookingTarget(**{"event_type_slug": "30min", **fields})


@pytest.mark.parametrize(
    ("link", "expected"),
    [
        ("https://cal.com/ana/30min", target(username="ana")),
        ("cal.com/ana/30min/", target(username="ana")),
        ("https://app.cal.com/ana/30min?duration=45&month=2026-12", target(username="ana", duration=45)),
        ("https://cal.com/ana+bo/30min", target(usernames=("ana", "bo"))),
        ("https://cal.com/ana%2Bbo/30min", target(usernames=("ana", "bo"))),
        ("https://cal.com/team/sales/30min", target(team_slug="sales")),
        ("https://acme.cal.com/ana/30min", target(username="ana", organization_slug="acme")),
        ("https://ACME.CAL.com/team/sales/30min", target(team_slug="sales", organization_slug="acme")),
        ("https://cal.com/d/f7x9/30min", target(private_link_id="f7x9")),
        ("https://cal.com/%C3%A5sa/30min", target(username="åsa")),
    ],
)
def test_parts_of_a_link(link, expected):
    """Every form of a link is read, with the organization of a subdomain and the duration."""
    assert parse_booking_link(link, BOOKING_URL) == expected
    assert expected.event_type_slug in repr(Calcom.anonymous().link(link))


@pytest.mark.parametrize(
    ("link", "reason"),
    [
        ("https://cal.com.evil.test/ana/30min", "host must be cal.com"),
        ("https://evilcal.com/ana/30min", "host must be cal.com"),
        ("https://a.b.cal.com/ana/30min", "host must be cal.com"),
        ("https://.cal.com/ana/30min", "host must be cal.com"),
        ("https://cal.com:8443/ana/30min", "port"),
        ("https://cal.com:port/ana/30min", "Port"),
        ("https://ana@cal.com/ana/30min", "without a user name"),
        ("ftp://cal.com/ana/30min", "https://"),
        ("https://cal.com/ana", "no event type"),
        ("https://cal.com/", "empty or invalid part"),
        ("https://cal.com/ana//30min", "empty or invalid part"),
        ("https://cal.com/ana/%2e%2e", "empty or invalid part"),
        ("https://cal.com/ana%2Fbo/30min", "empty or invalid part"),
        ("https://cal.com/ana/30\x1b[31m", "empty or invalid part"),
        ("https://cal.com/ana+/30min", "must end in"),
        ("https://cal.com/settings/profile", "must end in"),
        ("https://cal.com/team/sales/30min/more", "must end in"),
        ("https://cal.com/ana/30min?duration=0", "duration must be minutes"),
        ("https://cal.com/ana/30min?duration=²", "duration must be minutes"),
        ("https://cal.com/ana/30min?duration=99999999999", "duration must be minutes"),
        ("https://cal.com/ana/30min?" + "a=1&" * 400, "too many parameters"),
        ("https://[cal.com/ana/30min", "Invalid IPv6"),
        ("https://cal.com/" + "a" * 3_000 + "/30min", "at most 2,000 characters"),
        (7, "must be a text"),
    ],
)
def test_invalid_links(link, reason):
    """Another host, another page or an odd part is rejected with the reason, before a request is sent."""
    with pytest.raises(InvalidRequestError, match=reason):
        parse_booking_link(link, BOOKING_URL)


def test_a_self_hosted_server_has_its_own_links():
    """`Config.booking_url` names the host, the port and the beginning of the path."""
    home = "http://cal.example.org:3000/meet"
    assert parse_booking_link("http://cal.example.org:3000/meet/ana/30min", home) == target(username="ana")
    with pytest.raises(InvalidRequestError, match="path must be below"):
        parse_booking_link("http://cal.example.org:3000/ana/30min", home)
    with pytest.raises(InvalidRequestError, match="host must be"):
        parse_booking_link("https://cal.com/ana/30min", home)


@pytest.mark.parametrize("url", ["", "cal.com", "ftp://cal.com", "https://a:b@cal.com", 5])
def test_an_unusable_booking_url_is_rejected(url):
    """`Config.booking_url` must be a URL without credentials."""
    with pytest.raises(ConfigError, match="booking_url"):
        Config(booking_url=url)


@pytest.mark.parametrize(
    ("text", "is_link"),
    [("https://cal.com/a/b", True), ("cal.com/a/b", True), ("ana/thirty", False), ("7", False), ("ana.b/x", False)],
)
def test_links_and_names(text, is_link):
    """A text with a scheme, or with a host before two names, is a link; user names may have dots."""
    assert looks_like_link(text) == is_link


async def test_a_link_is_searched_and_booked_without_credentials(sandbox):
    """An anonymous client finds the slots of a link and books one of them once; nothing else is open to it."""
    async with Calcom.anonymous(base_url=sandbox.url) as cal:
        link = cal.link("https://cal.com/ana/thirty")
        days = await link.slots(start=WEDNESDAY, end=WEDNESDAY, time_zone="Europe/Lisbon")
        assert NINE in [slot.start for slot in days.slots()]
        booking = await link.book(start=NINE, attendee=ADA)
        assert (booking.start, booking.attendees[0].email) == (NINE, "ada@visitors.test")
        with pytest.raises(SlotTakenError):
            await link.book(start=NINE, attendee=ADA)
        for call in (cal.me.get(), cal.bookings.list().first()):
            with pytest.raises(ApiError, match="everything else needs credentials") as caught:
                await call
            assert caught.value.reason == "no_credentials"
    assert {request.headers.get("authorization") for request in sandbox.requests} == {None}


async def test_an_anonymous_client_ignores_the_key_of_the_environment(sandbox, monkeypatch):
    """`Calcom.anonymous()` sends no key, even if one is set."""
    monkeypatch.setenv("CAL_API_KEY", sandbox.api_key)
    async with Calcom.anonymous(base_url=sandbox.url) as cal:
        with pytest.raises(UnauthorizedError):
            await cal.me.get()
    assert "cal_" not in repr(cal)


async def test_a_private_link_works_for_the_owner(sandbox):
    """The event type of a private link is found among those of the credentials, once."""
    async with Calcom(sandbox.api_key, base_url=sandbox.url) as cal:
        event_type = await cal.event_types.list().first()
        private = await cal.event_types.private_links(event_type.id).create(max_usage_count=3)
        link = cal.link(f"https://cal.com/d/{private.link_id}/{event_type.slug}")
        assert (await link.slots(start=WEDNESDAY, end=WEDNESDAY)).slots()
        count = len(sandbox.requests)
        booking = await link.book(start=NINE, attendee=ADA)
        assert booking.event_type_id == event_type.id
        assert not [request for request in list(sandbox.requests)[count:] if "private-links" in request.path]
        with pytest.raises(NotFoundError, match="only for the owner"):
            await cal.link(f"https://cal.com/d/other/{event_type.slug}").slots(start=WEDNESDAY, end=WEDNESDAY)


def test_several_users_are_searched_in_their_organization():
    """A link to several users selects them in their organization; without one it is rejected in plain words."""
    members = parse_booking_link("https://acme.cal.com/ana+bo/30min?duration=30", BOOKING_URL)
    assert members.search_keywords == {"usernames": ["ana", "bo"], "organization_slug": "acme", "duration": 30}
    with pytest.raises(InvalidRequestError, match="only in their organization"):
        _ = parse_booking_link("https://cal.com/ana+bo/30min", BOOKING_URL).search_keywords


async def test_several_users_cannot_be_booked_by_their_names(sandbox):
    """A link to several users raises before a request, since the API has no operation for it."""
    async with Calcom(sandbox.api_key, base_url=sandbox.url) as cal:
        link = cal.link("https://acme.cal.com/ana+bo/30min")
        with pytest.raises(InvalidRequestError, match="several users"):
            await link.book(start=NINE, attendee=ADA)
    assert list(sandbox.requests) == []


async def test_the_length_of_a_link_is_booked(sandbox):
    """`?duration=` selects the length, unless the call names another one."""
    async with Calcom(sandbox.api_key, base_url=sandbox.url) as cal:
        event_type = await cal.event_types.list().first()
        await cal.event_types.update(event_type.id, UpdateEventType(length_in_minutes_options=[30, 60]))
        booking = await cal.link("https://cal.com/ana/thirty?duration=60").book(start=NINE, attendee=ADA)
    assert (booking.end - booking.start).total_seconds() == 3600


def test_the_command_line_takes_links(sandbox, monkeypatch):
    """`slots show` and `book` accept a booking link in place of an event type."""
    shown = invoke("slots", "show", "https://cal.com/ana/thirty", "--json", *connection_args(sandbox))
    assert (shown.exit_code, "start" in shown.stdout) == (0, True)
    booked = invoke(
        *("book", "https://cal.com/ana/thirty", "--start", "2026-11-04T09:00Z"),
        *("--name", "Ada", "--email", "ada@visitors.test"),
        *connection_args(sandbox),
    )
    assert (booked.exit_code, len(sandbox.store.bookings)) == (0, 1)
    foreign = invoke("slots", "show", "https://evil.test/ana/thirty", *connection_args(sandbox))
    assert (foreign.exit_code, "its host must be cal.com" in foreign.stderr) == (2, True)
    several = invoke("slots", "show", "https://cal.com/ana+cy/30", *connection_args(sandbox))
    assert (several.exit_code, "usernames" in several.stderr) == (2, False)
    monkeypatch.setenv("CAL_BOOKING_URL", "nonsense")
    unusable = invoke("slots", "show", "https://cal.com/ana/thirty", *connection_args(sandbox))
    assert (unusable.exit_code, "the booking URL must be" in unusable.stderr) == (2, True)
    monkeypatch.delenv("CAL_BOOKING_URL")
    private = invoke("slots", "show", "https://cal.com/d/x/thirty", *connection_args(sandbox))
    assert (private.exit_code, "private link" in private.stderr) == (2, True)
