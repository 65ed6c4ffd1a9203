"""Rules for fields, with the names and messages of class-validator and the checks of validator.js.

A rule is data: its constraint name, its text (`$property` stands for the field) and a test on the value.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import date
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, available_timezones

from calcom_async.sandbox.http.time_zones import require_database


@dataclass(frozen=True, slots=True)
class Rule:
    """A constraint on a value. Missing values are tested as None."""

    name: str
    text: str
    test: Callable[[Any], bool]

    def with_text(self, text: str) -> Rule:
        """Return the rule with another message."""
        return replace(self, text=text)

    def named(self, name: str) -> Rule:
        """Return the rule with another constraint name."""
        return replace(self, name=name)


def each(rule: Rule) -> Rule:
    """Return the rule for every item of a list; other values are tested themselves, as in class-validator."""

    def test(value: Any) -> bool:
        """Apply the rule to every item, or to the value itself."""
        return all(map(rule.test, value)) if isinstance(value, list) else rule.test(value)

    return Rule(rule.name, f"each value in {rule.text}", test)


def check(name: str, text: str, test: Callable[[Any], bool]) -> Rule:
    """Return a custom rule."""
    return Rule(name, text, test)


def _is_number(value: Any) -> bool:
    """Return whether a value is a number; booleans and NaN are none."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and value == value  # noqa: PLR0124 - NaN


def _is_int(value: Any) -> bool:
    """Return whether a value is a whole number; 1.0 is one, as in JavaScript."""
    return _is_number(value) and float(value).is_integer()


def fits_column(value: float) -> bool:
    """Return whether a number fits the columns of the database for whole numbers, which have 32 bits."""
    return -(2**31) <= value < 2**31


# --- kinds of values

string: Rule = Rule("isString", "$property must be a string", lambda v: isinstance(v, str))
boolean: Rule = Rule("isBoolean", "$property must be a boolean value", lambda v: isinstance(v, bool))
integer: Rule = Rule("isInt", "$property must be an integer number", _is_int)
number: Rule = Rule("isNumber", "$property must be a number conforming to the specified constraints", _is_number)
positive: Rule = Rule("isPositive", "$property must be a positive number", lambda v: _is_number(v) and v > 0)
array: Rule = Rule("isArray", "$property must be an array", lambda v: isinstance(v, list))
object_: Rule = Rule("isObject", "$property must be an object", lambda v: isinstance(v, dict))
defined: Rule = Rule("isDefined", "$property should not be null or undefined", lambda v: v is not None)
not_empty: Rule = Rule("isNotEmpty", "$property should not be empty", lambda v: v is not None and v != "")


def minimum(least: float) -> Rule:
    """Return the rule for numbers from `least`."""
    return Rule("min", f"$property must not be less than {least}", lambda v: _is_number(v) and v >= least)


def maximum(most: float) -> Rule:
    """Return the rule for numbers up to `most`."""
    return Rule("max", f"$property must not be greater than {most}", lambda v: _is_number(v) and v <= most)


def min_length(least: int) -> Rule:
    """Return the rule for texts of at least `least` characters."""
    text = f"$property must be longer than or equal to {least} characters"
    return Rule("minLength", text, lambda v: isinstance(v, str) and len(v) >= least)


def max_length(most: int) -> Rule:
    """Return the rule for texts of at most `most` characters."""
    text = f"$property must be shorter than or equal to {most} characters"
    return Rule("maxLength", text, lambda v: isinstance(v, str) and len(v) <= most)


def min_size(least: int) -> Rule:
    """Return the rule for lists of at least `least` items."""
    text = f"$property must contain at least {least} elements"
    return Rule("arrayMinSize", text, lambda v: isinstance(v, list) and len(v) >= least)


def max_size(most: int) -> Rule:
    """Return the rule for lists of at most `most` items."""
    text = f"$property must contain no more than {most} elements"
    return Rule("arrayMaxSize", text, lambda v: isinstance(v, list) and len(v) <= most)


array_not_empty: Rule = Rule(
    "arrayNotEmpty", "$property should not be empty", lambda v: isinstance(v, list) and bool(v)
)


def one_of(values: Iterable[Any], *, name: str = "isEnum") -> Rule:
    """Return the rule that a value is one of these; `name="isIn"` for the decorator with the same message."""
    allowed = list(values)
    text = f"$property must be one of the following values: {', '.join(map(str, allowed))}"
    return Rule(name, text, lambda v: any(v == item and type(v) is type(item) for item in allowed))


def equals(expected: Any) -> Rule:
    """Return the rule that a value equals `expected`."""
    return Rule("equals", f"$property must be equal to {expected}", lambda v: bool(v == expected))


def matches(pattern: str, text: str | None = None) -> Rule:
    """Return the rule that a text contains a match of `pattern`."""
    known = re.compile(pattern)
    text = text or f"$property must match /{pattern}/ regular expression"
    return Rule("matches", text, lambda v: isinstance(v, str) and known.search(v) is not None)


