"""Events: counted, logged, handed on; and never in the way of the call."""

from __future__ import annotations

import logging

import msgspec
import pytest

from calcom_async.events import ClientEvent, Observer


def event(kind="request", **fields):
    return ClientEvent(kind=kind, method="GET", path="/bookings/{}", **fields)


def test_an_event_is_frozen():
    """Whoever gets an event cannot change it for the next one."""
    with pytest.raises(AttributeError):
        event().status = 1


def test_an_event_has_no_room_for_bodies_or_headers():
    """What an event can tell is this and nothing else."""
    names = {"kind", "method", "path", "seconds", "status", "attempt", "remaining", "rows"}
    assert {field.name for field in msgspec.structs.fields(ClientEvent)} == names


def test_everything_is_counted_by_kind():
    """Requests, retries, waits, pages and refusals are counted apart; waits add up their seconds."""
    observer = Observer()
    kinds = [event(status=429), event(status=200), event("retry"), event("wait", seconds=2.0), event("wait", seconds=1)]
    for one in [*kinds, event("page", rows=3), event("retry", status=429)]:
        observer.emit(one)
    assert observer.counts == {"request": 2, "retry": 2, "wait": 2, "page": 1, "rate_limited": 1}
    assert observer.seconds_waited == 3.0


def test_the_callback_gets_each_event():
    """`on_event` gets every event, in order."""
    told = []
    observer = Observer(told.append)
    observer.emit(event())
    observer.emit(event("wait"))
    assert [one.kind for one in told] == ["request", "wait"]


def test_a_failing_callback_is_logged_and_not_felt(caplog):
    """A callback that raises loses its own news only; the error is in the log."""
    observer = Observer(lambda event: 1 / 0)
    observer.emit(event())
    assert observer.counts["request"] == 1
    assert "on_event callback failed" in caplog.text
    assert "ZeroDivisionError" in caplog.text


def test_events_are_logged_for_who_wants_to_read_them(caplog):
    """At level DEBUG each event is one line on the logger `calcom_async`."""
    with caplog.at_level(logging.DEBUG, "calcom_async"):
        Observer().emit(event(status=200, seconds=0.25, remaining=7))
    assert caplog.messages == ["request GET /bookings/{}: 200, 0.250 s, attempt 1, 7 left"]
