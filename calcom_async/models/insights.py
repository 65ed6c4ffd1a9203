"""Insights: statistics of bookings and of routing forms.

No response of the hosted API has been seen: it returned 403 to the account that was tried. The models follow the
specification of September 2026, and no field is required.
"""

from datetime import date, datetime
from typing import Any, Literal

from msgspec import field

from calcom_async.models._base import IntOrFloat, Model
from calcom_async.models.times import parse_date

InsightsScope = Literal["user", "team", "org"] | str
InsightsPeriod = Literal["perDay", "perWeek", "perMonth"] | str


class ColumnFilterValue(Model, frozen=True, kw_only=True):
    """The condition of a filter: `type` determines what `data` holds.

    - "ss" (single select): a text or number
    - "ms" (multiple select): a list of texts or numbers
    - "t" (text): `{"operator": "contains", "operand": "sales"}`; also equals, notEquals, notContains, startsWith,
      endsWith, isEmpty and isNotEmpty
    - "n" (number): `{"operator": "gte", "operand": 3}`; also eq, neq, gt, lt and lte
    - "dr" (date range): `{"startDate": "2026-09-01", "endDate": "2026-09-30", "preset": "custom"}`
    """

    type: Literal["ss", "ms", "t", "n", "dr"] | str
    data: Any


class ColumnFilter(Model, frozen=True, kw_only=True):
    """A filter on one column of the statistics.

    The specification names only the columns of dates: "startTime" and "createdAt" for bookings, and "createdAt" for
    routing forms.
    """

    id: str
    value: ColumnFilterValue

    @classmethod
    def date_range(cls, column: str, *, start: date | str, end: date | str) -> "ColumnFilter":
        """The rows from `start` to `end`, both included."""
        first, last = (parse_date(day, name).isoformat() for name, day in (("start", start), ("end", end)))
        data = {"startDate": first, "endDate": last, "preset": "custom"}
        return cls(id=column, value=ColumnFilterValue(type="dr", data=data))


class InsightsSort(Model, frozen=True, kw_only=True, gc=False):
    """The order of rows by one column."""

    id: str
    desc: bool = False


# Bookings


class BookingInsightsQuery(Model, frozen=True, kw_only=True):
    """The request of all statistics of bookings."""

    scope: InsightsScope
    time_zone: str
    selected_team_id: int | None = None
    column_filters: list[ColumnFilter] | None = None


class InsightsMetric(Model, frozen=True, kw_only=True, gc=False):
    """A number of bookings, and its change from the previous period in percent."""

    count: IntOrFloat | None = None
    delta_previous: IntOrFloat | None = None


class InsightsRange(Model, frozen=True, kw_only=True, gc=False):
    """A period. Its ends are labels such as "Dec 1, 2023"."""

    start_date: str | None = None
    end_date: str | None = None


class BookingKpiStats(Model, frozen=True, kw_only=True):
    """Key figures of bookings."""

    empty: bool | None = None
    """Whether there are no bookings."""
    created: InsightsMetric | None = None
    scheduled: InsightsMetric | None = None
    completed: InsightsMetric | None = None
    rescheduled: InsightsMetric | None = None
    cancelled: InsightsMetric | None = None
    no_show: InsightsMetric | None = field(name="no_show", default=None)
    no_show_guest: InsightsMetric | None = field(name="no_show_guest", default=None)
    rating: InsightsMetric | None = None
    csat: InsightsMetric | None = None
    """Customer satisfaction, from 0 to 100."""
    previous_range: InsightsRange | None = None


# The names on the wire are the labels of a chart.
class BookingEventTrend(Model, frozen=True, kw_only=True, gc=False):
    """Numbers of bookings on one day."""

    label: str | None = field(name="Month", default=None)
    """A label of the day, such as "Jan 1"."""
    formatted_date_full: str | None = None
    """The day with its year, such as "Jan 1, 2024"."""
    is_today: bool | None = None
    created: IntOrFloat | None = field(name="Created", default=None)
    completed: IntOrFloat | None = field(name="Completed", default=None)
    rescheduled: IntOrFloat | None = field(name="Rescheduled", default=None)
    cancelled: IntOrFloat | None = field(name="Cancelled", default=None)
    no_show_host: IntOrFloat | None = field(name="No-Show (Host)", default=None)
    no_show_guest: IntOrFloat | None = field(name="No-Show (Guest)", default=None)


class BookingAverageDuration(Model, frozen=True, kw_only=True, gc=False):
    """Average length of the bookings on one day."""

    label: str | None = field(name="Date", default=None)
    """A label of the day, such as "Jan 1"."""
    formatted_date_full: str | None = None
    is_today: bool | None = None
    average: IntOrFloat | None = field(name="Average", default=None)
    """In minutes."""


class InsightsUser(Model, frozen=True, kw_only=True, gc=False):
    """A member, as statistics name them."""

    id: int | None = None
    username: str | None = None
    name: str | None = None
    email: str | None = None
    avatar_url: str | None = None


class BookingMemberStat(Model, frozen=True, kw_only=True):
    """The number of bookings of one member."""

    user_id: int | None = None
    user: InsightsUser | None = None
    email_md5: str | None = None
    count: IntOrFloat | None = None