# --- dates and zones

_ISO = re.compile(
    r"[+-]?\d{4}(-(0[1-9]|1[0-2])(-(0[1-9]|[12]\d|3[01]))?)?"
    r"([T ]([01]\d|2[0-4])(:?[0-5]\d(:?([0-5]\d|60)([.,]\d+)?)?)?(Z|[+-][01]\d(:?[0-5]\d)?)?)?"
)


def is_iso_date(value: Any, *, strict: bool = False) -> bool:
    """Return whether validator.js accepts the value as ISO 8601; only `strict` rejects February 30."""
    if not isinstance(value, str) or _ISO.fullmatch(value) is None:
        return False
    return not strict or _exists(value)


def _exists(value: str) -> bool:
    """Return whether the date in an ISO text exists."""
    if re.match(r"\d{4}-\d\d-\d\d", value) is None:
        return True
    try:
        date.fromisoformat(value[:10])
    except ValueError:
        return False
    return True


date_string: Rule = Rule("isDateString", "$property must be a valid ISO 8601 date string", is_iso_date)
iso8601: Rule = Rule("isISO8601", "$property must be a valid ISO 8601 date string", is_iso_date)
strict_iso8601: Rule = Rule("isISO8601", iso8601.text, lambda v: is_iso_date(v, strict=True))


#: Entries of time zone databases that are not IANA zones; `Intl.DateTimeFormat` does not accept them.
_NO_ZONE = re.compile(r"(posix|right)/|(posixrules|localtime|factory)$", re.IGNORECASE)


@lru_cache(maxsize=1)
def _zones() -> dict[str, str]:
    """Return the proper spelling of all time zones by name in lower case."""
    return {name.lower(): name for name in available_timezones()}


@lru_cache(maxsize=1024)
def canonical_zone(name: str) -> str | None:
    """Return the proper spelling (`europe/rome` is `Europe/Rome`), or None for unknown time zones."""
    if _NO_ZONE.match(name):
        return None
    try:
        # The name may come from a stranger, and `ZoneInfo` reads files.
        known = ZoneInfo(name).key if re.fullmatch(r"[\w+\-/]+", name) else ""
    except (ValueError, OSError, LookupError):
        known = ""
    if known:
        return known
    require_database(name.upper())
    return "UTC" if name.upper() == "UTC" else _zones().get(name.lower())


time_zone: Rule = Rule(
    "isTimeZone",
    "$property must be a valid IANA time-zone",
    lambda v: isinstance(v, str) and canonical_zone(v) is not None,
)

#: Languages of users and of attendees.
LOCALES = (
    "ar", "ca", "de", "es", "eu", "he", "id", "ja", "lv", "pl", "ro", "sr", "th", "vi", "az", "cs", "el", "es-419",
    "fi", "hr", "it", "km", "nl", "pt", "ru", "sv", "tr", "zh-CN", "bg", "da", "en", "et", "fr", "hu", "iw", "ko",
    "no", "pt-BR", "sk", "ta", "uk", "zh-TW", "bn",
)  # fmt: skip
locale: Rule = one_of(LOCALES)

# --- metadata


def fits_metadata_limits(value: Any) -> bool:
    """Return whether a value is an object of at most 50 keys of 40 characters, and texts of 500 characters."""
    if not isinstance(value, dict) or len(value) > 50 or any(len(key) > 40 for key in value):
        return False
    return all(not isinstance(item, str) or len(item) <= 500 for item in value.values())


# --- addresses

_EMAIL = re.compile(r"[^@\s<>()\[\],;:\\\"]+@(?:[\w-]+\.)+[A-Za-z]{2,}")
_HOST = re.compile(r"(?:[\w-]+\.)+[A-Za-z]{2,}|\d{1,3}(?:\.\d{1,3}){3}|\[[0-9a-fA-F:]+\]")


def is_email(value: Any) -> bool:
    """Return whether a value is an email address; nearly the rule of validator.js."""
    return isinstance(value, str) and _EMAIL.fullmatch(value) is not None


def is_url(value: Any, *, any_host: bool = False) -> bool:
    """Return whether validator.js accepts the value as a URL; `any_host` allows `localhost` (`require_tld: false`)."""
    if not isinstance(value, str) or re.search(r"\s", value):
        return False
    try:
        parts = urlsplit(value if "://" in value else f"http://{value}")
        host = parts.netloc.rpartition("@")[2].removesuffix(f":{parts.port}")
    except ValueError:
        return False
    return parts.scheme in {"http", "https", "ftp"} and bool(host and (any_host or _HOST.fullmatch(host)))


email: Rule = Rule("isEmail", "$property must be an email", is_email)
url: Rule = Rule("isUrl", "$property must be a URL address", is_url)
local_url: Rule = Rule("isUrl", url.text, lambda v: is_url(v, any_host=True))
