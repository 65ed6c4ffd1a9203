"""What clients of other authors send and expect, in other languages than Python."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import pytest
from http_client import ApiClient, send_request

from calcom_async.sandbox import Sandbox

NOW = datetime(2026, 12, 2, 8, tzinfo=UTC)
EVENT_TYPES, BOOKINGS = "/v2/event-types", "/v2/bookings"
JSON = {"Content-Type": "application/json", "cal-api-version": "2024-06-14"}
EVENT_TYPE = {"title": "T", "slug": "t", "lengthInMinutes": 30}


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(now=NOW) as running:
        yield running
        assert running.handler_errors == []


def post_bytes(sandbox: Sandbox, body: bytes, content_type: str = "application/json") -> Any:
    """Create an event type from a body that is sent unchanged."""
    return send_request(sandbox, "POST", EVENT_TYPES, body, headers=JSON | {"Content-Type": content_type})


def event_type_bytes(**numbers: str) -> bytes:
    """Return the body of an event type with numbers as they are written."""
    fields = {"title": '"T"', "slug": '"t"', "lengthInMinutes": "30", **numbers}
    return ("{" + ", ".join(f'"{name}": {text}' for name, text in fields.items()) + "}").encode()


# --- numbers


@pytest.mark.parametrize("text", ["30.0", "3e1", "3.0E+1", "30"])
def test_whole_numbers_are_integers(sandbox: Sandbox, text: str) -> None:
    """JSON has one kind of numbers: 30.0 and 3e1 are stored as 30, and the slots of that event type are found."""
    record = post_bytes(
        sandbox, event_type_bytes(lengthInMinutes=text, beforeEventBuffer="0.0", slotInterval=text)
    ).data
    assert [repr(record[name]) for name in ("lengthInMinutes", "beforeEventBuffer", "slotInterval")] == [
        "30",
        "0",
        "30",
    ]
    slots = ApiClient(sandbox, "2024-09-04").get(
        f"/v2/slots?eventTypeId={record['id']}&start=2026-12-07&end=2026-12-07"
    )
    assert len(slots.data["2026-12-07"]) == 14


def test_other_whole_numbers(sandbox: Sandbox) -> None:
    """A time format of 12.0 is 12, and a reservation of 5.0 minutes is one of 5."""
    me = send_request(sandbox, "PATCH", "/v2/me", b'{"timeFormat": 12.0}', headers=JSON)
    assert me.data["timeFormat"] == 12
    body = b'{"eventTypeId": 1.0, "slotStart": "2026-12-07T10:00:00Z", "reservationDuration": 5e0}'
    headers = JSON | {"cal-api-version": "2024-09-04"}
    reservation = send_request(sandbox, "POST", "/v2/slots/reservations", body, headers=headers).data
    assert (repr(reservation["eventTypeId"]), repr(reservation["reservationDuration"])) == ("1", "5")


@pytest.mark.parametrize("number", ["2147483648", "-2147483649", "1e20"])
@pytest.mark.parametrize("field", ["lengthInMinutes", "slotInterval", "beforeEventBuffer"])
def test_numbers_beyond_32_bits_are_rejected(sandbox: Sandbox, field: str, number: str) -> None:
    """A whole number that does not fit its column is a 400."""
    response = post_bytes(sandbox, event_type_bytes(**{field: number}))
    assert response.status == 400
    assert "t" not in {record["slug"] for record in sandbox.store.event_types.values()}


def test_nested_numbers_beyond_32_bits_are_rejected(sandbox: Sandbox) -> None:
    """Numbers inside of objects and lists are checked too."""
    for field, text in (
        ("bookingWindow", '{"type": "calendarDays", "value": 1e20}'),
        ("recurrence", '{"interval": 1, "occurrences": 1e20, "frequency": "weekly"}'),
        ("lengthInMinutesOptions", "[30, 2147483648]"),
    ):
        assert post_bytes(sandbox, event_type_bytes(**{field: text})).error == (400, "BAD_REQUEST")


def test_the_longest_event_type(sandbox: Sandbox) -> None:
    """An event type may last as long as its column allows; nobody is free for so long."""
    event_type_id = post_bytes(sandbox, event_type_bytes(lengthInMinutes="2147483647")).data["id"]
    assert new_booking(sandbox, event_type_id).status == 400


def test_ids_in_paths_are_read_as_numbers(sandbox: Sandbox) -> None:
    """`2.0` in a path is 2, also where the id is checked; a fraction is not."""
    api = ApiClient(sandbox, "2024-06-14")
    assert api.get("/v2/teams/2.0").data["id"] == 2
    assert api.get("/v2/event-types/1.0").data["id"] == 1
    assert api.get("/v2/teams/2.5").status == 400


# --- bytes


def test_a_byte_order_mark_is_removed(sandbox: Sandbox) -> None:
    """A body may begin with the byte order mark of UTF-8."""
    assert post_bytes(sandbox, b"\xef\xbb\xbf" + event_type_bytes()).status == 201


def test_other_kinds_of_json_are_no_body(sandbox: Sandbox) -> None:
    """`application/vnd.api+json` counts as no body, so all required fields are missing."""
    response = post_bytes(sandbox, event_type_bytes(), "application/vnd.api+json")
    assert response.constraints.keys() == {"lengthInMinutes", "title", "slug"}


@pytest.mark.parametrize(
    ("charset", "status"), [("utf-8", 201), ("UTF-8", 201), ("latin1", 415), ("utf-99", 415), ("utf-16", 400)]
)
def test_charsets(sandbox: Sandbox, charset: str, status: int) -> None:
    """Only charsets of Unicode are supported, and a body has to be in its charset."""
    response = post_bytes(sandbox, event_type_bytes(), f"application/json; charset={charset}")
    assert response.status == status
    if status == 415:
        assert response.body == {"statusCode": 415, "message": f'unsupported charset "{charset.upper()}"'}


def test_half_of_a_surrogate_pair_cannot_be_stored(sandbox: Sandbox) -> None:
    """A lone surrogate is valid JSON that the database rejects with a 500."""
    assert post_bytes(sandbox, event_type_bytes(title='"\\ud800"')).error == (
        500,
        "There was an error, please try again later.",
    )


def test_a_request_for_a_whole_url(sandbox: Sandbox) -> None:
    """A request line may contain the whole URL, as proxies send it; no header names the software."""
    place = urlsplit(sandbox.url)
    with socket.create_connection((place.hostname, place.port)) as connection:
        line = f"GET http://{place.netloc}/v2/me HTTP/1.1\r\nHost: {place.netloc}\r\n"
        connection.sendall((line + "Authorization: Bearer cal_sandbox\r\nConnection: close\r\n\r\n").encode())
        head = connection.makefile("rb").read().partition(b"\r\n\r\n")[0].decode()
    assert head.startswith("HTTP/1.1 200 OK")
    assert "\r\nserver:" not in head.lower()


# --- addresses and keys


def test_a_path_with_v2_twice(sandbox: Sandbox) -> None:
    """A client that adds /v2 to a base URL which has it is told so; other unknown paths have the server's text."""
    origin = sandbox.url.removesuffix("/v2")
    assert send_request(sandbox, "GET", "/v2/v2/me").error == (
        404,
        f"Cannot GET /v2/v2/me - the path has /v2 twice: set the base URL of this client to {origin} without /v2",
    )
    assert send_request(sandbox, "GET", "/v2/nope").error == (404, "Cannot GET /v2/nope")


