"""Exports on a Dask cluster of real processes: the parts are the local export, even if a worker is killed."""

from __future__ import annotations

import asyncio
import os
import pickle
import random
import re
import shutil
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from hashlib import sha256
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest
import redis_server
from booking_factory import NOW, BookingFactory
from cli_process import wait_until
from redis_server import needs_redis
from timeouts import TIMEOUT

pytest.importorskip("distributed")

from distributed import Client, LocalCluster
from typer.testing import CliRunner

from calcom_async import Calcom, ConfigError, ExportError, ExportLockedError, InvalidRequestError
from calcom_async.cli import app
from calcom_async.export import ExportJob, Manifest, Shard, export, partition
from calcom_async.export.distributed import MANIFEST, _write, export_on_dask
from calcom_async.export.lock import exclusive
from calcom_async.pages import IncompleteListWarning
from calcom_async.sandbox import Sandbox

BOOKINGS = ExportJob(take=20)
SECRET = "cal_sandbox"
WORKERS = 2


def variables_of_workers() -> dict[str, str]:
    """Return the environment variables of the workers."""
    keys = {"CAL_API_KEY": SECRET, "CAL_API_KEY_BO___CO": "cal_sandbox_bo", "CAL_API_KEY_WRONG": "cal_sandbox_bo"}
    return {**keys, "REDIS_URL": redis_server.session_url() if redis_server.is_available() else ""}


@contextmanager
def dask_cluster(**settings: Any) -> Iterator[Client]:
    """Run a cluster of two workers, which accept connections over TCP."""
    settings |= {"n_workers": WORKERS, "threads_per_worker": 1, "dashboard_address": ":0", "protocol": "tcp://"}
    with LocalCluster(**settings) as workers, Client(workers) as client:
        yield client


@pytest.fixture(scope="module")
def process_cluster() -> Iterator[Client]:
    """Run a cluster whose workers are processes, for the tests that depend on that."""
    with dask_cluster(processes=True, env=variables_of_workers()) as client:
        yield client


@pytest.fixture(scope="module")
def thread_cluster() -> Iterator[Client]:
    """Run a cluster whose workers are threads of this process, which start at once."""
    with dask_cluster(processes=False) as client:
        yield client


@pytest.fixture
def cluster(thread_cluster: Client, monkeypatch: pytest.MonkeyPatch) -> Client:
    """Return the cluster of threads; its workers have the variables of this process."""
    for name, value in variables_of_workers().items():
        monkeypatch.setenv(name, value)
    return thread_cluster


