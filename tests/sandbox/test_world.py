"""Declared worlds: what each row becomes, what is rejected, and reading from JSON and YAML. No test needs a socket."""

from __future__ import annotations

import json
import sys
from datetime import UTC, date, datetime, timedelta
from functools import partial

import msgspec
import pytest
from control_client import ControlClient
from http_client import send_request

from calcom_async.sandbox import Sandbox
from calcom_async.sandbox.bookings.views import booking_view
from calcom_async.sandbox.world import (
    Attendee,
    Booking,
    BusyTime,
    EventType,
    Host,
    Hours,
    Member,
    Organization,
    Override,
    Schedule,
    Team,
    User,
    World,
    WorldError,
    read_world,
)

NOW = datetime(2026, 12, 1, 12, tzinfo=UTC)
ADA = Attendee(name="Ada", email="ada@example.com", time_zone="Europe/Rome")
SALES = Team(name="Sales", members=[Member(user="ana")])
SEATS = {"seatsPerTimeSlot": 2, "showAttendeeInfo": True, "showAvailabilityCount": True}
PAIR = EventType(slug="pair", owner="ana", length_in_minutes=60, settings={"minimumBookingNotice": 0, "seats": SEATS})
INTRO = EventType(slug="intro", owner="ana", length_in_minutes=30)


def booking(event_type="ana/intro", hour=9, **more):
    return Booking(**{"event_type": event_type, "start": NOW.replace(hour=hour), "attendees": [ADA], **more})


def sandbox_with(**rows):
    return Sandbox(world=World(**{"users": [User(username="ana"), User(username="bo")], **rows}), now=NOW)


def reason(**rows):
    """Return the error of a world."""
    with pytest.raises(WorldError) as caught:
        sandbox_with(**rows)
    return str(caught.value)


# --- users, schedules, busy times


def test_users():
    """Users have the given values or the defaults; the first has the key of the sandbox, the others have their own."""
    ana = User(username="ana", name="Ana B", email="a@b.test", time_zone="europe/rome", api_key="cal_ana", bio="Hi")
    sandbox = Sandbox(world=World(users=[ana, User(username="bo"), User(username="cy", api_key="cal_c")]))
    users = sandbox.store.users
    assert [users[1][name] for name in ("username", "name", "email", "time_zone", "bio")] == [
        "ana", "Ana B", "a@b.test", "Europe/Rome", "Hi",
    ]  # fmt: skip
    assert [users[2][name] for name in ("name", "email", "time_zone")] == ["Bo", "bo@sandbox.test", "UTC"]
    assert sandbox.store.api_keys == {"cal_sandbox": 1, "cal_ana": 1, "cal_sandbox_bo": 2, "cal_c": 3}
    assert (sandbox.store.event_types, dict(sandbox.store.bookings)) == ({}, {})


def test_schedules():
    """A user without a default schedule works Monday to Friday; a declared default replaces that."""
    mornings = Schedule(
        owner="ana",
        availability=[Hours(days=["Monday"], start_time="08:00", end_time="12:00")],
        overrides=[Override(date=date(2026, 12, 24), start_time="08:00", end_time="09:00")],
    )
    evenings = Schedule(owner="ana", name="Evenings", time_zone="Asia/Tokyo", is_default=False, availability=[])
    store = sandbox_with(schedules=[mornings, evenings]).store
    by_owner = {1: [], 2: []}
    for schedule in store.schedules.values():
        by_owner[schedule["owner_id"]].append(schedule)
    assert [schedule["name"] for schedule in by_owner[1]] == ["Working hours", "Evenings"]
    assert by_owner[1][0]["overrides"] == [{"date": "2026-12-24", "startTime": "08:00", "endTime": "09:00"}]
    assert [schedule["time_zone"] for schedule in by_owner[1]] == ["UTC", "Asia/Tokyo"]
    assert store.users[1]["default_schedule_id"] == by_owner[1][0]["id"]
    assert by_owner[2][0]["availability"][0]["days"] == ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday"]


def test_busy_times_and_bookings_take_slots():
    """Declared bookings and busy times are not offered as slots."""
    busy = BusyTime(user="ana", start=NOW.replace(hour=14), end=NOW.replace(hour=16))
    sandbox = sandbox_with(event_types=[INTRO], bookings=[booking(hour=16)], busy_times=[busy])
    with sandbox:
        query = "/v2/slots?eventTypeId=1&start=2026-12-01&end=2026-12-01"
        slots = send_request(sandbox, "GET", query, headers={"cal-api-version": "2024-09-04"}).data
    assert [slot["start"][11:16] for slot in slots["2026-12-01"]] == ["16:30"]


