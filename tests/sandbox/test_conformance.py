"""The sandbox answers as a real server did: the conformance script, and the script itself."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
from cli_process import ROOT, cli_environment
from conformance.plan import Suite, get
from conformance.run import Report, compare, fill, load, record, run
from conformance.shapes import ServerResponse, differences
from conformance.suites import SUITES

from calcom_async.sandbox import Sandbox
from calcom_async.sandbox.accounts.users import new_user
from calcom_async.sandbox.accounts.verified_handlers import CODE
from calcom_async.sandbox.calendars.accounts import GOOGLE, connect
from calcom_async.sandbox.http.server_kind import ServerName
from calcom_async.sandbox.seed.world import ACCESS_TOKEN, CLIENT_ID, CLIENT_SECRET

OK = {"content-type": "application/json"}


ORGANIZATION = {
    "member_key": "cal_sandbox_cy",
    "outsider_key": "cal_otto",
    "expired_token": "old-token",
    "organization_slug": "sandbox-org",
    "client_id": CLIENT_ID,
    "client_secret": CLIENT_SECRET,
    "code": CODE,
    "answer": "sales",
}


def add_others(sandbox: Sandbox) -> None:
    """Add the owner of an ordinary organization, a token that has expired, and a calendar that Google Meet needs."""
    store = sandbox.store
    new_user(store, 9, "otto", "Otto Other", "UTC")["organization_id"] = 99
    store.organizations[99] = {"id": 99, "name": "Others", "slug": "others", "owner_id": 9, "is_platform": False}
    store.api_keys["cal_otto"] = 9
    store.access_tokens["old-token"] = {**store.access_tokens[ACCESS_TOKEN], "expires": sandbox.clock.now()}
    connect(store, 1, GOOGLE, ["ana@calendars.test"], read_only=False)


@dataclass(frozen=True)
class Case:
    """A suite, the sandbox that it runs against, and what was recorded."""

    suite: str
    server: ServerName
    options: Mapping[str, str]
    folder: str
    equal: int
    """How many responses are as recorded, at least."""
    setup: Callable[[Sandbox], None] = lambda sandbox: None


CASES = (
    Case("user", "self-hosted-2026-07", {"other_key": "cal_sandbox_bo"}, "reference/real", 84),
    Case("organization", "self-hosted-2025-12", ORGANIZATION, "reference/real/organisations", 404, add_others),
)


@pytest.fixture(scope="module", params=CASES, ids=lambda case: case.suite)
def case(request):
    """Return a suite with what it needs."""
    return request.param


@pytest.fixture(scope="module")
def responses(case):
    """Return the responses of the sandbox that is the recorded kind of server."""
    with Sandbox(server=case.server, bookings=100) as sandbox:
        case.setup(sandbox)
        responses = run(sandbox.url, SUITES[case.suite], {"key": sandbox.api_key, **case.options})
        assert not sandbox.handler_errors
        assert not sandbox.store.webhooks
        return responses


def test_the_sandbox_answers_as_recorded(case, responses, shared):
    """Every response is as recorded from a real server, or has a reason in a table; no reason is out of date."""
    suite = SUITES[case.suite]
    report = compare(suite, load(shared / case.folder), responses)
    assert report.is_explained, str(report)
    explained = {name: {difference.where for difference, _ in found} for name, found in report.explained.items()}
    assert explained == {name: {*reasons} for name, reasons in suite.differences.items()}
    assert {*report.not_repeated} == {*suite.not_repeated}
    assert len(report.equal) >= case.equal


def test_every_step_gets_a_response(case, responses):
    """Each step that repeats an exchange is sent: the earlier ones have saved what it needs."""
    assert {*responses} == {step.name for step in SUITES[case.suite].steps if step.recorded}
    assert [name for name, (_, response) in responses.items() if not response.status] == []


def test_recorded_responses_are_equal_to_themselves(case, responses, tmp_path):
    """What the script records of a server can be compared with later, and contains no key or other secret."""
    record(responses, tmp_path)
    report = compare(SUITES[case.suite], load(tmp_path), responses)
    assert (len(report.equal), report.explained, report.unexplained) == (len(responses), {}, {})
    recorded = "".join(file.read_text() for file in tmp_path.iterdir())
    assert [secret for secret in ("cal_sandbox", CLIENT_SECRET, ACCESS_TOKEN) if secret in recorded] == []


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
        (ServerResponse(200, OK, [{"a": 1}, {"a": "x"}]), ServerResponse(200, OK, [{"a": "y"}]), []),
        (
            ServerResponse(200, OK, [{"a": {"b": 1}}]),
            ServerResponse(200, OK, [{"a": {}}]),
            ["body[].a.b: number / missing"],
        ),
        (
            ServerResponse(200, OK, {"data": {"role": "ADMIN"}}),
            ServerResponse(200, OK, {"data": {"role": "MEMBER"}}),
            ["body.data.role: ADMIN / MEMBER"],
        ),
        (
            ServerResponse(400, OK, {"errors": [{"constraints": {"isInt": "no integer"}}]}),
            ServerResponse(400, OK, {"errors": [{"constraints": {"isInt": "no number"}}]}),
            ["body.errors[].constraints.isInt: no integer / no number"],
        ),
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
    """Status, headers, fields, types, texts of errors and roles count; values, nulls and optional fields do not."""
    assert [str(difference) for difference in differences(recorded, actual)] == found


def test_a_difference_without_a_reason_fails():
    """A report with an unknown difference, or with an exchange that nothing repeats, is not explained."""
    recorded = {name: ServerResponse(200, OK, {"id": "1"}) for name in ("me", "you", "news", "late")}
    suite = Suite((), {"you": {"body.id": "why"}}, {"late": "waits"})
    report = compare(
        suite, recorded, {name: (get(name, "/"), ServerResponse(200, OK, {"id": 1})) for name in ("me", "you")}
    )
    assert not report.is_explained
    assert str(report).splitlines() == [
        "0 of 2 responses are as recorded, 1 differ with a reason",
        "you: body.id: text / number (why)",
        "late: not sent: waits",
        "UNEXPLAINED me: body.id: text / number",
        "UNEXPLAINED news: no step repeats it",
    ]
    assert Report([], {}, {}, {}, []).is_explained


def test_the_script_waits_for_the_rate_limit(monkeypatch):
    """When a response says that no request is left, the next one with the same key waits for the reset."""
    with Sandbox(rate_limit=2) as sandbox:
        waits = []

        def wait(seconds: int) -> None:
            waits.append(seconds)
            sandbox.clock.move(seconds=seconds)

        monkeypatch.setattr("conformance.run.sleep", wait)
        steps = (*(get(f"me {number}", "/me") for number in range(5)), get("other", "/me", key="other_key"))
        keys = {"key": sandbox.api_key, "other_key": "cal_sandbox_bo"}
        responses = run(sandbox.url, Suite(steps, {}, {}), keys)
    assert [response.status for _, response in responses.values()] == [200] * 6
    assert len(waits) == 2


def test_a_request_without_its_values_is_not_sent():
    """A request that needs an option that is not given, or a value that no response had, is a difference."""
    suite = Suite((get("me", "/me", key="member_key"), get("team", "/teams/{team}")), {}, {})
    responses = run("http://127.0.0.1:1", suite, {"key": "cal_x", "member_key": ""})
    report = compare(suite, {name: ServerResponse(200, OK, {}) for name in responses}, responses)
    assert str(report).splitlines()[1:] == [
        "UNEXPLAINED me: status: 200 / not sent, there is no 'member_key'",
        "UNEXPLAINED team: status: 200 / not sent, there is no 'team'",
    ]


def test_values_are_filled_in():
    """A text that is one name becomes the value itself, and names within texts and names of fields are replaced."""
    template = {"id": "{id}", "days": ["{day}T10:00:00Z"], "{field}": None}
    assert fill(template, {"id": 7, "day": "2026-12-01", "field": "topic"}) == {
        "id": 7,
        "days": ["2026-12-01T10:00:00Z"],
        "topic": None,
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
