"""Exports of many accounts: each has its own file, and a failure of one does not affect the others."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from export_runs import file_names, uids

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


def by_name(results: list[AccountResult]) -> dict[str, AccountResult]:
    return {result.account: result for result in results}


async def test_every_account_has_its_own_file(sandbox: Sandbox, tmp_path: Path) -> None:
    """The rows of each account are in its own file, and its report counts only its own requests."""
    async with client(sandbox) as cal:
        results = by_name(await export_accounts(cal, ACCOUNTS, ExportJob(), f"{tmp_path}/{{account}}.jsonl"))
        assert cal.stats().requests == sum(result.report.requests for result in results.values() if result.report)
    assert file_names(tmp_path) == {"ana.jsonl", "bo.jsonl", "cy.jsonl"}
    assert sorted(uids(tmp_path / "ana.jsonl")) == sorted(sandbox.store.bookings)
    assert results["ana"].report
    assert results["ana"].report.rows == 60


async def test_each_account_has_its_own_rate_limit(sandbox: Sandbox, tmp_path: Path) -> None:
    """Accounts do not queue for each other. The limiter has a bucket for each key."""
    async with client(sandbox) as cal:
        await export_accounts(cal, ACCOUNTS, ExportJob(), f"{tmp_path}/{{account}}.jsonl")
        assert len({bucket.key for bucket in cal.limiter.stats()}) == 3


async def test_a_failed_account_does_not_stop_the_others(sandbox: Sandbox, tmp_path: Path) -> None:
    """A rejected key, an unusable one and an unusable name are results, and the other accounts are exported."""
    wrong = [Account("wrong", SECRET), Account("damaged", "cal_\n"), Account("../up", "cal_x"), Account("bo", "cal_x")]
    reported: list[AccountResult] = []
    async with client(sandbox) as cal:
        results = await export_accounts(
            cal,
            [*ACCOUNTS, *wrong],
            ExportJob(),
            f"{tmp_path}/{{account}}.jsonl",
            concurrent_accounts=2,
            on_result=reported.append,
        )
    assert reported == results
    failed = {result.account: result.error for result in results if result.error}
    assert isinstance(failed["wrong"], UnauthorizedError)
    assert isinstance(failed["damaged"], ConfigError)
    assert "usable in a file name" in str(failed["../up"])
    assert "two accounts are named bo" in str(failed["bo"])
    assert sum(result.report is not None for result in results) == 3
    assert SECRET not in repr(results) + repr(wrong)


async def test_accounts_are_read_when_they_are_needed(sandbox: Sandbox, tmp_path: Path) -> None:
    """Thousands of accounts may come from a database. No more are read than are being exported."""
    read: list[str] = []
    done: list[str] = []

    async def accounts() -> AsyncIterator[Account]:
        for number in range(12):
            assert len(read) - len(done) <= 2
            read.append(str(number))
            yield Account(str(number), "cal_sandbox")

    async with client(sandbox) as cal:
        await export_accounts(
            cal,
            accounts(),
            ExportJob("event-types"),
            f"{tmp_path}/{{account}}.csv",
            concurrent_accounts=2,
            on_result=lambda result: done.append(result.account),
        )
    assert read == [str(number) for number in range(12)]
    assert sorted(done) == sorted(read)


async def test_an_account_can_have_an_organization(sandbox: Sandbox, tmp_path: Path) -> None:
    """The job of the account is for its organization."""
    async with client(sandbox) as cal:
        [result] = await export_accounts(
            cal, [Account("sand", "cal_sandbox", 1)], ExportJob("users"), f"{tmp_path}/{{account}}.csv"
        )
    assert result.report
    assert result.report.rows == 3


async def test_interrupted_accounts_are_resumed(sandbox: Sandbox, tmp_path: Path) -> None:
    """The options are those of `export`. A second run with resume continues the interrupted accounts."""
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
    ("wrong", "message"),
    [
        ({"output": None}, "the output must be a path, got None"),
        ({"accounts": None}, "accounts must be a list or another iterable, got NoneType"),
        ({"accounts": ["key"]}, "accounts must hold Account objects, got str"),
        ({"concurrent_accounts": "8"}, "concurrent_accounts must be 1 or more"),
        ({"on_result": 5}, "on_result must be a function"),
        ({"on_progress": 5}, "on_progress must be a function"),
    ],
)
async def test_arguments_of_the_wrong_type_are_rejected(sandbox: Sandbox, wrong: dict[str, Any], message: str) -> None:
    """The error names the argument, and no request is sent."""
    arguments: dict[str, Any] = {"accounts": ACCOUNTS, "job": ExportJob(), "output": Path("{account}.csv")} | wrong
    async with client(sandbox) as cal:
        with pytest.raises(InvalidRequestError, match=message):
            await export_accounts(cal, **arguments)
    assert not sandbox.requests


@pytest.mark.parametrize(
    ("output", "options"),
    [
        ("all.jsonl", {}),
        ("{account}.csv", {"concurrent_accounts": 0}),
        ("{account}.csv", {"checkpoint": "state.json"}),
    ],
)
async def test_invalid_arguments_are_rejected_before_a_request(
    sandbox: Sandbox, output: str, options: dict[str, Any]
) -> None:
    """One file for all accounts, or no concurrent account, is an error."""
    async with client(sandbox) as cal:
        with pytest.raises(InvalidRequestError):
            await export_accounts(cal, ACCOUNTS, ExportJob(), output, **options)
    assert sandbox.requests == []


# --- the file of accounts ---------------------------------------------------------------------------------------------


def test_accounts_are_read_from_csv(tmp_path: Path) -> None:
    """A line has a key, or the id and secret of a platform, and optionally an organization.

    A byte order mark is ignored.
    """
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
    ("text", "message"),
    [
        ("", "must start with a header"),
        ("key\ncal_a\n", "must start with a header"),
        ("name,api_key,colour\na,b,red\n", "must start with a header"),
        (f"name,api_key,client_id,client_secret\na,{SECRET},b,c\n", "line 2: give an api_key, or"),
        ("name,api_key\na,cal_a\nb,\n", "line 3: give an api_key, or"),
        (f"name,api_key,organization\na,{SECRET},acme\n", "line 2: organization must be an integer, got 'acme'"),
    ],
)
def test_an_invalid_line_is_an_error(tmp_path: Path, text: str, message: str) -> None:
    """The error names the line and shows no key."""
    (tmp_path / "accounts.csv").write_text(text)
    with pytest.raises(ConfigError, match=message) as raised:
        list(read_accounts(tmp_path / "accounts.csv"))
    assert SECRET not in str(raised.value)


def test_a_missing_file_of_accounts_is_an_error(tmp_path: Path) -> None:
    """It is a `ConfigError`."""
    with pytest.raises(ConfigError, match=r"cannot read accounts from .*nowhere.csv: No such file"):
        list(read_accounts(tmp_path / "nowhere.csv"))


async def test_an_invalid_line_ends_the_run(sandbox: Sandbox, tmp_path: Path) -> None:
    """Accounts that cannot be read are an error of the call, not of one account."""
    (tmp_path / "accounts.csv").write_text("name,api_key\nana,cal_sandbox\nbo,\n")
    async with client(sandbox) as cal:
        with pytest.raises(ConfigError, match="line 3"):
            await export_accounts(
                cal, read_accounts(tmp_path / "accounts.csv"), ExportJob("teams"), f"{tmp_path}/{{account}}.csv"
            )
