"""Lists of bookings over HTTP: scopes, validation, filters that need the store, and speed."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from booking_api import ANA, BO, CLASS, CY, MONDAY, SALES, BookingApi, ada, at
from http_client import ApiClient, recorded_body, sandbox_client

from calcom_async.sandbox import Sandbox
from calcom_async.sandbox.state.booking_index import SortedIndex

TEAM = f"/v2/organizations/1/teams/{SALES}/bookings"


@pytest.fixture
def api() -> Iterator[BookingApi]:
    with Sandbox(now=MONDAY) as sandbox:
        yield BookingApi(sandbox)
        assert sandbox.handler_errors == []


def uids(response) -> list[str]:
    return [booking["uid"] for booking in response.data]


@pytest.fixture
def mixed(api) -> dict[str, str]:
    """Create a booking of Ana's, one of Bo's in the team, and one of Ana's that Cy attends."""
    robin = api.team_event_type("roundRobin", BO)
    return {
        "own": api.book(at(10))["uid"],
        "team": api.book(at(15), robin)["uid"],
        "attended": api.book(at(16), attendee=ada(email="cy@sandbox.test"))["uid"],
    }


@pytest.mark.parametrize(
    ("who", "path", "seen"),
    [
        ("ana", "/v2/bookings", {"own", "team", "attended"}),
        ("bo", "/v2/bookings", {"own", "team", "attended"}),
        ("cy", "/v2/bookings", {"attended"}),
        ("ana", "/v2/organizations/1/bookings", {"own", "team", "attended"}),
        ("ana", f"/v2/organizations/1/bookings?userIds={BO},{CY}", {"team"}),
        ("ana", f"/v2/bookings?userIds={BO}", {"own", "team", "attended"}),
        ("ana", f"/v2/bookings?teamsIds={SALES}", {"team"}),
        ("ana", "/v2/bookings?teamsIds=77", {"own", "team", "attended"}),
        ("ana", "/v2/bookings?teamsIds=3", set()),
        ("ana", TEAM, {"team"}),
        ("ana", f"/v2/teams/{SALES}/bookings", {"team"}),
        ("ana", f"/v2/organizations/1/users/{ANA}/bookings", {"own", "attended"}),
        ("ana", f"/v2/organizations/1/users/{CY}/bookings", {"attended"}),
        ("ana", "/v2/bookings?eventTypeIds=1,99&eventTypeId=2", {"own", "attended"}),
        ("ana", "/v2/bookings?eventTypeId=0", {"own", "team", "attended"}),
        ("ana", "/v2/bookings?attendeeName=Ada%20Visitor&attendeeEmail=cy@sandbox.test", {"attended"}),
        ("ana", "/v2/bookings?bookingUid=", {"own", "team", "attended"}),
        ("ana", "/v2/bookings?status=upcoming,%20past", {"own", "team", "attended"}),
        ("ana", "/v2/bookings?status=past&status=cancelled", set()),
        ("ana", "/v2/bookings?unknown=1&afterStart=2026-11-04T15:00:00%2B00:00", {"team", "attended"}),
    ],
)
def test_scopes_and_filters(api, mixed, who, path, seen):
    """Each list contains the bookings of its scope that match its filters."""
    assert set(uids(getattr(api, who).get(path))) == {mixed[name] for name in seen}


@pytest.mark.servers("hosted", "self-hosted-2025-12")
def test_lists_of_teams_filter_by_creation_since_2026(api, mixed, server_kind):
    """Servers of 2025 ignore filters on creation and update, and the sort by update, also values that are no times."""
    is_old = server_kind == "self-hosted-2025-12"
    for filter_ in ("afterCreatedAt=2030-01-01", "afterUpdatedAt=2030-01-01", "beforeCreatedAt=2020-01-01"):
        assert uids(api.ana.get(f"{TEAM}?{filter_}")) == [mixed["team"]] * is_old
    for filter_ in ("beforeUpdatedAt=x", "sortUpdatedAt=up"):
        assert api.ana.get(f"{TEAM}?{filter_}").status == (200 if is_old else 400)


@pytest.mark.servers("hosted", "self-hosted-2026-07")
@pytest.mark.parametrize(
    ("who", "path", "status", "text"),
    [
        ("anonymous", "/v2/bookings", 403, "PermissionsGuard - no authentication provided."),
        ("cy", "/v2/organizations/1/bookings", 403, "RolesGuard - user with id=3 does not have the minimum required"),
        ("cy", f"/v2/organizations/1/users/{ANA}/bookings", 403, "RolesGuard - user with id=3"),
        ("ana", "/v2/organizations/1/users/4/bookings", 403, "IsUserInOrg - "),
        ("ana", "/v2/organizations/9/bookings", 403, "IsOrgGuard - "),
        ("cy", TEAM, 403, "RolesGuard - user with id=3"),
        ("ana", "/v2/organizations/1/teams/9/bookings", 404, "IsTeamInOrg - Team (9) not found."),
        ("ana", "/v2/bookings?eventTypeIds=98,99", 400, "The requested event-types do not exist."),
    ],
)
def test_scopes_are_guarded(api, who, path, status, text):
    """Lists of teams and organizations are for their admins; an unknown event type is an error, not an empty list."""
    response = getattr(api, who).get(path)
    assert (response.status, response.message[: len(text)]) == (status, text)


