"""Cal.com as a source of dlt: the tables have what the server has, after failures too, and no secret."""

from __future__ import annotations

import asyncio
import gc
import random
import threading
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from booking_factory import NOW, BookingFactory
from msgspec import Raw
from postgres_server import needs_postgres, session_url
from timeouts import slow
from warehouse import Warehouse

from calcom_async import AccessToken, ApiKey, Calcom, ConfigError, InvalidRequestError, PlatformClient
from calcom_async.export.sources import EXPORTABLE
from calcom_async.pages import IncompleteListWarning
from calcom_async.sandbox import Sandbox

dlt = pytest.importorskip("dlt")
pytest.importorskip("duckdb")

from dlt.pipeline.exceptions import PipelineStepFailed  # noqa: E402

from calcom_async.export.dlt_source import DEFAULT_RESOURCES, _row, dlt_source  # noqa: E402

ROWS = 300
SECRET = "whsec_never_loaded"
SAMPLE = [(number // 3, number % 40, None if number % 5 else 5000 + number) for number in range(ROWS)]
OWN = {"bookings", "event_types", "schedules", "webhooks", "teams"}


@pytest.fixture(autouse=True)
def no_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Hide the settings of the developer who runs the tests, and send no telemetry."""
    monkeypatch.setenv("RUNTIME__DLTHUB_TELEMETRY", "false")
    monkeypatch.setenv("DLT_DATA_DIR", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)


@pytest.fixture(autouse=True)
def no_leftovers(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Check that no thread, task or connection is left after a load, and that asyncio logs nothing."""
    before = set(threading.enumerate())
    yield
    assert [thread for thread in threading.enumerate() if thread not in before] == []
    assert [record.getMessage() for record in caplog.records if record.name == "asyncio"] == []


@pytest.fixture
def duckdb(tmp_path: Path) -> Warehouse:
    return Warehouse(tmp_path, dlt.destinations.duckdb(str(tmp_path / "warehouse.duckdb")))


@pytest.fixture(params=["duckdb", pytest.param("postgres", marks=[needs_postgres, pytest.mark.slow])])
def warehouse(request: pytest.FixtureRequest, tmp_path: Path, duckdb: Warehouse) -> Iterator[Warehouse]:
    """A database of each kind."""
    if request.param == "duckdb":
        yield duckdb
        return
    postgres = Warehouse(tmp_path, dlt.destinations.postgres(session_url()))
    yield postgres
    with postgres.pipeline().sql_client() as client:
        client.drop_dataset()


@contextmanager
def account(monkeypatch: pytest.MonkeyPatch, **settings: Any) -> Iterator[Sandbox]:
    """Start a sandbox that the environment variables name."""
    with Sandbox(now=NOW, **settings) as sandbox:
        monkeypatch.setenv("CAL_API_KEY", sandbox.api_key)
        monkeypatch.setenv("CAL_API_URL", sandbox.url)
        yield sandbox


@pytest.fixture
def sandbox(monkeypatch: pytest.MonkeyPatch) -> Iterator[Sandbox]:
    with account(monkeypatch, ties=True, unstable_order=True) as sandbox:
        yield sandbox


@pytest.fixture
def factory(sandbox: Sandbox) -> BookingFactory:
    """A server whose bookings share times, in an order that changes with every request."""
    factory = BookingFactory(sandbox, random.Random(0))
    factory.fill(SAMPLE)
    return factory


def statuses(factory: BookingFactory) -> dict[str, str]:
    return {uid: booking.status for uid, booking in factory.store.bookings.items()}


def change(factory: BookingFactory) -> None:
    """Create, update, cancel and reschedule bookings."""
    factory.mutate(created=2, touched=3, moved=4, cancelled=5)
    factory.sandbox.faults.after_each("GET", "/v2/bookings", factory.store)
    factory.sandbox.faults.clear()


# --- loads ----------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_the_first_load_is_complete(factory: BookingFactory, warehouse: Warehouse) -> None:
    """Each booking is in the table once, with its people in other tables and its times as timestamps."""
    warehouse.load()
    assert warehouse.bookings() == statuses(factory)
    assert warehouse.attendees() == ROWS
    orphans = "SELECT count(*) FROM bookings__attendees WHERE _dlt_parent_id NOT IN (SELECT _dlt_id FROM bookings)"
    assert warehouse.query(orphans) == [(0,)]
    types = warehouse.types("bookings")
    assert {types[name] for name in ("start", "end", "created_at", "updated_at")} == {"timestamp with time zone"}
    created = dict(warehouse.query("SELECT uid, extract(epoch FROM created_at) FROM bookings"))
    assert created == {uid: booking.created_at.timestamp() for uid, booking in factory.store.bookings.items()}
    assert {"event_types", "schedules", "teams", "bookings__hosts", "schedules__availability"} <= warehouse.tables()


def test_a_row_with_invalid_values_is_loaded() -> None:
    """Bytes that are no UTF-8, and numbers out of range, cost their value and not the load."""
    row = _row(Raw(b'{"id":1,"title":"a\xffb","n":1e999,"key":"k"}'), {"key"})
    assert row == {"id": 1, "title": "a\ufffdb"}


@pytest.mark.slow
def test_a_later_load_reads_the_changes(factory: BookingFactory, warehouse: Warehouse) -> None:
    """New, updated, cancelled and rescheduled bookings replace the old rows, with a few requests."""
    warehouse.load("bookings")
    change(factory)
    factory.sandbox.requests.clear()
    warehouse.load("bookings")
    assert warehouse.bookings() == statuses(factory)
    assert warehouse.attendees() == len(factory.store.bookings)
    assert 0 < len(factory.sandbox.requests) <= 8
    again = warehouse.query(
        "SELECT count(*) FROM bookings WHERE _dlt_load_id > (SELECT min(_dlt_load_id) FROM bookings)"
    )
    assert 0 < again[0][0] < ROWS / 3


@pytest.mark.slow
def test_the_watermark_is_in_the_database(factory: BookingFactory, duckdb: Warehouse) -> None:
    """Another machine continues where the last one stopped."""
    duckdb.load("bookings")
    change(factory)
    factory.sandbox.requests.clear()
    duckdb.move_to_another_machine().load("bookings")
    assert duckdb.bookings() == statuses(factory)
    assert any("afterUpdatedAt" in dict(request.query) for request in factory.sandbox.requests)


@pytest.mark.parametrize("at_first", [True, False])
@pytest.mark.slow
def test_an_interrupted_load_changes_nothing(factory: BookingFactory, duckdb: Warehouse, *, at_first: bool) -> None:
    """After a failure between rows the table is unchanged, and the next load is complete."""
    if not at_first:
        duckdb.load("bookings")
        before = duckdb.bookings()
        change(factory)
    factory.sandbox.faults.add("GET", "/v2/bookings", status=403, after=3)
    with pytest.raises(PipelineStepFailed, match="403"):
        duckdb.load("bookings")
    factory.sandbox.faults.clear()
    if at_first:
        assert "bookings" not in duckdb.tables()
    else:
        assert duckdb.bookings() == before
    duckdb.load("bookings")
    assert duckdb.bookings() == statuses(factory)


@pytest.mark.parametrize(
    "then",
    [
        "the next run",
        pytest.param("abort", marks=pytest.mark.slow),
        pytest.param("another machine", marks=pytest.mark.slow),
    ],
)
@pytest.mark.slow
def test_rows_that_were_extracted_but_not_loaded_are_read_again(
    factory: BookingFactory, duckdb: Warehouse, then: str
) -> None:
    """Whether a load that stopped after the last row is completed, aborted or lost, no change is missed."""
    duckdb.load("bookings")
    change(factory)
    interrupted = duckdb.pipeline()
    interrupted.extract(dlt_source().with_resources("bookings"))
    interrupted.normalize()
    if then == "abort":
        interrupted.abort_packages()
    elif then == "another machine":
        duckdb.move_to_another_machine()
    else:
        interrupted.load()
    change(factory)
    duckdb.load("bookings")
    assert duckdb.bookings() == statuses(factory)


@pytest.mark.slow
def test_deleted_rows_of_other_lists_are_removed(sandbox: Sandbox, warehouse: Warehouse) -> None:
    """Lists other than bookings are replaced, even by an empty list."""
    sandbox.run(lambda: sandbox.store.schedules[1].update(name="Early"))
    warehouse.load()
    assert warehouse.query("SELECT name FROM schedules") == [("Early",)]
    assert len(warehouse.query("SELECT id FROM event_types")) > 1
    sandbox.run(sandbox.store.event_types.clear)
    warehouse.load()
    assert warehouse.query("SELECT id FROM event_types") == []
    assert warehouse.query("SELECT * FROM event_types__users") == []


@pytest.mark.slow
def test_each_account_has_its_own_watermark(factory: BookingFactory, duckdb: Warehouse) -> None:
    """The last load of one account does not affect the bookings of another one."""
    duckdb.load("bookings", api_key="cal_sandbox_bo")
    duckdb.load("bookings")
    assert duckdb.bookings() == statuses(factory)


# --- columns --------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_free_form_objects_are_json(factory: BookingFactory, warehouse: Warehouse) -> None:
    """Metadata and responses add no columns, however many keys users choose."""
    for number, booking in enumerate(factory.store.bookings.values()):
        booking.metadata = {f"key{number}": "value"}
        booking.responses = {f"question{number}": {"answer": number}}
    warehouse.load("bookings")
    types = warehouse.types("bookings")
    assert {types["metadata"], types["booking_fields_responses"]} <= {"json", "jsonb"}
    assert not [name for name in types if "key" in name or "question" in name]
    assert {name for name in warehouse.tables() if "__" in name} == {"bookings__hosts", "bookings__attendees"}


@pytest.mark.slow
def test_types_do_not_depend_on_the_first_rows(factory: BookingFactory, duckdb: Warehouse) -> None:
    """A title that looks like a time is text, and a column without a value exists."""
    factory.fill([(0, 0, None)])
    next(iter(factory.store.bookings.values())).title = "2026-01-05T09:00:00Z"
    duckdb.load("bookings")
    first = duckdb.types("bookings")
    factory.fill(SAMPLE)
    duckdb.load("bookings")
    assert duckdb.types("bookings") == first
    assert duckdb.query("SELECT count(*) FROM bookings WHERE title = '2026-01-05T09:00:00Z'") == [(1,)]
    assert first["rating"] == "double"


@pytest.mark.slow
def test_fields_that_no_model_has_are_loaded(factory: BookingFactory, duckdb: Warehouse) -> None:
    """A new field of the API becomes a column."""
    time = "2026-01-05T09:00:00Z"
    hosts = [{"id": "unknown", "mood": "good"}]
    row = {"id": 1, "uid": "u", "createdAt": time, "start": time, "flavour": "sweet", "hosts": hosts}
    page = {"status": "success", "data": [row], "pagination": {"totalItems": 1, "hasNextPage": False}}
    factory.sandbox.faults.add("GET", "/v2/bookings", body=page, times=99)
    duckdb.load("bookings")
    assert duckdb.query("SELECT uid, flavour FROM bookings") == [("u", "sweet")]
    assert duckdb.query("SELECT id, id__v_text, mood FROM bookings__hosts") == [(None, "unknown", "good")]


# --- secrets --------------------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("fails", [False, True])
def test_secrets_are_not_stored_or_shown(
    sandbox: Sandbox, duckdb: Warehouse, monkeypatch: pytest.MonkeyPatch, capfd: Any, caplog: Any, *, fails: bool
) -> None:
    """Neither the key nor the secret of a webhook is in the database, in files of dlt, in logs or in an error."""
    key = "cal_sandbox_bo"
    asyncio.run(_add_webhook(key, sandbox.url))
    monkeypatch.setenv("SOURCES__CALCOM__API_KEY", key)
    message = ""
    if fails:
        sandbox.faults.add("GET", "/v2/webhooks", status=401)
        with pytest.raises(PipelineStepFailed) as failure:
            duckdb.load()
        message = "".join(traceback.format_exception(failure.value))
        assert "401" in message
    else:
        duckdb.load()
        assert duckdb.query("SELECT subscriber_url FROM webhooks") == [("https://hooks.test/",)]
        assert "secret" not in duckdb.types("webhooks")
    files = [file for file in duckdb.folder.rglob("*") if file.is_file()]
    assert any(file.suffix == ".pickle" for file in files)
    for secret in (key, SECRET):
        assert not [file for file in files if secret.encode() in file.read_bytes()]
        assert secret not in message + str(duckdb.pipeline().last_trace) + caplog.text + "".join(capfd.readouterr())


async def _add_webhook(key: str, url: str) -> None:
    async with Calcom(key, base_url=url) as cal:
        await cal.webhooks.create(subscriber_url="https://hooks.test/", triggers=["BOOKING_CREATED"], secret=SECRET)


# --- failures ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("failing", ["bookings", *slow("schedules", "teams")])
def test_an_error_ends_all_lists(factory: BookingFactory, duckdb: Warehouse, failing: str) -> None:
    """If one list fails, the others that are being read end too."""
    factory.sandbox.faults.add("GET", f"/v2/{failing}", status=403, after=1 if failing == "bookings" else 0)
    factory.sandbox.faults.add("GET", "/v2/bookings", slow=0.05, times=99)
    with pytest.raises(PipelineStepFailed, match="403"):
        duckdb.load()
    gc.collect()


def test_a_source_can_be_limited_and_used_again(factory: BookingFactory) -> None:
    """Rows can be read without a pipeline. A limit of dlt ends the reading and leaves nothing behind."""
    source = dlt_source().with_resources("bookings")
    assert 0 < len(list(dlt_source().with_resources("bookings").add_limit(1))) < ROWS
    for _ in range(2):
        assert {row["uid"] for row in source} == set(factory.store.bookings)


@pytest.mark.slow
def test_a_source_works_in_a_running_event_loop(factory: BookingFactory, duckdb: Warehouse) -> None:
    """A notebook has an event loop in the thread that loads."""

    async def cell() -> None:
        duckdb.load("bookings")

    asyncio.run(cell())
    assert duckdb.bookings() == statuses(factory)


@pytest.mark.slow
def test_missing_rows_are_a_warning(factory: BookingFactory, duckdb: Warehouse) -> None:
    """If the server counts more bookings than it returns, there is a warning."""
    page = {"status": "success", "data": [], "pagination": {"totalItems": 9, "hasNextPage": False}}
    factory.sandbox.faults.add("GET", "/v2/bookings", body=page, times=99)
    with pytest.warns(IncompleteListWarning, match="9 rows that the server counts were not returned"):
        duckdb.load("bookings")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"team": 1, "filters": {"flavour": "sweet"}}, "flavour"),
        ({"base_url": "ftp://calendar.test"}, "base URL must look like"),
        ({"user": 3}, "cannot be exported for user"),
    ],
    ids=str,
)
def test_invalid_settings_are_rejected_before_a_request(sandbox: Sandbox, settings: Any, message: str) -> None:
    """The error comes when the source is created."""
    with pytest.raises((ConfigError, InvalidRequestError), match=message):
        dlt_source(**settings)
    assert sandbox.requests == []


