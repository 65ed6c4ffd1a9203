"""Handlers that block and report the bookers of an organization's bookings.

Both cancel bookings without webhook events. Blocked addresses are kept in `store.extras["blocklist"]`. New bookings of
blocked addresses are not refused, because it is not known how the real server answers them.
"""

from __future__ import annotations

from calcom_async.sandbox.accounts.guards import guarded_organization
from calcom_async.sandbox.bookings.permissions import BookingScope, organization_scope
from calcom_async.sandbox.bookings.views import INACTIVE
from calcom_async.sandbox.http import errors
from calcom_async.sandbox.http.call import Call
from calcom_async.sandbox.http.constraints import one_of, string
from calcom_async.sandbox.http.forms import Field, Form
from calcom_async.sandbox.http.routing import Routes
from calcom_async.sandbox.state.booking import Booking

ROUTES = Routes()


ALL = "/v2/organizations/{orgId}/bookings"
_TYPES = ("EMAIL", "DOMAIN")
_BLOCK = Form(Field("bookingUid", string), Field("blockType", one_of(_TYPES)))
_REPORT = Form(
    Field("bookingUid", string),
    Field("reason", one_of(("SPAM", "UNWANTED", "DONT_KNOW_PERSON", "OTHER"))),
    Field("description", string, optional=True),
    Field("reportType", one_of(_TYPES)),
)


@ROUTES.add("POST", ALL + "/block")
def block_booking(call: Call) -> object:
    """Block the booker of a booking, and cancel their upcoming bookings."""
    organization, body = guarded_organization(call, "ORG_ADMIN"), _BLOCK.read(call.body)
    scope = organization_scope(call.store, organization["id"])
    blocked = _address(_booking(call, scope, body["bookingUid"]), body["blockType"])
    call.store.extras["blocklist"].setdefault(organization["id"], []).append(blocked)
    cancelled = _cancel_upcoming(call, scope, blocked)
    return {
        "success": True,
        "message": f"Blocked {blocked}",
        "bookingUid": body["bookingUid"],
        "cancelledCount": len(cancelled),
        "blockedValue": blocked,
    }


@ROUTES.add("POST", ALL + "/report")
def report_booking(call: Call) -> object:
    """Report a booking, and cancel it with the upcoming bookings of its booker."""
    organization, body = guarded_organization(call, "ORG_ADMIN"), _REPORT.read(call.body)
    scope = organization_scope(call.store, organization["id"])
    reported = _address(_booking(call, scope, body["bookingUid"]), body["reportType"])
    cancelled = _cancel_upcoming(call, scope, reported)
    return {
        "success": True,
        "message": f"Reported {reported}",
        "bookingUid": body["bookingUid"],
        "reportedCount": len({booking.uid for booking in cancelled} | {body["bookingUid"]}),
        "cancelledCount": len(cancelled),
    }


def _booking(call: Call, scope: BookingScope, uid: str) -> Booking:
    """Return a booking of the organization."""
    booking = call.store.bookings.get(uid)
    if booking is None or not booking.attendees or not scope.covers(booking):
        # Seen on the hosted API in September 2026: the details repeat the text.
        raise errors.string_details(404, "NotFoundException", "Booking not found")
    return booking


def _address(booking: Booking, kind: str) -> str:
    """Return the address of the booker, or its domain."""
    email = str(booking.attendees[0]["email"])
    return email.partition("@")[2] if kind == "DOMAIN" else email


def _cancel_upcoming(call: Call, scope: BookingScope, address: str) -> list[Booking]:
    """Cancel the upcoming bookings of an address or of a domain, and return them."""
    now = call.clock.now()
    upcoming = [
        booking
        for booking in call.store.bookings.values()
        if booking.start >= now and booking.status not in INACTIVE and scope.covers(booking) and _by(booking, address)
    ]
    # No webhook is sent: the specification of the hosted API says that the bookings are cancelled silently.
    for booking in upcoming:
        booking.status, booking.updated_at = "cancelled", now
    return upcoming


def _by(booking: Booking, address: str) -> bool:
    """Return whether somebody with the address, or with one of the domain, booked."""
    if not booking.attendees:
        return False
    email = str(booking.attendees[0]["email"])
    return address in (email, email.partition("@")[2])
