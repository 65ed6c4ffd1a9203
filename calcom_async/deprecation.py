"""Read the headers by which a server announces the end of an operation. No I/O.

They are those of https://www.rfc-editor.org/rfc/rfc9745 and https://www.rfc-editor.org/rfc/rfc8594.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from calcom_async.errors import printable


class DeprecatedOperationWarning(UserWarning):
    """The server has announced that an operation, in the version sent, will end; once per operation and client."""


def deprecation_notice(headers: Mapping[str, str]) -> str | None:
    """Return what `Deprecation` (RFC 9745) and `Sunset` (RFC 8594) say, or None if the response has neither.

    `Deprecation` is `@` and seconds since 1970, or in older drafts `true` or an HTTP date. `Sunset` is an HTTP date.
    """
    deprecated, sunset = headers.get("deprecation"), headers.get("sunset")
    if sunset is None and (deprecated is None or deprecated.strip().lower() == "false"):
        return None
    since = f" since {_day(deprecated)}" if deprecated and _day(deprecated) else ""
    end = "" if sunset is None else f" and ends on {_day(sunset) or printable(sunset, 60)}"
    return f"is deprecated{since}{end}"


def _day(text: str) -> str | None:
    """Return the date of a header as YYYY-MM-DD, or None if it has none that can be read."""
    try:
        # Only the beginning is read: the header is as long as the server likes.
        moment = datetime.fromtimestamp(int(text[1:21]), UTC) if text[:1] == "@" else parsedate_to_datetime(text[:60])
    except (ValueError, TypeError, IndexError, OverflowError, OSError):
        return None
    return moment.date().isoformat()
