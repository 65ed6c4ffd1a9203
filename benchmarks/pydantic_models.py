"""The Booking of `calcom_async.models` as pydantic would have it: the same fields, the same types."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel


class Model(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, frozen=True)


class Host(Model):
    id: int | str
    name: str | None = None
    email: str | None = None
    display_email: str | None = None
    username: str | None = None
    time_zone: str | None = None


class Attendee(Model):
    name: str | None = None
    email: str | None = None
    display_email: str | None = None
    time_zone: str
    language: str | None = None
    absent: bool = False
    phone_number: str | None = None
    seat_uid: str | None = None
    booking_fields_responses: dict[str, Any] | None = None
    metadata: dict[str, Any] | None = None
    id: int | None = None
    booking_id: int | None = None


class EventType(Model):
    id: int
    slug: str | None = None


class Booking(Model):
    id: int
    uid: str
    title: str
    description: str | None = None
    hosts: list[Host]
    status: str
    cancellation_reason: str | None = None
    cancelled_by_email: str | None = None
    rescheduling_reason: str | None = None
    rescheduled_by_email: str | None = None
    rescheduled_from_uid: str | None = None
    rescheduled_to_uid: str | None = None
    start: datetime
    end: datetime
    duration: float
    event_type_id: int | None = None
    event_type: EventType | None = None
    meeting_url: str | None = None
    location: str | None = None
    absent_host: bool = False
    created_at: datetime
    updated_at: datetime | None = None
    metadata: dict[str, Any] | None = None
    rating: float | None = None
    ics_uid: str | None = None
    attendees: list[Attendee]
    guests: list[str] | None = None
    booking_fields_responses: dict[str, Any] | None = None
    recurring_booking_uid: str | None = None
    seat_uid: str | None = None
    is_platform_managed_user_booking: bool | None = None


class Pagination(Model):
    returned_items: int
    total_items: int
    items_per_page: int
    remaining_items: int
    current_page: int
    total_pages: int
    has_next_page: bool
    has_previous_page: bool


class BookingsPage(Model):
    status: str
    data: list[Booking]
    pagination: Pagination
