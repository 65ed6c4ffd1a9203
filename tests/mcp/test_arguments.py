"""Arguments of tools: times, event types, cursors, and the messages of invalid ones."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import pytest

from calcom_async import Calcom
from calcom_async.errors import InvalidRequestError
from calcom_async.mcp.cursors import open_cursor, seal_cursor
from calcom_async.mcp.event_types import event_type_keywords
from calcom_async.mcp.times import parse_day, parse_day_or_time, parse_range, parse_time
from calcom_async.mcp.tools import TOOLS

LISBON = ZoneInfo("Europe/Lisbon")
TOOL = {tool.name: tool for tool in TOOLS}
SEARCH = {"event_type": 1, "start": "2026-12-01", "end": "2026-12-02", "time_zone": "Asia/Kolkata"}


def test_a_time_without_an_offset_is_read_in_the_time_zone_of_the_call():
    """A naive time next to a time zone is unambiguous; a time with an offset keeps it."""
    assert parse_time("2026-12-01T09:00", ZoneInfo("Asia/Kolkata"), "start").isoformat() == "2026-12-01T09:00:00+05:30"
    assert parse_time("2026-12-01T09:00Z", LISBON, "start").isoformat() == "2026-12-01T09:00:00+00:00"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-03-29T01:30", "does not exist.*Choose 2026-03-29T00:30\\+00:00 or 2026-03-29T02:30\\+01:00"),
        ("2026-10-25T01:30", "happens twice.*Choose 2026-10-25T01:30:00\\+01:00 or 2026-10-25T01:30:00\\+00:00"),
        ("tomorrow", "start must be a time such as"),
        ("2026-12-01", "start must be a time such as"),
        ("0001-01-01T00:00", "years 2000 to 2199"),
    ],
)
def test_a_time_that_is_ambiguous_or_no_time_is_rejected_with_what_to_pass(text, expected):
    """Clock changes, words, days and absurd years are errors that say what to pass."""
    with pytest.raises(InvalidRequestError, match=expected):
        parse_time(text, LISBON, "start")


def test_a_range_ends_after_it_starts():
    """Days count whole, in the time zone of the call; a range without a moment in it is an error."""
    first, last = parse_range("2026-12-01", "2026-12-01", ZoneInfo("Asia/Kolkata"))
    assert (str(first), str(last)) == ("2026-11-30 18:30:00+00:00", "2026-12-01 18:29:59+00:00")
    assert parse_range(None, None, LISBON) == (None, None)
    with pytest.raises(InvalidRequestError, match="end must be after start"):
        parse_range("2026-12-02", "2026-12-01T09:00", LISBON)


def test_days_stay_days():
    """Where a day is allowed, it is passed on as a day, which the library reads in the time zone."""
    assert parse_day_or_time("2026-12-01", LISBON, "start") == parse_day("2026-12-01", "start")
    with pytest.raises(InvalidRequestError, match="must be a day such as"):
        parse_day("2026-12-01T09:00", "date")


def test_event_types_have_four_spellings():
    """An id, a user's or a team's slug, and a booking link select an event type."""
    cal = Calcom("cal_key")
    assert event_type_keywords(cal, "7") == event_type_keywords(cal, 7) == {"event_type_id": 7}
    ana = {"username": "ana", "event_type_slug": "thirty"}
    assert event_type_keywords(cal, "ana/thirty") == event_type_keywords(cal, "https://cal.com/ana/thirty") == ana
    assert event_type_keywords(cal, "team/sales/demo") == {"team_slug": "sales", "event_type_slug": "demo"}
    for wrong in ("thirty", "https://evil.test/ana/thirty", "d/x/thirty"):
        with pytest.raises(InvalidRequestError):
            event_type_keywords(cal, wrong)


@pytest.mark.parametrize("number", [0, -1, 10**20, "0", "9" * 5_000], ids=str)
def test_a_number_that_is_no_id_is_rejected(number):
    """An absurd number is an error that says what an event type is."""
    with pytest.raises(InvalidRequestError, match="event_type must be an id such as 1"):
        event_type_keywords(Calcom("cal_key"), number)


def test_fractions_of_a_second_do_not_count():
    """A time with a fraction of a second is the time at which Cal.com books it."""
    assert parse_time("2026-12-01T09:00:00.123Z", LISBON, "start") == parse_time("2026-12-01T09:00Z", LISBON, "start")


def test_a_cursor_continues_only_the_call_that_returned_it():
    """A cursor of other arguments, a forged one and an absurd one are rejected."""
    assert open_cursor(seal_cursor(50, "find_times", 1), "find_times", 1) == 50
    for cursor in (seal_cursor(50, "find_times", 2), seal_cursor(10**9, "find_times", 1), "x", "e30", "💥"):
        with pytest.raises(InvalidRequestError, match="cursor does not belong"):
            open_cursor(cursor, "find_times", 1)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"time_zone": None}, "time_zone: expected text, got null"),
        ({"duration": "long"}, "duration: expected integer, got text"),
        ({"duration": 0}, "duration: expected integer >= 1"),
        ({"until": "2026"}, "unknown parameter until"),
        ({"until": None}, "unknown parameter until"),
        ({"event_type": 1.5}, "event_type: expected integer or text, got number"),
    ],
)
def test_invalid_arguments_are_named_in_the_words_of_the_tool(change, expected):
    """The message names the parameter and lists those there are, without a name of Python."""
    with pytest.raises(InvalidRequestError, match="parameters are event_type, start") as raised:
        TOOL["find_times"].parse(SEARCH | change)
    assert expected in raised.value.message


def test_the_accepted_values_are_named():
    """The error of a value that is not accepted lists those that are."""
    with pytest.raises(InvalidRequestError, match="status: invalid enum value 'new', expected cancelled or past or"):
        TOOL["list_bookings"].parse({"time_zone": "UTC", "status": "new"})
    off = {"first_day": "2026-12-24", "last_day": "2026-12-24", "reason": "tired"}
    with pytest.raises(InvalidRequestError, match=r"add_days_off.reason: .* expected public_holiday or sick or"):
        TOOL["set_availability"].parse({"time_zone": "UTC", "add_days_off": off})


def test_null_stands_for_an_optional_parameter_that_is_left_out():
    """Some clients send every parameter, with null for those without a value."""
    parsed = TOOL["cancel_booking"].parse({"uid": "bk_1", "time_zone": "UTC", "later_too": None, "confirm": None})
    assert (parsed["later_too"], parsed["confirm"]) == (False, False)


def test_an_empty_seat_is_not_the_whole_booking():
    """An empty uid of a seat is an error, so that it never stands for all seats."""
    with pytest.raises(InvalidRequestError, match="seat_uid: expected text of length >= 1"):
        TOOL["cancel_booking"].parse({"uid": "bk_1", "time_zone": "UTC", "seat_uid": ""})


def test_numbers_and_lists_may_be_sent_as_text():
    """Some clients send every argument as text."""
    assert TOOL["find_times"].parse(SEARCH | {"duration": "30"})["duration"] == 30
