"""Handlers of credits. The sandbox charges nothing: the balance never changes."""

from __future__ import annotations

from calcom_async.sandbox.http.call import Call
from calcom_async.sandbox.http.constraints import minimum, number, one_of, string
from calcom_async.sandbox.http.forms import Field, Form
from calcom_async.sandbox.http.routing import Routes

ROUTES = Routes()


_BALANCE = {"monthlyRemaining": 750, "additional": 0}
_CHARGE = Form(
    Field("credits", minimum(1), number),
    Field("creditFor", one_of(("SMS", "CAL_AI_PHONE_CALL", "AI_AGENT"))),
    Field("externalRef", string, optional=True),
)


@ROUTES.add("GET", "/v2/credits/available", stateful=False)
def get_available_credits(call: Call) -> object:  # noqa: ARG001
    """Return the balance."""
    return {"hasCredits": True, "balance": _BALANCE}


@ROUTES.add("POST", "/v2/credits/charge", stateful=False)
def charge_credits(call: Call) -> object:
    """Check the body and return the balance as it was."""
    # The balance is not kept, so a test sees the same one each time.
    _CHARGE.read(call.body)
    return {"charged": True, "remainingBalance": _BALANCE}
