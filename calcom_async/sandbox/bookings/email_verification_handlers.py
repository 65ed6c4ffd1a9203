"""Handlers of the verification of attendees' email addresses.

Source: the specification of September 2026 and requests to the hosted API of the same month. The code
is always the same.
"""

from __future__ import annotations

from typing import Any

from calcom_async.sandbox.bookings.request import EMAIL_CODE
from calcom_async.sandbox.http import errors
from calcom_async.sandbox.http.call import Call
from calcom_async.sandbox.http.constraints import boolean, email, string
from calcom_async.sandbox.http.forms import Field, Form
from calcom_async.sandbox.http.routing import Routes

ROUTES = Routes()

_PATH = "/v2/bookings/verification/email"
_CHECK = Form(Field("email", email), Field("userSessionEmail", string, optional=True))
_SEND = Form(
    Field("email", email),
    Field("username", string, optional=True),
    Field("language", string, optional=True),
    Field("isVerifyingEmail", boolean, optional=True),
)
_VERIFY = Form(Field("email", email), Field("code", string))


def _key(body: dict[str, Any]) -> tuple[str, str]:
    """Return the key of the code that was issued for the address of an attendee."""
    return "attendee", body["email"].lower()


@ROUTES.add("GET", _PATH + "/check", auth="optional")
def check_email(call: Call) -> object:
    """Return whether an address must be verified: only the address of another user must, which protects that user."""
    query = _CHECK.read(call.fields)
    is_user = any(user["email"].lower() == query["email"].lower() for user in call.store.users.values())
    return is_user and query.get("userSessionEmail") != query["email"]


@ROUTES.add("POST", _PATH + "/send-code", auth="optional")
def send_code(call: Call) -> object:
    """Issue the code for an address, and say that it was sent. No email is sent."""
    call.store.verification_codes[_key(_SEND.read(call.body))] = EMAIL_CODE
    return {"sent": True}


@ROUTES.add("POST", _PATH + "/verify-code", auth="optional")
def verify_code(call: Call) -> object:
    """Accept the code that was issued for the address. It stays valid for the booking."""
    body = _VERIFY.read(call.body)
    if call.store.verification_codes.get(_key(body)) != body["code"]:
        raise errors.bad_request("invalid_verification_code")
    return {"verified": True}
