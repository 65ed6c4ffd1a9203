"""The model of each recorded response's `data`, by its path below `reference/real` without `.json`.

Only successful responses with data are listed.
"""

from __future__ import annotations

from typing import Any

from calcom_async.models import (
    ApiKeyRefreshed,
    Booking,
    BookingAttendee,
    BookingReference,
    BusyTime,
    CalendarLink,
    ConnectedCalendars,
    DeletedEventType,
    EventType,
    ManagedOrganization,
    ManagedUserTokens,
    Me,
    Reassignment,
    Reservation,
    Schedule,
    Slot,
    Team,
    TeamInvite,
    Webhook,
)

Slots = dict[str, list[Slot]]

_NAMES: dict[Any, str] = {
    Me: "me me_patch ratelimit_low_request_1 ratelimit_two_limits_ok organisations/managed_orgs_own_key_me",
    Booking: """
        bookings_add_guests bookings_cancel bookings_confirm bookings_create bookings_create_pending
        bookings_create_race_identical_0 bookings_create_seated bookings_get bookings_get_seated bookings_mark_absent
        bookings_reschedule organisations/bookings_cancel_roundrobin organisations/bookings_create_by_team_slug
        organisations/bookings_get_collective organisations/bookings_reschedule_collective
    """,
    list[Booking]: """
        bookings_create_recurring bookings_get_recurring_series bookings_list_last_page bookings_list_skip_past_end
        bookings_list_take10_skip20 bookings_list_two_statuses organisations/bookings_list_foreign_team
        organisations/org_bookings_list organisations/org_team_bookings_list organisations/org_user_bookings_list
    """,
    list[BookingAttendee]: "bookings_attendees",
    list[CalendarLink]: "bookings_calendar_links",
    list[BookingReference]: "bookings_references organisations/org_team_booking_references",
    Reassignment: "organisations/bookings_reassign_auto organisations/bookings_reassign_to_user",
    EventType: """
        eventtypes_create eventtypes_create_confirmation_fields eventtypes_create_seats eventtypes_get eventtypes_patch
        organisations/eventtypes_get_managed_child_as_host organisations/exp_disconnect_1_event_type_before
        organisations/org_team_eventtypes_create_201_hosts_and_assign_all
        organisations/org_team_eventtypes_update_hosts organisations/teams_eventtypes_create
        organisations/teams_eventtypes_get organisations/teams_eventtypes_update
    """,
    list[EventType]: """
        eventtypes_unknown_user organisations/eventtypes_by_username_org organisations/org_team_eventtypes_list
        organisations/teams_eventtypes_list
    """,
    DeletedEventType: """
        eventtypes_delete organisations/org_team_eventtypes_delete organisations/teams_eventtypes_delete
    """,
    Schedule: """
        schedules_create schedules_default schedules_patch organisations/org_user_schedules_create
        organisations/org_user_schedules_get organisations/org_user_schedules_update
    """,
    list[Schedule]: """
        schedules_list organisations/org_schedules_list organisations/org_team_schedules_list
        organisations/org_team_user_schedules_list organisations/org_user_schedules_list
        organisations/schedules_list_managed_user organisations/teams_schedules_list
    """,
    Slots: "slots_by_id slots_by_slug_range_tz slots_seated organisations/slots_collective_range",
    Reservation: "slots_reserve slots_reservation_get",
    Webhook: """
        eventtype_webhooks_create webhooks_create webhooks_delete webhooks_get webhooks_patch
        organisations/oauth_client_webhooks_create organisations/oauth_client_webhooks_delete
        organisations/oauth_client_webhooks_get organisations/oauth_client_webhooks_update
        organisations/org_webhooks_create organisations/org_webhooks_delete organisations/org_webhooks_get
        organisations/org_webhooks_update
    """,
    list[Webhook]: "webhooks_list organisations/oauth_client_webhooks_list organisations/org_webhooks_list",
    ConnectedCalendars: "calendars_list calendars_list_connected",
    list[BusyTime]: "calendars_busy_times",
    Team: """
        organisations/org_teams_create organisations/org_teams_delete organisations/org_teams_get
        organisations/org_teams_update organisations/teams_create organisations/teams_delete organisations/teams_get
        organisations/teams_update
    """,
    list[Team]: "organisations/managed_orgs_own_key_teams organisations/org_teams_me_member organisations/teams_list",
    TeamInvite: "organisations/org_team_invite",
    ManagedOrganization: """
        organisations/managed_orgs_create organisations/managed_orgs_delete organisations/managed_orgs_get
        organisations/managed_orgs_update
    """,
    list[ManagedOrganization]: "organisations/managed_orgs_list",
    ManagedUserTokens: "organisations/oauth_refresh organisations/oauth_clients_users_force_refresh",
    ApiKeyRefreshed: "organisations/api_keys_refresh",
}

MODELS: dict[str, Any] = {name: model for model, names in _NAMES.items() for name in names.split()}

# The raw bodies of all pages of one list; their `data` is `list[Booking]`.
BOOKING_PAGES = tuple(f"bookings_walk/skip-{skip}" for skip in range(0, 1251, 250))