# --- organizations and teams


def test_teams_and_organizations():
    """The organization has all users and teams; members have their roles."""
    members = [Member(user="bo", role="OWNER"), Member(user="ana", accepted=False)]
    sandbox = sandbox_with(organization=Organization(name="Acme Inc"), teams=[Team(name="Sales Team", members=members)])
    store = sandbox.store
    assert [(row["id"], row["slug"], row["owner_id"]) for row in store.organizations.values()] == [(1, "acme-inc", 1)]
    assert [(row["id"], row["slug"], row["parent_id"]) for row in store.teams.values()] == [(2, "sales-team", 1)]
    assert [(row["team_id"], row["user_id"], row["role"], row["accepted"]) for row in store.memberships.values()] == [
        (1, 1, "OWNER", True),
        (1, 2, "MEMBER", True),
        (2, 2, "OWNER", True),
        (2, 1, "MEMBER", False),
    ]


def test_event_types_of_teams():
    """An event type of a team has all members as hosts or those that are given; a managed one has copies."""
    team = Team(name="Sales", members=[Member(user="ana"), Member(user="bo")])
    robin = EventType(slug="robin", owner="sales", length_in_minutes=30, scheduling_type="roundRobin")
    hosts = [Host(user="bo", mandatory=True, priority="high")]
    one = EventType(slug="one", owner="sales", length_in_minutes=30, scheduling_type="roundRobin", hosts=hosts)
    managed = EventType(slug="managed", owner="sales", length_in_minutes=30, scheduling_type="managed")
    both = EventType(slug="both", owner="sales", length_in_minutes=30, scheduling_type="collective")
    sandbox = sandbox_with(
        teams=[team],
        event_types=[robin, one, managed, both],
        bookings=[
            booking("sales/robin"),
            booking("sales/one", hour=10),
            booking("sales/robin", hour=11, host="bo"),
            booking("sales/both", hour=15),
        ],
    )
    records = list(sandbox.store.event_types.values())
    assert [record["slug"] for record in records] == ["robin", "one", "managed", "managed", "managed", "both"]
    assert [host["userId"] for host in records[0]["hosts"]] == [1, 2]
    assert records[1]["hosts"] == [{"userId": 2, "mandatory": True, "priority": "high"}]
    assert [made.host_ids for made in sandbox.store.bookings.values()] == [(1,), (2,), (2,), (1, 2)]


def test_settings_of_event_types():
    """Settings are the fields of POST /v2/event-types, with its rules."""
    both = booking("ana/pair", attendees=[ADA, Attendee(name="Bob", email="bob@example.com")])
    sandbox = sandbox_with(event_types=[PAIR], bookings=[both])
    (record,) = sandbox.store.event_types.values()
    assert (record["title"], record["minimumBookingNotice"]) == ("Pair", 0)
    (made,) = sandbox.store.bookings.values()
    assert [seat["attendee_id"] for seat in made.seats] == [1, 2]
    assert made.end - made.start == timedelta(hours=1)


# --- bookings


def test_bookings_have_defaults():
    """A booking of the past or the future has the title, location and answers of one that was made by a request."""
    past = booking(start=datetime(2026, 11, 2, 10, tzinfo=UTC))
    sandbox = sandbox_with(event_types=[INTRO], bookings=[past, booking(hour=15)])
    views = [booking_view(sandbox.store, made) for made in sandbox.store.bookings.values()]
    assert [view["id"] for view in views] == [1, 2]
    assert [view["createdAt"] for view in views] == ["2026-11-01T10:00:00.000Z", "2026-11-30T15:00:00.000Z"]
    assert views[0]["title"] == "Intro between Ana and Ada"
    assert (views[0]["location"], views[0]["status"], views[0]["duration"]) == ("integrations:daily", "accepted", 30)
    assert views[0]["bookingFieldsResponses"]["email"] == "ada@example.com"
    assert views[0]["attendees"][0]["timeZone"] == "Europe/Rome"


