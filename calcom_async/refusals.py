"""What a refusal says: code, message and rejected fields, out of the five shapes that Cal.com answers with. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec


def evidence(status: int, body: bytes) -> dict[str, Any]:
    """`message`, `code`, `details` and `fields` for an `ApiError`, whichever shape (or a proxy's page) came."""
    code, message, details = _parts(status, body)
    return {
        "message": message,
        "code": code,
        "details": _without_echo(details),
        "fields": _fields(code, message, details),
    }


def _parts(status: int, body: bytes) -> tuple[str | None, str, Any]:
    try:
        told: Any = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        told = None
    if not isinstance(told, dict):
        return None, _page_summary(status, body), None
    match told.get("error"):
        case dict() as error:
            return error.get("code"), _text(error.get("message")) or _page_summary(status, body), error.get("details")
        case str() as code:
            return code, _text(told.get("error_description") or told.get("message")) or code, None
    return None, _text(told.get("message")) or _page_summary(status, body), None


def _text(message: Any) -> str:
    return ", ".join(map(str, message)) if isinstance(message, list) else str(message or "")


def _page_summary(status: int, body: bytes) -> str:
    if 300 <= status < 400:
        return "redirect, which is not followed with credentials; is the base URL right?"
    title = re.search(rb"<title>\s*(.{1,100}?)\s*</title>", body, re.IGNORECASE | re.DOTALL)
    text = title[1] if title else body[:100]
    words = " ".join(text.decode("utf-8", "replace").split())
    return f"no answer of Cal.com but: {words or 'an empty body'}"


def _without_echo(details: Any) -> Any:
    """Validation details repeat what was sent (`target`, `value`), secrets included: keep all but that."""
    match details:
        case dict():
            return {name: _without_echo(item) for name, item in details.items() if name not in {"target", "value"}}
        case list():
            return [_without_echo(item) for item in details]
    return details


def _fields(code: str | None, message: str, details: Any) -> dict[str, list[str]]:
    """Path and reasons of each rejected field, from whichever of the validation styles came."""
    match details:
        case {"errors": [*errors]}:
            return dict(_constraints(errors, ""))
    if " property is wrong," in message:
        return _sentences(message)
    if code == "BAD_REQUEST" and message.endswith(", "):
        return _schema_issues(message)
    return {}


def _constraints(errors: Sequence[Any], prefix: str) -> Iterator[tuple[str, list[str]]]:
    for error in errors:
        path = f"{prefix}{error.get('property')}"
        if constraints := error.get("constraints"):
            yield path, list(constraints.values())
        yield from _constraints(error.get("children") or (), path + ".")


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


def _schema_issues(message: str) -> dict[str, list[str]]:
    """Path, dash, text: `responses - {email}email_error, metadata.k - Expected string, received number, `."""
    issues: dict[str, list[str]] = {}
    for path, field, text in re.findall(r"(\S+) - (?:\{(\w+)\})?(.*?), (?=\S+ - |$)", message):
        issues.setdefault(f"{path}.{field}" if field else path, []).append(text)
    return issues
