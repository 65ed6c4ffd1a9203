"""Cal.com as a source of dlt: what is loaded is what is there, whatever fails in between, and no secret with it."""

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


class Warehouse:
    """A database, and the machine that loads it with dlt; a fresh machine knows only what the database keeps."""

    def __init__(self, folder: Path, destination: Any) -> None:
        self.folder = folder
        self.destination = destination
        self.machine = folder / "machine"
        self.dataset = f"calcom_{random.randrange(10**9)}"

    def pipeline(self) -> Any:
        return dlt.pipeline("calcom", str(self.machine), destination=self.destination, dataset_name=self.dataset)

    def load(self, *resources: str, **settings: Any) -> None:
        source = dlt_source(**settings)
        self.loaded = self.pipeline()
        self.loaded.run(source.with_resources(*resources) if resources else source)

    def on_another_machine(self) -> Warehouse:
        self.machine = self.folder / "another machine"
        return self

    def ask(self, sql: str) -> list[Any]:
        with self.loaded.sql_client() as client:
            return list(client.execute_sql(sql))

    def bookings(self) -> dict[str, str]:
        """The status of every booking; each is there once."""
        found = self.ask("SELECT uid, status FROM bookings")
        assert len(found) == len(dict(found))
        return dict(found)

    def attendees(self) -> int:
        return int(self.ask("SELECT count(*) FROM bookings__attendees")[0][0])

    def types(self, table: str) -> dict[str, str]:
        """The columns of a table and their types, without dlt's own."""
        where = f"table_schema = '{self.dataset}' AND table_name = '{table}'"
        found = self.ask(f"SELECT column_name, data_type FROM information_schema.columns WHERE {where}")
        return {name: kind.lower() for name, kind in found if not name.startswith("_dlt")}

    def tables(self) -> set[str]:
        found = self.ask(f"SELECT table_name FROM information_schema.tables WHERE table_schema = '{self.dataset}'")
        return {name for (name,) in found if not name.startswith("_dlt")}


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Read no settings of whoever runs the tests, and tell nobody of them."""
    monkeypatch.setenv("RUNTIME__DLTHUB_TELEMETRY", "false")
    monkeypatch.setenv("DLT_DATA_DIR", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)


@pytest.fixture(autouse=True)
def nothing_is_left(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """After every load no thread, task or connection is left, and asyncio has nothing to complain of."""
    before = set(threading.enumerate())
    yield
    assert [thread for thread in threading.enumerate() if thread not in before] == []
    assert [record.getMessage() for record in caplog.records if record.name == "asyncio"] == []


@pytest.fixture
def duckdb(tmp_path: Path) -> Warehouse:
    return Warehouse(tmp_path, dlt.destinations.duckdb(str(tmp_path / "warehouse.duckdb")))


@pytest.fixture(params=["duckdb", pytest.param("postgres", marks=[needs_postgres, pytest.mark.slow])])
def warehouse(request: pytest.FixtureRequest, tmp_path: Path, duckdb: Warehouse) -> Iterator[Warehouse]:
    """One of each kind."""
    if request.param == "duckdb":
        yield duckdb
        return
    postgres = Warehouse(tmp_path, dlt.destinations.postgres(session_url()))
    yield postgres
    with postgres.pipeline().sql_client() as client:
        client.drop_dataset()


@contextmanager
def account(monkeypatch: pytest.MonkeyPatch, **settings: Any) -> Iterator[Sandbox]:
    """A sandbox that the environment points to."""
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
    """Bookings of which many share a time, in an order that changes from request to request."""
    factory = BookingFactory(sandbox, random.Random(0))
    factory.fill(SAMPLE)
    return factory


def statuses(factory: BookingFactory) -> dict[str, str]:
    return {uid: booking.status for uid, booking in factory.store.bookings.items()}


def change(factory: BookingFactory) -> None:
    """Bookings are made, touched, cancelled and rescheduled."""
    factory.mutate(created=2, touched=3, moved=4, cancelled=5)
    factory.sandbox.faults.after_each("GET", "/v2/bookings", factory.store)
    factory.sandbox.faults.clear()


# --- loads ----------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_the_first_load_is_complete(factory: BookingFactory, warehouse: Warehouse) -> None:
    """Every booking is in the table once, with its people in tables of their own and its times as times."""
    warehouse.load()
    assert warehouse.bookings() == statuses(factory)
    assert warehouse.attendees() == ROWS
    orphans = "SELECT count(*) FROM bookings__attendees WHERE _dlt_parent_id NOT IN (SELECT _dlt_id FROM bookings)"
    assert warehouse.ask(orphans) == [(0,)]
    types = warehouse.types("bookings")
    assert {types[name] for name in ("start", "end", "created_at", "updated_at")} == {"timestamp with time zone"}
    created = dict(warehouse.ask("SELECT uid, extract(epoch FROM created_at) FROM bookings"))
    assert created == {uid: booking.created_at.timestamp() for uid, booking in factory.store.bookings.items()}
    assert {"event_types", "schedules", "teams", "bookings__hosts", "schedules__availability"} <= warehouse.tables()


def test_a_row_with_text_that_is_no_unicode_is_loaded() -> None:
    """Bytes that are no UTF-8, and numbers out of range, cost their value and not the load."""
    row = _row(Raw(b'{"id":1,"title":"a\xffb","n":1e999,"key":"k"}'), {"key"})
    assert row == {"id": 1, "title": "a\ufffdb"}


@pytest.mark.slow
def test_a_later_load_brings_what_has_changed(factory: BookingFactory, warehouse: Warehouse) -> None:
    """New, touched, cancelled and rescheduled bookings take the place of the old rows, for a handful of requests."""
    warehouse.load("bookings")
    change(factory)
    factory.sandbox.requests.clear()
    warehouse.load("bookings")
    assert warehouse.bookings() == statuses(factory)
    assert warehouse.attendees() == len(factory.store.bookings)
    assert 0 < len(factory.sandbox.requests) <= 8
    again = warehouse.ask("SELECT count(*) FROM bookings WHERE _dlt_load_id > (SELECT min(_dlt_load_id) FROM bookings)")
    assert 0 < again[0][0] < ROWS / 3


@pytest.mark.slow
def test_the_database_remembers_how_far_it_came(factory: BookingFactory, duckdb: Warehouse) -> None:
    """Another machine goes on where the last one stopped."""
    duckdb.load("bookings")
    change(factory)
    factory.sandbox.requests.clear()
    duckdb.on_another_machine().load("bookings")
    assert duckdb.bookings() == statuses(factory)
    assert any("afterUpdatedAt" in dict(seen.query) for seen in factory.sandbox.requests)


@pytest.mark.parametrize("at_first", [True, False])
@pytest.mark.slow
def test_a_load_that_breaks_off_changes_nothing(factory: BookingFactory, duckdb: Warehouse, *, at_first: bool) -> None:
    """A failure in the midst of the rows leaves the table as it was, and the next load is right."""
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
def test_rows_that_were_not_loaded_are_not_taken_for_loaded(
    factory: BookingFactory, duckdb: Warehouse, then: str
) -> None:
    """Whether a load that broke off behind the last row is finished, aborted or lost, the changes come in the end."""
    duckdb.load("bookings")
    change(factory)
    broken = duckdb.pipeline()
    broken.extract(dlt_source().with_resources("bookings"))
    broken.normalize()
    if then == "abort":
        broken.abort_packages()
    elif then == "another machine":
        duckdb.on_another_machine()
    else:
        broken.load()
    change(factory)
    duckdb.load("bookings")
    assert duckdb.bookings() == statuses(factory)


@pytest.mark.slow
def test_what_was_deleted_vanishes(sandbox: Sandbox, warehouse: Warehouse) -> None:
    """Lists other than bookings are replaced, down to the last row."""
    sandbox.run(lambda: sandbox.store.schedules[1].update(name="Early"))
    warehouse.load()
    assert warehouse.ask("SELECT name FROM schedules") == [("Early",)]
    assert len(warehouse.ask("SELECT id FROM event_types")) > 1
    sandbox.run(sandbox.store.event_types.clear)
    warehouse.load()
    assert warehouse.ask("SELECT id FROM event_types") == []
    assert warehouse.ask("SELECT * FROM event_types__users") == []


@pytest.mark.slow
def test_each_account_has_its_own_watermark(factory: BookingFactory, duckdb: Warehouse) -> None:
    """What one account's last load saw says nothing of another's bookings."""
    duckdb.load("bookings", api_key="cal_sandbox_bo")
    duckdb.load("bookings")
    assert duckdb.bookings() == statuses(factory)


# --- columns --------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_free_form_objects_are_json(factory: BookingFactory, warehouse: Warehouse) -> None:
    """Metadata and answers make no columns, however many keys people choose."""
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
    """A title that looks like a time is text, and a column without any value is there nevertheless."""
    factory.fill([(0, 0, None)])
    next(iter(factory.store.bookings.values())).title = "2026-01-05T09:00:00Z"
    duckdb.load("bookings")
    first = duckdb.types("bookings")
    factory.fill(SAMPLE)
    duckdb.load("bookings")
    assert duckdb.types("bookings") == first
    assert duckdb.ask("SELECT count(*) FROM bookings WHERE title = '2026-01-05T09:00:00Z'") == [(1,)]
    assert first["rating"] == "double"


@pytest.mark.slow
def test_fields_that_no_model_knows_are_loaded(factory: BookingFactory, duckdb: Warehouse) -> None:
    """What Cal.com adds becomes a column by itself."""
    time = "2026-01-05T09:00:00Z"
    hosts = [{"id": "unknown", "mood": "good"}]
    row = {"id": 1, "uid": "u", "createdAt": time, "start": time, "flavour": "sweet", "hosts": hosts}
    page = {"status": "success", "data": [row], "pagination": {"totalItems": 1, "hasNextPage": False}}
    factory.sandbox.faults.add("GET", "/v2/bookings", body=page, times=99)
    duckdb.load("bookings")
    assert duckdb.ask("SELECT uid, flavour FROM bookings") == [("u", "sweet")]
    assert duckdb.ask("SELECT id, id__v_text, mood FROM bookings__hosts") == [(None, "unknown", "good")]


# --- secrets --------------------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("fails", [False, True])
def test_no_secret_is_kept_or_told(
    sandbox: Sandbox, duckdb: Warehouse, monkeypatch: pytest.MonkeyPatch, capfd: Any, caplog: Any, *, fails: bool
) -> None:
    """Neither the key nor a webhook's secret is in the database, in dlt's files, in logs or in an error."""
    key = "cal_sandbox_bo"
    asyncio.run(_add_webhook(key, sandbox.url))
    monkeypatch.setenv("SOURCES__CALCOM__API_KEY", key)
    told = ""
    if fails:
        sandbox.faults.add("GET", "/v2/webhooks", status=401)
        with pytest.raises(PipelineStepFailed) as failure:
            duckdb.load()
        told = "".join(traceback.format_exception(failure.value))
        assert "401" in told
    else:
        duckdb.load()
        assert duckdb.ask("SELECT subscriber_url FROM webhooks") == [("https://hooks.test/",)]
        assert "secret" not in duckdb.types("webhooks")
    files = [file for file in duckdb.folder.rglob("*") if file.is_file()]
    assert any(file.suffix == ".pickle" for file in files)
    for secret in (key, SECRET):
        assert not [file for file in files if secret.encode() in file.read_bytes()]
        assert secret not in told + str(duckdb.pipeline().last_trace) + caplog.text + "".join(capfd.readouterr())


async def _add_webhook(key: str, url: str) -> None:
    async with Calcom(key, base_url=url) as cal:
        await cal.webhooks.create(subscriber_url="https://hooks.test/", triggers=["BOOKING_CREATED"], secret=SECRET)


# --- failures ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("failing", ["bookings", *slow("schedules", "teams")])
def test_an_error_ends_all_lists(factory: BookingFactory, duckdb: Warehouse, failing: str) -> None:
    """When one list fails, the others, which are under way, end with it."""
    factory.sandbox.faults.add("GET", f"/v2/{failing}", status=403, after=1 if failing == "bookings" else 0)
    factory.sandbox.faults.add("GET", "/v2/bookings", slow=0.05, times=99)
    with pytest.raises(PipelineStepFailed, match="403"):
        duckdb.load()
    gc.collect()


def test_a_source_can_be_limited_and_used_again(factory: BookingFactory) -> None:
    """Rows can be had without a pipeline; a limit of dlt's ends the walk and leaves nothing behind."""
    source = dlt_source().with_resources("bookings")
    assert 0 < len(list(dlt_source().with_resources("bookings").add_limit(1))) < ROWS
    for _ in range(2):
        assert {row["uid"] for row in source} == set(factory.store.bookings)


