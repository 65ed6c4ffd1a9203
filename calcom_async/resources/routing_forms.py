"""Routing forms: their answers decide where somebody is led; of an organisation, of its teams, and of a user."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any, Literal, TypedDict, Unpack

from calcom_async.errors import InvalidRequestError
from calcom_async.models.routing_forms import RoutedResponse, RoutedSlots, RoutingForm, RoutingFormResponse
from calcom_async.models.times import bound, parse_date_or_datetime
from calcom_async.pages import Pages
from calcom_async.resources._base import Paging, Resource, table
from calcom_async.wire import Listing

Order = Literal["asc", "desc"]
# The server takes more than 250 here, at least where nobody has restricted it; the documented limit works everywhere.
LISTING = Listing(maximum=250)


class FormSlotOptions(TypedDict, total=False):
    """How the free slots are to be shown: as in `cal.slots.search`."""

    time_zone: str | None
    duration: int | None
    include_end: bool | None
    booking_uid_to_reschedule: str | None


class RoutingFormFilters(Paging, total=False):
    """Filters of the lists of forms and of responses; times are aware, both ends are inclusive.

    Without a sort rows come by id. A sort on equal times may lose rows between pages, as everywhere in this API: walk
    without one.
    """

    sort_created_at: Order | None
    sort_updated_at: Order | None
    after_created_at: datetime | date | str | None
    before_created_at: datetime | date | str | None
    after_updated_at: datetime | date | str | None
    before_updated_at: datetime | date | str | None
    routed_to_booking_uid: str | None


class OrganizationRoutingFormFilters(RoutingFormFilters, total=False):
    """Filters of an organisation's list of forms."""

    team_ids: Sequence[int] | None


WIRE_NAMES = {
    "sort_created_at": "sortCreatedAt",
    "sort_updated_at": "sortUpdatedAt",
    "after_created_at": "afterCreatedAt",
    "before_created_at": "beforeCreatedAt",
    "after_updated_at": "afterUpdatedAt",
    "before_updated_at": "beforeUpdatedAt",
    "routed_to_booking_uid": "routedToBookingUid",
    "team_ids": "teamIds",
}


def _split(filters: Mapping[str, Any], known: type) -> Any:
    """Arguments of a list as those of `Resource._pages`: the query apart from the paging."""
    allowed = known.__annotations__.keys()
    if unknown := filters.keys() - allowed:
        raise InvalidRequestError(f"this list has no filter {min(unknown)!r}; it takes {', '.join(sorted(allowed))}")
    paging = {name: value for name, value in filters.items() if name not in WIRE_NAMES}
    query = {
        WIRE_NAMES[name]: bound(value, name, is_end=name.startswith("before_"))
        if name.startswith(("after_", "before_")) and value is not None
        else value
        for name, value in filters.items()
        if name in WIRE_NAMES
    }
    return {"query": query, **paging}


def _slot_query(start: date | datetime | str, end: date | datetime | str, shown: FormSlotOptions) -> dict[str, Any]:
    return {
        "start": parse_date_or_datetime(start, "start"),
        "end": parse_date_or_datetime(end, "end"),
        "timeZone": shown.get("time_zone"),
        "duration": shown.get("duration"),
        "format": "range" if shown.get("include_end") else None,
        "bookingUidToReschedule": shown.get("booking_uid_to_reschedule"),
    }


class RoutingForms(Resource):
    """Routing forms of a team; for its admins, and for those of the organisation."""

    def list(self, **filters: Unpack[RoutingFormFilters]) -> Pages[RoutingForm]:
        """The forms, 250 a page. See `RoutingFormFilters`."""
        return self._pages(RoutingForm, "/routing-forms", listing=LISTING, **_split(filters, RoutingFormFilters))

    def responses(self, form_id: str) -> RoutingFormResponses:
        """What was answered to one form. A form of another team is a `ForbiddenError`, an unknown one as well."""
        return self._below(RoutingFormResponses, "/routing-forms/{}", form_id)


class OrganizationRoutingForms(RoutingForms):
    """Routing forms of all teams of an organisation; for its admins."""

    def list(self, **filters: Unpack[OrganizationRoutingFormFilters]) -> Pages[RoutingForm]:
        """The forms, 250 a page. See `OrganizationRoutingFormFilters`."""
        split = _split(filters, OrganizationRoutingFormFilters)
        return self._pages(RoutingForm, "/routing-forms", listing=LISTING, **split)


class RoutingFormResponses(Resource):
    """Responses to one routing form."""

    def list(self, **filters: Unpack[RoutingFormFilters]) -> Pages[RoutingFormResponse]:
        """The responses, 250 a page. See `RoutingFormFilters`."""
        return self._pages(RoutingFormResponse, "/responses", listing=LISTING, **_split(filters, RoutingFormFilters))

    async def create(
        self,
        *,
        answers: Mapping[str, Any],
        start: date | datetime | str,
        end: date | datetime | str,
        queue: bool = False,
        **shown: Unpack[FormSlotOptions],
    ) -> RoutedResponse:
        """Answer the form, and learn where it leads: to free slots from `start` to `end`, to a message or elsewhere.

        `answers` go by the identifiers of the form's fields. To book, give `event_type_id` and `routing` of what comes
        back to `cal.bookings.create`. `queue=True` keeps the response only once something was booked
        (`routing.queued_response_id`). Members of the team may do this. A required field without an answer is a
        `BadRequestError`. Not repeated when the answer is lost: each call is a response.
        """
        query = {**_slot_query(start, end, shown), "queueResponse": queue or None}
        request = self._request("POST", "/responses", (), query=query, body=table("answers", answers), repeatable=False)
        return await self._ask(RoutedResponse, request)

    async def update(self, response_id: int, *, response: Mapping[str, Any]) -> RoutingFormResponse:
        """Replace the answers of a response: `{field id: {"label": ..., "value": ...}}`, all of them."""
        body = {"response": table("response", response)}
        return await self._patch(RoutingFormResponse, "/responses/{}", response_id, body=body)


class UserRoutingForms(Resource):
    """What anybody may do with a routing form: ask where answers lead."""

    async def calculate_slots(
        self,
        form_id: str,
        *,
        answers: Mapping[str, Any],
        start: date | datetime | str,
        end: date | datetime | str,
        **shown: Unpack[FormSlotOptions],
    ) -> RoutedSlots:
        """Free slots of the event type that the answers lead to; nothing is kept. Works without credentials.

        `answers` go by the identifiers of the form's fields. Only routes to event types of teams are known here: a
        message, another site, or an event type of a user is a `NotFoundError`.
        """
        request = self._request(
            "POST",
            "/routing-forms/{}/calculate-slots",
            (form_id,),
            query=_slot_query(start, end, shown),
            body=table("answers", answers),
            repeatable=True,
        )
        return await self._ask(RoutedSlots, request)
