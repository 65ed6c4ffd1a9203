"""Files that a user edited or damaged, and unusable paths: a clear error, and no file of the user is lost."""

from __future__ import annotations

import json
import os
import random
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from booking_factory import NOW, BookingFactory
from timeouts import slow

from calcom_async import Calcom, CalcomError, ExportError, ForbiddenError, InvalidRequestError
from calcom_async.export import ExportJob, export, open_sink
from calcom_async.export.checkpoint import Checkpoint
from calcom_async.export.sinks import FileSink
from calcom_async.sandbox import Sandbox

ROWS = 300
MUTATIONS = 400


@pytest.fixture(scope="module")
def factory() -> Iterator[BookingFactory]:
    with Sandbox(ties=True, unstable_order=True, now=NOW) as sandbox:
        factory = BookingFactory(sandbox, random.Random(7))
        factory.fill([(number // 3, number, number) for number in range(ROWS)])
        yield factory


def client(factory: BookingFactory) -> Calcom:
    return Calcom(factory.sandbox.api_key, base_url=factory.sandbox.url, backoff_base=0.0)


async def interrupt_export(factory: BookingFactory, path: Path) -> bytes:
    """Run an export that fails after some rows; return its checkpoint."""
    factory.sandbox.faults.add("GET", "/v2/bookings", status=403, after=4)
    async with client(factory) as cal:
        with pytest.raises(ForbiddenError):
            await export(cal, ExportJob(take=50), path)
    factory.sandbox.faults.clear()
    return path.with_name(path.name + ".checkpoint").read_bytes()


def file_names(folder: Path) -> set[str]:
    return {file.name for file in folder.iterdir()}


def mutate(rng: random.Random, data: bytes) -> bytes:
    """Return the bytes with a change, a loss or an addition in one position. Half of the time, text stays text."""
    at, until = sorted(rng.choices(range(len(data) + 1), k=2))
    match rng.randrange(6):
        case 0:
            return data[:at]
        case 1:
            return data[:at] + data[until:]
        case 2:
            return data[:at] + rng.randbytes(rng.randrange(1, 9)) + data[at:]
        case 3:
            return data[:at] + data[at:until] * 2 + data[until:]
        case 4:
            digits = [index for index, byte in enumerate(data) if chr(byte).isdigit()]
            position = rng.choice(digits)
            return data[:position] + b"%d" % rng.randrange(10**6) + data[position + 1 :]
        case _:
            return data[:at] + bytes([data[at % len(data)] ^ 1 << rng.randrange(8)]) + data[at + 1 :]


async def test_an_edited_checkpoint_is_rejected(factory: BookingFactory, tmp_path: Path) -> None:
    """Resuming is an error that names the checkpoint, and neither file is changed."""
    path, state = tmp_path / "a.jsonl", tmp_path / "a.jsonl.checkpoint"
    intact = await interrupt_export(factory, path)
    part = (tmp_path / "a.jsonl.part").read_bytes()
    rng = random.Random(1)
    for _ in range(MUTATIONS):
        changed = mutate(rng, intact)
        if changed.rstrip(b"\n") == intact.rstrip(b"\n"):
            continue
        state.write_bytes(changed)
        checkpoint = Checkpoint(state, "any")
        with pytest.raises(ExportError, match=r"a\.jsonl\.checkpoint is not a checkpoint, or it was changed"):
            checkpoint.load(same_job=True)
    async with client(factory) as cal:
        for options in ({"resume": True}, {"restart": True}, {"restart": True, "incremental": True}):
            with pytest.raises(ExportError, match=r"is not a checkpoint, or it was changed\. Move it away"):
                await export(cal, ExportJob(), path, **options)
        assert ((tmp_path / "a.jsonl.part").read_bytes(), state.read_bytes()) == (part, changed)
        state.write_bytes(intact)
        assert (await export(cal, ExportJob(), path, resume=True)).rows == ROWS


def with_checksum(state: Any) -> bytes:
    data = state if isinstance(state, bytes) else json.dumps(state).encode()
    return data + b"\n" + sha256(data).hexdigest().encode() + b"\n"


def edited(state: dict[str, Any], where: str, value: Any) -> dict[str, Any]:
    *path, name = where.split(".")
    part: Any = state
    for step in path:
        part = part[int(step) if step.isdigit() else step]
    part[int(name) if name.isdigit() else name] = value
    return state


EDITS = [
    ("job", 5), ("version", "two"), ("run", []), ("run.plan", None), ("run.plan.segments", {}),
    ("run.plan.segments.0", 1),
    ("run.plan.segments.0.by", "sideways"), ("run.plan.segments.0.until", "soon"), ("run.plan.segments.0.rows", "x"),
    ("run.position", 3), ("run.position.done", None), ("run.position.segment", "0"), ("run.position.segment", 99),
    ("run.position.segment", -1), ("run.position.rows", -5), ("run.position.done", "9999-12-31T23:59:59.999Z"),
    ("run.position.done", "0001-01-01T00:00:00+14:00"), ("run.position.done", "2026-01-01T00:00:00"),
    ("run.prefix", "x"), ("run.prefix.size", -1), ("run.prefix.size", 10**30), ("run.prefix.rows", -1),
    ("run.prefix.crc", 1),
    ("run.plan.expected", 10**18), ("run.plan.segments.0.until", "9999-12-31T23:59:59.999Z"),
    ("run.plan.segments.0.until", "2026-01-01T00:00:00"), ("run.plan.segments.0.rows", -(10**18)),
    ("run.plan.segments.0.rows", 10**18), ("run.plan.segments.0.after", "0001-01-01T00:00:00+14:00"),
    ("run.plan.segments.0.after", "9999-12-31T23:59:59-14:00"),
    ("watermarks", {"created": "0001-01-01T00:00:00Z", "updated": "0001-01-01T00:00:00+14:00"}), ("watermarks", [1]),
]  # fmt: skip


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::calcom_async.IncompleteListWarning")  # rows that the forged values leave out
@pytest.mark.parametrize(("where", "value"), EDITS, ids=lambda value: str(value)[:40])
async def test_a_forged_checkpoint_raises_only_errors_of_the_package(
    factory: BookingFactory, tmp_path: Path, where: str, value: Any
) -> None:
    """Values that no run wrote, with a valid checksum, lead to a result or a `CalcomError`."""
    intact = await interrupt_export(factory, tmp_path / "a.jsonl")
    state = json.loads(intact.splitlines()[0])
    (tmp_path / "a.jsonl.checkpoint").write_bytes(with_checksum(edited(state, where, value)))
    async with client(factory) as cal:
        for options in (
            {"resume": True},
            {"resume": True, "incremental": True},
            {"restart": True, "incremental": True},
        ):
            try:
                await export(cal, ExportJob(), tmp_path / "a.jsonl", **options)
            except CalcomError as error:
                assert str(error)  # noqa: PT017 - any error of the package


@pytest.mark.parametrize(
    "content",
    [b"", b"{}", b"\xff\xfe", b"[" * 99_999, with_checksum(b"[" * 99_999), with_checksum(b"5"), with_checksum({})],
)
async def test_another_file_is_rejected_as_a_checkpoint(
    factory: BookingFactory, tmp_path: Path, content: bytes
) -> None:
    """A file that is named as the checkpoint by mistake is an error with any option, and is kept."""
    (tmp_path / "notes.txt").write_bytes(content)
    async with client(factory) as cal:
        for options in ({}, {"resume": True}, {"incremental": True}, {"restart": True}):
            with pytest.raises(ExportError, match=r"notes\.txt"):
                await export(cal, ExportJob(), tmp_path / "a.jsonl", checkpoint=tmp_path / "notes.txt", **options)
    assert (tmp_path / "notes.txt").read_bytes() == content
    assert not (tmp_path / "a.jsonl").exists()


# --- paths ------------------------------------------------------------------------------------------------------------


def unusable_paths(folder: Path) -> dict[str, Any]:
    (folder / "folder.jsonl").mkdir()
    (folder / "file").touch()
    return {
        "NUL": f"{folder}/a\0b.jsonl",
        "surrogate": f"{folder}/a\ud800.jsonl",
        "folder": folder / "folder.jsonl",
        "below a file": folder / "file" / "a.jsonl",
        "below nothing": folder / "nowhere" / "a.jsonl",
        "long": folder / f"{'a' * 300}.jsonl",
        "long with a suffix": folder / f"{'a' * 245}.jsonl",
        "sysfs": "/sys/a.jsonl",
    }


BAD = ["NUL", "surrogate", "folder", "below a file", "below nothing", "long", "long with a suffix", "sysfs"]


@pytest.mark.parametrize("option", ["output", "checkpoint"])
@pytest.mark.parametrize("bad", BAD)
@pytest.mark.parametrize("options", [{}, {"resume": True}, {"incremental": True}, {"restart": True}], ids=str)
async def test_an_unusable_path_is_an_error(
    factory: BookingFactory, tmp_path: Path, bad: str, option: str, options: dict[str, Any]
) -> None:
    """It is an error of the export, before the first booking is read."""
    path = unusable_paths(tmp_path)[bad]
    where = {"output": path} if option == "output" else {"output": tmp_path / "a.jsonl", "checkpoint": path}
    factory.sandbox.requests.clear()
    async with client(factory) as cal:
        with pytest.raises((ExportError, InvalidRequestError)):
            await export(cal, ExportJob(), **where, **options)
    assert not [request for request in factory.sandbox.requests if request.path.endswith("/bookings")]
    assert file_names(tmp_path) == {"folder.jsonl", "file"}


@pytest.mark.parametrize("value", [5, b"a.jsonl", None, [], 1.5])
async def test_a_value_that_is_no_path_is_rejected(factory: BookingFactory, value: Any) -> None:
    """A value of another type is an `InvalidRequestError`."""
    async with client(factory) as cal:
        with pytest.raises(InvalidRequestError, match="the output must be a path"):
            await export(cal, ExportJob(), value)
        if value is not None:
            with pytest.raises(InvalidRequestError, match="the checkpoint must be a path"):
                await export(cal, ExportJob(), "/dev/null", checkpoint=value)


@pytest.mark.parametrize("checkpoint", ["a.jsonl", "a.jsonl.part", "./a.jsonl"])
async def test_a_checkpoint_cannot_be_the_output(factory: BookingFactory, tmp_path: Path, checkpoint: str) -> None:
    """One file cannot be both."""
    async with client(factory) as cal:
        with pytest.raises(InvalidRequestError, match="is the output itself"):
            await export(cal, ExportJob(), tmp_path / "a.jsonl", checkpoint=tmp_path / checkpoint)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["write_bytes", *slow("replace", "unlink", "open")])
async def test_a_fault_of_the_disk_is_an_export_error(
    factory: BookingFactory, tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every operation on a file may fail, at any time."""
    method = getattr(Path, name)
    for after in range(12):
        calls = iter(range(after))
        folder = tmp_path / str(after)
        folder.mkdir()

        def failing(path: Path, *args: Any, calls: Iterator[int] = calls, **more: Any) -> Any:
            if next(calls, None) is None:
                raise OSError(5, os.strerror(5))
            return method(path, *args, **more)

        with monkeypatch.context() as patch:
            patch.setattr(Path, name, failing)
            async with client(factory) as cal:
                try:
                    await export(cal, ExportJob(take=60), folder / "a.jsonl", incremental=after % 2 == 0)
                except CalcomError as error:
                    assert isinstance(error, ExportError)  # noqa: PT017 - or it succeeds
        async with client(factory) as cal:
            await export(cal, ExportJob(), folder / "a.jsonl", resume=True)
        assert len((folder / "a.jsonl").read_bytes().splitlines()) == ROWS


def test_a_sink_rejects_unusable_paths(tmp_path: Path) -> None:
    """A sink that the caller opens raises the same errors."""
    with pytest.raises(ExportError, match="NUL"):
        open_sink(f"{tmp_path}/a\0.csv")
    assert isinstance(open_sink(tmp_path / "\u202ename \n.csv"), FileSink)
