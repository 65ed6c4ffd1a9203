"""Lists of bookings with a cursor, over HTTP: their pages, order and refusals."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from http_client import ApiClient, sandbox_client

VERSION = "2026-05-01"
OWN, ORGANIZATION = "/v2/bookings", "/v2/organizations/1/bookings"


@pytest.fixture(scope="module")
def api() -> Iterator[ApiClient]:
    with sandbox_client(VERSION, bookings=130, ties=True, unstable_order=True) as api:
        yield api


def walk(api: ApiClient, path: str) -> list[list[str]]:
    """The uids of each page of a list, read to its end."""
    pages, cursor = [], ""
    while True:
        body = api.get(f"{path}{'&' if '?' in path else '?'}{cursor}").body
        pages.append([row["uid"] for row in body["data"]])
        assert body.keys() == {"status", "data", "pagination"}
        assert body["pagination"].keys() == {"nextCursor", "hasMore"}
        if not body["pagination"]["hasMore"]:
            assert body["pagination"]["nextCursor"] is None
            return pages
        cursor = f"cursor={body['pagination']['nextCursor']}"


@pytest.mark.parametrize("path", [OWN, ORGANIZATION])
def test_pages_hold_50_rows_or_the_limit(api, path):
    """All pages together are the list, whatever their size, even if the lists of take and skip are unstable."""
    whole = walk(api, path)
    assert [len(page) for page in whole[:2]] == [50, 50]
    rows = [uid for page in whole for uid in page]
    assert len(rows) == len(set(rows))
    assert rows == [uid for page in walk(api, f"{path}?limit=9") for uid in page]
    assert rows == sorted(rows, reverse=True)


@pytest.mark.parametrize("status", ["upcoming", "recurring", "unconfirmed", "past", "cancelled"])
def test_the_order_follows_the_status(api, status):
    """Rows are sorted by uid, ascending for statuses of the future; a sort parameter has no effect."""
    rows = [uid for page in walk(api, f"{OWN}?status={status}&limit=7&sortStart=desc") for uid in page]
    assert rows == sorted(rows, reverse=status in {"past", "cancelled"})
    assert len(rows) > 1


def test_filters_narrow_the_list(api):
    """The list has the filters of the older version."""
    assert len(walk(api, f"{OWN}?eventTypeIds=1,2&attendeeEmail=nobody@visitors.test")[0]) == 0
    some = {uid for page in walk(api, f"{OWN}?eventTypeId=1") for uid in page}
    assert 0 < len(some) < sum(map(len, walk(api, OWN)))


@pytest.mark.parametrize(
    ("query", "field", "rule"),
    [
        ("limit=0", "limit", "min"),
        ("limit=101", "limit", "max"),
        ("limit=x", "limit", "isNumber"),
        ("status=past,upcoming", "status", "isEnum"),
        ("afterStart=soon", "afterStart", None),
    ],
)
def test_invalid_requests(api, query, field, rule):
    """A request with several statuses, or not 1 to 100 rows, is a 400."""
    response = api.get(f"{OWN}?{query}")
    assert response.status == 400
    assert field in response.constraints
    assert rule is None or rule in response.constraints[field]


@pytest.mark.parametrize("cursor", ["x", "%FF", "gIA=", "%C3%A9"])
def test_a_cursor_that_the_server_did_not_make(api, cursor):
    """A made-up cursor is a 400, never the first page."""
    assert api.get(f"{OWN}?cursor={cursor}").error == (400, "Invalid cursor")


def test_older_versions_keep_take_and_skip():
    """The version selects the form of the list, also for an organization."""
    with sandbox_client("2024-08-13", bookings=10) as api:
        for path in (OWN, ORGANIZATION):
            assert api.get(f"{path}?take=3&cursor=x&limit=2").body["pagination"]["itemsPerPage"] == 3
