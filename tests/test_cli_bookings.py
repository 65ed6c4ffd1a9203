"""`bookings`: lists, one booking, and changes."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from cli_runner import connection_args, invoke
from sent_requests import CLASS

from calcom_async.sandbox import Sandbox
from calcom_async.sandbox.event_types.records import new_event_type

MOVE = "2100-01-04T10:00+01:00"


@pytest.fixture(scope="module")
def filled() -> Iterator[Sandbox]:
    """Run a sandbox whose bookings no test changes."""
    with Sandbox(bookings=300) as sandbox:
        yield sandbox


def rows(*args: str, sandbox: Sandbox) -> list[dict[str, str]]:
    """Return the rows that a command prints as tab-separated values."""
    result = invoke(*args, *connection_args(sandbox))
    assert (result.exit_code, result.stderr) == (0, "")
    return [*csv.DictReader(result.stdout.splitlines(), dialect="excel-tab", quoting=csv.QUOTE_NONE)]


def writes(sandbox: Sandbox) -> list[tuple[str, str, Any]]:
    """Return the requests that may have changed data."""
    return [(request.method, request.path, request.body) for request in sandbox.requests if request.method != "GET"]


@pytest.fixture(scope="module")
def running() -> Iterator[Sandbox]:
    with Sandbox() as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(running: Sandbox) -> Sandbox:
    """Return a sandbox without bookings."""
    running.store.bookings.clear()
    running.requests.clear()
    return running


def book(sandbox: Sandbox, event_type: str = "1") -> dict[str, Any]:
    """Book the first free time."""
    attendee = ["--name", "Ada", "--email", "ada@visitors.test"]
    result = invoke("book", event_type, "--start", "first", *attendee, "--json", *connection_args(sandbox))
    booking: dict[str, Any] = json.loads(result.stdout)
    sandbox.requests.clear()
    return booking


# --- list -----------------------------------------------------------------------------------------------------------


def test_all_bookings_are_listed_with_local_times(filled: Sandbox) -> None:
    """Each booking of the account is one row, with times in the time zone."""
    listed = rows("bookings", "list", "--time-zone", "Asia/Kolkata", sandbox=filled)
    start_by_uid = {booking.uid: booking.start for booking in filled.store.bookings.values()}
    assert {row["uid"] for row in listed} <= {*start_by_uid}
    assert len(listed) > 250
    for row in listed[:5]:
        assert row["start"].endswith("+05:30")
        assert row["start"][:16] == (start_by_uid[row["uid"]] + timedelta(hours=5.5)).isoformat()[:16]


def query(sandbox: Sandbox) -> dict[str, Any]:
    """Return the query of the last list of bookings, without the page size."""
    request = [request for request in sandbox.requests if request.path.endswith("/bookings")][-1]
    return {name: value for name, value in request.query if name not in {"take", "skip"}}


def test_filters_reach_the_server(filled: Sandbox) -> None:
    """Filters are sent in the format of the API; dates are days of the time zone."""
    filters = ["--status", "Past,cancelled", "--since", "2026-01-01", "--until", "2026-01-31", "--event-type", "1"]
    rows("bookings", "list", *filters, "--attendee", "a@x.test", "--time-zone", "Europe/Rome", sandbox=filled)
    assert query(filled) == {
        "status": "past,cancelled",
        "afterStart": "2025-12-31T23:00:00Z",
        "beforeEnd": "2026-01-31T23:00:00Z",
        "eventTypeId": "1",
        "attendeeEmail": "a@x.test",
    }
    rows("bookings", "list", "--since", "2026-01-01T09:00+01:00", sandbox=filled)
    assert query(filled) == {"afterStart": "2026-01-01T08:00:00Z"}


def test_a_limit_takes_one_small_page(filled: Sandbox) -> None:
    """With a limit, no more rows than needed are fetched."""
    before = len(filled.requests)
    result = invoke("bookings", "list", "--limit", "3", "--json", *connection_args(filled))
    assert len(json.loads(result.stdout)) == 3
    assert [request.query for request in filled.requests[before:] if request.path == "/v2/bookings"] == [
        [("take", "3"), ("skip", "0")]
    ]


def test_bookings_of_a_team(filled: Sandbox) -> None:
    """`--team` lists the bookings of the team."""
    team = next(iter(filled.store.teams))
    rows("bookings", "list", "--team", str(team), sandbox=filled)
    assert filled.requests[-1].path == f"/v2/teams/{team}/bookings"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--status", "sleeping"], "must be one of upcoming, recurring"),
        (["--since", "soon"], "--since must be a date such as 2026-12-01, or a time"),
        (["--until", "2026-01-31T09:00"], "--until 2026-01-31T09:00 has no UTC offset"),
        (["--since", "2026-02-01", "--until", "2026-01-01"], "--since 2026-02-01 is later than --until 2026-01-01"),
        (["--time-zone", "Mars/Base"], "unknown time zone"),
        (["--limit", "0"], "--limit"),
    ],
    ids=str,
)
def test_invalid_options_of_list(options: list[str], message: str, filled: Sandbox) -> None:
    """An invalid option is one message, and no list is requested."""
    before = [request.path for request in filled.requests].count("/v2/bookings")
    result = invoke("bookings", "list", *options, *connection_args(filled))
    assert (result.exit_code, result.stdout) == (2, "")
    assert message in result.stderr
    assert [request.path for request in filled.requests].count("/v2/bookings") == before


# --- get ------------------------------------------------------------------------------------------------------------


def test_a_booking_and_its_fields(sandbox: Sandbox) -> None:
    """The fields of a booking are lines of a name and a value; JSON is the booking of the API."""
    booking = book(sandbox)
    options = [booking["uid"], "--time-zone", "Asia/Tokyo", *connection_args(sandbox)]
    fields = dict(line.split("\t") for line in invoke("bookings", "get", *options).stdout.splitlines())
    assert (fields["uid"], fields["attendees"], fields["status"]) == (booking["uid"], "ada@visitors.test", "accepted")
    assert fields["start"].endswith("+09:00")
    fetched = json.loads(invoke("bookings", "get", *options, "--json").stdout)
    assert (fetched["uid"], fetched["start"]) == (booking["uid"], booking["start"])
    lines = invoke("bookings", "get", *options, terminal=True, columns=60).stdout.splitlines()
    assert lines[0].split() == ["uid", booking["uid"]]
    assert max(map(len, lines)) <= 60


def test_an_unknown_uid(sandbox: Sandbox) -> None:
    """An unknown uid is the message of the server, with code 3."""
    result = invoke("bookings", "get", "unknown", *connection_args(sandbox))
    assert (result.exit_code, result.stdout) == (3, "")
    assert "Booking with uid=unknown was not found" in result.stderr


# --- changes --------------------------------------------------------------------------------------------------------


def change(sandbox: Sandbox, *args: str) -> Any:
    return invoke("bookings", *args, *connection_args(sandbox))


def test_cancel(sandbox: Sandbox) -> None:
    """A booking is cancelled once; the second time the command says that it is cancelled."""
    uid = book(sandbox)["uid"]
    result = change(sandbox, "cancel", uid, "--reason", "Ill", "--time-zone", "Asia/Tokyo")
    assert (result.exit_code, result.stdout.splitlines()[0]) == (0, uid)
    assert result.stdout.rstrip().endswith("(Asia/Tokyo), cancelled")
    assert writes(sandbox) == [("POST", f"/v2/bookings/{uid}/cancel", {"cancellationReason": "Ill"})]
    again = change(sandbox, "cancel", uid, "--reason", "Ill")
    assert (again.exit_code, again.stderr) == (2, f"error: booking {uid} is cancelled already\n")
    assert len(writes(sandbox)) == 1


def test_cancelling_needs_a_reason(sandbox: Sandbox) -> None:
    """If the server requires a reason, the message names the option."""
    result = change(sandbox, "cancel", book(sandbox)["uid"])
    assert result.exit_code == 3
    assert "Cancellation reason is required" in result.stderr
    assert "Give the reason with --reason." in result.stderr


def test_cancel_the_rest_of_a_series(sandbox: Sandbox) -> None:
    """`--following` cancels an occurrence and all later ones."""
    fields = {"title": "Course", "slug": "course", "lengthInMinutes": 30}
    recurrence = {"interval": 1, "occurrences": 3, "frequency": "weekly"}
    event_type_id = new_event_type(sandbox.store, 1, fields | {"recurrence": recurrence})["id"]
    book(sandbox, str(event_type_id))
    first, second, third = sorted(sandbox.store.bookings.values(), key=lambda booking: booking.start)
    result = change(sandbox, "cancel", second.uid, "--following", "--reason", "Over", "--json")
    assert json.loads(result.stdout)["uid"] == second.uid
    assert [booking.status for booking in (first, second, third)] == ["accepted", "cancelled", "cancelled"]


def test_reschedule_to_the_first_free_time(sandbox: Sandbox) -> None:
    """The booking is moved to a free time and gets a new uid; the old uid leads to it."""
    booking = book(sandbox)
    result = change(sandbox, "reschedule", booking["uid"], "--start", "first", "--reason", "Later", "--json")
    moved = json.loads(result.stdout)
    assert moved["start"] > booking["start"]
    assert (moved["rescheduledFromUid"], moved["reschedulingReason"]) == (booking["uid"], "Later")
    again = change(sandbox, "cancel", booking["uid"])
    assert again.exit_code == 2
    assert f"was rescheduled and has the uid {moved['uid']} now" in again.stderr


def test_the_event_type_of_a_booking_was_deleted(sandbox: Sandbox) -> None:
    """Without an event type there is no first free time, so the command asks for a time."""
    uid = book(sandbox)["uid"]
    sandbox.store.bookings[uid].event_type_id = None
    result = change(sandbox, "reschedule", uid, "--start", "first")
    assert (result.exit_code, writes(sandbox)) == (2, [])
    assert "the event type of the booking was deleted. Give a time in --start, not first" in result.stderr


def test_reschedule_to_a_taken_time(sandbox: Sandbox) -> None:
    """A taken time is code 9, with free times near it, and nothing is moved."""
    first, second = book(sandbox), book(sandbox)
    result = change(sandbox, "reschedule", second["uid"], "--start", first["start"], "--time-zone", "Asia/Tokyo")
    assert result.exit_code == 9
    assert result.stderr.count("  free: ") > 1
    assert "+09:00" in result.stderr
    assert len(sandbox.store.bookings) == 2


def test_a_lost_response_of_a_reschedule_moves_once(sandbox: Sandbox) -> None:
    """If the response is lost after the server acted, the command finds the moved booking."""
    booking = book(sandbox)
    sandbox.faults.add("POST", "/v2/bookings/{uid}/reschedule", cut="after", times=1)
    result = change(sandbox, "reschedule", booking["uid"], "--start", "first")
    assert result.exit_code == 0
    assert len(sandbox.store.bookings) == 2


def test_seats(sandbox: Sandbox) -> None:
    """With `--seat-uid` one seat is moved or cancelled."""
    booking = book(sandbox, str(CLASS))
    moved = json.loads(
        change(
            sandbox, "reschedule", booking["uid"], "--start", "first", "--seat-uid", booking["seatUid"], "--json"
        ).stdout
    )
    assert moved["start"] != booking["start"]
    result = change(sandbox, "cancel", moved["uid"], "--seat-uid", moved["seatUid"], "--reason", "Ill")
    assert result.exit_code == 0
    assert writes(sandbox)[-1][2] == {"cancellationReason": "Ill", "seatUid": moved["seatUid"]}


def pending(sandbox: Sandbox) -> str:
    """Book an event type whose bookings the host confirms, and return the uid."""
    policy = {"type": "always", "blockUnconfirmedBookingsInBooker": True}
    fields = {"title": "Ask", "slug": "ask", "lengthInMinutes": 30, "confirmationPolicy": policy}
    return book(sandbox, str(new_event_type(sandbox.store, 1, fields)["id"]))["uid"]


@pytest.mark.parametrize(
    ("args", "status", "body"),
    [(["confirm"], "accepted", None), (["decline", "--reason", "Full"], "rejected", {"reason": "Full"})],
)
def test_decide_a_pending_booking(args: list[str], status: str, body: Any, sandbox: Sandbox) -> None:
    """A pending booking is confirmed or declined; any other booking is left as it is."""
    uid = pending(sandbox)
    result = change(sandbox, args[0], uid, *args[1:])
    assert (result.exit_code, result.stdout.rstrip().endswith(f", {status}")) == (0, True)
    assert writes(sandbox) == [("POST", f"/v2/bookings/{uid}/{args[0]}", body)]
    again = change(sandbox, args[0], uid)
    assert (again.exit_code, again.stderr) == (2, f"error: booking {uid} is {status}, not pending\n")
    assert len(writes(sandbox)) == 1


def test_a_lost_response_of_a_cancellation(sandbox: Sandbox) -> None:
    """If the response is lost after the server acted, the command finds the cancelled booking."""
    uid = book(sandbox)["uid"]
    sandbox.faults.add("POST", "/v2/bookings/{uid}/cancel", cut="after", times=1)
    result = change(sandbox, "cancel", uid, "--reason", "Ill")
    assert (result.exit_code, result.stdout.rstrip().endswith(", cancelled")) == (0, True)


def test_an_unknown_outcome_names_the_command_that_checks(sandbox: Sandbox) -> None:
    """If nothing shows whether a change was made, the message says how to find out."""
    uid = book(sandbox)["uid"]
    sandbox.faults.add("POST", "/v2/bookings/{uid}/cancel", cut="after", times=1)
    sandbox.faults.add("GET", "/v2/bookings/{uid}", after=1, times=1, status=403)
    result = change(sandbox, "cancel", uid, "--reason", "Ill")
    assert result.exit_code == 10
    assert f"check the booking: calcom-async bookings get {uid}" in result.stderr


@pytest.mark.parametrize(
    ("args", "path", "body"),
    [
        (["cancel", "UID", "--reason", "Ill"], "/v2/bookings/UID/cancel", {"cancellationReason": "Ill"}),
        (["cancel", "UID", "--following"], "/v2/bookings/UID/cancel", {"cancelSubsequentBookings": True}),
        (["reschedule", "UID", "--start", MOVE], "/v2/bookings/UID/reschedule", {"start": "2100-01-04T09:00:00Z"}),
        (["confirm", "UID"], "/v2/bookings/UID/confirm", None),
        (["decline", "UID", "--reason", "Full"], "/v2/bookings/UID/decline", {"reason": "Full"}),
    ],
    ids=str,
)  # fmt: skip
def test_a_dry_run_prints_the_request_and_sends_nothing(
    args: list[str], path: str, body: Any, sandbox: Sandbox
) -> None:
    """`--dry-run` prints what would be sent, and which booking it would change."""
    uid = pending(sandbox)
    result = change(sandbox, *(uid if arg == "UID" else arg for arg in args), "--dry-run")
    assert result.exit_code == 0
    assert json.loads(result.stdout) == {"method": "POST", "path": path.replace("UID", uid), "body": body}
    assert result.stderr.startswith("dry run: Ask between Ana Sandbox and Ada, ")
    assert writes(sandbox) == []


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["cancel", "x", "--following", "--seat-uid", "y"], "--following cancels whole bookings"),
        (["reschedule", "x", "--start", "soon"], "--start must be a time such as"),
        (["reschedule", "x"], "Missing option '--start'"),
        (["confirm", "x", "--time-zone", "Mars/Base"], "unknown time zone"),
    ],
    ids=str,
)
def test_invalid_options_of_changes(args: list[str], message: str, filled: Sandbox) -> None:
    """An invalid option is one message, before a request is sent."""
    before = len(filled.requests)
    result = change(filled, *args)
    assert (result.exit_code, message in result.stderr) == (2, True)
    assert len(filled.requests) == before