def test_bookings_have_what_is_declared():
    """Every field of a booking can be declared."""
    made = Booking(
        event_type="ana/intro",
        start=NOW,
        end=NOW + timedelta(hours=2),
        attendees=[ADA],
        status="cancelled",
        uid="order-7",
        title="Talk",
        description="Notes",
        location="https://meet.example",
        responses={"topic": "tests"},
        metadata={"key": "value"},
        cancellation_reason="Ill",
        created_at=NOW - timedelta(days=9),
    )
    view = booking_view(store := sandbox_with(event_types=[INTRO], bookings=[made]).store, store.bookings["order-7"])
    assert view | {
        "uid": "order-7", "title": "Talk", "description": "Notes", "location": "https://meet.example",
        "status": "cancelled", "cancellationReason": "Ill", "duration": 120, "metadata": {"key": "value"},
        "createdAt": "2026-11-22T12:00:00.000Z",
    } == view  # fmt: skip
    assert view["bookingFieldsResponses"]["topic"] == "tests"


# --- errors


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (
            {"users": [User(username="ana"), User(username="ana")]},
            "there is already a user 'ana' - at `$.users[1].username`",
        ),
        (
            {"users": [User(username="ana", time_zone="Mars")]},
            "must be an IANA time zone such as Europe/Rome, got 'Mars' - at `$.users[0].timeZone`",
        ),
        (
            {"users": [User(username="ana"), User(username="bo", api_key="cal_sandbox")]},
            "another user has this API key - at `$.users[1].apiKey`",
        ),
        (
            {"teams": [Team(name="Sales", members=[Member(user="zoe")])]},
            "there is no user 'zoe' - at `$.teams[0].members[0].user`",
        ),
        (
            {"teams": [Team(name="Sales", members=[Member(user="bo"), Member(user="bo")])]},
            "'bo' is a member twice - at `$.teams[0].members[1].user`",
        ),
        (
            {"teams": [Team(name="Ana", members=[Member(user="bo")])]},
            "there is already a user or a team 'ana' - at `$.teams[0].slug`",
        ),
        (
            {"users": [], "organization": Organization(name="Acme")},
            "an organization needs at least one user in the same document - at `$.organization`",
        ),
        (
            {"schedules": [Schedule(owner="ana", availability=[]), Schedule(owner="ana", availability=[])]},
            "'ana' already has a default schedule - at `$.schedules[1].isDefault`",
        ),
        (
            {
                "schedules": [
                    Schedule(owner="bo", availability=[Hours(days=["Monday"], start_time="09:00", end_time="08:00")])
                ]
            },
            "must be after the start 09:00, got 08:00 - at `$.schedules[0].availability[0].endTime`",
        ),
        ({"event_types": [INTRO, INTRO]}, "there is already an event type 'ana/intro' - at `$.eventTypes[1].slug`"),
        (
            {"event_types": [EventType(slug="a", owner="zoe", length_in_minutes=5)]},
            "there is no user 'zoe' - at `$.eventTypes[0].owner`",
        ),
        (
            {"event_types": [EventType(slug="a", owner="ana", length_in_minutes=5, scheduling_type="managed")]},
            "only event types of teams have hosts and a schedulingType; there is no team 'ana' - at `$.eventTypes[0].",
        ),
        (
            {"event_types": [EventType(slug="a", owner="ana", length_in_minutes=5, settings={"title": "A"})]},
            "title must be next to settings, not in it - at `$.eventTypes[0].settings`",
        ),
        (
            {"event_types": [EventType(slug="a", owner="ana", length_in_minutes=5, settings={"notice": 1})]},
            "notice property is wrong,property notice should not exist - at `$.eventTypes[0].settings`",
        ),
        (
            {"event_types": [EventType(slug="a", owner="ana", length_in_minutes=5, settings={"scheduleId": 99})]},
            "User with ID=1 does not own schedule with ID=99 - at `$.eventTypes[0].settings`",
        ),
        (
            {"teams": [SALES], "event_types": [EventType(slug="a", owner="sales", length_in_minutes=5)]},
            "an event type of a team needs one of roundRobin, collective, managed - at `$.eventTypes[0].",
        ),
        (
            {
                "teams": [SALES],
                "event_types": [
                    EventType(slug="a", owner="sales", length_in_minutes=5, scheduling_type="roundRobin", hosts=[])
                ],
                "bookings": [booking("sales/a")],
            },
            "'sales/a' has no hosts - at `$.bookings[0].eventType`",
        ),
        (
            {"event_types": [PAIR], "bookings": [booking("ana/pair", attendees=[ADA, ADA, ADA])]},
            "must be at most 2, as many as there are seats - at `$.bookings[0].attendees`",
        ),
        (
            {"event_types": [INTRO], "bookings": [booking("ana/x")]},
            "there is no event type 'ana/x'; known are: ana/intro - at `$.bookings[0].eventType`",
        ),
        (
            {"event_types": [INTRO], "bookings": [booking(), booking()]},
            "the host already has an accepted booking with this start and end - at `$.bookings[1].start`",
        ),
        (
            {"event_types": [INTRO], "bookings": [booking(uid="a"), booking(uid="a", hour=10)]},
            "there is already a booking 'a' - at `$.bookings[1].uid`",
        ),
        (
            {"event_types": [INTRO], "bookings": [booking(end=NOW.replace(hour=9))]},
            "must be after the start 2026-12-01T09:00:00.000Z, got 2026-12-01T09:00:00.000Z - at `$.bookings[0].end`",
        ),
        (
            {"event_types": [INTRO], "bookings": [booking(host="bo")]},
            "'bo' is no host of 'ana/intro' - at `$.bookings[0].host`",
        ),
        (
            {"event_types": [INTRO], "bookings": [booking(start=datetime(1, 1, 1, tzinfo=UTC))]},
            "must be between 1971-01-01T00:00:00.000Z and 2999-01-01T00:00:00.000Z - at `$.bookings[0].start`",
        ),
        (
            {"event_types": [INTRO], "bookings": [booking(start=datetime(2026, 1, 1))]},  # noqa: DTZ001
            "must have a time zone, got 2026-01-01T00:00:00 - at `$.bookings[0].start`",
        ),
        (
            {
                "event_types": [INTRO],
                "bookings": [booking(attendees=[ADA, Attendee(name="B", email="b@c", time_zone="no/zone")])],
            },
            "must be an IANA time zone such as Europe/Rome, got 'no/zone' - at `$.bookings[0].attendees[1].timeZone`",
        ),
        ({"busy_times": [BusyTime(user="ana", start=NOW, end=NOW)]}, "must be after the start"),
    ],
)
def test_a_wrong_row_is_named(rows, message):
    """An error says what is wrong and where."""
    assert reason(**rows).startswith(message)


