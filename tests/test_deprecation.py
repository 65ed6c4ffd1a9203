"""Deprecated operations: reading the headers, and reporting each operation once."""

from __future__ import annotations

import warnings

import pytest
from fakes import FakeServer, http_response

from calcom_async import Calcom, DeprecatedOperationWarning
from calcom_async.deprecation import deprecation_notice

ME = b'{"status":"success","data":{"id":1,"email":"a@b.test","username":"a","timeZone":"UTC","weekStart":"Monday"}}'


@pytest.mark.parametrize(
    ("headers", "notice"),
    [
        ({}, None),
        ({"deprecation": "false"}, None),
        ({"deprecation": "true"}, "is deprecated"),
        ({"deprecation": "@1798761600"}, "is deprecated since 2027-01-01"),
        ({"deprecation": "Fri, 01 Jan 2027 00:00:00 GMT"}, "is deprecated since 2027-01-01"),
        ({"sunset": "Fri, 01 Jan 2027 00:00:00 GMT"}, "is deprecated and ends on 2027-01-01"),
        (
            {"deprecation": "@1798761600", "sunset": "Thu, 01 Jul 2027 00:00:00 GMT"},
            "is deprecated since 2027-01-01 and ends on 2027-07-01",
        ),
        ({"sunset": "soon\x1b[31m"}, "is deprecated and ends on soon [31m"),
        ({"deprecation": "@" + "9" * 400, "sunset": "x" * 5_000}, "is deprecated and ends on " + "x" * 60 + "..."),
    ],
)
def test_the_headers_are_read(headers, notice):
    """Both headers are read, in each of their forms; an odd value is shortened and made printable."""
    assert deprecation_notice(headers) == notice


async def test_each_operation_warns_once():
    """A deprecated operation is reported at its first call, and another operation at its own."""
    deprecated = http_response(body=ME, Sunset="Fri, 01 Jan 2027 00:00:00 GMT")
    async with FakeServer(deprecated) as server, Calcom("cal_x", base_url=server.url) as cal:
        with pytest.warns(DeprecatedOperationWarning, match="GET /me is deprecated and ends on 2027-01-01"):
            await cal.me.get()
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            await cal.me.get()
        with pytest.warns(DeprecatedOperationWarning, match="PATCH /me"):
            await cal.request("PATCH", "/v2/me", body={})
