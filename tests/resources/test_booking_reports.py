"""Unwanted bookings of an organization: their bookers are blocked or reported, and their bookings cancelled."""

from __future__ import annotations

import pytest
from sent_requests import ADA, BEA, ORGANIZATION, SentRequest, book, last_request

from calcom_async import BadRequestError, ForbiddenError, NotFoundError
from calcom_async.models import Attendee

PATH = "/organizations/1/bookings"


@pytest.fixture
def bookings(cal):
    """Return the bookings of the organization."""
    return cal.organization(ORGANIZATION).bookings


async def statuses(cal, *booked):
    """Return the status of bookings, read again."""
    return [(await cal.bookings.get(booking.uid)).status for booking in booked]


async def test_block_an_address(cal, bookings, calcom_sandbox):
    """All upcoming bookings of the address are cancelled, and those of others are kept."""
    first, second = await book(cal, 9), await book(cal, 10)
    other = await book(cal, 11, attendee=Attendee(name="Al", email="al@visitors.test", time_zone="UTC"))
    blocked = await bookings.block(first.uid, block_type="EMAIL")
    body = {"bookingUid": first.uid, "blockType": "EMAIL"}
    assert last_request(calcom_sandbox) == SentRequest("POST", f"{PATH}/block", {}, body, None)
    assert (blocked.success, blocked.booking_uid, blocked.cancelled_count) == (True, first.uid, 2)
    assert blocked.blocked_value == ADA.email
    assert await statuses(cal, first, second, other) == ["cancelled", "cancelled", "accepted"]
    assert calcom_sandbox.store.extras["blocklist"] == {ORGANIZATION: [ADA.email]}


async def test_block_a_domain(cal, bookings):
    """The upcoming bookings of all addresses of the domain are cancelled."""
    booked = [await book(cal, 9), await book(cal, 10, attendee=BEA)]
    blocked = await bookings.block(booked[0].uid, block_type="DOMAIN")
    assert (blocked.blocked_value, blocked.cancelled_count) == ("visitors.test", 2)
    assert await statuses(cal, *booked) == ["cancelled", "cancelled"]


async def test_report(cal, bookings, calcom_sandbox):
    """A reported booking is cancelled, and counted even if it was cancelled before."""
    booked = await book(cal, 9)
    reported = await bookings.report(booked.uid, reason="SPAM", report_type="EMAIL", description="Ads")
    body = {"bookingUid": booked.uid, "reason": "SPAM", "reportType": "EMAIL", "description": "Ads"}
    assert last_request(calcom_sandbox) == SentRequest("POST", f"{PATH}/report", {}, body, None)
    assert (reported.reported_count, reported.cancelled_count) == (1, 1)
    assert await statuses(cal, booked) == ["cancelled"]
    again = await bookings.report(booked.uid, reason="OTHER", report_type="EMAIL")
    assert (again.reported_count, again.cancelled_count) == (1, 0)


async def test_no_webhook_is_sent(cal, bookings, calcom_sandbox):
    """The bookings are cancelled silently."""
    booked = await book(cal, 9)
    await cal.webhooks.create(subscriber_url="https://hooks.test", triggers=["BOOKING_CANCELLED"])
    await bookings.report(booked.uid, reason="UNWANTED", report_type="DOMAIN")
    calcom_sandbox.wait_idle()
    assert calcom_sandbox.deliveries == []


async def test_errors(cal, bookings):
    """An unknown uid is not found, an unknown kind is rejected, and members are forbidden."""
    with pytest.raises(NotFoundError, match="Booking not found"):
        await bookings.report("nope", reason="SPAM", report_type="EMAIL")
    booked = await book(cal, 9)
    with pytest.raises(BadRequestError) as caught:
        await bookings.block(booked.uid, block_type="PLANET")
    assert list(caught.value.fields) == ["blockType"]
    with pytest.raises(ForbiddenError):
        await (
            cal.with_credentials("cal_sandbox_cy")
            .organization(ORGANIZATION)
            .bookings.block(booked.uid, block_type="EMAIL")
        )