# --- scopes and settings --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("scope", "resources"),
    [
        ({}, OWN),
        ({"organization": 1}, {"bookings", "schedules", "webhooks", "teams", "memberships"}),
        ({"team": 2}, {"bookings", "event_types", "schedules", "memberships"}),
        ({"organization": 1, "team": 2}, {"bookings", "event_types", "schedules", "memberships"}),
        ({"organization": 1, "user": 1}, {"bookings", "schedules"}),
    ],
    ids=["own", "organization", "team", "team of an organization", "user of an organization"],
)
def test_a_scope_has_its_lists(sandbox: Sandbox, scope: Any, resources: set[str]) -> None:
    """Lists that a scope does not have are left out, and lists that are not loaded by default can be selected."""
    source = dlt_source(**scope)
    assert set(source.selected_resources) == resources
    scope_name = " ".join(scope)
    assert set(source.resources) == {
        name.replace("-", "_") for name, exportable in EXPORTABLE.items() if scope_name in exportable.scopes
    }


@pytest.mark.parametrize("scope", [{"organization": 1}, {"team": 2}, {"organization": 1, "team": 2}], ids=str)
@pytest.mark.slow
def test_every_list_of_every_scope_can_be_loaded(sandbox: Sandbox, duckdb: Warehouse, scope: Any) -> None:
    """Each exportable list has its own table, and a second load changes nothing."""
    names = list(dlt_source(**scope).resources)
    duckdb.load(*names, **scope)
    first = {table: duckdb.query(f"SELECT count(*) FROM {table}") for table in duckdb.tables()}
    duckdb.load(*names, **scope)
    assert {table: duckdb.query(f"SELECT count(*) FROM {table}") for table in duckdb.tables()} == first
    assert first["memberships"] > [(0,)]
    assert duckdb.types("memberships")["user__email"] == "varchar"