def test_a_reset_restores_a_refreshed_key(sandbox: Sandbox) -> None:
    """A refreshed key is invalid, as on the real server, until the sandbox is reset over HTTP."""
    assert send_request(sandbox, "POST", "/v2/api-keys/refresh").status == 200
    assert send_request(sandbox, "GET", "/v2/me").status == 401
    assert send_request(sandbox, "POST", "/_sandbox/reset").status == 204
    assert send_request(sandbox, "GET", "/v2/me").status == 200


# --- operations that no specification lists


def test_unlisted_operations(sandbox: Sandbox) -> None:
    """Time zones, a client's name, the health check and the documentation need no credentials."""
    public = ApiClient(sandbox, key=None)
    assert {"city": "Rome", "timezone": "Europe/Rome", "pop": 0} in public.get("/v2/timezones").data
    assert public.get("/v2/provider/sandbox-client").data == {
        "clientId": "sandbox-client",
        "organizationId": 1,
        "name": "Sandbox Platform",
    }
    assert public.get("/v2/provider/nobody").error == (401, "Unauthorized")
    assert public.get("/v2/provider/sandbox-client/access-token").status == 401
    assert ApiClient(sandbox).get("/v2/provider/sandbox-client/access-token").body == {"status": "success"}
    assert public.get("/health").content == b"OK"
    documentation = public.get("/docs")
    assert (documentation.status, documentation.headers["Location"].startswith("https://cal.com/docs")) == (302, True)


