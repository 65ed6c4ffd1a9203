"""The sandbox answers as a real server did: the conformance script, and the script itself."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from cli_process import ROOT, cli_environment
from conformance.differences import DIFFERENCES, NOT_REPEATED
from conformance.run import Report, compare, fill, load, record, run
from conformance.shapes import ServerResponse, differences
from conformance.steps import STEPS

from calcom_async.sandbox import Sandbox

OK = {"content-type": "application/json"}


@pytest.fixture(scope="module")
def responses():
    """Return the responses of the sandbox that is the recorded kind of server."""
    with Sandbox(server="self-hosted-2026-07", bookings=100) as sandbox:
        responses = run(sandbox.url, key=sandbox.api_key, other_key="cal_sandbox_bo")
        assert not sandbox.handler_errors
        assert not sandbox.store.webhooks
        return responses


def test_the_sandbox_answers_as_recorded(responses, shared):
    """Every response is as recorded from a real server, or has a reason in the table; no reason is out of date."""
    report = compare(load(shared / "reference" / "real"), responses)
    assert report.is_explained, str(report)
    assert {*report.explained} == {*DIFFERENCES}
    assert {*report.not_repeated} == {*NOT_REPEATED}
    assert len(report.equal) >= 84


def test_every_step_gets_a_response(responses):
    """Each step that repeats an exchange is sent: the earlier ones have saved what it needs."""
    assert {*responses} == {step.name for step in STEPS if step.recorded}
    assert [name for name, (_, response) in responses.items() if not response.status] == []


def test_recorded_responses_are_equal_to_themselves(responses, tmp_path):
    """What the script records of a server can be compared with later, and contains no key."""
    record(responses, tmp_path)
    report = compare(load(tmp_path), responses)
    assert (len(report.equal), report.explained, report.unexplained) == (len(responses), {}, {})
    assert "cal_sandbox" not in "".join(file.read_text() for file in tmp_path.iterdir())


@pytest.mark.parametrize(
    ("recorded", "actual", "found"),
    [
        (ServerResponse(200, OK, {}), ServerResponse(404, OK, {"error": {}}), ["status: 200 / 404"]),
        (ServerResponse(200, OK | {"etag": "1"}, {}), ServerResponse(200, OK, {}), ["header etag: sent / missing"]),
        (ServerResponse(200, OK, {"a": 1}), ServerResponse(200, OK, {"a": "1"}), ["body.a: number / text"]),
        (
            ServerResponse(200, OK, {"a": 1}),
            ServerResponse(200, OK, {"b": 1}),
            ["body.a: number / missing", "body.b: missing / number"],
        ),
        (ServerResponse(200, OK, {"a": None}), ServerResponse(200, OK, {"a": 1}), []),
        (ServerResponse(200, OK, {"metadata": {"a": 1}}), ServerResponse(200, OK, {"metadata": {}}), []),
        (ServerResponse(200, OK, [{"a": 1}, {}]), ServerResponse(200, OK, [{}]), []),
        (ServerResponse(200, OK, [{"a": 1}]), ServerResponse(200, OK, [{}]), ["body[].a: number / missing"]),
        (ServerResponse(200, OK, {"2026-12-01": [1]}), ServerResponse(200, OK, {"2027-01-05": [2]}), []),
        (ServerResponse(400, OK, {"message": "id 7"}), ServerResponse(400, OK, {"message": "id 81"}), []),
        (
            ServerResponse(400, OK, {"message": "id 7"}),
            ServerResponse(400, OK, {"message": "no 7"}),
            ["body.message: id N / no N"],
        ),
    ],
)
def test_what_counts_as_a_difference(recorded, actual, found):
    """Status, headers, fields, types and texts of errors count; values, nulls and optional fields of rows do not."""
    assert [str(difference) for difference in differences(recorded, actual)] == found


def test_a_difference_without_a_reason_fails(responses):
    """A report with an unknown difference, or with an exchange that nothing repeats, is not explained."""
    changed = {"me": ServerResponse(200, responses["me"][1].headers, {"status": "success", "data": {"id": "1"}})}
    report = compare({**changed, "news": ServerResponse(200, OK, {})}, responses)
    assert not report.is_explained
    assert "UNEXPLAINED me: body.data.id: text / number" in str(report)
    assert "UNEXPLAINED news: no step repeats it" in str(report)
    assert Report([], {}, {}, {}, []).is_explained


def test_values_are_filled_in():
    """A text that is one name becomes the value itself, and names within texts are replaced."""
    assert fill({"id": "{id}", "days": ["{day}T10:00:00Z"]}, {"id": 7, "day": "2026-12-01"}) == {
        "id": 7,
        "days": ["2026-12-01T10:00:00Z"],
    }


@pytest.mark.slow
def test_the_script_runs_against_a_url(tmp_path):
    """The script records the responses of a server and compares with them; the exit code is the result."""
    with Sandbox(bookings=20) as sandbox:
        command = [sys.executable, "-m", "conformance", sandbox.url, "--key", sandbox.api_key]

        def script(*options: str) -> subprocess.CompletedProcess[str]:
            return subprocess.run(
                [*command, *options],
                cwd=ROOT / "tests",
                env=cli_environment(),
                capture_output=True,
                text=True,
                check=False,
            )

        assert script("--record", str(tmp_path)).returncode == 0
        (Path(tmp_path) / "news.json").write_text('{"response": {"status": 200, "headers": {}, "body": null}}')
        again = script("--recorded", str(tmp_path))
    assert again.returncode == 1, again.stderr
    assert again.stdout.endswith("UNEXPLAINED news: no step repeats it\n")