@pytest.mark.slow
def test_it_works_where_a_loop_is_running(factory: BookingFactory, duckdb: Warehouse) -> None:
    """A notebook has an event loop in the thread that loads."""

    async def cell() -> None:
        duckdb.load("bookings")

    asyncio.run(cell())
    assert duckdb.bookings() == statuses(factory)


@pytest.mark.slow
def test_rows_that_never_show_are_told(factory: BookingFactory, duckdb: Warehouse) -> None:
    """When the server counts more bookings than it shows, there is a warning."""
    page = {"status": "success", "data": [], "pagination": {"totalItems": 9, "hasNextPage": False}}
    factory.sandbox.faults.add("GET", "/v2/bookings", body=page, times=99)
    with pytest.warns(IncompleteListWarning, match="9 rows that the server counts were not returned"):
        duckdb.load("bookings")


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"team": 1, "filters": {"flavour": "sweet"}}, "flavour"),
        ({"base_url": "ftp://calendar.test"}, "base URL must look like"),
        ({"user": 3}, "cannot be exported for user"),
    ],
    ids=str,
)
def test_settings_that_make_no_sense_are_refused_at_once(sandbox: Sandbox, settings: Any, told: str) -> None:
    """A mistake is told where the source is made, before anything is sent."""
    with pytest.raises((ConfigError, InvalidRequestError), match=told):
        dlt_source(**settings)
    assert sandbox.requests == []


