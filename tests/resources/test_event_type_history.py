"""History of an event type, its errors with a CRM, and how it selects hosts."""

from __future__ import annotations

import pytest
from sent_requests import ANA, BO, ORGANIZATION, SALES, THIRTY, SentRequest, last_request, sent_requests

from calcom_async import ForbiddenError, InvalidRequestError, NotFoundError, UnprocessableError
from calcom_async.models import CreateTeamEventType, Host

VERSION = "2026-06-12"


async def team_event_type(cal, scheduling_type):
    """A new event type of the sales team with two hosts."""
    hosts = [Host(user_id=ANA, mandatory=True, priority="high"), Host(user_id=BO)]
    event_type = CreateTeamEventType(
        title="Demo", slug="demo", length_in_minutes=30, scheduling_type=scheduling_type, hosts=hosts
    )
    return (await cal.organization(ORGANIZATION).team(SALES).event_types.create(event_type)).id


async def test_history(cal, calcom_sandbox):
    """Changes are listed with a cursor; every kind of value is decoded."""
    entries = await cal.event_types.history(THIRTY, take=2).collect()
    path = f"/event-types/{THIRTY}/history"
    assert sent_requests(calcom_sandbox) == [
        SentRequest("GET", path, {"limit": "2"}, None, VERSION),
        SentRequest("GET", path, {"limit": "2", "cursor": entries[1].id}, None, VERSION),
    ]
    assert [entry.id for entry in entries] == ["log-3", "log-2", "log-1"]
    first = entries[0]
    assert (first.action, first.actor.display_email) == ("EVENT_TYPE_MODIFIED", "ana@sandbox.test")
    values = {field.label: field.field_value for field in first.display_fields}
    assert values["rawValue"].value == "30"
    assert values["rawValues"].values == ["ana@sandbox.test"]
    assert (values["valueChange"].previous, values["diff"].next) == ("Old title", '{"a": 1}')


async def test_crm_sync_errors(cal, calcom_sandbox):
    """Errors of one app are listed; dismissed ones only on request."""
    path = f"/event-types/{THIRTY}/crm-sync-errors"
    errors = await cal.event_types.crm_sync_errors(THIRTY, app_slug="salesforce").collect()
    query = {"appSlug": "salesforce", "limit": "100"}
    assert last_request(calcom_sandbox) == SentRequest("GET", path, query, None, VERSION)
    assert [error.dismissed_at for error in errors] == [None, None]
    assert (errors[0].app_slug, errors[0].dropped_fields) == ("salesforce", ["Budget__c"])
    every = cal.event_types.crm_sync_errors(THIRTY, app_slug="salesforce", include_dismissed=True, take=2)
    assert [error.dismissed_at is None async for error in every] == [True, True, False]
    assert last_request(calcom_sandbox).query["includeDismissed"] == "true"


async def test_scheduling_config(cal, calcom_sandbox):
    """The settings of a round robin are returned for a round robin only."""
    event_type_id = await team_event_type(cal, "roundRobin")
    config = await cal.event_types.scheduling_config(event_type_id)
    path = f"/event-types/{event_type_id}/scheduling-config"
    assert last_request(calcom_sandbox) == SentRequest("GET", path, {}, None, VERSION)
    assert [(host.user_id, host.mandatory, host.priority) for host in config.hosts] == [
        (ANA, True, "high"),
        (BO, False, "medium"),
    ]
    assert (config.scheduling_type, config.is_rr_weights_enabled, config.host_groups) == ("roundRobin", False, [])
    assert (config.allow_rr_host_choice_on_reschedule, config.include_no_show_in_rr_calculation) == (False, False)


async def test_scheduling_config_of_a_collective(cal):
    """A collective event type has hosts without priorities."""
    config = await cal.event_types.scheduling_config(await team_event_type(cal, "collective"))
    assert (config.scheduling_type, config.is_rr_weights_enabled) == ("collective", None)
    assert {host.priority for host in config.hosts} == {None}


async def test_errors(cal):
    """An event type of a user selects no hosts; other users get 403, and unknown event types are not found."""
    with pytest.raises(UnprocessableError):
        await cal.event_types.scheduling_config(THIRTY)
    with pytest.raises(ForbiddenError):
        await cal.with_credentials("cal_sandbox_bo").event_types.history(THIRTY).collect()
    with pytest.raises(NotFoundError):
        await cal.event_types.history(999).collect()
    with pytest.raises(InvalidRequestError, match="take must be an integer from 1 to 50"):
        await cal.event_types.history(THIRTY, take=51).collect()
