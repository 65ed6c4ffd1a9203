"""Export the lists of many accounts concurrently, each to its own file."""

from __future__ import annotations

import asyncio
import csv
import os
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, TextIO

import msgspec

from calcom_async.auth import ApiKey, Credentials, PlatformClient
from calcom_async.client import Calcom
from calcom_async.errors import ConfigError, InvalidRequestError
from calcom_async.export.job import ExportProgress, ExportReport, export
from calcom_async.export.sinks import usable_path
from calcom_async.export.sources import ExportJob
from calcom_async.secret import Secret

CONCURRENT_ACCOUNTS = 8
EMPTY = Secret("")
SECRETS = ("api_key", "client_id", "client_secret")


@dataclass(frozen=True)
class Account:
    """An account to export: a name for its file, its credentials, and the organization of its job, if any."""

    name: str
    credentials: Credentials | str = field(repr=False)
    organization: int | None = None

    def for_account(self, job: ExportJob) -> ExportJob:
        """Return the job for this account, with its organization if it has one."""
        return job if self.organization is None else msgspec.structs.replace(job, organization=self.organization)


class AccountResult(NamedTuple):
    """Result for one account: its report, or the error that ended its export."""

    account: str
    report: ExportReport | None = None
    error: Exception | None = None


def read_accounts(path: str | os.PathLike[str]) -> Iterator[Account]:
    """Read accounts from a CSV file with a header, one by one.

    The columns are `name`, `api_key` (or `client_id` and `client_secret` of a platform), and optionally `organization`.
    Raises `ConfigError` with the line number of an invalid account.
    """
    try:
        # Excel begins a CSV file in UTF-8 with a byte order mark.
        with Path(path).open(encoding="utf-8-sig", newline="") as file:
            yield from _accounts(file, str(path))
    except UnicodeDecodeError as error:  # its text quotes a part of the file, which has keys
        problem = f"it is not UTF-8 ({error.reason})"
    except (OSError, csv.Error) as error:
        problem = getattr(error, "strerror", None) or str(error)
    else:
        return
    raise ConfigError(f"cannot read accounts from {path}: {problem}")


def _accounts(file: TextIO, path: str) -> Iterator[Account]:
    """Yield the accounts of an open file, line by line."""
    table = csv.DictReader(file)
    columns = set(table.fieldnames or ())
    if not {"name"} < columns <= {"name", "organization", *SECRETS}:
        raise ConfigError(
            f"{path} must start with a header: name, api_key (or client_id and client_secret), and optionally "
            "organization"
        )
    for row in map(_hidden, table):
        where = f"{path}, line {table.line_num}"
        if None in row:  # where DictReader puts the surplus fields
            raise ConfigError(f"{where}: the line has more fields than the header")
        organization = _organization(row["organization"].reveal() if "organization" in row else "", where)
        yield Account(row["name"].reveal(), _credentials(row, where), organization)


def _hidden(row: dict[str, Any]) -> dict[str, Secret]:
    """Return the fields of a line as secrets, so that no traceback shows them."""
    return {name: Secret((value or "").strip() if isinstance(value, str | None) else "") for name, value in row.items()}


def _credentials(row: dict[str, Secret], where: str) -> Credentials:
    """Return the credentials of a line, which must have exactly one kind."""
    key, client, secret = [row.get(column, EMPTY) for column in SECRETS]
    if (key != EMPTY) == (EMPTY not in {client, secret}):
        raise ConfigError(f"{where}: give an api_key, or a client_id and a client_secret")
    try:
        return ApiKey(key) if key != EMPTY else PlatformClient(client, secret)
    except ConfigError as error:
        raise ConfigError(f"{where}: {error}") from None


def _organization(text: str, where: str) -> int | None:
    if text and not (text.isascii() and text.isdigit() and len(text) < 16):
        raise ConfigError(f"{where}: organization must be an integer, got {text!r:.80}")
    return int(text) if text else None


