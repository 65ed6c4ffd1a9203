"""Times of requests, and time zones by IANA name, also on machines without a time zone database."""

from __future__ import annotations

import struct
from datetime import datetime
from io import BytesIO
from zoneinfo import ZoneInfo

from calcom_async.sandbox.http.errors import bad_request

MISSING = "The sandbox runs on a machine without a time zone database. Install it: pip install tzdata"

# A TZif file (RFC 8536) with one local time type and no transitions.
_UTC_FILE = b"TZif" + bytes(16) + struct.pack(">6L", 0, 0, 0, 0, 1, 4) + struct.pack(">lBB", 0, 0, 0) + b"UTC\0"


def zone_named(name: str) -> ZoneInfo:
    """Return a time zone. UTC needs no database; without one, all others raise an error."""
    try:
        return ZoneInfo(name)
    except LookupError:
        require_database(name)
        if name != "UTC":
            raise
        return ZoneInfo.from_file(BytesIO(_UTC_FILE), key="UTC")


def parse_iso_time(text: str) -> datetime:
    """Parse an ISO 8601 time that a form accepted, naive or aware. Raises a 400 for a day that does not exist."""
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        raise bad_request("Invalid Date.") from None


def require_database(name: str) -> None:
    """Raise an error if a time zone is unknown because there is no database."""
    try:
        ZoneInfo("UTC")
    except LookupError:
        if name != "UTC":
            raise bad_request(MISSING) from None
