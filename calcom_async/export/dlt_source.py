"""Cal.com as a source of dlt (https://dlthub.com), which loads it into DuckDB, PostgreSQL, BigQuery and others.

    pipeline = dlt.pipeline("calcom", destination="duckdb")
    pipeline.run(dlt_source())

The rows are read as for an export. Column types come from the models, so they do not depend on the first rows. Fields
that no model has become columns by dlt's own rules.
"""

from __future__ import annotations

import asyncio
import warnings
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Mapping
from contextlib import aclosing
from datetime import timedelta
from threading import Lock, Thread
from typing import Any, TypeVar

import msgspec
from msgspec import inspect

from calcom_async.auth import AccessToken, ApiKey
from calcom_async.client import Calcom
from calcom_async.export.job import DEFAULT_LOOKBACK
from calcom_async.export.plan import Watermarks
from calcom_async.export.sources import EXPORTABLE, ExportJob, account_id
from calcom_async.extras import import_extra
from calcom_async.keyset import ReadStats
from calcom_async.lenient_json import parse
from calcom_async.pages import IncompleteListWarning
from calcom_async.rate_limiter import TokenBucket
from calcom_async.secret import Secret

with import_extra("the dlt source", "dlt"):
    import dlt
    from dlt.common.data_types import TDataType
    from dlt.common.schema.typing import TColumnSchema, TTableSchemaColumns
    from dlt.sources import DltResource

DEFAULT_RESOURCES = ("bookings", "event-types", "schedules", "webhooks", "teams", "memberships")
"""Resources loaded by default; the other `EXPORTABLE` lists of a scope can be selected."""

T = TypeVar("T")
Rows = list[dict[str, Any]]
NewClient = Callable[[], Calcom]


@dlt.source(name="calcom", section="calcom", max_table_nesting=1)
def dlt_source(
    api_key: str | Secret | ApiKey | AccessToken | None = dlt.secrets.value,
    base_url: str | None = None,
    *,
    organization: int | None = None,
    team: int | None = None,
    user: int | None = None,
    filters: Mapping[str, Any] | None = None,
    lookback: timedelta = DEFAULT_LOOKBACK,
) -> Iterator[DltResource]:
    """Bookings, event types, schedules, webhooks, teams and memberships, as far as the scope has them.

    Arguments that are not given come from dlt's configuration, `[sources.calcom]`, and then from `CAL_API_KEY` and
    `CAL_API_URL`. `api_key` may also be an `ApiKey`, a `PlatformClient` or an `AccessToken`. `organization`, `team` and
    `user` are the scope as in `ExportJob`, and `filters` are those of bookings.

    Bookings are merged by uid: the first load reads all, each later one those created, changed or cancelled since the
    last successful load. Everything else, including bookings of a team, is replaced. Select further lists with
    `.with_resources(...)`. Secrets of webhooks are left out.
    """
    api_key = Secret(api_key) if isinstance(api_key, str) else api_key
    loop = _BackgroundLoop()
    limiter = TokenBucket()  # all lists use one key
    settings: dict[str, Any] = {} if base_url is None else {"base_url": base_url}

    def client() -> Calcom:
        return Calcom(api_key, limiter=limiter, **settings)

    scope = {"organization": organization, "team": team, "user": user}
    scope_name = " ".join(field for field, value in scope.items() if value is not None)
    for name, (_, scopes) in EXPORTABLE.items():
        is_booking = name == "bookings"
        if scope_name in scopes or is_booking:  # every scope has bookings, so these reject an invalid scope
            job = ExportJob(name, organization, team, user, (filters or {}) if is_booking else {})
            yield _resource(loop, client, job, lookback, selected=name in DEFAULT_RESOURCES)


def _resource(
    loop: _BackgroundLoop, client: NewClient, job: ExportJob, lookback: timedelta, *, selected: bool
) -> DltResource:
    """Return a list as a resource of dlt, with the columns of its model."""
    source = job.source(client())  # sends no request, but raises for lists that the scope does not have
    if _is_incremental(job):
        source.check_incremental()
    columns, lists = _tables(source.model)
    for secret in _secrets(source.model):
        columns.pop(secret)
    resource: DltResource = dlt.resource(
        _rows,
        name=_name(job),
        primary_key=source.key,
        write_disposition="merge" if _is_incremental(job) else "replace",
        columns=columns,
        nested_hints={name: {"columns": hints} for name, hints in lists.items()},
        selected=selected,
    )
    return resource(loop, client, job, lookback)


def _rows(loop: _BackgroundLoop, client: NewClient, job: ExportJob, lookback: timedelta) -> Iterator[Rows]:
    state = dlt.current.resource_state()
    yield from loop.each(_batches(client, job, state, lookback))


async def _batches(
    client: NewClient, job: ExportJob, state: dict[str, Any], lookback: timedelta
) -> AsyncGenerator[Rows, None]:
    """Yield the rows of a list; of bookings, the changes since the last load that succeeded."""
    async with client() as cal:
        source = job.source(cal)
        secrets = _secrets(source.model)
        memory = await _memory(cal, job, state) if _is_incremental(job) else {}
        since = msgspec.convert(memory, Watermarks) if memory else None
        plan = await source.plan(since=since, lookback=lookback, incremental=_is_incremental(job))
        stats, rows = ReadStats(), 0
        async with aclosing(source.batches(plan, None, stats=stats)) as batches:
            async for batch in batches:
                rows += len(batch.rows)
                yield [_row(raw, secrets) for raw in batch.rows]
        if missing := plan.missing(rows, stats):
            message = f"{job}: {missing} rows that the server counts were not returned"
            warnings.warn(message, IncompleteListWarning, stacklevel=2)
        # dlt stores its state only after everything was loaded.
        memory.update(msgspec.to_builtins(plan.watermarks) if plan.watermarks else {})


