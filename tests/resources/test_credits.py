"""Credits: the balance, and charges."""

from __future__ import annotations

import pytest
from sent_requests import SentRequest, last_request

from calcom_async import BadRequestError, TransportError
from calcom_async.models import AvailableCredits, ChargedCredits, CreditBalance


async def test_the_balance_is_typed(cal, calcom_sandbox):
    """The balance has the credits of this month and the additional ones; no API version is sent."""
    balance = CreditBalance(monthly_remaining=750, additional=0)
    assert await cal.credits.available() == AvailableCredits(has_credits=True, balance=balance)
    assert last_request(calcom_sandbox) == SentRequest("GET", "/credits/available", {}, None, None)


async def test_a_charge_sends_its_fields(cal, calcom_sandbox):
    """A charge sends what is given, under the names of the API."""
    charged = await cal.credits.charge(credits=2, credit_for="AI_AGENT", external_ref="order-7")
    assert isinstance(charged, ChargedCredits)
    assert charged.charged
    body = {"credits": 2, "creditFor": "AI_AGENT", "externalRef": "order-7"}
    assert last_request(calcom_sandbox) == SentRequest("POST", "/credits/charge", {}, body, None)
    await cal.credits.charge(credits=1, credit_for="SMS")
    assert last_request(calcom_sandbox).body == {"credits": 1, "creditFor": "SMS"}


async def test_a_charge_without_a_reference_is_sent_once(cal, calcom_sandbox):
    """After a lost response a charge is retried only if it has an `external_ref`: otherwise it could cost twice."""
    calcom_sandbox.faults.add("POST", "/v2/credits/charge", cut="after", times=1)
    await cal.credits.charge(credits=1, credit_for="SMS", external_ref="order-7")
    assert len(calcom_sandbox.requests) == 2
    calcom_sandbox.faults.add("POST", "/v2/credits/charge", cut="after", times=1)
    with pytest.raises(TransportError):
        await cal.credits.charge(credits=1, credit_for="SMS")
    assert len(calcom_sandbox.requests) == 3


@pytest.mark.parametrize("charge", [{"credits": 0, "credit_for": "SMS"}, {"credits": 1, "credit_for": "TEA"}])
async def test_invalid_charges_are_rejected(cal, charge):
    """Less than one credit and an unknown use raise `BadRequestError`."""
    with pytest.raises(BadRequestError):
        await cal.credits.charge(**charge)
