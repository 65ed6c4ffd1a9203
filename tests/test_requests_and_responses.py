"""Writing requests and reading responses: values in, values or errors out, no event loop."""

from __future__ import annotations

import json
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal
from urllib.parse import parse_qsl, unquote
from zoneinfo import ZoneInfo

import msgspec
import pytest
from fakes import make_call, ok_response, pagination_metadata
from hypothesis import given, strategies as st
from msgspec import UNSET, Raw, UnsetType
from yarl import URL

from calcom_async import errors
from calcom_async.decoding import decode, raw_field_reader
from calcom_async.models import Booking
from calcom_async.models._base import Model
from calcom_async.pagination import Page, PageOffset, PaginationSpec, page_of as plain_page_of, read_page
from calcom_async.requests import encode, fill, query_string
from calcom_async.responses import Response, read, read_whole

SECRET = "cal_live_verysecret"
NAIVE = datetime(2030, 5, 6, 10)  # noqa: DTZ001 - what is refused

# ---------------------------------------------------------------------------------------------------- writing a request


@pytest.mark.slow
@given(st.one_of(st.integers(), st.text()))
def test_an_id_stays_one_part_of_the_path(value):
    """Whatever the id, the path keeps its other parts; an id that cannot be sent is rejected."""
    try:
        path = fill("/bookings/{}/attendees", [value])
    except errors.InvalidRequestError:
        assert str(value) in {"", ".", ".."}
        return
    url = URL(f"https://api.cal.com/v2{path}?take=1", encoded=True)
    first, version, bookings, quoted_id, attendees = url.raw_path.split("/")
    assert (first, version, bookings, attendees) == ("", "v2", "bookings", "attendees")
    assert unquote(quoted_id) == str(value)
    assert (url.host, url.query_string) == ("api.cal.com", "take=1")


@pytest.mark.parametrize("value", ["", ".", "..", None, True, 1.5, b"x", ["x"]])
def test_an_invalid_id(value):
    """An id must be an integer or a text that is not empty; anything else is an InvalidRequestError."""
    with pytest.raises(errors.InvalidRequestError, match="an id in a path"):
        fill("/bookings/{}", [value])


@pytest.mark.parametrize(
    ("params", "written"),
    [
        ({}, ""),
        ({"a": None}, ""),
        ({"a": True, "b": False}, "a=true&b=false"),
        ({"a": 1, "b": 1.5, "c": "x y&z"}, "a=1&b=1.5&c=x+y%26z"),
        ({"a": ["upcoming", "past"]}, "a=upcoming%2Cpast"),
        ({"a": (1, 2)}, "a=1%2C2"),
        ({"a": date(2030, 5, 6)}, "a=2030-05-06"),
        ({"a": datetime(2030, 5, 6, 10, tzinfo=UTC)}, "a=2030-05-06T10%3A00%3A00Z"),
        ({"a": datetime(2030, 5, 6, 10, tzinfo=ZoneInfo("Europe/Rome"))}, "a=2030-05-06T08%3A00%3A00Z"),
    ],
)
def test_query_parameters(params, written):
    """None is not sent, sequences are comma-separated, and times are in UTC."""
    assert query_string(params) == written


@given(st.dictionaries(st.text(min_size=1), st.text()))
def test_a_text_cannot_change_the_query(params):
    """A text in a query cannot add a parameter or change another."""
    assert dict(parse_qsl(query_string(params), keep_blank_values=True)) == params


@pytest.mark.parametrize("value", [b"ab", {"a": 1}, Decimal(1), object(), [None]])
def test_a_value_that_cannot_be_in_a_query(value):
    """A value without a text form raises an error."""
    with pytest.raises(errors.InvalidRequestError, match="filter cannot be sent"):
        query_string({"filter": value})


class NoOffset(tzinfo):
    """A time zone without an offset."""

    def utcoffset(self, dt):
        return None


