"""Retired names stay retired: the project uses the standard term for each thing."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PATHS = ("calcom_async", "tests", "benchmarks", ".ci", "README.md", "CHANGELOG.md", "pyproject.toml")
SUFFIXES = {".py", ".md", ".toml", ".lua", ".json", ""}

# Identifiers that are not English words: they must not occur at all.
IDENTIFIERS = """
    free_request may_repeat look_for refresh_soon on_renewed A_MOMENT UNTOLD backoff_cap acting_as _twin _stack
    _calls_a_second _naming _ask _below raw_key _stamped _alternative _resembles ANSWER_ITSELF _Who _Memory _Kept
    goes_on of_user AllWebhooks PlainTeamEventTypes AnyTeam EventPerson AwayEntry FormPayload
    _turn _turning _verdict _conclude _fruitless _horizon
    RedisLimiter without_redis opens_in SharedDesk _review _send_away _too_late paced_at turn_at on_the_way lose_all
    _hear_nothing _learn _Call upto
    calcom_async_request answer_is_lost says_taken _Mover _SeatMover _sitter _without_twins _take_back _whole _part
    _is_gone _look _find _looks_for _offer _persistently _rest _give_up free_in _told _unread _miss _promised
    RecentDeliveries run_in since_last check_follows _Group _pass_over in_order _Ahead is_plain _take_up _objection
    _cut _disk _Run
    _to_its_end _gaps _misfit run_on _filled _InTurn version_of _Loop
    left_behind listen_near listen_far SECONDS_TO_CONNECT
    seed_dialect read_wish cast_for _spoil _meanwhile way_out way_back keep_tokens booking_wish booking_access
    booking_decide booking_find oauth_detours seed_bookings catalog_names catalog_spec
    booking_desk booking_world command_at_hand command_line stand_ins raw_http recorded_calls
"""
OPTIONS = "--once --every --since-last --parallel"

# Common words: retired as the name of a class anywhere, and in the package as the name of a function or a constant.
CLASSES = """
    Refusal Listing Cursor Channel Throttle Event Repeated Setting Number Ticket Desk Line Ledger Gauge Link Reply
    Pursuit Rounds Turn Router Job Horizons Plan Stretch Place Step Key Tally Ask Walk Windows Mark Lines
    Packing Unpacker Run State Board Where Ear Finding Stopwatch Seen Verdict Incoming Answer Bare Wish Cast Reach Held
    Use Api Asked Script Diary Peer Heard
"""
FUNCTIONS = """
    given evidence found settle admit withdraw room aware mine asked resolved
    owner harmless foreign staying lasting where knock needed say tell look one told taking opened leads
    strike
"""

CONSTANTS = """
    WHOLE MOST GRACE PATIENCE PROBE SOON MARK LOOKS THINGS TICK AHEAD FILLED LOADED APART WORDS TELLING FAILURES
"""


@cache
def texts() -> dict[str, str]:
    """Return the text of every file of the project except this one."""
    files = [file for path in PATHS for file in [ROOT / path, *(ROOT / path).rglob("*")] if file.is_file()]
    return {
        str(file.relative_to(ROOT)): file.read_text()
        for file in files
        if file.suffix in SUFFIXES and "__pycache__" not in file.parts and file != Path(__file__).resolve()
    }


def any_of(words: str) -> str:
    """Return a pattern that matches any of the words."""
    return "|".join(words.split())


def occurrences(pattern: str, only: str = "") -> list[str]:
    """Return the lines in which the pattern occurs."""
    return [
        f"{name}:{number}: {line.strip()}"
        for name, text in texts().items()
        if name.startswith(only) and re.search(pattern, text, re.MULTILINE)
        for number, line in enumerate(text.splitlines(), 1)
        if re.search(pattern, line)
    ]


def retired_identifiers() -> list[str]:
    """Return the files that contain a retired identifier, with the identifier."""
    # Sets of words, because a pattern of hundreds of alternatives would be searched at every position.
    retired = frozenset(IDENTIFIERS.split())
    return [
        f"{name}: {word}"
        for name, text in texts().items()
        for word in sorted(retired.intersection(re.findall(r"\w+", text)))
    ]


@pytest.mark.parametrize("kind", ["identifiers", "options", "classes", "functions", "constants"])
def test_retired_names_are_gone(kind: str) -> None:
    """No file uses a retired identifier or option, and no retired word names a class, a function or a constant."""
    matches = {
        "identifiers": retired_identifiers,
        "options": lambda: occurrences(rf"(?<![\w-])({any_of(OPTIONS)})(?![\w-])"),
        "classes": lambda: occurrences(rf"^\s*class ({any_of(CLASSES)})\b"),
        "functions": lambda: occurrences(rf"^\s*(async )?def ({any_of(FUNCTIONS)})\b", only="calcom_async"),
        "constants": lambda: occurrences(rf"^({any_of(CONSTANTS)})\b(:.*)? = ", only="calcom_async"),
    }[kind]()
    assert not matches, "\n".join(matches)
