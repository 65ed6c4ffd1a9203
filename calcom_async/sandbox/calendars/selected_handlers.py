"""Handlers of the calendars that are checked for conflicts, and of the one that bookings are written to."""

from __future__ import annotations

from typing import Any

from calcom_async.sandbox.calendars.accounts import Account, account_of, destination
from calcom_async.sandbox.http import errors
from calcom_async.sandbox.http.call import Call
from calcom_async.sandbox.http.constraints import integer, one_of, string
from calcom_async.sandbox.http.forms import Field, Form, to_int
from calcom_async.sandbox.http.results import Status
from calcom_async.sandbox.http.routing import Routes
from calcom_async.sandbox.state.clock import iso

ROUTES = Routes()


WRITABLE = ("apple_calendar", "google_calendar", "office365_calendar")

_SELECT = Form(
    Field("integration", string),
    Field("externalId", string),
    Field("credentialId", integer),
    Field("delegationCredentialId", string, optional=True),
)


def _credential_id(value: Any) -> Any:
    """Convert an id. The server passes any text to the database, which fails on text without digits (measured)."""
    number = to_int(value)
    if number != number:  # noqa: PLR0124 - NaN
        raise errors.database(500)
    return number


# The parameters of this DELETE are in its query, so the id arrives as text.
_DESELECT = Form(
    Field("integration", string),
    Field("externalId", string),
    Field("credentialId", integer, convert=_credential_id),
    Field("delegationCredentialId", string, optional=True),
)
_DESTINATION = Form(
    Field("integration", one_of(WRITABLE), string),
    Field("externalId", string),
    Field("delegationCredentialId", string, optional=True),
)


@ROUTES.add("POST", "/v2/selected-calendars", status=201)
def select_calendar(call: Call) -> object:
    """Select a calendar; if it is already selected, the response has no data."""
    given = _SELECT.read(call.body)
    calendar = _calendar(_account(call, given), given)
    if calendar["isSelected"]:
        return Status()
    calendar["isSelected"] = True
    return _view(call, given, given["credentialId"])


@ROUTES.add("DELETE", "/v2/selected-calendars")
def deselect_calendar(call: Call) -> object:
    """Deselect a calendar. Raises a 404 if it was not selected."""
    given = _DESELECT.read(call.fields)
    calendar = _calendar(_account(call, given), given)
    if not calendar["isSelected"]:
        raise errors.not_found("No SelectedCalendar found.")
    calendar["isSelected"] = False
    return _view(call, given, given["credentialId"])


@ROUTES.add("PUT", "/v2/destination-calendars")
def set_destination(call: Call) -> object:
    """Set the calendar that bookings are written to; read-only ones count as unknown."""
    given, user_id, now = _DESTINATION.read(call.body), call.user["id"], iso(call.clock.now())
    for account in call.store.calendars.get(user_id, []):
        for calendar in account["calendars"]:
            # Feeds are read-only, so they can be selected but not written to.
            if _is(calendar, given) and not calendar["readOnly"]:
                chosen = destination(call.store, user_id, now)
                chosen.update({name: calendar[name] for name in ("integration", "externalId", "credentialId")})
                chosen["updatedAt"] = now
                return _view(call, given, account["credentialId"])
    raise errors.not_found(f"Could not find calendar {given['externalId']}")


def _account(call: Call, given: dict[str, Any]) -> Account:
    """Return the caller's account with the credential id of the request."""
    account = account_of(call.store, call.user["id"], given["credentialId"])
    if account is None:
        raise errors.not_found("Calendar credentials not found")
    return account


def _calendar(account: Account, given: dict[str, Any]) -> dict[str, Any]:
    """Return the calendar of the account that the request names."""
    for calendar in account["calendars"]:
        if _is(calendar, given):
            selected: dict[str, Any] = calendar
            return selected
    raise errors.not_found("No SelectedCalendar found.")


def _is(calendar: dict[str, Any], given: dict[str, Any]) -> bool:
    """Return whether the request names this calendar."""
    return bool(calendar["integration"] == given["integration"] and calendar["externalId"] == given["externalId"])


def _view(call: Call, given: dict[str, Any], credential_id: int) -> dict[str, Any]:
    """Return the calendar of the request as JSON."""
    chosen = {"integration": given["integration"], "externalId": given["externalId"]}
    return {"userId": call.user["id"], **chosen, "credentialId": credential_id}
