"""Handlers of bookings: create, get, reschedule, cancel, confirm, decline, reassign."""

from __future__ import annotations

from calcom_async.sandbox.bookings.cancel import cancel, request_reschedule
from calcom_async.sandbox.bookings.create import book, is_shared, take_seat
from calcom_async.sandbox.bookings.decisions import confirm, decline, mark_absent, reassign, reassign_to
from calcom_async.sandbox.bookings.forms import (
    ABSENT,
    CANCEL,
    CANCEL_SEAT,
    CREATE,
    CREATE_WITHOUT_TEAMS,
    DECLINE,
    NEWER_CREATE,
    NEWER_RESCHEDULE,
    NEWER_RESCHEDULE_SEAT,
    REQUEST_RESCHEDULE,
    RESCHEDULE,
    RESCHEDULE_SEAT,
)
from calcom_async.sandbox.bookings.lookup import find_booking, find_seat, series_of
from calcom_async.sandbox.bookings.permissions import may_manage
from calcom_async.sandbox.bookings.request import parse_request
from calcom_async.sandbox.bookings.reschedule import NOT_FREE, TEAM_NOT_FREE, check_movable, move, move_seat
from calcom_async.sandbox.bookings.views import (
    Wire,
    booking_view,
    is_seated,
    seat_only_view,
    series_view,
    shows_attendees,
)
from calcom_async.sandbox.http.call import Call
from calcom_async.sandbox.http.errors import HttpError, conflict, not_found
from calcom_async.sandbox.http.forms import Form
from calcom_async.sandbox.http.results import Status
from calcom_async.sandbox.http.routing import Routes
from calcom_async.sandbox.state.booking import Booking

ROUTES = Routes()


NEWER_VERSION = "2026-02-25"
VERSIONS = ("2024-08-13", NEWER_VERSION)
# Only create and reschedule return this field. It is false, because no seeded event type has a managed user.
NOT_MANAGED: Wire = {"isPlatformManagedUserBooking": False}


def shown(call: Call, booking: Booking) -> Wire:
    """Return a booking as this caller may see it; only hosts see seats, unless the event type shows them."""
    public = not is_seated(call.store, booking) or shows_attendees(call.store, booking)
    trusted = public or may_manage(call.store, booking, call.caller.user_id)
    # The source code of the server keeps the attendees of a cancelled seated booking only in the newer version.
    kept = booking.status != "cancelled" or call.version == NEWER_VERSION
    return booking_view(call.store, booking, attendees_shown=trusted and kept)


@ROUTES.add("POST", "/v2/bookings", version=VERSIONS, auth="optional", status=201)
async def create_booking(call: Call) -> object:
    """Create a booking, a seat or a series. A series is returned as a list."""
    try:
        return await _create(call)
    except HttpError as error:
        # Seen on the hosted API in September 2026; with 2024-08-13 the same message comes as a 400 (recorded).
        if call.version == NEWER_VERSION and error.message in {NOT_FREE, TEAM_NOT_FREE}:
            raise conflict(error.message) from None
        raise


async def _create(call: Call) -> object:
    """Create the booking, the seat or the series of a request."""
    request = parse_request(call, _create_form(call).read_strict(call.body))
    if is_shared(request.event_type) and not request.instant:
        booking, seat_uid = await take_seat(call, request)
        return shown(call, booking) | {"seatUid": seat_uid} | NOT_MANAGED
    views = [shown(call, booking) | NOT_MANAGED for booking in await book(call, request)]
    if not request.event_type.get("recurrence") or request.instant:
        return views[0]
    # The server creates the whole round-robin series, but omits the first occurrence (measured, build of 2025-12).
    return views[1:] if request.event_type.get("schedulingType") == "roundRobin" else views


def _create_form(call: Call) -> Form:
    """Return the form that the server has for a new booking."""
    if call.version == NEWER_VERSION:
        return NEWER_CREATE
    return CREATE if call.server.has_organizations else CREATE_WITHOUT_TEAMS


@ROUTES.add("GET", "/v2/bookings/{bookingUid}", version=VERSIONS, auth="optional")
def get_booking(call: Call) -> object:
    """Return a booking, or the occurrences of a series if the uid is that of a series."""
    uid = call.path["bookingUid"]
    # No permission is checked: whoever knows the uid may read the booking.
    series = series_of(call.store, uid) if uid not in call.store.bookings else []
    return series_view(call.store, series) if series else shown(call, find_booking(call.store, uid))


