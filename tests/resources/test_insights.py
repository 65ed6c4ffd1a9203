"""Insights: the requests of the ten statistics, and responses of the right shape."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest
from sent_requests import ANA, SALES, SentRequest, last_request

from calcom_async import BadRequestError, ForbiddenError, InvalidRequestError
from calcom_async.models import ColumnFilter, ColumnFilterValue, InsightsSort

SEPTEMBER = {"start": date(2026, 9, 1), "end": "2026-09-30"}
DATES = {"startDate": "2026-09-01", "endDate": "2026-09-30"}
PERIOD = ColumnFilter.date_range("startTime", **SEPTEMBER)
PERIOD_BODY = {"id": "startTime", "value": {"type": "dr", "data": {**DATES, "preset": "custom"}}}


def request(path, body):
    """The request of one statistic."""
    return SentRequest("POST", f"/insights/{path}", {}, body, None)


async def test_bookings(cal, calcom_sandbox):
    """Statistics of bookings are requested with a scope, a time zone and filters."""
    insights = cal.insights.bookings
    query = {
        "scope": "team",
        "time_zone": "Europe/Lisbon",
        "selected_team_id": SALES,
        "column_filters": [PERIOD],
    }
    body = {"scope": "team", "timeZone": "Europe/Lisbon", "selectedTeamId": SALES, "columnFilters": [PERIOD_BODY]}
    stats = await insights.kpi_stats(**query)
    assert last_request(calcom_sandbox) == request("bookings/kpi-stats", body)
    assert (stats.empty, stats.created.count, stats.no_show.delta_previous, stats.no_show_guest.count) == (
        False,
        3,
        50,
        3,
    )
    assert stats.previous_range.start_date == "Dec 1, 2023"
    [trend] = await insights.event_trends(**query)
    assert last_request(calcom_sandbox) == request("bookings/event-trends", body)
    assert (trend.label, trend.created, trend.no_show_host, trend.no_show_guest) == ("Jan 1", 1, 1, 1)
    [duration] = await insights.average_duration(**query)
    assert last_request(calcom_sandbox) == request("bookings/average-duration", body)
    assert (duration.label, duration.average, duration.is_today) == ("Jan 1", 22.5, True)
    members = await insights.members(**query)
    assert last_request(calcom_sandbox) == request("bookings/members", body)
    assert (members.most_bookings[0].user.id, members.lowest_ratings[0].count) == (ANA, 3)


async def test_routings(cal, calcom_sandbox):
    """Statistics of routing forms are requested with a scope and two days, both included."""
    insights, query, body = cal.insights.routings, {"scope": "org", **SEPTEMBER}, {"scope": "org", **DATES}
    assert (await insights.forms_by_status(**query)).total_with_booking == 2
    assert last_request(calcom_sandbox) == request("routings/forms-by-status", body)
    failed = await insights.failed_bookings_by_field(**query)
    assert last_request(calcom_sandbox) == request("routings/failed-bookings-by-field", body)
    assert failed["Demo request"]["Team"][0].option_label == "Sales"
    routed = await insights.routed_to_per_period(**query, period="perWeek", search_query="ana")
    period = {"period": "perWeek", "limit": 100, "searchQuery": "ana"}
    assert last_request(calcom_sandbox) == request("routings/routed-to-per-period", {**body, **period})
    assert (routed.users.data[0].performance, routed.period_stats.data[0].total) == ("above_average", 3)
    for name in ("form_field_options", "form_response_headers"):
        [field] = await getattr(insights, name)(scope="user", routing_form_id="f")
        path = f"routings/{name.replace('_', '-')}"
        assert last_request(calcom_sandbox) == request(path, {"scope": "user", "routingFormId": "f"})
        assert (field.label, [option.id for option in field.options]) == ("Team", ["sales", None])


async def test_form_responses(cal, calcom_sandbox):
    """Responses come in pages of at most 100 rows; the offset and the limit are in the body."""
    insights, query = cal.insights.routings, {"scope": "org", **SEPTEMBER}
    page = await insights.form_responses(**query)
    assert last_request(calcom_sandbox) == request(
        "routings/form-responses", {"scope": "org", **DATES, "offset": 0, "limit": 100}
    )
    [response] = page.data
    assert (page.total, response.booking_status, response.utm_source) == (1, "ACCEPTED", None)
    assert (response.fields[0].value_string, response.booking_attendees[0].name) == ("sales", "Ada")
    text = ColumnFilter(id="x", value=ColumnFilterValue(type="t", data={"operator": "contains", "operand": "a"}))
    sort = InsightsSort(id="createdAt", desc=True)
    page = await insights.form_responses(**query, column_filters=[text], sorting=[sort], offset=1, limit=5)
    assert (page.total, page.data) == (1, [])
    body = last_request(calcom_sandbox).body
    assert body["sorting"] == [{"id": "createdAt", "desc": True}]
    assert body["columnFilters"][0]["value"] == {"type": "t", "data": {"operator": "contains", "operand": "a"}}
    with pytest.raises(BadRequestError):
        await insights.form_responses(**query, limit=101)


async def test_a_403_is_not_retried(cal, calcom_sandbox):
    """A caller without the right receives one `ForbiddenError`."""
    before = len(calcom_sandbox.requests)
    with pytest.raises(ForbiddenError):
        await cal.with_credentials("cal_sandbox_cy").insights.bookings.kpi_stats(scope="org", time_zone="UTC")
    assert len(calcom_sandbox.requests) == before + 1


async def test_a_lost_response_is_retried(cal, calcom_sandbox):
    """A statistic changes nothing, so it is requested again after an error of the server."""
    calcom_sandbox.faults.add("POST", "/v2/insights/bookings/kpi-stats", status=502)
    assert (await cal.insights.bookings.kpi_stats(scope="user", time_zone="UTC")).created.count == 3


def test_days_are_dates():
    """A day may be a date, a time or ISO text; other text is an error."""
    noon = datetime(2026, 9, 1, 12, tzinfo=UTC)
    assert ColumnFilter.date_range("startTime", start=noon, end="2026-09-30") == PERIOD
    with pytest.raises(InvalidRequestError, match="end must be a date or 'YYYY-MM-DD', got 'soon'"):
        ColumnFilter.date_range("startTime", start=noon, end="soon")
