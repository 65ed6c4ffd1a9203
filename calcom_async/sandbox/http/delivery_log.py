"""The webhook deliveries that a sandbox has completed."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import msgspec

from calcom_async.sandbox.http.request_log import MIN_RECORDED


@dataclass(frozen=True, slots=True)
class Delivery:
    """A delivery: the request, and the status of the response.

    `status` is None if there was no response; `error` says why, also for addresses that are not loopback.
    `number` counts from 1 in order of completion, and does not start again after a reset.
    """

    webhook_id: str
    url: str
    trigger: str
    headers: dict[str, str]
    body: bytes
    status: int | None
    error: str | None = None
    number: int = 0

    @property
    def json(self) -> Any:
        """The decoded body."""
        return msgspec.json.decode(self.body)


class DeliveryLog(list[Delivery]):
    """The completed deliveries in order of completion, at least the latest 10,000."""

    def __init__(self) -> None:
        super().__init__()
        self._recorded = 0

    @property
    def first_number(self) -> int:
        """The number of the earliest delivery that is kept, or of the next one if there is none."""
        return self[0].number if self else self._recorded + 1

    def record(self, delivery: Delivery) -> Delivery:
        """Append a delivery, and return it with its number."""
        self._recorded += 1
        numbered = replace(delivery, number=self._recorded)
        self.append(numbered)
        if len(self) > 2 * MIN_RECORDED:
            del self[:-MIN_RECORDED]
        return numbered