@ROUTES.add("GET", "/v2/bookings/by-seat/{seatUid}", version=VERSIONS, auth="optional")
def get_booking_by_seat(call: Call) -> object:
    """Return the booking of a seat."""
    uid = call.path["seatUid"]
    missing = not_found(f"Booking with seatUid={uid} was not found in the database")
    booking, _ = find_seat(call.store, uid, missing)
    everybody = shows_attendees(call.store, booking) or may_manage(call.store, booking, call.caller.user_id)
    return seat_only_view(call.store, booking, uid, everybody=everybody)


@ROUTES.add("POST", "/v2/bookings/{bookingUid}/reschedule", version=VERSIONS, auth="optional", status=201)
def reschedule_booking(call: Call) -> object:
    """Move a booking, or one seat of it. The response is the new booking with a new uid."""
    if call.version == NEWER_VERSION:
        form = NEWER_RESCHEDULE_SEAT if "seatUid" in call.body else NEWER_RESCHEDULE
    else:
        form = RESCHEDULE_SEAT if "seatUid" in call.body else RESCHEDULE
    body = form.read_strict(call.body)
    booking = find_booking(call.store, call.path["bookingUid"])
    check_movable(call, booking, body)
    if "seatUid" in body and booking.seats:
        moved, seat_uid = move_seat(call, body)
        return shown(call, moved) | {"seatUid": seat_uid} | NOT_MANAGED
    return shown(call, move(call, booking, body)) | NOT_MANAGED


@ROUTES.add("POST", "/v2/bookings/{bookingUid}/cancel", version=VERSIONS, auth="optional")
def cancel_booking(call: Call) -> object:
    """Cancel a booking, a seat or a series. No credentials are needed: whoever has the uid may cancel."""
    form = CANCEL_SEAT if "seatUid" in call.body else CANCEL
    result = cancel(call, call.path["bookingUid"], form.read_strict(call.body))
    return series_view(call.store, result) if isinstance(result, list) else shown(call, result)


@ROUTES.add("POST", "/v2/bookings/{bookingUid}/request-reschedule", version=(NEWER_VERSION,), auth="guarded")
def request_reschedule_of_booking(call: Call) -> object:
    """Cancel a booking and ask its attendee for another time."""
    booking = find_booking(call.store, call.path["bookingUid"])
    # The field is called `rescheduleReason` here, and `reschedulingReason` everywhere else.
    request_reschedule(call, booking, REQUEST_RESCHEDULE.read(call.body).get("rescheduleReason"))
    return Status()


@ROUTES.add("GET", "/v2/bookings/{bookingUid}/routing-trace", version=VERSIONS, auth="guarded")
def get_routing_trace(call: Call) -> object:
    """Return an empty trace: bookings of the sandbox are not routed."""
    find_booking(call.store, call.path["bookingUid"])
    return {"steps": [], "groups": [], "formSubmission": None}


@ROUTES.add("POST", "/v2/bookings/{bookingUid}/mark-absent", version=VERSIONS, auth="guarded")
def mark_booking_absent(call: Call) -> object:
    """Mark the host or attendees as absent."""
    body = ABSENT.read(call.body)
    booking = find_booking(call.store, call.path["bookingUid"], "Booking with uid={} not found.")
    mark_absent(call, booking, body)
    return booking_view(call.store, booking)


@ROUTES.add("POST", "/v2/bookings/{bookingUid}/reassign", version=VERSIONS, auth="guarded")
def reassign_booking(call: Call) -> object:
    """Assign the booking to another host of the round robin."""
    return reassign(call, find_booking(call.store, call.path["bookingUid"]))


@ROUTES.add("POST", "/v2/bookings/{bookingUid}/reassign/{userId}", version=VERSIONS, auth="guarded")
def reassign_booking_to_user(call: Call) -> object:
    """Assign the booking to this host."""
    body = DECLINE.read(call.body)
    booking = find_booking(call.store, call.path["bookingUid"])
    return reassign_to(call, booking, call.int_path("userId"), body.get("reason"))


@ROUTES.add("POST", "/v2/bookings/{bookingUid}/confirm", version=VERSIONS, auth="guarded")
def confirm_booking(call: Call) -> object:
    """Accept a pending booking."""
    booking = find_booking(call.store, call.path["bookingUid"])
    confirm(call, booking)
    return booking_view(call.store, booking)


@ROUTES.add("POST", "/v2/bookings/{bookingUid}/decline", version=VERSIONS, auth="guarded")
def decline_booking(call: Call) -> object:
    """Decline a pending booking."""
    body = DECLINE.read(call.body)
    booking = find_booking(call.store, call.path["bookingUid"])
    decline(call, booking, body.get("reason"))
    return booking_view(call.store, booking)