@pytest.mark.parametrize("moment", [NAIVE, NAIVE.replace(tzinfo=NoOffset())])
@pytest.mark.parametrize(
    "write",
    [
        lambda moment: query_string({"start": moment}),
        lambda moment: query_string({"start": [moment]}),
        lambda moment: encode({"start": moment}),
        lambda moment: encode({"a": [{"start": moment}]}),
        lambda moment: encode(Body(start=moment)),
    ],
)
def test_a_naive_datetime(write, moment):
    """A naive datetime raises a ValueError with its position in the query or body."""
    with pytest.raises(ValueError, match=r"start.* must have a time zone"):
        write(moment)


class Body(Model, frozen=True, kw_only=True):
    """A request body."""

    start: datetime
    event_type_id: int | UnsetType = UNSET
    note: str | UnsetType | None = UNSET


def test_unset_and_null_in_a_body():
    """UNSET is omitted, None is null, names are in camelCase, and times are in UTC with milliseconds if any."""
    moment = datetime(2030, 5, 6, 10, 0, 0, 123456, tzinfo=timezone(timedelta(hours=2)))
    assert json.loads(encode(Body(start=moment, note=None))) == {"start": "2030-05-06T08:00:00.123Z", "note": None}
    assert json.loads(encode(Body(start=moment, event_type_id=3))) == {
        "start": "2030-05-06T08:00:00.123Z",
        "eventTypeId": 3,
    }


def test_nested_dates_and_times_in_a_body():
    """Dates are written as dates and times in UTC, at any depth."""
    body = {"a": [(date(2030, 5, 6), {"b": datetime(2030, 5, 6, tzinfo=UTC)})]}
    assert json.loads(encode(body)) == {"a": [["2030-05-06", {"b": "2030-05-06T00:00:00Z"}]]}


def test_requests_and_responses_print_no_secret():
    """The reprs of requests and responses show neither headers nor bodies, rich's repr included."""
    request = make_call(headers={"Authorization": SECRET}, body=SECRET.encode())[0]
    response = Response(200, {"set-cookie": SECRET}, SECRET.encode())
    for value in (request, response):
        assert SECRET not in repr(value) + str(value.__rich_repr__())
    assert repr(request) == "<Request GET /me>"


# --------------------------------------------------------------------------------------------------- reading a response


class Host(Model, frozen=True, kw_only=True):
    """A nested model."""

    id: int
    name: str


class Row(Model, frozen=True, kw_only=True):
    """A model with all kinds of fields."""

    id: int
    status: Literal["accepted"] | str = "accepted"
    hosts: list[Host] = msgspec.field(default_factory=list)
    host: Host | None = None
    extra: dict[str, Any] | str | None = None
    by_day: dict[str, list[Host]] = msgspec.field(default_factory=dict)
    start: datetime | None = None


def page_of(*rows: Any, **envelope: Any) -> Page[Row]:
    """Read a page with these rows."""
    body = json.dumps({"status": "success", "data": rows, **envelope}).encode()
    return read_page(Row, Response(200, {}, body), skip=0, take=250)


HOST = {"id": 1, "name": "Ana"}


@pytest.mark.parametrize(
    ("fault", "read_as"),
    [
        ({"id": None}, {"id": None}),
        ({"hosts": None}, {"hosts": None}),
        ({"hosts": [HOST, {"id": 2, "name": None}]}, {"hosts": [Host(id=1, name="Ana"), Host(id=2, name=None)]}),
        ({"hosts": [{"id": 2}]}, {"hosts": [Host(id=2, name=None)]}),
        ({"host": {"name": "Ana"}}, {"host": Host(id=None, name="Ana")}),
        ({"byDay": {"mon": [{"id": None, "name": "Ana"}]}}, {"by_day": {"mon": [Host(id=None, name="Ana")]}}),
    ],
)
def test_nulls_and_missing_fields(fault, read_as):
    """Null or a missing field is None in its row, and changes nothing else."""
    good = {"id": 7, "hosts": [HOST], "extra": {"a": 1}, "start": "2030-05-06T10:00:00Z", "status": "new"}
    page = page_of(good, good | fault)
    assert page.items[0] == msgspec.convert(good, Row)
    assert page.items[1] == msgspec.structs.replace(page.items[0], **read_as)


