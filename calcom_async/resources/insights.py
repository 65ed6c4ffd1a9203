"""Insights: statistics of bookings and of routing forms."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

from calcom_async.models.insights import (
    BookingAverageDuration,
    BookingEventTrend,
    BookingInsightsQuery,
    BookingKpiStats,
    BookingMemberStats,
    ColumnFilter,
    FailedBookingCount,
    InsightsFormResponses,
    InsightsPeriod,
    InsightsScope,
    InsightsSort,
    RoutedToPerPeriod,
    RoutingField,
    RoutingFormsByStatus,
    RoutingInsightsQuery,
)
from calcom_async.models.times import parse_date
from calcom_async.resources._base import Resource, listed

# All operations are POSTs that only read, so each of them may be retried.
EVENT_TRENDS: Any = list[BookingEventTrend]
DURATIONS: Any = list[BookingAverageDuration]
FIELDS: Any = list[RoutingField]
FAILED_BOOKINGS: Any = dict[str, dict[str, list[FailedBookingCount]]]
BY_STATUS: Any = RoutingFormsByStatus | None


def _filters(column_filters: Sequence[ColumnFilter] | None) -> list[ColumnFilter] | None:
    return None if column_filters is None else listed("column_filters", column_filters)


class BookingInsights(Resource):
    """Statistics of bookings. `ForbiddenError` is a normal outcome: see `Insights`.

    `scope` is "user", "team" (the team with `selected_team_id`) or "org". The period is a filter:
    `column_filters=[ColumnFilter.date_range("startTime", start=..., end=...)]`. The specification does not say which
    period the server uses without it.
    """

    async def kpi_stats(
        self,
        *,
        scope: InsightsScope,
        time_zone: str,
        selected_team_id: int | None = None,
        column_filters: Sequence[ColumnFilter] | None = None,
    ) -> BookingKpiStats:
        """Return key figures of bookings, and how they changed from the previous period in percent."""
        body = BookingInsightsQuery(
            scope=scope,
            time_zone=time_zone,
            selected_team_id=selected_team_id,
            column_filters=_filters(column_filters),
        )
        return await self._post(BookingKpiStats, "/kpi-stats", body=body, idempotent=True)

    async def event_trends(
        self,
        *,
        scope: InsightsScope,
        time_zone: str,
        selected_team_id: int | None = None,
        column_filters: Sequence[ColumnFilter] | None = None,
    ) -> list[BookingEventTrend]:
        """Return the numbers of bookings per day. The days are labels such as "Jan 1"."""
        body = BookingInsightsQuery(
            scope=scope,
            time_zone=time_zone,
            selected_team_id=selected_team_id,
            column_filters=_filters(column_filters),
        )
        trends: list[BookingEventTrend] = await self._post(EVENT_TRENDS, "/event-trends", body=body, idempotent=True)
        return trends

    async def average_duration(
        self,
        *,
        scope: InsightsScope,
        time_zone: str,
        selected_team_id: int | None = None,
        column_filters: Sequence[ColumnFilter] | None = None,
    ) -> list[BookingAverageDuration]:
        """Return the average length of bookings per day, in minutes. The days are labels such as "Jan 1"."""
        body = BookingInsightsQuery(
            scope=scope,
            time_zone=time_zone,
            selected_team_id=selected_team_id,
            column_filters=_filters(column_filters),
        )
        durations: list[BookingAverageDuration] = await self._post(
            DURATIONS, "/average-duration", body=body, idempotent=True
        )
        return durations

    async def members(
        self,
        *,
        scope: InsightsScope,
        time_zone: str,
        selected_team_id: int | None = None,
        column_filters: Sequence[ColumnFilter] | None = None,
    ) -> BookingMemberStats:
        """Return the members with the most and the fewest bookings, cancellations, no-shows and the like."""
        body = BookingInsightsQuery(
            scope=scope,
            time_zone=time_zone,
            selected_team_id=selected_team_id,
            column_filters=_filters(column_filters),
        )
        return await self._post(BookingMemberStats, "/members", body=body, idempotent=True)


class RoutingInsights(Resource):
    """Statistics of routing forms. `ForbiddenError` is a normal outcome: see `Insights`.

    `scope` is "user", "team" (the team with `selected_team_id`) or "org". `start` and `end` are days, both included.
    """

    async def forms_by_status(
        self,
        *,
        scope: InsightsScope,
        start: date | str,
        end: date | str,
        selected_team_id: int | None = None,
        column_filters: Sequence[ColumnFilter] | None = None,
    ) -> RoutingFormsByStatus | None:
        """Return how many responses led to a booking. The specification allows None, without a reason."""
        body = RoutingInsightsQuery(
            scope=scope,
            start_date=parse_date(start, "start"),
            end_date=parse_date(end, "end"),
            selected_team_id=selected_team_id,
            column_filters=_filters(column_filters),
        )
        statuses: RoutingFormsByStatus | None = await self._post(
            BY_STATUS, "/forms-by-status", body=body, idempotent=True
        )
        return statuses

    async def form_responses(
        self,
        *,
        scope: InsightsScope,
        start: date | str,
        end: date | str,
        selected_team_id: int | None = None,
        column_filters: Sequence[ColumnFilter] | None = None,
        sorting: Sequence[InsightsSort] | None = None,
        offset: int = 0,
        limit: int = 100,
    ) -> InsightsFormResponses:
        """Return one page of responses, with the bookings that they led to; at most 100.

        For the next page add the `limit` to the `offset`, until it reaches the `total` of the response.
        """
        body = RoutingInsightsQuery(
            scope=scope,
            start_date=parse_date(start, "start"),
            end_date=parse_date(end, "end"),
            selected_team_id=selected_team_id,
            column_filters=_filters(column_filters),
            sorting=None if sorting is None else listed("sorting", sorting),
            # The only list of the API that is paged in the body. Both are required.
            offset=offset,
            limit=limit,
        )
        return await self._post(InsightsFormResponses, "/form-responses", body=body, idempotent=True)

    async def form_field_options(
        self, *, scope: InsightsScope, selected_team_id: int | None = None, routing_form_id: str | None = None
    ) -> list[RoutingField]:
        """Return the fields that have choices, of all routing forms or of one."""
        # These two take no period: they describe the forms, not the responses.
        body = RoutingInsightsQuery(scope=scope, selected_team_id=selected_team_id, routing_form_id=routing_form_id)
        fields: list[RoutingField] = await self._post(FIELDS, "/form-field-options", body=body, idempotent=True)
        return fields

    async def form_response_headers(
        self, *, scope: InsightsScope, selected_team_id: int | None = None, routing_form_id: str | None = None
    ) -> list[RoutingField]:
        """Return the fields that are the columns of `form_responses`, of all routing forms or of one."""
        body = RoutingInsightsQuery(scope=scope, selected_team_id=selected_team_id, routing_form_id=routing_form_id)
        fields: list[RoutingField] = await self._post(FIELDS, "/form-response-headers", body=body, idempotent=True)
        return fields

    async def failed_bookings_by_field(
        self,
        *,
        scope: InsightsScope,
        start: date | str,
        end: date | str,
        selected_team_id: int | None = None,
        column_filters: Sequence[ColumnFilter] | None = None,
    ) -> dict[str, dict[str, list[FailedBookingCount]]]:
        """Return how many responses led to no booking, by name of the form and label of the field.

        Forms with the same name share one entry.
        """
        body = RoutingInsightsQuery(
            scope=scope,
            start_date=parse_date(start, "start"),
            end_date=parse_date(end, "end"),
            selected_team_id=selected_team_id,
            column_filters=_filters(column_filters),
        )
        counts: dict[str, dict[str, list[FailedBookingCount]]] = await self._post(
            FAILED_BOOKINGS, "/failed-bookings-by-field", body=body, idempotent=True
        )
        return counts

    async def routed_to_per_period(
        self,
        *,
        scope: InsightsScope,
        start: date | str,
        end: date | str,
        period: InsightsPeriod,
        limit: int = 100,
        selected_team_id: int | None = None,
        column_filters: Sequence[ColumnFilter] | None = None,
        search_query: str | None = None,
    ) -> RoutedToPerPeriod:
        """Return the users whom routing forms gave bookings to, and how many per day, week or month; at most 100.

        There is no second page: `search_query` selects users by name.
        """
        body = RoutingInsightsQuery(
            scope=scope,
            start_date=parse_date(start, "start"),
            end_date=parse_date(end, "end"),
            selected_team_id=selected_team_id,
            column_filters=_filters(column_filters),
            period=period,
            limit=limit,
            search_query=search_query,
        )
        return await self._post(RoutedToPerPeriod, "/routed-to-per-period", body=body, idempotent=True)


class Insights(Resource):
    """Statistics of the organization of the caller.

    `ForbiddenError` is a normal outcome: in September 2026 the hosted API returned 403 for all ten operations, for an
    account that could write the roles and webhooks of its organization. The documentation names no role, plan or scope
    for them, so OAuth tokens cannot use them. Self-hosted servers do not have them.
    """

    @property
    def bookings(self) -> BookingInsights:
        """Statistics of bookings."""
        return self._child(BookingInsights, "/insights/bookings")

    @property
    def routings(self) -> RoutingInsights:
        """Statistics of routing forms."""
        return self._child(RoutingInsights, "/insights/routings")
