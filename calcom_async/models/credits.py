"""Credits, which pay for text messages, AI phone calls and AI agents."""

from typing import Literal

from calcom_async.models._base import IntOrFloat, Model

CreditUse = Literal["SMS", "CAL_AI_PHONE_CALL", "AI_AGENT"] | str


class CreditBalance(Model, frozen=True, kw_only=True, gc=False):
    """Credits that are left: those of this month, and additional ones."""

    monthly_remaining: IntOrFloat
    additional: IntOrFloat


class AvailableCredits(Model, frozen=True, kw_only=True):
    """The credits of a user, or of their team or organization."""

    has_credits: bool
    balance: CreditBalance


# Only an example in the guides: a charge costs real money and was never tried.
class ChargedCredits(Model, frozen=True, kw_only=True):
    """The result of a charge, and the balance after it."""

    charged: bool
    remaining_balance: CreditBalance | None = None
