"""What a response says about limits and waits: header texts in, bounded figures out."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import msgspec
import pytest
from fakes import make_call
from multidict import CIMultiDict

from calcom_async.errors import RateLimitedError, ServerError
from calcom_async.responses import RateLimitReader, Response, check, rate_limits

FAMILY = ("x-ratelimit-limit-default", "x-ratelimit-remaining-default", "x-ratelimit-reset-default")


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        (("120", "119", "60"), (120, 119, 60.0)),
        (("120.0", " 119 ", "59.5"), (120, 119, 59.5)),
        (("1e6", "7", "60"), (1_000_000, 7, 60.0)),
        (("9007199254740991", "9007199254740990", "60"), (1_000_000, 1_000_000, 60.0)),
        (("9" * 400, "119", "60"), (1_000_000, 119, 60.0)),
        (("120", "500", "60"), (120, 120, 60.0)),
        (("120", "-1", "60"), (120, 0, 60.0)),
        (("0", "0", "60"), (1, 0, 60.0)),
        (("120", "119", "90000"), (120, 119, 90_000.0)),
        (("120", "119", "90001"), None),
        (("120", "119", "1800000000"), None),
        (("120", "119", "Fri, 01 Jan 2027 00:00:00 GMT"), None),
        (("120", "119", "-1"), None),
        (("120", "119", "nan"), None),
        (("120", "119", "inf"), None),
        (("120", "119", "9" * 5000), None),
        (("120", "", "60"), None),
        (("nan", "119", "60"), None),
        (("inf", "119", "60"), None),
        (("9" * 5000, "119", "60"), None),
        (("-120", "0", "60"), None),
        (("120", "\udcff", "60"), None),
    ],
)
def test_rate_limits_that_cannot_be_true_are_ignored_and_logged(texts, expected, caplog):
    """Limits have a ceiling; a time that is unreadable or longer than 25 hours is discarded with a short warning."""
    limits = rate_limits(dict(zip(FAMILY, texts, strict=True)))
    assert [msgspec.structs.astuple(limit)[1:] for limit in limits] == ([expected] if expected else [])
    messages = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert len(messages) == (expected is None)
    assert all("ignored the rate limit 'default'" in text and len(text) < 250 for text in messages)


def test_a_limit_without_all_three_headers_is_no_warning(caplog):
    """Limits of gateways, which may lack a header such as Reset, cause no warning."""
    assert rate_limits({"x-ratelimit-limit-minute": "5", "x-ratelimit-remaining-minute": "4"}) == ()
    assert not caplog.records


def test_a_reader_finds_new_limits():
    """A reader searches for the names again if the number of headers changes, or if no known limit is there."""
    reader = RateLimitReader()
    first = dict(zip(FAMILY, ("120", "7", "60"), strict=True))
    second = {name.replace("default", "burst"): text for name, text in first.items()}
    for headers in (first, second, first | second, {"date": "x"}, first):
        assert reader.read(headers) == reader.read(headers) == rate_limits(headers)


def test_the_number_of_limits_is_bounded():
    """Of dozens of limits in one response only the first few are read, and a repeated header counts once."""
    headers = CIMultiDict(
        (f"X-RateLimit-{part}-N{number}", "5") for number in range(40) for part in ("Limit", "Remaining", "Reset")
    )
    headers.extend(headers.copy())
    limits = rate_limits(headers)
    assert len({limit.name for limit in limits}) == len(limits) == 16


NOON = "Tue, 01 Dec 2026 12:00:00 GMT"


@pytest.mark.parametrize(
    ("headers", "seconds", "logged"),
    [
        ({}, 0.0, False),
        ({"retry-after": "30"}, 30.0, False),
        ({"retry-after": "3600"}, 3600.0, False),
        ({"retry-after": "3601"}, 0.0, True),
        ({"retry-after": "1e18"}, 0.0, True),
        ({"retry-after": "9" * 400}, 0.0, True),
        ({"retry-after": "nan"}, 0.0, True),
        ({"retry-after": "-5"}, 0.0, True),
        ({"retry-after": "soon"}, 0.0, True),
        ({"retry-after": ""}, 0.0, True),
        ({"retry-after": "Tue, 01 Dec 2026 12:00:30 GMT", "date": NOON}, 30.0, False),
        ({"retry-after": "Tue, 01 Dec 2026 12:00:30 -0000", "date": NOON}, 30.0, False),
        ({"retry-after": "Tue, 01 Dec 2026 11:00:00 GMT", "date": NOON}, 0.0, False),
        ({"retry-after": "Tue, 01 Dec 2099 12:00:00 GMT", "date": NOON}, 0.0, True),
        ({"retry-after": "Tue, 01 Dec 99999999999 12:00:00 GMT", "date": NOON}, 0.0, True),
        ({"retry-after": "Tue, 01 Dec 2026 12:00:00 +99999999999999999999", "date": NOON}, 0.0, True),
        ({"retry-after": "Tue, 01 Dec 2099 12:00:00 GMT"}, 0.0, True),
        ({"retry-after": "Tue, 01 Dec 1999 12:00:00 GMT", "date": "today"}, 0.0, False),
        ({"retry-after": ",", "date": NOON}, 0.0, True),
        ({"retry-after": ":::", "date": NOON}, 0.0, True),
    ],
)
def test_a_retry_after_within_an_hour_counts_and_others_are_logged(headers, seconds, logged, caplog):
    """Seconds or a date, by the server's clock where it is sent; what is longer or unreadable is discarded."""
    for status, expected in ((429, RateLimitedError), (503, ServerError)):
        caplog.clear()
        with pytest.raises(expected) as caught:
            check(make_call()[0], Response(status, headers, b"{}"))
        assert caught.value.retry_after == seconds
        assert bool(caplog.records) is logged


def test_a_retry_after_date_without_a_date_counts_from_the_local_clock():
    """A proxy may omit `Date`; the time that it asks for is kept all the same."""
    ahead = format_datetime(datetime.now(UTC) + timedelta(seconds=100), usegmt=True)
    with pytest.raises(RateLimitedError) as caught:
        check(make_call()[0], Response(429, {"retry-after": ahead}, b"{}"))
    assert 90 < caught.value.retry_after <= 100