def test_the_check_of_a_google_calendar(sandbox: Sandbox) -> None:
    """Without a Google calendar the check is a 400, with one a success."""
    api = ApiClient(sandbox)
    assert api.get("/v2/gcal/check").error == (400, "Credentials for google_calendar not found.")
    account = sandbox.store.calendars[1][0]
    account["integration"] = account["integration"] | {"type": "google_calendar"}
    assert api.get("/v2/gcal/check").body == {"status": "success"}


@pytest.mark.parametrize(
    ("key", "client", "secret", "message"),
    [
        (None, "sandbox-client", "sandbox-secret", "Missing 'Bearer' Authorization header."),
        ("code", "nobody", "sandbox-secret", "Invalid OAuth Client."),
        ("code", "sandbox-client", "wrong", "Invalid OAuth Client."),
        ("code", "sandbox-client", "sandbox-secret", "Invalid Authorization Token."),
    ],
)
def test_a_code_is_never_exchanged(sandbox: Sandbox, key: str | None, client: str, secret: str, message: str) -> None:
    """Codes come from the consent page of the web app, so each exchange is a 400."""
    api = ApiClient(sandbox, key=key)
    assert api.post(f"/v2/oauth/{client}/exchange", {"clientSecret": secret}).error == (400, message)


# --- statuses and texts


def new_booking(sandbox: Sandbox, event_type_id: int = 1, **more: Any) -> Any:
    attendee = {"name": "Ada", "email": "ada@example.com", "timeZone": "UTC"}
    body = {"start": "2026-12-07T10:00:00Z", "eventTypeId": event_type_id, "attendee": attendee, **more}
    return ApiClient(sandbox, "2024-08-13").post(BOOKINGS, body)


def test_an_event_type_without_locations_offers_none(sandbox: Sandbox) -> None:
    """A booking with Cal Video as location is a 400 on an event type without locations, and is in Cal Video without."""
    wanted = {"type": "integration", "integration": "cal-video"}
    assert new_booking(sandbox, location=wanted).message.startswith("Booking location with type integration not valid")
    assert new_booking(sandbox).data["location"] == "integrations:daily"


def test_a_managed_user_is_not_refreshed_without_the_secret(sandbox: Sandbox) -> None:
    """Without the secret of the client a refresh is a 401, with valid other credentials a 400."""
    path, body = "/v2/oauth/sandbox-client/refresh", {"refreshToken": "sandbox-refresh-token"}
    assert ApiClient(sandbox, key=None).post(path, body).status == 401
    assert ApiClient(sandbox).post(path, body).error == (400, "Invalid OAuthClient credentials.")


@pytest.mark.parametrize("path", ["/v2/organizations/1/routing-forms", "/v2/organizations/1/users"])
def test_repeated_team_ids_are_rejected(sandbox: Sandbox, path: str) -> None:
    """`teamIds` is one parameter with commas; repeated ones are a 400."""
    api = ApiClient(sandbox)
    assert api.get(f"{path}?teamIds=2,3").status == 200
    assert api.get(f"{path}?teamIds=2&teamIds=3").constraints.keys() == {"teamIds"}


def test_callbacks_with_a_broken_state(sandbox: Sandbox) -> None:
    """A state that is no JSON is a bare 500 of Stripe's callback, and without a code a 400 of a calendar's."""
    public = ApiClient(sandbox, key=None)
    assert public.get("/v2/stripe/save?state=s").body == {"statusCode": 500, "message": "Internal server error"}
    assert public.get("/v2/calendars/google/save?state=s").error == (400, "Missing `code` query param")


@pytest.mark.parametrize("part", ["recordings", "transcripts", "conferencing-sessions"])
def test_a_booking_without_cal_video(sandbox: Sandbox, part: str) -> None:
    """All video data of a booking without a room have the same text."""
    uid = new_booking(sandbox).data["uid"]
    response = ApiClient(sandbox, "2024-08-13").get(f"{BOOKINGS}/{uid}/{part}")
    assert response.error == (404, f"No Cal Video reference found with booking uid {uid}")