@pytest.mark.slow
def test_bookings_of_a_team_are_replaced(factory: BookingFactory, duckdb: Warehouse) -> None:
    """Not every server lists the changed bookings of a team, so each load reads all."""
    for booking in factory.store.bookings.values():
        booking.team_id = 2
    duckdb.load("bookings", team=2)
    change(factory)
    duckdb.load("bookings", team=2)
    assert duckdb.bookings() == {
        uid: booking.status for uid, booking in factory.store.bookings.items() if booking.team_id == 2
    }


@pytest.mark.slow
def test_filters_are_those_of_bookings(factory: BookingFactory, duckdb: Warehouse) -> None:
    """Only matching bookings are loaded. A filter that rows can leave is rejected."""
    later = sorted(booking.start for booking in factory.store.bookings.values())[ROWS // 2]
    duckdb.load(filters={"after_start": later})
    assert set(duckdb.bookings()) == {uid for uid, booking in factory.store.bookings.items() if booking.start >= later}
    with pytest.raises(InvalidRequestError, match="cannot have the filter status"):
        duckdb.load("bookings", filters={"status": ["past"]})


@pytest.mark.slow
def test_settings_come_from_dlt(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, duckdb: Warehouse) -> None:
    """The configuration of dlt precedes the environment variables of this package, and arguments precede both."""
    monkeypatch.setenv("CAL_API_KEY", "cal_unknown")
    monkeypatch.setenv("CAL_API_URL", "http://127.0.0.1:9/v2")
    monkeypatch.setenv("SOURCES__CALCOM__API_KEY", sandbox.api_key)
    monkeypatch.setenv("SOURCES__CALCOM__BASE_URL", sandbox.url)
    monkeypatch.setenv("SOURCES__CALCOM__ORGANIZATION", "1")
    duckdb.load("memberships")
    assert duckdb.query("SELECT count(*) FROM memberships") > [(0,)]
    with pytest.raises(PipelineStepFailed, match="401"):
        duckdb.load("memberships", api_key="cal_other")


@pytest.mark.parametrize(
    "kind",
    [
        "ApiKey",
        pytest.param("AccessToken", marks=pytest.mark.slow),
        pytest.param("PlatformClient", marks=pytest.mark.slow),
    ],
)
def test_all_kinds_of_credentials_are_accepted(sandbox: Sandbox, duckdb: Warehouse, kind: str) -> None:
    """They can be given as objects."""
    client_id, client = next(iter(sandbox.store.oauth_clients.items()))
    token = next(iter(sandbox.store.access_tokens))
    credentials = {
        "ApiKey": lambda: ApiKey(sandbox.api_key),
        "AccessToken": lambda: AccessToken(token),
        "PlatformClient": lambda: PlatformClient(client_id, client["secret"]),
    }
    duckdb.load("bookings", "schedules", api_key=credentials[kind]())
    assert "schedules" in duckdb.tables()


def test_a_missing_key_is_an_error_that_says_where_to_put_one() -> None:
    """The error names the environment variable."""
    with pytest.raises(ConfigError, match="CAL_API_KEY"):
        dlt_source()


def test_the_default_resources_exist() -> None:
    """The default selection contains exportable lists only."""
    assert set(DEFAULT_RESOURCES) <= set(EXPORTABLE)
