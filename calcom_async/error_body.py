"""Parse error bodies: code, message and rejected fields, from the five shapes that Cal.com returns. No I/O."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from calcom_async.error_reasons import reason_of
from calcom_async.lenient_json import NotJsonError, parse

MOST_TEXT = 10_000
"""Longest part of an error body that is searched, in bytes or characters."""
MOST_DEPTH = 50
"""Depth of `details` that is kept, since an error must be printable and picklable."""


def parse_error_body(status: int, body: bytes) -> dict[str, Any]:
    """Return `message`, `code`, `reason`, `details` and `fields` of an `ApiError`, also for a proxy's HTML page."""
    code, message, details = _parts(status, body)
    details = _without_echo(details, MOST_DEPTH)
    return {
        "message": message,
        "code": code,
        "reason": reason_of(status, message),
        "details": details,
        "fields": _fields(code, message, details),
    }


def _parts(status: int, body: bytes) -> tuple[str | None, str, Any]:
    try:
        parsed: Any = parse(body)
    except NotJsonError:
        parsed = None
    if not isinstance(parsed, dict):
        return None, _page_summary(status, body), None
    match parsed.get("error"):
        # The usual envelope: {"status": "error", "error": {"code", "message", "details"}}.
        case dict() as error:
            code = error.get("code")
            message = _text(error.get("message")) or _page_summary(status, body)
            return (None if code is None else _text(code)), message, error.get("details")
        # The token endpoint of OAuth2 (RFC 6749), or a route of the framework: {"statusCode", "message", "error"}.
        case str() as code:
            return code, _text(parsed.get("error_description") or parsed.get("message")) or code, None
    # Errors of the booking core, such as {"statusCode": 409, "message": "booking_conflict_error"}. Recorded from
    # self-hosted servers of 2025-12 and 2026-07.
    return None, _text(parsed.get("message")) or _page_summary(status, body), None


def _text(message: Any) -> str:
    """Return the message of a server as one string, cut off if it is nested."""
    match message:
        case None | False:
            return ""
        case str():
            return message
        case [*lines] if all(isinstance(line, str) for line in lines):
            return ", ".join(lines)
    return str(_without_echo(message, MOST_DEPTH))[:MOST_TEXT]


def _page_summary(status: int, body: bytes) -> str:
    if 300 <= status < 400:
        return "redirect, which is not followed with credentials; is the base URL right?"
    words = " ".join(_title(body[:MOST_TEXT]).decode("utf-8", "replace").split())
    return f"not a response of Cal.com: {words[:100] or 'an empty body'}"


def _title(page: bytes) -> bytes:
    """Return the title of an HTML page, or else its beginning."""
    # No regular expression: on a hostile page its time could grow with the square of the length.
    start = page.lower().find(b"<title")
    end = page.find(b"</", start)
    _, opened, title = page[start:end].partition(b">")
    return title if start >= 0 and end >= 0 and opened and title.strip() else page[:100]


def _without_echo(details: Any, depth: int) -> Any:
    """Drop `target` and `value` from validation details: they repeat what was sent, secrets included."""
    match details:
        case dict() | list() if not depth:
            return None
        case dict():
            kept = {name: item for name, item in details.items() if name not in {"target", "value"}}
            return {name: _without_echo(item, depth - 1) for name, item in kept.items()}
        case list():
            return [_without_echo(item, depth - 1) for item in details]
    return details


def _fields(code: str | None, message: str, details: Any) -> dict[str, list[str]]:
    """Return the path and the reasons of each rejected field, from any of the three validation styles."""
    match details:
        case {"errors": [*errors]}:  # most operations
            return dict(_constraints(errors, ""))
    if " property is wrong," in message:  # searches of slots; creating, moving and cancelling bookings
        return _sentences(message)
    # What passes those checks is checked once more, against a schema whose issues all end in a comma and a blank.
    if code == "BAD_REQUEST" and message.endswith(", "):
        return _schema_issues(message[:MOST_TEXT])
    return {}


def _constraints(errors: Any, prefix: str) -> Iterator[tuple[str, list[str]]]:
    for error in errors if isinstance(errors, list) else ():
        if not isinstance(error, dict):
            continue
        path = f"{prefix}{_text(error.get('property'))}"
        match error.get("constraints"):
            case {**constraints} if constraints:
                yield path, [_text(reason) for reason in constraints.values()]
        yield from _constraints(error.get("children"), path + ".")


def _sentences(message: str) -> dict[str, list[str]]:
    """`start property is wrong,text , attendee property is wrong, name property is wrong,text `; parents have none."""
    first, *parts, last = message.split(" property is wrong,")
    cut = [_next_property(part) for part in parts]
    names, texts = [first, *(name for name, _ in cut)], [*(text for _, text in cut), last]
    fields: dict[str, list[str]] = {}
    for name, text in zip(names, texts, strict=True):
        if text.strip():
            fields.setdefault(name, []).append(text.strip())
    return fields


def _next_property(part: str) -> tuple[str, str]:
    """The name at the end of what stands between two faults, and the text before it; a name may have blanks."""
    if part.startswith(" "):
        return part.strip(), ""
    text, _, name = part.rpartition(" , " if " , " in part else " ")
    return name, text


ISSUE = re.compile(r"(\S+) - (?:\{(\w+)\})?")
"""How an issue begins; matched where a part begins, never searched for."""


def _schema_issues(message: str) -> dict[str, list[str]]:
    """Path, dash, text: `responses - {email}email_error, metadata.k - Expected string, received number, `."""
    issues: dict[str, list[str]] = {}
    reasons: list[str] = []
    for part in message.removesuffix(", ").split(", "):
        # A reason may contain a comma and a blank. A part that does not begin like an issue continues the last one.
        if begins := ISSUE.match(part):
            path, field = begins.groups()
            reasons = issues.setdefault(f"{path}.{field}" if field else path, [])
            reasons.append(part[begins.end() :])
        elif reasons:
            reasons[-1] += ", " + part
    return issues
