"""Bookings: operations on a booking, and the lists of each scope."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from types import NoneType
from typing import Any, TypedDict, Unpack

from calcom_async.errors import BadRequestError, DecodeError, InvalidRequestError
from calcom_async.models.booking_reports import (
    BlockBooking,
    BlockType,
    BookingBlock,
    BookingReport,
    ReportBooking,
    ReportReason,
)
from calcom_async.models.bookings import (
    AbsentAttendee,
    AddGuests,
    Attendee,
    Booking,
    BookingAttendee,
    BookingLocation,
    BookingReference,
    CalendarLink,
    CancelBooking,
    ConferencingSession,
    CreateBooking,
    Guest,
    MarkAbsent,
    Reassignment,
    Recording,
    RescheduleBooking,
    Routing,
    RoutingTrace,
    UpdateBookingLocation,
)
from calcom_async.models.times import parse_datetime
from calcom_async.pages import Pages
from calcom_async.requests import EndpointLimit
from calcom_async.resources._base import List, drop_unset
from calcom_async.resources.booking_lists import (
    BookingFilters,
    BookingList,
    CursorBookingList,
    OrganizationBookingFilters,
    TeamBookingFilters,
)
from calcom_async.resources.email_verification import EmailVerification
from calcom_async.versions import BOOKING_OPTIONS


class BookingFields(TypedDict, total=False):
    """Optional fields of a new booking.

    `location` must have a type (and integration) that the event type offers. `metadata` values are strings: up to 50
    keys of 40 characters, values of 500. `length_in_minutes` must be one of the lengths that the event type offers.
    `instant=True` is for event types of teams. Pass `routing` unchanged from the response of a routing form.
    `meeting_url` is deprecated.

    Hosts of the event type may book a time that is taken (`allow_conflicts`), outside the booking window or too soon
    (`allow_booking_out_of_bounds`), and beyond the limits of the event type (`skip_booking_limits`). For everybody else
    the server ignores these three. They need version 2026-02-25, which is sent with them: self-hosted servers of 2025
    and 2026 do not know it.
    """

    event_type_id: int | None
    event_type_slug: str | None
    username: str | None
    team_slug: str | None
    organization_slug: str | None
    length_in_minutes: int | None
    guests: List[str] | None
    location: BookingLocation | str | None
    booking_fields_responses: dict[str, Any] | None
    metadata: dict[str, str] | None
    meeting_url: str | None
    routing: Routing | None
    email_verification_code: str | None
    instant: bool | None
    allow_conflicts: bool | None
    allow_booking_out_of_bounds: bool | None
    skip_booking_limits: bool | None


class RescheduleFields(TypedDict, total=False):
    """Optional fields of `Bookings.reschedule`.

    `rescheduled_by` is an email address. With `seat_uid` the server accepts no `reason`. `reschedule_with_same_host`
    keeps the host of a round robin whose event type lets the booker choose. It and the last three, which are those of
    `BookingFields`, need version 2026-02-25.
    """

    reason: str | None
    rescheduled_by: str | None
    seat_uid: str | None
    email_verification_code: str | None
    reschedule_with_same_host: bool | None
    allow_conflicts: bool | None
    allow_booking_out_of_bounds: bool | None
    skip_booking_limits: bool | None


NEWER_FIELDS = frozenset(
    {"allow_conflicts", "allow_booking_out_of_bounds", "skip_booking_limits", "reschedule_with_same_host"}
)
"""Fields that only version 2026-02-25 of the API knows."""


# Own limits, in requests per minute, which replace the general one. Rejected calls count as well, and the limit is one
# for all bookings of the caller (recorded from a self-hosted server of 2026-07).
ADD_ATTENDEE = EndpointLimit("booking_attendees_add", 5)
REMOVE_ATTENDEE = EndpointLimit("booking_attendees_remove", 5)
ADD_GUESTS = EndpointLimit("booking_guests_add", 5)
LOCATION = EndpointLimit("booking_location_update", 5)

# `Any`, because type checkers accept no union as `type[T]`.
ONE_OR_MANY: Any = Booking | List[Booking]
"""A booking, or the occurrences of a series, depending on the event type."""


class TeamBookings(BookingList):
    """Bookings of a team."""

    def list(self, **filters: Unpack[TeamBookingFilters]) -> Pages[Booking]:
        """List the bookings of the team, 250 per page. See `TeamBookingFilters`."""
        return self._list(filters, TeamBookingFilters)


class OrganizationTeamBookings(TeamBookings):
    """Bookings of a team of an organization."""

    async def references(self, uid: str, *, type: str | None = None) -> List[BookingReference]:
        """List the calendar events and video rooms of a booking, of one `type` or all; for admins of the team."""
        query = {"type": type}
        return await self._get(list[BookingReference], "/bookings/{}/references", uid, query=query)


class UserBookings(BookingList):
    """Bookings of one user of an organization."""

    def list(self, **filters: Unpack[BookingFilters]) -> Pages[Booking]:
        """List the bookings of the user, 250 per page. See `BookingFilters`."""
        return self._list(filters, BookingFilters)


class OrganizationBookings(CursorBookingList):
    """Bookings of all teams and members of an organization."""

    def list(self, **filters: Unpack[OrganizationBookingFilters]) -> Pages[Booking]:
        """List the bookings of the organization, 250 per page. See `OrganizationBookingFilters`.

        `Config(api_versions={"organization_bookings.list": "2026-05-01"})` reads the list with a cursor, see
        `Bookings.list`.
        """
        return self._list(filters, OrganizationBookingFilters)

    async def block(self, uid: str, *, block_type: BlockType) -> BookingBlock:
        """Block the booker of a booking: the address ("EMAIL"), or every address of its domain ("DOMAIN").

        All matching upcoming bookings of the organization are cancelled, without an email. No operation undoes this,
        and it is not retried if the response is lost. For admins with the OAuth scope `ORG_BOOKING_WRITE`. An unknown
        uid raises `NotFoundError`. Self-hosted servers do not have this.
        """
        body = BlockBooking(booking_uid=uid, block_type=block_type)
        return await self._post(BookingBlock, "/bookings/block", body=body)

    async def report(
        self, uid: str, *, reason: ReportReason, report_type: BlockType, description: str | None = None
    ) -> BookingReport:
        """Report a booking as unwanted: the booker's address ("EMAIL"), or every address of its domain ("DOMAIN").

        The booking and all matching upcoming ones of the organization are cancelled, without an email. Not retried if
        the response is lost. For admins with the OAuth scope `ORG_BOOKING_WRITE`. An unknown uid raises
        `NotFoundError`. Self-hosted servers do not have this.
        """
        body = ReportBooking(booking_uid=uid, reason=reason, report_type=report_type, description=description)
        return await self._post(BookingReport, "/bookings/report", body=body)


class Bookings(CursorBookingList):
    """Bookings that the credentials may access, and operations on one booking."""

    def list(self, **filters: Unpack[BookingFilters]) -> Pages[Booking]:
        """List bookings that you host or attend, and those of teams you administer; 250 per page. See `BookingFilters`.

        A series is listed as its occurrences. The server orders by one time only, so rows that share it change places
        between pages; `Pages` reads missing ones by creation, in more requests. To export, use `calcom_async.export`.

        `Config(api_versions={"bookings.list": "2026-05-01"})` reads the list with a cursor, 100 per page, in an order
        of the server. Several statuses are read one after the other: upcoming, recurring, unconfirmed, past, cancelled.
        Lists with a sort are still read by take and skip, and so are all if the first request with a cursor fails with
        404 or 5xx, or has no response after 15 s; that is one `CursorFallbackWarning`. The hosted API did not respond
        to such a request in September 2026.
        """
        return self._list(filters, BookingFilters)

    async def get(self, uid: str) -> Booking:
        """Fetch one booking, or the first occurrence given the uid of a series.

        Raises `NotFoundError`. Needs no ownership.
        """
        return _first(await self._get(ONE_OR_MANY, "/bookings/{}", uid))

    async def get_series(self, recurring_uid: str) -> List[Booking]:
        """Fetch all occurrences of a series, moved and cancelled ones included, or the one booking of a plain uid."""
        return _many(await self._get(ONE_OR_MANY, "/bookings/{}", recurring_uid))

    async def get_by_seat(self, seat_uid: str) -> Booking:
        """Fetch the booking that contains a seat. Only the host sees the other attendees."""
        return await self._get(Booking, "/bookings/by-seat/{}", seat_uid)

    async def create(self, *, start: datetime | str, attendee: Attendee, **fields: Unpack[BookingFields]) -> Booking:
        """Book. See `cal.book` for a call that is safe to retry.

        Name the event type by `event_type_id`, or by `event_type_slug` with `username` or `team_slug`; see
        `BookingFields` for the rest. A recurring event type books all its occurrences, and you get the first;
        `get_series(booking.recurring_booking_uid)` returns the others.

        The booking may be `pending`. For a seated event type, store `seat_uid`. Raises `BadRequestError` if the time is
        not free, `ConflictError` if somebody else books it at the same moment, and `UnauthorizedError` if a limit of
        the event type is used up. The request is never retried if its response is lost (`TransportError.sent`): look
        for the booking before you try again.
        """
        return _first(await self._create(start, attendee, fields))

    async def create_series(
        self, *, start: datetime | str, attendee: Attendee, recurrence_count: int, **fields: Unpack[BookingFields]
    ) -> List[Booking]:
        """Book `recurrence_count` occurrences of a recurring event type.

        The server checks the availability of the first occurrence only, and ignores the count if the event type does
        not recur. It omits the first occurrence of a round-robin series from its response, although it books it.
        Otherwise like `create`.
        """
        return _many(await self._create(start, attendee, fields, recurrence_count))

    async def _create(
        self, start: datetime | str, attendee: Attendee, fields: BookingFields, recurrence_count: int | None = None
    ) -> Any:
        body = CreateBooking(
            start=parse_datetime(start, "start"), attendee=attendee, recurrence_count=recurrence_count, **fields
        )
        _check_event_type(fields)  # after the body, so that an unknown keyword is reported as such
        return await self._post(ONE_OR_MANY, "/bookings", body=body, needed=_needed_version(fields))

    async def reschedule(self, uid: str, *, start: datetime | str, **fields: Unpack[RescheduleFields]) -> Booking:
        """Move a booking, or one seat of it. Returns a NEW booking with a new `uid`: store that one.

        The new booking may be `pending` again, and a moved seat gets a new uid too. Move a series one occurrence at a
        time. See `RescheduleFields` for the rest.
        """
        body = RescheduleBooking(start=parse_datetime(start, "start"), **fields)
        return await self._post(Booking, "/bookings/{}/reschedule", uid, body=body, needed=_needed_version(fields))

    async def request_reschedule(self, uid: str, *, reason: str | None = None) -> None:
        """Cancel a booking and ask the attendee by email to choose another time. Not safe to repeat.

        Only the hosted API has this (September 2026). Webhooks get BOOKING_CANCELLED with `request_reschedule`. Needs
        the scope BOOKING_WRITE.
        """
        # `reschedule` calls this field `reschedulingReason`.
        await self._post(NoneType, "/bookings/{}/request-reschedule", uid, body=drop_unset(rescheduleReason=reason))

    async def routing_trace(self, uid: str) -> RoutingTrace:
        """Fetch how routing rules led to the host of a booking; without steps if it was not routed.

        Only the hosted API has this (September 2026). Needs the scope BOOKING_READ.
        """
        return await self._get(RoutingTrace, "/bookings/{}/routing-trace", uid)

    @property
    def email_verification(self) -> EmailVerification:
        """Verification of the email addresses of attendees."""
        return self._child(EmailVerification)

    async def cancel(self, uid: str, *, reason: str | None = None, seat_uid: str | None = None) -> Booking:
        """Cancel a booking or one seat of it. Cancelling the last seat cancels the booking.

        Hosts must give a `reason`, unless the settings of the event type do not require one.
        """
        body = CancelBooking(reason=reason, seat_uid=seat_uid)
        return _first(await self._post(ONE_OR_MANY, "/bookings/{}/cancel", uid, body=body))

    async def cancel_subsequent(self, uid: str, *, reason: str | None = None) -> List[Booking]:
        """Cancel an occurrence of a series and all later ones; return the whole series."""
        body = CancelBooking(reason=reason, cancel_subsequent=True)
        return _many(await self._post(ONE_OR_MANY, "/bookings/{}/cancel", uid, body=body))

    async def cancel_series(self, recurring_uid: str, *, reason: str | None = None) -> List[Booking]:
        """Cancel all future occurrences of a series; return the whole series.

        The server rejects cancelling a series if an occurrence of it was rescheduled. Then the first active occurrence
        is cancelled together with all later ones, which takes more requests.
        """
        body = CancelBooking(reason=reason)
        try:
            return _many(await self._post(ONE_OR_MANY, "/bookings/{}/cancel", recurring_uid, body=body))
        except BadRequestError as rejection:
            if rejection.reason != "already_cancelled":
                raise
            for occurrence in await self.get_series(recurring_uid):
                if occurrence.is_cancelled or occurrence.is_rejected:
                    continue
                try:
                    return await self.cancel_subsequent(occurrence.uid, reason=reason)
                except BadRequestError as error:
                    if error.reason != "already_ended":  # this occurrence is in the past: try the next one
                        raise
            raise

    async def confirm(self, uid: str) -> Booking:
        """Accept a pending booking. Does not check for conflicts; also reactivates a cancelled or declined booking."""
        return await self._post(Booking, "/bookings/{}/confirm", uid)

    async def decline(self, uid: str, *, reason: str | None = None) -> Booking:
        """Decline a pending booking. The attendee receives the reason; no response contains it."""
        return await self._post(Booking, "/bookings/{}/decline", uid, body=drop_unset(reason=reason))

    async def mark_absent(
        self,
        uid: str,
        *,
        host: bool | None = None,
        attendees: List[AbsentAttendee] | None = None,
    ) -> Booking:
        """Record who did not attend; possible from the start of the booking on.

        An unknown address changes nothing, without an error, or on builds of 2025 with a `ServerError`.
        """
        # Sets absolute values, so a repetition does no harm.
        body = MarkAbsent(host=host, attendees=attendees)
        return await self._post(Booking, "/bookings/{}/mark-absent", uid, body=body, idempotent=True)

    async def reassign(self, uid: str) -> Reassignment:
        """Reassign a round-robin booking to the next free host."""
        return await self._post(Reassignment, "/bookings/{}/reassign", uid)

    async def reassign_to(self, uid: str, user_id: int, *, reason: str | None = None) -> Reassignment:
        """Reassign a round-robin booking to this host."""
        return await self._post(Reassignment, "/bookings/{}/reassign/{}", uid, user_id, body=drop_unset(reason=reason))

    async def update_location(self, uid: str, location: BookingLocation) -> Booking:
        """Change the location; for the host. Limited to five requests per minute."""
        body = UpdateBookingLocation(location=location)
        return await self._patch(Booking, "/bookings/{}/location", uid, body=body, endpoint_limit=LOCATION)

    # Attendees and guests. Where the caller must be a host, an unknown uid raises `ForbiddenError`.

    async def attendees(self, uid: str) -> List[BookingAttendee]:
        """List the attendees and guests with their ids."""
        return await self._get(List[BookingAttendee], "/bookings/{}/attendees", uid)

    async def attendee(self, uid: str, attendee_id: int) -> BookingAttendee:
        """Fetch one attendee."""
        return await self._get(BookingAttendee, "/bookings/{}/attendees/{}", uid, attendee_id)

    async def add_attendee(self, uid: str, attendee: Attendee) -> BookingAttendee:
        """Add an attendee, who needs an email address. Limited to five requests per minute."""
        return await self._post(
            BookingAttendee, "/bookings/{}/attendees", uid, body=attendee, endpoint_limit=ADD_ATTENDEE
        )

    async def remove_attendee(self, uid: str, attendee_id: int) -> BookingAttendee:
        """Remove an attendee other than the booker. Five requests per minute; not available on all servers."""
        return await self._delete(
            BookingAttendee, "/bookings/{}/attendees/{}", uid, attendee_id, endpoint_limit=REMOVE_ATTENDEE
        )

    async def add_guests(self, uid: str, *guests: Guest) -> Booking:
        """Invite up to ten guests, up to a total of thirty attendees. Limited to five requests per minute."""
        body = AddGuests(guests=[*guests])
        return await self._post(Booking, "/bookings/{}/guests", uid, body=body, endpoint_limit=ADD_GUESTS)

    # Related data in calendars and Cal Video.

    async def references(self, uid: str, *, type: str | None = None) -> List[BookingReference]:
        """List calendar events and video rooms, of one `type` or all; for the owner of the booking."""
        query = {"type": type}
        return await self._get(List[BookingReference], "/bookings/{}/references", uid, query=query)

    async def calendar_links(self, uid: str) -> List[CalendarLink]:
        """List links that add the booking to a calendar."""
        return await self._get(List[CalendarLink], "/bookings/{}/calendar-links", uid)

    async def recordings(self, uid: str) -> List[Recording]:
        """List Cal Video recordings; their download links expire."""
        return await self._get(List[Recording], "/bookings/{}/recordings", uid)

    async def transcripts(self, uid: str) -> List[str]:
        """List URLs of Cal Video transcripts."""
        return await self._get(List[str], "/bookings/{}/transcripts", uid)

    async def conferencing_sessions(self, uid: str) -> List[ConferencingSession]:
        """List who was in the Cal Video room, and when."""
        return await self._get(List[ConferencingSession], "/bookings/{}/conferencing-sessions", uid)


def _first(bookings: Booking | List[Booking]) -> Booking:
    """Return a booking, or the first occurrence of a series."""
    if not isinstance(bookings, list):
        return bookings
    if not bookings:
        raise DecodeError(
            "the response is an empty series, although the request took effect: Cal.com omits the first occurrence of "
            "a round-robin series",
            hint="Look for the booking with bookings.list(attendee_email=...)",
        )
    return bookings[0]


def _many(bookings: Booking | List[Booking]) -> List[Booking]:
    """Return the occurrences of a series, or one booking as a list."""
    return bookings if isinstance(bookings, list) else [bookings]


def _needed_version(fields: Mapping[str, Any]) -> str:
    """Return the version that one of the fields needs; empty if every version has them."""
    return BOOKING_OPTIONS if any(fields.get(name) is not None for name in NEWER_FIELDS) else ""


def _check_event_type(fields: Mapping[str, Any]) -> None:
    """Raise if the fields select no event type.

    The server's own error names only two of the three ways. Slugs next to an id are ignored there, so they pass here.
    """
    names = {name for name, value in fields.items() if value is not None}
    if "event_type_id" in names:
        return
    if "event_type_slug" not in names or not {"username", "team_slug"} & names:
        raise InvalidRequestError(
            "the event type is missing", hint="Pass event_type_id, or event_type_slug with username or team_slug"
        )