# --- scopes and settings --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("scope", "names"),
    [
        ({}, OWN),
        ({"organization": 1}, {"bookings", "schedules", "webhooks", "teams", "memberships"}),
        ({"team": 2}, {"bookings", "event_types", "schedules", "memberships"}),
        ({"organization": 1, "team": 2}, {"bookings", "event_types", "schedules", "memberships"}),
        ({"organization": 1, "user": 1}, {"bookings", "schedules"}),
    ],
    ids=["own", "organization", "team", "team of an organization", "user of an organization"],
)
def test_a_scope_has_the_lists_that_it_has(sandbox: Sandbox, scope: Any, names: set[str]) -> None:
    """What a scope does not list is left out, and what is not loaded by default can be selected."""
    source = dlt_source(**scope)
    assert set(source.selected_resources) == names
    scope_name = " ".join(scope)
    assert set(source.resources) == {
        thing.replace("-", "_") for thing in EXPORTABLE if scope_name in EXPORTABLE[thing].scopes
    }


@pytest.mark.parametrize("scope", [{"organization": 1}, {"team": 2}, {"organization": 1, "team": 2}], ids=str)
@pytest.mark.slow
def test_every_list_of_every_scope_can_be_loaded(sandbox: Sandbox, duckdb: Warehouse, scope: Any) -> None:
    """Each list that can be exported goes into a table of its own, twice with the same outcome."""
    names = list(dlt_source(**scope).resources)
    duckdb.load(*names, **scope)
    first = {table: duckdb.ask(f"SELECT count(*) FROM {table}") for table in duckdb.tables()}
    duckdb.load(*names, **scope)
    assert {table: duckdb.ask(f"SELECT count(*) FROM {table}") for table in duckdb.tables()} == first
    assert first["memberships"] > [(0,)]
    assert duckdb.types("memberships")["user__email"] == "varchar"


