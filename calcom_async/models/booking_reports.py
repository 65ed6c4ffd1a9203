"""Unwanted bookings of an organization: blocked and reported ones."""

from typing import Literal

from calcom_async.models._base import Model

BlockType = Literal["EMAIL", "DOMAIN"] | str
ReportReason = Literal["SPAM", "UNWANTED", "DONT_KNOW_PERSON", "OTHER"] | str


class BlockBooking(Model, frozen=True, kw_only=True, gc=False):
    """The booking whose booker to block."""

    booking_uid: str
    block_type: BlockType


class BookingBlock(Model, frozen=True, kw_only=True, gc=False):
    """The address or domain that was blocked, and how many bookings were cancelled."""

    success: bool
    message: str | None = None
    booking_uid: str
    cancelled_count: int
    blocked_value: str


class ReportBooking(Model, frozen=True, kw_only=True, gc=False):
    """The booking to report."""

    booking_uid: str
    reason: ReportReason
    report_type: BlockType
    description: str | None = None


class BookingReport(Model, frozen=True, kw_only=True, gc=False):
    """How many bookings were reported and cancelled."""

    success: bool
    message: str | None = None
    booking_uid: str
    reported_count: int
    cancelled_count: int
