"""The comparison with a specification: what it reads, what it reports, and that nothing goes unnoticed."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace

import pytest

from calcom_async.operations import drift
from calcom_async.operations.__main__ import main
from calcom_async.operations.catalog import OPERATIONS
from calcom_async.operations.drift import Difference, compare, explanation_of, unexplained
from calcom_async.operations.exceptions import EXCEPTIONS
from calcom_async.operations.specification import catalog_as_specification, read_specification

UPDATE_ME = ("PATCH", "/v2/me")


def specification(shared, name):
    return read_specification(shared / "reference" / name)


@pytest.mark.parametrize(("name", "older"), [("openapi.json", True), ("live/openapi.json", False)])
def test_the_client_fits_the_official_specifications(shared, capsys, name, older):
    """The client has all of March 2026, and exactly what there is in September 2026, except for what has a reason."""
    path = str(shared / "reference" / name)
    code = main(["--against", path, *(["--older"] if older else [])])
    assert (code, capsys.readouterr().out.splitlines()[:-1]) == (0, [])


def test_every_exception_is_used(shared):
    """Each exception explains a difference from one of the two specifications."""
    used = {
        explanation_of(difference)
        for name in ("openapi.json", "live/openapi.json")
        for difference in compare(specification(shared, name))
    }
    assert [row for row in EXCEPTIONS if row not in used] == []


def test_a_missing_method_is_reported(monkeypatch):
    """An operation that no method calls is a difference."""
    every = drift.client_operations()
    gone = next(operation for operation in every if (operation.verb, operation.path) == UPDATE_ME)
    monkeypatch.setattr(drift, "client_operations", lambda: {key: every[key] for key in every if key is not gone})
    assert unexplained(compare(catalog_as_specification())) == [Difference("+", "PATCH /v2/me", "method")]


@pytest.mark.parametrize("part", ["body", "response"])
def test_a_missing_field_is_reported(monkeypatch, part):
    """A field that a model lacks is a difference, in requests and in responses."""
    every = drift.client_operations()
    me = next(operation for operation in every if (operation.verb, operation.path) == UPDATE_ME)
    specified = {UPDATE_ME: replace(catalog_as_specification()[UPDATE_ME], response=frozenset(every[me].response))}
    others = [difference for difference in compare(specified) if difference.operation == str(me)]
    assert others == []
    client = replace(every[me], **{part: getattr(every[me], part) - {"timeZone"}})
    monkeypatch.setattr(drift, "client_operations", lambda: {**every, me: client})
    assert [difference for difference in compare(specified) if difference.operation == str(me)] == [
        Difference("+", "PATCH /v2/me", f"{part} timeZone")
    ]


def test_differences_are_printed(tmp_path, capsys):
    """The command prints each addition, removal and change on one line, and exits with 1."""
    schema = {"properties": {"apiKeyDaysValid": {}, "new": {"items": {"properties": {"inner": {}}}}}}
    answer = {"properties": {"data": {"properties": {"apiKey": {}, "issuedAt": {}}}}}
    version = {"name": "cal-api-version", "in": "header", "schema": {"default": "2030-01-01"}}
    refresh = {
        "parameters": [version, {"name": "soon", "in": "query", "schema": {}}],
        "requestBody": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Body"}}}},
        "responses": {"200": {"content": {"application/json": {"schema": answer}}}},
    }
    paths = {"/v2/api-keys/refresh": {"post": refresh}, "/v2/moons": {"get": {}}}
    file = tmp_path / "new.json"
    file.write_text(json.dumps({"paths": paths, "components": {"schemas": {"Body": schema}}}))
    assert main(["--against", str(file)]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "+ GET /v2/moons"
    assert lines.count("- GET /v2/me") == 1
    assert [line for line in lines if "api-keys" in line] == [
        "+ POST /v2/api-keys/refresh: query soon",
        "+ POST /v2/api-keys/refresh: body new",
        "+ POST /v2/api-keys/refresh: body new.inner",
        "- POST /v2/api-keys/refresh: body apiKeyNeverExpires",
        "+ POST /v2/api-keys/refresh: response issuedAt",
        "! POST /v2/api-keys/refresh: version 2030-01-01",
    ]
    assert lines[-1].startswith(f"2 operations specified, {len(OPERATIONS)} known, {len(lines) - 1} differences")
    assert main(["--older", "--against", str(file)]) == 1
    assert not [line for line in capsys.readouterr().out.splitlines() if line.startswith("-")]


def test_a_recursive_schema(tmp_path):
    """A specification may be recursive."""
    node = {"properties": {"child": {"$ref": "#/components/schemas/Node"}}}
    body = {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Node"}}}}
    file = tmp_path / "new.json"
    text = {"paths": {"/v2/x": {"post": {"requestBody": body}}}, "components": {"schemas": {"Node": node}}}
    file.write_text(json.dumps(text))
    assert read_specification(file)["POST", "/v2/x"].body == {"child"}


@pytest.mark.parametrize("content", [None, "", "[]", "{}", '{"paths": {"/x": {"get": []}}, "components": {}}'])
def test_an_unreadable_specification_is_an_error(tmp_path, capsys, content):
    """A missing or unrelated file exits with 2 and one line."""
    file = tmp_path / "no.json"
    if content is not None:
        file.write_text(content)
    assert main(["--against", str(file)]) == 2
    assert capsys.readouterr().err.startswith(f"cannot read {file} as an OpenAPI document")


def test_it_is_a_script():
    """`python -m calcom_async.operations` runs, and needs `--against`."""
    command = [sys.executable, "-W", "ignore", "-m", "calcom_async.operations"]
    result = subprocess.run(command, check=False, capture_output=True, text=True)
    assert (result.returncode, "--against" in result.stderr) == (2, True)