def test_phone_numbers_may_have_blanks(sandbox: Sandbox) -> None:
    """A phone number is verified with blanks and hyphens, but not with letters."""
    path = "/v2/verified-resources/phones/verification-code/request"
    statuses = [
        ApiClient(sandbox).post(path, {"phone": phone}).status
        for phone in ("+372 5555 6666", "+1 555-000-1111", "+372 call me")
    ]
    assert statuses == [200, 200, 400]


def test_new_users_of_an_organization(sandbox: Sandbox) -> None:
    """A username is an error of the web app's API, and a user without a locale has none."""
    api = ApiClient(sandbox)
    response = api.post("/v2/organizations/1/users", {"email": "new@example.com", "username": "new"})
    assert response.body["error"] == {
        "code": "TRPCError",
        "message": "Bad request: Please check your request data and try again",
    }
    assert api.post("/v2/organizations/1/users", {"email": "new@example.com"}).data["locale"] is None


def test_times_of_calendar_events(sandbox: Sandbox) -> None:
    """The time of a calendar event must be a time."""
    response = ApiClient(sandbox).patch("/v2/calendars/google/events/e1", {"start": {"time": "tomorrow"}})
    assert response.constraints == {"start.time": {"isDateString": "time must be a valid ISO 8601 date string"}}


def test_a_seat_that_does_not_exist_is_not_cancelled(sandbox: Sandbox) -> None:
    """An unknown seat is a 400, of a seated booking and of another one."""
    for event_type_id in (3, 1):
        booking = new_booking(sandbox, event_type_id, start=f"2026-12-0{event_type_id + 6}T10:00:00Z").data
        response = ApiClient(sandbox, "2024-08-13").post(f"{BOOKINGS}/{booking['uid']}/cancel", {"seatUid": "nope"})
        assert response.status == 400


def test_calendar_credentials_are_checked_before_the_calendar(sandbox: Sandbox) -> None:
    """An invalid body of a calendar that takes no credentials is an error of the body."""
    path = "/v2/calendars/google/credentials"
    assert ApiClient(sandbox).post(path, {}).constraints.keys() == {"username", "password"}
    body = {"username": "a@icloud.com", "password": "aaaa-bbbb-cccc-dddd"}
    assert ApiClient(sandbox).post(path, body).message == "Invalid calendar type, available calendars are: "


def test_workflows_need_a_step(sandbox: Sandbox) -> None:
    """An empty list of steps has the server's own text."""
    response = ApiClient(sandbox).post("/v2/organizations/1/teams/2/workflows", {"name": "w", "steps": []})
    assert response.constraints["steps"] == {"arrayMinSize": "Your workflow must contain at least one step."}
    forms = ApiClient(sandbox).post("/v2/organizations/1/teams/2/workflows/routing-form", {"name": "w", "steps": []})
    assert forms.constraints["steps"]["arrayMinSize"].startswith(
        "Your workflow must contain at least one allowed step. allowed steps are email_"
    )


@pytest.mark.parametrize(
    ("key", "message"),
    [
        (None, "Service account key must be either a Google service account key (with client_email, private_key, "),
        ({"client_email": "a", "client_id": "1"}, "private_key should not be empty, private_key must be a string"),
        ({"tenant_id": "a", "private_key": "b"}, "client_id should not be empty, client_id must be a string"),
    ],
)
def test_service_account_keys(sandbox: Sandbox, key: Any, message: str) -> None:
    """The text depends on the kind of key that is incomplete."""
    body = {"workspacePlatformSlug": "google", "domain": "a.test", "serviceAccountKey": key}
    response = ApiClient(sandbox).post("/v2/organizations/1/delegation-credentials", body)
    assert response.constraints["serviceAccountKey"]["isServiceAccountKey"].startswith(message)


def test_a_calendar_is_deselected_by_a_number(sandbox: Sandbox) -> None:
    """A text as id ends in the database, with a 500."""
    path = "/v2/selected-calendars?integration=google_calendar&externalId=x&credentialId=abc"
    assert ApiClient(sandbox).delete(path).status == 500


def test_the_seeded_form_leads_to_an_event_type(sandbox: Sandbox) -> None:
    """The slots of the seeded routing form can be calculated."""
    path = "/v2/routing-forms/sandbox-form/calculate-slots?start=2026-12-07&end=2026-12-07"
    data = ApiClient(sandbox, key=None).post(path, {"topic": "sales"}).data
    assert data["eventTypeId"] == 4
    assert data["slots"]["2026-12-07"]
