"""Schedules of a user, over HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from http_client import ApiClient, recorded_body

from calcom_async.sandbox import Sandbox

SCHEDULES = "/v2/schedules"
WEEK = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday"]
WEEKEND = {"days": ["Saturday", "Sunday"], "startTime": "18:00", "endTime": "23:00"}
NEW_YEAR = {"date": "2027-01-01", "startTime": "10:00", "endTime": "11:00"}
NOT_A_TIME = "must be a valid time format HH:MM"
NOT_A_DATE = "date must be a valid ISO 8601 date string"
NOT_DAYS = (
    "each value in days must be one of the following values: "
    "Monday, Tuesday, Wednesday, Thursday, Friday, Saturday, Sunday"
)


@pytest.fixture
def api() -> Iterator[ApiClient]:
    with Sandbox() as sandbox:
        yield ApiClient(sandbox, "2024-06-11")
        assert sandbox.handler_errors == []


def body(**more: Any) -> dict[str, Any]:
    return {"name": "Evenings", "timeZone": "Asia/Kolkata", "isDefault": False, **more}


def created(api: ApiClient, **more: Any) -> Any:
    return api.post(SCHEDULES, body(**more)).data


def path(schedule: Any) -> str:
    return f"{SCHEDULES}/{schedule['id']}"


def test_a_schedule_has_the_recorded_fields(api: ApiClient, shared: Path) -> None:
    """The response equals the recorded one for the same body."""
    real = recorded_body(shared, "schedules_create")["data"]
    response = created(api, name=real["name"], availability=[WEEKEND], overrides=[NEW_YEAR])
    assert list(response) == list(real)
    assert response == real | {"id": response["id"]}
    assert api.get(path(response)).data == response
    assert response in api.get(SCHEDULES).data


def test_the_default_availability(api: ApiClient) -> None:
    """Without availability it is Monday to Friday, 9 to 5; an empty list stays empty; rows without days are dropped."""
    assert created(api)["availability"] == [{"days": WEEK, "startTime": "09:00", "endTime": "17:00"}]
    assert created(api, availability=[])["availability"] == []
    assert created(api, availability=[WEEKEND | {"days": []}, WEEKEND])["availability"] == [WEEKEND]


def test_rows_are_stored_as_sent(api: ApiClient) -> None:
    """Reversed and overlapping rows and any case of the zone are accepted; a datetime is cut to its date."""
    rows = [WEEKEND, WEEKEND | {"startTime": "23:00", "endTime": "01:00"}]
    response = created(
        api,
        name="",
        timeZone="asia/kolkata",
        availability=rows,
        overrides=[NEW_YEAR | {"date": "2027-01-01T09:00:00Z"}],
    )
    assert (response["name"], response["timeZone"], response["availability"]) == ("", "asia/kolkata", rows)
    assert response["overrides"] == [NEW_YEAR]


def test_missing_fields_are_the_recorded_400(api: ApiClient, shared: Path) -> None:
    """The validation error for missing fields equals the recorded one."""
    response = api.post(SCHEDULES, {"name": "x"})
    assert response.status == 400
    assert response.body["error"] == recorded_body(shared, "schedules_create_400")["error"]


@pytest.mark.parametrize(
    ("more", "name", "text"),
    [
        ({"availability": [WEEKEND | {"startTime": "9:00"}]}, "availability.0.startTime", f"startTime {NOT_A_TIME}"),
        ({"availability": [WEEKEND | {"endTime": "24:00"}]}, "availability.0.endTime", f"endTime {NOT_A_TIME}"),
        ({"availability": [WEEKEND | {"days": [1]}]}, "availability.0.days", NOT_DAYS),
        ({"overrides": [NEW_YEAR | {"date": "2027-02-30"}]}, "overrides.0.date", NOT_A_DATE),
        *(
            ({"timeZone": zone}, "timeZone", "timeZone must be a valid IANA time-zone")
            for zone in (
                "Mars",
                "posix/Europe/Rome",
                "right/UTC",
                "Posix/UTC",
                "localtime",
                "posixrules",
                "Factory",
                "",
            )
        ),
    ],
)
def test_invalid_rows(api: ApiClient, more: Any, name: str, text: str) -> None:
    """An error in a row of the availability is reported at its place in the body."""
    assert list(api.post(SCHEDULES, body(**more)).constraints[name].values()) == [text]


def test_invalid_days_get_the_recorded_error(api: ApiClient, shared: Path) -> None:
    """The validation error for an invalid row equals the recorded one."""
    response = api.patch(
        path(created(api)), {"availability": [{"days": ["Funday"], "startTime": "9", "endTime": "10"}]}
    )
    assert response.body["error"] == recorded_body(shared, "organisations/org_user_schedules_update_400")["error"]


def test_an_update_replaces_only_the_given_fields(api: ApiClient, shared: Path) -> None:
    """An update replaces whole lists; an empty body changes nothing; null for the name is a 500."""
    schedule = created(api, availability=[WEEKEND], overrides=[NEW_YEAR])
    changed = api.patch(path(schedule), {"name": "Evenings 2", "overrides": []}).data
    assert changed == recorded_body(shared, "schedules_patch")["data"] | {"id": schedule["id"]}
    assert api.patch(path(schedule), {}).data == changed
    assert api.patch(path(schedule), {"name": None}).status == 500
    assert api.patch(path(schedule), {"availability": "x"}).status == 400
    assert api.patch(path(schedule), {"availability": []}).data["availability"] == []


def test_the_default_schedule(api: ApiClient) -> None:
    """`isDefault: true` moves the default, `false` does nothing, and deleting the default leaves none."""
    first, second = api.get(f"{SCHEDULES}/default").data, created(api, isDefault=True)
    assert api.get(f"{SCHEDULES}/default").data == second
    assert api.get(path(first)).data["isDefault"] is False
    assert api.patch(path(second), {"isDefault": False}).data["isDefault"] is True
    assert api.delete(path(second)).body == {"status": "success"}
    assert api.get(f"{SCHEDULES}/default").body == {"status": "success", "data": None}
    assert created(api)["isDefault"] is False
    assert api.patch(path(first), {"isDefault": True}).data["isDefault"] is True


def test_a_host_without_schedule_offers_the_working_week(api: ApiClient) -> None:
    """A host without schedule works Monday to Friday, 9 to 5 in the zone of the profile."""
    event_type = ApiClient(api.sandbox, "2024-06-14").post(
        "/v2/event-types", {"title": "T", "slug": "t", "lengthInMinutes": 240, "minimumBookingNotice": 0}
    )
    for schedule in api.get(SCHEDULES).data:
        api.delete(path(schedule))
    query = f"/v2/slots?eventTypeId={event_type.data['id']}&start=2030-03-08&end=2030-03-10"
    days = ApiClient(api.sandbox, "2024-09-04").get(query).data
    assert days == {"2030-03-08": [{"start": f"2030-03-08T{hour}:00:00.000Z"} for hour in ("09", "13")]}


def test_foreign_and_unknown_schedules(api: ApiClient) -> None:
    """Unknown ids are a 404 (400 on DELETE), foreign ones a 403, ids that are no numbers a 500."""
    schedule, bo = created(api), api.as_user("bo")
    foreign = (403, f"User with ID=2 does not own schedule with ID={schedule['id']}")
    assert bo.get(path(schedule)).error == foreign
    assert bo.patch(path(schedule), {}).error == foreign
    assert bo.delete(path(schedule)).error == foreign
    unknown = "Schedule with ID=999 does not exist."
    assert api.get(f"{SCHEDULES}/999").error == (404, unknown)
    assert api.patch(f"{SCHEDULES}/999", {}).error == (404, unknown)
    assert api.delete(f"{SCHEDULES}/999").error == (400, unknown)
    for method in ("GET", "PATCH", "DELETE"):
        assert api(method, f"{SCHEDULES}/abc", {}).error == (500, "There was an error, please try again later.")


def test_versions_of_schedules(api: ApiClient) -> None:
    """Schedules exist in 2024-06-11 and 2024-06-14 only."""
    assert ApiClient(api.sandbox, "2024-06-14").get(SCHEDULES).status == 200
    for version in ("2024-08-13", "2024-09-04"):
        assert ApiClient(api.sandbox, version).get(SCHEDULES).error == (404, "Cannot GET /v2/schedules")
    assert api.as_user(None).get(SCHEDULES).status == 401


def test_numbers_are_days_in_legacy_formats() -> None:
    """With `legacy_formats` days may be numbers, 0 = Sunday; without, they are rejected."""
    with Sandbox(legacy_formats=True) as sandbox:
        rows = created(ApiClient(sandbox, "2024-06-11"), availability=[WEEKEND | {"days": [0, 6]}])["availability"]
        assert rows == [WEEKEND | {"days": ["Sunday", "Saturday"]}]