def test_a_server_without_teams():
    """A kind of server without teams rejects them."""
    world = World(users=[User(username="ana")], teams=[Team(name="Sales", members=[Member(user="ana")])])
    with pytest.raises(WorldError, match="no teams and no organizations"):
        Sandbox(world=world, server="self-hosted-2026-07")


def test_arguments_of_the_sandbox():
    """Sample bookings and a world exclude each other, and the API key has the prefix of keys."""
    with pytest.raises(ValueError, match="bookings are part of the sample data"):
        Sandbox(world=World(), bookings=5)
    with pytest.raises(ValueError, match="api_key must begin with cal_"):
        Sandbox(api_key="secret")
    assert Sandbox(api_key="cal_mine").store.api_keys.keys() == {"cal_mine", "cal_sandbox_bo", "cal_sandbox_cy"}


# --- loading, resetting, snapshots


@pytest.fixture
def sandbox():
    return Sandbox(bookings=5, now=NOW)


@pytest.fixture
def control(sandbox):
    return ControlClient(sandbox)


TEAM_DOCUMENT = {
    "teams": [{"name": "Crew", "members": [{"user": "bo"}]}],
    "eventTypes": [{"slug": "shift", "owner": "crew", "lengthInMinutes": 15, "schedulingType": "collective"}],
}
DOCUMENT = {
    "users": [{"username": "zoe", "timeZone": "Asia/Tokyo"}],
    "teams": [{"name": "Crew", "members": [{"user": "zoe"}]}],
    "schedules": [
        {"owner": "zoe", "availability": [{"days": ["Monday"], "startTime": "09:00", "endTime": "17:00"}]}
    ],
    "eventTypes": [{"slug": "call", "owner": "zoe", "lengthInMinutes": 15, "settings": {"hidden": True}}],
    "bookings": [
        {
            "eventType": "zoe/call",
            "start": "2026-11-01T09:00:00+09:00",
            "uid": "b",
            "attendees": [{"name": "Ada", "email": "a@b"}],
        }
    ],
}  # fmt: skip