@pytest.fixture(scope="module")
def shared_sandbox() -> Iterator[Sandbox]:
    with Sandbox(ties=True, unstable_order=True, now=NOW) as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(shared_sandbox: Sandbox) -> Sandbox:
    """A server with 700 bookings. Two hundred were created at one time, and the others in groups of seven."""
    factory = BookingFactory(shared_sandbox, random.Random(0))
    factory.fill([(max(number, 200) // 7, number % 50, None) for number in range(700)])
    shared_sandbox.requests.clear()
    return shared_sandbox


def client(sandbox: Sandbox, key: str = SECRET) -> Calcom:
    return Calcom(key, base_url=sandbox.url, backoff_base=0.0, retry_budget=1000.0)


def shards_of(sandbox: Sandbox, job: ExportJob = BOOKINGS, *, key: str = SECRET, **options: Any) -> list[Shard]:
    async def divide() -> list[Shard]:
        async with client(sandbox, key) as cal:
            return await partition(cal, job, **options)

    return asyncio.run(divide())


def export_locally(sandbox: Sandbox, path: Path, job: ExportJob = BOOKINGS) -> bytes:
    async def write() -> None:
        async with client(sandbox) as cal:
            await export(cal, job, path)

    asyncio.run(write())
    return path.read_bytes()


def manifest_in(folder: Path) -> Manifest:
    return msgspec.json.decode((folder / MANIFEST).read_bytes(), type=Manifest)


def parts_in(folder: Path) -> list[bytes]:
    return [(folder / part.file).read_bytes() for part in manifest_in(folder).parts]


def lower_bounds(sandbox: Sandbox) -> list[datetime]:
    """Return the lower bound of creation of each request for bookings."""
    queries = [dict(request.query) for request in sandbox.requests if request.path.endswith("/bookings")]
    return [datetime.fromisoformat(query.get("afterCreatedAt", "1970-01-01T00:00:00Z")) for query in queries]


# --- shards -------------------------------------------------------------------------------------------------------


def test_shards_have_similar_sizes_and_no_gaps(sandbox: Sandbox) -> None:
    """Time ranges with about as many rows follow each other by the millisecond, up to the watermark."""
    shards = shards_of(sandbox, shards=8)
    ranges = [shard.window for shard in shards]
    assert len(ranges) > 4
    assert ranges[0].after is None
    assert ranges[-1].until == max(booking.created_at for booking in sandbox.store.bookings.values())
    for before, after in pairwise(ranges):
        assert (after.after - before.until).total_seconds() == 0.001


@pytest.mark.parametrize(
    ("job", "number"),
    [
        (ExportJob("event-types"), 1),
        (ExportJob(take=250), 3),
        (ExportJob(filters={"attendee_email": "nobody@visitors.test"}), 1),
    ],
    ids=str,
)
def test_a_shard_has_at_least_a_page(sandbox: Sandbox, job: ExportJob, number: int) -> None:
    """Short lists, and lists that are not read by time, are one shard or a few."""
    assert len(shards_of(sandbox, job, shards=50)) == number


def test_shards_contain_no_proxy(sandbox: Sandbox) -> None:
    """A proxy URL may have a password, so workers use the proxy of their own environment."""

    async def divide() -> list[Shard]:
        async with client(sandbox) as cal:
            cal.config = msgspec.structs.replace(cal.config, proxy="http://user:password@proxy.test")
            return await partition(cal, ExportJob("schedules"), shards=1)

    (shard,) = asyncio.run(divide())
    assert pickle.loads(pickle.dumps(shard)) == shard
    assert shard.config.proxy is None


def test_shards_contain_no_key(sandbox: Sandbox) -> None:
    """They have everything that a worker needs except the API key."""
    (shard,) = shards_of(sandbox, ExportJob("schedules"), account="acme")
    assert SECRET.encode() not in pickle.dumps(shard)
    assert pickle.loads(pickle.dumps(shard)) == shard
    assert shard.variable == "CAL_API_KEY_ACME"


def test_the_number_of_shards_must_be_positive(sandbox: Sandbox) -> None:
    """The error comes before a request."""
    with pytest.raises(InvalidRequestError, match="shards must be an integer >= 1, got 0"):
        shards_of(sandbox, shards=0)
    assert not sandbox.requests


# --- runs ---------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_the_parts_are_the_local_export(process_cluster: Client, sandbox: Sandbox, tmp_path: Path) -> None:
    """Concatenated, they are its bytes although bookings are created, and the manifest has their checksums."""
    expected = export_locally(sandbox, tmp_path / "local.jsonl")
    BookingFactory(sandbox, random.Random(1)).mutate(2, 0, 0, 0)
    shards = shards_of(sandbox, shards=8)
    manifest = export_on_dask(process_cluster, shards, tmp_path / "parts", redis=None)
    assert len(sandbox.store.bookings) > 700
    assert b"".join(parts_in(tmp_path / "parts")) == expected
    assert manifest == manifest_in(tmp_path / "parts")
    assert (manifest.rows, manifest.expected, manifest.missing_rows) == (700, 700, 0)
    assert manifest.watermark == shards[-1].window.until
    assert [part.sha256 for part in manifest.parts] == [
        sha256(data).hexdigest() for data in parts_in(tmp_path / "parts")
    ]
    files = sorted(path.name for path in (tmp_path / "parts").iterdir())
    assert files == [MANIFEST, *[f"part-{number:05}.jsonl" for number in range(len(shards))]]
    assert SECRET not in (tmp_path / "parts" / MANIFEST).read_text()


@pytest.mark.slow
def test_the_list_of_a_team_is_divided_by_creation(process_cluster: Client, sandbox: Sandbox, tmp_path: Path) -> None:
    """The parts contain the same rows as a local export."""
    for booking in sandbox.store.bookings.values():
        booking.team_id = 2
    job = ExportJob(team=2, take=20)
    expected = export_locally(sandbox, tmp_path / "local.jsonl", job)
    shards = shards_of(sandbox, job, shards=5)
    export_on_dask(process_cluster, shards, tmp_path / "parts")
    assert {shard.window.by for shard in shards} == {"created"}
    assert b"".join(parts_in(tmp_path / "parts")) == expected


@pytest.mark.slow
def test_a_killed_worker_loses_no_row(process_cluster: Client, sandbox: Sandbox, tmp_path: Path) -> None:
    """Dask repeats the one shard of the killed process, and nothing of its first attempt is left."""
    expected = export_locally(sandbox, tmp_path / "local.jsonl")
    shards = shards_of(sandbox, shards=4)
    sandbox.requests.clear()
    sandbox.faults.clear().add("GET", "/v2/bookings", after=11, slow=TIMEOUT)
    pids = process_cluster.run(os.getpid)
    killed: list[int] = []

    def kill() -> None:
        wait_until(lambda: sandbox.faults.fired, "the request that is held up")
        busy = next(worker for worker, tasks in process_cluster.processing().items() if tasks)
        os.kill(pids[busy], signal.SIGKILL)
        killed.append(pids[busy])

    killer = threading.Thread(target=kill)
    killer.start()
    export_on_dask(process_cluster, shards, tmp_path / "parts")
    killer.join()
    assert killed
    assert [request.path for request in sandbox.requests].count("/v2/me") <= len(shards) + 1
    assert b"".join(parts_in(tmp_path / "parts")) == expected
    assert len(list((tmp_path / "parts").iterdir())) == 1 + len(shards)
    process_cluster.wait_for_workers(WORKERS)


@pytest.mark.slow
def test_without_redis_one_shard_of_an_account_runs_at_a_time(
    process_cluster: Client, sandbox: Sandbox, tmp_path: Path
) -> None:
    """Workers that share no limiter do not exceed the limit together: requests come in the order of time."""
    shards = shards_of(sandbox, shards=6)
    sandbox.requests.clear()
    export_on_dask(process_cluster, shards, tmp_path / "parts")
    assert len(lower_bounds(sandbox)) > 30
    assert sorted(lower_bounds(sandbox)) == lower_bounds(sandbox)


@needs_redis
@pytest.mark.slow
def test_with_redis_the_workers_share_the_limit(process_cluster: Client, tmp_path: Path) -> None:
    """Shards of one account run concurrently, and the server sends no 429."""
    with Sandbox(rate_limit=60, window=2, block=5) as sandbox:
        BookingFactory(sandbox, random.Random(0)).fill([(number, 0, None) for number in range(1500)])
        shards = shards_of(sandbox, ExportJob(take=10), shards=6)
        sandbox.requests.clear()
        manifest = export_on_dask(process_cluster, shards, tmp_path / "parts", redis="$REDIS_URL")
        assert manifest.rows == 1500
        assert {request.status for request in sandbox.requests} == {200}
    assert sorted(lower_bounds(sandbox)) != lower_bounds(sandbox)


def test_each_account_has_its_own_variable(cluster: Client, sandbox: Sandbox, tmp_path: Path) -> None:
    """Shards of several accounts form one data set. Each key comes from the environment of the worker."""
    shards_of_bo = shards_of(sandbox, ExportJob("schedules"), key="cal_sandbox_bo", account="bo & co")
    manifest = export_on_dask(cluster, [*shards_of(sandbox, shards=2), *shards_of_bo], tmp_path)
    assert [(part.file, part.account) for part in manifest.parts] == [
        ("part-00000.jsonl", None),
        ("part-00001.jsonl", None),
        ("part-00002.jsonl", "bo & co"),
    ]
    assert manifest.expected is None
    assert len(manifest.lists) == 2


@pytest.mark.slow
def test_a_parquet_data_set_can_be_read_as_one(process_cluster: Client, sandbox: Sandbox, tmp_path: Path) -> None:
    """Readers of data sets find parts with one schema, and ignore the manifest."""
    dataset = pytest.importorskip("pyarrow.dataset")
    export_on_dask(process_cluster, shards_of(sandbox, shards=4), tmp_path, format="parquet")
    assert dataset.dataset(tmp_path, format="parquet").count_rows() == 700
    assert len(set(dataset.dataset(tmp_path).to_table(columns=["uid"])["uid"].to_pylist())) == 700


def test_missing_rows_are_reported(cluster: Client, sandbox: Sandbox, tmp_path: Path) -> None:
    """If there are fewer rows than the server counted, there is a warning, and the manifest has the number."""
    shards = shards_of(sandbox, shards=3)
    sandbox.store.bookings.popitem()
    with pytest.warns(IncompleteListWarning, match="1 rows that the server counts"):
        manifest = export_on_dask(cluster, shards, tmp_path)
    assert manifest_in(tmp_path).missing_rows == manifest.missing_rows == 1


# --- failures -----------------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize(
    ("account", "redis", "message"),
    [
        (
            "acme",
            None,
            "account acme, .*: ConfigError: CAL_API_KEY_ACME is not set in the environment of the worker on ",
        ),
        ("wrong", None, "ConfigError: CAL_API_KEY_WRONG on .* is of user 2 at .*, not of user 1 at "),
        (None, "redis://:$REDIS_PASSWORD@localhost", "ConfigError: REDIS_PASSWORD is not set"),
        (None, "redis://:$@localhost", "ConfigError: the URL of Redis has a .* that no name follows"),
    ],
)
def test_a_missing_variable_of_a_worker_is_an_error(  # noqa: PLR0917
    process_cluster: Client, sandbox: Sandbox, tmp_path: Path, account: str | None, redis: str | None, message: str
) -> None:
    """The error names the shard and the variable, and there is no manifest."""
    shards = shards_of(sandbox, shards=3, account=account)
    with pytest.raises(ExportError, match=f"^bookings of user 1 at .*{message}") as caught:
        export_on_dask(process_cluster, shards, tmp_path, redis=redis, retries=1)
    assert isinstance(caught.value.__cause__, ConfigError)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_a_failure_keeps_the_earlier_data_set(process_cluster: Client, sandbox: Sandbox, tmp_path: Path) -> None:
    """The error names the time range that failed. The next run replaces the earlier data set."""
    shards = shards_of(sandbox, shards=5)
    export_on_dask(process_cluster, shards, tmp_path)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    sandbox.faults.add("GET", "/v2/bookings", status=403, after=15, times=9)
    sandbox.requests.clear()
    with pytest.raises(ExportError, match=r"bookings of user 1 at .*, created .*: ForbiddenError: ") as caught:
        export_on_dask(process_cluster, shards, tmp_path, retries=0)
    (failed,) = [shard for shard in shards if str(caught.value).startswith(f"{shard}: ")]
    assert failed.window.after <= lower_bounds(sandbox)[-1] <= failed.window.until < shards[-1].window.until
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before
    sandbox.faults.clear()
    manifest = export_on_dask(process_cluster, shards_of(sandbox, shards=2), tmp_path, format="csv.gz")
    assert sorted(path.name for path in tmp_path.iterdir()) == [MANIFEST, "part-00000.csv.gz", "part-00001.csv.gz"]
    assert manifest.format == "csv.gz"


def test_a_task_ends_with_its_run(sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A task whose run was cancelled sends at most one more request."""
    monkeypatch.setenv("CAL_API_KEY", SECRET)
    (shard,) = shards_of(sandbox, shards=1)
    staging = tmp_path / ".run-0123abcd"
    staging.mkdir()
    sandbox.requests.clear()
    sandbox.faults.after_each("GET", "/v2/bookings", lambda _: shutil.rmtree(staging, ignore_errors=True))
    with pytest.raises(ExportError, match="its run has ended, or the folder is not one that the workers share"):
        _write(shard, "part-00000.jsonl", staging, None)
    assert len(lower_bounds(sandbox)) <= 2


def test_dask_repeats_a_failed_shard(cluster: Client, sandbox: Sandbox, tmp_path: Path) -> None:
    """It does so up to `retries` times."""
    sandbox.faults.add("GET", "/v2/me", status=403, after=1, times=2)
    manifest = export_on_dask(cluster, shards_of(sandbox, shards=2), tmp_path, retries=2)
    assert manifest.rows == 700


def test_a_directory_with_other_files_is_rejected(cluster: Client, sandbox: Sandbox, tmp_path: Path) -> None:
    """Neither another export nor other files are replaced, and no request is sent."""
    export_on_dask(cluster, shards_of(sandbox, ExportJob("schedules")), tmp_path / "schedules")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "part-00000.jsonl").write_text("precious")
    shards = shards_of(sandbox)
    sandbox.requests.clear()
    with pytest.raises(ExportError, match=r"holds another export: schedules of user 1 .* This one is: bookings"):
        export_on_dask(cluster, shards, tmp_path / "schedules")
    with pytest.raises(ExportError, match="is not empty and has no _manifest"):
        export_on_dask(cluster, shards, tmp_path / "mine")
    (tmp_path / "schedules" / MANIFEST).write_text("{")
    with pytest.raises(ExportError, match=r"cannot read .*_manifest"):
        export_on_dask(cluster, shards, tmp_path / "schedules")
    assert not sandbox.requests
    assert (tmp_path / "mine" / "part-00000.jsonl").read_text() == "precious"


def test_two_runs_into_one_directory_exclude_each_other(cluster: Client, sandbox: Sandbox, tmp_path: Path) -> None:
    """The second run fails and leaves the directory of the first one unchanged."""
    shards = shards_of(sandbox, shards=2)
    export_on_dask(cluster, shards, tmp_path / "out")
    before = parts_in(tmp_path / "out")
    with exclusive(tmp_path / "out" / MANIFEST), pytest.raises(ExportLockedError, match="another export is writing"):
        export_on_dask(cluster, shards, tmp_path / "out")
    assert parts_in(tmp_path / "out") == before
    assert not list(tmp_path.rglob("*.lock"))


@pytest.mark.parametrize("manifest", [b"", b"\xff", b"[]", b"{}", b'{"lists":' + b"[" * 99_999])
def test_an_unreadable_manifest_is_an_error(cluster: Client, sandbox: Sandbox, tmp_path: Path, manifest: bytes) -> None:
    """The error names the manifest, which is kept."""
    (tmp_path / MANIFEST).write_bytes(manifest)
    with pytest.raises(ExportError, match=f"cannot read .*{MANIFEST}"):
        export_on_dask(cluster, shards_of(sandbox, shards=1), tmp_path)
    assert (tmp_path / MANIFEST).read_bytes() == manifest


def test_files_of_a_killed_run_are_deleted(cluster: Client, sandbox: Sandbox, tmp_path: Path) -> None:
    """Parts without a manifest are from a run that was killed while it moved them. The next run replaces them."""
    (tmp_path / ".run-0123abcd").mkdir()
    (tmp_path / "part-00017.jsonl").write_text("half")
    export_on_dask(cluster, shards_of(sandbox, shards=1), tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == [MANIFEST, "part-00000.jsonl"]


def test_invalid_arguments_are_rejected(cluster: Client, sandbox: Sandbox, tmp_path: Path) -> None:
    """So are no shards, unknown formats, a client that does not block, and a password, before any task runs."""
    with pytest.raises(InvalidRequestError, match="a Client that blocks"):
        export_on_dask(SimpleNamespace(asynchronous=True), [], tmp_path)
    with pytest.raises(ConfigError, match="the password of Redis would travel"):
        export_on_dask(cluster, shards_of(sandbox), tmp_path, redis="redis://:secret@localhost")
    with pytest.raises(InvalidRequestError, match="there are no shards"):
        export_on_dask(cluster, [], tmp_path)
    with pytest.raises(InvalidRequestError, match="unknown output format"):
        export_on_dask(cluster, shards_of(sandbox), tmp_path, format="xlsx")
    assert list(tmp_path.iterdir()) == []


# --- the command line -------------------------------------------------------------------------------------------------


def invoke(*args: str | Path) -> Any:
    return CliRunner().invoke(app, ["export", *map(str, args)])


@needs_redis
def test_the_command_line_writes_a_data_set(cluster: Client, sandbox: Sandbox, tmp_path: Path) -> None:
    """With --dask the directory has the same rows as a local file, and the summary counts rows and parts."""
    options = ["--base-url", sandbox.url, "--api-key", SECRET, "--redis", "$REDIS_URL"]
    address = cluster.scheduler_info()["address"]
    result = invoke("bookings", "-o", tmp_path / "set", "--page-size", "20", "--dask", address, *options)
    assert result.exit_code == 0, result.output
    assert re.search(rf"\d+ shards on {WORKERS} workers", result.stderr)
    assert re.search(rf"{len(sandbox.store.bookings):,} bookings in \d+ parts", result.stderr)
    joined = b"".join(part.read_bytes() for part in sorted((tmp_path / "set").glob("part-*.jsonl")))
    assert joined == export_locally(sandbox, tmp_path / "local.jsonl")


def test_a_cluster_exports_many_accounts(cluster: Client, sandbox: Sandbox, tmp_path: Path) -> None:
    """With --accounts the shards of all accounts form one data set. Each has its own key, and --report adds up all."""
    (tmp_path / "accounts.csv").write_text("name,api_key\nbo & co,cal_sandbox_bo\nbo.. co,cal_sandbox_bo\n")
    address = cluster.scheduler_info()["address"]
    options = ["--base-url", sandbox.url, "--accounts", tmp_path / "accounts.csv", "--dask", address]
    options += ["--report", tmp_path / "report.json"]
    result = invoke("event-types", "-o", tmp_path / "set", *options)
    assert result.exit_code == 0, result.output
    assert f"2 shards on {WORKERS} workers" in result.stderr
    parts = sorted((tmp_path / "set").glob("part-*.jsonl"))
    assert len(parts) == 2
    assert parts[0].read_bytes() == parts[1].read_bytes()
    report = msgspec.json.decode((tmp_path / "report.json").read_bytes())
    assert report["rows"] == sum(part.read_bytes().count(b"\n") for part in parts)
    assert (report["file"], report["error"], report["exit_code"]) == (str(tmp_path / "set"), None, 0)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        (["--dask", "tcp://127.0.0.1:1"], 5, "cannot connect to Dask at tcp://127.0.0.1:1"),
        (["--dask", "tcp://127.0.0.1:1", "--resume"], 2, "--resume cannot be combined with --dask"),
    ],
)
def test_what_a_cluster_cannot_do_is_an_error(
    sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, options: Any, code: int, message: str
) -> None:
    """No scheduler, or an option that needs one process, is one message, and no request is sent."""
    monkeypatch.setattr("calcom_async.cli.export_dask.CONNECT_TIMEOUT", 0.5)
    result = invoke("bookings", "-o", tmp_path / "set", "--base-url", sandbox.url, "--api-key", SECRET, *options)
    assert result.exit_code == code
    assert message in result.stderr
    assert sandbox.requests == []