def test_a_missing_required_field_is_none():
    """A row without a field that the model requires is kept."""
    assert page_of({"status": "accepted"}).items == [Row(id=None)]


def test_unknown_values_and_fields():
    """An unknown value of an enum is kept as text, and an unknown field is ignored."""
    assert page_of({"id": 1, "status": "of tomorrow", "fieldOfTomorrow": {}}).items == [Row(id=1, status="of tomorrow")]


@pytest.mark.parametrize(
    ("odd", "read_as"),
    [
        ({"hosts": [HOST, {"id": [], "name": "x"}]}, {"hosts": [Host(id=1, name="Ana"), Host(id=None, name="x")]}),
        ({"hosts": [5, HOST, "x", None, []]}, {"hosts": [Host(id=1, name="Ana")]}),
        ({"hosts": {}}, {"hosts": None}),
        ({"host": "Ana"}, {"host": None}),
        ({"id": "seven"}, {"id": None}),
        ({"id": 1.5}, {"id": None}),
        ({"start": "tomorrow"}, {"start": None}),
        ({"start": 1e300}, {"start": None}),
        ({"extra": 5}, {"extra": None}),
        ({"status": {"a": 1}}, {"status": None}),
        ({"byDay": {"mon": [5, HOST], "tue": 5}}, {"by_day": {"mon": [Host(id=1, name="Ana")]}}),
    ],
)
def test_a_value_of_a_wrong_type(odd, read_as):
    """A value of a wrong type becomes None or is dropped from its list; the rest of the row stays."""
    good = {"id": 7, "hosts": [HOST], "extra": {"a": 1}, "start": "2030-05-06T10:00:00Z", "status": "new"}
    page = page_of(good, good | odd, good)
    assert page.items[0] == page.items[2] == msgspec.convert(good, Row)
    assert page.items[1] == msgspec.structs.replace(page.items[0], **read_as)


@pytest.mark.parametrize(
    ("row", "position"),
    [
        ({"id": "seven"}, r"\$\.data\[1\]"),
        ({"status": 5}, r"\$\.data\[1\]"),
        ("text", r"\$\.data\[1\]"),
        ([HOST], r"\$\.data\[1\]"),
    ],
)
def test_an_unreadable_row(row, position):
    """A row without any readable field is a DecodeError with its position."""
    with pytest.raises(errors.DecodeError, match=position):
        page_of({"id": 1}, row)


@pytest.mark.parametrize(
    ("value", "read_as"),
    [
        (b'"\\ud83d cut"', "\ufffd cut"),
        (b'"a\xffb"', "a\ufffdb"),
        (b"1e999", None),
        (b"-1e999", None),
        (b"9" * 6000, None),
        (b"NaN", None),
        (b"1" * 400, int("1" * 400)),
        ('"\U0001f600"'.encode(), "\U0001f600"),
    ],
)
def test_invalid_text_and_numbers(value, read_as):
    """Half a surrogate pair, invalid UTF-8 and numbers out of range do not lose the other rows."""
    body = b'{"data":[{"id":1,"extra":{"a":%b}},{"id":2}]}' % value
    items = read_page(Row, Response(200, {}, body), skip=0, take=9).items
    assert [item.id for item in items] == [1, 2]
    assert items[0].extra == {"a": read_as}
    rows = read_page(Raw, Response(200, {}, body), skip=0, take=9).items
    assert [raw_field_reader("id")(row) for row in rows] == [1, 2]
    assert decode(Any, b'{"a":%b}' % value) == {"a": read_as}


@pytest.mark.parametrize("body", [b"", b" \r\n"])
def test_an_empty_response(body):
    """An empty body where data is required is a DecodeError that says so."""
    with pytest.raises(errors.DecodeError, match="the response is empty"):
        read(Row, Response(200, {}, body))