async def _memory(cal: Calcom, job: ExportJob, state: dict[str, Any]) -> dict[str, Any]:
    """Return what the state contains about earlier loads of the same bookings."""
    memory: dict[str, Any] = state.setdefault(f"{job} of {await account_id(cal)}", {})
    return memory


def _is_incremental(job: ExportJob) -> bool:
    """Whether later loads read only changes. Not every server lists the changed bookings of a team."""
    return job.resource == "bookings" and job.team is None


def _name(job: ExportJob) -> str:
    return job.resource.replace("-", "_")


def _row(raw: msgspec.Raw, secrets: set[str]) -> dict[str, Any]:
    """Return a row without secrets and nulls: for nulls, dlt would warn that it cannot infer a column type."""
    row: dict[str, Any] = parse(bytes(raw))
    return {name: value for name, value in row.items() if value is not None and name not in secrets}


class _BackgroundLoop:
    """An event loop in its own thread, for as long as it is used.

    dlt can run async generators, but it closes its loop without waiting for their cleanup, which leaves connections
    open.
    """

    def __init__(self) -> None:
        self._users = 0
        self._lock = Lock()

    def __enter__(self) -> None:
        with self._lock:
            if not self._users:
                runner = asyncio.Runner(loop_factory=asyncio.new_event_loop)
                self._loop = runner.get_loop()
                self._thread = Thread(target=self._live, args=(runner,), name="calcom-dlt", daemon=True)
                self._thread.start()
            self._users += 1

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._users -= 1
            if not self._users:
                self._loop.call_soon_threadsafe(self._loop.stop)
                self._thread.join()

    def _live(self, runner: asyncio.Runner) -> None:
        with runner:
            self._loop.run_forever()

    def each(self, items: AsyncGenerator[Rows, None]) -> Iterator[Rows]:
        """Iterate over an async iterator that runs in the loop."""
        with self:
            try:
                while (item := self._wait(anext(items, None))) is not None:
                    yield item
            except GeneratorExit:
                self._wait(items.aclose())
                raise

    def _wait(self, work: Awaitable[T]) -> T:
        """Wait in this thread for work in the loop."""

        async def done() -> T:
            return await work

        future = asyncio.run_coroutine_threadsafe(done(), self._loop)
        try:
            return future.result()
        finally:
            future.cancel()  # a keyboard interrupt ends the wait, not the work


TYPES: Mapping[frozenset[type[inspect.Type]], TDataType] = {
    frozenset({inspect.StrType}): "text",
    frozenset({inspect.LiteralType, inspect.StrType}): "text",
    frozenset({inspect.BoolType}): "bool",
    frozenset({inspect.IntType}): "bigint",
    frozenset({inspect.FloatType, inspect.IntType}): "double",
    frozenset({inspect.FloatType, inspect.IntType, inspect.StrType}): "text",
    # An id, or a text for a deleted user. dlt puts the text into a second column.
    frozenset({inspect.IntType, inspect.StrType}): "bigint",
    frozenset({inspect.DateTimeType}): "timestamp",
    frozenset({inspect.DateType}): "date",
}
"""Column types by the types of a field. Any other field is nested, or has keys that users choose, and stays JSON."""


def _tables(model: type[msgspec.Struct]) -> tuple[TTableSchemaColumns, dict[str, TTableSchemaColumns]]:
    """Return the columns of a model's table and of the tables of its lists; nested objects become columns."""
    columns: TTableSchemaColumns = {}
    lists: dict[str, TTableSchemaColumns] = {}
    for name, kinds in _fields(model):
        match kinds:
            case [inspect.StructType(cls=part)]:
                columns |= _columns(part, f"{name}__")
            case [inspect.ListType(item_type=inspect.StructType(cls=part))]:
                lists[name] = _columns(part)
            case [inspect.ListType(item_type=item)]:
                lists[name] = {"value": _column("value", _kinds(item))}
            case _:
                columns[name] = _column(name, kinds)
    if {inspect.IntType, inspect.StrType} == set(map(type, dict(_fields(model)).get("id", ()))):
        columns["id"]["data_type"] = "text"  # of webhooks: a UUID, which some servers replace by a number
    return columns, lists


def _columns(model: type[msgspec.Struct], prefix: str = "") -> TTableSchemaColumns:
    return {prefix + name: _column(prefix + name, kinds) for name, kinds in _fields(model)}


def _column(name: str, kinds: list[inspect.Type]) -> TColumnSchema:
    return {"name": name, "data_type": TYPES.get(frozenset(map(type, kinds)), "json")}


def _fields(model: type[msgspec.Struct]) -> Iterator[tuple[str, list[inspect.Type]]]:
    """Return the fields of a model by their JSON names, with their types without null."""
    info = inspect.type_info(model)
    assert isinstance(info, inspect.StructType)
    for field in info.fields:
        yield field.encode_name, _kinds(field.type)


def _kinds(info: inspect.Type) -> list[inspect.Type]:
    kinds = info.types if isinstance(info, inspect.UnionType) else (info,)
    return [kind for kind in kinds if not isinstance(kind, inspect.NoneType)]


def _secrets(model: type[msgspec.Struct]) -> set[str]:
    hidden = getattr(model, "secret_fields", ())
    return {field.encode_name for field in msgspec.structs.fields(model) if field.name in hidden}