@pytest.mark.parametrize(
    ("query", "field", "text"),
    [
        ("status=nope", "status", "Invalid status. Allowed are upcoming, recurring, past, cancelled, unconfirmed"),
        ("status=", "status", "Invalid status. Allowed are upcoming, recurring, past, cancelled, unconfirmed"),
        ("status=Past", "status", "Invalid status. Allowed are upcoming, recurring, past, cancelled, unconfirmed"),
        ("take=251", "take", "take must not be greater than 250"),
        ("take=0", "take", "take must not be less than 1"),
        ("take=", "take", "take must be a number conforming to the specified constraints"),
        ("skip=-1", "skip", "skip must not be less than 0"),
        ("skip=x", "skip", "skip must be a number conforming to the specified constraints"),
        ("afterStart=2026-02-30", "afterStart", "fromDate must be a valid ISO 8601 date."),
        ("beforeEnd=", "beforeEnd", "toDate must be a valid ISO 8601 date."),
        ("beforeUpdatedAt=x", "beforeUpdatedAt", "toDate must be a valid ISO 8601 date."),
        ("sortStart=ASC", "sortStart", 'SortStart must be either "asc" or "desc".'),
        ("sortUpdatedAt=up", "sortUpdatedAt", 'SortCreated must be either "asc" or "desc".'),
    ],
)
def test_invalid_queries(api, query, field, text):
    """Values out of range are rejected with the messages of the real server, not clamped."""
    response = api.ana.get(f"/v2/bookings?{query}")
    assert (response.status, response.message) == (400, "Bad Request Exception")
    assert text in response.constraints[field].values()


def test_validation_errors_are_the_recorded_ones(api, shared):
    """Validation errors equal the recorded ones."""
    for name, query in (("bookings_list_bad_status_400", "status=nope"), ("bookings_list_take251_400", "take=251")):
        ours = api.ana.get(f"/v2/bookings?{query}").body["error"]
        assert ours == recorded_body(shared, name)["error"]


def test_fractions_are_cut(api, mixed):
    """Fractions are cut: take=1.5 is 1 and skip=1.5 is 1."""
    response = api.ana.get("/v2/bookings?take=1.5&skip=1.5")
    assert uids(response) == [mixed["team"]]
    assert response.body["pagination"] == {
        "returnedItems": 1,
        "totalItems": 3,
        "itemsPerPage": 1,
        "remainingItems": 1,
        "currentPage": 2,
        "totalPages": 3,
        "hasNextPage": True,
        "hasPreviousPage": True,
    }


def test_the_first_of_several_sorts_wins(api, mixed):
    """If several sorts are given, start wins over end over created over updated."""
    by_start = [mixed[name] for name in ("own", "team", "attended")]
    assert uids(api.ana.get("/v2/bookings?sortCreated=asc&sortStart=desc")) == by_start[::-1]


def test_changes_appear_in_the_next_page(api, mixed):
    """New and rescheduled bookings appear in the next page; cached orders are dropped on a change."""
    assert len(uids(api.ana.get("/v2/bookings"))) == 3
    api.cancel(mixed["own"])
    new = api.book(at(9))["uid"]
    assert uids(api.ana.get("/v2/bookings?sortStart=asc"))[0] == new
    assert uids(api.ana.get("/v2/bookings?status=cancelled")) == [mixed["own"]]


def test_plus_signs_that_were_not_encoded(api):
    """A plus sign that was not encoded is restored in an email filter."""
    uid = api.book(at(10), attendee=ada(email="ada+x@visitors.test"))["uid"]
    assert uids(api.ana.get("/v2/bookings?attendeeEmail=ada+x@visitors.test")) == [uid]


def test_many_bookings_are_sorted_once_for_all_pages(monkeypatch):
    """Reading five thousand bookings page by page sorts them once."""
    sort, sorts = SortedIndex.__init__, []

    def counted(index, *arguments):
        sorts.append(arguments)
        sort(index, *arguments)

    monkeypatch.setattr(SortedIndex, "__init__", counted)
    with Sandbox(bookings=5_000, now=MONDAY) as sandbox:
        pages = [f"/v2/bookings?take=250&sortCreated=asc&skip={skip}" for skip in range(0, 5_000, 250)]
        read = {uid for page in pages for uid in uids(BookingApi(sandbox).ana.get(page))}
    assert len(read) == 5_000
    assert len(sorts) == 1


@pytest.mark.parametrize(("unstable_order", "orders"), [(False, 1), (True, 3)])
def test_unstable_order_changes_repeated_pages(unstable_order, orders):
    """Three requests for one page return the same rows with plain ties, and three orders with `unstable_order`."""
    with sandbox_client("2024-08-13", bookings=300, now=MONDAY, ties=True, unstable_order=unstable_order) as api:
        pages = [api.get("/v2/bookings?take=50&sortCreated=asc").data for _ in range(3)]
    assert len({tuple(booking["uid"] for booking in page) for page in pages}) == orders
    assert all(
        [booking["createdAt"] for booking in page] == [booking["createdAt"] for booking in pages[0]] for page in pages
    )


def test_a_booking_that_was_never_updated_says_null(api):
    """The update time may be null, in all three forms of a booking."""
    plain, seated = api.book(at(10))["uid"], api.book(at(11), CLASS)["uid"]
    for uid in (plain, seated):
        api.record(uid).updated_at = None
    assert [api.get(uid)["updatedAt"] for uid in (plain, seated)] == [None, None]
    listed = api.ana.get("/v2/bookings?sortUpdatedAt=desc").data
    assert [attendee["updatedAt"] for attendee in listed] == [None, None]
    assert api.ana.get("/v2/bookings?afterUpdatedAt=2020-01-01").data == []
    old = ApiClient(api.sandbox, "2024-04-15").get(f"/v2/bookings/{plain}").data
    assert old["updatedAt"] is None