def test_a_mapping_keeps_the_type_of_its_keys():
    """A mapping keeps its readable keys and values; one without any is a DecodeError."""
    kind = dict[date, list[Host]]
    assert read(kind, ok_response({"2030-05-06": [HOST, None], "2030-05-07": None, "soon": [HOST]})) == {
        date(2030, 5, 6): [Host(id=1, name="Ana")]
    }
    assert read(kind, ok_response({})) == {}
    with pytest.raises(errors.DecodeError):
        read(kind, ok_response({"error": "none"}))


@pytest.mark.parametrize("opening", [b"[", b'{"a":', b'{"data":[{"id":1,"extra":{"a":', b'{"status":"error","error":['])
@pytest.mark.parametrize("depth", [950, 2_000, 100_000])
def test_deeply_nested_json(opening, depth):
    """JSON that is nested too deeply is a DecodeError, complete or not, whatever type is expected."""
    rest = opening[-1:] if opening.endswith(b"[") else b'{"a":'
    closing = (b"]" if rest == b"[" else b"1" + b"}" * 1).ljust(1)
    for body in (opening + rest * depth, opening + rest * depth + closing * depth):
        for kind in (Row, Raw, list[Row], type(None), Any):
            with suppress(errors.CalcomError):
                read(kind, Response(200, {}, body))
        with suppress(errors.CalcomError):
            read_whole(Response(200, {}, body))
    with pytest.raises(errors.DecodeError, match="nested too deeply"):
        decode(Any, b"[" * 100_000 + b"]" * 100_000)


@pytest.mark.parametrize(
    "body",
    [
        b'{"status":"error","error":{"code":"NotFoundException","message":"no such booking"}}',
        b'{"error":{"code":"NotFoundException","message":"no such booking"},"data":null,"status":"error"}',
        b'{"status":"error","data":{},"error":{"code":"NotFoundException","message":"no such booking"}}',
        b'{"status":"error","data":[],"error":{"code":"NotFoundException","message":"no such booking"}}',
        b'{"status":"error","data":{"id":1},"error":{"code":"NotFoundException","message":"no such booking"}}',
    ],
)
def test_status_200_with_an_error(body):
    """A response with status 200 and `"status": "error"` raises the server's error, whatever type is expected."""
    response, request = Response(200, {"x-request-id": "r1"}, body), make_call("DELETE", "/bookings/7")[0]
    reads = [lambda kind=kind: read(kind, response, request) for kind in (Row, Row | None, list[Row], Raw, type(None))]
    reads += [lambda: read_page(Row, response, skip=0, take=9, request=request)]
    reads += [lambda: read_whole(response, request)]
    for attempt in reads:
        with pytest.raises(errors.ApiError, match=r"DELETE /bookings/7: 200 no such booking .*r1") as caught:
            attempt()
        assert (caught.value.status, caught.value.code) == (200, "NotFoundException")


def test_a_response_without_expected_data():
    """If no data is expected, a plain success or an empty body is None, and an HTML page is an error."""
    assert read(type(None), Response(200, {}, b'{"status":"success"}')) is None
    assert read(type(None), Response(200, {}, b"null")) is None
    with pytest.raises(errors.DecodeError, match="it starts with b'<html>"):
        read(type(None), Response(200, {}, b"<html>login</html>"))


@pytest.mark.parametrize(
    "more",
    [
        {"pagination": {"nextCursor": "x", "hasMore": True}},
        {"pagination": {"nextCursor": None, "hasMore": False}},
        {"pagination": {}},
        {"pagination": []},
        {"pagination": "page 1 of 9"},
        {"pagination": {"total": 250, "take": 50, "skip": 0}},
        {"pagination": {"totalItems": "250", "hasNextPage": "true"}},
        {"pagination": {"totalItems": None, "hasMore": True}},
        {"meta": {"hasMore": True, "nextCursor": "x"}},
        {"meta": {"next_cursor": "x"}},
        {"meta": {"pagination": {"nextCursor": "x"}}},
        {"meta": {"pagination": {"hasNextPage": True}}},
        {"nextCursor": "x"},
        {"hasMore": True},
    ],
)
def test_unknown_pagination(more):
    """Pagination of an unknown kind is a DecodeError, so that no row is lost silently."""
    body = {"data": [{"id": 1}], **more}
    for kind in (Row, Raw):
        with pytest.raises(errors.DecodeError, match="does not support the pagination"):
            read_page(kind, Response(200, {}, json.dumps(body).encode()), skip=0, take=250)
    with pytest.raises(errors.DecodeError, match="does not support the pagination"):
        plain_page_of(body, skip=0, take=250)


