"""Every odd argument is sent, or rejected with one of our errors before a request is sent."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo
from typing import Any

import pytest

from calcom_async import Calcom, CalcomError, Config, ConfigError, InvalidRequestError
from calcom_async.operations import python_calls
from calcom_async.pages import Pages
from calcom_async.resources._base import Resource


class Failing(tzinfo):
    """A time zone whose methods fail."""

    def utcoffset(self, dt: datetime | None) -> timedelta:
        raise ZeroDivisionError


LOOP: list[Any] = []
LOOP.append(LOOP)
SURROGATE = "\ud800"
ODD = [
    None,
    True,
    -1,
    10**5000,
    float("nan"),
    "",
    SURROGATE,
    "a\r\nb: c",
    b"x",
    object(),
    [None, object()],
    [SURROGATE],
    LOOP,
    {1: 2, SURROGATE: object()},
    {("a",): 1},
    {1},
    datetime(2026, 1, 1),  # noqa: DTZ001 - what is refused
    datetime.max.replace(tzinfo=timezone(timedelta(hours=-5))),
    datetime(2026, 1, 1, tzinfo=Failing()),
    date.min,
    time(9),
    timedelta(1),
    len,
    ValueError("x"),
]


@pytest.mark.slow
def test_odd_arguments_of_every_method():
    """Any argument replaced by an odd value raises no other exception and no long message."""
    wrong: list[str] = []
    count = 0

    def call_method(name: str, argument: str, call: Any) -> None:
        nonlocal count
        count += 1
        try:
            result = call()
            if not isinstance(result, Resource):
                python_calls.call_of(result.first_page() if isinstance(result, Pages) else result)
        except CalcomError as error:
            if len(str(error)) > 1_500:
                wrong.append(f"{name}({argument}): long message")
        except (StopIteration, AssertionError):
            pass  # it returned without a request
        except Exception as error:  # noqa: BLE001 - what is looked for
            wrong.append(f"{name}({argument}): {type(error).__name__}: {error!s:.80}")

    def odd_calls(name: str, method: Any, function: Any) -> Iterator[python_calls.PythonCall]:
        known_as = f"{type(method.__self__).__name__}.{function.__name__}"
        arguments, keywords = next(python_calls.sample_arguments(function, known_as))
        for index in range(len(arguments)):
            for odd in ODD:
                changed = [*arguments[:index], odd, *arguments[index + 1 :]]
                call_method(name, str(index), lambda changed=changed: method(*changed, **keywords))
        result = method(*arguments, **keywords)
        if isinstance(result, Resource):
            yield from python_calls.calls_of_resource(f"{name}(...)", result)
            return
        if inspect.iscoroutine(result):
            result.close()
        for keyword in keywords:
            for odd in ODD:
                call_method(
                    name, keyword, lambda odd=odd, keyword=keyword: method(*arguments, **keywords | {keyword: odd})
                )

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(python_calls, "_calls_of_method", odd_calls)
        assert list(python_calls.python_calls()) == []
    assert not wrong, "\n".join(wrong[:300])
    assert count > 10_000


@pytest.mark.parametrize("odd", ODD, ids=lambda value: type(value).__name__)
async def test_odd_arguments_of_request(odd):
    """`Calcom.request` rejects each argument that it cannot send."""
    cal = Calcom("cal_x", base_url="http://localhost")
    valid: dict[str, Any] = {"method": "POST", "path": "/v2/me"}
    for changed in (
        {"method": odd},
        {"path": odd},
        {"query": odd},
        {"query": {"a": odd}},
        {"body": odd},
        {"body": {"a": [odd]}},
        {"version": odd},
    ):
        with pytest.raises(CalcomError):
            await cal.request(**valid | changed)


@pytest.mark.parametrize("odd", ODD, ids=lambda value: type(value).__name__)
def test_odd_settings(odd):
    """Settings, credentials and parts of the client are accepted or rejected when the client is created."""
    for field in Config.__struct_fields__:
        try:
            Config(**{field: odd})
        except ConfigError as error:
            assert field in str(error) or (field == "base_url" and "base URL" in str(error))  # noqa: PT017 - some are taken
    for name in ("credentials", "config", "session", "limiter", "on_event", "trace_configs"):
        try:
            Calcom(**{"credentials": "cal_x"} | {name: odd})
        except ConfigError:
            continue


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ({"a": SURROGATE}, "body.a has a character"),
        ({"a": [b"x"]}, r"body.a\[0\] cannot be sent as JSON: it is of type bytes"),
        ({"a": float("inf")}, "body.a cannot be sent as JSON: it is inf"),
        ({"a": object()}, "body.a cannot be sent as JSON: it is of type object"),
        ({"a": datetime(2026, 1, 1)}, "body.a must have a time zone"),  # noqa: DTZ001 - what is refused
        ({"a": datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=1)))}, "body.a is out of range"),
        (LOOP, "nested too deeply"),
        ({"a": datetime(2026, 1, 1, tzinfo=Failing())}, "body.a has a tzinfo that raises"),
    ],
)
async def test_the_position_in_a_body_is_named(body, named):
    """The error names the position in the body, but not the value, which may be a secret."""
    with pytest.raises(InvalidRequestError, match=f"{named}"):
        await Calcom("cal_x", base_url="http://localhost").request("POST", "/v2/me", body=body)


async def test_keywords_are_named_in_python():
    """Errors name the keyword of the method, not the field of the API."""
    cal = Calcom("cal_x", base_url="http://localhost")
    naive = datetime(2026, 1, 1)  # noqa: DTZ001 - what is refused
    with pytest.raises(InvalidRequestError, match=r"^after_updated_at must have a time zone"):
        cal.bookings.list(after_updated_at=naive)
    with pytest.raises(InvalidRequestError, match=r"^start must have a time zone"):
        await cal.bookings.reschedule("uid", start=naive)
    with pytest.raises(InvalidRequestError, match=r"^start must have a time zone"):
        await cal.book(start="2026-01-01T09:00", attendee=None, event_type_id=1)
    with pytest.raises(InvalidRequestError, match=r"^rescheduled_by has a character"):
        await cal.bookings.reschedule("uid", start=naive.replace(tzinfo=UTC), rescheduled_by=SURROGATE)
    with pytest.raises(InvalidRequestError, match=r"^booking_uid_to_reschedule has a character"):
        await cal.slots.search(
            start=naive.date(), end=naive.date(), event_type_id=1, booking_uid_to_reschedule=SURROGATE
        )


@pytest.mark.parametrize("text", ["2026-11-04T09:00:00Z", "2026-11-04T10:00:00+01:00", "20261104T090000Z"])
async def test_a_time_may_be_iso_text(text):
    """Every time argument accepts ISO 8601 text with an offset."""

    def request(coroutine: Any) -> Any:
        return python_calls.call_of(coroutine)[0]

    client = python_calls.SimpleNamespace(
        _context=python_calls.ResourceContext(python_calls.record_request, python_calls.Observer(None))
    )
    bookings, slots = Calcom.bookings.__get__(client, Calcom), Calcom.slots.__get__(client, Calcom)
    assert b'"start":"2026-11-04T09:00:00Z"' in request(bookings.reschedule("uid", start=text)).body
    assert b'"slotStart":"2026-11-04T09:00:00Z"' in request(slots.reservations.create(event_type_id=1, start=text)).body
    query = request(slots.search(start=text, end=text, event_type_id=1)).query
    assert query.count("2026-11-04T09%3A00%3A00Z") == 2
    assert "afterStart=2026-11-04T09" in request(bookings.list(after_start=text).first_page()).query


def test_a_date_in_a_filter_is_a_day_of_utc():
    """A bare date starts a range at the beginning of the day, and ends it at the end of the day."""
    client = python_calls.SimpleNamespace(
        _context=python_calls.ResourceContext(python_calls.record_request, python_calls.Observer(None))
    )
    day = date(2026, 11, 4)
    request, _ = python_calls.call_of(
        Calcom.bookings.__get__(client, Calcom).list(after_start=day, before_end=day).first_page()
    )
    query = request.query
    assert "afterStart=2026-11-04T00%3A00%3A00Z" in query
    assert "beforeEnd=2026-11-04T23%3A59%3A59.999Z" in query
