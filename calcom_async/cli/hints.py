"""What a user of the command line can do about an error. The hints of the errors themselves are for Python programs."""

from __future__ import annotations

from calcom_async.errors import (
    ApiError,
    CalcomError,
    ForbiddenError,
    SignatureError,
    UnauthorizedError,
    UnknownOutcomeError,
)
from calcom_async.export import ModifiedFileWarning
from calcom_async.requests import timestamp

NEW_KEY = (
    "You can create an API key in Cal.com under Settings > Developer > API keys: "
    "https://app.cal.com/settings/developer/api-keys"
)


def hint_for(error: CalcomError) -> str:
    """Return a hint in terms of the command line; empty if the message says all there is to do."""
    # Cal.com also answers 401 when a limit of an event type is reached, and to valid keys without permission.
    if isinstance(error, UnauthorizedError) and error.reason in {None, "invalid_api_key", "expired_api_key"}:
        return f"Check the API key. {NEW_KEY}"
    if isinstance(error, ForbiddenError):
        return "The API key has no permission for this. Use the API key of an owner or admin."
    if isinstance(error, SignatureError):
        return "Check the secret, and that FILE has exactly the bytes that were received."
    if isinstance(error, ApiError) and error.reason == "reason_required":
        return "Give the reason with --reason."
    if isinstance(error, UnknownOutcomeError) and "after_start" in error.lookup:
        return _find_booking(error)
    if isinstance(error, UnknownOutcomeError) and "uid" in error.lookup:
        return f"Before you retry, check the booking: calcom-async bookings get {error.lookup['uid']}"
    return ""


def warning_lines(warning: Warning | str) -> list[str]:
    """Return the text of a warning, in terms of the command line."""
    if isinstance(warning, ModifiedFileWarning):
        return [warning.message, "If it was not only copied, discard the rows with --restart."]
    return [str(warning)]


def _find_booking(error: UnknownOutcomeError) -> str:
    """Return the command that lists the bookings among which the one in question would be."""
    event_type_id = error.lookup.get("event_type_id")
    query = f"-q afterStart={timestamp(error.lookup['after_start'], 'start')} -q sortStart=asc"
    query += f" -q eventTypeId={event_type_id}" if event_type_id else ""
    [(name, key)] = error.lookup["metadata"].items()
    return (
        f"Before you retry, look for a booking with {name} {key} in its metadata: "
        f"calcom-async api GET /v2/bookings {query}"
    )
