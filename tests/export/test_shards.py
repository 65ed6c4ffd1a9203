"""Shards that any executor runs: their files are the local export, and a failed attempt leaves no half file."""

from __future__ import annotations

import asyncio
import pickle
import random
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from hashlib import sha256
from multiprocessing import get_context
from pathlib import Path

import msgspec
import pytest
import redis_server
from booking_factory import NOW, BookingFactory
from cli_process import cli_environment, wait_until
from redis_server import needs_redis
from timeouts import TIMEOUT

from calcom_async import Calcom, ConfigError, ExportError, ExportLockedError, ForbiddenError, InvalidRequestError
from calcom_async.export import ExportJob, Manifest, Shard, export, partition, run_shard
from calcom_async.export.lock import exclusive
from calcom_async.sandbox import Sandbox

BOOKINGS = ExportJob(take=20)


@pytest.fixture(scope="module")
def shared_sandbox() -> Iterator[Sandbox]:
    with Sandbox(ties=True, unstable_order=True, now=NOW) as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(shared_sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Sandbox:
    """A server with 300 bookings, in groups of seven that were created at one time; the environment has its key."""
    BookingFactory(shared_sandbox, random.Random(0)).fill([(number // 7, number % 50, None) for number in range(300)])
    shared_sandbox.requests.clear()
    shared_sandbox.faults.clear()
    monkeypatch.setenv("CAL_API_KEY", shared_sandbox.api_key)
    return shared_sandbox


def shards_of(sandbox: Sandbox, number: int, job: ExportJob = BOOKINGS) -> list[Shard]:
    async def divide() -> list[Shard]:
        async with Calcom(sandbox.api_key, base_url=sandbox.url, backoff_base=0.0) as cal:
            return await partition(cal, job, shards=number)

    return asyncio.run(divide())


def export_locally(sandbox: Sandbox, path: Path) -> bytes:
    async def write() -> None:
        async with Calcom(sandbox.api_key, base_url=sandbox.url) as cal:
            await export(cal, BOOKINGS, path)

    asyncio.run(write())
    return path.read_bytes()


def test_the_files_are_the_local_export(sandbox: Sandbox, tmp_path: Path) -> None:
    """Concatenated, they are its bytes. The statistics describe each file, and the manifest adds them up."""
    shards = shards_of(sandbox, 4)
    files = [tmp_path / f"part-{number}.jsonl" for number in range(len(shards))]
    parts = [run_shard(shard, file) for shard, file in zip(shards, files, strict=True)]
    assert len(shards) > 2
    assert b"".join(file.read_bytes() for file in files) == export_locally(sandbox, tmp_path / "local.jsonl")
    assert [part.sha256 for part in parts] == [sha256(file.read_bytes()).hexdigest() for file in files]
    assert [part.file for part in parts] == [file.name for file in files]
    manifest = Manifest.of(shards, parts)
    assert (manifest.rows, manifest.expected, manifest.missing_rows, manifest.format) == (300, 300, 0, "jsonl")
    assert manifest.watermark == shards[-1].window.until


def test_a_manifest_has_a_part_for_each_shard(sandbox: Sandbox, tmp_path: Path) -> None:
    """A lost part is an error; rows that the server counts and no part has are missing rows."""
    shards = shards_of(sandbox, 2)
    parts = [run_shard(shard, tmp_path / "part.csv.gz") for shard in shards]
    assert Manifest.of(shards, parts).format == "csv.gz"
    assert Manifest.of(shards, [parts[1], parts[1]]).missing_rows == 300 - 2 * parts[1].rows > 0
    for lost in ([], parts[:1]):
        with pytest.raises(InvalidRequestError, match=f"one part for each shard, got {len(lost)} for 2"):
            Manifest.of(shards, lost)


def test_a_second_attempt_replaces_the_file(sandbox: Sandbox, tmp_path: Path) -> None:
    """A failed attempt leaves the earlier file as it was, and the next one replaces it."""
    (shard,) = shards_of(sandbox, 1)
    file = tmp_path / "part.jsonl"
    file.write_text("earlier")
    sandbox.faults.add("GET", "/v2/bookings", status=403, after=9, times=1)
    with pytest.raises(ForbiddenError):
        run_shard(shard, file)
    assert file.read_text() == "earlier"
    assert run_shard(shard, file).rows == 300
    assert file.read_bytes() == export_locally(sandbox, tmp_path / "local.jsonl")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["local.jsonl", "part.jsonl"]


def test_two_runs_of_a_shard_exclude_each_other(sandbox: Sandbox, tmp_path: Path) -> None:
    """An executor may start a shard twice: the second run raises an error and sends nothing."""
    (shard,) = shards_of(sandbox, 1)
    sandbox.requests.clear()
    with exclusive(tmp_path / "part.jsonl"), pytest.raises(ExportLockedError):
        run_shard(shard, tmp_path / "part.jsonl")
    assert sandbox.requests == []


def test_what_cannot_be_written_is_an_error(sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Unknown formats, streams, missing folders, a missing key and an event loop are errors before a request."""
    (shard,) = shards_of(sandbox, 1)
    sandbox.requests.clear()
    with pytest.raises(InvalidRequestError, match="unknown output format"):
        run_shard(shard, tmp_path / "part.xlsx")
    with pytest.raises(InvalidRequestError, match="writes a regular file, and - is none"):
        run_shard(shard, "-")
    with pytest.raises(ExportError, match="cannot write"):
        run_shard(shard, tmp_path / "nowhere" / "part.jsonl")

    with pytest.raises(InvalidRequestError, match="shard must be one Shard"):
        run_shard([shard], tmp_path / "part.jsonl")  # type: ignore[arg-type]
    with pytest.raises(InvalidRequestError, match="redis must be a URL"):
        run_shard(shard, tmp_path / "part.jsonl", redis=5)  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="invalid Redis URL"):
        run_shard(shard, tmp_path / "part.jsonl", redis="")  # of an environment variable that is not set

    async def in_a_coroutine() -> None:
        run_shard(shard, tmp_path / "part.jsonl")

    with pytest.raises(InvalidRequestError, match="call it with asyncio"):
        asyncio.run(in_a_coroutine())
    monkeypatch.delenv("CAL_API_KEY")
    with pytest.raises(ConfigError, match="CAL_API_KEY is not set"):
        run_shard(shard, tmp_path / "part.jsonl")
    assert sandbox.requests == []
    assert list(tmp_path.iterdir()) == []


def test_shards_with_headers_stay_in_this_process(sandbox: Sandbox, tmp_path: Path) -> None:
    """Additional headers are secrets: pickling such a shard is an error that says so, and running it here works."""
    (shard,) = shards_of(sandbox, 1)
    assert pickle.loads(pickle.dumps(shard)) == shard
    config = msgspec.structs.replace(shard.config, headers={"X-Gateway": "sesame"})
    with_headers = msgspec.structs.replace(shard, config=config)
    with pytest.raises(ConfigError, match="client with additional headers cannot be pickled"):
        pickle.dumps(with_headers)
    assert run_shard(with_headers, tmp_path / "part.jsonl").rows == 300
    assert sandbox.requests[-1].headers["x-gateway"] == "sesame"


def test_invalid_arguments_of_partition() -> None:
    """They are errors that name the argument, before a request."""
    cal = Calcom("cal_x")
    for arguments, problem in (
        ({"job": "bookings"}, "job must be an ExportJob, such as ExportJob(\"bookings\"), got 'bookings'"),
        *(({"shards": shards}, "shards must be an integer >= 1") for shards in (0, "8", 1.5, True, None)),
        ({"account": 5}, "account must be a name (str), got 5"),
    ):
        with pytest.raises(InvalidRequestError, match=re.escape(problem)):
            asyncio.run(partition(cal, **{"job": BOOKINGS, **arguments}))  # type: ignore[arg-type]


def test_shards_need_no_dask() -> None:
    """`partition` and `run_shard` can be imported without Dask and without Redis."""
    program = (
        "import sys; from calcom_async.export import partition, run_shard; "
        "assert not {'dask', 'distributed', 'redis'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program], check=True, env=cli_environment())


@pytest.mark.slow
def test_a_killed_process_leaves_no_half_file(sandbox: Sandbox, tmp_path: Path) -> None:
    """The file has its name only when it is complete, and the next attempt writes it from the start."""
    (shard,) = shards_of(sandbox, 1)
    sandbox.faults.add("GET", "/v2/bookings", after=6, slow=TIMEOUT)
    process = get_context("spawn").Process(target=run_shard, args=(shard, tmp_path / "part.jsonl"))
    process.start()
    wait_until(lambda: sandbox.faults.fired, "the request that is held up")
    process.kill()
    process.join()
    assert process.exitcode == -signal.SIGKILL
    assert (tmp_path / "part.jsonl.part").stat().st_size > 0
    assert not (tmp_path / "part.jsonl").exists()
    sandbox.faults.clear()
    run_shard(shard, tmp_path / "part.jsonl")
    assert (tmp_path / "part.jsonl").read_bytes() == export_locally(sandbox, tmp_path / "local.jsonl")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["local.jsonl", "part.jsonl"]


@needs_redis
@pytest.mark.slow
def test_processes_share_the_rate_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Through Redis, the shards of a process pool stay under the limit together; spawned processes work too."""
    with Sandbox(rate_limit=60, window=2, block=5) as sandbox:
        monkeypatch.setenv("CAL_API_KEY", sandbox.api_key)
        monkeypatch.setenv("REDIS_URL", redis_server.session_url())
        BookingFactory(sandbox, random.Random(0)).fill([(number, 0, None) for number in range(1500)])
        shards = shards_of(sandbox, 6, ExportJob(take=10))
        with ProcessPoolExecutor(3, mp_context=get_context("spawn")) as pool:
            files = [tmp_path / f"part-{number}.jsonl" for number in range(len(shards))]
            runs = [
                pool.submit(run_shard, shard, file, redis="$REDIS_URL")
                for shard, file in zip(shards, files, strict=True)
            ]
            assert sum(run.result().rows for run in runs) == 1500
        assert {request.status for request in sandbox.requests} == {200}