async def export_accounts(
    cal: Calcom,
    accounts: Iterable[Account] | AsyncIterable[Account],
    job: ExportJob,
    output: str | os.PathLike[str],
    *,
    concurrent_accounts: int = CONCURRENT_ACCOUNTS,
    on_result: Callable[[AccountResult], object] | None = None,
    on_progress: Callable[[Account, ExportProgress], object] | None = None,
    **options: Any,
) -> list[AccountResult]:
    """Run a job for every account, `concurrent_accounts` at a time. A failed account does not stop the others.

    `output` is a file name that contains `{account}`, which is replaced by the name of the account; `options` are those
    of `export`. The exports use the connections, settings and rate limiter of `cal`, but not its credentials; every
    account has its own rate limit. Accounts are read when they are needed, so there may be thousands.
    """
    output = str(usable_path(output, "the output"))
    _check_arguments(output, accounts, options, concurrent_accounts, on_result=on_result, on_progress=on_progress)
    results: list[AccountResult] = []
    remaining, names = _SharedIterator(accounts), set[str]()

    async def export_one(account: Account) -> ExportReport:
        path = _path(output, account, names)
        progress = partial(on_progress, account) if on_progress is not None else None
        view = cal.with_credentials(account.credentials)
        return await export(view, account.for_account(job), path, on_progress=progress, **options)

    async def work() -> None:
        async for account in remaining:
            if not isinstance(account, Account):
                raise InvalidRequestError(f"accounts must hold Account objects, got {type(account).__name__}")
            try:
                result = AccountResult(account.name, await export_one(account))
            except Exception as error:  # noqa: BLE001 - no failure of an account stops the others
                result = AccountResult(account.name, error=error)
            results.append(result)
            if on_result is not None:
                on_result(result)

    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(concurrent_accounts):
                group.create_task(work())
    except ExceptionGroup as errors:
        # What is left are errors of the accounts themselves, such as an invalid line of their file.
        raise errors.exceptions[0] from errors
    return results


def _check_arguments(
    output: str, accounts: object, options: dict[str, Any], concurrent_accounts: object, **callbacks: object
) -> None:
    if "{account}" not in output:
        raise InvalidRequestError(
            f"{output} must contain {{account}}: otherwise all accounts would write the same file"
        )
    if options.get("checkpoint") is not None:
        raise InvalidRequestError(
            "checkpoint cannot be combined with several accounts: each has a checkpoint of its own"
        )
    if not isinstance(concurrent_accounts, int) or concurrent_accounts < 1:
        raise InvalidRequestError(f"concurrent_accounts must be 1 or more, got {concurrent_accounts!r}")
    for name, callback in callbacks.items():
        if callback is not None and not callable(callback):
            raise InvalidRequestError(f"{name} must be a function, got {callback!r}")
    if not isinstance(accounts, Iterable | AsyncIterable):
        raise InvalidRequestError(f"accounts must be a list or another iterable, got {type(accounts).__name__}")


class _SharedIterator(AsyncIterator[Account]):
    """An iterator that several tasks may use."""

    def __init__(self, accounts: Iterable[Account] | AsyncIterable[Account]) -> None:
        self._accounts = aiter(accounts) if isinstance(accounts, AsyncIterable) else iter(accounts)
        self._lock = asyncio.Lock()

    async def __anext__(self) -> Account:
        # Two tasks must not be inside one async generator at the same time.
        async with self._lock:
            if isinstance(self._accounts, AsyncIterator):
                return await anext(self._accounts)
            try:
                return next(self._accounts)
            except StopIteration:
                raise StopAsyncIteration from None


def _path(output: str, account: Account, names: set[str]) -> str:
    """Return the file of an account. No name leads out of its directory."""
    name = account.name
    if not isinstance(name, str) or not name or name.startswith(".") or set(name) & {"/", "\\", "\0"}:
        raise ConfigError(f"the name of an account must be usable in a file name, got {name!r}")
    if name in names:
        raise ConfigError(f"two accounts are named {name}, and would write the same file")
    names.add(name)
    return output.replace("{account}", name)