@pytest.mark.parametrize(
    ("more", "has_next"),
    [
        ({}, False),
        ({"pagination": None}, False),
        ({"pagination": {"totalItems": 250}}, True),
        ({"pagination": {"totalItems": 1}}, False),
        ({"pagination": {"totalItems": 250, "hasNextPage": "yes"}}, True),
        ({"pagination": {"hasNextPage": True, "totalItems": 1e300}}, True),
        ({"pagination": {"hasNextPage": False}}, False),
        ({"pagination": {"totalItems": None, "hasNextPage": None}}, False),
        ({"meta": {"hasMore": False}, "nextCursor": None, "hasMore": False}, False),
    ],
)
def test_partial_metadata(more, has_next):
    """Either `hasNextPage` or `totalItems` is enough; a null counts as missing."""
    page = page_of({"id": 1}, **more)
    assert page.has_next is has_next
    assert page.items == [Row(id=1)]


def test_an_unexpected_next_page():
    """A next page in a list that has no pages is a DecodeError."""
    body = b'{"data":[{"id":1}],"pagination":{"hasNextPage":true}}'
    with pytest.raises(errors.DecodeError, match="reports a next page"):
        read_page(Row, Response(200, {}, body), skip=0, take=0)


@pytest.mark.parametrize(
    "body",
    [b"null", b"5", b"[]", b"{}", b'{"status":"success"}', b'{"data":null}', b'{"data":{}}', b'{"data":[5]}',
     b'{"data":[null]}', b'{"data":[{}]}', b'{"data":[{"unheard":1}]}', b'{"data":[{"id":{}}]}'],
)  # fmt: skip
@pytest.mark.parametrize("kind", [Row, Raw])
def test_a_response_that_is_not_a_list(body, kind):
    """A response without the expected rows is a DecodeError, never an empty list, for raw rows too."""

    def read_keys() -> list[object]:
        rows = read_page(kind, Response(200, {}, body), skip=0, take=5).items
        return [raw_field_reader("id")(row) for row in rows]

    with pytest.raises(errors.DecodeError):
        read_keys()


def test_invalid_metadata_does_not_lose_rows():
    """Nulls in the pagination metadata do not affect the rows, raw rows included."""
    body = json.dumps({"data": [{"id": 1, "x": "é"}], "pagination": {"totalItems": None}}).encode()
    assert read_page(Row, Response(200, {}, body), skip=0, take=1).items == [Row(id=1)]
    rows = read_page(Raw, Response(200, {}, body), skip=0, take=1).items
    assert [msgspec.json.decode(row) for row in rows] == [{"id": 1, "x": "é"}]


def test_a_raw_row_is_unchanged():
    """Raw rows are the bytes of the server; their key is read from them."""
    body = b'{"data": [{"id" : 5, "new": 1e3}], "status":"success"}'
    [row] = read_page(Raw, Response(200, {}, body), skip=0, take=1).items
    assert bytes(row) == b'{"id" : 5, "new": 1e3}'
    assert raw_field_reader("id")(row) == 5
    with pytest.raises(errors.DecodeError, match="no usable uid"):
        raw_field_reader("uid")(row)


def test_missing_data():
    """204 or missing data is None where that is allowed, and otherwise a DecodeError."""
    assert read(Row | None, Response(204, {}, b"")) is None
    assert read(type(None), Response(204, {}, b"")) is None
    with pytest.raises(errors.DecodeError):
        read(Row, Response(204, {}, b""))
    assert read(type(None), Response(200, {}, b"")) is None
    assert read(Row | None, Response(200, {}, b'{"status":"success"}')) is None
    assert read(Row | None, Response(200, {}, b'{"data":null}')) is None
    with pytest.raises(errors.DecodeError, match="has no data"):
        read(Row, Response(200, {}, b'{"status":"success"}'))


