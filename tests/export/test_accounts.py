"""Many accounts: a file each, and what fails for one does not touch the others."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from calcom_async import ApiKey, Calcom, ConfigError, InvalidRequestError, PlatformClient, UnauthorizedError
from calcom_async.export import ExportJob
from calcom_async.export.accounts import Account, AccountResult, export_accounts, read_accounts
from calcom_async.sandbox import Sandbox

KEYS = {"ana": "cal_sandbox", "bo": "cal_sandbox_bo", "cy": "cal_sandbox_cy"}
ACCOUNTS = [Account(name, key) for name, key in KEYS.items()]
SECRET = "cal_live_of_somebody"


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(bookings=60) as sandbox:
        yield sandbox


def client(sandbox: Sandbox, **settings: Any) -> Calcom:
    return Calcom("cal_unused", base_url=sandbox.url, **settings)


def uids(path: Path) -> list[str]:
    return [json.loads(line)["uid"] for line in path.read_text("utf-8").splitlines()]


def names(folder: Path) -> set[str]:
    return {file.name for file in folder.iterdir()}


def by_name(outcomes: list[AccountResult]) -> dict[str, AccountResult]:
    return {outcome.account: outcome for outcome in outcomes}


async def test_every_account_has_its_own_file(sandbox: Sandbox, tmp_path: Path) -> None:
    """Each account's rows are in the file of its name, with a report that counts its own requests alone."""
    async with client(sandbox) as cal:
        outcomes = by_name(await export_accounts(cal, ACCOUNTS, ExportJob(), f"{tmp_path}/{{account}}.jsonl"))
        assert cal.stats().requests == sum(outcome.report.requests for outcome in outcomes.values() if outcome.report)
    assert names(tmp_path) == {"ana.jsonl", "bo.jsonl", "cy.jsonl"}
    assert sorted(uids(tmp_path / "ana.jsonl")) == sorted(sandbox.store.bookings)
    assert outcomes["ana"].report
    assert outcomes["ana"].report.rows == 60


async def test_each_account_has_a_limit_of_its_own(sandbox: Sandbox, tmp_path: Path) -> None:
    """Accounts do not queue for each other: the limiter knows as many callers as there are keys."""
    async with client(sandbox) as cal:
        await export_accounts(cal, ACCOUNTS, ExportJob(), f"{tmp_path}/{{account}}.jsonl")
        assert len({bucket.key for bucket in cal.limiter.stats()}) == 3


async def test_one_that_fails_does_not_stop_the_others(sandbox: Sandbox, tmp_path: Path) -> None:
    """A refused key, a bad one and a name that is no file name are outcomes; the rest is exported."""
    wrong = [Account("wrong", SECRET), Account("torn", "cal_\n"), Account("../up", "cal_x"), Account("bo", "cal_x")]
    told: list[AccountResult] = []
    async with client(sandbox) as cal:
        outcomes = await export_accounts(
            cal,
            [*ACCOUNTS, *wrong],
            ExportJob(),
            f"{tmp_path}/{{account}}.jsonl",
            concurrent_accounts=2,
            on_result=told.append,
        )
    assert told == outcomes
    failed = {outcome.account: outcome.error for outcome in outcomes if outcome.error}
    assert isinstance(failed["wrong"], UnauthorizedError)
    assert isinstance(failed["torn"], ConfigError)
    assert "usable in a file name" in str(failed["../up"])
    assert "two accounts are named bo" in str(failed["bo"])
    assert sum(outcome.report is not None for outcome in outcomes) == 3
    assert SECRET not in repr(outcomes) + repr(wrong)


async def test_accounts_are_taken_as_they_are_needed(sandbox: Sandbox, tmp_path: Path) -> None:
    """Thousands of accounts may come from a database: no more are taken than are at work."""
    taken: list[str] = []
    done: list[str] = []

    async def accounts() -> AsyncIterator[Account]:
        for number in range(12):
            assert len(taken) - len(done) <= 2
            taken.append(str(number))
            yield Account(str(number), "cal_sandbox")

    async with client(sandbox) as cal:
        await export_accounts(
            cal,
            accounts(),
            ExportJob("event-types"),
            f"{tmp_path}/{{account}}.csv",
            concurrent_accounts=2,
            on_result=lambda outcome: done.append(outcome.account),
        )
    assert taken == [str(number) for number in range(12)]
    assert sorted(done) == sorted(taken)


async def test_an_account_may_name_its_organization(sandbox: Sandbox, tmp_path: Path) -> None:
    """The organization of an account is that of its job."""
    async with client(sandbox) as cal:
        [outcome] = await export_accounts(
            cal, [Account("sand", "cal_sandbox", 1)], ExportJob("users"), f"{tmp_path}/{{account}}.csv"
        )
    assert outcome.report
    assert outcome.report.rows == 3