def test_a_world_joins_event_types_of_a_deleted_team(sandbox, control):
    """An event type whose team is gone does not matter when rows are added."""
    control.send("POST", "/world", TEAM_DOCUMENT)
    del sandbox.store.teams[next(reversed(sandbox.store.teams))]
    assert control.send("POST", "/world", {"users": [{"username": "yan"}]}).status == 201


def test_replacing_the_world(sandbox, control):
    """PUT replaces the data and returns the ids; a reset restores the declared data."""
    sandbox.faults.add("*", "*", status=500)
    loaded = control.send("PUT", "/world", DOCUMENT)
    assert (loaded.status, loaded.body) == (
        200,
        {
            "users": [{"id": 1, "name": "zoe"}],
            "teams": [{"id": 1, "name": "crew"}],
            "schedules": [{"id": 1, "name": "Working hours"}],
            "eventTypes": [{"id": 1, "name": "call"}],
            "bookings": [{"id": 1, "name": "b"}],
        },
    )
    assert (sandbox.store.api_keys, sandbox.faults.all()) == ({"cal_sandbox": 1}, [])
    sandbox.store.bookings.clear()
    control.send("POST", "/reset")
    assert [*sandbox.store.bookings] == ["b"]


def test_adding_to_the_world(sandbox, control):
    """POST adds to the data, and may refer to it; a reset removes it again."""
    control.send("POST", "/world", DOCUMENT)
    more = {"bookings": [{**DOCUMENT["bookings"][0], "eventType": "ana/thirty", "uid": "c"}]}
    assert control.send("POST", "/world", more).status == 201
    assert control.send("POST", "/world", DOCUMENT).status == 400
    assert [*sandbox.store.bookings][-2:] == ["b", "c"]
    assert sandbox.store.api_keys["cal_sandbox_zoe"] == 5
    control.send("POST", "/reset")
    assert (len(sandbox.store.bookings), len(sandbox.store.users)) == (5, 4)


@pytest.mark.parametrize("method", ["PUT", "POST"])
def test_a_wrong_world_changes_nothing(sandbox, control, method):
    """If a row is wrong, the data stays, and the response names the row."""
    before = control.get("/state")
    wrong = {**DOCUMENT, "bookings": [{**DOCUMENT["bookings"][0], "eventType": "zoe/x"}]}
    response = control.send(method, "/world", wrong)
    message = "body: there is no event type 'zoe/x'; known are: "
    assert (response.status, response.body["error"].startswith(message)) == (400, True)
    assert control.get("/state") == before


def test_snapshots(sandbox, control):
    """A snapshot restores the data any number of times, also planned work, and clears the rest as a reset does."""
    assert control.send("POST", "/snapshots").body == {"number": 1}
    due = []
    sandbox.store.schedule.add(NOW, partial(due.append, sandbox.context))
    uid, attendee = next((uid, made.attendees[0]) for uid, made in sandbox.store.bookings.items())
    control.send("POST", "/snapshots")
    for _ in range(2):
        attendee["name"] = "changed"
        sandbox.store.bookings[uid].attendees[0]["name"] = "changed"
        del sandbox.store.bookings[next(reversed(sandbox.store.bookings))]
        sandbox.faults.add("*", "*", status=500)
        assert control.send("POST", "/snapshots/2/restore").status == 204
        assert (len(sandbox.store.bookings), sandbox.faults.all()) == (5, [])
        assert sandbox.store.bookings[uid].attendees[0]["name"] != "changed"
    control.send("PATCH", "/clock", {"moveBy": 1})
    assert [*map(id, due)] == [id(sandbox.context)]
    assert control.get("/snapshots") == {"snapshots": [{"number": 1}, {"number": 2}]}
    assert control.send("DELETE", "/snapshots/1").status == 204
    for method, path in (("DELETE", "/snapshots/1"), ("POST", "/snapshots/1/restore")):
        assert (control.send(method, path).status, control.send(method, path).body) == (
            404,
            {"error": "there is no snapshot 1"},
        )


