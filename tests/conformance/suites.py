"""The suites by name."""

from __future__ import annotations

from conformance import user_differences, user_steps
from conformance.organizations import differences, steps
from conformance.plan import Suite

SUITES = {
    "user": Suite(user_steps.STEPS, user_differences.DIFFERENCES, user_differences.NOT_REPEATED),
    "organization": Suite(steps.STEPS, differences.DIFFERENCES, differences.NOT_REPEATED),
}
