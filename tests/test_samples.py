"""Each method reads a sample of its response, so that this is tested without the recorded responses.

`samples.json` has a response for each operation and each of the shapes that the server gives it, with invented values.
"""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

import pytest
from test_models import losses
from test_recorded import REDIRECTS, Exchange, call_method, check_success, strict  # noqa: F401 - the last one is a fixture

from calcom_async.responses import Response

SAMPLES: list[dict[str, Any]] = json.loads(Path(__file__).with_name("samples.json").read_text("utf-8"))
# What a method returns in another form: days are dates, and a booking may be one of a series.
CONVERTED = {
    "GET /slots",
    "POST /routing-forms/{}/calculate-slots",
    "POST /organizations/{}/teams/{}/routing-forms/{}/responses",
    "GET /bookings/{}",
    "POST /bookings",
}


def as_exchange(sample: dict[str, Any]) -> Exchange:
    """Return the sample as a recorded exchange."""
    ids = itertools.count(7)
    method, path = sample["operation"].split()
    while "{}" in path:
        path = path.replace("{}", str(next(ids)), 1)
    headers = {"location": sample["location"]} if "location" in sample else {}
    raw = b"" if sample["body"] is None else json.dumps(sample["body"]).encode()
    return Exchange(sample["operation"], method, path, Response(sample["status"], headers, raw), sample["body"])


@pytest.mark.parametrize("operation", sorted({sample["operation"] for sample in SAMPLES}))
@pytest.mark.usefixtures("strict")
async def test_each_sample_is_read_by_its_method(operation: str) -> None:
    """A response decodes strictly into the method's return type, without losing a field or value."""
    for sample in SAMPLES:
        if sample["operation"] != operation:
            continue
        exchange = as_exchange(sample)
        assert exchange.operation == operation
        await check_success(exchange)
        if sample["status"] not in REDIRECTS and operation not in CONVERTED:
            result = await call_method(exchange)
            data = dict(sample["body"] or ()).get("data")
            assert losses(data, getattr(result, "items", result)) == [], operation