class BookingMemberStats(Model, frozen=True, kw_only=True):
    """The members who lead each statistic."""

    most_bookings: list[BookingMemberStat] | None = None
    least_bookings: list[BookingMemberStat] | None = None
    most_cancelled: list[BookingMemberStat] | None = None
    most_completed: list[BookingMemberStat] | None = None
    least_completed: list[BookingMemberStat] | None = None
    most_no_show: list[BookingMemberStat] | None = None
    highest_ratings: list[BookingMemberStat] | None = None
    lowest_ratings: list[BookingMemberStat] | None = None


# Routing forms


class RoutingInsightsQuery(Model, frozen=True, kw_only=True):
    """The request of statistics of routing forms. Which fields apply depends on the statistic."""

    scope: InsightsScope
    selected_team_id: int | None = None
    start_date: date | None = None
    end_date: date | None = None
    column_filters: list[ColumnFilter] | None = None
    sorting: list[InsightsSort] | None = None
    offset: int | None = None
    limit: int | None = None
    period: InsightsPeriod | None = None
    search_query: str | None = None
    routing_form_id: str | None = None


class RoutingFormsByStatus(Model, frozen=True, kw_only=True, gc=False):
    """Numbers of responses to routing forms, with and without a booking."""

    total: IntOrFloat | None = None
    total_without_booking: IntOrFloat | None = None
    total_with_booking: IntOrFloat | None = None


class InsightsAttendee(Model, frozen=True, kw_only=True, gc=False):
    """An attendee of the booking that a response led to."""

    name: str | None = None
    email: str | None = None
    time_zone: str | None = None
    phone_number: str | None = None


class InsightsResponseField(Model, frozen=True, kw_only=True):
    """The value of one field of a response; one of the three values is set."""

    field_id: str | None = None
    value_string: str | None = None
    value_number: IntOrFloat | None = None
    value_string_array: list[str] | None = None


# Other spellings than in the rest of the API: statuses in upper case, and "utm_" in snake case.
class InsightsFormResponse(Model, frozen=True, kw_only=True):
    """A response to a routing form, and the booking that it led to."""

    id: int | None = None
    uuid: str | None = None
    form_id: str | None = None
    form_name: str | None = None
    form_team_id: int | None = None
    form_user_id: int | None = None
    booking_uid: str | None = None
    booking_id: int | None = None
    booking_status: str | None = None
    """In upper case, such as "ACCEPTED"; `Booking.status` is in lower case."""
    booking_status_order: IntOrFloat | None = None
    booking_created_at: datetime | None = None
    booking_user_id: int | None = None
    booking_user_name: str | None = None
    booking_user_email: str | None = None
    booking_user_avatar_url: str | None = None
    booking_assignment_reason: str | None = None
    booking_start_time: datetime | None = None
    booking_end_time: datetime | None = None
    event_type_id: int | None = None
    event_type_parent_id: int | None = None
    event_type_scheduling_type: str | None = None
    """In upper case, such as "ROUND_ROBIN"."""
    created_at: datetime | None = None
    utm_source: str | None = field(name="utm_source", default=None)
    utm_medium: str | None = field(name="utm_medium", default=None)
    utm_campaign: str | None = field(name="utm_campaign", default=None)
    utm_term: str | None = field(name="utm_term", default=None)
    utm_content: str | None = field(name="utm_content", default=None)
    booking_attendees: list[InsightsAttendee] | None = None
    fields: list[InsightsResponseField] | None = None


class InsightsFormResponses(Model, frozen=True, kw_only=True):
    """One page of the responses to routing forms; `total` counts all pages."""

    total: IntOrFloat | None = None
    data: list[InsightsFormResponse] | None = None


class RoutingFieldOption(Model, frozen=True, kw_only=True, gc=False):
    """A choice of a field of a routing form."""

    id: str | None = None
    label: str | None = None


class RoutingField(Model, frozen=True, kw_only=True):
    """A field of a routing form."""

    id: str | None = None
    label: str | None = None
    type: str | None = None
    options: list[RoutingFieldOption] | None = None


class FailedBookingCount(Model, frozen=True, kw_only=True, gc=False):
    """The number of responses with one choice that led to no booking."""

    option_id: str | None = None
    option_label: str | None = None
    count: IntOrFloat | None = None


class RoutedUser(Model, frozen=True, kw_only=True, gc=False):
    """A user whom routing forms gave bookings to."""

    id: int | None = None
    name: str | None = None
    email: str | None = None
    avatar_url: str | None = None
    performance: str | None = None
    """For example "above_average"."""
    total_bookings: IntOrFloat | None = None


class RoutedUsers(Model, frozen=True, kw_only=True):
    """The users whom routing forms gave bookings to."""

    data: list[RoutedUser] | None = None


class RoutedPeriod(Model, frozen=True, kw_only=True, gc=False):
    """The bookings that one user got in one period."""

    user_id: int | None = None
    period_start: datetime | None = field(name="period_start", default=None)
    total: IntOrFloat | None = None


class RoutedPeriods(Model, frozen=True, kw_only=True):
    """The bookings of each user in each period."""

    data: list[RoutedPeriod] | None = None


class RoutedToPerPeriod(Model, frozen=True, kw_only=True):
    """The users whom routing forms gave bookings to, and how many in each period."""

    users: RoutedUsers | None = None
    period_stats: RoutedPeriods | None = None
