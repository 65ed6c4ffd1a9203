"""Routing forms, whose answers select an event type, a message or a URL."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any, Literal, TypedDict, Unpack

from calcom_async.errors import InvalidRequestError
from calcom_async.models.routing_forms import RoutedResponse, RoutedSlots, RoutingForm, RoutingFormResponse
from calcom_async.models.times import bound, parse_date_or_datetime
from calcom_async.pages import Pages
from calcom_async.pagination import PaginationSpec
from calcom_async.resources._base import Paging, Resource, table

Order = Literal["asc", "desc"]
# Some servers accept more than 250 rows per page here. The documented limit works on all of them.
PAGINATION = PaginationSpec(maximum=250)


class FormSlotOptions(TypedDict, total=False):
    """How free slots are returned; see `cal.slots.search`."""

    time_zone: str | None
    duration: int | None
    include_end: bool | None
    booking_uid_to_reschedule: str | None
    reschedule_with_same_host: bool | None
    """Whether to return the slots of the host of that booking, or those of all hosts.

    Only for round-robin event types with `allow_rr_host_choice_on_reschedule`; ignored for others, and by self-hosted
    servers.
    """


class RoutingFormFilters(Paging, total=False):
    """Filters of the lists of forms and of responses. Times must be aware; both ends are inclusive.

    Rows are sorted by id unless a sort is given. A sorted list over several pages may lose rows with equal times, as
    everywhere in this API: read long lists without a sort.
    """

    sort_created_at: Order | None
    sort_updated_at: Order | None
    after_created_at: datetime | date | str | None
    before_created_at: datetime | date | str | None
    after_updated_at: datetime | date | str | None
    before_updated_at: datetime | date | str | None
    routed_to_booking_uid: str | None


class OrganizationRoutingFormFilters(RoutingFormFilters, total=False):
    """Filters of the list of forms of an organization."""

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
    """Separate the query from the paging arguments."""
    allowed = known.__annotations__.keys()
    if unknown := filters.keys() - allowed:
        raise InvalidRequestError(f"unknown filter {min(unknown)!r}. This list accepts {', '.join(sorted(allowed))}")
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
        "rescheduleWithSameHost": shown.get("reschedule_with_same_host"),
    }


class NewRoutingFormResponses(Resource):
    """New responses to one routing form."""

    async def create(
        self,
        *,
        answers: Mapping[str, Any],
        start: date | datetime | str,
        end: date | datetime | str,
        queue: bool = False,
        **shown: Unpack[FormSlotOptions],
    ) -> RoutedResponse:
        """Submit answers; returns the route: free slots from `start` to `end`, a message or a URL.

        `answers` maps identifiers of form fields to values. To book, pass `event_type_id` and `routing` of the result
        to `cal.bookings.create`. With `queue=True` the response is only stored once a booking is made
        (`routing.queued_response_id`). For members of the team. A missing required answer raises `BadRequestError`. Not
        retried if the response is lost, since every request stores a response.
        """
        # The body is the answers and nothing else, so all options are in the query.
        query = {**_slot_query(start, end, shown), "queueResponse": queue or None}
        request = self._request("POST", "/responses", (), query=query, body=table("answers", answers))
        return await self._send(RoutedResponse, request, idempotent=False)


class UserTeamRoutingForms(Resource):
    """Routing forms of a team outside an organization. Their responses can only be created."""

    def responses(self, form_id: str) -> NewRoutingFormResponses:
        """Responses to one form. Needs the OAuth scope `TEAM_ROUTING_FORM_WRITE`. Self-hosted servers lack this."""
        return self._child(NewRoutingFormResponses, "/routing-forms/{}", form_id)


class RoutingForms(Resource):
    """Routing forms of a team; for admins of the team or of the organization."""

    def list(self, **filters: Unpack[RoutingFormFilters]) -> Pages[RoutingForm]:
        """List the forms, 250 per page. See `RoutingFormFilters`."""
        return self._pages(RoutingForm, "/routing-forms", pagination=PAGINATION, **_split(filters, RoutingFormFilters))

    def responses(self, form_id: str) -> RoutingFormResponses:
        """Responses to one form. An unknown form or one of another team raises `ForbiddenError`."""
        return self._child(RoutingFormResponses, "/routing-forms/{}", form_id)


class OrganizationRoutingForms(RoutingForms):
    """Routing forms of all teams of an organization; for its admins."""

    def list(self, **filters: Unpack[OrganizationRoutingFormFilters]) -> Pages[RoutingForm]:
        """List the forms, 250 per page. See `OrganizationRoutingFormFilters`."""
        split = _split(filters, OrganizationRoutingFormFilters)
        return self._pages(RoutingForm, "/routing-forms", pagination=PAGINATION, **split)


class RoutingFormResponses(NewRoutingFormResponses):
    """Responses to one routing form."""

    def list(self, **filters: Unpack[RoutingFormFilters]) -> Pages[RoutingFormResponse]:
        """List the responses, 250 per page. See `RoutingFormFilters`."""
        return self._pages(
            RoutingFormResponse, "/responses", pagination=PAGINATION, **_split(filters, RoutingFormFilters)
        )

    async def update(self, response_id: int, *, response: Mapping[str, Any]) -> RoutingFormResponse:
        """Replace all answers of a response: `{field id: {"label": ..., "value": ...}}`."""
        body = {"response": table("response", response)}
        return await self._patch(RoutingFormResponse, "/responses/{}", response_id, body=body)


class UserRoutingForms(Resource):
    """Slots for answers to any routing form."""

    async def calculate_slots(
        self,
        form_id: str,
        *,
        answers: Mapping[str, Any],
        start: date | datetime | str,
        end: date | datetime | str,
        **shown: Unpack[FormSlotOptions],
    ) -> RoutedSlots:
        """Return free slots of the event type that the answers select; nothing is stored. Needs no credentials.

        `answers` maps identifiers of form fields to values. Only routes to event types of teams are supported: a
        message, a URL or an event type of a user raises `NotFoundError`.
        """
        # A POST that stores nothing, so it may be retried.
        request = self._request(
            "POST",
            "/routing-forms/{}/calculate-slots",
            (form_id,),
            query=_slot_query(start, end, shown),
            body=table("answers", answers),
        )
        return await self._send(RoutedSlots, request, idempotent=True)