def test_ids_go_on_as_in_the_snapshot(sandbox):
    """After a restore the same changes lead to the same ids and random names."""
    snapshot = sandbox.snapshot()
    first = (sandbox.store.next_id("booking"), sandbox.store.uid())
    sandbox.restore(snapshot)
    assert (sandbox.store.next_id("booking"), sandbox.store.uid()) == first
    assert "cal_" not in repr(snapshot)


def test_snapshots_are_bounded(sandbox, control):
    """There can be 100 snapshots."""
    sandbox.snapshots |= dict.fromkeys(range(100))
    assert control.send("POST", "/snapshots").status == 409


# --- JSON and YAML

YAML = b"""
# a comment
users:
  - {username: zoe, name: yes}
schedules:
  - owner: zoe
    availability: [{days: [Monday, Friday], startTime: 10:00, endTime: 17:00}]
    overrides: [{date: 2026-12-24, startTime: 10:00, endTime: 12:00}]
eventTypes:
  - {slug: call, owner: zoe, lengthInMinutes: 15, settings: {hidden: true, slotInterval: null}}
bookings:
  - eventType: zoe/call
    start: 2026-11-01T09:00:00Z
    attendees: [{name: "Ada", email: ada@example.com}]
"""


def test_yaml_is_read_like_json(control, sandbox):
    """YAML has the values of version 1.2: times, days and `yes` are texts."""
    world = read_world(YAML, yaml=True)
    assert read_world(msgspec.json.encode(world)) == world
    assert (world.users[0].name, world.schedules[0].availability[0].end_time) == ("yes", "17:00")
    assert world.event_types[0].settings == {"hidden": True, "slotInterval": None}
    assert control.send("PUT", "/world", YAML, Content_Type="application/yaml").status == 200
    assert len(sandbox.store.bookings) == 1


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"users: [&a {username: x}, *a]", "the YAML cannot be read: aliases are not supported"),
        (
            b"users: [",
            "the YAML cannot be read: expected the node content, but found '<stream end>' in line 1, column 9",
        ),
        (b"users: !!python/object:os.system {}", "the YAML cannot be read: could not determine a constructor"),
        (b"users: !!int 'x'", "the YAML cannot be read: "),
        (b"\xff\xfe\xff", "the YAML cannot be read: "),
        (b"users: [{username: zoe, nmae: Zoe}]", "Object contains unknown field `nmae` - at `$.users[0]`"),
        (b"users: " + b"[" * 400, "the document is nested too deeply"),
        (b"#" * 500_001, "YAML must have at most 500,000 bytes, got 500,001; use JSON"),
        (b"- a", "Expected `object`, got `array`"),
        (b"", "Expected `object`, got `null`"),
    ],
)
def test_wrong_yaml(text, message):
    """YAML that cannot be read, or would be endless, is an error."""
    with pytest.raises(WorldError) as caught:
        read_world(text, yaml=True)
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b'{"bookings": [{"start": "2026-11-01T09:00:00"}]}', "Expected `datetime` with a timezone component"),
        (b'{"users": [{"username": "a b"}]}', "Expected `str` matching regex"),
        (b'{"users": [{"username": "a\\n"}]}', "Expected `str` matching regex"),
        (b'{"users": ' + b"[" * 100_000, "Expected `object`, got `array` - at `$.users[0]`"),
        (b'{"eventTypes": [{"settings": ' + b"[" * 100_000, "Expected `object`, got `array`"),
        (b'{"eventTypes": [{"settings": {"a": ' + b"[" * 100_000, "the document is nested too deeply"),
        (b"\xff", "JSON is malformed"),
    ],
)
def test_wrong_json(text, message):
    """JSON that is no world is an error that names the value."""
    with pytest.raises(WorldError) as caught:
        read_world(text)
    assert str(caught.value).startswith(message)


def test_yaml_without_the_extra(monkeypatch):
    """Without PyYAML the error says what to install."""
    monkeypatch.setitem(sys.modules, "yaml", None)
    with pytest.raises(WorldError, match=r"pip install 'calcom-async\[yaml\]', or use JSON"):
        read_world(YAML, yaml=True)


def test_the_document_is_described(control):
    """The OpenAPI document describes the rows of a world."""
    schemas = control.get("/openapi.json")["components"]["schemas"]
    assert set(schemas["World"]["properties"]) == {
        "users", "organization", "teams", "schedules", "eventTypes", "bookings", "busyTimes",
    }  # fmt: skip
    assert "timeZone" in json.dumps(schemas["User"])
