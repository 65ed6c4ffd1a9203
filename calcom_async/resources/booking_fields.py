"""Booking fields of an event type of a user, of a team, or of a team in an organization."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from msgspec.structs import replace

from calcom_async.models.booking_fields import BookingField, BookingFields
from calcom_async.resources._base import Resource, listed


def upgraded(booking_fields: Sequence[BookingField]) -> list[Any]:
    """Return booking fields in the shape of version 2026-06-12."""
    fields = listed("booking_fields", booking_fields)
    return [field.upgraded() if isinstance(field, BookingField) else field for field in fields]


def _change(field: Any) -> Any:
    """Return a change to a booking field, which the API identifies by its slug. That of a default field is its name."""
    if not isinstance(field, BookingField):
        return field
    # Responses identify a field by `field`; a change must not have it (specification of September 2026).
    return replace(field, field=None, slug=field.slug or (None if field.field == "custom" else field.field))


class EventTypeBookingFields(Resource):
    """Booking fields of one event type, in the shape of version 2026-06-12; self-hosted servers do not have them.

    All methods return all fields afterwards: default, custom and workflow-added ones. Fields that you pass in the shape
    of version 2024-06-14 are converted. Needs the OAuth scopes `EVENT_TYPE_READ` and `EVENT_TYPE_WRITE`; for event
    types of teams `TEAM_EVENT_TYPE_READ` and `TEAM_EVENT_TYPE_WRITE`, and an admin of the team.
    """

    async def get(self) -> list[BookingField]:
        """Return all booking fields, hidden ones included."""
        return (await self._get(BookingFields, "/booking-fields")).booking_fields

    async def replace(self, *, booking_fields: Sequence[BookingField]) -> list[BookingField]:
        """Replace all booking fields.

        Custom fields that are not given are deleted. Default fields that are not given return to their defaults.
        Workflow-added fields are ignored. The result of `get` can be passed back.

        Either `email` or `attendeePhoneNumber` must be visible and required.
        """
        body = {"bookingFields": upgraded(booking_fields)}
        return (await self._put(BookingFields, "/booking-fields", body=body)).booking_fields

    async def add(self, *, booking_fields: Sequence[BookingField]) -> list[BookingField]:
        """Add custom fields. A default field, a workflow-added one and a slug that is taken are errors."""
        body = {"bookingFields": upgraded(booking_fields)}
        return (await self._post(BookingFields, "/booking-fields", body=body)).booking_fields

    async def update(self, *, booking_fields: Sequence[BookingField]) -> list[BookingField]:
        """Change the given fields: each needs its `slug`, or the `field` of a default one, and what is to change.

        Attributes that are not given stay as they are. The `type` of a custom field cannot change, and workflow-added
        fields are read only.
        """
        body = {"bookingFields": [_change(field) for field in upgraded(booking_fields)]}
        return (await self._patch(BookingFields, "/booking-fields", body=body)).booking_fields

    async def delete(self, slug: str) -> list[BookingField]:
        """Delete a custom field. A default field cannot be deleted: hide it with `update`."""
        return (await self._delete(BookingFields, "/booking-fields/{}", slug)).booking_fields
