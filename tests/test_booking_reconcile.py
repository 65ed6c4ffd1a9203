"""run_safely: when an operation is attempted again, looked up, or given up."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from virtual_time import run

from calcom_async import CalcomError, ConnectionFailedError, InvalidRequestError, SlotTakenError
from calcom_async.booking.reconcile import LOOKUP_DELAYS, MAX_LOST_RESPONSES, MAX_REJECTIONS, Retries, run_safely

LOST = ConnectionFailedError("cut", sent=True)
TAKEN = SlotTakenError("taken")


class Operation:
    """An operation whose attempts raise `errors` one after the other, then succeed; `existing` is what exists."""

    def __init__(self, *errors: CalcomError, existing: str | None = None, may_retry: bool = True) -> None:
        self.errors = [*errors]
        self.existing = existing
        self.retry = may_retry
        self.attempts = self.look_ups = 0

    async def attempt(self) -> str:
        self.attempts += 1
        if self.errors:
            raise self.errors.pop(0)
        return "created"

    async def find_existing(self, error: CalcomError) -> str | None:
        self.look_ups += 1
        return self.existing

    async def may_retry(self, error: CalcomError) -> bool:
        return self.retry


def outcome(operation: Operation, total_timeout: float = 60.0) -> Any:
    """Run the operation; return its result or its error."""

    async def main() -> str:
        retries = Retries.start(total_timeout, 1.0)
        return await run_safely(operation.attempt, operation.find_existing, operation.may_retry, retries)

    try:
        return run(main())
    except CalcomError as error:
        return error


def test_a_success_needs_no_look_up():
    """An attempt that succeeds is the outcome."""
    operation = Operation()
    assert (outcome(operation), operation.look_ups) == ("created", 0)


def test_what_exists_is_the_outcome():
    """What a look-up finds after a failure is returned without another attempt."""
    operation = Operation(LOST, existing="found")
    assert (outcome(operation), operation.attempts) == ("found", 1)


def test_every_failure_is_looked_up_before_the_next_attempt():
    """If nothing exists and a retry is allowed, the operation is attempted again."""
    operation = Operation(LOST, TAKEN)
    assert (outcome(operation), operation.attempts, operation.look_ups) == ("created", 3, 2)


def test_a_retry_that_is_not_allowed():
    """Without permission to retry the error itself is raised."""
    operation = Operation(TAKEN, may_retry=False)
    assert (outcome(operation), operation.attempts) == (TAKEN, 1)


@pytest.mark.parametrize(("error", "attempts"), [(LOST, MAX_LOST_RESPONSES), (TAKEN, MAX_REJECTIONS)])
def test_the_number_of_attempts_is_limited(error, attempts):
    """Lost responses and rejections each have a maximum, after which the last error is raised."""
    operation = Operation(*[error] * 99)
    assert (outcome(operation), operation.attempts) == (error, attempts)


def test_nothing_is_attempted_after_the_timeout():
    """After the total timeout a failure is looked up once more and then raised."""
    operation = Operation(LOST)
    assert (outcome(operation, 0), operation.attempts, operation.look_ups) == (LOST, 1, 1)


@pytest.mark.parametrize(("lost", "delays"), [(0, LOOKUP_DELAYS[:1]), (1, LOOKUP_DELAYS)])
def test_look_ups_are_repeated_after_a_lost_response(lost, delays):
    """After a lost response the look-up is repeated with growing delays, otherwise it is made once."""
    times = []

    async def find() -> None:
        times.append(asyncio.get_running_loop().time())

    async def main() -> None:
        retries = Retries.start(60.0, 1.0)
        retries.lost = lost
        assert await retries.look_up(find) is None

    run(main(), start=0.0)
    assert times == [sum(delays[: number + 1]) for number in range(len(delays))]


@pytest.mark.parametrize("timeout", [-1, float("nan"), 1e10, "5"])
def test_an_invalid_timeout(timeout):
    """A total timeout must be a number of seconds from 0 to 1e9."""

    async def main() -> None:
        with pytest.raises(InvalidRequestError, match="total_timeout must be from 0"):
            Retries.start(timeout, 1.0)

    run(main())