def test_an_object_or_a_list():
    """If an operation can return an object or a list, both are read."""
    kind = Row | list[Row]
    assert read(kind, ok_response({"id": 1})) == Row(id=1)
    assert read(kind, ok_response([{"id": 1}, {"id": None}])) == [Row(id=1), Row(id=None)]


@pytest.mark.parametrize(
    "body", [b"<html>login</html>", b"", b"\xff", b'{"data":{"id":1}', b'{"data":{"id":null},', b'"text"', b"[]"]
)
def test_an_unreadable_response(body):
    """A body that is not the expected JSON is a DecodeError, never an exception of msgspec."""
    with pytest.raises(errors.DecodeError):
        read(Row, Response(200, {}, body))


def test_which_unreadable_responses_are_quoted():
    """The error quotes the start of an HTML page, but not of broken JSON, which may contain a token."""
    with pytest.raises(errors.DecodeError, match="it starts with b'<html>"):
        decode(Any, b"<html>login")
    with pytest.raises(errors.DecodeError) as caught:
        decode(Any, f'{{"data":{{"accessToken":"{SECRET}"'.encode())
    assert SECRET not in str(caught.value)


def test_a_recorded_page_of_bookings(shared: Path):
    """A recorded page of 250 bookings is read with its rows and its metadata."""
    body = (shared / "reference" / "real" / "bookings_walk" / "skip-0.json").read_bytes()
    page = read_page(Booking, Response(200, {}, body), skip=0, take=250)
    assert (len(page.items), page.total_items, page.has_next) == (250, 1254, True)
    assert {type(booking.uid) for booking in page.items} == {str}


# ---------------------------------------------------------------------------------------------------------------- pages


@pytest.mark.parametrize(
    ("rows", "take", "reported", "has_next"),
    [
        (2, 2, None, True),
        (1, 2, None, False),
        (0, 2, None, False),
        (3, 2, None, True),
        (1, 2, True, True),
        (2, 2, False, False),
        (0, 2, True, False),
        (5, 0, None, False),
    ],
)
def test_has_next(rows, take, reported, has_next):
    """Metadata decides, otherwise a full page; an empty page or a list without pages has no next page."""
    pagination = None if reported is None else pagination_metadata(has_next=reported)
    assert Page(list(range(rows)), 0, take, pagination).has_next is has_next


def test_has_next_without_the_flag():
    """If `hasNextPage` is null, the total decides, and without a total the size of the page."""
    assert Page([1], 0, 2, pagination_metadata(has_next=None, total=3)).has_next is True
    assert Page([1, 2], 4, 2, pagination_metadata(has_next=None, total=6)).has_next is False
    assert Page([1, 2], 0, 2, pagination_metadata(has_next=None, total=None)).has_next is True
    assert Page([1], 0, 2, pagination_metadata(has_next=None, total=None)).has_next is False


def test_the_total_is_the_servers_or_none():
    """Without metadata the total is None."""
    assert Page([1], 0, 1).total_items is None
    assert Page([1], 0, 1, pagination_metadata(has_next=False, total=9)).total_items == 9


@pytest.mark.parametrize("take", [0, -1, 251, True, "5", 2.0])
def test_an_invalid_page_size(take):
    """An invalid page size raises before a request is sent."""
    with pytest.raises(errors.InvalidRequestError, match="take must be an integer from 1 to 250"):
        PaginationSpec().page_size(take)


def test_the_default_page_size():
    """The default page size is the largest one of the list."""
    assert PaginationSpec(maximum=100).page_size(None) == 100
    assert PaginationSpec(maximum=100).page_size(1) == 1


def test_an_offset_advances_by_pages():
    """`advance` moves an offset by pages and keeps the page size."""
    assert PageOffset(10, 5).advance(3) == PageOffset(25, 5)
