"""Scripted faults: add, list and remove them."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from calcom_async.sandbox.control.operations import ControlError, Operations
from calcom_async.sandbox.control.target import Body, Target, View, any_json
from calcom_async.sandbox.http.faults import Cut, Fault

OPERATIONS = Operations()
_HOUR = 3600.0


class NewFault(Body):
    """A fault, and the requests that it is for; `*` and `{placeholders}` in method and path match anything.

    - `status`, `html` (the error page of a proxy), `body`: respond without acting.
    - `cut`: drop the connection, "before" or "after" acting.
    - `slow`: wait this many seconds first.
    - `invalidBody`, `truncated`: act, and send a body that is not JSON, or half of it.
    - `headers`: add these headers to the response.
    - `times`, `after`, `probability`: the fault occurs once after the first `after` matches, `times` times, or with
      this probability at each match.
    """

    method: Annotated[str, Meta(max_length=20)] = "*"
    path: Annotated[str, Meta(max_length=500)] = "*"
    times: Annotated[int, Meta(ge=1, le=1_000_000)] | None = None
    after: Annotated[int, Meta(ge=0, le=1_000_000)] = 0
    probability: Annotated[float, Meta(ge=0, le=1)] | None = None
    status: Annotated[int, Meta(ge=200, le=599)] | None = None
    headers: dict[str, str] = msgspec.field(default_factory=dict)
    body: Any = None
    cut: Cut | None = None
    slow: Annotated[float, Meta(ge=0, le=_HOUR)] = 0
    invalid_body: bool = False
    truncated: bool = False
    html: bool = False


class FaultView(View):
    """A fault. `left` is how often it can still occur (null: any number of times), `struck` how often it has occurred.

    `after` counts down with each request that matches.
    """

    number: int
    method: str
    path: str
    left: int | None
    struck: int
    after: int
    probability: float | None
    status: int | None
    headers: dict[str, str]
    body: msgspec.Raw
    cut: Cut | None
    slow: float
    invalid_body: bool
    truncated: bool
    html: bool


class FaultsView(View):
    """The faults in the order in which they were added."""

    faults: list[FaultView]


@OPERATIONS.add("GET", "/faults")
def list_faults(sandbox: Target) -> FaultsView:
    """List the faults, also those that will not occur again."""
    return FaultsView(faults=[_view(fault) for fault in sandbox.faults.all()])


@OPERATIONS.add("POST", "/faults", status=201, example={"method": "POST", "path": "/v2/bookings", "status": 503})
def add_fault(sandbox: Target, body: NewFault) -> FaultView:
    """Add a fault. If several are due for a request, the one that was added first occurs."""
    options = {name: getattr(body, name) for name in body.__struct_fields__}
    try:
        sandbox.faults.add(**options)
    except ValueError as error:
        raise ControlError(HTTPStatus.BAD_REQUEST, f"body: {error}") from None
    return _view(sandbox.faults.all()[-1])


@OPERATIONS.add("DELETE", "/faults", status=204)
def clear_faults(sandbox: Target) -> None:
    """Remove all faults."""
    sandbox.faults.clear()


@OPERATIONS.add("DELETE", "/faults/{number}", status=204)
def remove_fault(sandbox: Target, number: int) -> None:
    """Remove one fault."""
    if not sandbox.faults.remove(number):
        raise ControlError(HTTPStatus.NOT_FOUND, f"there is no fault {number}")


def _view(fault: Fault) -> FaultView:
    """Return a fault as JSON."""
    return FaultView(
        number=fault.number,
        method=fault.method,
        path=fault.path,
        left=fault.times,
        struck=fault.struck,
        after=fault.after,
        probability=fault.probability,
        status=fault.status,
        headers=dict(fault.headers),
        body=any_json(fault.body),
        cut=fault.cut,
        slow=fault.slow,
        invalid_body=fault.invalid_body,
        truncated=fault.truncated,
        html=fault.html,
    )
