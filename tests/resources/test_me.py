"""The current user: reading and updating."""

from __future__ import annotations

import pytest
from sent_requests import ORGANIZATION, SentRequest, last_request

from calcom_async import BadRequestError, NotFoundError, UnauthorizedError
from calcom_async.models import Me, MeOrganization, UpdateMe, UserBookingLimits, Weekday


async def test_get(cal, calcom_sandbox):
    """The response has all fields, with the organization; no API version is sent."""
    me = await cal.me.get()
    assert isinstance(me, Me)
    assert (me.id, me.email, me.time_zone, me.week_start) == (1, "ana@sandbox.test", "Europe/Lisbon", "Sunday")
    assert me.organization == MeOrganization(id=ORGANIZATION, is_platform=True)
    assert last_request(calcom_sandbox) == SentRequest("GET", "/me", {}, None, None)


async def test_update_sends_what_is_given(cal, calcom_sandbox):
    """Only given fields are sent, a weekday by its name; the result has no organization."""
    me = await cal.me.update(UpdateMe(time_format=24, week_start=1, bio="Hello"))
    assert (me.time_format, me.week_start, me.bio, me.organization) == (24, "Monday", "Hello", None)
    assert last_request(calcom_sandbox) == SentRequest(
        "PATCH", "/me", {}, {"timeFormat": 24, "weekStart": "Monday", "bio": "Hello"}, None
    )


async def test_locale(cal, calcom_sandbox):
    """The locale can be set, and the hosted API returns it."""
    assert (await cal.me.get()).locale == "en"
    assert (await cal.me.update(UpdateMe(locale="pt-BR"))).locale == "pt-BR"
    assert last_request(calcom_sandbox).body == {"locale": "pt-BR"}


@pytest.mark.parametrize(
    ("limits", "expected"),
    [
        ({"perDay": 3, "perWeek": None}, UserBookingLimits(per_day=3)),
        ({"perDay": "three", "perYear": 90}, UserBookingLimits(per_year=90)),
        (None, None),
        ("none", None),
    ],
)
async def test_booking_limits_of_the_profile(cal, calcom_sandbox, limits, expected):
    """Limits in the profile are read, and odd ones are dropped; the sandbox, like the specification, has none there."""
    assert (await cal.me.get()).booking_limits is None
    profile = {"id": 1, "email": "ana@sandbox.test", "timeZone": "UTC", "bookingLimits": limits}
    calcom_sandbox.faults.add("GET", "/v2/me", body={"status": "success", "data": profile})
    assert (await cal.me.get()).booking_limits == expected


async def test_none_is_not_unset(cal, calcom_sandbox):
    """None is sent as null and clears the field; UNSET is not sent and leaves it."""
    await cal.me.update(UpdateMe(bio="Hello"))
    me = await cal.me.update(UpdateMe(bio=None))
    assert last_request(calcom_sandbox).body == {"bio": None}
    assert (me.bio, me.name) == (None, "Ana Sandbox")


async def test_an_empty_update(cal, calcom_sandbox):
    """An update without fields changes nothing and is no error."""
    before = await cal.me.get()
    after = await cal.me.update(UpdateMe())
    assert last_request(calcom_sandbox).body == {}
    assert after.name == before.name


@pytest.mark.parametrize("day", [3, "wednesday", "Wednesday", Weekday.WEDNESDAY])
async def test_week_start_in_any_form(cal, calcom_sandbox, day):
    """A day of the week is a number from Sunday, a name in any case, or a member."""
    assert (await cal.me.update(UpdateMe(week_start=day))).week_start == "Wednesday"


async def test_a_new_address_needs_verification(cal):
    """A new email address is accepted, and the old one stays until the new one is verified."""
    assert (await cal.me.update(UpdateMe(email="new@sandbox.test"))).email == "ana@sandbox.test"


async def test_rejected_field_is_named(cal):
    """The error of a rejected update names the field and the reason."""
    with pytest.raises(BadRequestError) as caught:
        await cal.me.update(UpdateMe(time_zone="Mars/Base"))
    error = caught.value
    assert list(error.fields) == ["timeZone"]
    assert "timeZone" in str(error)
    assert (error.status, error.method, error.path) == (400, "PATCH", "/me")
    assert error.request_id
    assert [limit.name for limit in error.rate_limits] == ["default"]


async def test_unknown_key(calcom_client):
    """An unknown key is an UnauthorizedError with the server's message, and is not shown."""
    async with calcom_client("cal_unknown_1234") as cal:
        with pytest.raises(UnauthorizedError, match="Invalid API Key") as caught:
            await cal.me.get()
    assert "unknown_1234" not in f"{caught.value!s}{caught.value!r}{cal!r}"


async def test_with_credentials(cal):
    """`with_credentials` with another key is another user on the same connections."""
    assert (await cal.with_credentials("cal_sandbox_bo").me.get()).username == "bo"
    assert (await cal.me.get()).username == "ana"


async def test_request_by_path(cal):
    """Operations without a method can be called by path; an unknown route raises NotFoundError."""
    assert (await cal.request("GET", "/v2/me"))["data"]["username"] == "ana"
    with pytest.raises(NotFoundError, match="Cannot PUT /v2/me"):
        await cal.request("PUT", "/v2/me", body={})