async def test_what_broke_off_goes_on(sandbox: Sandbox, tmp_path: Path) -> None:
    """Options are those of export: a second run with resume goes on with the accounts that broke off."""
    sandbox.faults.add("GET", "/v2/bookings", status=403, after=3, times=1)
    output = f"{tmp_path}/{{account}}.jsonl"
    async with client(sandbox) as cal:
        first = await export_accounts(cal, ACCOUNTS[:1], ExportJob(take=20), output)
        second = await export_accounts(cal, ACCOUNTS[:1], ExportJob(take=20), output, resume=True)
    assert first[0].error
    assert second[0].report
    assert second[0].report.resumed
    assert sorted(uids(tmp_path / "ana.jsonl")) == sorted(sandbox.store.bookings)


@pytest.mark.parametrize(
    ("odd", "told"),
    [
        ({"output": None}, "the output must be a path, got None"),
        ({"accounts": None}, "accounts must be a list or another iterable, got NoneType"),
        ({"accounts": ["key"]}, "accounts must hold Account objects, got str"),
        ({"concurrent_accounts": "8"}, "concurrent_accounts must be 1 or more"),
        ({"on_result": 5}, "on_result must be a function"),
        ({"on_progress": 5}, "on_progress must be a function"),
    ],
)
async def test_odd_arguments_are_refused(sandbox: Sandbox, odd: dict[str, Any], told: str) -> None:
    """An argument of another type is an error that names it, and nothing is sent."""
    wish: dict[str, Any] = {"accounts": ACCOUNTS, "job": ExportJob(), "output": Path("{account}.csv")} | odd
    async with client(sandbox) as cal:
        with pytest.raises(InvalidRequestError, match=told):
            await export_accounts(cal, **wish)
    assert not sandbox.requests


@pytest.mark.parametrize(
    ("output", "options"),
    [
        ("all.jsonl", {}),
        ("{account}.csv", {"concurrent_accounts": 0}),
        ("{account}.csv", {"checkpoint": "state.json"}),
    ],
)
async def test_what_cannot_work_is_told_at_once(sandbox: Sandbox, output: str, options: dict[str, Any]) -> None:
    """One file for all, or nobody at work, is refused before anything is sent."""
    async with client(sandbox) as cal:
        with pytest.raises(InvalidRequestError):
            await export_accounts(cal, ACCOUNTS, ExportJob(), output, **options)
    assert sandbox.requests == []


# --- the file of accounts ---------------------------------------------------------------------------------------------


def test_accounts_are_read_from_a_table(tmp_path: Path) -> None:
    """A key or a platform's id and secret, and an organization where there is one; a byte order mark is no matter."""
    file = tmp_path / "accounts.csv"
    file.write_text(
        "\ufeffname,api_key,client_id,client_secret,organization\n"
        "acme,cal_a,,,\nsand, cal_b ,,,7\nplatform,,some-client,some-secret,9\n"
    )
    acme, sand, platform = read_accounts(file)
    assert (acme.name, acme.credentials.headers, acme.organization) == ("acme", ApiKey("cal_a").headers, None)
    assert (sand.credentials.headers, sand.organization) == (ApiKey("cal_b").headers, 7)
    assert isinstance(platform.credentials, PlatformClient)
    assert "cal_a" not in repr(acme)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "must start with a header"),
        ("key\ncal_a\n", "must start with a header"),
        ("name,api_key,colour\na,b,red\n", "must start with a header"),
        (f"name,api_key,client_id,client_secret\na,{SECRET},b,c\n", "line 2: give an api_key, or"),
        ("name,api_key\na,cal_a\nb,\n", "line 3: give an api_key, or"),
        (f"name,api_key,organization\na,{SECRET},acme\n", "line 2: organization must be an integer, got 'acme'"),
    ],
)
def test_a_table_that_cannot_be_used_is_told(tmp_path: Path, text: str, told: str) -> None:
    """What is wrong is told with its line, and without any key."""
    (tmp_path / "accounts.csv").write_text(text)
    with pytest.raises(ConfigError, match=told) as raised:
        list(read_accounts(tmp_path / "accounts.csv"))
    assert SECRET not in str(raised.value)


def test_a_missing_table_is_told(tmp_path: Path) -> None:
    """No file is a setting that is wrong, not a traceback."""
    with pytest.raises(ConfigError, match=r"cannot read accounts from .*nowhere.csv: No such file"):
        list(read_accounts(tmp_path / "nowhere.csv"))


async def test_a_bad_line_ends_the_run(sandbox: Sandbox, tmp_path: Path) -> None:
    """Accounts that cannot be read are an error of the call, not of one account."""
    (tmp_path / "accounts.csv").write_text("name,api_key\nana,cal_sandbox\nbo,\n")
    async with client(sandbox) as cal:
        with pytest.raises(ConfigError, match="line 3"):
            await export_accounts(
                cal, read_accounts(tmp_path / "accounts.csv"), ExportJob("teams"), f"{tmp_path}/{{account}}.csv"
            )