@pytest.mark.slow
def test_a_teams_bookings_are_those_that_there_are(factory: BookingFactory, duckdb: Warehouse) -> None:
    """Its list cannot tell changes, so it is loaded whole each time."""
    for booking in factory.store.bookings.values():
        booking.team_id = 2
    duckdb.load("bookings", team=2)
    change(factory)
    duckdb.load("bookings", team=2)
    assert duckdb.bookings() == {uid: one.status for uid, one in factory.store.bookings.items() if one.team_id == 2}


@pytest.mark.slow
def test_filters_are_those_of_bookings(factory: BookingFactory, duckdb: Warehouse) -> None:
    """Only bookings that match are loaded; one that following changes excludes is refused."""
    later = sorted(booking.start for booking in factory.store.bookings.values())[ROWS // 2]
    duckdb.load(filters={"after_start": later})
    assert set(duckdb.bookings()) == {uid for uid, one in factory.store.bookings.items() if one.start >= later}
    with pytest.raises(InvalidRequestError, match="cannot have the filter status"):
        duckdb.load("bookings", filters={"status": ["past"]})


@pytest.mark.slow
def test_settings_come_from_dlt(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, duckdb: Warehouse) -> None:
    """The configuration of dlt goes before the environment of Cal.com's own tools, and arguments before both."""
    monkeypatch.setenv("CAL_API_KEY", "cal_unknown")
    monkeypatch.setenv("CAL_API_URL", "http://127.0.0.1:9/v2")
    monkeypatch.setenv("SOURCES__CALCOM__API_KEY", sandbox.api_key)
    monkeypatch.setenv("SOURCES__CALCOM__BASE_URL", sandbox.url)
    monkeypatch.setenv("SOURCES__CALCOM__ORGANIZATION", "1")
    duckdb.load("memberships")
    assert duckdb.ask("SELECT count(*) FROM memberships") > [(0,)]
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
def test_any_credentials_will_do(sandbox: Sandbox, duckdb: Warehouse, kind: str) -> None:
    """Objects that prove who asks are taken as they are."""
    client_id, client = next(iter(sandbox.store.oauth_clients.items()))
    token = next(iter(sandbox.store.access_tokens))
    credentials = {
        "ApiKey": lambda: ApiKey(sandbox.api_key),
        "AccessToken": lambda: AccessToken(token),
        "PlatformClient": lambda: PlatformClient(client_id, client["secret"]),
    }
    duckdb.load("bookings", "schedules", api_key=credentials[kind]())
    assert "schedules" in duckdb.tables()


def test_without_a_key_the_way_to_one_is_told() -> None:
    """Where no setting holds a key, the error says where one can be put."""
    with pytest.raises(ConfigError, match="CAL_API_KEY"):
        dlt_source()


def test_what_is_loaded_can_be_listed() -> None:
    """The default selection is of things that there are."""
    assert set(DEFAULT_RESOURCES) <= set(EXPORTABLE)
