"""Slots: free times, and the reservations that hide one for a while."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from types import NoneType
from typing import Any

from msgspec import UNSET, UnsetType

from calcom_async.errors import InvalidRequestError
from calcom_async.models.slots import Reservation, ReserveSlot, Slot, SlotDays
from calcom_async.resources._base import Resource

MAYBE: Any = Reservation | None


class Slots(Resource):
    """Free times of event types; readable without credentials of the host."""

    area = "slots"
    version = "2024-09-04"

    @property
    def reservations(self) -> Reservations:
        """Reservations of slots."""
        return self._below(Reservations)

    async def search(
        self,
        *,
        start: date | datetime,
        end: date | datetime,
        event_type_id: int | None = None,
        event_type_slug: str | None = None,
        username: str | None = None,
        team_slug: str | None = None,
        usernames: Sequence[str] | None = None,
        organization_slug: str | None = None,
        time_zone: str | None = None,
        duration: int | None = None,
        ranges: bool = False,
        booking_uid_to_reschedule: str | None = None,
        host_subset_ids: Sequence[int] | None = None,
    ) -> SlotDays:
        """Free slots from `start` to `end`, by date of `time_zone` (UTC without one); days without slots are left out.

        Name the event type in one of four ways: `event_type_id`; `event_type_slug` with `username`, or with `team_slug`
        (each with `organization_slug` where it is in one); or two or more `usernames` with `organization_slug`, for a
        meeting with all of them.

        A date as `end` includes that day. Only slots that lie wholly inside are answered. `duration` is in minutes;
        `ranges=True` fills in `Slot.end`; seated event types fill in the seats, and full slots stay in the list.
        `booking_uid_to_reschedule` counts that booking's own time as free. A month at a time is fast enough; there is
        no paging. Where `time_zone` leaves summer time inside the span, the server leaves out the last day: ask a day
        more.
        """
        target = {
            "eventTypeId": event_type_id,
            "eventTypeSlug": event_type_slug,
            "username": username,
            "teamSlug": team_slug,
            "usernames": usernames,
            "organizationSlug": organization_slug,
        }
        _check_target({name: value for name, value in target.items() if value is not None})
        days = await self._get(
            dict[date, list[Slot]],
            "/slots",
            query={
                "start": start,
                "end": end,
                **target,
                "timeZone": time_zone,
                "duration": duration,
                "format": "range" if ranges else None,
                "bookingUidToReschedule": booking_uid_to_reschedule,
                "rrHostSubsetIds": host_subset_ids,
            },
        )
        return SlotDays(days)


WAYS = ({"eventTypeId"}, {"eventTypeSlug", "username"}, {"eventTypeSlug", "teamSlug"}, {"usernames"})


def _check_target(target: Mapping[str, Any]) -> None:
    """Refuse a mixture of ways to name the event type: the server would judge it by rules of its own."""
    names = target.keys() - {"organizationSlug"}
    if names not in WAYS or ("organizationSlug" in target and "eventTypeId" in target):
        raise InvalidRequestError(
            "name the event type by event_type_id; or by event_type_slug with username or team_slug; "
            "or by usernames with organization_slug"
        )
    if "usernames" not in target:
        return
    if isinstance(target["usernames"], str) or len(target["usernames"]) < 2 or "organizationSlug" not in target:
        raise InvalidRequestError("usernames is a list of at least two, with organization_slug beside it")


class Reservations(Resource):
    """Reservations hide a slot from searches for a while. They are advisory: a booking does not ask for them."""

    area = "slots"
    version = "2024-09-04"

    async def create(
        self,
        *,
        event_type_id: int,
        start: datetime,
        slot_duration: int | UnsetType = UNSET,
        reservation_duration: int | UnsetType = UNSET,
    ) -> Reservation:
        """Reserve the slot at `start`, for 5 minutes unless `reservation_duration` (minutes) says otherwise.

        Raises `UnprocessableError` when it is booked or reserved. Whether `start` is a slot at all is not checked.
        """
        body = _reservation(event_type_id, start, slot_duration, reservation_duration)
        return await self._post(Reservation, "/slots/reservations", body=body)

    async def get(self, reservation_uid: str) -> Reservation | None:
        """Fetch a reservation; None when it is unknown or over, which the server does not tell apart."""
        return await self._get(MAYBE, "/slots/reservations/{}", reservation_uid)

    async def update(
        self,
        reservation_uid: str,
        *,
        event_type_id: int,
        start: datetime,
        slot_duration: int | UnsetType = UNSET,
        reservation_duration: int | UnsetType = UNSET,
    ) -> Reservation:
        """Move a reservation, and start its time anew. A time that overlaps its own present one is refused (422)."""
        body = _reservation(event_type_id, start, slot_duration, reservation_duration)
        return await self._patch(Reservation, "/slots/reservations/{}", reservation_uid, body=body, repeatable=False)

    async def delete(self, reservation_uid: str) -> None:
        """Give a slot back. An unknown reservation is no error."""
        await self._delete(NoneType, "/slots/reservations/{}", reservation_uid, repeatable=True)


def _reservation(
    event_type_id: int, start: datetime, slot_duration: int | UnsetType, reservation_duration: int | UnsetType
) -> ReserveSlot:
    return ReserveSlot(
        event_type_id=event_type_id,
        slot_start=start,
        slot_duration=slot_duration,
        reservation_duration=reservation_duration,
    )
