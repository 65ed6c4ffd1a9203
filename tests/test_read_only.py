"""`Config.read_only`: requests that may change data are not sent."""

from __future__ import annotations

import pickle
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from sent_requests import ADA, MONDAY, THIRTY, at

from calcom_async import Calcom, ConfigError, ReadOnlyError
from calcom_async.read_only import without_secrets
from calcom_async.sandbox import Sandbox

SECRET = "do-not-show"


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(now=MONDAY, bookings=5) as sandbox:
        yield sandbox


@pytest.fixture
async def cal(sandbox: Sandbox) -> AsyncIterator[Calcom]:
    async with Calcom(sandbox.api_key, base_url=sandbox.url, read_only=True) as cal:
        yield cal
    assert {request.method for request in sandbox.requests} <= {"GET"}


async def test_reads_are_sent(cal: Calcom) -> None:
    """Lists and other reads work as always, also in views of the client."""
    assert len(await cal.bookings.list().collect()) == 5
    assert (await cal.with_priority(1).me.get()).username == "ana"


async def test_a_write_raises_and_is_not_sent(cal: Calcom) -> None:
    """The error has the method, path and body, and it can be pickled."""
    with pytest.raises(ReadOnlyError, match="cancel was not sent: the client is read-only") as raised:
        await cal.with_priority(1).bookings.cancel("abc", reason="Ill")
    error = pickle.loads(pickle.dumps(raised.value))
    assert (error.method, error.path, error.body) == ("POST", "/bookings/abc/cancel", {"cancellationReason": "Ill"})


async def test_a_safe_booking_reads_and_does_not_retry(cal: Calcom, sandbox: Sandbox) -> None:
    """`cal.book` checks that the time is free, and raises when it would send the booking."""
    with pytest.raises(ReadOnlyError) as raised:
        await cal.book(start=at(9), event_type_id=THIRTY, attendee=ADA)
    assert raised.value.body["attendee"]["name"] == "Ada"
    assert sandbox.requests[-1].path == "/v2/slots"


async def test_secrets_are_masked(cal: Calcom) -> None:
    """Secrets in the body and in the query are `***` in the error."""
    with pytest.raises(ReadOnlyError) as raised:
        await cal.request("DELETE", "/v2/anything", query={"token": SECRET, "id": 7}, body={"secret": SECRET, "a": 1})
    assert (raised.value.path, raised.value.body) == ("/anything?token=%2A%2A%2A&id=7", {"secret": "***", "a": 1})
    assert SECRET not in repr(vars(raised.value))


@pytest.mark.parametrize(
    ("value", "masked"),
    [
        ({"clientSecret": "x", "all": [{"privateKey": 1}]}, {"clientSecret": "***", "all": [{"privateKey": "***"}]}),
        ({"password": None, "accessToken": "x"}, {"password": None, "accessToken": "***"}),
        ({"calcom_async_idempotency_key": "order-7"}, {"calcom_async_idempotency_key": "order-7"}),
        ([1, "secret"], [1, "secret"]),
    ],
    ids=str,
)
def test_fields_that_hold_secrets(value: Any, masked: Any) -> None:
    """Fields are masked by their names, at any depth; null and other fields are kept."""
    assert without_secrets(value) == masked


def test_read_only_is_a_switch() -> None:
    """Anything but a boolean is rejected."""
    with pytest.raises(ConfigError, match=r"Config.read_only must be True or False"):
        Calcom("key", read_only="no")
