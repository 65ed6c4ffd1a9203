"""Events: counted, logged and passed to the callback, without affecting the call."""

from __future__ import annotations

import logging

import msgspec
import pytest

from calcom_async.events import ClientEvent, Observer


def make_event(kind="request", **fields):
    """Return an event."""
    return ClientEvent(kind=kind, method="GET", path="/bookings/{}", **fields)


def test_an_event_is_frozen():
    """A callback cannot change an event for the next one."""
    with pytest.raises(AttributeError):
        make_event().status = 1


def test_the_fields_of_an_event():
    """An event has these fields, and none for bodies or headers."""
    names = {"kind", "call_id", "method", "path", "seconds", "status", "error", "attempt", "remaining", "rows"}
    assert {field.name for field in msgspec.structs.fields(ClientEvent)} == names


def test_events_are_counted():
    """Requests, retries, waits, pages and 429s are counted separately; waits add up their seconds."""
    observer = Observer()
    events = [
        make_event(status=429),
        make_event(status=200),
        make_event("retry"),
        make_event("wait", seconds=2.0),
        make_event("wait", seconds=1),
    ]
    for event in [*events, make_event("page", rows=3), make_event("retry", status=429)]:
        observer.emit(event)
    assert observer.counts == {"request": 2, "retry": 2, "wait": 2, "page": 1, "rate_limited": 1}
    assert observer.seconds_waited == 3.0


def test_the_callback_gets_each_event():
    """`on_event` receives every event, in order."""
    events = []
    observer = Observer(events.append)
    observer.emit(make_event())
    observer.emit(make_event("wait"))
    assert [event.kind for event in events] == ["request", "wait"]


def test_a_failing_callback(caplog):
    """An error of the callback is logged and not raised."""
    observer = Observer(lambda event: 1 / 0)
    observer.emit(make_event())
    assert observer.counts["request"] == 1
    assert "on_event callback failed" in caplog.text
    assert "ZeroDivisionError" in caplog.text


def test_events_are_logged(caplog):
    """At level DEBUG each event is one line of the logger `calcom_async`."""
    with caplog.at_level(logging.DEBUG, "calcom_async"):
        Observer().emit(make_event(status=200, seconds=0.25, remaining=7, call_id=3))
    assert caplog.messages == ["request GET /bookings/{}: 200, 0.250 s, attempt 1, 7 left, call 3"]
